//! Recorded streams, run through tracker and planner: what would be written of their calls.
//!
//! Nothing is asked and nothing is written. Users are invented where nobody knows them: every extension is that of the
//! user with the same number.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ami::Message;
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    call::{Call, Linkedid},
    decide::{
        telephony::{Circumstances, Note, Plan, Planned, plan},
        tracker::{self, Fact, Step, Tracker},
        users::{People, UserId, UserRow},
        write::Intended,
    },
    settings::{Settings, SettingsSource, recordings::Folder},
    view,
};

/// Ids of users that are invented for extensions that are no numbers.
const INVENTED_FROM: u64 = 1_000_000;

/// A recorded stream that is being followed.
#[derive(Debug)]
pub struct Replay {
    tracker: Tracker,
    settings: Settings,
    users: Users,
    told: HashMap<Linkedid, Told>,
    /// When calls have to be planned again although nothing happens.
    again: BTreeSet<(Timestamp, Linkedid)>,
    now: Option<Timestamp>,
}

/// A call of a recording, with what would be written of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Replayed {
    /// As it was at its end, or at the end of the recording.
    pub call: Call,
    /// What happened, in order.
    pub story: Vec<Fact>,
    /// What would be written, in order.
    pub effects: Vec<Intended>,
    /// Why something would not be written.
    pub notes: Vec<Note>,
}

impl Replayed {
    /// The call as an object, with its `effects` and, as sentences, its `notes`.
    pub fn view(&self) -> Value {
        let mut shown = view::call(&self.call);
        if let Value::Object(shown) = &mut shown {
            let effects = self.effects.iter().map(view::effect).collect();
            let notes = self.notes.iter().map(Note::to_string);
            let notes = notes.map(Value::String).collect();
            shown.insert("effects".to_owned(), Value::Array(effects));
            shown.insert("notes".to_owned(), Value::Array(notes));
        }
        shown
    }
}

#[derive(Debug, Default)]
struct Told {
    story: Vec<Fact>,
    effects: Vec<Intended>,
    notes: Vec<Note>,
    planned: Planned,
    again_at: Option<Timestamp>,
}

/// The settings of a PBX of which nothing is configured: recordings may be anywhere, and the user 1 gets what is nobody
/// else's.
pub fn settings() -> Result<Settings, crate::settings::problem::Problems> {
    let source = SettingsSource {
        default_user: Some(1),
        ..SettingsSource::default()
    };
    let mut settings = source.compile("replay")?;
    settings.recordings.folders = vec![Folder {
        on_pbx: String::new(),
        here: String::new(),
    }];
    Ok(settings)
}

impl Replay {
    /// Begins with a PBX on which nobody is calling.
    pub fn new(tracker: tracker::Settings, settings: Settings) -> Self {
        let mut users = Users::default();
        for (extension, user) in &settings.users {
            users.add(extension, *user, &settings);
        }
        if let Some(user) = settings.default_user {
            users.add("", user, &settings);
        }
        Self {
            tracker: Tracker::new(tracker),
            settings,
            users,
            told: HashMap::new(),
            again: BTreeSet::new(),
            now: None,
        }
    }

    /// Takes the next message; the calls that ended with it. `received_at` is when it came, where it does not say so.
    pub fn step(&mut self, message: &Message, received_at: Timestamp) -> Vec<Replayed> {
        if message.event().is_none() {
            return Vec::new();
        }
        let at = tracker::happened_at(message).unwrap_or(received_at);
        let now = self.now.map_or(at, |now| now.max(at));
        self.now = Some(now);
        while let Some((due, linkedid)) = self.again.pop_first() {
            if due > now {
                self.again.insert((due, linkedid));
                break;
            }
            self.plan(&linkedid, due);
        }
        let step = self.tracker.step(message, received_at);
        self.take(step, now)
    }

    /// Ends: the calls that go on still, in the order in which they began.
    pub fn end(mut self) -> Vec<Replayed> {
        let calls = self.tracker.calls().map(|tracked| tracked.call().clone());
        let mut calls: Vec<Call> = calls.collect();
        calls.sort_by(|one, other| {
            let key = |call: &Call| (call.started_at, call.linkedid.clone());
            key(one).cmp(&key(other))
        });
        let told = |call: Call| {
            let told = self.told.remove(&call.linkedid).unwrap_or_default();
            told.of(call)
        };
        calls.into_iter().map(told).collect()
    }

    fn take(&mut self, step: Step, now: Timestamp) -> Vec<Replayed> {
        for fact in step.facts {
            let told = self.told.entry(fact.linkedid.clone()).or_default();
            told.story.push(fact);
        }
        for joined in step.joined {
            let Some(other) = self.told.remove(&joined.call.linkedid) else {
                continue;
            };
            self.forget(other.again_at, &joined.call.linkedid);
            let told = self.told.entry(joined.into).or_default();
            told.story.extend(other.story);
            told.story.sort_by_key(|fact| fact.at);
            told.effects.extend(other.effects);
            told.planned.absorb(other.planned);
        }
        for linkedid in step.changed {
            self.plan(&linkedid, now);
        }
        let mut ended = Vec::new();
        for call in step.ended {
            self.plan_call(&call, now);
            let told = self.told.remove(&call.linkedid).unwrap_or_default();
            self.forget(told.again_at, &call.linkedid);
            ended.push(told.of(call));
        }
        ended
    }

    fn forget(&mut self, again_at: Option<Timestamp>, linkedid: &Linkedid) {
        if let Some(at) = again_at {
            self.again.remove(&(at, linkedid.clone()));
        }
    }

    fn plan(&mut self, linkedid: &Linkedid, now: Timestamp) {
        let call = self.tracker.call(linkedid);
        if let Some(call) = call.map(|tracked| tracked.call().clone()) {
            self.plan_call(&call, now);
        }
    }

    fn plan_call(&mut self, call: &Call, now: Timestamp) {
        for conversation in &call.conversations {
            if !conversation.outside {
                self.users.invent(&conversation.extension, &self.settings);
            }
        }
        let told = self.told.entry(call.linkedid.clone()).or_default();
        if let Some(at) = told.again_at.take() {
            self.again.remove(&(at, call.linkedid.clone()));
        }
        let Plan {
            writes,
            planned,
            notes,
            again_at,
        } = plan(
            call,
            &told.planned,
            &Circumstances::default(),
            &self.settings,
            &self.users.people,
            now,
        );
        told.effects.extend(writes);
        told.planned = planned;
        told.notes = notes;
        told.again_at = again_at;
        if let Some(at) = again_at {
            self.again.insert((at, call.linkedid.clone()));
        }
    }
}

impl Told {
    fn of(self, call: Call) -> Replayed {
        Replayed {
            call,
            story: self.story,
            effects: self.effects,
            notes: self.notes,
        }
    }
}

/// Users as they are invented.
#[derive(Debug, Default)]
struct Users {
    rows: BTreeMap<UserId, UserRow>,
    extensions: BTreeSet<String>,
    people: People,
}

impl Users {
    fn invent(&mut self, extension: &str, settings: &Settings) {
        if self.extensions.contains(extension) {
            return;
        }
        let number = extension.parse().ok().filter(|id| *id < INVENTED_FROM);
        let next = INVENTED_FROM + self.extensions.len() as u64;
        if let Some(user) = UserId::new(number.unwrap_or(next)).or(UserId::new(next)) {
            self.add(extension, user, settings);
        }
    }

    fn add(&mut self, extension: &str, user: UserId, settings: &Settings) {
        self.extensions.insert(extension.to_owned());
        self.rows.entry(user).or_insert_with(|| UserRow {
            id: user,
            is_active: true,
            name: match extension {
                "" => format!("User {user}"),
                extension => format!("Agent {extension}"),
            },
            extension: extension.to_owned(),
            mobiles: Vec::new(),
        });
        let rows: Vec<UserRow> = self.rows.values().cloned().collect();
        self.people = People::of_rows(&rows, &settings.numbers);
    }
}

#[cfg(test)]
mod tests;

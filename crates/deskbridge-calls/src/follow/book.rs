//! The calls that are followed now: what changed, what is planned of it, and what waits for the store.
//!
//! Functions of values, like what they call: nothing here waits.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use ami::Message;
use deskbridge_core::{EffectId, NewEffect};
use deskbridge_store::{CallChange, CallLine, KeptCall};
use jiff::Timestamp;

use super::{
    Found, Kept, Progress,
    kept::client,
    lookup::{Answer, Wanted, What},
};
use crate::{
    call::{Call, CallResult, Direction, Linkedid},
    decide::{
        telephony::{Circumstances, Note, Planned, plan},
        tracker::{self, Listing, Step, Tracker},
        users::People,
        write::Intended,
    },
    settings::{Settings, missed::Choice},
};

/// The calls that are followed now.
pub(super) struct Book {
    settings: Arc<Settings>,
    people: Arc<People>,
    tracker: Tracker,
    /// What was planned of every call that is followed, open or over.
    followed: HashMap<Linkedid, Followed>,
    /// Calls that are over and not settled.
    over: HashMap<Linkedid, Call>,
    /// Calls that are other than when they were planned last.
    changed: BTreeSet<Linkedid>,
    /// When calls have to be planned again.
    again: BTreeSet<(Timestamp, Linkedid)>,
    /// What waits for the store.
    unsaved: BTreeMap<Linkedid, Unsaved>,
    effects: Vec<Intended>,
}

/// What is known of a call beside what the tracker knows.
#[derive(Debug, Default)]
struct Followed {
    planned: Planned,
    circumstances: Circumstances,
    noted: BTreeSet<String>,
    again_at: Option<Timestamp>,
    /// What was asked, so that it is asked once.
    has_asked: Asked,
    /// Answers that are waited for.
    waits_for: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Asked {
    order: bool,
    at_end: bool,
}

/// What of a call waits for the store.
#[derive(Debug)]
struct Unsaved {
    kept: Option<Kept>,
    lines: Vec<CallLine>,
}

/// What is written in one transaction.
pub(super) struct Batch {
    pub(super) changes: Vec<CallChange>,
    /// Their ids are given when it is begun.
    pub(super) effects: Vec<(EffectId, NewEffect)>,
}

/// What follows from planning, beside what waits for the store.
#[derive(Debug, Default)]
pub(super) struct Needed {
    pub(super) lookups: Vec<Wanted>,
    /// Somebody is not known.
    pub(super) lacks_people: bool,
}

impl Book {
    /// Goes on with calls that were kept.
    pub(super) fn restored(
        settings: &Arc<Settings>,
        endpoints: tracker::Settings,
        people: Arc<People>,
        calls: Vec<KeptCall>,
    ) -> Self {
        let (mut followed, mut over) = (HashMap::new(), HashMap::new());
        let (mut tracked, mut changed) = (Vec::new(), BTreeSet::new());
        for stored in calls {
            let linkedid = Linkedid::new(stored.linkedid);
            let Some(kept) = Kept::read(stored.state) else {
                tracing::error!(%linkedid, "What was kept of a call cannot be read; it is followed no more");
                continue;
            };
            changed.insert(linkedid.clone());
            match kept.progress {
                Progress::Open(call) => tracked.push(call),
                Progress::Over(call) => drop(over.insert(linkedid.clone(), call)),
            }
            let has_asked = Asked {
                order: kept.circumstances.order.is_some(),
                at_end: false,
            };
            let of = Followed {
                planned: kept.planned,
                circumstances: kept.circumstances,
                noted: kept.noted,
                has_asked,
                ..Followed::default()
            };
            followed.insert(linkedid, of);
        }
        Self {
            settings: Arc::clone(settings),
            people,
            tracker: Tracker::restored(endpoints, tracked),
            followed,
            over,
            changed,
            again: BTreeSet::new(),
            unsaved: BTreeMap::new(),
            effects: Vec::new(),
        }
    }

    /// Calls that go on.
    pub(super) fn open(&self) -> usize {
        self.tracker.calls().len()
    }

    /// Calls that wait for the store.
    pub(super) fn unsaved(&self) -> usize {
        self.unsaved.len()
    }

    /// Whether what waits for the store is of consequence.
    pub(super) fn is_urgent(&self) -> bool {
        !self.effects.is_empty() || !self.over.is_empty()
    }

    /// When a call has to be planned again.
    pub(super) fn next_at(&self) -> Option<Timestamp> {
        self.again.first().map(|(at, _)| *at)
    }

    pub(super) fn event(&mut self, message: &Message, now: Timestamp) {
        let step = self.tracker.step(message, now);
        self.take(step);
    }

    pub(super) fn resync(&mut self, listing: &Listing, now: Timestamp) {
        let step = self.tracker.resync(listing, now);
        self.take(step);
    }

    pub(super) fn disconnected(&mut self, at: Timestamp) {
        let step = self.tracker.disconnected(at);
        self.take(step);
    }

    pub(super) fn expire(&mut self, now: Timestamp) {
        let step = self.tracker.expire(now);
        self.take(step);
    }

    /// Takes note of who answers which phone: what could not be told before may be told now.
    pub(super) fn know(&mut self, people: Arc<People>) {
        if *people != *self.people {
            self.people = people;
            self.changed.extend(self.followed.keys().cloned());
        }
    }

    /// Takes note of what was asked elsewhere.
    pub(super) fn found(&mut self, found: Found) {
        // It may have become part of another call.
        let name = match self.tracker.call(&found.linkedid) {
            Some(open) => open.call().linkedid.clone(),
            None => found.linkedid,
        };
        let Some(followed) = self.followed.get_mut(&name) else {
            return;
        };
        followed.waits_for = followed.waits_for.saturating_sub(1);
        let circumstances = &mut followed.circumstances;
        match found.what {
            Answer::Order(order) => circumstances.order = circumstances.order.take().or(order),
            Answer::Responsible(user) => circumstances.client_responsible = user,
            Answer::OpenTasks(tasks) => circumstances.open_tasks = tasks,
        }
        self.changed.insert(name);
    }

    fn take(&mut self, step: Step) {
        for joined in step.joined {
            self.join(&joined.call.linkedid, &joined.into);
        }
        for fact in step.facts {
            let line = CallLine {
                at: fact.at,
                text: fact.to_string(),
            };
            self.unsaved_of(&fact.linkedid).lines.push(line);
            self.changed.insert(fact.linkedid);
        }
        self.changed.extend(step.changed);
        for call in step.ended {
            let linkedid = call.linkedid.clone();
            self.followed.entry(linkedid.clone()).or_default();
            self.over.insert(linkedid.clone(), call);
            self.changed.insert(linkedid);
        }
    }

    /// One call became part of another.
    fn join(&mut self, linkedid: &Linkedid, into: &Linkedid) {
        self.changed.remove(linkedid);
        let lines = self.unsaved.remove(linkedid).map(|of| of.lines);
        if let Some(lines) = lines {
            self.unsaved_of(into).lines.extend(lines);
        }
        if let Some(joined) = self.followed.remove(linkedid) {
            let own = self.followed.entry(into.clone()).or_default();
            own.planned.absorb(joined.planned);
            own.noted.extend(joined.noted);
            own.waits_for += joined.waits_for;
            let circumstances = &mut own.circumstances;
            circumstances.order = circumstances.order.take().or(joined.circumstances.order);
        }
        self.changed.insert(into.clone());
    }

    fn unsaved_of(&mut self, linkedid: &Linkedid) -> &mut Unsaved {
        let empty = || Unsaved {
            kept: None,
            lines: Vec::new(),
        };
        self.unsaved.entry(linkedid.clone()).or_insert_with(empty)
    }

    /// Plans every call that is other than when it was planned last.
    pub(super) fn plan(&mut self, now: Timestamp) -> Needed {
        while let Some((at, linkedid)) = self.again.first().cloned()
            && at <= now
        {
            self.again.pop_first();
            self.changed.insert(linkedid);
        }
        let mut needed = Needed::default();
        for linkedid in std::mem::take(&mut self.changed) {
            self.plan_one(&linkedid, now, &mut needed);
        }
        needed
    }

    fn plan_one(&mut self, linkedid: &Linkedid, now: Timestamp, needed: &mut Needed) {
        let progress = match (self.over.get(linkedid), self.tracker.call(linkedid)) {
            (Some(call), _) => Progress::Over(call.clone()),
            (None, Some(tracked)) if tracked.call().linkedid == *linkedid => {
                Progress::Open(tracked.clone())
            }
            // A fact of a call that is none of ours any more.
            (None, _) => {
                self.unsaved
                    .retain(|name, of| name != linkedid || of.kept.is_some());
                return;
            }
        };
        let followed = self.followed.entry(linkedid.clone()).or_default();
        let mut kept = Kept {
            progress,
            planned: Planned::default(),
            circumstances: Circumstances::default(),
            noted: BTreeSet::new(),
            is_settled: false,
        };
        let call = kept.call();
        for what in asked(call, followed, &self.settings, &self.people) {
            followed.waits_for += 1;
            let linkedid = linkedid.clone();
            needed.lookups.push(Wanted { linkedid, what });
        }
        let mut lines = Vec::new();
        if followed.waits_for == 0 {
            let planned = plan(
                call,
                &followed.planned,
                &followed.circumstances,
                &self.settings,
                &self.people,
                now,
            );
            let is_unknown =
                |note: &Note| matches!(note, Note::UnknownExtension(_) | Note::UsersNotKnown);
            needed.lacks_people |= planned.notes.iter().any(is_unknown);
            let notes = planned.notes.into_iter().map(|note| note.to_string());
            let notes = notes.filter(|note| followed.noted.insert(note.clone()));
            lines.extend(notes.map(|text| CallLine { at: now, text }));
            followed.planned = planned.planned;
            if let Some(at) = followed.again_at.take() {
                self.again.remove(&(at, linkedid.clone()));
            }
            followed.again_at = planned.again_at;
            if let Some(at) = planned.again_at {
                self.again.insert((at, linkedid.clone()));
            }
            self.effects.extend(planned.writes);
            kept.is_settled =
                call.ended.is_some() && planned.again_at.is_none() && !self.people.is_empty();
        }
        kept.planned = followed.planned.clone();
        kept.circumstances = followed.circumstances.clone();
        kept.noted.clone_from(&followed.noted);
        if kept.is_settled {
            self.over.remove(linkedid);
            self.followed.remove(linkedid);
        }
        let unsaved = self.unsaved_of(linkedid);
        unsaved.kept = Some(kept);
        unsaved.lines.extend(lines);
    }

    /// Takes what waits for the store.
    pub(super) fn take_batch(&mut self) -> Batch {
        let unsaved = std::mem::take(&mut self.unsaved);
        let changes = unsaved.into_values().filter_map(|of| {
            Some(CallChange {
                call: of.kept?.stored(&self.settings),
                lines: of.lines,
            })
        });
        let effects = std::mem::take(&mut self.effects);
        let effects = effects.iter().map(|intended| {
            let nobody = EffectId::from_uuid(Default::default());
            (nobody, intended.effect())
        });
        Batch {
            changes: changes.collect(),
            effects: effects.collect(),
        }
    }
}

/// What has to be asked elsewhere before a call is planned, which was not asked before.
fn asked(call: &Call, followed: &mut Followed, settings: &Settings, people: &People) -> Vec<What> {
    let mut wanted = Vec::new();
    if let Some(order) = call
        .originated
        .as_ref()
        .filter(|_| !followed.has_asked.order)
    {
        followed.has_asked.order = true;
        wanted.push(What::Order(order.clone()));
    }
    // Without its users nothing is planned, and what was asked would be old by then.
    let Some(ended) = call.ended.as_ref().filter(|_| !people.is_empty()) else {
        return wanted;
    };
    if std::mem::replace(&mut followed.has_asked.at_end, true) {
        return wanted;
    }
    let Some(client) = client(call, settings).filter(|_| call.direction != Direction::Internal)
    else {
        return wanted;
    };
    let missed = &settings.missed;
    match ended.result {
        CallResult::Missed(_) if call.direction == Direction::Incoming => {
            if missed.responsible.contains(&Choice::ClientResponsible) {
                wanted.push(What::Responsible(client));
            }
        }
        CallResult::Answered if missed.close_when_reached && missed.task.is_some() => {
            wanted.push(What::OpenTasks(client));
        }
        CallResult::Answered | CallResult::Missed(_) => {}
    }
    wanted
}

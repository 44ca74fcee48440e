//! A CRM and a helpdesk in memory, which refuse what the real ones refuse, and calls to be told to them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::super::{Circumstances, Note, Plan, Planned, plan};
use crate::{
    call::{
        Call, CallResult, Conversation, ConversationState, Direction, Ended, Linkedid,
        MissedReason, Recording, Uniqueid,
    },
    decide::{
        users::{People, UserId, UserRow},
        write::{
            AddActivity, AddComment, AddTask, AddTicket, CallKey, Fields, Finish, Intended,
            Payload, Register, Registered, Write,
        },
    },
    settings::{Settings, SettingsSource},
};

pub(super) const CLIENT: &str = "0901234567";
pub(super) const LINE: &str = "02471000000";
pub(super) const MOBILE_OF_3: &str = "0912345678";

pub(super) fn settings(toml: &str) -> Settings {
    let source: SettingsSource = toml::from_str(toml).expect("the test's own settings");
    source.compile("pbx").expect("they can be used")
}

pub(super) fn user(id: u64) -> UserId {
    UserId::new(id).expect("an id")
}

/// Users 1 to 4 with the extensions 101 to 104; 5 and 6 share 106; 9 has no phone. Nobody has 105.
pub(super) fn people(settings: &Settings) -> People {
    let row = |id: u64, extension: &str, mobile: &str| UserRow {
        id: user(id),
        is_active: true,
        name: format!("User {id}"),
        extension: extension.to_owned(),
        mobiles: vec![mobile.to_owned()],
    };
    let rows = [
        row(1, "101", ""),
        row(2, "102", ""),
        row(3, "103", MOBILE_OF_3),
        row(4, "104", ""),
        row(5, "106", ""),
        row(6, "106", ""),
        row(9, "", ""),
    ];
    People::of_rows(&rows, &settings.numbers)
}

/// Milliseconds into the call of every test.
pub(super) fn at(ms: i64) -> Timestamp {
    let start = Timestamp::from_second(1_772_424_000).expect("a time");
    start
        .checked_add(SignedDuration::from_millis(ms))
        .expect("soon after")
}

pub(super) fn call(direction: Direction) -> Call {
    Call {
        linkedid: Linkedid::new("1772424000.7"),
        joined: Vec::new(),
        direction,
        client: Some(CLIENT.to_owned()),
        line: Some(LINE.to_owned()),
        trunk: Some("trunk".to_owned()),
        originated: None,
        started_at: at(0),
        conversations: Vec::new(),
        transfers: Vec::new(),
        recordings: Vec::new(),
        ended: None,
    }
}

/// Changes to a call, as they happen.
pub(super) trait Happens: Sized {
    fn ring(self, extension: &str, ms: i64) -> Self;
    fn answer(self, extension: &str, ms: i64) -> Self;
    fn others(self, ms: i64) -> Self;
    fn stop(self, extension: &str, state: ConversationState, ms: i64) -> Self;
    fn hang_up(self, extension: &str, ms: i64) -> Self;
    fn record(self, path: &str, uniqueid: &str, ms: i64) -> Self;
    fn end(self, result: CallResult, ms: i64) -> Self;
    fn answered(self, ms: i64) -> Self;
    fn missed(self, reason: MissedReason, ms: i64) -> Self;
}

fn last<'c>(call: &'c mut Call, extension: &str) -> &'c mut Conversation {
    let mut open = call.conversations.iter_mut().rev();
    open.find(|of| of.extension == extension && of.ended_at.is_none())
        .expect("it rings or talks")
}

impl Happens for Call {
    fn ring(mut self, extension: &str, ms: i64) -> Self {
        let uniqueid = format!("1772424000.{}", 8 + self.conversations.len());
        self.conversations.push(Conversation {
            uniqueid: Uniqueid::new(uniqueid),
            extension: extension.to_owned(),
            outside: extension.starts_with('0'),
            began_at: at(ms),
            answered_at: None,
            talked_ms: 0,
            ended_at: None,
            state: ConversationState::Ringing,
        });
        self
    }

    fn answer(mut self, extension: &str, ms: i64) -> Self {
        let of = last(&mut self, extension);
        of.answered_at = Some(at(ms));
        of.state = ConversationState::Talking;
        self
    }

    /// Everybody else's phone is silent.
    fn others(mut self, ms: i64) -> Self {
        for of in &mut self.conversations {
            if of.state == ConversationState::Ringing {
                of.state = ConversationState::TakenElsewhere;
                of.ended_at = Some(at(ms));
            }
        }
        self
    }

    fn stop(mut self, extension: &str, state: ConversationState, ms: i64) -> Self {
        let of = last(&mut self, extension);
        if let Some(answered_at) = of.answered_at {
            let talked = at(ms).duration_since(answered_at).as_millis();
            of.talked_ms = u64::try_from(talked).expect("forwards");
        }
        of.state = state;
        of.ended_at = Some(at(ms));
        self
    }

    fn hang_up(self, extension: &str, ms: i64) -> Self {
        self.stop(extension, ConversationState::Talked, ms)
    }

    fn record(mut self, path: &str, uniqueid: &str, ms: i64) -> Self {
        self.recordings.push(Recording {
            path: path.to_owned(),
            uniqueid: Uniqueid::new(uniqueid),
            began_at: at(ms),
        });
        self
    }

    fn end(mut self, result: CallResult, ms: i64) -> Self {
        self.ended = Some(Ended { at: at(ms), result });
        self
    }

    fn answered(self, ms: i64) -> Self {
        self.end(CallResult::Answered, ms)
    }

    fn missed(self, reason: MissedReason, ms: i64) -> Self {
        self.end(CallResult::Missed(reason), ms)
    }
}

/// A call in the CRM.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct InCrm {
    /// `None` where the CRM registered it itself.
    pub(super) register: Option<Register>,
    pub(super) finish: Option<Finish>,
    pub(super) files: Vec<String>,
    pub(super) link: Option<String>,
    pub(super) activity: Fields,
    pub(super) entity: Fields,
}

/// What CRM and helpdesk hold when all is written.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Content {
    pub(super) calls: BTreeMap<CallKey, InCrm>,
    pub(super) tasks: BTreeMap<CallKey, AddTask>,
    pub(super) closed: BTreeSet<CallKey>,
    pub(super) activities: BTreeMap<CallKey, AddActivity>,
    pub(super) activity_files: BTreeMap<CallKey, Vec<String>>,
    pub(super) tickets: BTreeMap<CallKey, AddTicket>,
    pub(super) comments: BTreeMap<CallKey, AddComment>,
    pub(super) ticket_files: BTreeMap<CallKey, Vec<String>>,
}

/// CRM and helpdesk, and what was planned for them.
#[derive(Clone, Debug, Default)]
pub(super) struct World {
    pub(super) planned: Planned,
    pub(super) content: Content,
    /// Who sees which card now.
    pub(super) cards: BTreeMap<CallKey, BTreeSet<UserId>>,
    pub(super) keys: BTreeSet<String>,
    pub(super) order: Option<CallKey>,
    /// The kinds of all writes, with what tells them apart.
    pub(super) story: Vec<String>,
    pub(super) notes: Vec<String>,
    pub(super) again_at: Option<Timestamp>,
}

impl World {
    /// Plans a call, writes what that comes to, and checks that nothing is left.
    pub(super) fn see(
        &mut self,
        call: &Call,
        circumstances: &Circumstances,
        settings: &Settings,
        now: Timestamp,
    ) {
        let people = people(settings);
        // As the store keeps it.
        let kept = serde_json::to_string(&self.planned).expect("it can be kept");
        let kept: Planned = serde_json::from_str(&kept).expect("it can be read");
        assert_eq!(kept, self.planned);
        let Plan {
            writes,
            planned,
            notes,
            again_at,
        } = plan(call, &kept, circumstances, settings, &people, now);
        for intended in &writes {
            self.write(intended);
        }
        self.notes = notes.iter().map(Note::to_string).collect();
        self.again_at = again_at;
        self.planned = planned;
        let again = plan(call, &self.planned, circumstances, settings, &people, now);
        assert_eq!(again.writes, [], "nothing is left");
        assert_eq!(again.planned, self.planned);
    }

    pub(super) fn write(&mut self, intended: &Intended) {
        assert!(self.keys.insert(intended.key.clone()), "{intended:?} twice");
        let effect = intended.effect();
        let payload: Payload = serde_json::from_value(effect.payload).expect("a payload");
        assert_eq!(payload.write, intended.write);
        assert_eq!(effect.kind, payload.write.kind());
        if !matches!(payload.write, Write::CloseTask(_)) {
            let order = self.order.get_or_insert_with(|| intended.order.clone());
            assert_eq!(
                *order, intended.order,
                "the writes of a call are in one order"
            );
        }
        self.story.push(told(&intended.write));
        match payload.write {
            Write::Register(register) => self.register(register),
            Write::Show(cards) => {
                assert_eq!(self.call(&cards.call).finish, None, "it goes on");
                let shown = self.cards.entry(cards.call.key).or_default();
                for user in cards.users {
                    assert!(shown.insert(user), "{user} sees it already");
                }
            }
            Write::Hide(cards) => {
                assert_eq!(self.call(&cards.call).finish, None, "it goes on");
                let shown = self.cards.entry(cards.call.key).or_default();
                for user in cards.users {
                    assert!(shown.remove(&user), "{user} sees it");
                }
            }
            Write::Finish(finish) => {
                let call = self.call(&finish.call);
                assert_eq!(call.finish, None, "finished once");
                call.finish = Some(finish.clone());
                self.cards.remove(&finish.call.key);
            }
            Write::Attach(attach) => {
                let call = self.call(&attach.call);
                assert!(call.finish.is_some(), "the CRM attaches to finished calls");
                call.files = attach.files;
            }
            Write::AttachLink(attach) => {
                let call = self.call(&attach.call);
                assert!(call.finish.is_some(), "the CRM attaches to finished calls");
                call.link = Some(attach.url);
            }
            Write::AttachToActivity(attach) => {
                let activities = &self.content.activities;
                assert!(
                    activities.contains_key(&attach.key),
                    "there is the activity"
                );
                self.content.activity_files.insert(attach.key, attach.files);
            }
            Write::SaveActivity(save) => {
                let call = self.call(&save.call);
                assert!(call.finish.is_some(), "its end makes the activity");
                call.activity = save.fields;
            }
            Write::SaveEntity(save) => self.call(&save.call).entity = save.fields,
            Write::AddTask(task) => {
                let open = self.content.calls.get(&task.call.key);
                assert!(
                    open.is_none_or(|call| call.finish.is_some()),
                    "the task is last"
                );
                let known = self.content.tasks.insert(task.call.key.clone(), task);
                assert_eq!(known, None, "one task");
            }
            Write::CloseTask(close) => assert!(self.content.closed.insert(close.missed)),
            Write::AddActivity(activity) => {
                let activities = &mut self.content.activities;
                let known = activities.insert(activity.key.clone(), activity);
                assert_eq!(known, None, "one activity");
            }
            Write::AddTicket(ticket) => {
                let known = self.content.tickets.insert(ticket.key.clone(), ticket);
                assert_eq!(known, None, "one ticket");
            }
            Write::AttachToTicket(attach) => {
                let content = &mut self.content;
                let is_there = content.tickets.contains_key(&attach.key)
                    || content.comments.contains_key(&attach.key);
                assert!(is_there, "there is the ticket or comment");
                content.ticket_files.insert(attach.key, attach.files);
            }
            Write::AddComment(comment) => {
                let known = self.content.comments.insert(comment.key.clone(), comment);
                assert_eq!(known, None, "one comment");
            }
        }
    }

    fn register(&mut self, register: Register) {
        let shown_to = register.shown_until.map(|_| register.user);
        let users = BTreeSet::from_iter(shown_to);
        self.cards.insert(register.key.clone(), users);
        let key = register.key.clone();
        let in_crm = InCrm {
            // Who is at the phone is no content.
            register: Some(Register {
                shown_until: None,
                ..register
            }),
            ..InCrm::default()
        };
        let known = self.content.calls.insert(key, in_crm);
        assert_eq!(known, None, "registered once");
    }

    /// A call that is there: registered by us, or by the CRM itself.
    fn call(&mut self, call: &Registered) -> &mut InCrm {
        let calls = &mut self.content.calls;
        match &call.call_id {
            Some(_) => calls.entry(call.key.clone()).or_default(),
            None => calls.get_mut(&call.key).expect("it was registered before"),
        }
    }

    /// The writes since the last time.
    pub(super) fn news(&mut self) -> Vec<String> {
        std::mem::take(&mut self.story)
    }
}

/// A write in short.
fn told(write: &Write) -> String {
    let users = |users: &[UserId]| {
        let users: Vec<String> = users.iter().map(UserId::to_string).collect();
        users.join(",")
    };
    match write {
        Write::Register(of) => {
            let shown = if of.shown_until.is_some() {
                " shown"
            } else {
                ""
            };
            format!(
                "register for {} type {}{shown}",
                of.user,
                of.call_type.code()
            )
        }
        Write::Show(cards) => format!("show {}", users(&cards.users)),
        Write::Hide(cards) => format!("hide {}", users(&cards.users)),
        Write::Finish(of) => format!("finish {} for {} {} s", of.status, of.user, of.duration_s),
        Write::Attach(of) => format!("attach {}", of.files.join(" ")),
        Write::AttachLink(of) => format!("attach link {}", of.url),
        Write::AttachToActivity(of) => format!("attach to activity {}", of.files.join(" ")),
        Write::SaveActivity(_) => "activity".to_owned(),
        Write::SaveEntity(_) => "entity".to_owned(),
        Write::AddActivity(of) => format!("add activity for {}", of.user),
        Write::AddTask(of) => format!("task for {}", of.responsible),
        Write::CloseTask(of) => format!("close the task of {}", of.missed),
        Write::AddTicket(_) => "ticket".to_owned(),
        Write::AddComment(_) => "comment".to_owned(),
        Write::AttachToTicket(of) => format!("attach to ticket {}", of.files.join(" ")),
    }
}

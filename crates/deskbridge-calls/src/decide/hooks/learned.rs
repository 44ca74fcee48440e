//! What hooks said of a call before it was planned: numbers to use, paths of recordings, whether it is told at all.

use std::collections::{BTreeMap, BTreeSet};

use deskbridge_hooks::{Action, Decision, Point};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::told::Around;
use crate::call::{Call, Conversation};

/// What was learnt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Learned {
    /// What was asked; it is asked once.
    asked: BTreeSet<String>,
    clients: BTreeMap<String, String>,
    extensions: BTreeMap<String, String>,
    recordings: BTreeMap<String, String>,
    /// The last answer to whether the call is told.
    is_ignored: bool,
}

/// Something to be asked about a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// At which point.
    pub point: Point,
    /// About which number, path or stage of the call.
    pub subject: String,
    /// What is known.
    pub known: Value,
}

/// How far a call is, as `need_registration` is told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Requested,
    Accepted,
    Ended,
    CallEnded,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Self::Requested => "conversation_requested",
            Self::Accepted => "conversation_accepted",
            Self::Ended => "conversation_ended",
            Self::CallEnded => "call_ended",
        }
    }
}

impl Learned {
    /// The number of a client, where a hook gave one for what the PBX has.
    pub fn client(&self, client: &str) -> Option<&str> {
        self.clients.get(client).map(String::as_str)
    }

    /// The internal number by which a user is looked up.
    pub fn extension<'a>(&'a self, extension: &'a str) -> &'a str {
        self.extensions
            .get(extension)
            .map_or(extension, String::as_str)
    }

    /// The path at which a recording is looked for, where a hook gave one.
    pub fn recording(&self, path: &str) -> Option<&str> {
        self.recordings.get(path).map(String::as_str)
    }

    /// A hook says that the CRM is not told of the call.
    pub fn is_ignored(&self) -> bool {
        self.is_ignored
    }

    /// What is to be asked of a call, of what was not asked before. `asks` says at which points anybody is asked, and
    /// `asking` what is being asked: it grows by what this answers. It does not outlive the program, so that what was not
    /// answered is asked again by the next one.
    pub fn questions(
        &self,
        around: &Around<'_>,
        ordered_phone: Option<&str>,
        asking: &mut BTreeSet<String>,
        asks: impl Fn(Point) -> bool,
    ) -> Vec<Question> {
        let wanted = wanted(around, ordered_phone);
        let wanted = wanted.into_iter().filter(|(point, _)| asks(*point));
        let mut is_new = |point: Point, subject: &Subject<'_>| {
            let name = named(point, &subject.text());
            !self.asked.contains(&name) && asking.insert(name)
        };
        let new = wanted.filter(|(point, subject)| is_new(*point, subject));
        new.map(|(point, subject)| Question {
            point,
            known: subject.known(around),
            subject: subject.text(),
        })
        .collect()
    }

    /// Takes note of an answer.
    pub fn learn(&mut self, question: &Question, decision: &Decision) {
        self.asked.insert(named(question.point, &question.subject));
        let Decision::Changed(change) = decision else {
            return;
        };
        let text = |name: &str| change.data.get(name).and_then(Value::as_str);
        let of = question.subject.clone();
        let into = match question.point {
            Point::ClientPhone => (&mut self.clients, text("phone")),
            Point::UserPhone => (&mut self.extensions, text("phone")),
            Point::RecordFilePath => (&mut self.recordings, text("path")),
            Point::NeedRegistration => {
                match change.action {
                    Some(Action::Ignore) => self.is_ignored = true,
                    Some(Action::Register) => self.is_ignored = false,
                    Some(Action::Delete) | None => {}
                }
                return;
            }
            _ => return,
        };
        if let (known, Some(text)) = into {
            known.insert(of, text.to_owned());
        }
    }

    /// Adds what was learnt of a call that became part of this one.
    pub fn join(&mut self, other: Self) {
        self.asked.extend(other.asked);
        self.clients.extend(other.clients);
        self.extensions.extend(other.extensions);
        self.recordings.extend(other.recordings);
        self.is_ignored |= other.is_ignored;
    }
}

/// Names a question.
fn named(point: Point, subject: &str) -> String {
    format!("{} {subject}", point.name())
}

/// What is asked about.
enum Subject<'a> {
    Number(&'a str),
    Recording(&'a str),
    Stage(Stage, Option<&'a Conversation>),
}

impl Subject<'_> {
    fn text(&self) -> String {
        match self {
            Self::Number(text) | Self::Recording(text) => (*text).to_owned(),
            Self::Stage(stage, None) => stage.name().to_owned(),
            Self::Stage(stage, Some(of)) => format!("{} {}", stage.name(), of.uniqueid),
        }
    }

    fn known(&self, around: &Around<'_>) -> Value {
        let full = around.full(None, None);
        match self {
            Self::Number(number) => json!({"params": {"phone": number}, "call_full": full}),
            Self::Recording(path) => {
                let last = around.last();
                let params = json!({
                    "call_id": around.call.linkedid,
                    "from": last.get("from"),
                    "to": last.get("to"),
                    "path": path,
                });
                json!({"params": params, "call_full": full})
            }
            Self::Stage(stage, of) => json!({
                "params": of.map_or_else(|| around.last(), |of| around.conversation(of)),
                "call_full": full,
                "call_stage": stage.name(),
            }),
        }
    }
}

/// Everything that may be asked of a call by now.
fn wanted<'a>(around: &Around<'a>, ordered_phone: Option<&'a str>) -> Vec<(Point, Subject<'a>)> {
    let call = around.call;
    let mut wanted = Vec::new();
    let client = ordered_phone.or(call.client.as_deref());
    wanted.extend(client.map(|client| (Point::ClientPhone, Subject::Number(client))));
    let inside = call.conversations.iter().filter(|of| !of.outside);
    let extensions = inside.map(|of| (Point::UserPhone, Subject::Number(&of.extension)));
    wanted.extend(extensions);
    let recordings = call.recordings.iter().filter(|_| call.ended.is_some());
    wanted.extend(recordings.map(|of| (Point::RecordFilePath, Subject::Recording(&of.path))));
    // Of stages that came at once only the last is worth a question.
    let stage = last_stage(call);
    wanted.extend(stage.map(|(stage, of)| (Point::NeedRegistration, Subject::Stage(stage, of))));
    wanted
}

/// The stage that a call has reached last.
fn last_stage(call: &Call) -> Option<(Stage, Option<&Conversation>)> {
    if call.ended.is_some() {
        return Some((Stage::CallEnded, None));
    }
    let reached = call.conversations.iter().flat_map(|of| {
        let accepted = of.answered_at.map(|at| (at, Stage::Accepted));
        let ended = of.ended_at.map(|at| (at, Stage::Ended));
        let all = [Some((of.began_at, Stage::Requested)), accepted, ended];
        all.into_iter()
            .flatten()
            .map(move |(at, stage)| (at, stage, of))
    });
    let last = reached.max_by_key(|(at, stage, _)| (*at, *stage));
    last.map(|(_, stage, of)| (stage, Some(of)))
}

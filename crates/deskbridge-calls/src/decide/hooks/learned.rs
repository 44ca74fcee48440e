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

    /// What is to be asked of a call, of what was not asked before, which counts as asked from now on. `asks` says at which
    /// points anybody is asked.
    pub fn questions(
        &mut self,
        around: &Around<'_>,
        ordered_phone: Option<&str>,
        asks: impl Fn(Point) -> bool,
    ) -> Vec<Question> {
        let call = around.call;
        let mut questions = Vec::new();
        let full = || around.full(None, None);
        if asks(Point::ClientPhone)
            && let Some(client) = ordered_phone.or(call.client.as_deref())
        {
            let known = || json!({"params": {"phone": client}, "call_full": full()});
            questions.extend(self.ask(Point::ClientPhone, client, known));
        }
        if asks(Point::UserPhone) {
            for of in call.conversations.iter().filter(|of| !of.outside) {
                let extension = of.extension.as_str();
                let known = || json!({"params": {"phone": extension}, "call_full": full()});
                questions.extend(self.ask(Point::UserPhone, extension, known));
            }
        }
        if asks(Point::RecordFilePath) && call.ended.is_some() {
            for of in &call.recordings {
                let last = around.last();
                let known = || {
                    json!({
                        "params": {
                            "call_id": call.linkedid,
                            "from": last.get("from"),
                            "to": last.get("to"),
                            "path": of.path,
                        },
                        "call_full": full(),
                    })
                };
                questions.extend(self.ask(Point::RecordFilePath, &of.path, known));
            }
        }
        if asks(Point::NeedRegistration) {
            questions.extend(self.need(around));
        }
        questions
    }

    /// Takes note of an answer.
    pub fn learn(&mut self, question: &Question, decision: &Decision) {
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

    fn ask(
        &mut self,
        point: Point,
        subject: &str,
        known: impl FnOnce() -> Value,
    ) -> Option<Question> {
        let is_new = self.asked.insert(format!("{} {subject}", point.name()));
        is_new.then(|| Question {
            point,
            subject: subject.to_owned(),
            known: known(),
        })
    }

    /// Whether the call is told is asked at every stage, and when several were reached at once, only at the last of them.
    fn need(&mut self, around: &Around<'_>) -> Option<Question> {
        let mut last = None;
        for (stage, of) in stages(around.call) {
            let id = of.map_or(around.call.linkedid.as_str(), |of| of.uniqueid.as_str());
            let subject = format!("{} {id}", stage.name());
            let known = || {
                json!({
                    "params": of.map_or_else(|| around.last(), |of| around.conversation(of)),
                    "call_full": around.full(None, None),
                    "call_stage": stage.name(),
                })
            };
            last = self.ask(Point::NeedRegistration, &subject, known).or(last);
        }
        last
    }
}

/// The stages that a call has reached, those of one conversation after another.
fn stages(call: &Call) -> Vec<(Stage, Option<&Conversation>)> {
    let mut stages = Vec::new();
    for of in &call.conversations {
        stages.push((Stage::Requested, Some(of)));
        if of.answered_at.is_some() {
            stages.push((Stage::Accepted, Some(of)));
        }
        if of.ended_at.is_some() {
            stages.push((Stage::Ended, Some(of)));
        }
    }
    stages.sort_by_key(|(stage, _)| *stage);
    if call.ended.is_some() {
        stages.push((Stage::CallEnded, None));
    }
    stages
}

//! A call as it is kept: what is known of it, what was planned of it, and what was said of it.

use std::collections::BTreeSet;

use deskbridge_store::KeptCall;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    call::{Call, CallResult, Direction},
    decide::{
        telephony::{Circumstances, Planned},
        tracker::TrackedCall,
    },
    settings::Settings,
};

/// The result of a call that nobody took.
pub(crate) const MISSED: &str = "missed";

/// A call as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// How far it is.
    pub progress: Progress,
    /// What was planned of it.
    #[serde(default)]
    pub planned: Planned,
    /// What is known around it.
    #[serde(default)]
    pub circumstances: Circumstances,
    /// Why something is not sent, as far as its story tells it.
    #[serde(default)]
    pub noted: BTreeSet<String>,
    /// Everything that follows from it is planned.
    #[serde(default)]
    pub is_settled: bool,
}

/// How far a call is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// It goes on, with what is needed to follow it.
    Open(TrackedCall),
    /// It is over.
    Over(Call),
    /// Somebody else follows it, and reports.
    Reported(Reported),
}

/// A call that somebody else follows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reported {
    /// What was reported last.
    pub call: Call,
    /// Which report that was.
    pub revision: u64,
    /// When that was.
    pub reported_at: Timestamp,
    /// When its end counts, whatever is reported by then; `None` while it was not reported.
    pub settles_at: Option<Timestamp>,
    /// When it is to be planned again, if nothing is reported before.
    #[serde(default)]
    pub again_at: Option<Timestamp>,
}

impl Kept {
    /// Reads the state of a call; `None` when it has another shape.
    pub fn read(state: Value) -> Option<Self> {
        serde_json::from_value(state).ok()
    }

    /// What is known of the call.
    pub fn call(&self) -> &Call {
        match &self.progress {
            Progress::Open(tracked) => tracked.call(),
            Progress::Over(call) => call,
            Progress::Reported(reported) => &reported.call,
        }
    }

    /// The call as the store has it. One whose consequences are not all planned is open there, so that it is found
    /// again.
    pub fn stored(&self, settings: &Settings) -> KeptCall {
        let call = self.call();
        let result = call.ended.as_ref().filter(|_| self.is_settled);
        KeptCall {
            connection: settings.connection.clone(),
            linkedid: call.linkedid.to_string(),
            joined: call.joined.iter().map(ToString::to_string).collect(),
            direction: match call.direction {
                Direction::Incoming => "incoming",
                Direction::Outgoing => "outgoing",
                Direction::Internal => "internal",
            }
            .to_owned(),
            client: client(call, &self.circumstances, settings),
            line: call.line.clone(),
            result: result.map(|ended| match ended.result {
                CallResult::Answered => "answered".to_owned(),
                CallResult::Missed(_) => MISSED.to_owned(),
            }),
            started_at: call.started_at,
            // Texts, numbers and maps with texts as keys can always be written as JSON.
            state: serde_json::to_value(self).unwrap_or_default(),
        }
    }
}

/// The client's number in the spelling of the CRM.
pub(crate) fn client(
    call: &Call,
    circumstances: &Circumstances,
    settings: &Settings,
) -> Option<String> {
    let client = call.client.as_deref()?;
    if let Some(hooked) = circumstances.learned.client(client) {
        return Some(hooked.to_owned());
    }
    let (_, number) = settings.lines.resolve(call.line.as_deref());
    let line = number.unwrap_or_default();
    settings.numbers.for_crm(client, &line, call.direction)
}

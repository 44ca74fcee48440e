//! Events: who wants to be told of them, and what waits for those who ask.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value as Json;

/// So long events that were taken and not confirmed stay with whoever took them.
const RESERVED_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What is known of events.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Events {
    /// Who wants to be told of what.
    pub bindings: Vec<Binding>,
    /// What waits for those who ask.
    pub offline: Vec<OfflineEvent>,
    #[serde(skip)]
    numbers: u64,
}

/// Whoever wants to be told of an event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Binding {
    /// Its number.
    pub id: u64,
    /// The code of the application.
    pub application: String,
    /// The event in upper case.
    pub event: String,
    /// Where it is posted to; `None` where it waits to be asked for.
    pub handler: Option<String>,
}

/// An event that waits to be asked for.
#[derive(Clone, Debug, Serialize)]
pub struct OfflineEvent {
    /// Its number; the message's too.
    pub id: u64,
    /// The code of the application.
    pub application: String,
    /// The event in upper case.
    pub event: String,
    /// What the handler would have been told.
    pub data: Json,
    /// When it happened last.
    pub at: Timestamp,
    /// Who took it and has not confirmed it, and when that was.
    pub taken: Option<(String, Timestamp)>,
    /// Whether whoever took it gave it up.
    pub is_error: bool,
    #[serde(skip)]
    object: String,
}

impl Events {
    pub(crate) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Lets an event wait. A later event of the same object takes the place of the earlier one.
    pub(crate) fn wait(
        &mut self,
        application: &str,
        event: &str,
        object: &str,
        data: Json,
        at: Timestamp,
    ) {
        let mut waiting = self.offline.iter_mut();
        let same = waiting.find(|known| {
            known.application == application
                && known.event == event
                && known.object == object
                && known.taken.is_none()
        });
        if let Some(known) = same {
            known.data = data;
            known.at = at;
            return;
        }
        let id = self.number();
        self.offline.push(OfflineEvent {
            id,
            application: application.to_owned(),
            event: event.to_owned(),
            data,
            at,
            taken: None,
            is_error: false,
            object: object.to_owned(),
        });
    }
}

impl OfflineEvent {
    /// Whether nobody has it.
    pub(crate) fn is_free(&self, now: Timestamp) -> bool {
        let taken = self.taken.as_ref();
        taken.is_none_or(|(_, since)| now.duration_since(*since) >= RESERVED_FOR)
    }

    /// Whether this process has it.
    pub(crate) fn is_with(&self, process_id: &str) -> bool {
        let taken = self.taken.as_ref();
        taken.is_some_and(|(process, _)| process == process_id)
    }
}

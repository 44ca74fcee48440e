//! What telephony leaves behind in a portal: calls, lines, recordings, and who is at work.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use ring::digest;
use serde::{Deserialize, Serialize};

/// So long a registration is answered with a call that was registered alike.
const DUPLICATES_FOR: SignedDuration = SignedDuration::from_mins(30);

/// What telephony left behind.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Telephony {
    /// External calls in the order of their registration.
    pub calls: Vec<ExternalCall>,
    /// External lines.
    pub lines: Vec<ExternalLine>,
    /// Messages to employees.
    pub notifications: Vec<Notification>,
    /// Places of the portal that applications have taken.
    pub placements: Vec<Placement>,
    /// How the working day of users stands; of those that are not here it is open.
    pub workdays: BTreeMap<u64, Workday>,
    #[serde(skip)]
    pub(crate) uploads: Vec<Upload>,
    #[serde(skip)]
    numbers: u64,
}

/// A call that an application, or a click in the portal, has registered.
#[derive(Clone, Debug, Serialize)]
pub struct ExternalCall {
    /// `CALL_ID`
    pub call_id: String,
    /// What kept it apart from others like it.
    pub identity: Identity,
    /// How often it was registered: once, and each time that a registration was answered with it.
    pub registrations: u64,
    /// When it was registered first.
    pub registered_at: Timestamp,
    /// When it began, as it was told.
    pub started_at: Timestamp,
    /// The record that it belongs to.
    pub entity: Option<CrmEntity>,
    /// Whether the registration made that record.
    pub is_entity_created: bool,
    /// Whose screen shows the card.
    pub shown_to: BTreeSet<u64>,
    /// Whose screen ever showed it.
    pub was_shown_to: BTreeSet<u64>,
    /// How it ended; only the first end counts.
    pub finish: Option<Finish>,
    /// How often it was to be finished once more.
    pub finishes_refused: u64,
    /// The recording that is attached.
    pub recording: Option<Recording>,
    /// How many recordings were attached, replaced ones included.
    pub recordings_attached: u64,
    /// How many messages its transcription has.
    pub transcript_messages: Option<usize>,
}

/// What makes two registrations the same call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Identity {
    /// The code of the application; `None` of a webhook.
    pub application: Option<String>,
    /// The client's number as it was written.
    pub phone_number: String,
    /// 1 outgoing, 2 incoming, 3 incoming and redirected, 4 callback, 5 informational.
    pub kind: u8,
    /// For whom it was registered.
    pub user_id: u64,
    /// The external line.
    pub line_number: Option<String>,
    /// The id in the external system.
    pub external_call_id: Option<String>,
}

/// A record of the CRM.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CrmEntity {
    /// `CONTACT`, `COMPANY` or `LEAD`.
    pub kind: String,
    /// Its id.
    pub id: u64,
}

/// How a call ended.
#[derive(Clone, Debug, Serialize)]
pub struct Finish {
    /// When that was told.
    pub at: Timestamp,
    /// Who talked, or should have.
    pub user_id: u64,
    /// Seconds.
    pub duration_s: u64,
    /// `200`, `304`, …
    pub status_code: String,
    /// Why there was no talk.
    pub failed_reason: String,
    /// The client's rating, 1 to 5.
    pub vote: Option<u64>,
    /// Whether the chat of the employee was told.
    pub add_to_chat: bool,
    /// The activity that came of it.
    pub activity_id: Option<u64>,
    /// The row in the statistics.
    pub statistic_id: u64,
}

/// An attached recording.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recording {
    /// The number of the file.
    pub file_id: u64,
    /// Its name.
    pub name: String,
    /// How long it is.
    pub bytes: usize,
    /// SHA-256 of its bytes in lower-case hex.
    pub sha256: String,
}

/// A line of the external system.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExternalLine {
    /// Its number among lines.
    pub id: u64,
    /// The code of the application.
    pub application: Option<String>,
    /// The line's number.
    pub number: String,
    /// What people call it.
    pub name: String,
    /// Whether outgoing calls make leads.
    pub crm_auto_create: bool,
}

/// A message to an employee.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Notification {
    /// To whom.
    pub user_id: u64,
    /// What it says.
    pub message: String,
    /// What replaces earlier ones of the same tag.
    pub tag: String,
}

/// A place of the portal that an application has taken.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Placement {
    /// The code of the application.
    pub application: String,
    /// Where, `CALL_CARD`.
    pub placement: String,
    /// The address that is shown there.
    pub handler: String,
    /// The title of the tab.
    pub title: String,
}

/// How the working day of a user stands.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Workday {
    /// At work.
    #[default]
    Opened,
    /// Not at work.
    Closed,
    /// On a break.
    Paused,
    /// Yesterday's was never closed.
    Expired,
    /// The user has no working days.
    Unavailable,
    /// The portal keeps none.
    NotInstalled,
}

impl Workday {
    /// As the portal writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Opened => "OPENED",
            Self::Closed => "CLOSED",
            Self::Paused => "PAUSED",
            Self::Expired => "EXPIRED",
            Self::Unavailable => "UNAVAILABLE",
            Self::NotInstalled => "NOT_INSTALLED",
        }
    }
}

/// A promise to take a recording.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub token: String,
    pub call_id: String,
    pub name: String,
}

impl Telephony {
    /// The next number of whatever is numbered here.
    pub(crate) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// The call that a registration like this one is answered with.
    pub(crate) fn duplicate(
        &mut self,
        identity: &Identity,
        is_open_only: bool,
        now: Timestamp,
    ) -> Option<&mut ExternalCall> {
        let mut calls = self.calls.iter_mut().rev();
        calls.find(|call| {
            call.identity == *identity
                && now.duration_since(call.registered_at) < DUPLICATES_FOR
                && !(is_open_only && call.finish.is_some())
        })
    }

    /// A call by its `CALL_ID`.
    pub(crate) fn call_mut(&mut self, call_id: &str) -> Option<&mut ExternalCall> {
        self.calls.iter_mut().find(|call| call.call_id == call_id)
    }

    /// Calls of this id in the external system.
    pub fn of_external_id(&self, external_call_id: &str) -> Vec<&ExternalCall> {
        let calls = self.calls.iter();
        calls
            .filter(|call| call.identity.external_call_id.as_deref() == Some(external_call_id))
            .collect()
    }

    pub(crate) fn workday(&self, user_id: u64) -> Workday {
        self.workdays.get(&user_id).copied().unwrap_or_default()
    }
}

impl ExternalCall {
    /// The call of this number, registered now.
    pub(crate) fn new(
        number: u64,
        identity: Identity,
        started_at: Timestamp,
        entity: Option<CrmEntity>,
        now: Timestamp,
    ) -> Self {
        let hash = hex(digest::digest(&digest::SHA256, &number.to_le_bytes()).as_ref());
        let hash = hash.get(..32).unwrap_or_default();
        Self {
            call_id: format!("externalCall.{hash}.{}", now.as_second()),
            identity,
            registrations: 1,
            registered_at: now,
            started_at,
            entity,
            is_entity_created: false,
            shown_to: BTreeSet::new(),
            was_shown_to: BTreeSet::new(),
            finish: None,
            finishes_refused: 0,
            recording: None,
            recordings_attached: 0,
            transcript_messages: None,
        }
    }

    /// Shows the card on these screens.
    pub(crate) fn show(&mut self, users: impl IntoIterator<Item = u64>) {
        for user in users {
            self.shown_to.insert(user);
            self.was_shown_to.insert(user);
        }
    }

    /// Attaches a recording in the place of the one before.
    pub(crate) fn attach(&mut self, file_id: u64, name: &str, bytes: &[u8]) {
        self.recordings_attached += 1;
        self.recording = Some(Recording {
            file_id,
            name: name.to_owned(),
            bytes: bytes.len(),
            sha256: hex(digest::digest(&digest::SHA256, bytes).as_ref()),
        });
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

//! A call as far as it is known: what who follows it writes, and what the planners read.

use std::{borrow::Borrow, fmt};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{IdempotencyKey, NewEffect, OrderingKey, Urgency};

/// The linkedid of a call: the uniqueid of its first channel.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Linkedid(String);

/// The uniqueid of a channel. No two channels of one PBX have the same, not even after a restart.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Uniqueid(String);

macro_rules! id {
    ($name:ident) => {
        impl $name {
            /// The id that has this text.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text of the id.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(Linkedid);
id!(Uniqueid);

/// Which way a call goes, seen from the PBX.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From a trunk.
    Incoming,
    /// To a trunk, by an agent or by order of the CRM.
    Outgoing,
    /// Between agents. It may still become outgoing.
    Internal,
}

/// Everything under one linkedid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Names it.
    pub linkedid: Linkedid,
    /// Calls that were joined into this one, such as the consultation before a transfer.
    pub joined: Vec<Linkedid>,
    /// Which way it goes.
    pub direction: Direction,
    /// The client's number as the PBX has it; `None` when it is withheld or there is no client.
    pub client: Option<String>,
    /// The number that the client called, or the number that was shown to them; `None` when it is not known.
    pub line: Option<String>,
    /// The endpoint of the trunk.
    pub trunk: Option<String>,
    /// Our own id in `ChannelId`, when it was ordered by us.
    pub originated: Option<String>,
    /// When its first channel came to be.
    pub started_at: Timestamp,
    /// In the order in which they began.
    pub conversations: Vec<Conversation>,
    /// In the order in which they happened.
    pub transfers: Vec<Transfer>,
    /// In the order in which they began.
    pub recordings: Vec<Recording>,
    /// How it ended; `None` while it goes on.
    pub ended: Option<Ended>,
}

/// One ring or answer at one internal number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    /// The channel of the agent's phone.
    pub uniqueid: Uniqueid,
    /// The internal number, or the outside number to which the call was forwarded.
    pub extension: String,
    /// The number is outside: an employee's mobile phone, say.
    pub outside: bool,
    /// When it began: the phone was called, or the agent picked it up to call.
    pub began_at: Timestamp,
    /// When agent and client could first hear one another.
    pub answered_at: Option<Timestamp>,
    /// How long they could, in milliseconds: the sum of all spans, up to `ended_at`; what runs now is not in it.
    pub talked_ms: u64,
    /// When the phone rang no more, or agent and client parted for good.
    pub ended_at: Option<Timestamp>,
    /// How it stands, or how it ended.
    pub state: ConversationState,
}

/// How a conversation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConversationState {
    /// The phone rings; or, in an outgoing call, the agent waits for the client.
    Ringing,
    /// Agent and client talk, or the client is on hold.
    Talking,
    /// They talked.
    Talked,
    /// The phone rang until its time was over.
    NoAnswer,
    /// The phone was in use.
    Busy,
    /// The agent declined; for an outgoing call, the client did.
    Declined,
    /// The caller gave up.
    CallerGaveUp,
    /// Another phone took it.
    TakenElsewhere,
    /// The phone sent the caller on to another number, where it may have been answered.
    Forwarded,
    /// The phone could not be reached.
    Unreachable,
    /// The number does not exist.
    WrongNumber,
    /// The way there was congested or failed.
    Failed,
    /// The PBX went away, or nobody saw how it ended.
    NotSeen,
}

/// That a client was given to somebody else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transfer {
    /// When.
    pub at: Timestamp,
    /// How.
    pub kind: TransferKind,
    /// The internal number that gave it away; `None` when an order from outside did.
    pub from: Option<String>,
    /// The number that it was given to.
    pub to: String,
}

/// How a transfer was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferKind {
    /// Without asking.
    Blind,
    /// After talking with the other.
    Attended,
    /// While the other's phone still rang.
    SemiAttended,
    /// By an order to the PBX, such as `Redirect`.
    Redirected,
    /// The other took it from a ringing phone.
    PickedUp,
    /// The other took it from a parking place.
    Retrieved,
}

/// A file that the PBX records to, or the address at which a contact centre has one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// `MIXMONITOR_FILENAME`: comes from outside, is on the PBX, and must be confined before it is opened. Of a contact
    /// centre an address, which comes from outside as well.
    pub path: String,
    /// The channel that is recorded.
    pub uniqueid: Uniqueid,
    /// When recording began.
    pub began_at: Timestamp,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// When its last channel was gone.
    pub at: Timestamp,
    /// With what result.
    pub result: CallResult,
}

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "result", content = "missed_reason")]
pub enum CallResult {
    /// A person talked with the client (in an internal call: two agents talked).
    Answered,
    /// Nobody did.
    Missed(MissedReason),
}

/// Why nobody talked with the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissedReason {
    /// No phone was called: a menu, an announcement outside working hours.
    NobodyRung,
    /// The caller hung up in a menu before a phone was called.
    GaveUpInMenu,
    /// The caller hung up while waiting in a queue.
    GaveUpInQueue,
    /// The caller hung up while phones rang.
    GaveUpRinging,
    /// Phones rang until their time was over.
    NoAnswer,
    /// Every phone was in use.
    Busy,
    /// Whoever was called declined.
    Declined,
    /// The caller talked to voicemail.
    Voicemail,
    /// No phone could be reached.
    Unreachable,
    /// The number does not exist.
    WrongNumber,
    /// The way there was congested or failed.
    Failed,
    /// The agent did not take the phone that the CRM made ring.
    AgentDidNotAnswer,
    /// The PBX went away, or nobody saw how it ended.
    NotSeen,
}

/// A call as somebody reports it who follows calls and does not plan them: a contact centre's events, say.
///
/// Reports of one call are effects of one order, which is that of its writes, too: none is planned while another is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The connection that the call is of; with the linkedid it names the call.
    pub connection: String,
    /// Which report of the call it is: one with a lower number says nothing new.
    pub revision: u64,
    /// What is known of the call.
    pub call: Call,
}

impl Report {
    /// The kind of its effect.
    pub const KIND: &str = "calls.report";

    /// The effect that it is recorded as.
    pub fn effect(&self) -> NewEffect {
        let key = format!("call:{}:{}", self.connection, self.call.linkedid);
        NewEffect {
            urgency: match self.call.ended {
                None => Urgency::Live,
                Some(_) => Urgency::Usual,
            },
            kind: Self::KIND.to_owned(),
            idempotency_key: IdempotencyKey::new(format!("{key}/report@{}", self.revision)),
            ordering_key: OrderingKey::new(key),
            // Texts, numbers and lists of them can always be written as JSON.
            payload: serde_json::to_value(self).unwrap_or_default(),
        }
    }
}

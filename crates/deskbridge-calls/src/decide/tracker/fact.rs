//! What happened, for the trace of a call.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::call::{
    CallResult, ConversationState, Direction, Linkedid, MissedReason, Transfer, TransferKind,
};

/// One thing that happened. Its `Display` is a sentence of one line, which holds numbers of people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// To which call.
    pub linkedid: Linkedid,
    /// When. It may lie before the event that showed it.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum What {
    /// The call began.
    Started {
        /// Which way it seems to go. One that began as internal may become outgoing.
        direction: Direction,
        /// The client's number.
        client: Option<String>,
        /// The number that they called.
        line: Option<String>,
    },
    /// The client is called.
    Dials {
        /// Their number.
        client: Option<String>,
        /// The number that is shown to them.
        line: Option<String>,
    },
    /// A phone rings for the client.
    Rings {
        /// The internal number, or the one outside.
        extension: String,
    },
    /// Somebody and the client hear one another; in an internal call, the other agent.
    Answered {
        /// The internal number, or the one outside.
        extension: String,
    },
    /// A phone rings no more, or somebody and the client parted for good.
    ConversationEnded {
        /// The internal number, or the one outside.
        extension: String,
        /// How it ended.
        state: ConversationState,
        /// How long they talked, in milliseconds.
        talked_ms: u64,
    },
    /// The client was given to somebody else.
    Transferred(Transfer),
    /// Another call became part of this one.
    Joined {
        /// The other call, which is no more.
        joined: Linkedid,
    },
    /// The PBX records to a file.
    RecordingBegan {
        /// The file on the PBX.
        path: String,
    },
    /// The call ended.
    Ended(CallResult),
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Started {
                direction,
                client,
                line,
            } => {
                let direction = match direction {
                    Direction::Incoming => "an incoming",
                    Direction::Outgoing => "an outgoing",
                    Direction::Internal => "an internal",
                };
                write!(f, "{direction} call began")?;
                named(f, " from ", client.as_deref())?;
                named(f, " to ", line.as_deref())
            }
            What::Dials { client, line } => {
                write!(f, "the client is called")?;
                named(f, " at ", client.as_deref())?;
                named(f, " and shown ", line.as_deref())
            }
            What::Rings { extension } => write!(f, "{extension} rings"),
            What::Answered { extension } => write!(f, "{extension} talks"),
            What::ConversationEnded {
                extension,
                state: ConversationState::Talked,
                talked_ms,
            } => {
                let (seconds, tenths) = (talked_ms / 1_000, talked_ms % 1_000 / 100);
                write!(f, "{extension} talked for {seconds}.{tenths} s")
            }
            What::ConversationEnded {
                extension, state, ..
            } => write!(f, "{extension} did not talk: {}", unanswered(*state)),
            What::Transferred(transfer) => transferred(f, transfer),
            What::Joined { joined } => write!(f, "call {joined} became part of it"),
            What::RecordingBegan { path } => write!(f, "it is recorded to {}", path.escape_debug()),
            What::Ended(CallResult::Answered) => write!(f, "the call ended, answered"),
            What::Ended(CallResult::Missed(reason)) => {
                write!(f, "the call ended, missed: {}", missed(*reason))
            }
        }
    }
}

fn named(f: &mut fmt::Formatter<'_>, word: &str, number: Option<&str>) -> fmt::Result {
    match number {
        Some(number) => write!(f, "{word}{number}"),
        None => Ok(()),
    }
}

fn transferred(f: &mut fmt::Formatter<'_>, transfer: &Transfer) -> fmt::Result {
    let Transfer { kind, from, to, .. } = transfer;
    let from = from.as_deref().unwrap_or("somebody");
    match kind {
        TransferKind::Blind => write!(f, "{from} sent the client to {to}"),
        TransferKind::Attended => write!(f, "{from} gave the client to {to}"),
        TransferKind::SemiAttended => write!(f, "{from} gave the client to {to}, which rang"),
        TransferKind::Redirected => write!(f, "an order sent the client to {to}"),
        TransferKind::PickedUp => write!(f, "{to} took the call that rang at {from}"),
        TransferKind::Retrieved => write!(f, "{to} took the client that {from} had parked"),
    }
}

fn unanswered(state: ConversationState) -> &'static str {
    match state {
        ConversationState::Ringing => "it rings",
        ConversationState::Talking => "it talks",
        ConversationState::Talked => "it talked",
        ConversationState::NoAnswer => "no answer",
        ConversationState::Busy => "busy",
        ConversationState::Declined => "declined",
        ConversationState::CallerGaveUp => "the caller gave up",
        ConversationState::TakenElsewhere => "another phone took it",
        ConversationState::Forwarded => "the phone sent the caller on",
        ConversationState::Unreachable => "not reachable",
        ConversationState::WrongNumber => "the number does not exist",
        ConversationState::Failed => "no way there",
        ConversationState::NotSeen => "nobody saw how it ended",
    }
}

fn missed(reason: MissedReason) -> &'static str {
    match reason {
        MissedReason::NobodyRung => "no phone was called",
        MissedReason::GaveUpInMenu => "the caller gave up in a menu",
        MissedReason::GaveUpInQueue => "the caller gave up in a queue",
        MissedReason::GaveUpRinging => "the caller gave up while it rang",
        MissedReason::NoAnswer => "nobody answered",
        MissedReason::Busy => "busy",
        MissedReason::Declined => "declined",
        MissedReason::Voicemail => "the caller was sent to voicemail",
        MissedReason::Unreachable => "no phone could be reached",
        MissedReason::WrongNumber => "the number does not exist",
        MissedReason::Failed => "the call could not be put through",
        MissedReason::AgentDidNotAnswer => "the agent did not take the phone",
        MissedReason::NotSeen => "nobody saw how it ended",
    }
}

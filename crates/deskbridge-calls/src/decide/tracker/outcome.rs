//! How a ring, and how a call, came to nothing.
//!
//! What dialling said and who stood in a bridge is the truth; causes of hangups differ between versions of Asterisk and
//! only tell apart what the truth does not: who declined, and which number does not exist.

use super::channel::{Channel, DialStatus, GoneHow};
use crate::call::{ConversationState, MissedReason};

/// What else is known when a phone stops ringing.
pub(super) struct Around {
    /// Somebody else took the call.
    pub(super) is_taken: bool,
    /// Whoever called hung up.
    pub(super) gave_up: bool,
    /// Dialling the local channel behind which the phone is ran out of time.
    pub(super) timed_out: bool,
}

/// How a ring ended that nobody answered.
pub(super) fn of_ring(channel: &Channel, around: &Around) -> ConversationState {
    let cause = match channel.gone.map(|gone| gone.how) {
        Some(GoneHow::NotSeen) if around.is_taken => return ConversationState::TakenElsewhere,
        Some(GoneHow::NotSeen) => return ConversationState::NotSeen,
        Some(GoneHow::HungUp(cause)) => cause,
        None => 0,
    };
    match channel.dial_status() {
        Some(DialStatus::Forwarded) => ConversationState::Forwarded,
        Some(DialStatus::Busy) => ConversationState::Busy,
        Some(DialStatus::NoAnswer) => of_cause(cause).unwrap_or(ConversationState::NoAnswer),
        Some(DialStatus::Unavailable) => of_cause(cause).unwrap_or(ConversationState::Unreachable),
        Some(DialStatus::Congestion) => ConversationState::Failed,
        None => match of_cause(cause) {
            Some(state) => state,
            None if around.gave_up => ConversationState::CallerGaveUp,
            None => ConversationState::NoAnswer,
        },
        Some(DialStatus::Cancel | DialStatus::Answer) => {
            if of_cause(cause) == Some(ConversationState::TakenElsewhere) {
                ConversationState::TakenElsewhere
            } else if around.timed_out {
                ConversationState::NoAnswer
            } else if around.is_taken {
                ConversationState::TakenElsewhere
            } else {
                ConversationState::CallerGaveUp
            }
        }
    }
}

/// What only the cause of a hangup tells, by ITU-T Q.850.
pub(super) fn of_cause(cause: u16) -> Option<ConversationState> {
    match cause {
        1 | 28 => Some(ConversationState::WrongNumber),
        17 => Some(ConversationState::Busy),
        21 => Some(ConversationState::Declined),
        26 => Some(ConversationState::TakenElsewhere),
        3 | 20 | 27 => Some(ConversationState::Unreachable),
        34 | 38 | 41 | 42 | 44 | 58 => Some(ConversationState::Failed),
        _ => None,
    }
}

/// Why nobody talked, by how rings ended; `None` when nothing rang.
pub(super) fn of_rings(states: impl Iterator<Item = ConversationState>) -> Option<MissedReason> {
    states
        .filter_map(reason)
        .min_by_key(|reason| weight(*reason))
}

/// Why nobody talked, by how one ring ended. That another phone took it is no reason.
pub(super) fn reason(state: ConversationState) -> Option<MissedReason> {
    match state {
        ConversationState::CallerGaveUp => Some(MissedReason::GaveUpRinging),
        ConversationState::NoAnswer => Some(MissedReason::NoAnswer),
        ConversationState::Declined => Some(MissedReason::Declined),
        ConversationState::Busy => Some(MissedReason::Busy),
        ConversationState::Unreachable => Some(MissedReason::Unreachable),
        ConversationState::WrongNumber => Some(MissedReason::WrongNumber),
        ConversationState::Failed => Some(MissedReason::Failed),
        ConversationState::NotSeen => Some(MissedReason::NotSeen),
        ConversationState::Ringing
        | ConversationState::Talking
        | ConversationState::Talked
        | ConversationState::TakenElsewhere
        | ConversationState::Forwarded => None,
    }
}

/// Of several reasons, the least is told: what the caller did, then what people did, then what machines did.
fn weight(reason: MissedReason) -> u8 {
    match reason {
        MissedReason::GaveUpRinging => 0,
        MissedReason::NoAnswer => 1,
        MissedReason::Declined => 2,
        MissedReason::Busy => 3,
        MissedReason::Unreachable => 4,
        MissedReason::WrongNumber => 5,
        MissedReason::Failed => 6,
        MissedReason::NobodyRung
        | MissedReason::GaveUpInMenu
        | MissedReason::GaveUpInQueue
        | MissedReason::Voicemail
        | MissedReason::AgentDidNotAnswer
        | MissedReason::NotSeen => 7,
    }
}

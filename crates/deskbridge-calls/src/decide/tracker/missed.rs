//! What came of a call.

use super::{
    channel::{Channel, GoneHow, Role},
    ending::was_taken,
    outcome,
    tracked::{Queue, TrackedCall},
};
use crate::call::{CallResult, Direction, MissedReason};

impl TrackedCall {
    pub(super) fn result(&self) -> CallResult {
        let conversations = &self.call.conversations;
        if conversations.iter().any(|talk| talk.answered_at.is_some()) {
            return CallResult::Answered;
        }
        let was_seen = |channel: &Channel| {
            !matches!(channel.gone.map(|gone| gone.how), Some(GoneHow::NotSeen))
        };
        if !self.channels.iter().all(was_seen) {
            return CallResult::Missed(MissedReason::NotSeen);
        }
        CallResult::Missed(match self.call.direction {
            Direction::Incoming => self.missed_incoming(),
            Direction::Outgoing => self.missed_outgoing(),
            Direction::Internal => self.missed_internal(),
        })
    }

    fn missed_incoming(&self) -> MissedReason {
        if self.has_voicemail {
            return MissedReason::Voicemail;
        }
        if self.queue == Queue::GaveUp {
            return MissedReason::GaveUpInQueue;
        }
        let states = self.call.conversations.iter().map(|ring| ring.state);
        if let Some(reason) = outcome::of_rings(states) {
            return reason;
        }
        self.missed_unrung()
    }

    /// Nothing rang.
    fn missed_unrung(&self) -> MissedReason {
        let caller = self
            .channels
            .iter()
            .find(|channel| channel.role != Role::Other);
        if caller.is_some_and(|caller| caller.hung_up) {
            return match self.queue {
                Queue::Waiting => MissedReason::GaveUpInQueue,
                Queue::Outside | Queue::GaveUp => MissedReason::GaveUpInMenu,
            };
        }
        if self.has_no_phone {
            return MissedReason::Unreachable;
        }
        let cause = match caller.and_then(|caller| caller.gone).map(|gone| gone.how) {
            Some(GoneHow::HungUp(cause)) => cause,
            Some(GoneHow::NotSeen) | None => 0,
        };
        outcome::of_cause(cause)
            .and_then(outcome::reason)
            .unwrap_or(MissedReason::NobodyRung)
    }

    fn missed_outgoing(&self) -> MissedReason {
        let mut clients = self.channels.iter().rev();
        let client = clients.find(|channel| channel.role == Role::Client);
        match client {
            // The client was called back, and answered.
            Some(client) if self.first_is_client() && was_taken(client) => {
                let states = self.call.conversations.iter().map(|ring| ring.state);
                match outcome::of_rings(states) {
                    Some(MissedReason::GaveUpRinging) => MissedReason::GaveUpRinging,
                    Some(_) => MissedReason::AgentDidNotAnswer,
                    None => self.missed_unrung(),
                }
            }
            Some(client) => {
                let state = self.called_state(client);
                outcome::reason(state).unwrap_or(MissedReason::GaveUpRinging)
            }
            // The phone that an order made ring.
            None if self.has_unanswered_order() => MissedReason::AgentDidNotAnswer,
            None => {
                let caller = self
                    .channels
                    .iter()
                    .find(|channel| channel.role == Role::First);
                match caller {
                    Some(_) if self.has_no_phone => MissedReason::Failed,
                    Some(caller) if caller.hung_up => MissedReason::GaveUpRinging,
                    _ => self.missed_unrung(),
                }
            }
        }
    }

    fn first_is_client(&self) -> bool {
        self.first().is_some_and(|first| first.role == Role::Client)
    }

    fn has_unanswered_order(&self) -> bool {
        self.first()
            .is_some_and(|first| first.dial.is_some() && !was_taken(first))
    }

    fn missed_internal(&self) -> MissedReason {
        let first = self.first().map(|first| &first.uniqueid);
        let rings = self.call.conversations.iter();
        let called = rings.filter(|ring| Some(&ring.uniqueid) != first);
        let states = called.map(|ring| ring.state);
        outcome::of_rings(states).unwrap_or_else(|| self.missed_unrung())
    }
}

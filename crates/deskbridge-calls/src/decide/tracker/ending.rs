//! How rings, waits and calls end.

use jiff::Timestamp;

use super::{
    channel::{Channel, Dial, DialEnded, DialStatus, Gone, GoneHow, Role},
    fact::{Fact, What},
    outcome::{self, Around},
    tracked::TrackedCall,
};
use crate::call::{ConversationState, Direction, Ended};

impl TrackedCall {
    /// Notes how dialling ended. A queue says it twice; the first is true.
    pub(super) fn note_dial_ended(&mut self, uniqueid: &str, at: Timestamp, status: DialStatus) {
        let Some(channel) = self.channel_mut(uniqueid) else {
            return;
        };
        if status == DialStatus::Answer {
            channel.is_up = true;
        }
        let dial = channel.dial.get_or_insert(Dial {
            began_at: channel.began_at,
            by: None,
            number: None,
            ended: None,
        });
        if dial.ended.is_none() {
            dial.ended = Some(DialEnded { at, status });
            self.has_changed = true;
        }
    }

    /// A channel is gone: so is its conversation, and those with the last client.
    pub(super) fn lose(
        &mut self,
        uniqueid: &str,
        at: Timestamp,
        how: GoneHow,
        facts: &mut Vec<Fact>,
    ) {
        self.mark_gone(uniqueid, at, how);
        self.reckon(at, facts);
        self.settle(facts);
    }

    pub(super) fn mark_gone(&mut self, uniqueid: &str, at: Timestamp, how: GoneHow) {
        if let Some(channel) = self.channel_mut(uniqueid)
            && channel.is_live()
        {
            channel.bridge = None;
            channel.gone = Some(Gone { at, how });
            self.has_changed = true;
        }
    }

    /// Ends the conversations that are over: whose channel is gone, or which the client is gone from.
    pub(super) fn settle(&mut self, facts: &mut Vec<Fact>) {
        let clients = self.channels.iter();
        let clients = clients.filter(|channel| channel.role == Role::Client);
        let gone_at = clients.map(|client| client.gone.map(|gone| gone.at));
        // `None` while a client is there, or when there was none.
        let alone_since = gone_at.collect::<Option<Vec<_>>>();
        let alone_since = alone_since.and_then(|instants| instants.into_iter().max());
        let mut over = Vec::new();
        for open in &self.call.conversations {
            if open.ended_at.is_some() {
                continue;
            }
            let Some(channel) = self.channel(open.uniqueid.as_str()) else {
                continue;
            };
            let ended_at = match (open.answered_at, channel.gone) {
                (Some(_), Some(gone)) => gone.at,
                (Some(_), None) => match alone_since {
                    Some(since) => since,
                    None => continue,
                },
                (None, Some(_)) if self.waits_for_outcome(channel) => continue,
                (None, Some(gone)) => {
                    let ended = channel.dial.as_ref().and_then(|dial| dial.ended);
                    let rang = ended.filter(|ended| ended.status != DialStatus::Answer);
                    rang.map_or(gone.at, |rang| rang.at)
                }
                (None, None) => continue,
            };
            let state = match open.answered_at {
                Some(_) => ConversationState::Talked,
                None => self.ring_state(channel),
            };
            over.push((open.uniqueid.clone(), ended_at, state));
        }
        for (uniqueid, ended_at, state) in over {
            self.end_conversation(uniqueid.as_str(), ended_at, state, facts);
        }
    }

    pub(super) fn end_conversation(
        &mut self,
        uniqueid: &str,
        ended_at: Timestamp,
        state: ConversationState,
        facts: &mut Vec<Fact>,
    ) {
        let Some(conversation) = self.open_conversation(uniqueid) else {
            return;
        };
        conversation.ended_at = Some(ended_at);
        conversation.state = state;
        let what = What::ConversationEnded {
            extension: conversation.extension.clone(),
            state,
            talked_ms: conversation.talked_ms,
        };
        self.has_changed = true;
        self.tell(facts, ended_at, what);
    }

    /// Whether somebody called, or was called by an order, and waits for those who are called then: how that ends says
    /// how the wait ended.
    fn is_waiting(&self, channel: &Channel) -> bool {
        let is_caller = match channel.role {
            Role::First => true,
            Role::Other => self
                .order()
                .is_some_and(|order| self.is_behind(channel, order)),
            Role::Client => false,
        };
        is_caller && (channel.dial.is_none() || was_taken(channel))
    }

    fn waits_for_outcome(&self, channel: &Channel) -> bool {
        self.is_waiting(channel) && self.called(channel).any(Channel::is_live)
    }

    /// Those who were called by whoever called: the client, or another agent.
    pub(super) fn called<'a>(&'a self, caller: &'a Channel) -> impl Iterator<Item = &'a Channel> {
        let has_client = self.has_client();
        self.channels.iter().filter(move |channel| {
            channel.uniqueid != caller.uniqueid
                && channel.dial.is_some()
                && (channel.role == Role::Client || (!has_client && channel.is_person()))
        })
    }

    fn ring_state(&self, channel: &Channel) -> ConversationState {
        if self.is_waiting(channel) {
            return self.wait_state(channel);
        }
        outcome::of_ring(channel, &self.around(channel))
    }

    /// How the wait of whoever called ended.
    fn wait_state(&self, caller: &Channel) -> ConversationState {
        let mut called: Vec<&Channel> = self.called(caller).collect();
        called.sort_by_key(|channel| channel.dial.as_ref().map(|dial| dial.began_at));
        let last = called.last().map(|last| self.called_state(last));
        match last {
            Some(state) => state,
            None if matches!(caller.gone.map(|gone| gone.how), Some(GoneHow::NotSeen)) => {
                ConversationState::NotSeen
            }
            None if caller.hung_up => ConversationState::CallerGaveUp,
            None => {
                let cause = match caller.gone.map(|gone| gone.how) {
                    Some(GoneHow::HungUp(cause)) => cause,
                    Some(GoneHow::NotSeen) | None => 0,
                };
                outcome::of_cause(cause).unwrap_or(ConversationState::Failed)
            }
        }
    }

    /// How calling somebody ended, for whoever called.
    pub(super) fn called_state(&self, channel: &Channel) -> ConversationState {
        match outcome::of_ring(channel, &self.around(channel)) {
            // They took it, and never met.
            ConversationState::TakenElsewhere => ConversationState::CallerGaveUp,
            state => state,
        }
    }

    fn around(&self, channel: &Channel) -> Around {
        let is_taken = self.live().any(|other| {
            other.uniqueid != channel.uniqueid
                && other.is_person()
                && other.is_up
                && !other.handed_over
                && !self.is_waiting(other)
        });
        let gave_up = self
            .channels
            .iter()
            .any(|caller| caller.role != Role::Other && caller.hung_up);
        Around {
            is_taken,
            gave_up,
            timed_out: self.has_timed_out(channel),
        }
    }

    /// Whether one of the local channels through which a phone was dialled ran out of time: then the phone itself is
    /// told that it was cancelled.
    fn has_timed_out(&self, channel: &Channel) -> bool {
        let mut behind = self.local_before(channel);
        // Pairs behind pairs; a chain that bites its tail does not exist, and would end here.
        for _ in 0..8 {
            let Some(local) = behind else {
                return false;
            };
            if local.dial_status() == Some(DialStatus::NoAnswer) {
                return true;
            }
            behind = self.local_before(local);
        }
        false
    }

    /// Ends the call, if no channel is left.
    pub(super) fn end_if_over(&mut self, at: Timestamp, facts: &mut Vec<Fact>) -> bool {
        if self.channels.iter().any(Channel::is_live) {
            return false;
        }
        self.settle(facts);
        self.notice_lack_of_trunks();
        let result = self.result();
        self.call.ended = Some(Ended { at, result });
        self.has_changed = true;
        self.tell(facts, at, What::Ended(result));
        true
    }

    /// An agent dialled a number outside, and the dialplan found no way there that it could have tried.
    fn notice_lack_of_trunks(&mut self) {
        let is_alone = self.channels.iter().all(|it| it.role == Role::First);
        if self.call.direction == Direction::Internal
            && self.has_no_phone
            && is_alone
            && let Some(dialled) = self.dialled_number.take()
        {
            self.call.direction = Direction::Outgoing;
            self.call.client = Some(dialled);
        }
    }
}

/// Whether somebody took the phone that was dialled.
pub(super) fn was_taken(channel: &Channel) -> bool {
    match channel.dial_status() {
        Some(status) => status == DialStatus::Answer,
        None => channel.is_up,
    }
}

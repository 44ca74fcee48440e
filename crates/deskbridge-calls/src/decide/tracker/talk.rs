//! Who hears whom, and what conversations that makes.

use jiff::Timestamp;

use super::{
    channel::{Channel, Role},
    fact::{Fact, What},
    tracked::{TrackedCall, between_ms},
};
use crate::call::{Conversation, ConversationState, Uniqueid};

/// How many conversations of a call are told; those that nobody answered are forgotten first. An hour in a queue
/// that rings ten phones every minute is 600.
const CONVERSATIONS_MAX: usize = 1_000;

impl TrackedCall {
    /// A phone rings for the client.
    pub(super) fn ring(&mut self, uniqueid: &str, at: Timestamp, facts: &mut Vec<Fact>) {
        if self.open_conversation(uniqueid).is_some() {
            return;
        }
        let Some(extension) = self.channel(uniqueid).and_then(Channel::number) else {
            return;
        };
        let extension = extension.to_owned();
        self.notice_redirection(&extension, at, facts);
        self.converse(uniqueid, at);
        self.tell(facts, at, What::Rings { extension });
    }

    /// Begins a conversation on a channel.
    pub(super) fn converse(&mut self, uniqueid: &str, began_at: Timestamp) {
        let Some(channel) = self.channel(uniqueid) else {
            return;
        };
        let Some(extension) = channel.number() else {
            return;
        };
        let conversation = Conversation {
            uniqueid: channel.uniqueid.clone(),
            extension: extension.to_owned(),
            outside: channel.extension().is_none(),
            began_at,
            answered_at: None,
            talked_ms: 0,
            ended_at: None,
            state: ConversationState::Ringing,
        };
        let conversations = &mut self.call.conversations;
        if conversations.len() >= CONVERSATIONS_MAX {
            let is_least = |old: &Conversation| old.ended_at.is_some() && old.answered_at.is_none();
            match conversations.iter().position(is_least) {
                Some(least) => drop(conversations.remove(least)),
                None => return,
            }
        }
        let place = conversations.partition_point(|earlier| earlier.began_at <= began_at);
        conversations.insert(place, conversation);
        self.has_changed = true;
    }

    pub(super) fn open_conversation(&mut self, uniqueid: &str) -> Option<&mut Conversation> {
        let conversations = self.call.conversations.iter_mut().rev();
        conversations
            .filter(|conversation| conversation.ended_at.is_none())
            .find(|conversation| conversation.uniqueid.as_str() == uniqueid)
    }

    /// Moves a channel into a bridge, or out of every one.
    pub(super) fn put(&mut self, uniqueid: &str, bridge: Option<&str>) {
        if let Some(channel) = self.channel_mut(uniqueid)
            && channel.is_live()
            && channel.bridge.as_deref() != bridge
        {
            channel.bridge = bridge.map(str::to_owned);
            self.has_changed = true;
        }
    }

    /// Finds out who hears whom, after somebody moved.
    pub(super) fn reckon(&mut self, at: Timestamp, facts: &mut Vec<Fact>) {
        let heard = self.heard();
        let mut began = Vec::new();
        for (channel, is_heard) in self.channels.iter_mut().zip(heard) {
            match channel.talking_since {
                None if is_heard && !channel.handed_over => {
                    channel.talking_since = Some(at);
                    began.push(channel.uniqueid.clone());
                }
                Some(since) if !is_heard => {
                    channel.talking_since = None;
                    channel.heard_until = Some(at);
                    let uniqueid = &channel.uniqueid;
                    let mut conversations = self.call.conversations.iter_mut().rev();
                    let talk = conversations.find(|talk| talk.uniqueid == *uniqueid);
                    if let Some(talk) = talk {
                        talk.talked_ms += between_ms(since, at);
                    }
                    self.has_changed = true;
                }
                None | Some(_) => {}
            }
        }
        for uniqueid in began {
            self.begin_talk(&uniqueid, at, facts);
        }
    }

    fn begin_talk(&mut self, uniqueid: &Uniqueid, at: Timestamp, facts: &mut Vec<Fact>) {
        self.has_changed = true;
        if self.open_conversation(uniqueid.as_str()).is_none() {
            let Some(channel) = self.channel(uniqueid.as_str()) else {
                return;
            };
            // A second conversation on the same channel began when they met again.
            let began_at = match (&channel.dial, channel.heard_until) {
                (_, Some(_)) => at,
                (Some(dial), None) => dial.began_at,
                (None, None) => channel.began_at,
            };
            self.converse(uniqueid.as_str(), began_at);
        }
        let Some(conversation) = self.open_conversation(uniqueid.as_str()) else {
            return;
        };
        conversation.state = ConversationState::Talking;
        if conversation.answered_at.is_none() {
            conversation.answered_at = Some(at);
            let extension = conversation.extension.clone();
            self.tell(facts, at, What::Answered { extension });
        }
    }

    /// For every channel, whether the client can hear who is at it; in a call without a client, another agent.
    fn heard(&self) -> Vec<bool> {
        let mut heard = vec![false; self.channels.len()];
        let has_client = self.has_client();
        let is_other_side = |channel: &Channel| {
            channel.is_live()
                && match channel.role {
                    Role::Client => true,
                    Role::First | Role::Other => !has_client && channel.is_person(),
                }
        };
        for (from, side) in self.channels.iter().enumerate() {
            if !is_other_side(side) || side.bridge.is_none() {
                continue;
            }
            for reached in self.reach(from) {
                let is_person = self.channels.get(reached).is_some_and(Channel::is_person);
                if let Some(heard) = heard.get_mut(reached)
                    && is_person
                    && reached != from
                {
                    *heard = true;
                }
            }
        }
        heard
    }

    /// The places of all channels that hear one, itself among them.
    fn reach(&self, from: usize) -> Vec<usize> {
        let mut reached = vec![from];
        let mut next = 0;
        while let Some(place) = reached.get(next).copied() {
            next += 1;
            let Some(one) = self.channels.get(place) else {
                continue;
            };
            for (other_place, other) in self.channels.iter().enumerate() {
                if one.hears(other) && !reached.contains(&other_place) {
                    reached.push(other_place);
                }
            }
        }
        reached
    }

    /// Whether the client hears a channel.
    pub(super) fn is_with_client(&self, uniqueid: &str) -> bool {
        let Some(from) = self
            .channels
            .iter()
            .position(|channel| channel.uniqueid.as_str() == uniqueid)
        else {
            return false;
        };
        let reached = self.reach(from);
        let mut reached = reached.iter().filter_map(|place| self.channels.get(*place));
        reached.any(|channel| channel.role == Role::Client)
    }
}

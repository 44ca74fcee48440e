//! Two calls that become one: a consultation before a transfer, a phone that picks up or fetches a parked client.

use jiff::Timestamp;

use super::{
    Joined, Step, Tracker,
    channel::{Channel, Role},
    fact::What,
    tracked::TrackedCall,
};
use crate::call::{Conversation, ConversationState, Linkedid};

impl Tracker {
    /// Joins two open calls, and says how the one is called that remains.
    ///
    /// The PBX goes on with the older one. We go on with the one that has a client, whichever is older: that is the call
    /// that others know of.
    pub(super) fn join(
        &mut self,
        one: Linkedid,
        other: Linkedid,
        at: Timestamp,
        step: &mut Step,
    ) -> Linkedid {
        if one == other {
            return one;
        }
        let rank = |linkedid: &Linkedid| {
            let call = self.calls.get(linkedid);
            call.map(|call| (!call.has_client(), call.call.started_at))
        };
        let (remains, goes) = if rank(&one) <= rank(&other) {
            (one, other)
        } else {
            (other, one)
        };
        let Some(gone) = self.calls.remove(&goes) else {
            return remains;
        };
        let Some(call) = self.calls.get_mut(&remains) else {
            self.calls.insert(goes.clone(), gone);
            return goes;
        };
        for channel in gone.live() {
            self.channels
                .insert(channel.uniqueid.clone(), remains.clone());
            if let Some(bridge) = &channel.bridge {
                self.bridges.insert(bridge.clone(), remains.clone());
            }
        }
        for alias in gone.call.joined.iter().chain([&goes]) {
            self.aliases.insert(alias.clone(), remains.clone());
        }
        step.changed.retain(|changed| *changed != goes);
        step.joined.push(Joined {
            call: gone.call.clone(),
            into: remains.clone(),
        });
        call.tell(&mut step.facts, at, What::Joined { joined: goes });
        call.absorb(*gone);
        call.reckon(at, &mut step.facts);
        remains
    }
}

impl TrackedCall {
    /// Takes over what belongs to another call.
    ///
    /// When there is a client in this one, what was said in the other was not said to them: of its conversations only
    /// phones that may yet meet the client remain, as if they had rung until now.
    fn absorb(&mut self, gone: Self) {
        let has_client = self.has_client();
        let Self { call, channels, .. } = gone;
        for mut conversation in call.conversations {
            let channel = channels
                .iter()
                .find(|it| it.uniqueid == conversation.uniqueid);
            if has_client {
                if !channel.is_some_and(|channel| may_yet_meet(channel, &conversation)) {
                    continue;
                }
                conversation.answered_at = None;
                conversation.talked_ms = 0;
                conversation.state = ConversationState::Ringing;
            }
            self.call.conversations.push(conversation);
        }
        self.call.conversations.sort_by_key(|talk| talk.began_at);
        for mut channel in channels {
            if has_client {
                channel.role = Role::Other;
                channel.talking_since = None;
                channel.heard_until = None;
            } else if channel.role == Role::First {
                channel.role = Role::Other;
            }
            self.add(channel);
        }
        self.call.joined.push(call.linkedid);
        self.call.joined.extend(call.joined);
        self.call.transfers.extend(call.transfers);
        self.call.transfers.sort_by_key(|transfer| transfer.at);
        self.call.recordings.extend(call.recordings);
        self.call
            .recordings
            .sort_by_key(|recording| recording.began_at);
        self.call.started_at = self.call.started_at.min(call.started_at);
        self.call.originated = self.call.originated.take().or(call.originated);
        self.has_changed = true;
    }
}

fn may_yet_meet(channel: &Channel, conversation: &Conversation) -> bool {
    channel.is_live() && channel.dial.is_some() && conversation.ended_at.is_none()
}

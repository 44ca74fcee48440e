//! Who is dialled for what: the client, a phone for the client, a colleague who is asked meanwhile.

use jiff::Timestamp;

use super::{
    channel::{Channel, Half, Party, Role, Snapshot},
    fact::{Fact, What},
    tracked::TrackedCall,
};
use crate::call::Direction;

impl TrackedCall {
    /// A channel is dialled: the client's, a phone that rings for the client, or one that an agent asks meanwhile.
    pub(super) fn dialled(&mut self, dest: &Snapshot<'_>, at: Timestamp, facts: &mut Vec<Fact>) {
        let Some(channel) = self.channel(dest.uniqueid) else {
            return;
        };
        if channel.role == Role::Client {
            // The order called the client first.
            self.call_client(dest, at, facts);
            return;
        }
        match channel.party {
            Party::Trunk { .. } if self.is_call_to_client(channel) => {
                self.call_client(dest, at, facts);
            }
            Party::Trunk { .. } | Party::Agent { .. } => {
                if self.is_asked_meanwhile(channel) {
                    return;
                }
                if self.is_from_agent_to_agent(channel) {
                    self.call.direction = Direction::Internal;
                }
                self.ring(dest.uniqueid, at, facts);
            }
            Party::Local { .. } | Party::Nobody => {}
        }
    }

    /// Outside is the client, unless they are in the call already.
    fn is_call_to_client(&self, channel: &Channel) -> bool {
        let number = channel
            .dial
            .as_ref()
            .and_then(|dial| dial.number.as_deref());
        let is_same = number.is_some() && number == self.call.client.as_deref();
        let mut clients = self.live().filter(|live| live.role == Role::Client);
        self.call.direction != Direction::Incoming && (is_same || clients.next().is_none())
    }

    fn call_client(&mut self, dest: &Snapshot<'_>, at: Timestamp, facts: &mut Vec<Fact>) {
        let was_reached = self
            .channels
            .iter()
            .any(|channel| channel.role == Role::Client && channel.is_up);
        let Some(channel) = self.channel_mut(dest.uniqueid) else {
            return;
        };
        channel.role = Role::Client;
        let number = channel.dial.as_ref().and_then(|dial| dial.number.clone());
        let endpoint = match &channel.party {
            Party::Trunk { endpoint, .. } => Some(endpoint.clone()),
            Party::Agent { .. } | Party::Local { .. } | Party::Nobody => None,
        };
        self.has_changed = true;
        self.call.direction = Direction::Outgoing;
        let line = dest.connected().map(String::from);
        if !was_reached {
            self.call.client = number.or(self.call.client.take());
            self.call.trunk = endpoint;
            self.call.line = line.filter(|line| {
                let mut rings = self.call.conversations.iter();
                !rings.any(|ring| ring.extension == *line)
            });
        }
        let (client, line) = (self.call.client.clone(), self.call.line.clone());
        self.tell(facts, at, What::Dials { client, line });
    }

    /// Whether a phone is dialled by an agent who has put the client on hold: through a local pair that nobody dialled,
    /// and that the client does not hear.
    fn is_asked_meanwhile(&self, channel: &Channel) -> bool {
        let Some(local) = self.local_before(channel) else {
            return false;
        };
        let is_dialled = local.dial.as_ref().is_some_and(|dial| dial.by.is_some());
        self.has_client()
            && !is_dialled
            && local.role != Role::First
            && !self.is_with_client(local.uniqueid.as_str())
    }

    /// Whether the agent whom an order called first is put through to another.
    fn is_from_agent_to_agent(&self, channel: &Channel) -> bool {
        let is_ordered = self.call.direction == Direction::Outgoing && !self.has_client();
        let first = self.first().filter(|first| first.role == Role::First);
        is_ordered
            && channel.extension().is_some()
            && first.is_some_and(|first| {
                first.uniqueid != channel.uniqueid && !self.is_behind(channel, first)
            })
    }

    /// The dialled half of the local pair that dialled a channel.
    pub(super) fn local_before(&self, channel: &Channel) -> Option<&Channel> {
        let by = channel.dial.as_ref()?.by.as_ref()?;
        let by = self.channel(by.as_str())?;
        let is_two = matches!(
            by.party,
            Party::Local {
                half: Half::Two,
                ..
            }
        );
        let other_half = |other: &&Channel| is_two && other.is_other_half(by);
        self.channels.iter().find(other_half)
    }

    pub(super) fn is_behind(&self, channel: &Channel, local: &Channel) -> bool {
        let before = self.local_before(channel);
        before.is_some_and(|before| before.uniqueid == local.uniqueid)
    }

    /// The first channel, if it is a local one, as in an order that reaches a phone through the dialplan.
    pub(super) fn order(&self) -> Option<&Channel> {
        self.first()
            .filter(|first| matches!(first.party, Party::Local { .. }))
    }
}

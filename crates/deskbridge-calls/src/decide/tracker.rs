//! What the PBX says, made into calls.
//!
//! One state machine a call: events in, what is known of the call out. Nothing here waits or asks, so a recorded stream
//! gives the same calls as the live one. The truth is in who was dialled and who stood in a bridge with whom; causes of
//! hangups, states of channels and call detail records are not.
//!
//! Invariants: a call ends once, and never begins again; who was once answered is not missed; what a restart of ours or
//! a lost connection hides is told when it is found out, never guessed earlier.
//!
//! Not here: what the CRM is to hold of a call, and how the stream is read.

mod channel;
mod dialled;
mod ending;
mod events;
mod fact;
mod join;
mod missed;
mod outcome;
mod resync;
mod settings;
mod talk;
#[cfg(test)]
mod tests;
mod tracked;
mod transfer;
mod wanted;

use std::collections::{HashMap, HashSet, VecDeque};

use ami::Message;
use jiff::{SignedDuration, Timestamp};

use self::channel::{Channel, GoneHow, Party, Snapshot};
pub use self::{
    events::happened_at,
    fact::{Fact, What},
    resync::Listing,
    settings::{Pattern, Settings},
    tracked::TrackedCall,
    wanted::{of_channels, wanted},
};
use crate::call::{Call, Linkedid, Uniqueid};

/// How many ended calls are remembered by name, so that what comes late does not begin them anew.
const OVER_MAX: usize = 4_096;
/// How many endpoints are remembered. More is no PBX but somebody who invents names.
const LEARNT_MAX: usize = 20_000;

/// Follows the calls of one PBX.
#[derive(Debug)]
pub struct Tracker {
    settings: Settings,
    /// Boxed, because a map that grows has room for twice as many.
    calls: HashMap<Linkedid, Box<TrackedCall>>,
    /// The call of every live channel.
    channels: HashMap<Uniqueid, Linkedid>,
    /// The call of every bridge in which somebody is.
    bridges: HashMap<String, Linkedid>,
    /// Under which name a call goes on that was joined into another.
    aliases: HashMap<Linkedid, Linkedid>,
    over: Over,
    /// Whether an endpoint is a phone, for those that said so.
    learnt: HashMap<String, bool>,
}

/// What one event, or one look at the PBX, showed.
#[derive(Debug, Default, PartialEq)]
pub struct Step {
    /// What happened, in order.
    pub facts: Vec<Fact>,
    /// Open calls that are other than before, in what is told of them or in what is kept to follow them;
    /// [`Tracker::call`] has them.
    pub changed: Vec<Linkedid>,
    /// Calls that became part of another one, which is among the changed.
    pub joined: Vec<Joined>,
    /// Calls that ended. The tracker keeps them no more.
    pub ended: Vec<Call>,
}

/// A call that became part of another one.
#[derive(Clone, Debug, PartialEq)]
pub struct Joined {
    /// As it was before.
    pub call: Call,
    /// The other one.
    pub into: Linkedid,
}

/// The names of calls that ended last.
#[derive(Debug, Default)]
struct Over {
    names: HashSet<Linkedid>,
    order: VecDeque<Linkedid>,
}

impl Over {
    fn add(&mut self, linkedid: Linkedid) {
        if self.names.insert(linkedid.clone()) {
            self.order.push_back(linkedid);
        }
        if self.order.len() > OVER_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.names.remove(&oldest);
        }
    }
}

impl Tracker {
    /// Follows a PBX of which nothing is known.
    pub fn new(settings: Settings) -> Self {
        Self::restored(settings, [])
    }

    /// Goes on after a restart of ours with the calls that were kept.
    ///
    /// Tell it of the time in between by [`disconnected`](Self::disconnected) and [`resync`](Self::resync).
    pub fn restored(settings: Settings, calls: impl IntoIterator<Item = TrackedCall>) -> Self {
        let mut tracker = Self {
            settings,
            calls: HashMap::new(),
            channels: HashMap::new(),
            bridges: HashMap::new(),
            aliases: HashMap::new(),
            over: Over::default(),
            learnt: HashMap::new(),
        };
        for call in calls {
            let linkedid = call.call.linkedid.clone();
            for channel in call.live() {
                let uniqueid = channel.uniqueid.clone();
                tracker.channels.insert(uniqueid, linkedid.clone());
                if let Some(bridge) = &channel.bridge {
                    tracker.bridges.insert(bridge.clone(), linkedid.clone());
                }
            }
            for joined in &call.call.joined {
                tracker.aliases.insert(joined.clone(), linkedid.clone());
            }
            tracker.calls.insert(linkedid, Box::new(call));
        }
        tracker
    }

    /// Every open call, in no order.
    pub fn calls(&self) -> impl ExactSizeIterator<Item = &TrackedCall> {
        self.calls.values().map(Box::as_ref)
    }

    /// An open call, also by the name of one that became part of it.
    pub fn call(&self, linkedid: &Linkedid) -> Option<&TrackedCall> {
        let call = self.calls.get(self.resolved(linkedid.as_str())?);
        call.map(Box::as_ref)
    }

    /// Takes one event, in the order of the stream. `received_at` is when it happened if the PBX does not say so (it
    /// does with `timestampevents`).
    pub fn step(&mut self, message: &Message, received_at: Timestamp) -> Step {
        let mut step = Step::default();
        if let Some(event) = message.event() {
            self.event(event, message, received_at, &mut step);
        }
        step
    }

    /// The connection was lost, or this program stopped, at `at`: what happens from then on is not seen.
    pub fn disconnected(&mut self, at: Timestamp) -> Step {
        let mut step = Step::default();
        for (linkedid, call) in &mut self.calls {
            if call.unseen_since.is_none() {
                call.unseen_since = Some(at);
                step.changed.push(linkedid.clone());
            }
        }
        step.changed.sort();
        step
    }

    /// Gives up calls that have been open for longer than any call lasts.
    pub fn expire(&mut self, now: Timestamp) -> Step {
        let open_for_max = SignedDuration::from_hours(self.settings.open_hours_max.into());
        let is_old = |call: &&TrackedCall| now.duration_since(call.call.started_at) > open_for_max;
        let old = self.calls().filter(is_old);
        let mut old: Vec<Linkedid> = old.map(|call| call.call.linkedid.clone()).collect();
        old.sort();
        let mut step = Step::default();
        for linkedid in old {
            self.give_up(&linkedid, now, &mut step);
        }
        step
    }

    /// Ends a call that nobody saw the end of.
    fn give_up(&mut self, linkedid: &Linkedid, at: Timestamp, step: &mut Step) {
        let Some(call) = self.calls.get_mut(linkedid) else {
            return;
        };
        let live = call
            .live()
            .map(|channel| (channel.uniqueid.clone(), channel.bridge.clone()));
        for (uniqueid, bridge) in live.collect::<Vec<_>>() {
            self.channels.remove(&uniqueid);
            call.lose(uniqueid.as_str(), at, GoneHow::NotSeen, &mut step.facts);
            if let Some(bridge) = bridge {
                self.bridges.remove(&bridge);
            }
        }
        self.finish(linkedid, at, step);
    }

    /// The open call of a name, under the name that it goes by.
    fn resolved<'a>(&'a self, linkedid: &str) -> Option<&'a Linkedid> {
        let known = self.calls.get_key_value(linkedid).map(|(name, _)| name);
        known.or_else(|| self.aliases.get(linkedid))
    }

    /// Ends the call if it is over, and notes what became of it.
    fn finish(&mut self, linkedid: &Linkedid, at: Timestamp, step: &mut Step) {
        let Some(call) = self.calls.get_mut(linkedid) else {
            return;
        };
        if !call.end_if_over(at, &mut step.facts) {
            if std::mem::take(&mut call.has_changed) && !step.changed.contains(linkedid) {
                step.changed.push(linkedid.clone());
            }
            return;
        }
        let Some(ended) = self.calls.remove(linkedid) else {
            return;
        };
        let TrackedCall { call, .. } = *ended;
        step.changed.retain(|changed| changed != linkedid);
        for joined in &call.joined {
            self.aliases.remove(joined);
            self.over.add(joined.clone());
        }
        self.over.add(linkedid.clone());
        step.ended.push(call);
    }

    /// Remembers what an endpoint is that said so.
    fn learn(&mut self, name: &str, party: &Party) {
        let is_phone = match party {
            Party::Agent { .. } => true,
            Party::Trunk { is_guess, .. } if !is_guess => false,
            Party::Trunk { .. } | Party::Local { .. } | Party::Nobody => return,
        };
        let endpoint = name
            .split_once('/')
            .map(|(_, rest)| settings::endpoint(rest));
        let Some(endpoint) = endpoint else {
            return;
        };
        if !self.learnt.contains_key(endpoint) && self.learnt.len() < LEARNT_MAX {
            self.learnt.insert(endpoint.to_owned(), is_phone);
        }
    }

    fn learnt(&self, name: &str) -> Option<bool> {
        let (_, rest) = name.split_once('/')?;
        self.learnt.get(settings::endpoint(rest)).copied()
    }

    /// Makes room for one more call.
    fn make_room(&mut self, at: Timestamp, step: &mut Step) {
        if self.calls.len() < self.settings.open_calls_max.max(1) {
            return;
        }
        let oldest = self.calls.values().min_by_key(|call| call.call.started_at);
        if let Some(oldest) = oldest.map(|call| call.call.linkedid.clone()) {
            self.give_up(&oldest, at, step);
        }
    }

    /// Adds a channel to an open call.
    fn add(&mut self, linkedid: &Linkedid, channel: Channel) {
        let uniqueid = channel.uniqueid.clone();
        if let Some(call) = self.calls.get_mut(linkedid)
            && call.add(channel)
        {
            self.channels.insert(uniqueid, linkedid.clone());
        }
    }

    /// The open call that a channel of an event belongs to now. When the PBX has given it to another call meanwhile,
    /// which it tells by nothing else, the two become one.
    fn place(
        &mut self,
        channel: &Snapshot<'_>,
        at: Timestamp,
        step: &mut Step,
    ) -> Option<Linkedid> {
        let ours = self.channels.get(channel.uniqueid)?;
        let Some(linkedid) = channel.linkedid().filter(|named| *named != ours.as_str()) else {
            return Some(ours.clone());
        };
        let ours = ours.clone();
        let Some(theirs) = self.resolved(linkedid).cloned() else {
            // It joined a call that we know nothing of, and whose other channels may yet come to be known.
            if !self.over.names.contains(linkedid)
                && let Some(call) = self.calls.get_mut(&ours)
            {
                let alias = Linkedid::new(linkedid);
                call.call.joined.push(alias.clone());
                call.has_changed = true;
                self.aliases.insert(alias, ours.clone());
            }
            return Some(ours);
        };
        Some(self.join(ours, theirs, at, step))
    }
}

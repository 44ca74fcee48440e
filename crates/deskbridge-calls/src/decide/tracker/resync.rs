//! After a while of not seeing: what is there now, and what must have gone.

use std::collections::{BTreeMap, HashSet};

use ami::Message;
use jiff::{SignedDuration, Timestamp};

use super::{
    Step, Tracker,
    channel::{
        Channel, Dial, DialEnded, DialStatus, GoneHow, Keys, Party, Role, Snapshot, id, is_number,
    },
    fact::What,
    settings::Notice,
    tracked::TrackedCall,
};
use crate::call::{Direction, Linkedid, Uniqueid};

/// The channels that the PBX lists, from `CoreShowChannels` and, for the files that are recorded to, `Status`.
///
/// Either list alone will do. A list that was not read to its end will not: what is missing in it is taken for gone.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// By uniqueid.
    channels: BTreeMap<String, Listed>,
}

#[derive(Clone, Debug)]
struct Listed {
    /// The first item that named the channel.
    item: Message,
    /// The called number, and the file that it is recorded to.
    line: Option<String>,
    path: Option<String>,
}

impl Listing {
    /// Takes an item of a list; what is none is passed over.
    pub fn add(&mut self, item: &Message) {
        if !matches!(item.event(), Some("CoreShowChannel" | "Status")) {
            return;
        }
        let Some(uniqueid) = item.get("Uniqueid").and_then(id) else {
            return;
        };
        let listed = self.channels.entry(uniqueid.to_owned());
        let listed = listed.or_insert_with(|| Listed {
            item: item.clone(),
            line: None,
            path: None,
        });
        let line = item.known("DNID").filter(|line| is_number(line));
        listed.line = listed.line.take().or(line.map(Into::into));
        let path = item.all("Variable").find_map(|variable| {
            let path = variable.strip_prefix(b"MIXMONITOR_FILENAME=")?;
            let is_path = !matches!(path, b"" | b"(null)");
            is_path.then(|| String::from_utf8_lossy(path).into_owned())
        });
        listed.path = listed.path.take().or(path);
    }

    fn snapshots(&self) -> impl Iterator<Item = (&Listed, Snapshot<'_>)> {
        let listed = self.channels.values();
        listed.filter_map(|listed| Some((listed, Snapshot::read(&listed.item, &Keys::PLAIN)?)))
    }
}

impl Listed {
    fn bridge(&self) -> Option<&str> {
        self.item.get("BridgeId").and_then(id)
    }

    /// When the channel began: both lists count whole seconds since.
    fn began_at(&self, now: Timestamp) -> Timestamp {
        let clock = self.item.text("Duration").unwrap_or_default();
        let mut parts = clock.split(':').map(|part| part.parse::<u32>().ok());
        let clock = parts.try_fold(0_u64, |sum, part| Some(sum * 60 + u64::from(part?)));
        let plain = self.item.text("Seconds").and_then(|text| text.parse().ok());
        let seconds = plain
            .or(clock)
            .and_then(|seconds| i64::try_from(seconds).ok());
        let lived_for = SignedDuration::from_secs(seconds.unwrap_or_default());
        now.checked_sub(lived_for).unwrap_or(now)
    }

    fn application(&self) -> &[u8] {
        self.item.get("Application").unwrap_or_default()
    }

    /// Whether it was dialled.
    fn is_dialled(&self) -> bool {
        matches!(self.application(), b"AppDial" | b"AppDial2" | b"AppQueue")
    }

    fn is_parked(&self) -> bool {
        self.application().starts_with(b"Park")
    }
}

impl Tracker {
    /// Brings the calls in line with what the PBX lists now, after a connection was made again.
    ///
    /// To be asked where the end of the lists stands in the stream: the PBX holds events back while it lists, so what
    /// comes later happened later. What went unseen is told as ended, at the instant of
    /// [`disconnected`](Self::disconnected).
    pub fn resync(&mut self, listing: &Listing, now: Timestamp) -> Step {
        let mut step = Step::default();
        for (_, snapshot) in listing.snapshots() {
            let _placed = self.place(&snapshot, now, &mut step);
        }
        let mut calls: Vec<Linkedid> = self.calls.keys().cloned().collect();
        calls.sort();
        for linkedid in &calls {
            self.lose_unlisted(linkedid, listing, now, &mut step);
        }
        let mut adopted: BTreeMap<Linkedid, Vec<Uniqueid>> = BTreeMap::new();
        for (listed, snapshot) in listing.snapshots() {
            let Some(linkedid) = self.channels.get(snapshot.uniqueid).cloned() else {
                if let Some(linkedid) = self.adopt(listed, &snapshot, now, &mut step) {
                    let uniqueid = Uniqueid::new(snapshot.uniqueid);
                    adopted.entry(linkedid).or_default().push(uniqueid);
                }
                continue;
            };
            if let Some(call) = self.calls.get_mut(&linkedid) {
                call.seen();
                if snapshot.state() == b"6" {
                    call.note_up(snapshot.uniqueid);
                }
                call.put(snapshot.uniqueid, listed.bridge());
            }
        }
        for (linkedid, channels) in &adopted {
            if let Some(call) = self.calls.get_mut(linkedid) {
                call.understand(channels, listing, now, &mut step);
            }
        }
        self.join_bridged(listing, now, &mut step);
        let mut calls: Vec<Linkedid> = self.calls.keys().cloned().collect();
        calls.sort();
        for linkedid in &calls {
            self.bring_in_line(linkedid, listing, now, &mut step);
        }
        step
    }

    fn lose_unlisted(
        &mut self,
        linkedid: &Linkedid,
        listing: &Listing,
        now: Timestamp,
        step: &mut Step,
    ) {
        let Some(call) = self.calls.get_mut(linkedid) else {
            return;
        };
        let is_lost =
            |channel: &&Channel| !listing.channels.contains_key(channel.uniqueid.as_str());
        let lost = call.live().filter(is_lost);
        let lost: Vec<Uniqueid> = lost.map(|channel| channel.uniqueid.clone()).collect();
        if lost.is_empty() {
            return;
        }
        let at = call.unseen_since.unwrap_or(now);
        for uniqueid in lost {
            self.channels.remove(&uniqueid);
            call.mark_gone(uniqueid.as_str(), at, GoneHow::NotSeen);
        }
        call.reckon(at, &mut step.facts);
    }

    /// Takes in a channel that was not known.
    fn adopt(
        &mut self,
        listed: &Listed,
        snapshot: &Snapshot<'_>,
        now: Timestamp,
        step: &mut Step,
    ) -> Option<Linkedid> {
        let named = snapshot.linkedid()?;
        if self.over.names.contains(named) {
            return None;
        }
        let began_at = listed.began_at(now);
        let mut channel = self.channel_of(snapshot, Notice::Listed, began_at);
        if channel.party == Party::Nobody {
            return None;
        }
        channel.bridge = listed.bridge().map(str::to_owned);
        channel.dial = listed.is_dialled().then(|| Dial {
            began_at,
            by: None,
            number: snapshot.caller().map(Into::into),
            ended: channel.is_up.then_some(DialEnded {
                at: now,
                status: DialStatus::Answer,
            }),
        });
        let known = self.resolved(named).cloned();
        let linkedid = match known {
            Some(known) => known,
            None => {
                self.make_room(now, step);
                let linkedid = Linkedid::new(named);
                let mut call = TrackedCall::new(linkedid.clone(), Direction::Internal, began_at);
                if self.settings.is_ours(named) {
                    call.call.originated = Some(named.to_owned());
                }
                self.calls.insert(linkedid.clone(), call);
                linkedid
            }
        };
        let call = self.calls.get(&linkedid)?;
        if call.channel(snapshot.uniqueid).is_some() {
            // It was seen to go: the list is older than that.
            return None;
        }
        self.add(&linkedid, channel);
        Some(linkedid)
    }

    /// Notes which call is in which bridge. Two calls in one bridge are one, but for clients who are parked beside one
    /// another and hear nothing.
    fn join_bridged(&mut self, listing: &Listing, now: Timestamp, step: &mut Step) {
        self.bridges.clear();
        let mut with_agents = HashSet::new();
        let mut together = Vec::new();
        for (listed, snapshot) in listing.snapshots() {
            let linkedid = self.channels.get(snapshot.uniqueid);
            let (Some(bridge), Some(linkedid)) = (listed.bridge(), linkedid) else {
                continue;
            };
            let channel = self.calls.get(linkedid);
            let channel = channel.and_then(|call| call.channel(snapshot.uniqueid));
            if channel.is_some_and(|channel| channel.extension().is_some()) && !listed.is_parked() {
                with_agents.insert(bridge);
            }
            match self.bridges.get(bridge) {
                Some(first) if first != linkedid => {
                    together.push((bridge, first.clone(), linkedid.clone()));
                }
                Some(_) => {}
                None => {
                    self.bridges.insert(bridge.to_owned(), linkedid.clone());
                }
            }
        }
        for (bridge, one, other) in together {
            let one = self.resolved(one.as_str()).cloned();
            let other = self.resolved(other.as_str()).cloned();
            if let (Some(one), Some(other)) = (one, other)
                && with_agents.contains(bridge)
            {
                self.join(one, other, now, step);
            }
        }
    }

    fn bring_in_line(
        &mut self,
        linkedid: &Linkedid,
        listing: &Listing,
        now: Timestamp,
        step: &mut Step,
    ) {
        let Some(call) = self.calls.get_mut(linkedid) else {
            return;
        };
        let paths: Vec<(Uniqueid, String)> = call
            .live()
            .filter_map(|channel| {
                let listed = listing.channels.get(channel.uniqueid.as_str())?;
                Some((channel.uniqueid.clone(), listed.path.clone()?))
            })
            .collect();
        for (uniqueid, path) in paths {
            call.record(uniqueid.as_str(), &path, now, &mut step.facts);
        }
        let is_over = call.live().next().is_none();
        if !is_over {
            call.reckon(now, &mut step.facts);
            call.settle(&mut step.facts);
        }
        let ended_at = call.unseen_since.filter(|_| is_over).unwrap_or(now);
        self.finish(linkedid, ended_at, step);
    }
}

impl TrackedCall {
    /// Makes out what channels are that were there before we looked.
    fn understand(
        &mut self,
        channels: &[Uniqueid],
        listing: &Listing,
        now: Timestamp,
        step: &mut Step,
    ) {
        self.seen();
        if channels.contains(&Uniqueid::new(self.call.linkedid.as_str())) || self.first().is_none()
        {
            self.understand_first(channels, listing, step);
        }
        for uniqueid in channels {
            let Some(channel) = self.channel(uniqueid.as_str()) else {
                continue;
            };
            let is_dialled = channel.dial.is_some();
            match (&channel.party, channel.role) {
                (Party::Agent { .. }, Role::First) if !is_dialled => {
                    let began_at = channel.began_at;
                    self.converse(uniqueid.as_str(), began_at);
                }
                (Party::Agent { .. } | Party::Trunk { .. }, Role::First | Role::Other)
                    if is_dialled && !channel.is_up =>
                {
                    self.ring(uniqueid.as_str(), now, &mut step.facts);
                }
                _ => {}
            }
        }
    }

    /// Who called whom, as far as that can be seen later.
    fn understand_first(&mut self, channels: &[Uniqueid], listing: &Listing, step: &mut Step) {
        let is_trunk = |channel: &&Channel| matches!(channel.party, Party::Trunk { .. });
        let is_client = |channel: &&Channel| channel.role == Role::Client;
        let trunks = self.live().filter(is_trunk);
        // Who dialled in; or else who was dialled, by an agent or by an order.
        let client = trunks.min_by_key(|trunk| (!is_client(trunk), trunk.dial.is_some()));
        let started_at = self.live().map(|channel| channel.began_at).min();
        if let Some(client) = client {
            let uniqueid = client.uniqueid.clone();
            let is_dialled = client.dial.is_some() || self.call.originated.is_some();
            if let Party::Trunk { endpoint, .. } = &client.party {
                self.call.trunk = Some(endpoint.clone());
            }
            if let Some(listed) = listing.channels.get(uniqueid.as_str())
                && let Some(snapshot) = Snapshot::read(&listed.item, &Keys::PLAIN)
            {
                self.call.client = snapshot.caller().map(Into::into);
                let shown = match is_dialled {
                    true => snapshot.connected().map(Into::into),
                    false => listed.line.clone().or(snapshot.exten().map(Into::into)),
                };
                self.call.line = shown;
            }
            self.call.direction = match is_dialled {
                true => Direction::Outgoing,
                false => Direction::Incoming,
            };
            if let Some(channel) = self.channel_mut(uniqueid.as_str()) {
                channel.role = Role::Client;
            }
        } else if self.call.originated.is_some() {
            self.call.direction = Direction::Outgoing;
        }
        if let Some(started_at) = started_at {
            self.call.started_at = self.call.started_at.min(started_at);
        }
        if channels.len() == self.channels.len() {
            let what = What::Started {
                direction: self.call.direction,
                client: self.call.client.clone(),
                line: self.call.line.clone(),
            };
            self.tell(&mut step.facts, self.call.started_at, what);
        }
        self.has_changed = true;
    }
}

//! After a while of not seeing: what is there now, and what must have gone.

use std::collections::{BTreeMap, HashMap, HashSet};

use ami::Message;
use jiff::{SignedDuration, Timestamp};

use super::{
    Step, Tracker,
    channel::{
        Channel, Dial, DialEnded, DialStatus, GoneHow, Keys, Party, Role, Snapshot, id, is_number,
    },
    events::instant,
    fact::What,
    settings::Notice,
    tracked::{Note, Queue, TrackedCall},
    wanted,
};
use crate::call::{Direction, Linkedid, Uniqueid};

/// The least time that whoever is rung needs to answer. What comes sooner after the ring is not believed to be the answer:
/// the PBX says in whole seconds when a channel began, and a dialplan that answers by itself does so just before it dials.
const ANSWERED_AFTER_MIN: SignedDuration = SignedDuration::from_secs(1);

/// The channels that the PBX lists, from `Status` with [what is asked of each](super::of_channels), or from
/// `CoreShowChannels`, which does not say what they are recorded to.
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
    /// When it was answered, by whomever.
    answered_at: Option<Timestamp>,
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
            answered_at: None,
        });
        let line = item.known("DNID").map(String::from);
        let line = line.filter(|line| is_number(line));
        let line = line.or(value(item, "FROM_DID=").filter(|line| is_number(line)));
        listed.line = listed.line.take().or(line);
        let path = value(item, "MIXMONITOR_FILENAME=");
        listed.path = listed.path.take().or(path);
        let answered_at = value(item, "CDR(answer,u)=").and_then(|text| instant(&text));
        listed.answered_at = listed.answered_at.or(answered_at);
    }

    fn snapshots(&self) -> impl Iterator<Item = (&Listed, Snapshot<'_>)> {
        let listed = self.channels.values();
        listed.filter_map(|listed| Some((listed, Snapshot::read(&listed.item, &Keys::PLAIN)?)))
    }
}

/// The value of a variable, if it is set.
fn value(item: &Message, name: &str) -> Option<String> {
    let mut values = item.all("Variable");
    let value = values.find_map(|variable| variable.strip_prefix(name.as_bytes()))?;
    let is_set = !matches!(value, b"" | b"(null)");
    is_set.then(|| String::from_utf8_lossy(value).into_owned())
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
        let unseen: HashMap<Linkedid, Timestamp> = self
            .calls
            .iter()
            .filter_map(|(linkedid, call)| Some((linkedid.clone(), call.unseen_since?)))
            .collect();
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
            let unseen_since = unseen.get(linkedid).copied();
            self.bring_in_line(linkedid, listing, unseen_since, now, &mut step);
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
                self.calls.insert(linkedid.clone(), Box::new(call));
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
        unseen_since: Option<Timestamp>,
        now: Timestamp,
        step: &mut Step,
    ) {
        let Some(call) = self.calls.get_mut(linkedid) else {
            return;
        };
        call.note_place(listing);
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
            let met_at = call.met_at(listing, unseen_since, now);
            call.reckon(met_at, &mut step.facts);
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

    /// Takes note of where in the dialplan the client is, and which number they called.
    fn note_place(&mut self, listing: &Listing) {
        let Some(client) = self.live_client().map(|client| client.uniqueid.clone()) else {
            return;
        };
        let Some(listed) = listing.channels.get(client.as_str()) else {
            return;
        };
        match (listed.application(), listed.bridge()) {
            // Whoever gave up is on the way out.
            (b"Queue", None) if self.queue == Queue::GaveUp => {}
            (b"Queue", None) => self.note(Note::Queue(Queue::Waiting)),
            (b"Queue", Some(_)) | (b"", _) => {}
            (application, _) => {
                self.note(Note::Queue(Queue::Outside));
                let is_it = |known: &str| application.eq_ignore_ascii_case(known.as_bytes());
                if wanted::APPLICATIONS.into_iter().any(is_it) {
                    self.note_voicemail(client.as_str());
                }
            }
        }
        if let Some(line) = &listed.line {
            self.note_line(client.as_str(), line);
        }
    }

    /// When those met who are found talking: when the PBX says that the call was answered, if nobody could have been
    /// talking sooner, or else now. A dialplan that answers by itself does so before anybody rings.
    fn met_at(
        &self,
        listing: &Listing,
        unseen_since: Option<Timestamp>,
        now: Timestamp,
    ) -> Timestamp {
        let roots = self.live().filter(|channel| channel.role != Role::Other);
        let answered = roots.filter_map(|root| {
            let listed = listing.channels.get(root.uniqueid.as_str())?;
            listed.answered_at
        });
        let rang = self.live().filter_map(|channel| channel.dial.as_ref());
        let rang_at = rang.map(|dial| dial.began_at).max();
        let earliest = rang_at.and_then(|rang| rang.checked_add(ANSWERED_AFTER_MIN).ok());
        let is_believed = |at: &Timestamp| {
            earliest.is_some_and(|earliest| earliest <= *at)
                && unseen_since.is_none_or(|since| since <= *at)
                && *at < now
        };
        answered.filter(is_believed).max().unwrap_or(now)
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

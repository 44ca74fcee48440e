//! What each event of the PBX means for a call.

use ami::Message;
use jiff::Timestamp;

use super::{
    Step, Tracker,
    channel::{
        Channel, Dial, DialStatus, GoneHow, Keys, Party, Role, Snapshot, dialled_number, id,
        is_number,
    },
    fact::What,
    settings::{Notice, Signs},
    tracked::{Note, Queue, TrackedCall},
    wanted,
};
use crate::call::{Direction, Linkedid, Uniqueid};

/// The longest path that is believed.
const PATH_BYTES_MAX: usize = 4_096;

impl Tracker {
    pub(super) fn event(
        &mut self,
        event: &str,
        message: &Message,
        received_at: Timestamp,
        step: &mut Step,
    ) {
        let happened_at = || happened_at(message).unwrap_or(received_at);
        match event {
            // Half of the stream, and nearly all of it is of no interest.
            "VarSet" => self.var_set(message, happened_at, step),
            "Newexten" => self.new_exten(message, happened_at, step),
            "Newchannel" => self.new_channel(message, happened_at(), step),
            "Newstate" => self.new_state(message, happened_at(), step),
            "DialBegin" => self.dial_begin(message, happened_at(), step),
            "DialEnd" => self.dial_end(message, happened_at(), step),
            "BridgeEnter" => self.bridge_enter(message, happened_at(), step),
            "BridgeLeave" => self.bridge_leave(message, happened_at(), step),
            "HangupRequest" => self.hangup_request(message, happened_at(), step),
            "Hangup" => self.hangup(message, happened_at(), step),
            "BlindTransfer" => self.blind_transfer(message, happened_at(), step),
            "AttendedTransfer" => self.attended_transfer(message, happened_at(), step),
            "ParkedCall" => self.parked_call(message, happened_at(), step),
            "Pickup" => self.pickup(message, happened_at(), step),
            "UnParkedCall" => self.unparked_call(message, happened_at(), step),
            "QueueCallerJoin" => self.queue(message, Queue::Waiting, happened_at(), step),
            "QueueCallerLeave" => self.queue(message, Queue::Outside, happened_at(), step),
            "QueueCallerAbandon" => self.queue(message, Queue::GaveUp, happened_at(), step),
            "OriginateResponse" => self.originate_response(message, happened_at(), step),
            _ => {}
        }
    }

    fn var_set(&mut self, message: &Message, at: impl Fn() -> Timestamp, step: &mut Step) {
        let variable = message.get("Variable").unwrap_or_default();
        let variable = variable.strip_prefix(b"__").unwrap_or(variable);
        let is_it = |known: &str| known.as_bytes() == variable;
        if !wanted::VARIABLES.into_iter().any(is_it) {
            return;
        }
        let Some(channel) = Snapshot::read(message, &Keys::PLAIN) else {
            return;
        };
        let Some(value) = message.unescaped("Value") else {
            return;
        };
        let at = at();
        self.with(&channel, at, step, |call, facts, settings| match variable {
            b"MIXMONITOR_FILENAME" if (1..=PATH_BYTES_MAX).contains(&value.len()) => {
                call.record(channel.uniqueid, &value, at, facts);
            }
            b"VM_MESSAGEFILE" | b"VMSTATUS" => call.note_voicemail(channel.uniqueid),
            b"DIALSTATUS" if value == "CHANUNAVAIL" => call.note(Note::NoPhone),
            b"FROM_DID" if is_number(&value) && !settings.is_extension(&value) => {
                call.note_line(channel.uniqueid, &value);
            }
            _ => {}
        });
    }

    fn new_exten(&mut self, message: &Message, at: impl Fn() -> Timestamp, step: &mut Step) {
        let application = message.get("Application").unwrap_or_default();
        let is_it = |known: &str| application.eq_ignore_ascii_case(known.as_bytes());
        if !wanted::APPLICATIONS.into_iter().any(is_it) {
            return;
        }
        if let Some(channel) = Snapshot::read(message, &Keys::PLAIN) {
            self.with(&channel, at(), step, |call, _facts, _settings| {
                call.note_voicemail(channel.uniqueid);
            });
        }
    }

    fn new_channel(&mut self, message: &Message, at: Timestamp, step: &mut Step) {
        let Some(snapshot) = Snapshot::read(message, &Keys::PLAIN) else {
            return;
        };
        let Some(linkedid) = snapshot.linkedid() else {
            return;
        };
        if self.channels.contains_key(snapshot.uniqueid) || self.over.names.contains(linkedid) {
            return;
        }
        let channel = self.channel_of(&snapshot, Notice::Began, at);
        self.learn(&snapshot.name(), &channel.party);
        let call = match self.resolved(linkedid).cloned() {
            Some(call) => call,
            None => {
                if channel.party == Party::Nobody {
                    return;
                }
                self.make_room(at, step);
                self.begin(&snapshot, Linkedid::new(linkedid), &channel, at)
            }
        };
        let is_known = self.calls.get(&call);
        if is_known.is_some_and(|call| call.channel(snapshot.uniqueid).is_some()) {
            return;
        }
        let is_first = snapshot.uniqueid == linkedid;
        self.add(&call, channel);
        if is_first {
            self.tell_start(&call, &snapshot, at, step);
        }
        self.finish(&call, at, step);
    }

    /// A channel as it comes to our notice.
    pub(super) fn channel_of(
        &self,
        snapshot: &Snapshot<'_>,
        notice: Notice,
        began_at: Timestamp,
    ) -> Channel {
        let (name, caller) = (snapshot.name(), snapshot.caller());
        let party = self.settings.party(&Signs {
            name: &name,
            context: &snapshot.context(),
            caller: caller.as_deref(),
            notice,
            learnt: self.learnt(&name),
        });
        let is_first = snapshot.linkedid() == Some(snapshot.uniqueid);
        let role = match &party {
            Party::Trunk { .. } if is_first => Role::Client,
            Party::Agent { .. } | Party::Local { .. } if is_first => Role::First,
            _ => Role::Other,
        };
        Channel {
            uniqueid: Uniqueid::new(snapshot.uniqueid),
            party,
            role,
            began_at,
            is_up: snapshot.state() == b"6",
            bridge: None,
            dial: None,
            hung_up: false,
            handed_over: false,
            talking_since: None,
            heard_until: None,
            gone: None,
        }
    }

    /// Begins a call with its first channel, or with the first that is seen of it.
    fn begin(
        &mut self,
        snapshot: &Snapshot<'_>,
        linkedid: Linkedid,
        channel: &Channel,
        at: Timestamp,
    ) -> Linkedid {
        // What is down was made by the PBX; what rings in was made by whoever calls.
        let is_ordered = snapshot.state() == b"0";
        let direction = match (channel.role, is_ordered) {
            (Role::Client, false) => Direction::Incoming,
            (Role::Client | Role::First, true) => Direction::Outgoing,
            (Role::First, false) | (Role::Other, _) => Direction::Internal,
        };
        let mut call = TrackedCall::new(linkedid.clone(), direction, at);
        if self.settings.is_ours(linkedid.as_str()) {
            call.call.originated = Some(linkedid.as_str().to_owned());
        }
        if let (Role::Client, Party::Trunk { endpoint, .. }) = (channel.role, &channel.party) {
            call.call.trunk = Some(endpoint.clone());
            if direction == Direction::Incoming {
                call.call.client = snapshot.caller().map(Into::into);
                call.call.line = snapshot.exten().map(Into::into);
            }
        }
        if channel.role == Role::First {
            let exten = snapshot.exten();
            let dialled = exten.filter(|exten| !self.settings.is_extension(exten));
            call.dialled_number = dialled.map(Into::into);
        }
        self.calls.insert(linkedid.clone(), Box::new(call));
        linkedid
    }

    fn tell_start(
        &mut self,
        linkedid: &Linkedid,
        snapshot: &Snapshot<'_>,
        at: Timestamp,
        step: &mut Step,
    ) {
        let Some(call) = self.calls.get_mut(linkedid) else {
            return;
        };
        let what = What::Started {
            direction: call.call.direction,
            client: call.call.client.clone(),
            line: call.call.line.clone(),
        };
        call.tell(&mut step.facts, at, what);
        // An agent who calls waits for the other from now on. One who is called by an order is not rung yet.
        if call.call.direction == Direction::Internal {
            call.converse(snapshot.uniqueid, at);
        }
    }

    fn new_state(&mut self, message: &Message, at: Timestamp, step: &mut Step) {
        if message.get("ChannelState") == Some(b"6")
            && let Some(channel) = Snapshot::read(message, &Keys::PLAIN)
        {
            self.with(&channel, at, step, |call, _facts, _settings| {
                call.note_up(channel.uniqueid);
            });
        }
    }

    fn dial_begin(&mut self, message: &Message, at: Timestamp, step: &mut Step) {
        let Some(dest) = Snapshot::read(message, &Keys::DEST) else {
            return;
        };
        let by = Snapshot::read(message, &Keys::PLAIN);
        let dial_string = message.text("DialString").unwrap_or_default();
        self.with(&dest, at, step, |call, facts, settings| {
            let Some(channel) = call.channel_mut(dest.uniqueid) else {
                return;
            };
            if channel.dial.is_some() {
                return;
            }
            channel.dial = Some(Dial {
                began_at: at,
                by: by.map(|by| Uniqueid::new(by.uniqueid)),
                number: None,
                ended: None,
            });
            if let Party::Trunk { endpoint, is_guess } = &channel.party {
                let number = dialled_number(&dial_string, endpoint);
                if number.is_none() && *is_guess {
                    // Dialled by its bare name, as a phone is, and a trunk never.
                    channel.party = settings.agent(endpoint, dest.caller().as_deref());
                } else if let Some(dial) = &mut channel.dial {
                    dial.number = number.or(dest.caller().map(Into::into));
                }
            }
            call.has_changed = true;
            call.dialled(&dest, at, facts);
        });
    }

    fn dial_end(&mut self, message: &Message, at: Timestamp, step: &mut Step) {
        let Some(dest) = Snapshot::read(message, &Keys::DEST) else {
            return;
        };
        let status = match message.known("Forward") {
            Some(_) => DialStatus::Forwarded,
            None => DialStatus::read(message.get("DialStatus").unwrap_or_default()),
        };
        self.with(&dest, at, step, |call, _facts, _settings| {
            call.note_dial_ended(dest.uniqueid, at, status);
        });
    }

    fn bridge_enter(&mut self, message: &Message, at: Timestamp, step: &mut Step) {
        let Some(channel) = Snapshot::read(message, &Keys::PLAIN) else {
            return;
        };
        let Some(bridge) = message.get("BridgeUniqueid").and_then(id) else {
            return;
        };
        let Some(mut linkedid) = self.place(&channel, at, step) else {
            return;
        };
        // Whoever waits in one of these hears music, and nobody else who waits there.
        let is_audible = message.get("BridgeType") != Some(b"parking")
            && message.get("BridgeTechnology") != Some(b"holding_bridge");
        if is_audible {
            if let Some(others) = self.bridges.get(bridge).cloned() {
                linkedid = self.join(linkedid, others, at, step);
            }
            if !self.bridges.contains_key(bridge) {
                self.bridges.insert(bridge.to_owned(), linkedid.clone());
            }
        }
        let Some(call) = self.calls.get_mut(&linkedid) else {
            return;
        };
        if let Some(replaced) = message.get("SwapUniqueid").and_then(id) {
            let is_here = |it: &&Channel| it.bridge.as_deref() == Some(bridge);
            if call.channel(replaced).filter(is_here).is_some() {
                call.put(replaced, None);
            }
        }
        let left = call
            .channel(channel.uniqueid)
            .and_then(|it| it.bridge.clone());
        call.put(channel.uniqueid, is_audible.then_some(bridge));
        call.reckon(at, &mut step.facts);
        self.finish(&linkedid, at, step);
        self.forget_empty_bridge(left.as_deref());
    }

    fn bridge_leave(&mut self, message: &Message, at: Timestamp, step: &mut Step) {
        let Some(channel) = Snapshot::read(message, &Keys::PLAIN) else {
            return;
        };
        let bridge = message.get("BridgeUniqueid").and_then(id);
        self.with(&channel, at, step, |call, facts, _settings| {
            let is_here = |it: &&Channel| it.bridge.is_some() && it.bridge.as_deref() == bridge;
            if call.channel(channel.uniqueid).filter(is_here).is_some() {
                call.put(channel.uniqueid, None);
                call.reckon(at, facts);
            }
        });
        self.forget_empty_bridge(bridge);
    }

    fn forget_empty_bridge(&mut self, bridge: Option<&str>) {
        let Some(bridge) = bridge else {
            return;
        };
        let call = self
            .bridges
            .get(bridge)
            .and_then(|name| self.calls.get(name));
        let is_here = |it: &Channel| it.bridge.as_deref() == Some(bridge);
        if !call.is_some_and(|call| call.live().any(is_here)) {
            self.bridges.remove(bridge);
        }
    }

    fn hangup_request(&mut self, message: &Message, at: Timestamp, step: &mut Step) {
        if let Some(channel) = Snapshot::read(message, &Keys::PLAIN) {
            self.with(&channel, at, step, |call, _facts, _settings| {
                call.note_hang_up(channel.uniqueid);
            });
        }
    }

    fn hangup(&mut self, message: &Message, at: Timestamp, step: &mut Step) {
        let Some(channel) = Snapshot::read(message, &Keys::PLAIN) else {
            return;
        };
        let cause = message.text("Cause").and_then(|cause| cause.parse().ok());
        let how = GoneHow::HungUp(cause.unwrap_or_default());
        let mut bridge = None;
        self.with(&channel, at, step, |call, facts, _settings| {
            let gone = call.channel(channel.uniqueid);
            bridge = gone.and_then(|gone| gone.bridge.clone());
            call.lose(channel.uniqueid, at, how, facts);
        });
        self.channels.remove(channel.uniqueid);
        self.forget_empty_bridge(bridge.as_deref());
    }

    fn queue(&mut self, message: &Message, queue: Queue, at: Timestamp, step: &mut Step) {
        if let Some(channel) = Snapshot::read(message, &Keys::PLAIN) {
            self.with(&channel, at, step, |call, _facts, _settings| {
                call.note(Note::Queue(queue));
            });
        }
    }

    /// Says which number was to be called, also when the agent did not take the phone.
    fn originate_response(&mut self, message: &Message, at: Timestamp, step: &mut Step) {
        let Some(channel) = Snapshot::read(message, &Keys::PLAIN) else {
            return;
        };
        let Some(number) = channel.exten() else {
            return;
        };
        self.with(&channel, at, step, |call, _facts, settings| {
            if call.call.client.is_none() && !settings.is_extension(&number) {
                call.call.client = Some(number.into_owned());
                call.has_changed = true;
            }
        });
    }

    /// Does something with the call of a channel.
    pub(super) fn with(
        &mut self,
        channel: &Snapshot<'_>,
        at: Timestamp,
        step: &mut Step,
        change: impl FnOnce(&mut TrackedCall, &mut Vec<super::Fact>, &super::Settings),
    ) {
        let Some(linkedid) = self.place(channel, at, step) else {
            return;
        };
        if let Some(call) = self.calls.get_mut(&linkedid) {
            call.seen();
            change(call, &mut step.facts, &self.settings);
            self.finish(&linkedid, at, step);
        }
    }
}

/// When an event happened, if the PBX says so: `Timestamp`, seconds since 1970 with six decimals.
pub fn happened_at(message: &Message) -> Option<Timestamp> {
    let text = message.get("Timestamp")?;
    instant(std::str::from_utf8(text).ok()?)
}

/// Seconds since 1970 with six decimals.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    let (seconds, micros) = text.split_once('.')?;
    let seconds: i64 = seconds.parse().ok()?;
    let micros: i64 = micros.get(..6)?.parse().ok()?;
    Timestamp::from_microsecond(seconds.checked_mul(1_000_000)?.checked_add(micros)?).ok()
}

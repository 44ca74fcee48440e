//! One call as the tracker keeps it: what is told of it, and the channels it is told from.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    channel::{Channel, Dial, DialEnded, DialStatus, Gone, GoneHow, Half, Party, Role},
    fact::{Fact, What},
    outcome::{self, Around},
};
use crate::call::{
    Call, CallResult, Conversation, ConversationState, Direction, Ended, Linkedid, MissedReason,
    Recording, Transfer, TransferKind, Uniqueid,
};

/// How many channels of a call are remembered; those that are gone and settled are forgotten first.
const CHANNELS_MAX: usize = 256;
/// How many conversations of a call are told; those that nobody answered are forgotten first. An hour in a queue
/// that rings ten phones every minute is 600.
const CONVERSATIONS_MAX: usize = 1_000;
/// How many transfers, and how many recordings, of a call are told.
const ITEMS_MAX: usize = 256;

/// An open call, with everything that is needed to follow it further: keep it over a restart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrackedCall {
    pub(super) call: Call,
    pub(super) channels: Vec<Channel>,
    queue: Queue,
    has_voicemail: bool,
    /// The dialplan found no phone that it could have rung.
    has_no_phone: bool,
    /// The number outside that an agent dialled.
    pub(super) dialled: Option<String>,
    /// Nobody has seen anything of it since then.
    pub(super) unseen_since: Option<Timestamp>,
    /// Something is other than when that was last asked.
    #[serde(skip)]
    pub(super) has_changed: bool,
}

/// Whether the client waits in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Queue {
    Outside,
    Waiting,
    GaveUp,
}

/// What is taken note of without further thought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    Queue(Queue),
    Voicemail,
    NoPhone,
}

impl TrackedCall {
    /// What is known of the call.
    pub fn call(&self) -> &Call {
        &self.call
    }

    pub(super) fn new(linkedid: Linkedid, direction: Direction, started_at: Timestamp) -> Self {
        Self {
            call: Call {
                linkedid,
                joined: Vec::new(),
                direction,
                client: None,
                line: None,
                trunk: None,
                originated: None,
                started_at,
                conversations: Vec::new(),
                transfers: Vec::new(),
                recordings: Vec::new(),
                ended: None,
            },
            channels: Vec::new(),
            queue: Queue::Outside,
            has_voicemail: false,
            has_no_phone: false,
            dialled: None,
            unseen_since: None,
            has_changed: true,
        }
    }

    pub(super) fn tell(&self, facts: &mut Vec<Fact>, at: Timestamp, what: What) {
        facts.push(Fact {
            linkedid: self.call.linkedid.clone(),
            at,
            what,
        });
    }

    pub(super) fn channel(&self, uniqueid: &str) -> Option<&Channel> {
        self.channels
            .iter()
            .find(|channel| channel.uniqueid.as_str() == uniqueid)
    }

    pub(super) fn channel_mut(&mut self, uniqueid: &str) -> Option<&mut Channel> {
        self.channels
            .iter_mut()
            .find(|channel| channel.uniqueid.as_str() == uniqueid)
    }

    pub(super) fn live(&self) -> impl Iterator<Item = &Channel> {
        self.channels.iter().filter(|channel| channel.is_live())
    }

    pub(super) fn has_client(&self) -> bool {
        self.channels
            .iter()
            .any(|channel| channel.role == Role::Client)
    }

    fn live_client(&self) -> Option<&Channel> {
        self.live().find(|channel| channel.role == Role::Client)
    }

    /// The channel that the call began with, as long as it is remembered.
    pub(super) fn first(&self) -> Option<&Channel> {
        self.channel(self.call.linkedid.as_str())
    }

    /// Adds a channel; `false` when there are too many.
    pub(super) fn add(&mut self, channel: Channel) -> bool {
        if self.channels.len() >= CHANNELS_MAX {
            let conversations = &self.call.conversations;
            let is_settled = |channel: &Channel| {
                let mut open = conversations.iter().filter(|open| open.ended_at.is_none());
                !channel.is_live() && !open.any(|open| open.uniqueid == channel.uniqueid)
            };
            let Some(oldest) = self.channels.iter().position(is_settled) else {
                return false;
            };
            self.channels.remove(oldest);
        }
        self.channels.push(channel);
        self.has_changed = true;
        true
    }

    pub(super) fn note(&mut self, note: Note) {
        let (before, voicemail, phone) = (self.queue, self.has_voicemail, self.has_no_phone);
        match note {
            // Whoever gave up leaves the queue, too.
            Note::Queue(Queue::Outside) if self.queue == Queue::GaveUp => {}
            Note::Queue(queue) => self.queue = queue,
            Note::Voicemail => self.has_voicemail = true,
            Note::NoPhone => self.has_no_phone = true,
        }
        self.has_changed |=
            before != self.queue || voicemail != self.has_voicemail || phone != self.has_no_phone;
    }

    pub(super) fn note_up(&mut self, uniqueid: &str) {
        if let Some(channel) = self.channel_mut(uniqueid)
            && !channel.is_up
        {
            channel.is_up = true;
            self.has_changed = true;
        }
    }

    pub(super) fn note_hang_up(&mut self, uniqueid: &str) {
        if let Some(channel) = self.channel_mut(uniqueid)
            && !channel.hung_up
        {
            channel.hung_up = true;
            self.has_changed = true;
        }
    }

    // --- rings ---------------------------------------------------------------------------------------------------

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

    fn open_conversation(&mut self, uniqueid: &str) -> Option<&mut Conversation> {
        let conversations = self.call.conversations.iter_mut().rev();
        conversations
            .filter(|conversation| conversation.ended_at.is_none())
            .find(|conversation| conversation.uniqueid.as_str() == uniqueid)
    }

    /// An order to the PBX announces nothing: the client leaves an agent who did not hang up, and another phone rings.
    fn notice_redirection(&mut self, to: &str, at: Timestamp, facts: &mut Vec<Fact>) {
        let is_talked_to = |channel: &Channel| channel.talking_since.is_some();
        if self.live_client().is_none() || self.channels.iter().any(is_talked_to) {
            return;
        }
        let is_left = |channel: &&Channel| {
            channel.heard_until.is_some() && !channel.handed_over && !channel.hung_up
        };
        let persons = self.channels.iter().filter(|channel| channel.is_person());
        let Some(left) = persons.filter(is_left).max_by_key(|left| left.heard_until) else {
            return;
        };
        let (left, left_at) = (left.uniqueid.clone(), left.heard_until.unwrap_or(at));
        self.hand_over(left.as_str(), left_at, facts);
        self.transfer(at, TransferKind::Redirected, None, to, facts);
    }

    // --- talks ---------------------------------------------------------------------------------------------------

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

    // --- ends ----------------------------------------------------------------------------------------------------

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

    fn end_conversation(
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
    fn called<'a>(&'a self, caller: &'a Channel) -> impl Iterator<Item = &'a Channel> {
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
    fn called_state(&self, channel: &Channel) -> ConversationState {
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

    // --- transfers and recordings --------------------------------------------------------------------------------

    /// An agent gave the client away: they part now, whatever their phone still does.
    pub(super) fn hand_over(&mut self, uniqueid: &str, at: Timestamp, facts: &mut Vec<Fact>) {
        let Some(channel) = self.channel_mut(uniqueid).filter(|it| !it.handed_over) else {
            return;
        };
        channel.handed_over = true;
        let since = channel.talking_since.take();
        if since.is_some() {
            channel.heard_until = Some(at);
        }
        self.has_changed = true;
        let Some(open) = self.open_conversation(uniqueid) else {
            return;
        };
        if let Some(since) = since {
            open.talked_ms += between_ms(since, at);
        }
        if open.answered_at.is_some() {
            self.end_conversation(uniqueid, at, ConversationState::Talked, facts);
        }
    }

    pub(super) fn transfer(
        &mut self,
        at: Timestamp,
        kind: TransferKind,
        from: Option<String>,
        to: &str,
        facts: &mut Vec<Fact>,
    ) {
        let to = to.to_owned();
        let transfer = Transfer { at, kind, from, to };
        let transfers = &mut self.call.transfers;
        if transfers.contains(&transfer) || transfers.len() >= ITEMS_MAX {
            return;
        }
        transfers.push(transfer.clone());
        self.has_changed = true;
        self.tell(facts, at, What::Transferred(transfer));
    }

    pub(super) fn record(
        &mut self,
        uniqueid: &str,
        path: &str,
        at: Timestamp,
        facts: &mut Vec<Fact>,
    ) {
        let recordings = &mut self.call.recordings;
        let is_known =
            |known: &Recording| known.path == path && known.uniqueid.as_str() == uniqueid;
        if recordings.iter().any(is_known) || recordings.len() >= ITEMS_MAX {
            return;
        }
        recordings.push(Recording {
            path: path.to_owned(),
            uniqueid: Uniqueid::new(uniqueid),
            began_at: at,
        });
        self.has_changed = true;
        let path = path.to_owned();
        self.tell(facts, at, What::RecordingBegan { path });
    }

    // --- the end -------------------------------------------------------------------------------------------------

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
        if self.call.direction == Direction::Internal && self.has_no_phone && is_alone {
            if let Some(dialled) = self.dialled.take() {
                self.call.direction = Direction::Outgoing;
                self.call.client = Some(dialled);
            }
        }
    }

    fn result(&self) -> CallResult {
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
        let clients = self.channels.iter();
        let client = clients
            .filter(|channel| channel.role == Role::Client)
            .last();
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

/// Whether somebody took the phone that was dialled.
fn was_taken(channel: &Channel) -> bool {
    match channel.dial_status() {
        Some(status) => status == DialStatus::Answer,
        None => channel.is_up,
    }
}

fn between_ms(since: Timestamp, until: Timestamp) -> u64 {
    let span = until.as_millisecond() - since.as_millisecond();
    u64::try_from(span).unwrap_or_default()
}

//! One call as the tracker keeps it: what is told of it, and the channels it is told from.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    channel::{Channel, Role},
    fact::{Fact, What},
};
use crate::call::{Call, Direction, Linkedid, Recording, Uniqueid};

/// How many channels of a call are remembered; those that are gone and settled are forgotten first.
const CHANNELS_MAX: usize = 256;
/// How many transfers, and how many recordings, of a call are told.
pub(super) const ITEMS_MAX: usize = 256;

/// An open call, with everything that is needed to follow it further: keep it over a restart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrackedCall {
    pub(super) call: Call,
    pub(super) channels: Vec<Channel>,
    pub(super) queue: Queue,
    pub(super) has_voicemail: bool,
    /// The dialplan found no phone that it could have rung.
    pub(super) has_no_phone: bool,
    /// The number outside that an agent dialled.
    pub(super) dialled_number: Option<String>,
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
            dialled_number: None,
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

    pub(super) fn live_client(&self) -> Option<&Channel> {
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

    /// An event of it came: it is followed again.
    pub(super) fn seen(&mut self) {
        if self.unseen_since.take().is_some() {
            self.has_changed = true;
        }
    }

    pub(super) fn note_voicemail(&mut self, uniqueid: &str) {
        if self.is_client(uniqueid) {
            self.note(Note::Voicemail);
        }
    }

    pub(super) fn note_line(&mut self, uniqueid: &str, line: &str) {
        if self.call.direction == Direction::Incoming
            && self.call.line.is_none()
            && self.is_client(uniqueid)
        {
            self.call.line = Some(line.to_owned());
            self.has_changed = true;
        }
    }

    pub(super) fn is_client(&self, uniqueid: &str) -> bool {
        self.channel(uniqueid)
            .is_some_and(|channel| channel.role == Role::Client)
    }
}

pub(super) fn between_ms(since: Timestamp, until: Timestamp) -> u64 {
    let span = until.as_millisecond() - since.as_millisecond();
    u64::try_from(span).unwrap_or_default()
}

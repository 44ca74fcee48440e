//! Recordings, fed to a tracker.

use std::time::Duration;

use ami::{Frame, Message, Splitter};
use jiff::{SignedDuration, Timestamp};

use crate::{
    call::Call,
    decide::tracker::{Fact, Joined, Pattern, Settings, Step, Tracker},
};

/// An instant for recordings that do not say when they were made.
pub(super) fn epoch() -> Timestamp {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

/// What the PBX of the recordings is like.
pub(super) fn settings() -> Settings {
    Settings {
        trunks: vec![Pattern::new("trunk")],
        originate_prefix: Some("crm-".to_owned()),
        ..Settings::default()
    }
}

/// One message and when it came.
#[derive(Clone, Debug)]
pub(super) struct Arrived {
    pub(super) message: Message,
    pub(super) at: Timestamp,
}

/// The messages of a recording, each with the instant of the read that completed it.
pub(super) fn recording(name: &str) -> Vec<Arrived> {
    let capture = testkit::captures::named(name);
    let mut splitter = Splitter::default();
    let mut arrived = Vec::new();
    let mut rest = &capture.bytes[..];
    for read in &capture.reads {
        let (bytes, after) = rest.split_at(read.bytes);
        rest = after;
        splitter.feed(bytes);
        let at = epoch() + duration(read.after);
        while let Some(frame) = splitter.next_frame() {
            if let Frame::Message(message) = frame.unwrap() {
                arrived.push(Arrived { message, at });
            }
        }
    }
    arrived
}

fn duration(after: Duration) -> SignedDuration {
    after.try_into().unwrap()
}

/// Everything that a tracker told.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Told {
    pub(super) facts: Vec<Fact>,
    pub(super) joined: Vec<Joined>,
    pub(super) ended: Vec<Call>,
}

impl Told {
    pub(super) fn take(&mut self, step: Step) {
        self.facts.extend(step.facts);
        self.joined.extend(step.joined);
        self.ended.extend(step.ended);
    }

    pub(super) fn take_all(&mut self, told: Self) {
        self.facts.extend(told.facts);
        self.joined.extend(told.joined);
        self.ended.extend(told.ended);
    }
}

pub(super) fn follow(tracker: &mut Tracker, arrived: &[Arrived]) -> Told {
    let mut told = Told::default();
    for Arrived { message, at } in arrived {
        told.take(tracker.step(message, *at));
    }
    told
}

pub(super) fn followed(arrived: &[Arrived]) -> Told {
    follow(&mut Tracker::new(settings()), arrived)
}

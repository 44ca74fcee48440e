//! Recorded events once more.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Pbx;

/// How much a connection may have to send before an unpaced replay waits for it.
const AHEAD_BYTES: usize = 1 << 20;

/// What a recorded socket gave.
#[derive(Clone, Copy, Debug)]
pub struct Recording<'a> {
    /// The bytes, from the greeting on.
    pub bytes: &'a [u8],
    /// The reads that gave them: how many bytes, and when, after the first one. Without them there is no pace.
    pub reads: &'a [(usize, Duration)],
}

/// How quickly a recording is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// So many times as quickly as it was recorded.
    Times(f64),
    /// As quickly as it is read.
    Unpaced,
}

impl Pbx {
    /// Lets the events of a recording happen, channels included, and returns how many there were. Greetings and answers
    /// to whoever made the recording are left out, and so are the items of their lists.
    pub async fn replay(&self, recording: Recording<'_>, speed: Speed) -> usize {
        let began_at = Instant::now();
        let mut reads = recording.reads.iter();
        let (mut arrived, mut after) = (0, Duration::ZERO);
        let mut sent = 0;
        for (end, block) in blocks(recording.bytes) {
            while arrived < end {
                let Some((bytes, at)) = reads.next() else {
                    break;
                };
                (arrived, after) = (arrived + bytes, *at);
            }
            match speed {
                Speed::Times(times) => sleep_until(began_at + after.div_f64(times)).await,
                Speed::Unpaced => self.has_room().await,
            }
            self.happen(block);
            sent += 1;
        }
        sent
    }

    /// Waits until nobody is far behind.
    pub async fn has_room(&self) {
        loop {
            let changed = self.0.changed.notified();
            if self.state().longest_outbox() < AHEAD_BYTES {
                return;
            }
            changed.await;
        }
    }
}

/// Whether a block is an event, and no item of a list that whoever made the recording had asked for.
pub fn happened(block: &[u8]) -> bool {
    let items: [&[u8]; 2] = [b"Event: CoreShowChannel\r\n", b"Event: Status\r\n"];
    let is_item = block.windows(13).any(|part| part == b"\r\nEventList: ")
        || items.iter().any(|item| block.starts_with(item));
    block.starts_with(b"Event: ") && !is_item
}

/// The events of a recording, each with the place where it ends.
fn blocks(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut next = bytes
        .windows(2)
        .position(|pair| pair == b"\r\n")
        .map_or(0, |end| end + 2);
    std::iter::from_fn(move || {
        loop {
            let rest = bytes.get(next..)?;
            if let Some(after) = rest.strip_prefix(b"\r\n") {
                next = bytes.len() - after.len();
                continue;
            }
            let length = rest.windows(4).position(|end| end == b"\r\n\r\n")? + 2;
            let block = rest.get(..length)?;
            next += length + 2;
            if happened(block) {
                return Some((next, block));
            }
        }
    })
}

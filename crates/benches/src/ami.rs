//! A manager's stream of bytes read into messages, on one core.

use std::{io::Read as _, time::Duration};

use ami::{Frame, Message, Splitter};
use anyhow::ensure;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::memory;

/// How often the recording is read; the quickest time counts, since the machine has other work.
const ROUNDS: usize = 5;
/// What one read of a socket gives when there is much.
const READ_BYTES: usize = 64 << 10;
/// Events of the recording, as whoever recorded them counted.
const EVENTS: usize = 175_393;

/// Reads the recording of 2,002 calls, and asks each event for what a follower of calls asks. Unpacking is not counted.
pub(crate) fn measure() -> anyhow::Result<Value> {
    let mut split = Duration::MAX;
    let mut asked = Duration::MAX;
    for _ in 0..ROUNDS {
        split = split.min(round(|_message| 0)?);
        asked = asked.min(round(ask)?);
    }
    let per_second = |took: Duration| (EVENTS as f64 / took.as_secs_f64()).round();
    Ok(json!({
        "events": EVENTS,
        "split_per_second": per_second(split),
        "split_and_asked_per_second": per_second(asked),
        "peak_mib": memory::peak_mib()?,
    }))
}

fn round(ask: impl Fn(&Message) -> usize) -> anyhow::Result<Duration> {
    let mut recording = testkit::captures::load();
    let mut splitter = Splitter::default();
    let mut read = vec![0; READ_BYTES];
    let mut took = Duration::ZERO;
    let (mut events, mut answers) = (0, 0);
    loop {
        let bytes = recording.read(&mut read)?;
        if bytes == 0 {
            break;
        }
        let from = Instant::now();
        splitter.feed(read.get(..bytes).unwrap_or_default());
        while let Some(frame) = splitter.next_frame() {
            if let Frame::Message(message) = frame? {
                events += usize::from(message.event().is_some());
                answers += ask(&message);
            }
        }
        took += from.elapsed();
    }
    ensure!(events == EVENTS, "{events} events were read");
    ensure!(splitter.is_between_blocks(), "a block was left");
    std::hint::black_box(answers);
    Ok(took)
}

fn ask(message: &Message) -> usize {
    let names = [
        "Uniqueid",
        "Linkedid",
        "Channel",
        "ChannelState",
        "CallerIDNum",
        "Exten",
        "DestUniqueid",
        "BridgeUniqueid",
    ];
    let answers = names.into_iter().filter_map(|name| message.get(name));
    answers.map(<[u8]>::len).sum()
}

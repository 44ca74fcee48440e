//! Calls followed through the events of a PBX, on one core.

use std::{fmt::Write as _, io::Read as _, time::Duration};

use ami::{Frame, Message, Splitter};
use anyhow::{Context as _, ensure};
use benches::open_calls::{OPEN, copy, halves};
use deskbridge_calls::decide::tracker::{Settings, Tracker};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::memory;

/// How often each is measured; all are told, since the machine has other work.
const ROUNDS: usize = 5;
/// What one read of a socket gives when there is much.
const READ_BYTES: usize = 64 << 10;
/// Events and calls of the recording, as whoever recorded them counted.
const EVENTS: usize = 175_393;
const CALLS: usize = 2_002;

/// Measures, and gives a table.
pub(crate) fn measure() -> anyhow::Result<String> {
    let mut rates = Vec::new();
    let mut facts = 0;
    for _ in 0..ROUNDS {
        let (took, told) = follow_load()?;
        rates.push(EVENTS as f64 / took.as_secs_f64());
        facts = told;
    }
    rates.sort_by(f64::total_cmp);
    let mut table = String::from("| What | Target | Measured |\n|---|---|---|\n");
    let peak_mib = memory::peak_mib()?;
    let (slowest, fastest) = (rates.first().copied(), rates.last().copied());
    let (slowest, fastest) = slowest.zip(fastest).context("nothing was measured")?;
    writeln!(
        table,
        "| Bytes to facts: {CALLS} calls, {EVENTS} events, one core, {ROUNDS} times | 400,000 events a second, none lost, under 30 MB | {slowest:.0} to {fastest:.0} events a second, {facts} facts, peak {peak_mib:.0} MiB |"
    )?;
    let open = follow_open()?;
    writeln!(
        table,
        "| {OPEN} open calls of seven channels each | under 100 MB | {:.0} MiB, {:.1} KiB a call |",
        open.mib,
        open.mib * 1024.0 / OPEN as f64
    )?;
    writeln!(
        table,
        "| … one event of one of them, {} events | p99 under 50 µs | p50 {:.1} µs, p99 {:.1} µs, p99.9 {:.1} µs, longest {:.0} µs |",
        open.steps.len(),
        open.quantile(0.5),
        open.quantile(0.99),
        open.quantile(0.999),
        open.quantile(1.0),
    )?;
    Ok(table)
}

/// Follows the recording of 2,002 calls, and tells how long that took, without unpacking it, and how many facts it gave.
fn follow_load() -> anyhow::Result<(Duration, usize)> {
    let mut recording = testkit::captures::load();
    let mut splitter = Splitter::default();
    let mut tracker = Tracker::new(Settings::default());
    let mut read = vec![0; READ_BYTES];
    let mut took = Duration::ZERO;
    let (mut events, mut facts, mut ended) = (0, 0, 0);
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
                let step = tracker.step(&message, Timestamp::UNIX_EPOCH);
                facts += step.facts.len();
                ended += step.ended.len();
            }
        }
        took += from.elapsed();
    }
    ensure!(events == EVENTS, "{events} events were read");
    ensure!(ended == CALLS, "{ended} calls ended");
    ensure!(tracker.calls().len() == 0, "calls were left open");
    Ok((took, facts))
}

struct Open {
    mib: f64,
    /// How long each step took, in microseconds, ascending.
    steps: Vec<f64>,
}

impl Open {
    fn quantile(&self, share: f64) -> f64 {
        let last = self.steps.len().saturating_sub(1) as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a length is a place"
        )]
        let place = (last * share) as usize;
        self.steps.get(place).copied().unwrap_or_default()
    }
}

/// Opens calls until each talks, and then follows all of them to their end, event by event in turn.
fn follow_open() -> anyhow::Result<Open> {
    let (before, after) = halves()?;
    let mut tracker = Tracker::new(Settings::default());
    let process = std::process::id();
    let before_mib = memory::resident_mib_of(process)?;
    for number in 0..OPEN {
        let splitter = Splitter::without_banner(ami::Limits::default());
        for message in messages(&copy(&before, number), splitter)? {
            tracker.step(&message, Timestamp::UNIX_EPOCH);
        }
    }
    ensure!(tracker.calls().len() == OPEN, "not all calls are open");
    let mib = memory::resident_mib_of(process)? - before_mib;
    let mut rest = Vec::new();
    for number in 0..OPEN {
        let splitter = Splitter::without_banner(ami::Limits::default());
        rest.push(messages(&copy(&after, number), splitter)?.into_iter());
    }
    let mut steps = Vec::new();
    loop {
        let turn: Vec<Message> = rest.iter_mut().filter_map(Iterator::next).collect();
        if turn.is_empty() {
            break;
        }
        for message in &turn {
            let from = Instant::now();
            let step = tracker.step(message, Timestamp::UNIX_EPOCH);
            steps.push(from.elapsed().as_secs_f64() * 1e6);
            std::hint::black_box(step);
        }
    }
    ensure!(tracker.calls().len() == 0, "calls were left open");
    steps.sort_by(f64::total_cmp);
    Ok(Open { mib, steps })
}

fn messages(text: &str, mut splitter: Splitter) -> anyhow::Result<Vec<Message>> {
    splitter.feed(text.as_bytes());
    let mut messages = Vec::new();
    while let Some(frame) = splitter.next_frame() {
        if let Frame::Message(message) = frame? {
            messages.push(message);
        }
    }
    Ok(messages)
}

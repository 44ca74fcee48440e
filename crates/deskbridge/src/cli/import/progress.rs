//! How far a run is: a bar on a terminal, a line now and then elsewhere.

use std::{
    io::{self, IsTerminal as _, Write as _},
    time::Duration,
};

use deskbridge_import::{
    record::Kind,
    run::{Counts, Progress},
};
use tokio::time::Instant;

/// How often a bar is drawn.
const DRAWN_AFTER: Duration = Duration::from_millis(200);
/// How often a line is written where there is no terminal.
const LINE_AFTER: Duration = Duration::from_secs(15);
const BAR: usize = 24;

/// Shows progress on standard error.
pub(super) struct Shown {
    is_terminal: bool,
    kind: Option<(Kind, Instant)>,
    /// What there was of the kind when it began.
    before: u64,
    last: Option<Progress>,
    shown_at: Option<Instant>,
}

impl Shown {
    pub(super) fn new() -> Self {
        Self {
            is_terminal: io::stderr().is_terminal(),
            kind: None,
            before: 0,
            last: None,
            shown_at: None,
        }
    }

    pub(super) fn see(&mut self, progress: Progress) {
        let now = Instant::now();
        if self.kind.is_none_or(|(kind, _)| kind != progress.kind) {
            self.end();
            self.kind = Some((progress.kind, now));
            self.before = progress.counts.all();
        }
        self.last = Some(progress);
        let after = if self.is_terminal {
            DRAWN_AFTER
        } else {
            LINE_AFTER
        };
        let shown_at = *self.shown_at.get_or_insert(now);
        if now.duration_since(shown_at) >= after {
            self.show(now);
        }
    }

    /// Leaves the last state of a kind standing.
    pub(super) fn end(&mut self) {
        if self.last.is_some() {
            self.show(Instant::now());
            if self.is_terminal {
                drop(writeln!(io::stderr()));
            }
        }
        self.last = None;
    }

    /// Says something between the bars.
    pub(super) fn say(&mut self, text: &str) {
        if self.is_terminal {
            drop(write!(io::stderr(), "\r\u{1b}[K"));
        }
        drop(writeln!(io::stderr(), "{text}"));
    }

    fn show(&mut self, now: Instant) {
        self.shown_at = Some(now);
        let (Some(progress), Some((_, since))) = (&self.last, self.kind) else {
            return;
        };
        let text = line(
            progress,
            self.before,
            now.duration_since(since),
            self.is_terminal,
        );
        let mut out = io::stderr();
        // Nobody is left to be told when this fails.
        drop(match self.is_terminal {
            true => write!(out, "\r{text}\u{1b}[K").and_then(|()| out.flush()),
            false => writeln!(out, "{text}"),
        });
    }
}

/// One line: what, how far, how fast, how long still, what went wrong.
fn line(progress: &Progress, before: u64, after: Duration, has_bar: bool) -> String {
    let Progress {
        kind,
        counts,
        total,
        requests,
    } = progress;
    let done = counts.all();
    let rate = ratio(done.saturating_sub(before), after);
    let mut parts = Vec::new();
    match total {
        Some(total) => {
            let total = (*total).max(done);
            if has_bar {
                parts.push(bar(done, total));
            }
            parts.push(format!("{done} of {total}"));
        }
        None => parts.push(done.to_string()),
    }
    parts.push(format!("{rate:.1}/s"));
    if let Some(total) = total
        && let Some(left) = time_left(total.saturating_sub(done), rate)
    {
        parts.push(format!("{left} left"));
    }
    parts.push(format!("{requests} at once"));
    if counts.failed > 0 {
        parts.push(format!("{} failed", counts.failed));
    }
    format!("{:<9} {}", plural(*kind), parts.join("  "))
}

#[expect(clippy::cast_precision_loss, reason = "a rate that is shown to people")]
fn ratio(count: u64, after: Duration) -> f64 {
    count as f64 / after.as_secs_f64().max(0.001)
}

fn bar(done: u64, total: u64) -> String {
    let full = done.saturating_mul(BAR as u64) / total.max(1);
    let full = usize::try_from(full).unwrap_or(BAR).min(BAR);
    format!("{}{}", "█".repeat(full), "░".repeat(BAR - full))
}

/// How long, if anything moves.
fn time_left(records: u64, rate: f64) -> Option<String> {
    let rate = (rate > 0.0).then_some(rate)?;
    #[expect(clippy::cast_precision_loss, reason = "a time that is shown to people")]
    let left = Duration::try_from_secs_f64(records as f64 / rate).ok()?;
    Some(span(left))
}

/// A span of time in the two largest units.
pub(super) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

pub(super) fn plural(kind: Kind) -> &'static str {
    match kind {
        Kind::Customer => "customers",
        Kind::Contact => "contacts",
        Kind::Ticket => "tickets",
    }
}

/// What came of a kind, in words.
pub(super) fn counted(counts: Counts) -> String {
    let Counts {
        made,
        updated,
        unchanged,
        failed,
        left_out,
    } = counts;
    let left_out = match left_out {
        0 => String::new(),
        some => format!(", {some} left out"),
    };
    format!(
        "{made} made, {updated} brought up to date, {unchanged} unchanged, {failed} failed{left_out}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long_still() {
        let progress = |done: u64, failed: u64, total: Option<u64>| Progress {
            kind: Kind::Ticket,
            counts: Counts {
                made: done,
                failed,
                ..Counts::default()
            },
            total,
            requests: 12,
        };
        let ten_seconds = Duration::from_secs(10);
        for (progress, before, has_bar, expected) in [
            (
                progress(500, 0, Some(1_000)),
                0,
                true,
                "tickets   ████████████░░░░░░░░░░░░  500 of 1000  50.0/s  10 s left  12 at once",
            ),
            (
                progress(497, 3, Some(1_000)),
                400,
                false,
                "tickets   500 of 1000  10.0/s  50 s left  12 at once  3 failed",
            ),
            (
                progress(7, 0, None),
                0,
                true,
                "tickets   7  0.7/s  12 at once",
            ),
            (
                progress(7, 0, Some(3)),
                7,
                false,
                "tickets   7 of 7  0.0/s  12 at once",
            ),
        ] {
            assert_eq!(line(&progress, before, ten_seconds, has_bar), expected);
        }
        for (seconds, expected) in [(59, "59 s"), (61, "1 min 1 s"), (7_260, "2 h 1 min")] {
            assert_eq!(span(Duration::from_secs(seconds)), expected);
        }
    }
}

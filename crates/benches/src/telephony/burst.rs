//! A thousand calls in a minute against a portal that takes two requests a second.

use std::{collections::BTreeMap, path::Path, time::Duration};

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{
    Spans,
    desk::{Asked, Desk, Plan},
    script::{Goes, Script},
};

/// How long the portal takes for a request, in milliseconds.
const REQUEST_MS: u64 = 50;
const QUICK: f64 = 1.0;
const CALLS: u32 = 1_000;
const WITHIN: Duration = Duration::from_secs(60);
/// Of so many calls one is missed.
const ONE_MISSED_OF: u32 = 5;
/// How often another call comes while the backlog drains.
const LATER_EVERY: Duration = Duration::from_millis(700);
/// The first number of those.
const LATER: u32 = 500_000;
/// How long everything may take to be told.
const SETTLE_FOR: Duration = Duration::from_secs(1_800);

/// A call that was played.
struct Played {
    script: Script,
    rang_at: Timestamp,
    ended_at: Timestamp,
}

/// Plays a thousand calls within a minute, and one now and then until all of those are told; rows of a table.
///
/// # Errors
/// When something cannot be tried, or calls are not told right.
pub async fn burst(program: &Path, are_recorded: bool) -> anyhow::Result<String> {
    let desk = Desk::start(Plan::Standard, REQUEST_MS, are_recorded).await?;
    let hub = desk.serve(program).await?;
    let start = Instant::now();
    let mut playing = JoinSet::new();
    let play = |number: u32, at: Instant, playing: &mut JoinSet<Played>| {
        let goes = match number % ONE_MISSED_OF {
            0 => Goes::Missed,
            _ => Goes::Answered,
        };
        let script = Script::new(goes, number, QUICK);
        if are_recorded && goes == Goes::Answered {
            desk.record(&script.records_to().context("nothing is recorded")?)?;
        }
        let pbx = desk.pbx.pbx.clone();
        playing.spawn(async move {
            let (rang_at, ended_at) = script.play(&pbx, at).await;
            Played {
                script,
                rang_at,
                ended_at,
            }
        });
        anyhow::Ok(())
    };
    for number in 0..CALLS {
        play(number, start + WITHIN / CALLS * number, &mut playing)?;
    }
    let mut first = Vec::new();
    while let Some(played) = playing.join_next().await {
        first.push(played?);
    }
    let over_at = Instant::now();
    let mut later = JoinSet::new();
    for number in LATER.. {
        if desk.are_finished(first.iter().map(|played| &played.script)) {
            break;
        }
        anyhow::ensure!(start.elapsed() < SETTLE_FOR, "the backlog does not drain");
        play(number, Instant::now(), &mut later)?;
        sleep(LATER_EVERY).await;
    }
    let drained_after = over_at.elapsed();
    let later = later.join_all().await;
    let later_ones = || later.iter().map(|played| &played.script);
    while !(desk.are_finished(later_ones()) && hub.is_idle().await?) {
        anyhow::ensure!(start.elapsed() < SETTLE_FOR, "not everything is told");
        sleep(Duration::from_millis(200)).await;
    }
    let all_after = over_at.elapsed();
    check(&desk, first.iter().chain(&later))?;
    let asked = desk.asked();
    let counts = desk.portal.portal.counts();
    hub.terminate()?;
    let what = match are_recorded {
        true => ", recorded",
        false => "",
    };
    let row = |what: &str, measured: String| format!("| {what} | | {measured} |\n");
    Ok([
        row(
            &format!("{CALLS} calls in {} s against 50 requests and 2 a second, {REQUEST_MS} ms a request{what}", WITHIN.as_secs()),
            format!("all registered and finished once, {} refused, {} requests", counts.query_limit_refusals, counts.requests),
        ),
        row("… from the event by which a phone rings to its registration, meanwhile", registered(&asked, &first)?.text("s", 1e3)),
        row(
            "… until the last of them was finished after the last had ended, and until all else was done",
            format!("{:.0} s, {:.0} s", drained_after.as_secs_f64(), all_after.as_secs_f64()),
        ),
        row("… from the end of a call to its finish", finished(&asked, &first)?.text("s", 1e3)),
        row(
            &format!("… registration of {} calls that came while the backlog drained", later.len()),
            registered(&asked, &later)?.text("s", 1e3),
        ),
    ]
    .concat())
}

/// Whether each call is there once, and right.
fn check<'a>(desk: &Desk, played: impl Iterator<Item = &'a Played>) -> anyhow::Result<()> {
    let calls = desk.portal.portal.telephony().calls;
    let mut missed = 0;
    let mut number = 0;
    let by_key: BTreeMap<_, _> = calls
        .iter()
        .filter_map(|call| Some((call.identity.external_call_id.clone()?, call)))
        .collect();
    for Played { script, .. } in played {
        number += 1;
        let call = by_key.get(&format!("office:{}", script.linkedid));
        let call = call.with_context(|| format!("{} is not there", script.linkedid))?;
        let finish = call.finish.as_ref().context("a call is not finished")?;
        let status = match script.goes {
            Goes::Answered => "200",
            Goes::Missed => "304",
        };
        missed += usize::from(script.goes == Goes::Missed);
        anyhow::ensure!(finish.status_code == status, "{call:?}");
        anyhow::ensure!(
            call.registrations == 1 && call.finishes_refused == 0,
            "{call:?}"
        );
    }
    anyhow::ensure!(
        calls.len() == number,
        "{} calls are there, {number} were played",
        calls.len()
    );
    let tasks = desk.tasks();
    anyhow::ensure!(tasks == missed, "{tasks} tasks, {missed} calls were missed");
    Ok(())
}

fn registered(asked: &BTreeMap<String, Asked>, played: &[Played]) -> anyhow::Result<Spans> {
    spans(asked, played, |asked, played| {
        Some(asked.register_at?.duration_since(played.rang_at))
    })
}

fn finished(asked: &BTreeMap<String, Asked>, played: &[Played]) -> anyhow::Result<Spans> {
    spans(asked, played, |asked, played| {
        Some(asked.finish_at?.duration_since(played.ended_at))
    })
}

fn spans(
    asked: &BTreeMap<String, Asked>,
    played: &[Played],
    span: impl Fn(&Asked, &Played) -> Option<jiff::SignedDuration>,
) -> anyhow::Result<Spans> {
    let spans = played.iter().map(|played| {
        let asked = asked.get(&played.script.linkedid);
        let span = asked.and_then(|asked| span(asked, played));
        let span = span.with_context(|| format!("{} is not told", played.script.linkedid))?;
        Ok(span.as_secs_f64() * 1e3)
    });
    Ok(Spans::new(spans.collect::<anyhow::Result<_>>()?))
}

//! How soon a call that rings is told to the CRM.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{
    Spans,
    desk::{Desk, Plan},
    script::{Goes, Script},
};

/// How long the portal takes for a request, in milliseconds.
const REQUEST_MS: u64 = 50;
/// So many times as quick as they were recorded do calls go: each takes a second or two.
const QUICK: f64 = 4.0;
/// Calls of a round. The portal's budget, 250 at once and 5 a second, is enough for all that is told of them.
const CALLS: u32 = 60;
/// The first number of the calls that are not measured.
const FIRST: u32 = 500_000;
/// How long everything may take to be told.
const SETTLE_FOR: Duration = Duration::from_secs(60);

/// Times from the event by which the agent's phone rings, as the PBX sends it, to the arrival of the registration in the
/// portal: in so many rounds, each with a program, a PBX and a portal of its own. A row of a table.
///
/// # Errors
/// When something cannot be tried, or a call is not told.
pub async fn live(program: &Path, per_second: u32, rounds: u32) -> anyhow::Result<String> {
    let mut spans = Vec::new();
    for round in 0..rounds {
        let desk = Desk::start(Plan::Enterprise, REQUEST_MS, true).await?;
        let hub = desk.serve(program).await?;
        // A program that is quite new learns first who is who: no call can be told before.
        let script = Script::new(Goes::Missed, FIRST + round, QUICK);
        script.play(&desk.pbx.pbx, Instant::now()).await;
        while !desk.are_finished([&script].into_iter()) {
            sleep(Duration::from_millis(50)).await;
        }
        let start = Instant::now();
        let interval = Duration::from_secs(1) / per_second;
        let mut playing = JoinSet::new();
        for number in 0..CALLS {
            let goes = if number % 4 == 3 {
                Goes::Missed
            } else {
                Goes::Answered
            };
            let script = Script::new(goes, round * CALLS + number, QUICK);
            if let Some(path) = script.records_to() {
                desk.record(&path)?;
            }
            let pbx = desk.pbx.pbx.clone();
            let at = start + interval * number;
            playing.spawn(async move { (script.play(&pbx, at).await.0, script) });
        }
        let played = playing.join_all().await;
        let scripts = || played.iter().map(|(_, script)| script);
        while !(desk.are_finished(scripts()) && hub.is_idle().await?) {
            anyhow::ensure!(start.elapsed() < SETTLE_FOR, "not everything is told");
            sleep(Duration::from_millis(50)).await;
        }
        let asked = desk.asked();
        for (rang_at, script) in played {
            let told = asked.get(&script.linkedid);
            let told = told.and_then(|told| told.register_at);
            let told = told.with_context(|| format!("{} is not told", script.linkedid))?;
            spans.push(told.duration_since(rang_at).as_secs_f64() * 1e3);
        }
        let refusals = desk.portal.portal.counts().query_limit_refusals;
        anyhow::ensure!(refusals == 0, "the portal refused {refusals} requests");
        hub.terminate()?;
    }
    let spans = Spans::new(spans);
    anyhow::ensure!(spans.at(0) >= 0.0, "a call was told before it rang");
    Ok(format!(
        "| From the event by which a phone rings to the arrival of its registration, {per_second} calls a second, {} \
         calls, {REQUEST_MS} ms a request | p99 under 50 ms | {} |\n",
        spans.0.len(),
        spans.text("ms", 1.0)
    ))
}

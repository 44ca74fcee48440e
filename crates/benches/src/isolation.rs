//! What failing ordering keys do to all others: a thousand tickets, some of which the helpdesk never answers about.
//!
//! The program runs as a process against a simulated helpdesk that takes its time. Updates of tickets arrive at a steady
//! rate, and each is timed from its acknowledgement until it stands in the helpdesk.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, bail};
use deskbridge_core::Clock;
use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::Offset};
use serde_json::{Value, json};
use simulators::faults::Rule;
use tokio::time::{Instant, sleep, sleep_until};

use crate::{
    hub::Hub,
    systems::{CONNECTION, Systems},
};

/// Tickets, each an ordering key of its own.
const KEYS: u64 = 1_000;
/// The id of the first ticket.
const FIRST_ID: u64 = 70_000_000;
/// How long the helpdesk takes for a request, in milliseconds.
const LATENCY_MS: u64 = 20;
/// Updates of tickets that do not fail, a second: less than half of what eight at once can carry out.
const PER_SECOND: u32 = 40;
/// Updates that are timed.
const UPDATES: u32 = 1_200;
/// How long everything may take to be carried out.
const SETTLE_FOR: Duration = Duration::from_secs(120);

/// What becomes of requests about a failing ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failing {
    /// They are answered with 503.
    Refused,
    /// They are never answered.
    Hanging,
}

/// From the acknowledgement until it stood in the helpdesk, in milliseconds, of tickets that do not fail.
#[derive(Clone, Copy, Debug)]
pub struct Waited {
    /// Updates that stand.
    pub written: usize,
    /// Half of them took at most this.
    pub p50_ms: f64,
    /// Ninety-nine of a hundred took at most this.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

impl Waited {
    /// One line of JSON.
    pub fn json(&self) -> Value {
        json!({
            "written": self.written, "p50_ms": self.p50_ms, "p99_ms": self.p99_ms, "max_ms": self.max_ms,
        })
    }
}

/// Times updates while `failing` of the tickets fail in this way.
///
/// # Errors
/// When something cannot be tried, or an update of a ticket that does not fail does not arrive.
pub async fn measure(program: &Path, failing: u64, how: Failing) -> anyhow::Result<Waited> {
    let systems = Systems::start(100_000).await?;
    systems.install(program).await?;
    let hub = Hub::start(program, &systems.config()).await?;
    let mut made = Vec::new();
    for id in FIRST_ID..FIRST_ID + KEYS {
        made.push(body("create", id, "made"));
    }
    let report = systems.sender(&hub)?.clients(8).send(&made).await;
    if !report.not_accepted.is_empty() {
        bail!("{} tickets were not accepted", report.not_accepted.len());
    }
    let start = Instant::now();
    while !hub.is_idle().await? {
        if start.elapsed() > SETTLE_FOR {
            bail!(
                "the tickets were not made within {} s",
                SETTLE_FOR.as_secs()
            );
        }
        sleep(Duration::from_millis(50)).await;
    }
    let names = systems.tickets();
    systems.site.site.clear_journal();
    systems
        .site
        .site
        .configure(|config| config.latency_ms = LATENCY_MS);
    let failing: BTreeSet<u64> = (FIRST_ID..FIRST_ID + failing).collect();
    let rules = failing.iter().map(|id| {
        let name = names.get(id).context("a ticket was not made")?;
        rule(name, how)
    });
    let rules = rules.collect::<anyhow::Result<Vec<_>>>()?;
    systems.site.site.set_faults(rules);
    let acknowledged = send(&systems, &hub, &failing).await?;
    let written = arrived(&systems, &acknowledged).await?;
    waited(&acknowledged, &written)
}

/// The body of a ticket as it is now.
fn body(action: &str, id: u64, subject: &str) -> Vec<u8> {
    let now = Clock::system().now().as_millisecond();
    json!({
        "object": "ticket", "action": action,
        "ticket": {
            "ticket_id": id, "ticket_no": id, "ticket_subject": subject, "ticket_status": "open",
            "ticket_priority": "Normal", "ticket_source": "Web", "created_at": now, "updated_at": now,
        },
    })
    .to_string()
    .into_bytes()
}

fn rule(ticket: &str, how: Failing) -> anyhow::Result<Rule> {
    let answer = match how {
        Failing::Refused => json!({"status": 503}),
        Failing::Hanging => json!("silence"),
    };
    let rule = json!({"when": format!("* */HD Ticket/{ticket}"), "answer": answer});
    Ok(serde_json::from_value(rule)?)
}

/// Sends updates at fixed times whatever becomes of them, and one for each failing ticket every second; when each of
/// the others was acknowledged, by its subject.
async fn send(
    systems: &Systems,
    hub: &Hub,
    failing: &BTreeSet<u64>,
) -> anyhow::Result<BTreeMap<String, Timestamp>> {
    let sender = systems.sender(hub)?;
    let (start, interval) = (Instant::now(), Duration::from_secs(1) / PER_SECOND);
    let mut rng = fastrand::Rng::with_seed(1);
    let mut acknowledged = BTreeMap::new();
    for at in 0..UPDATES {
        sleep_until(start + interval * at).await;
        let subject = format!("update {at}");
        let id = rng.u64(FIRST_ID + u64::try_from(failing.len())?..FIRST_ID + KEYS);
        let mut bodies = vec![body("update", id, &subject)];
        if at % PER_SECOND == 0 {
            bodies.extend(failing.iter().map(|id| body("update", *id, &subject)));
        }
        let (first, rest) = bodies.split_at(1);
        let report = sender.send(first).await;
        acknowledged.insert(subject, Clock::system().now());
        let more = sender.send(rest).await;
        if !report.not_accepted.is_empty() || !more.not_accepted.is_empty() {
            bail!("an update was not accepted");
        }
    }
    Ok(acknowledged)
}

/// When each subject stood in the helpdesk.
async fn arrived(
    systems: &Systems,
    acknowledged: &BTreeMap<String, Timestamp>,
) -> anyhow::Result<BTreeMap<String, Timestamp>> {
    let start = Instant::now();
    loop {
        let written = systems.subjects_written()?;
        let missing = acknowledged
            .keys()
            .filter(|subject| !written.contains_key(*subject))
            .count();
        if missing == 0 {
            return Ok(written);
        }
        if start.elapsed() > SETTLE_FOR {
            bail!("{missing} updates are not in the helpdesk");
        }
        sleep(Duration::from_millis(200)).await;
    }
}

fn waited(
    acknowledged: &BTreeMap<String, Timestamp>,
    written: &BTreeMap<String, Timestamp>,
) -> anyhow::Result<Waited> {
    let took = acknowledged.iter().map(|(subject, at)| {
        let written = written.get(subject).context("an update is missing")?;
        // One may stand before its acknowledgement arrives.
        let took = written.duration_since(*at).max(SignedDuration::ZERO);
        Ok(took.as_secs_f64() * 1e3)
    });
    let mut took = took.collect::<anyhow::Result<Vec<f64>>>()?;
    took.sort_unstable_by(f64::total_cmp);
    let at = |per_mille: usize| {
        let place = (took.len() * per_mille / 1000).min(took.len().saturating_sub(1));
        took.get(place).copied().context("nothing was timed")
    };
    Ok(Waited {
        written: took.len(),
        p50_ms: at(500)?,
        p99_ms: at(990)?,
        max_ms: at(1000)?,
    })
}

impl Systems {
    /// The names of tickets by their ids in CareSoft.
    fn tickets(&self) -> BTreeMap<u64, String> {
        let prefix = format!("{CONNECTION}:case:");
        let documents = self.site.site.data().documents.into_iter();
        let of_ticket = documents.filter_map(|document| {
            let key = document.get("custom_caresoft_id")?.as_str()?;
            let id = key.strip_prefix(&prefix)?.parse().ok()?;
            let name = document.get("name")?;
            let name = name
                .as_str()
                .map_or_else(|| name.to_string(), str::to_owned);
            Some((id, name))
        });
        of_ticket.collect()
    }

    /// When subjects of tickets were written, by the requests that the helpdesk carried out.
    fn subjects_written(&self) -> anyhow::Result<BTreeMap<String, Timestamp>> {
        let entries = self.site.site.journal().into_iter();
        let writes = entries.filter(|entry| entry.method == "PUT" && entry.status == 200);
        let mut written = BTreeMap::new();
        for entry in writes {
            if let Some(subject) = entry.params.get("subject").and_then(Value::as_str) {
                let at: DateTime = entry.at.parse().context("reading the site's time")?;
                // The site's clock is Vietnam's.
                let at = Offset::constant(7).to_timestamp(at)?;
                written.entry(subject.to_owned()).or_insert(at);
            }
        }
        Ok(written)
    }
}

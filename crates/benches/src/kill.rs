//! The whole program under load, killed again and again: nothing that was acknowledged may be lost, nothing may be
//! written twice.
//!
//! CareSoft, helpdesk and CRM are simulated in this process, so that they outlive every kill. A made-up life is sent in
//! slices, repeated and out of order, over several connections; what is not acknowledged is sent again after the next
//! start, as often as it takes. Answers of helpdesk and CRM get lost meanwhile. In the end helpdesk and CRM are compared
//! with what the life came to.

mod compare;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anyhow::{Context as _, bail};
use deskbridge_core::Clock;
use deskbridge_store::{EffectFilter, EffectState, EventFilter, EventState, Store};
use jiff::SignedDuration;
use serde_json::{Value, json};
use simulators::caresoft::{Disturbance, Report as Sent, Sender, disturb, live};
use tokio::time::{Instant, sleep};

pub use self::compare::{Before, differences};
use crate::{
    hub::Hub,
    systems::{CONNECTION, Systems},
};

/// Customers who come by between two kills.
const CASES_A_ROUND: u32 = 4;
/// Connections over which webhooks come.
const CLIENTS: usize = 3;
/// A round whose moment does not come ends this long after everything was sent.
const MOMENT_FOR: Duration = Duration::from_secs(2);
/// How long everything may take to be carried out in the end: as long as the longest chain of growing waits.
const SETTLE_FOR: Duration = Duration::from_secs(240);
/// How often a state is looked at.
const LOOK_EVERY: Duration = Duration::from_micros(500);

/// What is tried.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program `deskbridge`.
    pub program: PathBuf,
    /// How often it is killed.
    pub rounds: u32,
    /// Decides the life, its disturbance, the faults, and when it is killed.
    pub seed: u64,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How often the program was killed, by what the moment was counted in.
    pub kills: BTreeMap<&'static str, u32>,
    /// Webhooks that arrived or were to arrive, repetitions included.
    pub webhooks: usize,
    /// Sendings that no 2xx came for, and that were repeated.
    pub sent_again: usize,
    /// Events that were acknowledged and are not in the database.
    pub lost: Vec<String>,
    /// What was written twice.
    pub duplicates: Vec<String>,
    /// What is otherwise not as the life came to.
    pub differences: Vec<String>,
    /// Documents and records that the life came to and that were compared.
    pub compared: usize,
    /// From the first start to the end of the comparison, in seconds.
    pub seconds: f64,
    /// How long it took until everything was carried out after the last start, in seconds.
    pub settle_seconds: f64,
}

impl Report {
    /// Whether everything is as it has to be.
    pub fn is_clean(&self) -> bool {
        self.lost.is_empty() && self.duplicates.is_empty() && self.differences.is_empty()
    }

    /// One line of JSON.
    pub fn json(&self) -> Value {
        json!({
            "kills": self.kills, "webhooks": self.webhooks, "sent_again": self.sent_again, "lost": self.lost,
            "duplicates": self.duplicates, "differences": self.differences, "compared": self.compared,
            "seconds": self.seconds, "settle_seconds": self.settle_seconds,
        })
    }
}

/// When the program is killed: once so much more has happened since the round began.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// Webhooks that were acknowledged.
    Acknowledged(u64),
    /// Requests that the helpdesk has seen.
    HelpdeskAsked(u64),
    /// Documents that stand in the helpdesk, whether their answers arrived or not.
    HelpdeskWritten(u64),
    /// Requests that the CRM has seen.
    CrmAsked(u64),
}

impl Moment {
    fn any(rng: &mut fastrand::Rng) -> Self {
        match rng.u8(0..4) {
            0 => Self::Acknowledged(rng.u64(1..30)),
            1 => Self::HelpdeskAsked(rng.u64(1..150)),
            2 => Self::HelpdeskWritten(rng.u64(1..30)),
            _ => Self::CrmAsked(rng.u64(1..8)),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Acknowledged(_) => "acknowledged webhooks",
            Self::HelpdeskAsked(_) => "requests to the helpdesk",
            Self::HelpdeskWritten(_) => "documents in the helpdesk",
            Self::CrmAsked(_) => "requests to the CRM",
        }
    }

    /// The count at which it comes, and the count now.
    fn count(self, systems: &Systems, sender: &Sender) -> (u64, u64) {
        match self {
            Self::Acknowledged(more) => (more, sender.accepted()),
            Self::HelpdeskAsked(more) => (more, systems.helpdesk_asked()),
            Self::HelpdeskWritten(more) => (more, systems.helpdesk_documents()),
            Self::CrmAsked(more) => (more, systems.crm_asked()),
        }
    }
}

/// Kills the program again and again, and looks at what is left.
///
/// # Errors
/// When something cannot be tried: a process does not start, or nothing settles.
pub async fn rounds(options: &Options) -> anyhow::Result<Report> {
    let started_at = Instant::now();
    let mut rng = fastrand::Rng::with_seed(options.seed);
    let cases = options.rounds.saturating_mul(CASES_A_ROUND).max(1);
    // A case takes some minutes, and nothing is to happen in the future.
    let ago = SignedDuration::from_mins(10).saturating_mul(i32::try_from(cases)?);
    let life = live(rng.u64(..), cases, Clock::system().now() - ago);
    let disturbance = Disturbance {
        duplicates: 0.3,
        late_by_max: 12,
        losses: 0.0,
    };
    let bodies = disturb(rng.u64(..), &life.webhooks, disturbance);
    let systems = Systems::start(0).await?;
    systems.install(&options.program).await?;
    let before = Before::of(&systems.site.site, &systems.portal.portal);
    let mut trial = Trial {
        systems,
        rng,
        waiting: Vec::new(),
        acknowledged: Vec::new(),
        report: Report {
            webhooks: bodies.len(),
            ..Report::default()
        },
    };
    let slice = bodies
        .len()
        .div_ceil(usize::try_from(options.rounds)?.max(1));
    for slice in bodies.chunks(slice.max(1)) {
        trial.waiting.extend(slice.iter().cloned());
        trial.round(&options.program).await?;
    }
    trial.settle(&options.program).await?;
    trial.look_into_database().await?;
    let Trial {
        systems,
        mut report,
        ..
    } = trial;
    let found = differences(
        &life.outcome,
        CONNECTION,
        &systems.site.site,
        &systems.portal.portal,
        &before,
    );
    report.duplicates.extend(found.duplicates);
    report.differences.extend(found.differences);
    report.compared = found.compared;
    report.seconds = started_at.elapsed().as_secs_f64();
    Ok(report)
}

struct Trial {
    systems: Systems,
    rng: fastrand::Rng,
    /// Not acknowledged yet.
    waiting: Vec<Vec<u8>>,
    acknowledged: Vec<Vec<u8>>,
    report: Report,
}

impl Trial {
    /// What was answered is acknowledged, the rest waits for the next time.
    fn keep(&mut self, not_accepted: &[usize]) {
        let sent = std::mem::take(&mut self.waiting);
        for (at, body) in sent.into_iter().enumerate() {
            match not_accepted.binary_search(&at) {
                Ok(_) => self.waiting.push(body),
                Err(_) => self.acknowledged.push(body),
            }
        }
        self.report.sent_again += not_accepted.len();
    }

    /// Starts the program, sends what waits, and kills it when its moment comes.
    async fn round(&mut self, program: &std::path::Path) -> anyhow::Result<()> {
        let hub = Hub::start(program, &self.systems.config()).await?;
        self.systems.misbehave(&mut self.rng)?;
        let moment = Moment::any(&mut self.rng);
        let sender = self.systems.sender(&hub)?.clients(CLIENTS);
        let killed = killed_at(moment, hub, &self.systems, &sender, &self.waiting);
        let (report, has_come) = killed.await?;
        let name = if has_come { moment.name() } else { "none came" };
        *self.report.kills.entry(name).or_default() += 1;
        self.keep(&report.not_accepted);
        Ok(())
    }

    /// Lets everything be sent and carried out, without faults, and ends the program in peace.
    async fn settle(&mut self, program: &std::path::Path) -> anyhow::Result<()> {
        let settling_at = Instant::now();
        self.systems.behave()?;
        let hub = Hub::start(program, &self.systems.config()).await?;
        while !self.waiting.is_empty() {
            if settling_at.elapsed() > SETTLE_FOR {
                bail!("{} webhooks are not accepted", self.waiting.len());
            }
            let sender = self.systems.sender(&hub)?.clients(CLIENTS);
            let report = sender.send(&self.waiting).await;
            self.keep(&report.not_accepted);
        }
        // What is not carried out by then is told with the rest.
        while settling_at.elapsed() < SETTLE_FOR && !hub.is_idle().await? {
            sleep(Duration::from_millis(20)).await;
        }
        self.report.settle_seconds = settling_at.elapsed().as_secs_f64();
        hub.terminate()
    }

    /// Whether every event that was acknowledged is there, and everything was carried out.
    async fn look_into_database(&mut self) -> anyhow::Result<()> {
        let store = Store::open(&self.systems.database()).context("opening the database")?;
        let all = EventFilter {
            limit: usize::MAX,
            ..EventFilter::default()
        };
        let mut kept: BTreeMap<String, usize> = BTreeMap::new();
        for record in store.list_events(all, None).await? {
            let body = canonical(&record.event.arrival.body);
            if record.state != EventState::Done {
                let why = record.failure.unwrap_or_default();
                let what = format!("an event is {:?}: {why}: {body}", record.state);
                self.report.differences.push(what);
            }
            *kept.entry(body).or_default() += 1;
        }
        let twice = kept.iter().filter(|(_, times)| **times > 1);
        let twice = twice.map(|(body, times)| format!("{times} events: {body}"));
        self.report.duplicates.extend(twice);
        let acknowledged = self.acknowledged.iter().map(|body| canonical(body));
        let lost = acknowledged.filter(|body| !kept.contains_key(body));
        self.report.lost.extend(lost);
        let all = EffectFilter {
            limit: usize::MAX,
            ..EffectFilter::default()
        };
        for record in store.list_effects(all).await? {
            if record.state != EffectState::Done {
                let (intent, why) = (record.effect.intent, record.failure.unwrap_or_default());
                let what = format!("an effect is {:?}: {why}: {}", record.state, intent.payload);
                self.report.differences.push(what);
            }
        }
        Ok(())
    }
}

/// Sends what waits, and kills the program when its moment comes; what became of the sending, and whether it came.
async fn killed_at(
    moment: Moment,
    hub: Hub,
    systems: &Systems,
    sender: &Sender,
    waiting: &[Vec<u8>],
) -> anyhow::Result<(Sent, bool)> {
    let (more, from) = moment.count(systems, sender);
    let has_come = || moment.count(systems, sender).1 >= from + more;
    let mut sending = std::pin::pin!(sender.send(waiting));
    let mut sent: Option<(Sent, Instant)> = None;
    loop {
        let is_late = sent
            .as_ref()
            .is_some_and(|(_, at)| at.elapsed() > MOMENT_FOR);
        if has_come() || is_late {
            break;
        }
        tokio::select! {
            report = &mut sending, if sent.is_none() => sent = Some((report, Instant::now())),
            () = sleep(LOOK_EVERY) => {}
        }
    }
    let has_come = has_come();
    hub.kill()?;
    // Who is still sending learns from the connections that nobody is there.
    let report = match sent {
        Some((report, _)) => report,
        None => sending.await,
    };
    Ok((report, has_come))
}

/// The same text for the same content, whatever the order of its outermost keys.
fn canonical(body: &[u8]) -> String {
    match serde_json::from_slice::<BTreeMap<String, Value>>(body) {
        Ok(members) => json!(members).to_string(),
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    }
}

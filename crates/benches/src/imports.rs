//! Imports into a simulated helpdesk by the program as a process of its own: how fast, how much memory, and what is left
//! when it is killed or disturbed again and again.
//!
//! The helpdesk is in this process, so that it outlives every kill. In the end every record is compared with it field by
//! field, and its documents are counted: none may be there twice.

mod history;
mod peers;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, bail};
use deskbridge_import::{decide::Settings, reader::Source, target, verify};
use deskbridge_store::Store;
use serde_json::{Value, json};
use simulators::{
    faults::{Answer, Rule},
    frappe,
};
use tokio::time::{Instant, sleep};

/// What the import is called.
const NAME: &str = "jsonl";
/// How often is looked at how far the import is.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// How often is looked whether the import has ended; seldom, as it shares the processors.
const LOOK_AT_END_EVERY: Duration = Duration::from_millis(10);
/// How long an import may take.
const ENDS_IN: Duration = Duration::from_secs(3_600);
/// What a ticket has: how many documents of each DocType, apart from customers and contacts.
const OF_A_TICKET: [(&str, u64); 3] = [
    ("HD Ticket", 1),
    ("Communication", history::COMMUNICATIONS),
    ("HD Ticket Comment", history::COMMENTS),
];

/// What is tried.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program `deskbridge`.
    pub program: PathBuf,
    /// How many tickets the history has.
    pub tickets: u32,
    /// Decides when the program is killed and what goes wrong.
    pub seed: u64,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How often the program was killed.
    pub kills: u32,
    /// How many requests went wrong.
    pub faults: u64,
    /// Documents that are there more or less often than they should be, by DocType.
    pub wrong_counts: BTreeMap<String, (u64, u64)>,
    /// What is not as it should be, field by field.
    pub differences: Vec<String>,
    /// How many records and messages were compared.
    pub compared: u64,
    /// How many requests came while the helpdesk was gone.
    pub in_vain: u64,
    /// How long the import took, in seconds.
    pub import_seconds: f64,
    /// How long it took with the comparison, in seconds.
    pub seconds: f64,
}

impl Report {
    /// Whether everything is as it has to be.
    pub fn is_clean(&self) -> bool {
        self.wrong_counts.is_empty() && self.differences.is_empty()
    }

    /// One line of JSON.
    pub fn json(&self) -> Value {
        json!({
            "kills": self.kills, "faults": self.faults, "wrong_counts": self.wrong_counts,
            "differences": self.differences, "compared": self.compared, "in_vain": self.in_vain,
            "import_seconds": self.import_seconds, "seconds": self.seconds,
        })
    }
}

/// A helpdesk, a history, and a configuration that ties them together.
struct Scene {
    site: frappe::Running,
    client: ::frappe::Client,
    folder: tempfile::TempDir,
    tickets: u32,
}

impl Scene {
    async fn new(tickets: u32, latency_ms: u64) -> anyhow::Result<Self> {
        let data = json!({"users": [{
            "email": "admin@helpdesk.example", "full_name": "Admin", "api_key": "admin-key",
            "api_secret": "planted-admin-secret",
            "roles": ["System Manager", "Script Manager", "Agent", "Agent Manager"],
        }, {"email": history::AGENT, "full_name": "Mai", "roles": ["Agent"]}]});
        let options = frappe::Options {
            data: serde_json::from_value(data)?,
            keep_alive: true,
            journal_entries_max: 0,
            config: frappe::Config {
                server_script_enabled: true,
                latency_ms,
                ..frappe::Config::default()
            },
            ..frappe::Options::default()
        };
        let site = frappe::start(options).await?;
        let folder = tempfile::tempdir()?;
        let configuration = format!(
            "[server]\ndatabase = \"ledger.db\"\n[[frappe]]\nname = \"helpdesk\"\nurl = \"{}\"\napi_key = \"admin-key\"\n\
             api_secret = \"planted-admin-secret\"\n",
            site.url
        );
        fs::write(folder.path().join("deskbridge.toml"), configuration)?;
        let options = ::frappe::Options {
            deadline: Duration::from_secs(60),
            ..::frappe::Options::default()
        };
        let client = ::frappe::Site::new(&site.url, options)?;
        let credential = ::frappe::Credential::token("admin-key", "planted-admin-secret")?;
        let scene = Self {
            client: client.user(credential),
            site,
            folder,
            tickets,
        };
        history::write(&scene.history(), tickets)?;
        Ok(scene)
    }

    fn history(&self) -> PathBuf {
        self.folder.path().join("history.jsonl")
    }

    /// Makes the fields and scripts that an import needs.
    async fn prepare(&self) -> anyhow::Result<Settings> {
        let settings = Settings {
            source: NAME.to_owned(),
            ..Settings::default()
        };
        let site = target::site(&self.client, &settings).await?;
        target::prepare(&self.client, &target::missing(&site, &settings)).await?;
        target::prepare_scripts(&self.client, &target::DATED).await?;
        Ok(settings)
    }

    fn start(&self, program: &Path, more: &[&str]) -> anyhow::Result<Started> {
        let log = self.folder.path().join("import.log");
        let said = File::create(&log)?;
        let mut command = Command::new(program);
        command
            .args([
                "import",
                NAME,
                "history.jsonl",
                "--config",
                "deskbridge.toml",
            ])
            .args(more)
            .current_dir(self.folder.path())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said);
        let child = command.spawn().context("starting the program")?;
        let ends_by = Instant::now() + ENDS_IN;
        Ok(Started {
            child,
            log,
            ends_by,
        })
    }

    fn asked(&self) -> u64 {
        let stats = self.site.site.stats();
        stats
            .get("requests")
            .and_then(Value::as_u64)
            .unwrap_or_default()
    }

    async fn count(&self, doctype: &str) -> anyhow::Result<u64> {
        let list = ::frappe::List::new()
            .filter(::frappe::Filter::is_set("custom_import_id"))
            .limit(0);
        Ok(self.client.list(doctype, &list).await?.len() as u64)
    }

    /// Compares everything that should be there with what is.
    async fn compare(&self, settings: &Settings, report: &mut Report) -> anyhow::Result<()> {
        let tickets = u64::from(self.tickets);
        let of_people = [
            ("HD Customer", history::customers(self.tickets)),
            ("Contact", history::contacts(self.tickets)),
        ];
        let of_tickets = OF_A_TICKET.map(|(doctype, each)| (doctype, each * tickets));
        for (doctype, expected) in of_people.into_iter().chain(of_tickets) {
            let found = self.count(doctype).await?;
            if found != expected {
                let counts = (expected, found);
                report.wrong_counts.insert(doctype.to_owned(), counts);
            }
        }
        let store = Store::open(&self.folder.path().join("ledger.db"))?;
        let site = target::site(&self.client, settings).await?;
        let source = Source::JsonLines(vec![self.history()]);
        let differences = &mut report.differences;
        let differs = |found| differences.push(format!("{found:?}"));
        let client = &self.client;
        let verified = verify::verify(client, &store, &source, &site, settings, None, differs);
        let verified = verified.await?;
        report.compared = verified.messages + verified.records.values().sum::<u64>();
        Ok(())
    }
}

/// The program at work. It does not outlive what watches it.
struct Started {
    child: Child,
    /// What it says.
    log: PathBuf,
    ends_by: Instant,
}

impl Started {
    /// Its status, once it has ended.
    fn status(&mut self) -> anyhow::Result<Option<Option<i32>>> {
        let status = self.child.try_wait()?;
        if status.is_none() && Instant::now() > self.ends_by {
            bail!("the import did not come to its end: {}", self.said());
        }
        Ok(status.map(|status| status.code()))
    }

    async fn ended(&mut self) -> anyhow::Result<Option<i32>> {
        loop {
            if let Some(status) = self.status()? {
                return Ok(status);
            }
            sleep(LOOK_AT_END_EVERY).await;
        }
    }

    fn said(&self) -> String {
        let mut said = String::new();
        let read = File::open(&self.log).map(|log| log.take(1 << 16).read_to_string(&mut said));
        match read {
            Ok(_) => said,
            Err(error) => error.to_string(),
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs the import until it says that everything is there.
async fn finish(scene: &Scene, program: &Path) -> anyhow::Result<()> {
    let mut said = String::new();
    // One that found the helpdesk gone goes on when it is told to.
    for _ in 0..20 {
        let mut started = scene.start(program, &[])?;
        if started.ended().await? == Some(0) {
            return Ok(());
        }
        said = started.said();
    }
    bail!("the import never came to its end: {said}")
}

/// Kills one import so often, lets it go on each time, and compares what came of it.
///
/// # Errors
/// When something cannot be tried: the program does not start, or the import does not end.
pub async fn killed(options: &Options, kills: u32) -> anyhow::Result<Report> {
    let began_at = Instant::now();
    let scene = Scene::new(options.tickets, 0).await?;
    let settings = scene.prepare().await?;
    let mut random = fastrand::Rng::with_seed(options.seed);
    let mut report = Report::default();
    // A ticket takes about four requests; the kills are spread over all of them.
    let between = u64::from(options.tickets) * 4 / u64::from(kills.max(1));
    for _ in 0..kills {
        let mut started = scene.start(&options.program, &[])?;
        let until = scene.asked() + random.u64(1..between.max(2) * 2);
        while started.status()?.is_none() {
            if scene.asked() >= until {
                started.child.kill()?;
                report.kills += 1;
                break;
            }
            sleep(LOOK_EVERY).await;
        }
    }
    finish(&scene, &options.program).await?;
    report.import_seconds = began_at.elapsed().as_secs_f64();
    scene.compare(&settings, &mut report).await?;
    report.seconds = began_at.elapsed().as_secs_f64();
    Ok(report)
}

/// Lets one import live through lost answers, refusals of too many requests, deadlocks and an outage, and compares what
/// came of it.
///
/// # Errors
/// As [`killed`].
pub async fn disturbed(options: &Options) -> anyhow::Result<Report> {
    let began_at = Instant::now();
    let scene = Scene::new(options.tickets, LATENCY_MS).await?;
    let settings = scene.prepare().await?;
    let mut random = fastrand::Rng::with_seed(options.seed);
    let mut report = Report::default();
    // In the middle: a ticket takes about four requests.
    let outage_at = scene.asked() + u64::from(options.tickets) * 2;
    let mut started = scene.start(&options.program, &[])?;
    let (mut until, mut was_gone) = (0, false);
    let status = loop {
        if let Some(status) = started.status()? {
            break status;
        }
        if !was_gone && scene.asked() >= outage_at {
            // Gone for good, as far as anybody there can tell; what was sent is still carried out.
            let gone = vec![rule("*", 0, u64::MAX, Answer::HangUp)];
            let asked = scene.asked();
            scene.site.site.set_faults(gone);
            sleep(Duration::from_secs(OUTAGE_SECONDS)).await;
            report.in_vain = scene.asked() - asked;
            (was_gone, until) = (true, 0);
        }
        if scene.asked() >= until {
            until = scene.asked() + REQUESTS * 9 / 10;
            let rules = rules(&mut random, REQUESTS);
            report.faults += rules.iter().filter_map(|rule| rule.times).sum::<u64>();
            scene.site.site.set_faults(rules);
        }
        sleep(LOOK_EVERY).await;
    };
    scene.site.site.set_faults(Vec::new());
    if status != Some(0) {
        finish(&scene, &options.program).await?;
    }
    report.import_seconds = began_at.elapsed().as_secs_f64();
    scene.compare(&settings, &mut report).await?;
    report.seconds = began_at.elapsed().as_secs_f64();
    Ok(report)
}

/// How long the helpdesk takes for an answer at least, unless the bench is about something else.
const LATENCY_MS: u64 = 20;
/// How many requests a set of rules is for.
const REQUESTS: u64 = 1_000;
/// How long the helpdesk is gone.
const OUTAGE_SECONDS: u64 = 30;

fn rule(when: &str, skip: u64, times: u64, answer: Answer) -> Rule {
    Rule {
        when: when.to_owned(),
        skip,
        times: Some(times),
        execute: true,
        delay_ms: 0,
        answer,
    }
}

/// What goes wrong in so many requests: of twenty writes one whose answer is lost, now and then several that are refused
/// as too many, and deadlocks.
fn rules(random: &mut fastrand::Rng, requests: u64) -> Vec<Rule> {
    let lost = (0..requests / 20).map(|number| {
        let skip = number * 20 + random.u64(0..20);
        rule("P*", skip, 1, Answer::HangUp)
    });
    let mut rules: Vec<Rule> = lost.collect();
    for (times, preset) in [
        // Each is waited for as long as it says, by as many at once as the helpdesk bears: few where it is slow.
        (12, "too_many_requests"),
        (3, "deadlock"),
        (3, "lock_timeout"),
    ] {
        let refused = rule(
            "P*",
            random.u64(0..requests),
            times,
            Answer::Preset(preset.to_owned()),
        );
        rules.push(Rule {
            execute: false,
            ..refused
        });
    }
    rules
}

/// Moves a history in, beside the same requests as fast as they go and a script that waits for each answer.
///
/// # Errors
/// When something cannot be tried.
pub async fn speed(program: &Path, tickets: u32) -> anyhow::Result<Value> {
    let scene = Scene::new(tickets, LATENCY_MS).await?;
    scene.prepare().await?;
    let (asked, began_at) = (scene.asked(), Instant::now());
    let mut started = scene.start(program, &[])?;
    let status = started.ended().await?;
    if status != Some(0) {
        bail!("the import ended with {status:?}: {}", started.said());
    }
    let seconds = began_at.elapsed().as_secs_f64();
    let requests = scene.asked() - asked;
    drop(scene);

    let scene = Scene::new(tickets, LATENCY_MS).await?;
    scene.prepare().await?;
    let (asked, began_at) = (scene.asked(), Instant::now());
    peers::bare(&scene.client, tickets).await?;
    let bare_seconds = began_at.elapsed().as_secs_f64();
    let bare_requests = scene.asked() - asked;
    drop(scene);

    let few = tickets.min(300);
    let scene = Scene::new(few, LATENCY_MS).await?;
    let began_at = Instant::now();
    peers::script(&scene.site.url, few).await?;
    let script_seconds = began_at.elapsed().as_secs_f64();
    let rate = |tickets: u32, seconds: f64| f64::from(tickets) / seconds;
    #[expect(clippy::cast_precision_loss, reason = "a rate that is shown to people")]
    let per_second = |requests: u64, seconds: f64| requests as f64 / seconds;
    Ok(json!({
        "tickets": tickets, "latency_ms": LATENCY_MS,
        "import": {"seconds": seconds, "requests": requests, "requests_per_second": per_second(requests, seconds),
                   "tickets_per_second": rate(tickets, seconds)},
        "bare": {"seconds": bare_seconds, "requests": bare_requests,
                 "requests_per_second": per_second(bare_requests, bare_seconds),
                 "tickets_per_second": rate(tickets, bare_seconds)},
        "of_bare_percent": 100.0 * per_second(requests, seconds) / per_second(bare_requests, bare_seconds),
        "script": {"tickets": few, "seconds": script_seconds, "tickets_per_second": rate(few, script_seconds)},
    }))
}

/// Checks a history without writing it.
///
/// # Errors
/// When something cannot be tried.
pub async fn dry_run(program: &Path, tickets: u32) -> anyhow::Result<Value> {
    let scene = Scene::new(tickets, 0).await?;
    scene.prepare().await?;
    let bytes = fs::metadata(scene.history())?.len();
    let began_at = Instant::now();
    let mut started = scene.start(program, &["--dry-run"])?;
    let process = started.child.id();
    let mut peak_mib = 0.0_f64;
    let status = loop {
        // It is gone once it has ended.
        peak_mib = peak_mib.max(crate::memory::peak_mib_of(process).unwrap_or_default());
        if let Some(status) = started.status()? {
            break status;
        }
        sleep(LOOK_AT_END_EVERY).await;
    };
    let seconds = began_at.elapsed().as_secs_f64();
    if status != Some(0) {
        bail!("the dry run ended with {status:?}: {}", started.said());
    }
    Ok(json!({
        "tickets": tickets, "bytes": bytes, "seconds": seconds, "peak_mib": peak_mib,
    }))
}

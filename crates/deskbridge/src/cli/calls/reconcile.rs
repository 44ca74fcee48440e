//! `deskbridge calls reconcile`.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use deskbridge_calls::{
    decide::reconcile::{Action, Asked, Because, Finding, What},
    people::Directory,
    reconcile::{Reconciler, Report, Request},
};
use deskbridge_core::Clock;
use deskbridge_profile::crm::Portals;
use deskbridge_store::Store;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use crate::{
    cli::{
        ConfigFile, database, environment,
        moment::Moment,
        say,
        terminal::{local, plain},
    },
    wire::calls::{Pbx, pbxs},
};

pub(super) const HELP: &str = "\
The portal's call statistics are read and compared with the calls that are kept here. What was given up is written again, \
what was never planned is planned by today's settings, with its true times and no card; what waits is left alone. \
Nothing is there twice: each write looks first. What the portal holds in another form is shown and left as it is.
Writes are carried out by `deskbridge serve`. With --json there is one object a line for each PBX: connection, since, \
calls (compared), held (by the portal), is_blind (the portal shows no statistics at all), findings, writes_sent_again and \
calls_planned. A finding has linkedid, key, started_at, client, what (no_call, no_recording, differs, several, \
stranger), because, field, here, there and action (send, plan, wait, not_asked, show).";

#[derive(Args)]
pub(crate) struct ReconcileArguments {
    #[command(flatten)]
    file: ConfigFile,
    /// Only of this PBX.
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Calls that began then or later: 24h, 3 days, or a time.
    #[arg(long, value_name = "TIME", default_value = "24h")]
    since: Moment,
    /// Only show what would be done.
    #[arg(long)]
    dry_run: bool,
    /// Write again, too, what somebody discarded, and what the portal took and does not show any more.
    #[arg(long)]
    again: bool,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: &ReconcileArguments) -> anyhow::Result<ExitCode> {
    let config = arguments.file.load()?;
    let store = database::open(&arguments.file).await?;
    let clock = Clock::system();
    let since = arguments
        .since
        .resolve(&clock.now().to_zoned(TimeZone::system()))?;
    let portals = Portals::new(bitrix24::Options::default());
    let mut found = pbxs(&config, &environment(), &portals, Some(&store))?;
    if let Some(name) = &arguments.connection {
        found.retain(|pbx| pbx.name == *name);
    }
    if found.is_empty() {
        bail!("no [[asterisk]] is followed that could be compared");
    }
    for pbx in &found {
        let report = compare(pbx, &store, &clock, since, arguments).await?;
        say(match arguments.json {
            true => json_of(&pbx.name, since, &report).to_string(),
            false => table(&pbx.name, since, &report, arguments.dry_run),
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn compare(
    pbx: &Pbx,
    store: &Store,
    clock: &Clock,
    since: Timestamp,
    arguments: &ReconcileArguments,
) -> anyhow::Result<Report> {
    let directory = Directory::new(&pbx.crm, &pbx.settings, store, clock, pbx.users_every);
    if !directory.renew().await {
        bail!(
            "the portal of {} does not say who its users are; `deskbridge doctor` finds out why",
            pbx.name
        );
    }
    let rng = fastrand::Rng::new();
    let reconciler = Reconciler::new(&pbx.settings, &pbx.crm, store, clock, rng);
    let request = Request {
        since,
        asked: Asked::ByPerson {
            again: arguments.again,
        },
        is_dry: arguments.dry_run,
    };
    let compared = reconciler.run(&directory.people(), request).await;
    let (report, _) = compared.with_context(|| format!("comparing the calls of {}", pbx.name))?;
    Ok(report)
}

/// What was found, for people.
fn table(name: &str, since: Timestamp, report: &Report, is_dry: bool) -> String {
    let mut lines = vec![format!(
        "{name}: {} calls since {}, {} calls in the portal",
        report.calls,
        local(since),
        report.held
    )];
    if report.is_blind {
        lines.push(
            "  The portal shows none of the calls that it took: give the hub's user the right to view call statistics."
                .to_owned(),
        );
    }
    for found in &report.findings {
        let began = found.started_at.map_or_else(|| "?".to_owned(), local);
        let client = found.client.as_deref().unwrap_or("withheld");
        lines.push(format!(
            "  {began}  {}  {}",
            plain(client),
            plain(&found.key)
        ));
        lines.push(format!(
            "      {}: {}",
            plain(&what(found)),
            done(found, is_dry)
        ));
    }
    lines.push(match (report.findings.len(), is_dry) {
        (0, _) => "  Every call is there as it was told.".to_owned(),
        (_, true) => "  Nothing was written: this was a dry run.".to_owned(),
        (_, false) => format!(
            "  {} writes are carried out once more, {} calls were planned late. `deskbridge serve` carries them out.",
            report.sent, report.planned
        ),
    });
    lines.join("\n")
}

fn what(found: &Finding) -> String {
    match &found.what {
        What::NoCall(why) => format!("not in the portal, {}", because(why)),
        What::NoRecording(why) => format!("without its recording, {}", because(why)),
        What::Differs { field, here, there } => {
            format!("the {field} is {here} here and {there} in the portal")
        }
        What::Several(times) => format!("{times} times in the portal"),
        What::Stranger => "in the portal under our name, and not known here".to_owned(),
    }
}

fn because(why: &Because) -> String {
    match why {
        Because::NeverPlanned => "never planned".to_owned(),
        Because::Waits => "still on its way".to_owned(),
        Because::GivenUp(why) => format!("given up ({why})"),
        Because::Discarded => "discarded by somebody".to_owned(),
        Because::Lost => "though the portal took it".to_owned(),
        Because::Forgotten => "and what was written of it is forgotten".to_owned(),
    }
}

fn done(found: &Finding, is_dry: bool) -> &'static str {
    match (&found.action, is_dry) {
        (Action::Send(_), false) => "written again",
        (Action::Send(_), true) => "would be written again",
        (Action::Plan, false) => "planned",
        (Action::Plan, true) => "would be planned",
        (Action::Wait, _) => "left alone",
        (Action::NotAsked, _) => "left alone; --again writes it again",
        (Action::Show, _) => "left as it is",
    }
}

fn json_of(name: &str, since: Timestamp, report: &Report) -> Value {
    let findings: Vec<Value> = report.findings.iter().map(json_of_finding).collect();
    json!({
        "connection": name,
        "since": since,
        "calls": report.calls,
        "held": report.held,
        "is_blind": report.is_blind,
        "findings": findings,
        "writes_sent_again": report.sent,
        "calls_planned": report.planned,
    })
}

fn json_of_finding(found: &Finding) -> Value {
    let mut shown = json!({
        "linkedid": found.linkedid,
        "key": found.key,
        "started_at": found.started_at,
        "client": found.client,
        "action": match found.action {
            Action::Send(_) => "send",
            Action::Plan => "plan",
            Action::Wait => "wait",
            Action::NotAsked => "not_asked",
            Action::Show => "show",
        },
    });
    let more = match &found.what {
        What::NoCall(why) => json!({"what": "no_call", "because": because(why)}),
        What::NoRecording(why) => json!({"what": "no_recording", "because": because(why)}),
        What::Differs { field, here, there } => {
            json!({"what": "differs", "field": field, "here": here, "there": there})
        }
        What::Several(times) => json!({"what": "several", "there": times}),
        What::Stranger => json!({"what": "stranger"}),
    };
    if let (Value::Object(shown), Value::Object(more)) = (&mut shown, more) {
        shown.extend(more);
    }
    shown
}

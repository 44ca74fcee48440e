//! Writing: `import freshdesk`, `csv`, `jsonl`, and `retry`.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context as _, bail};
use clap::Args;
use deskbridge_core::Clock;
use deskbridge_import::{
    dry_run, guard,
    reader::Source,
    run::{Ended, Import, Options, Order, Summary},
    target,
};
use deskbridge_store::Store;
use futures_util::FutureExt as _;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use super::{
    progress::{Shown, counted, plural, span},
    report,
    source::{Opened, Sources},
};
use crate::cli::say;

/// The status of a run that is to be gone on with.
const TO_BE_CONTINUED: u8 = 3;
/// The status of a run that was ended at once.
const INTERRUPTED: u8 = 130;

#[derive(Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub(crate) struct WriteArguments {
    /// Check everything against the helpdesk's own fields and choices, print what would fail, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Where records go that cannot be written, with why; `NAME-RUN.rejects.jsonl` in this folder unless given. Corrected,
    /// `import jsonl` takes them with the same --as.
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Make the fields and scripts in the helpdesk that an import needs, if they are missing.
    #[arg(long)]
    prepare: bool,
    /// Switch off until the end what would send mail or change tickets: acknowledgements, requests for feedback, closing
    /// of old tickets, assignment rules.
    #[arg(long)]
    silence: bool,
    /// Go on although the helpdesk may send mail because of it.
    #[arg(long, conflicts_with = "silence")]
    may_send_mail: bool,
    /// Read the source from its beginning, although it is settled up to somewhere.
    #[arg(long)]
    again: bool,
    /// Go on although the key sees only a part of the Freshdesk account.
    #[arg(long)]
    allow_partial: bool,
    /// The most requests at once; the configuration's unless given.
    #[arg(long, value_name = "NUMBER")]
    requests: Option<usize>,
    /// The most requests in a second; the configuration's unless given.
    #[arg(long, value_name = "NUMBER")]
    rate: Option<f64>,
}

/// Which records.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    All,
    Failed,
}

pub(super) async fn run(
    sources: Sources<WriteArguments>,
    which: Which,
) -> anyhow::Result<ExitCode> {
    let (opened, arguments) = sources.open()?;
    if arguments.dry_run {
        return look(&opened).await;
    }
    let _alone = opened.place.alone()?;
    check_source(&opened, &arguments).await?;
    let store = opened.place.ledger().await?;
    prepare(&opened, &arguments).await?;
    let is_silenced = silence(&opened, &store, &arguments).await?;
    let summary = write(&opened, &store, &arguments, which).await;
    if is_silenced {
        let place = &opened.place;
        let put_back = guard::put_back(&place.administrator, &store, place.name()).await;
        let count = put_back.context(
            "putting back what was switched off; the next run with --silence does it, too",
        )?;
        if count > 0 {
            say(format!(
                "{count} switches of the helpdesk are as they were."
            ))?;
        }
    }
    summary
}

/// What is known before anything is read.
async fn check_source(opened: &Opened, arguments: &WriteArguments) -> anyhow::Result<()> {
    match opened.source.itself() {
        Source::Freshdesk(desk) => {
            let preflight = desk.account().preflight().await;
            let preflight = preflight.context("asking Freshdesk what the key may see")?;
            for warning in preflight.warnings() {
                say(format!("! {warning}"))?;
                if warning.is_fatal() && !arguments.allow_partial {
                    bail!("the import would be incomplete; --allow-partial goes on all the same");
                }
            }
            let wanted = freshdesk::Wanted {
                tickets: preflight.tickets,
                ratings: opened.place.import.ratings,
                ..freshdesk::Wanted::default()
            };
            let estimate = freshdesk::estimate(&wanted, &preflight.standing);
            let limits = match estimate.lasts {
                Duration::ZERO => "which the account's limits let through at once".to_owned(),
                lasts => format!("and {} within the account's limits", span(lasts)),
            };
            say(format!(
                "{} tickets; reading all of them takes about {} requests, {limits}.",
                preflight.tickets, estimate.requests,
            ))
        }
        Source::FreshdeskExport(export) => {
            for oddity in export.oddities()? {
                say(format!("! the export: {oddity}"))?;
            }
            Ok(())
        }
        Source::JsonLines(_) | Source::MappedLines(_) | Source::Csv(_) | Source::Hooked(_) => {
            Ok(())
        }
    }
}

async fn prepare(opened: &Opened, arguments: &WriteArguments) -> anyhow::Result<()> {
    let place = &opened.place;
    let site = target::site(&place.client, &place.settings).await?;
    let missing = target::missing(&site, &place.settings);
    if !missing.is_empty() {
        if !arguments.prepare {
            bail!(
                "the helpdesk lacks {} fields that an import needs, such as {}; --prepare makes them, and so does \
                 `deskbridge frappe install`",
                missing.len(),
                missing.first().map(|one| one.doctype).unwrap_or_default()
            );
        }
        target::prepare(&place.administrator, &missing).await?;
        say(format!(
            "{} fields were made in the helpdesk.",
            missing.len()
        ))?;
    }
    let mut without = Vec::new();
    for doctype in target::DATED {
        if !target::keeps_creation(&place.administrator, doctype).await? {
            without.push(doctype);
        }
    }
    if !without.is_empty() && arguments.prepare {
        match target::prepare_scripts(&place.administrator, &without).await {
            Ok(()) => {
                say("The helpdesk keeps when things were made, by scripts that were made in it.")?;
                without.clear();
            }
            Err(error) => say(format!("! {}", deskbridge_core::Chain(&error)))?,
        }
    }
    if !without.is_empty() {
        say(format!(
            "! {} will show when they were imported as when they were made; their own times are kept beside it. \
             --prepare by a user who may write Server Scripts, on a site that runs them, changes that.",
            without.join(", ")
        ))?;
    }
    Ok(())
}

/// Whether anything was switched off, in this run or in one that did not come to its end.
async fn silence(
    opened: &Opened,
    store: &Store,
    arguments: &WriteArguments,
) -> anyhow::Result<bool> {
    if !arguments.silence {
        return Ok(false);
    }
    let place = &opened.place;
    let loud = guard::loud(&place.administrator).await?;
    for one in &loud {
        say(format!("Switched off until the end: {one}"))?;
    }
    let clock = Clock::system();
    guard::silence(&place.administrator, store, place.name(), &loud, &clock).await?;
    Ok(true)
}

async fn write(
    opened: &Opened,
    store: &Store,
    arguments: &WriteArguments,
    which: Which,
) -> anyhow::Result<ExitCode> {
    let place = &opened.place;
    let name = Clock::system().now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let rejects = arguments.rejects.clone();
    let rejects =
        rejects.unwrap_or_else(|| PathBuf::from(format!("{}-{name}.rejects.jsonl", place.name())));
    let options = Options {
        run: name,
        requests_max: arguments.requests.unwrap_or(place.import.requests_max),
        requests_per_second_max: arguments.rate.or(place.import.requests_per_second_max),
        patience: Duration::from_secs(place.import.patience_minutes * 60),
        files: opened.files.clone(),
        may_send_mail: arguments.may_send_mail,
        from_start: arguments.again,
        only_failed: which == Which::Failed,
        rejects: Some(rejects.clone()),
        clock: Clock::system(),
    };
    let import = Import {
        store,
        client: &place.client,
        source: &opened.source,
        settings: &place.settings,
        options: &options,
    };
    let Some(summary) = until_told(&import).await? else {
        say("Ended at once. What was under way is looked for when the same command goes on.")?;
        return Ok(ExitCode::from(INTERRUPTED));
    };
    for (kind, counts) in &summary.counts {
        say(format!("{:<9} {}", plural(*kind), counted(*counts)))?;
    }
    report::problems(&summary.problems)?;
    if rejects.exists() {
        say(format!(
            "What was not written is in {}, with why.",
            rejects.display()
        ))?;
    }
    ended(opened, &options.run, &summary, which)
}

fn ended(opened: &Opened, run: &str, summary: &Summary, which: Which) -> anyhow::Result<ExitCode> {
    let has_failed = summary.counts.values().any(|counts| counts.failed > 0);
    let verb = match which {
        Which::All => "import",
        Which::Failed => "import retry",
    };
    let words = &opened.words;
    match &summary.ended {
        Ended::Whole => {
            say(format!(
                "Run {run} is at its end; `deskbridge import verify {words}` compares what came of it."
            ))?;
            Ok(match has_failed {
                true => ExitCode::FAILURE,
                false => ExitCode::SUCCESS,
            })
        }
        Ended::Stopped => {
            say(format!(
                "Stopped; nothing is half written. `deskbridge {verb} {words}` goes on."
            ))?;
            Ok(ExitCode::from(TO_BE_CONTINUED))
        }
        Ended::Down { why } => {
            say(format!(
                "The helpdesk went away: {why}. `deskbridge {verb} {words}` goes on when it is back."
            ))?;
            Ok(ExitCode::from(TO_BE_CONTINUED))
        }
    }
}

/// Runs with progress; nothing comes back from one that was ended by a second signal.
async fn until_told(import: &Import<'_>) -> anyhow::Result<Option<Summary>> {
    let (orders, receiver) = watch::channel(Order::Go);
    let shown = std::cell::RefCell::new(Shown::new());
    let running = import.run(receiver, |progress| shown.borrow_mut().see(progress));
    let mut running = Box::pin(running.fuse());
    let listening = "listening for signals";
    let mut terminate = signal(SignalKind::terminate()).context(listening)?;
    let mut interrupt = signal(SignalKind::interrupt()).context(listening)?;
    let mut pause = signal(SignalKind::user_defined1()).context(listening)?;
    loop {
        tokio::select! {
            summary = &mut running => {
                shown.borrow_mut().end();
                return Ok(Some(summary?));
            }
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = pause.recv() => {
                let is_paused = *orders.borrow() == Order::Pause;
                let (order, text) = match is_paused {
                    true => (Order::Go, "Goes on."),
                    false => (Order::Pause, "Paused; SIGUSR1 again goes on."),
                };
                shown.borrow_mut().say(text);
                orders.send_replace(order);
                continue;
            }
        }
        if *orders.borrow() == Order::Stop {
            shown.borrow_mut().end();
            return Ok(None);
        }
        shown
            .borrow_mut()
            .say("Ending what is under way; Ctrl-C again ends at once.");
        orders.send_replace(Order::Stop);
    }
}

/// `--dry-run`.
async fn look(opened: &Opened) -> anyhow::Result<ExitCode> {
    let place = &opened.place;
    let site = target::site(&place.client, &place.settings).await?;
    let found = dry_run::dry_run(&opened.source, &site, &place.settings, |_, _| {}).await?;
    for (kind, records) in &found.records {
        let refused = found.refused.get(kind).copied().unwrap_or_default();
        let left_out = match found.left_out.get(kind) {
            None | Some(0) => String::new(),
            Some(some) => format!(", {some} would be left out"),
        };
        say(format!(
            "{:<9} {records} read, {refused} would fail{left_out}",
            plural(*kind)
        ))?;
    }
    report::problems(&found.problems)?;
    let missing = target::missing(&site, &place.settings);
    if !missing.is_empty() {
        say(format!(
            "! the helpdesk lacks {} fields that an import needs; --prepare makes them",
            missing.len()
        ))?;
    }
    for one in guard::loud(&place.administrator).await? {
        say(format!(
            "! the helpdesk would send mail or change tickets by itself: {one}; --silence switches it off until the end"
        ))?;
    }
    let would_fail = found.refused.values().any(|refused| *refused > 0);
    say("Nothing was written.")?;
    Ok(match would_fail {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

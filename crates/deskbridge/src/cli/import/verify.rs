//! `import verify`.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use deskbridge_core::Clock;
use deskbridge_import::{report::Report, target, verify};

use super::{
    progress::plural,
    source::{Opened, Sources},
};
use crate::cli::say;

pub(super) const HELP: &str = "\
Writes nothing into the helpdesk. The report is a page for people, NAME-verify.html, and a table of every difference, \
NAME-verify.csv.
Exit status: 0 when everything is as it should be, 1 when something differs.";

#[derive(Args)]
pub(crate) struct VerifyArguments {
    /// Where the report goes; this folder unless given.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    report: PathBuf,
}

pub(super) async fn run(sources: Sources<VerifyArguments>) -> anyhow::Result<ExitCode> {
    let (opened, arguments) = sources.open()?;
    let Opened { source, place, .. } = &opened;
    let store = place.ledger().await?;
    let site = target::site(&place.client, &place.settings).await?;
    let began_at = Clock::system().now();
    let mut report = Report::create(&arguments.report, place.name(), place.client.site().base())?;
    let mut failed = None;
    let verified = verify::verify(
        &place.client,
        &store,
        source,
        &site,
        &place.settings,
        opened.files.as_deref(),
        |difference| {
            if let Err(error) = report.add(&difference) {
                failed.get_or_insert(error);
            }
        },
    );
    let verified = verified.await?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    let written = report.finish(&verified, began_at, Clock::system().now())?;
    for (kind, records) in &verified.records {
        let same = verified.same.get(kind).copied().unwrap_or_default();
        say(format!(
            "{:<9} {records} in the source, {same} of them as they should be in the helpdesk",
            plural(*kind)
        ))?;
    }
    say(format!("messages  {} compared", verified.messages))?;
    say(format!(
        "The report is in {} and {}.",
        written.html.display(),
        written.csv.display()
    ))?;
    Ok(match verified.is_whole() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

//! `import verify`.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

use clap::Args;
use deskbridge_core::Clock;
use deskbridge_import::{
    report::Report,
    target,
    verify::{self, Wrong},
};

use super::{
    progress::plural,
    source::{Opened, Sources},
};
use crate::cli::{say, terminal::plain};

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

/// How many examples of a difference are named.
const EXAMPLES: usize = 5;

/// Differences of one sort.
#[derive(Default)]
struct Cause {
    count: u64,
    examples: Vec<String>,
}

impl Cause {
    fn add(&mut self, record: String) {
        self.count += 1;
        if self.examples.len() < EXAMPLES && !self.examples.contains(&record) {
            self.examples.push(record);
        }
    }
}

/// What differences have in common. Files, messages and customers are others each time.
fn cause(wrong: &Wrong) -> String {
    let (what, part) = wrong.words();
    match wrong {
        Wrong::Field(_) | Wrong::MessageField(..) => format!("{what}: `{part}`"),
        Wrong::Missing
        | Wrong::MissingMessage(_)
        | Wrong::ExtraMessage(_)
        | Wrong::MissingFile(_)
        | Wrong::MissingMember(_) => what.to_owned(),
    }
}

pub(super) async fn run(sources: Sources<VerifyArguments>) -> anyhow::Result<ExitCode> {
    let (opened, arguments) = sources.open()?;
    let Opened { source, place, .. } = &opened;
    let store = place.ledger().await?;
    let site = target::site(&place.client, &place.settings).await?;
    let began_at = Clock::system().now();
    let mut report = Report::create(&arguments.report, place.name(), place.client.site().base())?;
    let mut causes: BTreeMap<String, Cause> = BTreeMap::new();
    let mut failed = None;
    let verified = verify::verify(
        &place.client,
        &store,
        source,
        &site,
        &place.settings,
        opened.files.as_deref(),
        |difference| {
            let cause = causes.entry(cause(&difference.what)).or_default();
            cause.add(format!("{} {}", difference.kind.as_str(), difference.id));
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
    for (what, Cause { count, examples }) in &causes {
        let examples = plain(&examples.join(", "));
        say(format!("x {count:>7}  {} ({examples})", plain(what)))?;
    }
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

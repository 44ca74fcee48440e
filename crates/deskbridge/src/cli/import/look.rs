//! `import status` and `import errors`.

use std::{collections::BTreeMap, process::ExitCode};

use clap::Args;
use deskbridge_import::record::Kind;
use deskbridge_store::{ImportFilter, ImportState};
use serde_json::json;

use super::{place::ledger, progress::plural};
use crate::cli::{ConfigFile, say, terminal::plain};

/// How many records are read from the ledger at once.
const PAGE: u32 = 500;

#[derive(Args)]
pub(crate) struct StatusArguments {
    /// What the import is called: `freshdesk`, `csv`, `jsonl`, or what --as said.
    name: String,
    #[command(flatten)]
    file: ConfigFile,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct ErrorsArguments {
    /// What the import is called: `freshdesk`, `csv`, `jsonl`, or what --as said.
    name: String,
    #[command(flatten)]
    file: ConfigFile,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

pub(super) async fn status(arguments: &StatusArguments) -> anyhow::Result<ExitCode> {
    let store = ledger(&arguments.file.load()?).await?;
    let mut counts: BTreeMap<(Kind, ImportState), u64> = BTreeMap::new();
    for count in store.count_imports(arguments.name.clone()).await? {
        if let Some(kind) = Kind::read(&count.kind) {
            counts.insert((kind, count.state), count.records);
        }
    }
    let mut is_empty = true;
    for kind in Kind::ALL {
        let of = |state| counts.get(&(kind, state)).copied().unwrap_or_default();
        let (written, failed) = (of(ImportState::Written), of(ImportState::Failed));
        let source = (arguments.name.clone(), kind.as_str().to_owned());
        let position = store.import_position(source.0, source.1).await?;
        is_empty &= written + failed == 0 && position.is_none();
        if arguments.json {
            let line = json!({"kind": kind.as_str(), "written": written, "failed": failed, "goes_on": position.is_some()});
            say(line.to_string())?;
        } else if written + failed > 0 || position.is_some() {
            let open = match position {
                Some(_) => "; the next run goes on from where it is",
                None => "",
            };
            say(format!(
                "{:<9} {written} in the helpdesk, {failed} failed{open}",
                plural(kind)
            ))?;
        }
    }
    if is_empty && !arguments.json {
        say(format!("Nothing was imported as {}.", arguments.name))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn errors(arguments: &ErrorsArguments) -> anyhow::Result<ExitCode> {
    let store = ledger(&arguments.file.load()?).await?;
    let mut after = None;
    let mut count = 0_usize;
    loop {
        let filter = ImportFilter {
            state: Some(ImportState::Failed),
            after: after.take(),
            limit: PAGE,
            ..ImportFilter::default()
        };
        let page = store.list_imports(arguments.name.clone(), filter).await?;
        let Some(last) = page.last() else { break };
        after = Some((last.kind.clone(), last.id.clone()));
        count += page.len();
        for record in page {
            let why = record.why.unwrap_or_default();
            say(match arguments.json {
                true => json!({"kind": record.kind, "id": record.id, "document": record.name, "why": why, "run": record.run})
                    .to_string(),
                false => format!("{} {}  {}", record.kind, plain(&record.id), plain(&why)),
            })?;
        }
    }
    if count == 0 && !arguments.json {
        say("There are none.")?;
    }
    Ok(ExitCode::SUCCESS)
}

//! `import map`.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use deskbridge_import::{
    map::{MappedFile, MappingFile, propose::propose},
    reader::csv::headers,
    record::Kind,
};
use serde_json::Value;

use crate::cli::say;

/// The longest first line that is looked at.
const LINE_BYTES_MAX: u64 = 16 << 20;

#[derive(Args)]
pub(crate) struct MapArguments {
    /// A table of text, or JSON Lines.
    file: PathBuf,
    /// What its rows are.
    #[arg(long, value_enum)]
    kind: KindArgument,
    /// The zone of times that name none, such as `Asia/Ho_Chi_Minh`.
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum KindArgument {
    Customer,
    Contact,
    Ticket,
}

pub(super) fn run(arguments: &MapArguments) -> anyhow::Result<ExitCode> {
    let kind = match arguments.kind {
        KindArgument::Customer => Kind::Customer,
        KindArgument::Contact => Kind::Contact,
        KindArgument::Ticket => Kind::Ticket,
    };
    let headers = match is_json(&arguments.file) {
        true => members(&arguments.file)?,
        false => headers(&MappedFile::plain(arguments.file.clone(), kind))?,
    };
    let path = arguments.file.canonicalize();
    let path = path.with_context(|| arguments.file.display().to_string())?;
    let mut proposal = propose(path, kind, &headers);
    proposal.file.zone.clone_from(&arguments.zone);
    let has_id = proposal.file.fields.contains_key("id");
    let mapping = MappingFile {
        file: vec![proposal.file],
    };
    say(toml::to_string(&mapping)?.trim_end())?;
    for header in &proposal.left {
        say(format!("# not taken: {header}"))?;
    }
    if !has_id {
        bail!(
            "no column looks like an id; give `id` the one that is different in every row and stays the same, because \
             records are found again by it"
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn is_json(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ["json", "jsonl", "ndjson"].contains(&ending))
}

/// The members of the first object, with those of objects in it as `a.b`.
fn members(path: &Path) -> anyhow::Result<Vec<String>> {
    let file = std::fs::File::open(path).with_context(|| path.display().to_string())?;
    let mut line = String::new();
    BufReader::new(file.take(LINE_BYTES_MAX)).read_line(&mut line)?;
    let Ok(Value::Object(object)) = serde_json::from_str(&line) else {
        bail!("the first line of {} is no JSON object", path.display());
    };
    let mut names = Vec::new();
    for (name, value) in object {
        match value {
            Value::Object(inner) => {
                names.extend(inner.keys().map(|member| format!("{name}.{member}")));
            }
            _ => names.push(name),
        }
    }
    Ok(names)
}

//! Where an import reads from.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use deskbridge_import::{
    map::{MappedFile, MappedMessages, MappingFile},
    reader::{
        Source,
        export::Exported,
        freshdesk::{Desk, Wanted},
    },
};

use super::place::Place;
use crate::{
    cli::{ConfigFile, environment},
    config::{Config, Import},
};

/// A source, and what is done with it.
#[derive(Subcommand)]
pub(crate) enum Sources<H: Args> {
    /// Move a Freshdesk account in: over its API, or from its account export.
    #[command(after_help = super::WRITE_HELP)]
    Freshdesk(With<FreshdeskArguments, H>),
    /// Move tables of text in, as a mapping says; `import map` proposes one.
    #[command(after_help = super::WRITE_HELP)]
    Csv(With<CsvArguments, H>),
    /// Move JSON Lines in: records as they are, or any objects with a mapping.
    #[command(after_help = super::WRITE_HELP)]
    Jsonl(With<JsonlArguments, H>),
}

#[derive(Args)]
pub(crate) struct With<S: Args, H: Args> {
    #[command(flatten)]
    source: S,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    how: H,
}

#[derive(Args)]
pub(crate) struct FreshdeskArguments {
    /// The account export, a folder or a zip, instead of the API. Files are fetched from the account that the
    /// configuration names, if it does.
    #[arg(long, value_name = "PATH")]
    export: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct CsvArguments {
    /// What the tables are and how their columns become records.
    #[arg(value_name = "MAPPING")]
    mapping: PathBuf,
}

#[derive(Args)]
pub(crate) struct JsonlArguments {
    /// The files, each line a record.
    #[arg(value_name = "FILE", required_unless_present = "mapping")]
    lines: Vec<PathBuf>,
    /// How the objects of the files that it names become records.
    #[arg(long, value_name = "MAPPING", conflicts_with = "lines")]
    mapping: Option<PathBuf>,
}

/// What all of them have.
#[derive(Args)]
pub(crate) struct Common {
    #[command(flatten)]
    pub(super) file: ConfigFile,
    /// The `[[import]]` of the configuration, and what the import is called in keys and in the ledger; the command's own
    /// name unless given.
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,
    /// The folder below which files lie that records name.
    #[arg(long, value_name = "FOLDER")]
    pub(super) files: Option<PathBuf>,
}

/// A source with where it goes.
pub(super) struct Opened {
    pub(super) source: Source,
    pub(super) place: Place,
    pub(super) files: Option<PathBuf>,
    /// What of the command line says which source it is, so that a person can be told how to go on.
    pub(super) words: String,
}

impl<H: Args> Sources<H> {
    /// Opens it; nothing is asked yet.
    pub(super) fn open(self) -> anyhow::Result<(Opened, H)> {
        match self {
            Self::Freshdesk(with) => with.open("freshdesk"),
            Self::Csv(with) => with.open("csv"),
            Self::Jsonl(with) => with.open("jsonl"),
        }
    }
}

/// Arguments that say which source.
pub(crate) trait Opens {
    fn source(&self, config: &Config, import: &Import) -> anyhow::Result<Source>;

    /// As they were typed.
    fn words(&self) -> Vec<String>;
}

impl<S: Args + Opens, H: Args> With<S, H> {
    fn open(self, what: &str) -> anyhow::Result<(Opened, H)> {
        let name = self.common.name.as_deref().unwrap_or(what);
        let place = Place::open(&self.common.file, name)?;
        let source = place.hooked(self.source.source(&place.config, &place.import)?)?;
        let mut words = vec![what.to_owned()];
        words.extend(self.source.words());
        if let Some(name) = &self.common.name {
            words.extend(["--as".to_owned(), name.clone()]);
        }
        let opened = Opened {
            source,
            place,
            files: self.common.files,
            words: words.join(" "),
        };
        Ok((opened, self.how))
    }
}

impl Opens for FreshdeskArguments {
    fn source(&self, config: &Config, import: &Import) -> anyhow::Result<Source> {
        let wanted = Wanted {
            spam: import.spam,
            deleted: import.deleted,
            ratings: import.ratings,
            fields: import.fields.clone(),
        };
        let account = account(config, import)?;
        match (&self.export, account) {
            (Some(path), account) => Ok(Source::FreshdeskExport(Exported::new(
                path.clone(),
                wanted,
                account,
            ))),
            (None, Some(account)) => Ok(Source::Freshdesk(Desk::new(account, wanted))),
            (None, None) => bail!(
                "it is not known which account to read: give [[import]] named {} `freshdesk` and `api_key`, or give an \
                 account export with --export",
                import.name
            ),
        }
    }

    fn words(&self) -> Vec<String> {
        let export = self.export.iter();
        let words = export.flat_map(|path| ["--export".to_owned(), path.display().to_string()]);
        words.collect()
    }
}

fn account(config: &Config, import: &Import) -> anyhow::Result<Option<freshdesk::Account>> {
    let Some(address) = &import.freshdesk else {
        return Ok(None);
    };
    let place = |field: &str| format!("import[{}].{field}", import.name);
    let key = import.api_key.as_ref();
    let key = key.with_context(|| format!("{} is missing", place("api_key")))?;
    let key = config.secret(&place("api_key"), key, &environment())?;
    let key = freshdesk::Key::new(key.expose()).with_context(|| place("api_key"))?;
    let options = freshdesk::Options {
        share_percent: import.share_percent.clamp(1, 100),
        // Where somebody waits at a terminal, a limit is waited for as long as it takes.
        patience: std::time::Duration::from_secs(86_400),
        attempts_max: 10,
        user_agent: crate::wire::user_agent(),
        ..freshdesk::Options::default()
    };
    let account = freshdesk::Account::new(address, key, options);
    Ok(Some(account.with_context(|| place("freshdesk"))?))
}

impl Opens for CsvArguments {
    fn source(&self, _: &Config, _: &Import) -> anyhow::Result<Source> {
        Ok(Source::Csv(mapped(&self.mapping)?))
    }

    fn words(&self) -> Vec<String> {
        vec![self.mapping.display().to_string()]
    }
}

impl Opens for JsonlArguments {
    fn source(&self, _: &Config, _: &Import) -> anyhow::Result<Source> {
        match &self.mapping {
            Some(mapping) => Ok(Source::MappedLines(mapped(mapping)?)),
            None => Ok(Source::JsonLines(self.lines.clone())),
        }
    }

    fn words(&self) -> Vec<String> {
        let files = self.lines.iter().map(|file| file.display().to_string());
        let mapping = self.mapping.iter();
        let mapping = mapping.flat_map(|path| ["--mapping".to_owned(), path.display().to_string()]);
        files.chain(mapping).collect()
    }
}

/// The files of a mapping, which stand beside it.
fn mapped(path: &PathBuf) -> anyhow::Result<Vec<MappedFile>> {
    let text = read(path).with_context(|| format!("reading the mapping {}", path.display()))?;
    let mapping = MappingFile::read(&text).with_context(|| path.display().to_string())?;
    let folder = path.parent().map(PathBuf::from).unwrap_or_default();
    let files = mapping.file.into_iter().map(|file| MappedFile {
        path: folder.join(&file.path),
        messages: file.messages.map(|messages| MappedMessages {
            path: folder.join(&messages.path),
            ..messages
        }),
        ..file
    });
    Ok(files.collect())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a file that the administrator names"
)]
fn read(path: &PathBuf) -> std::io::Result<String> {
    fs::read_to_string(path)
}

//! Sources: what gives records, one kind after the other, in batches, from any position at which it was left.

pub mod csv;
mod decoded;
pub mod export;
pub mod freshdesk;
pub mod hooked;
mod joined;
mod json_lines;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    Error, Result,
    map::MappedFile,
    record::{Kind, Record},
};

/// Where records come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Files with a record in each line, in the form of [`Record`]; kinds may be mixed.
    JsonLines(Vec<PathBuf>),
    /// Files with an object in each line, which a mapping makes a record of.
    MappedLines(Vec<MappedFile>),
    /// Tables of text, a row a record, as a mapping says.
    Csv(Vec<MappedFile>),
    /// A Freshdesk account.
    Freshdesk(freshdesk::Desk),
    /// The account export of one.
    FreshdeskExport(export::Exported),
    /// What another source has, as the user's own decision has it.
    Hooked(hooked::Hooked),
}

/// Some records, and the position behind them.
#[derive(Debug)]
pub struct Batch {
    /// What was read.
    pub items: Vec<Item>,
    /// Where to go on.
    pub position: Position,
    /// Which part of the kind was read with it, from 0 to 1, where that is known.
    pub part_read: Option<f64>,
    /// What the user's own decision did to it.
    pub hooked: hooked::Told,
}

/// One thing that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Where it stands, for people.
    pub place: Place,
    /// What it is.
    pub read: std::result::Result<Record, Unreadable>,
}

/// Where something stands in a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, or the list.
    pub part: Arc<str>,
    /// The line, counted from 1.
    pub line: u64,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} line {}", self.part, self.line)
    }
}

/// Something that is no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Why, without what stands there.
    pub why: String,
    /// What stands there, as far as it is text.
    pub text: String,
}

/// Up to where a source was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// Which file, counted from 0.
    pub file: usize,
    /// The byte at which the next line begins; 0 where lines have no fixed place.
    pub byte: u64,
    /// The lines before it.
    pub lines: u64,
    /// Where in a list of an account, in the client's own form.
    #[serde(default)]
    pub scan: Option<String>,
}

impl Position {
    /// As the ledger keeps it, with the [fingerprint](Source::fingerprint) of its source.
    pub fn to_text(&self, fingerprint: &str) -> String {
        let scan = self.scan.as_deref().unwrap_or_default();
        let text = format!(
            "{fingerprint} {} {} {} {scan}",
            self.file, self.byte, self.lines
        );
        text.trim_end().to_owned()
    }

    /// As [`Position::to_text`] wrote it; the beginning if it is one in another source.
    ///
    /// # Errors
    /// When the text is another.
    pub fn read(text: &str, fingerprint: &str) -> Result<Self> {
        let mut parts = text.splitn(5, ' ');
        if parts.next() != Some(fingerprint) {
            return Ok(Self::default());
        }
        let mut number = || parts.next()?.parse::<u64>().ok();
        let read = (|| {
            Some(Self {
                file: usize::try_from(number()?).ok()?,
                byte: number()?,
                lines: number()?,
                scan: None,
            })
        })();
        let read = read.map(|read| Self {
            scan: parts.next().map(str::to_owned),
            ..read
        });
        read.ok_or_else(|| Error::Position {
            why: "it was written by another version of this program".to_owned(),
        })
    }
}

/// Which part of some files lies before a byte of one of them.
fn part_read(bytes_of: &[u64], file: usize, byte: u64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a part that is shown to people")]
    let part = |bytes: u64, of: u64| bytes as f64 / of as f64;
    let whole: u64 = bytes_of.iter().sum();
    let before: u64 = bytes_of.iter().take(file).sum();
    (whole > 0).then(|| part(before + byte, whole).min(1.0))
}

/// The sizes of files; none of those that cannot be looked at, which reading them will tell.
fn sizes<'a>(paths: impl Iterator<Item = &'a Path>) -> Vec<u64> {
    let sizes = paths.map(|path| std::fs::metadata(path).map_or(0, |file| file.len()));
    sizes.collect()
}

/// Reads the records of one kind.
#[derive(Debug)]
pub struct Reader {
    form: Form,
}

#[derive(Debug)]
enum Form {
    JsonLines(json_lines::Lines),
    Csv(csv::Rows),
    Freshdesk(Box<freshdesk::Rows>),
    FreshdeskExport(export::Rows),
    Hooked(Box<Reader>, hooked::Asked),
}

impl Source {
    /// Stands for which files it consists of: a position in one source is none in another.
    pub fn fingerprint(&self) -> String {
        let mut digest = Sha256::new();
        let paths: Vec<&Path> = match self {
            Self::JsonLines(files) => files.iter().map(PathBuf::as_path).collect(),
            Self::Freshdesk(desk) => vec![Path::new(desk.account().host())],
            Self::FreshdeskExport(export) => vec![export.path()],
            Self::MappedLines(files) | Self::Csv(files) => {
                files.iter().map(|file| file.path.as_path()).collect()
            }
            Self::Hooked(hooked) => return hooked.source().fingerprint(),
        };
        for path in paths {
            digest.update(path.as_os_str().as_encoded_bytes());
            digest.update([0]);
        }
        let digest = digest.finalize();
        digest
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Begins to read the records of a kind.
    ///
    /// # Errors
    /// When the position is none of this source.
    pub fn open(&self, kind: Kind, from: Position) -> Result<Reader> {
        let form = match self {
            Self::JsonLines(files) => {
                Form::JsonLines(json_lines::Lines::new(files.clone(), kind, from)?)
            }
            Self::MappedLines(files) => {
                Form::JsonLines(json_lines::Lines::mapped(files, kind, from)?)
            }
            Self::Csv(files) => Form::Csv(csv::Rows::new(files, kind, from)?),
            Self::Freshdesk(desk) => {
                Form::Freshdesk(Box::new(freshdesk::Rows::new(desk, kind, from)?))
            }
            Self::FreshdeskExport(export) => {
                Form::FreshdeskExport(export::Rows::new(export, kind, from))
            }
            Self::Hooked(hooked) => {
                let reader = hooked.source().open(kind, from)?;
                Form::Hooked(Box::new(reader), hooked.asked().clone())
            }
        };
        Ok(Reader { form })
    }

    /// The source, whoever is asked about its records.
    pub fn itself(&self) -> &Self {
        match self {
            Self::Hooked(hooked) => hooked.source().itself(),
            Self::JsonLines(_)
            | Self::MappedLines(_)
            | Self::Csv(_)
            | Self::Freshdesk(_)
            | Self::FreshdeskExport(_) => self,
        }
    }

    /// The account that files are fetched from.
    pub fn account(&self) -> Option<&::freshdesk::Account> {
        match self {
            Self::JsonLines(_) | Self::MappedLines(_) | Self::Csv(_) => None,
            Self::Freshdesk(desk) => Some(desk.account()),
            Self::FreshdeskExport(export) => export.account(),
            Self::Hooked(hooked) => hooked.source().account(),
        }
    }

    /// Whether a kind, once it was read whole, is gone on with from what changed since, rather than from its beginning.
    pub fn follows(&self, kind: Kind) -> bool {
        matches!(self.itself(), Self::Freshdesk(desk) if desk.follows(kind))
    }
}

impl Reader {
    /// The next records, at most so many; none at the end. Files are read at once, on another thread, whether this is
    /// waited for or not.
    ///
    /// # Errors
    /// When the source cannot be read. What is no record is an [`Item`].
    pub fn next(self, items_max: usize) -> BoxFuture<'static, Result<(Self, Option<Batch>)>> {
        match self.form {
            Form::JsonLines(mut lines) => on_a_thread(move || {
                let batch = lines.next(items_max)?;
                Ok((Form::JsonLines(lines), batch))
            }),
            Form::Csv(mut rows) => on_a_thread(move || {
                let batch = rows.next(items_max)?;
                Ok((Form::Csv(rows), batch))
            }),
            Form::Freshdesk(mut rows) => Box::pin(async move {
                let batch = rows.next(items_max).await?;
                let form = Form::Freshdesk(rows);
                Ok((Self { form }, batch))
            }),
            Form::FreshdeskExport(mut rows) => Box::pin(async move {
                let batch = rows.next().await?;
                let form = Form::FreshdeskExport(rows);
                Ok((Self { form }, batch))
            }),
            Form::Hooked(reader, asked) => {
                let reading = reader.next(items_max);
                Box::pin(async move {
                    let (reader, batch) = reading.await?;
                    let batch = match batch {
                        Some(batch) => Some(asked.of(batch).await),
                        None => None,
                    };
                    let form = Form::Hooked(Box::new(reader), asked);
                    Ok((Self { form }, batch))
                })
            }
        }
    }
}

/// Begins to read at once.
fn on_a_thread(
    read: impl FnOnce() -> Result<(Form, Option<Batch>)> + Send + 'static,
) -> BoxFuture<'static, Result<(Reader, Option<Batch>)>> {
    let reading = tokio::task::spawn_blocking(read);
    Box::pin(async move {
        let (form, batch) = reading.await.map_err(|_panicked| Error::Panicked)??;
        Ok((Reader { form }, batch))
    })
}

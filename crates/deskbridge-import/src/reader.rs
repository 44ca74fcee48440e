//! Sources: what gives records, one kind after the other, in batches, from any position at which it was left.

pub mod csv;
mod decoded;
mod json_lines;

use std::{path::PathBuf, sync::Arc};

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
    /// Tables of text, a row a record, as a mapping says.
    Csv(Vec<MappedFile>),
}

/// Some records, and the position behind them.
#[derive(Debug)]
pub struct Batch {
    /// What was read.
    pub items: Vec<Item>,
    /// Where to go on.
    pub position: Position,
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
}

impl Position {
    /// As the ledger keeps it, with the [fingerprint](Source::fingerprint) of its source.
    pub fn to_text(&self, fingerprint: &str) -> String {
        format!("{fingerprint} {} {} {}", self.file, self.byte, self.lines)
    }

    /// As [`Position::to_text`] wrote it; the beginning if it is one in another source.
    ///
    /// # Errors
    /// When the text is another.
    pub fn read(text: &str, fingerprint: &str) -> Result<Self> {
        let mut parts = text.split(' ');
        if parts.next() != Some(fingerprint) {
            return Ok(Self::default());
        }
        let mut number = || parts.next()?.parse::<u64>().ok();
        let read = (|| {
            Some(Self {
                file: usize::try_from(number()?).ok()?,
                byte: number()?,
                lines: number()?,
            })
        })();
        read.ok_or_else(|| Error::Position {
            why: "it was written by another version of this program".to_owned(),
        })
    }
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
}

impl Source {
    /// Stands for which files it consists of: a position in one source is none in another.
    pub fn fingerprint(&self) -> String {
        let mut digest = Sha256::new();
        let paths: Vec<&PathBuf> = match self {
            Self::JsonLines(files) => files.iter().collect(),
            Self::Csv(files) => files.iter().map(|file| &file.path).collect(),
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
            Self::Csv(files) => Form::Csv(csv::Rows::new(files, kind, from)?),
        };
        Ok(Reader { form })
    }
}

impl Reader {
    /// The next records, at most so many; none at the end. Reading begins at once, on another thread, whether it is
    /// waited for or not.
    ///
    /// # Errors
    /// When the source cannot be read. What is no record is an [`Item`].
    pub fn next(
        self,
        items_max: usize,
    ) -> impl Future<Output = Result<(Self, Option<Batch>)>> + Send {
        let Self { mut form } = self;
        let reading = tokio::task::spawn_blocking(move || {
            let batch = match &mut form {
                Form::JsonLines(lines) => lines.next(items_max)?,
                Form::Csv(rows) => rows.next(items_max)?,
            };
            Ok((Self { form }, batch))
        });
        async move { reading.await.map_err(|_panicked| Error::Panicked)? }
    }
}

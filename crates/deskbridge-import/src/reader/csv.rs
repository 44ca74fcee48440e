//! Tables of text.

use std::{
    collections::HashSet,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    sync::Arc,
};

use csv::StringRecord;
use encoding_rs::Encoding;
use serde_json::{Map, Value};

use super::{Batch, Item, Place, Position, Unreadable, decoded::Decoded, joined::Joined};
use crate::{
    Error, Result,
    map::{MappedFile, Mapping},
    record::{Kind, Record},
};

/// How much is looked at to find out what parts the columns.
const FIRST_BYTES: usize = 256 << 10;
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The rows of those files that hold one kind.
#[derive(Debug)]
pub(super) struct Rows {
    files: Vec<MappedFile>,
    bytes_of: Vec<u64>,
    at: Position,
    open: Option<Box<Open>>,
}

/// A file, decoded and cut into rows.
pub(super) type Table = csv::Reader<BufReader<Decoded<File>>>;

struct Open {
    rows: Table,
    headers: Vec<String>,
    mapping: Mapping,
    part: Arc<str>,
    /// Messages of its tickets that lie elsewhere.
    joined: Option<Joined>,
    is_from_start: bool,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open")
            .field("part", &self.part)
            .finish_non_exhaustive()
    }
}

impl Rows {
    pub(super) fn new(files: &[MappedFile], kind: Kind, at: Position) -> Result<Self> {
        let files: Vec<MappedFile> = files
            .iter()
            .filter(|file| file.kind == kind)
            .cloned()
            .collect();
        if at.file > files.len() {
            return Err(Error::Position {
                why: "it has fewer files than then".to_owned(),
            });
        }
        Ok(Self {
            bytes_of: super::sizes(files.iter().map(|file| file.path.as_path())),
            files,
            at,
            open: None,
        })
    }

    pub(super) fn next(&mut self, items_max: usize) -> Result<Option<Batch>> {
        let mut items = Vec::new();
        let mut record = StringRecord::new();
        while items.len() < items_max {
            let Some(file) = self.files.get(self.at.file) else {
                break;
            };
            let open = match &mut self.open {
                Some(open) => open,
                None => {
                    let mut open = Open::new(file, self.at.lines == 0)?;
                    if self.at.lines == 0
                        && let Some(joined) = &mut open.joined
                    {
                        items.extend(joined.unreadable());
                    }
                    // A row has no fixed place in a file of any encoding: those that are settled are read over.
                    for _ in 0..self.at.lines {
                        drop(open.rows.read_record(&mut record));
                    }
                    self.open.insert(Box::new(open))
                }
            };
            let read = open.rows.read_record(&mut record);
            if matches!(read, Ok(false)) {
                items.extend(self.open.take().and_then(|open| open.left()));
                self.at = Position {
                    file: self.at.file + 1,
                    ..Position::default()
                };
                continue;
            }
            self.at.lines += 1;
            match read {
                Ok(_) => items.extend(open.item(&record, self.at.lines)?),
                Err(error) => {
                    return Err(Error::Read {
                        path: file.path.clone(),
                        at_byte: open.rows.position().byte(),
                        source: error.into(),
                    });
                }
            }
        }
        let is_end = items.is_empty() && self.at.file >= self.files.len();
        // As decoded, which is near enough.
        let open = self.open.as_ref();
        let byte = open.map_or(0, |open| open.rows.position().byte());
        Ok((!is_end).then(|| Batch {
            items,
            part_read: super::part_read(&self.bytes_of, self.at.file, byte),
            position: self.at.clone(),
            hooked: super::hooked::Told::default(),
        }))
    }
}

/// The headers of a file, as a mapping would name them.
///
/// # Errors
/// When it cannot be read, or two columns have one header.
pub fn headers(file: &MappedFile) -> Result<Vec<String>> {
    let (_, headers) = open(file)?;
    Ok(headers)
}

pub(super) fn open(file: &MappedFile) -> Result<(Table, Vec<String>)> {
    let failed = |source| Error::Read {
        path: file.path.clone(),
        at_byte: 0,
        source,
    };
    let unusable = |why: String| Error::Mapping {
        why: format!("{}: {why}", file.path.display()),
    };
    let encoding = match &file.encoding {
        None => None,
        Some(name) => Some(
            Encoding::for_label(name.as_bytes())
                .ok_or_else(|| unusable(format!("no encoding is called `{name}`")))?,
        ),
    };
    let opened = File::open(&file.path).map_err(failed)?;
    let mut text = BufReader::with_capacity(FIRST_BYTES, Decoded::new(opened, encoding));
    let separator = match file.separator {
        Some(separator) => u8::try_from(separator)
            .map_err(|_wide| unusable(format!("`{separator}` cannot part columns")))?,
        None => separator_of(text.fill_buf().map_err(failed)?),
    };
    let mut rows = csv::ReaderBuilder::new()
        .delimiter(separator)
        .flexible(true)
        .from_reader(text);
    let headers = rows.headers().map_err(|error| failed(error.into()))?;
    let headers: Vec<String> = headers
        .iter()
        .map(|header| header.trim().to_owned())
        .collect();
    let mut seen = HashSet::new();
    match headers
        .iter()
        .find(|header| !header.is_empty() && !seen.insert(header.as_str()))
    {
        Some(twice) => Err(unusable(format!(
            "two columns are called `{twice}`; rename one"
        ))),
        None => Ok((rows, headers.clone())),
    }
}

impl Open {
    fn new(file: &MappedFile, is_from_start: bool) -> Result<Self> {
        let (rows, headers) = open(file)?;
        let part = file.path.file_name().unwrap_or(file.path.as_os_str());
        Ok(Self {
            rows,
            headers,
            mapping: Mapping::new(file)?,
            is_from_start,
            joined: file.messages.as_ref().map(Joined::new).transpose()?,
            part: Arc::from(part.to_string_lossy().as_ref()),
        })
    }

    /// What is said of messages whose tickets are not there. Those that were read in an earlier run count as not there,
    /// so nothing is said after one.
    fn left(&self) -> Option<Item> {
        let joined = self.joined.as_ref().filter(|_| self.is_from_start)?;
        let left = joined.left();
        let why = format!("{left} messages belong to tickets that are not there");
        (left > 0).then(|| Item {
            place: place_of(joined.path(), &StringRecord::new(), 0),
            read: Err(Unreadable {
                why,
                text: String::new(),
            }),
        })
    }

    fn item(&mut self, record: &StringRecord, number: u64) -> Result<Option<Item>> {
        if record.iter().all(|cell| cell.trim().is_empty()) {
            return Ok(None);
        }
        let place = Place {
            part: Arc::clone(&self.part),
            line: line_of(record, number),
        };
        let row = row_of(&self.headers, record);
        let read = if record.len() > self.headers.len() {
            Err("it has more columns than headers".to_owned())
        } else {
            self.mapping.record(&row)
        };
        let read = match (read, &mut self.joined) {
            (Ok(Record::Ticket(mut ticket)), Some(joined)) => {
                joined.join(&mut ticket)?;
                Ok(Record::Ticket(ticket))
            }
            (read, _) => read,
        };
        let read = read.map_err(|why| Unreadable {
            why,
            text: Value::Object(row).to_string(),
        });
        Ok(Some(Item { place, read }))
    }
}

/// A row by its headers.
pub(super) fn row_of(headers: &[String], record: &StringRecord) -> Map<String, Value> {
    let cells = headers.iter().zip(record);
    cells
        .map(|(header, cell)| (header.clone(), cell.into()))
        .collect()
}

fn line_of(record: &StringRecord, number: u64) -> u64 {
    record.position().map_or(number, csv::Position::line)
}

/// Where a row stands.
pub(super) fn place_of(path: &Path, record: &StringRecord, number: u64) -> Place {
    let part = path.file_name().unwrap_or(path.as_os_str());
    Place {
        part: Arc::from(part.to_string_lossy().as_ref()),
        line: line_of(record, number),
    }
}

/// What parts the columns of the first line: what is there most often outside of quotes.
fn separator_of(beginning: &[u8]) -> u8 {
    let mut counts = [0_usize; SEPARATORS.len()];
    let mut is_quoted = false;
    for byte in beginning {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\n' if !is_quoted => break,
            _ if is_quoted => {}
            _ => {
                for (count, separator) in counts.iter_mut().zip(SEPARATORS) {
                    *count += usize::from(*byte == separator);
                }
            }
        }
    }
    let most = counts
        .iter()
        .zip(SEPARATORS)
        .rev()
        .max_by_key(|(count, _)| **count);
    most.map_or(b',', |(_, separator)| separator)
}

//! A record in each line, or in each element of a list that is the whole file.

mod list;

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Batch, Item, Place, Position, Unreadable};
use crate::{
    Error, Result,
    map::{MappedFile, Mapping},
    record::{Kind, Record},
};

/// The longest line that is read: far more than a ticket with all its messages.
const LINE_BYTES_MAX: u64 = 64 << 20;
/// The same for elements of lists.
const ELEMENT_BYTES_MAX: usize = 64 << 20;
/// How many bytes a batch may come from, so that long records come in short batches.
const BATCH_BYTES_MAX: u64 = 8 << 20;
/// How much of a bad line is kept.
const KEPT_CHARACTERS_MAX: usize = 20_000;

/// The lines of some files.
#[derive(Debug)]
pub(super) struct Lines {
    files: Vec<PathBuf>,
    bytes_of: Vec<u64>,
    /// What makes records of the objects of each file, where they are none already.
    mappings: Vec<Mapping>,
    kind: Kind,
    at: Position,
    open: Option<Open>,
}

/// A file that is being read.
#[derive(Debug)]
struct Open {
    reader: BufReader<File>,
    part: Arc<str>,
    list: Option<list::List>,
}

/// What was read of a file.
#[derive(Clone, Copy, Debug, Default)]
struct Read {
    bytes: u64,
    /// How many line ends came before it, and how many with it.
    lines_before: u64,
    lines: u64,
}

#[derive(Deserialize)]
struct WhichKind<'a> {
    #[serde(borrow)]
    kind: Option<std::borrow::Cow<'a, str>>,
}

impl Lines {
    pub(super) fn new(files: Vec<PathBuf>, kind: Kind, at: Position) -> Result<Self> {
        if at.file > files.len() {
            return Err(Error::Position {
                why: "it has fewer files than then".to_owned(),
            });
        }
        Ok(Self {
            bytes_of: super::sizes(files.iter().map(PathBuf::as_path)),
            files,
            mappings: Vec::new(),
            kind,
            at,
            open: None,
        })
    }

    /// The lines of those files that a mapping gives to a kind.
    pub(super) fn mapped(files: &[MappedFile], kind: Kind, at: Position) -> Result<Self> {
        let files: Vec<&MappedFile> = files.iter().filter(|file| file.kind == kind).collect();
        let mappings = files.iter().map(|file| Mapping::new(file));
        let mappings = mappings.collect::<Result<_>>()?;
        let paths = files.iter().map(|file| file.path.clone()).collect();
        Ok(Self {
            mappings,
            ..Self::new(paths, kind, at)?
        })
    }

    pub(super) fn next(&mut self, items_max: usize) -> Result<Option<Batch>> {
        let mut items = Vec::new();
        let mut bytes = 0;
        let mut line = Vec::new();
        while items.len() < items_max && bytes < BATCH_BYTES_MAX {
            line.clear();
            let Some(read) = self.read(&mut line)? else {
                break;
            };
            if read.bytes == 0 && line.is_empty() {
                self.open = None;
                self.at = Position {
                    file: self.at.file + 1,
                    ..Position::default()
                };
                continue;
            }
            bytes += read.bytes;
            self.at.byte += read.bytes;
            let part = self.open.as_ref().map(|open| Arc::clone(&open.part));
            let place = Place {
                part: part.unwrap_or_default(),
                line: self.at.lines + read.lines_before + 1,
            };
            self.at.lines += read.lines_before + read.lines;
            items.extend(self.item(&line, place));
        }
        let is_end = items.is_empty() && self.at.file >= self.files.len();
        Ok((!is_end).then(|| Batch {
            items,
            part_read: super::part_read(&self.bytes_of, self.at.file, self.at.byte),
            position: self.at.clone(),
            hooked: super::hooked::Told::default(),
        }))
    }

    /// Reads the next line or element into `line`, as far as one may be long; nothing behind the last file.
    fn read(&mut self, line: &mut Vec<u8>) -> Result<Option<Read>> {
        let Some(path) = self.files.get(self.at.file) else {
            return Ok(None);
        };
        let at_byte = self.at.byte;
        let failed = |source| Error::Read {
            path: path.clone(),
            at_byte,
            source,
        };
        let open = match &mut self.open {
            Some(open) => open,
            None => self.open.insert(Open::at(path, at_byte).map_err(failed)?),
        };
        open.read(line).map(Some).map_err(failed)
    }

    /// What a line is, unless it is blank or of another kind.
    fn item(&self, line: &[u8], place: Place) -> Option<Item> {
        let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        let line = line.trim_ascii();
        // A comment says why the next line was rejected.
        if line.is_empty() || line.starts_with(b"#") {
            return None;
        }
        let bad = |why: String| {
            let text = String::from_utf8_lossy(line);
            Err(Unreadable {
                why,
                text: text.chars().take(KEPT_CHARACTERS_MAX).collect(),
            })
        };
        if let Some(mapping) = self.mappings.get(self.at.file) {
            let row = serde_json::from_slice::<Map<String, Value>>(line);
            let read = match row {
                Ok(row) => mapping.record(&row).or_else(bad),
                Err(error) => bad(category(&error).to_owned()),
            };
            return Some(Item { place, read });
        }
        if kind_at_beginning(line).is_some_and(|kind| kind != self.kind) {
            return None;
        }
        let which: std::result::Result<WhichKind<'_>, _> = serde_json::from_slice(line);
        let is_first_pass = self.kind == Kind::Customer;
        let read = match which {
            // What is of no kind is told once, in the first of the passes.
            Err(_) if !is_first_pass => return None,
            Err(error) if line.len() as u64 >= LINE_BYTES_MAX => bad(format!(
                "longer than {LINE_BYTES_MAX} bytes ({})",
                category(&error)
            )),
            Err(error) => bad(category(&error).to_owned()),
            Ok(WhichKind { kind }) => match kind.as_deref().map(Kind::read) {
                Some(Some(kind)) if kind != self.kind => return None,
                Some(Some(kind)) => match Record::of(kind, line) {
                    Ok(record) => Ok(record),
                    Err(error) => bad(said(&error)),
                },
                None | Some(None) if !is_first_pass => return None,
                None | Some(None) => {
                    bad("its `kind` is none of customer, contact, ticket".to_owned())
                }
            },
        };
        Some(Item { place, read })
    }
}

impl Open {
    fn at(path: &Path, byte: u64) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let bytes = file.metadata()?.len();
        if byte > bytes {
            return Err(io::Error::other("the file is shorter than it was"));
        }
        let is_list = list::begins(&mut BufReader::with_capacity(1 << 10, &file))?;
        file.seek(SeekFrom::Start(byte))?;
        let part = path.file_name().unwrap_or(path.as_os_str());
        Ok(Self {
            reader: BufReader::with_capacity(1 << 18, file),
            part: Arc::from(part.to_string_lossy().as_ref()),
            list: is_list.then(|| list::List::at(byte, bytes)),
        })
    }

    fn read(&mut self, line: &mut Vec<u8>) -> io::Result<Read> {
        let reader = &mut self.reader;
        if let Some(list) = &mut self.list {
            return list::element(reader, list, line, ELEMENT_BYTES_MAX);
        }
        let mut bytes = reader
            .by_ref()
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', line)? as u64;
        if bytes == LINE_BYTES_MAX && line.last() != Some(&b'\n') {
            bytes += skip_line(reader)?;
        }
        Ok(Read {
            bytes,
            lines_before: 0,
            lines: 1,
        })
    }
}

/// The kind of a line that begins with it, as ours do: most lines of a pass are of another kind and need not be read.
fn kind_at_beginning(line: &[u8]) -> Option<Kind> {
    let rest = line.strip_prefix(b"{\"kind\":")?.trim_ascii_start();
    let word = rest.strip_prefix(b"\"")?;
    Kind::ALL.into_iter().find(|kind| {
        let rest = word.strip_prefix(kind.as_str().as_bytes());
        rest.is_some_and(|rest| rest.starts_with(b"\""))
    })
}

fn category(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Eof => "the line ends too early",
        serde_json::error::Category::Syntax => "it is no JSON",
        serde_json::error::Category::Data | serde_json::error::Category::Io => {
            "it is JSON, but no object with a `kind`"
        }
    }
}

/// What serde says about a field, without the place in the line, which would part what is one cause.
fn said(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    let text = text.split(", expected one of ").next().unwrap_or_default();
    text.chars().take(160).collect()
}

fn skip_line(reader: &mut BufReader<File>) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(skipped);
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(buffer.len(), |end| end + 1);
        reader.consume(used);
        skipped += used as u64;
        if end.is_some() {
            return Ok(skipped);
        }
    }
}

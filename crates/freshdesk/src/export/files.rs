//! Which files an export has, wherever they lie, and how they are opened.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use flate2::{Crc, read::DeflateDecoder};
use zip::{CompressionMethod, ZipArchive};

use super::{Bounds, ExportError, Oddity, bounded::Packed};

const FOLDERS_MAX: usize = 4;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// Companies, which old exports call customers.
    Companies,
    /// Contacts and agents.
    Users,
    /// Agents.
    Agents,
    /// Groups.
    Groups,
    /// Tickets.
    Tickets,
    /// Time entries.
    TimeEntries,
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// JSON.
    Json,
    /// XML.
    Xml,
}

/// A file of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName {
    /// What it holds.
    pub what: What,
    /// Its number; some files of old exports have none.
    pub number: Option<u64>,
    /// How it is written.
    pub form: Form,
    /// Where it lies in the export.
    pub path: String,
}

impl FileName {
    /// Reads a name such as `Tickets12.json`, in whatever folder.
    pub(super) fn read(path: &str) -> Option<Self> {
        let name = path.rsplit(['/', '\\']).next()?;
        let (stem, ending) = name.rsplit_once('.')?;
        let form = match ending.to_ascii_lowercase().as_str() {
            "json" => Form::Json,
            "xml" => Form::Xml,
            _ => return None,
        };
        let word = stem.trim_end_matches(|letter: char| letter.is_ascii_digit());
        let number = stem.strip_prefix(word)?;
        let what = match word.to_ascii_lowercase().as_str() {
            "tickets" => What::Tickets,
            "users" | "contacts" => What::Users,
            "agents" | "allagents" => What::Agents,
            "companies" | "customers" => What::Companies,
            "groups" => What::Groups,
            "timeentries" => What::TimeEntries,
            _ => return None,
        };
        let number = match number {
            "" => None,
            digits => Some(digits.parse().ok()?),
        };
        Some(Self {
            what,
            number,
            form,
            path: path.to_owned(),
        })
    }
}

/// A file, and how it is found again.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) name: FileName,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    File(PathBuf),
    Entry {
        start: u64,
        packed_bytes: u64,
        is_deflated: bool,
        crc32: u32,
        bytes: u64,
    },
}

/// A name with its place, or why it is not read.
pub(super) type Name = (String, Result<Entry, ()>);

/// A file before its name was understood.
#[derive(Debug)]
pub(super) struct Entry(Place, Packing);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Packing {
    Known,
    Unknown,
}

/// Where an export lies.
#[derive(Debug)]
pub(super) enum Source {
    Folder,
    Zip(PathBuf),
}

impl Source {
    pub(super) fn open(path: &Path, bounds: &Bounds) -> Result<(Self, Vec<Name>), ExportError> {
        let meta = fs::metadata(path).map_err(ExportError::Open)?;
        if meta.is_dir() {
            let mut names = Vec::new();
            collect(path, path, FOLDERS_MAX, bounds.files_max, &mut names)?;
            return Ok((Self::Folder, names));
        }
        let file = File::open(path).map_err(ExportError::Open)?;
        let mut archive = ZipArchive::new(io::BufReader::new(file)).map_err(ExportError::Zip)?;
        if archive.len() > bounds.files_max {
            return Err(ExportError::TooManyFiles {
                files_max: bounds.files_max,
            });
        }
        let mut names = Vec::new();
        for index in 0..archive.len() {
            let entry = archive.by_index_raw(index).map_err(ExportError::Zip)?;
            if entry.is_dir() {
                continue;
            }
            let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
            // Names are only compared, but one that leads elsewhere is no export's.
            if entry.enclosed_name().is_none() || entry.is_symlink() || name.contains("..") {
                names.push((name, Err(())));
                continue;
            }
            let is_deflated = entry.compression() == CompressionMethod::Deflated;
            let is_known = !entry.encrypted()
                && (is_deflated || entry.compression() == CompressionMethod::Stored);
            let place = Place::Entry {
                start: entry.data_start().unwrap_or_default(),
                packed_bytes: entry.compressed_size(),
                is_deflated,
                crc32: entry.crc32(),
                bytes: entry.size(),
            };
            let packing = if is_known {
                Packing::Known
            } else {
                Packing::Unknown
            };
            names.push((name, Ok(Entry(place, packing))));
        }
        Ok((Self::Zip(path.to_owned()), names))
    }

    pub(super) fn read(&self, found: &Found) -> Result<Box<dyn Packed>, ExportError> {
        match (self, &found.place) {
            (_, Place::File(path)) => {
                let file = File::open(path).map_err(ExportError::Open)?;
                Ok(Box::new(Plain(file)))
            }
            (
                Self::Zip(path),
                Place::Entry {
                    start,
                    packed_bytes,
                    is_deflated,
                    crc32,
                    bytes,
                },
            ) => {
                let mut file = File::open(path).map_err(ExportError::Open)?;
                file.seek(SeekFrom::Start(*start))
                    .map_err(ExportError::Open)?;
                let packed = file.take(*packed_bytes);
                let checked = |inner| Checked {
                    inner,
                    crc: Crc::new(),
                    crc32: *crc32,
                    bytes: *bytes,
                };
                Ok(match is_deflated {
                    true => Box::new(checked(Unpacked::Deflated(DeflateDecoder::new(packed)))),
                    false => Box::new(checked(Unpacked::Stored(packed, *packed_bytes))),
                })
            }
            (Self::Folder, Place::Entry { .. }) => Err(ExportError::Packing {
                file: found.name.path.clone(),
            }),
        }
    }
}

/// The files of a folder and of those below it. Links are not followed.
fn collect(
    root: &Path,
    folder: &Path,
    depth: usize,
    files_max: usize,
    names: &mut Vec<Name>,
) -> Result<(), ExportError> {
    for entry in fs::read_dir(folder).map_err(ExportError::Open)? {
        let entry = entry.map_err(ExportError::Open)?;
        let path = entry.path();
        let name = path
            .strip_prefix(root)
            .unwrap_or(&path)
            .to_string_lossy()
            .into_owned();
        let kind = entry.file_type().map_err(ExportError::Open)?;
        if kind.is_dir() && depth > 0 {
            collect(root, &path, depth - 1, files_max, names)?;
        } else if kind.is_file() {
            names.push((name, Ok(Entry(Place::File(path), Packing::Known))));
        } else {
            names.push((name, Err(())));
        }
        if names.len() > files_max {
            return Err(ExportError::TooManyFiles { files_max });
        }
    }
    Ok(())
}

/// The files that are understood, in the order of their numbers, and what is odd.
pub(super) fn sort(names: Vec<Name>) -> Result<(Vec<Found>, Vec<Oddity>), ExportError> {
    let mut oddities = Vec::new();
    let mut files: BTreeMap<(What, Option<u64>, Form), Found> = BTreeMap::new();
    for (path, entry) in names {
        let (Some(name), Ok(entry)) = (FileName::read(&path), &entry) else {
            oddities.push(match entry {
                Ok(_) => Oddity::Unknown(path),
                Err(()) => Oddity::Refused(path),
            });
            continue;
        };
        let Entry(place, packing) = entry;
        if *packing == Packing::Unknown {
            return Err(ExportError::Packing { file: path });
        }
        let key = (name.what, name.number, name.form);
        let place = place.clone();
        if let Some(other) = files.insert(key, Found { name, place }) {
            return Err(ExportError::Twice {
                one: path,
                other: other.name.path,
            });
        }
    }
    let mut expected: BTreeMap<(What, Form), u64> = BTreeMap::new();
    for (what, number, form) in files.keys() {
        let Some(number) = number else {
            continue;
        };
        let next = expected.entry((*what, *form)).or_insert(0);
        // A long run of missing numbers is told by its ends.
        let missing = (*next..*number)
            .take(100)
            .map(|number| Oddity::MissingNumber {
                what: *what,
                number,
            });
        oddities.extend(missing);
        *next = number.saturating_add(1);
    }
    Ok((files.into_values().collect(), oddities))
}

struct Plain(File);

impl Read for Plain {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Packed for Plain {
    fn packed_bytes(&self) -> Option<u64> {
        None
    }
}

enum Unpacked {
    Deflated(DeflateDecoder<io::Take<File>>),
    Stored(io::Take<File>, u64),
}

/// An entry of a zip, whose bytes are checked at its end.
struct Checked {
    inner: Unpacked,
    crc: Crc,
    crc32: u32,
    bytes: u64,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.inner {
            Unpacked::Deflated(inner) => inner.read(buffer)?,
            Unpacked::Stored(inner, _) => inner.read(buffer)?,
        };
        self.crc.update(buffer.get(..count).unwrap_or_default());
        let is_end = count == 0 && !buffer.is_empty();
        if is_end
            && (self.crc.sum() != self.crc32
                || u64::from(self.crc.amount()) != self.bytes & 0xffff_ffff)
        {
            let why = "the zip is damaged: the bytes of this file are not those that were packed";
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        Ok(count)
    }
}

impl Packed for Checked {
    fn packed_bytes(&self) -> Option<u64> {
        Some(match &self.inner {
            Unpacked::Deflated(inner) => inner.total_in(),
            Unpacked::Stored(inner, whole) => whole - inner.limit(),
        })
    }
}

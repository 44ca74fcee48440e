//! A recorded manager stream: its messages, each with when it came.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, BufRead as _, BufReader, Read},
    path::{Path, PathBuf},
};

use ami::{Frame, Limits, Message, Splitter};
use anyhow::{Context as _, bail};
use flate2::read::MultiGzDecoder;
use jiff::Timestamp;

/// Bytes that are read at once where nothing says how they came.
const READ_BYTES: usize = 64 << 10;
/// Bytes of one read that an index may tell of: more than any socket gives.
const READ_BYTES_MAX: usize = 16 << 20;
/// Bytes of one line of an index.
const INDEX_LINE_BYTES_MAX: u64 = 256;

/// A recording that is being read; it is never whole in memory.
pub(crate) struct Capture {
    name: String,
    bytes: Box<dyn Read>,
    index: Option<BufReader<File>>,
    splitter: Splitter,
    /// When the bytes in the splitter came.
    at: Timestamp,
    read: Vec<u8>,
    is_over: bool,
    /// Something of a manager was in it, or nothing at all.
    is_known: bool,
    /// Blocks that were too long.
    pub(crate) left_out: u64,
}

impl Capture {
    /// Opens a file, packed by gzip or not, or standard input for `-`. `now` is when a message came of which neither it
    /// nor an index beside the file says so.
    pub(crate) fn open(path: &Path, now: Timestamp) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let is_packed = path.extension() == Some(OsStr::new("gz"));
        let (bytes, index): (Box<dyn Read>, _) = match path.as_os_str() == "-" {
            true => (Box::new(io::stdin()), None),
            false => {
                let file = open(path).with_context(|| format!("opening {name}"))?;
                (Box::new(file), index(path, is_packed))
            }
        };
        let mut bytes = BufReader::with_capacity(READ_BYTES, bytes);
        let start = bytes.fill_buf();
        let start = start.with_context(|| format!("reading {name}"))?;
        let is_packed = is_packed || start.starts_with(&[0x1f, 0x8b]);
        let mut bytes: Box<dyn Read> = match is_packed {
            true => Box::new(MultiGzDecoder::new(bytes)),
            false => Box::new(bytes),
        };
        // A piece of a stream begins with no greeting.
        let mut first = vec![0; 8];
        let got = fill(&mut *bytes, &mut first).with_context(|| format!("reading {name}"))?;
        first.truncate(got);
        let is_piece = first.starts_with(b"Event: ") || first.starts_with(b"Response");
        let splitter = match is_piece {
            true => Splitter::without_banner(Limits::default()),
            false => Splitter::default(),
        };
        let bytes = Box::new(io::Cursor::new(first).chain(bytes));
        Ok(Self {
            name,
            bytes,
            index,
            splitter,
            at: now,
            read: Vec::new(),
            is_over: false,
            is_known: got == 0,
            left_out: 0,
        })
    }

    /// The next message, and when it came; `None` at the end.
    pub(crate) fn next(&mut self) -> anyhow::Result<Option<(Message, Timestamp)>> {
        loop {
            match self.splitter.next_frame() {
                Some(Ok(Frame::Message(message))) => {
                    self.is_known = true;
                    return Ok(Some((message, self.at)));
                }
                Some(Ok(Frame::Banner(banner))) if !banner.is_of_a_manager() => {
                    return Err(self.no_recording());
                }
                Some(Ok(Frame::Banner(_))) => self.is_known = true,
                Some(Err(_)) => self.left_out += 1,
                None if self.is_over && !self.is_known => return Err(self.no_recording()),
                None if self.is_over => return Ok(None),
                None => self.feed()?,
            }
        }
    }

    fn no_recording(&self) -> anyhow::Error {
        anyhow::anyhow!(
            "{} is no recording of a manager interface: it begins with something else",
            self.name
        )
    }

    fn feed(&mut self) -> anyhow::Result<()> {
        let mut bytes = READ_BYTES;
        match self.index.as_mut().map(next_line).transpose()? {
            Some(Some((length, at))) => (bytes, self.at) = (length, at),
            Some(None) => self.index = None,
            None => {}
        }
        self.read.resize(bytes, 0);
        let got = fill(&mut *self.bytes, &mut self.read);
        let got = got.with_context(|| format!("reading {}", self.name))?;
        self.is_over = got < bytes;
        self.splitter.feed(self.read.get(..got).unwrap_or_default());
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// The index beside a recording: `NAME.idx` for `NAME.ami` and `NAME.ami.gz`.
fn index(path: &Path, is_packed: bool) -> Option<BufReader<File>> {
    let plain: PathBuf = match is_packed {
        true => path.with_extension(""),
        false => path.to_owned(),
    };
    open(&plain.with_extension("idx")).ok().map(BufReader::new)
}

/// Reads until there is no more room, or no more to read.
fn fill(from: &mut dyn Read, into: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while let Some(rest) = into.get_mut(got..).filter(|rest| !rest.is_empty()) {
        match from.read(rest) {
            Ok(0) => break,
            Ok(bytes) => got += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}

/// A line `offset bytes seconds`: how many bytes one read gave, and when.
fn next_line(index: &mut BufReader<File>) -> anyhow::Result<Option<(usize, Timestamp)>> {
    let mut line = String::new();
    let read = index
        .by_ref()
        .take(INDEX_LINE_BYTES_MAX)
        .read_line(&mut line);
    if read.context("reading the index of the recording")? == 0 {
        return Ok(None);
    }
    let wrong = || {
        format!(
            "the index of the recording has a line that is none: {}",
            line.trim().escape_debug()
        )
    };
    let mut fields = line.split_whitespace().skip(1);
    let (bytes, at) = fields.next().zip(fields.next()).with_context(wrong)?;
    let bytes: usize = bytes.parse().with_context(wrong)?;
    let (seconds, fraction) = at.split_once('.').unwrap_or((at, "0"));
    let micros = format!("{fraction:0<6}");
    let micros: i64 = micros
        .get(..6)
        .and_then(|of| of.parse().ok())
        .with_context(wrong)?;
    let seconds: i64 = seconds.parse().with_context(wrong)?;
    let at = seconds
        .checked_mul(1_000_000)
        .and_then(|of| of.checked_add(micros));
    let at = Timestamp::from_microsecond(at.with_context(wrong)?).with_context(wrong)?;
    if bytes > READ_BYTES_MAX {
        bail!(wrong());
    }
    Ok(Some((bytes, at)))
}

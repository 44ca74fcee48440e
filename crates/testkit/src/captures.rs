//! Recordings of a manager interface, which lie packed in `captures/`.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::Path,
    sync::LazyLock,
    time::Duration,
};

use flate2::read::GzDecoder;

/// What a recorded socket gave.
#[derive(Clone, Debug, Default)]
pub struct Capture {
    /// The bytes, from the greeting on.
    pub bytes: Vec<u8>,
    /// The reads that gave them, in order; together they are all bytes.
    pub reads: Vec<Arrival>,
}

/// One read of a recorded socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// How many bytes it gave.
    pub bytes: usize,
    /// When, after the first one.
    pub after: Duration,
}

static CAPTURES: LazyLock<BTreeMap<String, Capture>> = LazyLock::new(unpack);

/// Every recording by its name, in order of names.
///
/// # Panics
/// When the archive cannot be read.
pub fn all() -> &'static BTreeMap<String, Capture> {
    &CAPTURES
}

/// The recording of a name.
///
/// # Panics
/// When there is none.
#[expect(clippy::panic, reason = "this fails the test that asks")]
pub fn named(name: &str) -> &'static Capture {
    match CAPTURES.get(name) {
        Some(capture) => capture,
        None => panic!("there is no recording of the name {name}"),
    }
}

/// The recording of 2,002 calls, unpacked as it is read.
///
/// # Panics
/// When the file cannot be opened.
pub fn load() -> impl Read {
    open("load.ami.gz")
}

#[expect(clippy::panic, reason = "this fails the test that reads")]
fn open(name: &str) -> GzDecoder<File> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("captures")
        .join(name);
    match File::open(&path) {
        Ok(file) => GzDecoder::new(file),
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

#[expect(clippy::panic, reason = "this fails the test that asks")]
fn unpack() -> BTreeMap<String, Capture> {
    let mut captures: BTreeMap<String, Capture> = BTreeMap::new();
    let mut archive = open("asterisk-22.tar.gz");
    loop {
        let (name, content) = match member(&mut archive) {
            Ok(Some(member)) => member,
            Ok(None) => return captures,
            Err(error) => panic!("the archive of recordings cannot be read: {error}"),
        };
        match name.split_once('.') {
            Some((name, "ami")) => captures.entry(name.to_owned()).or_default().bytes = content,
            Some((name, "idx")) => {
                captures.entry(name.to_owned()).or_default().reads = reads(&content);
            }
            _ => panic!("{name} is no recording"),
        }
    }
}

/// The next file of a tar archive of small files, which is all that is needed of tar here.
fn member(archive: &mut impl Read) -> io::Result<Option<(String, Vec<u8>)>> {
    const UNIT: usize = 512;
    let mut head = [0; UNIT];
    archive.read_exact(&mut head)?;
    let text = |from: usize, bytes: usize| {
        let field = head.get(from..from + bytes).unwrap_or_default();
        let field = field.split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(field).trim().to_owned()
    };
    let name = text(0, 100);
    if name.is_empty() {
        return Ok(None);
    }
    let bytes = usize::from_str_radix(&text(124, 12), 8).map_err(io::Error::other)?;
    let mut content = vec![0; bytes.next_multiple_of(UNIT)];
    archive.read_exact(&mut content)?;
    content.truncate(bytes);
    Ok(Some((name, content)))
}

/// Lines of `offset bytes seconds`.
fn reads(index: &[u8]) -> Vec<Arrival> {
    let index = String::from_utf8_lossy(index);
    let mut first = None;
    let line = |line: &str| {
        let mut fields = line.split(' ').skip(1);
        let bytes = fields.next()?.parse().ok()?;
        let (seconds, micros) = fields.next()?.split_once('.')?;
        let at = Duration::from_secs(seconds.parse().ok()?)
            + Duration::from_micros(micros.parse().ok()?);
        let first = *first.get_or_insert(at);
        Some(Arrival {
            bytes,
            after: at.saturating_sub(first),
        })
    };
    index.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recording_is_there_with_its_pace() {
        assert_eq!(all().len(), 67);
        for (name, capture) in all() {
            assert!(
                capture
                    .bytes
                    .starts_with(b"Asterisk Call Manager/11.0.0\r\n"),
                "{name}"
            );
            let read: usize = capture.reads.iter().map(|read| read.bytes).sum();
            assert_eq!(read, capture.bytes.len(), "{name}");
            assert!(
                capture.reads.is_sorted_by_key(|read| read.after),
                "{name}: time went back"
            );
            let last = capture.reads.last().unwrap().after;
            assert!(last < Duration::from_secs(120), "{name} took {last:?}");
        }
    }

    #[test]
    fn the_load_begins_with_a_greeting() {
        let mut start = [0; 30];
        load().read_exact(&mut start).unwrap();
        assert_eq!(&start, b"Asterisk Call Manager/11.0.0\r\n");
    }
}

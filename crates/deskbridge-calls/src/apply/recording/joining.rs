//! Several wav files as one.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// The longest description of a format that is believed.
const FORMAT_BYTES_MAX: u32 = 256;

/// Writes what is heard in all files, one after another, into a new one.
pub(super) fn join(files: &[PathBuf], into: &Path) -> io::Result<()> {
    let mut parts = Vec::new();
    for file in files {
        parts.push(Part::open(file)?);
    }
    let format = parts
        .first()
        .map(|part| part.format.clone())
        .unwrap_or_default();
    if parts.iter().any(|part| part.format != format) {
        return Err(wrong("they are not of one format; set recordings.convert"));
    }
    let data: u64 = parts.iter().map(|part| part.bytes).sum();
    let too_long = |_| wrong("together they are too long");
    let data_bytes = u32::try_from(data).map_err(too_long)?;
    let format_bytes = u32::try_from(format.len()).map_err(too_long)?;
    let riff = data_bytes.checked_add(format_bytes + 20);
    let riff = riff.ok_or_else(|| wrong("together they are too long"))?;
    let mut out = BufWriter::new(File::create_new(into)?);
    out.write_all(b"RIFF")?;
    out.write_all(&riff.to_le_bytes())?;
    out.write_all(b"WAVEfmt ")?;
    out.write_all(&format_bytes.to_le_bytes())?;
    out.write_all(&format)?;
    out.write_all(b"data")?;
    out.write_all(&data_bytes.to_le_bytes())?;
    for part in parts {
        let copied = io::copy(&mut part.file.take(part.bytes), &mut out)?;
        if copied != part.bytes {
            return Err(wrong("one of them is shorter than it says"));
        }
    }
    out.flush()
}

/// A wav file, read up to what is heard in it.
struct Part {
    format: Vec<u8>,
    bytes: u64,
    file: BufReader<File>,
}

impl Part {
    fn open(path: &Path) -> io::Result<Self> {
        let length = std::fs::metadata(path)?.len();
        let mut file = BufReader::new(File::open(path)?);
        let mut head = [0; 12];
        file.read_exact(&mut head)?;
        if !head.starts_with(b"RIFF") || !head.ends_with(b"WAVE") {
            return Err(wrong("one of them is no wav file; set recordings.convert"));
        }
        let mut format = Vec::new();
        loop {
            let (mut name, mut size) = ([0; 4], [0; 4]);
            file.read_exact(&mut name)?;
            file.read_exact(&mut size)?;
            let size = u32::from_le_bytes(size);
            match &name {
                b"fmt " if size <= FORMAT_BYTES_MAX => {
                    let size = usize::try_from(size).unwrap_or_default();
                    format.resize(size, 0);
                    file.read_exact(&mut format)?;
                }
                b"data" => {
                    let at = file.stream_position()?;
                    // A recorder that was killed has not written how much there is.
                    let bytes = u64::from(size).min(length.saturating_sub(at));
                    return Ok(Self {
                        format,
                        bytes,
                        file,
                    });
                }
                _ => drop(file.seek(SeekFrom::Current(i64::from(size) + i64::from(size % 2)))?),
            }
        }
    }
}

fn wrong(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

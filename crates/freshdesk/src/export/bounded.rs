//! A reader that stops where a record, or a file, grows beyond its bounds.

use std::io::{self, BufRead, BufReader, Read};

use super::Bounds;

const BUFFER_BYTES: usize = 64 << 10;
/// Below so many bytes, a file may be as well packed as it likes.
const RATIO_FREE_BYTES: u64 = 64 << 20;

/// Where bytes come from, with how many were read of the packed file so far, where it is packed.
pub(super) trait Packed: Read {
    /// Bytes taken from the packed file; nothing where it is not packed.
    fn packed_bytes(&self) -> Option<u64>;
}

/// Counts what is read. Whoever reads says where a record ends.
pub(super) struct Bounded {
    inner: BufReader<Box<dyn Packed>>,
    read: u64,
    record_began_at: u64,
    bounds: Bounds,
}

impl Bounded {
    pub(super) fn new(inner: Box<dyn Packed>, bounds: &Bounds) -> Self {
        Self {
            inner: BufReader::with_capacity(BUFFER_BYTES, inner),
            read: 0,
            record_began_at: 0,
            bounds: *bounds,
        }
    }

    /// How many bytes were read.
    pub(super) fn position(&self) -> u64 {
        self.read
    }

    /// A record ended: the next one may be as large.
    pub(super) fn record_ended(&mut self) {
        self.record_began_at = self.read;
    }

    fn check(&self) -> io::Result<()> {
        let Bounds {
            record_bytes_max,
            file_bytes_max,
            ratio_max,
            ..
        } = self.bounds;
        let packed = self.inner.get_ref().packed_bytes();
        let refused = |what: String| Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
        if self.read > file_bytes_max {
            return refused(format!("the file is larger than {file_bytes_max} bytes"));
        }
        if self.read - self.record_began_at > record_bytes_max {
            return refused(format!("a record is larger than {record_bytes_max} bytes"));
        }
        match packed {
            Some(packed) if self.read > RATIO_FREE_BYTES && self.read / ratio_max > packed => {
                refused(format!(
                    "the file is more than {ratio_max} times larger than it is packed"
                ))
            }
            _ => Ok(()),
        }
    }
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Bounded {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.check()?;
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.read += count as u64;
        self.inner.consume(count);
    }
}

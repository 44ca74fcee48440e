//! Bytes of any encoding as UTF-8.

use std::io::{self, Read};

use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8};

/// What cannot be read becomes U+FFFD.
pub(super) struct Decoded<R> {
    source: R,
    decoder: Decoder,
    input: Vec<u8>,
    /// What of `input` is not decoded yet.
    pending: std::ops::Range<usize>,
    is_ended: bool,
    is_flushed: bool,
}

const INPUT_BYTES: usize = 64 << 10;
/// Less room than this some decoders cannot use.
const OUTPUT_BYTES_MIN: usize = 16;

impl<R: Read> Decoded<R> {
    /// Decodes as the mark at the beginning says, else as told, else as UTF-8.
    pub(super) fn new(source: R, encoding: Option<&'static Encoding>) -> Self {
        Self {
            source,
            decoder: encoding.unwrap_or(UTF_8).new_decoder(),
            input: vec![0; INPUT_BYTES],
            pending: 0..0,
            is_ended: false,
            is_flushed: false,
        }
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        if output.len() < OUTPUT_BYTES_MIN {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "too little room for a character",
            ));
        }
        loop {
            if self.is_flushed {
                return Ok(0);
            }
            if self.pending.is_empty() && !self.is_ended {
                let read = self.source.read(&mut self.input)?;
                self.pending = 0..read;
                self.is_ended = read == 0;
            }
            let pending = self.input.get(self.pending.clone()).unwrap_or_default();
            let (result, read, written, _) =
                self.decoder.decode_to_utf8(pending, output, self.is_ended);
            self.pending.start += read;
            if self.is_ended && result == CoderResult::InputEmpty {
                self.is_flushed = true;
            }
            if written > 0 {
                return Ok(written);
            }
        }
    }
}

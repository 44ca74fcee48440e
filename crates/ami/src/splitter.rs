//! From a stream of bytes, cut anywhere, to blocks.

#[cfg(test)]
mod tests;

use bytes::{Buf as _, Bytes, BytesMut};
use memchr::{memchr, memmem::Finder};

use crate::{Banner, Message};

/// What comes from a manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The greeting, once, before everything else.
    Banner(Banner),
    /// A block.
    Message(Message),
}

/// How much is kept of what does not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest block, in bytes. A command's answer is one block.
    pub block_bytes_max: usize,
    /// The longest greeting, in bytes.
    pub banner_bytes_max: usize,
}

impl Default for Limits {
    /// A mebibyte for a block, which is more than a hundred times what Asterisk sends in an event.
    fn default() -> Self {
        Self {
            block_bytes_max: 1 << 20,
            banner_bytes_max: 1 << 10,
        }
    }
}

/// A block that was longer than allowed. It is left out; what follows it comes as usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a block is longer than {bytes_max} bytes, and was left out")]
pub struct TooLong {
    /// The limit.
    pub bytes_max: usize,
}

/// Cuts a stream of bytes into its greeting and its blocks. The result does not depend on how the stream arrives.
///
/// Whoever feeds it asks for [`next_frame`](Splitter::next_frame) until there is none; then it holds less than one block.
#[derive(Debug)]
pub struct Splitter {
    buffer: BytesMut,
    /// How much of the buffer has been searched for the end of the block.
    searched: usize,
    place: Place,
    limits: Limits,
    end: End,
}

/// Where in the stream the buffer begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Banner,
    /// At a block, or at empty lines before one.
    Block,
    /// In a block that is too long.
    Inside,
}

/// How blocks end.
#[derive(Debug)]
struct End {
    empty_line: Finder<'static>,
    line_end: &'static [u8],
}

impl End {
    fn crlf() -> Self {
        Self {
            empty_line: Finder::new(b"\r\n\r\n"),
            line_end: b"\r\n",
        }
    }

    fn lf() -> Self {
        Self {
            empty_line: Finder::new(b"\n\n"),
            line_end: b"\n",
        }
    }
}

impl Default for Splitter {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Splitter {
    /// For a stream from its greeting on.
    pub fn new(limits: Limits) -> Self {
        Self {
            buffer: BytesMut::new(),
            searched: 0,
            place: Place::Banner,
            limits,
            end: End::crlf(),
        }
    }

    /// For a stream that begins with a block.
    pub fn without_banner(limits: Limits) -> Self {
        Self {
            place: Place::Block,
            ..Self::new(limits)
        }
    }

    /// Takes what arrived.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Where a reader may write what arrives, at the end; what is there already is not to be touched.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Whether the stream stands between two blocks, where it may end without loss.
    pub fn is_between_blocks(&self) -> bool {
        let rest = self.buffer.strip_prefix(b"\r\n").unwrap_or(&self.buffer);
        self.place == Place::Block && rest.is_empty()
    }

    /// The next frame that has arrived whole, or that is too long to wait for.
    pub fn next_frame(&mut self) -> Option<Result<Frame, TooLong>> {
        loop {
            match self.place {
                Place::Banner => return self.banner(),
                Place::Block => {
                    while self.buffer.starts_with(self.end.line_end) {
                        self.buffer.advance(self.end.line_end.len());
                        self.searched = 0;
                    }
                    return self.block();
                }
                Place::Inside => self.skip()?,
            }
        }
    }

    /// Blocks end as the greeting does: with CR LF, which leaves line feeds to values, or with bare line feeds, as
    /// through some relays.
    fn banner(&mut self) -> Option<Result<Frame, TooLong>> {
        let bytes_max = self.limits.banner_bytes_max;
        let Some(feed) = memchr(b'\n', &self.buffer).filter(|feed| *feed <= bytes_max) else {
            if self.buffer.len() <= bytes_max {
                return None;
            }
            self.place = Place::Inside;
            return Some(Err(TooLong { bytes_max }));
        };
        let line = self.buffer.split_to(feed + 1);
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let line = match line.strip_suffix(b"\r") {
            Some(line) => line,
            None => {
                self.end = End::lf();
                line
            }
        };
        self.place = Place::Block;
        Some(Ok(Frame::Banner(Banner::new(line))))
    }

    fn block(&mut self) -> Option<Result<Frame, TooLong>> {
        let bytes_max = self.limits.block_bytes_max;
        let line_end_bytes = self.end.line_end.len();
        let Some(found) = self.find_empty_line() else {
            // The block is at least as long as if the last bytes were already its end.
            let bytes_min = (self.buffer.len() + 1).saturating_sub(line_end_bytes);
            if bytes_min <= bytes_max {
                return None;
            }
            self.place = Place::Inside;
            return Some(Err(TooLong { bytes_max }));
        };
        let length = found + line_end_bytes;
        let block = self.buffer.get(..length).filter(|_| length <= bytes_max);
        // Its own allocation: a part of the buffer would keep all of it in memory for as long as the message lives.
        let block = block.map(Bytes::copy_from_slice);
        self.pass(length + line_end_bytes);
        let block = block.ok_or(TooLong { bytes_max });
        Some(block.map(|block| Frame::Message(Message::parse(block))))
    }

    /// Passes over the rest of a block that is too long; `None` while its end has not arrived.
    fn skip(&mut self) -> Option<()> {
        match self.find_empty_line() {
            Some(found) => {
                self.pass(found + 2 * self.end.line_end.len());
                self.place = Place::Block;
                Some(())
            }
            None => {
                self.pass(self.searched);
                None
            }
        }
    }

    /// Where the empty line begins, with the end of the line before it. Remembers how far it looked.
    fn find_empty_line(&mut self) -> Option<usize> {
        let rest = self.buffer.get(self.searched..).unwrap_or_default();
        let found = self.end.empty_line.find(rest);
        if let Some(found) = found {
            return Some(self.searched + found);
        }
        // The end may have arrived in part.
        let part = 2 * self.end.line_end.len() - 1;
        self.searched = self.searched.max(self.buffer.len().saturating_sub(part));
        None
    }

    fn pass(&mut self, bytes: usize) {
        self.buffer.advance(bytes.min(self.buffer.len()));
        self.searched = 0;
    }
}

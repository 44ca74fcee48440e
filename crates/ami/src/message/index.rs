//! Where the headers of a block are.

use memchr::{memchr, memmem};
use smallvec::SmallVec;

/// As many headers as most events have: their mean is 19, and a longer block costs one allocation.
const USUAL: usize = 24;
/// How the output of a command ended before Asterisk 14.
const END_OF_OUTPUT: &[u8] = b"--END COMMAND--";

pub(super) struct Index {
    pub(super) spans: SmallVec<[Span; USUAL]>,
    /// Where the bare output of a command begins; the end of the block if there is none.
    output: usize,
}

/// Where a header is: its name from `start` to `colon`, its value from there to `end`.
#[derive(Clone, Copy)]
pub(super) struct Span {
    start: u32,
    colon: u32,
    end: u32,
}

impl Span {
    pub(super) fn name_bytes(self) -> usize {
        self.colon.saturating_sub(self.start) as usize
    }

    pub(super) fn name(self, block: &[u8]) -> &[u8] {
        let name = self.start as usize..self.colon as usize;
        block.get(name).unwrap_or_default()
    }

    pub(super) fn value(self, block: &[u8]) -> &[u8] {
        let value = self.colon as usize + 1..self.end as usize;
        let value = block.get(value).unwrap_or_default();
        value.strip_prefix(b" ").unwrap_or(value)
    }
}

impl Index {
    /// Blocks beyond 4 GiB, which no splitter lets through, are indexed up to there.
    pub(super) fn of(block: &[u8]) -> Self {
        let block = block.get(..u32::MAX as usize).unwrap_or(block);
        let mut index = Self {
            spans: SmallVec::new(),
            output: block.len(),
        };
        let mut lines = Lines::of(block);
        let mut is_command = false;
        while let Some((start, end)) = lines.next() {
            let line = block.get(start..end).unwrap_or_default();
            let Some(colon) = memchr(b':', line) else {
                if is_command {
                    index.output = start;
                    break;
                }
                continue;
            };
            let span = Span::new(start, start + colon, end);
            if is_command && !is_header_of_follows(span.name(block), line) {
                index.output = start;
                break;
            }
            is_command |= index.spans.is_empty() && is_follows(span, block);
            index.spans.push(span);
        }
        index
    }

    /// The lines of bare output.
    pub(super) fn output<'a>(&self, block: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let output = block.get(self.output..).unwrap_or_default();
        let output = output.strip_suffix(b"\n").unwrap_or(output);
        let lines = output.split(|byte| *byte == b'\n');
        let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        lines.take_while(move |line| !output.is_empty() && *line != END_OF_OUTPUT)
    }
}

impl Span {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`Index::of` cuts the block at `u32::MAX`"
    )]
    fn new(start: usize, colon: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            colon: colon as u32,
            end: end as u32,
        }
    }
}

fn is_follows(span: Span, block: &[u8]) -> bool {
    span.value(block).eq_ignore_ascii_case(b"Follows")
        && span.name(block).eq_ignore_ascii_case(b"Response")
}

/// Between `Response: Follows` and the output there are only these; the output's own lines end with LF alone.
fn is_header_of_follows(name: &[u8], line: &[u8]) -> bool {
    let names: [&[u8]; 2] = [b"Privilege", b"ActionID"];
    names.iter().any(|known| known.eq_ignore_ascii_case(name)) && memchr(b'\n', line).is_none()
}

/// The lines of a block, as starts and ends.
struct Lines<'a> {
    block: &'a [u8],
    next: usize,
    ends_with_cr: bool,
}

impl<'a> Lines<'a> {
    fn of(block: &'a [u8]) -> Self {
        let ends_with_cr = block.ends_with(b"\r\n") || memmem::find(block, b"\r\n").is_some();
        Self {
            block,
            next: 0,
            ends_with_cr,
        }
    }

    fn next(&mut self) -> Option<(usize, usize)> {
        let start = self.next;
        let rest = self.block.get(start..).filter(|rest| !rest.is_empty())?;
        let mut searched = 0;
        while let Some(found) = memchr(b'\n', rest.get(searched..).unwrap_or_default()) {
            let feed = searched + found;
            let has_cr = feed > 0 && rest.get(feed - 1) == Some(&b'\r');
            if has_cr || !self.ends_with_cr {
                self.next = start + feed + 1;
                return Some((start, start + feed - usize::from(has_cr)));
            }
            searched = feed + 1;
        }
        self.next = self.block.len();
        Some((start, self.block.len()))
    }
}

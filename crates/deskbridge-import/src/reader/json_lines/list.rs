//! The elements of a list that is a whole file, one after the other: such a file may be larger than memory.
//!
//! Only where an element ends is decided here. Whether it is JSON is found out when it is read as a record.

use std::io::{self, BufRead};

use super::Read;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Whether a file begins like a list.
pub(super) fn begins(file: &mut impl BufRead) -> io::Result<bool> {
    let mut is_start = true;
    loop {
        let buffer = file.fill_buf()?;
        if buffer.is_empty() {
            return Ok(false);
        }
        let text = match std::mem::take(&mut is_start) {
            true => buffer.strip_prefix(BYTE_ORDER_MARK).unwrap_or(buffer),
            false => buffer,
        };
        if let Some(first) = text.iter().find(|byte| !byte.is_ascii_whitespace()) {
            return Ok(*first == b'[');
        }
        let used = buffer.len();
        file.consume(used);
    }
}

/// How far a list was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    /// Whether its first bracket lies behind.
    is_begun: bool,
    /// Whether its last one does.
    is_ended: bool,
}

impl List {
    /// A list of so many bytes that is read from one of them on.
    pub(super) fn at(byte: u64, bytes: u64) -> Self {
        Self {
            is_begun: byte > 0,
            is_ended: byte > 0 && byte == bytes,
        }
    }
}

/// Where in an element a byte stands.
#[derive(Clone, Copy, Debug, Default)]
struct Scan {
    /// How many objects and lists are open.
    depth: u32,
    is_text: bool,
    is_escaped: bool,
    /// Whether the element has begun.
    is_inside: bool,
}

/// What a byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Byte {
    Between,
    Inside,
    /// The last one of the element.
    Last,
    /// The first one behind an element that nothing else ends.
    Behind,
}

impl Scan {
    fn see(&mut self, byte: u8, list: &mut List) -> Byte {
        if self.is_text {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => self.is_text = false,
                _ => {}
            }
            let is_last = !self.is_text && self.depth == 0;
            return if is_last { Byte::Last } else { Byte::Inside };
        }
        if !self.is_inside {
            match byte {
                b'[' if !list.is_begun => list.is_begun = true,
                b']' => list.is_ended = true,
                b',' => {}
                _ if byte.is_ascii_whitespace() || BYTE_ORDER_MARK.contains(&byte) => {}
                _ => self.is_inside = true,
            }
            if !self.is_inside {
                return Byte::Between;
            }
        }
        match byte {
            b'"' => self.is_text = true,
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' if self.depth > 0 => {
                self.depth -= 1;
                if self.depth == 0 {
                    return Byte::Last;
                }
            }
            b',' | b']' if self.depth == 0 => return Byte::Behind,
            _ => {}
        }
        Byte::Inside
    }
}

/// Reads the next element into `element`, at most so many bytes of it; no bytes at the end of the file. A list that does
/// not end gives a last element that is no JSON.
pub(super) fn element(
    file: &mut impl BufRead,
    list: &mut List,
    element: &mut Vec<u8>,
    bytes_max: usize,
) -> io::Result<Read> {
    let mut read = Read::default();
    let mut scan = Scan::default();
    loop {
        let buffer = file.fill_buf()?;
        if buffer.is_empty() {
            if !scan.is_inside && !list.is_ended {
                list.is_ended = true;
                element.push(b'[');
            }
            return Ok(read);
        }
        let (mut between, mut used) = (0, 0);
        let mut is_ended = false;
        for byte in buffer {
            let seen = scan.see(*byte, list);
            is_ended = matches!(seen, Byte::Last | Byte::Behind);
            used += usize::from(seen != Byte::Behind);
            between += usize::from(seen == Byte::Between);
            if is_ended {
                break;
            }
        }
        let before = buffer.get(..between).unwrap_or_default();
        let inside = buffer.get(between..used).unwrap_or_default();
        read.lines_before += line_ends(before);
        read.lines += line_ends(inside);
        let room = bytes_max.saturating_sub(element.len());
        element.extend(inside.iter().take(room));
        file.consume(used);
        read.bytes += used as u64;
        if is_ended {
            return Ok(read);
        }
    }
}

fn line_ends(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// The elements with the lines at which they begin, read through a buffer of a few bytes, from each place between
    /// two elements.
    fn elements(text: &str) -> Vec<(u64, String)> {
        let mut found = Vec::new();
        let (mut at, mut line) = (0, 1);
        let mut list = List::at(0, text.len() as u64);
        loop {
            let mut file = BufReader::with_capacity(3, &text.as_bytes()[at..]);
            let mut read = Vec::new();
            let some = element(&mut file, &mut list, &mut read, 1_000).unwrap();
            if !read.is_empty() {
                found.push((line + some.lines_before, String::from_utf8(read).unwrap()));
            }
            if some.bytes == 0 {
                assert!(List::at(at as u64, text.len() as u64).is_ended, "{text}");
                return found;
            }
            at += usize::try_from(some.bytes).unwrap();
            line += some.lines_before + some.lines;
        }
    }

    #[test]
    fn a_list_is_parted_into_its_elements() {
        for (text, expected) in [
            ("[]", vec![]),
            ("[ ]\n\n", vec![]),
            ("\u{feff}[{}]", vec![(1, "{}")]),
            (
                "[{\"a\":1},{\"b\":[2,{}]}]",
                vec![(1, "{\"a\":1}"), (1, "{\"b\":[2,{}]}")],
            ),
            ("[\n {\n},\n\n {} \n]\n", vec![(2, "{\n}"), (5, "{}")]),
            (
                r#"[{"a":"]}\"\\"},"x,]",7,null]"#,
                vec![
                    (1, r#"{"a":"]}\"\\"}"#),
                    (1, r#""x,]""#),
                    (1, "7"),
                    (1, "null"),
                ],
            ),
            // What is left of a list is told, and so is what stands behind it.
            ("[{}", vec![(1, "{}"), (1, "[")]),
            ("[{},", vec![(1, "{}"), (1, "[")]),
            ("[{\"a\"", vec![(1, "{\"a\""), (1, "[")]),
            ("[[{}],[{}]]", vec![(1, "[{}]"), (1, "[{}]")]),
            ("[{}]\n[{}]\n", vec![(1, "{}"), (2, "[{}]")]),
        ] {
            let found = elements(text);
            let found: Vec<(u64, &str)> =
                found.iter().map(|(line, text)| (*line, &**text)).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn a_list_is_told_from_lines() {
        for (text, expected) in [
            ("[", true),
            (" \r\n\t[{}]", true),
            ("\u{feff}\n[]", true),
            ("{}\n[]", false),
            ("", false),
            ("# [\n{}", false),
        ] {
            let mut file = BufReader::with_capacity(8, text.as_bytes());
            assert_eq!(begins(&mut file).unwrap(), expected, "{text}");
        }
    }
}

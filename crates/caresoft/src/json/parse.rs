//! The reader: one pass, strict about the grammar, bounded in depth.

use super::{Json, Text};

/// How deep a value may be nested. CareSoft's own go to four.
const DEPTH_MAX: usize = 128;

/// Why bytes could not be read as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not text at all.
    #[error("the bytes are not UTF-8 from byte {at}")]
    NotUtf8 {
        /// The first byte that is not.
        at: usize,
    },
    /// Not JSON.
    #[error("the text is not JSON from byte {at}")]
    NotJson {
        /// Where the reader stood.
        at: usize,
    },
    /// JSON, but nested deeper than is read.
    #[error("the JSON is nested more than {depth_max} deep")]
    TooDeep {
        /// The limit.
        depth_max: usize,
    },
}

pub(super) fn read(bytes: &[u8]) -> Result<Json<'_>, Unreadable> {
    let text = std::str::from_utf8(bytes).map_err(|error| Unreadable::NotUtf8 {
        at: error.valid_up_to(),
    })?;
    let text_start = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut reader = Reader {
        text,
        at: text_start,
    };
    let value = reader.value(DEPTH_MAX)?;
    reader.skip_blanks();
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(reader.not_json()),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn not_json(&self) -> Unreadable {
        Unreadable::NotJson { at: self.at }
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Passes `byte`, if it is the next one after blanks.
    fn pass(&mut self, byte: u8) -> bool {
        self.skip_blanks();
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, byte: u8) -> Result<(), Unreadable> {
        match self.pass(byte) {
            true => Ok(()),
            false => Err(self.not_json()),
        }
    }

    fn since(&self, start: usize) -> Result<&'a str, Unreadable> {
        self.text.get(start..self.at).ok_or(self.not_json())
    }

    fn value(&mut self, depth: usize) -> Result<Json<'a>, Unreadable> {
        self.skip_blanks();
        match self.peek() {
            Some(b'{') => self.object(self.deeper(depth)?),
            Some(b'[') => self.list(self.deeper(depth)?),
            Some(b'"') => self.text().map(Json::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            _ => Err(self.not_json()),
        }
    }

    fn deeper(&self, depth: usize) -> Result<usize, Unreadable> {
        depth.checked_sub(1).ok_or(Unreadable::TooDeep {
            depth_max: DEPTH_MAX,
        })
    }

    fn object(&mut self, depth: usize) -> Result<Json<'a>, Unreadable> {
        self.at += 1;
        let mut members = Vec::new();
        if self.pass(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.skip_blanks();
            let key = match self.peek() {
                Some(b'"') => self.text()?,
                _ => return Err(self.not_json()),
            };
            self.expect(b':')?;
            members.push((key, self.value(depth)?));
            if self.pass(b'}') {
                return Ok(Json::Object(members));
            }
            self.expect(b',')?;
        }
    }

    fn list(&mut self, depth: usize) -> Result<Json<'a>, Unreadable> {
        self.at += 1;
        let mut items = Vec::new();
        if self.pass(b']') {
            return Ok(Json::List(items));
        }
        loop {
            items.push(self.value(depth)?);
            if self.pass(b']') {
                return Ok(Json::List(items));
            }
            self.expect(b',')?;
        }
    }

    fn text(&mut self) -> Result<Text<'a>, Unreadable> {
        self.at += 1;
        let start = self.at;
        let mut is_escaped = false;
        loop {
            let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
            let is_plain = |byte: &u8| !matches!(byte, b'"' | b'\\' | 0..0x20);
            self.at += rest.iter().take_while(|byte| is_plain(byte)).count();
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                _ => return Err(self.not_json()),
            }
            is_escaped = true;
        }
        let between = self.since(start)?;
        self.at += 1;
        Ok(Text::checked(between, is_escaped))
    }

    fn escape(&mut self) -> Result<(), Unreadable> {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    match self.peek() {
                        Some(digit) if digit.is_ascii_hexdigit() => self.at += 1,
                        _ => return Err(self.not_json()),
                    }
                }
            }
            _ => return Err(self.not_json()),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<Json<'a>, Unreadable> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        self.since(start).map(Json::Number)
    }

    /// At least one digit.
    fn digits(&mut self) -> Result<(), Unreadable> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        match self.at > start {
            true => Ok(()),
            false => Err(self.not_json()),
        }
    }

    fn word(&mut self, word: &str, value: Json<'a>) -> Result<Json<'a>, Unreadable> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word) {
            return Err(self.not_json());
        }
        self.at += word.len();
        Ok(value)
    }
}

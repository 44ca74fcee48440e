//! Records of a JSON file: the elements of its one array, or one after another without it, cut out before they are read.

use std::io::BufRead;

use serde_json::Value;

use super::{ExportError, bounded::Bounded};

/// The records, with their places counted from 1.
pub(super) struct Records {
    file: String,
    reader: Bounded,
    record: u64,
    is_over: bool,
}

impl Records {
    pub(super) fn new(file: String, reader: Bounded) -> Self {
        Self {
            file,
            reader,
            record: 0,
            is_over: false,
        }
    }

    fn broken(&mut self, why: &dyn ToString) -> ExportError {
        self.is_over = true;
        ExportError::Broken {
            file: self.file.clone(),
            records: self.record,
            byte: self.reader.position(),
            why: why.to_string(),
        }
    }

    /// The bytes of the next record.
    fn cut(&mut self) -> Result<Option<Vec<u8>>, ExportError> {
        let mut scanner = Scanner::default();
        loop {
            let taken = match self.reader.fill_buf() {
                Ok([]) => None,
                Ok(buffer) => {
                    let mut taken = 0;
                    for byte in buffer {
                        taken += 1;
                        if scanner.take(*byte) {
                            break;
                        }
                    }
                    Some(taken)
                }
                Err(error) => return Err(self.broken(&error)),
            };
            match taken {
                None if scanner.is_inside() => {
                    return Err(self.broken(&"it ends in the middle of a record"));
                }
                None => return Ok(None),
                Some(taken) => self.reader.consume(taken),
            }
            if scanner.state == State::Done {
                self.reader.record_ended();
                return Ok(Some(scanner.bytes));
            }
            if scanner.state == State::Stray {
                return Err(self.broken(&"it is no list of records"));
            }
        }
    }
}

impl Iterator for Records {
    type Item = Result<(u64, Value), ExportError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let bytes = match self.cut() {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                self.is_over = true;
                return None;
            }
            Err(error) => return Some(Err(error)),
        };
        self.record += 1;
        // Text that is not UTF-8 is kept as far as it can be shown.
        let read = match std::str::from_utf8(&bytes) {
            Ok(text) => serde_json::from_str(text),
            Err(_) => serde_json::from_str(&String::from_utf8_lossy(&bytes)),
        };
        Some(
            read.map(|value| (self.record, value))
                .map_err(|source| ExportError::Json {
                    file: self.file.clone(),
                    record: self.record,
                    source,
                }),
        )
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum State {
    /// Before a record: blanks, commas, the brackets of the array, a byte order mark.
    #[default]
    Between,
    Inside,
    Text,
    Escape,
    Done,
    /// Something else than an object.
    Stray,
}

/// Finds the end of an object.
#[derive(Default)]
struct Scanner {
    state: State,
    depth: u32,
    bytes: Vec<u8>,
}

impl Scanner {
    fn is_inside(&self) -> bool {
        matches!(self.state, State::Inside | State::Text | State::Escape)
    }

    /// Takes one byte; whether that was enough.
    fn take(&mut self, byte: u8) -> bool {
        let next = match (self.state, byte) {
            (State::Between, b'{') => {
                self.depth = 1;
                State::Inside
            }
            (
                State::Between,
                b' ' | b'\n' | b'\r' | b'\t' | b',' | b'[' | b']' | 0xef | 0xbb | 0xbf,
            ) => {
                return false;
            }
            (State::Between, _) => State::Stray,
            (State::Inside, b'"') => State::Text,
            (State::Inside, b'{' | b'[') => {
                self.depth += 1;
                State::Inside
            }
            (State::Inside, b'}' | b']') => {
                self.depth -= 1;
                if self.depth == 0 {
                    State::Done
                } else {
                    State::Inside
                }
            }
            (State::Text, b'\\') => State::Escape,
            (State::Text, b'"') => State::Inside,
            (State::Escape, _) => State::Text,
            (state, _) => state,
        };
        let was = std::mem::replace(&mut self.state, next);
        // Control characters come in texts, where JSON does not have them.
        if was == State::Text && byte < b' ' {
            self.bytes
                .extend_from_slice(format!("\\u{byte:04x}").as_bytes());
        } else {
            self.bytes.push(byte);
        }
        matches!(next, State::Done | State::Stray)
    }
}

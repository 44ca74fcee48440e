//! Records of an XML file as Rails writes it: the elements below the root, read one by one.
//!
//! Names get underscores for dashes; `nil` is nothing, an empty element an empty text; types are taken from attributes and
//! never guessed, so that a subject of digits stays one. References are resolved where XML itself defines them, and stay as
//! they are where a document would define its own: nothing is ever expanded. Characters that XML does not have are kept.

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};
use serde_json::{Map, Value};

use super::{ExportError, bounded::Bounded};

/// The records, with their places counted from 1.
pub(super) struct Records {
    file: String,
    reader: Reader<Bounded>,
    depth_max: usize,
    record: u64,
    open: Vec<Element>,
    is_over: bool,
}

/// An element that is open.
#[derive(Debug, Default)]
struct Element {
    name: String,
    kind: Option<String>,
    is_nil: bool,
    text: String,
    children: Vec<(String, Value)>,
}

impl Records {
    pub(super) fn new(file: String, reader: Bounded, depth_max: usize) -> Self {
        let mut reader = Reader::from_reader(reader);
        let config = reader.config_mut();
        config.allow_dangling_amp = true;
        config.expand_empty_elements = true;
        Self {
            file,
            reader,
            depth_max,
            record: 0,
            open: Vec::new(),
            is_over: false,
        }
    }

    fn broken(&mut self, why: &dyn ToString) -> ExportError {
        self.is_over = true;
        ExportError::Broken {
            file: self.file.clone(),
            records: self.record,
            byte: self.reader.get_mut().position(),
            why: why.to_string(),
        }
    }

    /// The next element below the root.
    fn read(&mut self) -> Result<Option<Value>, ExportError> {
        let mut buffer = Vec::new();
        loop {
            buffer.clear();
            let event = self.reader.read_event_into(&mut buffer);
            let event = match event {
                Ok(event) => event,
                Err(error) => return Err(self.broken(&error)),
            };
            match event {
                Event::Start(start) => {
                    let element = Element::of(&start);
                    self.open.push(element);
                    if self.open.len() > self.depth_max {
                        let why = format!(
                            "elements lie in each other more than {} deep",
                            self.depth_max
                        );
                        return Err(self.broken(&why));
                    }
                }
                Event::End(_) => {
                    let Some(element) = self.open.pop() else {
                        continue;
                    };
                    let depth = self.open.len();
                    let (name, value) = element.close();
                    match self.open.last_mut() {
                        Some(_) if depth == 1 => {
                            self.reader.get_mut().record_ended();
                            return Ok(Some(value));
                        }
                        Some(parent) => parent.children.push((name, value)),
                        None => {}
                    }
                }
                Event::Text(text) => self.add(&String::from_utf8_lossy(&text.into_inner())),
                Event::CData(text) => self.add(&String::from_utf8_lossy(&text.into_inner())),
                Event::GeneralRef(reference) => {
                    let reference = String::from_utf8_lossy(&reference.into_inner()).into_owned();
                    self.add(&resolve(&reference));
                }
                Event::Eof if self.open.is_empty() => return Ok(None),
                Event::Eof => return Err(self.broken(&"it ends in the middle of an element")),
                Event::Empty(_)
                | Event::Comment(_)
                | Event::Decl(_)
                | Event::PI(_)
                | Event::DocType(_) => {}
            }
        }
    }

    fn add(&mut self, text: &str) {
        // Between records there is nothing but blanks.
        if self.open.len() < 2 {
            return;
        }
        if let Some(element) = self.open.last_mut() {
            element.text.push_str(text);
        }
    }
}

impl Iterator for Records {
    type Item = Result<(u64, Value), ExportError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        match self.read() {
            Ok(Some(value)) => {
                self.record += 1;
                Some(Ok((self.record, value)))
            }
            Ok(None) => {
                self.is_over = true;
                None
            }
            Err(error) => Some(Err(error)),
        }
    }
}

impl Element {
    fn of(start: &BytesStart<'_>) -> Self {
        let name = String::from_utf8_lossy(start.name().as_ref()).replace('-', "_");
        let mut element = Self {
            name,
            ..Self::default()
        };
        for attribute in start.html_attributes().flatten() {
            let value = String::from_utf8_lossy(&attribute.value).into_owned();
            match attribute.key.as_ref() {
                b"type" => element.kind = Some(value),
                b"nil" => element.is_nil = value == "true",
                _ => {}
            }
        }
        element
    }

    /// What it says, as JSON would.
    fn close(self) -> (String, Value) {
        let Self {
            name,
            kind,
            is_nil,
            text,
            children,
        } = self;
        let is_blank = text.trim().is_empty();
        let value = match kind.as_deref() {
            _ if is_nil => Value::Null,
            Some("array") if is_blank => children.into_iter().map(|(_, value)| value).collect(),
            _ if !children.is_empty() => object(children),
            Some("boolean") if text.trim() == "true" => Value::Bool(true),
            Some("boolean") if text.trim() == "false" => Value::Bool(false),
            Some("integer" | "decimal" | "float") => number(text),
            // Something that has parts, and has none this time.
            Some("hash") if is_blank => Value::Object(Map::new()),
            _ => Value::String(text),
        };
        (name, value)
    }
}

fn number(text: String) -> Value {
    match serde_json::from_str(text.trim()) {
        Ok(Value::Number(number)) => Value::Number(number),
        _ => Value::String(text),
    }
}

/// A name that comes again makes a list.
fn object(children: Vec<(String, Value)>) -> Value {
    let mut members = Map::new();
    let mut repeated = Vec::<String>::new();
    for (name, value) in children {
        let Some(first) = members.remove(&name) else {
            members.insert(name, value);
            continue;
        };
        let list = match first {
            Value::Array(mut list) if repeated.contains(&name) => {
                list.push(value);
                list
            }
            first => {
                repeated.push(name.clone());
                vec![first, value]
            }
        };
        members.insert(name, Value::Array(list));
    }
    Value::Object(members)
}

/// What stands for itself in XML, and any character by its number. Others stay as they are.
fn resolve(reference: &str) -> String {
    let code = match reference.strip_prefix('#') {
        Some(number) => match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => number.parse(),
        },
        None => {
            return match reference {
                "lt" => "<".to_owned(),
                "gt" => ">".to_owned(),
                "amp" => "&".to_owned(),
                "quot" => "\"".to_owned(),
                "apos" => "'".to_owned(),
                other => format!("&{other};"),
            };
        }
    };
    let letter = code.ok().and_then(char::from_u32);
    letter.unwrap_or(char::REPLACEMENT_CHARACTER).to_string()
}

//! From the columns of a file, or the members of its objects, to records.
//!
//! A mapping is a TOML file:
//!
//! ```toml
//! [[file]]
//! path = "tickets.csv"
//! kind = "ticket"
//! zone = "Asia/Ho_Chi_Minh"          # of times without an offset
//!
//! [file.fields]
//! id = "Ticket ID"
//! subject = "Subject"
//! "requester.email" = "Email"
//! status = { from = "Status", values = { "Being Processed" = "Open" } }
//! created_at = { from = "Created time", time = "%Y-%m-%d %H:%M:%S" }
//! tags = { from = "Tags", split = "," }
//! "fields.custom_orgid" = { expression = "{{ row['Org ID'] | trim }}" }
//! ```

pub mod propose;

use std::{collections::BTreeMap, path::PathBuf};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, value::Serde};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    Error, Result,
    record::{Kind, Message, Record},
};

/// The most steps that an expression may take.
const FUEL: u64 = 50_000;

/// Members of records that are lists of texts.
const LISTS: [&str; 7] = ["domains", "emails", "phones", "mobiles", "tags", "to", "cc"];
/// Members of records that are times.
const TIMES: [&str; 4] = [
    "created_at",
    "updated_at",
    "first_responded_at",
    "resolved_at",
];

/// What a mapping file says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MappingFile {
    /// The files, in the order in which they are read.
    pub file: Vec<MappedFile>,
}

/// What is said of one file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MappedFile {
    /// Where it is, from where the mapping file is.
    pub path: PathBuf,
    /// What its rows are.
    pub kind: Kind,
    /// Its encoding, such as `windows-1258`; found out from a mark at its beginning, else UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// What parts its columns; found out from its first line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator: Option<char>,
    /// The zone of times that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Messages of its tickets, where they lie in a table of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<MappedMessages>,
    /// What the members of a record are made of, by their path in it.
    pub fields: BTreeMap<String, Take>,
}

/// What is said of a table of messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MappedMessages {
    /// Where it is, from where the mapping file is.
    pub path: PathBuf,
    /// Its encoding, as of a [`MappedFile`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// What parts its columns; found out from its first line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator: Option<char>,
    /// The zone of times that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The column that has the id of a message's ticket.
    pub ticket: String,
    /// What the members of a message are made of, by their path in it.
    pub fields: BTreeMap<String, Take>,
}

impl MappedMessages {
    /// As a table that can be opened.
    pub(crate) fn table(&self) -> MappedFile {
        MappedFile {
            encoding: self.encoding.clone(),
            separator: self.separator,
            ..MappedFile::plain(self.path.clone(), Kind::Ticket)
        }
    }
}

impl MappedFile {
    /// A file of which nothing is said yet.
    pub fn plain(path: PathBuf, kind: Kind) -> Self {
        Self {
            path,
            kind,
            encoding: None,
            separator: None,
            zone: None,
            messages: None,
            fields: BTreeMap::new(),
        }
    }
}

/// What a member of a record is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Take {
    /// A column, as it is.
    Column(String),
    /// A column or an expression, changed.
    Changed(Box<Changed>),
}

/// How a value is changed on its way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Changed {
    /// The column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// A MiniJinja template over `row`, in place of a column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// What stands for what.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
    /// What parts the texts of a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
    /// How a time is written, in the letters of strftime.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
}

/// The mapping of one file, ready for its rows.
#[derive(Debug)]
pub struct Mapping {
    kind: Kind,
    zone: Option<TimeZone>,
    fields: Vec<(Vec<String>, Take)>,
    templates: Environment<'static>,
}

fn unusable(why: impl Into<String>) -> Error {
    Error::Mapping { why: why.into() }
}

impl MappingFile {
    /// Reads the text of a mapping file.
    ///
    /// # Errors
    /// [`Error::Mapping`], with the place.
    pub fn read(text: &str) -> Result<Self> {
        toml::from_str(text).map_err(|error| unusable(error.to_string()))
    }
}

impl Mapping {
    /// Prepares to map the rows of a file.
    ///
    /// # Errors
    /// [`Error::Mapping`] when it cannot give records.
    pub fn new(file: &MappedFile) -> Result<Self> {
        if !file.fields.contains_key("id") {
            return Err(unusable(format!(
                "{} maps no `id`: without it nothing could be found again",
                file.path.display()
            )));
        }
        Self::compiled(file.kind, file.zone.as_deref(), &file.fields)
    }

    /// Prepares to map the rows of a table of messages.
    ///
    /// # Errors
    /// [`Error::Mapping`] when it cannot give messages.
    pub fn of_messages(messages: &MappedMessages) -> Result<Self> {
        Self::compiled(Kind::Ticket, messages.zone.as_deref(), &messages.fields)
    }

    fn compiled(kind: Kind, zone: Option<&str>, all: &BTreeMap<String, Take>) -> Result<Self> {
        let zone = zone.map(TimeZone::get).transpose();
        let zone = zone.map_err(|error| unusable(error.to_string()))?;
        let mut templates = Environment::new();
        templates.set_auto_escape_callback(|_name| AutoEscape::None);
        templates.set_fuel(Some(FUEL));
        templates.set_undefined_behavior(UndefinedBehavior::Chainable);
        for (name, take) in all {
            if let Take::Changed(changed) = take {
                match (&changed.from, &changed.expression) {
                    (Some(_), None) => {}
                    (None, Some(expression)) => templates
                        .add_template_owned(name.clone(), expression.clone())
                        .map_err(|error| {
                            unusable(format!("the expression of `{name}`: {error}"))
                        })?,
                    _ => return Err(unusable(format!("`{name}` needs `from` or `expression`"))),
                }
            }
        }
        let fields = all.iter().map(|(name, take)| {
            let path = name.split('.').map(str::to_owned).collect();
            (path, take.clone())
        });
        Ok(Self {
            kind,
            zone,
            fields: fields.collect(),
            templates,
        })
    }

    /// The record of a row; else why it is none.
    ///
    /// # Errors
    /// One clause for people, the same for all rows with the same fault.
    pub fn record(&self, row: &Map<String, Value>) -> std::result::Result<Record, String> {
        let mut members = self.members(row)?;
        members.insert("kind".to_owned(), self.kind.as_str().into());
        if members.get("id").is_none() {
            return Err("it has no id".to_owned());
        }
        serde_json::from_value(Value::Object(members)).map_err(|error| error.to_string())
    }

    /// The message of a row; else why it is none.
    ///
    /// # Errors
    /// As [`Mapping::record`].
    pub fn message(&self, row: &Map<String, Value>) -> std::result::Result<Message, String> {
        let members = self.members(row)?;
        serde_json::from_value(Value::Object(members)).map_err(|error| error.to_string())
    }

    fn members(&self, row: &Map<String, Value>) -> std::result::Result<Map<String, Value>, String> {
        let mut members = Map::new();
        for (path, take) in &self.fields {
            let Some(value) = self.value(path, take, row)? else {
                continue;
            };
            set(&mut members, path, value);
        }
        Ok(members)
    }

    fn value(
        &self,
        path: &[String],
        take: &Take,
        row: &Map<String, Value>,
    ) -> std::result::Result<Option<Value>, String> {
        let plain = Changed::default();
        let (value, changed) = match take {
            Take::Column(column) => (column_of(row, column), &plain),
            Take::Changed(changed) => match &changed.from {
                Some(column) => (column_of(row, column), &**changed),
                None => (self.evaluated(&path.join("."), row)?, &**changed),
            },
        };
        let Some(value) = value else {
            return Ok(None);
        };
        let last = path.last().map_or("", String::as_str);
        let is_own = path.first().is_some_and(|first| first == "fields");
        if !is_own && LISTS.contains(&last) {
            return Ok(Some(listed(value, changed)));
        }
        let Some(text) = text_of(&value) else {
            return Ok(Some(value));
        };
        if text.is_empty() {
            return Ok(None);
        }
        let text = changed.values.get(&text).cloned().unwrap_or(text);
        let is_time = !is_own && TIMES.contains(&last);
        if is_time || changed.time.is_some() {
            let at = self.time(&text, changed.time.as_deref()).ok_or_else(|| {
                format!(
                    "its `{}` is no time that the mapping describes",
                    path.join(".")
                )
            })?;
            return Ok(Some(at.to_string().into()));
        }
        Ok(Some(text.into()))
    }

    fn evaluated(
        &self,
        name: &str,
        row: &Map<String, Value>,
    ) -> std::result::Result<Option<Value>, String> {
        let evaluate = || {
            let template = self.templates.get_template(name)?;
            template.render(minijinja::context! { row => minijinja::Value::from(Serde(row)) })
        };
        let text = evaluate()
            .map_err(|error| format!("the expression of `{name}` fails: {}", error.kind()))?;
        Ok(Some(text.into()))
    }

    /// An instant, from a text with an offset, seconds or milliseconds since 1970, or a time in the file's zone.
    fn time(&self, text: &str, format: Option<&str>) -> Option<Timestamp> {
        if let Some(format) = format {
            if let Ok(at) = Timestamp::strptime(format, text) {
                return Some(at);
            }
            let local = DateTime::strptime(format, text).ok()?;
            return self.instant(local);
        }
        if let Ok(at) = text.parse::<Timestamp>() {
            return Some(at);
        }
        if let Ok(number) = text.parse::<i64>() {
            return match number {
                // In seconds this is the year 5138, in milliseconds 1973.
                ..100_000_000_000 => Timestamp::from_second(number).ok(),
                _ => Timestamp::from_millisecond(number).ok(),
            };
        }
        self.instant(text.parse().ok()?)
    }

    fn instant(&self, local: DateTime) -> Option<Timestamp> {
        let zone = self.zone.as_ref()?;
        zone.to_ambiguous_timestamp(local).compatible().ok()
    }
}

/// A column, or a member by its path.
fn column_of(row: &Map<String, Value>, column: &str) -> Option<Value> {
    if let Some(value) = row.get(column) {
        return Some(value.clone());
    }
    let mut parts = column.split('.');
    let mut value = row.get(parts.next()?)?;
    for part in parts {
        value = match value {
            Value::Array(values) => values.get(part.parse::<usize>().ok()?)?,
            other => other.get(part)?,
        };
    }
    Some(value.clone())
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn listed(value: Value, changed: &Changed) -> Value {
    let texts: Vec<String> = match value {
        Value::Array(values) => values.iter().filter_map(text_of).collect(),
        other => {
            let text = text_of(&other).unwrap_or_default();
            match &changed.split {
                Some(by) if !by.is_empty() => text.split(by.as_str()).map(str::to_owned).collect(),
                _ => vec![text],
            }
        }
    };
    let texts = texts
        .iter()
        .map(|text| text.trim())
        .filter(|text| !text.is_empty());
    let texts = texts.map(|text| changed.values.get(text).map_or(text, String::as_str));
    texts.map(Value::from).collect()
}

fn set(members: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [] => {}
        [last] => {
            members.insert(last.clone(), value);
        }
        [first, rest @ ..] => {
            let inner = members
                .entry(first.clone())
                .or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                set(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests;

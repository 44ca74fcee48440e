//! What a portal answers to one call.

use std::{collections::BTreeMap, fmt, sync::Arc};

use jiff::Timestamp;
use serde_json::value::RawValue;

use crate::{
    Error, Row,
    call::Kind,
    error::{Class, Failure, Said},
    row::Token,
};

#[cfg(test)]
mod tests;

/// The answer to one call.
#[derive(Clone)]
pub struct Answer {
    method: Arc<str>,
    host: Arc<str>,
    body: Arc<Body>,
}

/// The parts of an answer.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) result: Box<RawValue>,
    pub(crate) total: Option<u64>,
    pub(crate) next: Option<u64>,
    pub(crate) time: Time,
}

/// What the portal measured. Any part may be missing; whole counters are on self-hosted portals.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Time {
    /// When the portal began, in seconds since 1970 by its clock.
    pub start_s: Option<f64>,
    /// When the portal finished, in seconds since 1970 by its clock.
    pub finish_s: Option<f64>,
    /// From the first to the last, in seconds.
    pub duration_s: Option<f64>,
    /// The part spent in the method, in seconds.
    pub processing_s: Option<f64>,
    /// What this webhook has spent on this method within the current ten minutes, in seconds. It is
    /// cumulative: this call's share is not in here by itself.
    pub operating_s: Option<f64>,
    /// When some of that is forgotten, by the portal's clock.
    pub operating_reset_at: Option<Timestamp>,
}

impl Answer {
    pub(crate) fn new(method: Arc<str>, host: Arc<str>, body: Arc<Body>) -> Self {
        Self { method, host, body }
    }

    /// The method that was called.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The result as it was sent.
    pub fn result(&self) -> &RawValue {
        &self.body.result
    }

    /// How many rows there are on all pages, if the portal said so. It says `0` when it was asked
    /// [not to count](crate::Call::without_count), and for some methods always.
    pub fn total(&self) -> Option<u64> {
        self.body.total
    }

    /// Where the next page starts; `None` when there is none.
    pub fn next(&self) -> Option<u64> {
        self.body.next
    }

    /// What the portal measured.
    pub fn time(&self) -> Time {
        self.body.time
    }

    /// The rows of a list, in the order sent.
    ///
    /// Understands a bare list, a list under one key (`items`, `categories`, `tasks`), and a list with holes,
    /// which arrives as a map with digits for keys. An empty result of any kind is no rows.
    ///
    /// # Errors
    /// [`Error::NoAnswer`] when the result is anything else.
    pub fn rows(&self) -> Result<Vec<Row>, Error> {
        rows(self.result()).ok_or_else(|| self.unexpected("no list of records"))
    }

    /// The single record that the result is, bare or under one key (`item`, `activity`).
    ///
    /// # Errors
    /// [`Error::NoAnswer`] when the result is anything else.
    pub fn row(&self) -> Result<Row, Error> {
        let row: Option<Row> = serde_json::from_str(self.result().get()).ok();
        let row = row.ok_or_else(|| self.unexpected("no record"))?;
        let wrapped = {
            let mut fields = row.fields();
            match (fields.next(), fields.next()) {
                (Some(only), None) => row.row(only),
                _ => None,
            }
        };
        Ok(wrapped.unwrap_or(row))
    }

    /// The records of a map by their names, bare or under one key: what `crm.company.fields` and
    /// `crm.item.fields` answer with.
    ///
    /// # Errors
    /// [`Error::NoAnswer`] when the result is anything else.
    pub fn entries(&self) -> Result<BTreeMap<String, Row>, Error> {
        let read = |raw: &RawValue| {
            let map: BTreeMap<String, Box<RawValue>> = serde_json::from_str(raw.get()).ok()?;
            Some(map)
        };
        if is_empty(self.result()) {
            return Ok(BTreeMap::new());
        }
        let map = read(self.result()).ok_or_else(|| self.unexpected("no map of records"))?;
        let inner = match map.get("fields") {
            Some(fields) if map.len() == 1 => read(fields),
            _ => None,
        };
        let row = |(name, raw): (String, Box<RawValue>)| {
            let row = serde_json::from_str(raw.get()).ok()?;
            Some((name, row))
        };
        Ok(inner.unwrap_or(map).into_iter().filter_map(row).collect())
    }

    /// A result that is a single value: the id that an `add` answers with, a text, a flag.
    pub fn scalar(&self) -> Option<std::borrow::Cow<'_, str>> {
        Token::of(self.result()).text()
    }

    fn unexpected(&self, what: &str) -> Error {
        self.disbelieved(Class::NoResult, &format!("the result is {what}"))
    }

    /// An error that says that a write ran and that nobody can read what came of it.
    pub(crate) fn unreadable_write(&self) -> Error {
        let said = Said::because("the result is not of the documented shape");
        Failure::new(Class::NoResult, said).error(Kind::Write, &self.method, &self.host)
    }

    /// An error that says why the result of a read cannot be used.
    pub(crate) fn disbelieved(&self, class: Class, why: &str) -> Error {
        Failure::new(class, Said::because(why)).error(Kind::Read, &self.method, &self.host)
    }
}

/// Says nothing of the result: answers are full of people's names and numbers.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("method", &self.method)
            .field("result_bytes", &self.result().get().len())
            .field("total", &self.total())
            .field("next", &self.next())
            .finish_non_exhaustive()
    }
}

impl Time {
    pub(crate) fn read(raw: &RawValue) -> Self {
        let Ok(row) = serde_json::from_str::<Row>(raw.get()) else {
            return Self::default();
        };
        let seconds = |field| Token::of(row.raw(field)?).seconds();
        let instant = |field| {
            let number = seconds(field).and_then(timestamp);
            number.or_else(|| row.datetime(field)?.timestamp())
        };
        Self {
            start_s: seconds("start"),
            finish_s: seconds("finish").or_else(|| {
                let finish = row.datetime("date_finish")?.timestamp()?;
                Some(finish.as_duration().as_secs_f64())
            }),
            duration_s: seconds("duration"),
            processing_s: seconds("processing"),
            operating_s: seconds("operating"),
            operating_reset_at: instant("operating_reset_at"),
        }
    }
}

fn timestamp(seconds: f64) -> Option<Timestamp> {
    let since_1970 = jiff::SignedDuration::try_from_secs_f64(seconds).ok()?;
    Timestamp::from_duration(since_1970).ok()
}

fn is_empty(raw: &RawValue) -> bool {
    match Token::of(raw) {
        Token::Nothing | Token::Flag(false) => true,
        Token::List(items) => items.is_empty(),
        Token::Text(text) => text.trim().is_empty(),
        Token::Map(raw) => {
            serde_json::from_str::<Row>(raw.get()).is_ok_and(|row| row.fields().next().is_none())
        }
        Token::Flag(true) | Token::Number(_) => false,
    }
}

/// Rows of a list, bare or under one key.
fn rows(raw: &RawValue) -> Option<Vec<Row>> {
    if is_empty(raw) {
        return Some(Vec::new());
    }
    listed(raw).or_else(|| {
        let map: BTreeMap<&str, &RawValue> = serde_json::from_str(raw.get()).ok()?;
        let mut values = map.values();
        match (values.next(), values.next()) {
            (Some(only), None) => listed(only),
            _ => None,
        }
    })
}

/// Rows of a list, or of a list with holes.
fn listed(raw: &RawValue) -> Option<Vec<Row>> {
    let read = |item: &RawValue| serde_json::from_str(item.get()).ok();
    match Token::of(raw) {
        Token::List(items) => items.into_iter().map(read).collect(),
        Token::Map(raw) => {
            let map: BTreeMap<&str, &RawValue> = serde_json::from_str(raw.get()).ok()?;
            let numbered: Option<BTreeMap<u64, &RawValue>> = map
                .into_iter()
                .map(|(key, item)| Some((key.parse().ok()?, item)))
                .collect();
            numbered?.into_values().map(read).collect()
        }
        Token::Nothing | Token::Flag(_) | Token::Number(_) | Token::Text(_) => None,
    }
}

//! One record, read tolerantly.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use bigdecimal::BigDecimal;
use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::Id;

mod moment;
mod number;
#[cfg(test)]
mod tests;
mod token;

pub use moment::Moment;
pub(crate) use token::Token;

/// A record as the portal sent it.
///
/// Nothing is decoded before it is asked for, and no field can spoil the record: a date that is `{}`, a
/// number that is `""` or a flag that is `"Y"` are what portals send. Each accessor says what it accepts
/// and answers `None` for the rest; [`Row::raw`] has the text itself.
///
/// A row serialises as it came, with its keys sorted, so it can be kept in a cache and read again.
#[derive(Clone, Default)]
pub struct Row(BTreeMap<Box<str>, Box<RawValue>>);

impl Row {
    /// A record id: digits or a number. `0`, which portals write for "no record", is `None`.
    pub fn id(&self, field: &str) -> Option<Id> {
        self.token(field).id()
    }

    /// Text, trimmed. Numbers are given as written. The five kinds of empty (`null`, `""`, `false`, `[]`,
    /// `{}`) and everything that is no single value are `None`.
    pub fn text(&self, field: &str) -> Option<Cow<'_, str>> {
        self.token(field).text()
    }

    /// A truth value: `true`, `1`, `"1"`, `"Y"`, `"yes"`, `"true"` and their opposites, in any case.
    /// `None` for everything else, also for the kinds of empty other than `false`.
    pub fn flag(&self, field: &str) -> Option<bool> {
        self.token(field).flag()
    }

    /// A whole number.
    pub fn integer(&self, field: &str) -> Option<i64> {
        self.token(field).text()?.parse().ok()
    }

    /// A decimal, read from the digits as they were sent and never through a float. Zero of any exponent
    /// (`"0E-7"`) is plain zero; more than a thousand places either way is `None`.
    pub fn decimal(&self, field: &str) -> Option<BigDecimal> {
        number::decimal(&self.token(field).text()?)
    }

    /// The calendar day as written, whatever the offset says.
    pub fn date(&self, field: &str) -> Option<Date> {
        self.datetime(field).map(|moment| moment.date())
    }

    /// Day and time as written, with the offset if one was written.
    pub fn datetime(&self, field: &str) -> Option<Moment> {
        Moment::parse(&self.token(field).text()?)
    }

    /// The texts of a list; a single value is a list of one. Empty elements are left out.
    pub fn list(&self, field: &str) -> Vec<Cow<'_, str>> {
        match self.token(field) {
            Token::List(items) => items
                .iter()
                .filter_map(|item| Token::of(item).text())
                .collect(),
            single => single.text().into_iter().collect(),
        }
    }

    /// The values of a multifield (`PHONE`, `EMAIL`, `WEB`, `IM`, or `fm` of the universal methods).
    pub fn multifields(&self, field: &str) -> Vec<Multifield> {
        let Token::List(items) = self.token(field) else {
            return Vec::new();
        };
        items
            .iter()
            .filter_map(|item| Multifield::read(item))
            .collect()
    }

    /// A record inside this record.
    pub fn row(&self, field: &str) -> Option<Self> {
        serde_json::from_str(self.raw(field)?.get()).ok()
    }

    /// The records of a list inside this record; elements that are no records are left out.
    pub fn rows(&self, field: &str) -> Vec<Self> {
        let Token::List(items) = self.token(field) else {
            return Vec::new();
        };
        let read = |item: &&RawValue| serde_json::from_str(item.get()).ok();
        items.iter().filter_map(read).collect()
    }

    /// The JSON of a field as it was sent.
    pub fn raw(&self, field: &str) -> Option<&RawValue> {
        self.0.get(field).map(|raw| &**raw)
    }

    /// The names of the fields that are there, sorted.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|key| &**key)
    }

    fn token(&self, field: &str) -> Token<'_> {
        self.raw(field).map_or(Token::Nothing, Token::of)
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        let pairs = |row: &Self| -> Vec<(String, String)> {
            let pairs = row.0.iter();
            pairs
                .map(|(key, raw)| (key.to_string(), raw.get().to_owned()))
                .collect()
        };
        pairs(self) == pairs(other)
    }
}

/// Names the fields only: records are full of people's names and numbers.
impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Row ")?;
        f.debug_set().entries(self.fields()).finish()
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(&self.0)
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::deserialize(deserializer).map(Self)
    }
}

/// One value of a multifield.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Multifield {
    /// Needed to change the value: a value written without it is added once more.
    pub id: Option<Id>,
    /// The phone number, address or link.
    pub value: String,
    /// `WORK`, `MOBILE`, `HOME`...
    pub value_type: Option<String>,
    /// `PHONE`, `EMAIL`, `WEB`, `IM`, `LINK`.
    pub type_id: Option<String>,
}

impl Multifield {
    fn read(item: &RawValue) -> Option<Self> {
        let row: Row = match Token::of(item) {
            Token::Map(_) => serde_json::from_str(item.get()).ok()?,
            plain => {
                return Some(Self {
                    id: None,
                    value: plain.text()?.into_owned(),
                    value_type: None,
                    type_id: None,
                });
            }
        };
        // The older methods shout, the universal ones do not.
        let either = |old: &str, new: &str| {
            let text = row.text(old).or_else(|| row.text(new))?;
            Some(text.into_owned())
        };
        Some(Self {
            id: row.id("ID").or_else(|| row.id("id")),
            value: either("VALUE", "value")?,
            value_type: either("VALUE_TYPE", "valueType"),
            type_id: either("TYPE_ID", "typeId"),
        })
    }
}

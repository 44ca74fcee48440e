//! Values in the form that a field's type wants.

use std::collections::BTreeMap;

use frappe::SiteTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::FieldValue;

/// What kind of value a field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum FieldKind {
    /// `Int`: 32 bits.
    Int,
    /// `Percent`, `Float`, `Currency`.
    Decimal,
    /// `Date`.
    Date,
    /// `Datetime`.
    Datetime,
    /// `Data` and its like: a line of at most 140 characters.
    Line,
    /// Everything else is written as text.
    Text,
}

/// Characters in a [`FieldKind::Line`] at most; a longer one is a validation error in Frappe.
const LINE_CHARACTERS_MAX: usize = 140;

impl FieldKind {
    /// The kind of a `fieldtype`.
    pub fn of_fieldtype(fieldtype: &str) -> Self {
        match fieldtype {
            "Int" => Self::Int,
            "Percent" | "Float" | "Currency" => Self::Decimal,
            "Date" => Self::Date,
            "Datetime" => Self::Datetime,
            "Data" | "Link" | "Select" | "Autocomplete" | "Phone" | "Read Only" => Self::Line,
            _ => Self::Text,
        }
    }
}

/// The fields that a DocType has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct FieldTypes(BTreeMap<String, FieldKind>);

impl FieldTypes {
    /// The kind of a field, if there is such a field.
    pub fn kind(&self, field: &str) -> Option<FieldKind> {
        self.0.get(field).copied()
    }
}

impl<N: Into<String>> FromIterator<(N, FieldKind)> for FieldTypes {
    fn from_iter<I: IntoIterator<Item = (N, FieldKind)>>(fields: I) -> Self {
        Self(
            fields
                .into_iter()
                .map(|(name, kind)| (name.into(), kind))
                .collect(),
        )
    }
}

/// The values of the fields that exist; a value that a field cannot hold is left out too.
pub(super) fn encode(
    values: Vec<(&str, FieldValue)>,
    types: &FieldTypes,
    site: &TimeZone,
) -> Map<String, Value> {
    values
        .into_iter()
        .filter_map(|(field, value)| {
            let encoded = encode_one(value, types.kind(field)?, site)?;
            Some((field.to_owned(), encoded))
        })
        .collect()
}

fn encode_one(value: FieldValue, kind: FieldKind, site: &TimeZone) -> Option<Value> {
    match (value, kind) {
        // A number beyond 32 bits is an error 500 in the database.
        (FieldValue::Text(digits) | FieldValue::Number(digits), FieldKind::Int) => {
            digits.parse::<i32>().ok().map(Value::from)
        }
        (FieldValue::Text(digits) | FieldValue::Number(digits), FieldKind::Decimal) => digits
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite())
            .map(Value::from),
        (FieldValue::Text(text) | FieldValue::Number(text), FieldKind::Text) => Some(text.into()),
        (FieldValue::Text(text) | FieldValue::Number(text), FieldKind::Line) => {
            Some(line(text).into())
        }
        (FieldValue::Text(_) | FieldValue::Number(_), FieldKind::Date | FieldKind::Datetime) => {
            None
        }
        (FieldValue::Time(instant), kind) => encode_one(
            FieldValue::SiteTime(SiteTime::new(instant, site)),
            kind,
            site,
        ),
        (FieldValue::SiteTime(at), FieldKind::Datetime | FieldKind::Line | FieldKind::Text) => {
            Some(at.to_string().into())
        }
        (FieldValue::SiteTime(at), FieldKind::Date) => Some(at.civil().date().to_string().into()),
        (FieldValue::Day(day, _), FieldKind::Date | FieldKind::Datetime) => {
            Some(day.to_string().into())
        }
        (FieldValue::Day(_, shown), FieldKind::Line | FieldKind::Text) => Some(shown.into()),
        (FieldValue::SiteTime(_) | FieldValue::Day(..), FieldKind::Int | FieldKind::Decimal) => {
            None
        }
    }
}

/// The text, cut to what a line holds.
fn line(text: String) -> String {
    if text.chars().count() <= LINE_CHARACTERS_MAX {
        return text;
    }
    let kept = text.chars().take(LINE_CHARACTERS_MAX - 1);
    kept.chain(['…']).collect()
}

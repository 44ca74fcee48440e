//! An account's own fields.

use std::borrow::Cow;

use crate::{
    Id,
    fields::{Fields, text_of},
    json::Json,
};

const PREFIX: &str = "addition_field";

/// A value of one of the account's own fields.
#[derive(Clone, Debug, PartialEq)]
pub struct CustomField<'e> {
    /// `addition_field` and a number: what stays the same when an administrator renames the field.
    pub field: Cow<'e, str>,
    /// Its id among the account's fields.
    pub id: Option<Id>,
    /// Its name for people, which administrators change.
    pub label: Option<Cow<'e, str>>,
    /// What it holds.
    pub kind: Option<CustomFieldKind>,
    /// The value as a text; of a select, the option's label. `None` for a blank, which says nothing.
    pub value: Option<Cow<'e, str>>,
    /// The option's id, where one is chosen.
    pub value_id: Option<Id>,
    /// The value as it stands.
    pub raw_value: &'e Json<'e>,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CustomFieldKind {
    /// 0: a line of text.
    Text,
    /// 1: a number.
    Number,
    /// 2: a date, with or without a time.
    DateTime,
    /// 3: one of several options.
    SingleSelect,
    /// 4: any of several options.
    MultiSelect,
    /// 6: a long text.
    TextArea,
    /// 7: a stage.
    Stage,
    /// A kind that is not documented, by its number; 5 is one.
    Other(i64),
}

impl CustomFieldKind {
    fn numbered(number: i64) -> Self {
        match number {
            0 => Self::Text,
            1 => Self::Number,
            2 => Self::DateTime,
            3 => Self::SingleSelect,
            4 => Self::MultiSelect,
            6 => Self::TextArea,
            7 => Self::Stage,
            other => Self::Other(other),
        }
    }
}

/// Those of the array, then those that stand beside it as members of their own (observed: `addition_field42`).
pub(crate) fn custom_fields<'e>(object: Fields<'e>) -> Vec<CustomField<'e>> {
    let mut found = Vec::new();
    match object.get("addition_fields") {
        Some(Json::List(items)) => found.extend(items.iter().filter_map(item)),
        Some(Json::Object(members)) => found.extend(
            members
                .iter()
                .filter_map(|(name, value)| item(value).or_else(|| bare(name.decode(), value))),
        ),
        _ => {}
    }
    let beside = object.json().members().iter();
    for field in beside.filter_map(|(name, value)| bare(name.decode(), value)) {
        if !found.iter().any(|known| known.field == field.field) {
            found.push(field);
        }
    }
    found
}

/// The documentation shows an empty object among the items: it is no field.
fn item<'e>(item: &'e Json<'e>) -> Option<CustomField<'e>> {
    let fields = Fields::of(item);
    let raw_value = fields.get("value").unwrap_or(&Json::Null);
    Some(CustomField {
        field: fields.text("field")?,
        id: fields.id("id"),
        label: fields.text("label"),
        kind: fields.whole("type").map(CustomFieldKind::numbered),
        value: text_of(raw_value),
        value_id: fields.id("value_id"),
        raw_value,
    })
}

fn bare<'e>(name: Cow<'e, str>, value: &'e Json<'e>) -> Option<CustomField<'e>> {
    let number = name.strip_prefix(PREFIX)?;
    let is_numbered = !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
    is_numbered.then(|| CustomField {
        field: name,
        id: None,
        label: None,
        kind: None,
        value: text_of(value),
        value_id: None,
        raw_value: value,
    })
}

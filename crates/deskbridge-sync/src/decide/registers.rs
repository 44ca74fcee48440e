//! What events said about the fields of one record: of each field what was said last.

use std::collections::BTreeMap;

use caresoft::{Fields, Json, Zone, object::Change, object::custom::CustomField};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::version::Version;
use crate::settings::BlankChanges;

/// The fields of a record. Folding is commutative and idempotent: any order and repetition of the same events comes to
/// the same.
///
/// Every value is kept as a text, because CareSoft writes numbers either way. A blank says nothing, nor does an id of 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Registers {
    /// By CareSoft's names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    fields: BTreeMap<String, Said<String>>,
    /// The account's own fields, by `addition_field` and a number.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    custom: BTreeMap<String, Said<Custom>>,
}

/// What was said last of one field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct Said<T> {
    /// The last value that was not blank, and when it was said.
    #[serde(default = "nothing", skip_serializing_if = "Option::is_none")]
    value: Option<(T, Version)>,
    /// When the field was last emptied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cleared_at: Option<Version>,
}

fn nothing<T>() -> Option<T> {
    None
}

/// A value of one of the account's own fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Custom {
    /// The value; of a select the option's label, or its id where only a change told of it.
    value: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<String>,
}

impl<T> Default for Said<T> {
    fn default() -> Self {
        Self {
            value: None,
            cleared_at: None,
        }
    }
}

impl<T> Said<T> {
    fn say(&mut self, value: T, at: Version) {
        let is_later = self.value.as_ref().is_none_or(|(_, held)| *held < at);
        if is_later {
            self.value = Some((value, at));
        }
    }

    fn clear(&mut self, at: Version) {
        self.cleared_at = self.cleared_at.max(Some(at));
    }

    /// The value; the outer option is whether anything was said, the inner one is `None` for a field that was emptied.
    fn read(&self, blanks: BlankChanges) -> Option<Option<&T>> {
        let value = self.value.as_ref();
        let is_cleared = blanks == BlankChanges::Clear
            && self.cleared_at.is_some()
            && self.cleared_at > value.map(|(_, at)| *at);
        match value {
            _ if is_cleared => Some(None),
            Some((value, _)) => Some(Some(value)),
            None => None,
        }
    }
}

/// Members that are no fields of the record.
const NOT_FIELDS: [&str; 6] = [
    "addition_fields",
    "changes",
    "ticket_comment",
    "activity",
    "call_info",
    "account_id",
];

impl Registers {
    /// Adds a record as an event shows it.
    pub fn fold<'e>(
        &mut self,
        record: Fields<'e>,
        custom: impl IntoIterator<Item = CustomField<'e>>,
        at: Version,
        zone: &Zone,
    ) {
        for (name, value) in record.json().members() {
            let name = name.decode();
            if NOT_FIELDS.contains(&name.as_ref()) || name.starts_with("addition_field") {
                continue;
            }
            if let Some(text) = text(value, zone).filter(|text| !is_blank(&name, text)) {
                self.say(&name, text, at);
            }
        }
        for field in custom {
            let value = field.value.as_deref().map(|value| settled(value, zone));
            if let Some(value) = value.or_else(|| text(field.raw_value, zone)) {
                let custom = Custom {
                    value,
                    value_id: field.value_id.map(|id| id.to_string()),
                    label: field.label.map(std::borrow::Cow::into_owned),
                };
                let said = self.custom.entry(field.field.into_owned()).or_default();
                said.say(custom, at);
            }
        }
    }

    /// Adds fields that were changed. A blank empties its field, if that is how blanks are to be read.
    pub fn fold_changes<'e>(
        &mut self,
        changes: impl IntoIterator<Item = Change<'e>>,
        at: Version,
        zone: &Zone,
    ) {
        for change in changes {
            let value = text(change.value, zone).filter(|text| !is_blank(&change.field, text));
            let name = change.field.into_owned();
            let is_custom = name.starts_with("addition_field");
            match (value, is_custom) {
                (Some(value), true) => {
                    let custom = Custom {
                        value,
                        value_id: None,
                        label: None,
                    };
                    self.custom.entry(name).or_default().say(custom, at);
                }
                (Some(value), false) => self.say(&name, value, at),
                (None, true) => self.custom.entry(name).or_default().clear(at),
                (None, false) => self.fields.entry(name).or_default().clear(at),
            }
        }
    }

    /// Adds one field.
    pub fn say(&mut self, name: &str, value: impl Into<String>, at: Version) {
        // Most fields are known: no new key for them.
        match self.fields.get_mut(name) {
            Some(said) => said.say(value.into(), at),
            None => {
                let mut said = Said::default();
                said.say(value.into(), at);
                self.fields.insert(name.to_owned(), said);
            }
        }
    }

    /// What was said last of a field; `None` also when it was emptied.
    pub fn text(&self, name: &str) -> Option<&str> {
        let (value, _) = self.fields.get(name)?.value.as_ref()?;
        Some(value)
    }

    /// What a field is to hold: an empty text when it was emptied.
    pub fn wanted(&self, name: &str, blanks: BlankChanges) -> Option<&str> {
        let value = self.fields.get(name)?.read(blanks)?;
        Some(value.map_or("", String::as_str))
    }

    /// When the record was changed last, as far as is known.
    pub fn updated_at(&self, zone: &Zone) -> Option<Timestamp> {
        self.time("updated_at", zone)
    }

    /// A whole number.
    pub fn whole(&self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }

    /// A time.
    pub fn time(&self, name: &str, zone: &Zone) -> Option<Timestamp> {
        zone.read(self.text(name)?)
    }

    /// An object over which expressions run: every field by its name, the account's own under `custom`.
    pub fn record(&self, blanks: BlankChanges) -> Map<String, Value> {
        let fields = self.fields.iter().filter_map(|(name, said)| {
            let value = said.read(blanks)?;
            Some((name.clone(), Value::from(value.map_or("", String::as_str))))
        });
        let mut record: Map<String, Value> = fields.collect();
        let custom = self.custom.iter().filter_map(|(name, said)| {
            let custom = said.read(blanks)?.map_or_else(
                || json!({"value": ""}),
                |custom| json!({"value": custom.value, "value_id": custom.value_id, "label": custom.label}),
            );
            Some((name.clone(), custom))
        });
        let custom: Map<String, Value> = custom.collect();
        record.insert("custom".to_owned(), Value::Object(custom));
        record
    }
}

/// A text as it can be kept: what a `Z` at the end of a time means is known when the text is read, and may be known
/// otherwise later. Such a time is kept in milliseconds, as webhooks tell it.
fn settled(text: &str, zone: &Zone) -> String {
    let time = zone.read(text).filter(|_| text.ends_with(['Z', 'z']));
    time.map_or_else(|| text.to_owned(), |at| at.as_millisecond().to_string())
}

/// A value as a text; of a list its items with commas between. `None` for a blank and for an object.
fn text(value: &Json<'_>, zone: &Zone) -> Option<String> {
    let text = match value {
        Json::Text(text) => settled(text.decode().trim(), zone),
        Json::Number(digits) => (*digits).to_owned(),
        Json::Bool(flag) => flag.to_string(),
        Json::List(items) => {
            let items: Vec<String> = items
                .iter()
                .filter_map(|item| text_of_item(item, zone))
                .collect();
            items.join(", ")
        }
        Json::Null | Json::Object(_) => return None,
    };
    (!text.is_empty()).then_some(text)
}

fn text_of_item(item: &Json<'_>, zone: &Zone) -> Option<String> {
    match item {
        Json::List(_) => None,
        item => text(item, zone),
    }
}

/// Whether a text says nothing in this field: ids begin at 1. That nobody works on something is said by 0, too.
fn is_blank(name: &str, text: &str) -> bool {
    text == "0" && (name.ends_with("_id") || name == "campaignId") && name != "assignee_id"
}

#[cfg(test)]
mod tests;

//! Parameters of a call: an ordered tree that can be written as JSON and as the query text of a batch.
//!
//! Order is kept because it means something here: `order` sorts by its first key first. A JSON map type
//! that sorts its keys would change the question.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer, de,
    ser::{self, SerializeMap as _},
};
use serde_json::{Number, Value};

use crate::{Id, group::Reference};

#[cfg(test)]
mod tests;

/// A parameter value.
#[derive(Clone, Debug, PartialEq)]
pub enum Param {
    /// Nothing. A batch cannot express it, so a command with one is sent by itself.
    Null,
    /// A truth value; `1` or `0` inside a batch.
    Flag(bool),
    /// A number.
    Number(Number),
    /// Text.
    Text(String),
    /// A list. A batch cannot express an empty one.
    List(Vec<Param>),
    /// A map in the order given. A batch cannot express an empty one.
    Map(Vec<(String, Param)>),
    /// A value from the result of an earlier command of the same group.
    Reference(Reference),
}

impl Param {
    /// Whether a batch's query text can say exactly this.
    fn fits_query(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Flag(_) | Self::Number(_) | Self::Reference(_) => true,
            // The portal would take it for a reference to somebody else's result in the same batch.
            Self::Text(text) => !text.contains("$result"),
            Self::List(items) => !items.is_empty() && items.iter().all(Self::fits_query),
            Self::Map(entries) => {
                !entries.is_empty()
                    && entries.iter().all(|(key, value)| {
                        !key.is_empty()
                            && !key.contains(['[', ']'])
                            && !key.contains("$result")
                            && value.fits_query()
                    })
            }
        }
    }

    fn write_query(&self, key: &str, labels: &dyn Fn(usize) -> String, out: &mut String) {
        match self {
            Self::Null => {}
            Self::Flag(flag) => pair(key, if *flag { "1" } else { "0" }, out),
            Self::Number(number) => pair(key, &number.to_string(), out),
            Self::Text(text) => pair(key, text, out),
            Self::Reference(reference) => pair(key, &reference.text(labels), out),
            Self::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    item.write_query(&format!("{key}[{index}]"), labels, out);
                }
            }
            Self::Map(entries) => {
                for (name, value) in entries {
                    value.write_query(&format!("{key}[{}]", encoded(name)), labels, out);
                }
            }
        }
    }

    fn references(&self, found: &mut Vec<Reference>) {
        match self {
            Self::Null | Self::Flag(_) | Self::Number(_) | Self::Text(_) => {}
            Self::Reference(reference) => found.push(reference.clone()),
            Self::List(items) => items.iter().for_each(|item| item.references(found)),
            Self::Map(entries) => entries
                .iter()
                .for_each(|(_, value)| value.references(found)),
        }
    }

    /// The same tree with the keys of maps sorted, so that equal questions have equal texts.
    fn sorted(&self) -> Self {
        match self {
            Self::List(items) => Self::List(items.iter().map(Self::sorted).collect()),
            Self::Map(entries) => {
                let mut entries: Vec<_> = entries
                    .iter()
                    .map(|(key, value)| (key.clone(), value.sorted()))
                    .collect();
                entries.sort_by(|(a, _), (b, _)| a.cmp(b));
                Self::Map(entries)
            }
            Self::Null | Self::Flag(_) | Self::Number(_) | Self::Text(_) | Self::Reference(_) => {
                self.clone()
            }
        }
    }
}

/// Everything but letters, digits and what never needs it.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

fn encoded(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, QUERY)
}

fn pair(key: &str, value: &str, out: &mut String) {
    if !out.is_empty() {
        out.push('&');
    }
    out.push_str(key);
    out.push('=');
    out.extend(encoded(value));
}

impl Serialize for Param {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(entries) => {
                serializer.collect_map(entries.iter().map(|(key, value)| (key, value)))
            }
            Self::Reference(_) => Err(ser::Error::custom("a reference outside of a batch")),
        }
    }
}

impl<'de> Deserialize<'de> for Param {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Param;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("any JSON")
            }

            fn visit_unit<E>(self) -> Result<Param, E> {
                Ok(Param::Null)
            }

            fn visit_bool<E>(self, flag: bool) -> Result<Param, E> {
                Ok(Param::Flag(flag))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Param, E> {
                Ok(Param::Number(number.into()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Param, E> {
                Ok(Param::Number(number.into()))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Param, E> {
                Ok(Number::from_f64(number).map_or(Param::Null, Param::Number))
            }

            fn visit_str<E>(self, text: &str) -> Result<Param, E> {
                Ok(Param::Text(text.to_owned()))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Param, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Param::List(items))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Param, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Param::Map(entries))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl From<Value> for Param {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Flag(flag),
            Value::Number(number) => Self::Number(number),
            Value::String(text) => Self::Text(text),
            Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            Value::Object(entries) => Self::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| (key, Self::from(value)))
                    .collect(),
            ),
        }
    }
}

macro_rules! param_from {
    ($($from:ty => $param:expr),+ $(,)?) => {
        $(impl From<$from> for Param {
            fn from(value: $from) -> Self {
                let param: fn($from) -> Self = $param;
                param(value)
            }
        })+
    };
}

param_from! {
    bool => Self::Flag,
    u64 => |number| Self::Number(number.into()),
    i64 => |number| Self::Number(number.into()),
    u32 => |number| Self::Number(number.into()),
    i32 => |number| Self::Number(number.into()),
    Id => |id| Self::Number(id.get().into()),
    &str => |text| Self::Text(text.to_owned()),
    &String => |text| Self::Text(text.clone()),
    String => Self::Text,
    Reference => Self::Reference,
}

impl<T: Into<Param>> From<Vec<T>> for Param {
    fn from(items: Vec<T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Param>, const N: usize> From<[T; N]> for Param {
    fn from(items: [T; N]) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

/// The named parameters of one call.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Params(Vec<(String, Param)>);

impl Params {
    /// Sets a parameter. The portal folds names that differ only in case, so this does too.
    pub(crate) fn set(&mut self, name: &str, value: Param) {
        match self.get_mut(name) {
            Some(present) => *present = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Adds every entry without folding names; see [`Params::named_twice`].
    pub(crate) fn extend(&mut self, entries: Vec<(String, Param)>) {
        for (name, value) in entries {
            match self.0.iter_mut().find(|(present, _)| *present == name) {
                Some((_, present)) => *present = value,
                None => self.0.push((name, value)),
            }
        }
    }

    /// Sets one entry of the map that a parameter is.
    pub(crate) fn set_entry(&mut self, name: &str, key: &str, value: Param) {
        if self.get_mut(name).is_none() {
            self.0.push((name.to_owned(), Param::Map(Vec::new())));
        }
        let Some(param) = self.get_mut(name) else {
            return;
        };
        if !matches!(param, Param::Map(_)) {
            *param = Param::Map(Vec::new());
        }
        if let Param::Map(entries) = param {
            match entries.iter_mut().find(|(present, _)| present == key) {
                Some((_, present)) => *present = value,
                None => entries.push((key.to_owned(), value)),
            }
        }
    }

    /// The keys of the map that a parameter is.
    pub(crate) fn entry_keys(&self, name: &str) -> impl Iterator<Item = &str> {
        let entries = self.0.iter().find_map(|(present, value)| match value {
            Param::Map(entries) if present.eq_ignore_ascii_case(name) => Some(entries),
            _ => None,
        });
        entries.into_iter().flatten().map(|(key, _)| key.as_str())
    }

    /// Adds a field to `select`, if there is one that does not name it and does not name all.
    pub(crate) fn select_also(&mut self, field: &str) {
        if let Some(Param::List(fields)) = self.get_mut("select") {
            let names = |present: &Param| matches!(present, Param::Text(name) if name == "*" || name.eq_ignore_ascii_case(field));
            if !fields.iter().any(names) {
                fields.push(field.into());
            }
        }
    }

    /// Names and values, in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Param)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0
            .iter()
            .any(|(present, _)| present.eq_ignore_ascii_case(name))
    }

    /// A name that is there twice, as `filter` and `FILTER`: the portal would drop one of them in silence.
    pub(crate) fn named_twice(&self) -> Option<&str> {
        let names: Vec<String> = self.0.iter().map(|(name, _)| name.to_lowercase()).collect();
        let twice = names
            .iter()
            .enumerate()
            .find(|(index, name)| names.iter().take(*index).any(|earlier| earlier == *name));
        let (index, _) = twice?;
        self.0.get(index).map(|(name, _)| name.as_str())
    }

    /// Whether a batch's query text can say exactly this.
    pub(crate) fn fit_query(&self) -> bool {
        self.0.iter().all(|(name, value)| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
            !name.is_empty() && name.bytes().all(is_plain) && value.fits_query()
        })
    }

    /// The query text for a command of a batch, where `labels` names the commands that references mean.
    pub(crate) fn query(&self, labels: &dyn Fn(usize) -> String) -> String {
        let mut out = String::new();
        for (name, value) in &self.0 {
            value.write_query(name, labels, &mut out);
        }
        out
    }

    pub(crate) fn references(&self) -> Vec<Reference> {
        let mut found = Vec::new();
        self.0
            .iter()
            .for_each(|(_, value)| value.references(&mut found));
        found
    }

    /// A text that is equal for equal questions; `None` with references, which mean a place, not a value.
    pub(crate) fn canonical(&self) -> Option<String> {
        let mut entries: Vec<(String, Param)> = self
            .0
            .iter()
            .map(|(name, value)| {
                let name = name.to_lowercase();
                let is_ordered = name == "order" || name == "sort";
                let value = if is_ordered {
                    value.clone()
                } else {
                    value.sorted()
                };
                (name, value)
            })
            .collect();
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        serde_json::to_string(&Self(entries)).ok()
    }

    fn get_mut(&mut self, name: &str) -> Option<&mut Param> {
        let found = self
            .0
            .iter_mut()
            .find(|(present, _)| present.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }
}

impl Serialize for Params {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

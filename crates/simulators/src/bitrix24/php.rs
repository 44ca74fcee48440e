//! Values as PHP knows them: arrays that are lists and maps at once, in the order they were written.
//!
//! The portal is written in PHP, and it shows in its requests (`filter[>ID]=5`) and in its answers (an
//! empty map is `[]`).

use std::{borrow::Cow, fmt};

use percent_encoding::percent_decode;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, SeqAccess, Visitor},
    ser::{SerializeMap as _, SerializeSeq as _},
};

/// How deep brackets in a parameter name may nest; the rest of the name is ignored, as PHP does it.
const DEPTH_MAX: usize = 64;

/// A parameter of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`; only JSON can express it.
    Null,
    /// A boolean; only JSON can express it.
    Bool(bool),
    /// A number; only JSON can express it.
    Number(serde_json::Number),
    /// Text, which is all that a form can express.
    Text(String),
    /// A JSON list.
    List(Vec<Value>),
    /// A JSON object or an array of a form, in the order it was written.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// A text value.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// What PHP makes of the value where it wants text; `None` for arrays.
    pub(crate) fn as_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Null | Self::Bool(false) => Some(Cow::Borrowed("")),
            Self::Bool(true) => Some(Cow::Borrowed("1")),
            Self::Number(number) => Some(Cow::Owned(number.to_string())),
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::List(_) | Self::Map(_) => None,
        }
    }

    /// The value as a whole number, if it is written as one.
    pub(crate) fn as_integer(&self) -> Option<i64> {
        self.as_text()?.trim().parse().ok()
    }

    /// Whether this is a list or a map.
    pub(crate) fn is_array(&self) -> bool {
        matches!(self, Self::List(_) | Self::Map(_))
    }

    /// The values of an array, without their keys; a scalar is an array of itself.
    pub(crate) fn items(&self) -> Vec<&Value> {
        match self {
            Self::List(items) => items.iter().collect(),
            Self::Map(pairs) => pairs.iter().map(|(_, value)| value).collect(),
            Self::Null => Vec::new(),
            Self::Bool(_) | Self::Number(_) | Self::Text(_) => vec![self],
        }
    }

    /// Keys and values of an array; nothing for a scalar.
    pub(crate) fn pairs(&self) -> Vec<(Cow<'_, str>, &Value)> {
        match self {
            Self::List(items) => items
                .iter()
                .enumerate()
                .map(|(index, value)| (Cow::Owned(index.to_string()), value))
                .collect(),
            Self::Map(pairs) => pairs
                .iter()
                .map(|(key, value)| (Cow::Borrowed(key.as_str()), value))
                .collect(),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => Vec::new(),
        }
    }

    /// The last value under this key, in any case.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Self::Map(pairs) => last_in_any_case(pairs, key),
            _ => None,
        }
    }

    /// The value as the portal would store it: an array whose keys count from nought becomes a list.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(truth) => (*truth).into(),
            Self::Number(number) => serde_json::Value::Number(number.clone()),
            Self::Text(text) => text.as_str().into(),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Map(pairs) if is_list(pairs.iter().map(|(key, _)| key.as_str())) => {
                pairs.iter().map(|(_, value)| value.to_json()).collect()
            }
            Self::Map(pairs) => pairs
                .iter()
                .map(|(key, value)| (key.clone(), value.to_json()))
                .collect(),
        }
    }
}

/// The last value under `key` in any case: the portal folds names, and the last one written wins.
pub(crate) fn last_in_any_case<'a>(pairs: &'a [(String, Value)], key: &str) -> Option<&'a Value> {
    pairs
        .iter()
        .rev()
        .find_map(|(name, value)| name.eq_ignore_ascii_case(key).then_some(value))
}

/// Whether PHP would write an array with these keys as a JSON list; an empty one it always does.
pub(crate) fn is_list<'a>(keys: impl Iterator<Item = &'a str>) -> bool {
    keys.enumerate()
        .all(|(index, key)| key.parse() == Ok(index) && !(key.len() > 1 && key.starts_with('0')))
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(serde_json::Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::text(text))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Value::Map(pairs))
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(truth) => serializer.serialize_bool(*truth),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => {
                let mut sequence = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    sequence.serialize_element(item)?;
                }
                sequence.end()
            }
            Self::Map(pairs) => {
                let mut map = serializer.serialize_map(Some(pairs.len()))?;
                for (key, value) in pairs {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

/// Reads `a=1&b[c][]=2` as PHP's `parse_str` does.
pub(crate) fn parse_query(query: &str) -> Vec<(String, Value)> {
    let mut pairs = Vec::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        insert(&mut pairs, &decode(name), Value::Text(decode(value)));
    }
    pairs
}

/// Puts a value under a name with brackets, as PHP does for forms.
pub(crate) fn insert(pairs: &mut Vec<(String, Value)>, name: &str, value: Value) {
    let name = name.trim_start_matches(' ');
    let (base, mut rest) = match name.find('[') {
        // A bracket that is never closed becomes an underscore and the name stays whole.
        Some(at) if name.get(at..).is_some_and(|rest| rest.contains(']')) => name.split_at(at),
        _ => (name, ""),
    };
    if base.is_empty() {
        return;
    }
    let base = base.replace(['.', ' ', '['], "_");
    let mut keys = vec![base];
    while let Some((key, after)) = rest
        .strip_prefix('[')
        .and_then(|inside| inside.split_once(']'))
    {
        if keys.len() <= DEPTH_MAX {
            keys.push(key.to_owned());
        }
        rest = after;
    }
    place(pairs, &keys, value);
}

fn place(pairs: &mut Vec<(String, Value)>, keys: &[String], value: Value) {
    let Some((key, deeper)) = keys.split_first() else {
        return;
    };
    let key = if key.is_empty() {
        next_index(pairs)
    } else {
        key.clone()
    };
    let at = pairs
        .iter()
        .position(|(name, _)| *name == key)
        .unwrap_or(pairs.len());
    if at == pairs.len() {
        pairs.push((key, Value::Null));
    }
    let Some((_, slot)) = pairs.get_mut(at) else {
        return;
    };
    if deeper.is_empty() {
        *slot = value;
        return;
    }
    if !matches!(slot, Value::Map(_)) {
        *slot = Value::Map(Vec::new());
    }
    if let Value::Map(inner) = slot {
        place(inner, deeper, value);
    }
}

/// The key that PHP gives to `name[]`: one more than the largest number so far.
fn next_index(pairs: &[(String, Value)]) -> String {
    pairs
        .iter()
        .filter_map(|(key, _)| key.parse::<u64>().ok())
        .max()
        .map_or(0, |largest| largest.saturating_add(1))
        .to_string()
}

/// Undoes percent-encoding and `+` for a blank; bytes that are no UTF-8 become the replacement mark.
pub(crate) fn decode(text: &str) -> String {
    let text = text.replace('+', " ");
    percent_decode(text.as_bytes())
        .decode_utf8_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, expected: &str) {
        let parsed = Value::Map(parse_query(query));
        assert_eq!(
            serde_json::to_string(&parsed).unwrap(),
            expected,
            "of {query}"
        );
    }

    #[test]
    fn forms_are_read_as_php_reads_them() {
        check("a=1&b=2", r#"{"a":"1","b":"2"}"#);
        check("a=1&a=2", r#"{"a":"2"}"#);
        check("a&&=x&b=", r#"{"a":"","b":""}"#);
        check("a[b][0]=x&a[b][]=y", r#"{"a":{"b":{"0":"x","1":"y"}}}"#);
        check("a[]=x&a[7]=y&a[]=z", r#"{"a":{"0":"x","7":"y","8":"z"}}"#);
        check("filter[%3E%3DID]=5", r#"{"filter":{">=ID":"5"}}"#);
        check("filter[>=ID]=5", r#"{"filter_>":"ID]=5"}"#);
        check("t=a+b%2Bc%C3%A9", r#"{"t":"a b+cé"}"#);
        check("a=1&a[b]=2", r#"{"a":{"b":"2"}}"#);
        check("a[b=1", r#"{"a_b":"1"}"#);
        check("a.b=1&c d=2", r#"{"a_b":"1","c_d":"2"}"#);
    }

    #[test]
    fn json_keeps_its_order_and_its_empty_shapes() {
        let text = r#"{"b":1,"a":[],"c":{},"d":[null,true,1.5,"x"]}"#;
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&value).unwrap(), text);
    }

    #[test]
    fn an_array_counting_from_nought_is_a_list() {
        for (keys, expected) in [
            (&[][..], true),
            (&["0", "1"][..], true),
            (&["1", "0"][..], false),
            (&["0", "2"][..], false),
            (&["00"][..], false),
            (&["a"][..], false),
        ] {
            assert_eq!(is_list(keys.iter().copied()), expected, "{keys:?}");
        }
    }

    #[test]
    fn the_last_spelling_of_a_name_wins() {
        let value: Value = serde_json::from_str(r#"{"FILTER":1,"filter":2}"#).unwrap();
        assert_eq!(value.get("Filter").and_then(Value::as_integer), Some(2));
    }
}

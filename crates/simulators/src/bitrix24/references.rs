//! `$result[label][field][0]` in the commands of a batch.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::php::Value;

const MARK: &str = "$result[";

/// Replaces the references in a value by what earlier commands answered. A reference to nothing stays
/// as it is written, as plain text: the portal does not refuse it but runs the command with it.
pub(crate) fn resolve<'r>(value: &mut Value, result_of: &dyn Fn(&str) -> Option<&'r str>) {
    match value {
        Value::Text(text) if text.contains(MARK) => *value = resolve_text(text, result_of),
        Value::List(items) => items.iter_mut().for_each(|item| resolve(item, result_of)),
        Value::Map(pairs) => pairs
            .iter_mut()
            .for_each(|(_, item)| resolve(item, result_of)),
        Value::Text(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn resolve_text<'r>(text: &str, result_of: &dyn Fn(&str) -> Option<&'r str>) -> Value {
    // A text that is one reference and nothing else takes on whatever it refers to, lists included.
    if let Some((path, "")) = text
        .strip_prefix("$result")
        .and_then(|path| split_path(path))
        && let Some(found) = find(&path, result_of)
    {
        return found;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(MARK) {
        let (before, reference) = rest.split_at(at);
        out.push_str(before);
        let bracket = reference.strip_prefix("$result").unwrap_or(reference);
        let Some((path, after)) = split_path(bracket) else {
            out.push_str("$result");
            rest = bracket;
            continue;
        };
        let found = find(&path, result_of).filter(|value| !value.is_array());
        match found.as_ref().and_then(Value::as_text) {
            Some(text) => out.push_str(&text),
            None => {
                let length = reference.len() - after.len();
                out.push_str(reference.get(..length).unwrap_or_default());
            }
        }
        rest = after;
    }
    out.push_str(rest);
    Value::Text(out)
}

/// `[a][b]…` and what follows it; `None` when the first bracket is never closed.
fn split_path(text: &str) -> Option<(Vec<&str>, &str)> {
    let mut path = Vec::new();
    let mut rest = text;
    while let Some((key, after)) = rest
        .strip_prefix('[')
        .and_then(|inside| inside.split_once(']'))
    {
        path.push(key);
        rest = after;
    }
    (!path.is_empty()).then_some((path, rest))
}

fn find<'r>(path: &[&str], result_of: &dyn Fn(&str) -> Option<&'r str>) -> Option<Value> {
    let (label, path) = path.split_first()?;
    let json = result_of(label)?;
    let mut json = serde_json::Deserializer::from_str(json);
    let found = Step(path).deserialize(&mut json).ok()??;
    serde_json::from_str(found.get()).ok()
}

/// Walks down a path and skips what lies beside it, so that a page of records need not be read whole.
struct Step<'p>(&'p [&'p str]);

impl<'de> DeserializeSeed<'de> for Step<'_> {
    type Value = Option<Box<RawValue>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        if self.0.is_empty() {
            return serde::Deserialize::deserialize(deserializer).map(Some);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Step<'_> {
    type Value = Option<Box<RawValue>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            match self.0.split_first() {
                Some((wanted, path)) if *wanted == key => {
                    found = map.next_value_seed(Step(path))?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let wanted = self.0.split_first();
        let index = wanted.and_then(|(key, _)| key.parse::<usize>().ok());
        let mut found = None;
        let mut at = 0;
        loop {
            if Some(at) == index {
                let path = wanted.map_or(&[][..], |(_, path)| path);
                match sequence.next_element_seed(Step(path))? {
                    Some(element) => found = element,
                    None => return Ok(found),
                }
            } else if sequence.next_element::<IgnoredAny>()?.is_none() {
                return Ok(found);
            }
            at += 1;
        }
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let result_of = |label: &str| {
            let json = match label {
                "list" => r#"[{"ID":"5","UF_DEPARTMENT":[1,2]},{"ID":"7","NAME":null}]"#,
                "one" => r#"{"ID":"9","a":{"b":true},"x.y":"z"}"#,
                "id" => "12",
                _ => return None,
            };
            Some(json)
        };
        let mut value = Value::text(text);
        resolve(&mut value, &result_of);
        assert_eq!(
            serde_json::to_string(&value).unwrap(),
            expected,
            "of {text}"
        );
    }

    #[test]
    fn references_become_what_they_refer_to() {
        check("$result[list][1][ID]", r#""7""#);
        check("$result[one][ID]", r#""9""#);
        check("$result[one][a][b]", "true");
        check("$result[one][x.y]", r#""z""#);
        check("$result[id]", "12");
        check("$result[list][0][UF_DEPARTMENT]", "[1,2]");
        check("$result[list][1][NAME]", "null");
        check("CO_$result[id]-$result[one][ID]!", r#""CO_12-9!""#);
    }

    #[test]
    fn a_reference_to_nothing_stays_text() {
        for text in [
            "$result[none][0][ID]",
            "$result[list][49][ID]",
            "$result[list][ID]",
            "$result[one][missing]",
            "$result[id][0]",
            "before $result[list][9][ID] after",
            "in text a list $result[list] is nothing either",
            "$result",
            "$result[",
            "$result[one",
        ] {
            check(text, &serde_json::to_string(text).unwrap());
        }
    }
}

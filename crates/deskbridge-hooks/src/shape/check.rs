//! Holding a value against a shape.

use serde_json::{Map, Value};

use super::{Member, Shape};

/// Fields of one record, at most.
pub(super) const FIELDS_MAX: usize = 200;
/// Digits of a phone number, at most; E.164 has 15, and prefixes come on top.
const PHONE_BYTES_MAX: usize = 32;
/// How deep values may lie in each other.
const DEPTH_MAX: usize = 16;
/// Bytes of a name of a field.
const NAME_BYTES_MAX: usize = 64;
/// Bytes of one text in a field of no certain shape.
const FIELD_BYTES_MAX: usize = 64 << 10;

/// Why a value is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place} {wrong}")]
pub struct Fault {
    /// Where in the answer, such as `data.phone`.
    pub place: String,
    /// What is wrong there, and what is wanted.
    pub wrong: String,
}

/// A value that holds, in one form.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// The value.
    pub value: Value,
    /// What was left out because no contract names it.
    pub dropped: Vec<String>,
}

/// Holds a value against a shape.
///
/// # Errors
/// When it does not fit, with the first place where it does not.
pub fn check(shape: &Shape, value: &Value, place: &str) -> Result<Checked, Fault> {
    let mut dropped = Vec::new();
    let value = fit(shape, value, place, &mut dropped, 0)?;
    Ok(Checked { value, dropped })
}

fn fault<T>(place: &str, wrong: impl Into<String>) -> Result<T, Fault> {
    Err(Fault {
        place: place.to_owned(),
        wrong: wrong.into(),
    })
}

fn wanted<T>(place: &str, wanted: &str, value: &Value) -> Result<T, Fault> {
    fault(
        place,
        format!("is {}, where {wanted} is wanted", kind(value)),
    )
}

/// What a value is, without saying what is in it: answers hold names and numbers of people.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn fit(
    shape: &Shape,
    value: &Value,
    place: &str,
    dropped: &mut Vec<String>,
    depth: usize,
) -> Result<Value, Fault> {
    match shape {
        Shape::Text { bytes_max } => text(value, place, *bytes_max).map(Value::String),
        Shape::Line { bytes_max } => {
            let text = text(value, place, *bytes_max)?;
            if text.chars().any(char::is_control) {
                return fault(place, "has characters that end a line");
            }
            Ok(Value::String(text))
        }
        Shape::Phone => phone(value, place).map(Value::String),
        Shape::Whole { min, max } => whole(value, place, *min, *max),
        Shape::Flag => flag(value, place).map(Value::Bool),
        Shape::OneOf(texts) => match value.as_str() {
            Some(text) if texts.contains(&text) => Ok(value.clone()),
            Some(_) | None => fault(place, format!("is none of {}", texts.join(", "))),
        },
        Shape::Object(members) => object(members, value, place, dropped, depth),
        Shape::Fields => fields(value, place),
        Shape::Map(of) => {
            let entries = entries(value, place)?;
            let fitted = entries.into_iter().map(|(name, value)| {
                let value = fit(of, &value, &format!("{place}.{name}"), dropped, depth + 1)?;
                Ok((name, value))
            });
            fitted
                .collect::<Result<Map<_, _>, Fault>>()
                .map(Value::Object)
        }
        Shape::List { of, count_max } => {
            let Value::Array(items) = value else {
                return wanted(place, "a list", value);
            };
            if items.len() > *count_max {
                return fault(place, format!("has more than {count_max} members"));
            }
            let fitted = items.iter().enumerate();
            let fitted = fitted
                .map(|(at, item)| fit(of, item, &format!("{place}[{at}]"), dropped, depth + 1));
            fitted.collect::<Result<Vec<_>, _>>().map(Value::Array)
        }
        Shape::OrNull(_) if value.is_null() => Ok(Value::Null),
        Shape::OrNull(of) => fit(of, value, place, dropped, depth),
        Shape::Any => loose(value, place, 0).map(|()| value.clone()),
    }
}

fn text(value: &Value, place: &str, bytes_max: usize) -> Result<String, Fault> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            return wanted(place, "a text", value);
        }
    };
    if text.len() > bytes_max {
        return fault(
            place,
            format!("has {} bytes, where {bytes_max} are the most", text.len()),
        );
    }
    if text.contains('\0') {
        return fault(place, "has a zero byte");
    }
    Ok(text)
}

fn phone(value: &Value, place: &str) -> Result<String, Fault> {
    let text = text(value, place, 256)?;
    let text = text.trim();
    let plus = if text.starts_with('+') { "+" } else { "" };
    let dialled = text.chars();
    let dialled: String = dialled
        .filter(|at| at.is_ascii_digit() || matches!(at, '*' | '#'))
        .collect();
    match dialled.len() {
        0 => fault(place, "has no digits"),
        length if length > PHONE_BYTES_MAX => {
            fault(place, format!("has more than {PHONE_BYTES_MAX} digits"))
        }
        _ => Ok(format!("{plus}{dialled}")),
    }
}

fn whole(value: &Value, place: &str, min: i64, max: i64) -> Result<Value, Fault> {
    let number = match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    match number {
        None => wanted(place, "a whole number", value),
        Some(number) if (min..=max).contains(&number) => Ok(Value::from(number)),
        Some(_) => fault(place, format!("is not between {min} and {max}")),
    }
}

fn flag(value: &Value, place: &str) -> Result<bool, Fault> {
    let text = match value {
        Value::Bool(is) => return Ok(*is),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
    };
    match text.as_str() {
        "1" | "Y" => Ok(true),
        "0" | "N" => Ok(false),
        _ => wanted(place, "true or false", value),
    }
}

/// The members of an object; none of `[]`, which is how PHP writes an empty one.
fn entries(value: &Value, place: &str) -> Result<Map<String, Value>, Fault> {
    match value {
        Value::Object(members) => Ok(members.clone()),
        Value::Array(items) if items.is_empty() => Ok(Map::new()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            wanted(place, "an object", value)
        }
    }
}

fn object(
    members: &[Member],
    value: &Value,
    place: &str,
    dropped: &mut Vec<String>,
    depth: usize,
) -> Result<Value, Fault> {
    let mut given = entries(value, place)?;
    let mut fitted = Map::new();
    for member in members {
        let inside = format!("{place}.{}", member.name);
        match given.remove(member.name) {
            Some(value) => {
                let value = fit(&member.shape, &value, &inside, dropped, depth + 1)?;
                fitted.insert(member.name.to_owned(), value);
            }
            None if member.is_required => return fault(&inside, "is missing"),
            None => {}
        }
    }
    dropped.extend(given.keys().map(|name| format!("{place}.{name}")));
    Ok(Value::Object(fitted))
}

fn fields(value: &Value, place: &str) -> Result<Value, Fault> {
    let given = entries(value, place)?;
    if given.len() > FIELDS_MAX {
        return fault(place, format!("has more than {FIELDS_MAX} fields"));
    }
    for (name, value) in &given {
        if !is_name(name) {
            return fault(
                place,
                "has a field whose name is no letter followed by letters, digits and _",
            );
        }
        loose(value, &format!("{place}.{name}"), 0)?;
    }
    Ok(Value::Object(given))
}

fn is_name(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX
        && name.starts_with(|at: char| at.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|at| at.is_ascii_alphanumeric() || at == b'_')
}

/// What holds of any value.
fn loose(value: &Value, place: &str, depth: usize) -> Result<(), Fault> {
    if depth > DEPTH_MAX {
        return fault(place, format!("is deeper than {DEPTH_MAX} levels"));
    }
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        Value::String(_) => text(value, place, FIELD_BYTES_MAX).map(drop),
        Value::Array(items) => items
            .iter()
            .try_for_each(|item| loose(item, place, depth + 1)),
        Value::Object(members) => members
            .values()
            .try_for_each(|member| loose(member, place, depth + 1)),
    }
}

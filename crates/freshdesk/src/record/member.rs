//! How one member of a record is read: as what it should be, from the shapes in which it was seen.

use jiff::{Timestamp, civil::Date};
use serde_json::{Map, Value};

use super::Record;

/// The type of a member.
pub(crate) trait Member: Default {
    /// Reads it; what cannot be read comes back.
    fn read(value: Value) -> Result<Self, Value>;

    /// Whether it is not there.
    fn is_absent(&self) -> bool;
}

/// Takes a member out of a record. One that cannot be read stays in.
pub(crate) fn take<T: Member>(members: &mut Map<String, Value>, name: &str) -> T {
    match members.remove(name) {
        None | Some(Value::Null) => T::default(),
        Some(value) => T::read(value).unwrap_or_else(|value| {
            members.insert(name.to_owned(), value);
            T::default()
        }),
    }
}

/// An id: a number, or a text of one.
pub(crate) fn id(value: Value) -> Result<Option<u64>, Value> {
    let id = match &value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    id.map(Some).ok_or(value)
}

pub(crate) fn ids(value: Value) -> Result<Vec<u64>, Value> {
    let Value::Array(values) = &value else {
        return Err(value);
    };
    let ids: Option<Vec<u64>> = values
        .iter()
        .map(|one| id(one.clone()).ok().flatten())
        .collect();
    ids.ok_or(value)
}

pub(crate) fn one<T: Record>(value: Value) -> Result<Option<T>, Value> {
    match &value {
        // An include that finds nobody is an empty object; one of which nothing is known says as much.
        Value::Object(members) if members.values().all(Value::is_null) => Ok(None),
        _ => T::read(value.clone()).map(Some).map_err(|_misfit| value),
    }
}

/// Several records. One that is none leaves all of them as they are, so that none gets lost.
pub(crate) fn several<T: Record>(value: Value) -> Result<Vec<T>, Value> {
    let Value::Array(values) = &value else {
        return Err(value);
    };
    let read: Result<Vec<T>, _> = values.iter().map(|one| T::read(one.clone())).collect();
    read.map_err(|_misfit| value)
}

impl Member for Option<String> {
    fn read(value: Value) -> Result<Self, Value> {
        match value {
            Value::String(text) => Ok(Some(text)),
            Value::Number(number) => Ok(Some(number.to_string())),
            other => Err(other),
        }
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl Member for Option<i64> {
    fn read(value: Value) -> Result<Self, Value> {
        let number = match &value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.map(Some).ok_or(value)
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl Member for Option<u64> {
    fn read(value: Value) -> Result<Self, Value> {
        id(value)
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl Member for Option<bool> {
    fn read(value: Value) -> Result<Self, Value> {
        match &value {
            Value::Bool(is) => Ok(Some(*is)),
            Value::String(text) if text == "true" || text == "1" => Ok(Some(true)),
            Value::String(text) if text == "false" || text == "0" => Ok(Some(false)),
            Value::Number(number) if number.as_u64() == Some(1) => Ok(Some(true)),
            Value::Number(number) if number.as_u64() == Some(0) => Ok(Some(false)),
            _ => Err(value),
        }
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

/// An instant with whatever offset it has. One without an offset is none: it may be any.
impl Member for Option<Timestamp> {
    fn read(value: Value) -> Result<Self, Value> {
        let text = value.as_str().map(str::trim);
        let at = text.and_then(|text| text.parse().ok());
        at.map(Some).ok_or(value)
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl Member for Option<Date> {
    fn read(value: Value) -> Result<Self, Value> {
        let text = value.as_str().map(str::trim);
        let date = text.and_then(|text| text.parse().ok());
        date.map(Some).ok_or(value)
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

/// Texts: a list, or one text where a list belongs, which was seen after thousands of lists.
impl Member for Vec<String> {
    fn read(value: Value) -> Result<Self, Value> {
        match &value {
            Value::String(text) if text.trim().is_empty() => Ok(Self::new()),
            Value::String(text) => Ok(vec![text.clone()]),
            Value::Array(values) => {
                let texts = values.iter().filter(|one| !one.is_null());
                let texts: Option<Self> =
                    texts.map(|one| one.as_str().map(str::to_owned)).collect();
                texts.ok_or(value)
            }
            _ => Err(value),
        }
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

impl Member for Map<String, Value> {
    fn read(value: Value) -> Result<Self, Value> {
        match value {
            Value::Object(members) => Ok(members),
            other => Err(other),
        }
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

//! What a piece of JSON is, without deciding what it means.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::Id;

/// A JSON value, opened one level.
#[derive(Debug)]
pub(crate) enum Token<'a> {
    /// Absent or `null`.
    Nothing,
    Flag(bool),
    /// The digits as sent.
    Number(&'a str),
    Text(Cow<'a, str>),
    List(Vec<&'a RawValue>),
    Map(&'a RawValue),
}

impl<'a> Token<'a> {
    pub(crate) fn of(raw: &'a RawValue) -> Self {
        let json = raw.get();
        match json.as_bytes().first() {
            Some(b't') => Self::Flag(true),
            Some(b'f') => Self::Flag(false),
            Some(b'"') => string(json).map_or(Self::Nothing, Self::Text),
            Some(b'[') => serde_json::from_str(json).map_or(Self::Nothing, Self::List),
            Some(b'{') => Self::Map(raw),
            Some(b'-' | b'0'..=b'9') => Self::Number(json),
            _ => Self::Nothing,
        }
    }

    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => trimmed(text),
            Self::Number(digits) => Some(Cow::Borrowed(digits)),
            Self::Flag(true) => Some(Cow::Borrowed("true")),
            Self::Nothing | Self::Flag(false) | Self::List(_) | Self::Map(_) => None,
        }
    }

    pub(crate) fn flag(self) -> Option<bool> {
        let text = match self {
            Self::Flag(flag) => return Some(flag),
            other => other.text()?.to_ascii_lowercase(),
        };
        match text.as_str() {
            "1" | "y" | "yes" | "true" => Some(true),
            "0" | "n" | "no" | "false" => Some(false),
            _ => None,
        }
    }

    pub(crate) fn id(self) -> Option<Id> {
        self.text()?.parse().ok()
    }

    /// A count: digits or a number that is not negative.
    pub(crate) fn count(self) -> Option<u64> {
        self.text()?.parse().ok()
    }

    /// A measured number of seconds, which needs no more than a float.
    pub(crate) fn seconds(self) -> Option<f64> {
        let seconds: f64 = self.text()?.parse().ok()?;
        seconds.is_finite().then_some(seconds)
    }
}

fn string(json: &str) -> Option<Cow<'_, str>> {
    let borrowed = json
        .strip_prefix('"')
        .and_then(|json| json.strip_suffix('"'));
    match borrowed {
        Some(text) if !text.contains('\\') => Some(Cow::Borrowed(text)),
        _ => serde_json::from_str(json).ok().map(Cow::Owned),
    }
}

fn trimmed(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    let text = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => match text.trim() {
            all if all.len() == text.len() => Cow::Owned(text),
            part => Cow::Owned(part.to_owned()),
        },
    };
    (!text.is_empty()).then_some(text)
}

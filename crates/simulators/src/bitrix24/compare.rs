//! How stored values and the operands of a filter are compared and sorted.
//!
//! Text is compared without regard to case, as the portal's database does by default (assumed: its
//! documentation does not say).

use std::{borrow::Cow, cmp::Ordering};

use jiff::{Timestamp, civil};

use super::{answer, fields::Kind};

/// A value made comparable.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Key {
    /// `null`, `""`, `[]`, `{}`, and `false` where no truth value is expected.
    Empty,
    /// Numbers as they are; truth as 1 and 0; moments as microseconds since 1970.
    Number(f64),
    /// Text in lower case.
    Text(String),
}

impl Key {
    /// The order of two keys of the same sort; `None` when they cannot be compared.
    pub(crate) fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Empty, Self::Empty) => Some(Ordering::Equal),
            (Self::Number(a), Self::Number(b)) => a.partial_cmp(b),
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    /// The order in a sorted list: empty values first, numbers before text.
    pub(crate) fn sorting(&self, other: &Self) -> Ordering {
        let rank = |key: &Self| match key {
            Self::Empty => 0,
            Self::Number(_) => 1,
            Self::Text(_) => 2,
        };
        self.order(other)
            .unwrap_or_else(|| rank(self).cmp(&rank(other)))
    }
}

/// The comparable values of a field's JSON text: one, or one for each element of a list.
pub(crate) fn keys(kind: Kind, raw: &str) -> Vec<Key> {
    if !raw.starts_with('[') {
        return vec![key_of_scalar(kind, raw)];
    }
    let Ok(items) = serde_json::from_str::<Vec<serde_json::Value>>(raw) else {
        return vec![Key::Empty];
    };
    if items.is_empty() {
        return vec![Key::Empty];
    }
    let value_of = |item: &serde_json::Value| {
        let value = item.get("VALUE").filter(|_| kind == Kind::Multifield);
        key_of_scalar(kind, &value.unwrap_or(item).to_string())
    };
    items.iter().map(value_of).collect()
}

fn key_of_scalar(kind: Kind, raw: &str) -> Key {
    match raw {
        "null" | "\"\"" | "{}" => Key::Empty,
        "true" => Key::Number(1.0),
        "false" if kind == Kind::Boolean => Key::Number(0.0),
        "false" => Key::Empty,
        _ => key_of_text(kind, &unquote(raw)),
    }
}

/// The text of a JSON string or number.
pub(crate) fn unquote(raw: &str) -> Cow<'_, str> {
    let inside = raw
        .strip_prefix('"')
        .and_then(|inside| inside.strip_suffix('"'));
    match inside {
        None => Cow::Borrowed(raw),
        Some(inside) if !inside.contains('\\') => Cow::Borrowed(inside),
        Some(_) => Cow::Owned(serde_json::from_str(raw).unwrap_or_default()),
    }
}

/// A value that was written as text, made comparable.
pub(crate) fn key_of_text(kind: Kind, text: &str) -> Key {
    if text.is_empty() {
        return Key::Empty;
    }
    let number = match kind {
        Kind::Date | Kind::DateTime => moment(text).map(microseconds),
        Kind::Boolean => truth(text).map(|truth| if truth { 1.0 } else { 0.0 }),
        _ if kind.is_number() => text.trim().parse::<f64>().ok(),
        _ => None,
    };
    number.map_or_else(|| Key::Text(text.to_lowercase()), Key::Number)
}

/// What a user field takes for true and false.
pub(crate) fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "Y" | "y" => Some(true),
        "0" | "N" | "n" => Some(false),
        _ => None,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds since 1970 fit 53 bits until the year 2255"
)]
fn microseconds(at: Timestamp) -> f64 {
    at.as_microsecond() as f64
}

/// A date or moment in the forms that clients send; without an offset it is the server's.
pub(crate) fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let local = |at: civil::DateTime| answer::server_offset().to_timestamp(at).ok();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    if let Ok(at) = text.parse::<civil::DateTime>() {
        return local(at);
    }
    ["%d.%m.%Y %H:%M:%S", "%d.%m.%Y"]
        .iter()
        .find_map(|form| civil::DateTime::strptime(form, text).ok())
        .or_else(|| Some(civil::Date::strptime("%d.%m.%Y", text).ok()?.into()))
        .and_then(local)
}

/// Whether text in lower case matches a pattern in lower case where `%` is any run of characters.
pub(crate) fn is_like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('%');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_comparable_by_the_kind_of_their_field() {
        let text = |text: &str| Key::Text(text.to_owned());
        for (kind, raw, expected) in [
            (Kind::Text, "null", vec![Key::Empty]),
            (Kind::Text, "\"\"", vec![Key::Empty]),
            (Kind::Text, "[]", vec![Key::Empty]),
            (Kind::Text, "{}", vec![Key::Empty]),
            (Kind::Text, "false", vec![Key::Empty]),
            (Kind::Boolean, "false", vec![Key::Number(0.0)]),
            (Kind::Boolean, "\"Y\"", vec![Key::Number(1.0)]),
            (Kind::Text, "\"C\\u00d4NG ty\"", vec![text("công ty")]),
            (Kind::Integer, "\"12\"", vec![Key::Number(12.0)]),
            (Kind::Integer, "12", vec![Key::Number(12.0)]),
            (Kind::Double, "\"15000.00\"", vec![Key::Number(15000.0)]),
            (Kind::Integer, "\"many\"", vec![text("many")]),
            (
                Kind::DateTime,
                "\"2026-11-20T09:30:00+03:00\"",
                vec![Key::Number(1_795_156_200e6)],
            ),
            (
                Kind::Date,
                "\"2026-11-20\"",
                vec![Key::Number(1_795_122_000e6)],
            ),
            (
                Kind::Multifield,
                r#"[{"ID":"1","VALUE":"A@x.example"},{"VALUE":"b"}]"#,
                vec![text("a@x.example"), text("b")],
            ),
            (
                Kind::Enumeration,
                "[15090,15092]",
                vec![text("15090"), text("15092")],
            ),
        ] {
            assert_eq!(keys(kind, raw), expected, "{kind:?} {raw}");
        }
    }

    #[test]
    fn moments_are_read_in_the_forms_that_clients_send() {
        let expected = moment("2026-11-20T06:30:00Z");
        assert!(expected.is_some());
        for form in [
            "2026-11-20T09:30:00+03:00",
            "2026-11-20T09:30:00",
            "2026-11-20 09:30:00",
            "20.11.2026 09:30:00",
        ] {
            assert_eq!(moment(form), expected, "{form}");
        }
        assert_eq!(moment("20.11.2026"), moment("2026-11-20"));
        assert_eq!(moment("soon"), None);
    }

    #[test]
    fn a_pattern_matches_as_in_sql() {
        for (pattern, text, expected) in [
            ("mol%", "molar", true),
            ("mol%", "a molar", false),
            ("%mol", "a mol", true),
            ("%mol%", "a molar", true),
            ("mol", "mol", true),
            ("mol", "molar", false),
            ("a%b%c", "a1b2c", true),
            ("a%b%c", "a1c", false),
            ("%", "", true),
        ] {
            assert_eq!(is_like(pattern, text), expected, "{pattern} on {text}");
        }
    }
}

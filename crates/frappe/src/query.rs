//! Paths and queries: every name is one percent-encoded segment.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::error::Unsendable;

/// The longest path with its query that is sent: gunicorn, with which Frappe is served, takes request lines of 4,094
/// bytes, and answers longer ones with a page.
pub(crate) const PATH_BYTES_MAX: usize = 3_900;

/// Everything but the unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A name as one path segment.
///
/// An empty segment would turn one document into the whole list, and `.` and `..` are resolved away even when
/// they are percent-encoded; all three are refused.
pub(crate) fn segment(name: &str) -> Result<String, Unsendable> {
    match name {
        "" => Err(Unsendable::EmptyName),
        "." | ".." => Err(Unsendable::DotName),
        _ => Ok(encode(name)),
    }
}

pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// A query string in the making.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(String);

impl Query {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a parameter: text as it is, everything else as JSON.
    pub(crate) fn push(&mut self, key: &str, value: &Value) {
        self.0.push(if self.0.is_empty() { '?' } else { '&' });
        self.0.push_str(&encode(key));
        self.0.push('=');
        match value {
            Value::String(text) => self.0.push_str(&encode(text)),
            other => self.0.push_str(&encode(&other.to_string())),
        }
    }

    /// The path with these parameters.
    pub(crate) fn on(&self, path: &str) -> Result<String, Unsendable> {
        let whole = format!("{path}{}", self.0);
        match whole.len() > PATH_BYTES_MAX {
            true => Err(Unsendable::TooLarge {
                bytes: whole.len() as u64,
                bytes_max: PATH_BYTES_MAX as u64,
            }),
            false => Ok(whole),
        }
    }

    /// The parameters with the question mark, or nothing.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_segment_whatever_is_in_it() {
        let cases = [
            ("HD Ticket", "HD%20Ticket"),
            ("0001", "0001"),
            ("a/b", "a%2Fb"),
            ("a?b#c", "a%3Fb%23c"),
            ("100%", "100%25"),
            ("\"q\" & 'r' + \\", "%22q%22%20%26%20%27r%27%20%2B%20%5C"),
            ("Công ty", "C%C3%B4ng%20ty"),
            ("...", "..."),
            (" ", "%20"),
            ("a\r\nb", "a%0D%0Ab"),
        ];
        for (name, expected) in cases {
            assert_eq!(segment(name).as_deref(), Ok(expected));
        }
        assert_eq!(segment(""), Err(Unsendable::EmptyName));
        assert_eq!(segment("."), Err(Unsendable::DotName));
        assert_eq!(segment(".."), Err(Unsendable::DotName));
    }

    #[test]
    fn a_path_is_no_longer_than_the_server_reads() {
        let mut query = Query::new();
        query.push("x", &Value::from("a".repeat(PATH_BYTES_MAX - 8)));
        assert_eq!(query.on("/path").map(|path| path.len()), Ok(PATH_BYTES_MAX));
        assert!(query.on("/path/").is_err());
    }

    #[test]
    fn a_query_carries_text_as_it_is_and_the_rest_as_json() {
        let mut query = Query::new();
        assert_eq!(query.as_str(), "");
        query.push("docname", &Value::from("0001"));
        query.push("fields", &serde_json::json!(["name", "a b"]));
        query.push("limit", &Value::from(5));
        assert_eq!(
            query.as_str(),
            "?docname=0001&fields=%5B%22name%22%2C%22a%20b%22%5D&limit=5"
        );
    }
}

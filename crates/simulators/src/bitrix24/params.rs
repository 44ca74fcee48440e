//! The parameters of a request, from wherever a client put them: query, form, multipart form, JSON.

use bytes::Bytes;
use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::php::{self, Value};
use crate::server::Request;

/// The parameters of one call, in the order they were written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params(Vec<(String, Value)>);

/// A file that came with a form.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct File {
    pub field: String,
    pub bytes: Bytes,
}

impl Params {
    /// Parameters from `a=1&b[c]=2`.
    pub(crate) fn from_query(query: &str) -> Self {
        Self(php::parse_query(query))
    }

    /// Parameters and files of a request. The body follows the query, so that its values win.
    pub(crate) fn with_files(request: &Request) -> (Self, Vec<File>) {
        let mut files = Vec::new();
        let mut pairs = php::parse_query(request.query());
        let kind = request.header("content-type").unwrap_or_default();
        let kind_lower = kind.to_ascii_lowercase();
        let body = &request.body;
        if body.is_empty() {
        } else if kind_lower.starts_with("multipart/form-data") {
            read_multipart(kind, body, &mut pairs, &mut files);
        } else if kind_lower.contains("json") || body.trim_ascii_start().starts_with(b"{") {
            // What is no JSON object counts as no parameters, as in PHP.
            if let Ok(Value::Map(body)) = serde_json::from_slice(body) {
                pairs.extend(body);
            }
        } else {
            pairs.extend(php::parse_query(&String::from_utf8_lossy(body)));
        }
        (Self(pairs), files)
    }

    /// A parameter by name in any case; of several spellings the last one wins.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        php::last_in_any_case(&self.0, name)
    }

    /// A parameter whose name must be written exactly so.
    pub(crate) fn get_exact(&self, name: &str) -> Option<&Value> {
        self.0
            .iter()
            .rev()
            .find_map(|(key, value)| (key == name).then_some(value))
    }

    /// A parameter as text; empty when absent or an array.
    pub fn text(&self, name: &str) -> String {
        self.get(name)
            .and_then(Value::as_text)
            .unwrap_or_default()
            .into_owned()
    }

    /// A parameter as a whole number.
    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        self.get(name)?.as_integer()
    }

    /// All parameters.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(String, Value)> {
        self.0.iter()
    }

    /// The same with these parameters blotted out, for the journal.
    pub(crate) fn without_secrets(&self) -> Self {
        const SECRETS: &[&str] = &["auth", "client_secret", "refresh_token", "token"];
        let pairs = self.0.iter().map(|(name, value)| {
            let is_secret = SECRETS
                .iter()
                .any(|secret| name.eq_ignore_ascii_case(secret));
            let value = if is_secret {
                Value::text("•••")
            } else {
                value.clone()
            };
            (name.clone(), value)
        });
        Self(pairs.collect())
    }

    /// Changes every value in place.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        self.0.iter_mut().map(|(_, value)| value)
    }
}

impl Serialize for Params {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// Reads the parts of a multipart form, which are files where they say so; a part without a name is left out.
fn read_multipart(
    kind: &str,
    body: &Bytes,
    pairs: &mut Vec<(String, Value)>,
    files: &mut Vec<File>,
) {
    let Some((_, boundary)) = kind.split_once("boundary=") else {
        return;
    };
    let boundary = boundary.split(';').next().unwrap_or_default().trim();
    let delimiter = format!("--{}", boundary.trim_matches('"'));
    let mut rest = match find(body, delimiter.as_bytes()) {
        Some(at) => body.slice(at + delimiter.len()..),
        None => return,
    };
    while let Some(end) = find(&rest, format!("\r\n{delimiter}").as_bytes()) {
        let part = rest.slice(..end);
        rest = rest.slice(end + 2 + delimiter.len()..);
        let Some(head_end) = find(&part, b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&part.slice(..head_end)).into_owned();
        let content = part.slice(head_end + 4..);
        let disposition = head.lines().find_map(|line| {
            let (field, rest) = line.split_once(':')?;
            field
                .eq_ignore_ascii_case("content-disposition")
                .then_some(rest)
        });
        let said = |key: &str| {
            let (_, after) = disposition?.split_once(&format!("{key}=\""))?;
            after.split('"').next()
        };
        match (said("; name"), said("; filename")) {
            (Some(field), Some(_)) => files.push(File {
                field: field.to_owned(),
                bytes: content,
            }),
            (Some(name), None) => {
                let text = String::from_utf8_lossy(&content).into_owned();
                php::insert(pairs, name, Value::Text(text));
            }
            (None, _) => {}
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;

    fn check(uri: &str, kind: &str, body: &str, expected: &str) {
        let (head, ()) = http::Request::post(uri)
            .header("Content-Type", kind)
            .body(())
            .unwrap()
            .into_parts();
        let request = Request {
            head: Arc::new(head),
            body: Bytes::from(body.to_owned()),
        };
        let read = serde_json::to_string(&Params::with_files(&request).0).unwrap();
        assert_eq!(read, expected, "of {kind} {body}");
    }

    #[test]
    fn every_kind_of_body_gives_the_same_parameters() {
        let expected = r#"{"filter":{">ID":"5"},"start":"-1"}"#;
        check("/?filter[%3EID]=5&start=-1", "", "", expected);
        check("/", "application/json", expected, expected);
        check("/", "", expected, expected);
        check(
            "/",
            "application/x-www-form-urlencoded",
            "filter%5B%3EID%5D=5&start=-1",
            expected,
        );
        check(
            "/",
            "multipart/form-data; boundary=\"xx\"",
            "--xx\r\nContent-Disposition: form-data; name=\"filter[>ID]\"\r\n\r\n5\r\n\
             --xx\r\ncontent-disposition: form-data; name=\"start\"\r\nContent-Type: text/plain\r\n\r\n-1\r\n--xx--\r\n",
            expected,
        );
    }

    #[test]
    fn a_broken_body_is_no_parameters() {
        check("/?a=1", "application/json", "{\"b\":", r#"{"a":"1"}"#);
        check("/?a=1", "application/json", "[1,2]", r#"{"a":"1"}"#);
    }

    #[test]
    fn the_body_wins_over_the_query_in_any_case() {
        let params = Params(vec![
            ("FILTER".to_owned(), Value::text("query")),
            ("filter".to_owned(), Value::text("body")),
        ]);
        assert_eq!(params.text("Filter"), "body");
        assert_eq!(params.get_exact("FILTER"), Some(&Value::text("query")));
    }
}

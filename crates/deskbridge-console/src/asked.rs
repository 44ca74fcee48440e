//! What a request asks for: nothing is taken that is not known, empty or said twice.

use std::{collections::BTreeMap, fmt::Display, str::FromStr};

use axum::body::Body;
use deskbridge_http::{ApiError, Code, params::read_body};
use http::{Method, Request};
use jiff::Timestamp;
use serde_json::Value;

/// Characters of a parameter's name that an error repeats.
const NAME_CHARACTERS_MAX: usize = 60;

/// The parameters of a request, by name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked(BTreeMap<String, String>);

impl Asked {
    /// The parameters of a request: those of its address, or, when it changes something, those of its JSON body.
    pub(crate) async fn of(request: Request<Body>, known: &[&str]) -> Result<Self, ApiError> {
        let (head, body) = request.into_parts();
        let query = head.uri.query().unwrap_or_default();
        if head.method != Method::POST {
            return Self::of_query(query, known);
        }
        Self::of_query(query, &[])?;
        Self::of_body(&read_body(body).await?, known)
    }

    fn of_query(query: &str, known: &[&str]) -> Result<Self, ApiError> {
        let mut asked = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            asked.add(known, &name, &value)?;
        }
        Ok(asked)
    }

    fn of_body(body: &[u8], known: &[&str]) -> Result<Self, ApiError> {
        let mut asked = Self::default();
        if body.trim_ascii().is_empty() {
            return Ok(asked);
        }
        let malformed = |why: String| ApiError::new(Code::MalformedBody, why);
        let value: Value = serde_json::from_slice(body).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            malformed(place).because(error.to_string())
        })?;
        let Value::Object(fields) = value else {
            return Err(malformed("no JSON object".to_owned()));
        };
        for (name, value) in fields {
            match value {
                Value::String(text) => asked.add(known, &name, &text)?,
                Value::Bool(_) | Value::Number(_) => asked.add(known, &name, &value.to_string())?,
                // An absent one would ask for more.
                Value::Null | Value::Array(_) | Value::Object(_) => asked.add(known, &name, "")?,
            }
        }
        Ok(asked)
    }

    fn add(&mut self, known: &[&str], name: &str, value: &str) -> Result<(), ApiError> {
        let shown: String = name.chars().take(NAME_CHARACTERS_MAX).collect();
        if !known.contains(&name) {
            return Err(ApiError::new(Code::UnknownParameter, shown));
        }
        if value.trim().is_empty() {
            let subject = format!("{shown} (it is empty; leave it out)");
            return Err(ApiError::new(Code::InvalidParameter, subject));
        }
        match self.0.insert(name.to_owned(), value.trim().to_owned()) {
            None => Ok(()),
            Some(_) => {
                let subject = format!("{shown} (it is there twice)");
                Err(ApiError::new(Code::InvalidParameter, subject))
            }
        }
    }

    /// Whether nothing but these was asked for.
    pub(crate) fn has_only(&self, names: &[&str]) -> bool {
        self.0.keys().all(|name| names.contains(&name.as_str()))
    }

    /// A parameter as text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    /// A parameter read by `read`; `wanted` says what is wanted when it cannot be.
    pub(crate) fn read<T>(
        &self,
        name: &str,
        wanted: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let Some(value) = self.0.get(name) else {
            return Ok(None);
        };
        let value = read(value);
        value.map(Some).ok_or_else(|| {
            let subject = format!("{name} ({wanted})");
            ApiError::new(Code::InvalidParameter, subject)
        })
    }

    /// A point in time.
    pub(crate) fn time(&self, name: &str) -> Result<Option<Timestamp>, ApiError> {
        let wanted =
            "a time with its zone, such as 2026-01-31T08:00:00Z; + is written %2B in an address";
        self.read(name, wanted, |value| value.parse().ok())
    }

    /// A switch.
    pub(crate) fn switch(&self, name: &str) -> Result<Option<bool>, ApiError> {
        self.read(name, "true or false", |value| value.parse().ok())
    }

    /// A number from 1 to `max`, `default` when it was not asked for.
    pub(crate) fn limit(&self, name: &str, default: usize, max: usize) -> Result<usize, ApiError> {
        let wanted = format!("a number from 1 to {max}");
        let limit = self.read(name, &wanted, |value| {
            value.parse().ok().filter(|limit| (1..=max).contains(limit))
        });
        Ok(limit?.unwrap_or(default))
    }
}

/// The id in an address.
pub(crate) fn record_id<T: FromStr<Err: Display>>(text: &str) -> Result<T, ApiError> {
    let id = text.parse();
    id.map_err(|error| ApiError::new(Code::InvalidParameter, format!("id ({error})")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 3] = ["state", "from", "limit"];

    fn told(asked: Result<Asked, ApiError>) -> Result<String, Code> {
        let asked = asked.map_err(|error| error.code())?;
        let pairs = asked
            .0
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        Ok(pairs.collect::<Vec<_>>().join("&"))
    }

    #[test]
    fn what_is_not_known_empty_or_said_twice_is_refused() {
        for (query, expected) in [
            ("", Ok("")),
            ("state=dead&limit=+7+", Ok("limit=7&state=dead")),
            ("stat=dead", Err(Code::UnknownParameter)),
            ("State=dead", Err(Code::UnknownParameter)),
            ("state=", Err(Code::InvalidParameter)),
            ("state", Err(Code::InvalidParameter)),
            ("state=dead&state=done", Err(Code::InvalidParameter)),
        ] {
            let asked = told(Asked::of_query(query, &KNOWN));
            assert_eq!(asked, expected.map(str::to_owned), "{query}");
        }
        for (body, expected) in [
            ("", Ok("")),
            (" \n", Ok("")),
            (r#"{"state": "dead", "limit": 7}"#, Ok("limit=7&state=dead")),
            (r#"{"stat": "dead"}"#, Err(Code::UnknownParameter)),
            (r#"{"state": null}"#, Err(Code::InvalidParameter)),
            (r#"{"state": ["dead"]}"#, Err(Code::InvalidParameter)),
            ("[]", Err(Code::MalformedBody)),
            ("state=dead", Err(Code::MalformedBody)),
        ] {
            let asked = told(Asked::of_body(body.as_bytes(), &KNOWN));
            assert_eq!(asked, expected.map(str::to_owned), "{body}");
        }
    }

    #[test]
    fn values_are_read_whole_or_refused() {
        let asked = |query: &str| Asked::of_query(query, &KNOWN).unwrap();
        assert_eq!(asked("").limit("limit", 5, 10).unwrap(), 5);
        assert_eq!(asked("limit=10").limit("limit", 5, 10).unwrap(), 10);
        for wrong in ["0", "11", "-1", "x", "1.5"] {
            let asked = asked(&format!("limit={wrong}"));
            assert!(asked.limit("limit", 5, 10).is_err(), "{wrong}");
        }
        let time = asked("from=2026-01-31T08:00:00%2B07:00").time("from");
        assert_eq!(time.unwrap().unwrap().to_string(), "2026-01-31T01:00:00Z");
        for wrong in [
            "2026-01-31",
            "2026-01-31T08:00:00",
            "2026-01-31T08:00:00+07:00",
            "2h",
        ] {
            assert!(
                asked(&format!("from={wrong}")).time("from").is_err(),
                "{wrong}"
            );
        }
        assert_eq!(asked("state=true").switch("state").unwrap(), Some(true));
        assert!(asked("state=yes").switch("state").is_err());
    }
}

//! Parameters from the query string, a form body or a JSON body alike, as Frappe takes them.

use std::collections::BTreeMap;

use axum::extract::FromRequest;
use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::Value;

use crate::{ApiError, Code};

/// Bytes in a request body at most.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// Parameters at most.
const PARAMETERS_MAX: usize = 100;

/// The parameters of a request. What a body says goes before what the address says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(BTreeMap<String, String>);

impl Params {
    /// The first of these parameters that is more than blanks, without blanks around it.
    pub fn text(&self, names: &[&str]) -> Option<&str> {
        names
            .iter()
            .filter_map(|name| self.0.get(*name))
            .map(|value| value.trim())
            .find(|value| !value.is_empty())
    }

    /// Whether a parameter is switched on (`1`, `true`, `yes`, `on` in any case); `default` when absent.
    pub fn is_on(&self, name: &str, default: bool) -> bool {
        self.text(&[name]).map_or(default, |value| {
            ["1", "true", "yes", "on"]
                .iter()
                .any(|on| value.eq_ignore_ascii_case(on))
        })
    }

    /// Reads the parameters of an address and a body.
    fn parse(query: &str, content_type: &str, body: &[u8]) -> Result<Self, ApiError> {
        let mut params = Self::default();
        params.add_form(query.as_bytes());
        let looks_like_json = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
        if body.is_empty() {
        } else if content_type.starts_with("application/x-www-form-urlencoded") && !looks_like_json
        {
            params.add_form(body);
        } else {
            params.add_json(body)?;
        }
        if params.0.len() > PARAMETERS_MAX {
            let subject = format!("more than {PARAMETERS_MAX} parameters");
            return Err(ApiError::new(Code::MalformedBody, subject));
        }
        Ok(params)
    }

    fn add_form(&mut self, form: &[u8]) {
        for (name, value) in url::form_urlencoded::parse(form).take(PARAMETERS_MAX + 1) {
            self.0.insert(name.into_owned(), value.into_owned());
        }
    }

    fn add_json(&mut self, body: &[u8]) -> Result<(), ApiError> {
        let malformed = |why: String| ApiError::new(Code::MalformedBody, why);
        let value: Value = serde_json::from_slice(body).map_err(|error| {
            malformed(format!("line {}, column {}", error.line(), error.column()))
                .because(error.to_string())
        })?;
        let Value::Object(fields) = value else {
            return Err(malformed("no JSON object".to_owned()));
        };
        for (name, value) in fields {
            let text = match value {
                Value::Null => continue,
                Value::String(text) => text,
                Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                    value.to_string()
                }
            };
            self.0.insert(name, text);
        }
        Ok(())
    }
}

impl<S: Sync> FromRequest<S> for Params {
    type Rejection = ApiError;

    async fn from_request(
        request: Request<axum::body::Body>,
        _state: &S,
    ) -> Result<Self, ApiError> {
        let (head, body) = request.into_parts();
        let body = read_body(body).await?;
        let content_type = head
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().trim().to_ascii_lowercase();
        Self::parse(head.uri.query().unwrap_or_default(), &content_type, &body)
    }
}

/// Reads the body of a request, up to [`BODY_BYTES_MAX`].
///
/// # Errors
/// When it is larger, or breaks off.
pub async fn read_body(body: axum::body::Body) -> Result<Bytes, ApiError> {
    let too_large = || ApiError::new(Code::BodyTooLarge, format!("{} MiB", BODY_BYTES_MAX >> 20));
    if http_body::Body::size_hint(&body).lower() > BODY_BYTES_MAX as u64 {
        return Err(too_large());
    }
    match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(error) => {
            Err(ApiError::new(Code::MalformedBody, "it broke off").because(error.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FORM: &str = "application/x-www-form-urlencoded";
    const JSON: &str = "application/json; charset=utf-8";

    fn check(query: &str, content_type: &str, body: &str, expected: Result<&str, Code>) {
        let read = Params::parse(query, content_type, body.as_bytes());
        let told = read.map(|params| {
            let pairs = params
                .0
                .iter()
                .map(|(name, value)| format!("{name}={value}"));
            pairs.collect::<Vec<_>>().join("&")
        });
        let told = told.as_deref().map_err(ApiError::code);
        assert_eq!(told, expected, "{query} {content_type} {body}");
    }

    #[test]
    fn parameters_come_from_wherever_they_are() {
        check("ticket=0001&refresh=1", "", "", Ok("refresh=1&ticket=0001"));
        check("", FORM, "ticket=0001", Ok("ticket=0001"));
        check(
            "",
            JSON,
            r#"{"ticket": 61104, "force": true, "x": null}"#,
            Ok("force=true&ticket=61104"),
        );
        check("ticket=1", JSON, r#"{"ticket": "2"}"#, Ok("ticket=2"));
        check("ticket=%22a%2Fb%22", "", "", Ok("ticket=\"a/b\""));
        check("", FORM, r#"{"ticket": "0001"}"#, Ok("ticket=0001"));
        check("", "", r#"{"ticket": "0001"}"#, Ok("ticket=0001"));
        check("", JSON, "", Ok(""));
        check("", JSON, "{", Err(Code::MalformedBody));
        check("", JSON, "[1]", Err(Code::MalformedBody));
        check("", JSON, "ticket=1", Err(Code::MalformedBody));
        check("", JSON, &"[".repeat(100_000), Err(Code::MalformedBody));
        let many = (0..200)
            .map(|number| format!("p{number}=1&"))
            .collect::<String>();
        check(&many, "", "", Err(Code::MalformedBody));
    }

    #[test]
    fn switches_are_read_in_any_case() {
        for (value, on) in [
            ("1", true),
            ("true", true),
            ("YES", true),
            ("On", true),
            ("0", false),
            ("false", false),
            ("no", false),
            ("2", false),
        ] {
            let params = Params::parse(&format!("refresh={value}"), "", b"").unwrap();
            assert_eq!(params.is_on("refresh", !on), on, "{value}");
        }
        let blank = Params::parse("refresh=", "", b"").unwrap();
        assert!(blank.is_on("refresh", true) && !blank.is_on("refresh", false));
    }

    #[test]
    fn the_first_name_that_is_more_than_blanks_wins() {
        let params = Params::parse("orgid=+&org_id=12&haravan_orgid=13", "", b"").unwrap();
        assert_eq!(
            params.text(&["orgid", "org_id", "haravan_orgid"]),
            Some("12")
        );
        assert_eq!(params.text(&["ticket"]), None);
    }

    proptest! {
        #[test]
        fn no_request_breaks_the_reader(query: String, body: Vec<u8>, json: bool) {
            drop(Params::parse(&query, if json { JSON } else { FORM }, &body));
        }
    }
}

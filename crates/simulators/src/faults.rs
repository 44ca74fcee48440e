//! Fault scripts: which requests are answered wrongly, how, and how often.
//!
//! A script is a JSON list of rules. The first rule that matches a request and is not used up decides;
//! requests that no rule matches are served as usual.
//!
//! ```json
//! [
//!   {"when": "crm.company.add", "times": 2, "execute": true, "answer": "hang_up"},
//!   {"when": "crm.*", "skip": 3, "times": 1, "answer": {"status": 502, "html": "<h1>Bad gateway</h1>"}},
//!   {"when": "*", "delay_ms": 60000}
//! ]
//! ```

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// One rule of a fault script.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What the rule applies to: the name that the simulator gives a request (a REST method, or verb and
    /// path), with `*` for any run of characters. Letters match in any case.
    #[serde(default = "anything")]
    pub when: String,
    /// So many matching requests are served as usual first.
    #[serde(default)]
    pub skip: u64,
    /// So many requests are affected; absent means all that follow.
    #[serde(default)]
    pub times: Option<u64>,
    /// Whether the request takes effect before the wrong answer is given.
    #[serde(default)]
    pub execute: bool,
    /// Milliseconds to wait before anything else happens.
    #[serde(default)]
    pub delay_ms: u64,
    /// What is answered.
    #[serde(default)]
    pub answer: Answer,
}

fn anything() -> String {
    "*".to_owned()
}

/// What a rule makes of the answer.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The usual answer (useful with a delay); the request takes effect.
    #[default]
    Usual,
    /// The connection is closed without a byte.
    HangUp,
    /// The connection stays open and nothing ever comes: a half-open socket.
    Silence,
    /// The usual answer, cut in the middle of its body; the request takes effect.
    Truncate,
    /// One of the simulator's own well-known failures by name, such as `query_limit_exceeded`.
    Preset(String),
    /// Status, headers and body as written.
    #[serde(untagged)]
    Custom(Custom),
}

/// An answer that a script spells out.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Custom {
    /// HTTP status.
    pub status: u16,
    /// A JSON body.
    #[serde(default)]
    pub json: Option<serde_json::Value>,
    /// An HTML body; ignored when `json` is given.
    #[serde(default)]
    pub html: Option<String>,
    /// The `Location` header of a redirect.
    #[serde(default)]
    pub location: Option<String>,
    /// The `Retry-After` header in seconds.
    #[serde(default)]
    pub retry_after: Option<u64>,
}

impl Custom {
    /// The answer as an HTTP response.
    pub fn response(&self) -> http::Response<Bytes> {
        let (kind, body) = match (&self.json, &self.html) {
            (Some(json), _) => ("application/json; charset=utf-8", json.to_string()),
            (None, Some(html)) => ("text/html; charset=utf-8", html.clone()),
            (None, None) => ("text/plain", String::new()),
        };
        let mut response = http::Response::new(Bytes::from(body));
        *response.status_mut() =
            http::StatusCode::from_u16(self.status).unwrap_or(http::StatusCode::IM_A_TEAPOT);
        let headers = response.headers_mut();
        headers.insert(
            http::header::CONTENT_TYPE,
            http::HeaderValue::from_static(kind),
        );
        if let Some(location) = self.location.as_deref().and_then(|text| text.parse().ok()) {
            headers.insert(http::header::LOCATION, location);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(http::header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// A script with its counters.
#[derive(Debug, Default)]
pub struct Script {
    rules: Mutex<Vec<(Rule, u64)>>,
}

/// What the script says about one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// See [`Rule::execute`].
    pub execute: bool,
    /// See [`Rule::delay_ms`].
    pub delay: std::time::Duration,
    /// See [`Rule::answer`].
    pub answer: Answer,
}

impl Script {
    /// Reads a script from JSON text.
    ///
    /// # Errors
    /// When the text is no list of rules; the message names the place.
    pub fn parse(text: &str) -> Result<Vec<Rule>, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// Replaces all rules and starts counting anew.
    pub fn set(&self, rules: Vec<Rule>) {
        *self.lock() = rules.into_iter().map(|rule| (rule, 0)).collect();
    }

    /// The rules in force, without how often each was used.
    pub fn rules(&self) -> Vec<Rule> {
        self.lock().iter().map(|(rule, _)| rule.clone()).collect()
    }

    /// The fault for a request of this name, counted against its rule.
    pub fn next(&self, name: &str) -> Option<Fault> {
        for (rule, seen) in self.lock().iter_mut() {
            if !matches_pattern(&rule.when, name) {
                continue;
            }
            *seen += 1;
            if *seen <= rule.skip {
                continue;
            }
            if rule
                .times
                .is_some_and(|times| *seen > rule.skip.saturating_add(times))
            {
                continue;
            }
            return Some(Fault {
                execute: rule.execute,
                delay: std::time::Duration::from_millis(rule.delay_ms),
                answer: rule.answer.clone(),
            });
        }
        None
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Rule, u64)>> {
        // A panic while counting leaves whole numbers behind.
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether `name` matches `pattern`, where `*` stands for any run of characters, in any case.
fn matches_pattern(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_lowercase(), name.to_lowercase());
    let mut parts = pattern.split('*');
    let Some(rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    if !pattern.contains('*') {
        return rest.is_empty();
    }
    let mut rest = rest;
    let mut parts = parts.peekable();
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
    fn patterns_match_whole_names_in_any_case() {
        for (pattern, name, expected) in [
            ("*", "crm.company.list", true),
            ("crm.company.list", "crm.company.List", true),
            ("crm.company", "crm.company.list", false),
            ("crm.*", "crm.company.list", true),
            ("crm.*.list", "crm.company.list", true),
            ("crm.*.add", "crm.company.list", false),
            ("*.list", "crm.company.list", true),
            (
                "GET */HD Ticket/*",
                "GET /api/resource/HD Ticket/0001",
                true,
            ),
        ] {
            assert_eq!(
                matches_pattern(pattern, name),
                expected,
                "{pattern} on {name}"
            );
        }
    }

    #[test]
    fn a_rule_skips_then_applies_then_is_used_up() {
        let script = Script::default();
        script
            .set(Script::parse(r#"[{"when":"a","skip":1,"times":2,"answer":"hang_up"}]"#).unwrap());
        let seen: Vec<bool> = (0..5).map(|_| script.next("a").is_some()).collect();
        assert_eq!(seen, [false, true, true, false, false]);
        assert_eq!(script.next("b"), None);
    }

    #[test]
    fn every_form_of_answer_is_read() {
        let rules = Script::parse(
            r#"[{"answer":"silence"},{"answer":"truncate"},{"delay_ms":5},
                {"answer":{"preset":"overload_limit"}},
                {"answer":{"status":302,"location":"https://other.test/"}}]"#,
        )
        .unwrap();
        let answers: Vec<_> = rules.into_iter().map(|rule| rule.answer).collect();
        assert_eq!(answers[0], Answer::Silence);
        assert_eq!(answers[1], Answer::Truncate);
        assert_eq!(answers[2], Answer::Usual);
        assert_eq!(answers[3], Answer::Preset("overload_limit".to_owned()));
        assert!(matches!(&answers[4], Answer::Custom(custom) if custom.status == 302));
    }
}

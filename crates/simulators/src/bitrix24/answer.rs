//! What a call is answered with, and how it is written.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use jiff::{Timestamp, tz::Offset};

use super::behaviour::Counters;

/// The hours that the portal's server is ahead of Greenwich; every date it writes carries them.
const SERVER_OFFSET: Offset = Offset::constant(3);

/// What a method gives back.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// `result`, as JSON text.
    pub result: String,
    /// `total`, of lists only.
    pub total: Option<u64>,
    /// `next`, where another page exists.
    pub next: Option<u64>,
}

impl Answer {
    /// An answer that is no list.
    pub(crate) fn of(result: impl Into<String>) -> Self {
        Self {
            result: result.into(),
            ..Self::default()
        }
    }

    /// An answer from a JSON value.
    pub(crate) fn json(result: &serde_json::Value) -> Self {
        Self::of(result.to_string())
    }
}

/// Why a call was refused.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    /// HTTP status of a call on its own; in a batch the status stays 200.
    pub status: StatusCode,
    /// `error`
    pub code: Code,
    /// `error_description`
    pub description: Cow<'static, str>,
}

/// The code of a refusal. The portal mixes words, empty text and whole numbers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Code {
    Word(Cow<'static, str>),
    Number(i64),
}

impl Refusal {
    /// A refusal with a code of words.
    pub(crate) fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            code: Code::Word(code.into()),
            description: description.into(),
        }
    }

    /// 400 with an empty code, which most of the older CRM methods answer.
    pub(crate) fn plain(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "", description)
    }

    /// 400 with a whole number for a code.
    pub(crate) fn numbered(code: i64, description: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: Code::Number(code),
            description: description.into(),
        }
    }

    /// The code as the journal shows it.
    pub(crate) fn code_text(&self) -> String {
        match &self.code {
            Code::Word(word) => word.clone().into_owned(),
            Code::Number(number) => number.to_string(),
        }
    }

    /// `{"error":…,"error_description":…}`
    pub(crate) fn json(&self) -> String {
        let mut text = String::from("{\"error\":");
        match &self.code {
            Code::Word(word) => write_text(&mut text, word),
            Code::Number(number) => text.push_str(&number.to_string()),
        }
        text.push_str(",\"error_description\":");
        write_text(&mut text, &self.description);
        text.push('}');
        text
    }

    /// The refusal as the answer to a request of its own.
    pub(crate) fn response(&self) -> http::Response<Bytes> {
        json_response(self.status, self.json())
    }
}

/// When a call ran and what it cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time {
    pub started_at: Timestamp,
    pub processed_from: Timestamp,
    pub finished_at: Timestamp,
    /// The sum of the method's window, and when its oldest part leaves; `None` where the limiter is off.
    pub operating: Option<Operating>,
}

/// What the operating-time counters say after a call.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Operating {
    /// Spent within the window so far, in microseconds.
    pub spent_us: i64,
    /// When the oldest part of the window leaves, in seconds since 1970.
    pub reset_at: i64,
}

impl Time {
    /// The `time` object; whether it shows the counters is the portal's state.
    pub(crate) fn write(&self, counters: Counters, out: &mut String) {
        let micros =
            |from: Timestamp, to: Timestamp| (to.as_microsecond() - from.as_microsecond()).max(0);
        out.push_str("{\"start\":");
        push_seconds(out, self.started_at.as_microsecond());
        out.push_str(",\"finish\":");
        push_seconds(out, self.finished_at.as_microsecond());
        out.push_str(",\"duration\":");
        push_seconds(out, micros(self.started_at, self.finished_at));
        out.push_str(",\"processing\":");
        push_seconds(out, micros(self.processed_from, self.finished_at));
        out.push_str(",\"date_start\":\"");
        push_date(out, self.started_at);
        out.push_str("\",\"date_finish\":\"");
        push_date(out, self.finished_at);
        out.push('"');
        match (counters, self.operating) {
            (Counters::Missing, _) | (_, None) => {}
            (Counters::Complete, Some(operating)) => {
                out.push_str(",\"operating_reset_at\":");
                push_integer(out, operating.reset_at);
                out.push_str(",\"operating\":");
                push_seconds(out, operating.spent_us);
            }
            (Counters::WithoutReset, Some(operating)) => {
                out.push_str(",\"operating\":");
                push_seconds(out, operating.spent_us);
            }
        }
        out.push('}');
    }
}

/// The envelope of a call on its own.
pub(crate) fn envelope(answer: &Answer, time: &Time, counters: Counters) -> http::Response<Bytes> {
    let mut text = String::with_capacity(answer.result.len() + 320);
    text.push_str("{\"result\":");
    text.push_str(&answer.result);
    for (name, value) in [("next", answer.next), ("total", answer.total)] {
        if let Some(value) = value {
            text.push_str(",\"");
            text.push_str(name);
            text.push_str("\":");
            text.push_str(&value.to_string());
        }
    }
    text.push_str(",\"time\":");
    time.write(counters, &mut text);
    text.push('}');
    json_response(StatusCode::OK, text)
}

/// A response with a JSON body.
pub(crate) fn json_response(status: StatusCode, text: String) -> http::Response<Bytes> {
    typed_response(status, "application/json; charset=utf-8", text)
}

/// A response with an HTML body.
pub(crate) fn html_response(status: StatusCode, text: impl Into<String>) -> http::Response<Bytes> {
    typed_response(status, "text/html; charset=UTF-8", text.into())
}

fn typed_response(status: StatusCode, kind: &'static str, text: String) -> http::Response<Bytes> {
    let mut response = http::Response::new(Bytes::from(text));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Writes a JSON string.
pub(crate) fn write_text(out: &mut String, text: &str) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

/// Writes microseconds as seconds with a fraction; PHP writes none when it is nought.
fn push_seconds(out: &mut String, microseconds: i64) {
    let (whole, part) = (microseconds / 1_000_000, microseconds % 1_000_000);
    push_integer(out, whole);
    if part != 0 {
        let digits = format!("{:06}", part.abs());
        out.push('.');
        out.push_str(digits.trim_end_matches('0'));
    }
}

fn push_integer(out: &mut String, number: i64) {
    out.push_str(&number.to_string());
}

/// Writes a moment as the portal's server does: `2026-11-20T09:30:00+03:00`.
fn push_date(out: &mut String, at: Timestamp) {
    use std::fmt::Write as _;

    let local = SERVER_OFFSET.to_datetime(at);
    let written = write!(
        out,
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}+03:00",
        local.year(),
        local.month(),
        local.day(),
        local.hour(),
        local.minute(),
        local.second()
    );
    debug_assert!(written.is_ok(), "writing to text does not fail");
}

/// A moment as the portal's server writes it.
pub(crate) fn date_text(at: Timestamp) -> String {
    let mut text = String::with_capacity(25);
    push_date(&mut text, at);
    text
}

/// The offset in which the portal's server reads dates that carry none.
pub(crate) fn server_offset() -> Offset {
    SERVER_OFFSET
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(operating: Option<Operating>, counters: Counters) -> String {
        let started_at = Timestamp::from_microsecond(1_700_000_000_250_000).unwrap();
        let mut text = String::new();
        Time {
            started_at,
            processed_from: Timestamp::from_microsecond(1_700_000_000_250_400).unwrap(),
            finished_at: Timestamp::from_microsecond(1_700_000_001_000_000).unwrap(),
            operating,
        }
        .write(counters, &mut text);
        text
    }

    #[test]
    fn the_counters_show_as_the_portal_is_set() {
        let plain = r#"{"start":1700000000.25,"finish":1700000001,"duration":0.75,"processing":0.7496,"date_start":"2023-11-15T01:13:20+03:00","date_finish":"2023-11-15T01:13:21+03:00"}"#;
        let spent = Some(Operating {
            spent_us: 702_136,
            reset_at: 1_700_000_580,
        });
        assert_eq!(time(spent, Counters::Missing), plain);
        assert_eq!(time(None, Counters::Complete), plain);
        let part = plain.trim_end_matches('}');
        assert_eq!(
            time(spent, Counters::WithoutReset),
            format!("{part},\"operating\":0.702136}}")
        );
        assert_eq!(
            time(spent, Counters::Complete),
            format!("{part},\"operating_reset_at\":1700000580,\"operating\":0.702136}}")
        );
    }

    #[test]
    fn codes_are_words_empty_text_or_numbers() {
        for (refusal, expected) in [
            (
                Refusal::plain("Not found"),
                r#"{"error":"","error_description":"Not found"}"#,
            ),
            (
                Refusal::numbered(100, "a \"b\""),
                r#"{"error":100,"error_description":"a \"b\""}"#,
            ),
            (
                Refusal::new(StatusCode::FORBIDDEN, "insufficient_scope", "x"),
                r#"{"error":"insufficient_scope","error_description":"x"}"#,
            ),
        ] {
            assert_eq!(refusal.json(), expected);
        }
    }
}

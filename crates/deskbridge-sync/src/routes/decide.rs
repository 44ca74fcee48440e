//! Whether an event goes out, as what, and what an answer means: functions of values.

use deskbridge_core::Event;
use jiff::{Timestamp, tz::TimeZone};
use minijinja::{Error, ErrorKind, context, value::Serde};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::settings::{BODY, Route, StatusRange, Then, WHEN, on_json};

/// The largest body that is sent, in bytes.
const BODY_BYTES_MAX: usize = 1 << 20;

/// What a target answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body where it is JSON; null otherwise.
    pub json: Value,
}

/// Why a condition or template cannot be evaluated over an event. It does not quote the event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} of route {route}: {why}")]
pub struct Unusable {
    /// The route.
    pub route: String,
    /// The setting.
    pub what: &'static str,
    /// Why.
    pub why: String,
}

/// What conditions and templates see.
fn seen(event: &Event, answer: Option<&Answer>) -> minijinja::Value {
    let arrival = &event.arrival;
    let body: Value = serde_json::from_slice(&arrival.body).unwrap_or_default();
    context! {
        event => context! {
            id => event.id.to_string(),
            connection => arrival.connection.as_str(),
            source => arrival.reading.source.as_str(),
            object => arrival.reading.object.as_str(),
            action => arrival.reading.action.as_str(),
            received_at => event.received_at.to_string(),
        },
        body => Serde(body),
        text => String::from_utf8_lossy(&arrival.body),
        answer => answer.map(|answer| minijinja::Value::from(Serde(answer))),
    }
}

impl Route {
    /// Whether an event goes out by this route.
    ///
    /// # Errors
    /// When the condition cannot be evaluated over it.
    pub fn takes(&self, event: &Event) -> Result<bool, Unusable> {
        let arrival = &event.arrival;
        let is_among = |words: &[String], word: &str| {
            words.is_empty() || words.iter().any(|one| *one == word.to_lowercase())
        };
        let may = !self.only_by_routes
            && self
                .connection
                .as_ref()
                .is_none_or(|connection| *connection == arrival.connection)
            && is_among(&self.objects, &arrival.reading.object)
            && is_among(&self.actions, &arrival.reading.action);
        let has_condition = self.templates.get_template(WHEN).is_ok();
        if may && has_condition {
            self.holds(WHEN, "when", &seen(event, None))
        } else {
            Ok(may)
        }
    }

    /// The bytes that an event goes out as.
    ///
    /// # Errors
    /// When the template cannot be filled in, or what it makes is not what the content type says.
    pub fn body(&self, event: &Event, answer: Option<&Answer>) -> Result<Vec<u8>, Unusable> {
        let Ok(template) = self.templates.get_template(BODY) else {
            return Ok(event.arrival.body.clone());
        };
        let body = template
            .render(seen(event, answer))
            .map_err(|error| self.unusable("body", short(&error)))?;
        if body.len() > BODY_BYTES_MAX {
            let why = format!("it makes more than {BODY_BYTES_MAX} bytes");
            return Err(self.unusable("body", why));
        }
        let is_json = self
            .content_type
            .to_str()
            .is_ok_and(|kind| kind.to_ascii_lowercase().contains("json"));
        if is_json && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&body) {
            let why = format!(
                "it makes no JSON ({error}); values are written with their quotes, so put none around them"
            );
            return Err(self.unusable("body", why));
        }
        Ok(body.into_bytes())
    }

    /// What follows from an answer: by the first `on_json` that holds, then by `on_status`, then as the standard says.
    ///
    /// # Errors
    /// When a condition cannot be evaluated over it.
    pub fn follows(&self, event: &Event, answer: &Answer) -> Result<Then, Unusable> {
        if !self.on_json.is_empty() && !answer.json.is_null() {
            let seen = seen(event, Some(answer));
            for (number, then) in self.on_json.iter().enumerate() {
                if self.holds(&on_json(number), "on_json", &seen)? {
                    return Ok(then.clone());
                }
            }
        }
        let status = answer.status;
        let ranges = [StatusRange::One(status), StatusRange::Class(status / 100)];
        let configured = ranges.iter().find_map(|range| self.on_status.get(range));
        Ok(configured.cloned().unwrap_or(match status {
            200..300 => Then::Done,
            // Gone, for good: the standard has the sender stop.
            410 => Then::Disable,
            408 | 425 | 429 | 500.. => Then::Retry,
            _ => Then::Fail,
        }))
    }

    fn holds(
        &self,
        template: &str,
        what: &'static str,
        seen: &minijinja::Value,
    ) -> Result<bool, Unusable> {
        let written = self
            .templates
            .get_template(template)
            .and_then(|template| template.render(seen));
        match written {
            Ok(written) => Ok(!written.is_empty()),
            Err(error) => Err(self.unusable(what, short(&error))),
        }
    }

    fn unusable(&self, what: &'static str, why: impl Into<String>) -> Unusable {
        Unusable {
            route: self.name.clone(),
            what,
            why: why.into(),
        }
    }
}

/// An error of a template without what it was filled with.
fn short(error: &Error) -> String {
    match error.kind() {
        ErrorKind::OutOfFuel => "it computes for too long".to_owned(),
        kind => match error.line() {
            Some(line) => format!("{kind}, in line {line}"),
            None => kind.to_string(),
        },
    }
}

/// The filter `time`: an instant in milliseconds since 1970, written by a pattern in a time zone.
///
/// `{{ body.ticket.updated_at | time("%d/%m/%Y %H:%M", "Asia/Ho_Chi_Minh") }}`
pub(super) fn time(
    milliseconds: &minijinja::Value,
    pattern: &str,
    zone: Option<&str>,
) -> Result<String, Error> {
    let wrong = |why: &'static str| Error::new(ErrorKind::InvalidOperation, why);
    let milliseconds: i64 = milliseconds
        .as_i64()
        .or_else(|| milliseconds.as_str().and_then(|text| text.parse().ok()))
        .ok_or_else(|| wrong("time is written of milliseconds since 1970"))?;
    let zone = match zone {
        None => TimeZone::UTC,
        Some(name) => {
            TimeZone::get(name).map_err(|_unknown| wrong("the time zone is not known"))?
        }
    };
    let instant = Timestamp::from_millisecond(milliseconds)
        .map_err(|_too_far| wrong("the time is too far away"))?;
    jiff::fmt::strtime::format(pattern, &instant.to_zoned(zone))
        .map_err(|_bad_pattern| wrong("the pattern of the time is wrong"))
}

//! From the bytes of an HTTP answer to results and failures.
//!
//! Nothing here trusts the status line: errors come with 200, results come in three shapes, and a proxy may
//! have answered instead of the portal.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::{
    access::Signature,
    answer::{Body, Time},
    error::{Class, Failure, Said, class::classify},
    row::Token,
};

pub(crate) mod prose;
#[cfg(test)]
mod tests;

/// What came back over HTTP.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) status: u16,
    pub(crate) body: bytes::Bytes,
    /// The host of a `Location` header.
    pub(crate) location: Option<Box<str>>,
}

/// A batch, taken apart.
#[derive(Debug)]
pub(crate) struct Batch {
    /// One for each label, in their order.
    pub(crate) results: Vec<Result<Body, Failure>>,
    /// What the portal measured for the whole request.
    pub(crate) time: Time,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    error: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    error_description: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    scope: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    total: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    next: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    time: Option<&'a RawValue>,
}

/// Reads a JSON object. Without the check, the fields would also be read from a list by position.
fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    let json = json.trim_ascii_start();
    if json.first() != Some(&b'{') {
        return None;
    }
    serde_json::from_slice(json).ok()
}

/// Keeps `null` apart from absent.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Reads the answer to a single call.
pub(crate) fn single(received: &Received, signature: &Signature) -> Result<Body, Failure> {
    let envelope = open(received, signature)?;
    let result = envelope
        .result
        .ok_or_else(|| Failure::bare(Class::NoResult))?;
    Ok(Body {
        result: result.to_owned(),
        total: envelope.total.and_then(|raw| Token::of(raw).count()),
        next: envelope.next.and_then(|raw| Token::of(raw).count()),
        time: envelope.time.map(Time::read).unwrap_or_default(),
    })
}

/// Reads the answer to a batch whose commands had these labels. `halted` says that commands after a failed
/// one are missing on purpose.
pub(crate) fn batch(
    received: &Received,
    signature: &Signature,
    labels: &[String],
    halted: bool,
) -> Result<Batch, Failure> {
    #[derive(Deserialize)]
    struct Parts<'a> {
        #[serde(borrow, default, deserialize_with = "present")]
        result: Option<&'a RawValue>,
        #[serde(borrow, default, deserialize_with = "present")]
        result_error: Option<&'a RawValue>,
        #[serde(borrow, default, deserialize_with = "present")]
        result_total: Option<&'a RawValue>,
        #[serde(borrow, default, deserialize_with = "present")]
        result_next: Option<&'a RawValue>,
        #[serde(borrow, default, deserialize_with = "present")]
        result_time: Option<&'a RawValue>,
    }

    let envelope = open(received, signature)?;
    let parts: Parts<'_> = envelope
        .result
        .and_then(|result| object(result.get().as_bytes()))
        .ok_or_else(|| Failure::bare(Class::NoResult))?;
    let results = Labelled::read(parts.result, labels);
    let times = Labelled::read(parts.result_time, labels);
    let totals = Labelled::read(parts.result_total, labels);
    let nexts = Labelled::read(parts.result_next, labels);
    let errors = Labelled::read_errors(parts.result_error, labels, &results);
    let mut failed_before = false;
    let read = |label: &String| {
        let time = times.get(label).map(Time::read).unwrap_or_default();
        if let Some(error) = errors.get(label) {
            failed_before = true;
            return Err(match object::<Envelope<'_>>(error.get().as_bytes()) {
                Some(error) => failure(None, &error, time, signature),
                None => Failure::new(
                    Class::Other,
                    Said {
                        description: prose::hint(error.get(), signature),
                        ..Said::default()
                    },
                ),
            });
        }
        let Some(result) = results.get(label) else {
            let class = if halted && failed_before {
                Class::Halted
            } else {
                Class::NoResult
            };
            return Err(Failure::bare(class));
        };
        Ok(Body {
            result: result.to_owned(),
            total: totals.get(label).and_then(|raw| Token::of(raw).count()),
            next: nexts.get(label).and_then(|raw| Token::of(raw).count()),
            time,
        })
    };
    Ok(Batch {
        results: labels.iter().map(read).collect(),
        time: envelope.time.map(Time::read).unwrap_or_default(),
    })
}

/// Opens the envelope, unless it holds an error or is none.
fn open<'a>(received: &'a Received, signature: &Signature) -> Result<Envelope<'a>, Failure> {
    let status = Some(received.status);
    if (300..400).contains(&received.status) {
        let said = Said {
            status,
            name: received
                .location
                .as_deref()
                .map(|host| prose::bounded(host, signature)),
            ..Said::default()
        };
        return Err(Failure::new(Class::Redirect, said));
    }
    let json = received.body.as_ref();
    let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    let Some(envelope) = object::<Envelope<'_>>(json) else {
        let class = match (received.status, serde_json::from_slice::<&RawValue>(json)) {
            (500.., _) => Class::ServerFault,
            (_, Ok(_)) => Class::NoResult,
            (_, Err(_)) => Class::NotJson,
        };
        let text = String::from_utf8_lossy(json);
        let said = Said {
            status,
            description: prose::hint(&text, signature),
            ..Said::default()
        };
        return Err(Failure::new(class, said));
    };
    let is_error = envelope.error.is_some_and(|error| match Token::of(error) {
        Token::Nothing => false,
        Token::Flag(false) => envelope.result.is_none(),
        Token::List(items) => !items.is_empty() || envelope.result.is_none(),
        Token::Flag(true) | Token::Number(_) | Token::Text(_) | Token::Map(_) => true,
    });
    let time = || envelope.time.map(Time::read).unwrap_or_default();
    if is_error {
        return Err(failure(status, &envelope, time(), signature));
    }
    if received.status >= 500 {
        return Err(Failure::new(
            Class::ServerFault,
            Said {
                status,
                ..Said::default()
            },
        ));
    }
    Ok(envelope)
}

/// Classifies an error, in any of the shapes that its code and description come in.
fn failure(
    status: Option<u16>,
    envelope: &Envelope<'_>,
    time: Time,
    signature: &Signature,
) -> Failure {
    #[derive(Deserialize)]
    struct Structured<'a> {
        #[serde(borrow, default)]
        code: Option<&'a RawValue>,
        #[serde(borrow, default)]
        message: Option<&'a RawValue>,
        #[serde(borrow, default)]
        validation: Option<&'a RawValue>,
    }

    let text = |raw: Option<&RawValue>| {
        let text = raw.and_then(|raw| Token::of(raw).text());
        text.map(std::borrow::Cow::into_owned).unwrap_or_default()
    };
    let (code, mut description) = match envelope.error.map(Token::of) {
        Some(Token::Map(raw)) => {
            let error: Option<Structured<'_>> = object(raw.get().as_bytes());
            let (code, message, validation) = error.map_or((None, None, None), |error| {
                (error.code, error.message, error.validation)
            });
            let fields = validation.map(RawValue::get).unwrap_or_default();
            (text(code), format!("{} {fields}", text(message)))
        }
        Some(token) => (token.text().unwrap_or_default().into_owned(), String::new()),
        None => Default::default(),
    };
    if let Some(said) = envelope.error_description {
        description = text(Some(said));
    }
    let class = signature.meant(classify(status, &code, &description));
    let scope = || {
        let named = text(envelope.scope);
        let named = match named.as_str() {
            "" => prose::scope(&description)?,
            named => named.into(),
        };
        Some(prose::bounded(&named, signature))
    };
    let said = Said {
        status,
        code: Some(prose::bounded(&code, signature)),
        description: prose::hint(&description, signature),
        name: if class == Class::Scope { scope() } else { None },
        reset_at: time.operating_reset_at,
        remembered: false,
    };
    Failure {
        class,
        said,
        retry_after: time.reset_after(),
    }
}

impl Time {
    /// How long after this answer some operating time is free again. Both instants are the portal's, so
    /// the two clocks need not agree.
    pub(crate) fn reset_after(&self) -> Option<Duration> {
        let reset = self.operating_reset_at?.as_duration().as_secs_f64();
        Duration::try_from_secs_f64(reset - self.finish_s?).ok()
    }
}

/// Values by label, in whatever shape they arrived.
struct Labelled<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Labelled<'a> {
    /// A map, an empty list for an empty map, or a list by number.
    fn read(raw: Option<&'a RawValue>, labels: &[String]) -> Self {
        let by_label = |items: Vec<&'a RawValue>| labels.iter().cloned().zip(items).collect();
        Self(match raw.map(Token::of) {
            Some(Token::Map(raw)) => serde_json::from_str(raw.get()).unwrap_or_default(),
            Some(Token::List(items)) => by_label(items),
            _ => BTreeMap::new(),
        })
    }

    /// Errors in a list have lost their labels. They still are in order, so when there are as many of them
    /// as commands without result, they belong to these.
    fn read_errors(raw: Option<&'a RawValue>, labels: &[String], results: &Self) -> Self {
        let Some(Token::List(errors)) = raw.map(Token::of) else {
            return Self::read(raw, labels);
        };
        let without: Vec<&String> = labels
            .iter()
            .filter(|label| results.get(label).is_none())
            .collect();
        if without.len() != errors.len() {
            return Self(BTreeMap::new());
        }
        Self(without.into_iter().cloned().zip(errors).collect())
    }

    fn get(&self, label: &str) -> Option<&'a RawValue> {
        self.0.get(label).copied()
    }
}

//! Compares an answer with the recorded one: everything but what changes from run to run.

use serde_json::{Value, json};

use super::client::Response;

/// Keys that no client reads: a column left over from an old release, the hash of an app's file.
const LEFT_OUT: [&str; 2] = ["show_preview_popup", "migration_hash"];

/// JSON pointers, from the exchange's root, of values that change from run to run.
pub(crate) fn volatile(exchange: &Value) -> Vec<String> {
    let pointers = exchange["volatile"].as_array().into_iter().flatten();
    pointers
        .map(|pointer| pointer.as_str().unwrap().to_owned())
        .collect()
}

/// Whether a text has the form of a name that Frappe drew by lot.
pub(crate) fn is_random_name(text: &str) -> bool {
    text.len() == 10
        && text
            .chars()
            .all(|letter| matches!(letter, '0'..='9' | 'a'..='v'))
}

fn is_time(text: &str) -> bool {
    let digits = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    text.len() >= 19
        && [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18]
            .into_iter()
            .all(digits)
        && text.as_bytes().get(4) == Some(&b'-')
}

fn is_digest(text: &str) -> bool {
    text.len() >= 32 && text.chars().all(|letter| letter.is_ascii_hexdigit())
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.chars().filter(|letter| *letter == '-').count() == 4
}

struct Compare<'a> {
    volatile: &'a [String],
    differences: Vec<String>,
}

/// Where an answer differs from the recorded one.
pub(crate) fn differences(expected: &Value, got: &Response, volatile: &[String]) -> Vec<String> {
    let mut compare = Compare {
        volatile,
        differences: Vec::new(),
    };
    compare.response(expected, got);
    compare.differences
}

impl Compare<'_> {
    fn response(&mut self, expected: &Value, got: &Response) {
        if expected["status"] != got.status {
            self.differ("status", &expected["status"], &json!(got.status));
        }
        let headers = expected["headers"].as_object().unwrap();
        let cookies: Vec<Value> = got
            .headers
            .iter()
            .filter(|(name, _)| name == "set-cookie")
            .map(|(_, value)| value.split('=').next().unwrap().into())
            .collect();
        let expected_cookies = headers.get("set-cookie").cloned().unwrap_or(json!([]));
        if expected_cookies != Value::Array(cookies.clone()) {
            self.differ("set-cookie", &expected_cookies, &Value::Array(cookies));
        }
        for name in ["content-type", "content-disposition", "allow", "location"] {
            let expected = headers.get(name).cloned().unwrap_or_default();
            let got = got.header(name).map_or(Value::Null, Value::from);
            if expected != got {
                self.differ(name, &expected, &got);
            }
        }
        for name in [
            "retry-after",
            "x-ratelimit-limit",
            "x-ratelimit-remaining",
            "x-ratelimit-used",
            "x-ratelimit-reset",
        ] {
            if headers.contains_key(name) != got.header(name).is_some() {
                self.differ(name, &json!(headers.get(name)), &json!(got.header(name)));
            }
        }
        match &expected["body"] {
            Value::String(text) if text.ends_with("…[cut]") => {}
            Value::String(text) => {
                if *text != got.text() {
                    self.differ("body", &json!(text), &json!(got.text()));
                }
            }
            expected => match serde_json::from_slice::<Value>(&got.body) {
                Ok(got) => self.value("/response/body", expected, &got),
                Err(_) => self.differ("body", expected, &json!(got.text())),
            },
        }
    }

    fn differ(&mut self, place: &str, expected: &Value, got: &Value) {
        let short = |value: &Value| {
            let text = value.to_string();
            match text.char_indices().nth(300) {
                Some((at, _)) => format!("{}…", text.split_at(at).0),
                None => text,
            }
        };
        let place = place.strip_prefix("/response/body").unwrap_or(place);
        let (expected, got) = (short(expected), short(got));
        self.differences
            .push(format!("{place}: recorded {expected}, here {got}"));
    }

    fn value(&mut self, place: &str, expected: &Value, got: &Value) {
        let key = place.rsplit('/').next().unwrap_or_default();
        match (expected, got) {
            (Value::Object(expected_keys), Value::Object(got_keys)) => {
                for (key, value) in expected_keys {
                    if LEFT_OUT.contains(&key.as_str()) {
                        continue;
                    }
                    match got_keys.get(key) {
                        Some(got) => self.value(&format!("{place}/{key}"), value, got),
                        None => self.differ(&format!("{place}/{key}"), value, &json!("is missing")),
                    }
                }
                for (key, value) in got_keys {
                    if !expected_keys.contains_key(key) {
                        self.differ(&format!("{place}/{key}"), &json!("is missing"), value);
                    }
                }
            }
            (Value::Array(expected_rows), Value::Array(got_rows)) => {
                if expected_rows.len() != got_rows.len() {
                    self.differ(place, expected, got);
                    return;
                }
                if key == "fields"
                    && expected_rows
                        .iter()
                        .all(|row| row.get("fieldname").is_some())
                {
                    self.fields(place, expected_rows, got_rows);
                    return;
                }
                if self.has_random_order(place, expected_rows) {
                    self.in_any_order(place, expected_rows, got_rows);
                    return;
                }
                for (row, (expected, got)) in expected_rows.iter().zip(got_rows).enumerate() {
                    self.value(&format!("{place}/{row}"), expected, got);
                }
            }
            (Value::String(list), Value::String(text))
                if list.starts_with('[') && matches!(key, "exc" | "_server_messages") =>
            {
                self.nested(place, expected, text);
            }
            (Value::String(line), Value::String(text)) if key == "exception" || key == "exc" => {
                // The recording kept the last line of a traceback only.
                let last = text.trim_end().lines().last().unwrap_or_default();
                if timeless(&nameless(line.trim())) != timeless(&nameless(last.trim()))
                    && !self.is_volatile(place)
                    && !is_masked(line)
                {
                    self.differ(place, expected, got);
                }
            }
            (Value::String(left), Value::String(right)) => {
                let same_form = left == right
                    || self.is_volatile(place)
                    || is_masked(left)
                    || (is_time(left) && is_time(right))
                    || (is_uuid(left) && is_uuid(right))
                    || (is_digest(left) && is_digest(right))
                    || timeless(left) == timeless(right)
                    || (is_random_name(left) && is_random_name(right))
                    || key == "__frappe_exc_id" && right.len() == 56;
                if !same_form {
                    self.differ(place, expected, got);
                }
            }
            (Value::Number(left), Value::Number(right)) => {
                if left.as_f64() != right.as_f64() && !self.is_volatile(place) {
                    self.differ(place, expected, got);
                }
            }
            _ if expected == got => {}
            _ => self.differ(place, expected, got),
        }
    }

    /// The fields of a DocType: custom ones stand in no defined order.
    fn fields(&mut self, place: &str, expected: &[Value], got: &[Value]) {
        let sorted = |rows: &[Value]| {
            let mut rows = rows.to_vec();
            rows.sort_by_key(|row| row["fieldname"].to_string());
            for row in rows.iter_mut().filter_map(Value::as_object_mut) {
                row.remove("idx");
            }
            rows
        };
        for (expected, got) in sorted(expected).iter().zip(&sorted(got)) {
            let name = expected["fieldname"].as_str().unwrap();
            self.value(&format!("{place}/{name}"), expected, got);
        }
    }

    /// Rows that are sorted by a random name stand elsewhere in every run.
    fn has_random_order(&self, place: &str, rows: &[Value]) -> bool {
        (0..rows.len()).any(|row| {
            ["name", "parent"].iter().any(|key| {
                let name = rows[row].get(key).and_then(Value::as_str);
                let pointer = format!("{place}/{row}/{key}");
                self.is_volatile(&pointer) && name.is_some_and(is_random_name)
            })
        })
    }

    fn in_any_order(&mut self, place: &str, expected: &[Value], got: &[Value]) {
        let mut left: Vec<&Value> = got.iter().collect();
        let mut rows: Vec<(usize, &Value)> = expected.iter().enumerate().collect();
        // What may be anything takes what is left.
        rows.sort_by_key(|(row, _)| self.is_volatile(&format!("{place}/{row}/name")));
        for (row, expected) in rows {
            let place = format!("{place}/{row}");
            let is_same = |got: &&Value| {
                let mut compare = Compare {
                    volatile: self.volatile,
                    differences: Vec::new(),
                };
                compare.value(&place, expected, got);
                compare.differences.is_empty()
            };
            match left.iter().position(is_same) {
                Some(found) => drop(left.remove(found)),
                None => self.differ(&place, expected, &json!(left)),
            }
        }
    }

    /// JSON in JSON: a list of texts, each a traceback or JSON once more.
    fn nested(&mut self, place: &str, expected: &Value, got: &str) {
        let read = |text: &str| -> Vec<Value> {
            let texts: Vec<String> = serde_json::from_str(text).unwrap_or_default();
            let values = texts.iter().map(|text| match serde_json::from_str(text) {
                Ok(Value::Object(message)) => Value::Object(message),
                _ => json!({"exception": text}),
            });
            values.collect()
        };
        let (left, right) = (read(expected.as_str().unwrap()), read(got));
        if left.is_empty() || left.len() != right.len() {
            self.differ(place, expected, &got.into());
            return;
        }
        for (row, (left, right)) in left.iter().zip(&right).enumerate() {
            self.value(&format!("{place}/{row}"), left, right);
        }
    }

    fn is_volatile(&self, place: &str) -> bool {
        self.volatile.iter().any(|pointer| pointer == place)
    }
}

/// A message without the times in it.
fn timeless(text: &str) -> String {
    let mut timeless = String::new();
    let mut rest = text;
    while let Some(at) = (0..rest.len()).find(|at| rest.get(*at..).is_some_and(is_time)) {
        timeless.push_str(rest.split_at(at).0);
        rest = rest
            .split_at(at + 19)
            .1
            .trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
        timeless.push('•');
    }
    timeless + rest
}

/// A message without the random names in it.
fn nameless(text: &str) -> String {
    let words = text.split_inclusive(|letter: char| !letter.is_ascii_alphanumeric());
    words
        .map(|word| {
            let name = word.trim_end_matches(|letter: char| !letter.is_ascii_alphanumeric());
            let random =
                is_random_name(name) && name.contains(|letter: char| letter.is_ascii_digit());
            if random {
                word.replace(name, "•")
            } else {
                word.to_owned()
            }
        })
        .collect()
}

/// Text that the recording cut or hid.
fn is_masked(text: &str) -> bool {
    text.ends_with("…[cut]")
        || (text.starts_with('<') && text.ends_with('>') && text.len() < 20 && !text.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &Value) -> Response {
        Response {
            status,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.to_string().into_bytes(),
        }
    }

    #[test]
    fn what_matters_differs_and_what_changes_every_time_does_not() {
        let recorded = |body: Value| json!({"status": 200, "headers": {"content-type": "application/json"}, "body": body});
        for (expected, got, same) in [
            (json!({"a": 1}), json!({"a": 1.0}), true),
            (json!({"a": 1}), json!({"a": 2}), false),
            (json!({"a": 1}), json!({"a": "1"}), false),
            (json!({"a": 1}), json!({}), false),
            (json!({"a": 1}), json!({"a": 1, "b": 1}), false),
            (json!({"a": null}), json!({}), false),
            (json!({"a": [1]}), json!({"a": [1, 1]}), false),
            (json!({"name": "An"}), json!({"name": "Ba"}), false),
            (
                json!({"at": "2026-01-01 00:00:00"}),
                json!({"at": "2026-01-02 00:00:00.5"}),
                true,
            ),
            (
                json!({"at": "2026-01-01 00:00:00"}),
                json!({"at": "soon"}),
                false,
            ),
            (
                json!({"name": "1vhml1skm5"}),
                json!({"name": "m4n0hshdtt"}),
                true,
            ),
            (json!({"may": "x"}), json!({"may": "y"}), true),
            (json!({"may": "x"}), json!({"may": 1}), false),
            (
                json!({"exc": "[\"E: a\"]"}),
                json!({"exc": "[\"Trace\\nE: a\"]"}),
                true,
            ),
            (
                json!({"exc": "[\"E: a\"]"}),
                json!({"exc": "[\"E: b\"]"}),
                false,
            ),
        ] {
            let may = ["/response/body/may".to_owned()];
            let differences = differences(&recorded(expected.clone()), &answer(200, &got), &may);
            assert_eq!(
                differences.is_empty(),
                same,
                "{expected} and {got}: {differences:?}"
            );
        }
        let other_status = differences(&recorded(json!({})), &answer(201, &json!({})), &[]);
        assert_eq!(other_status.len(), 1);
    }
}

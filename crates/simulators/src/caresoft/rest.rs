//! The reads of the REST API, with their limits.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::{Response, StatusCode};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::{Options, Records, life::local};
use crate::{
    clock::Clock,
    faults::{Answer, Rule, Script},
    server::{Reply, Request},
};

const PER_SECOND_MAX: usize = 15;
const REFUSALS_MAX: u32 = 20;
const BAN_MS: i64 = 15 * 60 * 1000;
const ROWS_MAX: usize = 500;
/// Members that hold times.
const TIMES: [&str; 6] = [
    "created_at",
    "updated_at",
    "last_change_status_at",
    "call_start_time",
    "call_answer_time",
    "call_end_time",
];

/// How times are written, and read in questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeForm {
    /// Local time with `Z` behind it, as public clients take it.
    LocalWithZ,
    /// UTC with `Z` behind it, as it should mean.
    Utc,
}

impl TimeForm {
    fn write(self, milliseconds: i64) -> String {
        // A database had it, in whole seconds rounded to nearest.
        let milliseconds = milliseconds + 500;
        match self {
            Self::LocalWithZ => local(milliseconds, "%Y-%m-%dT%H:%M:%SZ"),
            Self::Utc => local(milliseconds - 7 * 3_600_000, "%Y-%m-%dT%H:%M:%SZ"),
        }
    }

    fn read(self, text: &str) -> Option<i64> {
        let utc: Timestamp = text.parse().ok()?;
        let shift = if self == Self::LocalWithZ {
            7 * 3_600_000
        } else {
            0
        };
        Some(utc.as_millisecond() - shift)
    }
}

/// One account of the contact centre. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Center(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    domain: String,
    token: String,
    times: TimeForm,
    clock: Clock,
    faults: Script,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    records: Records,
    /// When the latest requests came, in milliseconds.
    recent: VecDeque<i64>,
    refusals: u32,
    banned_until: i64,
    asked: Vec<String>,
}

type Parameters = BTreeMap<String, String>;

impl Center {
    pub(super) fn new(options: Options) -> Self {
        let faults = Script::default();
        faults.set(options.faults);
        Self(Arc::new(Inner {
            domain: options.domain,
            token: options.token,
            times: options.times,
            clock: options.clock,
            faults,
            state: Mutex::new(State {
                records: options.records,
                ..State::default()
            }),
        }))
    }

    /// What it holds.
    pub fn records(&self) -> Records {
        self.lock().records.clone()
    }

    /// Replaces what it holds.
    pub fn set_records(&self, records: Records) {
        self.lock().records = records;
    }

    /// Replaces the fault script.
    pub fn set_faults(&self, rules: Vec<Rule>) {
        self.0.faults.set(rules);
    }

    /// The fault script, without how often each rule was used.
    pub fn faults(&self) -> Vec<Rule> {
        self.0.faults.rules()
    }

    /// Forgets what was asked.
    pub fn clear_asked(&self) {
        self.lock().asked.clear();
    }

    /// What was asked, refusals included, such as `GET tickets/5`.
    pub fn asked(&self) -> Vec<String> {
        self.lock().asked.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic leaves whole values behind.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn answer(&self, request: &Request) -> Reply {
        let path = percent_decode_str(request.path())
            .decode_utf8_lossy()
            .into_owned();
        let prefix = format!("/{}/api/v1/", self.0.domain);
        let what = path
            .strip_prefix(&prefix)
            .map(|what| what.trim_matches('/'));
        let name = format!("{} {}", request.head.method, what.unwrap_or(&path));
        self.lock().asked.push(name.clone());
        let usual = || self.usual(request, what);
        let Some(fault) = self.0.faults.next(&name) else {
            return Reply::Answer(usual());
        };
        if !fault.delay.is_zero() {
            tokio::time::sleep(fault.delay).await;
        }
        if fault.execute {
            drop(usual());
        }
        match fault.answer {
            Answer::Usual => Reply::Answer(usual()),
            Answer::HangUp => Reply::HangUp,
            Answer::Silence => Reply::Silence,
            Answer::Truncate => Reply::Truncate(usual()),
            Answer::Custom(custom) => Reply::Answer(custom.response()),
            Answer::Preset(preset) => Reply::Answer(match preset.as_str() {
                "too_many" => too_many(),
                "banned" => unknown_domain(),
                _ => errors(StatusCode::INTERNAL_SERVER_ERROR, "Server Error"),
            }),
        }
    }

    fn usual(&self, request: &Request, what: Option<&str>) -> Response<Bytes> {
        if let Some(refused) = self.limited() {
            return refused;
        }
        let Some(what) = what else {
            return unknown_domain();
        };
        let expected = format!("Bearer {}", self.0.token);
        if request.header("authorization") != Some(expected.as_str()) {
            return errors(StatusCode::UNAUTHORIZED, "Unauthorized");
        }
        if request.head.method != http::Method::GET {
            return errors(StatusCode::METHOD_NOT_ALLOWED, "only reads are simulated");
        }
        let parameters: Parameters = url::form_urlencoded::parse(request.query().as_bytes())
            .into_owned()
            .collect();
        match what.split_once('/') {
            None if what == "contactsByPhone" => self.by_phone(&parameters),
            None => self.list(what, &parameters),
            Some((_, "custom_fields")) => {
                let fields = json!([{"custom_field_id": 6956, "custom_field_lable": "Loại", "type": "dropdown", "values": [{"id": 1242, "lable": "Khác"}]}]);
                ok(json!({"custom_fields": fields}))
            }
            Some((resource, id)) => self.one(resource, id),
        }
    }

    /// What is answered instead, when it was asked too often.
    fn limited(&self) -> Option<Response<Bytes>> {
        let now = self.0.clock.now().as_millisecond();
        let mut state = self.lock();
        if now < state.banned_until {
            return Some(unknown_domain());
        }
        while state
            .recent
            .front()
            .is_some_and(|oldest| oldest + 1000 <= now)
        {
            state.recent.pop_front();
        }
        if state.recent.len() < PER_SECOND_MAX {
            state.recent.push_back(now);
            state.refusals = 0;
            return None;
        }
        state.refusals += 1;
        if state.refusals > REFUSALS_MAX {
            state.refusals = 0;
            state.banned_until = now + BAN_MS;
            return Some(unknown_domain());
        }
        Some(too_many())
    }

    fn rows(&self, resource: &str) -> Option<Vec<(String, Map<String, Value>)>> {
        let state = self.lock();
        let records = &state.records;
        let numbered = |rows: &BTreeMap<u64, Map<String, Value>>| {
            rows.iter()
                .map(|(id, row)| (id.to_string(), row.clone()))
                .collect()
        };
        Some(match resource {
            "tickets" => numbered(&records.tickets),
            "contacts" => numbered(&records.users),
            "leads" => numbered(&records.leads),
            "deals" => numbered(&records.deals),
            "calls" => records
                .calls
                .iter()
                .map(|(id, row)| (id.clone(), row.clone()))
                .collect(),
            "agents" | "groups" | "services" | "chats" => Vec::new(),
            _ => return None,
        })
    }

    fn list(&self, resource: &str, parameters: &Parameters) -> Response<Bytes> {
        let Some(mut rows) = self.rows(resource) else {
            return errors(StatusCode::NOT_FOUND, "Not found");
        };
        let bound = |name: &str| {
            parameters
                .get(name)
                .and_then(|text| self.0.times.read(text))
        };
        for (name, member, is_lower) in [
            ("updated_since", "updated_at", true),
            ("updated_to", "updated_at", false),
            ("created_since", "created_at", true),
            ("start_time_since", "call_start_time", true),
            ("start_time_to", "call_start_time", false),
        ] {
            let Some(bound) = bound(name) else {
                continue;
            };
            rows.retain(|(_, row)| {
                let time = row.get(member).and_then(Value::as_i64).unwrap_or_default();
                if is_lower {
                    time + 500 >= bound
                } else {
                    time <= bound
                }
            });
        }
        let sorted_by = parameters.get("order_by").map_or("id", String::as_str);
        rows.sort_by_key(|(_, row)| {
            row.get(sorted_by)
                .and_then(Value::as_i64)
                .unwrap_or_default()
        });
        if parameters
            .get("order_type")
            .is_some_and(|order| order == "desc")
        {
            rows.reverse();
        }
        let number = |name: &str, otherwise: usize| {
            let number = parameters.get(name).and_then(|text| text.parse().ok());
            number.filter(|number| *number > 0).unwrap_or(otherwise)
        };
        let count = number("count", 50).min(ROWS_MAX);
        let found = rows.len();
        let page: Vec<Value> = rows
            .into_iter()
            .skip((number("page", 1) - 1) * count)
            .take(count)
            .map(|(_, row)| self.shown(row))
            .collect();
        ok(json!({"numFound": found, resource: page}))
    }

    fn one(&self, resource: &str, id: &str) -> Response<Bytes> {
        let rows = self.rows(resource).unwrap_or_default();
        let found = rows.into_iter().find(|(own, _)| own == id);
        match found {
            Some((_, row)) => ok(json!({resource.trim_end_matches('s'): self.shown(row)})),
            None => errors(StatusCode::NOT_FOUND, "Not found"),
        }
    }

    fn by_phone(&self, parameters: &Parameters) -> Response<Bytes> {
        let phone = parameters.get("phoneNo").map(|phone| json!(phone));
        let rows = self.rows("contacts").unwrap_or_default().into_iter();
        let found: Vec<Value> = rows
            .filter(|(_, row)| row.get("phone_no") == phone.as_ref())
            .map(|(_, row)| self.shown(row))
            .collect();
        ok(json!({"numFound": found.len(), "contacts": found}))
    }

    /// A row with its times as REST writes them.
    fn shown(&self, mut row: Map<String, Value>) -> Value {
        for name in TIMES {
            if let Some(time) = row
                .get(name)
                .and_then(Value::as_i64)
                .filter(|time| *time > 0)
            {
                row.insert(name.to_owned(), json!(self.0.times.write(time)));
            }
        }
        Value::Object(row)
    }
}

fn ok(mut body: Value) -> Response<Bytes> {
    if let Value::Object(members) = &mut body {
        members.insert("code".to_owned(), json!("ok"));
    }
    answer(StatusCode::OK, body.to_string())
}

fn errors(status: StatusCode, message: &str) -> Response<Bytes> {
    answer(
        status,
        json!({"code": "errors", "message": message}).to_string(),
    )
}

fn too_many() -> Response<Bytes> {
    answer(
        StatusCode::TOO_MANY_REQUESTS,
        "Too Many Attempts.".to_owned(),
    )
}

/// What a wrong domain gets, and whoever is banned.
fn unknown_domain() -> Response<Bytes> {
    errors(StatusCode::NOT_FOUND, "The domain is incorrect")
}

pub(super) fn answer(status: StatusCode, body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let kind = http::HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, kind);
    response
}

//! The desk: what it holds, who asks, and what is answered.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::{
    Features, Options,
    files::Signer,
    limits::{Charge, Endpoint, Limits, Used},
    records::{Records, Shelf, Ticket},
    routes::{self, Asked},
};
use crate::{
    clock::Clock,
    faults::{Answer, Rule, Script},
    server::{Reply, Request},
};

/// One account. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Desk(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    keys: Vec<(String, u64)>,
    features: Features,
    clock: Clock,
    faults: Script,
    signer: Signer,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    shelf: Shelf,
    limits: Limits,
    used: Used,
    unrest: Option<Unrest>,
    asked: Vec<String>,
    latency: std::time::Duration,
}

/// Changes that others make while somebody reads: before every list of tickets that is answered.
#[derive(Clone, Debug)]
pub struct Unrest {
    /// The same seed changes the same.
    pub random: fastrand::Rng,
    /// So many tickets are changed at most each time.
    pub changes_max: usize,
    /// So many times in all.
    pub times: usize,
}

impl Desk {
    pub(super) fn new(options: Options, file_base: String) -> Self {
        let faults = Script::default();
        faults.set(options.faults);
        Self(Arc::new(Inner {
            keys: options.keys,
            features: options.features,
            clock: options.clock,
            faults,
            signer: Signer {
                base: file_base,
                seconds_max: options.file_links_live_for_seconds,
            },
            state: Mutex::new(State {
                shelf: Shelf::new(options.records),
                limits: options.limits,
                used: Used::default(),
                unrest: None,
                asked: Vec::new(),
                latency: std::time::Duration::ZERO,
            }),
        }))
    }

    /// What it holds.
    pub fn records(&self) -> Records {
        self.lock().shelf.records().clone()
    }

    /// Replaces what it holds.
    pub fn set_records(&self, records: Records) {
        self.lock().shelf = Shelf::new(records);
    }

    /// Changes a ticket, and that it was changed now. Makes nothing of a number that it does not hold.
    pub fn change_ticket(&self, number: u64, change: impl FnOnce(&mut Ticket)) {
        let now = self.now();
        self.lock().change_ticket(number, now, change);
    }

    /// Adds a ticket, or replaces one.
    pub fn put_ticket(&self, ticket: Ticket) {
        self.lock().shelf.put(ticket);
    }

    /// Changes everything but tickets.
    pub fn change_records(&self, change: impl FnOnce(&mut Records)) {
        change(self.lock().shelf.records_mut());
    }

    /// Lets others change tickets while lists are read.
    pub fn set_unrest(&self, unrest: Option<Unrest>) {
        self.lock().unrest = unrest;
    }

    /// Sets what the plan allows.
    pub fn set_limits(&self, limits: Limits) {
        self.lock().limits = limits;
    }

    /// Lets every answer wait.
    pub fn set_latency(&self, latency: std::time::Duration) {
        self.lock().latency = latency;
    }

    /// Replaces the fault script.
    pub fn set_faults(&self, rules: Vec<Rule>) {
        self.0.faults.set(rules);
    }

    /// The fault script, without how often each rule was used.
    pub fn faults(&self) -> Vec<Rule> {
        self.0.faults.rules()
    }

    /// What was asked, refusals included, such as `GET /api/v2/tickets?page=2`.
    pub fn asked(&self) -> Vec<String> {
        self.lock().asked.clone()
    }

    /// Forgets what was asked.
    pub fn clear_asked(&self) {
        self.lock().asked.clear();
    }

    pub(super) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub(super) fn signer(&self) -> &Signer {
        &self.0.signer
    }

    pub(super) fn features(&self) -> Features {
        self.0.features
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic leaves whole values behind.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn answer(&self, request: &Request) -> Reply {
        let path = percent_decode_str(request.path()).decode_utf8_lossy();
        let name = format!("{} {path}", request.head.method);
        let query = request.query();
        let asked = match query.is_empty() {
            true => name.clone(),
            false => format!("{name}?{query}"),
        };
        self.lock().asked.push(asked);
        self.with_faults(&name, |desk| desk.usual(request)).await
    }

    /// Answers as the fault script has it.
    pub(super) async fn with_faults(
        &self,
        name: &str,
        usual: impl Fn(&Self) -> Response<Bytes>,
    ) -> Reply {
        let latency = self.lock().latency;
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let Some(fault) = self.0.faults.next(name) else {
            return Reply::Answer(usual(self));
        };
        if !fault.delay.is_zero() {
            tokio::time::sleep(fault.delay).await;
        }
        if fault.execute {
            drop(usual(self));
        }
        match fault.answer {
            Answer::Usual => Reply::Answer(usual(self)),
            Answer::HangUp => Reply::HangUp,
            Answer::Silence => Reply::Silence,
            Answer::Truncate => Reply::Truncate(usual(self)),
            Answer::Custom(custom) => Reply::Answer(custom.response()),
            Answer::Preset(preset) => Reply::Answer(preset_answer(&preset)),
        }
    }

    fn usual(&self, request: &Request) -> Response<Bytes> {
        let now = self.now();
        let mut state = self.lock();
        let asked = Asked::new(request);
        let is_ticket_list = asked.endpoint() == Endpoint::TicketList;
        if is_ticket_list {
            state.stir(now);
        }
        // What is refused counts, too.
        let limits = state.limits;
        let credits = asked.credits();
        let charge = state.used.take(limits, asked.endpoint(), credits, now);
        let mut response = match charge {
            Charge::Refused { .. } => answer(
                StatusCode::TOO_MANY_REQUESTS,
                &json!({"message": "You have exceeded the limit of requests per minute"}),
            ),
            Charge::Taken { .. } => match self.agent_of(request, &state) {
                None => answer(
                    StatusCode::UNAUTHORIZED,
                    &json!({"code": "invalid_credentials", "message": "You have to be logged in to perform this action."}),
                ),
                Some(agent) => {
                    routes::answer(self, state.shelf.records(), &state.shelf, agent, &asked)
                }
            },
        };
        let headers = response.headers_mut();
        let (remaining, used) = match charge {
            Charge::Taken { remaining } => (remaining, credits),
            Charge::Refused { remaining, .. } => (remaining, 0),
        };
        headers.insert("x-ratelimit-total", limits.total.into());
        headers.insert("x-ratelimit-remaining", remaining.into());
        headers.insert("x-ratelimit-used-currentrequest", used.into());
        if let Charge::Refused { retry_after, .. } = charge {
            headers.insert(http::header::RETRY_AFTER, retry_after.into());
        }
        response
    }

    /// Who has the key. The password does not matter, but there is one.
    fn agent_of(&self, request: &Request, state: &State) -> Option<u64> {
        let encoded = request.header("authorization")?.strip_prefix("Basic ")?;
        let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok()?;
        let (key, password) = decoded.split_once(':')?;
        let (_, agent) = self.0.keys.iter().find(|(known, _)| known == key)?;
        let is_agent = state.shelf.records().agents.contains_key(agent);
        (is_agent && !password.is_empty()).then_some(*agent)
    }
}

impl State {
    fn change_ticket(&mut self, number: u64, now: Timestamp, change: impl FnOnce(&mut Ticket)) {
        if let Some(mut ticket) = self.shelf.take(number) {
            ticket.updated_at = now;
            change(&mut ticket);
            self.shelf.put(ticket);
        }
    }

    fn stir(&mut self, now: Timestamp) {
        let Some(mut unrest) = self.unrest.take().filter(|unrest| unrest.times > 0) else {
            return;
        };
        unrest.times -= 1;
        let numbers: Vec<u64> = self.shelf.records().tickets.keys().copied().collect();
        for _ in 0..unrest.random.usize(..=unrest.changes_max) {
            let Some(number) = unrest.random.choice(&numbers).copied() else {
                continue;
            };
            // Times are whole seconds, and some clocks of theirs are a little late.
            let at = now - SignedDuration::from_secs(unrest.random.i64(0..2));
            self.change_ticket(number, at, |ticket| ticket.subject.push('!'));
        }
        self.unrest = Some(unrest);
    }
}

fn preset_answer(preset: &str) -> Response<Bytes> {
    match preset {
        "too_many" => {
            let body = json!({"message": "You have exceeded the limit of requests per minute"});
            let mut response = answer(StatusCode::TOO_MANY_REQUESTS, &body);
            response
                .headers_mut()
                .insert(http::header::RETRY_AFTER, 1.into());
            response
        }
        "maintenance" => html(StatusCode::SERVICE_UNAVAILABLE, "We will be back soon"),
        "suspended" => html(StatusCode::OK, "This account has been suspended"),
        "require_feature" => routes::require_feature("this"),
        _ => answer(
            StatusCode::INTERNAL_SERVER_ERROR,
            &json!({"code": "internal_error", "message": "We're sorry, but something went wrong."}),
        ),
    }
}

pub(super) fn answer(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json; charset=utf-8");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, kind);
    response
}

fn html(status: StatusCode, text: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(format!(
        "<!DOCTYPE html><html><body><h1>{text}</h1></body></html>"
    )));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, kind);
    response
}

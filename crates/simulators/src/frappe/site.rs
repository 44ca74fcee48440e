//! The site: its state behind one lock, and the way of a request through it.

mod state;
mod style;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::Response;
use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::{
    answer::{self, Answer, Cookies},
    auth::{self, Identity, Sessions},
    cell, control,
    data::{self, Data},
    dispatch,
    exception::{
        AUTHENTICATION, CSRF_TOKEN, Exception, Message, SESSION_STOPPED, TOO_MANY_REQUESTS,
    },
    files,
    journal::{Entry, Journal, shown},
    limits::{Budget, Charge, READ_COST_MICROS, RateLimit, WRITE_COST_MICROS},
    presets,
    random::Random,
    request::{self, Call, Route},
    scripts::{DocumentHandler, Hooks, ScriptHandler},
    transaction::{Blobs, Transaction, User},
    versions::Versions,
};
use state::State;
use style::{Style, wants_html};

use crate::{
    clock::Clock,
    faults::{Answer as Faulty, Fault, Rule, Script},
    server::{Handler, Reply, Request},
};

/// The largest request that Frappe reads, and the largest JSON that `MariaDB` takes.
const BODY_BYTES_MAX: usize = 25 << 20;
const PACKET_BYTES_MAX: usize = 16 << 20;

/// What the site's configuration file says; it may change while the site runs.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether Server Scripts run.
    pub server_script_enabled: bool,
    /// Everything is answered with 503 `SessionStopped`.
    pub maintenance_mode: bool,
    /// The site-wide budget; there is none by default.
    pub rate_limit: Option<RateLimit>,
    /// Milliseconds that every answer waits.
    pub latency_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server_script_enabled: true,
            maintenance_mode: false,
            rate_limit: None,
            latency_ms: 0,
        }
    }
}

/// What cannot change while the site runs.
#[derive(Debug)]
pub(crate) struct Fixed {
    pub versions: Versions,
    pub clock: Clock,
    pub zone: TimeZone,
    pub keep_alive: bool,
}

#[derive(Debug)]
struct Inner {
    fixed: Fixed,
    state: Mutex<State>,
    config: Mutex<Config>,
    journal: Mutex<Journal>,
    faults: Script,
}

/// A handle to a running site: what a test may look at and change past HTTP.
#[derive(Clone, Debug)]
pub struct Site {
    inner: Arc<Inner>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic in a request leaves at worst that request's own rows behind.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Site {
    pub(crate) fn new(
        fixed: Fixed,
        config: Config,
        entries_max: usize,
        data: &Data,
    ) -> Result<Self, data::Error> {
        let mut random = Random::seeded(0x5eed);
        let now = fixed.clock.now().to_zoned(fixed.zone.clone()).datetime();
        let zone = fixed.zone.iana_name().unwrap_or("UTC").to_owned();
        let store = data::load(data, fixed.versions, &zone, now, &mut random)?;
        let state = State {
            store,
            blobs: Blobs::new(),
            random,
            hooks: Hooks::default(),
            sessions: Sessions::new(),
            budget: Budget::default(),
            script_calls: HashMap::new(),
            last: Timestamp::UNIX_EPOCH,
        };
        Ok(Self {
            inner: Arc::new(Inner {
                fixed,
                state: Mutex::new(state),
                config: Mutex::new(config),
                journal: Mutex::new(Journal::new(entries_max)),
                faults: Script::default(),
            }),
        })
    }

    /// Replaces the fault script.
    pub fn set_faults(&self, rules: Vec<Rule>) {
        self.inner.faults.set(rules);
    }

    /// Changes the site's configuration file.
    pub fn configure(&self, change: impl FnOnce(&mut Config)) {
        change(&mut lock(&self.inner.config));
    }

    /// The site's configuration file.
    pub fn config(&self) -> Config {
        *lock(&self.inner.config)
    }

    /// The last requests, oldest first.
    pub fn journal(&self) -> Vec<Entry> {
        lock(&self.inner.journal).entries()
    }

    /// Forgets the requests so far; the counts of [`Self::stats`] stay.
    pub fn clear_journal(&self) {
        lock(&self.inner.journal).clear();
    }

    /// How many requests there were: all, by status, by name.
    pub fn stats(&self) -> serde_json::Value {
        lock(&self.inner.journal).stats()
    }

    /// All documents, users and secrets.
    pub fn data(&self) -> Data {
        data::dump(&lock(&self.inner.state).store)
    }

    /// Replaces all documents; sessions end.
    ///
    /// # Errors
    /// When the data does not fit the DocTypes; the site stays as it was.
    pub fn set_data(&self, data: &Data) -> Result<(), data::Error> {
        let fixed = &self.inner.fixed;
        let mut state = lock(&self.inner.state);
        let now = fixed.clock.now().to_zoned(fixed.zone.clone()).datetime();
        let zone = fixed.zone.iana_name().unwrap_or("UTC").to_owned();
        state.store = data::load(data, fixed.versions, &zone, now, &mut state.random)?;
        state.sessions.clear();
        state.blobs.clear();
        Ok(())
    }

    /// Runs a native function when the API script of this method is called.
    pub fn register_script(&self, method: &str, handler: ScriptHandler) {
        lock(&self.inner.state).hooks.script(method, handler);
    }

    /// Runs a native function before documents of this DocType are inserted, as a `Before Insert` script
    /// would.
    pub fn register_before_insert(&self, doctype: &str, handler: DocumentHandler) {
        lock(&self.inner.state).hooks.document(doctype, handler);
    }

    /// A stored document as `frappe.client.get` shows it, past all rights; null when there is none.
    pub fn document(&self, doctype: &str, name: &str) -> serde_json::Value {
        let state = lock(&self.inner.state);
        let meta = state.store.doctype(doctype).cloned();
        let row = state.store.row(doctype, name).cloned();
        meta.zip(row)
            .map_or(serde_json::Value::Null, |(meta, row)| {
                let document = super::document::Document::load(&meta, &row, &state.store);
                document.json(super::document::Nulls::Kept)
            })
    }

    /// How many documents of a DocType there are.
    pub fn count(&self, doctype: &str) -> usize {
        lock(&self.inner.state).store.count(doctype)
    }

    fn response(&self, answer: Answer) -> Response<Bytes> {
        answer.response(self.inner.fixed.keep_alive)
    }

    /// Serves one request as a site without faults would.
    fn serve(&self, request: &Request, name: &str, is_fault: bool) -> Answer {
        let mut seen = Seen::default();
        let answer = self.answer(request, &mut seen);
        self.note(
            request,
            name,
            &seen,
            answer.status,
            answer.exc_type,
            is_fault,
        );
        answer
    }

    fn note(
        &self,
        request: &Request,
        name: &str,
        seen: &Seen,
        status: u16,
        exc_type: Option<&str>,
        is_fault: bool,
    ) {
        let fixed = &self.inner.fixed;
        lock(&self.inner.journal).note(name, status, |number| Entry {
            number,
            at: cell::datetime_text(fixed.clock.now().to_zoned(fixed.zone.clone()).datetime()),
            name: name.to_owned(),
            method: request.head.method.to_string(),
            path: request::path(request),
            params: seen.params.clone(),
            user: seen.user.clone().unwrap_or_else(|| "Guest".to_owned()),
            status,
            exc_type: exc_type.map(str::to_owned),
            is_fault,
        });
    }

    fn answer(&self, request: &Request, seen: &mut Seen) -> Answer {
        let config = self.config();
        if request.body.len() > BODY_BYTES_MAX {
            let sentence = "The data value transmitted exceeds the capacity limit.";
            return answer::plain_page(413, "Request Entity Too Large", sentence);
        }
        let is_json = request
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("application/json"));
        if is_json && request.body.len() > PACKET_BYTES_MAX {
            let page = "<html>\n  <head>\n    <title>Internal Server Error</title>\n  </head>\n  <body>\n    \
                        <h1><p>Internal Server Error</p></h1>\n    \n  </body>\n</html>\n";
            return Answer::new(500, "text/html", page);
        }
        if request.head.method == http::Method::OPTIONS {
            return Answer::new(200, "text/plain; charset=utf-8", "");
        }
        let mut state = lock(&self.inner.state);
        let charge = config.rate_limit.map(|limit| {
            let cost = match request.head.method.as_str() {
                "GET" | "HEAD" => READ_COST_MICROS,
                _ => WRITE_COST_MICROS,
            };
            state
                .budget
                .charge(limit, cost, self.inner.fixed.clock.now())
        });
        let mut answer = self.admitted(&mut state, request, config, charge.as_ref(), seen);
        if let Some(charge) = charge {
            charge.tell(&mut answer);
        }
        answer
    }

    fn admitted(
        &self,
        state: &mut State,
        request: &Request,
        config: Config,
        charge: Option<&Charge>,
        seen: &mut Seen,
    ) -> Answer {
        let route = Route::of(&request::path(request));
        let style = Style {
            api: route.api(),
            traceback: state.allows_traceback(),
            is_html: wants_html(request, &route),
        };
        let guest = |exception: Exception| {
            let mut answer = style.failure(&exception, &[]);
            answer.cookies = Cookies::Set(Cookies::guest());
            answer
        };
        if config.maintenance_mode {
            return guest(Exception::bare(SESSION_STOPPED));
        }
        if charge.is_some_and(Charge::is_refused) {
            return guest(Exception::bare(TOO_MANY_REQUESTS));
        }
        let call = match request::parse(request) {
            Ok(call) => call,
            Err(exception) => return style.failure(&exception, &[]),
        };
        if lock(&self.inner.journal).is_kept() && request.body.len() <= 64 << 10 {
            seen.params = shown(&call.params);
        }
        if let Route::PublicFile(url) = &call.route {
            return match state.blobs.get(url.as_str()) {
                Some(content) => Answer::new(200, files::content_type(url), content.clone()),
                None => answer::plain_page(404, "Not Found", "There is no such file."),
            };
        }
        let identity = match auth::identify(request, &state.sessions, &state.store) {
            Ok(identity) => identity,
            Err(refused) => return self.refused(state, &style, &refused),
        };
        seen.user = Some(identity.user.name.to_string());
        match &call.route {
            Route::Method(_, path) if path == "login" => {
                let now = cell::datetime_text(state.tick(&self.inner.fixed));
                state.log_in(&call, &style, &now)
            }
            Route::Method(_, path) if path == "logout" => state.log_out(&identity),
            Route::Page(path) => state.page(path, &identity),
            Route::PrivateFile(url) => self.private_file(state, &identity, url),
            _ => self.api(state, &call, &identity, &style),
        }
    }

    fn refused(&self, state: &mut State, style: &Style, refused: &auth::Refused) -> Answer {
        let exception = &refused.exception;
        let messages = match exception.class {
            CSRF_TOKEN => vec![Message::thrown("Invalid Request", &mut state.random)],
            _ => Vec::new(),
        };
        let mut answer = style.failed(exception, &messages, refused.is_expired);
        let cookies = state.cookies(refused.sid.as_deref());
        answer.cookies = match refused.clears_cookies || refused.is_expired {
            true => Cookies::Cleared(Cookies::guest()),
            false => Cookies::Set(cookies),
        };
        answer
    }

    fn transaction<'a>(&'a self, state: &'a mut State, user: User) -> Transaction<'a> {
        // What a request that panicked had written is not to become part of this one.
        state.store.roll_back();
        let now = state.tick(&self.inner.fixed);
        Transaction {
            store: &mut state.store,
            blobs: &mut state.blobs,
            random: &mut state.random,
            hooks: &state.hooks,
            versions: &self.inner.fixed.versions,
            runs_scripts: self.config().server_script_enabled,
            user,
            now,
            messages: Vec::new(),
            is_trusted: false,
        }
    }

    fn private_file(&self, state: &mut State, identity: &Identity, url: &str) -> Answer {
        let content = {
            let mut transaction = self.transaction(state, identity.user.clone());
            files::private(&mut transaction, url)
        };
        let Some(content) = content else {
            let sentence = "You don&#39;t have permission to access this file";
            return answer::plain_page(403, "Forbidden", sentence);
        };
        let mut answer = Answer::new(200, files::content_type(url), content);
        answer.cookies = Cookies::Set(state.cookies(identity.sid.as_deref()));
        answer
    }

    fn api(&self, state: &mut State, call: &Call, identity: &Identity, style: &Style) -> Answer {
        let seconds = self.inner.fixed.clock.now().as_second();
        let mut calls = std::mem::take(&mut state.script_calls);
        let mut count = |method: &str, calls_max: i64, window: i64| {
            let begun = seconds - seconds.rem_euclid(window.max(1));
            let entry = calls.entry(method.to_owned()).or_insert((begun, 0));
            if entry.0 != begun {
                *entry = (begun, 0);
            }
            entry.1 += 1;
            entry.1 <= calls_max
        };
        let (done, messages) = {
            let mut transaction = self.transaction(state, identity.user.clone());
            let done = dispatch::run(&mut transaction, call, &mut count);
            (done, transaction.messages)
        };
        state.script_calls = calls;
        match done.is_ok() && call.commits() {
            true => state.store.commit(),
            false => state.store.roll_back(),
        }
        let mut answer = match done {
            Ok(done) => style.done(done, &messages, identity.is_expired),
            Err(exception) => style.failed(&exception, &messages, identity.is_expired),
        };
        let cookies = state.cookies(identity.sid.as_deref());
        let forgets = identity.is_expired || answer.exc_type == Some(AUTHENTICATION.name);
        answer.cookies = match (forgets, answer.status) {
            (_, 405) => Cookies::None,
            (true, _) => Cookies::Cleared(cookies),
            (false, _) => Cookies::Set(cookies),
        };
        answer
    }
}

/// What the journal is to say about a request.
#[derive(Default)]
struct Seen {
    user: Option<String>,
    params: Map<String, serde_json::Value>,
}

impl Handler for Site {
    async fn handle(&self, request: Request) -> Reply {
        if let Some(answered) = control::answer(self, &request) {
            return Reply::Answer(answered);
        }
        let name = request::name(&request);
        let latency = Duration::from_millis(self.config().latency_ms);
        let fault = self.inner.faults.next(&name);
        let delay = fault
            .as_ref()
            .map_or(latency, |fault| latency + fault.delay);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        match fault {
            None => Reply::Answer(self.response(self.serve(&request, &name, false))),
            Some(fault) => self.misbehave(&request, &name, &fault),
        }
    }
}

impl Site {
    fn misbehave(&self, request: &Request, name: &str, fault: &Fault) -> Reply {
        let usual = matches!(fault.answer, Faulty::Usual | Faulty::Truncate);
        let served = (usual || fault.execute).then(|| self.serve(request, name, true));
        let note = |status: u16| {
            if served.is_none() {
                self.note(request, name, &Seen::default(), status, None, true);
            }
        };
        match &fault.answer {
            Faulty::HangUp => {
                note(0);
                Reply::HangUp
            }
            Faulty::Silence => {
                note(0);
                Reply::Silence
            }
            Faulty::Preset(preset) => {
                let api = Route::of(&request::path(request)).api();
                let traceback = lock(&self.inner.state).allows_traceback();
                let answer = presets::answer(preset, api, traceback);
                note(answer.status);
                Reply::Answer(self.response(answer))
            }
            Faulty::Custom(custom) => {
                note(custom.status);
                Reply::Answer(custom.response())
            }
            Faulty::Usual | Faulty::Truncate => {
                let answer = served.unwrap_or_else(|| Answer::html(500, ""));
                let response = self.response(answer);
                match fault.answer {
                    Faulty::Truncate => Reply::Truncate(response),
                    _ => Reply::Answer(response),
                }
            }
        }
    }
}

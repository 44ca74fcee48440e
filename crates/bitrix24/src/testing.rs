//! A portal in memory, for tests under a paused clock: no sockets, no threads.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use reqwest::Url;
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    Client, Options, Portal, Webhook,
    decode::Received,
    error::Class,
    transport::{Delivery, Outgoing, Question, Transport},
};

/// What the portal answers to one command: an envelope with `result` or `error`.
pub(crate) type Handler = Box<dyn Fn(&str, &Value) -> Value + Send + Sync>;

/// A request that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) user_id: u64,
    /// The token of an application.
    pub(crate) auth: Option<String>,
    pub(crate) is_batch: bool,
    pub(crate) halts: bool,
    /// Method and parameters of each command.
    pub(crate) commands: Vec<(String, Value)>,
}

/// What happens to a request instead of an answer.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The connection is never made.
    NoConnection,
    /// The connection breaks, after the commands have run or before.
    HungUp { executes: bool },
    /// No answer ever comes.
    Silence,
    /// This status and body, without executing anything.
    Answer(u16, String),
    /// The request is served.
    None,
}

pub(crate) struct Memory {
    latency: Duration,
    per_command: Duration,
    handler: Handler,
    /// Answers to more commands than this are larger than allowed.
    commands_max: usize,
    /// Capacity and leak per second of the bucket; no limit without.
    limit: Option<(f64, f64)>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    arrived: Vec<Arrived>,
    executed: Vec<String>,
    faults: VecDeque<Fault>,
    refused: usize,
    /// The only token that is taken; without it nobody looks.
    token_in_force: Option<String>,
    /// The refresh tokens that were spent, in order.
    renewals: Vec<String>,
    /// What the authorization server answers before it gives tokens.
    authorization: VecDeque<(u16, String)>,
    /// Whether its answers get lost.
    authorization_is_deaf: bool,
    level: f64,
    drained_at: Option<Instant>,
}

impl Memory {
    pub(crate) fn new(latency_ms: u64, handler: Handler) -> Self {
        Self {
            latency: Duration::from_millis(latency_ms),
            per_command: Duration::ZERO,
            handler,
            commands_max: usize::MAX,
            limit: None,
            state: Mutex::default(),
        }
    }

    /// Answers every command with its own parameters.
    pub(crate) fn echo(latency_ms: u64) -> Self {
        Self::new(
            latency_ms,
            Box::new(|_, params| json!({"result": params.clone(), "time": {}})),
        )
    }

    pub(crate) fn per_command(mut self, ms: u64) -> Self {
        self.per_command = Duration::from_millis(ms);
        self
    }

    pub(crate) fn too_large_beyond(mut self, commands: usize) -> Self {
        self.commands_max = commands;
        self
    }

    pub(crate) fn limited(mut self, capacity: f64, per_second: f64) -> Self {
        self.limit = Some((capacity, per_second));
        self
    }

    pub(crate) fn faults(self, faults: impl IntoIterator<Item = Fault>) -> Self {
        self.state.lock().unwrap().faults.extend(faults);
        self
    }

    /// The refresh tokens that were spent, in order.
    pub(crate) fn renewals(&self) -> Vec<String> {
        self.state.lock().unwrap().renewals.clone()
    }

    /// Takes this token from now on, and no other.
    pub(crate) fn take_only(&self, token: &str) {
        self.state.lock().unwrap().token_in_force = Some(token.to_owned());
    }

    /// Lets the authorization server answer so next.
    pub(crate) fn authorization_answers(&self, status: u16, body: &str) {
        let mut state = self.state.lock().unwrap();
        state.authorization.push_back((status, body.to_owned()));
    }

    /// Lets the answers of the authorization server get lost, or no more.
    pub(crate) fn deafen(&self, is_deaf: bool) {
        self.state.lock().unwrap().authorization_is_deaf = is_deaf;
    }

    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        self.state.lock().unwrap().arrived.clone()
    }

    /// The methods that ran, in order.
    pub(crate) fn executed(&self) -> Vec<String> {
        self.state.lock().unwrap().executed.clone()
    }

    /// How many requests were refused because the bucket was full.
    pub(crate) fn refused(&self) -> usize {
        self.state.lock().unwrap().refused
    }

    /// Counts a request; whether it is refused.
    fn overflows(&self) -> bool {
        let Some((capacity, per_second)) = self.limit else {
            return false;
        };
        let mut state = self.state.lock().unwrap();
        let now = Instant::now();
        let elapsed = state.drained_at.map_or(0.0, |at| (now - at).as_secs_f64());
        state.level = (state.level - elapsed * per_second).max(0.0) + 1.0;
        state.drained_at = Some(now);
        let overflows = state.level > capacity + 1e-6;
        state.refused += usize::from(overflows);
        overflows
    }

    fn execute(&self, arrived: &Arrived) -> Value {
        let run = |(method, params): &(String, Value)| {
            self.state.lock().unwrap().executed.push(method.clone());
            (self.handler)(method, params)
        };
        if !arrived.is_batch {
            return run(&arrived.commands[0]);
        }
        let (mut results, mut errors, mut times) = (Map::new(), Map::new(), Map::new());
        for (place, (method, params)) in arrived.commands.iter().enumerate() {
            let label = format!("c{place}");
            let params = resolved(params, &results);
            let answer = run(&(method.clone(), params));
            times.insert(label.clone(), answer["time"].clone());
            if answer.get("error").is_some() {
                errors.insert(label, answer);
                if arrived.halts {
                    break;
                }
            } else {
                results.insert(label, answer["result"].clone());
            }
        }
        let php = |map: Map<String, Value>| {
            if map.is_empty() {
                json!([])
            } else {
                json!(map)
            }
        };
        let inner = json!({
            "result": php(results),
            "result_error": php(errors),
            "result_time": php(times),
        });
        json!({"result": inner, "time": {"operating": 0.1}})
    }
}

impl Transport for Arc<Memory> {
    async fn send(&self, outgoing: Outgoing) -> Delivery {
        let arrived = Arrived::read(&outgoing);
        let fault = {
            let mut state = self.state.lock().unwrap();
            state.arrived.push(arrived.clone());
            state.faults.pop_front().unwrap_or(Fault::None)
        };
        let work = async {
            let commands = u32::try_from(arrived.commands.len()).unwrap();
            if self.overflows() {
                sleep(self.latency).await;
                return answer(503, r#"{"error":"QUERY_LIMIT_EXCEEDED"}"#.to_owned());
            }
            let in_force = self.state.lock().unwrap().token_in_force.clone();
            if in_force.is_some() && arrived.auth != in_force {
                sleep(self.latency).await;
                return answer(401, r#"{"error":"expired_token"}"#.to_owned());
            }
            match fault {
                Fault::NoConnection => Delivery::Failed(Class::NoConnection, None),
                Fault::Silence => std::future::pending().await,
                Fault::HungUp { executes } => {
                    sleep(self.latency).await;
                    if executes {
                        self.execute(&arrived);
                    }
                    Delivery::Failed(Class::HungUp, Some("connection reset".into()))
                }
                Fault::Answer(status, body) => {
                    sleep(self.latency).await;
                    answer(status, body)
                }
                Fault::None => {
                    sleep(self.latency + self.per_command * commands).await;
                    if arrived.commands.len() > self.commands_max {
                        return Delivery::Failed(Class::TooLarge, None);
                    }
                    let body = self.execute(&arrived);
                    let is_plain_error = !arrived.is_batch && body.get("error").is_some();
                    answer(if is_plain_error { 400 } else { 200 }, body.to_string())
                }
            }
        };
        let late = tokio::time::timeout_at(outgoing.deadline, work).await;
        late.unwrap_or(Delivery::Failed(Class::Deadline, None))
    }

    async fn ask(&self, question: Question) -> Delivery {
        let url = Url::parse(question.url.expose_secret()).unwrap();
        let said = |name: &str| {
            let pair = url.query_pairs().find(|(key, _)| key == name);
            pair.map(|(_, value)| value.into_owned())
                .unwrap_or_default()
        };
        let spent = said("refresh_token");
        let (take, is_lost) = {
            let mut state = self.state.lock().unwrap();
            state.renewals.push(spent.clone());
            (state.authorization.pop_front(), state.authorization_is_deaf)
        };
        sleep(self.latency).await;
        match take {
            _ if is_lost => Delivery::Failed(Class::HungUp, Some(format!("lost {spent}").into())),
            Some((status, body)) => answer(status, body),
            None => {
                let mut state = self.state.lock().unwrap();
                let number = state.renewals.len();
                state.token_in_force = Some(format!("access{number}"));
                answer(
                    200,
                    json!({
                        "access_token": format!("access{number}"),
                        "refresh_token": format!("refresh{number}"),
                        "expires_in": 3600,
                    })
                    .to_string(),
                )
            }
        }
    }
}

fn answer(status: u16, body: String) -> Delivery {
    Delivery::Received(Received {
        status,
        body: body.into(),
        location: None,
    })
}

impl Arrived {
    fn read(outgoing: &Outgoing) -> Self {
        let body: Value = serde_json::from_slice(&outgoing.body).unwrap();
        let is_batch = &*outgoing.method == "batch";
        let commands = if is_batch {
            // The order on the wire is the order of execution, and a sorted map would lose it.
            let labels = body["cmd"].as_object().unwrap().len();
            (0..labels)
                .map(|n| {
                    let command = body["cmd"][format!("c{n}")].as_str().unwrap();
                    let (method, query) = command.split_once('?').unwrap();
                    (method.to_owned(), php_params(query))
                })
                .collect()
        } else {
            vec![(outgoing.method.to_string(), body.clone())]
        };
        Self {
            user_id: outgoing.signature.user_id(),
            auth: body["auth"].as_str().map(str::to_owned),
            is_batch,
            halts: body["halt"] == 1,
            commands,
        }
    }
}

/// Reads query text with brackets into a tree, as PHP does.
fn php_params(query: &str) -> Value {
    let mut root = json!({});
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let mut place = &mut root;
        for part in key.split('[').map(|part| part.trim_end_matches(']')) {
            place = place
                .as_object_mut()
                .unwrap()
                .entry(part.to_owned())
                .or_insert_with(|| json!({}));
        }
        *place = json!(value);
    }
    root
}

/// Puts earlier results in the place of references; what is not there stays as text.
fn resolved(params: &Value, results: &Map<String, Value>) -> Value {
    match params {
        Value::Object(map) => {
            let resolve = |(key, value): (&String, &Value)| (key.clone(), resolved(value, results));
            Value::Object(map.iter().map(resolve).collect())
        }
        Value::String(text) => {
            let Some(path) = text.strip_prefix("$result") else {
                return params.clone();
            };
            let mut value = Some(&Value::Object(results.clone())).cloned();
            for part in path
                .split('[')
                .skip(1)
                .map(|part| part.trim_end_matches(']'))
            {
                value = match (value, part.parse::<usize>()) {
                    (Some(Value::Array(list)), Ok(index)) => list.get(index).cloned(),
                    (Some(Value::Object(map)), _) => map.get(part).cloned(),
                    _ => None,
                };
            }
            value.unwrap_or_else(|| params.clone())
        }
        other => other.clone(),
    }
}

pub(crate) fn webhook(user_id: u64) -> Webhook {
    Webhook::parse(&format!(
        "https://portal.test/rest/{user_id}/pl4nt3ds3cr3t/"
    ))
    .unwrap()
}

/// A client of a portal in memory, seeded.
pub(crate) fn client(memory: &Arc<Memory>, options: Options) -> Client {
    let options = Options {
        seed: Some(1),
        ..options
    };
    let webhook = webhook(1);
    let portal = Portal::with_transport(webhook.portal_base(), &options, Arc::clone(memory));
    portal.client(webhook).unwrap()
}

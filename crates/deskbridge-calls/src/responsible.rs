//! Who takes the call of a client: the address that the dialplan asks while the client waits.
//!
//! It answers within [`DEADLINE_MAX`] whatever the CRM does. An answer that came too late is empty, which lets the call
//! go where calls go; what the CRM said by then is remembered, and the next call of the client has it at once. Only what
//! the CRM said is remembered, not what followed from it, so that working hours count to the second.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Path, State, rejection::PathRejection},
    response::{IntoResponse as _, Response},
    routing::get,
};
use bitrix24::{Caller, CrmKind, Workday};
use deskbridge_core::{Chain, Clock};
use deskbridge_hooks::{Decision, Hooks, Point};
use deskbridge_http::{ApiError, Code, Params, Peer, TrustedSecrets, caller::bearer_token};
use deskbridge_journal::Tasks;
use http::{HeaderMap, header};
use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::Cache;
use serde_json::json;
use tokio::{
    sync::{Semaphore, oneshot},
    time::{Instant, timeout, timeout_at},
};

use crate::{
    counted::Lookups,
    decide::{
        numbers,
        responsible::{Answer, EntityKind, Found, Reason, Timeman, answer},
        users::UserId,
    },
    people::Directory,
    settings::Settings,
};

/// The longest time that a client waits for an answer.
pub const DEADLINE_MAX: Duration = Duration::from_secs(1);
/// How many numbers are remembered.
const REMEMBERED_MAX: usize = 10_000;
/// How many numbers are asked for at once; beyond that the answer is empty.
const ASKED_MAX: usize = 64;
/// Characters of a number at most.
const PHONE_CHARACTERS_MAX: usize = 64;

/// A PBX that may ask.
#[derive(Clone)]
pub struct Pbx {
    /// What becomes of its calls.
    pub settings: Arc<Settings>,
    /// Who in the CRM is asked.
    pub crm: bitrix24::Client,
    /// Who answers which phone.
    pub directory: Directory,
    /// Who may decide otherwise.
    pub hooks: Arc<Hooks>,
    /// What it proves itself by; without any nobody may ask.
    pub tokens: TrustedSecrets,
    /// Where it may ask from; anywhere when there is none.
    pub networks: Vec<IpNet>,
}

impl Pbx {
    fn may_ask_from(&self, peer: Peer) -> bool {
        let Peer(address) = peer;
        let contains = |address| {
            self.networks
                .iter()
                .any(|network| network.contains(&address))
        };
        self.networks.is_empty() || address.is_some_and(contains)
    }
}

/// What answers.
#[derive(Clone)]
pub struct Desk(Arc<Inner>);

struct Inner {
    pbxs: BTreeMap<String, Pbx>,
    clock: Clock,
    tasks: Tasks,
    remembered: Cache<(String, String), Remembered>,
    asked: Arc<Semaphore>,
    counted: Arc<Lookups>,
}

#[derive(Clone)]
struct Remembered {
    found: Arc<Vec<Found>>,
    at: Timestamp,
}

impl Desk {
    /// The PBXs, by the names of their connections.
    pub fn new(
        pbxs: impl IntoIterator<Item = Pbx>,
        clock: Clock,
        tasks: Tasks,
        counted: Arc<Lookups>,
    ) -> Self {
        let pbxs = pbxs.into_iter();
        let pbxs = pbxs.map(|pbx| (pbx.settings.connection.clone(), pbx));
        Self(Arc::new(Inner {
            pbxs: pbxs.collect(),
            clock,
            tasks,
            remembered: Cache::new(REMEMBERED_MAX),
            asked: Arc::new(Semaphore::new(ASKED_MAX)),
            counted,
        }))
    }

    /// The route `GET /pbx/{connection}/responsible`.
    pub fn router(self) -> Router {
        Router::new()
            .route("/pbx/{connection}/responsible", get(responsible))
            .with_state(self)
    }

    /// Who takes the call; `None` when the CRM did not say so in time.
    async fn answer(&self, pbx: &Pbx, phone: &str) -> Option<Answer> {
        let settings = &pbx.settings;
        let until = Instant::now() + DEADLINE_MAX;
        let found = self.found(pbx, phone).await?;
        let people = pbx.directory.people();
        let now = self.0.clock.now();
        let planned = answer(phone, &found, settings, &people, now);
        let wanted = as_wanted(&pbx.hooks, planned.clone(), phone);
        Some(timeout_at(until, wanted).await.unwrap_or(planned))
    }

    async fn found(&self, pbx: &Pbx, phone: &str) -> Option<Arc<Vec<Found>>> {
        let lookup = &pbx.settings.responsible;
        let line = String::new();
        let incoming = crate::call::Direction::Incoming;
        let Some(number) = pbx.settings.numbers.for_crm(phone, &line, incoming) else {
            return Some(Arc::default());
        };
        if !lookup.enabled {
            return Some(Arc::default());
        }
        let key = (pbx.settings.connection.clone(), number);
        let believed_for = SignedDuration::from_secs(lookup.believed_s.into());
        if let Some(known) = self.0.remembered.get(&key)
            && self.0.clock.now().duration_since(known.at) < believed_for
        {
            self.0.counted.remembered.add_one();
            return Some(known.found);
        }
        let told = self.told(pbx, key).await;
        match told {
            Some(_) => self.0.counted.answered.add_one(),
            None => self.0.counted.unanswered.add_one(),
        }
        told
    }

    /// What the CRM says of a number of a PBX, if it does so in time.
    async fn told(&self, pbx: &Pbx, key: (String, String)) -> Option<Arc<Vec<Found>>> {
        let lookup = &pbx.settings.responsible;
        let permit = Arc::clone(&self.0.asked).try_acquire_owned().ok()?;
        let (tell, told) = oneshot::channel();
        let (inner, crm) = (Arc::clone(&self.0), pbx.crm.clone());
        // In a task of its own: what comes too late for this call is there for the next one.
        self.0.tasks.spawn("responsible", async move {
            let _permit = permit;
            match crm.callers(&key.1).await {
                Ok(callers) => {
                    let found: Vec<Found> = callers.iter().filter_map(found).collect();
                    let (found, at) = (Arc::new(found), inner.clock.now());
                    let remembered = Remembered {
                        found: Arc::clone(&found),
                        at,
                    };
                    inner.remembered.insert(key, remembered);
                    // Whoever asked may be gone.
                    drop(tell.send(found));
                }
                Err(error) => {
                    let connection = key.0;
                    tracing::warn!(connection, error = %Chain(&error), "Who is responsible for a caller was not told");
                }
            }
        });
        let deadline = Duration::from_millis(lookup.deadline_ms.into()).min(DEADLINE_MAX);
        timeout(deadline, told).await.ok()?.ok()
    }
}

fn found(caller: &Caller) -> Option<Found> {
    let responsible = caller.responsible.as_ref();
    let timeman = match responsible.and_then(|by| by.workday) {
        Some(Workday::Opened) => Timeman::Opened,
        Some(Workday::Closed) => Timeman::Closed,
        Some(Workday::Paused) => Timeman::Paused,
        Some(Workday::Expired) => Timeman::Expired,
        None => Timeman::NotInstalled,
    };
    let extension = responsible.and_then(|by| by.inner_phone.clone());
    Some(Found {
        kind: match caller.record.kind {
            CrmKind::Contact => EntityKind::Contact,
            CrmKind::Company => EntityKind::Company,
            CrmKind::Lead => EntityKind::Lead,
            CrmKind::Deal => return None,
        },
        name: caller.name.clone().unwrap_or_default(),
        assigned_to: responsible.and_then(|by| UserId::new(by.user.get())),
        timeman,
        extension: extension.unwrap_or_default(),
    })
}

async fn responsible(
    State(desk): State<Desk>,
    connection: Result<Path<String>, PathRejection>,
    peer: Peer,
    headers: HeaderMap,
    asked: Params,
) -> Result<Response, ApiError> {
    let name = connection.ok().map(|Path(name)| name);
    let pbx = name.as_ref().and_then(|name| desk.0.pbxs.get(name));
    let token = match bearer_token(&headers)? {
        Some(token) => Some(token),
        None => asked.text(&["token"]),
    };
    // Which connections there are is told to nobody who may not ask.
    let pbx = pbx.filter(|pbx| token.is_some_and(|token| pbx.tokens.accept(token)));
    let pbx = pbx.filter(|pbx| {
        let may_ask = pbx.may_ask_from(peer);
        if !may_ask {
            let (connection, peer) = (&pbx.settings.connection, peer.0);
            tracing::warn!(
                connection,
                ?peer,
                "Somebody with the token asked from outside of lookup_networks"
            );
        }
        may_ask
    });
    let pbx = pbx.ok_or_else(|| {
        desk.0.counted.refused.add_one();
        ApiError::new(Code::WrongToken, "")
    })?;
    let phone = asked.text(&["phone"]).unwrap_or_default();
    if phone.chars().count() > PHONE_CHARACTERS_MAX {
        return Err(ApiError::new(Code::InvalidParameter, "phone"));
    }
    let answer = desk.answer(pbx, phone).await;
    Ok(match asked.text(&["format"]) {
        Some("json") => as_json(answer.as_ref()),
        Some("named") => as_named(answer.as_ref()),
        _ => as_text(answer.as_ref()),
    })
}

/// The answer as a hook wants it.
async fn as_wanted(hooks: &Hooks, planned: Answer, phone: &str) -> Answer {
    if !hooks.asks(Point::Autodistribution) {
        return planned;
    }
    let known = json!({"params": {
        "phone": phone,
        "extension": planned.extension.as_deref().unwrap_or_default(),
        "name": planned.name.as_deref().unwrap_or_default(),
        "responsible": planned.user.map(|user| json!({"ID": user})),
    }});
    let Decision::Changed(change) = hooks.decide(Point::Autodistribution, &known).await else {
        return planned;
    };
    let text = |name: &str| change.data.get(name).and_then(serde_json::Value::as_str);
    let extension = text("extension").and_then(numbers::extension);
    let name = text("name").filter(|name| !name.is_empty());
    Answer {
        reason: match extension {
            Some(_) => Reason::Hook,
            None => planned.reason,
        },
        extension: extension.map(str::to_owned).or(planned.extension),
        name: name.map(str::to_owned).or(planned.name),
        user: planned.user,
    }
}

fn as_text(answer: Option<&Answer>) -> Response {
    let extension = answer.and_then(|answer| answer.extension.clone());
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (kind, extension.unwrap_or_default()).into_response()
}

/// The extension and the client's name, between them the sign by which a dialplan cuts; nothing where there is no
/// extension.
fn as_named(answer: Option<&Answer>) -> Response {
    let named = answer.and_then(|answer| {
        let extension = answer.extension.as_deref()?;
        let name = answer.name.as_deref().unwrap_or_default();
        Some(format!("{extension}|{}", name.replace('|', " ")))
    });
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (kind, named.unwrap_or_default()).into_response()
}

fn as_json(answer: Option<&Answer>) -> Response {
    let body = match answer {
        Some(answer) => json!({
            "extension": answer.extension,
            "name": answer.name,
            "user_id": answer.user,
            "reason": answer.reason.to_string(),
        }),
        None => json!({
            "extension": null,
            "name": null,
            "user_id": null,
            "reason": "the CRM did not answer in time",
        }),
    };
    (
        [(header::CONTENT_TYPE, "application/json")],
        body.to_string(),
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use deskbridge_hooks::{Hook, Runner, runner::program::Program, suspension::Rules};

    use super::*;

    async fn wanted(script: &str) -> Answer {
        let command = ["sh", "-c", script].map(str::to_owned);
        let program = Program::new(command.into(), "/", Arc::new(Semaphore::new(1)));
        let within = Duration::from_secs(20);
        let hook = Hook::new(
            "customize_autodistribution",
            Runner::Program(program),
            within,
        )
        .unwrap();
        let hooks = Hooks::new(vec![Arc::new(hook)], Rules::default(), Clock::default()).unwrap();
        let planned = Answer {
            extension: Some("101".to_owned()),
            name: None,
            user: UserId::new(7),
            reason: Reason::AtWork,
        };
        as_wanted(&hooks, planned, "842855500123").await
    }

    #[tokio::test]
    async fn a_hook_may_have_another_phone_rung() {
        let script = r#"grep -q '"extension":"101"' && echo '{"data": {"extension": "202", "name": "Shop"}}'"#;
        let answer = wanted(script).await;
        assert_eq!(
            (answer.extension.as_deref(), answer.name.as_deref()),
            (Some("202"), Some("Shop"))
        );
        assert_eq!(answer.reason, Reason::Hook);
        for script in [
            "echo null",
            "exit 1",
            r#"echo '{"data": {"extension": "none"}}'"#,
            r#"echo '{"data": {"extension": ""}}'"#,
        ] {
            let answer = wanted(script).await;
            assert_eq!(
                (answer.extension.as_deref(), answer.reason),
                (Some("101"), Reason::AtWork),
                "{script}"
            );
        }
    }
}

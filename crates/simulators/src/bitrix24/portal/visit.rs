//! One request on its way through a portal.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::StatusCode;
use jiff::Timestamp;
use tokio::time::Instant;

use super::{Inner, Settings, lock};
use crate::{
    bitrix24::{
        address::{Address, Format},
        answer::{self, Code, Refusal, html_response, json_response},
        applications::{MEMBER_ID, Token},
        behaviour::{PlainHttp, WrongSecret},
        data::Webhook,
        journal::Entry,
        methods::{self, Signer},
        params::{File, Params},
        presets::{self, Preset},
    },
    faults::{self, Fault},
    server::{Reply, Request},
};

/// One request: what it asks, in whose name, and how far it is.
pub(super) struct Visit<'a> {
    pub portal: &'a Inner,
    pub settings: Arc<Settings>,
    pub params: Params,
    /// Files that came with it.
    pub files: Vec<File>,
    pub arrived_at: Timestamp,
    /// Its number in the journal.
    number: u64,
    address: Address,
    path_and_query: String,
    secure: bool,
    /// What its calls cost of operating time so far, in microseconds.
    pub cost_us: i64,
    /// When the artificial latency so far will have passed.
    due: Instant,
}

/// Who calls: a webhook or an application, and its number; applications are numbered after all webhooks.
pub(super) struct Caller {
    pub number: usize,
    /// The user and the scopes.
    pub webhook: Arc<Webhook>,
    pub application: Option<Signer>,
}

/// How a request ends.
pub(super) enum Ending {
    Refused(Refusal),
    Answered(Box<http::Response<Bytes>>),
    /// The answer breaks off in the middle.
    Cut(Box<http::Response<Bytes>>),
    HangUp,
    Silence,
}

impl From<http::Response<Bytes>> for Ending {
    fn from(response: http::Response<Bytes>) -> Self {
        Self::Answered(Box::new(response))
    }
}

impl From<Refusal> for Ending {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl<'a> Visit<'a> {
    /// Enters a request in the journal.
    pub(super) fn arrive(portal: &'a Inner, request: &Request, secure: bool) -> Self {
        let address = Address::parse(request.path());
        let (params, files) = Params::with_files(request);
        let arrived_at = portal.clock.now();
        let user_id = match &address {
            Address::Webhook { user, .. } => user.clone(),
            Address::Unsigned { .. }
            | Address::Authorization
            | Address::Third
            | Address::Elsewhere => String::new(),
        };
        let number = lock(&portal.journal).arrive(Entry {
            number: 0,
            at: arrived_at,
            connection: request.connection(),
            secure,
            verb: request.head.method.to_string(),
            method: address.method().to_owned(),
            params: params.without_secrets(),
            user_id,
            commands: Vec::new(),
            status: None,
            error: None,
            fault: None,
        });
        let target = request.head.uri.path_and_query();
        Self {
            portal,
            settings: portal.settings(),
            params,
            files,
            arrived_at,
            number,
            address,
            path_and_query: target.map(ToString::to_string).unwrap_or_default(),
            secure,
            cost_us: 0,
            due: Instant::now(),
        }
    }

    /// Serves the request and enters in the journal what became of it.
    pub(super) async fn answer(mut self) -> Reply {
        let ending = self.pass_limits_and_faults().await;
        let (reply, status, error) = match ending {
            Ending::Refused(refusal) => {
                let response = refusal.response();
                let status = response.status().as_u16();
                let error = Some(refusal.code_text());
                (Reply::Answer(response), Some(status), error)
            }
            Ending::Answered(response) => {
                let status = response.status().as_u16();
                (Reply::Answer(*response), Some(status), None)
            }
            Ending::Cut(response) => {
                let status = response.status().as_u16();
                (Reply::Truncate(*response), Some(status), None)
            }
            Ending::HangUp => (Reply::HangUp, None, None),
            Ending::Silence => (Reply::Silence, None, None),
        };
        self.note(|entry| {
            entry.status = status;
            entry.error = error;
        });
        reply
    }

    async fn pass_limits_and_faults(&mut self) -> Ending {
        // The authorization server is another host, which has nothing to do with the portal's bucket.
        let requests = self.settings.limits.requests.as_ref();
        let requests = requests.filter(|_| self.address != Address::Authorization);
        let admitted = lock(&self.portal.ledger).admit(requests, self.arrived_at);
        self.wait(self.settings.latency.request_ms).await;
        if !admitted {
            lock(&self.portal.journal).counts.query_limit_refusals += 1;
            return presets::query_limit_exceeded().into();
        }
        let Some(fault) = self.portal.faults.next(self.address.method()) else {
            return self.execute().await;
        };
        self.note(|entry| entry.fault = Some(fault.answer.clone()));
        self.count_fault();
        self.misbehave(fault).await
    }

    async fn misbehave(&mut self, fault: Fault) -> Ending {
        self.wait_for(fault.delay).await;
        let takes_effect_anyway = matches!(
            fault.answer,
            faults::Answer::Usual | faults::Answer::Truncate
        );
        if fault.execute && !takes_effect_anyway {
            drop(self.execute().await);
        }
        match fault.answer {
            faults::Answer::Usual => self.execute().await,
            faults::Answer::HangUp => Ending::HangUp,
            faults::Answer::Silence => Ending::Silence,
            faults::Answer::Truncate => self.execute().await.cut(),
            faults::Answer::Preset(name) => self.preset(&name),
            faults::Answer::Custom(custom) => custom.response().into(),
        }
    }

    /// What a preset makes of this request.
    pub(super) fn preset(&self, name: &str) -> Ending {
        let moved_to = &self.settings.behaviour.moved_to;
        match presets::preset(name, &self.path_and_query, moved_to) {
            Some(Preset::Refusal(refusal)) => Ending::Refused(refusal),
            Some(Preset::Response(response)) => response.into(),
            None => html_response(
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("no fault preset is called {name}"),
            )
            .into(),
        }
    }

    /// Serves the request as usual.
    async fn execute(&mut self) -> Ending {
        if self.address == Address::Authorization {
            return self.authorize();
        }
        match self.admit() {
            Err(ending) => ending,
            Ok(caller) if self.address.method() == "batch" => self.batch(&caller).await,
            Ok(caller) => {
                let method = self.address.method().to_owned();
                let done = self.single(&caller, &method).await;
                match done {
                    Err(refusal) => refusal.into(),
                    Ok((answer, time)) => {
                        let counters = self.settings.behaviour.counters;
                        answer::envelope(&answer, &time, counters).into()
                    }
                }
            }
        }
    }

    /// Who calls, if the address is a webhook's that may call.
    fn admit(&self) -> Result<Caller, Ending> {
        let behaviour = &self.settings.behaviour;
        if !self.secure && behaviour.plain_http == PlainHttp::Refused {
            let https = Refusal::new(StatusCode::BAD_REQUEST, "INVALID_REQUEST", "Https required");
            return Err(https.into());
        }
        let (user, secret, method, format) = match &self.address {
            Address::Elsewhere | Address::Authorization => {
                let page = html_response(StatusCode::NOT_FOUND, "<h1>404 Not Found</h1>");
                return Err(page.into());
            }
            Address::Third => {
                let refusal =
                    r#"{"error":{"code":"ERROR_METHOD_NOT_FOUND","message":"Method not found!"}}"#;
                let response = json_response(StatusCode::NOT_FOUND, refusal.to_owned());
                return Err(response.into());
            }
            Address::Unsigned { method } => return self.admit_application(method),
            Address::Webhook {
                user,
                secret,
                method,
                format,
            } => (user, secret, method, *format),
        };
        let is_number = user.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number || method.is_empty() {
            return Err(methods::method_not_found().into());
        }
        if format == Format::Xml {
            let refusal = Refusal::new(
                StatusCode::BAD_REQUEST,
                "INVALID_REQUEST",
                "This portal answers in JSON only",
            );
            return Err(refusal.into());
        }
        let now = self.portal.clock.now();
        let state = lock(&self.portal.state);
        let known = state.webhook(user, secret);
        let known = known.filter(|(_, webhook)| {
            webhook.active && webhook.expires_at.is_none_or(|expires_at| now < expires_at)
        });
        match (known, behaviour.wrong_secret) {
            (Some((number, webhook)), _) => Ok(Caller {
                number,
                webhook,
                application: None,
            }),
            (None, WrongSecret::NoAuthFound) => Err(presets::no_auth_found().into()),
            (None, WrongSecret::InvalidCredentials) => Err(presets::invalid_credentials().into()),
        }
    }

    /// Which application calls, if the token in `auth` is worth anything.
    fn admit_application(&self, method: &str) -> Result<Caller, Ending> {
        let access_token = self.params.text("auth");
        if access_token.is_empty() {
            return Err(presets::no_auth_found().into());
        }
        if method.is_empty() {
            return Err(methods::method_not_found().into());
        }
        let state = lock(&self.portal.state);
        match state
            .applications
            .token(&access_token, self.portal.clock.now())
        {
            Token::Expired => Err(presets::expired_token().into()),
            Token::Unknown => Err(presets::invalid_token().into()),
            Token::Good(number, application) => {
                let scopes = application.scopes.iter().map(String::as_str);
                Ok(Caller {
                    number: state.webhooks.len() + number,
                    webhook: Arc::new(Webhook::new(application.user_id, "", scopes)),
                    application: Some(Signer {
                        client_id: application.client_id.clone(),
                        access_token,
                    }),
                })
            }
        }
    }

    /// New tokens for a refresh token, from the authorization server.
    fn authorize(&self) -> Ending {
        let text = |name: &str| self.params.text(name);
        let denied =
            |(code, description)| Refusal::new(StatusCode::BAD_REQUEST, code, description).into();
        if text("grant_type") != "refresh_token" {
            return denied(("invalid_request", "The grant type is not supported"));
        }
        let (client_id, client_secret) = (text("client_id"), text("client_secret"));
        let now = self.portal.clock.now();
        let mut state = lock(&self.portal.state);
        let applications = &mut state.applications;
        match applications.refresh(&client_id, &client_secret, &text("refresh_token"), now) {
            Err(denial) => denied(denial),
            Ok((tokens, application)) => {
                let address = &self.settings.address;
                let answer = serde_json::json!({
                    "access_token": tokens.access_token,
                    "client_endpoint": format!("{address}/rest/"),
                    "domain": "oauth.bitrix.info",
                    "expires_in": tokens.expires_in_s,
                    "member_id": MEMBER_ID,
                    "refresh_token": tokens.refresh_token,
                    "scope": application.scopes.join(","),
                    "server_endpoint": "https://oauth.bitrix.info/rest/",
                    "status": "L",
                });
                json_response(StatusCode::OK, answer.to_string()).into()
            }
        }
    }

    /// Changes this request's entry in the journal.
    pub(super) fn note(&self, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = lock(&self.portal.journal).entry(self.number) {
            change(entry);
        }
    }

    pub(super) fn count_fault(&self) {
        lock(&self.portal.journal).counts.faults += 1;
    }

    /// Waits for so much more artificial latency. What earlier waits overran counts towards it.
    pub(super) async fn wait(&mut self, milliseconds: u64) {
        self.wait_for(Duration::from_millis(milliseconds)).await;
    }

    pub(super) async fn wait_for(&mut self, span: Duration) {
        if !span.is_zero() {
            self.due += span;
            tokio::time::sleep_until(self.due).await;
        }
    }
}

impl Ending {
    /// The same ending, its answer breaking off in the middle.
    pub(super) fn cut(self) -> Self {
        match self {
            Self::Answered(response) => Self::Cut(response),
            Self::Refused(refusal) => Self::Cut(Box::new(refusal.response())),
            other => other,
        }
    }
}

/// The refusal that a script spells out in JSON, if it is one.
pub(super) fn spelled_refusal(custom: &faults::Custom) -> Option<Refusal> {
    let json = custom.json.as_ref()?;
    let error = json.get("error")?;
    let code = match error.as_i64() {
        Some(number) => Code::Number(number),
        None => Code::Word(error.as_str()?.to_owned().into()),
    };
    let description = json.get("error_description").and_then(|text| text.as_str());
    Some(Refusal {
        status: StatusCode::from_u16(custom.status).unwrap_or(StatusCode::BAD_REQUEST),
        code,
        description: description.unwrap_or_default().to_owned().into(),
    })
}

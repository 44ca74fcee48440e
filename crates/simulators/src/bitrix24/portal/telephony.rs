//! What happens in a portal without anybody calling a method: installations, clicks, requests to be called back.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{Portal, lock};
use crate::bitrix24::{
    applications::{MEMBER_ID, Standing, Tokens, UnknownApplication},
    behaviour::OfflineClicks,
    data::Application,
    events::Events,
    outgoing::{self, NotDelivered},
    state::State,
    telephony::{CrmEntity, ExternalCall, Identity, Telephony, Workday},
};

/// A user clicks on a number, and the application is the one that dials.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Click {
    /// The application that dials.
    pub client_id: String,
    /// Who clicks.
    pub user_id: u64,
    /// The number.
    pub phone_number: String,
    /// The external line to dial by.
    pub line_number: String,
    /// `CONTACT`, `COMPANY` or `LEAD`; empty where the number stood elsewhere.
    pub crm_entity_type: String,
    /// The record.
    pub crm_entity_id: u64,
    /// Whether it was the mobile application.
    pub is_mobile: bool,
}

/// Somebody asks by a form to be called back.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct CallbackRequest {
    /// The application whose line the form names.
    pub client_id: String,
    /// The number to call.
    pub phone_number: String,
    /// What the employee is told first.
    pub text: String,
    /// The line.
    pub line_number: String,
    /// `CONTACT`, `COMPANY` or `LEAD`.
    pub crm_entity_type: String,
    /// The record.
    pub crm_entity_id: u64,
}

/// Whom an event reached. Nothing is sent twice, whatever becomes of it.
#[derive(Debug)]
pub struct Told {
    /// The call that a click has registered.
    pub call_id: Option<String>,
    /// What each handler answered.
    pub handlers: Vec<Result<u16, NotDelivered>>,
    /// Whether it waits to be asked for.
    pub waits: bool,
}

/// Which request tells an application of its installation.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum InstallCallback {
    /// The event `ONAPPINSTALL`, tokens under `auth`.
    #[default]
    Event,
    /// The page of an application with an interface: `AUTH_ID`, `REFRESH_ID` and others side by side.
    Page,
}

impl Portal {
    /// What telephony left behind.
    pub fn telephony(&self) -> Telephony {
        lock(&self.inner.state).telephony.clone()
    }

    /// Who wants to be told of what, and what waits.
    pub fn events(&self) -> Events {
        lock(&self.inner.state).events.clone()
    }

    /// How the applications stand.
    pub fn applications(&self) -> Vec<Standing> {
        lock(&self.inner.state).applications.standings()
    }

    /// Changes the working day of a user.
    pub fn set_workday(&self, user_id: u64, workday: Workday) {
        let mut state = lock(&self.inner.state);
        state.telephony.workdays.insert(user_id, workday);
    }

    /// Installs an application; tokens of an earlier installation work no longer.
    ///
    /// # Errors
    /// When there is no such application.
    pub fn install(&self, client_id: &str) -> Result<Tokens, UnknownApplication> {
        let now = self.now();
        let tokens = lock(&self.inner.state).applications.install(client_id, now);
        tokens.ok_or_else(|| unknown(client_id))
    }

    /// Installs an application and tells it so at `handler`, which is on loopback. Answers with the status.
    ///
    /// # Errors
    /// When there is no such application, or it could not be told.
    pub async fn install_at(
        &self,
        client_id: &str,
        handler: &str,
        callback: InstallCallback,
    ) -> Result<u16, InstallFailed> {
        let tokens = self.install(client_id)?;
        let form = self.install_form(client_id, &tokens, callback)?;
        Ok(outgoing::post_form(handler, form).await?)
    }

    /// The body of the request that tells an application of its installation.
    ///
    /// # Errors
    /// When there is no such application.
    pub fn install_form(
        &self,
        client_id: &str,
        tokens: &Tokens,
        callback: InstallCallback,
    ) -> Result<String, UnknownApplication> {
        let now = self.now();
        let state = lock(&self.inner.state);
        let own = state.applications.find(client_id);
        let own = own.ok_or_else(|| unknown(client_id))?.clone();
        drop(state);
        Ok(match callback {
            InstallCallback::Event => {
                let mut auth = self.auth(&own);
                for (name, value) in [
                    ("access_token", tokens.access_token.clone()),
                    ("refresh_token", tokens.refresh_token.clone()),
                    ("expires_in", tokens.expires_in_s.to_string()),
                    (
                        "expires",
                        (now.as_second() + i64::from(tokens.expires_in_s)).to_string(),
                    ),
                    ("scope", own.scopes.join(",")),
                    ("user_id", own.user_id.to_string()),
                ] {
                    if let Some(auth) = auth.as_object_mut() {
                        auth.insert(name.to_owned(), value.into());
                    }
                }
                let data = json!({
                    "VERSION": "1", "ACTIVE": "Y", "INSTALLED": "Y", "LANGUAGE_ID": "en",
                });
                form("ONAPPINSTALL", None, &data, &auth, now)
            }
            InstallCallback::Page => {
                let address = self.address();
                let (protocol, host) = address.split_once("://").unwrap_or(("http", &address));
                outgoing::form(&json!({
                    "DOMAIN": host,
                    "PROTOCOL": if protocol == "https" { "1" } else { "0" },
                    "LANG": "en",
                    "APP_SID": "s1d",
                    "AUTH_ID": tokens.access_token,
                    "AUTH_EXPIRES": tokens.expires_in_s.to_string(),
                    "REFRESH_ID": tokens.refresh_token,
                    "SERVER_ENDPOINT": "https://oauth.bitrix.info/rest/",
                    "member_id": MEMBER_ID,
                    "status": "L",
                    "PLACEMENT": "DEFAULT",
                    "PLACEMENT_OPTIONS": "{\"any\":\"1\"}",
                }))
            }
        })
    }

    /// Uninstalls an application: its tokens work no longer. Answers whether there is one.
    pub fn uninstall(&self, client_id: &str) -> bool {
        lock(&self.inner.state).applications.remove(client_id)
    }

    /// Lets the access tokens of an application expire. Answers whether there is one.
    pub fn expire_access_tokens(&self, client_id: &str) -> bool {
        let now = self.now();
        lock(&self.inner.state).applications.expire(client_id, now)
    }

    /// Lets a user click on a number: the portal registers a call without an id of the external system, and tells the
    /// application with `ONEXTERNALCALLSTART`.
    pub async fn click(&self, click: &Click) -> Told {
        let now = self.now();
        let call_id = register(&mut lock(&self.inner.state), click, now);
        let data = json!({
            "PHONE_NUMBER": click.phone_number,
            "PHONE_NUMBER_INTERNATIONAL": click.phone_number,
            "EXTENSION": "",
            "USER_ID": click.user_id.to_string(),
            "CALL_LIST_ID": "0",
            "LINE_NUMBER": click.line_number,
            "IS_MOBILE": if click.is_mobile { "1" } else { "0" },
            "CALL_ID": call_id,
            "CRM_ENTITY_TYPE": click.crm_entity_type,
            "CRM_ENTITY_ID": match click.crm_entity_id {
                0 => String::new(),
                id => id.to_string(),
            },
        });
        let object = match self.behaviour().offline_clicks {
            OfflineClicks::OfUser => format!("user {}", click.user_id),
            OfflineClicks::OfCall => call_id.clone(),
        };
        let told = self.tell(&click.client_id, "ONEXTERNALCALLSTART", &object, &data);
        Told {
            call_id: Some(call_id),
            ..told.await
        }
    }

    /// Lets somebody ask to be called back: the application is told with `ONEXTERNALCALLBACKSTART`. No call is
    /// registered.
    pub async fn request_callback(&self, asked: &CallbackRequest) -> Told {
        let data = json!({
            "PHONE_NUMBER": asked.phone_number,
            "TEXT": asked.text,
            "VOICE": "",
            "CRM_ENTITY_TYPE": asked.crm_entity_type,
            "CRM_ENTITY_ID": asked.crm_entity_id.to_string(),
            "LINE_NUMBER": asked.line_number,
        });
        let object = format!("callback {} {}", asked.phone_number, self.now());
        let event = "ONEXTERNALCALLBACKSTART";
        self.tell(&asked.client_id, event, &object, &data).await
    }

    /// Tells an application of an event wherever it wants to be told. Before its installation it is told nothing.
    async fn tell(&self, client_id: &str, event: &str, object: &str, data: &Json) -> Told {
        let now = self.now();
        let (own, bindings) = {
            let mut state = lock(&self.inner.state);
            let is_installed = state.applications.is_installed(client_id);
            let own = state.applications.find(client_id).cloned();
            let bindings: Vec<_> = state
                .events
                .bindings
                .iter()
                .filter(|one| is_installed && one.application == client_id && one.event == event)
                .cloned()
                .collect();
            if bindings.iter().any(|one| one.handler.is_none()) {
                let data = data.clone();
                state.events.wait(client_id, event, object, data, now);
            }
            (own, bindings)
        };
        let mut told = Told {
            call_id: None,
            handlers: Vec::new(),
            waits: bindings.iter().any(|one| one.handler.is_none()),
        };
        for binding in bindings {
            if let (Some(own), Some(handler)) = (&own, &binding.handler) {
                let body = form(event, Some(binding.id), data, &self.auth(own), now);
                told.handlers.push(outgoing::post_form(handler, body).await);
            }
        }
        told
    }

    /// What every event says of the portal. Tokens of the user are among it only where one is at work.
    fn auth(&self, own: &Application) -> Json {
        let address = self.address();
        let host = address.split_once("://").map_or("", |(_, host)| host);
        json!({
            "domain": host,
            "server_endpoint": "https://oauth.bitrix.info/rest/",
            "status": "L",
            "client_endpoint": format!("{address}/rest/"),
            "member_id": MEMBER_ID,
            "application_token": own.application_token,
        })
    }
}

/// Why an application was not told of its installation.
#[derive(Debug, thiserror::Error)]
pub enum InstallFailed {
    /// There is no such application.
    #[error("nothing was installed")]
    Unknown(#[from] UnknownApplication),
    /// It is installed and was not told.
    #[error("the application is installed and was not told")]
    NotDelivered(#[from] NotDelivered),
}

fn unknown(client_id: &str) -> UnknownApplication {
    UnknownApplication {
        client_id: client_id.to_owned(),
    }
}

/// Registers the call of a click, or finds the one that was registered alike.
fn register(state: &mut State, click: &Click, now: Timestamp) -> String {
    let filled = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let identity = Identity {
        application: Some(click.client_id.clone()),
        phone_number: click.phone_number.clone(),
        kind: 1,
        user_id: click.user_id,
        line_number: filled(&click.line_number),
        external_call_id: None,
    };
    if let Some(known) = state.telephony.duplicate(&identity, false, now) {
        known.registrations += 1;
        return known.call_id.clone();
    }
    let entity = filled(&click.crm_entity_type).map(|kind| CrmEntity {
        kind,
        id: click.crm_entity_id,
    });
    let number = state.telephony.number();
    let mut made = ExternalCall::new(number, identity, now, entity, now);
    made.show([click.user_id]);
    let call_id = made.call_id.clone();
    state.telephony.calls.push(made);
    call_id
}

/// The body of an event.
fn form(event: &str, binding: Option<u64>, data: &Json, auth: &Json, now: Timestamp) -> String {
    let mut all = json!({
        "event": event,
        "data": data,
        "ts": now.as_second().to_string(),
        "auth": auth,
    });
    if let (Some(id), Some(all)) = (binding, all.as_object_mut()) {
        all.insert("event_handler_id".to_owned(), id.to_string().into());
    }
    outgoing::form(&all)
}

/// What was told, for the control interface.
#[derive(Debug, Serialize)]
pub(crate) struct ToldText {
    call_id: Option<String>,
    handlers: Vec<String>,
    waits: bool,
}

impl From<Told> for ToldText {
    fn from(told: Told) -> Self {
        let text = |answer: Result<u16, NotDelivered>| match answer {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        Self {
            call_id: told.call_id,
            handlers: told.handlers.into_iter().map(text).collect(),
            waits: told.waits,
        }
    }
}

//! The address that a portal installs the application by.
//!
//! Anybody may post there. What is stored was said by a request that names the configured portal, with tokens that the
//! portal itself accepts.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    extract::{Path, Request, State, rejection::PathRejection},
    response::{IntoResponse as _, Response},
    routing::post,
};
use bitrix24::{Application, Binding, Binds, Client, Installation};
use deskbridge_core::Chain;
use deskbridge_http::{ApiError, Code, params::read_body};
use deskbridge_journal::Tasks;

use super::SealedTokens;

/// The events that are wanted.
const EVENTS: [&str; 3] = [
    "ONEXTERNALCALLSTART",
    "ONEXTERNALCALLBACKSTART",
    "ONAPPUNINSTALL",
];
/// What has to be granted.
const SCOPES: [&str; 2] = ["telephony", "crm"];

/// An application that may be installed.
#[derive(Clone, Debug)]
pub struct Installed {
    /// The application.
    pub application: Application,
    /// What calls as the application.
    pub client: Client,
    /// Where its tokens are.
    pub tokens: SealedTokens,
    /// The address that the portal posts events to; without it none are wanted.
    pub posts_to: Option<String>,
}

#[derive(Clone, Debug)]
struct Desk {
    applications: Arc<BTreeMap<String, Installed>>,
    tasks: Tasks,
}

/// The route `/bitrix24/{connection}/install`.
pub fn router(applications: BTreeMap<String, Installed>, tasks: Tasks) -> Router {
    let desk = Desk {
        applications: Arc::new(applications),
        tasks,
    };
    Router::new()
        .route("/bitrix24/{connection}/install", post(install).get(install))
        .with_state(desk)
}

async fn install(
    State(desk): State<Desk>,
    connection: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, ApiError> {
    let connection = connection.ok().map(|Path(name)| name);
    let found = connection
        .as_ref()
        .and_then(|name| Some((name, desk.applications.get(name)?)));
    let Some((connection, installed)) = found else {
        let subject = "Bitrix24 application with this name";
        return Err(ApiError::new(Code::NotFound, subject));
    };
    let (head, body) = request.into_parts();
    let body = read_body(body).await?;
    let query = head.uri.query().unwrap_or_default();
    let asked = Installation::parse(query, &body).map_err(|error| {
        ApiError::new(Code::MalformedBody, "it is no installation")
            .because(Chain(&error).to_string())
    })?;
    let refused = |why: String| {
        tracing::warn!(connection, why, "An installation was not believed");
        ApiError::new(Code::WrongSignature, "").because(why)
    };
    if !asked.is_of(installed.application.portal_base()) {
        return Err(refused("it names another portal".to_owned()));
    }
    let Some(tokens) = &asked.tokens else {
        return Err(refused("it brings no tokens".to_owned()));
    };
    let portal = installed.client.portal();
    let scopes = portal.accepts(&installed.application, tokens).await;
    let scopes = scopes.map_err(|error| refused(Chain(&error).to_string()))?;
    for scope in SCOPES {
        if !scopes.iter().any(|granted| granted == scope) {
            tracing::warn!(
                connection,
                scope,
                "The application lacks a right: grant it in the portal, and install it again"
            );
        }
    }
    let stored = installed
        .tokens
        .install(tokens, asked.application_token.as_ref());
    stored
        .await
        .map_err(|error| ApiError::new(Code::NotStored, "").because(Chain(&error).to_string()))?;
    tracing::info!(connection, "The application was installed");
    let (name, installed) = (connection.clone(), installed.clone());
    // The portal waits for the answer before it takes events for the application.
    desk.tasks.spawn("bitrix24-bind", async move {
        if let Err(why) = bind(&installed).await {
            tracing::error!(
                connection = name,
                why,
                "The events of the portal are not bound; run `deskbridge bitrix24 bind`"
            );
        }
    });
    Ok("The application is installed.\n".into_response())
}

/// Wants the events of calls, posted to the configured address.
///
/// # Errors
/// A sentence about the first event that is not bound.
pub async fn bind(installed: &Installed) -> Result<(), String> {
    let Some(address) = &installed.posts_to else {
        return Err("no public_url is configured".to_owned());
    };
    for event in EVENTS {
        let binding = Binding {
            event: event.to_owned(),
            binds: Binds::Posted(address.clone()),
        };
        match installed.client.bind_event(&binding).await {
            bitrix24::Outcome::Done(()) => {}
            bitrix24::Outcome::Refused(error)
            | bitrix24::Outcome::NotSent(error)
            | bitrix24::Outcome::Unknown(error) => {
                return Err(format!("{event}: {}", Chain(&error)));
            }
        }
    }
    Ok(())
}

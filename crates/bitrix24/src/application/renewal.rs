//! Renewing tokens: one at a time, stored before they are used, and to its end once it is begun.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, timeout_at};

use super::{
    Application, RENEWAL_FOR, Tokens, Turn,
    keyring::{Desk, Held},
};
use crate::{
    Row,
    error::{Class, Failure, Said},
    transport::{Delivery, Question, Transport},
};

/// How long the authorization server may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// How often it is looked whether another process has renewed.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long a failure that may pass is remembered, so that those who wait do not ask one after another.
const PAUSE: Duration = Duration::from_secs(1);
/// The same for a refusal that somebody may undo without new tokens.
const PAUSE_LONG: Duration = Duration::from_secs(60);

/// Lets `work` run to its end in a task of its own, and waits for it until the deadline.
pub(super) async fn until<T: Send + 'static>(
    deadline: Instant,
    work: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    #[expect(
        clippy::disallowed_methods,
        reason = "what has been bought with a refresh token must be saved, whoever has stopped waiting"
    )]
    let task = tokio::spawn(work);
    match timeout_at(deadline, task).await {
        Ok(Ok(done)) => done,
        Ok(Err(_)) => Err(unsigned("the task that looked for tokens ended")),
        Err(_) => Err(unsigned("the deadline passed while tokens were renewed")),
    }
}

/// Tokens in force other than `expired`: those at hand, those stored, or new ones.
pub(super) async fn renew<T: Transport>(
    application: Application,
    expired: Option<Arc<Held>>,
    transport: Arc<T>,
) -> Result<Arc<Held>, Failure> {
    let keyring = &application.0.keyring;
    let mut desk = keyring.desk.lock().await;
    if let Some(held) = keyring.at_hand(expired.as_ref()) {
        return Ok(held);
    }
    keyring.put(None);
    let held = match desk.unsaved.take() {
        Some((spent, unsaved)) => save(&application, &mut desk, spent, unsaved).await,
        None => look_or_ask(&application, &mut desk, expired, &*transport).await,
    }?;
    keyring.put(Some(Arc::clone(&held)));
    Ok(held)
}

/// Remembers that the portal does not take these tokens. Others that are stored are not concerned.
pub(super) async fn distrust(application: Application, held: Arc<Held>) -> Result<(), Failure> {
    let keyring = &application.0.keyring;
    let mut desk = keyring.desk.lock().await;
    if keyring.at_hand(Some(&held)).is_none() {
        keyring.put(None);
        let failure = reinstall("the portal does not accept the access token");
        let until = Instant::now() + PAUSE_LONG;
        desk.refuse(&held.tokens, &failure, Some(until));
    }
    Ok(())
}

async fn look_or_ask<T: Transport>(
    application: &Application,
    desk: &mut Desk,
    expired: Option<Arc<Held>>,
    transport: &T,
) -> Result<Arc<Held>, Failure> {
    let stored = load(application).await?;
    if let Some(failure) = desk.refusal(&stored, Instant::now()) {
        return Err(failure);
    }
    let Some(expired) = expired.filter(|expired| expired.tokens.is_same_as(&stored)) else {
        return Ok(Held::new(stored, None));
    };
    if expired.is_useless(Instant::now()) {
        let failure = Failure::new(
            Class::Reinstall,
            Said::because("the portal takes tokens for expired that have just been renewed"),
        );
        desk.refuse(&stored, &failure, Some(Instant::now() + PAUSE_LONG));
        return Err(failure);
    }
    let is_after_loss = match turn(application, &stored).await? {
        Mine::After(is_after_loss) => is_after_loss,
        Mine::Unneeded(held) => return Ok(held),
    };
    match ask(application, &stored, transport).await {
        Ok(tokens) => {
            let held = Held::new(tokens, Some(Instant::now()));
            save(application, desk, stored, held).await
        }
        Err(failure) => {
            let is_spent = is_after_loss && failure.class == Class::Reinstall;
            end(application, is_spent || failure.class == Class::Unsigned).await;
            refused_renewal(application, desk, &stored, failure, is_after_loss).await
        }
    }
}

/// Whether this process renews.
enum Mine {
    /// It does; and whether the renewal before got lost.
    After(bool),
    /// Somebody else has.
    Unneeded(Arc<Held>),
}

/// Waits until this process is the one to renew, or another has renewed.
async fn turn(application: &Application, stored: &Tokens) -> Result<Mine, Failure> {
    let store = &application.0.keyring.store;
    let give_up_at = Instant::now() + RENEWAL_FOR + PAUSE;
    loop {
        let turn = store.begin_renewal().await;
        let turn =
            turn.map_err(|error| unsigned(&format!("the store gave no turn to renew: {error}")))?;
        // Whoever had the turn before may have renewed.
        let later = load(application).await?;
        let is_renewed = !later.is_same_as(stored);
        if is_renewed && turn != Turn::Theirs {
            end(application, false).await;
        }
        if is_renewed {
            return Ok(Mine::Unneeded(Held::new(later, None)));
        }
        match turn {
            Turn::Ours { is_after_loss } => return Ok(Mine::After(is_after_loss)),
            Turn::Theirs if Instant::now() >= give_up_at => {
                return Err(unsigned(
                    "another process renews the tokens and does not end",
                ));
            }
            Turn::Theirs => sleep(LOOK_EVERY).await,
        }
    }
}

/// Lets others renew. A turn that is not given back runs out.
async fn end(application: &Application, is_lost: bool) {
    if let Err(error) = application.0.keyring.store.end_renewal(is_lost).await {
        tracing::warn!(portal.host = application.0.portal.host(), %error, "the turn to renew tokens was not given back");
    }
}

async fn refused_renewal(
    application: &Application,
    desk: &mut Desk,
    stored: &Tokens,
    mut failure: Failure,
    is_after_loss: bool,
) -> Result<Arc<Held>, Failure> {
    if failure.class == Class::Reinstall {
        // Somebody else may have renewed them meanwhile, and then there is nothing to complain of.
        if let Ok(later) = load(application).await
            && !later.is_same_as(stored)
        {
            return Ok(Held::new(later, None));
        }
        if is_after_loss {
            let why = "the answer to an earlier renewal got lost, and the next tokens with it";
            failure.said.description = Said::because(why).description;
            tracing::error!(
                portal.host = application.0.portal.host(),
                "the answer to a renewal of tokens got lost, and the next tokens with it: install the application \
                 in the portal again"
            );
        }
    }
    let now = Instant::now();
    let until = match failure.class {
        Class::Reinstall | Class::ClientSecret => None,
        Class::Plan => Some(now + PAUSE_LONG),
        _ => Some(now + PAUSE),
    };
    desk.refuse(stored, &failure, until);
    Err(failure)
}

async fn load(application: &Application) -> Result<Tokens, Failure> {
    let stored = application.0.keyring.store.load().await;
    let stored = stored.map_err(|error| unsigned(&format!("the store did not answer: {error}")))?;
    stored.ok_or_else(|| reinstall("no tokens are stored"))
}

/// Saves tokens in the place of those that were spent for them; what could not be saved waits for the next who asks.
/// Where others have been stored meanwhile the application was installed anew, and those are the ones in force.
async fn save(
    application: &Application,
    desk: &mut Desk,
    spent: Tokens,
    held: Arc<Held>,
) -> Result<Arc<Held>, Failure> {
    let why = match application
        .0
        .keyring
        .store
        .replace(&spent, &held.tokens)
        .await
    {
        Ok(is_kept) => {
            end(application, false).await;
            return match is_kept {
                true => Ok(held),
                false => Ok(Held::new(load(application).await?, None)),
            };
        }
        // Nobody else is to renew what is spent.
        Err(error) => held.tokens.scrub(&error.to_string()),
    };
    desk.unsaved = Some((spent, held));
    Err(unsigned(&format!(
        "the renewed tokens could not be saved: {why}"
    )))
}

/// Asks the authorization server for the next pair.
async fn ask<T: Transport>(
    application: &Application,
    tokens: &Tokens,
    transport: &T,
) -> Result<Tokens, Failure> {
    let url = application.renewal_url(tokens);
    let question = Question {
        url: url.ok_or_else(|| reinstall("tokens on trial are not renewed"))?,
        deadline: Instant::now() + DEADLINE,
    };
    let host = application.0.portal.host();
    let delivery = transport.ask(question).await;
    let renewed = match delivery {
        Delivery::Failed(_, why) => {
            let why = why.as_deref().unwrap_or("no answer came");
            let why = application.scrub(&tokens.scrub(why));
            Err(unsigned(&format!("the authorization server: {why}")))
        }
        Delivery::Received(received) => read(received.status, &received.body),
    };
    match &renewed {
        Ok(_) => tracing::info!(portal.host = host, "the application's tokens were renewed"),
        Err(failure) => tracing::warn!(
            portal.host = host,
            class = ?failure.class,
            "the application's tokens were not renewed"
        ),
    }
    renewed
}

/// Reads the answer of the authorization server. Of what it says only the code is kept: a description might quote a
/// token.
fn read(status: u16, body: &[u8]) -> Result<Tokens, Failure> {
    let answer: Row = serde_json::from_slice(body).unwrap_or_default();
    match (
        answer.text("access_token"),
        answer.text("refresh_token"),
        answer.text("error"),
    ) {
        (Some(access_token), Some(refresh_token), _) => {
            Ok(Tokens::new(&access_token, &refresh_token))
        }
        (.., Some(error)) if (200..500).contains(&status) => Err(refused(status, &error)),
        _ => Err(unsigned(&format!(
            "the authorization server answered with HTTP {status}"
        ))),
    }
}

fn refused(status: u16, code: &str) -> Failure {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let code: String = code.chars().filter(|c| is_word(*c)).take(60).collect();
    let class = match code.to_ascii_lowercase().as_str() {
        "invalid_client" | "wrong_client" | "unauthorized_client" => Class::ClientSecret,
        "payment_required" => Class::Plan,
        "query_limit_exceeded" | "overload_limit" | "temporarily_unavailable" | "server_error" => {
            Class::Unsigned
        }
        _ if status == 429 => Class::Unsigned,
        _ => Class::Reinstall,
    };
    let said = Said {
        status: Some(status),
        code: Some(code.into()),
        ..Said::default()
    };
    Failure::new(class, said)
}

fn unsigned(why: &str) -> Failure {
    Failure::new(Class::Unsigned, Said::because(why))
}

fn reinstall(why: &str) -> Failure {
    Failure::new(Class::Reinstall, Said::because(why))
}

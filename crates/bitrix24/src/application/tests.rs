use std::sync::Mutex;

use futures_util::future::{BoxFuture, FutureExt as _, join_all};
use serde_json::json;
use tokio::time::{Duration, sleep};

use super::*;
use crate::{
    Call, Client, Error, Fault, Group, Options, Outcome, Portal, Unsent,
    testing::{self, Memory},
};

/// Tokens in memory, with a list of what was done with them.
#[derive(Default)]
struct Shelf {
    tokens: Mutex<Option<Tokens>>,
    saved: Mutex<Vec<String>>,
    /// So many times saving fails.
    failures: Mutex<usize>,
    is_gone: Mutex<bool>,
    turn: Mutex<Turns>,
}

impl Shelf {
    fn with(access: &str, refresh: &str) -> Arc<Self> {
        let shelf = Self::default();
        shelf.put(access, refresh);
        Arc::new(shelf)
    }

    fn put(&self, access: &str, refresh: &str) {
        *self.tokens.lock().unwrap() = Some(Tokens::new(access, refresh));
    }

    fn saved(&self) -> Vec<String> {
        self.saved.lock().unwrap().clone()
    }
}

impl TokenStore for Shelf {
    fn load(&self) -> BoxFuture<'_, Result<Option<Tokens>, NotStored>> {
        async move {
            if *self.is_gone.lock().unwrap() {
                return Err("the disk is gone".into());
            }
            Ok(self.tokens.lock().unwrap().clone())
        }
        .boxed()
    }

    fn replace<'a>(
        &'a self,
        spent: &'a Tokens,
        tokens: &'a Tokens,
    ) -> BoxFuture<'a, Result<bool, NotStored>> {
        async move {
            sleep(Duration::from_millis(5)).await;
            let stored = self.tokens.lock().unwrap().clone();
            if stored.is_some_and(|stored| !stored.is_same_as(spent)) {
                return Ok(false);
            }
            let mut failures = self.failures.lock().unwrap();
            if *failures > 0 {
                *failures -= 1;
                return Err(format!("no room for {}", tokens.expose_refresh_token()).into());
            }
            self.saved
                .lock()
                .unwrap()
                .push(tokens.expose_access_token().to_owned());
            *self.tokens.lock().unwrap() = Some(tokens.clone());
            Ok(true)
        }
        .boxed()
    }

    fn begin_renewal(&self) -> BoxFuture<'_, Result<Turn, NotStored>> {
        let mut turn = self.turn.lock().unwrap();
        let given = match turn.is_theirs {
            true => Turn::Theirs,
            false => Turn::Ours {
                is_after_loss: std::mem::replace(&mut turn.is_begun, true),
            },
        };
        async move { Ok(given) }.boxed()
    }

    fn end_renewal(&self, is_lost: bool) -> BoxFuture<'_, Result<(), NotStored>> {
        self.turn.lock().unwrap().is_begun = is_lost;
        async { Ok(()) }.boxed()
    }
}

/// Whose turn it is to renew.
#[derive(Default)]
struct Turns {
    is_theirs: bool,
    is_begun: bool,
}

fn application(shelf: &Arc<Shelf>) -> Application {
    let portal = PortalBase::parse("https://portal.test").unwrap();
    let store = Arc::clone(shelf) as Arc<dyn TokenStore>;
    Application::new(portal, "local.1", "app5ecret", store)
}

fn client(memory: &Arc<Memory>, shelf: &Arc<Shelf>) -> Client {
    let application = application(shelf);
    let options = Options {
        seed: Some(1),
        ..Options::default()
    };
    let base = application.portal_base().clone();
    let portal = Portal::with_transport(&base, &options, Arc::clone(memory));
    portal.application(application).unwrap()
}

/// A portal that takes the token `access1`, and that alone, though `stale` is stored.
fn expired() -> (Arc<Memory>, Arc<Shelf>, Client) {
    let memory = Arc::new(Memory::echo(10));
    memory.take_only("nothing yet");
    let shelf = Shelf::with("stale", "refresh0");
    let client = client(&memory, &shelf);
    (memory, shelf, client)
}

fn read(id: usize) -> Call {
    Call::read("crm.lead.get").param("id", u64::try_from(id).unwrap())
}

#[tokio::test(start_paused = true)]
async fn calls_are_signed_with_the_stored_token() {
    let memory = Arc::new(Memory::echo(1));
    memory.take_only("access0");
    let client = client(&memory, &Shelf::with("access0", "refresh0"));
    client.call(read(1)).await.unwrap();
    let group: Group = [read(2), read(3)].into_iter().collect();
    let answers = client.group(group).await.unwrap();
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(memory.arrived().len(), 2);
    assert!(memory.renewals().is_empty());
}

#[tokio::test(start_paused = true)]
async fn however_many_wait_one_renews_and_what_did_not_run_goes_again() {
    let (memory, shelf, client) = expired();
    let reads = join_all((0..200).map(|id| client.call(read(id))));
    let write = client.write(Call::write("crm.lead.add").param("x", 1));
    let (reads, write) = tokio::join!(reads, write);
    assert!(reads.iter().all(Result::is_ok));
    assert!(matches!(write, Outcome::Done(_)), "{write:?}");
    assert_eq!(memory.renewals(), ["refresh0"]);
    assert_eq!(shelf.saved(), ["access1"]);
    let adds = memory
        .executed()
        .iter()
        .filter(|name| *name == "crm.lead.add")
        .count();
    assert_eq!(adds, 1);
}

#[tokio::test(start_paused = true)]
async fn new_tokens_are_stored_before_they_are_used() {
    let (memory, shelf, client) = expired();
    *shelf.failures.lock().unwrap() = 1;
    client.call(read(1)).await.unwrap();
    // The refresh token was spent once, and its successor survived the failure of the store.
    assert_eq!(memory.renewals(), ["refresh0"]);
    assert_eq!(shelf.saved(), ["access1"]);
    let (memory, shelf, client) = expired();
    *shelf.failures.lock().unwrap() = usize::MAX;
    let error = client.call(read(1)).await.unwrap_err();
    let is_unsigned = matches!(
        &error,
        Error::NotSent {
            unsent: Unsent::Token,
            ..
        }
    );
    assert!(is_unsigned, "{error}");
    let told = format!("{error} {error:?}");
    assert!(
        told.contains("no room for •••") && !told.contains("refresh1"),
        "{told}"
    );
    let with_new = memory
        .arrived()
        .iter()
        .filter(|one| one.auth.as_deref() == Some("access1"))
        .count();
    assert_eq!((with_new, memory.renewals().len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn tokens_of_a_new_installation_are_not_overwritten() {
    // While what was renewed waits for the store.
    let (memory, shelf, client) = expired();
    *shelf.failures.lock().unwrap() = usize::MAX;
    assert!(client.call(read(1)).await.is_err());
    *shelf.failures.lock().unwrap() = 0;
    shelf.put("installed", "refresh9");
    memory.take_only("installed");
    client.call(read(2)).await.unwrap();
    assert!(shelf.saved().is_empty());
    // And while the authorization server is at work.
    let memory = Arc::new(Memory::echo(100));
    memory.take_only("nothing yet");
    let shelf = Shelf::with("stale", "refresh0");
    let client = self::client(&memory, &shelf);
    let installed = async {
        sleep(Duration::from_millis(150)).await;
        shelf.put("installed", "refresh9");
    };
    let (called, ()) = tokio::join!(client.call(read(1)), installed);
    assert!(called.is_ok(), "{called:?}");
    // The portal here takes only what was renewed last; what was renewed first was never stored.
    assert_eq!(shelf.saved(), ["access2"]);
    assert_eq!(memory.renewals(), ["refresh0", "refresh9"]);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_ends_though_nobody_waits_any_more() {
    let memory = Arc::new(Memory::echo(300));
    memory.take_only("nothing yet");
    let shelf = Shelf::with("stale", "refresh0");
    let client = client(&memory, &shelf);
    let soon = Duration::from_millis(400);
    let write = client
        .write(Call::write("crm.lead.add").deadline(soon))
        .await;
    assert!(matches!(write, Outcome::NotSent(_)), "{write:?}");
    assert!(shelf.saved().is_empty());
    sleep(Duration::from_secs(1)).await;
    assert_eq!(shelf.saved(), ["access1"]);
    client.call(read(1)).await.unwrap();
    assert_eq!(memory.renewals(), ["refresh0"]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_renewal_says_to_reinstall_and_is_not_asked_for_again() {
    let (memory, shelf, client) = expired();
    memory.authorization_answers(
        400,
        r#"{"error":"invalid_grant","error_description":"refresh0"}"#,
    );
    for _ in 0..3 {
        let error = client.call(read(1)).await.unwrap_err();
        let is_named = matches!(
            &error,
            Error::Configuration {
                fault: Fault::Reinstall,
                ..
            }
        );
        assert!(
            is_named && error.to_string().contains("reinstall"),
            "{error}"
        );
        assert!(!format!("{error:?}").contains("refresh0"), "{error:?}");
    }
    assert_eq!(memory.renewals().len(), 1);
    assert_eq!(memory.arrived().len(), 1, "the others never left");
    // The application is installed anew: what is stored then is used at once.
    shelf.put("fresh", "refresh9");
    memory.take_only("fresh");
    client.call(read(1)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_the_authorization_server_refuses_is_named() {
    for (status, body, expected) in [
        (400, r#"{"error":"invalid_grant"}"#, "reinstall"),
        (401, r#"{"error":"NOT_INSTALLED"}"#, "reinstall"),
        (200, r#"{"error":"expired_token"}"#, "reinstall"),
        (400, r#"{"error":"invalid_client"}"#, "secret key"),
        (401, r#"{"error":"PAYMENT_REQUIRED"}"#, "plan"),
    ] {
        let (memory, _, client) = expired();
        memory.authorization_answers(status, body);
        let error = client.call(read(1)).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{body}: {error}");
        assert!(
            matches!(error, Error::Configuration { .. }),
            "{body}: {error}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_authorization_server_is_asked_again_with_the_same_token() {
    for (status, body) in [
        (503, r#"{"error":"QUERY_LIMIT_EXCEEDED"}"#),
        (502, "<html>bad gateway</html>"),
        (500, r#"{"error":"invalid_grant"}"#),
        (200, "{}"),
        (200, "[1]"),
        (429, r#"{"error":"too many"}"#),
    ] {
        let (memory, shelf, client) = expired();
        memory.authorization_answers(status, body);
        let error = client.call(read(1)).await.unwrap_err();
        let is_unsigned = matches!(
            &error,
            Error::NotSent {
                unsent: Unsent::Token,
                ..
            }
        );
        assert!(is_unsigned, "{status} {body}: {error}");
        assert_eq!(
            memory.renewals().len(),
            1,
            "those who wait do not ask one after another"
        );
        sleep(Duration::from_secs(2)).await;
        client.call(read(1)).await.unwrap();
        assert_eq!(memory.renewals(), ["refresh0", "refresh0"]);
        assert_eq!(shelf.saved().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_of_the_authorization_server_shows_no_token() {
    let (memory, _, client) = expired();
    memory.deafen(true);
    let error = client.call(read(1)).await.unwrap_err();
    let told = format!("{error} {error:?}");
    assert!(
        told.contains("lost •••") && !told.contains("refresh0"),
        "{told}"
    );
    memory.deafen(false);
    sleep(Duration::from_secs(2)).await;
    client.call(read(1)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn tokens_that_somebody_else_renewed_are_used() {
    let (memory, shelf, client) = expired();
    // Read before the first call, as by a process that shares the store.
    memory.take_only("stale");
    client.call(read(1)).await.unwrap();
    shelf.put("theirs", "refresh7");
    memory.take_only("theirs");
    client.call(read(2)).await.unwrap();
    assert!(memory.renewals().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_not_known_any_more_is_renewed_once() {
    let handler = |_: &str, params: &serde_json::Value| match params["auth"].as_str() {
        Some("access1") => json!({"result": true}),
        _ => json!({"error": "invalid_token"}),
    };
    let memory = Arc::new(Memory::new(1, Box::new(handler)));
    let client = client(&memory, &Shelf::with("last week's", "refresh0"));
    client.call(read(1)).await.unwrap();
    assert_eq!(memory.renewals(), ["refresh0"]);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_no_authorization_is_given_up_until_there_are_others() {
    let handler = |_: &str, params: &serde_json::Value| match params["auth"].as_str() {
        Some("access5") => json!({"result": true}),
        _ => json!({"error": "NO_AUTH_FOUND"}),
    };
    let memory = Arc::new(Memory::new(1, Box::new(handler)));
    let shelf = Shelf::with("removed", "refresh0");
    let client = client(&memory, &shelf);
    for _ in 0..2 {
        let error = client.call(read(1)).await.unwrap_err();
        let is_named = matches!(
            &error,
            Error::Configuration {
                fault: Fault::Reinstall,
                ..
            }
        );
        assert!(is_named, "{error}");
    }
    assert_eq!((memory.arrived().len(), memory.renewals().len()), (1, 0));
    shelf.put("access5", "refresh5");
    client.call(read(1)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn new_tokens_that_never_work_are_not_renewed_again_and_again() {
    let handler = |_: &str, _: &serde_json::Value| json!({"error": "expired_token"});
    let memory = Arc::new(Memory::new(1, Box::new(handler)));
    let shelf = Shelf::with("stale", "refresh0");
    let client = client(&memory, &shelf);
    for _ in 0..10 {
        assert!(client.call(read(1)).await.is_err());
    }
    assert_eq!(memory.renewals().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn tokens_are_renewed_once_an_hour_for_ever() {
    let (memory, _, client) = expired();
    for hour in 1..=3 {
        client.call(read(hour)).await.unwrap();
        client.call(read(hour)).await.unwrap();
        assert_eq!(memory.renewals().len(), hour);
        memory.take_only("another hour");
    }
}

#[tokio::test(start_paused = true)]
async fn without_tokens_or_a_store_nothing_is_sent() {
    let memory = Arc::new(Memory::echo(1));
    let shelf = Arc::new(Shelf::default());
    let client = client(&memory, &shelf);
    let error = client.call(read(1)).await.unwrap_err();
    let is_named = matches!(
        &error,
        Error::Configuration {
            fault: Fault::Reinstall,
            ..
        }
    );
    assert!(is_named, "{error}");
    *shelf.is_gone.lock().unwrap() = true;
    let error = client.call(read(1)).await.unwrap_err();
    assert!(error.to_string().contains("the disk is gone"), "{error}");
    assert!(memory.arrived().is_empty());
}

#[tokio::test(start_paused = true)]
async fn equal_applications_share_their_tokens() {
    let memory = Arc::new(Memory::echo(10));
    memory.take_only("nothing yet");
    let shelf = Shelf::with("stale", "refresh0");
    let first = client(&memory, &shelf);
    let second = first.portal().application(application(&shelf)).unwrap();
    let (one, other) = tokio::join!(first.call(read(1)), second.call(read(2)));
    assert!(one.is_ok() && other.is_ok());
    assert_eq!(memory.renewals().len(), 1);
}

#[test]
fn an_application_shows_no_secret() {
    let application = application(&Shelf::with("access0", "refresh0"));
    let shown = format!("{application:?} {:?}", Tokens::new("access0", "refresh0"));
    assert_eq!(shown, "Application(local.1 at portal.test) Tokens");
    let elsewhere = application.renewed_at("http://oauth.example");
    assert!(
        elsewhere.is_err(),
        "the secret key would travel in the open"
    );
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_of_a_webhook_is_a_wrong_webhook() {
    let handler = |_: &str, _: &serde_json::Value| json!({"error": "expired_token"});
    let memory = Arc::new(Memory::new(1, Box::new(handler)));
    let error = testing::client(&memory, Options::default())
        .call(read(1))
        .await
        .unwrap_err();
    let is_named = matches!(
        &error,
        Error::Configuration {
            fault: Fault::Credentials,
            ..
        }
    );
    assert!(is_named, "{error}");
    assert_eq!(memory.arrived().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn tokens_on_trial_are_neither_renewed_nor_stored() {
    let (memory, shelf, client) = expired();
    let application = application(&shelf);
    let trial = Tokens::new("posted", "posted too");
    let portal = client.portal();
    let error = portal.accepts(&application, &trial).await.unwrap_err();
    let is_named = matches!(
        &error,
        Error::Configuration {
            fault: Fault::Reinstall,
            ..
        }
    );
    assert!(is_named, "{error}");
    let told = format!("{error} {error:?}");
    assert!(!told.contains("posted"), "{told}");
    assert!(memory.renewals().is_empty() && shelf.saved().is_empty());
    // Nor do they take the place of those that are in force.
    client.call(read(1)).await.unwrap();
    assert_eq!(memory.renewals(), ["refresh0"]);
}

#[tokio::test(start_paused = true)]
async fn while_another_process_renews_its_tokens_are_waited_for() {
    let (memory, shelf, client) = expired();
    shelf.turn.lock().unwrap().is_theirs = true;
    let other = async {
        sleep(Duration::from_secs(3)).await;
        shelf.put("theirs", "refresh7");
        memory.take_only("theirs");
    };
    let (called, ()) = tokio::join!(client.call(read(1)), other);
    called.unwrap();
    assert!(memory.renewals().is_empty(), "{:?}", memory.renewals());
    // One that died with its turn is followed by another.
    memory.take_only("nothing yet");
    let died = async {
        sleep(Duration::from_secs(3)).await;
        shelf.turn.lock().unwrap().is_theirs = false;
    };
    let (called, ()) = tokio::join!(client.call(read(2)), died);
    called.unwrap();
    assert_eq!(memory.renewals(), ["refresh7"]);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_token_that_was_spent_by_a_renewal_whose_answer_got_lost_is_told_of() {
    let (memory, shelf, client) = expired();
    memory.deafen(true);
    assert!(client.call(read(1)).await.is_err());
    memory.deafen(false);
    memory.authorization_answers(400, r#"{"error":"invalid_grant"}"#);
    sleep(Duration::from_secs(2)).await;
    let error = client.call(read(1)).await.unwrap_err();
    let told = error.to_string();
    assert!(
        told.contains("got lost") && told.contains("reinstall"),
        "{told}"
    );
    // A new installation ends it.
    shelf.put("fresh", "refresh9");
    memory.take_only("fresh");
    client.call(read(1)).await.unwrap();
}

//! What is measured over HTTP, in a process of its own: ours, or a bare loop.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use axum::{Router, body::Bytes, middleware::from_fn_with_state, routing::post};
use caresoft::signature::Secret;
use deskbridge_core::{Backoff, Clock, Event, Outcome};
use deskbridge_http::{
    request::{Finishing, Limits as RequestLimits, finish, no_such_route, wrong_verb},
    server,
};
use deskbridge_journal::{Events, Intake, Journal, Planned, Planner, Settings, Tasks};
use deskbridge_store::{Limits, Store};
use deskbridge_sync::{
    http::{BODY_BYTES_MAX, Hooks, router},
    reading::{Account, Accounts, LiveSecret, SOURCE, Signing},
};
use futures_util::future::BoxFuture;
use tokio::{io::AsyncReadExt as _, net::TcpListener, sync::Semaphore};

use super::{bare::Bare, requests::SECRET};

/// Serves until standard input ends; the first line of standard output is the address.
///
/// `kind` is `bare`, `ours`, or a number: ours, and so many events are carried out into nothing.
pub(crate) async fn serve(kind: &str, path: &Path) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    say(&listener.local_addr()?.to_string());
    let ended = async {
        let mut rest = Vec::new();
        // However it ends, it has ended.
        tokio::io::stdin().read_to_end(&mut rest).await.ok();
    };
    match kind {
        "bare" => {
            let bare = Bare::open(path)?;
            let take = async move |body: Bytes| match bare.write(body.into()).await {
                Ok(()) => Ok("ok"),
                Err(_) => Err(http::StatusCode::SERVICE_UNAVAILABLE),
            };
            let router = Router::new().route("/hooks/caresoft/{connection}", post(take));
            axum::serve(listener, router)
                .with_graceful_shutdown(ended)
                .await?;
        }
        "ours" => server::serve(listener, ours(path, None)?, ended, Duration::ZERO).await,
        number => {
            let number = number.parse().context("the kind of server is not known")?;
            let router = ours(path, Some(number))?;
            server::serve(listener, router, ended, Duration::ZERO).await;
        }
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "who started this reads it")]
fn say(address: &str) {
    println!("{address}");
}

/// The route with the layers that the program puts around it, and its log.
fn ours(path: &Path, carried_out: Option<usize>) -> anyhow::Result<Router> {
    let log = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new("info"))
        .with_ansi(false)
        .with_writer(std::io::stderr);
    if log.try_init().is_err() {
        bail!("the log cannot be started");
    }
    let store = Store::open_within(path, Limits::default())?;
    let (clock, rng) = (Clock::system(), fastrand::Rng::with_seed(1));
    let intake = Intake::new(store.clone(), clock.clone(), rng.clone());
    if let Some(number) = carried_out {
        let settings = Settings {
            // More than the program's own 8, so that this ends sooner; it takes more memory, not less.
            concurrent_max: 64,
            attempt_for: Duration::from_secs(60),
            backoff: Backoff::new(Duration::from_secs(2), Duration::from_secs(900), 20)?,
        };
        let (journal_clock, none) = (clock.clone(), BTreeMap::new());
        let journal = Journal::new(store, journal_clock, rng.clone(), settings, none);
        let planner: Arc<dyn Planner> = Arc::new(UpTo(Semaphore::new(number)));
        let planners = BTreeMap::from([(SOURCE, planner)]);
        let events = Events::new(&intake, rng.clone(), settings, planners, journal);
        let tasks = Tasks::default();
        tasks.spawn("events", events.run(tasks.clone()));
    }
    let account = Account {
        connection: "main".to_owned(),
        account_id: caresoft::Id::new(4_021),
        signing: Signing::Secrets(vec![LiveSecret {
            secret: Secret::new(SECRET)?,
            until: None,
        }]),
        has_routes: false,
    };
    let hooks = Hooks {
        accounts: Arc::new(Accounts::new([account])),
        intake,
        clock,
        rng,
        body_bytes_max: BODY_BYTES_MAX,
    };
    let limits = RequestLimits {
        concurrent_max: 512,
        deadline: Duration::from_secs(30),
    };
    let finishing = Finishing::new(limits, &mut fastrand::Rng::with_seed(2));
    Ok(router(hooks)
        .fallback(no_such_route)
        .method_not_allowed_fallback(wrong_verb)
        .layer(from_fn_with_state(finishing, finish)))
}

/// Carries so many events out into nothing, and leaves the others waiting.
struct UpTo(Semaphore);

impl Planner for UpTo {
    fn plan<'a>(&'a self, _event: &'a Event) -> BoxFuture<'a, Outcome<Planned>> {
        Box::pin(async {
            match self.0.acquire().await {
                Ok(permit) => permit.forget(),
                Err(_closed) => {}
            }
            Outcome::Done(Planned::Do {
                effects: Vec::new(),
                links: Vec::new(),
                known: Vec::new(),
            })
        })
    }
}

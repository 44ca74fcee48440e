//! What is asked elsewhere before a call is planned.

use std::{sync::Arc, time::Duration};

use deskbridge_core::Chain;
use deskbridge_store::{CallFilter, KeptCall, Store};
use futures_util::{future::BoxFuture, stream::FuturesUnordered};
use jiff::SignedDuration;
use tokio::time::{sleep, timeout};

use super::{Kept, Setup, kept::MISSED};
use crate::{
    call::Linkedid,
    decide::{originate::Order, users::UserId, write::CallKey},
};

/// How long a missed call waits for the CRM to say who is responsible for the client.
const RESPONSIBLE_WITHIN: Duration = Duration::from_secs(3);
/// How soon a store that failed is asked again.
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// How far back missed calls of a client are looked for.
const MISSED_SINCE: SignedDuration = SignedDuration::from_hours(24 * 30);
/// How many of them.
const MISSED_MAX: usize = 50;

/// Who knows why calls were begun that we ordered.
pub trait Orders: Send + Sync + 'static {
    /// The order of this id, if there is one.
    fn order<'a>(&'a self, id: &'a str) -> BoxFuture<'a, deskbridge_store::Result<Option<Order>>>;
}

/// For who orders no calls.
#[derive(Clone, Copy, Debug)]
pub struct NoOrders;

impl Orders for NoOrders {
    fn order<'a>(&'a self, _id: &'a str) -> BoxFuture<'a, deskbridge_store::Result<Option<Order>>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

/// What is asked, and about which call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) linkedid: Linkedid,
    pub(super) what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The order that a call was begun by.
    Order(String),
    /// Who is responsible for whoever has this number.
    Responsible(String),
    /// The missed calls of whoever has this number that have an open task.
    OpenTasks(String),
}

/// What was found out.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) linkedid: Linkedid,
    pub(super) what: Answer,
}

#[derive(Debug)]
pub(super) enum Answer {
    Order(Option<Order>),
    Responsible(Option<UserId>),
    OpenTasks(Vec<CallKey>),
}

pub(super) type Lookups = FuturesUnordered<BoxFuture<'static, Found>>;

/// Asks.
pub(super) fn look(setup: &Setup, wanted: Wanted) -> BoxFuture<'static, Found> {
    let Wanted { linkedid, what } = wanted;
    let connection = setup.settings.connection.clone();
    let (store, crm) = (setup.store.clone(), setup.crm.clone());
    let (orders, clock) = (Arc::clone(&setup.orders), setup.clock.clone());
    Box::pin(async move {
        let what = match what {
            What::Order(id) => Answer::Order(certainly(|| orders.order(&id)).await),
            What::Responsible(phone) => Answer::Responsible(responsible(&crm, &phone).await),
            What::OpenTasks(client) => {
                let since = clock.now().checked_sub(MISSED_SINCE).ok();
                let filter = CallFilter {
                    connection: Some(connection.clone()),
                    client: Some(client),
                    result: Some(MISSED.to_owned()),
                    since,
                    limit: MISSED_MAX,
                    ..CallFilter::default()
                };
                let missed = certainly(|| missed(&store, filter.clone())).await;
                Answer::OpenTasks(with_task(&connection, missed))
            }
        };
        Found { linkedid, what }
    })
}

fn missed(
    store: &Store,
    filter: CallFilter,
) -> BoxFuture<'_, deskbridge_store::Result<Vec<KeptCall>>> {
    Box::pin(store.list_calls(filter))
}

/// Asks the store until it answers.
async fn certainly<'a, T>(ask: impl Fn() -> BoxFuture<'a, deskbridge_store::Result<T>>) -> T {
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(error) => {
                tracing::error!(error = %Chain(&error), "What is known of a call cannot be read");
                sleep(AGAIN_AFTER).await;
            }
        }
    }
}

async fn responsible(crm: &bitrix24::Client, phone: &str) -> Option<UserId> {
    let callers = match timeout(RESPONSIBLE_WITHIN, crm.callers(phone)).await {
        Ok(Ok(callers)) => callers,
        Ok(Err(error)) => {
            tracing::warn!(error = %Chain(&error), "Who is responsible for a client was not told");
            return None;
        }
        Err(_elapsed) => return None,
    };
    let mut users = callers
        .iter()
        .filter_map(|caller| caller.responsible.as_ref());
    users.find_map(|one| UserId::new(one.user.get()))
}

/// The keys of those calls that have a task.
fn with_task(connection: &str, calls: Vec<KeptCall>) -> Vec<CallKey> {
    let read = calls.into_iter().filter_map(|call| Kept::read(call.state));
    let tasks = read.filter(|kept| kept.planned.has_task());
    tasks
        .map(|kept| {
            let key = kept.planned.key().cloned();
            key.unwrap_or_else(|| CallKey::new(connection, &kept.call().linkedid))
        })
        .collect()
}

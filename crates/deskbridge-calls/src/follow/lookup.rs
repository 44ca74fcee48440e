//! What is asked elsewhere before a call is planned.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use deskbridge_core::{Chain, Clock};
use deskbridge_hooks::{Decision, Hooks};
use deskbridge_store::{CallFilter, KeptCall, Store};
use futures_util::{future::BoxFuture, stream::FuturesUnordered};
use jiff::{SignedDuration, Timestamp};
use tokio::time::{sleep, timeout};

use super::{
    Kept, Setup,
    kept::{MISSED, client},
};
use crate::{
    call::{CallResult, Direction, Linkedid},
    decide::{
        hooks::{learned::Question, told::Around},
        originate::Order,
        telephony::Circumstances,
        users::UserId,
        write::CallKey,
    },
    settings::missed::Choice,
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
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wanted {
    pub(super) linkedid: Linkedid,
    pub(super) what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    /// The order that a call was begun by.
    Order(String),
    /// Who is responsible for whoever has this number.
    Responsible(String),
    /// The missed calls of whoever has this number that have an open task.
    OpenTasks(String),
    /// What a hook says.
    Hook(Question),
}

/// What was asked of a call, so that it is asked once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(super) order: bool,
    pub(super) at_end: bool,
    /// What hooks are being asked.
    pub(super) hooks: BTreeSet<String>,
}

impl Asked {
    /// What has to be asked elsewhere before a call is planned, which was not asked before.
    pub(crate) fn wanted(
        &mut self,
        around: &Around<'_>,
        circumstances: &Circumstances,
        hooks: &Hooks,
    ) -> Vec<What> {
        let &Around {
            call,
            settings,
            people,
        } = around;
        let mut wanted = Vec::new();
        if let Some(order) = call.originated.as_ref().filter(|_| !self.order) {
            self.order = true;
            wanted.push(What::Order(order.clone()));
        }
        let ordered = circumstances.order.as_ref();
        let ordered = ordered.map(|order| order.phone.as_str());
        let asks = |point| hooks.asks(point);
        let learned = &circumstances.learned;
        let questions = learned.questions(around, ordered, &mut self.hooks, asks);
        wanted.extend(questions.into_iter().map(What::Hook));
        // Without its users nothing is planned, and what was asked would be old by then.
        let Some(ended) = call.ended.as_ref().filter(|_| !people.is_empty()) else {
            return wanted;
        };
        if std::mem::replace(&mut self.at_end, true) {
            return wanted;
        }
        let client = client(call, circumstances, settings);
        let Some(client) = client.filter(|_| call.direction != Direction::Internal) else {
            return wanted;
        };
        let missed = &settings.missed;
        match ended.result {
            CallResult::Missed(_) if call.direction == Direction::Incoming => {
                if missed.responsible.contains(&Choice::ClientResponsible) {
                    wanted.push(What::Responsible(client));
                }
            }
            CallResult::Answered if missed.close_when_reached && missed.task.is_some() => {
                wanted.push(What::OpenTasks(client));
            }
            CallResult::Answered | CallResult::Missed(_) => {}
        }
        wanted
    }
}

/// What was found out.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) linkedid: Linkedid,
    pub(super) what: Answer,
    pub(super) at: Timestamp,
}

#[derive(Debug)]
pub(crate) enum Answer {
    Order(Option<Order>),
    Responsible(Option<UserId>),
    OpenTasks(Vec<CallKey>),
    /// With a sentence about it.
    Hook(Question, Decision, Option<String>),
}

impl Answer {
    /// Takes note of it; what is to be told of it in the call's story.
    pub(crate) fn add_to(self, circumstances: &mut Circumstances) -> Option<String> {
        match self {
            Self::Order(order) => circumstances.order = circumstances.order.take().or(order),
            Self::Responsible(user) => circumstances.client_responsible = user,
            Self::OpenTasks(tasks) => circumstances.open_tasks = tasks,
            Self::Hook(question, decision, told) => {
                circumstances.learned.learn(&question, &decision);
                return told;
            }
        }
        None
    }
}

pub(super) type Lookups = FuturesUnordered<BoxFuture<'static, Found>>;

/// Who is asked.
#[derive(Clone)]
pub(crate) struct Sources {
    pub(crate) connection: String,
    pub(crate) store: Store,
    pub(crate) crm: bitrix24::Client,
    pub(crate) orders: Arc<dyn Orders>,
    pub(crate) hooks: Arc<Hooks>,
    pub(crate) clock: Clock,
}

/// Asks.
pub(super) fn look(setup: &Setup, wanted: Wanted) -> BoxFuture<'static, Found> {
    let Wanted { linkedid, what } = wanted;
    let sources = Sources {
        connection: setup.settings.connection.clone(),
        store: setup.store.clone(),
        crm: setup.crm.clone(),
        orders: Arc::clone(&setup.orders),
        hooks: Arc::clone(&setup.hooks),
        clock: setup.clock.clone(),
    };
    Box::pin(async move {
        let what = sources.answer(what).await;
        let at = sources.clock.now();
        Found { linkedid, what, at }
    })
}

impl Sources {
    /// Asks, and the store until it answers.
    pub(crate) async fn answer(&self, what: What) -> Answer {
        match what {
            What::Order(id) => Answer::Order(certainly(|| self.orders.order(&id)).await),
            What::Responsible(phone) => Answer::Responsible(responsible(&self.crm, &phone).await),
            What::OpenTasks(client) => {
                let since = self.clock.now().checked_sub(MISSED_SINCE).ok();
                let filter = CallFilter {
                    connection: Some(self.connection.clone()),
                    client: Some(client),
                    result: Some(MISSED.to_owned()),
                    since,
                    limit: MISSED_MAX,
                    ..CallFilter::default()
                };
                let missed = certainly(|| missed(&self.store, filter.clone())).await;
                Answer::OpenTasks(with_task(&self.connection, missed))
            }
            What::Hook(question) => {
                let asked = self.hooks.decide_and_tell(question.point, &question.known);
                let (decision, told) = asked.await;
                Answer::Hook(question, decision, told)
            }
        }
    }
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

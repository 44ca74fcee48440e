//! Adding what routes send on to what is planned for an event.

use std::{collections::BTreeMap, sync::Arc};

use deskbridge_core::{Event, IdempotencyKey, NewEffect, OrderingKey, Outcome, Urgency};
use deskbridge_hooks::{Action, Decision, Hooks, Point};
use deskbridge_journal::{Planned, Planner};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{KIND, decide::Answer, settings::Route};

/// What an effect of [`KIND`] carries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Send {
    /// The route.
    pub(super) route: String,
    /// The event.
    pub(super) event: String,
    /// The route that led here, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<After>,
}

/// The route that led to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct After {
    /// Its name.
    pub(super) route: String,
    /// What it was answered.
    pub(super) answer: Answer,
}

impl Send {
    /// The effect that sends an event on. Those of one route and one ordering key go out one after another.
    pub(super) fn effect(self, ordering_key: &OrderingKey) -> NewEffect {
        let Self {
            route,
            event,
            after,
        } = &self;
        // An event may go out by a route and, with an answer, by it again.
        let way = after
            .as_ref()
            .map(|after| format!("/after/{}", after.route));
        let way = way.unwrap_or_default();
        NewEffect {
            urgency: Urgency::Usual,
            kind: KIND.to_owned(),
            ordering_key: OrderingKey::new(format!("route/{route}/{ordering_key}")),
            idempotency_key: IdempotencyKey::new(format!("route/{route}/{event}{way}")),
            payload: serde_json::to_value(&self).unwrap_or_default(),
        }
    }
}

/// A planner whose events also go out by routes.
pub struct Routed {
    inner: Arc<dyn Planner>,
    routes: Arc<[Route]>,
    hooks: BTreeMap<String, Arc<Hooks>>,
}

impl Routed {
    /// What `inner` plans, and what `routes` send on.
    pub fn new(inner: Arc<dyn Planner>, routes: Arc<[Route]>) -> Self {
        Self {
            inner,
            routes,
            hooks: BTreeMap::new(),
        }
    }

    /// The same with hooks, by the connection of an event.
    #[must_use]
    pub fn asking(self, hooks: BTreeMap<String, Arc<Hooks>>) -> Self {
        Self { hooks, ..self }
    }

    /// The routes that an event takes; `None` when a hook leaves the event out.
    async fn taken(&self, event: &Event) -> Option<Vec<&Route>> {
        let taken = taken(&self.routes, event);
        let hooks = self.hooks.get(&event.arrival.connection);
        let Some(hooks) = hooks.filter(|hooks| hooks.asks(Point::EventRoute)) else {
            return Some(taken);
        };
        let (decision, told) = hooks
            .decide_and_tell(Point::EventRoute, &told(&taken, event))
            .await;
        if let Some(told) = told {
            tracing::info!(event.id = %event.id, told, "A hook was asked where an event goes");
        }
        let Decision::Changed(change) = decision else {
            return Some(taken);
        };
        if change.action == Some(Action::Ignore) {
            return None;
        }
        let Some(wanted) = change.data.get("routes").and_then(Value::as_array) else {
            return Some(taken);
        };
        let named = |route: &&Route| wanted.iter().any(|name| name == route.name());
        Some(self.routes.iter().filter(named).collect())
    }
}

impl Planner for Routed {
    fn plan<'a>(&'a self, event: &'a Event) -> BoxFuture<'a, Outcome<Planned>> {
        Box::pin(async move {
            let planned = match self.inner.plan(event).await {
                Outcome::Done(planned) => planned,
                other => return other,
            };
            // Another account's events are none of a hook's business, either.
            if let Planned::Misdirected(why) = planned {
                return Outcome::Done(Planned::Misdirected(why));
            }
            let Some(taken) = self.taken(event).await else {
                let why = "the hook event_route leaves it out";
                return Outcome::Done(Planned::Unrouted(why.to_owned()));
            };
            let sent = sent(&taken, event);
            Outcome::Done(match planned {
                // Another account's customers are none of a route's business.
                Planned::Misdirected(why) => Planned::Misdirected(why),
                Planned::Do {
                    mut effects,
                    links,
                    known,
                } => {
                    effects.extend(sent);
                    Planned::Do {
                        effects,
                        links,
                        known,
                    }
                }
                Planned::Unrouted(why) if sent.is_empty() => Planned::Unrouted(why),
                // Somebody does know what to do with it.
                Planned::Unrouted(_) => Planned::Do {
                    effects: sent,
                    links: Vec::new(),
                    known: Vec::new(),
                },
            })
        })
    }
}

/// What the hook of an event is told, with the routes that it would take.
pub fn told(taken: &[&Route], event: &Event) -> Value {
    let arrival = &event.arrival;
    let payload: Value = serde_json::from_slice(&arrival.body).unwrap_or_default();
    let routes: Vec<&str> = taken.iter().map(|route| route.name()).collect();
    json!({
        "event": {
            "id": event.id.to_string(),
            "connection": arrival.connection,
            "source": arrival.reading.source,
            "object": arrival.reading.object,
            "action": arrival.reading.action,
            "payload": payload,
        },
        "routes": routes,
    })
}

/// The routes that an event takes by their conditions. One that cannot be evaluated holds nobody up.
pub fn taken<'r>(routes: &'r [Route], event: &Event) -> Vec<&'r Route> {
    let takes = |route: &&Route| {
        route.takes(event).unwrap_or_else(|error| {
            tracing::warn!(event.id = %event.id, %error, "A route does not take an event");
            false
        })
    };
    routes.iter().filter(takes).collect()
}

/// The effects by which an event goes out.
fn sent(routes: &[&Route], event: &Event) -> Vec<NewEffect> {
    let ordering_key = &event.arrival.reading.ordering_key;
    routes
        .iter()
        .map(|route| {
            let send = Send {
                route: route.name().to_owned(),
                event: event.id.to_string(),
                after: None,
            };
            send.effect(ordering_key)
        })
        .collect()
}

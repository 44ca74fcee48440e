//! Adding what routes send on to what is planned for an event.

use std::sync::Arc;

use deskbridge_core::{Event, IdempotencyKey, NewEffect, OrderingKey, Outcome, Urgency};
use deskbridge_journal::{Planned, Planner};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

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
}

impl Routed {
    /// What `inner` plans, and what `routes` send on.
    pub fn new(inner: Arc<dyn Planner>, routes: Arc<[Route]>) -> Self {
        Self { inner, routes }
    }
}

impl Planner for Routed {
    fn plan<'a>(&'a self, event: &'a Event) -> BoxFuture<'a, Outcome<Planned>> {
        Box::pin(async move {
            let planned = match self.inner.plan(event).await {
                Outcome::Done(planned) => planned,
                other => return other,
            };
            let sent = sent(&self.routes, event);
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

/// The effects by which an event goes out. A condition that cannot be evaluated holds nobody up.
fn sent(routes: &[Route], event: &Event) -> Vec<NewEffect> {
    let takes = |route: &&Route| {
        route.takes(event).unwrap_or_else(|error| {
            tracing::warn!(event.id = %event.id, %error, "A route does not take an event");
            false
        })
    };
    let ordering_key = &event.arrival.reading.ordering_key;
    routes
        .iter()
        .filter(takes)
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

//! From an event of a portal to the order of a call.

use std::{collections::BTreeMap, sync::Arc};

use bitrix24::{CallStart, CallbackRequest, CrmRecord, News};
use deskbridge_core::{
    Chain, Event, Failure, NewEffect, OrderingKey, Outcome, RemoteRecord, Urgency,
};
use deskbridge_journal::{Planned, Planner};
use deskbridge_store::{Known, Store};
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{Dial, ORIGINATE, key, reading::digits};
use crate::{
    decide::{
        originate::{Order, Why},
        telephony::plan_not_begun,
        users::UserId,
        write::{CallKey, Entity, Intended},
    },
    settings::Settings,
};

/// Two clicks of one user on one number within that are one.
const ONE_CLICK_FOR: SignedDuration = SignedDuration::from_secs(5);

/// How the orders of a portal are carried out.
#[derive(Clone, Debug)]
pub struct Portal {
    /// The PBXs whose calls are carried to it; the first takes what names no line of another one.
    pub pbxs: Vec<Pbx>,
    /// An order that is older is not carried out: nobody waits for it any more.
    pub too_old_after: SignedDuration,
}

/// A PBX that orders are carried out by.
#[derive(Clone, Debug)]
pub struct Pbx {
    /// What becomes of its calls.
    pub settings: Arc<Settings>,
    /// How the id begins that the channel of an order gets.
    pub prefix: String,
}

/// Plans the events of portals.
#[derive(Clone)]
pub struct Clicks {
    store: Store,
    portals: Arc<BTreeMap<String, Portal>>,
}

impl std::fmt::Debug for Clicks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Clicks").field(&self.portals.keys()).finish()
    }
}

impl Clicks {
    /// The portals, by the names of their connections.
    pub fn new(store: Store, portals: BTreeMap<String, Portal>) -> Self {
        Self {
            store,
            portals: Arc::new(portals),
        }
    }

    async fn plan(&self, event: &Event) -> deskbridge_store::Result<Planned> {
        let unrouted = |why: String| Ok(Planned::Unrouted(why));
        let connection = &event.arrival.connection;
        let Some(portal) = self.portals.get(connection) else {
            return unrouted(format!("no [[asterisk]] has crm = \"{connection}\""));
        };
        let read = match bitrix24::Event::parse(&event.arrival.body) {
            Ok(read) => read,
            Err(error) => return unrouted(Chain(&error).to_string()),
        };
        let line = match &read.news {
            News::CallStart(start) => start.line_number.as_deref(),
            News::Callback(callback) => callback.line_number.as_deref(),
            _ => return unrouted("the event is none of a call".to_owned()),
        };
        let Some(Pbx {
            settings: pbx,
            prefix,
        }) = portal.pbx(line)
        else {
            return unrouted(format!("no [[asterisk]] has crm = \"{connection}\""));
        };
        let id = format!("{prefix}{}", event.id.uuid().simple());
        let (order, click) = match &read.news {
            News::CallStart(start) => match of_click(id, start) {
                Some(order) => (order, Some(start)),
                None => return unrouted("the event names no user".to_owned()),
            },
            News::Callback(callback) => (of_callback(id, callback), None),
            _ => return unrouted("the event is none of a call".to_owned()),
        };
        let ordered_at = read.sent_at.unwrap_or(event.received_at);
        // A portal whose clock goes before ours must not be believed too young.
        let ordered_at = ordered_at.min(event.received_at);
        let mut known = Vec::new();
        if let Some(click) = click {
            let record = clicked(connection, click);
            let mut before = self.store.known(vec![record]).await?;
            if let Some(before) = before.pop() {
                let last = before
                    .facts
                    .get("at")
                    .and_then(|at| at.as_str()?.parse().ok());
                let is_again = last.is_some_and(|last: Timestamp| {
                    ordered_at.duration_since(last).abs() < ONE_CLICK_FOR
                });
                if is_again {
                    tracing::info!(event.id = %event.id, connection, "A click is left out: the same user clicked on the same number just before");
                    return Ok(nothing());
                }
                known.push(Known {
                    facts: json!({"at": ordered_at}),
                    ..before
                });
            }
        }
        Ok(Planned::Do {
            effects: effects(portal, pbx, order, ordered_at, event.received_at),
            links: Vec::new(),
            known,
        })
    }
}

impl Planner for Clicks {
    fn plan<'a>(&'a self, event: &'a Event) -> BoxFuture<'a, Outcome<Planned>> {
        Box::pin(async {
            match self.plan(event).await {
                Ok(planned) => Outcome::Done(planned),
                Err(error) => Outcome::NotSent(Failure::new(Chain(&error).to_string())),
            }
        })
    }
}

impl Portal {
    fn pbx(&self, line: Option<&str>) -> Option<&Pbx> {
        let has_line = |pbx: &&Pbx| {
            let (found, _) = pbx.settings.lines.resolve(line);
            line.is_some() && !found.number.is_empty() && Some(found.number.as_str()) == line
        };
        self.pbxs.iter().find(has_line).or(self.pbxs.first())
    }
}

fn nothing() -> Planned {
    Planned::Do {
        effects: Vec::new(),
        links: Vec::new(),
        known: Vec::new(),
    }
}

/// The call is to be begun; or, when nobody waits for it any more, the CRM is told that it is not.
fn effects(
    portal: &Portal,
    pbx: &Settings,
    order: Order,
    ordered_at: Timestamp,
    received_at: Timestamp,
) -> Vec<NewEffect> {
    let until = ordered_at.saturating_add(portal.too_old_after);
    let until = until.unwrap_or(Timestamp::MAX);
    if received_at > until {
        let why = "the order came too late to be carried out";
        let finish = plan_not_begun(&order, pbx, why);
        return finish.iter().map(Intended::effect).collect();
    }
    let key = key(&order.id);
    let dial = Dial {
        pbx: pbx.connection.clone(),
        until,
        order,
    };
    vec![NewEffect {
        urgency: Urgency::Live,
        kind: ORIGINATE.to_owned(),
        ordering_key: OrderingKey::new(format!(
            "call:{}",
            CallKey::of_order(&dial.pbx, &dial.order.id)
        )),
        idempotency_key: key,
        // Texts and numbers: it can always be written as JSON.
        payload: serde_json::to_value(dial).unwrap_or_default(),
    }]
}

/// What is remembered of clicks of one user on one number.
fn clicked(connection: &str, click: &CallStart) -> RemoteRecord {
    RemoteRecord {
        connection: connection.to_owned(),
        object: "calls.click".to_owned(),
        id: format!("{}/{}", click.user, digits(&click.phone_number)),
    }
}

fn of_click(id: String, click: &CallStart) -> Option<Order> {
    let international = click.phone_number_international.clone();
    Some(Order {
        id,
        phone: international.unwrap_or_else(|| click.phone_number.clone()),
        line: click.line_number.clone(),
        entity: click.record.as_ref().and_then(entity),
        why: Why::Click {
            user: UserId::new(click.user.get())?,
            extension: None,
            call_id: click.call_id.as_ref().map(ToString::to_string),
            call_list: click.call_list.map(|list| list.to_string()),
        },
    })
}

fn of_callback(id: String, callback: &CallbackRequest) -> Order {
    Order {
        id,
        phone: callback.phone_number.clone(),
        line: callback.line_number.clone(),
        entity: callback.record.as_ref().and_then(entity),
        why: Why::Callback { responsible: None },
    }
}

fn entity(record: &CrmRecord) -> Option<Entity> {
    let kind = record.kind.name();
    ["LEAD", "CONTACT", "COMPANY"]
        .contains(&kind)
        .then(|| Entity {
            kind: kind.to_owned(),
            id: record.id.get(),
        })
}

//! Webhooks as a simulated contact centre sends them.

use std::collections::BTreeMap;

use caresoft::{Event, Kind, OrderingKey, signature};
use simulators::caresoft as center;

#[test]
fn every_webhook_of_a_life_is_routed_signed_and_has_a_key() {
    let life = center::live(3, 200, "2026-01-05T02:30:00Z".parse().unwrap());
    let secrets = [signature::Secret::new("CS123").unwrap()];
    for body in &life.webhooks {
        let header = center::sign("CS123", body);
        assert_eq!(
            signature::verify(Some(header.as_bytes()), body, &secrets),
            Ok(0)
        );
        let event = Event::read(body);
        assert!(
            !matches!(event.kind(), Kind::Unrouted(_)),
            "{:?}",
            event.kind()
        );
        assert!(event.ordering_key().is_some());
    }
}

#[test]
fn duplicates_are_recognised_whatever_the_order_of_their_keys() {
    let life = center::live(3, 100, "2026-01-05T02:30:00Z".parse().unwrap());
    let disturbance = center::Disturbance {
        duplicates: 0.5,
        late_by_max: 20,
        ..center::Disturbance::default()
    };
    let arriving = center::disturb(3, &life.webhooks, disturbance);
    let mut seen = BTreeMap::new();
    let mut raw = BTreeMap::new();
    for body in &arriving {
        let event = Event::read(body);
        *seen.entry(event.canonical_digest()).or_insert(0) += 1;
        *raw.entry(event.raw_digest()).or_insert(0) += 1;
    }
    assert!(arriving.len() > life.webhooks.len());
    assert_eq!(seen.len(), life.webhooks.len());
    assert!(
        raw.len() > seen.len(),
        "no duplicate had its keys in another order"
    );
}

#[test]
fn the_last_state_of_each_open_ticket_is_what_the_centre_holds() {
    let life = center::live(5, 200, "2026-01-05T02:30:00Z".parse().unwrap());
    let mut statuses = BTreeMap::new();
    for body in &life.webhooks {
        let event = Event::read(body);
        for gone in event.also_touches() {
            statuses.remove(&gone);
        }
        match event.kind() {
            Kind::Ticket(_, ticket) => {
                statuses.insert(OrderingKey::Case(ticket.id()), ticket.status());
            }
            Kind::TicketDeleted(id) => drop(statuses.remove(&OrderingKey::Case(id))),
            Kind::Lead(_, lead) => drop(statuses.remove(&OrderingKey::Case(lead.id()))),
            _ => {}
        }
    }
    let held: BTreeMap<_, _> = life
        .outcome
        .tickets
        .iter()
        .map(|(id, ticket)| {
            let key = OrderingKey::Case(caresoft::Id::new(*id).unwrap());
            (key, ticket["ticket_status"].as_str().map(str::to_owned))
        })
        .collect();
    assert_eq!(statuses, held);
}

//! What the samples and their quirks are read as.

mod mutations;
mod quirks;

use super::*;
use crate::testing::{compact, sample, samples};

fn case(id: u64) -> Option<OrderingKey> {
    Id::new(id).map(OrderingKey::Case)
}

/// One word for what an event is about.
fn word(kind: &Kind<'_>) -> String {
    match kind {
        Kind::User(save, _) => format!("user {save:?}"),
        Kind::Organization(save, _) => format!("organization {save:?}"),
        Kind::Ticket(save, _) => format!("ticket {save:?}"),
        Kind::TicketDeleted(_) => "ticket deleted".to_owned(),
        Kind::TicketsMerged(_) => "tickets merged".to_owned(),
        Kind::TicketAssigned(_) => "ticket assigned".to_owned(),
        Kind::Lead(save, _) => format!("lead {save:?}"),
        Kind::Deal(save, _) => format!("deal {save:?}"),
        Kind::DialerCall(dialer, _) => format!("dialer {dialer:?}"),
        Kind::IncomingCall(step, _) => format!("call {step:?}"),
        Kind::Unrouted(why) => format!("unrouted: {why}"),
    }
}

#[test]
fn every_sample_is_read_pretty_and_compact_as_what_it_is() {
    const CALL: &str = "call:20260105093000-KLMNOPQR-42";
    let expected = [
        ("deal-convert", "deal Convert", "case:81485671"),
        ("deal-create", "deal Create", "case:81485673"),
        ("deal-update", "deal Update", "case:81485671"),
        ("doc-call-in-agent-answer", "call AgentAnswer", CALL),
        ("doc-call-in-agent-end", "call AgentEnd", CALL),
        ("doc-call-in-agent-miss", "call AgentMiss", CALL),
        ("doc-call-in-agent-ring", "call AgentRing", CALL),
        ("doc-call-in-customer-end", "call CustomerEnd", CALL),
        ("doc-call-in-end-answered", "call End", CALL),
        ("doc-call-in-end-miss", "call End", CALL),
        ("doc-call-in-start", "call Start", CALL),
        (
            "doc-organization-create",
            "organization Create",
            "organization:126",
        ),
        (
            "doc-organization-update",
            "organization Update",
            "organization:126",
        ),
        ("doc-smart-dialer-ad-end-call", "dialer Auto", CALL),
        ("doc-smart-dialer-pd-end-call", "dialer Predictive", CALL),
        ("doc-ticket-create", "ticket Create", "case:7000001"),
        ("doc-ticket-delete", "ticket deleted", "case:7000001"),
        ("doc-ticket-merge", "tickets merged", "case:7000001"),
        ("doc-ticket-update", "ticket Update", "case:7000001"),
        ("doc-user-create", "user Create", "user:5203901"),
        ("doc-user-update", "user Update", "user:5203901"),
        ("lead-convert", "lead Convert", "case:81485672"),
        ("lead-create", "lead Create", "case:81485671"),
        ("lead-update", "lead Update", "case:81485671"),
        (
            "organization-create",
            "organization Create",
            "organization:126",
        ),
        (
            "organization-update",
            "organization Update",
            "organization:10",
        ),
        (
            "signature-example",
            "unrouted: the body names no object",
            "none",
        ),
        ("ticket-acd-assign", "ticket assigned", "case:31670"),
        ("ticket-create", "ticket Create", "case:22677"),
        ("ticket-delete", "ticket deleted", "case:31670"),
        ("ticket-merge", "tickets merged", "case:31671"),
        ("ticket-update", "ticket Update", "case:22677"),
        ("ticket-update-call-out", "ticket Update", "case:9999"),
        ("ticket-update-ivr", "ticket Update", "case:59312810"),
        ("ticket-update-missed-call", "ticket Update", "case:9999"),
        ("user-create", "user Create", "user:5203837"),
        ("user-update", "user Update", "user:5203835"),
    ];
    let mut names: Vec<&str> = samples().into_iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    assert_eq!(names, expected.map(|(name, ..)| name));
    for (name, kind, key) in expected {
        let pretty = sample(name);
        let compact = compact(pretty);
        for body in [pretty, &compact] {
            let event = Event::read(body.as_bytes());
            assert_eq!(word(&event.kind()), kind, "{name}");
            let read_key = event
                .ordering_key()
                .map_or("none".to_owned(), |key| key.to_string());
            assert_eq!(read_key, key, "{name}");
            assert_eq!(event.body(), body.as_bytes(), "{name}");
        }
        let [pretty, compact] = [pretty, &compact].map(|body| Event::read(body.as_bytes()));
        assert_eq!(
            pretty.canonical_digest(),
            compact.canonical_digest(),
            "{name}"
        );
    }
}

#[test]
fn no_two_samples_are_duplicates() {
    let mut seen: Vec<Digest> = samples()
        .iter()
        .map(|(_, body)| Event::read(body.as_bytes()).canonical_digest())
        .collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), samples().len());
}

#[test]
fn versions_are_the_times_of_the_state() {
    for (name, expected) in [
        ("ticket-update", Some(1_684_385_486_519)),
        ("user-update", Some(1_633_510_473_715)),
        ("organization-update", Some(1_633_589_854_414)),
        ("lead-update", Some(1_713_152_406_418)),
        ("deal-convert", Some(1_713_154_107_391)),
        ("ticket-acd-assign", Some(1_704_961_720_473)),
        ("doc-call-in-start", Some(1_767_580_260_500)),
        ("doc-smart-dialer-ad-end-call", Some(1_767_580_260_500)),
        ("ticket-delete", None),
        ("ticket-merge", None),
        ("signature-example", None),
    ] {
        let version = Event::read(sample(name).as_bytes()).version(&Zone::default());
        assert_eq!(version.map(Timestamp::as_millisecond), expected, "{name}");
    }
}

#[test]
fn a_converted_case_keeps_its_key_whatever_it_is() {
    let key = |name| Event::read(sample(name).as_bytes()).ordering_key();
    assert_eq!(key("lead-create"), key("deal-convert"));
    assert_eq!(key("lead-create"), case(81_485_671));
}

#[test]
fn the_call_joins_a_tickets_event() {
    let event = Event::read(sample("ticket-update-ivr").as_bytes());
    assert_eq!(
        event.call_id().unwrap().as_str(),
        "20211006094514-ABCDWXYZ-9999"
    );
    assert_eq!(event.account_id(), Id::new(9999));
}

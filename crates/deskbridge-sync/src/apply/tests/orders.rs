//! Many orders of writes, with answers that get lost: in the end every record stands once, and joined.

use std::time::Duration;

use deskbridge_core::Backoff;
use deskbridge_journal::{Journal, Settings};
use deskbridge_store::{EffectFilter, EffectState};
use jiff::SignedDuration;

use super::*;

const RUNS: u64 = 200;

/// The lanes of one run: within each the order is given.
fn lanes(id: u64) -> Vec<Vec<Write>> {
    let shop = json!({"customer_name": format!("Shop {id}")});
    let an = SaveContact {
        emails: vec![format!("an{id}@shop.example")],
        phones: vec![format!("09{id:08}")],
        organization: Some(key("organization", id)),
        ..contact(id, "An")
    };
    let ticket = SaveTicket {
        status: status("Closed"),
        requester: Some(key("user", id)),
        assignment: assigned_to(Some(MAI)),
        ..ticket(id, "Máy in")
    };
    let later = SaveTicket {
        changed: fields(json!({"subject": "Máy in hỏng"})),
        status: status("Replied"),
        ..ticket.clone()
    };
    let join = |kind: &str| Write::Join(Join { key: key(kind, id) });
    vec![
        vec![customer(id, shop.clone(), shop), join("organization")],
        vec![Write::SaveContact(an), join("user")],
        vec![
            Write::SaveTicket(ticket),
            comment(id, "a", true, Author::Customer(key("user", id))),
            Write::SaveTicket(later),
            comment(id, "b", true, Author::Customer(key("user", id))),
            comment(id, "c", false, Author::ContactCenter),
        ],
        vec![
            Write::SaveCase(case(id, CaseKind::Lead, "Máy in")),
            Write::SaveCase(SaveCase {
                was_lead: true,
                ..case(id, CaseKind::Deal, "Máy in")
            }),
        ],
    ]
}

/// A rule for a request to come that fails, after it ran or before.
fn failing(when: &[&str], rng: &mut fastrand::Rng) -> Value {
    let answer = match rng.u8(0..3) {
        0 => json!({"preset": "bad_gateway"}),
        _ => json!("hang_up"),
    };
    let when = when[rng.usize(..when.len())];
    json!({"when": when, "skip": rng.u8(0..6), "times": 1, "execute": rng.bool(), "answer": answer})
}

/// A rule for an insert to come that others overtake.
fn slow(rng: &mut fastrand::Rng) -> Value {
    let doctypes = ["HD Customer", "Contact", "HD Ticket"];
    let when = format!("POST /api/resource/{}", doctypes[rng.usize(..3)]);
    json!({"when": when, "times": 1, "delay_ms": rng.u8(10..40)})
}

async fn is_settled(store: &Store) -> bool {
    let counts = store.count_effects().await.unwrap();
    counts.oldest_open_recorded_at.is_none()
}

/// One run: the lanes are mixed, and requests fail for a while.
async fn run(bench: &mut Bench, id: u64, seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    if rng.u8(0..8) == 0 {
        bench.restart();
    }
    let settings = Settings {
        concurrent_max: 4,
        attempt_for: Duration::from_secs(30),
        backoff: Backoff::new(Duration::from_secs(1), Duration::from_secs(60), 50).unwrap(),
    };
    let handlers = bench.handlers.clone();
    let (store, clock) = (bench.store.clone(), bench.clock.clone());
    let journal = Journal::new(store, clock, rng.fork(), settings, handlers);
    let link = |one: SourceKey, other: SourceKey| Link {
        one: links::record_of(&one),
        other: links::record_of(&other),
    };
    let known = vec![
        link(key("user", id), key("organization", id)),
        link(key("case", id), key("user", id)),
    ];
    bench.store.record_links(known, now()).await.unwrap();
    let mut lanes: Vec<_> = lanes(id)
        .into_iter()
        .enumerate()
        .map(|(lane, writes)| (lane, writes.into_iter()))
        .collect();
    while !lanes.is_empty() {
        let place = rng.usize(..lanes.len());
        let (lane, writes) = &mut lanes[place];
        match writes.next() {
            Some(write) => {
                let effect = new_effect(&write, &format!("{id}/{lane}"));
                journal.record(vec![effect]).await.unwrap();
            }
            None => drop(lanes.swap_remove(place)),
        }
        if rng.u8(0..4) == 0 {
            journal.drain().await.unwrap();
        }
        if rng.bool() {
            let mut rules = vec![slow(&mut rng)];
            rules.extend((0..3).map(|_| failing(&["POST *", "PUT *", "GET *"], &mut rng)));
            bench.site_faults(rules.into());
            let writes = ["crm.lead.add", "crm.deal.add", "crm.*.update"];
            bench.portal_faults(json!([failing(&writes, &mut rng)]));
        }
    }
    for _ in 0..30 {
        journal.drain().await.unwrap();
        if is_settled(&bench.store).await {
            return;
        }
        bench.clock.advance(SignedDuration::from_secs(120));
    }
    panic!("seed {seed} does not come to an end");
}

#[tokio::test]
async fn two_hundred_orders_with_lost_answers_make_no_duplicate() {
    let mut bench = Bench::new().await;
    for seed in 0..RUNS {
        run(&mut bench, 100_000 + seed, seed).await;
    }
    let filter = EffectFilter {
        state: Some(EffectState::Dead),
        limit: 10,
        ..EffectFilter::default()
    };
    let dead = bench.store.list_effects(filter).await.unwrap();
    assert!(dead.is_empty(), "{dead:#?}");
    let data = bench.site.site.data().documents;
    let portal = bench.portal.portal.data();
    for seed in 0..RUNS {
        let id = 100_000 + seed;
        let one = |doctype: &str, key: String| -> Value {
            let mut found = data.iter().filter(|document| {
                document["doctype"] == doctype
                    && document.get(KEY_FIELD) == Some(&key.clone().into())
            });
            let one = found.next();
            assert!(
                found.next().is_none(),
                "seed {seed}: {doctype} {key} is there twice"
            );
            Value::Object(
                one.unwrap_or_else(|| panic!("seed {seed}: no {doctype} {key}"))
                    .clone(),
            )
        };
        let customer = one("HD Customer", format!("main:organization:{id}"));
        let contact = one("Contact", format!("main:user:{id}"));
        let ticket = one("HD Ticket", format!("main:case:{id}"));
        assert_eq!(ticket["contact"], contact["name"], "seed {seed}");
        assert_eq!(ticket["customer"], customer["name"], "seed {seed}");
        assert_eq!(ticket["raised_by"], contact["email_id"], "seed {seed}");
        assert_eq!(ticket["subject"], "Máy in hỏng", "seed {seed}");
        assert_eq!(ticket["status"], "Replied", "seed {seed}");
        for text in ["a", "b"] {
            one("Communication", format!("main:comment:{id}-{text}"));
        }
        one("HD Ticket Comment", format!("main:comment:{id}-c"));
        let todos = data.iter().filter(|document| {
            document["doctype"] == "ToDo" && document["reference_name"] == ticket["name"]
        });
        assert_eq!(todos.count(), 1, "seed {seed}");
        let of_case = |records: &[portal_simulator::Record]| -> Vec<portal_simulator::Record> {
            let origin = format!("main:case:{id}");
            let records = records
                .iter()
                .filter(|record| record["ORIGIN_ID"] == origin);
            records.cloned().collect()
        };
        let (leads, deals) = (of_case(&portal.leads), of_case(&portal.deals));
        assert_eq!((leads.len(), deals.len()), (1, 1), "seed {seed}");
        assert_eq!(deals[0]["LEAD_ID"], leads[0]["ID"], "seed {seed}");
    }
    assert_eq!(
        data.iter()
            .filter(|document| document["doctype"] == "HD Ticket")
            .count() as u64,
        RUNS
    );
}

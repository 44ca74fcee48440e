//! Writes whose answers get lost.

use std::collections::BTreeSet;

use bitrix24::{Call, Client, Options, Outcome};
use serde_json::json;
use simulators::bitrix24 as simulator;

use crate::{client, path_with_scope, sample_portal};

const WRITES: usize = 1_000;

/// Writes once, and where nobody knows whether it ran looks before it writes again.
async fn make(client: &Client, origin: &str) {
    loop {
        let add = Call::write("crm.company.add")
            .param("fields", json!({"TITLE": origin, "ORIGIN_ID": origin}));
        match client.write(add).await {
            Outcome::Done(_) => return,
            Outcome::NotSent(_) => {}
            Outcome::Refused(error) => panic!("{error}"),
            Outcome::Unknown(_) => {
                let look = Call::read("crm.company.list")
                    .filter("=ORIGIN_ID", origin)
                    .select(["ID", "ORIGIN_ID"]);
                let rows = client.call(look).await.unwrap().rows().unwrap();
                if rows
                    .iter()
                    .any(|row| row.text("ORIGIN_ID").as_deref() == Some(origin))
                {
                    return;
                }
            }
        }
    }
}

/// Every answer to a write is lost, half of them after the write ran and half before.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_lost_answers_make_no_duplicate() {
    let portal = sample_portal(simulator::Limits::off()).await;
    let options = Options {
        limits: bitrix24::Limits {
            capacity: 10_000,
            per_second: 10_000,
        },
        ..Options::default()
    };
    let client = client(&portal, &path_with_scope(&portal, "user"), &options);
    let before = portal.portal.data().companies.len();
    for at in 0..WRITES {
        let rule = json!([{"when": "crm.company.add", "times": 1, "execute": at % 2 == 0, "answer": "hang_up"}]);
        portal
            .portal
            .set_faults(serde_json::from_value(rule).unwrap())
            .unwrap();
        make(&client, &format!("origin {at}")).await;
    }
    assert_eq!(portal.portal.counts().faults, WRITES as u64);
    let data = portal.portal.data();
    assert_eq!(data.companies.len(), before + WRITES);
    let data = serde_json::to_value(data).unwrap();
    let origins: BTreeSet<&str> = data["companies"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|company| company["ORIGIN_ID"].as_str())
        .filter(|origin| origin.starts_with("origin "))
        .collect();
    assert_eq!(origins.len(), WRITES);
}

//! CareSoft's webhooks from their arrival to helpdesk and CRM.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value};
use simulators::caresoft::{self, Disturbance, Records, Report, Sender, disturb};
use testkit::wait_for;

use crate::{
    hub::{Bench, Hub},
    process::run,
};

mod calls;

/// What the invented account signs with.
const SECRET: &str = "planted-caresoft-secret";

/// A bench whose hub receives webhooks, and whose helpdesk is ready for what comes of them.
async fn bench() -> Bench {
    let bench = Bench::new().await;
    bench.configure(|text| {
        format!(
            "{text}
[[caresoft]]
name = \"center\"
secrets = [\"{SECRET}\"]
crm = \"crm\"
"
        )
    });
    let installed = bench.run(&["frappe", "install"]).await;
    assert_eq!(
        installed.status,
        Some(0),
        "{}{}",
        installed.out,
        installed.err
    );
    bench
}

impl Bench {
    /// The documents of a DocType that came from CareSoft, by their key there.
    fn keyed(&self, doctype: &str) -> Vec<(String, Map<String, Value>)> {
        let documents = self.site.site.data().documents.into_iter();
        let of_type = documents.filter(|document| document["doctype"] == doctype);
        let keyed = of_type.filter_map(|document| {
            let key = document.get("custom_caresoft_id")?.as_str()?.to_owned();
            (!key.is_empty()).then_some((key, document))
        });
        keyed.collect()
    }

    fn ticket(&self, id: u64) -> Option<Map<String, Value>> {
        let key = format!("center:case:{id}");
        let mut tickets = self.keyed("HD Ticket").into_iter();
        tickets.find_map(|(found, ticket)| (found == key).then_some(ticket))
    }
}

impl Hub {
    async fn send(&self, bodies: &[Vec<u8>]) -> Report {
        let target = format!("{}/hooks/caresoft/center", self.url());
        let sender = Sender::new(target.parse().unwrap(), Some(SECRET.to_owned()));
        sender.send(bodies).await
    }

    /// Waits until everything that was taken in is carried out.
    async fn settle(&self) {
        wait_for("everything to be carried out", async || {
            let (_, metrics) = self.get("/metrics", "").await;
            let waits = |name: &str| {
                ["pending", "running"].iter().any(|state| {
                    let line = format!("deskbridge_{name}{{state=\"{state}\"}} 0");
                    !metrics.contains(&line)
                })
            };
            (!waits("events") && !waits("effects")).then_some(())
        })
        .await;
    }

    /// How many events or effects are in a state.
    async fn count(&self, name: &str, state: &str) -> u64 {
        let (_, metrics) = self.get("/metrics", "").await;
        let start = format!("deskbridge_{name}{{state=\"{state}\"}} ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&start));
        line.unwrap().parse().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_is_received_and_carried_out() {
    let bench = bench().await;
    let hub = bench.serve().await;
    let bodies: Vec<Vec<u8>> = caresoft::samples()
        .into_iter()
        .map(|(_, body)| body.as_bytes().to_vec())
        .collect();
    let report = hub.send(&bodies).await;
    assert_eq!(report.not_accepted, Vec::<usize>::new());
    hub.settle().await;
    let said = bench.run(&["effects", "list", "--state", "dead"]).await;
    assert_eq!(hub.count("effects", "dead").await, 0, "{}", said.out);
    assert_eq!(hub.count("events", "dead").await, 0);
    let unrouted = hub.count("events", "unrouted").await;
    assert_eq!(
        unrouted, 1,
        "the body of the signature's example says nothing"
    );
    for (doctype, at_least) in [("HD Ticket", 4), ("Contact", 1), ("HD Customer", 1)] {
        let found = bench.keyed(doctype).len();
        assert!(found >= at_least, "{found} {doctype}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lives_that_come_disturbed_end_as_they_were_lived() {
    let bench = bench().await;
    let hub = bench.serve().await;
    let life = caresoft::live(11, 25, Timestamp::now());
    let disturbance = Disturbance {
        duplicates: 0.3,
        late_by_max: 12,
        losses: 0.0,
    };
    let bodies = disturb(5, &life.webhooks, disturbance);
    let report = hub.send(&bodies).await;
    assert_eq!(report.not_accepted, Vec::<usize>::new());
    hub.settle().await;
    assert_eq!(hub.count("effects", "dead").await, 0);
    let wanted: BTreeSet<String> = life
        .outcome
        .tickets
        .keys()
        .map(|id| format!("center:case:{id}"))
        .collect();
    let tickets = bench.keyed("HD Ticket");
    let found: BTreeSet<String> = tickets.iter().map(|(key, _)| key.clone()).collect();
    assert_eq!(tickets.len(), found.len(), "a ticket was made twice");
    let missing: Vec<_> = wanted.difference(&found).collect();
    assert!(missing.is_empty(), "{missing:?}");
    for (id, ticket) in &life.outcome.tickets {
        let is_over = life.outcome.deleted.contains(id) || life.outcome.merged.contains_key(id);
        let expected = match ticket.get("ticket_status").and_then(Value::as_str) {
            _ if is_over => "Closed",
            Some("new" | "open") | None => "Open",
            Some("pending") => "Replied",
            Some("solved") => "Resolved",
            Some("closed") => "Closed",
            // An account's own word, which no table says anything about: the status stays what it was.
            Some(_) => continue,
        };
        let written = bench.ticket(*id).unwrap();
        assert_eq!(
            written["status"], expected,
            "{id}: {ticket:?} became {written:?}"
        );
    }
    for doctype in ["Communication", "HD Ticket Comment"] {
        let all = bench.keyed(doctype);
        let keys: BTreeSet<&String> = all.iter().map(|(key, _)| key).collect();
        assert_eq!(all.len(), keys.len(), "a {doctype} was made twice");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_sends_lives_and_tells_what_they_came_to() {
    let bench = bench().await;
    let hub = bench.serve().await;
    let target = format!("{}/hooks/caresoft/center", hub.url());
    let said = run(&[
        "simulate",
        "caresoft",
        "--target",
        &target,
        "--secret",
        SECRET,
        "--lives",
        "6",
        "--seed",
        "4",
        "--duplicates",
        "0.5",
        "--late-by",
        "5",
        "--clients",
        "3",
        "--json",
        "--expect",
    ])
    .await;
    assert_eq!((said.status, said.err.as_str()), (Some(0), ""));
    let lines: Vec<Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let [ready, report, expected] = lines.as_slice() else {
        panic!("{}", said.out)
    };
    assert!(
        ready["url"]
            .as_str()
            .unwrap()
            .starts_with("http://127.0.0.1:")
    );
    assert_eq!(report["not_accepted"], serde_json::json!([]));
    assert_eq!(report["statuses"]["200"], report["sent"]);
    hub.settle().await;
    let expected: Records = serde_json::from_value(expected.clone()).unwrap();
    assert!(expected.tickets.len() > 1, "{expected:?}");
    for id in expected.tickets.keys() {
        assert!(bench.ticket(*id).is_some(), "ticket {id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_that_are_not_accepted_are_a_failure() {
    let bench = bench().await;
    let hub = bench.serve().await;
    let target = format!("{}/hooks/caresoft/center", hub.url());
    let arguments = ["simulate", "caresoft", "--target", &target, "--samples"];
    let said = run(&[&arguments[..], &["--secret", "another"]].concat()).await;
    assert_eq!(said.status, Some(1));
    let number = caresoft::samples().len();
    let told = format!("answered with 401  {number}");
    assert!(said.out.contains(&told), "{}", said.out);
    let away = ["--target", "http://hub.example/hooks/caresoft/center"];
    let said = run(&[&arguments[..2], &away].concat()).await;
    assert_eq!((said.status, said.out.as_str()), (Some(2), ""));
    assert!(said.err.contains("this machine only"), "{}", said.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_power_cut() {
    let bench = bench().await;
    let life = caresoft::live(3, 8, Timestamp::now());
    let middle = life.webhooks.len() / 2;
    let (before, after) = life.webhooks.split_at(middle);
    let hub = bench.serve().await;
    let report = hub.send(before).await;
    assert_eq!(report.not_accepted, Vec::<usize>::new());
    hub.process.kill();
    let hub = bench.serve().await;
    hub.send(after).await;
    hub.settle().await;
    assert_eq!(hub.count("effects", "dead").await, 0);
    for id in life.outcome.tickets.keys() {
        assert!(bench.ticket(*id).is_some(), "ticket {id}");
    }
}

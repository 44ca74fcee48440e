//! The tokens of an application, renewed by one of several nodes.

use serde_json::{Value, json};
use simulators::faults::Rule;

use super::*;
use crate::nodes::Schema;

/// Clients whom somebody is responsible for; each is asked for once, because answers are remembered.
const CLIENTS: u64 = 40;

struct Nodes {
    clicks: Clicks,
    one: Hub,
    other: Hub,
}

impl Nodes {
    async fn new(schema: &Schema) -> Self {
        let clicks = Clicks::configured(ami::Options::default(), |text| {
            let lines = text.lines();
            let lines = lines.map(|line| match line {
                "[server]" => schema.configuration(),
                line if line.starts_with("listen") => "listen = \"127.0.0.1:0\"".to_owned(),
                line if line.starts_with("public_url") => "events = \"offline\"".to_owned(),
                line => line.to_owned(),
            });
            lines.collect::<Vec<_>>().join("\n")
        })
        .await;
        let portal = &clicks.bench.portal.portal;
        let mut data = portal.data();
        for number in 0..CLIENTS {
            let contact = json!({
                "ID": (9_500 + number).to_string(), "NAME": "Minh", "ASSIGNED_BY_ID": "57", "HAS_PHONE": "Y",
                "PHONE": [{"ID": (500 + number).to_string(), "VALUE_TYPE": "WORK",
                    "VALUE": format!("+79161200{number:03}"), "TYPE_ID": "PHONE"}],
            });
            data.contacts.push(contact.as_object().unwrap().clone());
        }
        portal.set_data(data).unwrap();
        let (one, other) = (clicks.bench.serve().await, clicks.bench.serve().await);
        let nodes = Self { clicks, one, other };
        nodes.install().await;
        nodes
    }

    async fn install(&self) {
        let handler = format!("{}/bitrix24/crm/install", self.one.url());
        let portal = &self.clicks.bench.portal.portal;
        let installed = portal.install_at(CLIENT_ID, &handler, InstallCallback::Page);
        assert_eq!(installed.await.unwrap(), 200);
    }

    fn refreshes(&self) -> u64 {
        self.clicks.bench.portal.portal.applications()[0].refreshes
    }

    fn fail(&self, rules: Value) {
        let rules: Vec<Rule> = serde_json::from_value(rules).unwrap();
        self.clicks.bench.portal.portal.set_faults(rules).unwrap();
    }

    fn expire(&self) {
        assert!(
            self.clicks
                .bench
                .portal
                .portal
                .expire_access_tokens(CLIENT_ID)
        );
    }

    /// Has a node ask the portal for a client of whom nobody has asked it yet; whether it was told.
    async fn asks(&self, hub: &Hub, client: &mut u64) -> bool {
        *client += 1;
        let address = format!(
            "/pbx/office/responsible?phone=79161200{:03}&format=json",
            *client
        );
        let (_, body) = hub.get(&address, &format!("Bearer {LOOKUP_TOKEN}")).await;
        body.contains("\"extension\":\"101\"")
    }

    /// Waits until both nodes are answered by the portal.
    async fn both_work(&self, client: &mut u64) {
        let mut works = [false, false];
        for _ in 0..15 {
            let mut after = *client + 1;
            let (one, other) = tokio::join!(
                self.asks(&self.one, client),
                self.asks(&self.other, &mut after)
            );
            *client = after;
            works = [works[0] | one, works[1] | other];
            if works == [true, true] {
                return;
            }
            assert!(
                *client < CLIENTS,
                "{}{}",
                self.one.process.said(),
                self.other.process.said()
            );
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
        panic!(
            "{works:?} {}{}",
            self.one.process.said(),
            self.other.process.said()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_one_renews_and_both_go_on() {
    let schema = Schema::new();
    let nodes = Nodes::new(&schema).await;
    let mut client = 0;
    nodes.both_work(&mut client).await;
    assert_eq!(nodes.refreshes(), 0);
    for round in 1..=2 {
        // Long enough for the other to want new ones, too.
        nodes.fail(json!([{"when": "oauth.token", "delay_ms": 1_000}]));
        nodes.expire();
        nodes.both_work(&mut client).await;
        assert_eq!(
            nodes.refreshes(),
            round,
            "{}{}",
            nodes.one.process.said(),
            nodes.other.process.said()
        );
    }
    // The answer of a renewal gets lost: nobody has the next tokens, and that is said.
    nodes.fail(json!([{"when": "oauth.token", "times": 1, "execute": true, "answer": "hang_up"}]));
    nodes.expire();
    wait_for("the loss to be told", async || {
        let said = format!("{}{}", nodes.one.process.said(), nodes.other.process.said());
        said.contains("got lost, and the next tokens with it")
            .then_some(())
    })
    .await;
    assert_eq!(nodes.refreshes(), 3);
    nodes.install().await;
    nodes.both_work(&mut client).await;
    drop(nodes);
    schema.drop().await;
}

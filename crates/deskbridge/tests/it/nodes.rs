//! Several nodes on one PostgreSQL.

use std::time::Duration;

use benches::kill::{Before, differences};
use deskbridge_core::{EffectId, Secret};
use deskbridge_store::{
    EffectFilter, EffectState, EventFilter, EventState, PostgresOptions, Store,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use simulators::{
    caresoft::{self, Disturbance, Sender, disturb},
    faults::Rule,
};
use testkit::wait_for;
use tokio::time::Instant;

use crate::hub::Bench;

const SECRET: &str = "planted-caresoft-secret";
const CONNECTION: &str = "center";
/// Webhooks that are sent to one node before the other has its turn.
const TURN: usize = 10;
/// Within which another node carries on what one held that died.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(10);

/// A schema of its own in the PostgreSQL of the tests, gone at the end of a test that succeeded.
pub(crate) struct Schema(String);

impl Schema {
    pub(crate) fn new() -> Self {
        Self(format!(
            "nodes_{}_{}",
            std::process::id(),
            fastrand::u32(..)
        ))
    }

    /// What makes a configuration use it.
    pub(crate) fn configuration(&self) -> String {
        let address = testkit::postgres_address();
        format!(
            "[server]\ndatabase_url = \"{address}\"\ndatabase_schema = \"{}\"",
            self.0
        )
    }

    async fn store(&self) -> Store {
        let options = PostgresOptions {
            schema: self.0.clone(),
            ..PostgresOptions::default()
        };
        let address = Secret::new(testkit::postgres_address());
        Store::open_postgres(&address, &options).await.unwrap()
    }

    /// A connection of its own, which closes when it is dropped.
    async fn admin(&self) -> tokio_postgres::Client {
        let address = testkit::postgres_address();
        let connected = tokio_postgres::connect(&address, tokio_postgres::NoTls).await;
        let (client, connection) = connected.unwrap();
        tokio::spawn(connection);
        client
    }

    /// How many nodes carry out effects.
    async fn nodes_at_work(&self) -> i64 {
        let sql = format!(
            "SELECT count(DISTINCT holder) FROM {}.effect WHERE state = 'running'",
            self.0
        );
        let row = self.admin().await.query_one(&sql, &[]).await.unwrap();
        row.get(0)
    }

    pub(crate) async fn drop(self) {
        let sql = format!("DROP SCHEMA {} CASCADE", self.0);
        self.admin().await.batch_execute(&sql).await.unwrap();
    }
}

/// A bench whose nodes share a schema.
async fn bench(schema: &Schema, more: &str) -> Bench {
    let bench = Bench::new().await;
    bench.configure(|text| {
        let text = text.replace("[server]", &schema.configuration());
        format!("{text}{more}")
    });
    bench
}

fn receiving() -> String {
    use std::fmt::Write as _;
    let mut text = format!(
        "
[[caresoft]]
name = \"{CONNECTION}\"
secrets = [\"{SECRET}\"]
crm = \"crm\"

[caresoft.mapping.ticket]
status_otherwise = \"Open\"
"
    );
    for id in 1..9 {
        let name = ["an.tran", "binh.le", "chi.vo"][id % 3];
        let agent = "[[caresoft.mapping.agents]]";
        writeln!(
            text,
            "{agent}\nid = {id}\nemail = \"{name}@helpdesk.example\""
        )
        .unwrap();
    }
    text
}

/// Makes every write to the helpdesk last.
fn slow() -> Rule {
    serde_json::from_value(json!({"when": "POST *", "delay_ms": 300})).unwrap()
}

/// Sends to a node; what it did not acknowledge.
async fn send(node: &str, bodies: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let target = format!("{node}/hooks/caresoft/{CONNECTION}");
    let sender = Sender::new(target.parse().unwrap(), Some(SECRET.to_owned()));
    let report = sender.clients(3).send(bodies).await;
    let left = report.not_accepted.iter();
    left.map(|place| bodies[*place].clone()).collect()
}

/// The effects that are in the hands of somebody.
async fn running(store: &Store) -> Vec<EffectId> {
    let filter = EffectFilter {
        state: Some(EffectState::Running),
        limit: usize::MAX,
        ..EffectFilter::default()
    };
    let found = store.list_effects(filter).await.unwrap();
    found.iter().map(|record| record.effect.id).collect()
}

/// Whether everything was carried out or given up.
async fn is_idle(store: &Store) -> bool {
    let (events, effects) = (store.count_events().await, store.count_effects().await);
    let (events, effects) = (events.unwrap().by_state, effects.unwrap().by_state);
    let open = [EventState::Pending, EventState::Running];
    let open_effects = [EffectState::Pending, EffectState::Running];
    !open.iter().any(|state| events.contains_key(state))
        && !open_effects.iter().any(|state| effects.contains_key(state))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_dies_under_load_is_replaced_by_the_other() {
    let schema = Schema::new();
    let bench = bench(&schema, &receiving()).await;
    let installed = bench.run(&["frappe", "install"]).await;
    assert_eq!(installed.status, Some(0), "{}", installed.err);
    let before = Before::of(&bench.site.site, &bench.portal.portal);
    let start = Timestamp::now() - SignedDuration::from_hours(10);
    let life = caresoft::live(3, 40, start);
    let disturbance = Disturbance {
        duplicates: 0.3,
        late_by_max: 12,
        losses: 0.0,
    };
    let bodies = disturb(7, &life.webhooks, disturbance);
    let (dies, lives) = (bench.serve().await, bench.serve().await);
    let (one, other) = (dies.url().to_owned(), lives.url().to_owned());
    let store = schema.store().await;
    // The first half goes to both in turn; what one does not take goes to the other.
    let (first, second) = bodies.split_at(bodies.len() / 2);
    for (turn, slice) in first.chunks(TURN).enumerate() {
        let nodes = if turn % 2 == 0 {
            [&one, &other]
        } else {
            [&other, &one]
        };
        let left = send(nodes[0], slice).await;
        assert!(send(nodes[1], &left).await.is_empty());
    }
    // Killed while it receives, with work in its hands.
    let (dying, waiting) = second.split_at(second.len() / 2);
    let (to_one, to_other) = dying.split_at(dying.len() / 2);
    bench.site.site.set_faults(vec![slow()]);
    let both = async { tokio::join!(send(&one, to_one), send(&other, to_other)) };
    let mut sending = std::pin::pin!(both);
    let mut sent = None;
    wait_for("both nodes to be at work", async || {
        tokio::select! {
            left = &mut sending, if sent.is_none() => sent = Some(left),
            () = tokio::time::sleep(Duration::from_millis(5)) => {}
        }
        (schema.nodes_at_work().await > 1).then_some(())
    })
    .await;
    dies.process.kill();
    let killed_at = Instant::now();
    let in_hands = running(&store).await;
    bench.site.site.set_faults(Vec::new());
    let (left, other_left) = match sent {
        Some(left) => left,
        None => sending.await,
    };
    assert!(other_left.is_empty() && send(&other, &left).await.is_empty());
    assert!(send(&other, waiting).await.is_empty());
    wait_for("what was in its hands to be carried out", async || {
        for id in &in_hands {
            let record = store.effect(*id).await.unwrap().unwrap();
            if record.state != EffectState::Done {
                return None;
            }
        }
        Some(())
    })
    .await;
    let taken_over_after = killed_at.elapsed();
    assert!(taken_over_after < TAKEN_OVER_WITHIN, "{taken_over_after:?}");
    wait_for("everything to be carried out", async || {
        is_idle(&store).await.then_some(())
    })
    .await;
    let all = EventFilter {
        limit: usize::MAX,
        ..EventFilter::default()
    };
    let events = store.list_events(all, None).await.unwrap();
    let parsed = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap();
    let kept: Vec<Value> = events
        .iter()
        .map(|record| parsed(&record.event.arrival.body))
        .collect();
    for (at, body) in kept.iter().enumerate() {
        assert!(!kept[..at].contains(body), "kept twice: {body}");
    }
    // Each was acknowledged by one of them.
    for body in &bodies {
        assert!(kept.contains(&parsed(body)), "lost: {}", parsed(body));
    }
    let not_done = events
        .iter()
        .filter(|record| record.state != EventState::Done);
    let not_done: Vec<_> = not_done.map(|record| &record.failure).collect();
    assert!(not_done.is_empty(), "{not_done:?}");
    let counts = store.count_effects().await.unwrap().by_state;
    assert_eq!(counts.get(&EffectState::Dead), None);
    let (site, portal) = (&bench.site.site, &bench.portal.portal);
    let found = differences(&life.outcome, CONNECTION, site, portal, &before);
    assert!(found.duplicates.is_empty(), "{:#?}", found.duplicates);
    assert!(found.differences.is_empty(), "{:#?}", found.differences);
    assert!(found.compared > 100, "{}", found.compared);
    assert!(store.check().await.unwrap().is_empty());
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_polls_and_another_takes_over_when_it_dies() {
    let (schema, center) = (Schema::new(), caresoft::start(caresoft::Options::default()));
    let center = center.await.unwrap();
    let more = format!(
        "
[[caresoft]]
name = \"{CONNECTION}\"
secrets = [\"{SECRET}\"]
api_url = \"{}\"
api_domain = \"acme\"
api_token = \"token-of-acme\"
",
        center.url
    );
    let bench = bench(&schema, &more).await;
    let (one, other) = (bench.serve().await, bench.serve().await);
    let admin = schema.admin().await;
    let sql = format!(
        "SELECT holder FROM {}.lease WHERE name = 'caresoft-poll/{CONNECTION}' AND holder <> ''",
        schema.0
    );
    let holder = async || {
        let row = admin.query_opt(&sql, &[]).await.unwrap()?;
        let holder: String = row.get(0);
        holder.rsplit_once('-').unwrap().1.parse::<u32>().ok()
    };
    let first = wait_for("somebody to hold the lease", holder).await;
    let (dies, lives) = match first == one.process.id() {
        true => (one, other),
        false => (other, one),
    };
    assert_eq!(first, dies.process.id());
    dies.process.kill();
    let killed_at = Instant::now();
    wait_for("the other to hold the lease", async || {
        (holder().await? == lives.process.id()).then_some(())
    })
    .await;
    assert!(killed_at.elapsed() < TAKEN_OVER_WITHIN);
    // One that is told to stop lets go at once.
    let mut lives = lives;
    lives.process.terminate();
    assert!(lives.process.ended().await.success());
    assert_eq!(holder().await, None);
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_work_on_the_database_that_is_configured() {
    let schema = Schema::new();
    let bench = bench(&schema, &receiving()).await;
    let checked = bench.run(&["config", "check"]).await;
    let named = format!("PostgreSQL, schema {}", schema.0);
    assert!(checked.out.contains(&named), "{}", checked.out);
    let node = bench.serve().await;
    let (_, body) = caresoft::samples()[0];
    assert!(
        send(node.url(), &[body.as_bytes().to_vec()])
            .await
            .is_empty()
    );
    let store = schema.store().await;
    wait_for("it to be carried out", async || {
        is_idle(&store).await.then_some(())
    })
    .await;
    let file = bench.path("copy.db");
    for (command, said) in [
        (vec!["db", "check"], "The database is whole."),
        (vec!["events", "list"], "evt_"),
        (vec!["effects", "list"], "eff_"),
        (vec!["route", "list"], "No [[route]] is configured."),
        (vec!["doctor"], named.as_str()),
    ] {
        let done = bench.run(&command).await;
        assert!(
            done.out.contains(said),
            "{command:?}: {}{}",
            done.out,
            done.err
        );
    }
    for (verb, said) in [("backup", "pg_dump"), ("restore", "pg_restore")] {
        let refused = bench.run(&["db", verb, file.to_str().unwrap()]).await;
        assert_eq!(refused.status, Some(1));
        assert!(refused.err.contains(said), "{}", refused.err);
        assert!(refused.err.contains(&schema.0), "{}", refused.err);
    }
    assert!(!file.exists() && !bench.path("deskbridge.db").exists());
    schema.drop().await;
}

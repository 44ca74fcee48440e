//! Events, as who runs the hub sees and changes them: on the command line and over HTTP.

use deskbridge_core::{
    DuplicateKey, EffectId, EventId, IdempotencyKey, NewEffect, NewEvent, OrderingKey, Reading,
    Urgency,
};
use deskbridge_store::{Claim, Plan, QuarantineLimits, Quarantined, Store};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{hub::Bench, process};

const TOKEN: &str = "a-token-of-an-administrator";

/// A configuration and a database with four events: one is done and caused an effect, one was given up, one is known
/// to nobody, one waits. They arrived an hour ago, the last just now.
pub(crate) struct Filled {
    pub(crate) bench: Bench,
    pub(crate) done: EventId,
    dead: EventId,
    unrouted: EventId,
    pending: EventId,
    effect: EffectId,
}

pub(crate) fn arrival(number: u8, object: &str, body: &[u8]) -> NewEvent {
    let key = DuplicateKey::new([number; 32]);
    NewEvent {
        connection: "main".to_owned(),
        body: body.to_vec(),
        headers: vec![("X-Signature".to_owned(), "AB12".to_owned())],
        raw_key: key,
        reading: Reading {
            source: "test".to_owned(),
            object: object.to_owned(),
            action: "update".to_owned(),
            canonical_key: key,
            ordering_key: OrderingKey::new(format!("main/case/{number}")),
            is_routed: !object.is_empty(),
        },
    }
}

impl Filled {
    pub(crate) async fn new() -> Self {
        let bench = Bench::new().await;
        bench.configure(|text| {
            text.replace("listen", &format!("admin_tokens = [\"{TOKEN}\"]\nlisten"))
        });
        let store = Store::open(&bench.path("deskbridge.db")).unwrap();
        let mut rng = fastrand::Rng::with_seed(7);
        let now = Timestamp::now();
        let hour_ago = now - SignedDuration::from_hours(1);
        let [done, dead, unrouted] = [0; 3].map(|_| EventId::new(hour_ago, &mut rng));
        let pending = EventId::new(now, &mut rng);
        let bodies: [(EventId, &str, &[u8], Timestamp); 4] = [
            (done, "ticket", br#"{"id":4711,"price":1.50}"#, hour_ago),
            (dead, "ticket", b"\xff\x00raw\x1b[2J", hour_ago),
            (unrouted, "", b"?", hour_ago),
            (pending, "lead", b"{}", now),
        ];
        let effect = EffectId::new(hour_ago, &mut rng);
        for (number, (id, object, body, at)) in (1..).zip(bodies) {
            let accepted = store
                .accept_event(id, arrival(number, object, body), at)
                .await;
            assert_eq!(accepted.unwrap().id(), id);
            let claim = Claim {
                now: hour_ago,
                lease_until: now,
                limit: 1,
                fresh_only: 0,
            };
            for claimed in store.claim_events(claim).await.unwrap() {
                let fence = claimed.fence;
                if id == done {
                    let effects = vec![(effect, intent())];
                    let plan = Plan {
                        effects,
                        ..Plan::default()
                    };
                    store.record_plan(id, fence, plan, hour_ago).await.unwrap();
                } else {
                    let why = "no such case".to_owned();
                    store.bury_event(id, fence, why, hour_ago).await.unwrap();
                }
            }
        }
        let body = Quarantined {
            id: EventId::new(now, &mut rng),
            connection: "main".to_owned(),
            received_at: now,
            why: "the signature is not right".to_owned(),
            headers: Vec::new(),
            body: b"doubted".to_vec(),
        };
        let limits = QuarantineLimits {
            bodies_max: 10,
            bytes_max: 1_000,
            received_from: hour_ago,
        };
        store.quarantine(body, limits).await.unwrap();
        Self {
            bench,
            done,
            dead,
            unrouted,
            pending,
            effect,
        }
    }

    async fn out(&self, arguments: &[&str]) -> String {
        let said = self.bench.run(arguments).await;
        assert_eq!(
            (said.status, said.err.as_str()),
            (Some(0), ""),
            "{arguments:?}"
        );
        said.out
    }

    /// The ids of a list.
    async fn listed(&self, arguments: &[&str]) -> Vec<String> {
        let mut all = vec!["events", "list", "--json"];
        all.extend(arguments);
        let lines = self.out(&all).await;
        let read = lines
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        read.map(|event| event["id"].as_str().unwrap().to_owned())
            .collect()
    }

    async fn states(&self) -> Vec<String> {
        let store = Store::open(&self.bench.path("deskbridge.db")).unwrap();
        let mut states = Vec::new();
        for id in [self.done, self.dead, self.unrouted, self.pending] {
            let record = store.event(id).await.unwrap().unwrap();
            states.push(record.state.as_str().to_owned());
        }
        states
    }
}

/// An effect that nobody carries out.
fn intent() -> NewEffect {
    NewEffect {
        urgency: Urgency::Usual,
        kind: "test.write".to_owned(),
        ordering_key: OrderingKey::new("a"),
        idempotency_key: IdempotencyKey::new("one"),
        payload: json!({"subject": "Thảo"}),
    }
}

fn texts(ids: &[EventId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_listed_and_chosen() {
    let filled = Filled::new().await;
    let Filled {
        done,
        dead,
        unrouted,
        pending,
        ..
    } = filled;
    assert_eq!(
        filled.listed(&[]).await,
        texts(&[pending, unrouted, dead, done])
    );
    for (arguments, expected) in [
        (&["--state", "dead"][..], &[dead][..]),
        (
            &["--object", "ticket", "--connection", "main"],
            &[dead, done],
        ),
        (&["--action", "delete"], &[]),
        (&["--from", "30m"], &[pending]),
        (&["--to", "30 minutes", "--limit", "2"], &[unrouted, dead]),
        (&["--from", "2000-01-01", "--to", "2000-01-02T08:00"], &[]),
        (&["--before", &unrouted.to_string()], &[dead, done]),
    ] {
        assert_eq!(
            filled.listed(arguments).await,
            texts(expected),
            "{arguments:?}"
        );
    }
    let table = filled.out(&["events", "list", "--limit", "3"]).await;
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 7);
    assert!(
        lines.iter().all(|line| line.chars().count() <= 80),
        "{table}"
    );
    assert_eq!(lines[4], format!("{dead}    1h  dead       ticket/update"));
    assert_eq!(lines[5], "    main  main/case/2  no such case");
    assert_eq!(lines[6], format!("Older ones: --before {dead}"));
    let wrong = filled
        .bench
        .run(&["events", "list", "--from", "yesterday"])
        .await;
    assert!(wrong.err.contains("2h or 3 days"), "{}", wrong.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_shown_whole_and_cannot_steer_the_terminal() {
    let filled = Filled::new().await;
    let shown = filled
        .out(&["events", "show", &filled.done.to_string()])
        .await;
    for expected in [
        "about         ticket/update",
        "done since ",
        "ordering key  main/case/1",
        "keys          010101010101 of the bytes, 010101010101 of the content",
        "headers       X-Signature: AB12",
        &format!("caused        {} test.write pending", filled.effect),
        "body          24 bytes\n{\n  \"id\": 4711,\n  \"price\": 1.50\n}\n",
    ] {
        assert!(shown.contains(expected), "{expected}\n{shown}");
    }
    let dead = filled.dead.to_string();
    let shown = filled.out(&["events", "show", &dead]).await;
    assert!(shown.contains("failure       no such case"), "{shown}");
    assert!(
        shown.contains("00000000  ff 00 72 61 77 1b 5b 32 4a") && !shown.contains('\u{1b}'),
        "{shown}"
    );
    let config = filled.bench.config();
    let mut raw = process::command(&[
        "events",
        "show",
        &dead,
        "--raw",
        "--config",
        config.to_str().unwrap(),
    ]);
    assert_eq!(raw.output().unwrap().stdout, b"\xff\x00raw\x1b[2J");
    let missing = filled
        .bench
        .run(&["events", "show", "evt_0198c0de-0000-7000-8000-000000000000"])
        .await;
    assert_eq!((missing.status, missing.out.as_str()), (Some(1), ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn several_events_run_again_only_with_the_word_for_it() {
    let filled = Filled::new().await;
    let before = ["done", "dead", "unrouted", "pending"];
    let choice = ["events", "replay", "--to", "30m", "--object", "ticket"];
    let with = |more: &'static str| [&choice[..], &[more]].concat();
    let dry = filled.out(&with("--dry-run")).await;
    assert!(
        dry.starts_with("2 events would run again:\n") && dry.contains(&filled.dead.to_string()),
        "{dry}"
    );
    let refused = filled.bench.run(&choice).await;
    assert_eq!(refused.status, Some(1));
    assert!(
        refused
            .out
            .ends_with("Nothing was changed. Add --yes if all of them are meant.\n")
    );
    assert_eq!(filled.states().await, before);
    for (arguments, expected) in [
        (&["events", "replay"][..], "say which events to replay"),
        (&["events", "replay", "--yes"], "say which events to replay"),
        (
            &["events", "replay", "--state", "pending", "--yes"],
            "those that are done, dead, unrouted, discarded can",
        ),
        (
            &["events", "replay", "--stat", "dead"],
            "unexpected argument '--stat'",
        ),
        (
            &[
                "events",
                "replay",
                &filled.dead.to_string(),
                "--state",
                "dead",
            ],
            "cannot be used with",
        ),
        (
            &["events", "replay", "--state", "dead", "--reread"],
            "no CareSoft connection is configured",
        ),
        (
            &["events", "reverify", "main"],
            "no CareSoft connection of the name main is configured",
        ),
    ] {
        let refused = filled.bench.run(arguments).await;
        assert_ne!(refused.status, Some(0), "{arguments:?}");
        assert!(refused.err.contains(expected), "{}", refused.err);
    }
    assert_eq!(filled.states().await, before);
    let replayed = filled.out(&with("--yes")).await;
    assert!(
        replayed.starts_with("Nobody serves with this database"),
        "{replayed}"
    );
    assert!(
        replayed.ends_with("2 events will run again\n"),
        "{replayed}"
    );
    assert_eq!(
        filled.states().await,
        ["pending", "pending", "unrouted", "pending"]
    );
    let pending = filled.pending.to_string();
    let refused = filled.bench.run(&["events", "replay", &pending]).await;
    let expected = format!("{pending} is open or does not exist\n");
    assert_eq!((refused.status, refused.out), (Some(1), expected));
    let none = filled.out(&["events", "replay", "--state", "done"]).await;
    assert_eq!(none, "There are none.\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_thrown_away_and_counted() {
    let filled = Filled::new().await;
    let dead = filled.dead.to_string();
    let thrown = filled.out(&["events", "discard", &dead]).await;
    assert_eq!(thrown, format!("{dead} thrown away\n"));
    let refused = filled.bench.run(&["events", "discard", &dead]).await;
    assert_eq!(refused.status, Some(1));
    let dry = filled
        .out(&["events", "discard", "--connection", "main", "--dry-run"])
        .await;
    assert!(dry.starts_with("2 events would be thrown away:\n"), "{dry}");
    let counts: Value =
        serde_json::from_str(&filled.out(&["events", "stats", "--json"]).await).unwrap();
    assert_eq!(
        counts["by_state"],
        json!({"pending": 1, "done": 1, "discarded": 1, "unrouted": 1})
    );
    assert_eq!(counts["quarantined"], json!({"main": 1}));
    let page = filled.out(&["events", "stats"]).await;
    assert!(
        page.contains("discarded            1\n") && page.contains("  main          lead/update"),
        "{page}"
    );
    let all = filled
        .out(&["events", "discard", "--connection", "main", "--yes"])
        .await;
    assert_eq!(all, "2 events thrown away\n");
    assert_eq!(
        filled.states().await,
        ["done", "discarded", "discarded", "discarded"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_see_and_change_events_over_http() {
    let filled = Filled::new().await;
    let hub = filled.bench.serve().await;
    let token = format!("Bearer {TOKEN}");
    let (status, body) = hub
        .get("/api/v1/events?state=dead", "Bearer somebody")
        .await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(body.contains("\"code\":\"wrong_token\""), "{body}");
    let (status, body) = hub.get("/api/v1/events?state=dead", &token).await;
    let listed: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &listed["events"][0]["id"]),
        (StatusCode::OK, &json!(filled.dead.to_string()))
    );
    let on_line = filled
        .out(&["events", "list", "--state", "dead", "--json"])
        .await;
    assert_eq!(
        serde_json::from_str::<Value>(&on_line).unwrap(),
        listed["events"][0]
    );
    let asked = json!({"state": "dead", "dry_run": false});
    let (status, body) = hub.post("/api/v1/events/replay", &token, &asked).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    // No part of the program plans events of this source: what runs again is set aside.
    let set_aside = ["done", "unrouted", "unrouted", "unrouted"];
    testkit::wait_for("the replayed event to run", async || {
        (filled.states().await == set_aside).then_some(())
    })
    .await;
    let unrouted = filled.unrouted.to_string();
    let replayed = filled.out(&["events", "replay", &unrouted]).await;
    assert_eq!(
        replayed,
        format!("{unrouted} will run again\n"),
        "somebody serves"
    );
    let (status, body) = hub.get("/api/v1/openapi.json", "").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        serde_json::from_str::<Value>(&body).unwrap()["openapi"],
        "3.1.0"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_administrators_interface_is_off_without_a_token_and_refuses_a_short_one() {
    let bench = Bench::new().await;
    let hub = bench.serve().await;
    let (status, body) = hub.get("/api/v1/effects", "Bearer x").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(body.contains("Set server.admin_tokens"), "{body}");
    bench
        .configure(|text| text.replace("listen", "admin_tokens = [\"short-and-planted\"]\nlisten"));
    let refused = bench.run(&["config", "check"]).await;
    assert_eq!(refused.status, Some(1));
    assert!(
        refused.err.contains("server.admin_tokens[0]") && refused.err.contains("20 characters")
    );
    assert!(!refused.err.contains("planted"), "{}", refused.err);
}

//! What callers ask and what becomes of it.

use super::*;

fn ids(answer: &Value) -> Vec<String> {
    let listed = answer.as_array().unwrap().iter();
    listed
        .map(|one| one["id"].as_str().unwrap_or_default().to_owned())
        .collect()
}

fn texts(ids: &[EventId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn nobody_comes_in_without_a_token() {
    let bench = Bench::new();
    let asked = |token: &'static str, address: &'static str| {
        bench.request("GET", address, token, String::new())
    };
    for token in ["", "wrong", "planted-admin-token-"] {
        let refused = asked(token, "/api/v1/events").await;
        assert_eq!(refused.code(), (401, "wrong_token".to_owned()));
    }
    // Not even whether a record exists is told.
    let refused = asked("wrong", "/api/v1/events/evt_x").await;
    assert_eq!(refused.status, 401);
    assert_eq!(asked(TOKEN, "/api/v1/events").await.status, 200);
    assert_eq!(asked("wrong", "/api/v1/openapi.json").await.status, 200);
    let off = Bench::with_tokens(&[]);
    let refused = off
        .request("GET", "/api/v1/events", "", String::new())
        .await;
    assert_eq!(refused.code(), (403, "switched_off".to_owned()));
    let told = refused.json()["error"]["what_now"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(told.contains("server.admin_tokens"), "{told}");
}

#[tokio::test]
async fn events_are_listed_newest_first_and_page_by_page() {
    let (bench, [done, dead, unrouted, pending]) = Bench::filled().await;
    let listed = bench.get("/api/v1/events").await.json();
    assert_eq!(
        ids(&listed["events"]),
        texts(&[pending, unrouted, dead, done])
    );
    assert_eq!(listed["next_before"], Value::Null);
    let first = bench.get("/api/v1/events?limit=3").await.json();
    let next = first["next_before"].as_str().unwrap();
    assert_eq!(next, dead.to_string());
    let second = bench
        .get(&format!("/api/v1/events?limit=3&before={next}"))
        .await
        .json();
    assert_eq!(ids(&second["events"]), texts(&[done]));
    for (query, expected) in [
        ("state=dead", &[dead][..]),
        ("object=unknown", &[unrouted]),
        ("action=update&state=done", &[done]),
        ("connection=other", &[]),
        ("from=1970-01-01T00:17:00Z", &[pending]),
        ("to=1970-01-01T00:17:00Z&limit=2", &[unrouted, dead]),
    ] {
        let listed = bench.get(&format!("/api/v1/events?{query}")).await.json();
        assert_eq!(ids(&listed["events"]), texts(expected), "{query}");
    }
}

#[tokio::test]
async fn a_mistake_is_refused_by_its_name_and_changes_nothing() {
    let (bench, [done, dead, unrouted, pending]) = Bench::filled().await;
    let unknown = "evt_0198c0de-0000-7000-8000-000000000000";
    for (address, code, named) in [
        ("events?stat=dead".to_owned(), "unknown_parameter", "stat "),
        (
            "events?state=dead&limit=0".to_owned(),
            "invalid_parameter",
            "limit (a number from 1 to 200)",
        ),
        (
            "events?state=deaf".to_owned(),
            "invalid_parameter",
            "state (one of pending,",
        ),
        (
            "events?from=yesterday".to_owned(),
            "invalid_parameter",
            "from (a time",
        ),
        (format!("events?before={unknown}"), "not_found", unknown),
        (format!("events/{unknown}"), "not_found", unknown),
        (
            format!("events/{done}?state=x"),
            "unknown_parameter",
            "state",
        ),
        ("events/evt_1".to_owned(), "invalid_parameter", "id ("),
        (
            "events/stats?newest=x".to_owned(),
            "invalid_parameter",
            "newest",
        ),
        ("effects?object=x".to_owned(), "unknown_parameter", "object"),
        (
            "effects?state=unrouted".to_owned(),
            "invalid_parameter",
            "state",
        ),
        ("nothing".to_owned(), "no_such_route", "/api/v1/nothing"),
    ] {
        let refused = bench.get(&format!("/api/v1/{address}")).await;
        assert_eq!(refused.code().1, code, "{address}");
        let message = refused.json()["error"]["message"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(message.contains(named), "{message}");
    }
    for (address, body, code) in [
        (
            "events/replay",
            json!({"state": "dead"}),
            "missing_parameter",
        ),
        (
            "events/replay",
            json!({"dry_run": false}),
            "missing_parameter",
        ),
        (
            "events/replay",
            json!({"dry_run": false, "limit": 5}),
            "missing_parameter",
        ),
        (
            "events/replay",
            json!({"stat": "dead", "dry_run": false}),
            "unknown_parameter",
        ),
        (
            "events/replay",
            json!({"state": null, "dry_run": false}),
            "invalid_parameter",
        ),
        (
            "events/replay",
            json!({"state": "pending", "dry_run": false}),
            "invalid_parameter",
        ),
        (
            "events/replay",
            json!({"state": "dead", "dry_run": "no"}),
            "invalid_parameter",
        ),
        (
            "events/replay?state=dead",
            json!({"object": "ticket", "dry_run": false}),
            "unknown_parameter",
        ),
        ("events/replay", json!([]), "malformed_body"),
    ] {
        let refused = bench
            .post(&format!("/api/v1/{address}"), body.clone())
            .await;
        assert_eq!(refused.code(), (400, code.to_owned()), "{address} {body}");
    }
    let states = bench.states(&[done, dead, unrouted, pending]).await;
    assert_eq!(states, ["done", "dead", "unrouted", "pending"]);
}

#[tokio::test]
async fn an_event_is_shown_with_what_it_caused_and_without_credentials() {
    let (bench, [done, dead, ..]) = Bench::filled().await;
    let shown = bench.get(&format!("/api/v1/events/{done}")).await.json();
    let effect = bench.effect(done).await.to_string();
    assert_eq!(
        shown["effects"],
        json!([{"id": effect, "kind": "test.write", "state": "dead"}])
    );
    let headers = json!([
        {"name": "X-Signature", "value": "AB12"},
        {"name": "Authorization", "value": "(not shown)"},
    ]);
    assert_eq!(shown["headers"], headers);
    assert!(shown["raw_key"].as_str().unwrap().starts_with("7b22696422"));
    assert!(!shown.to_string().contains("planted"));
    let shown = bench.get(&format!("/api/v1/events/{dead}")).await.json();
    assert_eq!(
        (&shown["failure"], &shown["effects"]),
        (&json!("no such case"), &json!([]))
    );
}

#[tokio::test]
async fn the_bytes_are_given_as_they_came_and_no_browser_shows_them() {
    let bench = Bench::new();
    let bytes = "<script>\u{0}\r\nThảo";
    let id = bench.accept("ticket", bytes).await;
    let answered = bench.get(&format!("/api/v1/events/{id}/body")).await;
    assert_eq!(answered.bytes, bytes.as_bytes());
    for (name, value) in [
        ("content-type", "application/octet-stream"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        (
            "content-disposition",
            &format!("attachment; filename=\"{id}.body\""),
        ),
    ] {
        assert_eq!(answered.headers[name], value, "{name}");
    }
}

#[tokio::test]
async fn one_event_runs_again_unless_it_is_open() {
    let (bench, [done, dead, unrouted, pending]) = Bench::filled().await;
    for id in [done, dead, unrouted] {
        let replayed = bench
            .post(&format!("/api/v1/events/{id}/replay"), Value::Null)
            .await;
        assert_eq!(replayed.json()["state"], "pending");
    }
    let refused = bench
        .post(&format!("/api/v1/events/{pending}/replay"), Value::Null)
        .await;
    assert_eq!(refused.code(), (409, "wrong_state".to_owned()));
    bench.events.drain().await.unwrap();
    assert_eq!(bench.states(&[done, dead]).await, ["done", "dead"]);
    let effects = bench.store.count_effects().await.unwrap().by_state;
    assert_eq!(
        effects.values().sum::<u64>(),
        3,
        "what was caused is not caused twice"
    );
}

#[tokio::test]
async fn chosen_events_run_again_after_a_dry_run_said_which() {
    let (bench, [done, dead, unrouted, pending]) = Bench::filled().await;
    let all = [done, dead, unrouted, pending];
    let named = |answer: &Value| -> Vec<String> {
        let ids = answer["events"].as_array().unwrap().iter();
        ids.map(|id| id.as_str().unwrap().to_owned()).collect()
    };
    let asked = json!({"object": "ticket", "dry_run": true});
    let dry = bench.post("/api/v1/events/replay", asked).await.json();
    assert_eq!(
        (&dry["number"], &dry["is_limited"]),
        (&json!(2), &json!(false))
    );
    assert_eq!(named(&dry), texts(&[done, dead]));
    assert_eq!(
        bench.states(&all).await,
        ["done", "dead", "unrouted", "pending"]
    );
    let asked = json!({"object": "ticket", "dry_run": false, "limit": 1});
    let replayed = bench.post("/api/v1/events/replay", asked).await.json();
    assert_eq!(
        (named(&replayed), &replayed["is_limited"]),
        (texts(&[done]), &json!(true))
    );
    assert_eq!(
        bench.states(&all).await,
        ["pending", "dead", "unrouted", "pending"]
    );
    let asked = json!({"state": "unrouted", "dry_run": false, "reread": true});
    let replayed = bench.post("/api/v1/events/replay", asked).await.json();
    assert_eq!(replayed["reread"], 1);
    assert_eq!(named(&replayed), texts(&[unrouted]), "it will run");
    assert_eq!(replayed["number"], 1);
    bench.events.drain().await.unwrap();
    assert_eq!(bench.states(&all).await, ["done", "dead", "done", "done"]);
    let shown = bench
        .get(&format!("/api/v1/events/{unrouted}"))
        .await
        .json();
    assert_eq!(shown["object"], "lead");
}

#[tokio::test]
async fn what_nobody_here_reads_is_named_and_runs_again_as_it_was_read() {
    let (bench, _) = Bench::filled().await;
    let other = NewEvent {
        connection: "other".to_owned(),
        ..arrival("ticket", b"dead", true)
    };
    let id = bench.intake.accept(other).await.unwrap().id();
    bench.events.drain().await.unwrap();
    let one = format!("/api/v1/events/{id}/replay");
    let refused = bench.post(&one, json!({"reread": true})).await;
    assert_eq!(refused.code(), (404, "not_found".to_owned()));
    assert_eq!(bench.states(&[id]).await, ["dead"]);
    let asked = json!({"state": "dead", "dry_run": false, "reread": true});
    let replayed = bench.post("/api/v1/events/replay", asked).await.json();
    let told = (
        &replayed["number"],
        &replayed["reread"],
        &replayed["without_reader"],
    );
    assert_eq!(told, (&json!(2), &json!(1), &json!(["other"])));
    let shown = bench.get(&format!("/api/v1/events/{id}")).await.json();
    assert_eq!(
        (&shown["state"], &shown["object"]),
        (&json!("pending"), &json!("ticket"))
    );
}

#[tokio::test]
async fn a_list_longer_than_what_is_read_at_once_is_whole() {
    let bench = Bench::new();
    for number in 0..130 {
        bench.accept("ticket", &format!("event {number}")).await;
    }
    let listed = bench.get("/api/v1/events?limit=120").await.json();
    let listed_ids = ids(&listed["events"]);
    let distinct: std::collections::BTreeSet<&String> = listed_ids.iter().collect();
    assert_eq!((listed_ids.len(), distinct.len()), (120, 120));
    assert_eq!(listed["next_before"], json!(listed_ids.last()));
    let filter = deskbridge_store::EventFilter {
        limit: 101,
        ..deskbridge_store::EventFilter::default()
    };
    let found = crate::change::to_discard(&bench.store, &filter)
        .await
        .unwrap();
    assert_eq!(found.len(), 101);
    let discarded = crate::change::discard(&bench.store, &found, bench.clock.now());
    assert_eq!(discarded.await.unwrap(), found);
}

#[tokio::test]
async fn an_event_is_thrown_away_once() {
    let (bench, [done, dead, ..]) = Bench::filled().await;
    let thrown = bench
        .post(&format!("/api/v1/events/{dead}/discard"), Value::Null)
        .await;
    assert_eq!(thrown.json()["state"], "discarded");
    for id in [dead, done] {
        let refused = bench
            .post(&format!("/api/v1/events/{id}/discard"), Value::Null)
            .await;
        assert_eq!(refused.code(), (409, "wrong_state".to_owned()));
    }
}

#[tokio::test]
async fn events_are_counted() {
    let (bench, _) = Bench::filled().await;
    bench.accept("ticket", "later").await;
    bench.clock.advance(jiff::SignedDuration::from_secs(40));
    quarantine(&bench, "doubted").await;
    let counts = bench.get("/api/v1/events/stats").await.json();
    assert_eq!(
        counts["by_state"],
        json!({"pending": 1, "done": 1, "dead": 1, "unrouted": 1})
    );
    assert_eq!(
        (&counts["repeats"], &counts["oldest_open_age_seconds"]),
        (&json!(1), &json!(40))
    );
    assert_eq!(counts["quarantined"], json!({"main": 1}));
    let kinds = counts["kinds_of_newest"].as_array().unwrap();
    assert_eq!((kinds.len(), &kinds[0]["state"]), (4, &json!("dead")));
}

async fn quarantine(bench: &Bench, body: &str) {
    let why = "the signature is not right".to_owned();
    let (connection, body) = ("main".to_owned(), body.as_bytes().to_vec());
    bench
        .intake
        .quarantine(connection, Vec::new(), body, why)
        .await
        .unwrap();
}

#[tokio::test]
async fn what_can_be_verified_by_now_leaves_the_quarantine() {
    let bench = Bench::new();
    bench.accept("ticket", "known").await;
    for body in ["doubted", "believed", "known"] {
        quarantine(&bench, body).await;
    }
    let answer = bench
        .post("/api/v1/connections/main/reverify", Value::Null)
        .await
        .json();
    let length = |name: &str| answer[name].as_array().unwrap().len();
    assert_eq!(
        (length("new"), length("repeated"), &answer["left"]),
        (1, 1, &json!(1))
    );
    let refused = bench
        .post("/api/v1/connections/other/reverify", Value::Null)
        .await;
    assert_eq!(refused.code(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn effects_are_listed_tried_again_and_thrown_away() {
    let (bench, [done, ..]) = Bench::filled().await;
    bench.events.drain().await.unwrap();
    let listed = bench.get("/api/v1/effects").await.json();
    let (newest, oldest) = (ids(&listed["effects"])[0].clone(), bench.effect(done).await);
    assert_eq!(ids(&listed["effects"]).len(), 2);
    for (query, expected) in [
        ("state=dead".to_owned(), vec![oldest.to_string()]),
        ("kind=test.read".to_owned(), Vec::new()),
        (
            "kind=test.write&ordering_key=a&limit=1".to_owned(),
            vec![newest.clone()],
        ),
        (format!("before={newest}"), vec![oldest.to_string()]),
    ] {
        let listed = bench.get(&format!("/api/v1/effects?{query}")).await.json();
        assert_eq!(ids(&listed["effects"]), expected, "{query}");
    }
    let retried = bench
        .post(&format!("/api/v1/effects/{oldest}/retry"), Value::Null)
        .await
        .json();
    assert_eq!(
        (&retried["state"], &retried["look_first"]),
        (&json!("pending"), &json!(true))
    );
    let refused = bench
        .post(&format!("/api/v1/effects/{oldest}/retry"), Value::Null)
        .await;
    assert_eq!(refused.code(), (409, "wrong_state".to_owned()));
    let thrown = bench
        .post(&format!("/api/v1/effects/{oldest}/discard"), Value::Null)
        .await
        .json();
    assert_eq!(thrown["state"], "discarded");
    let shown = bench.get(&format!("/api/v1/effects/{oldest}")).await.json();
    assert_eq!(shown, thrown);
}

#[tokio::test]
async fn a_wrong_verb_is_told_the_right_ones() {
    let bench = Bench::new();
    for (verb, address, right) in [
        ("DELETE", "/api/v1/events", "GET,HEAD"),
        ("GET", "/api/v1/events/replay", "POST"),
        ("POST", "/api/v1/openapi.json", "GET,HEAD"),
    ] {
        let answered = bench.request(verb, address, TOKEN, String::new()).await;
        assert_eq!(answered.code(), (405, "wrong_verb".to_owned()), "{address}");
        assert_eq!(answered.headers["allow"], right, "{address}");
    }
}

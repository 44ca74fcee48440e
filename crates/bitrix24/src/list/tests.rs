//! Streams over a portal in memory, under a paused clock.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Value, json};
use tokio::time::Instant;

use super::*;
use crate::{
    Mishap, Options, Refusal, Verdict,
    testing::{Fault, Handler, Memory, client},
};

/// Lists records by id, as `crm.company.list` and `crm.item.list` do.
fn lists(ids: impl IntoIterator<Item = u64>) -> Handler {
    let ids: BTreeSet<u64> = ids.into_iter().collect();
    Box::new(move |method, params| {
        let is_item = method.starts_with("crm.item.");
        let (id, text) = if is_item { ("id", false) } else { ("ID", true) };
        let filter = &params["filter"];
        let number = |key: String| {
            let value = &filter[key];
            value.as_u64().or_else(|| value.as_str()?.parse().ok())
        };
        let after = number(format!(">{id}")).unwrap_or(0);
        let until = number(format!("<={id}")).unwrap_or(u64::MAX);
        assert_eq!(
            params["start"].to_string().trim_matches('"'),
            "-1",
            "rows were counted"
        );
        let range = ids.range(after + 1..=until).copied();
        let page: Vec<u64> = match params["order"][id].as_str() {
            Some("DESC") => range.rev().take(PAGE).collect(),
            _ => range.take(PAGE).collect(),
        };
        let row = |n: u64| {
            if text {
                json!({id: n.to_string()})
            } else {
                json!({id: n})
            }
        };
        let rows: Vec<Value> = page.into_iter().map(row).collect();
        match is_item {
            true => json!({"result": {"items": rows}, "total": 0, "time": {}}),
            false => json!({"result": rows, "total": 0, "time": {}}),
        }
    })
}

fn portal(memory: Memory) -> (Arc<Memory>, Client) {
    let memory = Arc::new(memory);
    let client = client(&memory, Options::default());
    (memory, client)
}

async fn ids(mut rows: Rows, field: &str) -> (Vec<u64>, Option<Error>) {
    let mut ids = Vec::new();
    while let Some(row) = rows.next().await {
        match row {
            Ok(row) => ids.push(row.id(field).unwrap().get()),
            Err(error) => {
                assert!(
                    rows.next().await.is_none(),
                    "a stream went on after an error"
                );
                return (ids, Some(error));
            }
        }
    }
    (ids, None)
}

#[tokio::test(start_paused = true)]
async fn fifty_thousand_rows_take_a_quarter_of_a_second_of_network() {
    let (memory, client) = portal(
        Memory::new(50, lists(1..=50_000))
            .per_command(2)
            .limited(50.0, 2.0),
    );
    let start = Instant::now();
    let (ids, error) = ids(
        client.list("crm.company.list").select(["TITLE"]).export(),
        "ID",
    )
    .await;
    assert!(error.is_none() && ids.len() == 50_000 && ids.is_sorted());
    let ms = start.elapsed().as_millis();
    assert!(ms < 250, "{ms} ms");
    assert_eq!((memory.arrived().len(), memory.refused()), (21, 0));
}

#[tokio::test(start_paused = true)]
async fn fifty_thousand_rows_of_a_slow_portal_take_two_seconds() {
    let (memory, client) = portal(
        Memory::new(100, lists(1..=50_000))
            .per_command(30)
            .limited(50.0, 2.0),
    );
    let start = Instant::now();
    let (ids, _) = ids(client.list("crm.company.list").export(), "ID").await;
    assert_eq!(ids.len(), 50_000);
    let ms = start.elapsed().as_millis();
    assert!(ms < 2000, "{ms} ms");
    assert_eq!(memory.refused(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_export_leaves_room_for_people() {
    let (memory, client) = portal(
        Memory::new(50, lists(1..=120_000))
            .per_command(2)
            .limited(50.0, 2.0),
    );
    let export = ids(client.list("crm.company.list").export(), "ID");
    let person = async {
        let mut slowest = Duration::ZERO;
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let start = Instant::now();
            client
                .call(Call::read("server.time").without_count())
                .await
                .unwrap();
            slowest = slowest.max(start.elapsed());
        }
        slowest
    };
    let ((ids, error), slowest) = tokio::join!(export, person);
    assert!(error.is_none() && ids.len() == 120_000);
    assert!(
        slowest < Duration::from_millis(100),
        "a person waited {slowest:?}"
    );
    assert_eq!(memory.refused(), 0);
}

#[tokio::test(start_paused = true)]
async fn both_generations_of_methods_are_read_both_ways() {
    for (method, field) in [("crm.company.list", "ID"), ("crm.item.list", "id")] {
        for rows in [0, 1, 49, 50, 51, 100, 1234] {
            let (_memory, client) = portal(Memory::new(5, lists(1..=rows)));
            let list = || client.list(method).param("entityTypeId", 4);
            let expected: Vec<u64> = (1..=rows).collect();
            for stream in [list().by_id(), list().export()] {
                let (ids, error) = ids(stream, field).await;
                assert!(error.is_none(), "{error:?}");
                assert_eq!(ids, expected, "{method} {rows}");
            }
            let after = Id::new(33).unwrap();
            let (ids, _) = ids(list().after(after).export(), field).await;
            assert_eq!(ids.len() as u64, rows.saturating_sub(33));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_list_by_id_takes_one_request_and_the_page_after_a_full_one_is_looked_at() {
    for (rows, requests) in [(0, 1), (49, 1), (50, 2), (120, 3)] {
        let (memory, client) = portal(Memory::new(5, lists(1..=rows)));
        let (ids, _) = ids(client.list("crm.company.list").by_id(), "ID").await;
        assert_eq!((ids.len() as u64, memory.arrived().len()), (rows, requests));
    }
}

#[tokio::test(start_paused = true)]
async fn a_method_that_ignores_the_cursor_is_found_out() {
    let rows: Vec<Value> = (1..=50).map(|n| json!({"ID": n})).collect();
    let mut backwards = rows.clone();
    backwards.reverse();
    let cases: [(Vec<Value>, &str); 3] = [
        (rows, "ignores the filter"),
        (backwards, "ignores the order"),
        (
            (1..=50).map(|_| json!({"NAME": "x"})).collect(),
            "without an id",
        ),
    ];
    for (rows, expected) in cases {
        for is_export in [false, true] {
            let rows = rows.clone();
            let answer: Handler = Box::new(move |_, _| json!({"result": rows.clone()}));
            let (memory, client) = portal(Memory::new(5, answer));
            let list = client.list("some.thing.list");
            let stream = if is_export {
                list.export()
            } else {
                list.by_id()
            };
            let (_, error) = ids(stream, "ID").await;
            let error = error.expect(expected);
            assert!(
                matches!(
                    error,
                    Error::NoAnswer {
                        mishap: Mishap::Strayed,
                        ..
                    }
                ),
                "{error}"
            );
            assert_eq!(error.verdict(), Verdict::Never);
            let said = error.to_string();
            assert!(
                said.contains(expected) || is_export && said.contains("ignores"),
                "{said}"
            );
            assert!(memory.arrived().len() <= 2);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_refuses_what_it_sets_itself() {
    let (memory, client) = portal(Memory::new(5, lists(1..=3)));
    let list = || client.list("crm.company.list");
    for (list, expected) in [
        (list().filter(">ID", 5), "filters by id itself"),
        (list().filter("!@id", [5]), "filters by id itself"),
        (list().order("TITLE", Order::Ascending), "its own order"),
        (list().param("START", 50), "its own start"),
    ] {
        for stream in [list.clone().by_id(), list.export()] {
            let (_, error) = ids(stream, "ID").await;
            let error = error.expect(expected);
            assert!(
                matches!(
                    error,
                    Error::Refused {
                        refusal: Refusal::Malformed,
                        ..
                    }
                ),
                "{error}"
            );
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
    assert!(memory.arrived().is_empty());
}

#[tokio::test(start_paused = true)]
async fn select_always_brings_the_id_and_items_keep_the_names_of_custom_fields() {
    let (memory, client) = portal(Memory::new(5, lists(1..=3)));
    ids(client.list("crm.item.list").select(["title"]).by_id(), "id").await;
    ids(client.list("crm.company.list").select(["*"]).by_id(), "ID").await;
    let asked: Vec<Value> = memory
        .arrived()
        .iter()
        .map(|request| request.commands[0].1.clone())
        .collect();
    assert_eq!(asked[0]["select"], json!(["title", "id"]));
    assert_eq!(asked[0]["useOriginalUfNames"], "Y");
    assert_eq!(asked[1]["select"], json!(["*"]));
}

#[tokio::test(start_paused = true)]
async fn an_export_waits_for_a_portal_that_is_out_of_breath() {
    let refused = Fault::Answer(503, r#"{"error":"QUERY_LIMIT_EXCEEDED"}"#.to_owned());
    let lost = Fault::HungUp { executes: true };
    let (_memory, client) = portal(Memory::new(50, lists(1..=20_000)).faults([
        Fault::None,
        refused,
        lost.clone(),
        lost,
    ]));
    let (ids, error) = ids(client.list("crm.company.list").export(), "ID").await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(ids, (1..=20_000).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn an_export_whose_requests_take_too_long_asks_for_less_at_once() {
    let slow = Memory::new(50, lists(1..=20_000)).per_command(2000);
    let (memory, client) = portal(slow);
    let (ids, error) = ids(client.list("crm.company.list").export(), "ID").await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(ids, (1..=20_000).collect::<Vec<_>>());
    let arrived = memory.arrived();
    let sizes: Vec<usize> = arrived
        .iter()
        .map(|request| request.commands.len())
        .collect();
    // Ten full requests are under way when the first of them is given up.
    assert_eq!(sizes[..3], [2, 50, 50]);
    assert!(sizes[11..].iter().all(|size| *size <= 25), "{sizes:?}");
    assert!(sizes.len() <= 40, "{sizes:?}");
}

#[tokio::test(start_paused = true)]
async fn an_export_whose_answers_are_too_large_asks_for_less_at_once() {
    let large = Memory::new(50, lists(1..=5000)).too_large_beyond(3);
    let (memory, client) = portal(large);
    let (read, error) = ids(client.list("crm.company.list").export(), "ID").await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(read, (1..=5000).collect::<Vec<_>>());
    let arrived = memory.arrived();
    let sizes: Vec<usize> = arrived
        .iter()
        .map(|request| request.commands.len())
        .collect();
    // A hundred pages, by three; before that each size was tried by as many requests as were under way.
    assert!(sizes.len() <= 70, "{sizes:?}");
    assert!(sizes[sizes.len() - 30..].iter().all(|size| *size <= 3));
    // One page is as little as can be asked for.
    let (_memory, client) = portal(Memory::new(50, lists(1..=5000)).too_large_beyond(0));
    let (read, error) = ids(client.list("crm.company.list").export(), "ID").await;
    assert!(read.is_empty());
    let is_too_large = matches!(
        error,
        Some(Error::NoAnswer {
            mishap: Mishap::TooLarge,
            ..
        })
    );
    assert!(is_too_large, "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn an_export_does_not_go_to_pieces_when_the_portal_is_away_for_a_moment() {
    let down = Fault::Answer(502, "<h1>Bad gateway</h1>".to_owned());
    let faults = std::iter::once(Fault::None).chain(std::iter::repeat_n(down, 20));
    let (memory, client) = portal(Memory::new(50, lists(1..=50_000)).faults(faults));
    let (ids, error) = ids(client.list("crm.company.list").export(), "ID").await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(ids.len(), 50_000);
    assert_eq!(memory.arrived().len(), 1 + 20 + 20);
}

#[tokio::test(start_paused = true)]
async fn an_export_gives_what_it_has_and_says_why_it_ended() {
    let denied = r#"{"error":"insufficient_scope"}"#;
    let (_memory, client) = portal(
        Memory::new(50, lists(1..=20_000))
            .faults([Fault::None, Fault::Answer(403, denied.to_owned())]),
    );
    let (ids, error) = ids(client.list("crm.company.list").export(), "ID").await;
    assert!(
        matches!(error, Some(Error::Configuration { .. })),
        "{error:?}"
    );
    assert_eq!(ids, (1..=50).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_portal_that_never_recovers_ends_a_stream() {
    let down = Fault::Answer(502, "<h1>Bad gateway</h1>".to_owned());
    for is_export in [false, true] {
        let (memory, client) =
            portal(Memory::new(50, lists(1..=200)).faults(vec![down.clone(); 500]));
        let list = client.list("crm.company.list");
        let stream = if is_export {
            list.export()
        } else {
            list.by_id()
        };
        let (ids, error) = ids(stream, "ID").await;
        assert!(ids.is_empty());
        assert!(
            matches!(
                error,
                Some(Error::NoAnswer {
                    mishap: Mishap::ServerFault,
                    ..
                })
            ),
            "{error:?}"
        );
        assert!(
            memory.arrived().len() <= 30,
            "{} requests",
            memory.arrived().len()
        );
    }
}

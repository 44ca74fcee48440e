//! Walks against a table that changes under them.

use std::sync::{Arc, Mutex};

use frappe::{By, Cause, Document, List, Name, Options, Site};
use serde_json::{Value, json};
use simulators::server::{Handler, Listen, Reply, Request, Server};

use crate::scripted::{Remote, json, own_user, query_of};

/// Rows of a DocType that understands just the lists that a walk asks for.
struct Table {
    rows: Mutex<Vec<(String, String)>>,
}

impl Handler for Table {
    async fn handle(&self, request: Request) -> Reply {
        let query = query_of(&request);
        let parameter = |key: &str| {
            let found = query.iter().find(|(given, _)| given == key);
            found.map(|(_, value)| value.clone())
        };
        let filters: Value =
            serde_json::from_str(&parameter("filters").unwrap_or("[]".into())).unwrap();
        let order = parameter("order_by").unwrap();
        let limit: usize = parameter("limit_page_length").unwrap().parse().unwrap();
        let mut rows = self.rows.lock().unwrap().clone();
        for filter in filters.as_array().unwrap() {
            let (field, op) = (filter[0].as_str().unwrap(), filter[1].as_str().unwrap());
            let value = filter[2].as_str().unwrap();
            rows.retain(|(name, modified)| match (field, op) {
                ("name", ">") => name.as_str() > value,
                ("modified", ">=") => modified.as_str() >= value,
                other => panic!("{other:?}"),
            });
        }
        match order.as_str() {
            "name asc" => rows.sort(),
            "modified asc, name asc" => rows.sort_by(|a, b| (&a.1, &a.0).cmp(&(&b.1, &b.0))),
            other => panic!("{other}"),
        }
        let rows: Value = rows
            .into_iter()
            .take(limit)
            .map(|(name, modified)| json!({"name": name, "modified": modified}))
            .collect();
        json(200, &json!({"data": rows}))
    }
}

async fn table(rows: &[(&str, &str)]) -> (Server, Arc<Table>, frappe::Client) {
    let rows = rows
        .iter()
        .map(|(name, modified)| ((*name).to_owned(), (*modified).to_owned()));
    let table = Arc::new(Table {
        rows: Mutex::new(rows.collect()),
    });
    let server = Server::start(Listen::loopback(), Arc::clone(&table))
        .await
        .unwrap();
    let site = Site::new(&server.url(), Options::default()).unwrap();
    (server, table, site.user(own_user()))
}

fn names(rows: &[Document]) -> Vec<String> {
    let names = rows.iter().filter_map(Document::name);
    names.map(Name::into_string).collect()
}

#[tokio::test]
async fn a_walk_by_name_misses_nothing_when_rows_before_it_vanish() {
    let rows: Vec<(String, String)> = (1..=7)
        .map(|number| (format!("{number:04}"), "2026-01-01".to_owned()))
        .collect();
    let rows: Vec<(&str, &str)> = rows.iter().map(|(n, m)| (n.as_str(), m.as_str())).collect();
    let (_server, table, client) = table(&rows).await;
    // A start would shift with the rows; it does not count.
    let mut walk = client.walk("HD Ticket", List::new().limit(3).start(2), By::Name);
    let mut seen = names(&walk.next_page().await.unwrap().unwrap());
    table
        .rows
        .lock()
        .unwrap()
        .retain(|(name, _)| name != "0001");
    while let Some(page) = walk.next_page().await.unwrap() {
        seen.extend(names(&page));
    }
    assert_eq!(
        seen,
        ["0001", "0002", "0003", "0004", "0005", "0006", "0007"]
    );
    assert!(walk.next_page().await.unwrap().is_none());
}

#[tokio::test]
async fn a_walk_by_change_gives_equal_times_once_and_a_moved_row_again() {
    // Five rows of one time do not fit on a page of two.
    let rows = [
        ("a", "2026-01-01"),
        ("b", "2026-01-02"),
        ("c", "2026-01-02"),
        ("d", "2026-01-02"),
        ("e", "2026-01-02"),
        ("f", "2026-01-02"),
        ("g", "2026-01-03"),
    ];
    let (_server, table, client) = table(&rows).await;
    let by = By::Modified { since: None };
    let mut walk = client.walk("HD Ticket", List::new().limit(2), by);
    let mut seen = names(&walk.next_page().await.unwrap().unwrap());
    for row in table.rows.lock().unwrap().iter_mut() {
        if row.0 == "a" {
            row.1 = "2026-01-04".to_owned();
        }
    }
    while let Some(page) = walk.next_page().await.unwrap() {
        seen.extend(names(&page));
    }
    assert_eq!(seen, ["a", "b", "c", "d", "e", "f", "g", "a"]);
    assert_eq!(walk.reached(), Some("2026-01-04"));

    let since = walk.reached().map(str::to_owned);
    let mut later = client.walk("HD Ticket", List::new(), By::Modified { since });
    let page = later.next_page().await.unwrap().unwrap();
    assert_eq!(names(&page), ["a"], "the mark itself is given again");
}

#[tokio::test]
async fn a_walk_asks_for_the_fields_that_it_needs() {
    let remote = Remote::start((0..4).map(|_| json(200, &json!({"data": []})))).await;
    let client = remote.client();
    let modified = || By::Modified { since: None };
    let lists = [
        (List::new(), By::Name, None),
        (List::new(), modified(), Some(r#"["modified","name"]"#)),
        (
            List::new().fields(["subject"]),
            modified(),
            Some(r#"["subject","name","modified"]"#),
        ),
        (List::new().fields(["*"]), modified(), Some(r#"["*"]"#)),
    ];
    for (list, by, _) in lists.clone() {
        let page = client.walk("HD Ticket", list, by).next_page().await;
        assert!(page.unwrap().is_none());
    }
    for (request, (.., fields)) in remote.requests().iter().zip(lists) {
        let query = query_of(request);
        let sent = query.iter().find(|(key, _)| key == "fields");
        assert_eq!(sent.map(|(_, value)| value.as_str()), fields);
    }
}

#[tokio::test]
async fn a_failed_page_can_be_asked_for_again_and_one_that_repeats_ends_the_walk() {
    let full = json!({"data": [{"name": 7}]});
    let remote = Remote::start([
        json(200, &full),
        json(503, &json!({"exc_type": "SessionStopped"})),
        json(200, &json!({"data": [{"name": 9}]})),
        json(200, &json!({"data": [{"name": 9}]})),
    ])
    .await;
    let mut walk = remote
        .client()
        .walk("HD Ticket", List::new().limit(1), By::Name);
    assert_eq!(names(&walk.next_page().await.unwrap().unwrap()), ["7"]);
    assert!(walk.next_page().await.is_err());
    assert_eq!(names(&walk.next_page().await.unwrap().unwrap()), ["9"]);
    let error = walk.next_page().await.unwrap_err();
    assert!(matches!(error.cause, Cause::Shape(_)), "{error:?}");
    let last: Vec<_> = remote.requests().iter().map(query_of).collect();
    let filters = ("filters".to_owned(), r#"[["name",">",7]]"#.to_owned());
    assert!(last[1].contains(&filters), "an integer stays one: {last:?}");
    assert_eq!(last[1], last[2]);
}

#[tokio::test]
async fn a_page_with_a_row_out_of_order_is_not_half_taken() {
    let row = |name: &str, modified: Value| json!({"name": name, "modified": modified});
    let broken = json!({"data": [row("a", json!("2026-01-01")), row("b", Value::Null)]});
    let whole = json!({"data": [row("a", json!("2026-01-01")), row("b", json!("2026-01-02"))]});
    let remote = Remote::start([json(200, &broken), json(200, &whole)]).await;
    let by = By::Modified { since: None };
    let mut walk = remote.client().walk("HD Ticket", List::new(), by);
    assert!(walk.next_page().await.is_err());
    assert_eq!(walk.reached(), None);
    assert_eq!(names(&walk.next_page().await.unwrap().unwrap()), ["a", "b"]);
}

use jiff::Timestamp;
use serde_json::Value;

use super::*;
use crate::server::Request;

fn now() -> Timestamp {
    Sample::default().now
}

async fn desk(sample: &Sample) -> Running {
    let options = Options {
        records: sample.records(),
        clock: Clock::manual(now()),
        ..Options::default()
    };
    start(options).await.unwrap()
}

fn request(path: &str, key: &str) -> Request {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    let key = BASE64_STANDARD.encode(format!("{key}:X"));
    let request = http::Request::get(path)
        .header("host", "desk.test")
        .header("authorization", format!("Basic {key}"));
    let (head, ()) = request.body(()).unwrap().into_parts();
    Request {
        head: Arc::new(head),
        body: bytes::Bytes::new(),
    }
}

async fn ask_as(desk: &Desk, path: &str, key: &str) -> (http::response::Parts, Value) {
    let path = format!("/api/v2/{path}");
    let Reply::Answer(response) = desk.answer(&request(&path, key)).await else {
        panic!("no answer to {path}")
    };
    let (head, body) = response.into_parts();
    (head, serde_json::from_slice(&body).unwrap_or_default())
}

async fn ask(desk: &Desk, path: &str) -> (u16, Value) {
    let (head, body) = ask_as(desk, path, "key-of-admin").await;
    (head.status.as_u16(), body)
}

fn ids(rows: &Value) -> Vec<u64> {
    let rows = rows.as_array().unwrap();
    rows.iter().map(|row| row["id"].as_u64().unwrap()).collect()
}

const ALL: &str = "updated_since=1970-01-01T00:00:00Z&order_by=updated_at&order_type=asc";

#[test]
fn a_seed_is_one_account_and_a_ticket_needs_no_other() {
    let sample = Sample::default();
    let records = sample.records();
    assert_eq!(records, sample.records());
    assert_eq!(records.tickets[&40], sample.ticket(40));
    let other = Sample { seed: 8, ..sample };
    assert_ne!(records, other.records());
    let languages: std::collections::BTreeSet<_> = records
        .contacts
        .values()
        .map(|contact| contact.language.as_str())
        .collect();
    assert_eq!(Vec::from_iter(languages), ["en", "ru", "vi"]);
    let ids: Vec<u64> = records
        .tickets
        .values()
        .flat_map(|ticket| ticket.conversations.iter().map(|item| item.id))
        .collect();
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len());
    for ticket in records.tickets.values() {
        assert!(ticket.created_at <= ticket.updated_at && ticket.updated_at <= sample_end());
    }
}

fn sample_end() -> Timestamp {
    now()
}

#[tokio::test]
async fn a_list_without_a_time_covers_thirty_days_latest_first() {
    let running = desk(&Sample::default()).await;
    let (_, recent) = ask(&running.desk, "tickets?per_page=100").await;
    let (_, all) = ask(&running.desk, &format!("tickets?per_page=100&{ALL}")).await;
    let edges_elsewhere = 3;
    assert_eq!(ids(&all).len(), 60 - edges_elsewhere);
    assert!(ids(&recent).len() < 30, "{}", ids(&recent).len());
    let updated: Vec<&str> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["updated_at"].as_str().unwrap())
        .collect();
    assert!(updated.is_sorted());
    assert!(all[0].get("description").is_none() && all[0].get("attachments").is_none());
}

#[tokio::test]
async fn pages_are_linked_and_bounded() {
    let running = desk(&Sample::default()).await;
    let (head, rows) = ask_as(&running.desk, &format!("tickets?{ALL}"), "key-of-admin").await;
    assert_eq!(ids(&rows).len(), 30);
    let link = head.headers["link"].to_str().unwrap();
    assert!(
        link.starts_with("<http://desk.test/api/v2/tickets?") && link.contains("page=2"),
        "{link}"
    );
    let (head, rows) = ask_as(
        &running.desk,
        &format!("tickets?page=2&{ALL}"),
        "key-of-admin",
    )
    .await;
    assert_eq!((ids(&rows).len(), head.headers.get("link")), (27, None));
    for (path, field) in [
        ("tickets?per_page=101", "per_page"),
        ("tickets?page=301", "page"),
        ("tickets?page=0", "page"),
        ("tickets?include=conversations", "include"),
        ("tickets?order_type=up", "order_type"),
        ("tickets?updated_since=yesterday", "updated_since"),
        ("contacts?state=gone", "state"),
        ("search/tickets?query=status:2", "query"),
        ("search/tickets?query=%22status:2%22&page=11", "page"),
    ] {
        let (status, body) = ask(&running.desk, path).await;
        assert_eq!(
            (status, body["errors"][0]["field"].as_str()),
            (400, Some(field)),
            "{path}"
        );
    }
}

#[tokio::test]
async fn ten_conversations_come_along_and_all_are_listed() {
    let running = desk(&Sample::default()).await;
    let number = Edge::ManyConversations.number();
    let (_, ticket) = ask(
        &running.desk,
        &format!("tickets/{number}?include=conversations"),
    )
    .await;
    assert_eq!(ticket["conversations"].as_array().unwrap().len(), 10);
    let path = format!("tickets/{number}/conversations?per_page=100&page=3");
    let (_, rest) = ask(&running.desk, &path).await;
    assert_eq!(ids(&rest).len(), 37);
    let gone = Edge::DeletedConversation.number();
    let held = running.desk.records().tickets[&gone].conversations.len();
    let (_, shown) = ask(&running.desk, &format!("tickets/{gone}/conversations")).await;
    assert_eq!(ids(&shown).len(), held - 1);
}

#[tokio::test]
async fn every_place_has_its_own_list_or_none() {
    let running = desk(&Sample::default()).await;
    for (path, expected) in [
        ("tickets?filter=spam".to_owned(), vec![Edge::Spam.number()]),
        (
            "tickets?filter=deleted".to_owned(),
            vec![Edge::Deleted.number()],
        ),
    ] {
        assert_eq!(ids(&ask(&running.desk, &path).await.1), expected);
    }
    let archived = Edge::Archived.number();
    assert_eq!(
        ask(&running.desk, &format!("tickets/{archived}")).await.0,
        404
    );
    assert_eq!(
        ask(&running.desk, &format!("tickets/archived/{archived}"))
            .await
            .0,
        200
    );
    assert_eq!(ask(&running.desk, "tickets/archived/1").await.0, 404);
    let (_, found) = ask(
        &running.desk,
        "search/tickets?query=%22created_at:%3E%272000-01-01%27%22",
    )
    .await;
    assert_eq!(found["total"], 57);
    let states = ["verified", "unverified", "blocked", "deleted"];
    let mut sum = 0;
    for state in states {
        sum += ids(&ask(
            &running.desk,
            &format!("contacts?per_page=100&state={state}"),
        )
        .await
        .1)
        .len();
    }
    assert_eq!(sum, running.desk.records().contacts.len());
    let usual = ids(&ask(&running.desk, "contacts?per_page=100").await.1).len();
    assert!(usual < sum);
}

#[tokio::test]
async fn an_agent_with_less_scope_sees_less_and_a_wrong_key_nothing() {
    let running = desk(&Sample::default()).await;
    let path = format!("tickets?per_page=100&{ALL}");
    let (_, own) = ask_as(&running.desk, &path, "key-of-agent").await;
    let count = own.as_array().unwrap().len();
    assert!(count > 0 && count < 20, "{count}");
    let (_, me) = ask_as(&running.desk, "agents/me", "key-of-agent").await;
    assert_eq!(
        (
            me["ticket_scope"].as_i64(),
            me["contact"]["name"].is_string()
        ),
        (Some(3), true)
    );
    let (head, body) = ask_as(&running.desk, &path, "guessed").await;
    assert_eq!(
        (head.status.as_u16(), body["code"].as_str()),
        (401, Some("invalid_credentials"))
    );
}

#[tokio::test]
async fn a_plan_without_a_feature_says_so() {
    let options = Options {
        records: Sample::default().records(),
        features: Features {
            time_entries: false,
            satisfaction: false,
            archive: false,
        },
        ..Options::default()
    };
    let running = start(options).await.unwrap();
    for path in [
        "time_entries",
        "tickets/5/time_entries",
        "surveys/satisfaction_ratings",
        "tickets/archived/1",
    ] {
        let (status, body) = ask(&running.desk, path).await;
        assert_eq!(
            (status, body["code"].as_str()),
            (403, Some("require_feature")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn includes_cost_and_refusals_count() {
    let options = Options {
        records: Sample::default().records(),
        limits: Limits::GROWTH,
        clock: Clock::manual(now()),
        ..Options::default()
    };
    let running = start(options).await.unwrap();
    let header = |head: &http::response::Parts, name: &str| {
        head.headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    let path = "tickets?include=requester,stats";
    let (head, _) = ask_as(&running.desk, path, "key-of-admin").await;
    assert_eq!(
        header(&head, "x-ratelimit-used-currentrequest").as_deref(),
        Some("5")
    );
    for _ in 0..19 {
        ask(&running.desk, "tickets?page=999").await;
    }
    let (head, _) = ask_as(&running.desk, "tickets", "key-of-admin").await;
    assert_eq!(head.status.as_u16(), 429);
    assert_eq!(
        header(&head, "x-ratelimit-remaining").as_deref(),
        Some("176")
    );
    assert_eq!(header(&head, "retry-after").as_deref(), Some("60"));
}

#[test]
fn an_export_holds_what_the_account_holds_in_either_form() {
    let sample = Sample::default();
    let records = sample.records();
    let folder = std::env::temp_dir().join(format!("freshdesk-export-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for form in [export::Form::Json, export::Form::Xml] {
        let export = export::Export {
            form,
            tickets_per_file: 25,
            ..export::Export::default()
        };
        export
            .to_folder(&folder, &records, records.tickets.values().cloned())
            .unwrap();
    }
    let read = |name: &str| {
        #[expect(clippy::disallowed_methods, reason = "a file that this test wrote")]
        std::fs::read_to_string(folder.join(name)).unwrap()
    };
    let tickets: Value = serde_json::from_str(&read("Tickets1.json")).unwrap();
    let ticket = &tickets[0]["helpdesk_ticket"];
    assert_eq!(ticket["display_id"], 26);
    assert_ne!(ticket["id"], 26);
    assert!(
        ticket["description_html"]
            .as_str()
            .unwrap()
            .starts_with('<')
    );
    assert!(!ticket["description"].as_str().unwrap().starts_with('<'));
    assert!(ticket["created_at"].as_str().unwrap().ends_with("+07:00"));
    let xml = read("Tickets0.xml");
    assert!(xml.contains("<display-id type=\"integer\">20</display-id>") && xml.contains("&#x1F;"));
    assert!(xml.contains("<responder-id nil=\"true\"/>"));
    assert!(read("Tickets2.xml").contains("<helpdesk-ticket>"));
    std::fs::remove_dir_all(folder).unwrap();
}

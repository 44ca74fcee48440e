//! Documents as they go over the wire.

use frappe::{Cause, Document, Filter, List, Name, Op, Order, Outcome, Unsendable};
use serde_json::json;

use crate::scripted::{Remote, body_of, json, query_of};

#[tokio::test]
async fn a_document_is_read_by_its_doctype_and_name() {
    let remote = Remote::start([
        json(200, &json!({"data": {"name": 41, "subject": "Printer"}})),
        json(200, &json!({"data": {"name": "a/b?"}})),
    ])
    .await;
    let client = remote.client();
    let ticket = client.get("HD Ticket", &Name::from(41)).await.unwrap();
    assert_eq!(ticket.name(), Some(Name::from("41")));
    client
        .get("HD Customer", &Name::from("\"Ánh Dương\" a/b?"))
        .await
        .unwrap();
    let paths: Vec<String> = remote
        .requests()
        .iter()
        .map(|request| format!("{} {}", request.head.method, request.head.uri))
        .collect();
    assert_eq!(
        paths,
        [
            "GET /api/resource/HD%20Ticket/41",
            "GET /api/resource/HD%20Customer/%22%C3%81nh%20D%C6%B0%C6%A1ng%22%20a%2Fb%3F",
        ]
    );
}

#[tokio::test]
async fn a_name_that_would_mean_another_resource_is_not_sent() {
    let remote = Remote::start([]).await;
    let client = remote.client();
    let cases = [
        ("HD Ticket", "", Unsendable::EmptyName),
        ("HD Ticket", ".", Unsendable::DotName),
        ("HD Ticket", "..", Unsendable::DotName),
        ("..", "0001", Unsendable::DotName),
        ("", "0001", Unsendable::EmptyName),
    ];
    for (doctype, name, expected) in cases {
        let deleted = client.delete(doctype, &Name::from(name)).await;
        let Outcome::Refused(error) = deleted else {
            panic!("{deleted:?}");
        };
        assert!(
            matches!(error.cause, Cause::Unsendable(why) if why == expected),
            "{doctype:?} {name:?}: {error}"
        );
    }
    assert!(client.list("", &List::new()).await.is_err());
    assert!(client.method("").get::<()>().await.is_err());
    assert!(remote.requests().is_empty());
}

#[tokio::test]
async fn a_list_is_asked_for_with_all_its_parts() {
    let rows = json!({"data": [{"name": "0001", "customer": null}, {"name": 2}]});
    let remote = Remote::start([json(200, &rows)]).await;
    let list = List::new()
        .fields(["name", "customer"])
        .filter(Filter::eq("email_id", "an@example.com").of("Contact Email"))
        .filter(Filter::new("status", Op::In, vec!["Open", "Replied"]))
        .order_by("modified", Order::Ascending)
        .limit(2)
        .start(4);
    let rows = remote.client().list("HD Ticket", &list).await.unwrap();
    let names: Vec<_> = rows.iter().filter_map(Document::name).collect();
    assert_eq!(names, [Name::from("0001"), Name::from("2")]);
    let request = remote.request();
    assert_eq!(request.path(), "/api/resource/HD%20Ticket");
    let expected = [
        ("fields", r#"["name","customer"]"#),
        (
            "filters",
            r#"[["Contact Email","email_id","=","an@example.com"],["status","in",["Open","Replied"]]]"#,
        ),
        ("order_by", "modified asc"),
        ("limit_page_length", "2"),
        ("limit_start", "4"),
    ];
    let expected: Vec<_> = expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    assert_eq!(query_of(&request), expected);
}

#[tokio::test]
async fn a_list_too_long_for_an_address_is_posted() {
    let remote = Remote::start([json(200, &json!({"message": [{"name": "0001"}]}))]).await;
    let names: Vec<String> = (0..500).map(|number| format!("{number:04}")).collect();
    let list = List::new().filter(Filter::new("name", Op::In, names.clone()));
    let rows = remote.client().list("HD Ticket", &list).await.unwrap();
    assert_eq!(rows.len(), 1);
    let request = remote.request();
    assert_eq!(request.head.method, "POST");
    assert_eq!(request.path(), "/api/method/frappe.client.get_list");
    assert_eq!(
        body_of(&request),
        json!({"doctype": "HD Ticket", "filters": [["name", "in", names]]})
    );
}

#[tokio::test]
async fn a_document_is_inserted_updated_and_deleted() {
    let stored = json!({"data": {"name": "0001", "modified": "2026-11-21 05:51:06.765860"}});
    let remote = Remote::start([
        json(200, &stored),
        json(200, &stored),
        json(200, &stored),
        json(202, &json!({"data": "ok"})),
    ])
    .await;
    let client = remote.client();
    let fields = Document::new()
        .with("subject", "Printer")
        .with("customer", serde_json::Value::Null);
    let Outcome::Done(ticket) = client.insert("HD Ticket", &fields).await else {
        panic!();
    };
    let name = ticket.name().unwrap();
    let update = Document::new().with("priority", "High");
    client
        .update("HD Ticket", &name, &update)
        .await
        .into_result()
        .unwrap();
    let modified = ticket.modified().unwrap();
    client
        .update_if_unchanged("HD Ticket", &name, &update, modified)
        .await
        .into_result()
        .unwrap();
    client
        .delete("HD Ticket", &name)
        .await
        .into_result()
        .unwrap();

    let requests = remote.requests();
    let sent: Vec<_> = requests
        .iter()
        .map(|request| {
            let body = String::from_utf8_lossy(&request.body).into_owned();
            (request.head.method.as_str(), request.path(), body)
        })
        .collect();
    let path = "/api/resource/HD%20Ticket/0001";
    let expected = [
        (
            "POST",
            "/api/resource/HD%20Ticket",
            r#"{"customer":null,"subject":"Printer"}"#,
        ),
        ("PUT", path, r#"{"priority":"High"}"#),
        (
            "PUT",
            path,
            r#"{"modified":"2026-11-21 05:51:06.765860","priority":"High"}"#,
        ),
        ("DELETE", path, ""),
    ];
    let expected: Vec<_> = expected.map(|(m, p, b)| (m, p, b.to_owned())).into();
    assert_eq!(sent, expected);
    assert_eq!(requests[0].header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn a_write_is_done_refused_not_sent_or_unknown() {
    let kind = |kind: &str| json!({"exc_type": kind});
    let rows = [
        (200, json!({"data": {"name": "0001"}}), "Done"),
        (409, kind("DuplicateEntryError"), "Refused"),
        (417, kind("UniqueValidationError"), "Refused"),
        (500, kind("OperationalError"), "Refused"),
        (500, kind("QueryDeadlockError"), "NotSent"),
        (500, kind("QueryTimeoutError"), "NotSent"),
        (429, kind("TooManyRequestsError"), "NotSent"),
        (503, kind("SessionStopped"), "NotSent"),
        (502, json!({}), "Unknown"),
        (200, json!({"data": "another shape"}), "Unknown"),
    ];
    let remote = Remote::start(rows.iter().map(|(status, body, _)| json(*status, body))).await;
    for (status, body, expected) in &rows {
        let outcome = remote
            .client()
            .insert("HD Customer", &Document::new())
            .await;
        let got = match outcome {
            Outcome::Done(_) => "Done",
            Outcome::Refused(_) => "Refused",
            Outcome::NotSent(_) => "NotSent",
            Outcome::Unknown(_) => "Unknown",
        };
        assert_eq!(got, *expected, "{status} {body}");
    }
}

#[tokio::test]
async fn a_name_with_angle_brackets_is_not_sent() {
    let remote = Remote::start([]).await;
    let fields = Document::new().with("name", "A <b> B");
    let outcome = remote.client().insert("HD Form Script", &fields).await;
    assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
    assert!(remote.requests().is_empty());
}

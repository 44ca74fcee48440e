//! Methods, bulk and files as they go over the wire.

use frappe::{
    Cause, Change, Document, FailedChange, Filter, INSERT_MANY_MAX, Name, Options, Outcome,
    Unsendable, Upload, Verdict,
};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::scripted::{Remote, body_of, json, own_user, page, query_of, response};

fn message(message: &Value) -> simulators::server::Reply {
    json(200, &json!({"message": message}))
}

fn unsendable<T: std::fmt::Debug>(outcome: Outcome<T>) -> Unsendable {
    match outcome {
        Outcome::Refused(error) => match error.cause {
            Cause::Unsendable(why) => why,
            cause => panic!("{cause:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_method_is_got_with_a_query_and_posted_with_json() {
    let remote = Remote::start([
        message(&json!("pong")),
        json(200, &json!({})),
        message(&json!({"a": 1})),
    ])
    .await;
    let client = remote.client();
    let pong: String = client
        .method("frappe.ping")
        .with("text", "a b")
        .with("list", json!(["x"]))
        .with("absent", Value::Null)
        .get()
        .await
        .unwrap();
    assert_eq!(pong, "pong");
    let nothing: Option<u8> = client.method("answers_nothing").get().await.unwrap();
    assert_eq!(nothing, None);
    let posted: Outcome<Value> = client.method("a_script").with("n", 1).post().await;
    assert_eq!(posted.into_result().unwrap(), json!({"a": 1}));

    let requests = remote.requests();
    assert_eq!(requests[0].head.method, "GET");
    assert_eq!(requests[0].path(), "/api/method/frappe.ping");
    let expected = [("list", r#"["x"]"#), ("text", "a b")];
    assert_eq!(
        query_of(&requests[0]),
        expected.map(|(k, v)| (k.to_owned(), v.to_owned()))
    );
    assert_eq!(requests[2].head.method, "POST");
    assert_eq!(body_of(&requests[2]), json!({"n": 1}));
}

#[tokio::test]
async fn a_method_that_does_not_exist_is_refused_values_and_a_lost_post_is_unknown() {
    let remote = Remote::start([json(417, &json!({"exc_type": "ValidationError"}))]).await;
    let client = remote.client();
    let error = client.method("nope").get::<Value>().await.unwrap_err();
    assert!(matches!(error.cause, Cause::Validation { .. }));
    assert_eq!(
        error.to_string(),
        "ask nope: the site refused the values (ValidationError)"
    );
    let posted = client.method("nope").post::<Value>().await;
    assert!(matches!(posted, Outcome::Unknown(_)), "{posted:?}");
    let got = client.method("nope").get::<Value>().await.unwrap_err();
    assert_eq!(got.verdict(), Verdict::RetryAfter(None));
}

#[tokio::test]
async fn a_value_is_found_denied_or_missing_and_never_just_any() {
    let remote = Remote::start([
        message(&json!({"name": "0001", "customer": null})),
        message(&json!({})),
        json(200, &json!({})),
    ])
    .await;
    let client = remote.client();
    let by_name = [Filter::eq("name", &Name::from("0001"))];
    let fields = ["name", "customer"];
    let found = client.get_value("HD Ticket", &by_name, &fields).await;
    assert_eq!(found.unwrap().unwrap().name(), Some(Name::from("0001")));
    for _ in ["denied or missing", "nothing at all"] {
        let found = client.get_value("HD Ticket", &by_name, &fields).await;
        assert_eq!(found.unwrap(), None);
    }
    let any = client.get_value("HD Ticket", &[], &fields).await;
    assert!(matches!(
        any.unwrap_err().cause,
        Cause::Unsendable(Unsendable::NoFilter)
    ));
    let requests = remote.requests();
    assert_eq!(requests.len(), 3);
    let expected = [
        ("doctype", "HD Ticket"),
        ("fieldname", r#"["name","customer"]"#),
        ("filters", r#"{"name":"0001"}"#),
    ];
    assert_eq!(
        query_of(&requests[0]),
        expected.map(|(k, v)| (k.to_owned(), v.to_owned()))
    );
}

#[tokio::test]
async fn documents_are_counted_with_and_without_regard_to_rights() {
    let remote = Remote::start([message(&json!(41)), json(200, &json!({"data": 7}))]).await;
    let client = remote.client();
    let open = [Filter::eq("status", "Open")];
    assert_eq!(client.get_count("HD Ticket", &open).await.unwrap(), 41);
    assert_eq!(client.count("HD Ticket", &open).await.unwrap(), 7);
    let requests = remote.requests();
    assert_eq!(requests[0].path(), "/api/method/frappe.client.get_count");
    assert_eq!(requests[1].path(), "/api/v2/doctype/HD%20Ticket/count");
}

#[tokio::test]
async fn a_password_is_a_secret_and_an_empty_one_is_missing() {
    let said = json!([json!({"message": "Password not found"}).to_string()]).to_string();
    let empty = json!({"exc_type": "AuthenticationError", "_server_messages": said});
    let remote = Remote::start([message(&json!("planted-password")), json(401, &empty)]).await;
    let client = remote.client();
    let settings = Name::from("Hub Settings");
    let read = || client.get_password("Hub Settings", &settings, "webhook_url");
    let password = read().await.unwrap();
    assert_eq!(password.expose_secret(), "planted-password");
    assert!(!format!("{password:?}").contains("planted"));
    let error = read().await.unwrap_err();
    assert!(matches!(error.cause, Cause::Missing { .. }), "{error:?}");
}

#[tokio::test]
async fn fields_are_set_saved_and_renamed() {
    let stored = json!({"name": "Sunrise", "doctype": "HD Customer"});
    let remote = Remote::start([
        message(&stored),
        message(&stored),
        message(&json!("Sunrise 2")),
    ])
    .await;
    let client = remote.client();
    let name = Name::from("Sunrise");
    let fields = Document::new().with("domain", "sunrise.example");
    let set = client.set_value("HD Customer", &name, &fields).await;
    assert_eq!(set.into_result().unwrap().name(), Some(name.clone()));
    let whole = Document::new()
        .with("doctype", "HD Customer")
        .with("name", "Sunrise");
    client.save(&whole).await.into_result().unwrap();
    let renamed = client.rename_doc("HD Customer", &name, "Sunrise 2").await;
    assert_eq!(renamed.into_result().unwrap(), Name::from("Sunrise 2"));
    let bodies: Vec<Value> = remote.requests().iter().map(body_of).collect();
    assert_eq!(
        bodies,
        [
            json!({"doctype": "HD Customer", "name": "Sunrise", "fieldname": {"domain": "sunrise.example"}}),
            json!({"doc": {"doctype": "HD Customer", "name": "Sunrise"}}),
            json!({"doctype": "HD Customer", "old_name": "Sunrise", "new_name": "Sunrise 2"}),
        ]
    );

    let nameless = Document::new().with("doctype", "HD Customer");
    assert_eq!(unsendable(client.save(&nameless).await), Unsendable::NoName);
    let typeless = Document::new().with("name", "Sunrise");
    assert_eq!(
        unsendable(client.save(&typeless).await),
        Unsendable::NoDocType
    );
    let bad = client.rename_doc("HD Customer", &name, "<b>").await;
    assert_eq!(unsendable(bad), Unsendable::AngleBracket);
    assert_eq!(remote.requests().len(), 3);
}

#[tokio::test]
async fn many_documents_are_inserted_at_once_up_to_the_limit() {
    let remote = Remote::start([message(&json!(["Sunrise", 41]))]).await;
    let client = remote.client();
    let customer = || Document::new().with("doctype", "HD Customer");
    let names = client
        .insert_many(&[customer(), customer()])
        .await
        .into_result()
        .unwrap();
    assert_eq!(names, [Name::from("Sunrise"), Name::from("41")]);
    let expected = json!({"docs": [{"doctype": "HD Customer"}, {"doctype": "HD Customer"}]});
    assert_eq!(body_of(&remote.request()), expected);

    let many = vec![customer(); INSERT_MANY_MAX + 1];
    let max = INSERT_MANY_MAX;
    assert_eq!(
        unsendable(client.insert_many(&many).await),
        Unsendable::TooManyDocuments { max }
    );
    let typeless = [customer(), Document::new()];
    assert_eq!(
        unsendable(client.insert_many(&typeless).await),
        Unsendable::NoDocType
    );
}

#[tokio::test]
async fn a_bulk_update_says_which_changes_failed_and_not_with_a_traceback() {
    let failed = json!({"failed_docs": [{
        "doc": {"doctype": "HD Customer", "docname": "Nope", "domain": "x.example"},
        "exc": "Traceback\n  File planted\nfrappe.exceptions.DoesNotExistError: planted",
    }]});
    let remote = Remote::start([message(&failed)]).await;
    let change = |name: &str| Change {
        doctype: "HD Customer".to_owned(),
        name: Name::from(name),
        fields: Document::new().with("domain", "x.example"),
    };
    let changes = [change("Sunrise"), change("Nope")];
    let failed = remote.client().bulk_update(&changes).await;
    let failed = failed.into_result().unwrap();
    assert_eq!(
        failed,
        [FailedChange {
            doctype: "HD Customer".to_owned(),
            name: Name::from("Nope"),
            kind: Some("DoesNotExistError".to_owned()),
        }]
    );
    assert!(!format!("{failed:?}").contains("planted"));
    let body = body_of(&remote.request());
    let docs: Value = serde_json::from_str(body["docs"].as_str().unwrap()).unwrap();
    let sent = json!({"doctype": "HD Customer", "docname": "Sunrise", "domain": "x.example"});
    assert_eq!(docs[0], sent);
}

#[tokio::test]
async fn a_method_of_a_document_gives_the_document_and_maybe_an_answer() {
    let ticket = json!({"name": "0001"});
    let remote = Remote::start([
        json(200, &json!({"docs": [ticket]})),
        json(200, &json!({"docs": [ticket], "message": 7})),
    ])
    .await;
    let client = remote.client();
    let name = Name::from("0001");
    for expected in [Value::Null, json!(7)] {
        let arguments = [("content".to_owned(), json!("<p>x</p>"))];
        let answer = client
            .run_doc_method(
                "HD Ticket",
                &name,
                "new_comment",
                arguments.into_iter().collect(),
            )
            .await
            .into_result()
            .unwrap();
        assert_eq!(answer.message, expected);
        assert_eq!(answer.docs[0].name(), Some(name.clone()));
    }
    assert_eq!(
        body_of(&remote.requests()[0]),
        json!({"dt": "HD Ticket", "dn": "0001", "method": "new_comment", "args": {"content": "<p>x</p>"}})
    );
}

fn stored_file() -> Value {
    json!({
        "name": "8e4ad28bd5", "file_name": "note.txt", "file_url": "/private/files/note.txt",
        "is_private": 1, "file_size": 10, "content_hash": "cf0be5077e7ed25a944c353d77df0f10",
    })
}

#[tokio::test]
async fn a_file_is_sent_with_its_document() {
    let remote = Remote::start([message(&stored_file()), message(&stored_file())]).await;
    let client = remote.client();
    let upload =
        Upload::bytes("ghi \"chú\".txt", "hello file").attached_to("HD Ticket", Name::from("0001"));
    let stored = client.upload(upload).await.into_result().unwrap();
    assert_eq!(stored.file_url, "/private/files/note.txt");
    assert_eq!(stored.size_bytes, Some(10));
    assert!(stored.is_private);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("note.txt");
    tokio::fs::write(&path, "from the disk").await.unwrap();
    let file = tokio::fs::File::open(&path).await.unwrap();
    let upload = Upload::file("note.txt", file, 13).public();
    client.upload(upload).await.into_result().unwrap();

    let requests = remote.requests();
    let bodies: Vec<String> = requests
        .iter()
        .map(|request| String::from_utf8(request.body.to_vec()).unwrap())
        .collect();
    for part in [
        "name=\"is_private\"\r\n\r\n1\r\n",
        "name=\"doctype\"\r\n\r\nHD Ticket\r\n",
        "name=\"docname\"\r\n\r\n0001\r\n",
        "name=\"file\"; filename=\"ghi _chú_.txt\"\r\n\r\nhello file\r\n",
    ] {
        assert!(bodies[0].contains(part), "{part} in {}", bodies[0]);
    }
    assert!(
        bodies[1].contains("name=\"is_private\"\r\n\r\n0\r\n"),
        "{}",
        bodies[1]
    );
    assert!(
        bodies[1].contains("\r\n\r\nfrom the disk\r\n"),
        "{}",
        bodies[1]
    );
    for request in requests {
        assert_eq!(request.path(), "/api/method/upload_file");
        let length: usize = request.header("content-length").unwrap().parse().unwrap();
        assert_eq!(length, request.body.len());
    }
}

#[tokio::test]
async fn a_file_for_a_missing_document_is_not_sent_when_checked() {
    let remote = Remote::start([
        message(&json!({})),
        message(&json!({"name": "0001"})),
        message(&stored_file()),
    ])
    .await;
    let client = remote.client();
    let upload = || {
        Upload::bytes("note.txt", "hello")
            .attached_to("HD Ticket", Name::from("0001"))
            .checked()
    };
    let missing = client.upload(upload()).await;
    let Outcome::Refused(error) = missing else {
        panic!("{missing:?}");
    };
    assert!(matches!(error.cause, Cause::Missing { .. }));
    assert_eq!(remote.requests().len(), 1);
    client.upload(upload()).await.into_result().unwrap();
    assert_eq!(remote.requests().len(), 3);
}

#[tokio::test]
async fn a_file_that_frappe_would_fail_on_is_not_sent() {
    let remote = Remote::start([]).await;
    let options = Options {
        upload_bytes_max: 4,
        ..Options::default()
    };
    let client = remote.site(options).user(own_user());
    let sent = client.upload(Upload::bytes("a.txt", "")).await;
    assert_eq!(unsendable(sent), Unsendable::EmptyFile);
    let sent = client.upload(Upload::bytes("a.txt", "12345")).await;
    let (bytes, bytes_max) = (5, 4);
    assert_eq!(unsendable(sent), Unsendable::TooLarge { bytes, bytes_max });
    let nameless = Upload::bytes("a.txt", "1").attached_to("HD Ticket", Name::from(""));
    assert_eq!(
        unsendable(client.upload(nameless).await),
        Unsendable::EmptyName
    );
    assert!(remote.requests().is_empty());
}

#[tokio::test]
async fn a_file_is_fetched_from_this_site_only() {
    let remote = Remote::start([
        simulators::server::Reply::Answer(response(200, "text/html", "<b>a file</b>".to_owned())),
        page(403, "<title>403 Forbidden</title>"),
    ])
    .await;
    let client = remote.client();
    let file = client.download("/private/files/a b.html").await.unwrap();
    assert_eq!(file, "<b>a file</b>");
    let error = client.download("/private/files/x.txt").await.unwrap_err();
    assert!(matches!(error.cause, Cause::NoRight { .. }));
    let error = client
        .download("https://files.example/x")
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "download: not sent, because the file is not one of this site"
    );
    let requests = remote.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].path(), "/private/files/a%20b.html");
}

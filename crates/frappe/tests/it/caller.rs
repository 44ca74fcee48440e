//! Asking on behalf of a caller.

use frappe::{Caller, Cause, Client, Credential, Name, Options, Permission, Right};
use serde_json::json;

use crate::scripted::{Remote, body_of, json, query_of};

fn session(remote: &Remote, caller: Caller) -> Client {
    remote
        .site(Options::default())
        .user(Credential::Caller(caller))
}

#[tokio::test]
async fn every_answer_to_may_has_its_own_word() {
    let expired = json!({"session_expired": 1, "exc_type": "PermissionError"});
    let rows = [
        (
            200,
            json!({"message": {"has_permission": true}}),
            Permission::Allowed,
        ),
        (
            200,
            json!({"message": {"has_permission": 1}}),
            Permission::Allowed,
        ),
        (
            200,
            json!({"message": {"has_permission": false}}),
            Permission::Denied,
        ),
        (
            200,
            json!({"message": {"has_permission": null}}),
            Permission::Denied,
        ),
        (
            404,
            json!({"exc_type": "DoesNotExistError"}),
            Permission::Missing,
        ),
        (
            403,
            json!({"exc_type": "PermissionError"}),
            Permission::NotLoggedIn {
                session_expired: false,
            },
        ),
        (
            403,
            expired.clone(),
            Permission::NotLoggedIn {
                session_expired: true,
            },
        ),
        (
            200,
            json!({"session_expired": 1, "message": {"has_permission": true}}),
            Permission::NotLoggedIn {
                session_expired: true,
            },
        ),
        (
            401,
            json!({"exc_type": "AuthenticationError"}),
            Permission::WrongKey,
        ),
    ];
    let remote = Remote::start(rows.iter().map(|(status, body, _)| json(*status, body))).await;
    let client = session(&remote, Caller::session("5e55104").unwrap());
    for (status, body, expected) in &rows {
        let got = client
            .may("HD Ticket", &Name::from("0001"), Right::Read)
            .await
            .unwrap();
        assert_eq!(got, *expected, "{status} {body}");
    }
    for request in remote.requests() {
        assert_eq!(request.head.method, "GET");
        assert_eq!(request.path(), "/api/method/frappe.client.has_permission");
        let mut query = query_of(&request);
        query.sort();
        let expected = [
            ("docname", "0001"),
            ("doctype", "HD Ticket"),
            ("perm_type", "read"),
        ];
        assert_eq!(query, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }
}

#[tokio::test]
async fn what_is_no_answer_to_may_is_an_error_and_never_a_yes() {
    let replies = [
        json(200, &json!({})),
        json(200, &json!({"message": true})),
        json(200, &json!({"message": {}})),
        json(500, &json!({"exc_type": "TypeError"})),
        json(429, &json!({"exc_type": "TooManyRequestsError"})),
    ];
    let rounds = replies.len();
    let remote = Remote::start(replies).await;
    let client = session(&remote, Caller::session("5e55104").unwrap());
    for _ in 0..rounds {
        let answer = client
            .may("HD Ticket", &Name::from("0001"), Right::Read)
            .await;
        assert!(answer.is_err(), "{answer:?}");
    }
}

#[tokio::test]
async fn a_document_without_a_name_is_not_asked_about() {
    let remote = Remote::start([]).await;
    let client = session(&remote, Caller::session("5e55104").unwrap());
    // Frappe would answer for the DocType as a whole.
    let answer = client.may("HD Ticket", &Name::from(""), Right::Read).await;
    assert!(matches!(answer.unwrap_err().cause, Cause::Unsendable(_)));
    let answer = client.may("", &Name::from("0001"), Right::Read).await;
    assert!(matches!(answer.unwrap_err().cause, Cause::Unsendable(_)));
    assert!(remote.requests().is_empty());
}

#[tokio::test]
async fn an_unsafe_request_of_a_browser_is_judged_with_its_csrf_token() {
    let remote = Remote::start([
        json(200, &json!({"message": {"has_permission": true}})),
        json(400, &json!({"exc_type": "CSRFTokenError"})),
        json(200, &json!({"message": {"has_permission": true}})),
    ])
    .await;
    let sid = || Caller::session("5e55104").unwrap();
    let ticket = Name::from("0001");
    let with_token = session(&remote, sid().unsafe_request(Some("csrf-1")).unwrap());
    let answer = with_token.may("HD Ticket", &ticket, Right::Write).await;
    assert_eq!(answer.unwrap(), Permission::Allowed);
    let without = session(&remote, sid().unsafe_request(None).unwrap());
    let error = without
        .may("HD Ticket", &ticket, Right::Write)
        .await
        .unwrap_err();
    assert!(matches!(error.cause, Cause::Csrf), "{error:?}");
    // A key pair cannot be forged by another site.
    let key = Caller::authorization("token k:s").unwrap();
    let key = session(&remote, key.unsafe_request(None).unwrap());
    let answer = key.may("HD Ticket", &ticket, Right::Write).await;
    assert_eq!(answer.unwrap(), Permission::Allowed);

    let requests = remote.requests();
    let sent = requests
        .iter()
        .map(|request| {
            (
                request.head.method.as_str(),
                request.header("x-frappe-csrf-token"),
            )
        })
        .collect::<Vec<_>>();
    assert_eq!(
        sent,
        [("POST", Some("csrf-1")), ("POST", None), ("GET", None)]
    );
    assert_eq!(
        body_of(&requests[0]),
        json!({"doctype": "HD Ticket", "docname": "0001", "perm_type": "write"})
    );
}

#[tokio::test]
async fn a_user_is_read_as_helpdesk_describes_them() {
    let remote = Remote::start([
        json(
            200,
            &json!({"message": {
                "user_id": "an@example.test", "is_agent": true, "is_admin": false, "is_manager": 0,
                "has_desk_access": true, "user_name": "An Nguyen", "user_image": null,
                "time_zone": "Asia/Ho_Chi_Minh", "language": "vi", "user_teams": ["Billing"],
            }}),
        ),
        json(200, &json!({"message": {"is_agent": true}})),
        json(200, &json!({"message": ["Agent", "All"]})),
    ])
    .await;
    let client = remote.client();
    let user = client.who_am_i().await.unwrap();
    assert_eq!(user.user_id, "an@example.test");
    assert_eq!(user.full_name.as_deref(), Some("An Nguyen"));
    assert_eq!(
        (
            user.is_agent,
            user.is_admin,
            user.is_manager,
            user.has_desk_access
        ),
        (true, false, false, true)
    );
    assert_eq!(user.teams, ["Billing"]);
    assert_eq!(user.time_zone.as_deref(), Some("Asia/Ho_Chi_Minh"));
    assert_eq!(user.language.as_deref(), Some("vi"));
    let nobody = client.who_am_i().await.unwrap_err();
    assert!(
        matches!(nobody.cause, Cause::Shape(_)),
        "an agent without a name is none"
    );
    assert_eq!(
        client.roles("an@example.test").await.unwrap(),
        ["Agent", "All"]
    );
}

#[tokio::test]
async fn a_doctype_as_a_whole_is_asked_about_with_an_empty_name() {
    let remote = Remote::start([json(200, &json!({"message": {"has_permission": true}}))]).await;
    let answer = remote
        .client()
        .may_with_doctype("HD Customer", Right::Create)
        .await
        .unwrap();
    assert_eq!(answer, Permission::Allowed);
    let query = query_of(&remote.request());
    assert!(
        query.contains(&("docname".to_owned(), String::new())),
        "{query:?}"
    );
    assert!(query.contains(&("perm_type".to_owned(), "create".to_owned())));
}

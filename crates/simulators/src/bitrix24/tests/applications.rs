//! Applications: tokens, installations, events posted and waiting.

use std::sync::Mutex;

use super::*;
use crate::server::{Handler, Listen, Server};

const CLIENT: &str = "local.test.1";

fn data() -> Data {
    let application = Application::new(
        CLIENT,
        "app5ecret",
        ["crm", "user", "telephony", "task", "im", "placement"],
    );
    bare()
        .application(application)
        .user(json!({"ID": "7", "ACTIVE": true, "NAME": "Chi", "UF_PHONE_INNER": "107"}))
}

/// A portal with an installed application, and its tokens.
pub(super) fn installed() -> (Portal, Tokens) {
    let portal = portal(data());
    portal.set_address("http://portal.test");
    let tokens = portal.install(CLIENT).unwrap();
    (portal, tokens)
}

/// Calls as the application; status and body.
pub(super) async fn signed(
    portal: &Portal,
    token: &str,
    method: &str,
    mut params: Value,
) -> (u16, Value) {
    params["auth"] = token.into();
    raw(portal, &format!("/rest/{method}.json"), &params).await
}

async fn raw(portal: &Portal, target: &str, params: &Value) -> (u16, Value) {
    match portal.answer(&request("POST", target, params), true).await {
        Reply::Answer(response) => {
            let body = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
            (response.status().as_u16(), body)
        }
        other => panic!("{target} was answered with {other:?}"),
    }
}

async fn refresh(portal: &Portal, refresh_token: &str, secret: &str) -> (u16, Value) {
    let target = format!(
        "/oauth/token/?grant_type=refresh_token&client_id={CLIENT}&client_secret={secret}&refresh_token={refresh_token}"
    );
    raw(portal, &target, &Value::Null).await
}

#[tokio::test]
async fn an_access_token_signs_calls_for_an_hour() {
    let (portal, tokens) = installed();
    let scopes = signed(&portal, &tokens.access_token, "scope", json!({})).await;
    assert_eq!(scopes.1["result"][2], "telephony");
    let lines = "telephony.externalLine.get";
    let (status, body) = signed(&portal, &tokens.access_token, lines, json!({})).await;
    assert_eq!((status, &body["result"]), (200, &json!([])));
    portal
        .advance(std::time::Duration::from_secs(3_599))
        .unwrap();
    assert_eq!(
        signed(&portal, &tokens.access_token, "scope", json!({}))
            .await
            .0,
        200
    );
    portal.advance(std::time::Duration::from_secs(1)).unwrap();
    let (status, body) = signed(&portal, &tokens.access_token, "scope", json!({})).await;
    assert_eq!((status, &body["error"]), (401, &json!("expired_token")));
    let (status, body) = signed(&portal, "never issued", "scope", json!({})).await;
    assert_eq!((status, &body["error"]), (401, &json!("invalid_token")));
}

#[tokio::test]
async fn a_refresh_token_works_once_and_only_with_the_secret() {
    let (portal, tokens) = installed();
    let (status, body) = refresh(&portal, &tokens.refresh_token, "wrong").await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_client")));
    let (status, body) = refresh(&portal, &tokens.refresh_token, "app5ecret").await;
    assert_eq!(status, 200);
    let token = body["access_token"].as_str().unwrap();
    assert_eq!(signed(&portal, token, "scope", json!({})).await.0, 200);
    let (status, again) = refresh(&portal, &tokens.refresh_token, "app5ecret").await;
    assert_eq!((status, &again["error"]), (400, &json!("invalid_grant")));
    let next = body["refresh_token"].as_str().unwrap();
    assert_eq!(refresh(&portal, next, "app5ecret").await.0, 200);
    assert_eq!(portal.applications()[0].refreshes, 2);
    portal.uninstall(CLIENT);
    assert_eq!(signed(&portal, token, "scope", json!({})).await.0, 401);
}

#[tokio::test]
async fn the_journal_keeps_no_token() {
    let (portal, tokens) = installed();
    signed(&portal, &tokens.access_token, "scope", json!({})).await;
    refresh(&portal, &tokens.refresh_token, "app5ecret").await;
    let journal = serde_json::to_string(&portal.journal()).unwrap();
    for secret in [&*tokens.access_token, &*tokens.refresh_token, "app5ecret"] {
        assert!(!journal.contains(secret), "{journal}");
    }
}

/// Keeps what is posted to it.
#[derive(Default)]
struct Posted(Mutex<Vec<String>>);

impl Handler for Posted {
    async fn handle(&self, request: Request) -> Reply {
        let body = String::from_utf8(request.body.to_vec()).unwrap();
        self.0.lock().unwrap().push(body);
        Reply::Answer(http::Response::new(Bytes::new()))
    }
}

#[tokio::test]
async fn a_click_is_posted_to_whoever_is_bound_and_waits_for_whoever_asks() {
    let posted = Arc::new(Posted::default());
    let server = Server::start(Listen::loopback(), Arc::clone(&posted))
        .await
        .unwrap();
    let handler = format!("{}/events", server.url());
    let portal = portal(data());
    portal.set_address("http://portal.test");
    let told = portal
        .install_at(CLIENT, &handler, InstallCallback::Event)
        .await;
    assert_eq!(told.unwrap(), 200);
    let first = posted.0.lock().unwrap().remove(0);
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(first.as_bytes())
        .into_owned()
        .collect();
    let said = |name: &str| {
        let pair = pairs.iter().find(|(key, _)| key == name);
        pair.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    assert_eq!(said("event"), "ONAPPINSTALL");
    assert_eq!(
        said("auth[application_token]"),
        format!("apptoken-{CLIENT}")
    );
    let token = said("auth[access_token]");
    let click = Click {
        client_id: CLIENT.to_owned(),
        user_id: 7,
        phone_number: "+84900000017".to_owned(),
        ..Click::default()
    };
    let told = portal.click(&click).await;
    assert!(told.handlers.is_empty() && !told.waits, "nobody is bound");
    for params in [
        json!({"event": "OnExternalCallStart", "handler": handler}),
        json!({"event": "OnExternalCallStart", "event_type": "offline"}),
    ] {
        let bound = signed(&portal, &token, "event.bind", params.clone()).await;
        assert_eq!(bound.1["result"], true);
        let again = signed(&portal, &token, "event.bind", params).await;
        assert_eq!((again.0, &again.1["error"]), (400, &json!("ERROR_CORE")));
    }
    let told = portal.click(&click).await;
    assert_eq!(told.handlers, [Ok(200)]);
    assert!(told.waits);
    let event = posted.0.lock().unwrap().remove(0);
    assert!(
        event.contains("data%5BPHONE_NUMBER%5D=%2B84900000017"),
        "{event}"
    );
    assert!(event.contains("event_handler_id="), "{event}");
    assert!(!event.contains("access_token"), "{event}");
    // Both clicks were registered alike.
    assert_eq!(portal.telephony().calls.len(), 1);
    assert_eq!(portal.telephony().calls[0].registrations, 2);
    drop(server);
    while portal.click(&click).await.handlers == [Ok(200)] {}
}

#[tokio::test]
async fn waiting_events_are_taken_once_confirmed_or_given_up() {
    let (portal, tokens) = installed();
    let token = &tokens.access_token;
    let bind = json!({"event": "ONEXTERNALCALLSTART", "event_type": "offline"});
    assert_eq!(signed(&portal, token, "event.bind", bind).await.0, 200);
    for at in 0..3 {
        let click = Click {
            client_id: CLIENT.to_owned(),
            user_id: 7,
            phone_number: format!("+8490000010{at}"),
            ..Click::default()
        };
        portal.click(&click).await;
    }
    let take = async |params: Value| {
        let (_, mut body) = signed(&portal, token, "event.offline.get", params).await;
        body["result"].take()
    };
    let kept = take(json!({"clear": 0, "limit": 2})).await;
    assert_eq!(kept["events"].as_array().unwrap().len(), 2);
    assert_eq!(kept["events"][0]["EVENT_DATA"]["USER_ID"], "7");
    let rest = take(json!({})).await;
    assert_eq!(rest["events"].as_array().unwrap().len(), 1);
    assert_eq!(rest["process_id"], Value::Null);
    assert_eq!(take(json!({"clear": 0})).await["events"], json!([]));
    let process = kept["process_id"].clone();
    let one = kept["events"][0]["MESSAGE_ID"].clone();
    let params = json!({"process_id": process, "message_id": [one]});
    assert_eq!(
        signed(&portal, token, "event.offline.clear", params)
            .await
            .0,
        200
    );
    assert_eq!(portal.events().offline.len(), 1);
    let params = json!({"process_id": process});
    assert_eq!(
        signed(&portal, token, "event.offline.error", params)
            .await
            .0,
        200
    );
    assert_eq!(take(json!({})).await["events"], json!([]));
    let failed = take(json!({"error": 1})).await;
    assert_eq!(failed["events"].as_array().unwrap().len(), 1);
    assert!(portal.events().offline.is_empty());
    let status = answer(&portal, "event.offline.get", json!({})).await;
    assert_eq!(status.1["error"], "WRONG_AUTH_TYPE");
}

#[tokio::test]
async fn all_that_wait_are_listed_in_pages_with_who_has_taken_them() {
    let (portal, tokens) = installed();
    let token = &tokens.access_token;
    let bind = json!({"event": "ONEXTERNALCALLSTART", "event_type": "offline"});
    assert_eq!(signed(&portal, token, "event.bind", bind).await.0, 200);
    for number in 0..60 {
        let click = Click {
            client_id: CLIENT.to_owned(),
            user_id: 7,
            phone_number: format!("+849000001{number:02}"),
            ..Click::default()
        };
        portal.click(&click).await;
    }
    let take = json!({"clear": 0, "limit": 3});
    let (_, taken) = signed(&portal, token, "event.offline.get", take).await;
    let process = taken["result"]["process_id"].clone();
    let list = async |params: Value| {
        let (_, body) = signed(&portal, token, "event.offline.list", params).await;
        let rows = body["result"].as_array().unwrap().clone();
        (rows, body["next"].clone(), body["total"].clone())
    };
    let (rows, next, total) = list(json!({})).await;
    assert_eq!((rows.len(), next, total), (50, json!(50), json!(60)));
    assert_eq!(
        (&rows[2]["PROCESS_ID"], &rows[3]["PROCESS_ID"]),
        (&process, &json!(""))
    );
    let (rows, next, _) = list(json!({"start": 50})).await;
    assert_eq!((rows.len(), next), (10, Value::Null));
    let (rows, ..) = list(json!({"filter": {"=PROCESS_ID": process}})).await;
    assert_eq!(rows.len(), 3);
}

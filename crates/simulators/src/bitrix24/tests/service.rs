//! Who may call what, and what the portal tells about itself.

use super::*;

async fn ask(portal: &Portal, target: &str) -> (u16, Value) {
    let request = request("GET", target, &Value::Null);
    let Reply::Answer(response) = portal.answer(&request, false).await else {
        panic!("{target} was not answered");
    };
    let body = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
    (response.status().as_u16(), body)
}

#[tokio::test]
async fn an_address_is_served_or_refused() {
    let expires_at = start_of_test() + jiff::SignedDuration::from_secs(60);
    let expiring = Webhook {
        expires_at: Some(expires_at),
        ..Webhook::new(1, "expiring", ["crm"])
    };
    let off = Webhook {
        active: false,
        ..Webhook::new(1, "off", ["crm"])
    };
    let portal = portal(bare().webhook(expiring).webhook(off).webhook(Webhook::new(
        1,
        "users",
        ["user_basic"],
    )));
    for (target, status, code) in [
        ("/rest/1/s3cret/profile", 200, Value::Null),
        ("/rest/1/s3cret/profile.json", 200, Value::Null),
        ("//rest/1//s3cret/Profile/", 200, Value::Null),
        ("/rest/1/s3cret/profile.xml", 400, json!("INVALID_REQUEST")),
        ("/rest/1/expiring/profile", 200, Value::Null),
        ("/rest/1/off/profile", 401, json!("NO_AUTH_FOUND")),
        ("/rest/1/wrong/profile", 401, json!("NO_AUTH_FOUND")),
        ("/rest/2/s3cret/profile", 401, json!("NO_AUTH_FOUND")),
        ("/rest/profile", 401, json!("NO_AUTH_FOUND")),
        ("/rest/1/s3cret/", 404, json!("ERROR_METHOD_NOT_FOUND")),
        ("/rest/s3cret/profile", 404, json!("ERROR_METHOD_NOT_FOUND")),
        (
            "/rest/1/s3cret/crm.nothing.list",
            404,
            json!("ERROR_METHOD_NOT_FOUND"),
        ),
        (
            "/rest/1/users/crm.company.list",
            403,
            json!("insufficient_scope"),
        ),
        ("/rest/1/users/user.get?ID=1", 200, Value::Null),
        (
            "/rest/1/s3cret/telephony.externalCall.register",
            403,
            json!("WRONG_AUTH_TYPE"),
        ),
        (
            "/rest/api/1/s3cret/tasks.task.get",
            404,
            json!({"code": "ERROR_METHOD_NOT_FOUND", "message": "Method not found!"}),
        ),
        ("/crm/company/details/1/", 404, Value::Null),
    ] {
        let (found, body) = ask(&portal, target).await;
        assert_eq!((found, &body["error"]), (status, &code), "{target}");
    }
    portal.advance(std::time::Duration::from_secs(60)).unwrap();
    assert_eq!(ask(&portal, "/rest/1/expiring/profile").await.0, 401);
    portal.set_behaviour(Behaviour {
        plain_http: PlainHttp::Refused,
        wrong_secret: WrongSecret::InvalidCredentials,
        ..Behaviour::default()
    });
    let (status, body) = ask(&portal, "/rest/1/s3cret/profile").await;
    assert_eq!(
        (status, &body["error_description"]),
        (400, &json!("Https required"))
    );
    assert_eq!(
        answer(&portal, "profile", json!({})).await.0,
        200,
        "over TLS it is served"
    );
    let request = request("GET", "/rest/1/wrong/profile", &Value::Null);
    let Reply::Answer(response) = portal.answer(&request, true).await else {
        panic!("no answer");
    };
    assert!(String::from_utf8_lossy(response.body()).contains("INVALID_CREDENTIALS"));
}

#[tokio::test]
async fn the_portal_tells_what_it_can_do() {
    let portal = portal(bare());
    check(
        &portal,
        "scope",
        json!({}),
        json!(["crm", "user", "telephony"]),
    )
    .await;
    check(&portal, "server.time", json!({}), json!(START)).await;
    check(
        &portal,
        "feature.get",
        json!({"CODE": "rest_auth_connector"}),
        json!({"value": "Y"}),
    )
    .await;
    check_refusal(
        &portal,
        "feature.get",
        json!({}),
        (400, json!("CODE_EMPTY"), "CODE can't be empty"),
    )
    .await;
    for (params, existing) in [
        (json!({"name": "crm.company.list"}), true),
        (json!({"name": "crm.company.List"}), false),
        (json!({"NAME": "crm.company.list"}), false),
        (json!({"name": "crm.item.lst"}), true),
        (json!({"name": "crm.nothing"}), false),
        (json!({"name": "batch"}), true),
        (json!({}), false),
    ] {
        let expected = json!({"isExisting": existing, "isAvailable": existing});
        check(&portal, "method.get", params, expected).await;
    }
    let methods = result(&portal, "methods", json!({"scope": "user"})).await;
    assert_eq!(methods, json!(["user.current", "user.get"]));
    let methods = result(&portal, "methods", json!({})).await;
    let methods = methods.as_array().unwrap();
    for (method, listed) in [
        ("batch", true),
        ("crm.company.list", true),
        ("crm.item.list", false),
    ] {
        assert_eq!(methods.contains(&json!(method)), listed, "{method}");
    }
    check(&portal, "methods", json!({"scope": "no_such"}), json!([])).await;
}

#[tokio::test]
async fn parameter_names_fold_and_the_last_one_wins() {
    let portal = portal(
        bare()
            .company(json!({"ID": "1"}))
            .company(json!({"ID": "2"})),
    );
    let target =
        "/rest/1/s3cret/crm.company.list?FILTER[ID]=1&filter[ID]=2&select[]=ID&bx24_request_id=x";
    let (_, body) = ask(&portal, target).await;
    assert_eq!(body["result"], json!([{"ID": "2"}]));
}

#[tokio::test]
async fn an_answer_always_says_how_long_it_took() {
    let portal = portal(bare());
    let (_, body) = answer(&portal, "scope", json!({})).await;
    assert_eq!(
        body["time"],
        json!({
            "start": 1_795_156_200, "finish": 1_795_156_200, "duration": 0, "processing": 0,
            "date_start": START, "date_finish": START,
            "operating": 0, "operating_reset_at": 1_795_156_800,
        })
    );
    assert_eq!(body.get("total"), None);
}

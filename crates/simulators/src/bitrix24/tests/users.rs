//! `user.*`, and what each scope shows of a user.

use super::*;

fn data() -> Data {
    sample(start_of_test())
        .webhook(Webhook::new(57, "all", ["user"]))
        .webhook(Webhook::new(57, "basic", ["user_basic"]))
        .webhook(Webhook::new(57, "brief", ["user_brief"]))
        .webhook(Webhook::new(1, "s3cret", ["user"]))
}

#[tokio::test]
async fn users_are_found_however_the_condition_is_written() {
    let portal = portal(data());
    for (params, expected) in [
        (json!({"ID": 338}), "338"),
        (json!({"id": "338"}), "338"),
        (json!({"FILTER": {"ID": "338"}}), "338"),
        (json!({"filter": {"@ID": [338, 344, 9]}}), "338 344"),
        (json!({"ID": [344, 338]}), "338 344"),
        (json!({"ID": 9}), ""),
        (json!({"ACTIVE": false}), "23 344"),
        (
            json!({"FILTER": {"ACTIVE": true, "!%LAST_NAME": "n"}}),
            "1 342 346",
        ),
        (json!({"EMAIL": "CUC.LY@portal.example"}), "342"),
        (
            json!({"sort": "ID", "order": "DESC", "FILTER": {">ID": 57, "ACTIVE": "Y"}}),
            "346 342 340 338",
        ),
    ] {
        let users = result(&portal, "user.get", params.clone()).await;
        let ids: Vec<&str> = users
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user["ID"].as_str().unwrap())
            .collect();
        assert_eq!(ids.join(" "), expected, "{params}");
    }
}

#[tokio::test]
async fn a_scope_decides_what_is_shown() {
    let portal = portal(data());
    let shown = async |secret: &str| {
        let request = request(
            "POST",
            &format!("/rest/57/{secret}/user.get"),
            &json!({"ID": 338}),
        );
        let Reply::Answer(response) = portal.answer(&request, true).await else {
            panic!("no answer");
        };
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        let user = body["result"][0].as_object().unwrap().clone();
        ["ACTIVE", "EMAIL", "USER_TYPE"].map(|field| user.contains_key(field))
    };
    assert_eq!(shown("all").await, [true, true, true]);
    assert_eq!(shown("basic").await, [true, true, false]);
    assert_eq!(shown("brief").await, [true, false, false]);
    portal.set_behaviour(Behaviour {
        user_basic_shows_user_type: true,
        ..Behaviour::default()
    });
    assert_eq!(shown("basic").await, [true, true, true]);
}

#[tokio::test]
async fn a_user_has_only_the_fields_that_it_has() {
    let portal = portal(data());
    let params = json!({"ID": 338, "select": ["NAME", "ACTIVE", "WORK_PHONE", "NO_SUCH"]});
    check(
        &portal,
        "user.get",
        params,
        json!([{"ID": "338", "NAME": "An", "ACTIVE": true}]),
    )
    .await;
    let user = result(&portal, "user.get", json!({"ID": 338})).await;
    assert_eq!(
        (
            &user[0]["TIMESTAMP_X"],
            &user[0]["UF_DEPARTMENT"],
            user[0].get("WORK_PHONE")
        ),
        (&json!({}), &json!([5]), None)
    );
    let current = result(&portal, "user.current", json!({})).await;
    assert_eq!(current["ID"], "1");
    let profile = result(&portal, "profile", json!({})).await;
    assert_eq!(
        profile,
        json!({"ID": "1", "ADMIN": true, "NAME": "Quản", "LAST_NAME": "Trị", "PERSONAL_GENDER": "", "TIME_ZONE": ""})
    );
}

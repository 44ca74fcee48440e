//! `crm.activity.*`

use super::*;

fn call_of(company: u64, contact: u64, origin: &str) -> Value {
    json!({"fields": {
        "OWNER_TYPE_ID": 4, "OWNER_ID": company, "TYPE_ID": 2, "SUBJECT": "Gọi", "DIRECTION": 1,
        "START_TIME": "2026-11-20T13:00:00+07:00", "COMPLETED": "Y",
        "COMMUNICATIONS": [{"VALUE": "+84900000001", "ENTITY_ID": contact, "ENTITY_TYPE_ID": 3}],
        "ORIGINATOR_ID": "test", "ORIGIN_ID": origin,
    }})
}

#[tokio::test]
async fn a_call_is_added_found_by_its_origin_and_changed() {
    let portal = portal(bare());
    check(&portal, "crm.activity.add", call_of(4, 31, "one"), json!(1)).await;
    let params = json!({"filter": {"ORIGINATOR_ID": "test", "ORIGIN_ID": "one"}, "select": ["*", "COMMUNICATIONS"]});
    let rows = result(&portal, "crm.activity.list", params).await;
    let row = &rows[0];
    assert_eq!(
        (
            &row["ID"],
            &row["TYPE_ID"],
            &row["START_TIME"],
            &row["RESPONSIBLE_ID"]
        ),
        (
            &json!("1"),
            &json!("2"),
            &json!("2026-11-20T09:00:00+03:00"),
            &json!("1")
        )
    );
    assert_eq!(row["COMMUNICATIONS"][0]["ENTITY_ID"], 31);
    let params = json!({"id": 1, "fields": {"SUBJECT": "Gọi lại"}});
    check(&portal, "crm.activity.update", params, json!(true)).await;
    let got = result(&portal, "crm.activity.get", json!({"id": 1})).await;
    assert_eq!(
        (&got["SUBJECT"], &got["COMPLETED"]),
        (&json!("Gọi lại"), &json!("Y"))
    );
    let mut none = call_of(4, 31, "two");
    none["fields"]["COMMUNICATIONS"] = json!([]);
    let expected = (
        400,
        json!(""),
        "The field COMMUNICATIONS must hold exactly one row for a call.",
    );
    check_refusal(&portal, "crm.activity.add", none, expected).await;
    let expected = (400, json!(""), "The field OWNER_TYPE_ID is required.");
    check_refusal(
        &portal,
        "crm.activity.add",
        json!({"fields": {"SUBJECT": "x"}}),
        expected,
    )
    .await;
}

#[tokio::test]
async fn several_bindings_bring_an_activity_several_times() {
    let portal = portal(bare());
    check(&portal, "crm.activity.add", call_of(4, 31, "one"), json!(1)).await;
    check(&portal, "crm.activity.add", call_of(5, 33, "two"), json!(2)).await;
    let company = json!({"OWNER_TYPE_ID": 4, "OWNER_ID": 4});
    let contact = json!({"OWNER_TYPE_ID": 3, "OWNER_ID": "31"});
    for (bindings, expected) in [
        (json!([company]), json!([{"ID": "1"}])),
        (json!([company, contact]), json!([{"ID": "1"}, {"ID": "1"}])),
        (json!([{"OWNER_TYPE_ID": 2, "OWNER_ID": 4}]), json!([])),
    ] {
        let params = json!({"filter": {"BINDINGS": bindings, "TYPE_ID": 2}, "select": ["ID"]});
        let (_, body) = answer(&portal, "crm.activity.list", params).await;
        assert_eq!(body["result"], expected, "bindings {bindings}");
        assert_eq!(body["total"], expected.as_array().unwrap().len());
    }
}

#[tokio::test]
async fn activities_start_with_the_earliest() {
    let portal = portal(bare());
    let mut later = call_of(4, 31, "later");
    later["fields"]["START_TIME"] = json!("2026-11-21T13:00:00+07:00");
    check(&portal, "crm.activity.add", later, json!(1)).await;
    check(
        &portal,
        "crm.activity.add",
        call_of(4, 31, "earlier"),
        json!(2),
    )
    .await;
    let params = json!({"select": ["ID"]});
    check(
        &portal,
        "crm.activity.list",
        params,
        json!([{"ID": "2"}, {"ID": "1"}]),
    )
    .await;
}

#[tokio::test]
async fn a_to_do_wants_a_deadline() {
    let portal = portal(bare());
    let params = json!({"ownerTypeId": 4, "ownerId": 4, "deadline": "2026-11-21T09:00:00+03:00", "title": "Gọi lại", "responsibleId": 7});
    check(&portal, "crm.activity.todo.add", params, json!({"id": 1})).await;
    let got = result(&portal, "crm.activity.get", json!({"id": 1})).await;
    assert_eq!(
        (
            &got["PROVIDER_ID"],
            &got["DEADLINE"],
            &got["RESPONSIBLE_ID"]
        ),
        (
            &json!("CRM_TODO"),
            &json!("2026-11-21T09:00:00+03:00"),
            &json!("7")
        )
    );
    for (params, code, description) in [
        (
            json!({"ownerTypeId": 4, "ownerId": 4}),
            json!(100),
            "Could not find value for parameter {deadline}",
        ),
        (
            json!({"ownerTypeId": 4, "ownerId": 4, "deadline": "soon"}),
            json!("WRONG_DATETIME_FORMAT"),
            "Wrong datetime format",
        ),
    ] {
        check_refusal(
            &portal,
            "crm.activity.todo.add",
            params,
            (400, code, description),
        )
        .await;
    }
}

//! Adding, changing and deleting records through the older methods.

use super::*;

#[tokio::test]
async fn a_new_company_is_filled_in_by_the_portal() {
    let portal = portal(bare());
    let fields = json!({"TITLE": "Lụa", "PHONE": [{"VALUE": "+84900000001", "VALUE_TYPE": "MOBILE"}], "REVENUE": 5, "DATE_CREATE": "2020-01-01", "NO_SUCH": 1, "UF_CRM_DATE_EXPIRED_SHOPPLAN": "2027-01-31"});
    check(
        &portal,
        "crm.company.add",
        json!({"fields": fields}),
        json!(1),
    )
    .await;
    let got = result(&portal, "crm.company.get", json!({"id": 1})).await;
    for (field, value) in [
        ("TITLE", json!("Lụa")),
        ("REVENUE", json!("5.00")),
        ("DATE_CREATE", json!(START)),
        ("DATE_MODIFY", json!(START)),
        ("CREATED_BY_ID", json!("1")),
        ("ASSIGNED_BY_ID", json!("1")),
        ("HAS_PHONE", json!("Y")),
        ("HAS_EMAIL", json!("N")),
        (
            "UF_CRM_DATE_EXPIRED_SHOPPLAN",
            json!("2027-01-31T00:00:00+03:00"),
        ),
        (
            "PHONE",
            json!([{"ID": "1", "VALUE_TYPE": "MOBILE", "VALUE": "+84900000001", "TYPE_ID": "PHONE"}]),
        ),
    ] {
        assert_eq!(got[field], value, "{field}");
    }
    check(&portal, "crm.company.add", json!({"fields": {}}), json!(2)).await;
    let got = result(&portal, "crm.company.get", json!({"id": 2})).await;
    assert_eq!(got["TITLE"], "Company #2");
}

#[tokio::test]
async fn a_change_moves_the_time_of_modification() {
    let portal = portal(bare().company(json!({"ID": "3", "TITLE": "Lụa", "DATE_MODIFY": "2026-01-01T10:00:00+03:00", "CREATED_BY_ID": "9"})));
    portal.advance(std::time::Duration::from_secs(90)).unwrap();
    let params =
        json!({"id": 3, "fields": {"ORIGIN_ID": "x", "CREATED_BY_ID": 1, "IS_MY_COMPANY": "Y"}});
    check(&portal, "crm.company.update", params, json!(true)).await;
    let got = result(&portal, "crm.company.get", json!({"id": 3})).await;
    assert_eq!(got["DATE_MODIFY"], "2026-11-20T09:31:30+03:00");
    assert_eq!(
        (
            &got["ORIGIN_ID"],
            &got["CREATED_BY_ID"],
            &got["IS_MY_COMPANY"]
        ),
        (&json!("x"), &json!("9"), &Value::Null)
    );
    let params = json!({"filter": {">DATE_MODIFY": "2026-11-20T09:31:00+03:00"}, "select": ["ID"]});
    check(&portal, "crm.company.list", params, json!([{"ID": "3"}])).await;
    let not_found = (400, json!(""), "Not found");
    check_refusal(
        &portal,
        "crm.company.update",
        json!({"id": 4, "fields": {}}),
        not_found.clone(),
    )
    .await;
    check_refusal(
        &portal,
        "crm.company.update",
        json!({"id": 3}),
        (400, json!(""), "Parameter 'fields' must be array."),
    )
    .await;
    check(&portal, "crm.company.delete", json!({"id": 3}), json!(true)).await;
    check_refusal(&portal, "crm.company.delete", json!({"id": 3}), not_found).await;
}

#[tokio::test]
async fn a_written_value_is_found_and_its_old_one_no_longer() {
    let portal = portal(bare().company(json!({"ID": "3", "ORIGIN_ID": "old"})));
    let find = async |value: &str| {
        let params = json!({"filter": {"=ORIGIN_ID": value}, "select": ["ID"], "start": -1});
        result(&portal, "crm.company.list", params)
            .await
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!((find("old").await, find("new").await), (1, 0));
    let params = json!({"id": 3, "fields": {"ORIGIN_ID": "new"}});
    check(&portal, "crm.company.update", params, json!(true)).await;
    assert_eq!((find("old").await, find("new").await), (0, 1));
    check(
        &portal,
        "crm.company.add",
        json!({"fields": {"ORIGIN_ID": "new"}}),
        json!(4),
    )
    .await;
    assert_eq!(find("new").await, 2);
    check(&portal, "crm.company.delete", json!({"id": 3}), json!(true)).await;
    assert_eq!(find("new").await, 1);
}

#[tokio::test]
async fn every_move_of_a_deal_is_remembered() {
    let portal = portal(bare());
    let fields = json!({"TITLE": "Gia hạn", "CATEGORY_ID": 1});
    check(&portal, "crm.deal.add", json!({"fields": fields}), json!(1)).await;
    for (stage, semantic, closed) in [
        ("C1:EXECUTING", "P", "N"),
        ("C1:EXECUTING", "P", "N"),
        ("C1:LOSE", "F", "Y"),
    ] {
        portal.advance(std::time::Duration::from_secs(60)).unwrap();
        let params = json!({"id": 1, "fields": {"STAGE_ID": stage, "CATEGORY_ID": 0}});
        check(&portal, "crm.deal.update", params, json!(true)).await;
        let deal = result(&portal, "crm.deal.get", json!({"id": 1})).await;
        assert_eq!(
            (&deal["STAGE_SEMANTIC_ID"], &deal["CLOSED"]),
            (&json!(semantic), &json!(closed)),
            "{stage}"
        );
        assert_eq!(deal["CATEGORY_ID"], "1", "the pipeline cannot be changed");
    }
    let params = json!({"entityTypeId": 2, "filter": {"OWNER_ID": 1}, "order": {"ID": "ASC"}});
    let history = result(&portal, "crm.stagehistory.list", params).await;
    let moves: Vec<String> = history["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let text = |name: &str| entry[name].as_str().unwrap().to_owned();
            format!(
                "{} {} {} {}",
                text("TYPE_ID"),
                text("STAGE_ID"),
                text("STAGE_SEMANTIC_ID"),
                text("CREATED_TIME")
            )
        })
        .collect();
    assert_eq!(
        moves,
        [
            "1 C1:NEW P 2026-11-20T09:30:00+03:00",
            "2 C1:EXECUTING P 2026-11-20T09:31:00+03:00",
            "3 C1:LOSE F 2026-11-20T09:33:00+03:00",
        ]
    );
}

#[tokio::test]
async fn a_lead_starts_new_and_remembers_when_it_closed() {
    let portal = portal(bare());
    check(
        &portal,
        "crm.lead.add",
        json!({"fields": {"TITLE": "Tư vấn", "OPPORTUNITY": "15000"}}),
        json!(1),
    )
    .await;
    let lead = result(&portal, "crm.lead.get", json!({"id": 1})).await;
    assert_eq!(
        (
            &lead["STATUS_ID"],
            &lead["STATUS_SEMANTIC_ID"],
            &lead["DATE_CLOSED"]
        ),
        (&json!("NEW"), &json!("P"), &Value::Null)
    );
    assert_eq!(lead["OPPORTUNITY"], "15000.00");
    portal.advance(std::time::Duration::from_secs(60)).unwrap();
    let params = json!({"id": 1, "fields": {"STATUS_ID": "CONVERTED"}});
    check(&portal, "crm.lead.update", params, json!(true)).await;
    let lead = result(&portal, "crm.lead.get", json!({"id": 1})).await;
    assert_eq!(
        (&lead["STATUS_SEMANTIC_ID"], &lead["DATE_CLOSED"]),
        (&json!("S"), &json!("2026-11-20T09:31:00+03:00"))
    );
    let params = json!({"entityTypeId": 1, "filter": {"@OWNER_ID": [1]}, "select": ["STATUS_ID", "TYPE_ID"]});
    let history = result(&portal, "crm.stagehistory.list", params.clone()).await;
    assert_eq!(
        history["items"],
        json!([{"ID": "1", "STATUS_ID": "NEW", "TYPE_ID": "1"}, {"ID": "2", "STATUS_ID": "CONVERTED", "TYPE_ID": "3"}])
    );
    portal.set_behaviour(Behaviour {
        history_has_numbers: true,
        ..Behaviour::default()
    });
    let history = result(&portal, "crm.stagehistory.list", params).await;
    assert_eq!(
        history["items"][1],
        json!({"ID": 2, "STATUS_ID": "CONVERTED", "TYPE_ID": 3})
    );
}

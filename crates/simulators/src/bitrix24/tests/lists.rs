//! The older lists: filters, selection, order, pages.

use super::*;

/// Six companies that differ in what filters look at.
fn companies() -> Data {
    bare()
        .company(json!({"ID": "1", "TITLE": "Gốm Bến Đá", "COMPANY_TYPE": "CUSTOMER", "REVENUE": "10.00", "UF_CRM_COMPANY_ID": "200000000001", "DATE_MODIFY": "2026-01-05T10:00:00+03:00", "UF_CRM_VERIFIED_STATUS": true, "PHONE": [{"ID": "1", "VALUE": "+84900000001", "VALUE_TYPE": "WORK", "TYPE_ID": "PHONE"}]}))
        .company(json!({"ID": "2", "TITLE": "gốm sông lam", "COMPANY_TYPE": "CUSTOMER", "REVENUE": "9.00", "UF_CRM_COMPANY_ID": "200000000002", "DATE_MODIFY": "2026-01-04T10:00:00+03:00", "UF_CRM_VERIFIED_STATUS": false, "UF_CRM_SALES_CHANNELS": ["web", "pos"]}))
        .company(json!({"ID": "3", "TITLE": "Trà 100% sạch", "COMPANY_TYPE": "PARTNER", "REVENUE": "100.00", "UF_CRM_COMPANY_ID": "", "DATE_MODIFY": "2026-01-03T10:00:00+03:00", "ASSIGNED_BY_ID": "7"}))
        .company(json!({"ID": "5", "TITLE": "Lụa", "UF_CRM_COMPANY_ID": null, "DATE_MODIFY": "2026-01-02T10:00:00+03:00", "ASSIGNED_BY_ID": "70"}))
        .company(json!({"ID": "8", "TITLE": "Nến", "UF_CRM_COMPANY_ID": [], "UF_CRM_1778130421650": "15092", "EMAIL": [{"ID": "2", "VALUE": "Hoi@nen.example", "VALUE_TYPE": "WORK", "TYPE_ID": "EMAIL"}]}))
        .company(json!({"ID": "9", "TITLE": "Bếp", "UF_CRM_COMPANY_ID": "200000000001", "DATE_MODIFY": "2026-01-01T10:00:00+03:00", "ORIGIN_ID": "\"quoted\" \\ back"}))
}

async fn check_filter(portal: &Portal, filter: Value, expected: &[u64]) {
    let params = json!({"filter": filter, "select": ["ID"], "order": {"ID": "ASC"}});
    let rows = result(portal, "crm.company.list", params).await;
    let ids: Vec<u64> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["ID"].as_str().unwrap().parse().unwrap())
        .collect();
    assert_eq!(ids, expected, "filter {filter}");
}

#[tokio::test]
async fn every_prefix_selects_what_it_says() {
    let portal = portal(companies());
    for (filter, expected) in [
        (json!({}), &[1, 2, 3, 5, 8, 9][..]),
        (json!(null), &[1, 2, 3, 5, 8, 9]),
        (json!({"=UF_CRM_COMPANY_ID": "200000000001"}), &[1, 9]),
        (json!({"UF_CRM_COMPANY_ID": 200_000_000_001_u64}), &[1, 9]),
        (json!({"UF_CRM_COMPANY_ID": "20000000000"}), &[]),
        (json!({"!UF_CRM_COMPANY_ID": "200000000001"}), &[2, 3, 5, 8]),
        (json!({"!=UF_CRM_COMPANY_ID": ""}), &[1, 2, 9]),
        (json!({"=UF_CRM_COMPANY_ID": ""}), &[3, 5, 8]),
        (json!({"=UF_CRM_COMPANY_ID": null}), &[3, 5, 8]),
        (
            json!({"@UF_CRM_COMPANY_ID": ["200000000001", "200000000002"]}),
            &[1, 2, 9],
        ),
        (
            json!({"!@UF_CRM_COMPANY_ID": ["200000000001", "200000000002"]}),
            &[3, 5, 8],
        ),
        (json!({"ID": [1, "9"]}), &[1, 9]),
        (json!({"@ID": []}), &[]),
        (json!({"@ID": {"0": "5", "1": "77"}}), &[5]),
        (json!({">ID": 2, "<ID": "9"}), &[3, 5, 8]),
        (json!({">=ID": "2", "<=ID": 5}), &[2, 3, 5]),
        (json!({">ID": 9}), &[]),
        (json!({">REVENUE": 9.5}), &[1, 3]),
        (json!({"=REVENUE": "10"}), &[1]),
        (
            json!({">=DATE_MODIFY": "2026-01-03T14:00:00+07:00"}),
            &[1, 2, 3],
        ),
        (json!({">DATE_MODIFY": "2026-01-04"}), &[1, 2]),
        (json!({"%TITLE": "gốm"}), &[1, 2]),
        (json!({"%TITLE": "100% s"}), &[3]),
        (json!({"=%TITLE": "gốm%"}), &[1, 2]),
        (json!({"%=TITLE": "%đá"}), &[1]),
        (json!({"=%TITLE": "gốm"}), &[]),
        (json!({"=TITLE": "LỤA"}), &[5]),
        (json!({"=ORIGIN_ID": "\"quoted\" \\ back"}), &[9]),
        (json!({"=ASSIGNED_BY_ID": 7}), &[3]),
        (json!({"PHONE": "+84900000001"}), &[1]),
        (json!({"PHONE": "84900000001"}), &[]),
        (json!({"%PHONE": "900000001"}), &[]),
        (json!({"EMAIL": "hoi@nen.example"}), &[8]),
        (json!({"%COMPANY_TYPE": "CUST"}), &[]),
        (json!({"%COMPANY_TYPE": "CUSTOMER"}), &[1, 2]),
        (json!({"UF_CRM_1778130421650": 15092}), &[8]),
        (json!({"UF_CRM_SALES_CHANNELS": "pos"}), &[2]),
        (json!({"UF_CRM_VERIFIED_STATUS": 1}), &[1]),
        (json!({"UF_CRM_VERIFIED_STATUS": "Y"}), &[1]),
        (json!({"UF_CRM_VERIFIED_STATUS": false}), &[2]),
        (json!({"UF_CRM_VERIFIED_STATUS": "True"}), &[]),
        (
            json!({"COMPANY_TYPE": "CUSTOMER", "=UF_CRM_COMPANY_ID": "200000000001", ">ID": 0}),
            &[1],
        ),
    ] {
        check_filter(&portal, filter, expected).await;
    }
}

#[tokio::test]
async fn an_unknown_filter_field_is_ignored_until_the_portal_is_told_otherwise() {
    let portal = portal(companies());
    for filter in [
        json!({"=UF_CRM_COMPANY_IDD": "1"}),
        json!({"=title": "Lụa"}),
        json!({"logic": "OR", "0": {"ID": 1}}),
        // These prefixes are not documented for companies.
        json!({"!%TITLE": "gốm"}),
    ] {
        check_filter(&portal, filter, &[1, 2, 3, 5, 8, 9]).await;
    }
    portal.set_behaviour(Behaviour {
        unknown_filter_field: UnknownField::Refused,
        ..Behaviour::default()
    });
    let expected = (
        400,
        json!(""),
        "Invalid filter: field 'NO' is not allowed in filter",
    );
    check_refusal(
        &portal,
        "crm.company.list",
        json!({"filter": {"=NO": 1}}),
        expected,
    )
    .await;
    let expected = (400, json!(""), "Parameter 'filter' must be array.");
    check_refusal(
        &portal,
        "crm.company.list",
        json!({"filter": "ID=1"}),
        expected,
    )
    .await;
}

#[tokio::test]
async fn leads_know_the_prefixes_that_companies_do_not() {
    let portal = portal(
        bare()
            .lead(json!({"ID": "1", "TITLE": "một"}))
            .lead(json!({"ID": "2", "TITLE": "hai"})),
    );
    let params = json!({"filter": {"!%TITLE": "mộ"}, "select": ["ID"]});
    check(&portal, "crm.lead.list", params, json!([{"ID": "2"}])).await;
}

#[tokio::test]
async fn a_selection_brings_what_it_names_and_the_id() {
    let portal = portal(companies());
    let keys = async |select: Value| {
        let params = json!({"filter": {"ID": 2}, "select": select});
        let rows = result(&portal, "crm.company.list", params).await;
        let row = rows[0].as_object().unwrap().clone();
        (row.len(), row)
    };
    let (default_count, default) = keys(json!([])).await;
    assert!(default.contains_key("UF_CRM_COMPANY_ID") && default.contains_key("TITLE"));
    assert!(!default.contains_key("PHONE") && !default.contains_key("UF_CRM_SALES_CHANNELS"));
    let (system_count, system) = keys(json!(["*"])).await;
    assert!(!system.contains_key("UF_CRM_COMPANY_ID") && system.contains_key("REVENUE"));
    let (user_count, user) = keys(json!(["UF_*"])).await;
    assert!(user.contains_key("ID") && !user.contains_key("TITLE"));
    assert_eq!(system_count + user_count - 1, default_count);
    assert_eq!(keys(json!(["*", "UF_*"])).await.1, default);
    let (_, named) = keys(json!([
        "UF_CRM_SALES_CHANNELS",
        "TITLE",
        "NO_SUCH",
        "TITLE"
    ]))
    .await;
    assert_eq!(
        Value::from(named),
        json!({"ID": "2", "TITLE": "gốm sông lam", "UF_CRM_SALES_CHANNELS": ["web", "pos"]})
    );
    let (_, named) = keys(json!({"0": "*", "1": "UF_CRM_SALES_CHANNELS"})).await;
    assert_eq!(named["UF_CRM_SALES_CHANNELS"], json!(["web", "pos"]));
}

#[tokio::test]
async fn order_is_read_in_any_case_and_ties_keep_the_order_of_ids() {
    let portal = portal(companies());
    for (order, expected) in [
        (json!({}), "1 2 3 5 8 9"),
        (json!({"ID": "desc"}), "9 8 5 3 2 1"),
        (json!({"id": "DESC"}), "9 8 5 3 2 1"),
        (json!({"DATE_MODIFY": "DESC"}), "1 2 3 5 9 8"),
        (json!({"DATE_MODIFY": "asc"}), "8 9 5 3 2 1"),
        (json!({"COMPANY_TYPE": "ASC", "ID": "DESC"}), "9 8 5 2 1 3"),
        (json!({"REVENUE": "ASC"}), "5 8 9 2 1 3"),
        (json!({"NO_SUCH": "DESC"}), "1 2 3 5 8 9"),
    ] {
        let params = json!({"order": order, "select": ["ID"]});
        let rows = result(&portal, "crm.company.list", params).await;
        let ids: Vec<&str> = rows
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["ID"].as_str().unwrap())
            .collect();
        assert_eq!(ids.join(" "), expected, "order {order}");
    }
}

#[tokio::test]
async fn pages_count_unless_they_are_told_not_to() {
    let data = Data {
        webhooks: bare().webhooks,
        ..generated(120, Ids::Dense, 1, start_of_test())
    };
    let portal = portal(data);
    for (params, first, rows, total, next) in [
        (json!({}), "1", 50, json!(120), json!(50)),
        (json!({"start": "50"}), "51", 50, json!(120), json!(100)),
        (json!({"start": 100}), "101", 20, json!(120), json!(null)),
        (json!({"start": -1}), "1", 50, json!(0), json!(null)),
        (
            json!({"start": -1, "order": {"ID": "DESC"}}),
            "120",
            50,
            json!(0),
            json!(null),
        ),
        (
            json!({"start": -1, "filter": {">ID": 100}}),
            "101",
            20,
            json!(0),
            json!(null),
        ),
        (
            json!({"start": -1, "order": {"REVENUE": "ASC"}, "filter": {"ID": 7}}),
            "7",
            1,
            json!(0),
            json!(null),
        ),
        (
            json!({"start": 50, "filter": {"<=ID": 100}, "order": {"ID": "DESC"}}),
            "50",
            50,
            json!(100),
            json!(null),
        ),
        (
            json!({"start": 50, "filter": {"ASSIGNED_BY_ID": 300, "<ID": 0}}),
            "",
            0,
            json!(0),
            json!(null),
        ),
        (json!({"start": 1000}), "", 0, json!(120), json!(null)),
        (json!({"start": "x"}), "1", 50, json!(120), json!(50)),
    ] {
        let (_, body) = answer(&portal, "crm.company.list", params.clone()).await;
        let page = body["result"].as_array().unwrap();
        let found = (
            page.first().map_or("", |row| row["ID"].as_str().unwrap()),
            page.len(),
        );
        assert_eq!(found, (first, rows), "{params}");
        assert_eq!((&body["total"], &body["next"]), (&total, &next), "{params}");
    }
}

#[tokio::test]
async fn odd_values_come_back_as_they_were_stored() {
    let portal = portal(sample(start_of_test()).webhook(Webhook::new(1, "s3cret", ["crm"])));
    let got = result(&portal, "crm.company.get", json!({"id": 1205})).await;
    for (field, value) in [
        ("ID", json!("1205")),
        ("TITLE", json!(1205)),
        ("COMPANY_TYPE", json!([])),
        ("ASSIGNED_BY_ID", json!({})),
        ("CURRENCY_ID", json!(false)),
        ("DATE_CREATE", json!("")),
        ("UF_CRM_SHOP_OWNER_NAME", json!(null)),
        ("UF_CRM_CURRENT_HSI_SEGMENT", json!({"VALUE": "Champion"})),
        ("PHONE", json!("")),
    ] {
        assert_eq!(got[field], value, "{field}");
    }
    let params = json!({"filter": {"ID": 1205}});
    let listed = result(&portal, "crm.company.list", params).await;
    assert_eq!(listed[0]["UF_CRM_LAST_HSI_DETAIL"], json!([]));
}

#[tokio::test]
async fn a_get_brings_everything_and_knows_its_own_errors() {
    let portal = portal(companies());
    let got = result(&portal, "crm.company.get", json!({"ID": "2"})).await;
    assert_eq!(got["UF_CRM_SALES_CHANNELS"], json!(["web", "pos"]));
    assert_eq!(got["ADDRESS_REGION"], Value::Null);
    for (params, description) in [
        (json!({"id": 4}), "Not found"),
        (json!({}), "ID is not defined or invalid."),
        (json!({"id": "two"}), "ID is not defined or invalid."),
        (json!({"id": 0}), "ID is not defined or invalid."),
    ] {
        let expected = (400, json!(""), description);
        check_refusal(&portal, "crm.company.get", params, expected).await;
    }
}

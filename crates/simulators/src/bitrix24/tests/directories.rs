//! Directories, user fields, links between records, duplicates, comments.

use super::*;

#[tokio::test]
async fn stages_are_listed_by_directory_with_their_outcome() {
    let portal = portal(bare());
    let params = json!({"filter": {"ENTITY_ID": "DEAL_STAGE_1"}, "order": {"SORT": "DESC"}});
    let (_, body) = answer(&portal, "crm.status.list", params).await;
    let stages: Vec<&str> = body["result"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["STATUS_ID"].as_str().unwrap())
        .collect();
    assert_eq!(
        stages,
        [
            "C1:LOSE",
            "C1:WON",
            "C1:EXECUTING",
            "C1:PREPARATION",
            "C1:NEW"
        ]
    );
    let lost = &body["result"][0];
    assert_eq!(
        (
            &lost["SEMANTICS"],
            &lost["EXTRA"]["SEMANTICS"],
            &lost["CATEGORY_ID"]
        ),
        (&json!("F"), &json!("failure"), &json!("1"))
    );
    assert_eq!((&body["total"], &body["next"]), (&json!(5), &Value::Null));
}

#[tokio::test]
async fn pipelines_are_wrapped_and_currencies_count_nothing() {
    let portal = portal(bare());
    let categories = result(&portal, "crm.category.list", json!({"entityTypeId": 2})).await;
    assert_eq!(
        (
            &categories["categories"][1]["id"],
            &categories["categories"][1]["isDefault"]
        ),
        (&json!(1), &json!("N"))
    );
    let expected = (
        400,
        json!("ENTITY_TYPE_NOT_SUPPORTED"),
        "Entity type is not supported",
    );
    check_refusal(
        &portal,
        "crm.category.list",
        json!({"entityTypeId": 4}),
        expected,
    )
    .await;
    let (_, body) = answer(&portal, "crm.currency.list", json!({})).await;
    assert_eq!(
        (body["result"].as_array().unwrap().len(), &body["total"]),
        (2, &json!(0))
    );
    assert_eq!(body["result"][0]["THOUSANDS_SEP"], "&nbsp;");
}

#[tokio::test]
async fn labels_of_user_fields_come_only_for_a_language() {
    let portal = portal(bare());
    let list = async |filter: Value| {
        result(
            &portal,
            "crm.company.userfield.list",
            json!({"filter": filter, "order": {"SORT": "ASC"}}),
        )
        .await
    };
    let all = list(json!({})).await;
    assert_eq!(
        (&all[0]["FIELD_NAME"], all[0].get("EDIT_FORM_LABEL")),
        (&json!("UF_CRM_STORENAME"), None)
    );
    let segment = list(json!({"FIELD_NAME": "UF_CRM_1778130421650", "LANG": "vn"})).await;
    assert_eq!(segment.as_array().unwrap().len(), 1);
    assert_eq!(
        (&segment[0]["EDIT_FORM_LABEL"], &segment[0]["LIST"][0]),
        (
            &json!("Phân khúc khách hàng"),
            &json!({"ID": "15090", "SORT": "100", "VALUE": "SME", "DEF": "N", "XML_ID": "sme"})
        )
    );
    assert_eq!(
        (&segment[0]["USER_TYPE_ID"], &segment[0]["MULTIPLE"]),
        (&json!("enumeration"), &json!("N"))
    );
    let id = segment[0]["ID"].clone();
    let got = result(&portal, "crm.company.userfield.get", json!({"id": id})).await;
    assert_eq!(
        got["EDIT_FORM_LABEL"],
        json!({"en": "Customer segment", "vn": "Phân khúc khách hàng"})
    );
    let multiple = list(json!({"MULTIPLE": "Y"})).await;
    assert_eq!(
        (
            multiple.as_array().unwrap().len(),
            &multiple[0]["FIELD_NAME"]
        ),
        (1, &json!("UF_CRM_SALES_CHANNELS"))
    );
    let not_found = (400, json!(""), "Not found");
    check_refusal(
        &portal,
        "crm.company.userfield.get",
        json!({"id": 1}),
        not_found,
    )
    .await;
}

fn people() -> Data {
    let phone = |value: &str| json!([{"ID": "1", "VALUE": value, "VALUE_TYPE": "WORK", "TYPE_ID": "PHONE"}]);
    let email = |value: &str| json!([{"ID": "2", "VALUE": value, "VALUE_TYPE": "WORK", "TYPE_ID": "EMAIL"}]);
    bare()
        .company(json!({"ID": "4", "TITLE": "Lụa", "PHONE": phone("0900 000 017")}))
        .contact(json!({"ID": "31", "NAME": "Mai", "COMPANY_ID": "4", "PHONE": phone("+84 900-000-017;ext=2"), "EMAIL": email("Mai@lua.example")}))
        .contact(json!({"ID": "33", "NAME": "Nam", "COMPANY_ID": "4"}))
        .contact(json!({"ID": "35", "NAME": "Lan", "COMPANY_ID": "5", "EMAIL": email("lan@x.example")}))
        .lead(json!({"ID": "51", "TITLE": "Tư vấn", "PHONE": phone("84900000099")}))
}

#[tokio::test]
async fn contacts_of_a_company_have_numbers_and_no_total() {
    let portal = portal(people());
    let (_, body) = answer(&portal, "crm.company.contact.items.get", json!({"id": "4"})).await;
    assert_eq!(
        body["result"],
        json!([
            {"CONTACT_ID": 31, "SORT": 10, "ROLE_ID": 0, "IS_PRIMARY": "Y"},
            {"CONTACT_ID": 33, "SORT": 20, "ROLE_ID": 0, "IS_PRIMARY": "N"},
        ])
    );
    assert_eq!(body.get("total"), None);
    check(
        &portal,
        "crm.company.contact.items.get",
        json!({"id": 77}),
        json!([]),
    )
    .await;
    let expected = (
        400,
        json!(""),
        "The parameter ownerEntityID is invalid or not defined.",
    );
    check_refusal(
        &portal,
        "crm.company.contact.items.get",
        json!({}),
        expected,
    )
    .await;
}

#[tokio::test]
async fn duplicates_are_found_however_a_phone_is_written() {
    let portal = portal(people());
    for (params, expected) in [
        (
            json!({"type": "PHONE", "values": ["0900000017"]}),
            json!({"CONTACT": [31], "COMPANY": [4]}),
        ),
        (
            json!({"type": "PHONE", "values": ["+84900000017"], "entity_type": "COMPANY"}),
            json!({"COMPANY": [4]}),
        ),
        (
            json!({"type": "PHONE", "values": ["0900000099", "0900000017"]}),
            json!({"LEAD": [51], "CONTACT": [31], "COMPANY": [4]}),
        ),
        (
            json!({"type": "EMAIL", "values": ["mai@LUA.example"]}),
            json!({"CONTACT": [31]}),
        ),
        (
            json!({"type": "EMAIL", "values": ["nobody@lua.example"]}),
            json!([]),
        ),
    ] {
        check(&portal, "crm.duplicate.findbycomm", params, expected).await;
    }
    let update = json!({"id": 33, "fields": {"PHONE": [{"VALUE": "0900000017"}]}});
    check(&portal, "crm.contact.update", update, json!(true)).await;
    let params = json!({"type": "PHONE", "values": ["0900000017"], "entity_type": "CONTACT"});
    check(
        &portal,
        "crm.duplicate.findbycomm",
        params,
        json!({"CONTACT": [31, 33]}),
    )
    .await;
    let many: Vec<String> = (0..21).map(|at| format!("09000000{at:02}")).collect();
    for (params, sentence) in [
        (
            json!({"type": "FAX", "values": ["1"]}),
            "Communication type is not defined",
        ),
        (
            json!({"type": "PHONE", "values": []}),
            "Invalid parameters.",
        ),
        (
            json!({"type": "PHONE", "values": many}),
            "Invalid parameters.",
        ),
    ] {
        let expected = (400, json!(sentence), sentence);
        check_refusal(&portal, "crm.duplicate.findbycomm", params, expected).await;
    }
}

#[tokio::test]
async fn a_kind_with_twenty_hits_hides_the_kinds_after_it() {
    let phone =
        json!([{"ID": "1", "VALUE": "0900000017", "VALUE_TYPE": "WORK", "TYPE_ID": "PHONE"}]);
    let mut data = bare().company(json!({"ID": "4", "PHONE": phone}));
    for id in 1..=21 {
        data = data.contact(json!({"ID": id, "PHONE": phone}));
    }
    let portal = portal(data);
    let params = json!({"type": "PHONE", "values": ["0900000017"]});
    let found = result(&portal, "crm.duplicate.findbycomm", params).await;
    assert_eq!(
        (
            found["CONTACT"].as_array().unwrap().len(),
            found.get("COMPANY")
        ),
        (20, None)
    );
}

#[tokio::test]
async fn comments_need_a_record_and_a_parameter_in_lower_case() {
    let portal = portal(people());
    let fields = json!({"ENTITY_ID": 4, "ENTITY_TYPE": "company", "COMMENT": "Đã gọi"});
    check(
        &portal,
        "crm.timeline.comment.add",
        json!({"fields": fields}),
        json!(1),
    )
    .await;
    let expected = (400, json!(""), "Empty comment message");
    check_refusal(
        &portal,
        "crm.timeline.comment.add",
        json!({"FIELDS": fields}),
        expected,
    )
    .await;
    let gone = json!({"ENTITY_ID": 44, "ENTITY_TYPE": "company", "COMMENT": "x"});
    let expected = (400, json!(""), "Element not found");
    check_refusal(
        &portal,
        "crm.timeline.comment.add",
        json!({"fields": gone}),
        expected,
    )
    .await;
    let filter = json!({"ENTITY_ID": 4, "ENTITY_TYPE": "company"});
    let rows = result(
        &portal,
        "crm.timeline.comment.list",
        json!({"filter": filter}),
    )
    .await;
    assert_eq!(
        rows,
        json!([{"ID": "1", "ENTITY_ID": "4", "ENTITY_TYPE": "company", "CREATED": START, "COMMENT": "Đã gọi", "AUTHOR_ID": "1", "FILES": null}])
    );
    let expected = (
        400,
        json!(""),
        "Required field 'ENTITY_TYPE' is missing in filter",
    );
    check_refusal(
        &portal,
        "crm.timeline.comment.list",
        json!({"filter": {"ENTITY_ID": 4}}),
        expected,
    )
    .await;
}

#[tokio::test]
async fn every_kind_of_record_lists_its_own_user_fields() {
    let portal = portal(bare());
    for (method, expected) in [
        ("crm.company.userfield.list", true),
        ("crm.contact.userfield.list", false),
        ("crm.lead.userfield.list", false),
        ("crm.deal.userfield.list", false),
    ] {
        let listed = result(&portal, method, json!({})).await;
        let has_store_name = listed
            .as_array()
            .unwrap()
            .iter()
            .any(|field| field["FIELD_NAME"] == "UF_CRM_STORENAME");
        assert_eq!(has_store_name, expected, "{method}");
    }
}

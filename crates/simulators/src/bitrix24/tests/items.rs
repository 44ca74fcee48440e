//! `crm.item.*`

use super::*;

#[tokio::test]
async fn a_deal_moves_to_another_pipeline_by_the_newer_method_alone() {
    let portal = portal(bare());
    let fields = json!({"TITLE": "Gia hạn", "CATEGORY_ID": 1, "STAGE_ID": "C1:EXECUTING"});
    check(&portal, "crm.deal.add", json!({"fields": fields}), json!(1)).await;
    let standing = async || {
        let deal = result(&portal, "crm.deal.get", json!({"id": 1})).await;
        ["CATEGORY_ID", "STAGE_ID"].map(|field| deal[field].as_str().unwrap().to_owned())
    };
    let older = json!({"id": 1, "fields": {"CATEGORY_ID": 2}});
    check(&portal, "crm.deal.update", older, json!(true)).await;
    assert_eq!(standing().await, ["1", "C1:EXECUTING"]);
    for (fields, expected) in [
        (
            json!({"categoryId": 2, "stageId": "C2:WON"}),
            ["2", "C2:WON"],
        ),
        (json!({"categoryId": 0}), ["0", "NEW"]),
        (json!({"categoryId": 0, "title": "Mới"}), ["0", "NEW"]),
    ] {
        let newer = json!({"entityTypeId": 2, "id": 1, "fields": fields});
        result(&portal, "crm.item.update", newer).await;
        assert_eq!(standing().await, expected);
    }
}

fn data() -> Data {
    bare()
        .company(json!({"ID": "4", "TITLE": "Lụa", "COMPANY_TYPE": "CUSTOMER", "REVENUE": "19000.00", "ASSIGNED_BY_ID": "6", "OPENED": "Y", "UF_CRM_COMPANY_ID": "200000000004", "UF_CRM_VERIFIED_STATUS": true, "UF_CRM_1778130421650": "15090", "DATE_CREATE": "2026-01-01T10:00:00+03:00", "EMAIL": [{"ID": "11", "VALUE": "a@lua.example", "VALUE_TYPE": "WORK", "TYPE_ID": "EMAIL"}]}))
        .company(json!({"ID": "6", "TITLE": "Nến", "REVENUE": "999.90", "ASSIGNED_BY_ID": "7", "UF_CRM_VERIFIED_STATUS": false}))
        .contact(json!({"ID": "31", "NAME": "Mai", "COMPANY_ID": "4"}))
        .lead(json!({"ID": "51", "TITLE": "Nâng gói", "STATUS_ID": "NEW", "OPPORTUNITY": "0.50", "COMPANY_ID": "4"}))
}

#[tokio::test]
async fn numbers_are_numbers_and_names_are_in_camel_case() {
    let portal = portal(data());
    let got = result(&portal, "crm.item.get", json!({"entityTypeId": 4, "id": 4})).await;
    let item = &got["item"];
    for (name, value) in [
        ("id", json!(4)),
        ("title", json!("Lụa")),
        ("typeId", json!("CUSTOMER")),
        ("revenue", json!(19000)),
        ("assignedById", json!(6)),
        ("opened", json!("Y")),
        ("createdTime", json!("2026-01-01T10:00:00+03:00")),
        ("ufCrmCompanyId", json!("200000000004")),
        ("ufCrmVerifiedStatus", json!("Y")),
        ("ufCrm_1778130421650", json!("15090")),
        ("leadId", json!(null)),
        ("entityTypeId", json!(4)),
        ("contactIds", json!([31])),
        ("email", json!("a@lua.example")),
        ("emailWork", json!("a@lua.example")),
        ("emailHome", json!("")),
        ("phone", json!("")),
        (
            "fm",
            json!([{"id": 11, "typeId": "EMAIL", "valueType": "WORK", "value": "a@lua.example"}]),
        ),
    ] {
        assert_eq!(item[name], value, "{name}");
    }
    let params = json!({"entityTypeId": 4, "id": 6, "useOriginalUfNames": "Y"});
    let got = result(&portal, "crm.item.get", params).await;
    assert_eq!(got["item"]["UF_CRM_VERIFIED_STATUS"], "N");
    assert_eq!(got["item"]["revenue"], json!(999.9));
    assert_eq!(got["item"].get("ufCrmVerifiedStatus"), None);
    let got = result(
        &portal,
        "crm.item.get",
        json!({"entityTypeId": 1, "id": 51}),
    )
    .await;
    assert_eq!(
        (&got["item"]["stageId"], &got["item"]["opportunity"]),
        (&json!("NEW"), &json!(0.5))
    );
    assert_eq!(got["item"]["companyId"], json!(4));
}

#[tokio::test]
async fn filters_nest_and_refuse_what_they_do_not_know() {
    let portal = portal(data());
    for (filter, expected) in [
        (json!({"=title": "lụa"}), json!([4])),
        (json!({"ID": 6}), json!([6])),
        (json!({"=UF_CRM_COMPANY_ID": "200000000004"}), json!([4])),
        (json!({"=ufCrmCompanyId": "200000000004"}), json!([4])),
        (json!({"!%title": "lụ"}), json!([6])),
        (
            json!({"@assignedById": [6, 7], ">revenue": 1000}),
            json!([4]),
        ),
        (
            json!({"0": {"logic": "OR", "0": {"=title": "Lụa"}, "1": {"assignedById": 7}}}),
            json!([4, 6]),
        ),
        (
            json!({"0": {"logic": "OR", "0": {"=title": "Lụa"}, "1": {"assignedById": 7}}, ">id": 4}),
            json!([6]),
        ),
        (
            json!({"logic": "OR", "0": {"id": 4}, "1": {"id": 6, "title": "Lụa"}}),
            json!([4]),
        ),
        // Values read Y and N, filters only know 1 and 0.
        (json!({"ufCrmVerifiedStatus": 1}), json!([4])),
        (json!({"ufCrmVerifiedStatus": "0"}), json!([6])),
        (json!({"ufCrmVerifiedStatus": "Y"}), json!([])),
    ] {
        let params =
            json!({"entityTypeId": 4, "filter": filter, "select": ["id"], "order": {"id": "asc"}});
        let items = result(&portal, "crm.item.list", params).await;
        let ids: Vec<Value> = items["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["id"].clone())
            .collect();
        assert_eq!(Value::from(ids), expected, "filter {filter}");
    }
    for (params, code, description) in [
        (
            json!({"filter": {"=nope": 1}}),
            json!("INVALID_ARG_VALUE"),
            "Invalid filter: field 'nope' is not allowed in filter",
        ),
        (
            json!({"filter": {"0": {"=TITLE": 1}}}),
            json!("INVALID_ARG_VALUE"),
            "Invalid filter: field 'TITLE' is not allowed in filter",
        ),
        (
            json!({"order": {"nope": "ASC"}}),
            json!("INVALID_ARG_VALUE"),
            "Invalid order: field 'nope' is not allowed in order",
        ),
        (
            json!({"order": {"id": "up"}}),
            json!("INVALID_ARG_VALUE"),
            "Invalid order: allowed sort directions are ASC, DESC. But got 'up' for field 'id'",
        ),
    ] {
        let mut params = params;
        params["entityTypeId"] = json!(4);
        check_refusal(&portal, "crm.item.list", params, (400, code, description)).await;
    }
}

#[tokio::test]
async fn a_selection_names_fields_or_brings_all_with_the_multifields() {
    let portal = portal(data());
    let list = async |select: Value| {
        let params = json!({"entityTypeId": 4, "select": select, "filter": {"id": 4}});
        result(&portal, "crm.item.list", params).await["items"][0].clone()
    };
    assert_eq!(
        list(json!(["title", "fm", "no_such"])).await,
        json!({"id": 4, "title": "Lụa"})
    );
    let all = list(json!(["*"])).await;
    assert_eq!(all["fm"][0]["id"], 11);
    assert_eq!(all["entityTypeId"], 4);
    assert_eq!(
        list(json!(["title", "UF_CRM_COMPANY_ID"])).await["ufCrmCompanyId"],
        "200000000004"
    );
}

#[tokio::test]
async fn items_are_added_changed_and_deleted_in_the_same_records() {
    let portal = portal(data());
    let fields =
        json!({"title": "Mới", "opportunity": 15000, "companyId": 4, "id": 900, "createdBy": 5});
    let added = result(
        &portal,
        "crm.item.add",
        json!({"entityTypeId": 2, "fields": fields}),
    )
    .await;
    let id = added["item"]["id"].clone();
    assert_eq!(
        (
            &id,
            &added["item"]["opportunity"],
            &added["item"]["createdBy"]
        ),
        (&json!(1), &json!(15000), &json!(1))
    );
    let legacy = result(&portal, "crm.deal.get", json!({"id": id})).await;
    assert_eq!(
        (&legacy["OPPORTUNITY"], &legacy["COMPANY_ID"]),
        (&json!("15000.00"), &json!("4"))
    );
    let fm = json!([{"typeId": "EMAIL", "valueType": "HOME", "value": "b@lua.example", "id": 11}]);
    let params = json!({"entityTypeId": 4, "id": 4, "fields": {"fm": fm, "UF_CRM_COMPANY_ID": "200000000005"}, "useOriginalUfNames": "Y"});
    let updated = result(&portal, "crm.item.update", params).await;
    let values: Vec<&Value> = updated["item"]["fm"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["value"])
        .collect();
    assert_eq!(
        values,
        ["a@lua.example", "b@lua.example"],
        "the rows sent only ever add"
    );
    assert_eq!(updated["item"]["UF_CRM_COMPANY_ID"], "200000000005");
    check(
        &portal,
        "crm.item.delete",
        json!({"entityTypeId": 2, "id": 1}),
        json!([]),
    )
    .await;
    for (method, params, code, description) in [
        (
            "crm.item.get",
            json!({"entityTypeId": 2, "id": 1}),
            json!("NOT_FOUND"),
            "Element not found",
        ),
        (
            "crm.item.delete",
            json!({"entityTypeId": 2, "id": 1}),
            json!("NOT_FOUND"),
            "Element not found",
        ),
        (
            "crm.item.list",
            json!({"entityTypeId": 130}),
            json!("NOT_FOUND"),
            "Smart process not found",
        ),
        (
            "crm.item.list",
            json!({"entityTypeId": 5}),
            json!("ENTITY_TYPE_NOT_SUPPORTED"),
            "Entity type is not supported",
        ),
        (
            "crm.item.list",
            json!({}),
            json!(100),
            "Could not find value for parameter {entityTypeId}",
        ),
        (
            "crm.item.get",
            json!({"entityTypeId": 4}),
            json!(100),
            "Could not find value for parameter {id}",
        ),
    ] {
        check_refusal(&portal, method, params, (400, code, description)).await;
    }
}

#[tokio::test]
async fn fields_are_described_under_both_names() {
    let portal = portal(data());
    let fields = result(&portal, "crm.item.fields", json!({"entityTypeId": 4})).await;
    let fields = &fields["fields"];
    assert_eq!(fields["assignedById"]["upperName"], "ASSIGNED_BY_ID");
    assert_eq!(fields["opened"]["type"], "boolean");
    assert_eq!(fields["fm"]["type"], "crm_multifield");
    assert_eq!(
        fields["ufCrm_1778130421650"]["items"][2],
        json!({"ID": "15094", "VALUE": "Enterprise"})
    );
    assert_eq!(fields["isMyCompany"]["isImmutable"], true);
    let legacy = result(&portal, "crm.company.fields", json!({})).await;
    assert_eq!(legacy["COMPANY_TYPE"]["statusType"], "COMPANY_TYPE");
    assert_eq!(legacy["DATE_CREATE"]["isReadOnly"], true);
    assert_eq!(legacy["PHONE"]["isMultiple"], true);
    let field = &legacy["UF_CRM_STORENAME"];
    assert_eq!(
        (&field["title"], &field["isDynamic"]),
        (&json!("UF_CRM_STORENAME"), &json!(true))
    );
    assert_eq!(field["formLabel"], "Store name");
}

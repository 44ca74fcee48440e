//! `deskbridge bitrix24 fields`.

use serde_json::{Value, json};

use crate::hub::Bench;

#[tokio::test(flavor = "multi_thread")]
async fn the_proposed_map_is_one_that_can_be_configured() {
    let bench = Bench::new().await;
    let said = bench.run(&["bitrix24", "fields", "--json"]).await;
    assert_eq!(said.status, Some(0), "{}", said.err);
    let proposed: Value = serde_json::from_str(&said.out).unwrap();
    let map = &proposed["bitrix_company_field_map_json"];
    assert_eq!(
        (&map["TITLE"], &map["UF_CRM_SALES_CHANNELS"]),
        (&json!("title_full"), &json!("kenh_ban_hang"))
    );
    assert_eq!(
        proposed["bitrix_enum_fields_json"],
        json!(["UF_CRM_1778130421650"])
    );
    let pairs = map.as_object().unwrap().iter();
    let pairs: Vec<_> = pairs
        .map(|(field, key)| format!("{field} = {key}"))
        .collect();
    bench.configure(|text| {
        let map = pairs.join(", ");
        format!("{text}\n[profile]\ncompany_field_map = {{ {map} }}\nenum_fields = [\"UF_CRM_1778130421650\"]\n")
    });
    let hub = bench.serve().await;
    let company = hub.profile("0001").await["bitrix"]["company"].take();
    assert_eq!(company["ma_to_chuc"], "200071001");
    assert_eq!(company["customer_segment"], "SME");
    let said = bench.run(&["bitrix24", "fields", "--json"]).await;
    let again: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(&again["bitrix_company_field_map_json"], map);
    let marks = again["fields"].as_array().unwrap().iter();
    assert_eq!(marks.filter(|field| field["mark"] == "proposed").count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_differs_from_the_configured_map_is_marked() {
    let bench = Bench::new().await;
    bench.configure(|text| {
        format!("{text}\n[profile]\ncompany_field_map = {{ TITLE = \"title\", UF_CRM_GONE = \"gone\" }}\n")
    });
    let said = bench.run(&["bitrix24", "fields"]).await;
    let line = |start: &str| {
        let found = said.out.lines().find(|line| line.starts_with(start));
        found.unwrap_or_else(|| panic!("no {start} in {}", said.out))
    };
    assert!(line("= TITLE").contains(" title "));
    assert!(line("! UF_CRM_GONE").contains(" gone"));
    assert!(line("+ UF_CRM_STORENAME").ends_with("Tên cửa hàng"));
    let deals = bench.run(&["bitrix24", "fields", "--entity", "deal"]).await;
    assert!(deals.out.contains("OPPORTUNITY") && !deals.out.contains("! "));
}

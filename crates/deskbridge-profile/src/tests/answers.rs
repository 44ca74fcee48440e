//! What an answer holds, case by case.

use simulators::sample_facts::{Case, SHOPS};

use super::*;

fn shop_name(case: Case) -> &'static str {
    SHOPS
        .iter()
        .find(|shop| shop.case == case)
        .unwrap()
        .shop_name
}

#[tokio::test]
async fn every_sample_ticket_is_found_as_it_should_be() {
    let bench = Bench::new().await;
    for (ticket, status, case, key, confidence) in [
        (
            "0001",
            "matched",
            Some(Case::ProfileOrgId),
            Some("haravan_orgid:UF_CRM_HARAVAN_ORG_ID"),
            Some(95),
        ),
        (
            "0002",
            "matched",
            Some(Case::CustomerOrgId),
            Some("haravan_orgid:UF_CRM_HARAVAN_ORG_ID"),
            Some(95),
        ),
        (
            "0003",
            "matched",
            Some(Case::CustomerName),
            Some("haravan_orgid:UF_CRM_COMPANY_ID"),
            Some(95),
        ),
        (
            "0004",
            "matched",
            Some(Case::ContactEmail),
            Some("email_or_phone"),
            Some(90),
        ),
        (
            "0005",
            "matched",
            Some(Case::ContactPhone),
            Some("email_or_phone"),
            Some(90),
        ),
        (
            "0006",
            "matched",
            Some(Case::CustomerDomain),
            Some("domain"),
            Some(90),
        ),
        ("0007", "not_found", None, None, None),
        ("0012", "missing_orgid", None, None, None),
    ] {
        let answer = bench.profile(ticket).await;
        assert_eq!(answer.told(), status, "{ticket}: {}", answer.body);
        assert_eq!(answer.company_name(), case.map(shop_name), "{ticket}");
        assert_eq!(answer.bitrix()["match_key"].as_str(), key, "{ticket}");
        assert_eq!(
            answer.bitrix()["confidence"].as_u64(),
            confidence,
            "{ticket}"
        );
        assert_eq!(answer.body["message"]["success"], true, "{ticket}");
    }
}

#[tokio::test]
async fn an_answer_has_all_parts_of_the_contract() {
    let bench = Bench::new().await;
    let answer = bench
        .get(&format!("{PROFILE}?ticket=0001&history=1&_lang=vi"), AGENT)
        .await;
    insta::assert_json_snapshot!(answer.body);
}

#[tokio::test]
async fn several_companies_are_counted_and_the_one_changed_last_is_shown() {
    let answer = Bench::new().await.profile("0009").await;
    assert_eq!(answer.bitrix()["matches"], 2);
    let newest = SHOPS
        .iter()
        .find(|shop| shop.bitrix_company == Some(109))
        .unwrap();
    assert_eq!(answer.company_name(), Some(newest.shop_name));
}

#[tokio::test]
async fn who_is_responsible_is_told_with_a_status() {
    let bench = Bench::new().await;
    for (ticket, expected) in [("0001", "active"), ("0010", "inactive")] {
        let answer = bench.profile(ticket).await;
        assert_eq!(
            answer.bitrix()["responsible"]["status"],
            expected,
            "{ticket}"
        );
    }
    assert_eq!(
        bench.profile("0006").await.bitrix()["responsible"],
        Value::Null,
        "nobody is assigned"
    );
    let without = Bench::with(Setup::settings(|raw| raw.responsible_webhook_url = None)).await;
    let answer = without.profile("0001").await;
    assert_eq!(answer.bitrix()["responsible"]["status"], "missing_config");
    assert_eq!(answer.bitrix()["responsible"]["id"], "21");
    assert_eq!(answer.told(), "matched", "everything else is answered");
}

#[tokio::test]
async fn what_keeps_bitrix24_from_being_asked_is_a_status_and_no_error() {
    type Change = fn(&mut RawSettings);
    let rows: [(Change, &str, bool, bool); 4] = [
        (|raw| raw.enabled = false, "disabled", false, true),
        (|raw| raw.webhook_url = None, "missing_config", true, false),
        (
            |raw| raw.webhook_url = Some(Secret::new(" ")),
            "missing_config",
            true,
            false,
        ),
        (
            |raw| raw.webhook_url = Some(Secret::new("https://portal.example/crm/")),
            "missing_config",
            true,
            false,
        ),
    ];
    for (change, status, enabled, configured) in rows {
        let bench = Bench::with(Setup::settings(change)).await;
        let answer = bench.profile("0001").await;
        assert_eq!(
            (answer.status, answer.told()),
            (StatusCode::OK, status.to_owned())
        );
        assert_eq!(answer.body["message"]["success"], true);
        assert_eq!(answer.bitrix()["enabled"], enabled);
        assert_eq!(answer.bitrix()["configured"], configured);
        assert_eq!(
            answer.data()["customer"]["name"],
            "Tiệm Bánh Mây Trắng",
            "the helpdesk's part is there"
        );
        assert_eq!(bench.portal_requests(), 0);
    }
}

#[tokio::test]
async fn parameters_come_in_the_query_a_form_or_json() {
    let bench = Bench::new().await;
    let form = |kind: &str, body: &str| {
        let request = Request::post(PROFILE)
            .header("authorization", AGENT)
            .header("content-type", kind);
        request.body(Body::from(body.to_owned())).unwrap()
    };
    let json = form("application/json", r#"{"ticket": "0001", "refresh": 0}"#);
    assert_eq!(bench.send(json).await.told(), "matched");
    let urlencoded = form("application/x-www-form-urlencoded", "ticket=0001&refresh=0");
    assert_eq!(bench.send(urlencoded).await.told(), "cached");
    assert_eq!(bench.profile("0001").await.told(), "cached");
}

#[tokio::test]
async fn a_sentence_is_told_in_the_language_asked_for() {
    let bench = Bench::new().await;
    for (language, expected) in [
        ("en", "Customer profile loaded."),
        ("vi-VN", "Đã tải hồ sơ khách hàng."),
        ("ru", "Профиль клиента загружен."),
        ("fr", "Customer profile loaded."),
    ] {
        let answer = bench
            .get(&format!("{PROFILE}?ticket=0001&_lang={language}"), AGENT)
            .await;
        assert_eq!(answer.body["message"]["message"], expected);
    }
    let refused = bench
        .get(&format!("{PROFILE}?ticket=0008&_lang=vi"), AGENT)
        .await;
    assert_eq!(
        refused.body["error"]["message"],
        "Bạn không có quyền với HD Ticket 0008."
    );
}

#[tokio::test]
async fn leads_and_deals_come_when_they_are_asked_for() {
    let bench = Bench::new().await;
    assert_eq!(bench.profile("0001").await.bitrix().get("history"), None);
    let before = bench.portal_requests();
    let answer = bench
        .get(&format!("{PROFILE}?ticket=0001&history=1"), AGENT)
        .await;
    let history = &answer.bitrix()["history"];
    assert_eq!(history["deals"][0]["stage_name"], "Đang nhắc gia hạn");
    assert_eq!(history["deals"][0]["pipeline"], "Gia hạn");
    assert_eq!(history["leads"].as_array().unwrap().len(), 1);
    assert_eq!(bench.portal_requests() - before, 1, "one more batch");
    bench
        .get(&format!("{PROFILE}?ticket=0001&history=1"), AGENT)
        .await;
    assert_eq!(bench.portal_requests() - before, 1, "remembered");
}

#[tokio::test]
async fn the_raw_company_is_for_system_managers() {
    let bench = Bench::new().await;
    for (authorization, shown) in [(AGENT, false), (MANAGER, false), (HUB, true)] {
        let answer = bench
            .get(&format!("{PROFILE}?ticket=0001&raw=1"), authorization)
            .await;
        assert_eq!(
            answer.bitrix()["raw"]["UF_CRM_COMPANY_ID"].is_string(),
            shown,
            "{authorization}"
        );
    }
    assert_eq!(
        bench
            .get(&format!("{PROFILE}?ticket=0001"), HUB)
            .await
            .bitrix()
            .get("raw"),
        None
    );
}

#[tokio::test]
async fn the_stored_profile_asks_the_helpdesk_only() {
    let bench = Bench::with(Setup::helpdesk(|mut data| {
        change(
            &mut data,
            "HD Customer",
            "Tiệm Bánh Mây Trắng",
            &json!({
                "custom_bitrix_company_id": "101", "custom_shopplan_name": "Omni Pro",
                "custom_bitrix_company_url": "https://portal.example/crm/company/details/101/",
            }),
        );
        data
    }))
    .await;
    let answer = bench.get(&format!("{STORED}?ticket=0001"), AGENT).await;
    assert_eq!(answer.told(), "matched");
    assert_eq!(answer.bitrix()["company"]["bitrix_id"], "101");
    assert_eq!(answer.bitrix()["company"]["current_shopplan"], "Omni Pro");
    assert_eq!(answer.bitrix()["cached"], true);
    assert_eq!(
        bench
            .get(&format!("{STORED}?ticket=0002"), AGENT)
            .await
            .told(),
        "local"
    );
    assert_eq!(
        bench
            .get(&format!("{STORED}?ticket=0008"), AGENT)
            .await
            .told(),
        "403 no_right"
    );
    assert_eq!(bench.portal_requests(), 0);
    let asked = bench
        .get(&format!("{STORED}?ticket=0001&refresh=1"), AGENT)
        .await;
    assert_eq!(asked.company_name(), Some(shop_name(Case::ProfileOrgId)));
    let bitrix = "/api/method/login_with_haravan.customer_profile.get_ticket_bitrix_profile";
    let before = bench.portal_requests();
    assert_eq!(
        bench
            .get(&format!("{bitrix}?ticket=0001"), AGENT)
            .await
            .told(),
        "matched"
    );
    assert!(
        bench.portal_requests() > before,
        "it asks unless it is told not to"
    );
    assert_eq!(
        bench
            .get(&format!("{bitrix}?ticket=0001&refresh=0"), AGENT)
            .await
            .told(),
        "cached"
    );
}

#[tokio::test]
async fn enumerations_show_their_labels() {
    let setup = Setup::settings(|raw| {
        raw.company_field_map_json = Some(r#"{"UF_CRM_1778130421650": "tier"}"#.to_owned());
        raw.enum_fields_json = Some(r#"["UF_CRM_1778130421650"]"#.to_owned());
    });
    let bench = Bench::with(setup).await;
    let answer = bench.profile("0001").await;
    assert_eq!(answer.bitrix()["company"]["tier"], "SME");
    assert_eq!(bench.portal_requests(), 2, "labels come in the same batch");
    bench.profile("0002").await;
    assert_eq!(bench.portal_requests(), 4, "and are remembered");
}

#[tokio::test]
async fn a_ticket_with_an_integer_for_a_name_is_served_too() {
    let site = helpdesk_simulator::Options {
        versions: helpdesk_simulator::Versions {
            helpdesk: helpdesk_simulator::Version(1, 24, 1),
            ..Default::default()
        },
        data: helpdesk_simulator::sample(now()),
        clock: simulators::clock::Clock::manual(now()),
        ..Default::default()
    };
    let site = helpdesk_simulator::start(site).await.unwrap();
    let source = Source::File(RawSettings::default());
    let store = Store::open_inline().unwrap();
    let (router, ..) = Bench::wire(Local::default(), source, store, &site).await;
    let request = Request::get(format!("{PROFILE}?ticket=1")).header("authorization", AGENT);
    let response = router
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(body["message"]["data"]["ticket"]["name"], "1", "{body}");
}

//! Bitrix24 and the helpdesk misbehaving, and what the agent sees of it.

use super::*;

#[tokio::test]
async fn whatever_is_wrong_with_bitrix24_the_helpdesks_part_is_shown() {
    for (rules, kind) in [
        (
            json!([{"answer": {"preset": "overload_limit"}}]),
            "overload",
        ),
        (
            json!([{"answer": {"preset": "no_auth_found"}}]),
            "configuration",
        ),
        (
            json!([{"answer": {"preset": "invalid_credentials"}}]),
            "configuration",
        ),
        (
            json!([{"answer": {"preset": "insufficient_scope"}}]),
            "configuration",
        ),
        (
            json!([{"answer": {"preset": "portal_deleted"}}]),
            "configuration",
        ),
        (json!([{"answer": {"preset": "moved"}}]), "configuration"),
        (
            json!([{"answer": {"preset": "bad_gateway"}}]),
            "unreachable",
        ),
        (
            json!([{"answer": {"preset": "internal_server_error"}}]),
            "unreachable",
        ),
        (json!([{"answer": {"preset": "html"}}]), "unintelligible"),
        (json!([{"answer": {"preset": "nothing"}}]), "unintelligible"),
        (
            json!([{"answer": {"preset": "empty_error"}}]),
            "unintelligible",
        ),
        (json!([{"answer": "hang_up"}]), "unreachable"),
        (json!([{"answer": "truncate"}]), "unreachable"),
    ] {
        let bench = Bench::with(Setup::settings(|raw| raw.timeout_seconds = Some(2))).await;
        bench.portal_faults(&rules);
        let answer = bench.profile("0001").await;
        assert_eq!(answer.status, StatusCode::OK, "{rules}");
        assert_eq!(answer.told(), "error", "{rules}: {}", answer.body);
        assert_eq!(
            answer.bitrix()["error"]["kind"],
            kind,
            "{rules}: {}",
            answer.body
        );
        assert_eq!(answer.body["message"]["success"], true);
        assert_eq!(answer.data()["ticket"]["name"], "0001");
        assert_eq!(answer.data()["customer"]["name"], "Tiệm Bánh Mây Trắng");
        assert_eq!(answer.bitrix()["lookup_value"], "200071001");
    }
}

#[tokio::test]
async fn a_portal_that_does_not_answer_in_time_is_given_up() {
    for answer in [json!("silence"), json!("usual")] {
        let bench = Bench::with(Setup::settings(|raw| raw.timeout_seconds = Some(1))).await;
        bench.portal_faults(&json!([{"delay_ms": 60_000, "answer": answer}]));
        let answer = bench.profile("0001").await;
        assert_eq!(answer.told(), "error");
        assert_eq!(answer.bitrix()["error"]["kind"], "unreachable");
    }
}

#[tokio::test]
async fn what_was_known_is_shown_with_its_age_while_bitrix24_is_down() {
    let bench = Bench::new().await;
    let before = bench
        .get(&format!("{PROFILE}?ticket=0001&history=1"), AGENT)
        .await;
    bench.advance(7_200);
    bench.portal_faults(&json!([{"answer": {"preset": "bad_gateway"}}]));
    for address in [
        format!("{PROFILE}?ticket=0001&history=1"),
        format!("{PROFILE}?ticket=0001&history=1&refresh=1"),
    ] {
        let stale = bench.get(&address, AGENT).await;
        let bitrix = stale.bitrix();
        assert_eq!(stale.told(), "matched");
        assert_eq!(
            (&bitrix["stale"], &bitrix["cached"], &bitrix["age_seconds"]),
            (&json!(true), &json!(true), &json!(7_200))
        );
        assert_eq!(
            bitrix["company"]["company_name"],
            before.bitrix()["company"]["company_name"]
        );
        assert_eq!(bitrix["history"], before.bitrix()["history"]);
        assert_eq!(bitrix["error"]["kind"], "unreachable");
        assert!(
            stale.body["message"]["message"]
                .as_str()
                .unwrap()
                .contains("said last")
        );
    }
    bench.portal_faults(&json!([]));
    let back = bench.profile("0001").await;
    assert_eq!(
        (back.told().as_str(), &back.bitrix()["stale"]),
        ("matched", &json!(false))
    );
}

#[tokio::test]
async fn an_answer_too_old_to_be_worth_showing_is_not_shown() {
    let bench = Bench::new().await;
    bench.profile("0001").await;
    bench.advance(3_600 + 7 * 24 * 3_600);
    bench.portal_faults(&json!([{"answer": {"preset": "bad_gateway"}}]));
    assert_eq!(bench.profile("0001").await.told(), "error");
}

#[tokio::test]
async fn an_error_is_never_remembered_as_not_found() {
    let bench = Bench::new().await;
    bench.portal_faults(
        &json!([{"when": "batch:crm.company.list", "answer": {"preset": "access_denied"}}]),
    );
    assert_eq!(bench.profile("0001").await.told(), "error");
    bench.portal_faults(&json!([]));
    assert_eq!(bench.profile("0001").await.told(), "matched");
}

#[tokio::test]
async fn a_contact_that_could_not_be_asked_for_is_not_a_customer_who_is_not_there() {
    let bench = Bench::new().await;
    let fault = json!([{"when": "batch:crm.contact.list", "answer": {"preset": "access_denied"}}]);
    // Found through its contact only.
    bench.portal_faults(&fault);
    assert_eq!(bench.profile("0004").await.told(), "error");
    bench.portal_faults(&json!([]));
    bench.advance(61);
    assert_eq!(bench.profile("0004").await.told(), "matched");
    bench.portal_faults(&fault);
    let answer = bench.refreshed("0004").await;
    assert_eq!(answer.told(), "matched", "{}", answer.body);
    assert_eq!(answer.bitrix()["stale"], true);
}

#[tokio::test]
async fn a_full_bucket_is_waited_for() {
    let bench = Bench::new().await;
    bench.portal_faults(&json!([{"times": 1, "answer": {"preset": "query_limit_exceeded"}}]));
    let answer = bench.profile("0001").await;
    assert_eq!(answer.told(), "matched", "{}", answer.body);
}

#[tokio::test]
async fn a_user_that_cannot_be_asked_for_spoils_only_that_part_and_not_for_long() {
    let bench = Bench::new().await;
    bench.portal_faults(
        &json!([{"when": "user.get", "answer": {"preset": "internal_server_error"}}]),
    );
    let answer = bench.profile("0001").await;
    assert_eq!(answer.told(), "matched");
    assert_eq!(answer.bitrix()["responsible"]["status"], "error");
    bench.portal_faults(&json!([]));
    bench.advance(61);
    let answer = bench.profile("0001").await;
    assert_eq!(answer.bitrix()["responsible"]["status"], "active");
}

#[tokio::test]
async fn a_portal_that_ignores_the_filter_is_not_believed() {
    let bench = Bench::with(Setup::portal(|data| {
        // Without its definition the field is unknown, and an unknown condition is ignored.
        data.user_fields.retain(|field| {
            !field.field_name.starts_with("UF_CRM_HARAVAN_ORG_ID")
                && !field.field_name.starts_with("UF_CRM_COMPANY_ID")
        });
        for company in &mut data.companies {
            company.remove("UF_CRM_COMPANY_ID");
            company.remove("UF_CRM_HARAVAN_ORG_ID");
        }
    }))
    .await;
    let answer = bench.profile("0007").await;
    assert_eq!(answer.told(), "not_found", "{}", answer.body);
}

#[tokio::test]
async fn a_company_of_wrong_types_is_shown_as_far_as_it_can_be() {
    let bench = Bench::with(Setup::helpdesk(|mut data| {
        change(
            &mut data,
            "HD Ticket",
            "0012",
            &json!({"custom_orgid": "200000488888"}),
        );
        data
    }))
    .await;
    let answer = bench.profile("0012").await;
    assert_eq!(answer.told(), "matched", "{}", answer.body);
    assert_eq!(answer.company_name(), Some("Cửa hàng trong danh sách"));
    assert_eq!(
        answer.bitrix()["company"]["shop_created_date"],
        "24/08/2023"
    );
    assert_eq!(answer.bitrix()["company"]["shopplan_status"], Value::Null);
}

#[tokio::test]
async fn settings_that_could_not_be_read_yet_are_not_taken_for_switched_off() {
    let unreadable = [
        json!([{"when": "*Helpdesk Integrations Settings*", "answer": {"preset": "forbidden"}}]),
        json!([{"when": "*get_password*", "answer": {"preset": "forbidden"}}]),
    ];
    // What is read in the end is the same as nothing, or not.
    for (rules, switched_on) in unreadable
        .iter()
        .zip([false, true])
        .chain([(&unreadable[0], true)])
    {
        let bench = Bench::new().await;
        if switched_on {
            let data = bench.site.site.data();
            let data = data.with_bitrix(&bench.webhook, "", "https://portal.example/");
            bench.site.site.set_data(&data).unwrap();
        }
        bench.site_faults(rules);
        let client = frappe::Site::new(&bench.site.url, frappe::Options::default()).unwrap();
        let source = Source::Helpdesk {
            hub: client.user(frappe::Credential::token("hub-key", "hub-secret").unwrap()),
            every: Duration::from_millis(20),
        };
        let store = Store::open_inline().unwrap();
        let (router, journal, store, clock) =
            Bench::wire(Local::default(), source, store, &bench.site).await;
        let bench = Bench {
            router,
            journal,
            store,
            clock,
            ..bench
        };
        let orgid = json!({"orgid": "1000071002"});
        for (language, words) in [
            ("en", "could not be read"),
            ("vi", "Không đọc được"),
            ("ru", "Не удалось прочитать"),
        ] {
            let address = format!("{PROFILE}?ticket=0001&_lang={language}");
            let profile = bench.get(&address, AGENT).await;
            let address = format!("{ENRICH}?_lang={language}");
            let enriched = bench.post(&address, AGENT, &orgid).await;
            for (answer, error) in [
                (&profile, &profile.bitrix()["error"]),
                (&enriched, &enriched.data()["error"]),
            ] {
                assert_eq!(answer.told(), "missing_config", "{}", answer.body);
                assert_eq!(answer.body["message"]["success"], true);
                assert_eq!(error["kind"], "configuration", "{}", answer.body);
                for said in [&error["message"], &answer.body["message"]["message"]] {
                    assert!(said.as_str().unwrap().contains(words), "{}", answer.body);
                }
            }
            assert_eq!(profile.data()["customer"]["name"], "Tiệm Bánh Mây Trắng");
        }
        bench.site_faults(&json!([]));
        let expected = if switched_on { "matched" } else { "disabled" };
        testkit::wait_for("the settings to be read", async || {
            (bench.profile("0001").await.told() == expected).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_helpdesk_that_fails_is_not_the_callers_fault() {
    for (rules, expected) in [
        (
            json!([{"answer": {"preset": "maintenance"}}]),
            "503 helpdesk_unreachable",
        ),
        (
            json!([{"answer": {"preset": "too_many_requests"}}]),
            "503 helpdesk_unreachable",
        ),
        (
            json!([{"answer": {"preset": "bad_gateway"}}]),
            "503 helpdesk_unreachable",
        ),
        (
            json!([{"answer": {"preset": "html"}}]),
            "502 helpdesk_fault",
        ),
        (json!([{"answer": "hang_up"}]), "503 helpdesk_unreachable"),
        (
            json!([{"when": "GET /api/resource/HD Ticket/0001", "answer": {"preset": "deadlock"}}]),
            "503 helpdesk_unreachable",
        ),
        (
            json!([{"when": "GET /api/resource/HD Ticket/0001", "answer": {"preset": "forbidden"}}]),
            "502 helpdesk_fault",
        ),
    ] {
        let bench = Bench::new().await;
        bench.site_faults(&rules);
        let answer = bench.profile("0001").await;
        assert_eq!(answer.told(), expected, "{rules}: {}", answer.body);
        assert_eq!(answer.body["message"]["success"], false);
        assert!(answer.body["error"]["request_id"].is_string());
    }
}

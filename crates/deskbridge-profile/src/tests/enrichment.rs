//! Enrichment: the guards, the customer that is found or made, the ticket that is linked.

use super::*;

/// Enrichment waits for its writes, so the journal has to work meanwhile.
async fn enrich(bench: &Bench, authorization: &str, body: &Value) -> Answer {
    bench.run_journal();
    bench.post(ENRICH, authorization, body).await
}

#[tokio::test]
async fn the_guards_answer_before_bitrix24_is_asked() {
    let bench = Bench::new().await;
    for (body, expected) in [
        (json!({}), "missing_orgid"),
        (json!({"orgid": "  "}), "missing_orgid"),
        (json!({"orgid": "not a number"}), "400 invalid_parameter"),
        (json!({"orgid": "1; drop"}), "400 invalid_parameter"),
        (
            json!({"orgid": "1000071002", "hd_customer": "No such shop"}),
            "404 not_found",
        ),
        (
            json!({"orgid": "1000071002", "ticket": "9999"}),
            "404 not_found",
        ),
    ] {
        let answer = enrich(&bench, AGENT, &body).await;
        assert_eq!(answer.told(), expected, "{body}: {}", answer.body);
    }
    assert_eq!(bench.portal_requests(), 0);
    assert_eq!(bench.effects().await.len(), 0);
    for (change, expected) in [
        (
            Box::new(|raw: &mut RawSettings| raw.enabled = false)
                as Box<dyn FnOnce(&mut RawSettings)>,
            "disabled",
        ),
        (
            Box::new(|raw: &mut RawSettings| raw.webhook_url = None),
            "missing_config",
        ),
    ] {
        let bench = Bench::with(Setup {
            settings: change,
            ..Setup::default()
        })
        .await;
        let answer = enrich(&bench, AGENT, &json!({"orgid": "1000071002"})).await;
        assert_eq!(
            (answer.told().as_str(), &answer.body["message"]["success"]),
            (expected, &json!(true))
        );
    }
}

#[tokio::test]
async fn a_company_without_a_customer_gets_one_and_the_ticket_is_linked() {
    let bench = Bench::new().await;
    // A company of the sample that the helpdesk does not know.
    let body = json!({"org_id": 200_000_410_007_u64, "ticket_name": "0012"});
    let answer = enrich(&bench, MANAGER, &body).await;
    assert_eq!(answer.told(), "matched", "{}", answer.body);
    let name = "Trà Sương Mai - 200000410007";
    assert_eq!(answer.data()["hd_customer"], name);
    assert_eq!(
        answer.data()["ticket"],
        json!({"name": "0012", "linked": true, "previous_customer": null})
    );
    assert_eq!(answer.data()["company"]["id"], "1001");
    let customer = bench.document("HD Customer", name);
    assert_eq!(customer["domain"], "200000410007.myharavan.com");
    assert_eq!(customer["custom_myharavan"], "200000410007.myharavan.com");
    assert_eq!(customer["custom_bitrix_company_id"], "1001");
    assert_eq!(bench.document("HD Ticket", "0012")["customer"], name);
    bench.advance(10);
    let again = enrich(&bench, MANAGER, &json!({"orgid": "200000410007"})).await;
    assert_eq!(
        (again.told().as_str(), &again.data()["hd_customer"]),
        ("cached", &json!(name))
    );
}

#[tokio::test]
async fn a_customer_that_was_checked_lately_is_not_checked_again_unless_forced() {
    let bench = Bench::new().await;
    let body = json!({"orgid": "200071002", "ticket": "0012"});
    let first = enrich(&bench, AGENT, &json!({"haravan_orgid": "200071002"})).await;
    assert_eq!(
        (first.told().as_str(), &first.data()["hd_customer"]),
        ("matched", &json!("Gốm Sứ Đồi Thông"))
    );
    let asked = bench.portal_requests();
    bench.advance(3_500);
    let cached = enrich(&bench, AGENT, &body).await;
    assert_eq!(cached.told(), "cached");
    assert_eq!(
        cached.data()["ticket"]["linked"],
        true,
        "a ticket is linked all the same"
    );
    assert_eq!(
        bench.document("HD Ticket", "0012")["customer"],
        "Gốm Sứ Đồi Thông"
    );
    assert_eq!(bench.portal_requests(), asked);
    let forced = enrich(
        &bench,
        AGENT,
        &json!({"orgid": "200071002", "force": "Yes"}),
    )
    .await;
    assert_eq!(forced.told(), "matched");
    assert!(bench.portal_requests() > asked);
    bench.advance(101);
    bench.advance(3_500);
    assert_eq!(
        enrich(&bench, AGENT, &json!({"orgid": "200071002"}))
            .await
            .told(),
        "matched"
    );
}

#[tokio::test]
async fn an_unknown_company_is_noted_and_nothing_is_made() {
    let bench = Bench::new().await;
    let customers = bench.site.site.count("HD Customer");
    let answer = enrich(&bench, AGENT, &json!({"orgid": "555000111"})).await;
    assert_eq!(
        (answer.told().as_str(), answer.data().get("hd_customer")),
        ("not_found", None)
    );
    assert_eq!(bench.site.site.count("HD Customer"), customers);
    let body = json!({"orgid": "555000111", "hd_customer": "Gốm Sứ Đồi Thông"});
    let answer = enrich(&bench, AGENT, &body).await;
    assert_eq!(answer.data()["hd_customer"], "Gốm Sứ Đồi Thông");
    let customer = bench.document("HD Customer", "Gốm Sứ Đồi Thông");
    assert_eq!(
        customer["custom_bitrix_not_found_at"],
        "2026-11-20 10:00:00"
    );
}

#[tokio::test]
async fn bitrix24_failing_writes_nothing() {
    let bench = Bench::new().await;
    bench.portal_faults(&json!([{"answer": {"preset": "overload_limit"}}]));
    let answer = enrich(&bench, AGENT, &json!({"orgid": "200071002"})).await;
    assert_eq!(
        (answer.told().as_str(), &answer.body["message"]["success"]),
        ("error", &json!(false))
    );
    assert_eq!(answer.data()["error"]["kind"], "overload");
    assert_eq!(bench.effects().await.len(), 0);
}

#[tokio::test]
async fn two_requests_for_one_company_at_once_make_one_customer() {
    let bench = Bench::new().await;
    let before = bench.site.site.count("HD Customer");
    let body = json!({"orgid": "200000410007"});
    let enrich = || enrich(&bench, MANAGER, &body);
    let (one, two, three) = tokio::join!(enrich(), enrich(), enrich());
    for answer in [one, two, three] {
        assert_eq!(
            answer.data()["hd_customer"],
            "Trà Sương Mai - 200000410007",
            "{}",
            answer.body
        );
    }
    assert_eq!(bench.site.site.count("HD Customer"), before + 1);
}

#[tokio::test]
async fn a_script_of_the_helpdesk_has_a_right_to_the_customer_that_it_names_and_no_other() {
    let bench = Bench::with(Setup::helpdesk(|mut data| {
        let by_domain = json!({"custom_myharavan": "200000410007.myharavan.com"});
        change(&mut data, "HD Customer", "Gốm Sứ Đồi Thông", &by_domain);
        data
    }))
    .await;
    bench.run_journal();
    for (body, expected) in [
        (json!({"orgid": "200000410007"}), "403 no_right"),
        (
            json!({"orgid": "200000410007", "hd_customer": "Tiệm Bánh Mây Trắng"}),
            "matched",
        ),
        (
            json!({"orgid": "200000410007", "hd_customer": "Gốm Sứ Đồi Thông", "force": 1}),
            "matched",
        ),
    ] {
        let request = Request::post(ENRICH)
            .header("x-deskbridge-user", "an.tran@helpdesk.example")
            .header("x-deskbridge-secret", SHARED_SECRET)
            .header("content-type", "application/json");
        let answer = bench
            .send(request.body(Body::from(body.to_string())).unwrap())
            .await;
        assert_eq!(answer.told(), expected, "{body}: {}", answer.body);
    }
}

#[tokio::test]
async fn two_ids_of_one_company_at_once_make_one_customer() {
    let bench = Bench::with(Setup::portal(|data| {
        let company = data
            .companies
            .iter_mut()
            .find(|company| company["UF_CRM_HARAVAN_ORG_ID"] == "200000410007");
        let company = company.unwrap();
        company.insert("UF_CRM_COMPANY_ID".to_owned(), json!("1000410007"));
    }))
    .await;
    let before = bench.site.site.count("HD Customer");
    let bodies = ["200000410007", "1000410007"].map(|orgid| json!({"orgid": orgid}));
    let (one, other) = tokio::join!(
        enrich(&bench, MANAGER, &bodies[0]),
        enrich(&bench, MANAGER, &bodies[1])
    );
    assert_eq!(one.told(), "matched", "{}", one.body);
    assert_eq!(one.data()["hd_customer"], other.data()["hd_customer"]);
    assert_eq!(bench.site.site.count("HD Customer"), before + 1);
}

#[tokio::test]
async fn what_the_helpdesk_refuses_is_no_success() {
    let bench = Bench::new().await;
    bench.site_faults(
        &json!([{"when": "PUT /api/resource/HD Customer/*", "answer": {"preset": "forbidden"}}]),
    );
    let body = json!({"orgid": "200071002", "force": 1});
    let answer = enrich(&bench, MANAGER, &body).await;
    assert_eq!(answer.told(), "502 helpdesk_fault", "{}", answer.body);
}

#[tokio::test]
async fn a_customer_whose_making_was_not_answered_is_made_once() {
    let bench = Bench::new().await;
    let before = bench.site.site.count("HD Customer");
    bench.site_faults(&json!([{"when": "POST /api/resource/HD Customer", "times": 1, "execute": true, "answer": "hang_up"}]));
    let body = json!({"orgid": "200000410007"});
    let tried_again = async {
        testkit::wait_for("the first attempt to fail", async || {
            bench.effects().await.first()?.failure.clone()
        })
        .await;
        bench.advance(2);
        bench.journal.drain().await.unwrap();
    };
    let (answer, ()) = tokio::join!(enrich(&bench, MANAGER, &body), tried_again);
    assert_eq!(answer.told(), "matched", "{}", answer.body);
    assert_eq!(bench.site.site.count("HD Customer"), before + 1);
}

#[tokio::test]
async fn a_customer_entered_by_hand_under_the_same_name_is_taken_over() {
    let bench = Bench::with(Setup::helpdesk(|mut data| {
        let name = "Trà Sương Mai - 200000410007";
        document(
            &mut data,
            &json!({"doctype": "HD Customer", "name": name, "customer_name": name}),
        );
        data
    }))
    .await;
    let before = bench.site.site.count("HD Customer");
    let answer = enrich(&bench, MANAGER, &json!({"orgid": "200000410007"})).await;
    assert_eq!(answer.told(), "matched", "{}", answer.body);
    assert_eq!(bench.site.site.count("HD Customer"), before);
    let customer = bench.document("HD Customer", "Trà Sương Mai - 200000410007");
    assert_eq!(customer["custom_myharavan"], "200000410007.myharavan.com");
}

#[tokio::test]
async fn who_may_not_write_customers_may_not_enrich() {
    let bench = Bench::new().await;
    for (authorization, expected) in [
        (PORTAL_CUSTOMER, "403 not_an_agent"),
        (DISABLED, "403 user_disabled"),
        ("token an-key:wrong", "401 wrong_key"),
    ] {
        let answer = enrich(&bench, authorization, &json!({"orgid": "200071002"})).await;
        assert_eq!(answer.told(), expected);
    }
    let other_team = enrich(
        &bench,
        AGENT,
        &json!({"orgid": "200071002", "ticket": "0008"}),
    )
    .await;
    assert_eq!(other_team.told(), "403 no_right");
    assert_eq!(bench.portal_requests(), 0);
    assert_eq!(bench.effects().await.len(), 0);
}

//! Requests that cannot be served, and what is said about them.

use super::*;

#[tokio::test]
async fn a_ticket_that_cannot_be_one_is_refused_with_a_sentence() {
    let bench = Bench::new().await;
    for (query, expected) in [
        ("", "400 missing_parameter"),
        ("?ticket=", "400 missing_parameter"),
        ("?ticket=+", "400 missing_parameter"),
        ("?ticket=0001%2F..%2F0002", "400 invalid_parameter"),
        ("?ticket=..", "400 invalid_parameter"),
        ("?ticket=%22%27", "400 invalid_parameter"),
        ("?ticket=0001%00", "400 invalid_parameter"),
        ("?ticket=%3Cscript%3E", "400 invalid_parameter"),
        ("?ticket=0001%3Fx%3D1", "400 invalid_parameter"),
        ("?ticket=%F0%9F%98%80", "404 not_found"),
        ("?ticket=999999999999999999999999", "404 not_found"),
    ] {
        let answer = bench.get(&format!("{PROFILE}{query}"), AGENT).await;
        assert_eq!(answer.told(), expected, "{query}: {}", answer.body);
        let sentence = answer.body["error"]["message"].as_str().unwrap();
        assert!(sentence.ends_with('.'), "{sentence}");
    }
    let long = format!("{PROFILE}?ticket={}", "1".repeat(200));
    assert_eq!(
        bench.get(&long, AGENT).await.told(),
        "400 invalid_parameter"
    );
    assert_eq!(bench.portal_requests(), 0);
}

#[tokio::test]
async fn a_body_that_is_none_is_refused_with_a_sentence() {
    let bench = Bench::new().await;
    let post = |body: String| {
        let request = Request::post(PROFILE)
            .header("authorization", AGENT)
            .header("content-type", "application/json");
        bench.send(request.body(Body::from(body)).unwrap())
    };
    for (body, expected) in [
        ("{".to_owned(), "400 malformed_body"),
        ("[]".to_owned(), "400 malformed_body"),
        ("\"0001\"".to_owned(), "400 malformed_body"),
        ("\u{0}".to_owned(), "400 malformed_body"),
        (
            format!("{{\"ticket\": {}", "[".repeat(100_000)),
            "400 malformed_body",
        ),
        ("x".repeat(10 << 20), "413 body_too_large"),
        (
            r#"{"ticket": {"name": "0001"}}"#.to_owned(),
            "400 invalid_parameter",
        ),
        (
            r#"{"ticket": ["0001"]}"#.to_owned(),
            "400 invalid_parameter",
        ),
        (r#"{"ticket": null}"#.to_owned(), "400 missing_parameter"),
    ] {
        let answer = post(body.clone()).await;
        let told: String = body.chars().take(40).collect();
        assert_eq!(answer.told(), expected, "{told}");
    }
    assert_eq!(
        post(r#"{"ticket": "0001"}"#.to_owned()).await.told(),
        "matched"
    );
}

#[tokio::test]
async fn a_field_map_that_is_none_leaves_the_default_in_place() {
    for map in ["{", "[]", "42", r#"{"TITLE": 5}"#, "{}"] {
        let setup = Setup::settings(move |raw| raw.company_field_map_json = Some(map.to_owned()));
        let bench = Bench::with(setup).await;
        let answer = bench.profile("0001").await;
        assert_eq!(answer.told(), "matched", "{map}");
        assert_eq!(answer.company_name(), Some("Tiệm Bánh Mây Trắng"));
        assert_eq!(
            answer.bitrix()["company"]["current_shopplan"],
            "Omni Standard"
        );
    }
}

#[tokio::test]
async fn a_customers_name_may_hold_what_people_write() {
    let name = "Cửa hàng \"Hoa & Lá\" / chi nhánh 2 - 1000071002";
    let setup = Setup::helpdesk(move |mut data| {
        document(
            &mut data,
            &json!({"doctype": "HD Customer", "name": name, "customer_name": name}),
        );
        data
    });
    let bench = Bench::with(setup).await;
    let answer = bench
        .post(REFRESH, AGENT, &json!({"hd_customer": name}))
        .await;
    assert_eq!(answer.told(), "matched", "{}", answer.body);
    assert_eq!(answer.data()["customer"]["name"], name);
    assert_eq!(answer.data()["ticket"], json!({}));
}

#[tokio::test]
async fn what_a_request_names_is_not_repeated_as_markup() {
    let bench = Bench::new().await;
    let answer = bench
        .post(
            REFRESH,
            AGENT,
            &json!({"hd_customer": "<img src=x onerror=alert(1)>"}),
        )
        .await;
    assert_eq!(answer.told(), "400 invalid_parameter");
    assert!(!answer.body.to_string().contains("onerror"));
}

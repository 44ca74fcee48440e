//! Who sees a profile, and what is asked before anything is fetched.

use super::*;

async fn check(bench: &Bench, ticket: &str, headers: &[(&str, &str)], expected: &str) {
    let mut request = Request::get(format!("{PROFILE}?ticket={ticket}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = bench.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(
        answer.told(),
        expected,
        "ticket {ticket} with {headers:?}: {}",
        answer.body
    );
}

#[tokio::test]
async fn callers_see_what_the_helpdesk_lets_them_see() {
    let bench = Bench::new().await;
    for (ticket, authorization, expected) in [
        ("0001", AGENT, "matched"),
        ("0001", AGENT_OF_OTHER_TEAM, "cached"),
        ("0001", MANAGER, "cached"),
        ("0008", AGENT, "403 no_right"),
        ("0008", AGENT_OF_OTHER_TEAM, "matched"),
        ("0001", SYSTEM_MANAGER, "403 not_an_agent"),
        // Her own ticket, which she may read in the portal.
        ("0011", PORTAL_CUSTOMER, "403 not_an_agent"),
        ("0001", PORTAL_CUSTOMER, "403 not_an_agent"),
        ("0001", DISABLED, "403 user_disabled"),
        ("9999", AGENT, "404 not_found"),
        ("9999", PORTAL_CUSTOMER, "403 not_an_agent"),
        ("0001", "token an-key:wrong", "401 wrong_key"),
        ("0001", "token nobody:an-secret", "401 wrong_key"),
        ("0001", "Bearer garbage", "401 wrong_key"),
        ("0001", "Basic Z2FyYmFnZQ==", "401 wrong_key"),
        // Frappe takes a header of another form for no header.
        ("0001", "token  an-key:an-secret", "403 not_logged_in"),
        ("0001", "an-key:an-secret", "403 not_logged_in"),
    ] {
        check(
            &bench,
            ticket,
            &[("authorization", authorization)],
            expected,
        )
        .await;
    }
    check(&bench, "0001", &[], "403 not_logged_in").await;
    check(
        &bench,
        "0001",
        &[("cookie", "sid=Guest")],
        "403 not_logged_in",
    )
    .await;
    check(
        &bench,
        "0001",
        &[("cookie", "sid=0123456789abcdef")],
        "403 not_logged_in",
    )
    .await;
}

/// Logs in as the agent's browser does.
async fn log_in(bench: &Bench, page: bool) -> (String, String) {
    let http = reqwest::Client::builder().build().unwrap();
    let login = format!("{}/api/method/login", bench.site.url);
    let form = "usr=an.tran%40helpdesk.example&pwd=an-password";
    let answer = http
        .post(login)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await
        .unwrap();
    let cookies = answer.headers().get_all("set-cookie").iter();
    let cookies = cookies.map(|cookie| cookie.to_str().unwrap().to_owned());
    let mut sids = cookies
        .filter_map(|cookie| Some(cookie.strip_prefix("sid=")?.split(';').next()?.to_owned()));
    let sid = sids.next_back().unwrap();
    if !page {
        return (sid, String::new());
    }
    let mut page = http
        .get(format!("{}/helpdesk", bench.site.url))
        .header("cookie", format!("sid={sid}"))
        .send()
        .await
        .unwrap();
    let mut text = Vec::new();
    while let Some(chunk) = page.chunk().await.unwrap() {
        text.extend_from_slice(&chunk);
    }
    let text = String::from_utf8(text).unwrap();
    let (_, after) = text.split_once("csrf_token").unwrap();
    let token: String = after
        .chars()
        .skip_while(|c| !c.is_ascii_alphanumeric())
        .take_while(char::is_ascii_alphanumeric)
        .collect();
    (sid, token)
}

async fn post_with_session(bench: &Bench, sid: &str, csrf_token: Option<&str>) -> String {
    let mut request = Request::post(PROFILE)
        .header("cookie", format!("full_name=An; sid={sid}; user_image="))
        .header("content-type", "application/json");
    if let Some(token) = csrf_token {
        request = request.header("x-frappe-csrf-token", token);
    }
    let body = json!({"ticket": "0001"}).to_string();
    bench
        .send(request.body(Body::from(body)).unwrap())
        .await
        .told()
}

#[tokio::test]
async fn a_session_is_judged_with_its_csrf_token() {
    let bench = Bench::new().await;
    let (sid, token) = log_in(&bench, true).await;
    let cookie = format!("sid={sid}");
    assert_eq!(
        post_with_session(&bench, &sid, None).await,
        "400 csrf_refused"
    );
    assert_eq!(
        post_with_session(&bench, &sid, Some("0123456789abcdef")).await,
        "400 csrf_refused"
    );
    assert_eq!(
        post_with_session(&bench, &sid, Some(&token)).await,
        "matched"
    );
    // A right that was remembered with a good token is not given to a request without one.
    assert_eq!(
        post_with_session(&bench, &sid, None).await,
        "400 csrf_refused"
    );
    check(&bench, "0001", &[("cookie", &cookie)], "cached").await;
}

#[tokio::test]
async fn a_session_that_has_seen_no_page_has_no_token_to_show() {
    let bench = Bench::new().await;
    let (sid, _) = log_in(&bench, false).await;
    assert_eq!(post_with_session(&bench, &sid, None).await, "matched");
}

#[tokio::test]
async fn two_credentials_are_refused_before_anybody_is_asked() {
    let bench = Bench::new().await;
    let (sid, _) = log_in(&bench, false).await;
    let cookie = format!("sid={sid}");
    bench.site.site.clear_journal();
    let both = [("authorization", PORTAL_CUSTOMER), ("cookie", &*cookie)];
    check(&bench, "0001", &both, "400 two_credentials").await;
    assert_eq!(bench.site.site.journal().len(), 0);
    // Frappe sets such a cookie on every answer to a token.
    check(
        &bench,
        "0001",
        &[("authorization", AGENT), ("cookie", "sid=Guest")],
        "matched",
    )
    .await;
}

#[tokio::test]
async fn the_helpdesk_itself_is_trusted_with_the_secret_only() {
    let bench = Bench::new().await;
    let user = ("x-deskbridge-user", "an.tran@helpdesk.example");
    for (headers, expected) in [
        (
            vec![user, ("x-deskbridge-secret", SHARED_SECRET)],
            "matched",
        ),
        (
            vec![user, ("x-deskbridge-secret", "wrong")],
            "401 forged_proxy",
        ),
        (vec![user], "401 forged_proxy"),
        (
            vec![("x-deskbridge-secret", SHARED_SECRET)],
            "401 forged_proxy",
        ),
        (
            vec![
                user,
                ("x-deskbridge-secret", "wrong"),
                ("authorization", AGENT),
            ],
            "401 forged_proxy",
        ),
        (
            vec![
                user,
                ("x-deskbridge-secret", SHARED_SECRET),
                ("authorization", AGENT),
            ],
            "400 two_credentials",
        ),
        (
            vec![
                ("x-deskbridge-user", "da.nghi@helpdesk.example"),
                ("x-deskbridge-secret", SHARED_SECRET),
            ],
            "403 user_disabled",
        ),
        (
            vec![
                ("x-deskbridge-user", "diep@tranuimay.example"),
                ("x-deskbridge-secret", SHARED_SECRET),
            ],
            "403 not_an_agent",
        ),
    ] {
        check(&bench, "0001", &headers, expected).await;
    }
}

#[tokio::test]
async fn nothing_is_fetched_for_a_caller_without_a_right() {
    let bench = Bench::new().await;
    for (authorization, expected) in [
        (PORTAL_CUSTOMER, "403 not_an_agent"),
        (SYSTEM_MANAGER, "403 not_an_agent"),
        ("token an-key:wrong", "401 wrong_key"),
        (DISABLED, "403 user_disabled"),
    ] {
        check(
            &bench,
            "0001",
            &[("authorization", authorization)],
            expected,
        )
        .await;
    }
    check(&bench, "0008", &[("authorization", AGENT)], "403 no_right").await;
    let fetched = bench.asked_of_helpdesk("hub@helpdesk.example");
    let of_documents = |name: &&String| name.contains("/api/resource/");
    assert_eq!(fetched.iter().find(of_documents), None);
    assert_eq!(bench.portal_requests(), 0);
}

#[tokio::test]
async fn a_right_is_asked_as_the_caller_and_remembered_for_seconds_only() {
    let bench = Bench::new().await;
    let questions = || {
        let asked = bench.asked_of_helpdesk("an.tran@helpdesk.example");
        asked
            .iter()
            .filter(|name| name.contains("has_permission"))
            .count()
    };
    bench.profile("0001").await;
    bench.profile("0001").await;
    assert_eq!(questions(), 1);
    bench.profile("0002").await;
    assert_eq!(questions(), 2, "another ticket is another question");
    bench.advance(6);
    bench.profile("0001").await;
    assert_eq!(questions(), 3);
    bench.profile("0008").await;
    bench.profile("0008").await;
    assert_eq!(questions(), 5, "no is not remembered");
}

#[tokio::test]
async fn a_customer_and_a_contact_need_rights_of_their_own() {
    let bench = Bench::new().await;
    let customer = "Tiệm Bánh Mây Trắng";
    let contact = "Nguyễn Thị Hồng Nhung-Tiệm Bánh Mây Trắng";
    for (authorization, body, expected) in [
        (AGENT, json!({"hd_customer": customer}), "missing_orgid"),
        (
            AGENT,
            json!({"hd_customer": customer, "contact": contact}),
            "matched",
        ),
        (
            PORTAL_CUSTOMER,
            json!({"hd_customer": customer}),
            "403 not_an_agent",
        ),
        (
            AGENT,
            json!({"hd_customer": "No such shop"}),
            "404 not_found",
        ),
        (
            AGENT,
            json!({"hd_customer": customer, "contact": "Nobody"}),
            "404 not_found",
        ),
        (AGENT, json!({}), "400 missing_parameter"),
    ] {
        let answer = bench.post(REFRESH, authorization, &body).await;
        assert_eq!(answer.told(), expected, "{body}: {}", answer.body);
    }
    let answer = bench.get(&format!("{REFRESH}?hd_customer=x"), AGENT).await;
    assert_eq!(answer.told(), "405 wrong_verb");
}

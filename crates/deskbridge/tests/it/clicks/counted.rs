//! What is counted of clicks and of the dialplan's questions, and who may ask.

use simulators::faults::Rule;

use super::*;

impl Clicks {
    /// Waits until the counters of the metrics are these.
    async fn counted(&self, hub: &Hub, expected: &[(&str, u64)]) {
        let lines = expected
            .iter()
            .map(|(name, count)| format!("deskbridge_{name}_total {count}\n"));
        let lines: Vec<String> = lines.collect();
        wait_for(&format!("{lines:?}"), async || {
            let (_, text) = hub.get("/metrics", "").await;
            lines.iter().all(|line| text.contains(line)).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn clicks_are_counted_from_the_portal_to_the_phone() {
    let clicks = Clicks::new(ami::Options::default()).await;
    let hub = clicks.serve().await;
    let zero = [
        ("clicks_received", 0),
        ("clicks_refused", 0),
        ("clicks_dialled", 0),
        ("clicks_not_dialled", 0),
    ];
    clicks.counted(&hub, &zero).await;
    let whole = form(APPLICATION_TOKEN, "+79161234567");
    assert_eq!(clicks.post(whole.clone()).await, StatusCode::OK);
    // The same message again is none more.
    assert_eq!(clicks.post(whole).await, StatusCode::OK);
    for body in [form("another", "+79161234567"), "%00".to_owned()] {
        assert!(clicks.post(body).await.is_client_error());
    }
    let one = [
        ("clicks_received", 1),
        ("clicks_refused", 2),
        ("clicks_dialled", 1),
        ("clicks_not_dialled", 0),
    ];
    clicks.counted(&hub, &one).await;
    stopped(hub).await;
}

#[tokio::test]
async fn an_order_of_which_nothing_comes_is_counted_as_such() {
    let clicks = Clicks::new(ami::Options {
        unreachable: vec!["PJSIP/101".to_owned()],
        ..ami::Options::default()
    })
    .await;
    let hub = clicks.serve().await;
    clicks.click().await;
    let counts = [
        ("clicks_received", 1),
        ("clicks_dialled", 0),
        ("clicks_not_dialled", 1),
    ];
    clicks.counted(&hub, &counts).await;
    stopped(hub).await;
}

#[tokio::test]
async fn questions_of_the_dialplan_are_counted_by_what_answered_them() {
    let clicks = Clicks::new(ami::Options::default()).await;
    let hub = clicks.serve().await;
    let ask = async |phone: &str, token: &str| {
        let address = format!("/pbx/office/responsible?phone={phone}&token={token}");
        hub.get(&address, "").await
    };
    for expected in ["101", "101"] {
        let (_, body) = ask("79169990011", LOOKUP_TOKEN).await;
        assert_eq!(body, expected);
    }
    let (status, _) = ask("79169990011", "another").await;
    assert!(status.is_client_error(), "{status}");
    // Of what is no number nobody is asked.
    ask("anonymous", LOOKUP_TOKEN).await;
    let hangs = serde_json::json!([
        {"when": "telephony.externalcall.searchcrmentities", "delay_ms": 20_000},
    ]);
    let hangs: Vec<Rule> = serde_json::from_value(hangs).unwrap();
    clicks.bench.portal.portal.set_faults(hangs).unwrap();
    ask("79160000009", LOOKUP_TOKEN).await;
    let counts = [
        ("lookups_answered", 1),
        ("lookups_remembered", 1),
        ("lookups_unanswered", 1),
        ("lookups_refused", 1),
    ];
    clicks.counted(&hub, &counts).await;
    stopped(hub).await;
}

#[tokio::test]
async fn the_dialplan_is_told_only_where_it_may_ask_from() {
    for (networks, expected) in [
        ("[\"192.0.2.0/24\", \"::1\"]", 401),
        ("[\"192.0.2.0/24\", \"127.0.0.0/8\"]", 200),
        ("[\"127.0.0.1\"]", 200),
        ("[]", 200),
    ] {
        let clicks = Clicks::new(ami::Options::default()).await;
        clicks.set(&format!("lookup_networks = {networks}"));
        let hub = clicks.bench.serve().await;
        let address = "/pbx/office/responsible?phone=79169990011&format=json";
        let right = format!("Bearer {LOOKUP_TOKEN}");
        let (status, body) = hub.get(address, &right).await;
        assert_eq!(status.as_u16(), expected, "{networks}: {body}");
        // Who asks from elsewhere learns no more than who has no token.
        let (refused, _) = hub.get(address, "Bearer another").await;
        assert_eq!(refused, StatusCode::UNAUTHORIZED);
        if expected == 401 {
            let told = "Somebody with the token asked from outside of lookup_networks";
            hub.process.logged(told).await;
        }
        stopped(hub).await;
    }
}

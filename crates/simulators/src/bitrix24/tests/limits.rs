//! The request bucket, operating time, and latency.

use std::time::Duration;

use super::*;

fn bucket(burst: u32, per_second: f64) -> Limits {
    Limits {
        requests: Some(RequestLimit {
            burst,
            per_second,
            refusals_count: false,
        }),
        operating: None,
    }
}

fn operating(batch_charge: BatchCharge, cost_ms: &[(&str, f64)]) -> Limits {
    Limits {
        requests: None,
        operating: Some(OperatingLimit {
            limit_seconds: 1.0,
            cost_ms: cost_ms
                .iter()
                .map(|(method, ms)| ((*method).to_owned(), *ms))
                .collect(),
            batch_charge,
            shared_by_webhooks: false,
        }),
    }
}

async fn status_of(portal: &Portal, target: &str) -> u16 {
    let request = request("GET", target, &Value::Null);
    match portal.answer(&request, true).await {
        Reply::Answer(response) => response.status().as_u16(),
        other => panic!("{target} was answered with {other:?}"),
    }
}

#[tokio::test]
async fn the_bucket_is_shared_and_drains() {
    let portal = portal(bare().webhook(Webhook::new(2, "other", ["crm"])));
    portal.set_limits(bucket(3, 2.0));
    let mut statuses = Vec::new();
    for target in [
        "/rest/1/s3cret/scope",
        "/rest/2/other/scope",
        "/rest/1/wrong/scope",
        "/rest/2/other/scope",
    ] {
        statuses.push(status_of(&portal, target).await);
    }
    assert_eq!(statuses, [200, 200, 401, 503]);
    portal.advance(Duration::from_millis(500)).unwrap();
    let batch = json!({"cmd": {"a": "scope", "b": "scope", "c": "scope"}});
    let (status, _) = answer(&portal, "batch", batch).await;
    assert_eq!(status, 200, "a batch counts one");
    let expected = (503, json!("QUERY_LIMIT_EXCEEDED"), "Too many requests");
    check_refusal(&portal, "scope", json!({}), expected).await;
    assert_eq!(portal.counts().query_limit_refusals, 2);
    assert!((portal.stats().bucket - 3.0).abs() < 0.001);
}

#[tokio::test]
async fn the_ordinary_plan_lets_fifty_pass_at_once() {
    let portal = portal(bare());
    for number in 1..=51 {
        let expected = if number <= 50 { 200 } else { 503 };
        assert_eq!(
            status_of(&portal, "/rest/1/s3cret/scope").await,
            expected,
            "request {number}"
        );
    }
}

#[tokio::test]
async fn a_method_that_used_its_time_up_is_refused_until_its_minute_leaves() {
    let portal = portal(bare().webhook(Webhook::new(1, "other", ["crm"])));
    portal.set_limits(operating(
        BatchCharge::Commands,
        &[("crm.company.list", 600.0)],
    ));
    for spent in [0.6, 1.2] {
        let (_, body) = answer(&portal, "crm.company.list", json!({})).await;
        assert_eq!(body["time"]["operating"], json!(spent));
        assert_eq!(body["time"]["operating_reset_at"], 1_795_156_800);
        portal.advance(Duration::from_secs(50)).unwrap();
    }
    let expected = (
        429,
        json!("OPERATION_TIME_LIMIT"),
        "Method is blocked due to operation time limit.",
    );
    check_refusal(&portal, "crm.company.list", json!({}), expected.clone()).await;
    let batch = result(
        &portal,
        "batch",
        json!({"cmd": {"a": "crm.company.list", "b": "crm.contact.list"}}),
    )
    .await;
    assert_eq!(batch["result_error"]["a"]["error"], "OPERATION_TIME_LIMIT");
    assert_eq!(batch["result"]["b"], json!([]));
    assert_eq!(
        status_of(&portal, "/rest/1/other/crm.company.list").await,
        200,
        "another webhook has its own sum"
    );
    portal.advance(Duration::from_secs(499)).unwrap();
    check_refusal(&portal, "crm.company.list", json!({}), expected).await;
    portal.advance(Duration::from_secs(1)).unwrap();
    assert_eq!(answer(&portal, "crm.company.list", json!({})).await.0, 200);
    assert_eq!(portal.counts().operation_time_refusals, 3);
}

#[tokio::test]
async fn webhooks_can_be_made_to_share_one_sum() {
    let portal = portal(bare().webhook(Webhook::new(1, "other", ["crm"])));
    let mut limits = operating(BatchCharge::Commands, &[("crm.company.list", 1000.0)]);
    if let Some(operating) = &mut limits.operating {
        operating.shared_by_webhooks = true;
    }
    portal.set_limits(limits);
    assert_eq!(
        status_of(&portal, "/rest/1/s3cret/crm.company.list").await,
        200
    );
    assert_eq!(
        status_of(&portal, "/rest/1/other/crm.company.list").await,
        429
    );
}

#[tokio::test]
async fn a_batch_is_charged_in_each_way_that_portals_were_seen_to() {
    let cost = &[("crm.company.list", 200.0), ("crm.contact.list", 300.0)];
    let cheap = &[("crm.company.list", 20.0), ("crm.contact.list", 30.0)];
    for (charge, cost, outer, inner, accounts) in [
        (
            BatchCharge::Commands,
            cost,
            json!(0),
            [json!(0.2), json!(0.3)],
            "crm.company.list=0.2 crm.contact.list=0.3",
        ),
        (
            BatchCharge::Both,
            cost,
            json!(0.5),
            [json!(0.2), json!(0.3)],
            "batch=0.5 crm.company.list=0.2 crm.contact.list=0.3",
        ),
        (
            BatchCharge::Batch,
            cost,
            json!(0.5),
            [json!(0.5), json!(0.5)],
            "batch=0.5",
        ),
        (
            BatchCharge::Batch,
            cheap,
            json!(0.1),
            [json!(0.1), json!(0.1)],
            "batch=0.1",
        ),
    ] {
        let portal = portal(bare());
        portal.set_limits(operating(charge, cost));
        let params = json!({"cmd": {"a": "crm.company.list", "b": "crm.contact.list"}});
        let (_, body) = answer(&portal, "batch", params).await;
        assert_eq!(body["time"]["operating"], outer, "{charge:?}");
        let times = &body["result"]["result_time"];
        assert_eq!(
            [&times["a"]["operating"], &times["b"]["operating"]],
            [&inner[0], &inner[1]],
            "{charge:?}"
        );
        let spent: Vec<String> = portal
            .stats()
            .operating
            .iter()
            .map(|one| format!("{}={}", one.method, one.seconds))
            .collect();
        assert_eq!(spent.join(" "), accounts, "{charge:?}");
    }
}

#[tokio::test]
async fn a_command_that_fails_costs_too() {
    let portal = portal(bare());
    portal.set_limits(operating(BatchCharge::Batch, &[("crm.company.get", 400.0)]));
    let (_, body) = answer(&portal, "batch", json!({"cmd": ["crm.company.get?id=9"]})).await;
    assert_eq!(body["time"]["operating"], json!(0.4));
}

#[tokio::test]
async fn a_batch_that_is_charged_as_one_is_refused_as_one() {
    let portal = portal(bare());
    portal.set_limits(operating(
        BatchCharge::Batch,
        &[("crm.company.list", 1000.0)],
    ));
    let batch = json!({"cmd": {"a": "crm.company.list"}});
    assert_eq!(answer(&portal, "batch", batch.clone()).await.0, 200);
    assert_eq!(answer(&portal, "batch", batch).await.0, 429);
    assert_eq!(
        answer(&portal, "crm.company.list", json!({})).await.0,
        200,
        "the method itself is free"
    );
}

#[tokio::test(start_paused = true)]
async fn latency_runs_together_for_requests_and_in_a_row_for_commands() {
    let portal = portal(bare());
    portal.set_latency(Latency {
        request_ms: 50,
        command_ms: 2,
    });
    let started = tokio::time::Instant::now();
    let commands: Vec<String> = (0..10).map(|_| "scope".to_owned()).collect();
    let asked = futures_of(&portal, &commands);
    asked.await;
    assert_eq!(started.elapsed(), Duration::from_millis(50 + 10 * 2));
}

/// A batch of ten and twenty single calls at once.
async fn futures_of(portal: &Portal, commands: &[String]) {
    let mut set = tokio::task::JoinSet::new();
    let (own, commands) = (portal.clone(), json!(commands));
    set.spawn(async move { answer(&own, "batch", json!({"cmd": commands})).await.0 });
    for _ in 0..20 {
        let own = portal.clone();
        set.spawn(async move { answer(&own, "scope", json!({})).await.0 });
    }
    while let Some(status) = set.join_next().await {
        assert_eq!(status.unwrap(), 200);
    }
}

//! The hub as a service: what survives its end, how it ends, what it says of itself.

use serde_json::{Value, json};
use simulators::faults::Rule;
use testkit::wait_for;

use crate::hub::Bench;

fn rules(rules: &Value) -> Vec<Rule> {
    serde_json::from_value(rules.clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_recorded_survives_a_power_cut() {
    let bench = Bench::new().await;
    bench.site.site.set_faults(rules(
        &json!([{"when": "PUT *", "answer": {"preset": "maintenance"}}]),
    ));
    let hub = bench.serve().await;
    let first = hub.profile("0001").await;
    assert_eq!(first["bitrix"]["status"], "matched");
    wait_for("the effects to be recorded", async || {
        let (_, metrics) = hub.get("/metrics", "").await;
        metrics
            .lines()
            .any(|line| {
                line.strip_prefix("deskbridge_effects_rescheduled_total ")
                    .is_some_and(|number| number != "0")
            })
            .then_some(())
    })
    .await;
    hub.process.kill();
    let asked = bench.portal.portal.counts().requests;
    let ticket = bench.site.site.document("HD Ticket", "0001");
    assert_eq!(ticket["custom_responsible"], Value::Null);
    bench.site.site.set_faults(Vec::new());
    let hub = bench.serve().await;
    wait_for("the effects to be carried out", async || {
        let ticket = bench.site.site.document("HD Ticket", "0001");
        (ticket["custom_responsible"] == "thao.luong@crm.example").then_some(())
    })
    .await;
    let again = hub.profile("0001").await;
    assert_eq!(
        (&again["bitrix"]["status"], &again["bitrix"]["cached"]),
        (&json!("cached"), &json!(true))
    );
    assert_eq!(again["bitrix"]["company"], first["bitrix"]["company"]);
    assert_eq!(bench.portal.portal.counts().requests, asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_served_is_served_to_the_end() {
    let bench = Bench::new().await;
    let mut hub = bench.serve().await;
    bench
        .portal
        .portal
        .set_faults(rules(&json!([{"when": "*", "delay_ms": 700}])))
        .unwrap();
    let answer = hub.ask("0001");
    wait_for("the question to reach the portal", async || {
        (bench.portal.portal.counts().requests > 0).then_some(())
    })
    .await;
    hub.process.terminate();
    assert_eq!(answer.await.unwrap(), 200);
    assert!(hub.process.ended().await.success());
    hub.process.logged("Deskbridge stops").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hubs_never_work_on_one_database() {
    let bench = Bench::new().await;
    let hub = bench.serve().await;
    let second = bench.run(&["serve"]).await;
    assert_eq!(second.status, Some(1));
    assert!(
        second
            .err
            .contains("another deskbridge serves with the database"),
        "{}",
        second.err
    );
    hub.process.kill();
    bench.serve().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_named() {
    let bench = Bench::new().await;
    let taken = bench.site.url.trim_start_matches("http://").to_owned();
    bench.configure(|text| text.replace("127.0.0.1:0", &taken));
    let said = bench.run(&["serve"]).await;
    assert!(
        said.err.contains(&taken) && said.err.contains("choose another"),
        "{}",
        said.err
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn effects_are_seen_revived_and_thrown_away_while_the_hub_runs() {
    let bench = Bench::new().await;
    bench.site.site.set_faults(rules(&json!([
        {"when": "PUT */HD Ticket/*", "answer": {"status": 417, "json": {"exc_type": "ValidationError"}}}
    ])));
    let hub = bench.serve().await;
    hub.profile("0001").await;
    let dead = wait_for("an effect to be given up", async || {
        let said = bench
            .run(&["effects", "list", "--state", "dead", "--json"])
            .await;
        let line = said.out.lines().next()?.to_owned();
        serde_json::from_str::<Value>(&line).ok()
    })
    .await;
    let id = dead["id"].as_str().unwrap();
    let shown = bench.run(&["effects", "show", id]).await;
    assert!(
        shown.out.contains("helpdesk/HD Ticket/0001"),
        "{}",
        shown.out
    );
    let dry = bench
        .run(&["effects", "revive", "--all-dead", "--dry-run"])
        .await;
    assert_eq!(dry.out, format!("{id} dead\n"));
    bench.site.site.set_faults(Vec::new());
    let revived = bench.run(&["effects", "revive", "--all-dead"]).await;
    assert_eq!(revived.out, format!("{id} will run again\n"));
    wait_for("the revived effect to be carried out", async || {
        let ticket = bench.site.site.document("HD Ticket", "0001");
        (ticket["custom_responsible"] == "thao.luong@crm.example").then_some(())
    })
    .await;
    let late = bench.run(&["effects", "discard", id]).await;
    assert_eq!(
        (late.status, late.out.as_str()),
        (
            Some(1),
            format!("{id} is neither waiting nor given up\n").as_str()
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_are_read_from_the_helpdesk_and_followed() {
    let bench = Bench::new().await;
    bench.configure(|text| {
        let file = text.split("[[bitrix24]]").next().unwrap();
        format!("{file}\n[profile]\nsettings = \"helpdesk\"\nsettings_refresh_seconds = 1\n")
    });
    let hub = bench.serve().await;
    assert_eq!(hub.profile("0001").await["bitrix"]["status"], "disabled");
    let portal = bench.portal_url();
    let data = bench.site.site.data().with_bitrix(
        &format!("{portal}/rest/1/{}/", simulators::bitrix24::CUSTOMER_SECRET),
        &format!(
            "{portal}/rest/57/{}/",
            simulators::bitrix24::RESPONSIBLE_SECRET
        ),
        "https://portal.example",
    );
    bench.site.site.set_data(&data).unwrap();
    let profile = wait_for("the settings to be followed", async || {
        let profile = hub.profile("0001").await;
        (profile["bitrix"]["status"] == "matched").then_some(profile)
    })
    .await;
    assert_eq!(
        profile["bitrix"]["company"]["url"],
        "https://portal.example/crm/company/details/101/"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hub_tells_how_it_is() {
    let bench = Bench::new().await;
    let hub = bench.serve().await;
    assert_eq!(
        hub.get("/healthz", "").await,
        (http::StatusCode::OK, "ok\n".to_owned())
    );
    assert_eq!(
        hub.get("/readyz", "").await,
        (http::StatusCode::OK, "ready\n".to_owned())
    );
    hub.profile("0001").await;
    hub.profile("0001").await;
    let (_, metrics) = hub.get("/metrics", "").await;
    for line in [
        r#"deskbridge_profile_answers_total{status="matched",origin="live"} 1"#,
        r#"deskbridge_profile_answers_total{status="cached",origin="cache"} 1"#,
        r#"deskbridge_http_requests_total{route="/api/method/haravan_bitrix_customer_profile",status="200"} 2"#,
        &format!(
            r#"deskbridge_bitrix24_requests_total{{portal="{}"}} 2"#,
            bench.portal_url()
        ),
    ] {
        assert!(
            metrics.lines().any(|there| there == line),
            "{line}\n{metrics}"
        );
    }
}

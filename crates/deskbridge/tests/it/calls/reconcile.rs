//! Comparing calls with what the portal holds, by the command and the program as processes.

use serde_json::{Value, json};
use testkit::wait_for;

use super::*;

impl Calls {
    async fn reconcile(&self, more: &[&str]) -> Value {
        let mut arguments = vec!["calls", "reconcile", "--json"];
        arguments.extend(more);
        let said = self.bench.run(&arguments).await;
        assert_eq!(said.status, Some(0), "{}{}", said.out, said.err);
        serde_json::from_str(&said.out).unwrap()
    }

    /// Serves until the users are known, and fails from then on.
    async fn serve_and_fail(&self, rules: Value) -> Hub {
        let hub = self.serve().await;
        wait_for("the users to be known", async || {
            let journal = format!("{:?}", self.bench.portal.portal.journal());
            journal.contains("user.get").then_some(())
        })
        .await;
        self.fail(rules);
        hub
    }

    /// Waits until so many calls are over and everything that follows from them is planned.
    async fn are_over(&self, number: usize) {
        wait_for("the calls to be over", async || {
            let said = self.bench.run(&["calls", "list", "--json"]).await;
            let over = said.out.lines().filter(|line| {
                let call: Value = serde_json::from_str(line).unwrap();
                !call["result"].is_null()
            });
            (over.count() == number).then_some(())
        })
        .await;
    }

    async fn effects(&self, state: &str) -> Vec<Value> {
        let said = self
            .bench
            .run(&["effects", "list", "--state", state, "--json"])
            .await;
        let lines = said.out.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// Whatever is told of calls is answered so, alone or with others.
fn every(answer: &Value) -> Value {
    json!([{"when": "telephony.*", "answer": answer}, {"when": "batch", "answer": answer}])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_portal_refused_for_a_while_is_there_once_afterwards() {
    let calls = Calls::new().await;
    let refused = json!({
        "status": 400, "json": {"error": "ERROR_CORE", "error_description": "User is not found or is not active"},
    });
    let hub = calls.serve_and_fail(every(&refused)).await;
    calls.replay_at("inbound_answered", 4.0).await;
    calls.replay_at("outbound_answered", 4.0).await;
    calls.are_over(2).await;
    calls.has_no_open_effects(&hub).await;
    calls.fail(json!([]));
    let dry = calls.reconcile(&["--dry-run"]).await;
    assert_eq!(dry["findings"].as_array().unwrap().len(), 2, "{dry}");
    assert_eq!(calls.calls().len(), 0);
    let said = calls.bench.run(&["calls", "reconcile", "--dry-run"]).await;
    for words in [
        "2 calls since",
        "not in the portal, given up",
        "would be written again",
        "dry run",
    ] {
        assert!(said.out.contains(words), "{words} in {}", said.out);
    }
    let report = calls.reconcile(&[]).await;
    assert!(report["writes_sent_again"].as_u64() >= Some(4), "{report}");
    wait_for("both calls to be there", async || {
        let there = calls.calls();
        let are_recorded = there.iter().all(|call| call.recording.is_some());
        (there.len() == 2 && are_recorded).then_some(())
    })
    .await;
    calls.has_no_open_effects(&hub).await;
    let there = calls.calls();
    assert_eq!(there.len(), 2, "{there:#?}");
    for call in &there {
        assert_eq!(call.finish.as_ref().unwrap().status_code, "200");
        assert_eq!((call.registrations, call.recordings_attached), (1, 1));
    }
    let report = calls.reconcile(&["--again"]).await;
    assert_eq!(report["findings"], json!([]), "{report}");
    assert_eq!((&report["calls"], &report["held"]), (&json!(2), &json!(2)));
    // Somebody changes a call in the portal: that is shown, and left as it is.
    let portal = &calls.bench.portal.portal;
    let mut data = portal.data();
    let is_ours = |row: &&mut serde_json::Map<String, Value>| {
        let key = row.get("EXTERNAL_CALL_ID").and_then(Value::as_str);
        key.is_some_and(|key| key.starts_with("office:"))
    };
    let ours = data.statistics.iter_mut().find(is_ours).unwrap();
    ours.insert("CALL_DURATION".to_owned(), "600".into());
    portal.set_data(data).unwrap();
    let report = calls.reconcile(&["--again"]).await;
    assert_eq!(report["findings"][0]["field"], "duration", "{report}");
    assert_eq!(report["writes_sent_again"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_the_portal_is_left_alone_and_what_was_discarded_comes_back_when_asked_for()
{
    let calls = Calls::new().await;
    let down = json!({"status": 503, "html": "<h1>Down</h1>"});
    let hub = calls.serve_and_fail(every(&down)).await;
    calls.replay_at("inbound_answered", 4.0).await;
    calls.are_over(1).await;
    let report = calls.reconcile(&[]).await;
    assert_eq!(report["findings"][0]["action"], "wait", "{report}");
    assert_eq!(report["writes_sent_again"], 0);
    // An administrator throws away what waits; what is being tried just now a moment later.
    wait_for("everything to be discarded", async || {
        let open = calls.effects("pending").await;
        for effect in &open {
            let id = effect["id"].as_str().unwrap();
            calls.bench.run(&["effects", "discard", id]).await;
        }
        let running = calls.effects("running").await;
        (open.is_empty() && running.is_empty()).then_some(())
    })
    .await;
    calls.fail(json!([]));
    let report = calls.reconcile(&[]).await;
    assert_eq!(report["findings"][0]["action"], "not_asked", "{report}");
    assert_eq!(calls.calls().len(), 0);
    calls.reconcile(&["--again"]).await;
    let call = calls.finished(true).await;
    calls.has_no_open_effects(&hub).await;
    assert_eq!((calls.calls().len(), call.registrations), (1, 1));
    assert_eq!(calls.reconcile(&["--again"]).await["findings"], json!([]));
}

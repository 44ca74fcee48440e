//! Secrets show nowhere.

use std::fs;

use serde_json::json;
use simulators::{bitrix24, faults::Rule};

use crate::hub::{AGENT, Bench, PROFILE};

const SECRETS: [&str; 9] = [
    "hub-secret",
    bitrix24::CUSTOMER_SECRET,
    bitrix24::RESPONSIBLE_SECRET,
    "planted-shared-1",
    "planted-shared-2",
    "planted-admin-key",
    "planted-admin-secret",
    "planted-token-of-an-administrator",
    "an-secret",
];

fn look(what: &str, text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} shows in {what}: {text}");
    }
}

/// Every field of the configuration that may hold a secret, from the file, from the environment and from a
/// file of its own; everything that the program says, and everything that it keeps.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_shows_in_anything_that_the_program_says_or_keeps() {
    let bench = Bench::new().await;
    fs::write(bench.path("shared.secret"), "planted-shared-2\n").unwrap();
    let trace = "log = \"trace\"\nlog_format";
    bench.configure(|text| {
        let tokens = "admin_tokens = [\"planted-token-of-an-administrator\"]\nlisten";
        let text = text.replace("listen", tokens);
        text.replace("log_format", trace).replace(
            "api_key",
            "shared_secrets = [\"planted-shared-1\", { file = \"shared.secret\" }]\n\
             admin_api_key = \"planted-admin-key\"\nadmin_api_secret = \"planted-admin-secret\"\napi_key",
        )
    });
    let rules: Vec<Rule> = serde_json::from_value(json!([
        {"when": "*", "skip": 2, "times": 1, "answer": {"preset": "no_auth_found"}},
        {"when": "*", "skip": 3, "times": 1, "answer": "hang_up"},
        {"when": "*", "skip": 4, "times": 1, "answer": {"preset": "html"}},
    ]))
    .unwrap();
    bench.portal.portal.set_faults(rules).unwrap();
    let mut hub = bench.serve().await;
    for ticket in ["0001", "0002", "0003", "0004", "nope", "\"'/"] {
        for authorization in [AGENT, "token an-key:wrong", "Bearer an-secret"] {
            let (_, body) = hub
                .get(
                    &format!("{PROFILE}?ticket={ticket}&refresh=1"),
                    authorization,
                )
                .await;
            look("an answer", &body);
        }
    }
    let token = "Bearer planted-token-of-an-administrator";
    for authorization in [token, "Bearer planted-token-of-somebody"] {
        for address in [
            "events",
            "events?state=x",
            "events/stats",
            "effects",
            "openapi.json",
        ] {
            let (_, body) = hub.get(&format!("/api/v1/{address}"), authorization).await;
            look("an administrator's answer", &body);
        }
    }
    look("the metrics", &hub.get("/metrics", "").await.1);
    hub.process.terminate();
    hub.process.ended().await;
    let said = hub.process.said();
    assert!(said.contains("TRACE"), "the log is not at its loudest");
    look("the log", &said);
    let copy = bench.path("copy.db");
    for command in [
        &["doctor"][..],
        &["config", "check"],
        &["effects", "list", "--json"],
        &["events", "stats"],
        &["db", "check"],
        &["db", "backup", copy.to_str().unwrap()],
        &["bitrix24", "fields", "--json"],
        &["frappe", "diff"],
        &["frappe", "install"],
    ] {
        let said = bench.run(command).await;
        look(&command.join(" "), &format!("{}{}", said.out, said.err));
    }
    bench.portal.portal.set_faults(Vec::new()).unwrap();
    assert!(fs::metadata(&copy).unwrap().len() > 4_096);
    for name in ["deskbridge.db", "deskbridge.db-wal", "copy.db"] {
        if let Ok(bytes) = fs::read(bench.path(name)) {
            look(name, &String::from_utf8_lossy(&bytes));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_shows_when_the_configuration_is_wrong() {
    let bench = Bench::new().await;
    for (old, new) in [
        ("/rest/1/", "/rest/one/"),
        ("/rest/1/", "/nothing/"),
        (
            "webhook_url = \"http://",
            "webhook_url = \"http://user:planted-shared-1@",
        ),
        (
            "webhook_url = \"http://127",
            "webhook_url = \"http://portal.example:99999/127",
        ),
        ("api_secret = \"", "api_secret = \"\\n"),
        ("api_secret = \"", "api_secret = [\""),
        ("name = \"crm\"", "name = 1"),
    ] {
        bench.configure(|text| {
            assert!(text.contains(old), "{old}");
            text.replace(old, new)
        });
        for command in [&["config", "check"][..], &["doctor"]] {
            let said = bench.run(command).await;
            look(new, &format!("{}{}", said.out, said.err));
        }
    }
}

//! The simulators on the command line.

use std::fs;

use serde_json::json;
use testkit::captures;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

use crate::hub::{http, json_of};
use crate::process::{Running, command, run};

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_starts_from_files_and_misbehaves_as_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let http = http();
    let portal = Running::start(command(&["simulate", "bitrix24"]));
    let ready = portal.ready().await;
    let base = ready["http_url"].as_str().unwrap();
    let data = http
        .get(format!("{base}/_simulator/data"))
        .send()
        .await
        .unwrap();
    let mut data = json_of(data).await;
    drop(portal);
    data["companies"][0]["TITLE"] = json!("Another title");
    fs::write(path("data.json"), data.to_string()).unwrap();
    let faults =
        json!([{"when": "crm.company.get", "times": 1, "answer": {"preset": "overload_limit"}}]);
    fs::write(path("faults.json"), faults.to_string()).unwrap();
    let portal = Running::start(command(&[
        "simulate",
        "bitrix24",
        "--data",
        &path("data.json"),
        "--faults",
        &path("faults.json"),
        "--listen-tls",
        "127.0.0.1:0",
    ]));
    let ready = portal.ready().await;
    assert!(
        ready["https_url"]
            .as_str()
            .unwrap()
            .starts_with("https://127.0.0.1:")
    );
    assert!(
        ready["certificate_pem"]
            .as_str()
            .unwrap()
            .contains("BEGIN CERTIFICATE")
    );
    let webhook = ready["webhooks"][0]["url"].as_str().unwrap();
    let address = format!(
        "{webhook}crm.company.get?id={}",
        data["companies"][0]["ID"].as_str().unwrap()
    );
    let first = http.get(&address).send().await.unwrap();
    assert_eq!(first.status(), 503);
    let second = json_of(http.get(&address).send().await.unwrap()).await;
    assert_eq!(second["result"]["TITLE"], "Another title");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_starts_from_files_and_misbehaves_as_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let http = http();
    let data = json!({
        "users": [{
            "email": "an@helpdesk.example", "full_name": "An", "roles": ["Agent"],
            "api_key": "key", "api_secret": "secret",
        }],
        "documents": [{"doctype": "HD Customer", "name": "Quán Gió", "customer_name": "Quán Gió"}],
    });
    fs::write(path("data.json"), data.to_string()).unwrap();
    let faults = json!([{"when": "GET *", "times": 1, "answer": {"preset": "too_many_requests"}}]);
    fs::write(path("faults.json"), faults.to_string()).unwrap();
    let (data_file, faults_file) = (path("data.json"), path("faults.json"));
    let site = Running::start(command(&[
        "simulate",
        "frappe",
        "--data",
        &data_file,
        "--faults",
        &faults_file,
    ]));
    let ready = site.ready().await;
    assert_eq!(ready["users"][0]["authorization"], "token key:secret");
    let ask = async || {
        let address = format!(
            "{}/api/resource/HD%20Customer",
            ready["url"].as_str().unwrap()
        );
        let request = http
            .get(address)
            .header("authorization", "token key:secret");
        request.send().await.unwrap()
    };
    assert_eq!(ask().await.status(), 429);
    let listed = json_of(ask().await).await;
    assert_eq!(listed, json!({"data": [{"name": "Quán Gió"}]}));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_has_as_many_tickets_as_asked_for_and_the_plans_limits() {
    let http = http();
    let account = Running::start(command(&[
        "simulate",
        "freshdesk",
        "--tickets",
        "80",
        "--at",
        "2026-01-05T03:00:00Z",
        "--limits",
        "trial",
    ]));
    let ready = account.ready().await;
    let url = ready["url"].as_str().unwrap();
    let counts = http.get(format!("{url}/_simulator/counts")).send().await;
    assert_eq!(json_of(counts.unwrap()).await["tickets"], 80);
    let key = ready["keys"][0].as_str().unwrap();
    let list = http.get(format!("{url}/api/v2/companies"));
    let list = list.basic_auth(key, Some("X")).send().await.unwrap();
    assert_eq!(list.headers()["x-ratelimit-total"], "50");
    assert_eq!(list.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accounts_export_is_the_same_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut written = Vec::new();
    for name in ["one.zip", "two.zip"] {
        let path = folder.path().join(name);
        let path = path.to_str().unwrap();
        let said = run(&[
            "simulate",
            "freshdesk",
            "--tickets",
            "50",
            "--at",
            "2026-01-05T03:00:00Z",
            "--export",
            path,
        ])
        .await;
        assert_eq!((said.status, said.err.as_str()), (Some(0), ""));
        written.push(fs::read(path).unwrap());
    }
    assert!(written[0].starts_with(b"PK"));
    assert!(written[0] == written[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_call_happens_once_somebody_listens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answered.ami");
    let capture = captures::named("inbound_answered");
    fs::write(&path, &capture.bytes).unwrap();
    let pbx = Running::start(command(&[
        "simulate",
        "asterisk",
        "--user",
        "desk",
        "--secret",
        "bridge",
        "--capture",
        path.to_str().unwrap(),
        "--speed",
        "0",
    ]));
    let ready = pbx.ready().await;
    let address = ready["address"].as_str().unwrap();
    let (read, mut write) = TcpStream::connect(address).await.unwrap().into_split();
    let login = b"Action: Login\r\nUsername: desk\r\nSecret: bridge\r\n\r\n";
    write.write_all(login).await.unwrap();
    let mut lines = BufReader::new(read).lines();
    let mut hangups = 0;
    let recorded = String::from_utf8_lossy(&capture.bytes);
    while hangups < recorded.matches("\r\nEvent: Hangup\r\n").count() {
        let line = lines.next_line().await.unwrap().unwrap();
        hangups += usize::from(line == "Event: Hangup");
    }
    assert!(hangups > 0);
    let events = recorded.matches("\r\nEvent: ").count();
    assert_eq!(pbx.line(1).await, json!({"events": events}));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_read_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.json");
    fs::write(&file, "{\"documents\": [{\"doctype\": \"Nothing\"}]}").unwrap();
    let file = file.to_str().unwrap();
    for (arguments, expected) in [
        (["simulate", "bitrix24", "--data", file], "documents"),
        (["simulate", "frappe", "--data", file], "Nothing"),
        (["simulate", "frappe", "--faults", file], "faults"),
        (["simulate", "freshdesk", "--faults", file], "faults"),
        (["simulate", "asterisk", "--capture", file], "no recording"),
        (
            ["simulate", "frappe", "--data", "/nowhere.json"],
            "/nowhere.json",
        ),
    ] {
        let said = run(&arguments).await;
        assert_eq!(said.status, Some(1), "{expected}");
        assert!(
            said.err.contains(expected) || said.err.contains(file),
            "{}",
            said.err
        );
    }
}

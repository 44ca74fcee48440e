//! The portal as clients see it: over real sockets.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::*;

/// A portal with one webhook of all scopes and nothing else.
fn empty() -> Data {
    Data::default()
        .webhook(Webhook::new(1, "s3cret", ["crm", "user"]))
        .user(json!({"ID": "1", "ACTIVE": true, "NAME": "An", "EMAIL": "an@shop.example"}))
}

async fn started(data: Data) -> Running {
    let options = Options {
        data,
        ..Options::default()
    };
    start(options).await.unwrap()
}

/// Posts JSON on a connection of its own; the answer is status and body.
async fn post(running: &Running, path: &str, body: &Value) -> (u16, String) {
    let address = running.http_url.as_deref().unwrap();
    let address = address.strip_prefix("http://").unwrap();
    let mut socket = TcpStream::connect(address).await.unwrap();
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let status = answer.get(9..12).unwrap().parse().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (status, body.to_owned())
}

async fn call(running: &Running, method: &str, params: Value) -> Value {
    let (_, body) = post(running, &format!("/rest/1/s3cret/{method}"), &params).await;
    serde_json::from_str(&body).unwrap()
}

#[tokio::test]
async fn a_company_is_listed_got_and_batched() {
    let data =
        empty().company(json!({"ID": "7", "TITLE": "Hoa", "UF_CRM_COMPANY_ID": "200000000007"}));
    let running = started(data).await;
    let listed = call(
        &running,
        "crm.company.list",
        json!({"filter": {"=UF_CRM_COMPANY_ID": "200000000007"}, "select": ["TITLE"], "start": -1}),
    )
    .await;
    assert_eq!(listed["result"], json!([{"ID": "7", "TITLE": "Hoa"}]));
    let got = call(&running, "crm.company.get", json!({"ID": 7})).await;
    assert_eq!(got["result"]["TITLE"], "Hoa");
    let batch = call(
        &running,
        "batch",
        json!({"halt": 0, "cmd": {"c": "crm.company.get?id=7", "u": "user.get?ID=1", "n": "crm.company.get?id=8"}}),
    )
    .await;
    assert_eq!(batch["result"]["result"]["c"]["ID"], "7");
    assert_eq!(
        batch["result"]["result"]["u"][0]["EMAIL"],
        "an@shop.example"
    );
    assert_eq!(
        batch["result"]["result_error"]["n"]["error_description"],
        "Not found"
    );
}

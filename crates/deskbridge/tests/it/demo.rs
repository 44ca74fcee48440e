//! The demonstration.

use crate::hub::{http, json_of};
use crate::process::{Running, command};

#[tokio::test(flavor = "multi_thread")]
async fn every_ticket_of_the_demo_shows_what_was_promised() {
    let mut demo = Running::start(command(&["demo", "--listen", "127.0.0.1:0", "--json"]));
    let ready = demo.ready().await;
    let hub = ready["hub"].as_str().unwrap();
    let http = http();
    let page = http.get(hub).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("demo.json"), "{page}");
    let of_page = http.get(format!("{hub}/demo.json")).send().await.unwrap();
    assert_eq!(json_of(of_page).await, ready);
    let tickets = ready["tickets"].as_array().unwrap();
    assert!(tickets.len() >= 10, "{}", tickets.len());
    for ticket in tickets {
        let name = ticket["name"].as_str().unwrap();
        let response = http
            .get(format!("{hub}{}?ticket={name}", crate::hub::PROFILE))
            .header("authorization", ready["authorization"].as_str().unwrap())
            .send()
            .await
            .unwrap();
        let expected = &ticket["expect"];
        assert_eq!(response.status().as_u16(), expected["http"], "{name}");
        let body = json_of(response).await;
        let bitrix = &body["message"]["data"]["bitrix"];
        for (key, shown) in [
            ("status", &bitrix["status"]),
            ("company_name", &bitrix["company"]["company_name"]),
            ("matches", &bitrix["matches"]),
        ] {
            assert_eq!(shown, &expected[key], "{key} of {name}");
        }
    }
    demo.terminate();
    assert!(demo.ended().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_prints_lines_to_copy() {
    let mut demo = Running::start(command(&["demo", "--listen", "127.0.0.1:0"]));
    let curl = testkit::wait_for("a curl line", async || {
        let said = demo.said();
        let line = said.lines().find(|line| line.contains("curl "))?;
        Some(line.trim().to_owned())
    })
    .await;
    let answer = std::process::Command::new("sh")
        .args(["-c", &curl])
        .output()
        .unwrap();
    let answer = String::from_utf8(answer.stdout).unwrap();
    assert!(
        answer.contains("\"status\":\"matched\""),
        "{curl}: {answer}"
    );
    demo.terminate();
    assert!(demo.ended().await.success());
}

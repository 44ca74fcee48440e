//! What comes from outside and must not be believed, and what must be answered in time.

use std::time::Duration;

use simulators::{bitrix24::Workday, faults::Rule};
use tokio::time::Instant;

use super::*;

impl Clicks {
    /// What the dialplan is answered about a number.
    async fn lookup(&self, hub: &Hub, phone: &str, more: &str) -> (StatusCode, String) {
        let address = format!("/pbx/office/responsible?phone={phone}&token={LOOKUP_TOKEN}{more}");
        hub.get(&address, "").await
    }

    /// How often the portal was asked who has a number.
    fn lookups(&self) -> usize {
        let asked = self.bench.portal.portal.journal();
        let asked = asked.iter().flat_map(|entry| {
            let commands = entry.commands.iter().map(|command| command.method.as_str());
            commands.chain([entry.method.as_str()]).collect::<Vec<_>>()
        });
        asked
            .filter(|method| {
                method.eq_ignore_ascii_case("telephony.externalCall.searchCrmEntities")
            })
            .count()
    }
}

#[tokio::test]
async fn the_dialplan_is_told_who_is_responsible_and_remembers_it() {
    let clicks = Clicks::new(ami::Options::default()).await;
    let hub = clicks.serve().await;
    let number = CLIENT.replace('+', "%2B");
    let (status, body) = clicks.lookup(&hub, &number, "").await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "101"));
    let (status, body) = clicks.lookup(&hub, &number, "&format=json").await;
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (&body["extension"], &body["user_id"]),
        (&"101".into(), &OF_101.into())
    );
    assert_eq!(body["name"], "Olga");
    // In the national spelling it is the same client.
    let (_, body) = clicks.lookup(&hub, "89169990011", "").await;
    assert_eq!(body, "101");
    assert_eq!(clicks.lookups(), 1);
    stopped(hub).await;
}

#[tokio::test]
async fn who_is_not_at_work_takes_no_calls() {
    for (workday, expected) in [
        (Workday::Closed, ""),
        (Workday::Paused, ""),
        (Workday::Expired, ""),
        (Workday::Opened, "101"),
    ] {
        let clicks = Clicks::new(ami::Options::default()).await;
        clicks.bench.portal.portal.set_workday(OF_101, workday);
        let hub = clicks.serve().await;
        let (status, body) = clicks.lookup(&hub, "79169990011", "").await;
        assert_eq!(
            (status, body.as_str()),
            (StatusCode::OK, expected),
            "{workday:?}"
        );
        stopped(hub).await;
    }
}

#[tokio::test]
async fn the_dialplan_is_answered_in_time_though_the_portal_is_not() {
    let clicks = Clicks::new(ami::Options::default()).await;
    let hub = clicks.serve().await;
    let hangs: Vec<Rule> = serde_json::from_value(serde_json::json!([
        {"when": "telephony.externalcall.searchcrmentities", "delay_ms": 20_000},
    ]))
    .unwrap();
    clicks.bench.portal.portal.set_faults(hangs).unwrap();
    let asked_at = Instant::now();
    let (status, body) = clicks.lookup(&hub, "79169990011", "&format=json").await;
    // The deadline is a second; the portal answers after twenty.
    assert!(
        asked_at.elapsed() < Duration::from_secs(10),
        "{:?}",
        asked_at.elapsed()
    );
    assert_eq!(status, StatusCode::OK);
    assert!(body.contains("\"extension\":null"), "{body}");
    assert!(body.contains("did not answer in time"), "{body}");
    stopped(hub).await;
}

#[tokio::test]
async fn nobody_is_told_without_the_token_and_nothing_ends_a_line() {
    let clicks = Clicks::new(ami::Options::default()).await;
    let hub = clicks.serve().await;
    let answers = [
        "/pbx/office/responsible?phone=79169990011",
        "/pbx/office/responsible?phone=79169990011&token=another",
        "/pbx/office/responsible?phone=79169990011&token=",
        // Which connections there are is nobody's business.
        "/pbx/nowhere/responsible?phone=79169990011&token=another",
    ];
    let mut statuses = Vec::new();
    for address in answers {
        let (status, body) = hub.get(address, "").await;
        assert!(!body.contains("101"), "{address}: {body}");
        statuses.push(status);
    }
    assert!(
        statuses
            .iter()
            .all(|status| *status == StatusCode::UNAUTHORIZED || *status == StatusCode::FORBIDDEN),
        "{statuses:?}"
    );
    assert_eq!(statuses[1], statuses[3]);
    assert_eq!(clicks.lookups(), 0);
    for phone in [
        "%2B7%0D%0A916%0D%0AAction:+Command",
        "%00",
        "",
        "anonymous",
        "%F0%9F%93%9E",
    ] {
        let (status, body) = clicks.lookup(&hub, phone, "").await;
        assert_eq!(status, StatusCode::OK, "{phone}: {body}");
        assert_eq!(body, "", "{phone}");
    }
    let long = "7".repeat(500);
    let (status, _) = clicks.lookup(&hub, &long, "").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    stopped(hub).await;
}

#[tokio::test]
async fn an_installation_that_proves_nothing_is_refused() {
    let clicks = Clicks::new(ami::Options::default()).await;
    let hub = clicks.serve().await;
    let portal = &clicks.bench.portal.portal;
    let tokens = portal.install(CLIENT_ID).unwrap();
    let form = portal.install_form(CLIENT_ID, &tokens, InstallCallback::Event);
    let form = form.unwrap();
    let without = |name: &str| {
        let parts = form.split('&').filter(|part| !part.contains(name));
        parts.collect::<Vec<_>>().join("&")
    };
    let host = clicks.bench.portal_url().trim_start_matches("http://");
    let host: String = host.replace(':', "%3A");
    assert!(form.contains(&host), "{form}");
    let install = async |name: &str, body: String| {
        let address = format!("{}/bitrix24/{name}/install", clicks.url);
        let kind = "application/x-www-form-urlencoded";
        let request = http().post(address).header("content-type", kind).body(body);
        request.send().await.unwrap().status().as_u16()
    };
    let dumb = form.replace(&tokens.access_token, "planted-forged-token");
    assert_ne!(dumb, form);
    for (name, body, expected) in [
        ("crm", form.replace(&host, "portal.example"), [401, 401]),
        ("crm", dumb, [401, 401]),
        ("crm", without("access_token"), [400, 401]),
        ("crm", without("domain"), [400, 401]),
        ("crm", String::new(), [400, 401]),
        ("crm", "%00%ff=%".to_owned(), [400, 401]),
        ("elsewhere", form.clone(), [404, 404]),
    ] {
        let status = install(name, body.clone()).await;
        assert!(expected.contains(&status), "{status} for {name} {body}");
    }
    // None of it has replaced what was installed: the portal's own events are believed.
    clicks.click().await;
    assert_eq!(install("crm", form).await, 200);
    stopped(hub).await;
}

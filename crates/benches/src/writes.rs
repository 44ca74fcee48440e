//! Writes whose answers get lost.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use bitrix24::{Call, Client, Limits, Options, Outcome, Portal, Webhook};
use serde_json::{Value, json};
use simulators::{bitrix24 as simulator, clock::Clock};
use tokio::time::Instant;

/// Writes so many companies while every first answer is lost, half of them after the write ran.
pub(crate) async fn measure(count: usize) -> anyhow::Result<Value> {
    let clock = Clock::system();
    let running = simulator::start(simulator::Options {
        data: simulator::sample(clock.now()),
        limits: simulator::Limits::off(),
        clock,
        ..simulator::Options::default()
    })
    .await?;
    let client = client(&running)?;
    let start = Instant::now();
    for at in 0..count {
        let rule = json!([{"when": "crm.company.add", "times": 1, "execute": at % 2 == 0, "answer": "hang_up"}]);
        running.portal.set_faults(serde_json::from_value(rule)?)?;
        make(&client, &origin(at)).await?;
    }
    let seconds = start.elapsed().as_secs_f64();
    let data = serde_json::to_value(running.portal.data())?;
    let companies = data.get("companies").and_then(Value::as_array);
    let mut copies: BTreeMap<&str, usize> = BTreeMap::new();
    for company in companies.context("the portal shows no companies")? {
        if let Some(origin) = company.get("ORIGIN_ID").and_then(Value::as_str) {
            *copies.entry(origin).or_default() += 1;
        }
    }
    let copies_of = |at| copies.get(origin(at).as_str()).copied().unwrap_or_default();
    let duplicates: usize = (0..count).map(|at| copies_of(at).saturating_sub(1)).sum();
    let missing = (0..count).filter(|at| copies_of(*at) == 0).count();
    let lost = running.portal.counts().faults;
    Ok(json!({
        "writes": count, "lost": lost, "duplicates": duplicates, "missing": missing, "seconds": seconds,
    }))
}

fn origin(at: usize) -> String {
    format!("origin {at}")
}

fn client(running: &simulator::Running) -> anyhow::Result<Client> {
    let base = running
        .http_url
        .as_deref()
        .context("the portal has no address")?;
    let webhooks = running.portal.webhooks();
    let webhook = webhooks.iter().find(|webhook| {
        let user = webhook.scopes.iter().any(|scope| scope == "user");
        user && webhook.active && webhook.expires_at.is_none()
    });
    let path = webhook.context("the portal has no webhook")?.path();
    let webhook: Webhook = format!("{base}{path}").parse()?;
    let options = Options {
        limits: Limits {
            capacity: 10_000,
            per_second: 10_000,
        },
        ..Options::default()
    };
    Ok(Portal::new(webhook.portal_base(), &options)?.client(webhook)?)
}

/// Writes once, and where nobody knows whether it ran looks before it writes again.
async fn make(client: &Client, origin: &str) -> anyhow::Result<()> {
    loop {
        let add = Call::write("crm.company.add")
            .param("fields", json!({"TITLE": origin, "ORIGIN_ID": origin}));
        match client.write(add).await {
            Outcome::Done(_) => return Ok(()),
            Outcome::NotSent(_) => {}
            Outcome::Refused(error) => bail!(error),
            Outcome::Unknown(_) => {
                let look = Call::read("crm.company.list")
                    .filter("=ORIGIN_ID", origin)
                    .select(["ID", "ORIGIN_ID"]);
                if !client.call(look).await?.rows()?.is_empty() {
                    return Ok(());
                }
            }
        }
    }
}

//! Independent lookups that arrive together.

use anyhow::Context as _;
use bitrix24::{Call, Options, Portal, Webhook};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::Instant;

/// Looks one company up for each value, all at once, with a client that has no connection yet.
pub(crate) async fn measure(webhook: &str, values: &[&str]) -> anyhow::Result<Value> {
    let webhook: Webhook = webhook.parse().context("the webhook cannot be read")?;
    let portal = Portal::new(webhook.portal_base(), &Options::default())?;
    let client = portal.client(webhook)?;
    let start = Instant::now();
    let lookups = values.iter().map(|value| {
        let call = Call::read("crm.company.list")
            .filter("=UF_CRM_COMPANY_ID", *value)
            .select(["ID", "UF_CRM_COMPANY_ID"])
            .without_count();
        client.call(call)
    });
    let answers = join_all(lookups).await;
    let seconds = start.elapsed().as_secs_f64();
    let right = |value: &str, answer: Result<bitrix24::Answer, bitrix24::Error>| {
        let rows = answer.ok().and_then(|answer| answer.rows().ok());
        let row = rows.as_ref().and_then(|rows| rows.first());
        row.and_then(|row| row.text("UF_CRM_COMPANY_ID")).as_deref() == Some(value)
    };
    let answers = values.iter().zip(answers);
    let answered = answers.map(|(value, answer)| right(value, answer));
    let answered = answered.filter(|right| *right).count();
    Ok(json!({"answered": answered, "seconds": seconds}))
}

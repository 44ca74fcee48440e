//! An export of all companies.

use anyhow::Context as _;
use bitrix24::{Options, Portal, Webhook};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::memory;

/// Exports all companies and looks whether their ids ascend.
pub(crate) async fn measure(webhook: &str) -> anyhow::Result<Value> {
    let webhook: Webhook = webhook.parse().context("the webhook cannot be read")?;
    let portal = Portal::new(webhook.portal_base(), &Options::default())?;
    let client = portal.client(webhook)?;
    let start = Instant::now();
    let mut companies = client
        .list("crm.company.list")
        .select(["ID", "TITLE"])
        .export();
    let (mut rows, mut ascending, mut last) = (0u64, true, None);
    while let Some(company) = companies.next().await {
        let id = company?.id("ID").context("a company has no id")?;
        ascending &= last.is_none_or(|last| last < id);
        last = Some(id);
        rows += 1;
    }
    let seconds = start.elapsed().as_secs_f64();
    let peak_mib = memory::peak_mib()?;
    Ok(json!({"rows": rows, "ascending": ascending, "seconds": seconds, "peak_mib": peak_mib}))
}

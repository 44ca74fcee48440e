//! Finds a company by a number and says who is responsible for it.
//!
//! ```text
//! cargo run -p bitrix24 --example company -- UF_CRM_COMPANY_ID 1000071001
//! ```
//!
//! Speaks to the portal of the webhook in `BITRIX24_WEBHOOK`, or, without one, to a simulated portal in this
//! process.

use std::{env, error::Error};

use bitrix24::{Call, Client, Options, Order, Portal, Webhook};
use simulators::{bitrix24 as simulator, clock::Clock};

async fn show(client: &Client, field: &str, value: &str) -> Result<String, bitrix24::Error> {
    let call = Call::read("crm.company.list")
        .filter(&format!("={field}"), value)
        .select(["ID", "TITLE", "ASSIGNED_BY_ID", field])
        .order("DATE_MODIFY", Order::Descending)
        .without_count();
    let rows = client.call(call).await?.rows()?;
    // A portal may ignore a condition on a field it does not know, and return everybody.
    let mut matching = rows
        .iter()
        .filter(|row| row.text(field).as_deref() == Some(value));
    let Some(company) = matching.next() else {
        return Ok(format!("no company has {field} {value}"));
    };
    let title = company.text("TITLE").unwrap_or_default();
    let link = company
        .id("ID")
        .map(|id| client.portal().base().company_url(id))
        .unwrap_or_default();
    let responsible = match company.id("ASSIGNED_BY_ID") {
        Some(id) => client.user_get(id).await?,
        None => None,
    };
    let email = responsible
        .filter(|user| user.flag("ACTIVE") == Some(true))
        .and_then(|user| user.text("EMAIL").map(|email| email.into_owned()))
        .unwrap_or_else(|| "nobody".to_owned());
    let others = matching.count();
    Ok(format!(
        "{title} ({link}), responsible: {email}, others with the same number: {others}"
    ))
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "an example is for reading")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let field = arguments.next();
    let field = field.unwrap_or_else(|| "UF_CRM_COMPANY_ID".to_owned());
    let value = arguments.next().unwrap_or_else(|| "1000071001".to_owned());
    let sample = simulator::start(simulator::Options {
        data: simulator::sample(Clock::system().now()),
        ..simulator::Options::default()
    })
    .await?;
    let webhook: Webhook = match env::var("BITRIX24_WEBHOOK") {
        Ok(webhook) => webhook.parse()?,
        Err(_) => {
            let webhooks = sample.portal.webhooks();
            let may_both = |webhook: &&simulator::Webhook| {
                let has = |scope: &str| webhook.scopes.iter().any(|one| one == scope);
                has("crm") && has("user")
            };
            let webhook = webhooks.iter().find(may_both);
            let path = webhook.ok_or("the sample has no such webhook")?.path();
            format!("{}{path}", sample.http_url.as_deref().unwrap_or_default()).parse()?
        }
    };
    let portal = Portal::new(webhook.portal_base(), &Options::default())?;
    let client = portal.client(webhook)?;
    println!("{}", show(&client, &field, &value).await?);
    Ok(())
}

//! Finds a company by a number and says who is responsible for it.
//!
//! ```text
//! cargo run -p bitrix24 --example company -- UF_CRM_TAX_ID 0301234567
//! ```
//!
//! Speaks to the portal of the webhook in `BITRIX24_WEBHOOK`, or, without one, to a small portal in this
//! process.

use std::{env, error::Error, sync::Arc};

use bitrix24::{Call, Client, Options, Order, Portal, Webhook};
use bytes::Bytes;
use simulators::server::{Handler, Listen, Reply, Request, Server};

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
    let field = arguments
        .next()
        .unwrap_or_else(|| "UF_CRM_TAX_ID".to_owned());
    let value = arguments.next().unwrap_or_else(|| "0301234567".to_owned());
    let small = Server::start(Listen::loopback(), Arc::new(SmallPortal)).await?;
    let webhook = env::var("BITRIX24_WEBHOOK");
    let webhook: Webhook = webhook
        .unwrap_or_else(|_| format!("{}/rest/1/secret/", small.url()))
        .parse()?;
    let portal = Portal::new(webhook.portal_base(), &Options::default())?;
    let client = portal.client(webhook)?;
    println!("{}", show(&client, &field, &value).await?);
    Ok(())
}

/// A portal with one company and one user.
struct SmallPortal;

impl Handler for SmallPortal {
    async fn handle(&self, request: Request) -> Reply {
        let body = match request.path().rsplit('/').next() {
            Some("crm.company.list.json") => {
                r#"{"result":[{"ID":"42","TITLE":"Hoa Sen","ASSIGNED_BY_ID":"7","UF_CRM_TAX_ID":"0301234567"}],"total":0}"#
            }
            Some("user.get.json") => {
                r#"{"result":[{"ID":"7","ACTIVE":true,"EMAIL":"an@helpdesk.example"}],"total":1}"#
            }
            _ => r#"{"error":"ERROR_METHOD_NOT_FOUND","error_description":"Method not found!"}"#,
        };
        Reply::Answer(http::Response::new(Bytes::from_static(body.as_bytes())))
    }
}

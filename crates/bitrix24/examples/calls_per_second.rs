//! How many calls one after another and all at once, and how many rows of an export, this client gets
//! through on this machine, against a server in the same process that does next to nothing.
//!
//! ```text
//! cargo run --release -p bitrix24 --example calls_per_second
//! ```

use std::{error::Error, sync::Arc, time::Duration};

use bitrix24::{Call, Client, Limits, Options, Portal, Webhook};
use bytes::Bytes;
use futures_util::future::join_all;
use simulators::server::{Handler, Listen, Reply, Request, Server};
use tokio::time::Instant;

const CALLS: u32 = 20_000;
const ROWS: u64 = 50_000;

/// Answers single calls with one company, and batches of pages with the rows they ask for.
struct Trivial;

impl Handler for Trivial {
    async fn handle(&self, request: Request) -> Reply {
        let body = match request.path().ends_with("/batch.json") {
            true => batch(&request.body).unwrap_or_else(|| "{}".to_owned()),
            false => r#"{"result":{"ID":"7","TITLE":"Seven"},"time":{"operating":0.1}}"#.to_owned(),
        };
        Reply::Answer(http::Response::new(Bytes::from(body)))
    }
}

fn batch(body: &[u8]) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    let mut results = Vec::new();
    for (label, command) in body.get("cmd")?.as_object()? {
        let bound = |key: &str| {
            let (_, value) = command.as_str()?.split_once(key)?;
            value.split('&').next()?.parse::<u64>().ok()
        };
        let after = bound("filter[%3EID]=").unwrap_or(0);
        let until = bound("filter[%3C%3DID]=").unwrap_or(ROWS).min(ROWS);
        let first = match command.as_str()?.contains("DESC") {
            true => (ROWS - 49..=ROWS).rev().collect::<Vec<_>>(),
            false => (after + 1..=until).take(50).collect(),
        };
        let row = |id: &u64| {
            format!(
                r#"{{"ID":"{id}","TITLE":"Company {id}","COMPANY_TYPE":"CUSTOMER","ASSIGNED_BY_ID":"1"}}"#
            )
        };
        let rows: Vec<String> = first.iter().map(row).collect();
        results.push(format!(r#""{label}":[{}]"#, rows.join(",")));
    }
    let results = results.join(",");
    Some(format!(
        r#"{{"result":{{"result":{{{results}}},"result_error":[]}},"time":{{}}}}"#
    ))
}

async fn client(url: &str) -> Result<Client, Box<dyn Error>> {
    let webhook: Webhook = format!("{url}/rest/1/secret/").parse()?;
    let options = Options {
        limits: Limits {
            capacity: 10_000_000,
            per_second: 1_000_000,
        },
        deadline: Duration::from_secs(30),
        waiting_max: CALLS as usize,
        ..Options::default()
    };
    let portal = Portal::new(webhook.portal_base(), &options)?;
    Ok(portal.client(webhook)?)
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "a measurement is for reading")]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = Server::start(Listen::loopback(), Arc::new(Trivial)).await?;
    let client = client(&server.url()).await?;
    let call = |id: u32| Call::read("crm.company.get").param("id", id);
    for id in 0..CALLS / 10 {
        client.call(call(id)).await?;
    }
    let start = Instant::now();
    for id in 0..CALLS {
        client.call(call(id)).await?;
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{:.0} calls a second, one after another",
        f64::from(CALLS) / seconds
    );

    let start = Instant::now();
    let answers = join_all((0..CALLS).map(|id| client.call(call(id)))).await;
    answers.into_iter().collect::<Result<Vec<_>, _>>()?;
    let seconds = start.elapsed().as_secs_f64();
    let requests = client.portal().counters().batches;
    println!(
        "{:.0} calls a second, all at once, in {requests} batches",
        f64::from(CALLS) / seconds
    );

    let start = Instant::now();
    let mut rows = client
        .list("crm.company.list")
        .select(["ID", "TITLE"])
        .export();
    let mut seen = 0u32;
    while let Some(row) = rows.next().await {
        row?;
        seen += 1;
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{:.0} rows a second, exporting {seen}",
        f64::from(seen) / seconds
    );
    Ok(())
}

//! `deskbridge demo`: simulated systems with invented data, a hub before them, a page to look at.

mod page;

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::Args;
use deskbridge_core::Clock;
use deskbridge_http::server;
use deskbridge_store::Store;
use serde::Serialize;
use serde_json::json;
use simulators::{
    bitrix24, frappe,
    sample_facts::{Case, SHOPS},
};

use super::{
    say,
    serve::{listen, stopped},
};
use crate::{
    config::{Config, LogFormat},
    telemetry,
    wire::{App, Connections},
};

/// The agent who looks at the demo, of the sample helpdesk's team.
const AGENT: usize = 0;
/// The hub's own user in the sample helpdesk.
const HUB: usize = 3;
/// Where links into the CRM lead; the simulated portal has no pages, and the popup opens nothing but HTTPS.
const PORTAL_URL: &str = "https://portal.example";

#[derive(Args)]
pub(crate) struct DemoArguments {
    /// Where the hub listens; port 0 picks a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8700")]
    listen: SocketAddr,
    /// One line of JSON when everything is ready, and nothing else.
    #[arg(long)]
    json: bool,
}

/// A ticket of the demo and what its profile shows.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct DemoTicket {
    name: String,
    subject: String,
    expect: Expectation,
    /// How the customer is found, or why not.
    why: &'static str,
}

/// What the answer to a ticket holds.
#[derive(Clone, Debug, Serialize)]
struct Expectation {
    /// HTTP status for the demo agent.
    http: u16,
    /// `data.bitrix.status` of the first answer; a later one out of the cache is `cached`.
    status: Option<&'static str>,
    /// `data.bitrix.company.company_name`.
    company_name: Option<&'static str>,
    /// `data.bitrix.matches`.
    matches: Option<usize>,
}

/// Everything that runs, for as long as this is held.
struct Stage {
    portal: bitrix24::Running,
    site: frappe::Running,
    /// Holds the database.
    _folder: tempfile::TempDir,
    app: App,
}

pub(super) async fn run(arguments: DemoArguments) -> anyhow::Result<ExitCode> {
    let log = if arguments.json { "error" } else { "warn" };
    telemetry::start(log, LogFormat::Text)?;
    let listener = listen(arguments.listen).await?;
    let hub = format!("http://{}", listener.local_addr()?);
    let stage = Stage::set().await?;
    let accounts = frappe::SAMPLE_ACCOUNTS;
    let authorization = authorization(accounts.get(AGENT))?;
    let subject = |name: &str| {
        let ticket = stage.site.site.document("HD Ticket", name);
        ticket
            .get("subject")
            .and_then(|subject| subject.as_str().map(str::to_owned))
    };
    let tickets = Case::ALL.into_iter().map(|case| demo_ticket(case, subject));
    let tickets: Vec<DemoTicket> = tickets.collect();
    let ready = json!({
        "hub": hub,
        "authorization": authorization,
        "tickets": tickets,
        "frappe": stage.site.url,
        "bitrix24": stage.portal.http_url,
        "accounts": accounts.iter().map(|account| json!({
            "user": account.0, "authorization": format!("token {}:{}", account.1, account.2),
        })).collect::<Vec<_>>(),
    });
    let router = page::router(&ready).merge(stage.app.router.clone());
    if arguments.json {
        say(ready.to_string())?;
    } else {
        introduce(&hub, &authorization, &stage, &tickets)?;
    }
    server::serve(listener, router, stopped()?, Duration::from_secs(5)).await;
    stage.app.tasks.shut_down(Duration::from_secs(5)).await;
    Ok(ExitCode::SUCCESS)
}

fn authorization(account: Option<&(&str, &str, &str, &str)>) -> anyhow::Result<String> {
    let (_, key, secret, _) = account.context("the sample helpdesk has no such account")?;
    Ok(format!("token {key}:{secret}"))
}

impl Stage {
    /// Starts the simulated systems and the hub before them.
    async fn set() -> anyhow::Result<Self> {
        let now = Clock::system().now();
        let portal = bitrix24::start(bitrix24::Options {
            data: bitrix24::sample(now),
            ..bitrix24::Options::default()
        })
        .await
        .context("starting the simulated portal")?;
        let portal_url = portal
            .http_url
            .clone()
            .context("the simulated portal has no address")?;
        let webhooks = portal.portal.data().webhooks;
        let address = |scope: &str| {
            let webhook = webhooks.iter().find(|webhook| webhook.scopes == [scope]);
            webhook.map(|webhook| format!("{portal_url}{}", webhook.path()))
        };
        let webhook =
            address("crm").context("the simulated portal has no webhook for companies")?;
        let users =
            address("user_basic").context("the simulated portal has no webhook for users")?;
        let site = frappe::start(frappe::Options {
            data: frappe::sample(now).with_bitrix(&webhook, &users, PORTAL_URL),
            keep_alive: true,
            ..frappe::Options::default()
        })
        .await
        .context("starting the simulated helpdesk")?;
        let folder = tempfile::tempdir().context("making a folder for the database")?;
        let (_, key, secret, _) = frappe::SAMPLE_ACCOUNTS
            .get(HUB)
            .context("the sample helpdesk has no user for the hub")?;
        let text = format!(
            "[[frappe]]\nname = \"helpdesk\"\nurl = \"{}\"\napi_key = \"{key}\"\napi_secret = \"{secret}\"\n\
             [profile]\nsettings = \"helpdesk\"\nsettings_refresh_seconds = 5\n",
            site.url
        );
        let path = folder.path().join("deskbridge.toml");
        std::fs::write(&path, text).context("writing the demo's configuration")?;
        let config = Config::load(&path, &[])?;
        let store = Store::open(&config.database()).context("opening the database")?;
        let app = App::start(&config, &[], Connections::of(&config, &[])?, store).await?;
        Ok(Self {
            portal,
            site,
            _folder: folder,
            app,
        })
    }
}

fn introduce(
    hub: &str,
    authorization: &str,
    stage: &Stage,
    tickets: &[DemoTicket],
) -> anyhow::Result<()> {
    let portal = stage.portal.http_url.as_deref().unwrap_or_default();
    say("Deskbridge runs with simulated systems; all people, shops and numbers are invented.")?;
    say("")?;
    say(format!("  Look at it     {hub}/"))?;
    say(format!(
        "  Helpdesk       {}  (simulated Frappe)",
        stage.site.url
    ))?;
    say(format!("  CRM            {portal}  (simulated Bitrix24)"))?;
    say("")?;
    say("The profile of a ticket, as the agent An Trần:")?;
    say("")?;
    for ticket in tickets {
        say(format!("  # {}", ticket.why))?;
        say(format!(
            "  curl -s -H 'Authorization: {authorization}' '{hub}/api/method/haravan_bitrix_customer_profile?ticket={}'",
            ticket.name
        ))?;
    }
    say("")?;
    say("With its leads and deals, and asked anew:")?;
    say("")?;
    say(format!(
        "  curl -s -H 'Authorization: {authorization}' '{hub}/api/method/haravan_bitrix_customer_profile?ticket=0001&history=1&refresh=1'"
    ))?;
    say("")?;
    say("Ctrl-C ends it; nothing is kept.")
}

/// The ticket that shows a case, and what its profile holds.
fn demo_ticket(case: Case, subject: impl Fn(&str) -> Option<String>) -> DemoTicket {
    let shop = SHOPS.iter().find(|shop| shop.case == case);
    let matched = |why| {
        (
            200,
            Some("matched"),
            shop.map(|shop| shop.shop_name),
            Some(1),
            why,
        )
    };
    let (http, status, company_name, matches, why) = match case {
        Case::ProfileOrgId => matched("found by the ticket's own company id"),
        Case::CustomerOrgId => matched("found by the customer's org id"),
        Case::CustomerName => matched("found by the number in the customer's name"),
        Case::ContactEmail => matched("found through the contact's e-mail address"),
        Case::ContactPhone => {
            matched("found through the contact's phone, written otherwise in the CRM")
        }
        Case::CustomerDomain => matched("found by the customer's domain"),
        Case::UnknownCompany => (
            200,
            Some("not_found"),
            None,
            Some(0),
            "the CRM has no such company",
        ),
        Case::RestrictedTeam => (403, None, None, None, "a ticket of another team"),
        Case::Ambiguous => (
            200,
            Some("matched"),
            shop.map(|shop| shop.shop_name),
            Some(2),
            "two companies carry the id; the one that was changed last is shown",
        ),
        Case::InactiveResponsible => matched("the responsible user has left"),
        Case::Portal => matched("raised by the customer in the portal"),
        Case::Nothing => (
            200,
            Some("missing_orgid"),
            None,
            Some(0),
            "there is nothing to look for",
        ),
    };
    let name = format!("{:04}", case.ticket());
    DemoTicket {
        subject: subject(&name).unwrap_or_default(),
        name,
        expect: Expectation {
            http,
            status,
            company_name,
            matches,
        },
        why,
    }
}

//! The client against the simulated portal, which is written from the reference and shares no code with it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what every test needs outside its own function too"
)]

mod conformance;
mod faults;
mod telephony;
mod writes;

use bitrix24::{Client, Options, Portal, Webhook};
use simulators::{bitrix24 as simulator, clock::Clock};

/// A portal with the sample's companies.
async fn sample_portal(limits: simulator::Limits) -> simulator::Running {
    let clock = Clock::system();
    simulator::start(simulator::Options {
        data: simulator::sample(clock.now()),
        limits,
        clock,
        ..simulator::Options::default()
    })
    .await
    .unwrap()
}

/// A client of the webhook with this path.
fn client(running: &simulator::Running, path: &str, options: &Options) -> Client {
    let base = running.http_url.as_deref().unwrap();
    let webhook: Webhook = format!("{base}{path}").parse().unwrap();
    let portal = Portal::new(webhook.portal_base(), options).unwrap();
    portal.client(webhook).unwrap()
}

/// The path of a webhook in force that has this scope.
fn path_with_scope(running: &simulator::Running, scope: &str) -> String {
    let webhooks = running.portal.webhooks();
    let found = webhooks.iter().find(|webhook| {
        webhook.active
            && webhook.expires_at.is_none()
            && webhook.scopes.iter().any(|one| one == scope)
    });
    found.unwrap().path()
}

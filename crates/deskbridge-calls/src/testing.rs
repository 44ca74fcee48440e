//! What several tests of this crate need.

use jiff::Timestamp;
use simulators::bitrix24::{self as portal, Webhook};

/// The secret of the webhook by which tests ask a portal.
pub(crate) const SECRET: &str = "telephony7sample";

/// A portal with the invented sample, which lets its webhook do what these scopes allow.
pub(crate) async fn portal(now: Timestamp, scopes: &[&str]) -> portal::Running {
    let mut data = portal::sample(now);
    let scopes = scopes.iter().copied();
    data.webhooks.push(Webhook::new(1, SECRET, scopes));
    let options = portal::Options {
        data,
        ..portal::Options::default()
    };
    portal::start(options).await.unwrap()
}

/// Who asks a portal by that webhook.
pub(crate) fn crm(portal: &portal::Running, options: &bitrix24::Options) -> bitrix24::Client {
    let url = format!("{}/rest/1/{SECRET}/", portal.http_url.as_deref().unwrap());
    let webhook: bitrix24::Webhook = url.parse().unwrap();
    let portal = bitrix24::Portal::new(webhook.portal_base(), options).unwrap();
    portal.client(webhook).unwrap()
}

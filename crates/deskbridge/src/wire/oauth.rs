//! Portals that are spoken to as local applications, from the configuration.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context as _, bail};
use bitrix24::{Application, PortalBase};
use deskbridge_calls::oauth::{SealedTokens, http::Installed};
use deskbridge_core::Clock;
use deskbridge_profile::crm::Portals;
use deskbridge_store::Store;

use crate::config::{self, Config};

/// Every configured application, by the name of its connection.
pub(crate) fn applications(
    config: &Config,
    environment: &[(String, String)],
    portals: &Portals,
    store: &Store,
) -> anyhow::Result<BTreeMap<String, Installed>> {
    let mut applications = BTreeMap::new();
    for portal in config.bitrix24.iter().filter(|portal| portal.enabled) {
        let installed = installed(config, portal, environment, portals, Some(store))?;
        applications.extend(installed.map(|installed| (portal.name.clone(), installed)));
    }
    Ok(applications)
}

/// The application of a portal; `None` where a webhook is used.
pub(crate) fn installed(
    config: &Config,
    portal: &config::Bitrix24,
    environment: &[(String, String)],
    portals: &Portals,
    store: Option<&Store>,
) -> anyhow::Result<Option<Installed>> {
    let place = |field: &str| format!("bitrix24[{}].{field}", portal.name);
    let (client_id, client_secret) = match (&portal.client_id, &portal.client_secret) {
        (None, None) => return Ok(None),
        (Some(client_id), Some(client_secret)) => (client_id, client_secret),
        (Some(_), None) => bail!(
            "{} is missing, and client_id is given",
            place("client_secret")
        ),
        (None, Some(_)) => bail!(
            "{} is missing, and client_secret is given",
            place("client_id")
        ),
    };
    let client_secret = config.secret(&place("client_secret"), client_secret, environment)?;
    if client_secret.is_blank() {
        bail!("{} is empty", place("client_secret"));
    }
    let url = portal.portal_url.as_deref().with_context(|| {
        format!(
            "{} is missing: an application belongs to one portal",
            place("portal_url")
        )
    })?;
    let base = PortalBase::parse(url).with_context(|| place("portal_url"))?;
    let posts_to = portal.public_url.as_deref().map(|public| {
        let public = public.trim_end_matches('/');
        format!("{public}/hooks/bitrix24/{}", portal.name)
    });
    let store = match store {
        Some(store) => store.clone(),
        None => Store::open_inline()?,
    };
    let tokens = SealedTokens::new(store, Clock::system(), &portal.name, client_secret.clone());
    let application = Application::new(
        base,
        client_id,
        client_secret.expose(),
        Arc::new(tokens.clone()),
    );
    let application = match &portal.authorization_server {
        None => application,
        Some(server) => {
            let application = application.renewed_at(server);
            application.with_context(|| place("authorization_server"))?
        }
    };
    let options = super::portal_options(config, Some(portal))?;
    let client = portals.application_with(application.clone(), &options);
    Ok(Some(Installed {
        client: client.with_context(|| place("portal_url"))?,
        application,
        tokens,
        posts_to,
    }))
}

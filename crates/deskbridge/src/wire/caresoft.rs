//! CareSoft accounts and routes, from the configuration.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use caresoft::{Id, Z, Zone, rest, signature};
use deskbridge_core::{Clock, Event, Language};
use deskbridge_hooks::{Contract, Flow, Point};
use deskbridge_journal::Planner;
use deskbridge_profile::crm::Portals;
use deskbridge_store::Store;
use deskbridge_sync::{
    apply::{Connected, Target},
    decide, plan,
    reading::{self, Accounts, LiveSecret, Signing},
    reconcile::{self, Poller, Seen, Setup},
    routes::{
        plan::{self as plan_of_routes, Routed},
        send::Sender,
        settings::{Route, Source, compile},
    },
    settings::Account,
};
use jiff::tz::{Offset, TimeZone};
use serde_json::Value;

use super::{hooks::Configured, lease::Leases};
use crate::config::{self, Caresoft, Config, caresoft::ZIs};

/// CareSoft's REST API, and where else it answers.
const API_URL: &str = "https://api.caresoft.vn";
const API_SPARE_URL: &str = "https://api2.caresoft.vn";

/// The accounts as their webhooks are received.
pub(crate) fn received(
    config: &Config,
    environment: &[(String, String)],
) -> anyhow::Result<Accounts> {
    let accounts = config.caresoft.iter().map(|account| {
        Ok(reading::Account {
            connection: account.name.clone(),
            account_id: account_id(account)?,
            signing: signing(config, account, environment)?,
            has_routes: !config.route.is_empty(),
        })
    });
    Ok(Accounts::new(accounts.collect::<anyhow::Result<Vec<_>>>()?))
}

fn account_id(account: &Caresoft) -> anyhow::Result<Option<Id>> {
    account
        .account_id
        .map(|id| {
            Id::new(id)
                .with_context(|| format!("{}: no account is 0", place(account, "account_id")))
        })
        .transpose()
}

fn place(account: &Caresoft, field: &str) -> String {
    format!("caresoft[{}].{field}", account.name)
}

fn signing(
    config: &Config,
    account: &Caresoft,
    environment: &[(String, String)],
) -> anyhow::Result<Signing> {
    let place = place(account, "secrets");
    match (account.unsigned, account.secrets.is_empty()) {
        (true, true) => return Ok(Signing::Unsigned),
        (true, false) => {
            bail!("{place} of the configuration: give secrets or say `unsigned = true`, not both")
        }
        (false, true) => bail!(
            "{place} of the configuration: without a secret anybody could send events; ask CareSoft to set one, or \
             say `unsigned = true` and give the connection a name that nobody guesses"
        ),
        (false, false) => {}
    }
    let secrets = account.secrets.iter().map(|live| {
        let secret = config.secret(&place, &live.source, environment)?;
        Ok(LiveSecret {
            secret: signature::Secret::new(secret.expose()).with_context(|| place.clone())?,
            until: live.until,
        })
    });
    Ok(Signing::Secrets(secrets.collect::<anyhow::Result<_>>()?))
}

/// The accounts as their events are planned.
pub(crate) fn planned(config: &Config) -> anyhow::Result<Vec<Account>> {
    let accounts = config.caresoft.iter().map(|account| {
        let zone = zone(account)?;
        let helpdesk = config.caresoft_frappe(account)?.name.clone();
        let crm = config.caresoft_bitrix24(account)?;
        let mapping = account.mapping.clone().compile(zone);
        let mut mapping = mapping.with_context(|| place(account, "mapping"))?;
        mapping.reports_calls = account.calls.is_some();
        Ok(Account {
            connection: account.name.clone(),
            account_id: account.account_id,
            zone,
            language: language(account)?,
            helpdesk,
            crm: crm.map(|crm| crm.name.clone()),
            mapping: mapping.into(),
        })
    });
    accounts.collect()
}

/// Lets the hooks of each account decide about what is written.
pub(crate) fn ask(
    targets: &mut BTreeMap<String, Target>,
    hooks: &Configured,
) -> anyhow::Result<()> {
    for (name, target) in targets {
        target.hooks = hooks.on(Flow::Event, name)?;
    }
    Ok(())
}

/// What a hook would be told of an event that is stored, once for every time that it would be asked.
pub(crate) async fn told(
    config: &Config,
    contract: &Contract,
    store: &Store,
    event: &Event,
) -> anyhow::Result<Vec<Value>> {
    let mut told = Vec::new();
    if contract.points.contains(&Point::EventRoute) {
        let routes = routes(config, &crate::cli::environment())?;
        let taken = plan_of_routes::taken(&routes, event);
        told.push(plan_of_routes::told(&taken, event));
    }
    for id in store.effects_of_event(event.id).await? {
        let Some(record) = store.effect(id).await? else {
            continue;
        };
        let write = serde_json::from_value(record.effect.intent.payload).ok();
        let of = write.as_ref().and_then(deskbridge_sync::apply::told);
        told.extend(
            of.filter(|(point, _)| contract.points.contains(point))
                .map(|(_, known)| known),
        );
    }
    Ok(told)
}

/// Plans events by their source, and sends them on by routes.
pub(crate) fn planners(
    config: &Config,
    hooks: &Configured,
    store: &Store,
    routes: &Arc<[Route]>,
) -> anyhow::Result<BTreeMap<&'static str, Arc<dyn Planner>>> {
    let accounts = Arc::new(plan::Accounts::new(store.clone(), planned(config)?));
    let hooks = config.caresoft.iter().map(|account| {
        let on = hooks.on(Flow::Event, &account.name)?;
        anyhow::Ok((account.name.clone(), on))
    });
    let routed = Routed::new(accounts, Arc::clone(routes));
    let routed = routed.asking(hooks.collect::<anyhow::Result<_>>()?);
    let routed: Arc<dyn Planner> = Arc::new(routed);
    Ok([plan::WEBHOOKS, plan::ROWS]
        .map(|source| (source, Arc::clone(&routed)))
        .into())
}

fn zone(account: &Caresoft) -> anyhow::Result<Zone> {
    let place = place(account, "utc_offset");
    let offset = account.utc_offset.trim();
    // An offset alone is what a time in that zone ends with.
    let time = format!("2000-01-01T00:00:00{offset}");
    let time: jiff::fmt::temporal::Pieces<'_> = jiff::fmt::temporal::Pieces::parse(&time)
        .ok()
        .filter(|_| offset.starts_with(['+', '-']))
        .with_context(|| format!("{place}: `{offset}` is no distance from UTC such as +07:00"))?;
    let offset: Option<Offset> = time.to_numeric_offset();
    Ok(Zone {
        offset: offset.with_context(|| place.clone())?,
        z: match account.z_is {
            ZIs::Local => Z::Local,
            ZIs::Utc => Z::Utc,
        },
    })
}

fn language(account: &Caresoft) -> anyhow::Result<Language> {
    Language::of_tag(&account.language).with_context(|| {
        format!(
            "{}: `{}` is none of vi, en and ru",
            place(account, "language"),
            account.language
        )
    })
}

/// What asks the accounts that have a token what no webhook told.
pub(super) fn polled(
    config: &Config,
    environment: &[(String, String)],
    setup: &Setup,
    leases: &Leases,
) -> anyhow::Result<Vec<Poller>> {
    let with_token = config.caresoft.iter().filter_map(|account| {
        let token = account.api_token.as_ref()?;
        Some((account, token))
    });
    let pollers = with_token.map(|(account, token)| {
        let place = |field: &str| place(account, field);
        let token = config.secret(&place("api_token"), token, environment)?;
        let domain = account.api_domain.clone().with_context(|| {
            format!(
                "{} is missing: the account's name in CareSoft's addresses",
                place("api_domain")
            )
        })?;
        let zone = zone(account)?;
        let options = rest::Options {
            spare_host: account
                .api_spare_url
                .clone()
                .or_else(|| match account.api_url {
                    None => Some(API_SPARE_URL.to_owned()),
                    Some(_) => None,
                }),
            zone,
            user_agent: super::user_agent(),
            ..rest::Options::default()
        };
        let source = reconcile::Source {
            connection: account.name.clone(),
            host: account
                .api_url
                .clone()
                .unwrap_or_else(|| API_URL.to_owned()),
            domain,
            token: rest::Token::new(token.expose()).with_context(|| place("api_token"))?,
            options,
        };
        let seen: Seen =
            Arc::new(move |known| decide::updated_at(&known.record.object, &known.facts, &zone));
        let setup = Setup {
            seen,
            holds: leases.hold(format!("caresoft-poll/{}", account.name)),
            ..setup.clone()
        };
        Ok(Poller::new(source, account.poll.clone(), setup)?)
    });
    pollers.collect()
}

/// Where the accounts are carried to, by the name of their connection.
pub(crate) fn targets(
    config: &Config,
    environment: &[(String, String)],
    portals: &Portals,
) -> anyhow::Result<BTreeMap<String, Target>> {
    let targets = config.caresoft.iter().map(|account| {
        let frappe = config.caresoft_frappe(account)?;
        let (_, helpdesk) = super::helpdesk(config, frappe, environment)?;
        let zone = frappe.time_zone.as_deref().map(|name| {
            TimeZone::get(name).with_context(|| format!("frappe[{}].time_zone", frappe.name))
        });
        let crm = config.caresoft_bitrix24(account)?;
        let crm = crm.map(|crm| {
            if !crm.enabled {
                bail!(
                    "{}: bitrix24[{}] is not enabled, so that no lead or deal may be written to it; enable it, or \
                     leave `crm` out",
                    place(account, "crm"),
                    crm.name
                );
            }
            crm_client(config, crm, environment, portals)
        });
        let target = Target {
            helpdesk: Connected {
                connection: frappe.name.clone(),
                client: helpdesk,
            },
            zone: zone.transpose()?,
            crm: crm.transpose()?,
            country: config.profile.country.parse().context("profile.country")?,
            language: language(account)?,
            raised_by: account.raised_by.clone(),
            hooks: Arc::default(),
        };
        Ok((account.name.clone(), target))
    });
    targets.collect()
}

fn crm_client(
    config: &Config,
    crm: &config::Bitrix24,
    environment: &[(String, String)],
    portals: &Portals,
) -> anyhow::Result<Connected<bitrix24::Client>> {
    let place = format!("bitrix24[{}].webhook_url", crm.name);
    let source = crm.webhook_url.as_ref().with_context(|| {
        format!("{place} is missing: leads and deals of CareSoft are written by it")
    })?;
    let url = config.secret(&place, source, environment)?;
    let webhook: bitrix24::Webhook = url.expose().parse().with_context(|| place.clone())?;
    Ok(Connected {
        connection: crm.name.clone(),
        client: portals
            .client_with(webhook, &super::portal_options(config, Some(crm))?)
            .context(place)?,
    })
}

/// The routes, checked and compiled.
pub(crate) fn routes(
    config: &Config,
    environment: &[(String, String)],
) -> anyhow::Result<Arc<[Route]>> {
    let sources = config
        .route
        .iter()
        .map(|route| source(config, route, environment))
        .collect::<anyhow::Result<Vec<_>>>()?;
    Ok(compile(sources)?.into())
}

/// What sends events on.
pub(crate) fn sender(
    config: &Config,
    environment: &[(String, String)],
    store: Store,
    clock: Clock,
) -> anyhow::Result<Sender> {
    let routes = routes(config, environment)?;
    for route in &*routes {
        if route.allows_private() {
            tracing::warn!(
                route = route.name(),
                host = route.host(),
                "A route may send to private addresses"
            );
        }
    }
    Ok(Sender::new(routes, store, clock, &super::user_agent())?)
}

fn source(
    config: &Config,
    route: &config::Route,
    environment: &[(String, String)],
) -> anyhow::Result<Source> {
    let place = |field: &str| format!("route[{}].{field}", route.name);
    let secret = |field: &str, source| config.secret(&place(field), source, environment);
    if let Some(connection) = &route.connection
        && !config.caresoft.iter().any(|one| one.name == *connection)
    {
        bail!(
            "{}: no connection that receives events is called {connection}",
            place("connection")
        );
    }
    let headers = route
        .headers
        .iter()
        .map(|(name, source)| Ok((name.clone(), secret("headers", source)?)));
    let signing_secrets = route
        .signing_secrets
        .iter()
        .map(|source| Ok(secret("signing_secrets", source)?));
    Ok(Source {
        name: route.name.clone(),
        connection: route.connection.clone(),
        objects: route.objects.clone(),
        actions: route.actions.clone(),
        when: route.when.clone(),
        only_by_routes: route.only_by_routes,
        url: secret("target", &route.target)?,
        method: route.method.clone(),
        headers: headers.collect::<anyhow::Result<_>>()?,
        content_type: route.content_type.clone(),
        body: route.body.clone(),
        signing_secrets: signing_secrets.collect::<anyhow::Result<_>>()?,
        timeout: route.timeout_seconds.map(Duration::from_secs),
        allow_private: route.allow_private,
        root_certificates_pem: config.certificate(&place("ca_file"), route.ca_file.as_deref())?,
        on_status: route.on_status.clone(),
        on_json: route.on_json.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of a configuration with two portals, of which CareSoft's has these settings.
    fn targets_with(settings: &str) -> Result<BTreeMap<String, Target>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deskbridge.toml");
        let text = format!(
            r#"
            [profile]
            bitrix24 = "crm"
            [[frappe]]
            name = "helpdesk"
            url = "https://helpdesk.example"
            api_key = "key"
            api_secret = "secret"
            [[bitrix24]]
            name = "crm"
            webhook_url = "https://portal.example/rest/1/abcdefgh12345678/"
            [[bitrix24]]
            name = "sales"
            webhook_url = "https://sales.example/rest/1/abcdefgh12345678/"
            {settings}
            [[caresoft]]
            name = "center"
            unsigned = true
            crm = "sales"
            "#
        );
        std::fs::write(&path, text).unwrap();
        let config = Config::load(&path, &[]).unwrap();
        let portals = Portals::new(bitrix24::Options::default());
        targets(&config, &[], &portals).map_err(|error| format!("{error:#}"))
    }

    #[tokio::test]
    async fn the_crm_of_leads_and_deals_is_spoken_to_by_its_own_settings() {
        assert!(targets_with("").is_ok());
        for (settings, said) in [
            ("ca_file = \"no-such.pem\"", "bitrix24[sales].ca_file"),
            ("enabled = false", "bitrix24[sales] is not enabled"),
        ] {
            let Err(why) = targets_with(settings) else {
                panic!("{settings} was taken");
            };
            assert!(why.contains(said), "{why}");
        }
    }
}

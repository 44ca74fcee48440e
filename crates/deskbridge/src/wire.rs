//! How the parts are put together, from the configuration.

pub(crate) mod calls;
pub(crate) mod caresoft;
mod clicks;
pub(crate) mod hooks;
mod lease;
pub(crate) mod oauth;
pub(crate) mod reported;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use axum::{
    Router,
    extract::State,
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::get,
};
use deskbridge_calls::oauth::http::router as install;
use deskbridge_console::{Administrators, Readers};
use deskbridge_core::{Backoff, Clock, Secret};
use deskbridge_http::{
    TrustedSecrets,
    request::{Finishing, Limits, finish, no_such_route, wrong_verb},
};
use deskbridge_journal::{
    Events, Handler, Intake, Journal, Planner, Reader, Settings as JournalSettings, Tasks,
};
use deskbridge_profile::{
    GateTimes, Local, Parts, Profiles, apply,
    crm::Portals,
    http::{Routes, router},
    live::Source,
    settings::RawSettings,
};
use deskbridge_store::{Limits as StoreLimits, Retention, Store};
use deskbridge_sync::{http::Hooks, reconcile::Setup};
use http::{StatusCode, header};
use jiff::tz::TimeZone;

use self::{lease::Leases, reported::Reporting};
use crate::{
    config::{self, Config, Plan, SettingsIn},
    metrics::{Measured, Metrics},
};

/// How long finished effects are kept.
const FINISHED_EFFECTS_KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);
/// How long an event is kept at least, whatever room it takes: long enough to see what it was.
const YOUNG_FOR: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);
/// How often what is kept too long is forgotten.
const PRUNE_EVERY: Duration = Duration::from_secs(600);
/// How often it is looked whether a disk that was full has room again.
const ROOM_EVERY: Duration = Duration::from_secs(10);
/// Characters of an administrator's token at least: so many cannot be guessed.
const ADMIN_TOKEN_CHARACTERS_MIN: usize = 20;
/// Effects that are carried out at once. While a portal's budget is short they wait for it, three times as many in all: two
/// full batches, so that one is filled while the other is under way. More would only crowd the helpdesk.
const CARRIED_OUT_AT_ONCE: usize = 32;
/// Events that are planned at once.
const PLANNED_AT_ONCE: usize = 64;
/// The longest wait between two attempts; half of it passes on average.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(900);
/// More than a week of attempts: what waits for a person or for a system that is down outlasts a holiday. What will
/// never succeed is refused, and given up at once.
const ATTEMPTS_MAX: u32 = 1_500;
/// Rows forgotten in one transaction.
const PRUNE_ROWS: usize = 1_000;

/// The program, ready to serve.
pub(crate) struct App {
    pub(crate) router: Router,
    pub(crate) tasks: Tasks,
}

/// How much room the store may take.
pub(crate) fn store_limits(config: &Config) -> StoreLimits {
    StoreLimits {
        database_bytes_max: config.events.megabytes_max.saturating_mul(1 << 20),
        ballast_bytes: config.events.ballast_megabytes.saturating_mul(1 << 20),
        ..StoreLimits::default()
    }
}

/// The connections of the profile, ready to be asked.
pub(crate) struct Connections {
    pub(crate) site: frappe::Site,
    pub(crate) hub: frappe::Client,
    pub(crate) portals: Arc<Portals>,
    pub(crate) source: Source,
    pub(crate) trusted: TrustedSecrets,
    pub(crate) local: Local,
    pub(crate) administrators: Administrators,
    pub(crate) readers: Readers,
}

impl Connections {
    /// Connects nothing yet, but checks everything that can be checked without asking.
    pub(crate) fn of(config: &Config, environment: &[(String, String)]) -> anyhow::Result<Self> {
        let frappe = config.profile_frappe()?;
        let place = |field: &str| format!("frappe[{}].{field}", frappe.name);
        let (site, hub) = helpdesk(config, frappe, environment)?;
        let shared = frappe.shared_secrets.iter();
        let shared: Vec<Secret> = shared
            .map(|source| config.secret(&place("shared_secrets"), source, environment))
            .collect::<Result<_, _>>()?;
        let source = match config.profile.settings {
            SettingsIn::Helpdesk => Source::Helpdesk {
                hub: hub.clone(),
                every: Duration::from_secs(config.profile.settings_refresh_seconds.max(1)),
            },
            SettingsIn::File => Source::File(raw_settings(config, environment)?),
        };
        Ok(Self {
            portals: Arc::new(Portals::new(portal_options(
                config,
                config.profile_bitrix24()?,
            )?)),
            local: local(config, frappe)?,
            administrators: administrators(config, environment)?,
            readers: readers(config, environment)?,
            trusted: TrustedSecrets::new(shared),
            site,
            hub,
            source,
        })
    }
}

/// A helpdesk, and the hub as its user.
pub(crate) fn helpdesk(
    config: &Config,
    frappe: &config::Frappe,
    environment: &[(String, String)],
) -> anyhow::Result<(frappe::Site, frappe::Client)> {
    let place = |field: &str| format!("frappe[{}].{field}", frappe.name);
    let options = frappe::Options {
        site_name: frappe.site_name.clone(),
        root_certificates_pem: config.certificate(&place("ca_file"), frappe.ca_file.as_deref())?,
        user_agent: user_agent(),
        ..frappe::Options::default()
    };
    let site = frappe::Site::new(&frappe.url, options).with_context(|| place("url"))?;
    let key = config.secret(&place("api_key"), &frappe.api_key, environment)?;
    let secret = config.secret(&place("api_secret"), &frappe.api_secret, environment)?;
    let credential = frappe::Credential::token(key.expose(), secret.expose())
        .with_context(|| place("api_secret"))?;
    let hub = site.user(credential);
    Ok((site, hub))
}

/// Who may use the administrator's interface.
fn administrators(
    config: &Config,
    environment: &[(String, String)],
) -> anyhow::Result<Administrators> {
    let mut tokens = Vec::new();
    for (index, source) in config.server.admin_tokens.iter().enumerate() {
        let place = format!("server.admin_tokens[{index}]");
        let token = config.secret(&place, source, environment)?;
        if token.expose().trim().chars().count() < ADMIN_TOKEN_CHARACTERS_MIN {
            bail!(
                "{place} of the configuration has fewer than {ADMIN_TOKEN_CHARACTERS_MIN} characters; \
                 `openssl rand -hex 32` prints a good one"
            );
        }
        tokens.push(token);
    }
    Ok(Administrators::new(tokens))
}

/// What verifies and reads the events of each connection that takes webhooks, by the connection's name.
pub(crate) fn readers(
    config: &Config,
    environment: &[(String, String)],
) -> anyhow::Result<Readers> {
    let accounts = Arc::new(caresoft::received(config, environment)?);
    let readers = config.caresoft.iter().map(|account| {
        let reader = Arc::clone(&accounts);
        (account.name.clone(), reader as Arc<dyn Reader>)
    });
    Ok(readers.collect())
}

/// The helpdesk as its administrator, who may change more than the hub's own user.
pub(crate) fn administrator(
    config: &Config,
    connections: &Connections,
    environment: &[(String, String)],
) -> anyhow::Result<frappe::Client> {
    let frappe = config.profile_frappe()?;
    administrator_of(
        config,
        frappe,
        &connections.site,
        &connections.hub,
        environment,
    )
}

/// One helpdesk as its administrator, else as the hub's own user.
pub(crate) fn administrator_of(
    config: &Config,
    frappe: &config::Frappe,
    site: &frappe::Site,
    hub: &frappe::Client,
    environment: &[(String, String)],
) -> anyhow::Result<frappe::Client> {
    let place = |field: &str| format!("frappe[{}].{field}", frappe.name);
    let (key, secret) = match (&frappe.admin_api_key, &frappe.admin_api_secret) {
        (None, None) => return Ok(hub.clone()),
        (Some(key), Some(secret)) => (key, secret),
        (Some(_), None) => bail!(
            "{} is missing, and admin_api_key is given",
            place("admin_api_secret")
        ),
        (None, Some(_)) => bail!(
            "{} is missing, and admin_api_secret is given",
            place("admin_api_key")
        ),
    };
    let key = config.secret(&place("admin_api_key"), key, environment)?;
    let secret = config.secret(&place("admin_api_secret"), secret, environment)?;
    let credential = frappe::Credential::token(key.expose(), secret.expose())
        .with_context(|| place("admin_api_secret"))?;
    Ok(site.user(credential))
}

pub(crate) fn user_agent() -> String {
    concat!("deskbridge/", env!("CARGO_PKG_VERSION")).to_owned()
}

/// How a portal is spoken to.
fn portal_options(
    config: &Config,
    portal: Option<&config::Bitrix24>,
) -> anyhow::Result<bitrix24::Options> {
    let roots_pem = match portal {
        Some(portal) => {
            let place = format!("bitrix24[{}].ca_file", portal.name);
            config
                .certificate(&place, portal.ca_file.as_deref())?
                .into_iter()
                .collect()
        }
        None => Vec::new(),
    };
    let limits = match portal.map(|portal| portal.plan).unwrap_or_default() {
        Plan::Standard => bitrix24::Limits::standard(),
        Plan::Enterprise => bitrix24::Limits::enterprise(),
    };
    Ok(bitrix24::Options {
        limits,
        roots_pem,
        user_agent: user_agent(),
        ..Default::default()
    })
}

/// The eight settings as the file has them.
pub(crate) fn raw_settings(
    config: &Config,
    environment: &[(String, String)],
) -> anyhow::Result<RawSettings> {
    let profile = &config.profile;
    let portal = config.profile_bitrix24()?;
    let secret = |field: &str, source: Option<&config::SecretSource>| {
        let place = format!(
            "bitrix24[{}].{field}",
            portal.map_or("", |portal| &portal.name)
        );
        source
            .map(|source| config.secret(&place, source, environment))
            .transpose()
    };
    let field_map = profile.company_field_map.as_ref();
    let enum_fields = Some(&profile.enum_fields).filter(|fields| !fields.is_empty());
    Ok(RawSettings {
        enabled: portal.is_some_and(|portal| portal.enabled),
        webhook_url: secret(
            "webhook_url",
            portal.and_then(|portal| portal.webhook_url.as_ref()),
        )?,
        responsible_webhook_url: secret(
            "responsible_webhook_url",
            portal.and_then(|portal| portal.responsible_webhook_url.as_ref()),
        )?,
        portal_url: portal.and_then(|portal| portal.portal_url.clone()),
        timeout_seconds: portal.and_then(|portal| portal.timeout_seconds),
        refresh_ttl_minutes: profile.refresh_ttl_minutes,
        company_field_map_json: field_map.map(serde_json::to_string).transpose()?,
        enum_fields_json: enum_fields.map(serde_json::to_string).transpose()?,
    })
}

fn local(config: &Config, frappe: &config::Frappe) -> anyhow::Result<Local> {
    let profile = &config.profile;
    let zone = |place: &str, name: Option<&String>| {
        name.map(|name| {
            TimeZone::get(name).with_context(|| format!("{place} of the configuration"))
        })
        .transpose()
    };
    let minutes = |minutes: u64| Duration::from_secs(minutes.saturating_mul(60));
    Ok(Local {
        site: frappe.name.clone(),
        country: profile
            .country
            .parse()
            .context("profile.country of the configuration")?,
        dates_in: zone("profile.dates_in", profile.dates_in.as_ref())?,
        site_zone: zone(
            &format!("frappe[{}].time_zone", frappe.name),
            frappe.time_zone.as_ref(),
        )?,
        not_found_for: minutes(profile.not_found_ttl_minutes),
        stale_for: minutes(profile.stale_hours.saturating_mul(60)),
        gate_times: GateTimes {
            right_for: Duration::from_secs(profile.permission_seconds),
            ..GateTimes::default()
        },
        case_for: Duration::from_secs(profile.permission_seconds),
        ..Local::default()
    })
}

impl App {
    /// Puts everything together and starts what runs in the background.
    pub(crate) async fn start(
        config: &Config,
        environment: &[(String, String)],
        connections: Connections,
        store: Store,
    ) -> anyhow::Result<Self> {
        let (clock, tasks) = (Clock::system(), Tasks::default());
        let mut rng = fastrand::Rng::new();
        let Connections {
            site,
            hub,
            portals,
            source,
            trusted,
            local,
            administrators,
            readers,
        } = connections;
        let sender = caresoft::sender(config, environment, store.clone(), clock.clone())?;
        let mut handlers = apply::handlers(&hub);
        let scripted = hooks::Configured::of(config, environment, &clock)?;
        let mut targets = caresoft::targets(config, environment, &portals)?;
        caresoft::ask(&mut targets, &scripted)?;
        handlers.extend(deskbridge_sync::apply::handlers(targets, &store, &clock));
        handlers.extend(sender.handlers());
        let pbxs = calls::pbxs(config, environment, &portals, Some(&store))?;
        let following = calls::Following::new(pbxs, &scripted, &store, &clock)?;
        let centers = reported::sources(config, environment, &portals, Some(&store))?;
        let reporting = Reporting::of(centers, &scripted, &store, &clock, &mut rng)?;
        handlers.extend(following.handlers(&reporting, &mut rng));
        let applications = oauth::applications(config, environment, &portals, &store)?;
        let clicks = clicks::Clicks::new(
            config,
            environment,
            &following,
            &applications,
            &store,
            &clock,
            &tasks,
        )?;
        handlers.extend(clicks.handlers());
        let planners = caresoft::planners(config, &scripted, &store, sender.routes())?;
        let planners = planners.into_iter().chain(clicks.planners()).collect();
        let Flow {
            intake,
            events,
            journal,
        } = Flow::new(&store, &clock, &mut rng, planners, handlers)?;
        clicks.start(&journal);
        reporting.start(&journal, &tasks);
        let console = deskbridge_console::Parts {
            store: store.clone(),
            events: events.clone(),
            readers,
            clock: clock.clone(),
            shown_call: deskbridge_calls::view::kept,
            administrators,
        };
        let parts = Parts {
            site,
            hub,
            portals: Arc::clone(&portals),
            store: store.clone(),
            journal: journal.clone(),
            clock: clock.clone(),
            tasks: tasks.clone(),
        };
        let profiles = Profiles::start(parts, source, asking(local, &scripted)?).await;
        tasks.spawn("journal", journal.clone().run(tasks.clone()));
        tasks.spawn("events", events.clone().run(tasks.clone()));
        keep_house(config, &store, &events, &clock, &tasks);
        hooks::keep_suspensions(&scripted, &store, &tasks);
        let webhooks = webhooks(config, environment, &intake, &clock, &mut rng)?;
        let setup = polling(&store, &intake, &clock, &mut rng);
        let leases = Leases::new(&store, &clock, &tasks, &mut rng);
        for poller in caresoft::polled(config, environment, &setup, &leases)? {
            tasks.spawn("caresoft-poll", poller.run(tasks.clone()));
        }
        let responsible = following.responsible(&tasks).router();
        let watched = following.start(&journal, &tasks, &leases, &mut rng);
        let metrics = Arc::new(Metrics::new(Measured {
            polled: polled_connections(config),
            hooks: scripted.all().map(|(_, hook)| Arc::clone(hook)).collect(),
            watched,
            clicks: clicks.counted(),
            store: store.clone(),
            clock,
            journal,
            intake: intake.clone(),
            events,
            portals,
            profiles: profiles.clone(),
        }));
        let finishing = Finishing::new(limits(config), &mut rng);
        let routes = Router::new()
            .merge(router(Routes { profiles, trusted }))
            .merge(deskbridge_sync::http::router(webhooks))
            .merge(clicks.take_in(&intake, &leases))
            .merge(responsible)
            .merge(install(applications, tasks.clone()))
            .merge(deskbridge_console::router(console));
        let router = around(routes, store, finishing, metrics);
        Ok(Self { router, tasks })
    }
}

/// The routes, those that are for everybody beside them, and what every request goes through.
fn around(routes: Router, store: Store, finishing: Finishing, metrics: Arc<Metrics>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready).with_state(store))
        .route(
            "/metrics",
            get(show_metrics).with_state(Arc::clone(&metrics)),
        )
        .merge(routes)
        .fallback(no_such_route)
        .method_not_allowed_fallback(wrong_verb)
        .layer(from_fn_with_state(finishing, finish))
        .layer(from_fn_with_state(metrics, crate::metrics::count_request))
}

/// What asks contact centres for what no webhook told.
fn polling(store: &Store, intake: &Intake, clock: &Clock, rng: &mut fastrand::Rng) -> Setup {
    let (store, intake, clock) = (store.clone(), intake.clone(), clock.clone());
    Setup::alone(store, intake, clock, rng.fork(), Arc::new(|_: &_| None))
}

/// What takes the webhooks of contact centres in.
fn webhooks(
    config: &Config,
    environment: &[(String, String)],
    intake: &Intake,
    clock: &Clock,
    rng: &mut fastrand::Rng,
) -> anyhow::Result<Hooks> {
    Ok(Hooks {
        accounts: Arc::new(caresoft::received(config, environment)?),
        intake: intake.clone(),
        clock: clock.clone(),
        rng: rng.fork(),
        body_bytes_max: config.events.body_kilobytes_max.saturating_mul(1_024),
    })
}

/// Lets hooks decide about profiles.
fn asking(local: Local, hooks: &hooks::Configured) -> anyhow::Result<Local> {
    let hooks = hooks.on(deskbridge_hooks::Flow::Profile, &local.site)?;
    Ok(Local { hooks, ..local })
}

fn limits(config: &Config) -> Limits {
    Limits {
        concurrent_max: config.server.requests_max.max(1),
        deadline: Duration::from_secs(config.server.deadline_seconds.max(1)),
    }
}

/// The way of an event: taken in, planned, carried out.
struct Flow {
    intake: Intake,
    events: Events,
    journal: Journal,
}

impl Flow {
    fn new(
        store: &Store,
        clock: &Clock,
        rng: &mut fastrand::Rng,
        planners: BTreeMap<&'static str, Arc<dyn Planner>>,
        handlers: BTreeMap<&'static str, Arc<dyn Handler>>,
    ) -> anyhow::Result<Self> {
        let settings = journal_settings()?;
        let (store, clock) = (store.clone(), clock.clone());
        let journal = Journal::new(store.clone(), clock.clone(), rng.fork(), settings, handlers);
        let intake = Intake::new(store, clock, rng.fork());
        // Planning waits for the store alone, which writes many plans at once as fast as one.
        let planning = JournalSettings {
            concurrent_max: PLANNED_AT_ONCE,
            ..settings
        };
        Ok(Self {
            events: Events::new(&intake, rng.fork(), planning, planners, journal.clone()),
            intake,
            journal,
        })
    }
}

pub(crate) fn journal_settings() -> anyhow::Result<JournalSettings> {
    let backoff = Backoff::new(Duration::from_secs(2), RETRY_AFTER_MAX, ATTEMPTS_MAX)?;
    Ok(JournalSettings {
        concurrent_max: CARRIED_OUT_AT_ONCE,
        attempt_for: Duration::from_secs(60),
        backoff,
    })
}

/// Starts to forget what is kept too long, and to look for room.
fn keep_house(config: &Config, store: &Store, events: &Events, clock: &Clock, tasks: &Tasks) {
    let pruning = Pruning {
        store: store.clone(),
        events: events.clone(),
        clock: clock.clone(),
        kept: config.events.clone(),
    };
    tasks.spawn("prune", pruning.run(tasks.clone()));
    tasks.spawn("room", recover_room(store.clone(), tasks.clone()));
}

/// Forgets what is kept too long.
struct Pruning {
    store: Store,
    events: Events,
    clock: Clock,
    kept: config::Events,
}

impl Pruning {
    /// Forgets again and again.
    async fn run(self, tasks: Tasks) {
        loop {
            if let Err(error) = self.prune().await {
                tracing::error!(error = %deskbridge_core::Chain(&error), "What is kept too long was not forgotten");
            }
            tokio::select! {
                () = tasks.stopping() => return,
                () = tokio::time::sleep(PRUNE_EVERY) => {}
            }
        }
    }

    /// Forgets answers that are not worth showing, and effects and events that ended long ago.
    async fn prune(&self) -> deskbridge_store::Result<()> {
        let now = self.clock.now();
        let kept = jiff::SignedDuration::try_from(FINISHED_EFFECTS_KEPT).unwrap_or_default();
        let before = now.saturating_sub(kept).unwrap_or_default();
        while self.store.prune_answers(now, PRUNE_ROWS).await? > 0 {}
        while self.store.prune_effects(before, PRUNE_ROWS).await? > 0 {}
        let kept = jiff::SignedDuration::from_hours(i64::from(self.kept.keep_days) * 24);
        let before = now.saturating_sub(kept).unwrap_or_default();
        while self.store.prune_calls(before, PRUNE_ROWS).await? > 0 {}
        let retention = Retention {
            received_from: before,
            ended_bytes_max: self.kept.keep_megabytes.saturating_mul(1 << 20),
            young_from: now.saturating_sub(YOUNG_FOR).unwrap_or_default(),
        };
        self.events.prune(retention).await?;
        Ok(())
    }
}

/// The connections of CareSoft that are polled.
fn polled_connections(config: &Config) -> Vec<String> {
    let polled = config.caresoft.iter();
    let polled = polled.filter(|account| account.api_token.is_some());
    polled.map(|account| account.name.clone()).collect()
}

/// Takes events again when the disk has room again.
async fn recover_room(store: Store, tasks: Tasks) {
    loop {
        if let Err(error) = store.recover_room().await {
            tracing::error!(error = %deskbridge_core::Chain(&error), "Whether there is room was not looked at");
        }
        tokio::select! {
            () = tasks.stopping() => return,
            () = tokio::time::sleep(ROOM_EVERY) => {}
        }
    }
}

/// Whether requests can be served: whether the store answers.
async fn ready(State(store): State<Store>) -> Response {
    match store.next_effect_claimable_at().await {
        Ok(_) => "ready\n".into_response(),
        Err(error) => {
            tracing::error!(error = %deskbridge_core::Chain(&error), "The store does not answer");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the store does not answer\n",
            )
                .into_response()
        }
    }
}

async fn show_metrics(State(metrics): State<Arc<Metrics>>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], metrics.text().await).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_outlasts_a_week() {
        let backoff = journal_settings().unwrap().backoff;
        for seed in 0..20 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let waits = (1..).map_while(|attempts| backoff.wait_after(attempts, &mut rng));
            let days = waits.sum::<Duration>().as_secs() / (24 * 3_600);
            assert!((7..=9).contains(&days), "{days} days with seed {seed}");
        }
    }
}

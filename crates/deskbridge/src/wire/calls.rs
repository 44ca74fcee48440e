//! The PBXs, from the configuration.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use deskbridge_calls::{
    apply::{self, Target},
    clicks::RecordedOrders,
    counted::Lookups,
    decide::tracker,
    follow::{Follower, Manager, Setup, Status},
    people::Directory,
    reconcile::{self, Clockwork, Reconciler, Times},
    responsible,
    settings::{Settings, missed::MissedTicket},
};
use deskbridge_core::{Clock, Secret};
use deskbridge_hooks::Hooks;
use deskbridge_http::TrustedSecrets;
use deskbridge_journal::{Handler, Journal, Tasks};
use deskbridge_profile::crm::Portals;
use deskbridge_store::Store;
use ipnet::IpNet;
use jiff::SignedDuration;

use super::{hooks::Configured, lease::Leases, oauth, reported::Reporting};
use crate::config::{self, Config, asterisk::Connection};

/// How the id begins that a channel gets which we order.
pub(crate) const ORIGINATE_PREFIX: &str = "deskbridge-";

/// A PBX, with everything that its calls need; nothing is connected yet.
pub(crate) struct Pbx {
    pub(crate) name: String,
    pub(crate) manager: Manager,
    pub(crate) endpoints: tracker::Settings,
    pub(crate) settings: Arc<Settings>,
    pub(crate) crm: bitrix24::Client,
    /// The name of the portal's connection.
    pub(crate) crm_name: String,
    pub(crate) helpdesk: Option<frappe::Client>,
    pub(crate) users_every: Duration,
    /// When its calls are compared with the portal's; `None` where they are not.
    pub(crate) reconcile: Option<Times>,
    /// What the PBX proves itself by when it asks who is responsible for a caller.
    pub(crate) lookup_tokens: TrustedSecrets,
    /// Who may decide otherwise.
    pub(crate) hooks: Arc<Hooks>,
    /// Where it may ask that from; anywhere when there is none.
    pub(crate) lookup_networks: Vec<IpNet>,
}

/// The PBXs that are followed. Without a store whoever speaks as an application has no tokens yet.
pub(crate) fn pbxs(
    config: &Config,
    environment: &[(String, String)],
    portals: &Portals,
    store: Option<&Store>,
) -> anyhow::Result<Vec<Pbx>> {
    let enabled = config.asterisk.iter();
    let enabled = enabled.filter(|pbx| pbx.connection.enabled);
    enabled
        .map(|pbx| of(config, pbx, environment, portals, store))
        .collect()
}

/// How what follows PBXs stands, by their names.
pub(crate) struct Watched {
    pub(crate) followed: Vec<(String, Arc<Status>)>,
    pub(crate) reconciled: Vec<(String, Arc<reconcile::Status>)>,
    /// What the PBXs asked.
    pub(crate) lookups: Arc<Lookups>,
}

/// What follows PBXs and carries out what comes of it.
pub(super) struct Following {
    pbxs: Vec<(Pbx, Directory)>,
    store: Store,
    clock: Clock,
    lookups: Arc<Lookups>,
}

impl Following {
    pub(super) fn new(
        pbxs: Vec<Pbx>,
        hooks: &Configured,
        store: &Store,
        clock: &Clock,
    ) -> anyhow::Result<Self> {
        let with_hooks = |mut pbx: Pbx| {
            pbx.hooks = hooks.on_calls(&mut pbx.settings)?;
            anyhow::Ok(pbx)
        };
        let pbxs = pbxs.into_iter().map(with_hooks);
        let pbxs = pbxs.collect::<anyhow::Result<Vec<_>>>()?;
        let with_directory = |pbx: Pbx| {
            let directory = Directory::new(&pbx.crm, &pbx.settings, store, clock, pbx.users_every);
            (pbx, directory)
        };
        Ok(Self {
            pbxs: pbxs.into_iter().map(with_directory).collect(),
            store: store.clone(),
            clock: clock.clone(),
            lookups: Arc::default(),
        })
    }

    /// What carries out writes, those of calls that others report as well.
    pub(super) fn handlers(
        &self,
        reporting: &Reporting,
        rng: &mut fastrand::Rng,
    ) -> BTreeMap<&'static str, Arc<dyn Handler>> {
        let targets = self.pbxs.iter().map(|(pbx, directory)| Target {
            settings: Arc::clone(&pbx.settings),
            crm: pbx.crm.clone(),
            helpdesk: pbx.helpdesk.clone(),
            directory: directory.clone(),
            hooks: Arc::clone(&pbx.hooks),
        });
        let targets = targets.chain(reporting.targets());
        let mut handlers = apply::handlers(targets.collect(), &self.store, &self.clock, rng);
        handlers.extend(reporting.handlers());
        handlers
    }

    /// The PBXs with who answers their phones.
    pub(super) fn pbxs(&self) -> impl Iterator<Item = (&Pbx, &Directory)> {
        self.pbxs.iter().map(|(pbx, directory)| (pbx, directory))
    }

    /// What answers who takes the call of a client.
    pub(super) fn responsible(&self, tasks: &Tasks) -> responsible::Desk {
        let pbxs = self.pbxs.iter();
        let pbxs = pbxs.map(|(pbx, directory)| responsible::Pbx {
            settings: Arc::clone(&pbx.settings),
            crm: pbx.crm.clone(),
            directory: directory.clone(),
            hooks: Arc::clone(&pbx.hooks),
            tokens: pbx.lookup_tokens.clone(),
            networks: pbx.lookup_networks.clone(),
        });
        let (clock, lookups) = (self.clock.clone(), Arc::clone(&self.lookups));
        responsible::Desk::new(pbxs, clock, tasks.clone(), lookups)
    }

    /// Starts to compare calls with the portals' statistics; how that stands, by the PBX.
    fn reconcile(
        &self,
        journal: &Journal,
        tasks: &Tasks,
        leases: &Leases,
        rng: &mut fastrand::Rng,
    ) -> Vec<(String, Arc<reconcile::Status>)> {
        let start = |(pbx, directory): &(Pbx, Directory)| {
            let reconciler = Reconciler::new(
                &pbx.settings,
                &pbx.crm,
                &self.store,
                &self.clock,
                rng.fork(),
            );
            let clockwork = Clockwork::new(
                reconciler,
                directory.clone(),
                journal.clone(),
                leases.hold(format!("reconcile/{}", pbx.name)),
                pbx.reconcile?,
            );
            let status = clockwork.status();
            tasks.spawn("reconcile", clockwork.run(tasks.clone()));
            Some((pbx.name.clone(), status))
        };
        self.pbxs.iter().filter_map(start).collect()
    }

    /// Starts to follow, and to compare calls; how each stands, by the PBX.
    pub(super) fn start(
        self,
        journal: &Journal,
        tasks: &Tasks,
        leases: &Leases,
        rng: &mut fastrand::Rng,
    ) -> Watched {
        let reconciled = self.reconcile(journal, tasks, leases, rng);
        let start = |(pbx, directory): (Pbx, Directory)| {
            tasks.spawn("users", directory.clone().run(tasks.clone()));
            let setup = Setup {
                manager: pbx.manager,
                endpoints: pbx.endpoints,
                settings: pbx.settings,
                crm: pbx.crm,
                directory,
                hooks: pbx.hooks,
                orders: Arc::new(RecordedOrders(self.store.clone())),
                store: self.store.clone(),
                journal: journal.clone(),
                clock: self.clock.clone(),
                holds: leases.hold_for_calls(format!("asterisk/{}", pbx.name)),
            };
            let follower = Follower::new(setup, rng.fork());
            let status = follower.status();
            tasks.spawn("calls", follower.run(tasks.clone()));
            (pbx.name, status)
        };
        Watched {
            followed: self.pbxs.into_iter().map(start).collect(),
            reconciled,
            lookups: self.lookups,
        }
    }
}

fn of(
    config: &Config,
    pbx: &config::Asterisk,
    environment: &[(String, String)],
    portals: &Portals,
    store: Option<&Store>,
) -> anyhow::Result<Pbx> {
    let connection = &pbx.connection;
    let name = &connection.name;
    let settings = settings(pbx)?;
    let helpdesk = config.asterisk_frappe(connection)?;
    let is_told = settings.tickets.comments || settings.tickets.missed != MissedTicket::Never;
    if is_told && helpdesk.is_none() {
        bail!(
            "{}: name the [[frappe]] that is told of calls, or leave `tickets` out",
            place(connection, "helpdesk")
        );
    }
    let helpdesk = helpdesk
        .map(|frappe| super::helpdesk(config, frappe, environment))
        .transpose()?;
    let mut endpoints = connection.endpoints.clone();
    endpoints
        .originate_prefix
        .get_or_insert_with(|| ORIGINATE_PREFIX.to_owned());
    Ok(Pbx {
        name: name.clone(),
        manager: manager(config, connection, environment)?,
        endpoints,
        settings: Arc::new(settings),
        crm: crm(config, connection, environment, portals, store)?,
        crm_name: config.asterisk_bitrix24(connection)?.name.clone(),
        helpdesk: helpdesk.map(|(_, hub)| hub),
        lookup_tokens: lookup_tokens(config, connection, environment)?,
        lookup_networks: connection.lookup_networks.clone(),
        reconcile: (connection.reconcile_minutes > 0).then(|| Times {
            every: SignedDuration::from_mins(connection.reconcile_minutes.into()),
            window: SignedDuration::from_hours(connection.reconcile_hours.max(1).into()),
        }),
        hooks: Arc::default(),
        users_every: Duration::from_secs(
            u64::from(connection.users_refresh_minutes.max(1)).saturating_mul(60),
        ),
    })
}

fn lookup_tokens(
    config: &Config,
    connection: &Connection,
    environment: &[(String, String)],
) -> anyhow::Result<TrustedSecrets> {
    let tokens = connection.lookup_tokens.iter().enumerate();
    let tokens = tokens.map(|(index, source)| {
        let place = place(connection, &format!("lookup_tokens[{index}]"));
        config.secret(&place, source, environment)
    });
    let tokens: Vec<Secret> = tokens.collect::<Result<_, _>>()?;
    Ok(TrustedSecrets::new(tokens))
}

/// What becomes of the calls of a PBX.
pub(crate) fn settings(pbx: &config::Asterisk) -> anyhow::Result<Settings> {
    let name = &pbx.connection.name;
    let compiled = pbx.calls.clone().compile(name);
    compiled.with_context(|| format!("asterisk[{name}]"))
}

fn place(connection: &Connection, field: &str) -> String {
    format!("asterisk[{}].{field}", connection.name)
}

fn manager(
    config: &Config,
    connection: &Connection,
    environment: &[(String, String)],
) -> anyhow::Result<Manager> {
    let place = |field: &str| place(connection, field);
    let (host, port) = connection
        .host_and_port()
        .map_err(|why| anyhow::anyhow!("{}: {why}", place("address")))?;
    let password = config.secret(&place("password"), &connection.password, environment)?;
    let login = ami::Login::new(&connection.user, password.expose())
        .with_context(|| format!("{} or password", place("user")))?;
    let has_tls_settings = connection.tls_name.is_some()
        || connection.ca_file.is_some()
        || connection.certificate_file.is_some();
    if has_tls_settings && !connection.tls {
        bail!(
            "{}: a certificate is configured; say `tls = true`",
            place("tls")
        );
    }
    let pem = |field: &str, file: Option<&std::path::Path>| {
        let read = config.certificate(&place(field), file);
        read.map(|pem| pem.into_iter().collect())
    };
    let tls = match connection.tls {
        false => None,
        true => Some(ami::Tls {
            name: connection.tls_name.clone(),
            roots_pem: pem("ca_file", connection.ca_file.as_deref())?,
            pinned_pem: pem("certificate_file", connection.certificate_file.as_deref())?,
        }),
    };
    let mut options = ami::Options {
        tls,
        ..Manager::options()
    };
    if !connection.event_filters {
        options.wanted = None;
    }
    Ok(Manager {
        host: host.to_owned(),
        port,
        login: match connection.plain_login {
            false => login,
            true => login.by(ami::Means::Plain),
        },
        options,
    })
}

/// Who speaks to the portal about the calls of a PBX.
fn crm(
    config: &Config,
    connection: &Connection,
    environment: &[(String, String)],
    portals: &Portals,
    store: Option<&Store>,
) -> anyhow::Result<bitrix24::Client> {
    let crm = config.asterisk_bitrix24(connection)?;
    if !crm.enabled {
        bail!(
            "{}: bitrix24[{}] is not enabled, so that no call may be written to it; enable it, or switch the PBX off \
             with `enabled = false`",
            place(connection, "crm"),
            crm.name
        );
    }
    caller(config, crm, environment, portals, store)
}

/// Who speaks to a portal about calls.
pub(super) fn caller(
    config: &Config,
    crm: &config::Bitrix24,
    environment: &[(String, String)],
    portals: &Portals,
    store: Option<&Store>,
) -> anyhow::Result<bitrix24::Client> {
    if let Some(installed) = oauth::installed(config, crm, environment, portals, store)? {
        return Ok(installed.client);
    }
    let place = format!("bitrix24[{}].webhook_url", crm.name);
    let source = crm
        .webhook_url
        .as_ref()
        .with_context(|| format!("{place} is missing: calls are written by it"))?;
    let url = config.secret(&place, source, environment)?;
    let webhook: bitrix24::Webhook = url.expose().parse().with_context(|| place.clone())?;
    portals
        .client_with(webhook, &super::portal_options(config, Some(crm))?)
        .context(place)
}

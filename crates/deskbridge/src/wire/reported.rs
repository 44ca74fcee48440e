//! Calls of contact centres in the CRM's telephony, from the configuration.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use deskbridge_calls::{
    apply::Target,
    people::Directory,
    reported::{Desk, Source},
    settings::{Settings, missed::MissedTicket},
};
use deskbridge_core::Clock;
use deskbridge_journal::{Handler, Journal, Tasks};
use deskbridge_profile::crm::Portals;
use deskbridge_store::Store;
use deskbridge_sync::settings::Mapping;
use jiff::SignedDuration;

use super::{calls::caller, hooks::Configured};
use crate::config::{Caresoft, Config, caresoft::Calls};

/// A contact centre whose calls are carried into the CRM; nothing is connected yet.
pub(crate) struct Center {
    pub(crate) settings: Arc<Settings>,
    pub(crate) crm: bitrix24::Client,
    /// Its agents, as the mapping names them.
    pub(crate) agents: Vec<Agent>,
    users_every: Duration,
    settles_after: SignedDuration,
}

/// An agent of a contact centre.
pub(crate) struct Agent {
    pub(crate) id: String,
    /// What the agent's phone is called in calls.
    pub(crate) phone: String,
    /// Whether that is what the centre's events call it.
    pub(crate) has_phone: bool,
}

/// The contact centres whose calls are carried into the CRM.
pub(crate) fn sources(
    config: &Config,
    environment: &[(String, String)],
    portals: &Portals,
    store: Option<&Store>,
) -> anyhow::Result<Vec<Center>> {
    let planned = super::caresoft::planned(config)?;
    let accounts = config.caresoft.iter().zip(&planned);
    let with_calls = accounts.filter_map(|(account, planned)| {
        let calls = account.calls.as_ref()?;
        Some((account, calls, &planned.mapping))
    });
    with_calls
        .map(|(account, calls, mapping)| {
            let place = format!("caresoft[{}]", account.name);
            let settings = settings(config, account, calls, mapping)?;
            let crm = config
                .caresoft_bitrix24(account)?
                .with_context(|| format!("{place}.crm is missing: calls are carried there"))?;
            if !crm.enabled {
                bail!(
                    "{place}.crm: bitrix24[{}] is not enabled, so that no call may be written to it; enable it, or \
                     leave `calls` out",
                    crm.name
                );
            }
            let minutes = u64::from(calls.users_refresh_minutes.max(1));
            Ok(Center {
                settings: Arc::new(settings),
                agents: agents(mapping),
                crm: caller(config, crm, environment, portals, store)?,
                users_every: Duration::from_secs(minutes.saturating_mul(60)),
                settles_after: SignedDuration::from_secs(calls.settle_seconds.into()),
            })
        })
        .collect()
}

/// What becomes of the calls of the account of this name; `None` where no such calls are carried.
pub(crate) fn settings_of(config: &Config, name: &str) -> anyhow::Result<Option<Settings>> {
    let planned = super::caresoft::planned(config)?;
    let mut accounts = config.caresoft.iter().zip(&planned);
    let of_account = accounts.find_map(|(account, planned)| {
        let calls = account.calls.as_ref().filter(|_| account.name == name)?;
        Some(settings(config, account, calls, &planned.mapping))
    });
    of_account.transpose()
}

fn agents(mapping: &Mapping) -> Vec<Agent> {
    let agents = mapping.agents.iter().map(|(id, agent)| Agent {
        id: id.to_string(),
        phone: mapping.phone_of(*id),
        has_phone: agent.phone.is_some(),
    });
    agents.collect()
}

/// What becomes of the calls of an account.
fn settings(
    config: &Config,
    account: &Caresoft,
    calls: &Calls,
    mapping: &Mapping,
) -> anyhow::Result<Settings> {
    let (name, place) = (&account.name, format!("caresoft[{}].calls", account.name));
    if config
        .asterisk
        .iter()
        .any(|pbx| pbx.connection.name == *name)
    {
        bail!(
            "{place}: asterisk[{name}] has the same name, by which the CRM tells calls apart; rename one"
        );
    }
    let mut source = calls.settings.clone();
    if source.tickets.comments || source.tickets.missed != MissedTicket::Never {
        bail!("{place}.tickets: CareSoft's own tickets tell of its calls; leave it out");
    }
    for (id, agent) in &mapping.agents {
        if let Some(user) = agent.crm_user {
            source.users.entry(mapping.phone_of(*id)).or_insert(user);
        }
    }
    source.compile(name).with_context(|| place)
}

/// What plans the calls of contact centres.
pub(super) struct Reporting {
    desk: Desk,
    sources: Vec<Source>,
}

impl Reporting {
    pub(super) fn of(
        centers: Vec<Center>,
        hooks: &Configured,
        store: &Store,
        clock: &Clock,
        rng: &mut fastrand::Rng,
    ) -> anyhow::Result<Self> {
        let sources = centers.into_iter().map(|center| {
            let (crm, mut settings, every) = (center.crm, center.settings, center.users_every);
            anyhow::Ok(Source {
                hooks: hooks.on_calls(&mut settings)?,
                directory: Directory::new(&crm, &settings, store, clock, every),
                settings,
                crm,
                settles_after: center.settles_after,
            })
        });
        let sources: Vec<Source> = sources.collect::<anyhow::Result<_>>()?;
        Ok(Self {
            desk: Desk::new(sources.clone(), store.clone(), clock.clone(), rng.fork()),
            sources,
        })
    }

    pub(super) fn handlers(&self) -> BTreeMap<&'static str, Arc<dyn Handler>> {
        self.desk.handlers().into()
    }

    /// What their calls are written to.
    pub(super) fn targets(&self) -> Vec<Target> {
        let targets = self.sources.iter().map(|source| Target {
            settings: Arc::clone(&source.settings),
            crm: source.crm.clone(),
            helpdesk: None,
            directory: source.directory.clone(),
            hooks: Arc::clone(&source.hooks),
        });
        targets.collect()
    }

    /// Starts to look for calls that are over, and for who answers which phone.
    pub(super) fn start(self, journal: &Journal, tasks: &Tasks) {
        self.desk.set_journal(journal.clone());
        for source in self.sources {
            tasks.spawn("users", source.directory.run(tasks.clone()));
        }
        tasks.spawn("reported-calls", self.desk.run(tasks.clone()));
    }
}

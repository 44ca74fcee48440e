//! Clicks in the CRM, from the configuration.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::Router;
use bitrix24::ApplicationToken;
use deskbridge_calls::{
    clicks::{
        ORIGINATE, SOURCE,
        dial::{self, Dialler},
        http::{Hooks, Tokens, router},
        notify::{NOTIFY, Notifier},
        offline::{Every, Poller},
        plan::{self, Portal},
    },
    counted,
    oauth::{
        SealedTokens,
        http::{Installed, Way},
    },
    settings::Settings,
};
use deskbridge_core::{Chain, Clock};
use deskbridge_journal::{Handler, Intake, Journal, Planner, Tasks};
use deskbridge_store::Store;
use futures_util::future::BoxFuture;
use jiff::SignedDuration;

use super::{calls::Following, lease::Leases};
use crate::config::{self, Config};

/// What takes clicks in and carries them out.
pub(super) struct Clicks {
    tokens: BTreeMap<String, Arc<dyn Tokens>>,
    planner: Arc<plan::Clicks>,
    dialler: Arc<Dialler>,
    notifier: Arc<Notifier>,
    polled: Vec<Polled>,
    counted: Arc<counted::Clicks>,
    clock: Clock,
    tasks: Tasks,
}

/// A portal whose events wait to be asked for.
struct Polled {
    name: String,
    client: bitrix24::Client,
    settings: Vec<Arc<Settings>>,
    every: Every,
}

impl Clicks {
    pub(super) fn new(
        config: &Config,
        environment: &[(String, String)],
        following: &Following,
        applications: &BTreeMap<String, Installed>,
        store: &Store,
        clock: &Clock,
        tasks: &Tasks,
    ) -> anyhow::Result<Self> {
        let (mut tokens, mut portals) = (BTreeMap::new(), BTreeMap::new());
        let mut all_polled = Vec::new();
        for portal in &config.bitrix24 {
            let known = Known {
                configured: event_tokens(config, portal, environment)?,
                installed: applications
                    .get(&portal.name)
                    .map(|installed| installed.tokens.clone()),
            };
            if !known.configured.is_empty() || known.installed.is_some() {
                tokens.insert(portal.name.clone(), Arc::new(known) as Arc<dyn Tokens>);
            }
            let of_portal = following
                .pbxs()
                .filter(|(pbx, _)| pbx.crm_name == portal.name);
            let pbxs: Vec<_> = of_portal
                .map(|(pbx, _)| plan::Pbx {
                    settings: Arc::clone(&pbx.settings),
                    prefix: pbx.endpoints.originate_prefix.clone().unwrap_or_default(),
                    crm: Some(pbx.crm.clone()),
                })
                .collect();
            let installed = applications.get(&portal.name);
            if let Some(installed) = installed.filter(|of| of.way == Way::Offline) {
                all_polled.push(polled(portal, &pbxs, installed));
            }
            if !pbxs.is_empty() {
                let portal_of = Portal {
                    pbxs,
                    too_old_after: SignedDuration::from_secs(portal.order_seconds_max.into()),
                };
                portals.insert(portal.name.clone(), portal_of);
            }
        }
        let notifies = |name: &str| {
            let mut portals = config.bitrix24.iter();
            portals.any(|portal| portal.name == name && portal.notify_users)
        };
        let pbxs = following.pbxs().map(|(pbx, directory)| dial::Pbx {
            manager: pbx.manager.clone(),
            settings: Arc::clone(&pbx.settings),
            directory: directory.clone(),
            hooks: Arc::clone(&pbx.hooks),
            notifies: notifies(&pbx.crm_name),
        });
        let counted = Arc::<counted::Clicks>::default();
        let crms = following.pbxs();
        let crms = crms.map(|(pbx, _)| (pbx.name.clone(), pbx.crm.clone()));
        Ok(Self {
            tokens,
            planner: Arc::new(plan::Clicks::new(store.clone(), portals)),
            notifier: Arc::new(Notifier::new(crms.collect())),
            dialler: Arc::new(Dialler::new(
                pbxs,
                store.clone(),
                clock.clone(),
                tasks.clone(),
                Arc::clone(&counted),
            )),
            polled: all_polled,
            counted,
            clock: clock.clone(),
            tasks: tasks.clone(),
        })
    }

    pub(super) fn handlers(&self) -> [(&'static str, Arc<dyn Handler>); 2] {
        let (dialler, notifier) = (Arc::clone(&self.dialler), Arc::clone(&self.notifier));
        [(ORIGINATE, dialler), (NOTIFY, notifier)]
    }

    pub(super) fn planners(&self) -> [(&'static str, Arc<dyn Planner>); 1] {
        let planner = Arc::clone(&self.planner);
        [(SOURCE, planner)]
    }

    /// What is counted of them.
    pub(super) fn counted(&self) -> Arc<counted::Clicks> {
        Arc::clone(&self.counted)
    }

    /// Lets orders that come to nothing be told to the CRM.
    pub(super) fn start(&self, journal: &Journal) {
        self.dialler.set_journal(journal.clone());
    }

    /// Takes clicks in: the route of those that are posted, and who asks for those that wait.
    pub(super) fn take_in(self, intake: &Intake, leases: &Leases) -> Router {
        for portal in self.polled {
            let holds = leases.hold(format!("clicks/{}", portal.name));
            let (name, settings) = (&portal.name, portal.settings);
            let (client, clock) = (&portal.client, &self.clock);
            let poller = Poller::new(name, client, intake, clock, holds, settings, portal.every);
            let poller = poller.counting(Arc::clone(&self.counted));
            self.tasks
                .spawn("clicks-poll", poller.run(self.tasks.clone()));
        }
        router(Hooks {
            portals: self.tokens,
            intake: intake.clone(),
            counted: self.counted,
        })
    }
}

fn polled(portal: &config::Bitrix24, pbxs: &[plan::Pbx], installed: &Installed) -> Polled {
    let seconds = |seconds: u32| Duration::from_secs(seconds.max(1).into());
    Polled {
        name: portal.name.clone(),
        client: installed.client.clone(),
        settings: pbxs.iter().map(|pbx| Arc::clone(&pbx.settings)).collect(),
        every: Every {
            working: seconds(portal.poll_seconds),
            idle: seconds(portal.poll_idle_seconds.max(portal.poll_seconds)),
        },
    }
}

/// What proves the events of a portal: what is configured, and what the installation brought.
struct Known {
    configured: Vec<ApplicationToken>,
    installed: Option<SealedTokens>,
}

impl Tokens for Known {
    fn tokens(&self) -> BoxFuture<'_, Vec<ApplicationToken>> {
        Box::pin(async {
            let mut all = self.configured.clone();
            if let Some(installed) = &self.installed {
                match installed.application_token().await {
                    Ok(token) => all.extend(token),
                    Err(error) => {
                        tracing::error!(error = %Chain(&error), "The token of an application cannot be read");
                    }
                }
            }
            all
        })
    }
}

fn event_tokens(
    config: &Config,
    portal: &config::Bitrix24,
    environment: &[(String, String)],
) -> anyhow::Result<Vec<ApplicationToken>> {
    let token = |(index, source)| {
        let place = format!("bitrix24[{}].event_tokens[{index}]", portal.name);
        let token = config.secret(&place, source, environment)?;
        ApplicationToken::new(token.expose()).with_context(|| format!("{place} is empty"))
    };
    portal.event_tokens.iter().enumerate().map(token).collect()
}

//! The profile of a ticket: right first, then what the helpdesk knows, then what Bitrix24 knows, from memory
//! where it is fresh; what follows for the helpdesk is written afterwards.

mod enrichment;
mod facts;
mod parts;
mod showing;
mod stored;
mod writes;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use deskbridge_core::{Chain, Clock, Language};
use deskbridge_http::ApiError;
use deskbridge_journal::{Journal, Tasks};
use frappe::Right;
use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::Cache;

pub(crate) use enrichment::EnrichmentAsked;
use facts::FactSource;
pub use parts::{Local, Parts};
use showing::{Extras, Rendered, envelope};

use crate::{
    case::{CaseFile, Cases},
    customers::Customers,
    decide::{
        answer::{self, Envelope, Facts, Message, Origin, Status, Trouble},
        sentences,
    },
    gate::{Agent, Gate, Visit},
    live::{Live, Settled, Source},
    meta::Metas,
};

/// Rendered answers kept in memory at most.
const IN_MEMORY_MAX: usize = 10_000;
/// Case files kept in memory at most; each is good for seconds.
const CASES_MAX: usize = 1_000;

/// A question for a profile.
#[derive(Clone, Debug)]
pub struct ProfileAsked {
    /// The HD Ticket.
    pub ticket: String,
    /// Ask Bitrix24 even if a fresh answer is remembered.
    pub refresh: bool,
    /// Leads and deals too.
    pub history: bool,
    /// The company as Bitrix24 sent it, for a System Manager.
    pub raw: bool,
}

/// The profile. Clones share everything.
#[derive(Clone)]
pub struct Profiles {
    shared: Arc<Shared>,
}

struct Shared {
    local: Local,
    gate: Gate,
    cases: Cases,
    customers: Customers,
    case_files: Cache<String, (Timestamp, Arc<CaseFile>)>,
    settled: Settled,
    facts: FactSource,
    rendered: Cache<String, Arc<Rendered>>,
    metas: Metas,
    planned: Cache<String, ()>,
    occasions: AtomicU64,
    counters: Mutex<BTreeMap<(Status, Origin), u64>>,
    clock: Clock,
    journal: Journal,
    tasks: Tasks,
}

impl Shared {
    fn count(&self, status: Status, origin: Origin) {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        *counters.entry((status, origin)).or_default() += 1;
    }

    /// A text that no other occasion of this or another run has.
    fn occasion(&self) -> String {
        let number = self.occasions.fetch_add(1, Ordering::Relaxed);
        format!("{}-{number}", self.clock.now().as_microsecond())
    }
}

impl Profiles {
    /// Sets the profile up and reads its settings.
    pub async fn start(parts: Parts, source: Source, local: Local) -> Self {
        let Parts {
            site,
            hub,
            portals,
            store,
            journal,
            clock,
            tasks,
        } = parts;
        let settled = Settled::start(source, portals, &tasks).await;
        let gate = Gate::new(site, hub.clone(), clock.clone(), local.gate_times);
        let facts = FactSource::new(&store, &clock, tasks.clone(), &local);
        let shared = Shared {
            gate,
            cases: Cases::new(hub.clone(), local.country, Arc::clone(&local.hooks)),
            customers: Customers::new(hub.clone()),
            case_files: Cache::new(CASES_MAX),
            settled,
            facts,
            rendered: Cache::new(IN_MEMORY_MAX),
            metas: Metas::new(hub, clock.clone(), local.site_zone.clone()),
            planned: Cache::new(IN_MEMORY_MAX),
            occasions: AtomicU64::new(0),
            counters: Mutex::default(),
            clock,
            journal,
            tasks,
            local,
        };
        let profiles = Self {
            shared: Arc::new(shared),
        };
        let warmed = profiles.clone();
        profiles.shared.tasks.spawn("metas", async move {
            // Writes need it, and today's date in the helpdesk's zone; whoever needs it next asks again.
            if let Err(error) = warmed.shared.metas.site().await {
                tracing::warn!(error = %Chain(&error), "The helpdesk's DocTypes could not be read");
            }
        });
        profiles
    }

    /// The settings in force.
    pub fn live(&self) -> Arc<Live> {
        self.shared.settled.now()
    }

    /// How many answers were given, by status and origin, for metrics.
    pub fn counters(&self) -> Vec<(Status, Origin, u64)> {
        let counters = self
            .shared
            .counters
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        counters
            .iter()
            .map(|((status, origin), number)| (*status, *origin, *number))
            .collect()
    }

    /// The profile of a ticket, as the body of the answer.
    ///
    /// # Errors
    /// When the caller may not see it, or the helpdesk cannot be asked.
    pub async fn of_ticket(
        &self,
        visit: &Visit,
        asked: &ProfileAsked,
    ) -> Result<Vec<u8>, ApiError> {
        let agent = self.shared.gate.agent(visit).await?;
        let language = visit.language(&agent);
        let told = |error: ApiError| error.in_language(language);
        self.shared
            .gate
            .require(visit, "HD Ticket", &asked.ticket, Right::Read)
            .await
            .map_err(told)?;
        let case = self
            .case_of_ticket(&asked.ticket, asked.refresh)
            .await
            .map_err(told)?;
        self.answer(&agent, &case, asked, language)
            .await
            .map_err(told)
    }

    /// The profile of a customer, asked of Bitrix24 now.
    ///
    /// # Errors
    /// When the caller may not see customer or contact, or the helpdesk cannot be asked.
    pub async fn of_customer(
        &self,
        visit: &Visit,
        hd_customer: &str,
        contact: Option<&str>,
    ) -> Result<Vec<u8>, ApiError> {
        let agent = self.shared.gate.agent(visit).await?;
        let language = visit.language(&agent);
        let told = |error: ApiError| error.in_language(language);
        let gate = &self.shared.gate;
        gate.require(visit, "HD Customer", hd_customer, Right::Read)
            .await
            .map_err(told)?;
        if let Some(contact) = contact {
            gate.require(visit, "Contact", contact, Right::Read)
                .await
                .map_err(told)?;
        }
        let case = self
            .shared
            .cases
            .of_customer(hd_customer, contact)
            .await
            .map_err(told)?;
        let asked = ProfileAsked {
            ticket: String::new(),
            refresh: true,
            history: false,
            raw: false,
        };
        self.answer(&agent, &Arc::new(case), &asked, language)
            .await
            .map_err(told)
    }

    async fn case_of_ticket(&self, ticket: &str, refresh: bool) -> Result<Arc<CaseFile>, ApiError> {
        let now = self.shared.clock.now();
        if !refresh
            && let Some((until, case)) = self.shared.case_files.get(ticket)
            && now < until
        {
            return Ok(case);
        }
        let case = Arc::new(self.shared.cases.of_ticket(ticket).await?);
        let until = SignedDuration::try_from(self.shared.local.case_for).ok();
        let until = until.and_then(|by| now.checked_add(by).ok()).unwrap_or(now);
        self.shared
            .case_files
            .insert(ticket.to_owned(), (until, Arc::clone(&case)));
        Ok(case)
    }

    async fn answer(
        &self,
        agent: &Agent,
        case: &Arc<CaseFile>,
        asked: &ProfileAsked,
        language: Language,
    ) -> Result<Vec<u8>, ApiError> {
        let live = self.live();
        let found = self.look_up(&live, case, asked.refresh).await;
        let unread = (!live.is_read).then(|| sentences::settings_unread(language));
        let mut trouble = found.trouble.map(|kind| {
            let message = unread.unwrap_or_else(|| sentences::trouble(kind, language));
            let message = message.to_owned();
            Trouble { kind, message }
        });
        let history = match (asked.history, &found.facts) {
            (true, Some(facts)) => {
                let history = self.history(&live, &facts.value, asked.refresh).await;
                history.unwrap_or_else(|kind| {
                    let message = sentences::trouble(kind, language).to_owned();
                    trouble.get_or_insert(Trouble { kind, message });
                    None
                })
            }
            (true, None) | (false, _) => None,
        };
        let rendered = match &found.facts {
            Some(facts) => Some(self.render(&live, &found.key, facts).await?),
            None => None,
        };
        self.write_back(&live, case, &found);
        self.shared.count(found.status, found.origin);
        let view = self.bitrix_view(
            &live,
            case,
            &found,
            rendered.as_deref(),
            Extras {
                history: history.as_ref(),
                with_raw: asked.raw && agent.is_system_manager,
                trouble: trouble.as_ref(),
            },
        );
        let (status, stale) = (view.status, view.stale);
        let said = unread.unwrap_or_else(|| sentences::profile(status, stale, language));
        envelope(case, view, said)
    }
}

/// A body as Frappe wraps it.
fn body<T: serde::Serialize>(data: T, success: bool, message: &str) -> Result<Vec<u8>, ApiError> {
    let envelope = Envelope {
        message: Message {
            success,
            data,
            message,
        },
    };
    serde_json::to_vec(&envelope).map_err(|error| {
        ApiError::new(deskbridge_http::Code::Internal, "").because(error.to_string())
    })
}

fn status_of(facts: &Facts, origin: Origin) -> Status {
    answer::status(facts, origin)
}

//! The profile of a ticket: right first, then what the helpdesk knows, then what Bitrix24 knows, from memory
//! where it is fresh; what follows for the helpdesk is written afterwards.

mod enrichment;
mod facts;
mod stored;
mod writes;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use deskbridge_core::{Chain, Clock, Language};
use deskbridge_http::ApiError;
use deskbridge_identity::Country;
use deskbridge_journal::{Journal, Tasks};
use deskbridge_store::Store;
use frappe::Right;
use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use quick_cache::sync::Cache;
use serde_json::value::RawValue;

pub(crate) use enrichment::EnrichmentAsked;
use facts::{FactSource, LookedUp};

use crate::{
    case::{CaseFile, Cases, raw},
    crm::Portals,
    customers::Customers,
    decide::{
        answer::{
            self, BitrixView, Envelope, Facts, Message, Origin, ProfileData, Status, Trouble,
        },
        company::{self, Labels, Showing},
        contact,
        history::History,
        sentences,
    },
    gate::{Agent, Gate, GateTimes, Visit},
    live::{Live, Settled, Source},
    memory::Remembered,
    meta::Metas,
};

/// Case files and rendered answers kept in memory at most.
const IN_MEMORY_MAX: usize = 10_000;

/// What is decided on this machine rather than in the helpdesk.
#[derive(Clone, Debug)]
pub struct Local {
    /// Names the helpdesk in ordering keys: the connection's name.
    pub site: String,
    /// Where a phone number without a country code is dialled.
    pub country: Country,
    /// The zone in which dates of the CRM are told; `None` keeps the day that is written.
    pub dates_in: Option<TimeZone>,
    /// The helpdesk's zone; `None` asks the helpdesk.
    pub site_zone: Option<TimeZone>,
    /// How long *not found* need not be asked again.
    pub not_found_for: Duration,
    /// How long a stale answer is worth showing.
    pub stale_for: Duration,
    /// How long the helpdesk's word on callers and rights is good.
    pub gate_times: GateTimes,
    /// How long what the helpdesk says about a ticket is good.
    pub case_for: Duration,
    /// How long an enrichment waits for its writes.
    pub writes_for: Duration,
}

impl Default for Local {
    fn default() -> Self {
        Self {
            site: "helpdesk".to_owned(),
            country: Country::default(),
            dates_in: None,
            site_zone: None,
            not_found_for: Duration::from_secs(300),
            stale_for: Duration::from_secs(7 * 24 * 3_600),
            gate_times: GateTimes::default(),
            case_for: Duration::from_secs(5),
            writes_for: Duration::from_secs(10),
        }
    }
}

/// What the profile needs of the rest of the program.
#[derive(Clone)]
pub struct Parts {
    /// The helpdesk.
    pub site: frappe::Site,
    /// The helpdesk as the hub's own user.
    pub hub: frappe::Client,
    /// The portals.
    pub portals: Arc<Portals>,
    /// The store.
    pub store: Store,
    /// The journal, with the handlers of [`crate::apply::handlers`].
    pub journal: Journal,
    /// The time of day.
    pub clock: Clock,
    /// Background work.
    pub tasks: Tasks,
}

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

/// Company and contact as they are sent, for as long as nothing that shapes them changes.
struct Rendered {
    shaped_by: Shape,
    company: Option<Box<RawValue>>,
    contact: Option<Box<RawValue>>,
}

/// What a rendered answer depends on.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Shape {
    fetched_at: Timestamp,
    generation: u64,
    labels_fetched_at: Option<Timestamp>,
    today: Date,
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
            cases: Cases::new(hub.clone(), local.country),
            customers: Customers::new(hub.clone()),
            case_files: Cache::new(IN_MEMORY_MAX),
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
        let mut trouble = found.trouble.map(|kind| Trouble {
            kind,
            message: sentences::trouble(kind, language).to_owned(),
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
            BitrixExtras {
                history: history.as_ref(),
                with_raw: asked.raw && agent.is_system_manager,
                trouble: trouble.as_ref(),
            },
        );
        let (status, stale) = (view.status, view.stale);
        envelope(case, view, sentences::profile(status, stale, language))
    }

    fn bitrix_view<'a>(
        &self,
        live: &Live,
        case: &'a CaseFile,
        found: &'a LookedUp,
        rendered: Option<&'a Rendered>,
        extras: BitrixExtras<'a>,
    ) -> BitrixView<'a> {
        let facts: Option<&Remembered<Facts>> = found.facts.as_deref();
        let value = facts.map(|facts| &facts.value);
        let company = value.and_then(|facts| facts.company.as_ref());
        let now = self.shared.clock.now();
        let last_tried = || match found.status {
            Status::Error => case.inputs.values.last().map(String::as_str),
            _ => None,
        };
        BitrixView {
            enabled: live.settings.enabled,
            configured: live.settings.webhook.is_some(),
            status: found.status,
            cached: facts.is_some() && found.origin != Origin::Live,
            lookup_candidates: &case.inputs.values,
            lookup_value: value
                .and_then(|facts| facts.lookup_value.as_deref())
                .or_else(last_tried),
            company: rendered.and_then(|rendered| rendered.company.as_deref()),
            contact: rendered.and_then(|rendered| rendered.contact.as_deref()),
            responsible: value.and_then(|facts| facts.responsible.as_ref()),
            matches: company.map_or(0, |company| company.matches),
            match_key: value.and_then(Facts::match_key),
            confidence: value.and_then(Facts::confidence),
            age_seconds: facts.map(|facts| facts.age_seconds(now)),
            stale: found.origin == Origin::Stale,
            history: extras.history,
            raw: company
                .filter(|_| extras.with_raw)
                .map(|company| &company.row),
            error: extras.trouble,
        }
    }

    /// Company and contact in the form in which they are sent.
    async fn render(
        &self,
        live: &Live,
        key: &str,
        facts: &Remembered<Facts>,
    ) -> Result<Arc<Rendered>, ApiError> {
        let labels = if live.settings.enum_fields.is_empty() {
            None
        } else {
            self.shared.facts.labels(&live.host).await
        };
        let zone = self.shared.local.dates_in.as_ref();
        let today_in = zone
            .cloned()
            .unwrap_or_else(|| self.shared.metas.zone_hint());
        let today = today_in.to_datetime(self.shared.clock.now()).date();
        let shape = Shape {
            fetched_at: facts.fetched_at,
            generation: live.generation,
            labels_fetched_at: labels.as_ref().map(|labels| labels.fetched_at),
            today,
        };
        if let Some(rendered) = self.shared.rendered.get(key)
            && rendered.shaped_by == shape
        {
            return Ok(rendered);
        }
        let no_labels = Labels::new();
        let labels = labels.as_ref().map_or(&no_labels, |labels| &labels.value);
        let settings = &live.settings;
        let wanted: Labels = labels
            .iter()
            .filter(|(field, _)| settings.enum_fields.contains(*field))
            .map(|(field, options)| (field.clone(), options.clone()))
            .collect();
        let showing = Showing {
            field_map: &settings.field_map,
            labels: &wanted,
            links: &live.links,
            zone,
            today,
        };
        let company = facts.value.company.as_ref();
        let contact = facts.value.contact.as_ref();
        let rendered = Arc::new(Rendered {
            shaped_by: shape,
            company: company
                .map(|found| raw(&company::view(&found.row, &showing)))
                .transpose()?,
            contact: contact
                .map(|row| raw(&contact::view(row, &live.links)))
                .transpose()?,
        });
        self.shared
            .rendered
            .insert(key.to_owned(), Arc::clone(&rendered));
        Ok(rendered)
    }
}

/// What else an answer shows.
#[derive(Clone, Copy)]
struct BitrixExtras<'a> {
    history: Option<&'a History>,
    with_raw: bool,
    trouble: Option<&'a Trouble>,
}

fn envelope(
    case: &CaseFile,
    bitrix: BitrixView<'_>,
    message: &'static str,
) -> Result<Vec<u8>, ApiError> {
    let data = ProfileData {
        ticket: &case.json.ticket,
        customer: &case.json.customer,
        contact: &case.json.contact,
        haravan: &case.json.haravan,
        bitrix,
    };
    body(data, true, message)
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

//! What Bitrix24 knows, from memory where it is fresh, asked once for all who ask at the same time, and stale
//! rather than nothing when Bitrix24 cannot be asked.

use std::{sync::Arc, time::Duration};

use bitrix24::{Id, Row};
use deskbridge_core::{Chain, Clock};
use deskbridge_hooks::Hooks;
use deskbridge_journal::Tasks;
use deskbridge_store::Store;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::{Local, Profiles, status_of};
use crate::{
    case::CaseFile,
    crm::Crm,
    decide::{
        answer::{Facts, Origin, Status, TroubleKind},
        company::Labels,
        history::{self, History, StageNames},
        lookup::{self, Inputs},
        normalise,
        responsible::{self, Responsible},
    },
    flights::Flights,
    hooks,
    live::Live,
    memory::{Lasting, Memory, Remembered},
};

/// How long labels and names of stages are good.
const NAMES_LAST: Lasting = Lasting {
    fresh_for: Duration::from_secs(24 * 3_600),
    stale_for: Duration::from_secs(30 * 24 * 3_600),
};
/// How long an answer is good that lacks something which could not be had.
const INCOMPLETE_FOR: Duration = Duration::from_secs(60);
/// The least time that is left for a question after the first.
const REMAINING_MIN: Duration = Duration::from_millis(500);

/// What a lookup came to.
pub(super) struct LookedUp {
    pub(super) status: Status,
    pub(super) origin: Origin,
    pub(super) facts: Option<Arc<Remembered<Facts>>>,
    pub(super) trouble: Option<TroubleKind>,
    /// Names the question.
    pub(super) key: String,
}

impl LookedUp {
    fn without_facts(status: Status, trouble: Option<TroubleKind>, key: String) -> Self {
        Self {
            status,
            origin: Origin::Live,
            facts: None,
            trouble,
            key,
        }
    }
}

type Fetched = Result<Arc<Remembered<Facts>>, bitrix24::Error>;

/// Remembers and fetches. Clones share what is remembered.
#[derive(Clone)]
pub(super) struct FactSource {
    facts: Arc<Memory<Facts>>,
    users: Arc<Memory<Responsible>>,
    histories: Arc<Memory<History>>,
    stages: Arc<Memory<StageNames>>,
    labels: Arc<Memory<Labels>>,
    flights: Arc<Flights<Fetched>>,
    tasks: Tasks,
    clock: Clock,
    not_found_for: Duration,
    stale_for: Duration,
    hooks: Arc<Hooks>,
}

impl FactSource {
    pub(super) fn new(store: &Store, clock: &Clock, tasks: Tasks, local: &Local) -> Self {
        Self {
            facts: Arc::new(Memory::new(store.clone(), clock.clone())),
            users: Arc::new(Memory::new(store.clone(), clock.clone())),
            histories: Arc::new(Memory::new(store.clone(), clock.clone())),
            stages: Arc::new(Memory::new(store.clone(), clock.clone())),
            labels: Arc::new(Memory::new(store.clone(), clock.clone())),
            flights: Arc::default(),
            tasks,
            clock: clock.clone(),
            not_found_for: local.not_found_for,
            stale_for: local.stale_for,
            hooks: Arc::clone(&local.hooks),
        }
    }

    /// Labels of enumerations, fresh or not.
    pub(super) async fn labels(&self, host: &str) -> Option<Arc<Remembered<Labels>>> {
        self.labels.recall(&labels_key(host)).await
    }

    /// Asks Bitrix24 and remembers the answer.
    async fn fetch(
        self,
        live: Arc<Live>,
        crm: Crm,
        inputs: Inputs,
        key: String,
        anew: bool,
    ) -> Fetched {
        let timeout = live.settings.timeout;
        let started = Instant::now();
        let remaining = || timeout.saturating_sub(started.elapsed()).max(REMAINING_MIN);
        let with_labels = !live.settings.enum_fields.is_empty()
            && !is_fresh(self.labels(&live.host).await.as_deref(), &self.clock);
        let questions = lookup::first_questions(&inputs);
        let (mut answers, labels) = crm.ask(&questions, with_labels, remaining()).await;
        if let Some(rows) = labels {
            self.remember_labels(&live.host, rows).await;
        }
        let more = lookup::second_questions(&inputs, &answers);
        if !more.is_empty() {
            answers.extend(crm.ask(&more, false, remaining()).await.0);
        }
        let mut picked = lookup::pick(&inputs, &answers);
        hooks::choose_company(&self.hooks, &inputs, &answers, &mut picked).await;
        if let Some(error) = picked.failure {
            return Err(error);
        }
        let assigned = picked
            .company
            .as_ref()
            .and_then(|found| found.row.id("ASSIGNED_BY_ID"));
        let responsible = match assigned {
            Some(id) => Some(self.responsible(&live, &crm, id, anew, remaining()).await),
            None => None,
        };
        let is_complete = picked.contact_failure.is_none()
            && responsible
                .as_ref()
                .is_none_or(|user| user.status != responsible::Status::Error);
        let matched_value = picked
            .company
            .as_ref()
            .and_then(|company| company.value.clone());
        let facts = Facts {
            lookup_value: matched_value.or_else(|| inputs.values.last().cloned()),
            company: picked.company,
            contact: picked.contact,
            responsible,
        };
        let fresh_for = match (facts.is_match(), is_complete) {
            (true, true) => live.settings.fresh_for,
            (false, true) => self.not_found_for.min(live.settings.fresh_for),
            (_, false) => INCOMPLETE_FOR.min(live.settings.fresh_for),
        };
        let lasting = Lasting {
            fresh_for,
            stale_for: self.stale_for,
        };
        Ok(self.facts.remember(&key, facts, lasting).await)
    }

    async fn responsible(
        &self,
        live: &Live,
        crm: &Crm,
        id: Id,
        anew: bool,
        deadline: Duration,
    ) -> Responsible {
        let key = format!("user/{}/{id}", live.host);
        if crm.has_users()
            && !anew
            && let Some(known) = self.users.recall(&key).await
            && known.is_fresh(self.clock.now())
        {
            return known.value.clone();
        }
        let user = match crm.user(id, deadline).await {
            None => return Responsible::unresolved(id, responsible::Status::MissingConfig),
            Some(Err(error)) => {
                tracing::warn!(error = %Chain(&error), "The responsible user could not be resolved");
                return Responsible::unresolved(id, responsible::Status::Error);
            }
            Some(Ok(rows)) => Responsible::among(&rows, id),
        };
        let fresh_for = match user.status {
            responsible::Status::Active => live.settings.fresh_for,
            _ => self.not_found_for.min(live.settings.fresh_for),
        };
        let lasting = Lasting {
            fresh_for,
            stale_for: self.stale_for,
        };
        self.users.remember(&key, user.clone(), lasting).await;
        user
    }

    async fn remember_labels(&self, host: &str, rows: Result<Vec<Row>, bitrix24::Error>) {
        match rows {
            Ok(rows) => {
                let labels = labels_of(&rows);
                self.labels
                    .remember(&labels_key(host), labels, NAMES_LAST)
                    .await;
            }
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "Labels of enumerations could not be read");
            }
        }
    }
}

impl Profiles {
    /// What Bitrix24 knows about a case.
    pub(super) async fn look_up(&self, live: &Arc<Live>, case: &CaseFile, anew: bool) -> LookedUp {
        let key = facts_key(&live.host, &case.inputs);
        let settings = &live.settings;
        if !live.is_read {
            let trouble = Some(TroubleKind::Configuration);
            return LookedUp::without_facts(Status::MissingConfig, trouble, key);
        }
        if !settings.enabled {
            return LookedUp::without_facts(Status::Disabled, None, key);
        }
        let Some(crm) = &live.crm else {
            let unusable = settings.flaws.iter().any(|flaw| flaw.is_about_webhook());
            let trouble = unusable.then_some(TroubleKind::Configuration);
            return LookedUp::without_facts(Status::MissingConfig, trouble, key);
        };
        if case.inputs.is_empty() {
            return LookedUp::without_facts(Status::MissingOrgid, None, key);
        }
        let source = &self.shared.facts;
        let known = source.facts.recall(&key).await;
        if !anew
            && let Some(fresh) = known
                .as_ref()
                .filter(|known| known.is_fresh(source.clock.now()))
                .filter(|known| !could_name_user(&known.value, crm))
        {
            return LookedUp {
                status: status_of(&fresh.value, Origin::Cache),
                origin: Origin::Cache,
                facts: Some(Arc::clone(fresh)),
                trouble: None,
                key,
            };
        }
        let fetched = source
            .flights
            .join(&source.tasks, &key, || {
                let (live, crm, inputs) = (Arc::clone(live), crm.clone(), case.inputs.clone());
                source.clone().fetch(live, crm, inputs, key.clone(), anew)
            })
            .await;
        let trouble = match fetched {
            Some(Ok(facts)) => {
                return LookedUp {
                    status: status_of(&facts.value, Origin::Live),
                    origin: Origin::Live,
                    facts: Some(facts),
                    trouble: None,
                    key,
                };
            }
            Some(Err(error)) => {
                tracing::warn!(error = %Chain(&error), "Bitrix24 could not be asked for a profile");
                TroubleKind::of(&error)
            }
            None => TroubleKind::Unintelligible,
        };
        match known {
            Some(facts) => LookedUp {
                status: status_of(&facts.value, Origin::Stale),
                origin: Origin::Stale,
                facts: Some(facts),
                trouble: Some(trouble),
                key,
            },
            None => LookedUp::without_facts(Status::Error, Some(trouble), key),
        }
    }

    /// Leads and deals of the company that was found.
    pub(super) async fn history(
        &self,
        live: &Live,
        facts: &Facts,
        anew: bool,
    ) -> Result<Option<History>, TroubleKind> {
        let company = facts
            .company
            .as_ref()
            .and_then(|company| company.row.id("ID"));
        let (Some(company), Some(crm)) = (company, &live.crm) else {
            return Ok(None);
        };
        let source = &self.shared.facts;
        // The addresses of the cards are part of what is remembered.
        let portal = live.settings.portal.as_deref().unwrap_or_default();
        let key = format!("history/{}/{portal}/{company}", live.host);
        let known = source.histories.recall(&key).await;
        if !anew && is_fresh(known.as_deref(), &source.clock) {
            return Ok(known.map(|known| known.value.clone()));
        }
        let names_key = format!("stages/{}", live.host);
        let names = source.stages.recall(&names_key).await;
        let with_names = !is_fresh(names.as_deref(), &source.clock);
        let rows = match crm
            .history(company, with_names, live.settings.timeout)
            .await
        {
            Ok(rows) => rows,
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "Leads and deals could not be read");
                let stale = known.map(|known| known.value.clone());
                return stale.map_or_else(|| Err(TroubleKind::of(&error)), |stale| Ok(Some(stale)));
            }
        };
        let names = match &rows.names {
            Some((statuses, categories)) => {
                let read = StageNames::read(statuses, categories);
                Some(source.stages.remember(&names_key, read, NAMES_LAST).await)
            }
            None => names,
        };
        let no_names = StageNames::default();
        let history = history::view(
            (&rows.leads, &rows.deals),
            rows.truncated,
            names.as_ref().map_or(&no_names, |names| &names.value),
            &live.links,
            self.shared.local.dates_in.as_ref(),
        );
        let lasting = Lasting {
            fresh_for: live.settings.fresh_for,
            stale_for: source.stale_for,
        };
        Ok(Some(
            source
                .histories
                .remember(&key, history, lasting)
                .await
                .value
                .clone(),
        ))
    }
}

fn is_fresh<T>(known: Option<&Remembered<T>>, clock: &Clock) -> bool {
    known.is_some_and(|known| known.is_fresh(clock.now()))
}

/// Whether the responsible user was left out for want of a webhook that is there now.
fn could_name_user(facts: &Facts, crm: &Crm) -> bool {
    let status = facts.responsible.as_ref().map(|user| user.status);
    status == Some(responsible::Status::MissingConfig) && crm.has_users()
}

fn labels_key(host: &str) -> String {
    format!("labels/{host}")
}

fn facts_key(host: &str, inputs: &Inputs) -> String {
    let digest = Sha256::digest(inputs.canonical().as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("facts/{host}/{hex}")
}

/// Labels out of the rows of `crm.company.userfield.list`.
fn labels_of(rows: &[Row]) -> Labels {
    let mut labels = Labels::new();
    for row in rows {
        let Some(field) = normalise::text(row, "FIELD_NAME") else {
            continue;
        };
        let options = row.rows("LIST").into_iter().filter_map(|option| {
            Some((
                normalise::text(&option, "ID")?,
                normalise::text(&option, "VALUE")?,
            ))
        });
        let options: std::collections::BTreeMap<_, _> = options.collect();
        if !options.is_empty() {
            labels.insert(field, options);
        }
    }
    labels
}

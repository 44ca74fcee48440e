//! Comparing our calls with the statistics of the CRM, and writing again what is lacking there.
//!
//! What is compared and what follows is decided in [`decide::reconcile`](crate::decide::reconcile). Here is what reads
//! both sides, and what carries the decision out: effects that ended run again, each looking first, and what was never
//! planned is planned. Everything goes through the journal like all other writes, so that nothing happens twice, and
//! behind the calls that go on.

mod clockwork;
mod status;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use bitrix24::{Lane, StatisticCall};
use deskbridge_core::{Clock, EffectId, IdempotencyKey};
use deskbridge_store::{
    CallChange, CallFilter, CallLine, EffectFilter, EffectRecord, EffectState, KeptCall, Recorded,
    Store,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

pub use self::{
    clockwork::{Clockwork, Times},
    status::{Status, StatusSnapshot},
};
use crate::{
    apply::{FinishedCall, RegisteredCall},
    decide::{
        reconcile::{
            Action, Asked, Finding, Held, Late, Ours, State, Telling, Told, Written, compare,
            stranger, strangers,
        },
        telephony::{Plan, plan_late},
        users::People,
        write::{CallKey, Payload, Registered, Write},
    },
    follow::Kept,
    settings::Settings,
};

/// A call may begin so much earlier for the portal than for the PBX: from the click on.
const BEGAN_BEFORE: SignedDuration = SignedDuration::from_hours(1);
/// So much of the calls is read from the store at once.
const READ_AT_ONCE: SignedDuration = SignedDuration::from_hours(1);
/// More effects than any call has.
const EFFECTS_MAX: usize = 1_000;

/// Why calls could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The portal did not show its statistics.
    #[error(
        "the calls of {connection} cannot be compared: the portal does not show its statistics (it takes the scope \
         telephony, and the right to view call statistics)"
    )]
    Portal {
        /// The PBX.
        connection: String,
        /// Why.
        #[source]
        source: bitrix24::Error,
    },
    /// The database failed.
    #[error("the calls of {connection} cannot be read or planned")]
    Database {
        /// The PBX.
        connection: String,
        /// Why.
        #[source]
        source: deskbridge_store::Error,
    },
    /// Nobody's extension is known.
    #[error("the calls of {0} cannot be compared before the CRM has told who its users are")]
    NoPeople(String),
}

/// What came of a comparison.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Calls of ours that were compared.
    pub calls: usize,
    /// Rows of the statistics under our name.
    pub held: usize,
    /// What is other there than here.
    pub findings: Vec<Finding>,
    /// Calls of ours that the CRM shows none of, while it shows none at all: the right to see them may be missing.
    pub is_blind: bool,
    /// Writes that run again.
    pub sent: usize,
    /// Calls that were planned.
    pub planned: usize,
}

/// What is compared, and who asks for it.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Calls that began at this time or later.
    pub since: Timestamp,
    /// Who asks.
    pub asked: Asked,
    /// Nothing is written.
    pub is_dry: bool,
}

/// Compares the calls of one PBX.
#[derive(Debug)]
pub struct Reconciler {
    settings: Arc<Settings>,
    crm: bitrix24::Client,
    store: Store,
    clock: Clock,
    rng: Mutex<fastrand::Rng>,
}

/// A call of ours with what is needed to plan it.
struct Read {
    ours: Ours,
    kept: Kept,
    late: Option<Plan>,
}

impl Reconciler {
    /// Compares those that these settings are of, with this portal.
    pub fn new(
        settings: &Arc<Settings>,
        crm: &bitrix24::Client,
        store: &Store,
        clock: &Clock,
        rng: fastrand::Rng,
    ) -> Self {
        Self {
            settings: Arc::clone(settings),
            crm: crm.in_lane(Lane::Background),
            store: store.clone(),
            clock: clock.clone(),
            rng: Mutex::new(rng),
        }
    }

    /// Compares, and writes again what is lacking; and the effects that were recorded for it.
    ///
    /// # Errors
    /// When either side cannot be read. What was written again by then stays so.
    pub async fn run(
        &self,
        people: &People,
        request: Request,
    ) -> Result<(Report, Vec<Recorded>), Error> {
        let connection = &self.settings.connection;
        if people.is_empty() {
            return Err(Error::NoPeople(connection.clone()));
        }
        let now = self.clock.now();
        // The portal first: what is written in between is then here and not there, and waits.
        let from = request.since.saturating_sub(BEGAN_BEFORE);
        let held = self.held(from.unwrap_or(Timestamp::MIN)).await?;
        let reads = self.reads(people, request.since, now).await;
        let reads = reads.map_err(|source| self.failed(source))?;
        let ours: Vec<Ours> = reads.iter().map(|read| read.ours.clone()).collect();
        let mut findings = compare(&ours, &held, request.asked, now);
        let unknown = self.unknown(&ours, &held).await;
        findings.extend(unknown.map_err(|source| self.failed(source))?);
        let prefix = format!("{connection}:");
        let is_ours = |row: &&Held| {
            row.key
                .as_deref()
                .is_some_and(|key| key.starts_with(&prefix))
        };
        let mut report = Report {
            calls: ours.len(),
            held: held.iter().filter(is_ours).count(),
            is_blind: held.is_empty() && ours.iter().any(was_taken),
            findings,
            ..Report::default()
        };
        let mut recorded = Vec::new();
        // Who cannot see has only a person's word for what is lacking.
        let is_sure = !report.is_blind || request.asked != Asked::Regularly;
        if !request.is_dry && is_sure {
            let written = self.write(&mut report, reads, now, &mut recorded).await;
            written.map_err(|source| self.failed(source))?;
        }
        Ok((report, recorded))
    }

    fn failed(&self, source: deskbridge_store::Error) -> Error {
        Error::Database {
            connection: self.settings.connection.clone(),
            source,
        }
    }

    async fn held(&self, since: Timestamp) -> Result<Vec<Held>, Error> {
        let calls = self.crm.calls_in_statistics_since(since).await;
        let calls = calls.map_err(|source| Error::Portal {
            connection: self.settings.connection.clone(),
            source,
        })?;
        Ok(calls.iter().map(held_of).collect())
    }

    /// All calls of ours that are over, in the order in which they began.
    async fn reads(
        &self,
        people: &People,
        since: Timestamp,
        now: Timestamp,
    ) -> deskbridge_store::Result<Vec<Read>> {
        let (mut reads, mut from) = (Vec::new(), since);
        while from < now {
            let until = from.saturating_add(READ_AT_ONCE).unwrap_or(Timestamp::MAX);
            let filter = CallFilter {
                connection: Some(self.settings.connection.clone()),
                is_open: Some(false),
                since: Some(from),
                until: Some(until),
                limit: usize::MAX,
                ..CallFilter::default()
            };
            let mut calls = self.store.list_calls(filter).await?;
            calls.reverse();
            for call in calls {
                reads.extend(self.read(call, people, now).await?);
            }
            from = until;
        }
        Ok(reads)
    }

    /// A call with what was written of it; `None` for one that is kept in a shape that nobody knows any more.
    async fn read(
        &self,
        call: KeptCall,
        people: &People,
        now: Timestamp,
    ) -> deskbridge_store::Result<Option<Read>> {
        let Some(kept) = Kept::read(call.state) else {
            return Ok(None);
        };
        let Some(ended) = &kept.call().ended else {
            return Ok(None);
        };
        let of_call = CallKey::new(&self.settings.connection, &kept.call().linkedid);
        let registrations = kept.planned.registrations();
        let keys = registrations.iter().map(|of| of.key.clone());
        let effects = self.effects(keys.chain([of_call]).collect()).await?;
        let late = plan_late(
            kept.call(),
            &kept.planned,
            &kept.circumstances,
            &self.settings,
            people,
            now,
        );
        let is_told = kept.planned.key().is_some();
        let ours = Ours {
            linkedid: kept.call().linkedid.to_string(),
            started_at: kept.call().started_at,
            ended_at: ended.at,
            client: call.client,
            tellings: registrations
                .iter()
                .map(|of| telling(of, &effects))
                .collect(),
            others: effects.values().filter_map(other).collect(),
            late: match (&late, is_told) {
                (None, _) => Late::Nothing,
                (Some(_), false) => Late::Call,
                (Some(_), true) => Late::Recordings,
            },
        };
        Ok(Some(Read { ours, kept, late }))
    }

    /// Everything that was written in the order of these keys, by its idempotency key.
    async fn effects(
        &self,
        keys: BTreeSet<CallKey>,
    ) -> deskbridge_store::Result<BTreeMap<IdempotencyKey, EffectRecord>> {
        let mut found = BTreeMap::new();
        for key in keys {
            let filter = EffectFilter {
                ordering_key: Some(format!("call:{key}")),
                limit: EFFECTS_MAX,
                ..EffectFilter::default()
            };
            let effects = self.store.list_effects(filter).await?;
            let keyed = effects
                .into_iter()
                .map(|record| (record.effect.intent.idempotency_key.clone(), record));
            found.extend(keyed);
        }
        Ok(found)
    }

    /// Calls under our name in the CRM that nobody here knows, whenever they were.
    async fn unknown(
        &self,
        ours: &[Ours],
        held: &[Held],
    ) -> deskbridge_store::Result<Vec<Finding>> {
        let connection = &self.settings.connection;
        let mut unknown = Vec::new();
        for row in strangers(ours, held, connection) {
            let found = stranger(row);
            let known = self
                .store
                .call(connection.clone(), found.linkedid.clone())
                .await?;
            // Orders that no call came of are told under a key of their own.
            if known.is_none() && found.linkedid != "order" {
                unknown.push(found);
            }
        }
        Ok(unknown)
    }

    async fn write(
        &self,
        report: &mut Report,
        reads: Vec<Read>,
        now: Timestamp,
        recorded: &mut Vec<Recorded>,
    ) -> deskbridge_store::Result<()> {
        let of_findings = report.findings.iter();
        let send = of_findings.clone().filter_map(|found| match &found.action {
            Action::Send(ids) => Some(ids),
            _ => None,
        });
        let send: BTreeSet<EffectId> = send.flatten().copied().collect();
        for id in &send {
            // What ended otherwise meanwhile is looked at the next time.
            report.sent += usize::from(self.store.repeat_effect(*id, now).await?);
        }
        let plan = of_findings.filter(|found| found.action == Action::Plan);
        let plan: BTreeSet<String> = plan.map(|found| found.linkedid.clone()).collect();
        for read in reads {
            if let Some(late) = read.late.filter(|_| plan.contains(&read.ours.linkedid)) {
                recorded.extend(self.plan(read.kept, late, now).await?);
                report.planned += 1;
            }
        }
        Ok(())
    }

    /// Plans what never was, together with what is known of the call.
    async fn plan(
        &self,
        mut kept: Kept,
        late: Plan,
        now: Timestamp,
    ) -> deskbridge_store::Result<Vec<Recorded>> {
        let notes = late.notes.iter().map(ToString::to_string);
        let notes = notes.filter(|note| kept.noted.insert(note.clone()));
        let lines = ["told to the CRM late: it was lacking there".to_owned()]
            .into_iter()
            .chain(notes);
        let lines = lines.map(|text| CallLine { at: now, text }).collect();
        kept.planned = late.planned;
        let effects = late
            .writes
            .iter()
            .map(|intended| (self.new_id(now), intended.effect()));
        let effects = effects.collect();
        let call = kept.stored(&self.settings);
        let change = CallChange { call, lines };
        self.store
            .keep_calls(vec![change], effects, None, now)
            .await
    }

    fn new_id(&self, now: Timestamp) -> EffectId {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        EffectId::new(now, &mut rng)
    }
}

/// Whether the CRM took a call, and so should show it.
fn was_taken(call: &Ours) -> bool {
    let mut finishes = call.tellings.iter().filter_map(|of| of.finish.as_ref());
    finishes.any(|of| matches!(of.state, State::Done { .. }))
}

fn held_of(call: &StatisticCall) -> Held {
    Held {
        call_id: call.call_id.as_ref().map(|id| id.as_str().to_owned()),
        key: call.external_call_id.clone(),
        started_at: call.started_at.and_then(|at| at.timestamp()),
        client: call.phone_number.clone(),
        duration_s: call.duration.as_secs(),
        status: call.status_code.clone(),
        is_recorded: call.record_file.is_some(),
    }
}

/// A registration with what was written of it.
fn telling(of: &Registered, effects: &BTreeMap<IdempotencyKey, EffectRecord>) -> Telling {
    let key = &of.key;
    let named = |name: &str| effects.get(&IdempotencyKey::new(format!("call:{key}/{name}")));
    let (register, finish) = (named("register"), named("finish"));
    let attach = (0..).map_while(|number| named(&format!("attach/{number}")));
    let result = register.and_then(|record| record.result.clone());
    let result = result.and_then(|result| serde_json::from_value::<RegisteredCall>(result).ok());
    let call_id = of.call_id.clone();
    Telling {
        key: key.clone(),
        is_the_crms: call_id.is_some(),
        call_id: call_id.or(result.and_then(|result| result.call_id)),
        register: register.map(written),
        finish: finish.map(written),
        attach: attach.last().map(written),
        told: finish.and_then(told),
    }
}

fn told(finish: &EffectRecord) -> Option<Told> {
    let payload = finish.effect.intent.payload.clone();
    match serde_json::from_value::<Payload>(payload).ok()?.write {
        Write::Finish(finish) => Some(Told {
            duration_s: finish.duration_s,
            status: finish.status,
        }),
        _ => None,
    }
}

/// What follows from a registration beside its recordings. What is no part of the call in the CRM counts only where it
/// was given up with it.
fn other(record: &EffectRecord) -> Option<Written> {
    let is_dead = record.state == EffectState::Dead;
    match record.effect.intent.kind.as_str() {
        "calls.save_activity" | "calls.save_entity" => Some(written(record)),
        "calls.add_task" if is_dead => Some(written(record)),
        _ => None,
    }
}

fn written(record: &EffectRecord) -> Written {
    let left_out = |result: &Value| {
        let finished = serde_json::from_value::<FinishedCall>(result.clone());
        let registered = serde_json::from_value::<RegisteredCall>(result.clone());
        finished.is_ok_and(|of| of.left_out.is_some())
            || registered.is_ok_and(|of| of.refused.is_some())
    };
    let at = record.changed_at;
    let state = match record.state {
        EffectState::Pending | EffectState::Running => State::Waits,
        EffectState::Done if record.result.as_ref().is_some_and(left_out) => State::LeftOut,
        EffectState::Done => State::Done { at },
        EffectState::Dead => State::GivenUp {
            why: record.failure.clone().unwrap_or_default(),
            at,
        },
        EffectState::Discarded => State::Discarded,
    };
    Written {
        id: record.effect.id,
        state,
    }
}

//! Calls that others follow and report: planned as those of a PBX are.
//!
//! A [report](Report) is an effect in the order of its call's writes, on whichever node: none is planned while another
//! one is, or while an attempt to write runs. What the planner needs to know of the call is kept with it as with any
//! other call.
//!
//! Reports come as they like, and a call is finished once. So an end counts only when it has been known for a while
//! ([`Source::settles_after`]), with whatever came in between; and a call of which no end is told at all ends as not
//! seen. That it is time, for an end or for a card that is shown only after a while, is an effect of the same order
//! ([`SETTLE`]), recorded by a task of every node ([`Desk::run`]).

mod story;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use deskbridge_core::{
    Chain, Clock, Effect, EffectId, Failure, IdempotencyKey, NewEffect, OrderingKey, Outcome,
    Urgency, call::Report,
};
use deskbridge_hooks::Hooks;
use deskbridge_journal::{Handler, Journal, Tasks};
use deskbridge_store::{CallChange, CallFilter, CallLine, Store};
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    call::{Call, CallResult, ConversationState, Ended, Linkedid, MissedReason},
    decide::{
        hooks::told::Around,
        telephony::{Circumstances, Plan, Planned, plan},
        users::People,
        write::CallKey,
    },
    follow::{Asked, Kept, NoOrders, Progress, Reported, Sources},
    people::Directory,
    settings::Settings,
};

/// The kind of effect by which it is time for a call: for its end to count, or to look at it again.
pub const SETTLE: &str = "calls.settle";

/// How long a call may go on of which nothing more is told.
const ENDED_WITHIN: SignedDuration = SignedDuration::from_hours(4);
/// How often it is looked for calls of which it is time.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Calls of one source that are looked at.
const OPEN_MAX: usize = 10_000;
/// How soon it is tried again to plan a call while nobody is known.
const PEOPLE_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Whose calls are reported.
#[derive(Clone)]
pub struct Source {
    /// What becomes of them.
    pub settings: Arc<Settings>,
    /// The CRM.
    pub crm: bitrix24::Client,
    /// Who answers which phone.
    pub directory: Directory,
    /// Who may decide otherwise.
    pub hooks: Arc<Hooks>,
    /// How long the end of a call waits for what else is told of it.
    pub settles_after: SignedDuration,
}

/// Plans reported calls.
#[derive(Clone)]
pub struct Desk {
    sources: Arc<BTreeMap<String, Source>>,
    journal: Arc<OnceLock<Journal>>,
    store: Store,
    clock: Clock,
    rng: Arc<Mutex<fastrand::Rng>>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Desk").field(&self.sources.keys()).finish()
    }
}

/// The payload of a [`SETTLE`].
#[derive(Debug, Serialize, Deserialize)]
struct Settle {
    connection: String,
    linkedid: Linkedid,
}

impl Desk {
    /// The sources, by the names of their connections.
    pub fn new(
        sources: impl IntoIterator<Item = Source>,
        store: Store,
        clock: Clock,
        rng: fastrand::Rng,
    ) -> Self {
        let sources = sources.into_iter();
        let sources = sources.map(|source| (source.settings.connection.clone(), source));
        Self {
            sources: Arc::new(sources.collect()),
            journal: Arc::default(),
            store,
            clock,
            rng: Arc::new(Mutex::new(rng)),
        }
    }

    /// Who carries out what follows. Until it is set reports wait.
    pub fn set_journal(&self, journal: Journal) {
        // Set twice it stays the first, which is the same.
        drop(self.journal.set(journal));
    }

    /// The kinds of effects that it carries out.
    pub fn handlers(&self) -> [(&'static str, Arc<dyn Handler>); 2] {
        let desk: Arc<dyn Handler> = Arc::new(self.clone());
        [(Report::KIND, Arc::clone(&desk)), (SETTLE, desk)]
    }

    /// Looks for calls of which it is time, until the program stops.
    pub async fn run(self, tasks: Tasks) {
        while !self.sources.is_empty() {
            if let Err(error) = self.settle_due().await {
                tracing::error!(error = %Chain(&error), "It was not looked which reported calls are over");
            }
            tokio::select! {
                () = tasks.stopping() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Records that it is time for calls whose end is to count now, or that are to be looked at again.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn settle_due(&self) -> deskbridge_store::Result<()> {
        let now = self.clock.now();
        for connection in self.sources.keys() {
            let filter = CallFilter {
                connection: Some(connection.clone()),
                is_open: Some(true),
                limit: OPEN_MAX,
                ..CallFilter::default()
            };
            let open = self.store.list_calls(filter).await?;
            let read = open.into_iter().filter_map(|call| Kept::read(call.state));
            let due = read.filter_map(|kept| match kept.progress {
                Progress::Reported(reported) => settling(connection, &reported, now),
                Progress::Open(_) | Progress::Over(_) => None,
            });
            let due: Vec<NewEffect> = due.collect();
            if let Some(journal) = self.journal.get().filter(|_| !due.is_empty()) {
                journal.record(due).await?;
            }
        }
        Ok(())
    }

    async fn carry_out(&self, effect: &Effect) -> Result<Value, Outcome<Value>> {
        let payload = effect.intent.payload.clone();
        match effect.intent.kind.as_str() {
            Report::KIND => {
                let report: Report =
                    serde_json::from_value(payload).map_err(|error| unreadable(&error))?;
                let (connection, linkedid) = (report.connection, report.call.linkedid.clone());
                let news = Some((report.revision, report.call));
                self.take(&connection, &linkedid, news).await
            }
            _ => {
                let settle: Settle =
                    serde_json::from_value(payload).map_err(|error| unreadable(&error))?;
                self.take(&settle.connection, &settle.linkedid, None).await
            }
        }
    }

    /// Plans a call by what is reported of it, or by what is known as it is time.
    async fn take(
        &self,
        connection: &str,
        linkedid: &Linkedid,
        news: Option<(u64, Call)>,
    ) -> Result<Value, Outcome<Value>> {
        let Some(source) = self.sources.get(connection) else {
            return Err(not_sent(format!(
                "no [[caresoft]] named {connection} carries calls into a CRM"
            )));
        };
        let people = source.directory.people();
        if people.is_empty() {
            source.directory.look_again();
            let failure = Failure::new("the CRM has not told yet who its users are");
            return Err(Outcome::NotSent(failure.after(Some(PEOPLE_AGAIN_AFTER))));
        }
        let now = self.clock.now();
        let kept = self
            .store
            .call(connection.to_owned(), linkedid.to_string())
            .await
            .map_err(|error| stored(&error))?;
        let kept = kept.and_then(|kept| Kept::read(kept.state));
        let Some((kept, mut lines)) = told(kept, news, source, now) else {
            return Ok(json!({ "left_out": "a later report of the call is known" }));
        };
        let is_over = self.planned(source, &people, kept, now, &mut lines).await?;
        Ok(json!({ "is_over": is_over }))
    }

    /// Plans a call, and keeps it with what follows; whether it is over.
    async fn planned(
        &self,
        source: &Source,
        people: &People,
        mut kept: Kept,
        now: Timestamp,
        lines: &mut Vec<CallLine>,
    ) -> Result<bool, Outcome<Value>> {
        let Progress::Reported(reported) = &kept.progress else {
            return Err(Outcome::Refused(Failure::new(
                "a PBX of the same name has a call of the same id",
            )));
        };
        let settings = &*source.settings;
        let is_ended = reported.call.ended.is_some();
        let is_over = is_ended && is_due(reported, now);
        // While its end waits a call does not ring on, and nobody is shown its card any more.
        let is_ending = is_ended && !is_over && kept.planned.key().is_none();
        let mut call = reported.call.clone();
        if !is_over {
            call.ended = None;
        }
        if !kept.is_settled {
            let sources = Sources {
                connection: settings.connection.clone(),
                store: self.store.clone(),
                crm: source.crm.clone(),
                orders: Arc::new(NoOrders),
                hooks: Arc::clone(&source.hooks),
                clock: self.clock.clone(),
            };
            let around = Around {
                call: &call,
                settings,
                people,
            };
            let wanted = Asked::default().wanted(&around, &kept.circumstances, &source.hooks);
            for what in wanted {
                let told = sources.answer(what).await.add_to(&mut kept.circumstances);
                lines.extend(told.map(|text| CallLine { at: now, text }));
            }
        }
        let planned = match is_ending {
            true => Plan {
                planned: kept.planned.clone(),
                ..Plan::default()
            },
            false => plan(
                &call,
                &kept.planned,
                &kept.circumstances,
                settings,
                people,
                now,
            ),
        };
        let notes = planned.notes.iter().map(ToString::to_string);
        for text in notes.filter(|note| kept.noted.insert(note.clone())) {
            lines.push(CallLine { at: now, text });
        }
        kept.planned = planned.planned;
        if let Progress::Reported(reported) = &mut kept.progress {
            reported.again_at = planned.again_at;
        }
        kept.is_settled |= is_over;
        let change = CallChange {
            call: kept.stored(settings),
            lines: std::mem::take(lines),
        };
        let writes = planned.writes.iter();
        let effects = writes.map(|intended| (self.new_id(), intended.effect()));
        let recorded = self
            .store
            .keep_calls(vec![change], effects.collect(), None, now)
            .await
            .map_err(|error| stored(&error))?;
        if let Some(journal) = self.journal.get() {
            journal.recorded(&recorded);
        }
        Ok(is_over)
    }

    fn new_id(&self) -> EffectId {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        EffectId::new(self.clock.now(), &mut rng)
    }
}

impl Handler for Desk {
    fn apply<'a>(&'a self, effect: &'a Effect) -> BoxFuture<'a, Outcome<Value>> {
        Box::pin(async move {
            match self.carry_out(effect).await {
                Ok(result) => Outcome::Done(result),
                Err(outcome) => outcome,
            }
        })
    }
}

/// A call with what is reported of it, and what that adds to its story; `None` when it says nothing new.
fn told(
    kept: Option<Kept>,
    news: Option<(u64, Call)>,
    source: &Source,
    now: Timestamp,
) -> Option<(Kept, Vec<CallLine>)> {
    let Some((revision, call)) = news else {
        let mut kept = kept.filter(|kept| !kept.is_settled)?;
        if let Progress::Reported(reported) = &mut kept.progress
            && reported.call.ended.is_none()
            && is_due(reported, now)
        {
            unseen(&mut reported.call, now);
            reported.settles_at = Some(now);
        }
        return Some((kept, Vec::new()));
    };
    let new = || Kept {
        progress: Progress::Reported(Reported {
            call: call.clone(),
            revision,
            reported_at: now,
            settles_at: None,
            again_at: None,
        }),
        planned: Planned::default(),
        circumstances: Circumstances::default(),
        noted: std::collections::BTreeSet::new(),
        is_settled: false,
    };
    let before = kept.as_ref().map(|kept| kept.call().clone());
    let mut kept = kept.unwrap_or_else(new);
    if let Progress::Reported(reported) = &mut kept.progress {
        if before.is_some() && reported.revision >= revision {
            return None;
        }
        let settles_at = now.saturating_add(source.settles_after).unwrap_or(now);
        let settles_at = reported.settles_at.unwrap_or(settles_at);
        let is_ended = call.ended.is_some();
        *reported = Reported {
            settles_at: is_ended.then_some(settles_at),
            reported_at: now,
            again_at: None,
            revision,
            call,
        };
        // What went on after all ends once more.
        kept.is_settled &= is_ended;
    }
    let lines = story::lines(before.as_ref(), kept.call());
    Some((kept, lines))
}

/// Whether the end of a call counts, or would have to.
fn is_due(reported: &Reported, now: Timestamp) -> bool {
    match reported.settles_at {
        Some(at) => at <= now,
        None => now.duration_since(reported.reported_at) >= ENDED_WITHIN,
    }
}

/// Ends a call of which no end was told, when it was heard of last.
fn unseen(call: &mut Call, now: Timestamp) {
    let times = call.conversations.iter();
    let times = times.flat_map(|of| [Some(of.began_at), of.answered_at, of.ended_at]);
    let last = times.flatten().max().unwrap_or(call.started_at).min(now);
    for conversation in &mut call.conversations {
        if conversation.ended_at.is_none() {
            conversation.ended_at = Some(last);
            conversation.state = match conversation.answered_at {
                Some(_) => ConversationState::Talked,
                None => ConversationState::NotSeen,
            };
        }
    }
    let is_answered = call.conversations.iter().any(|of| of.answered_at.is_some());
    call.ended = Some(Ended {
        at: last,
        result: match is_answered {
            true => CallResult::Answered,
            false => CallResult::Missed(MissedReason::NotSeen),
        },
    });
}

/// The effect by which it is time for a call: its end counts, or its phones have rung for long enough.
fn settling(connection: &str, reported: &Reported, now: Timestamp) -> Option<NewEffect> {
    let linkedid = reported.call.linkedid.clone();
    let key = format!("call:{}", CallKey::new(connection, &linkedid));
    let (what, urgency) = match reported.again_at.filter(|at| *at <= now) {
        _ if is_due(reported, now) => (format!("settle@{}", reported.revision), Urgency::Usual),
        Some(at) => (format!("again@{at}"), Urgency::Live),
        None => return None,
    };
    let settle = Settle {
        connection: connection.to_owned(),
        linkedid,
    };
    Some(NewEffect {
        urgency,
        kind: SETTLE.to_owned(),
        idempotency_key: IdempotencyKey::new(format!("{key}/{what}")),
        ordering_key: OrderingKey::new(key),
        // Two texts can always be written as JSON.
        payload: serde_json::to_value(settle).unwrap_or_default(),
    })
}

fn unreadable(error: &serde_json::Error) -> Outcome<Value> {
    Outcome::Refused(Failure::new(format!(
        "what is reported cannot be read: {error}"
    )))
}

fn not_sent(why: String) -> Outcome<Value> {
    Outcome::NotSent(Failure::new(why))
}

fn stored(error: &deskbridge_store::Error) -> Outcome<Value> {
    not_sent(Chain(error).to_string())
}

#[cfg(test)]
mod tests;

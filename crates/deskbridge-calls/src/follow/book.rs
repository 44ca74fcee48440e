//! The calls that are followed now: what changed, what is planned of it, and what waits for the store.
//!
//! Functions of values, like what they call: nothing here waits.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use ami::Message;
use deskbridge_core::{EffectId, NewEffect};
use deskbridge_hooks::Hooks;
use deskbridge_store::{CallChange, CallLine, KeptCall};
use jiff::Timestamp;

use super::{
    Found, Kept, Progress,
    lookup::{Asked, Wanted},
};
use crate::{
    call::{Call, Linkedid},
    decide::{
        hooks::told::Around,
        telephony::{Circumstances, Note, Planned, plan},
        tracker::{self, Listing, Step, TrackedCall, Tracker},
        users::People,
        write::Intended,
    },
    settings::Settings,
};

/// Calls that are written in one transaction. Each takes some twenty kilobytes while it is, and other calls wait.
pub(super) const BATCH_MAX: usize = 256;

/// The calls that are followed now.
pub(super) struct Book {
    settings: Arc<Settings>,
    people: Arc<People>,
    hooks: Arc<Hooks>,
    tracker: Tracker,
    /// What was planned of every call that is followed, open or over.
    followed: HashMap<Linkedid, Box<Followed>>,
    /// Calls that are over and not settled.
    over: HashMap<Linkedid, Call>,
    /// Calls that are other than when they were planned last.
    changed: BTreeSet<Linkedid>,
    /// When calls have to be planned again.
    again: BTreeSet<(Timestamp, Linkedid)>,
    unsaved: Waiting,
}

/// What is known of a call beside what the tracker knows.
#[derive(Clone, Debug, Default)]
struct Followed {
    planned: Planned,
    circumstances: Circumstances,
    noted: BTreeSet<String>,
    again_at: Option<Timestamp>,
    /// What was asked, so that it is asked once.
    has_asked: Asked,
    /// Answers that are waited for.
    waits_for: u32,
}

impl Followed {
    /// What is to be kept of it beside how far it is.
    fn kept(self, progress: Progress) -> Kept {
        Kept {
            progress,
            planned: self.planned,
            circumstances: self.circumstances,
            noted: self.noted,
            is_settled: false,
        }
    }
}

/// What waits for the store.
#[derive(Debug, Default)]
struct Waiting {
    calls: BTreeMap<Linkedid, Unsaved>,
    /// Those of which something is to be written elsewhere, which go first.
    with_effects: BTreeSet<Linkedid>,
}

/// What of a call waits for the store.
#[derive(Debug, Default)]
struct Unsaved {
    /// The call, when it is followed no more. One that is followed is looked at when it is written.
    settled: Option<Box<Kept>>,
    lines: Vec<CallLine>,
    effects: Vec<Intended>,
}

impl Waiting {
    fn of(&mut self, linkedid: &Linkedid) -> &mut Unsaved {
        self.calls.entry(linkedid.clone()).or_default()
    }

    fn intend(&mut self, linkedid: &Linkedid, effects: Vec<Intended>) {
        if !effects.is_empty() {
            self.with_effects.insert(linkedid.clone());
            self.of(linkedid).effects.extend(effects);
        }
    }

    fn remove(&mut self, linkedid: &Linkedid) -> Option<Unsaved> {
        self.with_effects.remove(linkedid);
        self.calls.remove(linkedid)
    }

    /// What is written next.
    fn first(&self) -> Vec<Linkedid> {
        let others = self.calls.keys();
        let others = others.filter(|name| !self.with_effects.contains(*name));
        let first = self.with_effects.iter().chain(others).take(BATCH_MAX);
        first.cloned().collect()
    }
}

/// What is written in one transaction.
pub(super) struct Batch {
    pub(super) changes: Vec<CallChange>,
    /// Their ids are given when it is begun.
    pub(super) effects: Vec<(EffectId, NewEffect)>,
}

/// What follows from planning, beside what waits for the store.
#[derive(Debug, Default)]
pub(super) struct Needed {
    pub(super) lookups: Vec<Wanted>,
    /// Somebody is not known.
    pub(super) lacks_people: bool,
}

impl Book {
    /// Goes on with calls that were kept.
    pub(super) fn restored(
        settings: &Arc<Settings>,
        endpoints: tracker::Settings,
        people: Arc<People>,
        hooks: Arc<Hooks>,
        calls: Vec<KeptCall>,
    ) -> Self {
        let (mut followed, mut over) = (HashMap::new(), HashMap::new());
        let (mut tracked, mut changed) = (Vec::new(), BTreeSet::new());
        for stored in calls {
            let linkedid = Linkedid::new(stored.linkedid);
            let Some(kept) = Kept::read(stored.state) else {
                tracing::error!(%linkedid, "What was kept of a call cannot be read; it is followed no more");
                continue;
            };
            match kept.progress {
                Progress::Open(call) => tracked.push(call),
                Progress::Over(call) => drop(over.insert(linkedid.clone(), call)),
                Progress::Reported(_) => continue,
            }
            changed.insert(linkedid.clone());
            let has_asked = Asked {
                order: kept.circumstances.order.is_some(),
                ..Asked::default()
            };
            let of = Followed {
                planned: kept.planned,
                circumstances: kept.circumstances,
                noted: kept.noted,
                has_asked,
                ..Followed::default()
            };
            followed.insert(linkedid, Box::new(of));
        }
        Self {
            settings: Arc::clone(settings),
            people,
            hooks,
            tracker: Tracker::restored(endpoints, tracked),
            followed,
            over,
            changed,
            again: BTreeSet::new(),
            unsaved: Waiting::default(),
        }
    }

    /// Calls that go on.
    pub(super) fn open(&self) -> usize {
        self.tracker.calls().len()
    }

    /// Calls that wait for the store.
    pub(super) fn unsaved(&self) -> usize {
        self.unsaved.calls.len()
    }

    /// Whether what waits for the store is of consequence.
    pub(super) fn is_urgent(&self) -> bool {
        !self.unsaved.with_effects.is_empty() || !self.over.is_empty()
    }

    /// When a call has to be planned again.
    pub(super) fn next_at(&self) -> Option<Timestamp> {
        self.again.first().map(|(at, _)| *at)
    }

    pub(super) fn event(&mut self, message: &Message, now: Timestamp) {
        let step = self.tracker.step(message, now);
        self.take(step);
    }

    pub(super) fn resync(&mut self, listing: &Listing, now: Timestamp) {
        let step = self.tracker.resync(listing, now);
        self.take(step);
    }

    pub(super) fn disconnected(&mut self, at: Timestamp) {
        let step = self.tracker.disconnected(at);
        self.take(step);
    }

    pub(super) fn expire(&mut self, now: Timestamp) {
        let step = self.tracker.expire(now);
        self.take(step);
    }

    /// Takes note of who answers which phone: what could not be told before may be told now.
    pub(super) fn know(&mut self, people: Arc<People>) {
        if *people != *self.people {
            self.people = people;
            self.changed.extend(self.followed.keys().cloned());
        }
    }

    /// Takes note of what was asked elsewhere.
    pub(super) fn found(&mut self, found: Found) {
        // It may have become part of another call.
        let name = match self.tracker.call(&found.linkedid) {
            Some(open) => open.call().linkedid.clone(),
            None => found.linkedid,
        };
        let Some(followed) = self.followed.get_mut(&name) else {
            return;
        };
        followed.waits_for = followed.waits_for.saturating_sub(1);
        let line = found.what.add_to(&mut followed.circumstances);
        let line = line.map(|text| CallLine { at: found.at, text });
        self.unsaved.of(&name).lines.extend(line);
        self.changed.insert(name);
    }

    fn take(&mut self, step: Step) {
        for joined in step.joined {
            self.join(&joined.call.linkedid, &joined.into);
        }
        for fact in step.facts {
            let line = CallLine {
                at: fact.at,
                text: fact.to_string(),
            };
            self.unsaved.of(&fact.linkedid).lines.push(line);
            self.changed.insert(fact.linkedid);
        }
        self.changed.extend(step.changed);
        for call in step.ended {
            let linkedid = call.linkedid.clone();
            self.followed.entry(linkedid.clone()).or_default();
            self.over.insert(linkedid.clone(), call);
            self.changed.insert(linkedid);
        }
    }

    /// One call became part of another.
    fn join(&mut self, linkedid: &Linkedid, into: &Linkedid) {
        self.changed.remove(linkedid);
        if let Some(joined) = self.unsaved.remove(linkedid) {
            self.unsaved.of(into).lines.extend(joined.lines);
            self.unsaved.intend(into, joined.effects);
        }
        if let Some(joined) = self.followed.remove(linkedid) {
            let own = self.followed.entry(into.clone()).or_default();
            own.planned.absorb(joined.planned);
            own.noted.extend(joined.noted);
            own.waits_for += joined.waits_for;
            let circumstances = &mut own.circumstances;
            circumstances.order = circumstances.order.take().or(joined.circumstances.order);
            circumstances.learned.join(joined.circumstances.learned);
        }
        self.changed.insert(into.clone());
    }

    /// Plans every call that is other than when it was planned last.
    pub(super) fn plan(&mut self, now: Timestamp) -> Needed {
        while let Some((at, linkedid)) = self.again.first().cloned()
            && at <= now
        {
            self.again.pop_first();
            self.changed.insert(linkedid);
        }
        let mut needed = Needed::default();
        for linkedid in std::mem::take(&mut self.changed) {
            self.plan_one(&linkedid, now, &mut needed);
        }
        needed
    }

    fn plan_one(&mut self, linkedid: &Linkedid, now: Timestamp, needed: &mut Needed) {
        let Some(call) = called(&self.over, &self.tracker, linkedid) else {
            // A fact of a call that is none of ours any more.
            let of = self.unsaved.calls.get(linkedid);
            if of.is_some_and(|of| of.settled.is_none() && of.effects.is_empty()) {
                self.unsaved.remove(linkedid);
            }
            return;
        };
        let followed = self.followed.entry(linkedid.clone()).or_default();
        let around = Around {
            call,
            settings: &self.settings,
            people: &self.people,
        };
        let asked = &mut followed.has_asked;
        for what in asked.wanted(&around, &followed.circumstances, &self.hooks) {
            followed.waits_for += 1;
            let linkedid = linkedid.clone();
            needed.lookups.push(Wanted { linkedid, what });
        }
        let mut is_settled = false;
        let unsaved = self.unsaved.of(linkedid);
        if followed.waits_for == 0 {
            let planned = plan(
                call,
                &followed.planned,
                &followed.circumstances,
                &self.settings,
                &self.people,
                now,
            );
            let is_unknown =
                |note: &Note| matches!(note, Note::UnknownExtension(_) | Note::UsersNotKnown);
            needed.lacks_people |= planned.notes.iter().any(is_unknown);
            let notes = planned.notes.into_iter().map(|note| note.to_string());
            let notes = notes.filter(|note| followed.noted.insert(note.clone()));
            unsaved
                .lines
                .extend(notes.map(|text| CallLine { at: now, text }));
            followed.planned = planned.planned;
            if let Some(at) = followed.again_at.take() {
                self.again.remove(&(at, linkedid.clone()));
            }
            followed.again_at = planned.again_at;
            if let Some(at) = planned.again_at {
                self.again.insert((at, linkedid.clone()));
            }
            self.unsaved.intend(linkedid, planned.writes);
            is_settled =
                call.ended.is_some() && planned.again_at.is_none() && !self.people.is_empty();
        }
        if is_settled {
            let settled = self
                .over
                .remove(linkedid)
                .zip(self.followed.remove(linkedid));
            self.unsaved.of(linkedid).settled = settled.map(|(call, followed)| {
                let mut kept = followed.kept(Progress::Over(call));
                kept.is_settled = true;
                Box::new(kept)
            });
        }
    }

    /// What is to be kept of a call that is followed.
    fn kept(&self, linkedid: &Linkedid) -> Option<Kept> {
        let progress = match self.over.get(linkedid) {
            Some(call) => Progress::Over(call.clone()),
            None => Progress::Open(open(&self.tracker, linkedid)?.clone()),
        };
        let followed = self.followed.get(linkedid)?;
        Some(followed.clone().kept(progress))
    }

    /// Takes what waits for the store.
    pub(super) fn take_batch(&mut self) -> Batch {
        let mut batch = Batch {
            changes: Vec::new(),
            effects: Vec::new(),
        };
        for linkedid in self.unsaved.first() {
            let Some(of) = self.unsaved.remove(&linkedid) else {
                continue;
            };
            let kept = of.settled.map(|kept| *kept);
            let kept = kept.or_else(|| self.kept(&linkedid));
            batch.changes.extend(kept.map(|kept| CallChange {
                call: kept.stored(&self.settings),
                lines: of.lines,
            }));
            let nobody = EffectId::from_uuid(Default::default());
            let effects = of.effects.iter();
            let effects = effects.map(|intended| (nobody, intended.effect()));
            batch.effects.extend(effects);
        }
        batch
    }
}

/// The call of this name, open or over.
fn called<'b>(
    over: &'b HashMap<Linkedid, Call>,
    tracker: &'b Tracker,
    linkedid: &Linkedid,
) -> Option<&'b Call> {
    let open = || open(tracker, linkedid).map(TrackedCall::call);
    over.get(linkedid).or_else(open)
}

/// The open call that goes by this name now.
fn open<'b>(tracker: &'b Tracker, linkedid: &Linkedid) -> Option<&'b TrackedCall> {
    let tracked = tracker.call(linkedid);
    tracked.filter(|tracked| tracked.call().linkedid == *linkedid)
}

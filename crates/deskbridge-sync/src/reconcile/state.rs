//! How far the poll of an account has come, kept in the store, and what people are told of it.

use std::collections::BTreeMap;

use deskbridge_store::{Answer, Store};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    Error,
    settings::Object,
    times::{Finding, Meaning},
    walk::Walk,
};

/// For ever, as it is kept anew at every round.
const KEEP_FOR: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);
const HOURS_OF_DAY: i64 = 24;
/// How long what `Z` means is believed without another look.
const LOOK_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// What is kept of an account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct State {
    pub(super) times: Finding,
    /// When it was last looked at what `Z` means, and when that was last confirmed.
    pub(super) looked_at: Option<Timestamp>,
    pub(super) confirmed_at: Option<Timestamp>,
    pub(super) banned_until: Option<Timestamp>,
    pub(super) objects: BTreeMap<Object, Progress>,
}

/// What is kept of one object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Since when changes are expected to be told of.
    pub(super) since: Timestamp,
    /// What changed before was read and is in the journal where it was missed.
    pub(super) mark: Timestamp,
    /// The walk that has not come to its end.
    pub(super) walk: Option<Walk>,
    /// The latest change when it was last looked at what `Z` means.
    pub(super) newest: Option<Newest>,
    #[serde(default)]
    pub(super) counts: Counts,
}

/// The latest time that was shown, with its `Z` taken for UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Newest {
    pub(super) shown: Timestamp,
    pub(super) looked_at: Timestamp,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Counts {
    pub(super) rows_read: u64,
    pub(super) rows_unreadable: u64,
    pub(super) missed: u64,
    pub(super) completed: u64,
    /// By hours since 1970.
    missed_by_hour: BTreeMap<i64, u64>,
    pub(super) last_round_at: Option<Timestamp>,
    pub(super) last_end_at: Option<Timestamp>,
    pub(super) last_failure: Option<Failed>,
}

/// Something that went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// When.
    pub at: Timestamp,
    /// What, as a clause for people.
    pub why: String,
}

/// How the poll of an account stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// What its times mean.
    pub times: Finding,
    /// Until when nothing is asked, because CareSoft banned us.
    pub banned_until: Option<Timestamp>,
    /// How each object stands.
    pub objects: Vec<ObjectStatus>,
}

/// How the poll of one object stands. Numbers are since the first round, restarts included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectStatus {
    /// The object.
    pub object: Object,
    /// Everything that changed before was read.
    pub mark: Timestamp,
    /// When it was last polled.
    pub last_round_at: Option<Timestamp>,
    /// When a round last read everything there was.
    pub last_end_at: Option<Timestamp>,
    /// Rows that were read, many of them more than once.
    pub rows_read: u64,
    /// Rows that did not say what they are or when they were changed.
    pub rows_unreadable: u64,
    /// Changes that were found by the poll, not by a webhook.
    pub missed: u64,
    /// Those found in this hour and the 23 before.
    pub missed_last_day: u64,
    /// Records that were taken in whole, because webhooks tell only what changed of them.
    pub completed: u64,
    /// The last failure, which may be over.
    pub last_failure: Option<Failed>,
}

impl ObjectStatus {
    /// Whether the last failure is not over.
    pub fn is_failing(&self) -> bool {
        let failed_at = self.last_failure.as_ref().map(|failed| failed.at);
        failed_at.is_some() && failed_at >= self.last_end_at
    }
}

impl Status {
    /// How the poll of a connection stands; `None` before its first round.
    ///
    /// # Errors
    /// When the store fails, or what it kept cannot be read.
    pub async fn read(
        store: &Store,
        connection: &str,
        now: Timestamp,
    ) -> Result<Option<Self>, Error> {
        let state = State::load(store, connection, now).await?;
        Ok(state.map(|state| state.status(now)))
    }
}

impl Counts {
    pub(super) fn add_missed(&mut self, number: u64, now: Timestamp) {
        self.missed += number;
        let hour = hour(now);
        self.missed_by_hour
            .retain(|old, _| hour - old < HOURS_OF_DAY);
        if number > 0 {
            *self.missed_by_hour.entry(hour).or_default() += number;
        }
    }

    fn missed_last_day(&self, now: Timestamp) -> u64 {
        let recent = self.missed_by_hour.range(hour(now) - HOURS_OF_DAY + 1..);
        recent.map(|(_, number)| number).sum()
    }

    pub(super) fn fail(&mut self, why: String, now: Timestamp) {
        self.last_failure = Some(Failed { at: now, why });
    }
}

fn hour(now: Timestamp) -> i64 {
    now.as_second().div_euclid(3_600)
}

impl Progress {
    pub(super) fn new(since: Timestamp) -> Self {
        Self {
            since,
            mark: since,
            walk: None,
            newest: None,
            counts: Counts::default(),
        }
    }

    fn status(&self, object: Object, now: Timestamp) -> ObjectStatus {
        let counts = &self.counts;
        ObjectStatus {
            object,
            mark: self.mark,
            last_round_at: counts.last_round_at,
            last_end_at: counts.last_end_at,
            rows_read: counts.rows_read,
            rows_unreadable: counts.rows_unreadable,
            missed: counts.missed,
            missed_last_day: counts.missed_last_day(now),
            completed: counts.completed,
            last_failure: counts.last_failure.clone(),
        }
    }
}

impl State {
    pub(super) async fn load(
        store: &Store,
        connection: &str,
        now: Timestamp,
    ) -> Result<Option<Self>, Error> {
        let found = store.remembered_answer(key(connection), now).await;
        let found = found.map_err(|source| Error::Store {
            what: "read how far the poll has come",
            source,
        })?;
        let read = found.map(|answer| serde_json::from_slice(&answer.body));
        read.transpose().map_err(|source| Error::Unreadable {
            connection: connection.to_owned(),
            source,
        })
    }

    pub(super) async fn save(
        &self,
        store: &Store,
        connection: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let body = serde_json::to_vec(self).map_err(|source| Error::Unreadable {
            connection: connection.to_owned(),
            source,
        })?;
        let keep_until = now.saturating_add(KEEP_FOR).unwrap_or(now);
        let answer = Answer {
            body,
            fetched_at: now,
            fresh_until: keep_until,
            keep_until,
        };
        let saved = store.remember_answer(key(connection), answer).await;
        saved.map_err(|source| Error::Store {
            what: "keep how far the poll has come",
            source,
        })
    }

    pub(super) fn is_look_due(&self, now: Timestamp) -> bool {
        let is_old = |at| now.duration_since(at) >= LOOK_EVERY;
        self.looked_at.is_none_or(is_old)
    }

    /// Keeps what was found out. When `Z` turns out to mean something else, questions were hours off since the former
    /// meaning was last confirmed: that time is read again.
    pub(super) fn learn(&mut self, found: Finding, off_by: SignedDuration, now: Timestamp) {
        self.looked_at = Some(now);
        let former = self.times.meaning;
        if found.meaning == Meaning::Unknown && former != Meaning::Unknown {
            return;
        }
        if former != Meaning::Unknown && former != found.meaning {
            for progress in self.objects.values_mut() {
                let from = self.confirmed_at.unwrap_or(progress.since);
                let from = from.saturating_sub(off_by.abs()).unwrap_or(from);
                progress.mark = progress.mark.min(from).max(progress.since);
                progress.walk = None;
            }
        }
        if found.meaning != Meaning::Unknown {
            self.confirmed_at = Some(now);
        }
        self.times = found;
    }

    fn status(&self, now: Timestamp) -> Status {
        let objects = self.objects.iter();
        Status {
            times: self.times.clone(),
            banned_until: self.banned_until.filter(|until| *until > now),
            objects: objects
                .map(|(object, progress)| progress.status(*object, now))
                .collect(),
        }
    }
}

fn key(connection: &str) -> String {
    format!("caresoft/{connection}/poll")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_last_day_is_counted_by_the_hour() {
        let mut counts = Counts::default();
        let hour = 3_600;
        for (number, at_hour) in [(1, 0), (2, 1), (4, 23), (8, 24)] {
            counts.add_missed(number, at(at_hour * hour));
        }
        assert_eq!(counts.missed, 15);
        assert_eq!(counts.missed_last_day(at(24 * hour)), 14);
        assert_eq!(counts.missed_last_day(at(25 * hour)), 12);
        assert_eq!(counts.missed_last_day(at(100 * hour)), 0);
        counts.add_missed(0, at(100 * hour));
        assert!(counts.missed_by_hour.is_empty(), "it does not grow");
    }

    #[test]
    fn another_meaning_takes_back_what_was_read_with_the_former() {
        let hours_7 = SignedDuration::from_hours(7);
        let found = |meaning| Finding {
            meaning,
            because: String::new(),
        };
        let mut state = State::default();
        state
            .objects
            .insert(Object::Tickets, Progress::new(at(1_000)));
        let mark = |state: &State| state.objects[&Object::Tickets].mark.as_second();
        state.learn(found(Meaning::Unknown), hours_7, at(2_000));
        state.learn(found(Meaning::Local), hours_7, at(100_000));
        assert_eq!(mark(&state), 1_000);
        state.objects.get_mut(&Object::Tickets).unwrap().mark = at(200_000);
        // Nothing seen is nothing learnt.
        state.learn(found(Meaning::Unknown), hours_7, at(200_000));
        assert_eq!(state.times.meaning, Meaning::Local);
        state.learn(found(Meaning::Local), hours_7, at(201_000));
        assert_eq!(mark(&state), 200_000);
        state.learn(found(Meaning::Utc), hours_7, at(300_000));
        assert_eq!(mark(&state), 201_000 - 7 * 3_600);
        state.learn(
            found(Meaning::Local),
            SignedDuration::from_hours(500),
            at(300_000),
        );
        assert_eq!(mark(&state), 1_000, "never before the first round");
    }
}

//! Taking a page: which of its rows nobody told of, and these into the journal.

use std::collections::BTreeMap;

use caresoft::{Age, Event, Kind, Zone, age, rest::Page};
use deskbridge_core::{NewEvent, OrderingKey};
use deskbridge_store::{Accepted, EventFilter, EventState};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};

use super::{
    Error,
    poller::{Poller, Stop},
    row::{Bounds, Row, Verdict, judge},
    settings::Object,
    state::Counts,
    times::Meaning,
};

/// Events that wait to be planned, of which we look through so many. Behind more of them nothing can be judged.
const WAITING_MAX: usize = 20_000;
/// Events that are looked through at once.
const READ_AT_ONCE: usize = 500;
/// Events that are written at once.
const WRITTEN_AT_ONCE: usize = 32;
/// How far CareSoft's clock may be ahead of ours.
const SKEW: SignedDuration = SignedDuration::from_mins(10);

/// What a record's webhooks told that have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    /// Its state of this time.
    AsOf(Timestamp),
    /// That it is gone.
    ForGood,
}

/// What became of a page.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// When its rows were changed.
    pub(super) times: Vec<Timestamp>,
    pub(super) rows: u64,
    pub(super) missed: u64,
    unreadable: u64,
    completed: u64,
}

impl Taken {
    pub(super) fn count(&self, counts: &mut Counts, now: Timestamp) {
        counts.rows_read += self.rows;
        counts.rows_unreadable += self.unreadable;
        counts.completed += self.completed;
        counts.add_missed(self.missed, now);
    }
}

impl Poller {
    /// Takes a page. What nobody told of is on disk when this returns.
    pub(super) async fn take(
        &self,
        object: Object,
        page: &Page,
        meaning: Meaning,
        bounds: Bounds,
    ) -> Result<Taken, Stop> {
        let zone = meaning.of(self.zone);
        let rows = page.rows.iter();
        let rows: Vec<Row<'_>> = rows
            .filter_map(|row| Row::read(object, row, zone))
            .collect();
        if meaning == Meaning::Unwritten && rows.iter().any(|row| row.shown.is_some()) {
            let why = "a time has a Z, which none had before: what it means is not known yet";
            return Err(Stop::Doubtful(why.to_owned()));
        }
        let mut taken = Taken {
            times: rows.iter().map(|row| row.updated_at).collect(),
            rows: count(page.rows.len()),
            unreadable: count(page.rows.len() - rows.len()),
            ..Taken::default()
        };
        let untold = self.untold(rows, bounds, zone).await?;
        let event = |(row, verdict): (Row<'_>, _)| (row.event(&self.connection, zone), verdict);
        let events: Vec<(NewEvent, Verdict)> = untold.into_iter().map(event).collect();
        let accepting = events.into_iter().map(async |(event, verdict)| {
            let accepted = self.setup.intake.accept(event).await?;
            Ok((accepted, verdict))
        });
        let accepted: Vec<(Accepted, Verdict)> = stream::iter(accepting)
            .buffered(WRITTEN_AT_ONCE)
            .try_collect()
            .await
            .map_err(failed("write changes that no webhook told of"))?;
        let new = |kind: Verdict| {
            let is_new = |(accepted, verdict): &&(Accepted, Verdict)| {
                *verdict == kind && matches!(accepted, Accepted::New(_))
            };
            count(accepted.iter().filter(is_new).count())
        };
        (taken.missed, taken.completed) = (new(Verdict::Missed), new(Verdict::Partial));
        if taken.missed > 0 {
            tracing::info!(
                connection = self.connection,
                object = object.as_str(),
                missed = taken.missed,
                "The poll found changes that no webhook told of"
            );
        }
        Ok(taken)
    }

    /// The rows that are to be taken in.
    async fn untold<'r>(
        &self,
        rows: Vec<Row<'r>>,
        bounds: Bounds,
        zone: Zone,
    ) -> Result<Vec<(Row<'r>, Verdict)>, Stop> {
        let untold = self.judged(rows, bounds).await?;
        let missed = untold
            .iter()
            .filter(|(_, verdict)| *verdict == Verdict::Missed);
        let Some(earliest) = missed.map(|(row, _)| row.updated_at).min() else {
            return Ok(untold);
        };
        // Their webhooks may have come, and wait for their turn or for a person.
        let came = self.came(earliest, zone).await?;
        let is_untold = |(row, verdict): &(Row<'r>, Verdict)| {
            let key = row.ordering_key(&self.connection);
            let told = match came.get(&key) {
                None => false,
                Some(Told::AsOf(version)) => age(row.updated_at, *version) != Age::Newer,
                Some(Told::ForGood) => true,
            };
            !told || *verdict != Verdict::Missed
        };
        let untold = untold.into_iter().filter(is_untold).map(|(row, _)| row);
        // What was planned between the two looks is known by now.
        self.judged(untold.collect(), bounds).await
    }

    /// Those of the rows that matter.
    async fn judged<'r>(
        &self,
        rows: Vec<Row<'r>>,
        bounds: Bounds,
    ) -> Result<Vec<(Row<'r>, Verdict)>, Stop> {
        let records = rows.iter().map(|row| row.record(&self.connection));
        let known = self.setup.store.known(records.collect()).await;
        let known = known.map_err(failed("read what is known of records"))?;
        let judged = rows.into_iter().zip(&known).map(|(row, known)| {
            let seen = (self.setup.seen)(known);
            (row, judge(row.object, row.updated_at, seen, bounds))
        });
        Ok(judged
            .filter(|(_, verdict)| match verdict {
                Verdict::Missed | Verdict::Partial => true,
                Verdict::Young | Verdict::Known | Verdict::History => false,
            })
            .collect())
    }

    /// What events tell of their records that are in the journal and have taught nothing yet.
    async fn came(&self, from: Timestamp, zone: Zone) -> Result<BTreeMap<OrderingKey, Told>, Stop> {
        let mut came: BTreeMap<OrderingKey, Told> = BTreeMap::new();
        for state in [EventState::Pending, EventState::Running, EventState::Dead] {
            let filter = EventFilter {
                connection: Some(self.connection.clone()),
                state: Some(state),
                received_from: from.checked_sub(SKEW).ok(),
                limit: READ_AT_ONCE,
                ..EventFilter::default()
            };
            let (mut before, mut looked_at) = (None, 0);
            loop {
                let events = self.setup.store.list_events(filter.clone(), before).await;
                let events = events.map_err(failed("read which events wait"))?;
                let Some(last) = events.last() else { break };
                before = Some(last.event.id);
                looked_at += events.len();
                if state == EventState::Pending && looked_at > WAITING_MAX {
                    return Err(Stop::Held(format!(
                        "more than {WAITING_MAX} events wait to be planned; what they tell is not known yet"
                    )));
                }
                for record in &events {
                    let arrival = &record.event.arrival;
                    if let Some(told) = told(arrival, zone) {
                        let held = came.entry(arrival.reading.ordering_key.clone());
                        let held = held.or_insert(told);
                        *held = told.max(*held);
                    }
                }
            }
        }
        Ok(came)
    }
}

/// What a webhook tells of its record; nothing if it has no time, as the poll's own events have none.
fn told(event: &NewEvent, zone: Zone) -> Option<Told> {
    let event = Event::read(&event.body);
    match event.kind() {
        Kind::TicketDeleted(_) | Kind::TicketsMerged(_) => Some(Told::ForGood),
        _ => event.version(&zone).map(Told::AsOf),
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

pub(super) fn failed(what: &'static str) -> impl Fn(deskbridge_store::Error) -> Stop {
    move |source| Stop::Own(Error::Store { what, source })
}

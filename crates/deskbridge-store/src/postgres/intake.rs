//! The one task of a node that writes events.
//!
//! It takes what is waiting, writes it in one transaction, and only then answers everybody. No timer: while one
//! transaction is on its way to the disk the next one gathers.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use deadpool_postgres::Transaction;
use deskbridge_core::{Chain, EventId, NewEvent};
use futures_util::future::join4;
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use uuid::Uuid;

use super::{
    Link, Text,
    asking::{execute, query},
    column, failed, fingerprint, number, ordering_hash,
    turns::EVENTS,
};
use crate::{
    Accepted, DatabaseError, Error, Result,
    error::Source,
    events::{headers_json, stored_body},
    sqlite::micros,
};

/// Events that may wait; more are turned away.
const QUEUE: usize = 1_024;
/// Events in one transaction.
const GROUP: usize = 512;
/// Bytes of bodies from which on a transaction takes no more events.
const GROUP_BYTES: usize = 8 << 20;
/// What a row takes beside what is in it, roughly: headers, pointers, its places in indexes. In bytes.
const ROW_BYTES: usize = 500;

/// An event on its way to the database: whatever can be done before the writer has it is done.
#[derive(Debug)]
pub(crate) struct Arrival {
    id: Uuid,
    event: NewEvent,
    headers: String,
    encoding: &'static str,
    body: Vec<u8>,
    /// Of the bytes, and of what they mean.
    keys: [Uuid; 2],
    ordering_hash: i64,
    received_at: i64,
    /// When it may be claimed, by the clock of the database.
    claimable_at: i64,
}

impl Arrival {
    pub(crate) fn new(
        id: EventId,
        mut event: NewEvent,
        received_at: Timestamp,
        claimable_at: Timestamp,
    ) -> Self {
        let (encoding, body) = stored_body(std::mem::take(&mut event.body));
        Self {
            id: id.uuid(),
            headers: headers_json(&event.headers),
            encoding,
            body,
            keys: [
                fingerprint(&event.connection, RAW, event.raw_key.as_bytes()),
                fingerprint(
                    &event.connection,
                    CANONICAL,
                    event.reading.canonical_key.as_bytes(),
                ),
            ],
            ordering_hash: ordering_hash(event.reading.ordering_key.as_str()),
            received_at: micros(received_at),
            claimable_at: micros(claimable_at),
            event,
        }
    }

    fn bytes(&self) -> i32 {
        i32::try_from(self.body.len() + self.headers.len() + ROW_BYTES).unwrap_or(i32::MAX)
    }
}

/// The kinds of duplicate keys.
pub(crate) const RAW: u8 = 0;
pub(crate) const CANONICAL: u8 = 1;

/// An event that waits to be written.
struct Waiting {
    arrival: Arrival,
    answer: oneshot::Sender<Result<Accepted>>,
    /// Its share of the bytes that may wait.
    _room: OwnedSemaphorePermit,
}

/// The way to the task that writes. Clones share it; the task ends with the last of them.
#[derive(Clone)]
pub(super) struct Intake {
    waiting: mpsc::Sender<Waiting>,
    room: Arc<Semaphore>,
    room_bytes: usize,
}

impl Intake {
    pub(super) fn start(link: &Arc<Link>, waiting_bytes_max: usize) -> Self {
        let (waiting, events) = mpsc::channel(QUEUE);
        #[expect(
            clippy::disallowed_methods,
            reason = "it ends with the store, and answers everybody whose event it has"
        )]
        tokio::spawn(write_all(Arc::clone(link), events));
        let room_bytes = waiting_bytes_max.min(Semaphore::MAX_PERMITS);
        Self {
            waiting,
            room: Arc::new(Semaphore::new(room_bytes)),
            room_bytes,
        }
    }

    /// Has an event written, unless too much waits already.
    pub(super) async fn accept(&self, arrival: Arrival) -> Result<Accepted> {
        // One that is larger than all the room may still come, alone.
        let bytes = arrival.body.len().min(self.room_bytes);
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).try_acquire_many_owned(bytes);
        let (answer, answered) = oneshot::channel();
        let event = Waiting {
            arrival,
            answer,
            _room: room.map_err(|_full| Error::Busy)?,
        };
        self.waiting
            .try_send(event)
            .map_err(|refused| match refused {
                mpsc::error::TrySendError::Full(_) => Error::Busy,
                mpsc::error::TrySendError::Closed(_) => Error::Closed,
            })?;
        answered.await.map_err(|_panicked| Error::Closed)?
    }
}

/// What becomes of events whose ordering key somebody else has locked.
#[derive(Clone, Copy)]
enum Locking {
    /// They are waited for, for a moment.
    Wait,
    /// They are turned away.
    Try,
}

async fn write_all(link: Arc<Link>, mut events: mpsc::Receiver<Waiting>) {
    while let Some(first) = events.recv().await {
        let mut bytes = first.arrival.body.len();
        let mut group = vec![first];
        while group.len() < GROUP
            && bytes < GROUP_BYTES
            && let Ok(next) = events.try_recv()
        {
            bytes += next.arrival.body.len();
            group.push(next);
        }
        write_group(&link, group).await;
    }
}

async fn write_group(link: &Link, group: Vec<Waiting>) {
    let arrivals: Vec<&Arrival> = group.iter().map(|waiting| &waiting.arrival).collect();
    let mut answers: Vec<Result<Accepted>> = Vec::with_capacity(group.len());
    let mut accepted = write(link, &arrivals, Locking::Wait).await;
    if let Err(error) = &accepted
        && error.is_lock_timeout()
    {
        // Somebody has a key, who may have it for long, which must not keep out the events of others.
        accepted = write(link, &arrivals, Locking::Try).await;
    }
    match accepted {
        Ok(accepted) => answers.extend(accepted.into_iter().map(|one| one.ok_or(Error::Busy))),
        // Something about one of them, which must not keep the others out.
        Err(Error::Statement { .. }) if arrivals.len() > 1 => {
            let mut locking = Locking::Wait;
            for arrival in &arrivals {
                let mut alone = write(link, &[*arrival], locking).await;
                if let Err(error) = &alone
                    && error.is_lock_timeout()
                {
                    // What was waited for once is waited for no more.
                    locking = Locking::Try;
                    alone = Err(Error::Busy);
                }
                answers.push(alone.and_then(|mut one| one.pop().flatten().ok_or(Error::Busy)));
            }
        }
        Err(error) => {
            tracing::error!(error = %Chain(&error), "The database did not store events");
            answers.extend(arrivals.iter().map(|_| Err(for_each(&error))));
        }
    }
    for (waiting, answer) in group.into_iter().zip(answers) {
        // A caller that went away needs no answer; its event is stored all the same.
        drop(waiting.answer.send(answer));
    }
}

async fn write(
    link: &Link,
    arrivals: &[&Arrival],
    locking: Locking,
) -> Result<Vec<Option<Accepted>>> {
    link.write((arrivals, locking), |transaction, (arrivals, locking)| {
        Box::pin(accept(transaction, arrivals, *locking))
    })
    .await
}

/// The error of a transaction, for one of those whose event was in it.
fn for_each(error: &Error) -> Error {
    match error {
        Error::Full { why } => Error::Full { why: why.clone() },
        Error::CommitUnknown { why } => Error::CommitUnknown { why: why.clone() },
        Error::Unreachable {
            server,
            source: DatabaseError(Source::Postgres(failure)),
        } => Error::Unreachable {
            server: server.clone(),
            source: failure.clone().into(),
        },
        other => Error::Commit {
            why: Chain(other).to_string(),
        },
    }
}

/// What is to be written of a group.
#[derive(Default)]
struct Group<'a> {
    /// With their sequences.
    new: Vec<Numbered<'a>>,
    /// How often, and when last.
    repeats: BTreeMap<i64, (i64, i64)>,
    /// `None` for what is turned away.
    accepted: Vec<Option<Accepted>>,
}

impl<'a> Group<'a> {
    /// Tells what is new from what repeats an event, of the database or of the group. What is new and has an ordering
    /// key other than those that this transaction has locked is turned away. Pure.
    fn sorted(
        arrivals: &[&'a Arrival],
        locked: &HashSet<i64>,
        mut known: HashMap<Uuid, (i64, Uuid)>,
        sequences: impl IntoIterator<Item = i64>,
    ) -> Self {
        let mut group = Self::default();
        let mut sequences = sequences.into_iter();
        for arrival in arrivals {
            let first = arrival.keys.iter().find_map(|key| known.get(key));
            if let Some((sequence, id)) = first {
                let repeat = group.repeats.entry(*sequence).or_default();
                *repeat = (repeat.0 + 1, arrival.received_at);
                group
                    .accepted
                    .push(Some(Accepted::Repeated(EventId::from_uuid(*id))));
            } else if !locked.contains(&arrival.ordering_hash) {
                group.accepted.push(None);
            } else if let Some(sequence) = sequences.next() {
                known.extend(arrival.keys.map(|key| (key, (sequence, arrival.id))));
                group.new.push((sequence, arrival));
                group
                    .accepted
                    .push(Some(Accepted::New(EventId::from_uuid(arrival.id))));
            }
        }
        group
    }
}

/// Writes events, or counts them on the earlier ones that they repeat. Statements that do not wait for each other's
/// answers are sent at once.
async fn accept(
    transaction: &Transaction<'_>,
    arrivals: &[&Arrival],
    locking: Locking,
) -> Result<Vec<Option<Accepted>>> {
    // A sender is better told to come again than kept waiting.
    const PATIENCE: &str = "SELECT set_config('lock_timeout', '1000', true)";
    const FIND: &str =
        "SELECT k.fingerprint, k.sequence, e.id FROM event_key k JOIN event e USING (sequence)
        WHERE k.fingerprint = ANY($1)";
    // Of those that turn out to be repetitions the number is lost, which does not matter.
    const SEQUENCES: &str = "SELECT nextval('event_sequence') FROM generate_series(1, $1::bigint)";
    let finding = failed("look for duplicates");
    let keys: Vec<Uuid> = arrivals.iter().flat_map(|arrival| arrival.keys).collect();
    let hashes = arrivals.iter().map(|arrival| arrival.ordering_hash);
    let count = number(arrivals.len());
    let lock = async {
        match locking {
            Locking::Wait => EVENTS.lock(transaction, hashes).await,
            Locking::Try => EVENTS.try_lock(transaction, hashes).await,
        }
    };
    let (patience, locked, found, numbered) = join4(
        query(transaction, PATIENCE, &[]),
        lock,
        query(transaction, FIND, &[&keys]),
        query(transaction, SEQUENCES, &[&count]),
    )
    .await;
    patience.map_err(&finding)?;
    let locked = locked?.into_iter().collect();
    let mut known = HashMap::new();
    for row in found.map_err(&finding)? {
        known.insert(column(&row, 0)?, (column(&row, 1)?, column(&row, 2)?));
    }
    let numbered = numbered.map_err(&finding)?;
    let sequences = numbered.iter().map(|row| column(row, 0));
    let sequences = sequences.collect::<Result<Vec<i64>>>()?;
    let group = Group::sorted(arrivals, &locked, known, sequences);
    let stored = join4(
        insert_events(transaction, &group.new),
        insert_keys(transaction, &group.new),
        insert_turns(transaction, &group.new),
        count_repeats(transaction, &group.repeats),
    );
    let (events, keys, turns, repeats) = stored.await;
    let storing = failed("store events");
    for stored in [events, keys, turns, repeats] {
        stored.map_err(&storing)?;
    }
    Ok(group.accepted)
}

type Executed = std::result::Result<u64, tokio_postgres::Error>;
type Numbered<'a> = (i64, &'a Arrival);

async fn insert_events(transaction: &Transaction<'_>, new: &[Numbered<'_>]) -> Executed {
    const EVENT: &str = "INSERT INTO event (sequence, id, connection, received_at, source, object, action,
            is_routed, ordering_key, raw_key, canonical_key, headers, encoding, body)
        SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[],
            $8::boolean[], $9::text[], $10::bytea[], $11::bytea[], $12::text[], $13::text[], $14::bytea[])";
    let texts = |read: for<'e> fn(&'e Arrival) -> &'e str| -> Vec<Text<'_>> {
        new.iter().map(|(_, arrival)| Text(read(arrival))).collect()
    };
    let bytes = |read: for<'e> fn(&'e Arrival) -> &'e [u8]| -> Vec<&[u8]> {
        new.iter().map(|(_, arrival)| read(arrival)).collect()
    };
    execute(
        transaction,
        EVENT,
        &[
            &each(new, |(sequence, _)| *sequence),
            &each(new, |(_, one)| one.id),
            &texts(|one| &one.event.connection),
            &each(new, |(_, one)| one.received_at),
            &texts(|one| &one.event.reading.source),
            &texts(|one| &one.event.reading.object),
            &texts(|one| &one.event.reading.action),
            &each(new, |(_, one)| one.event.reading.is_routed),
            &texts(|one| one.event.reading.ordering_key.as_str()),
            &bytes(|one| one.event.raw_key.as_bytes()),
            &bytes(|one| one.event.reading.canonical_key.as_bytes()),
            &texts(|one| &one.headers),
            &texts(|one| one.encoding),
            &bytes(|one| &one.body),
        ],
    )
    .await
}

async fn insert_keys(transaction: &Transaction<'_>, new: &[Numbered<'_>]) -> Executed {
    const KEY: &str = "INSERT INTO event_key (fingerprint, sequence) SELECT * FROM unnest($1::uuid[], $2::bigint[])";
    let keys = new
        .iter()
        .flat_map(|(sequence, arrival)| arrival.keys.map(|key| (key, *sequence)));
    let mut keys: Vec<(Uuid, i64)> = keys.collect();
    // So that two nodes with the same keys wait for each other in one direction.
    keys.sort_unstable();
    let (fingerprints, sequences): (Vec<Uuid>, Vec<i64>) = keys.into_iter().unzip();
    execute(transaction, KEY, &[&fingerprints, &sequences]).await
}

/// The first of a key is at its head where nothing of the key is open; the keys are locked.
async fn insert_turns(transaction: &Transaction<'_>, new: &[Numbered<'_>]) -> Executed {
    const TURN: &str = "INSERT INTO event_turn
            (sequence, ordering_hash, state, at_head, claimable_at, changed_at, bytes)
        SELECT n.sequence, n.hash, CASE WHEN n.is_routed THEN 'pending' ELSE 'unrouted' END,
            n.is_first AND NOT EXISTS (SELECT 1 FROM event_turn o
                WHERE o.ordering_hash = n.hash AND o.state IN ('pending', 'running')),
            n.claimable_at, n.claimable_at, n.bytes
        FROM unnest($1::bigint[], $2::bigint[], $3::boolean[], $4::boolean[], $5::bigint[], $6::integer[])
            n (sequence, hash, is_routed, is_first, claimable_at, bytes)";
    let mut met = HashSet::new();
    let is_first: Vec<bool> = new
        .iter()
        .map(|(_, one)| one.event.reading.is_routed && met.insert(one.ordering_hash))
        .collect();
    execute(
        transaction,
        TURN,
        &[
            &each(new, |(sequence, _)| *sequence),
            &each(new, |(_, one)| one.ordering_hash),
            &each(new, |(_, one)| one.event.reading.is_routed),
            &is_first,
            &each(new, |(_, one)| one.claimable_at),
            &each(new, |(_, one)| one.bytes()),
        ],
    )
    .await
}

async fn count_repeats(
    transaction: &Transaction<'_>,
    repeats: &BTreeMap<i64, (i64, i64)>,
) -> Executed {
    const REPEAT: &str = "INSERT INTO event_repeat AS r (sequence, times, last_at)
        SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[])
        ON CONFLICT (sequence) DO UPDATE SET times = r.times + excluded.times, last_at = excluded.last_at";
    if repeats.is_empty() {
        return Ok(0);
    }
    let sequences: Vec<i64> = repeats.keys().copied().collect();
    let times: Vec<i64> = repeats.values().map(|(times, _)| *times).collect();
    let last_at: Vec<i64> = repeats.values().map(|(_, last_at)| *last_at).collect();
    execute(transaction, REPEAT, &[&sequences, &times, &last_at]).await
}

fn each<T>(new: &[Numbered<'_>], read: impl Fn(&Numbered<'_>) -> T) -> Vec<T> {
    new.iter().map(read).collect()
}

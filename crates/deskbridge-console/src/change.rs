//! Letting many events run again, and throwing many away.

use std::collections::{BTreeSet, HashSet};

use deskbridge_core::EventId;
use deskbridge_journal::Events;
use deskbridge_store::{EventFilter, EventState, Result, Store};
use futures_util::future::try_join_all;
use jiff::Timestamp;

use crate::{
    Readers,
    pages::{Pages, READ_AT_ONCE},
};

/// Events that are changed in one transaction.
const AT_ONCE: usize = 500;
/// States in which events can be let run again.
pub const REPLAYABLE: [EventState; 4] = [
    EventState::Done,
    EventState::Dead,
    EventState::Unrouted,
    EventState::Discarded,
];
/// States in which events can be thrown away.
pub const DISCARDABLE: [EventState; 3] =
    [EventState::Pending, EventState::Dead, EventState::Unrouted];

/// What became of events that were to be read anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reread {
    /// So many were.
    pub number: u64,
    /// Those of them that were unrouted and wait for their turn now.
    pub opened: Vec<EventId>,
    /// Connections whose events nobody here can read.
    pub without_reader: BTreeSet<String>,
}

/// Lets events run again, those of one ordering key in their order; those that will. Open and unknown ones are left as
/// they are, and those that being read anew has let run count among those that will.
///
/// # Errors
/// When the store fails; what was let run before stays so.
pub async fn replay(events: &Events, ids: &[EventId], reread: &Reread) -> Result<Vec<EventId>> {
    let opened: HashSet<EventId> = reread.opened.iter().copied().collect();
    let rest = ids.iter().copied().filter(|id| !opened.contains(id));
    let replayed = events.replay(&rest.collect::<Vec<_>>()).await?;
    let run: HashSet<EventId> = opened.into_iter().chain(replayed).collect();
    let run = ids.iter().copied().filter(|id| run.contains(id));
    Ok(run.collect())
}

/// Reads events anew, each by the reader of its connection.
///
/// # Errors
/// When the store fails; what was read anew before stays so.
pub async fn reread(
    store: &Store,
    ids: &[EventId],
    readers: &Readers,
    now: Timestamp,
) -> Result<Reread> {
    let mut reread = Reread::default();
    for slice in ids.chunks(READ_AT_ONCE) {
        let records = try_join_all(slice.iter().map(|id| store.event(*id))).await?;
        let mut readings = Vec::with_capacity(slice.len());
        for event in records.into_iter().flatten().map(|record| record.event) {
            match readers.get(&event.arrival.connection) {
                Some(reader) => readings.push((event.id, reader.read(&event.arrival))),
                None => drop(reread.without_reader.insert(event.arrival.connection)),
            }
        }
        let done = store.reread_events(readings, now).await?;
        reread.number += done.number;
        reread.opened.extend(done.opened);
    }
    Ok(reread)
}

/// The events that a filter lets through and that can be thrown away, in no order; at most as many as it says.
///
/// # Errors
/// When the database cannot be read.
pub async fn to_discard(store: &Store, filter: &EventFilter) -> Result<Vec<EventId>> {
    let mut found = Vec::new();
    for state in DISCARDABLE {
        if filter.state.is_some_and(|wanted| wanted != state) {
            continue;
        }
        let in_state = EventFilter {
            state: Some(state),
            limit: filter.limit.saturating_sub(found.len()),
            ..filter.clone()
        };
        let mut pages = Pages::new(store, in_state, None);
        loop {
            let page = pages.next().await?;
            if page.is_empty() {
                break;
            }
            found.extend(page.iter().map(|record| record.event.id));
        }
    }
    Ok(found)
}

/// Throws events away; those that are.
///
/// # Errors
/// When the store fails; what was thrown away before stays so.
pub async fn discard(store: &Store, ids: &[EventId], now: Timestamp) -> Result<Vec<EventId>> {
    let mut discarded = Vec::new();
    for slice in ids.chunks(AT_ONCE) {
        discarded.extend(store.discard_named_events(slice.to_vec(), now).await?);
    }
    Ok(discarded)
}

//! Events page by page, because their bodies are read with them.

use deskbridge_core::EventId;
use deskbridge_store::{EventFilter, EventRecord, Result, Store};

/// Events whose bodies are in memory at once.
pub(crate) const READ_AT_ONCE: usize = 50;

/// The events that a filter lets through, newest first and at most as many as it says.
#[derive(Debug)]
pub struct Pages<'s> {
    store: &'s Store,
    filter: EventFilter,
    before: Option<EventId>,
}

impl<'s> Pages<'s> {
    /// Those that arrived before the one named.
    pub fn new(store: &'s Store, filter: EventFilter, before: Option<EventId>) -> Self {
        Self {
            store,
            filter,
            before,
        }
    }

    /// The next of them; none at the end.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn next(&mut self) -> Result<Vec<EventRecord>> {
        let page = EventFilter {
            limit: READ_AT_ONCE.min(self.filter.limit),
            ..self.filter.clone()
        };
        if page.limit == 0 {
            return Ok(Vec::new());
        }
        let found = self.store.list_events(page, self.before).await?;
        self.filter.limit = self.filter.limit.saturating_sub(found.len());
        self.before = found.last().map(|last| last.event.id).or(self.before);
        Ok(found)
    }
}

//! Scans: how a long list is read whole although it changes meanwhile, may be interrupted, and has traps.
//!
//! A scan is a value: it says what to ask for next, is told what was answered, and says which rows are new. It can be
//! written down between any two answers and goes on from there. [`Account::advance`](crate::Account::advance) asks for it.
//!
//! # Tickets
//!
//! Are read in the order in which they were last changed, and the window is moved along (`updated_since`) whenever that
//! costs few rows read twice, since no more than 300 pages can be read of one window. It is moved to a second before the
//! last row: whole seconds may be shared by thousands of tickets, and whether `updated_since` includes its instant need not
//! be known. Inside a window, a ticket that is changed goes to the end and everything behind it moves up; so a page begins
//! with a row that is already known, which proves that none was skipped, and where it does not, the scan goes back. A ticket
//! that was changed is read again: rows are told apart by id and time of change.
//!
//! What is changed at the very end is read by the [next pass](Scan::next_pass).
//!
//! # Other lists
//!
//! Have no order that is known, so they are read by their pages, with the same proof.

mod archive;
mod offsets;
mod slice;
mod updates;

use std::marker::PhantomData;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::archive::ArchiveWalk;
pub(crate) use self::slice::Slice;
use self::{offsets::Offsets, updates::Updates};
use crate::record::{Agent, Company, Contact, Group, Rating, Record, Ticket, TimeEntry};

/// Changes that the next pass reads again, lest a late one be missed.
const OVERLAP: SignedDuration = SignedDuration::from_mins(5);
const VERSION: u16 = 1;

/// Which tickets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketFilter {
    /// All but spam, deleted and archived ones.
    Usual,
    /// Spam.
    Spam,
    /// Deleted ones.
    Deleted,
}

/// Which contacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactFilter {
    /// All but blocked and deleted ones.
    Usual,
    /// Blocked ones.
    Blocked,
    /// Deleted ones.
    Deleted,
}

/// What is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Listing {
    /// Tickets.
    Tickets(TicketFilter),
    /// Contacts.
    Contacts(ContactFilter),
    /// Companies.
    Companies,
    /// Agents.
    Agents,
    /// Groups.
    Groups,
    /// Satisfaction ratings.
    Ratings,
    /// Time entries.
    TimeEntries,
}

/// A record that comes in lists.
pub trait Row: Record + sealed::Sealed {
    /// What it is told apart by.
    #[doc(hidden)]
    fn key(&self) -> Key;

    /// Whether it is in this list.
    #[doc(hidden)]
    fn is_of(listing: Listing) -> bool;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! row {
    ($($record:ident: $updated_at:expr => $pattern:pat,)*) => {$(
        impl sealed::Sealed for $record {}

        impl Row for $record {
            fn key(&self) -> Key {
                let updated_at: fn(&Self) -> Option<Timestamp> = $updated_at;
                Key { id: self.id.0, updated_at: updated_at(self) }
            }

            fn is_of(listing: Listing) -> bool {
                matches!(listing, $pattern)
            }
        }
    )*};
}

row! {
    Ticket: |row| row.updated_at => Listing::Tickets(_),
    Contact: |row| row.updated_at => Listing::Contacts(_),
    Company: |row| row.updated_at => Listing::Companies,
    Agent: |row| row.updated_at => Listing::Agents,
    Group: |_| None => Listing::Groups,
    Rating: |row| row.created_at => Listing::Ratings,
    TimeEntry: |row| row.created_at => Listing::TimeEntries,
}

/// What tells one state of one row from others.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    pub(crate) id: u64,
    pub(crate) updated_at: Option<Timestamp>,
}

/// A page that is to be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Of what.
    pub listing: Listing,
    /// Changed, or made, at or after; everything is asked for explicitly, too, since a list that is not told covers
    /// thirty days.
    pub since: Timestamp,
    /// From 1 on.
    pub page: u32,
    /// Rows on a page.
    pub per_page: u32,
}

/// A scan of one list. See the [module](self).
#[derive(Clone, Debug, PartialEq)]
pub struct Scan<T> {
    position: Position,
    row: PhantomData<fn() -> T>,
}

/// Where a scan stands. To be written down, and read by [`Scan::resume`]; what is in it is nobody's business.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Position {
    version: u16,
    listing: Listing,
    cursor: Cursor,
    newest: Option<Timestamp>,
    rows: u64,
    pages: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Cursor {
    Updates(Updates),
    Offsets(Offsets),
}

/// A part of a list that may hold rows which were not read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gap {
    /// More tickets were changed within this second than can be read of it. Search for them by other properties, such as
    /// the day of their creation.
    Second {
        /// The second.
        at: Timestamp,
        /// So many of it were read.
        read: u64,
    },
    /// The list ends at its last readable page.
    Beyond {
        /// So many rows were read.
        read: u64,
    },
    /// Rows kept vanishing while the list was read, and some may have been skipped.
    Unsteady,
}

/// How much of a list was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// It goes on.
    Unfinished,
    /// All of it.
    Whole,
    /// All of it but what may lie in the gaps.
    Gaps(Vec<Gap>),
}

/// A position that cannot be gone on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPosition {
    /// Of another list.
    #[error("the position is one in another list")]
    OtherListing,
    /// Of another version of this program.
    #[error("the position was written by another version of this program ({0})")]
    Version(u16),
}

/// A page that is not what was asked for. Going on would lose rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Astray {
    /// Not sorted by time of change.
    #[error("the rows are not sorted by when they were changed")]
    Disordered,
    /// Changed before what was asked for.
    #[error("a row was changed before what was asked for")]
    TooOld,
    /// No time of change.
    #[error("a row does not say when it was changed")]
    NoTime,
}

impl Scan<Ticket> {
    /// All tickets of a kind.
    pub fn tickets(filter: TicketFilter) -> Self {
        Self::tickets_since(filter, Timestamp::UNIX_EPOCH)
    }

    /// Tickets changed since.
    pub fn tickets_since(filter: TicketFilter, since: Timestamp) -> Self {
        let cursor = match filter {
            TicketFilter::Usual => Cursor::Updates(Updates::since(since)),
            // Whether these lists can be sorted or limited in time is not documented.
            TicketFilter::Spam | TicketFilter::Deleted => {
                Cursor::Offsets(Offsets::since(since, Some(slice::TICKET_PAGES_MAX)))
            }
        };
        Self::new(Listing::Tickets(filter), cursor)
    }
}

impl Scan<Contact> {
    /// All contacts of a kind.
    pub fn contacts(filter: ContactFilter) -> Self {
        Self::contacts_since(filter, Timestamp::UNIX_EPOCH)
    }

    /// Contacts changed since.
    pub fn contacts_since(filter: ContactFilter, since: Timestamp) -> Self {
        let cursor = Cursor::Offsets(Offsets::since(since, None));
        Self::new(Listing::Contacts(filter), cursor)
    }
}

macro_rules! plain_scan {
    ($($(#[$doc:meta])* $record:ident, $name:ident, $listing:expr;)*) => {$(
        impl Scan<$record> {
            $(#[$doc])*
            pub fn $name() -> Self {
                let cursor = Cursor::Offsets(Offsets::since(Timestamp::UNIX_EPOCH, None));
                Self::new($listing, cursor)
            }
        }
    )*};
}

plain_scan! {
    /// All companies. They cannot be asked for by time: a later pass reads them all.
    Company, companies, Listing::Companies;
    /// All agents who still are.
    Agent, agents, Listing::Agents;
    /// All groups.
    Group, groups, Listing::Groups;
    /// All satisfaction ratings.
    Rating, ratings, Listing::Ratings;
    /// All time entries.
    TimeEntry, time_entries, Listing::TimeEntries;
}

impl<T: Row> Scan<T> {
    /// Goes on from where a scan stood.
    ///
    /// # Errors
    /// When it was of another list, or is from another version.
    pub fn resume(position: Position) -> Result<Self, InvalidPosition> {
        if position.version != VERSION {
            return Err(InvalidPosition::Version(position.version));
        }
        match T::is_of(position.listing) {
            true => Ok(Self {
                position,
                row: PhantomData,
            }),
            false => Err(InvalidPosition::OtherListing),
        }
    }
}

impl<T> Scan<T> {
    fn new(listing: Listing, cursor: Cursor) -> Self {
        Self {
            position: Position {
                version: VERSION,
                listing,
                cursor,
                newest: None,
                rows: 0,
                pages: 0,
            },
            row: PhantomData,
        }
    }

    /// Where it stands. Written down together with the rows that were read so far, nothing is lost.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// How many rows were new so far.
    pub fn rows(&self) -> u64 {
        self.position.rows
    }

    /// How many pages were read so far.
    pub fn pages(&self) -> u64 {
        self.position.pages
    }

    /// What is to be asked for next; nothing when it is at its end.
    pub fn ask(&self) -> Option<Ask> {
        let (since, slice) = match &self.position.cursor {
            Cursor::Updates(updates) => updates.ask()?,
            Cursor::Offsets(offsets) => offsets.ask()?,
        };
        Some(Ask {
            listing: self.position.listing,
            since,
            page: slice.page,
            per_page: slice.per_page,
        })
    }

    /// How much was read.
    pub fn coverage(&self) -> Coverage {
        let gaps = match &self.position.cursor {
            _ if self.ask().is_some() => return Coverage::Unfinished,
            Cursor::Updates(updates) => updates.gaps(),
            Cursor::Offsets(offsets) => offsets.gaps(),
        };
        match gaps {
            [] => Coverage::Whole,
            gaps => Coverage::Gaps(gaps.to_vec()),
        }
    }

    /// A scan of what was changed while this one went on, and since. Its times are Freshdesk's own, so that no clock but
    /// that one matters.
    #[must_use]
    pub fn next_pass(&self) -> Self {
        let newest = self
            .position
            .newest
            .and_then(|newest| newest.checked_sub(OVERLAP).ok());
        let cursor = match &self.position.cursor {
            Cursor::Updates(updates) => {
                Cursor::Updates(Updates::since(newest.unwrap_or(updates.from())))
            }
            Cursor::Offsets(offsets) => offsets.next_pass(newest),
        };
        Self::new(self.position.listing, cursor)
    }

    /// Takes the answer to what was asked, and says which of its rows are new: not read before, or changed since.
    ///
    /// # Errors
    /// When the rows are not what was asked for; the scan stays where it was.
    pub(crate) fn take(&mut self, keys: &[Key], has_next: bool) -> Result<Vec<bool>, Astray> {
        let fresh = match &mut self.position.cursor {
            Cursor::Updates(updates) => updates.take(keys, has_next)?,
            Cursor::Offsets(offsets) => offsets.take(keys, has_next),
        };
        let newest = keys.iter().filter_map(|key| key.updated_at).max();
        self.position.newest = self.position.newest.max(newest);
        self.position.pages += 1;
        self.position.rows += fresh.iter().filter(|is_fresh| **is_fresh).count() as u64;
        Ok(fresh)
    }
}

/// The pages of a list that is read at once, such as what was said on one ticket.
pub(crate) struct Pages(Offsets);

impl Pages {
    pub(crate) fn new() -> Self {
        Self(Offsets::since(Timestamp::UNIX_EPOCH, None))
    }

    pub(crate) fn slice(&self) -> Option<Slice> {
        self.0.ask().map(|(_, slice)| slice)
    }

    pub(crate) fn take(&mut self, ids: impl Iterator<Item = u64>, has_next: bool) -> Vec<bool> {
        let keys = ids.map(|id| Key {
            id,
            updated_at: None,
        });
        self.0.take(&keys.collect::<Vec<_>>(), has_next)
    }
}

#[cfg(test)]
mod tests;

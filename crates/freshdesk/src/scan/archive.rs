//! The walk over the numbers of tickets, which is the only way to archived ones.

use serde::{Deserialize, Serialize};

use crate::record::TicketId;

/// A walk over numbers, of which those that are known otherwise are left out. Archived tickets are in no list, so each
/// costs a request, found or not; `Account::archived_ticket` makes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveWalk {
    next: u64,
    last: u64,
    /// So many were found.
    pub found: u64,
    /// So many are not there: neither archived nor anything else that can be read.
    pub missing: u64,
}

impl ArchiveWalk {
    /// From the first number to the last one, which is that of the newest ticket.
    pub fn new(first: TicketId, last: TicketId) -> Self {
        Self {
            next: first.0,
            last: last.0,
            found: 0,
            missing: 0,
        }
    }

    /// The next number that is not known otherwise. Stays until it was [taken](Self::take).
    pub fn ask(&mut self, is_known: impl Fn(TicketId) -> bool) -> Option<TicketId> {
        while self.next <= self.last && is_known(TicketId(self.next)) {
            self.next += 1;
        }
        (self.next <= self.last).then_some(TicketId(self.next))
    }

    /// Goes on, having found a ticket there or not.
    pub fn take(&mut self, is_found: bool) {
        match is_found {
            true => self.found += 1,
            false => self.missing += 1,
        }
        self.next += 1;
    }

    /// How many numbers are left at most.
    pub fn remaining(&self) -> u64 {
        (self.last + 1).saturating_sub(self.next)
    }
}

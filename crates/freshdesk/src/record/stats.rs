//! When things happened to a ticket.

use jiff::Timestamp;

use super::{Ticket, record};

record! {
    /// When things happened to a ticket. Any may be absent, whatever the status says.
    Stats as "stats" {
        /// Last answer of an agent.
        agent_responded_at: Option<Timestamp>,
        /// Last answer of who asked.
        requester_responded_at: Option<Timestamp>,
        /// First answer of an agent.
        first_responded_at: Option<Timestamp>,
        /// Last change of the status.
        status_updated_at: Option<Timestamp>,
        /// Opened again.
        reopened_at: Option<Timestamp>,
        /// Solved.
        resolved_at: Option<Timestamp>,
        /// Closed.
        closed_at: Option<Timestamp>,
        /// Waiting since.
        pending_since: Option<Timestamp>,
    }
}

/// What tells when a ticket was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClosedBy {
    /// `closed_at`, as it should be.
    ClosedAt,
    /// `resolved_at`: it was solved, and nothing says that it was closed.
    ResolvedAt,
    /// `status_updated_at`: the last change of its status.
    StatusUpdatedAt,
    /// `updated_at`: its last change of all.
    UpdatedAt,
}

impl Ticket {
    /// When it came to its end, and what tells so. Meant for tickets that are resolved or closed.
    pub fn closed_at(&self) -> Option<(Timestamp, ClosedBy)> {
        let stats = self.stats.as_ref();
        let told = [
            (stats.and_then(|stats| stats.closed_at), ClosedBy::ClosedAt),
            (
                stats.and_then(|stats| stats.resolved_at),
                ClosedBy::ResolvedAt,
            ),
            (
                stats.and_then(|stats| stats.status_updated_at),
                ClosedBy::StatusUpdatedAt,
            ),
            (self.updated_at, ClosedBy::UpdatedAt),
        ];
        told.into_iter().find_map(|(at, by)| at.map(|at| (at, by)))
    }
}

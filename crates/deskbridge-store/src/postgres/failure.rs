//! What PostgreSQL said, without the values that it may name in its details.

use std::{error::Error as _, fmt, io};

use deskbridge_core::Chain;
use tokio_postgres::error::SqlState;

use crate::Error;

/// A failure of a statement or a connection.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// What the server calls it; `None` when it did not come from the server.
    code: Option<SqlState>,
    text: String,
    is_lost: bool,
    /// Whether the same transaction may succeed when it is tried again: another one was in its way, and nothing of
    /// it is stored.
    is_passing: bool,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "{} (SQLSTATE {})", self.text, code.code()),
            None => f.write_str(&self.text),
        }
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(answered) = error.as_db_error() {
            return Self {
                code: Some(answered.code().clone()),
                text: answered.message().to_owned(),
                is_lost: ends_connection(answered.code()),
                is_passing: is_passing(answered.code(), answered.constraint()),
            };
        }
        let is_io = error
            .source()
            .is_some_and(|source| source.is::<io::Error>());
        Self {
            code: None,
            is_lost: error.is_closed() || is_io,
            is_passing: false,
            text: Chain(&error).to_string(),
        }
    }
}

impl Failure {
    /// The server did not answer.
    pub(super) fn silence(text: String) -> Self {
        Self {
            code: None,
            text,
            is_lost: true,
            is_passing: false,
        }
    }

    /// Whether the connection is gone, or there never was one.
    pub(crate) fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// Whether somebody else's lock was waited for too long.
    pub(crate) fn is_lock_timeout(&self) -> bool {
        self.code == Some(SqlState::LOCK_NOT_AVAILABLE)
    }

    pub(super) fn is_passing(&self) -> bool {
        self.is_passing
    }

    /// Why there is no room, if that is what failed.
    fn no_room(&self) -> Option<&'static str> {
        match *self.code.as_ref()? {
            SqlState::DISK_FULL => Some(
                "the disk of the PostgreSQL server is full; free some, events are taken again by themselves",
            ),
            SqlState::READ_ONLY_SQL_TRANSACTION => Some(
                "the PostgreSQL server only reads, as a standby does; name the one that writes, or make it so",
            ),
            _ => None,
        }
    }

    /// The error of a statement that was to do `what`.
    pub(crate) fn of(self, what: &'static str) -> Error {
        match self.no_room() {
            Some(why) => Error::Full {
                why: why.to_owned(),
            },
            None => Error::Statement {
                what,
                source: self.into(),
            },
        }
    }

    /// The error of a commit.
    pub(super) fn of_commit(self) -> Error {
        match self.no_room() {
            Some(why) => Error::Full {
                why: why.to_owned(),
            },
            None if self.is_lost => Error::CommitUnknown { why: self.text },
            None => Error::Commit {
                why: self.to_string(),
            },
        }
    }
}

/// Classes 08 and 57P: the server goes away or does not let us in. It says so instead of carrying a statement out, as
/// where nothing happened in a transaction for too long.
fn ends_connection(code: &SqlState) -> bool {
    code.code().starts_with("08")
        || code.code().starts_with("57P")
        || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
}

/// A deadlock, or two events with one key that came in at two nodes at once: the second finds the first when it is
/// tried again.
fn is_passing(code: &SqlState, constraint: Option<&str>) -> bool {
    *code == SqlState::T_R_SERIALIZATION_FAILURE
        || *code == SqlState::T_R_DEADLOCK_DETECTED
        || (*code == SqlState::UNIQUE_VIOLATION && constraint == Some("event_key_pkey"))
}

/// Names what a failed statement was to do.
pub(crate) fn failed(what: &'static str) -> impl Fn(tokio_postgres::Error) -> Error {
    move |error| Failure::from(error).of(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(code: SqlState) -> Failure {
        Failure {
            is_lost: ends_connection(&code),
            is_passing: is_passing(&code, None),
            code: Some(code),
            text: "no".to_owned(),
        }
    }

    #[test]
    fn what_the_sender_may_do_follows_from_the_code() {
        let check = |code: SqlState, of: &str, of_commit: &str| {
            let kind = |error: &Error| {
                format!("{error:?}")
                    .split([' ', '('])
                    .next()
                    .map(str::to_owned)
            };
            assert_eq!(
                kind(&answered(code.clone()).of("x")).as_deref(),
                Some(of),
                "{code:?}"
            );
            assert_eq!(
                kind(&answered(code.clone()).of_commit()).as_deref(),
                Some(of_commit),
                "{code:?}"
            );
        };
        check(SqlState::DISK_FULL, "Full", "Full");
        check(SqlState::READ_ONLY_SQL_TRANSACTION, "Full", "Full");
        check(SqlState::UNIQUE_VIOLATION, "Statement", "Commit");
        check(SqlState::ADMIN_SHUTDOWN, "Statement", "CommitUnknown");
        check(SqlState::CRASH_SHUTDOWN, "Statement", "CommitUnknown");
        let frozen = SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT;
        assert!(answered(frozen.clone()).is_lost());
        check(frozen, "Statement", "CommitUnknown");
        check(SqlState::T_R_DEADLOCK_DETECTED, "Statement", "Commit");
    }
}

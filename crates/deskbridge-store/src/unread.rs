//! Rows that cannot be read whole: damaged, or written by a program that knew no bounds.
//!
//! One such row must hold up neither those that wait behind it nor a list that it is on. It is shown as far as it can
//! be read, and who claims it gives it up.

use crate::{Error, Result};

/// Why a row was not read whole.
#[derive(Debug, Default)]
pub(crate) struct Unread(Option<Error>);

impl Unread {
    /// What was read, or something else in its place.
    pub(crate) fn or<T>(&mut self, read: Result<T>, otherwise: impl FnOnce() -> T) -> T {
        read.unwrap_or_else(|error| {
            self.0.get_or_insert(error);
            otherwise()
        })
    }

    /// The row, if it was read whole.
    pub(crate) fn whole<T>(self, row: T) -> Result<T> {
        self.0.map_or(Ok(row), Err)
    }
}

/// A row that was claimed and cannot be carried out.
#[derive(Debug)]
pub(crate) struct Unreadable<I> {
    pub(crate) id: I,
    pub(crate) fence: u64,
    why: Error,
}

/// What was claimed, and what of it cannot be carried out.
pub(crate) type ClaimedRows<T, I> = (Vec<T>, Vec<Unreadable<I>>);

impl<I: std::fmt::Display> Unreadable<I> {
    pub(crate) fn new(id: I, fence: u64, why: Error) -> Self {
        Self { id, fence, why }
    }

    /// Says so in the log; the reason for who looks at it.
    pub(crate) fn tell(&self) -> String {
        let why = format!(
            "it was not carried out, because {}; see to it by hand, then discard it",
            self.why
        );
        tracing::error!(id = %self.id, why, "What was stored cannot be read and was given up");
        why
    }
}

/// Why a row that cannot be read was not given up; whoever claims it next gives it up.
pub(crate) fn not_given_up(buried: Result<()>) {
    if let Err(error) = buried {
        tracing::error!(error = %deskbridge_core::Chain(&error), "What cannot be read was not given up");
    }
}

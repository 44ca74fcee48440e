//! Why an import could not go on. What is wrong with single records is no error: see
//! [`Problem`](crate::decide::Problem).

use std::{io, path::PathBuf};

/// Why an import could not go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the source could not be read.
    #[error("reading {} at byte {at_byte}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Where in it.
        at_byte: u64,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A position in a source is none of this source.
    #[error(
        "the import was interrupted at a place that is not in this source: {why}; begin anew, what was written is known"
    )]
    Position {
        /// What is wrong with it.
        why: String,
    },
    /// A Freshdesk account could not be read.
    #[error("reading {what} of Freshdesk")]
    Freshdesk {
        /// What was to be read.
        what: &'static str,
        /// Why not.
        #[source]
        source: Box<freshdesk::Error>,
    },
    /// An account export could not be read.
    #[error("reading the account export")]
    Export(#[source] freshdesk::export::ExportError),
    /// A mapping cannot be used.
    #[error("the mapping cannot be used: {why}")]
    Mapping {
        /// What is wrong with it, and where.
        why: String,
    },
    /// The helpdesk could not be asked what it consists of.
    #[error("asking the helpdesk for {what}")]
    Ask {
        /// What it was asked for.
        what: String,
        /// Why not.
        #[source]
        source: Box<frappe::Error>,
    },
    /// The helpdesk is not ready for an import.
    #[error("the helpdesk is not ready: {why}")]
    NotReady {
        /// What is missing, and what to do about it.
        why: String,
    },
    /// The ledger could not be read or written.
    #[error("keeping the ledger")]
    Ledger(#[from] deskbridge_store::Error),
    /// The reject file could not be written.
    #[error("writing the reject file {}", path.display())]
    Reject {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A report could not be written.
    #[error("writing the report {}", path.display())]
    Report {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Work that was given to another thread did not come back.
    #[error("reading the source ended in a panic, which is a mistake of ours")]
    Panicked,
}

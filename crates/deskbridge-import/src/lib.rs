//! Moves a team's history into the helpdesk.
//!
//! A reader ([`reader`]) gives records ([`record`]) of a source, one kind after the other; [`decide`] says what each is to
//! become on this site, and what is wrong with it; [`write`] writes it; the ledger in the store remembers which record is
//! which document. [`run`] ties them together.
//!
//! What always holds: a record becomes one document, however often its import is interrupted and run again, because every
//! document carries the record's key in a unique field, and because what may have been written is looked for before it is
//! written again. Memory does not grow with the source.
//!
//! Not here: the command line, and anything that the helpdesk does by itself.

pub mod decide;
pub mod dry_run;
mod error;
pub mod guard;
pub mod map;
pub mod reader;
pub mod record;
mod rejects;
pub mod report;
pub mod run;
pub mod target;
pub mod undo;
pub mod verify;
mod write;

pub use error::Error;

/// The result of everything here.
pub type Result<T> = std::result::Result<T, Error>;

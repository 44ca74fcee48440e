//! What the program puts into a helpdesk: which documents, what would have to change, how to take it back.
//!
//! Everything here is values; `cli::frappe` reads and writes.

mod document;
pub(crate) mod plan;
pub(crate) mod popup;
pub(crate) mod secrets;
pub(crate) mod shown;
pub(crate) mod undo;
pub(crate) mod wanted;

#[cfg(test)]
mod tests;

pub(crate) use document::{Fields, Key, same_fields};

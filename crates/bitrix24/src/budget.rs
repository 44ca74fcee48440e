//! What a portal allows, as values that are told the time.

pub(crate) mod bucket;
pub(crate) mod circuit;
pub(crate) mod operating;

pub use bucket::Limits;

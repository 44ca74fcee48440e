//! Decisions by tables and properties.

mod keys;
mod paces;
mod values;

//! What is decided, as functions of values.

pub mod write;

//! What is decided, as functions of values: `now` is an argument, and nothing here reads or writes anything.

pub mod tracker;

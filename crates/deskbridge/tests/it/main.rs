//! The whole program, as the people who run it meet it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests, whose clients talk to servers of their own and whose clock is the processes'"
)]

mod calls;
mod caresoft;
mod clicks;
mod database;
mod demo;
mod doctor;
mod events;
mod fields;
mod frappe;
mod help;
mod hooks;
mod hub;
mod import;
mod kill;
mod nodes;
mod orders;
mod process;
mod secrets;
mod serve;
mod simulate;

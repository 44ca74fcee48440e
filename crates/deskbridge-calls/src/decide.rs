//! What is decided, as functions of values: `now` is an argument, and nothing here reads or writes anything.
//!
//! [`tracker`] makes calls of what the PBX says. [`telephony`] says what the CRM and the helpdesk are to hold of a
//! call; its payloads are in [`mod@write`]. Beside it stand the smaller decisions that it and the edges take.

pub mod hooks;
pub mod numbers;
pub mod originate;
pub mod reconcile;
pub mod recording_path;
pub mod responsible;
pub mod status;
pub mod telephony;
pub mod tracker;
pub mod users;
pub mod working_time;
pub mod write;

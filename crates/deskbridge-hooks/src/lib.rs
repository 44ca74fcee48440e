//! The user's own decisions: at a named [`Point`], a [`Hook`] is told what is known and may answer with a change.
//!
//! Names and forms are those of Itgrix, generation by generation, and our own for what Itgrix has not; [`CONTRACTS`] is
//! the one table of them. A hook runs as JavaScript in a process of ours, as a program of its own,
//! or behind an address.
//!
//! What always holds: a hook decides, it does nothing. Its answer is held against its contract before anybody sees it.
//! Whatever it does, the call goes on by the deadline, as it would without the hook; why is told and counted, and a
//! hook that keeps failing is left alone for a while.
//!
//! Not here: what is done with an answer. A path is confined, and an order to the PBX is filtered, where it is used.

pub mod decision;
pub mod envelope;
pub mod hooks;
pub mod point;
pub mod runner;
pub mod shape;
pub mod suspension;

pub use self::{
    decision::{Decision, Why},
    envelope::Change,
    hooks::{Hook, Hooks, TIMEOUT},
    point::{Action, CONTRACTS, Contract, Flow, Point},
    runner::Runner,
};

#[cfg(test)]
mod docs;

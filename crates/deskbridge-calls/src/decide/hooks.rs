//! What hooks are told of a call, and what becomes of what they answer.
//!
//! Whom to ask what before a call is planned, and what was learnt of it, is in [`learned`]; [`told`] makes the objects
//! that hooks are told; [`taken`] lays an answer over a write; [`trial`] is for trying a hook out. Whoever asks is elsewhere.

pub mod learned;
pub mod taken;
pub mod told;
pub mod trial;

#[cfg(test)]
mod tests;

//! Calls of the PBX, followed and carried into the CRM and the helpdesk.
//!
//! A call is everything under one linkedid; a conversation is one ring or answer at one internal number ([`call`]).
//! What the PBX says becomes calls in [`decide::tracker`].

pub mod call;
pub mod decide;

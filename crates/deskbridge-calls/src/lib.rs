//! Calls of the PBX, followed and carried into the CRM and the helpdesk.
//!
//! A call is everything under one linkedid; a conversation is one ring or answer at one internal number ([`call`]). A PBX
//! is followed here ([`follow`]); what others follow they report ([`reported`]).
//! What CRM and helpdesk are to hold of it follows from what is known of the call and from what an administrator
//! decided ([`settings`]): functions of values in [`decide`] make calls of what the PBX says, and say which writes bring
//! CRM and helpdesk there.

pub mod apply;
pub mod clicks;
pub mod counted;
pub mod decide;
pub mod follow;
pub mod oauth;
pub mod people;
pub mod reconcile;
pub mod replay;
pub mod reported;
pub mod responsible;
pub mod settings;
#[cfg(test)]
mod testing;
pub mod view;

pub use deskbridge_core::call;

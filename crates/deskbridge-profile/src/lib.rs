//! The customer profile: from a helpdesk ticket to its Bitrix24 company.
//!
//! [`decide`] holds what is decided, as functions of values; the rest asks, remembers and writes. The caller's
//! right is asked of the helpdesk before anything is fetched for them, and what follows for the helpdesk goes
//! through the journal.

pub mod apply;
mod case;
pub mod crm;
mod customers;
pub mod decide;
mod flights;
mod gate;
mod hooks;
pub mod http;
pub mod live;
mod memory;
mod meta;
mod service;
pub mod settings;

#[cfg(test)]
mod tests;

pub use gate::GateTimes;
pub use service::{Local, Parts, Profiles};

//! Remote systems as local servers, for the demo, for tests and for anybody who writes a client.
//!
//! Each simulator keeps state, enforces the limits that the real system enforces, and can be told by
//! a [fault script](faults) to misbehave in the ways that the real system does. They are written from
//! what was observed of the real systems and share no code with our clients, so that a
//! misunderstanding in a client is not repeated here.
//!
//! Not here: any network but loopback, persistence, and whatever no client has needed yet.

pub mod ami;
pub mod bitrix24;
pub mod caresoft;
pub mod clock;
pub mod faults;
pub mod frappe;
pub mod freshdesk;
pub mod sample_facts;
pub mod server;

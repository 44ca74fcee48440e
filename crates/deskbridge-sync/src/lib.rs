//! CareSoft's events, carried into helpdesk and CRM.
//!
//! A webhook is verified over its raw bytes and kept ([`http`], [`reading`]). Later it is added to what is known of its
//! case, person or call, and what follows is planned ([`plan`]): functions of values in [`decide`] say which writes
//! bring helpdesk and CRM from what was planned before to what is known now, by what an administrator decided
//! ([`settings`]). [`apply`] carries these writes out.

pub mod apply;
pub mod decide;
pub mod http;
pub mod plan;
pub mod reading;
pub mod reconcile;
pub mod routes;
pub mod settings;

//! The crate as its users see it.

mod rest;
mod webhooks;

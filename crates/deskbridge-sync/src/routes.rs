//! Sending chosen events on: a condition, a target, a body made by a template, a signature, and what follows from the
//! answer.
//!
//! [`settings`] is a route as configured and compiled; [`decide`] says whether an event goes out, as what, and what the
//! answer means; [`send`] does it. A route is carried out by an effect ([`KIND`]), so that it is retried, given up and
//! replayed like everything else. Deliveries are at least once: all attempts of one carry the same `webhook-id`.

pub mod address;
pub mod decide;
pub mod plan;
pub mod send;
pub mod settings;

#[cfg(test)]
mod tests;

/// The kind of effect that sends an event on.
pub const KIND: &str = "route.send";

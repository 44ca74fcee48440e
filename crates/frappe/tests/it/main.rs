//! The client against real sockets on loopback: a server that answers what each test tells it to.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what every test needs outside its own function too"
)]

mod caller;
mod documents;
mod edge;
mod meta;
mod methods;
mod scripted;
mod walk;

//! The client against real sockets on loopback: a server that answers what each test tells it to.

mod caller;
mod documents;
mod edge;
mod meta;
mod methods;
mod scripted;
mod walk;

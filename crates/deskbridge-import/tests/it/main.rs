//! Imports into a simulated helpdesk on loopback.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests, which may fail and read whole files"
)]

mod backwards;
mod bench;
mod faults;
mod guards;
mod records;
mod tables;

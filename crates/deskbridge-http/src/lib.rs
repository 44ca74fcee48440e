//! What every router of ours needs: a bounded server, one error body, request ids, parameters from wherever
//! they come, and who is calling.
//!
//! Not here: routes, and what anything means.

pub mod caller;
pub mod error;
pub mod params;
pub mod peer;
pub mod request;
pub mod server;

#[cfg(test)]
mod tests;

pub use caller::{Caller, TrustedSecrets};
pub use error::{ApiError, Code};
pub use params::Params;
pub use peer::Peer;
pub use request::RequestId;

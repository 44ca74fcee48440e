//! JavaScript within this program, by `QuickJS`.
//!
//! A script is a module whose default export is a function from the input to the answer:
//!
//! ```js
//! export default ({ params }) => ({ data: { phone: params.phone.slice(-10) } });
//! ```
//!
//! It is compiled once for each version of its file. Every call has a runtime of its own, so nothing of one call is left for
//! the next. There is no file, no network, no module but the script itself, and no clock: `Date` knows the time of the
//! call, and `Math.random` begins the same each time. Memory, stack and time are bounded.
//!
//! `QuickJS` asks whether to go on whenever a script calls or loops, but not within its own long loops. A script can therefore
//! hold its thread beyond the deadline; its call ends at the deadline all the same, and another thread takes
//! its place, [`STUCK_MAX`] times at once.

mod engine;
mod pool;
mod script;

pub use self::{pool::Pool, script::Script};

/// Threads that may be held by scripts beyond their deadline and are replaced.
pub const STUCK_MAX: usize = 4;

#[cfg(test)]
mod tests;

//! JavaScript by `QuickJS`, in processes of our own program that do nothing else.
//!
//! A script is a module whose default export is a function from the input to the answer:
//!
//! ```js
//! export default ({ params }) => ({ data: { phone: params.phone.slice(-10) } });
//! ```
//!
//! It is compiled once for each version of its file and process. Every call has a runtime of its own, so nothing of one call is left
//! for the next. There is no file, no network, no module but the script itself, and no clock: `Date` knows the time of the
//! call, and `Math.random` begins the same each time. Memory, stack and time are bounded.
//!
//! `QuickJS` asks whether to go on whenever a script calls or loops, but not within its own long loops, and it has been seen to crash
//! where memory ran out. So it runs in processes that a [`Pool`] starts ([`child`] is what they do), kills when an answer does not
//! come in time, and starts anew. Whatever a script does to its process, it does to nothing else.

pub mod child;
mod engine;
mod frames;
mod pool;
mod script;

pub use self::{
    pool::{Player, Pool},
    script::Script,
};

#[cfg(test)]
pub(crate) mod tests;

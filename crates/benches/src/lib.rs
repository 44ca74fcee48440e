//! What the benchmarks share with the tests of the whole program: the program as a process between simulated systems.

mod hub;
pub mod imports;
pub mod isolation;
pub mod kill;
pub mod memory;
pub mod open_calls;
mod systems;
pub mod telephony;

//! What the benchmarks share with the tests of the whole program: the program as a process between simulated systems.

mod hub;
pub mod isolation;
pub mod kill;
mod systems;
pub mod telephony;

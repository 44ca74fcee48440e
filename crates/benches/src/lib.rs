//! What the benchmarks share with the tests of the whole program.

pub mod kill;

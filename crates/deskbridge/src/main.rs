//! The `deskbridge` program.

fn main() {}

//! Carrying out what was planned.

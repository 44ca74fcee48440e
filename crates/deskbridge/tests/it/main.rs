//! The whole program, as the people who run it meet it.

mod demo;
mod doctor;
mod fields;
mod help;
mod hub;
mod process;
mod secrets;
mod serve;
mod simulate;

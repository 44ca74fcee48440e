#![doc = include_str!("../README.md")]

mod event;
mod fields;
mod json;
mod key;
pub mod object;
pub mod rest;
pub mod signature;
#[cfg(test)]
mod testing;
mod time;

pub use crate::{
    event::{Event, Kind, Outline, Save, Unrouted},
    fields::{Fields, Id},
    json::{Json, Text, Unreadable},
    key::{Digest, OrderingKey},
    time::{Age, Z, Zone, age},
};

//! What is decided about a profile: functions of values, without a clock, a network or a store.

pub mod answer;
pub mod company;
pub mod contact;
pub mod enrich;
pub mod field_map;
pub mod history;
pub mod links;
pub mod lookup;
pub mod normalise;
pub mod responsible;
pub mod sentences;

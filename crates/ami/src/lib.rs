#![doc = include_str!("../README.md")]

pub mod action;
mod backoff;
mod banner;
mod connection;
mod dialogue;
mod filter;
mod login;
mod message;
mod options;
mod outcome;
mod queue;
mod signal;
mod splitter;
mod tls;
mod value;
mod view;

pub use crate::{
    action::Action,
    backoff::Backoff,
    banner::{Banner, NoVersion, Version},
    connection::{Connection, Driver, connect},
    filter::Wanted,
    login::{Class, Classes, Login, Means},
    message::{Header, Message, unescape},
    options::{Options, OptionsError, Tls},
    outcome::{Answer, NoAnswer, NotSent, Outcome, Refusal, Unknown},
    queue::Signals,
    signal::{Filtering, Greeting, Reason, Resync, Signal},
    splitter::{Frame, Limits, Splitter, TooLong},
    value::{ActionId, Channel, Exten, Invalid, Name, VALUE_BYTES_MAX, Value, Variable, Word},
    view::{ChannelState, Snapshot},
};

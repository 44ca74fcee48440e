#![doc = include_str!("../README.md")]

mod banner;
mod message;
mod splitter;

pub use crate::{
    banner::{Banner, Version},
    message::{Header, Message, unescape},
    splitter::{Frame, Limits, Splitter, TooLong},
};

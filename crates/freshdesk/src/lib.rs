#![doc = include_str!("../README.md")]

mod account;
mod budget;
mod error;
pub mod export;
mod question;
pub mod record;
pub mod scan;

pub use crate::{
    account::{
        Account, Download, Estimate, Feature, FileHost, InvalidAccount, InvalidAddress,
        InvalidFileHost, InvalidKey, Key, Options, Preflight, Rows, Wanted, Warning, estimate,
    },
    budget::{Limits, Plan, Standing},
    error::{Cause, Error, Message, Transport, Verdict},
    scan::Scan,
};

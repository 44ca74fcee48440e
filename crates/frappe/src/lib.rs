#![doc = include_str!("../README.md")]

mod answer;
mod caller;
mod client;
mod credential;
mod document;
mod documents;
mod error;
mod files;
mod list;
mod message;
mod meta;
mod methods;
mod name;
mod operation;
mod outcome;
mod query;
mod site;
pub mod text;
mod time;
mod transport;
mod versions;
mod walk;

pub use crate::{
    caller::{Permission, Right, User},
    client::Client,
    credential::{Caller, Credential, InvalidCredential, Material, Token},
    document::Document,
    error::{Cause, Error, Limit, Transport, Unsendable, Verdict},
    files::{StoredFile, Upload},
    list::{Filter, List, Op, Order, child_field},
    message::Message,
    meta::{Field, Meta},
    methods::{
        Method,
        frappe_client::{Change, DocMethodAnswer, FailedChange, INSERT_MANY_MAX},
    },
    name::Name,
    operation::{Operation, Verb},
    outcome::Outcome,
    site::{InvalidSite, Options, Site},
    time::{InvalidTime, SiteTime, parse_time_of_day},
    versions::{TicketNames, Version, Versions},
    walk::{By, Walk},
};

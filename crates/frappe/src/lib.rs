//! A client for Frappe's REST API, as the program's own user or as the calling user

mod answer;
mod caller;
mod client;
mod credential;
mod document;
mod documents;
mod error;
mod list;
mod message;
mod methods;
mod name;
mod operation;
mod outcome;
mod query;
mod site;
pub mod text;
mod time;
mod transport;

pub use crate::{
    caller::{Permission, Right, User},
    client::Client,
    credential::{Caller, Credential, InvalidCredential, Material, Token},
    document::Document,
    error::{Cause, Error, Limit, Transport, Unsendable, Verdict},
    list::{Filter, List, Op, Order, child_field},
    message::Message,
    methods::Method,
    name::Name,
    operation::{Operation, Verb},
    outcome::Outcome,
    site::{InvalidSite, Options, Site},
    time::{InvalidTime, SiteTime, parse_time_of_day},
};

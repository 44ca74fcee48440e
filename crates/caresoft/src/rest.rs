//! The reads of CareSoft's REST API, for finding what no webhook told.
//!
//! Nothing is written here, and nothing is repeated but once: a read that the host did not answer is asked of the spare
//! host. All clones of an [`Account`] share one budget of requests.

mod account;
mod answer;
mod budget;
mod error;
mod question;
mod transport;

pub use self::{
    account::{Account, HOSTS, InvalidAccount, InvalidToken, Options, Token},
    answer::{Page, Row},
    budget::REQUESTS_PER_SECOND_MAX,
    error::{Cause, Error, Message, Transport, Verdict},
    question::{List, Order, ROWS_MAX, Resource},
};

//! A client for the Bitrix24 REST API that stays within a portal's limits, batches what waits, and says
//! whether a call ran.
//!
//! [`Webhook`] is what the portal's administrator hands out, [`Application`] what he installs, [`Portal`] is one
//! portal with its budget, and [`Client`] calls methods in the name of a webhook or an application. Everything is
//! cheap to clone and works on any Tokio runtime.
//!
//! # The budget
//!
//! A portal counts *requests*, by its own address and that of the caller: whatever webhooks and programs
//! speak from one address share one leaky bucket of fifty requests, which drains by two a second (250 and
//! five on the Enterprise plan). How much a request does is not counted, so fifty commands in a `batch`
//! cost what one costs alone. It also counts the *operating time* of each method for each webhook, and
//! refuses the method for some minutes when there has been too much of it.
//!
//! Hence one dispatcher for each portal, shared by all its clients:
//!
//! - A request takes its place in the bucket before it is sent. When the portal refuses one all the same,
//!   others share the bucket: the request did not run, waits, and goes again, each time more slowly.
//! - [`Lane::Interactive`] goes before [`Lane::Background`], which also leaves a reserve of the burst alone.
//! - A method out of operating time is parked for its webhook until the portal's reset; background work
//!   stops at four fifths of the limit.
//! - A call's deadline covers the time it waits. One that will have no budget before its deadline is
//!   answered at once with [`Error::Overload`] and the time when it could have gone.
//!
//! # Batches
//!
//! A call that comes alone, with no request under way, is sent at once, as itself. Otherwise the dispatcher
//! gathers for three milliseconds and sends the calls of one webhook together, in the order of their
//! arrival. Equal reads, waiting or under way, are sent once and answered to everybody who asked, but a read
//! that comes after a write is not answered by one that was sent before it. Each
//! caller gets its own result: one command's failure is not its neighbour's, and a batch that fails as a
//! whole is taken apart until only the command that spoils it fails.
//!
//! A [`Group`] is sent in one request. Its commands may refer to results of earlier ones, and only those that
//! do need each other: when a method is parked or refused, the reads of a group that have nothing to do with
//! it go without it, and those of a request that failed may go again apart. A group that writes or halts stays
//! whole and in order.
//!
//! # Verdicts
//!
//! After a lost answer nobody knows whether a write ran. So this client repeats by itself only what provably
//! did not run (no connection, not a byte of the request written, or a refusal for the budget) and what
//! changes nothing (reads, a few times). Everything else is told, and [`Error::verdict`] says what to do:
//!
//! | error | ran? | verdict |
//! |---|---|---|
//! | [`Error::NotFound`] | yes, and there is no such record | never |
//! | [`Error::Refused`] | no, and it will not as it is | never |
//! | [`Error::Configuration`] | no, an administrator has to change something | never |
//! | [`Error::Overload`] | no | after the time given; never when blocked by hand |
//! | [`Error::NotSent`] | no | try again |
//! | [`Error::NoAnswer`] | perhaps, but it was a read | try again |
//! | [`Error::MaybeExecuted`] | perhaps, and it was a write | look first |
//!
//! What will not change by asking again (a webhook that is not accepted, a missing scope, a closed portal, a
//! redirect, a block by the vendor) opens a circuit as wide as its cause: the method, the webhook or the
//! portal. Calls are then refused here with the same error, and one probe goes after a pause.
//!
//! # Applications
//!
//! Some methods are for applications only: registering and finishing calls, external lines, events. A local application
//! that "uses only the interface" needs no pages; the portal posts its first [`Tokens`] to the address that was given
//! for its installation. [`Installation`] reads them, [`Portal::accepts`] says whether they are the portal's, and a
//! [`TokenStore`] keeps them from then on. Tokens are renewed when the portal says that they have expired, by one
//! task however many calls wait, stored before they are used, and the calls that were refused go again. When they
//! cannot be renewed, [`Fault::Reinstall`] says so, and the next tokens in the store are used at once.
//!
//! # Telephony
//!
//! [`Registration`] and [`Finish`] are the life of a call of an external telephone system, [`Recording`] is streamed to
//! it, [`StatisticKey`] finds it again after a lost answer. [`Event`] reads what the portal posts, such as a click
//! on a number; [`Client::take_offline_events`] fetches the same without a public address. Which of it works for a
//! client, [`Client::telephony_access`] finds out.
//!
//! # Reading answers
//!
//! [`Answer`] holds the result as it was sent, [`Row`] one record. Nothing is decoded before it is asked for,
//! and each accessor of [`Row`] takes every spelling that portals use. **Check what you found**: a portal may
//! ignore a condition on a field it does not know and answer with everybody, so compare the field you
//! filtered by before you believe a row.
//!
//! # Log lines
//!
//! Each request is one `tracing` event at debug level with host, methods, status and time, and without
//! address, parameters or answer. [`Portal::counters`] has the numbers for metrics.

mod access;
mod activities;
mod answer;
mod application;
mod budget;
mod call;
mod decode;
mod dispatch;
mod employees;
mod error;
mod events;
mod group;
mod id;
mod list;
mod methods;
mod options;
mod outcome;
mod params;
mod portal;
mod row;
mod tasks;
mod telephony;
#[cfg(test)]
mod testing;
mod transport;
mod upload;
mod webhook;

pub use access::Access;
pub use activities::{ActivityChange, CallActivity, NewCallActivity, Origin};
pub use answer::{Answer, Time};
pub use application::{Application, NotStored, RENEWAL_FOR, TokenStore, Tokens, Turn};
pub use budget::Limits;
pub use call::{Call, Kind, Lane, Order};
pub use dispatch::counters::Counters;
pub use employees::User;
pub use error::{Context, Error, Fault, Limit, Mishap, Refusal, Unsent, Verdict};
pub use events::{
    ApplicationToken, Binding, Binds, CallStart, CallbackRequest, Event, EventError, Form,
    FormError, Installation, News, OfflineEvent, OfflineEvents,
};
pub use group::{COMMANDS_MAX, Command, Group, GroupAnswer, Reference};
pub use id::{Id, NotAnId};
pub use list::{List, Rows};
pub use methods::MethodState;
pub use options::{Options, OptionsError};
pub use outcome::Outcome;
pub use params::Param;
pub use portal::{Client, Portal, WrongPortal};
pub use row::{Moment, Multifield, Row};
pub use tasks::{NewTask, Task};
pub use telephony::{
    AttachedRecord, CallId, CallKind, CallStatus, Caller, CrmKind, CrmRecord, Employee,
    ExternalLine, Finish, Finished, Recording, Registered, Registration, Responsible,
    StatisticCall, StatisticKey, TelephonyAccess, TelephonyFault, TranscriptMessage, UploadSlot,
    Workday,
};
pub use webhook::{PortalBase, Webhook, WebhookError};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

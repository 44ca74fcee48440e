//! What can go wrong with a call, sorted by what the caller should do about it.

use std::{fmt, time::Duration};

use jiff::Timestamp;

use crate::call::Kind;

pub(crate) mod class;
mod failure;

pub(crate) use class::{Class, Extent};
pub use failure::Context;
pub(crate) use failure::{Failure, Said};

/// Why a call has no result.
///
/// The variants are the decisions a caller takes. [`Error::verdict`] sums them up; [`Error::context`] has
/// what the portal said. Errors are cheap to clone, because callers whose reads were merged share one.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The portal knows no such record. The call ran and that is its answer.
    #[error("{}: there is no such record{context}", context.place())]
    NotFound {
        /// Which call, and what the portal said.
        context: Context,
    },
    /// The portal or this client refused the call; it did not run and will not run as it is.
    #[error("{}: {refusal}{context}", context.place())]
    Refused {
        /// What was wrong with it.
        refusal: Refusal,
        /// Which call, and what the portal said.
        context: Context,
    },
    /// A write was sent and its fate is unknown: look for its effect before writing again.
    #[error("{}: {mishap}, so it may have run; look before repeating it{context}", context.place())]
    MaybeExecuted {
        /// What happened after the call was sent.
        mishap: Mishap,
        /// Which call, and what the portal said.
        context: Context,
    },
    /// A read was sent and got no answer that could be used; asking again does no harm.
    #[error("{}: {mishap}{context}", context.place())]
    NoAnswer {
        /// What happened after the call was sent.
        mishap: Mishap,
        /// Which call, and what the portal said.
        context: Context,
    },
    /// An administrator has to change something; the call did not run.
    #[error("{}: {fault}{context}", context.place())]
    Configuration {
        /// What has to be changed.
        fault: Fault,
        /// Which call, and what the portal said.
        context: Context,
    },
    /// The budget does not allow the call now; it did not run.
    #[error("{}: {limit}{}{context}", context.place(), After(*retry_after))]
    Overload {
        /// Which budget.
        limit: Limit,
        /// When the call could have gone, counted from this answer, if that is known.
        retry_after: Option<Duration>,
        /// Which call, and what the portal said.
        context: Context,
    },
    /// The call never left this machine.
    #[error("{}: not sent, {unsent}{context}", context.place())]
    NotSent {
        /// What kept it.
        unsent: Unsent,
        /// Which call, and what the portal said.
        context: Context,
    },
}

/// What is wrong with a refused call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A parameter is missing, unknown or has a wrong value.
    #[error("the portal refused an argument")]
    Argument,
    /// The webhook's user may not touch this record.
    #[error("the webhook's user has no right to this record")]
    Access,
    /// The portal refused for a reason without a known name.
    #[error("the portal refused")]
    Other,
    /// This client would not send it, because it could not mean what was intended.
    #[error("this call cannot be sent as it is")]
    Malformed,
}

/// What befell a call after it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mishap {
    /// The deadline passed while the portal was at work.
    #[error("no answer came before the deadline")]
    Deadline,
    /// The connection broke before the whole answer was there.
    #[error("the connection broke before the whole answer was there")]
    HungUp,
    /// The portal answered with a fault of its own.
    #[error("the portal failed")]
    ServerFault,
    /// The answer is larger than this client accepts.
    #[error("the answer is larger than allowed")]
    TooLarge,
    /// The answer is not JSON: a login page, a proxy's error page.
    #[error("the answer is not JSON")]
    NotJson,
    /// The answer is JSON without a result, or without a result for this command of a batch.
    #[error("the answer has no result")]
    NoResult,
    /// The command ran with the text of a reference instead of the referenced value, because the earlier
    /// command had no such value.
    #[error("it ran without the value it refers to")]
    Unresolved,
    /// A page of a list does not hold what was asked for: the method ignores the filter or the order by id.
    #[error("the page is not the one that was asked for")]
    Strayed,
}

/// What an administrator has to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The portal does not accept the webhook's user and secret.
    #[error("the portal does not accept this webhook; make a new one and configure it")]
    Credentials,
    /// The portal no longer takes the application's tokens, and they cannot be renewed: it was never installed, was
    /// removed, or its refresh token is spent or older than half a year.
    #[error(
        "the application's tokens are worth nothing any more; reinstall the application in Bitrix24"
    )]
    Reinstall,
    /// The authorization server does not know the application's code and secret key.
    #[error(
        "the application's code and secret key are not accepted; configure those that the portal shows"
    )]
    ClientSecret,
    /// The webhook was made without the scope that the method needs.
    #[error("the webhook lacks {}; tick it in the webhook's settings", scope.as_deref().map_or_else(
        || "a scope that the method needs".to_owned(), |scope| format!("the scope {scope}")))]
    Scope {
        /// The scope, if the portal named it.
        scope: Option<Box<str>>,
    },
    /// The portal has no such method: misspelt, or its module is not installed.
    #[error("the portal has no such method")]
    Method,
    /// The webhook's user may not use the method at all.
    #[error("the webhook's user may not use this method")]
    Access,
    /// The method works for applications only, not for webhooks.
    #[error("the method is for applications, not for webhooks")]
    ApplicationOnly,
    /// An administrator of the portal has not confirmed the method, or has denied it.
    #[error("the method waits for an administrator's confirmation, or was denied it")]
    Unconfirmed,
    /// The portal is closed.
    #[error("the portal is closed or deleted")]
    PortalGone,
    /// The portal's plan has no REST, or is not paid.
    #[error("the portal's plan does not include this")]
    Plan,
    /// The portal wants https.
    #[error("the portal wants https")]
    Https,
    /// The portal answers with a redirect, which is never followed: it may have been renamed.
    #[error(
        "the portal redirects to {}; if it was renamed, configure the webhook with its new address",
        host.as_deref().unwrap_or("an address without a host")
    )]
    Redirect {
        /// The host it points to. Nothing was sent there.
        host: Option<Box<str>>,
    },
}

/// Which budget is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Limit {
    /// Requests per second of this portal and this machine's address.
    #[error("the portal's request budget is used up")]
    Requests,
    /// Operating time of one method for one webhook in ten minutes.
    #[error("the method has used up its operating time")]
    OperatingTime {
        /// When some of it is free again, by the portal's clock, if it said so.
        reset_at: Option<Timestamp>,
    },
    /// The vendor has blocked REST for this portal by hand, because of load. Their support lifts it.
    #[error("the vendor has blocked REST on this portal because of load; ask their support")]
    Blocked,
    /// More calls wait in this client than it is willing to hold.
    #[error("too many calls wait already")]
    Queue,
}

/// What kept a call from being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsent {
    /// Its deadline passed while it waited.
    #[error("its deadline passed while it waited")]
    Deadline,
    /// No connection to the portal.
    #[error("no connection to the portal")]
    Connection,
    /// There was no token in force to sign it with: it could not be renewed, or not be stored.
    #[error("there is no token in force to sign it with")]
    Token,
    /// An earlier command of its group failed, and this one refers to it, or the group halts on the first
    /// failure.
    #[error("an earlier command of its group failed")]
    Halted,
    /// The dispatcher has ended, with the runtime it ran on.
    #[error("the dispatcher has ended")]
    Closed,
}

/// What to do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The same call may be sent again, not before the time given, if one is given.
    RetryAfter(Option<Duration>),
    /// The same call will fail again until somebody changes something.
    Never,
    /// It may have run: look for its effect, then decide.
    LookFirst,
}

impl Error {
    /// Whether the same call may be made again.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::NotFound { .. } | Self::Refused { .. } | Self::Configuration { .. } => {
                Verdict::Never
            }
            Self::MaybeExecuted { .. } => Verdict::LookFirst,
            Self::NoAnswer { mishap, .. } => match mishap {
                Mishap::Deadline
                | Mishap::HungUp
                | Mishap::ServerFault
                | Mishap::NotJson
                | Mishap::NoResult => Verdict::RetryAfter(None),
                Mishap::TooLarge | Mishap::Unresolved | Mishap::Strayed => Verdict::Never,
            },
            Self::Overload {
                limit, retry_after, ..
            } => match limit {
                Limit::Requests | Limit::OperatingTime { .. } | Limit::Queue => {
                    Verdict::RetryAfter(*retry_after)
                }
                Limit::Blocked => Verdict::Never,
            },
            Self::NotSent { unsent, .. } => match unsent {
                Unsent::Deadline
                | Unsent::Connection
                | Unsent::Token
                | Unsent::Closed
                | Unsent::Halted => Verdict::RetryAfter(None),
            },
        }
    }

    /// The same for a write that is still wanted in days: what an administrator or the vendor mends is waited for. Only
    /// a right that a user lacks is not given because somebody waits.
    pub fn verdict_in_days(&self) -> Verdict {
        match self {
            Self::Configuration { fault, .. } if *fault != Fault::Access => {
                Verdict::RetryAfter(None)
            }
            Self::Overload { retry_after, .. } => Verdict::RetryAfter(*retry_after),
            _ => self.verdict(),
        }
    }

    /// Which call it was, and what the portal said.
    pub fn context(&self) -> &Context {
        match self {
            Self::NotFound { context }
            | Self::Refused { context, .. }
            | Self::MaybeExecuted { context, .. }
            | Self::NoAnswer { context, .. }
            | Self::Configuration { context, .. }
            | Self::Overload { context, .. }
            | Self::NotSent { context, .. } => context,
        }
    }

    /// A call that this client will not send.
    pub(crate) fn malformed(method: &str, host: &str, why: &str) -> Self {
        let failure = Failure::new(Class::Malformed, Said::because(why));
        failure.error(Kind::Write, method, host)
    }
}

struct After(Option<Duration>);

impl fmt::Display for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(after) => write!(f, "; try again in {:.1} s", after.as_secs_f64()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;

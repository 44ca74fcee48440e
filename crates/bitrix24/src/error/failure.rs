//! A failure on its way from the answer to the callers it concerns.

use std::{fmt, sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{Class, Error, Fault, Limit, Mishap, Refusal, Unsent};
use crate::call::Kind;

/// Which call failed, and what the portal said about it.
#[derive(Clone)]
pub struct Context(Arc<Inner>);

struct Inner {
    method: Box<str>,
    host: Box<str>,
    said: Said,
}

impl Context {
    /// The method that was called.
    pub fn method(&self) -> &str {
        &self.0.method
    }

    /// The portal's host.
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// The HTTP status; `None` inside a batch, and when nothing was received.
    pub fn status(&self) -> Option<u16> {
        self.0.said.status
    }

    /// The portal's error code as written. Most errors of the older CRM methods have an empty one.
    pub fn code(&self) -> Option<&str> {
        self.0.said.code.as_deref()
    }

    /// What the portal, or the connection, said: bounded, without markup and without the secret.
    pub fn description(&self) -> Option<&str> {
        self.0.said.description.as_deref()
    }

    /// Whether the call was refused here, because the portal had said the same to an earlier one.
    pub fn is_remembered(&self) -> bool {
        self.0.said.remembered
    }

    pub(super) fn place(&self) -> impl fmt::Display + '_ {
        fmt::from_fn(|f| write!(f, "{} at {}", self.method(), self.host()))
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("method", &self.0.method)
            .field("host", &self.0.host)
            .field("said", &self.0.said)
            .finish()
    }
}

/// Writes what was said in brackets, or nothing.
impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = &self.0.said;
        let status = said.status.map(|status| format!("HTTP {status}"));
        let code = said.code.as_deref().filter(|code| !code.is_empty());
        let head: Vec<&str> = status.as_deref().into_iter().chain(code).collect();
        let description = said.description.as_deref().filter(|text| !text.is_empty());
        let remembered = if said.remembered { "remembered, " } else { "" };
        match (head.is_empty(), description) {
            (true, None) => Ok(()),
            (true, Some(description)) => write!(f, " ({remembered}{description})"),
            (false, None) => write!(f, " ({remembered}{})", head.join(" ")),
            (false, Some(description)) => {
                write!(f, " ({remembered}{}: {description})", head.join(" "))
            }
        }
    }
}

/// What was said about a failure, without the call it was said about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    pub(crate) status: Option<u16>,
    pub(crate) code: Option<Box<str>>,
    pub(crate) description: Option<Box<str>>,
    /// A scope or a host, as the class has it.
    pub(crate) name: Option<Box<str>>,
    /// When operating time is free again, by the portal's clock.
    pub(crate) reset_at: Option<Timestamp>,
    pub(crate) remembered: bool,
}

impl Said {
    pub(crate) fn because(description: &str) -> Self {
        Self {
            description: Some(description.into()),
            ..Self::default()
        }
    }
}

/// A classified failure that still has to be told to the callers it concerns.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) class: Class,
    pub(crate) said: Said,
    pub(crate) retry_after: Option<Duration>,
}

impl Failure {
    pub(crate) fn new(class: Class, said: Said) -> Self {
        Self {
            class,
            said,
            retry_after: None,
        }
    }

    pub(crate) fn bare(class: Class) -> Self {
        Self::new(class, Said::default())
    }

    pub(crate) fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    pub(crate) fn error(&self, kind: Kind, method: &str, host: &str) -> Error {
        let context = Context(Arc::new(Inner {
            method: method.into(),
            host: host.into(),
            said: self.said.clone(),
        }));
        let refused = |refusal| Error::Refused {
            refusal,
            context: context.clone(),
        };
        let fault = |fault| Error::Configuration {
            fault,
            context: context.clone(),
        };
        let limit = |limit| Error::Overload {
            limit,
            retry_after: self.retry_after,
            context: context.clone(),
        };
        let mishap = |mishap| match kind {
            Kind::Read => Error::NoAnswer {
                mishap,
                context: context.clone(),
            },
            Kind::Write => Error::MaybeExecuted {
                mishap,
                context: context.clone(),
            },
        };
        let unsent = |unsent| Error::NotSent {
            unsent,
            context: context.clone(),
        };
        let name = || self.said.name.clone();
        match self.class {
            Class::NotFound => Error::NotFound { context },
            Class::Argument | Class::NotInBatch => refused(Refusal::Argument),
            Class::RecordAccess => refused(Refusal::Access),
            Class::Other => refused(Refusal::Other),
            Class::Malformed => refused(Refusal::Malformed),
            Class::Credentials => fault(Fault::Credentials),
            Class::Reinstall => fault(Fault::Reinstall),
            Class::ClientSecret => fault(Fault::ClientSecret),
            Class::Scope => fault(Fault::Scope { scope: name() }),
            Class::Method => fault(Fault::Method),
            Class::MethodAccess => fault(Fault::Access),
            Class::ApplicationOnly => fault(Fault::ApplicationOnly),
            Class::Unconfirmed => fault(Fault::Unconfirmed),
            Class::PortalGone => fault(Fault::PortalGone),
            Class::Plan => fault(Fault::Plan),
            Class::Https => fault(Fault::Https),
            Class::Redirect => fault(Fault::Redirect { host: name() }),
            Class::Requests => limit(Limit::Requests),
            Class::OperatingTime => limit(Limit::OperatingTime {
                reset_at: self.said.reset_at,
            }),
            Class::Blocked => limit(Limit::Blocked),
            Class::Queue => limit(Limit::Queue),
            Class::Deadline => mishap(Mishap::Deadline),
            Class::HungUp => mishap(Mishap::HungUp),
            Class::ServerFault => mishap(Mishap::ServerFault),
            Class::TooLarge => mishap(Mishap::TooLarge),
            Class::NotJson => mishap(Mishap::NotJson),
            Class::NoResult => mishap(Mishap::NoResult),
            Class::Unresolved => mishap(Mishap::Unresolved),
            Class::Strayed => mishap(Mishap::Strayed),
            Class::Expired => unsent(Unsent::Deadline),
            Class::NoConnection => unsent(Unsent::Connection),
            Class::TokenExpired | Class::Unsigned => unsent(Unsent::Token),
            Class::Halted => unsent(Unsent::Halted),
            Class::Closed => unsent(Unsent::Closed),
        }
    }
}

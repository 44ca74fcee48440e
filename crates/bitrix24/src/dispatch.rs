//! One dispatcher for one portal: who waits, what goes next, who is answered.
//!
//! [`desk::Desk`] decides and is told the time; [`run::run`] waits, sends and receives. Between them travel
//! [`Submission`]s in, [`request::Request`]s out and [`request::Report`]s back.

use std::sync::Arc;

use tokio::{sync::oneshot, time::Instant};

use crate::{
    Access, Answer, Call, Error, Kind, Lane, error::Failure, group::Reference, params::Params,
    upload::Upload,
};

mod asks;
pub(crate) mod counters;
mod cut;
pub(crate) mod desk;
mod pack;
mod queue;
pub(crate) mod request;
mod retry;
pub(crate) mod run;
mod standing;
#[cfg(test)]
mod tests;

/// A call, ready to be sent any number of times.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// The method as the caller wrote it.
    pub(crate) method: Arc<str>,
    /// The same in lower case: portals do not tell the difference.
    pub(crate) name: Box<str>,
    pub(crate) kind: Kind,
    pub(crate) params: Params,
    pub(crate) references: Vec<Reference>,
    /// Equal for reads that ask the same; `None` for everything else.
    pub(crate) key: Option<Box<str>>,
    /// Whether a batch can express it.
    pub(crate) fits_batch: bool,
    /// A file that it carries. It can be read once, so such a call never goes again.
    pub(crate) upload: Option<Arc<Upload>>,
}

impl Prepared {
    pub(crate) fn new(call: Call) -> Self {
        let name: Box<str> = call.method.to_lowercase().into();
        let references = call.params.references();
        let key = match call.kind {
            Kind::Read => call
                .params
                .canonical()
                .map(|text| format!("{name} {text}").into()),
            Kind::Write => None,
        };
        Self {
            method: call.method.into(),
            name,
            kind: call.kind,
            references,
            key,
            fits_batch: call.params.fit_query(),
            params: call.params,
            upload: None,
        }
    }

    /// A file that goes to an address of its own.
    pub(crate) fn upload(name: &str, upload: Upload) -> Self {
        Self {
            fits_batch: false,
            upload: Some(Arc::new(upload)),
            ..Self::new(Call::write(name))
        }
    }

    /// What the caller is told about a failure.
    pub(crate) fn error(&self, failure: &Failure, host: &str) -> Error {
        failure.error(self.kind, &self.method, host)
    }
}

/// In whose name a call is made, and the number of that among those of its portal.
#[derive(Clone, Debug)]
pub(crate) struct Credential {
    pub(crate) number: usize,
    pub(crate) access: Arc<Access>,
}

/// Calls that somebody waits for.
#[derive(Debug)]
pub(crate) struct Submission {
    pub(crate) credential: Credential,
    pub(crate) lane: Lane,
    pub(crate) deadline: Instant,
    pub(crate) commands: Vec<Arc<Prepared>>,
    pub(crate) halts: bool,
    /// How many commands the request may have that carries them, if the caller sees to its size.
    pub(crate) request_max: Option<usize>,
    pub(crate) reply: Reply,
}

/// Where the answers go, one for each command.
pub(crate) type Reply = oneshot::Sender<Vec<Result<Answer, Error>>>;

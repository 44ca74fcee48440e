//! What a manager can be asked.

mod channels;
mod originate;
mod system;
#[cfg(test)]
mod tests;

use std::{fmt, time::Duration};

use bytes::{BufMut as _, BytesMut};

pub use self::{
    channels::{
        Atxfer, BlindTransfer, CancelAtxfer, Direction, Getvar, Hangup, MixMonitor, MixMonitorMute,
        Place, Redirect, Setvar, Status, StopMixMonitor,
    },
    originate::{CallerId, Originate, Then},
    system::{
        Command, CoreSettings, CoreShowChannels, DbDel, DbGet, DbPut, Ping, QueueStatus, UserEvent,
    },
};
use crate::value::{ActionId, Name, Value};

/// The most headers of an action. Asterisk takes 128 lines with those for the action and its id (observed on 16.28 and
/// 22.10).
pub const HEADERS_MAX: usize = 126;

/// An action with its headers. Made from one of the types of this module, or by name for the others.
#[derive(Clone, PartialEq, Eq)]
pub struct Action {
    name: Name,
    headers: Vec<(Name, Value)>,
    id: Option<ActionId>,
    within: Option<Duration>,
}

impl Action {
    /// An action without headers.
    ///
    /// An action that Asterisk works on for long holds up every event and answer of the connection: an `Originate` has
    /// to be asynchronous, as [`Originate`] is.
    pub fn new(name: Name) -> Self {
        Self {
            name,
            headers: Vec::new(),
            id: None,
            within: None,
        }
    }

    pub(crate) fn fixed(name: &'static str) -> Self {
        Self::new(Name::fixed(name))
    }

    /// Adds a header; one name may come several times.
    ///
    /// # Errors
    /// When there are [`HEADERS_MAX`] already.
    pub fn header(mut self, name: Name, value: Value) -> Result<Self, TooManyHeaders> {
        if self.headers.len() >= HEADERS_MAX {
            return Err(TooManyHeaders);
        }
        self.headers.push((name, value));
        Ok(self)
    }

    /// Adds one of the few headers that an action is built with.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.headers.push((Name::fixed(name), value.into()));
        self
    }

    pub(crate) fn with_some(self, name: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Gives it an id, by which its later events can be told, as that of an `OriginateResponse`. The connection gives
    /// one that never repeats otherwise.
    #[must_use]
    pub fn with_id(mut self, id: ActionId) -> Self {
        self.id = Some(id);
        self
    }

    /// How long to wait for its answer, in place of what the connection's options say.
    #[must_use]
    pub fn within(mut self, within: Duration) -> Self {
        self.within = Some(within);
        self
    }

    /// The action's name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Its id, if it was given one.
    pub fn id(&self) -> Option<&ActionId> {
        self.id.as_ref()
    }

    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.within
    }

    /// Writes it as it is sent.
    pub(crate) fn write(&self, id: &str, out: &mut BytesMut) {
        let own = [("Action", self.name.as_str()), ("ActionID", id)];
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in own.into_iter().chain(headers) {
            for part in [name, ": ", value, "\r\n"] {
                out.put_slice(part.as_bytes());
            }
        }
        out.put_slice(b"\r\n");
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.headers.iter().map(|(name, _)| name.as_str());
        f.debug_struct("Action")
            .field("name", &self.name.as_str())
            .field("headers", &names.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// An action cannot have more headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an action has at most {HEADERS_MAX} headers")]
pub struct TooManyHeaders;

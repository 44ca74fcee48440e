//! What a connection tells, in order.

use std::time::Duration;

use crate::{Banner, Message, TooLong, outcome::Refusal};

/// What a connection tells, in order: what happened, and where something may have been missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Logged in. [`Resync`](Signal::Resync) follows, perhaps after events.
    Connected(Greeting),
    /// Which channels live, asked after every connect and wherever events were missed. An event from before may come
    /// after it. A call that is in no list is over.
    Resync(Resync),
    /// An event.
    Event(Message),
    /// A block that is neither an event nor the answer to an action of ours: mostly the rest of one that a value with an
    /// empty line in it cut in two.
    Stray(Message),
    /// A block that was too long to be read; a [`Resync`](Signal::Resync) follows.
    LeftOut(TooLong),
    /// There is no connection: one was lost, or one was not made.
    Disconnected {
        /// Why.
        reason: Reason,
        /// When the next one is tried; `None` for not before it is told to.
        again_after: Option<Duration>,
    },
}

/// What a connection began with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// What Asterisk greeted with; it has the version of the interface.
    pub banner: Banner,
    /// Whether only the wanted events come.
    pub filtering: Filtering,
    /// How long Asterisk has been up, if it was and the user may know: a value below the time since the last
    /// connection was lost says that it was started again.
    pub up_for: Option<Duration>,
}

/// Whether Asterisk leaves out what was not wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filtering {
    /// It was not asked to.
    Unasked,
    /// It does, by regular expressions over whole events.
    Classic,
    /// It does, by the names of events and headers, which costs it less.
    Advanced,
    /// It refused, and sends everything.
    Refused(Refusal),
    /// A filter was taken and a later one was not, so that wanted events would have been missed: the connection was
    /// made anew without any.
    GivenUp,
}

/// The answer to a resync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resync {
    /// One `CoreShowChannel` for each channel that lives; one `Status` where
    /// [variables](crate::Options::resync_variables) were asked for.
    Channels(Vec<Message>),
    /// The user may not ask. What was missed cannot be known.
    Refused(Refusal),
    /// There are more channels than [`answer_bytes_max`](crate::Options::answer_bytes_max) has room for.
    TooLong {
        /// The limit.
        bytes_max: usize,
    },
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// No connection could be made.
    #[error("no connection could be made: {0}")]
    Connect(String),
    /// TLS could not be agreed upon.
    #[error("TLS could not be agreed upon: {0}")]
    Tls(String),
    /// Something else listens there.
    #[error("what listens there is no Asterisk manager, it greets with {0:?}")]
    NotAManager(String),
    /// The user, the secret or this address is not accepted; which of them Asterisk does not tell.
    #[error(
        "the login was refused ({0}): check the user, the secret, and `permit` in manager.conf"
    )]
    LoginRefused(String),
    /// The login was not answered.
    #[error("the login took longer than {0:?}")]
    LoginDeadline(Duration),
    /// Wanted events would have been missed.
    #[error("Asterisk took one event filter and refused another")]
    Filters,
    /// Nothing came for too long, not even an answer to a ping.
    #[error("nothing was heard for {0:?}")]
    Silent(Duration),
    /// Asterisk closed the connection.
    #[error("Asterisk closed the connection")]
    Closed,
    /// Asterisk closed the connection in the middle of a block, as it does when it is not read quickly enough.
    #[error("Asterisk closed the connection in the middle of a block")]
    ClosedInside,
    /// The socket failed.
    #[error("the socket failed: {0}")]
    Socket(String),
    /// Asterisk said that it stops.
    #[error("Asterisk was shut down{}", if *.restarts { " and starts again" } else { "" })]
    Shutdown {
        /// Whether it starts again.
        restarts: bool,
    },
    /// The consumer did not keep up. What was not delivered is made good by the next resync.
    #[error("the consumer did not keep up: more than {bytes_max} bytes were waiting")]
    Backlog {
        /// The limit.
        bytes_max: usize,
    },
}

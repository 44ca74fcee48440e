//! A connection that comes back: what is asked of it, what it tells, and what drives it.

mod driver;

use std::sync::Arc;

use tokio::sync::{Notify, mpsc, oneshot};

pub use self::driver::Driver;
use crate::{
    action::Action,
    login::Login,
    options::{Options, OptionsError},
    outcome::{NotSent, Outcome, Unknown},
    queue::{self, Signals},
    tls::Secured,
};

/// How many actions may wait to be taken by the driver, which takes them as soon as it runs.
const REQUESTS_WAITING_MAX: usize = 256;

/// What asks. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Connection {
    requests: mpsc::Sender<Request>,
    connect_now: Arc<Notify>,
}

#[derive(Debug)]
struct Request {
    action: Action,
    answer: oneshot::Sender<Outcome>,
}

/// Prepares a connection to the manager at `host` and `port` (5038, or 5039 with TLS). Nothing is sent before
/// [`Driver::run`] runs, which needs a task of its own: it never waits for the consumer, since Asterisk cuts off who
/// does not read.
///
/// # Errors
/// When an option cannot be used.
pub fn connect(
    host: &str,
    port: u16,
    login: Login,
    options: Options,
) -> Result<(Connection, Signals, Driver), OptionsError> {
    options.check()?;
    let secured = options.tls.as_ref().map(|tls| Secured::new(tls, host));
    let secured = secured.transpose()?;
    let (requests, asked) = mpsc::channel(REQUESTS_WAITING_MAX);
    let (outlet, signals) = queue::queue(options.backlog_bytes_max);
    let connect_now = Arc::new(Notify::new());
    let connection = Connection {
        requests,
        connect_now: Arc::clone(&connect_now),
    };
    let address = (host.to_owned(), port);
    let driver = Driver::new(address, secured, login, options, asked, outlet, connect_now);
    Ok((connection, signals, driver))
}

impl Connection {
    /// Sends an action and waits for its answer, with the items if that is a list.
    ///
    /// While there is no connection the outcome is [`NotSent`] at once. Dropping the future does not take back what was
    /// sent.
    pub async fn send(&self, action: impl Into<Action>) -> Outcome {
        let (answer, outcome) = oneshot::channel();
        let request = Request {
            action: action.into(),
            answer,
        };
        match self.requests.try_send(request) {
            Ok(()) => outcome.await.unwrap_or(Outcome::Unknown(Unknown::Closed)),
            Err(mpsc::error::TrySendError::Full(_)) => {
                Outcome::NotSent(NotSent::TooMany(REQUESTS_WAITING_MAX))
            }
            Err(mpsc::error::TrySendError::Closed(_)) => Outcome::NotSent(NotSent::Closed),
        }
    }

    /// Tries to connect now, in place of waiting: after a refused login once `manager.conf` was put right.
    pub fn connect_now(&self) {
        self.connect_now.notify_one();
    }
}

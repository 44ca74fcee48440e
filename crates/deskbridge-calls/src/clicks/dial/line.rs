//! A connection that orders are given by.

use std::time::Duration;

use ami::{
    Action, Class, Classes, Connection, OptionsError, Outcome, Reason, Signal, Signals, Wanted,
    Word,
};
use deskbridge_journal::Tasks;
use tokio::time::{Instant, timeout, timeout_at};

use crate::follow::Manager;

/// How long a connection may take to be made before an order waits for another attempt.
const UP_WITHIN: Duration = Duration::from_secs(8);
/// How long a connection is kept that nobody orders by.
const KEPT_FOR: Duration = Duration::from_secs(60);
/// How long it is waited for the PBX to say that nothing came of an order: it does so at once, or the phone rings.
const RESPONSE_WITHIN: Duration = Duration::from_millis(1_500);

/// A connection that was up when it was made.
pub(super) struct Line {
    connection: Connection,
    signals: Signals,
    used_at: Instant,
    is_over: bool,
}

/// There is no connection, for this reason.
pub(super) struct NoLine(pub(super) String);

/// What the PBX says of an order that it took.
pub(super) enum Response {
    /// There is no such phone, or it cannot be reached: no channel came to be, and nobody sees a call.
    NoChannel(String),
    /// There is a call; what becomes of it is seen by who follows calls.
    Begun,
}

impl Line {
    /// The connection that there is, or a new one.
    pub(super) async fn up<'l>(
        line: &'l mut Option<Self>,
        manager: &Manager,
        tasks: &Tasks,
    ) -> Result<&'l mut Self, NoLine> {
        let mut kept = line.take();
        if let Some(line) = &mut kept {
            line.forget();
        }
        let is_usable = |line: &Self| !line.is_over && line.used_at.elapsed() < KEPT_FOR;
        let mut line_now = match kept.filter(is_usable) {
            Some(line) => line,
            None => {
                let made = Self::connect(manager, tasks);
                made.map_err(|error| NoLine(error.to_string()))?
                    .logged_in()
                    .await?
            }
        };
        line_now.used_at = Instant::now();
        Ok(line.insert(line_now))
    }

    fn connect(manager: &Manager, tasks: &Tasks) -> Result<Self, OptionsError> {
        let mut options = manager.options.clone();
        options.classes = Classes::Only(vec![Class::Call]);
        let events = ["Newchannel", "OriginateResponse"].map(Word::new);
        options.wanted = Some(Wanted {
            events: events.into_iter().flatten().collect(),
            variables: Vec::new(),
        });
        let login = manager.login.clone();
        let (connection, signals, driver) =
            ami::connect(&manager.host, manager.port, login, options)?;
        // It ends when the line is dropped.
        tasks.spawn("asterisk-orders", driver.run());
        Ok(Self {
            connection,
            signals,
            used_at: Instant::now(),
            is_over: false,
        })
    }

    async fn logged_in(mut self) -> Result<Self, NoLine> {
        let until = Instant::now() + UP_WITHIN;
        loop {
            match timeout_at(until, self.signals.next()).await {
                Ok(Some(Signal::Connected(_))) => return Ok(self),
                Ok(Some(Signal::Disconnected { reason, .. })) => return Err(no_line(&reason)),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => {
                    return Err(NoLine("the PBX does not answer".to_owned()));
                }
            }
        }
    }

    pub(super) async fn send(&self, action: impl Into<Action>) -> Outcome {
        self.connection.send(action).await
    }

    /// The next order has a connection of its own.
    pub(super) fn give_up(&mut self) {
        self.is_over = true;
    }

    /// Passes over what was said before.
    pub(super) fn forget(&mut self) {
        while let Some(signal) = self.signals.try_next() {
            self.is_over |= matches!(signal, Signal::Disconnected { .. });
        }
    }

    /// What the PBX says of an order within a short time; `None` when it says nothing, because the phone rings.
    pub(super) async fn response(&mut self, order: &str) -> Option<Response> {
        timeout(RESPONSE_WITHIN, async {
            loop {
                match self.signals.next().await? {
                    Signal::Event(event) => {
                        if let Some(response) = read(&event, order.as_bytes()) {
                            return Some(response);
                        }
                    }
                    Signal::Disconnected { .. } => {
                        self.is_over = true;
                        return None;
                    }
                    _ => {}
                }
            }
        })
        .await
        .ok()
        .flatten()
    }
}

/// What an event says of an order. A failure without a channel before it is a phone that does not exist or is not
/// registered; neither `Reason` nor `Uniqueid` tells it from one that is busy (observed on 22.10).
fn read(event: &ami::Message, order: &[u8]) -> Option<Response> {
    match event.event()? {
        "Newchannel" if event.get("Uniqueid") == Some(order) => Some(Response::Begun),
        "OriginateResponse" if event.action_id() == Some(order) => {
            let is_failure = event.get("Response") == Some(b"Failure");
            let why = "the agent's phone cannot be called: it does not exist or is not registered";
            Some(match is_failure {
                true => Response::NoChannel(why.to_owned()),
                false => Response::Begun,
            })
        }
        _ => None,
    }
}

fn no_line(reason: &Reason) -> NoLine {
    NoLine(format!("the PBX cannot be reached: {reason}"))
}

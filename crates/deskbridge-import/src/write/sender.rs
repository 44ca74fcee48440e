//! Sends requests at the pace that the helpdesk bears.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use frappe::{Cause, Client, Outcome, Verdict};
use tokio::time::{Instant, sleep, sleep_until};

use super::Stop;
use crate::decide::{Pace, Seen, pace::Sort};

/// A write that was sent.
#[derive(Debug)]
pub(super) enum Sent<T> {
    Done(T),
    Refused(frappe::Error),
    /// It may have run: look first.
    Unknown,
}

/// The helpdesk did not answer for longer than anybody wants to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Down {
    pub(crate) why: String,
}

/// Sends requests of one user.
pub(crate) struct Sender {
    client: Client,
    pace: Mutex<Pace>,
    started_at: Instant,
    /// How long a helpdesk may be gone.
    patience: Duration,
    /// The shortest time between two requests, and when the next may go.
    spacing: Option<(Duration, Mutex<Instant>)>,
}

impl Sender {
    pub(crate) fn new(
        client: Client,
        pace: Pace,
        patience: Duration,
        per_second_max: Option<f64>,
    ) -> Self {
        let now = Instant::now();
        let spacing = per_second_max
            .filter(|per_second| *per_second > 0.0)
            .and_then(|per_second| Duration::try_from_secs_f64(1.0 / per_second).ok())
            .map(|spacing| (spacing, Mutex::new(now)));
        Self {
            client,
            pace: Mutex::new(pace),
            started_at: now,
            patience,
            spacing,
        }
    }

    /// How many records may be written at once.
    pub(crate) fn limit(&self) -> usize {
        self.pace
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .limit()
    }

    fn see(&self, seen: Seen) {
        let at = self.started_at.elapsed();
        self.pace
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .see(seen, at);
    }

    /// Waits for its turn.
    async fn turn(&self) {
        loop {
            let at = self.started_at.elapsed();
            let wait = self
                .pace
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .wait(at);
            if wait.is_zero() {
                break;
            }
            sleep(wait).await;
        }
        if let Some((spacing, next)) = &self.spacing {
            let turn = {
                let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
                let turn = (*next).max(Instant::now());
                *next = turn + *spacing;
                turn
            };
            sleep_until(turn).await;
        }
    }

    /// Sends a write until it is known whether it ran, or may have.
    pub(super) async fn write<T>(
        &self,
        sort: Sort,
        request: impl AsyncFn(&Client) -> Outcome<T>,
    ) -> Result<Sent<T>, Stop> {
        let mut gone_since = None;
        loop {
            self.turn().await;
            let sent_at = Instant::now();
            let error = match request(&self.client).await {
                Outcome::Done(done) => {
                    let after = sent_at.elapsed();
                    self.see(Seen::Answer { sort, after });
                    return Ok(Sent::Done(done));
                }
                // Somebody else changed the document meanwhile; the site's own work counts as somebody.
                Outcome::Refused(error) if matches!(error.cause, Cause::TimestampMismatch) => error,
                Outcome::Refused(error) => {
                    stop_of_all(&error)?;
                    self.see(Seen::Answer {
                        sort: Sort::Uneven,
                        after: sent_at.elapsed(),
                    });
                    return Ok(Sent::Refused(error));
                }
                Outcome::Unknown(error) => {
                    self.overloaded(&error);
                    return Ok(Sent::Unknown);
                }
                Outcome::NotSent(error) => error,
            };
            self.overloaded(&error);
            self.outlast(&mut gone_since, &error)?;
        }
    }

    /// Sends a read until it is answered.
    pub(super) async fn read<T>(
        &self,
        request: impl AsyncFn(&Client) -> Result<T, frappe::Error>,
    ) -> Result<T, Stop> {
        let mut gone_since = None;
        loop {
            self.turn().await;
            let error = match request(&self.client).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            match error.verdict() {
                Verdict::RetryAfter(_) => {
                    self.overloaded(&error);
                    self.outlast(&mut gone_since, &error)?;
                }
                Verdict::Never | Verdict::LookFirst => {
                    stop_of_all(&error)?;
                    return Err(Stop::refused(&error));
                }
            }
        }
    }

    fn overloaded(&self, error: &frappe::Error) {
        let retry_after = match error.verdict() {
            Verdict::RetryAfter(retry_after) => retry_after,
            Verdict::Never | Verdict::LookFirst => None,
        };
        tracing::debug!(%error, "The helpdesk asks for fewer requests");
        self.see(Seen::Overloaded { retry_after });
    }

    fn outlast(&self, gone_since: &mut Option<Instant>, error: &frappe::Error) -> Result<(), Stop> {
        let since = *gone_since.get_or_insert_with(Instant::now);
        if since.elapsed() < self.patience {
            return Ok(());
        }
        Err(Stop::Down(Down {
            why: format!(
                "nothing was written for {} s: {error}",
                self.patience.as_secs()
            ),
        }))
    }
}

/// What is wrong with every request is wrong with the run, not with a record.
fn stop_of_all(error: &frappe::Error) -> Result<(), Stop> {
    let is_of_all = matches!(
        error.cause,
        Cause::WrongKey | Cause::SessionExpired | Cause::Redirected { .. } | Cause::MissingDocType
    );
    match is_of_all {
        true => Err(Stop::Down(Down {
            why: error.to_string(),
        })),
        false => Ok(()),
    }
}

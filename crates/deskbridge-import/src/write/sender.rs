//! Sends requests at the pace that the helpdesk bears.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use frappe::{Cause, Client, Document, Name, Outcome, Verdict};
use serde_json::Value;
use tokio::time::{Instant, sleep, sleep_until};

use super::Stop;
use crate::decide::{
    Pace, Seen,
    pace::{PROBE_DEADLINE, Sort, Turn},
};

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
        self.pace(|pace, _| pace.limit())
    }

    fn pace<T>(&self, ask: impl FnOnce(&mut Pace, Duration) -> T) -> T {
        let at = self.started_at.elapsed();
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        ask(&mut pace, at)
    }

    fn see(&self, seen: Seen) {
        self.pace(|pace, at| pace.see(seen, at));
    }

    /// Waits for its turn.
    async fn turn(&self) -> Result<(), Down> {
        loop {
            match self.pace(Pace::turn) {
                Turn::Now => break,
                Turn::Wait(wait) => sleep(wait).await,
                Turn::Probe => self.probe().await,
            }
            let gone_for = self.pace(|pace, at| pace.gone_for(at));
            if gone_for.is_some_and(|gone_for| gone_for >= self.patience) {
                let why = format!("it has not answered for {} s", self.patience.as_secs());
                return Err(Down { why });
            }
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
        Ok(())
    }

    /// Finds out whether a helpdesk that was gone is back.
    async fn probe(&self) {
        let client = self.client.deadline(PROBE_DEADLINE);
        let asked_at = Instant::now();
        match client.method("ping").get::<Value>().await {
            Ok(_) => self.pace(|pace, at| pace.probed(true, at)),
            // A helpdesk that hangs is no more back than one that hangs up.
            Err(error)
                if matches!(
                    error.cause,
                    Cause::Connect(_) | Cause::Lost(_) | Cause::Deadline(_)
                ) =>
            {
                self.pace(|pace, at| pace.probed(false, at));
            }
            Err(error) => self.see(seen(&error, asked_at.elapsed())),
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
            self.turn().await?;
            let sent_at = Instant::now();
            let outcome = request(&self.client).await;
            let after = sent_at.elapsed();
            let error = match outcome {
                Outcome::Done(done) => {
                    self.see(Seen::Answer { sort, after });
                    return Ok(Sent::Done(done));
                }
                // Somebody else changed the document meanwhile; the site's own work counts as somebody.
                Outcome::Refused(error) if matches!(error.cause, Cause::TimestampMismatch) => error,
                Outcome::Refused(error) => {
                    stop_of_all(&error)?;
                    self.failed(&error, after);
                    return Ok(Sent::Refused(error));
                }
                Outcome::Unknown(error) => {
                    self.failed(&error, after);
                    return Ok(Sent::Unknown);
                }
                Outcome::NotSent(error) => error,
            };
            self.failed(&error, after);
            self.outlast(&mut gone_since, &error)?;
        }
    }

    /// Inserts documents, each of which names its DocType, all or none of them. Nothing comes back where which of them is
    /// at fault is not said, or whether they are there is not known.
    pub(super) async fn insert_all(
        &self,
        documents: &[Document],
    ) -> Result<Option<Vec<Name>>, Stop> {
        let sent = self
            .write(Sort::Uneven, async |client| {
                client.insert_many(documents).await
            })
            .await?;
        Ok(match sent {
            Sent::Done(names) => Some(names).filter(|names| names.len() == documents.len()),
            Sent::Refused(_) | Sent::Unknown => None,
        })
    }

    /// Sends a read until it is answered.
    pub(super) async fn read<T>(
        &self,
        request: impl AsyncFn(&Client) -> Result<T, frappe::Error>,
    ) -> Result<T, Stop> {
        let mut gone_since = None;
        loop {
            self.turn().await?;
            let sent_at = Instant::now();
            let answered = request(&self.client).await;
            let after = sent_at.elapsed();
            let error = match answered {
                Ok(answer) => {
                    self.see(Seen::Answer {
                        sort: Sort::Uneven,
                        after,
                    });
                    return Ok(answer);
                }
                Err(error) => error,
            };
            self.failed(&error, after);
            match error.verdict() {
                Verdict::RetryAfter(_) => self.outlast(&mut gone_since, &error)?,
                Verdict::Never | Verdict::LookFirst => {
                    stop_of_all(&error)?;
                    return Err(Stop::refused(&error));
                }
            }
        }
    }

    fn failed(&self, error: &frappe::Error, after: Duration) {
        let seen = seen(error, after);
        if !matches!(seen, Seen::Answer { .. }) {
            tracing::debug!(%error, ?seen, "A request is to be looked for or sent again");
        }
        self.see(seen);
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

/// What a failure says about how many requests the helpdesk bears.
fn seen(error: &frappe::Error, after: Duration) -> Seen {
    let retry_after = match error.verdict() {
        Verdict::RetryAfter(retry_after) => retry_after,
        Verdict::Never | Verdict::LookFirst => None,
    };
    match &error.cause {
        Cause::Connect(_) => Seen::Unreachable,
        Cause::Lost(_) => Seen::Lost,
        // A proxy that gets no answer from the site speaks for the site.
        Cause::NotFrappe {
            status: 502..=504,
            retry_after,
            ..
        } => Seen::Overloaded {
            retry_after: *retry_after,
        },
        Cause::TooManyRequests { .. }
        | Cause::Maintenance { .. }
        | Cause::Deadlock
        | Cause::LockTimeout
        | Cause::TimestampMismatch
        | Cause::Deadline(_) => Seen::Overloaded { retry_after },
        // It answered.
        _ => Seen::Answer {
            sort: Sort::Uneven,
            after,
        },
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

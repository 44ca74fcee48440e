//! Clicks that wait in the portal to be asked for: the way for a hub that no portal can reach.
//!
//! Events are taken under a process id, which hides them in the portal; they are confirmed when they are on disk, and not
//! before. What was taken by an attempt whose answer was lost, or by a program that was killed, is found in the list of
//! all that wait and taken in again: an event that is in the journal already is known there by its message.

use std::{sync::Arc, time::Duration};

use bitrix24::{Client, Lane, OfflineEvent, Outcome};
use deskbridge_core::{Chain, Clock};
use deskbridge_journal::{Holds, Intake, Tasks};
use deskbridge_store::Accepted;
use tokio::time::{Instant, sleep};

use super::reading;
use crate::{counted, settings::Settings};

/// The longest wait after rounds that failed.
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(60);
/// How often it is looked for what another node may have taken and not brought to its end.
const LOOK_EVERY: Duration = Duration::from_secs(300);
/// How often it is asked whether this node is the one that polls.
const HOLD_EVERY: Duration = Duration::from_secs(1);

/// How often a portal is asked.
#[derive(Clone, Copy, Debug)]
pub struct Every {
    /// While somebody works.
    pub working: Duration,
    /// Otherwise.
    pub idle: Duration,
}

/// Takes the events of one portal that wait there.
pub struct Poller {
    connection: String,
    client: Client,
    intake: Intake,
    clock: Clock,
    holds: Holds,
    /// Those of the PBXs that dial for it.
    settings: Vec<Arc<Settings>>,
    every: Every,
    counted: Arc<counted::Clicks>,
    /// Something may be taken that is not here.
    is_unsure: bool,
    /// When that was looked for last.
    looked_at: Instant,
}

/// Why a round ended early.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("the portal did not give its events")]
    Portal(#[from] bitrix24::Error),
    #[error("the events could not be stored")]
    Store(#[from] deskbridge_store::Error),
    #[error("the events could not be confirmed; they are looked for again")]
    Confirmed(#[source] bitrix24::Error),
}

impl Poller {
    /// Asks nothing before it [runs](Self::run), and only while this node holds.
    pub fn new(
        connection: &str,
        client: &Client,
        intake: &Intake,
        clock: &Clock,
        holds: Holds,
        settings: Vec<Arc<Settings>>,
        every: Every,
    ) -> Self {
        Self {
            connection: connection.to_owned(),
            client: client.in_lane(Lane::Interactive),
            intake: intake.clone(),
            clock: clock.clone(),
            holds,
            settings,
            every,
            counted: Arc::default(),
            is_unsure: true,
            looked_at: Instant::now(),
        }
    }

    /// Counts with others what comes in.
    #[must_use]
    pub fn counting(mut self, counted: Arc<counted::Clicks>) -> Self {
        self.counted = counted;
        self
    }

    /// Asks until the program stops, whenever this node is the one to do so.
    pub async fn run(mut self, tasks: Tasks) {
        let mut failures = 0_u32;
        loop {
            let wait = if (self.holds)().await {
                let round = tokio::select! {
                    () = tasks.stopping() => return,
                    round = self.round() => round,
                };
                failures = match &round {
                    Ok(_) => 0,
                    Err(error) => {
                        self.tell(error, failures);
                        failures.saturating_add(1)
                    }
                };
                // A full page has more behind it.
                match round {
                    Ok(true) => Duration::ZERO,
                    Ok(false) => self.usual(),
                    Err(_) => again_after(self.usual(), failures),
                }
            } else {
                // Whoever polls until then may be killed between taking and confirming.
                self.is_unsure = true;
                HOLD_EVERY
            };
            tokio::select! {
                () = tasks.stopping() => return,
                () = sleep(wait) => {}
            }
        }
    }

    fn tell(&self, error: &Error, failures: u32) {
        let (connection, error) = (&self.connection, Chain(error));
        match failures {
            0 => tracing::warn!(connection, %error, "Clicks that wait in the portal are not known"),
            _ => {
                tracing::debug!(connection, %error, "Clicks that wait in the portal are not known yet");
            }
        }
    }

    fn usual(&self) -> Duration {
        let now = self.clock.now();
        let is_working = |settings: &Arc<Settings>| {
            let (line, _) = settings.lines.resolve(None);
            line.hours.is_working(now)
        };
        match self.settings.iter().any(is_working) {
            true => self.every.working,
            false => self.every.idle,
        }
    }

    /// Takes what waits; whether there may be more.
    async fn round(&mut self) -> Result<bool, Error> {
        if self.is_unsure || self.looked_at.elapsed() > LOOK_EVERY {
            self.recover().await?;
            (self.is_unsure, self.looked_at) = (false, Instant::now());
        }
        let taken = match self.client.take_offline_events().await {
            Outcome::Done(taken) => taken,
            Outcome::Refused(error) | Outcome::NotSent(error) => return Err(error.into()),
            Outcome::Unknown(error) => {
                self.is_unsure = true;
                return Err(error.into());
            }
        };
        if taken.events.is_empty() {
            return Ok(false);
        }
        self.is_unsure = true;
        self.accept(taken.process_id.as_deref(), &taken.events)
            .await?;
        self.is_unsure = false;
        Ok(true)
    }

    /// Takes in what was taken by attempts that did not come to their end.
    async fn recover(&self) -> Result<(), Error> {
        let waiting = self.client.waiting_offline_events().await?;
        let mut left: Vec<&OfflineEvent> = waiting
            .iter()
            .filter(|event| event.process_id.is_some() && !event.is_given_up)
            .collect();
        left.sort_by(|one, other| one.process_id.cmp(&other.process_id));
        for of_process in left.chunk_by(|one, other| one.process_id == other.process_id) {
            let process_id = of_process.first().and_then(|one| one.process_id.as_deref());
            let events: Vec<OfflineEvent> = of_process.iter().copied().cloned().collect();
            tracing::info!(
                connection = self.connection,
                events = events.len(),
                "Events are taken in that an earlier attempt had taken from the portal"
            );
            self.accept(process_id, &events).await?;
        }
        Ok(())
    }

    /// Puts events on disk, and tells the portal then.
    async fn accept(&self, process_id: Option<&str>, events: &[OfflineEvent]) -> Result<(), Error> {
        for event in events {
            let event = reading::waiting(&self.connection, event);
            if let Accepted::New(_) = self.intake.accept(event).await? {
                self.counted.received.add_one();
            }
        }
        let Some(process_id) = process_id else {
            return Ok(());
        };
        let messages: Vec<String> = events.iter().map(|one| one.message_id.clone()).collect();
        let confirmed = self.client.confirm_offline_events(process_id, &messages);
        match confirmed.await {
            Outcome::Done(()) => Ok(()),
            Outcome::Refused(error) | Outcome::NotSent(error) | Outcome::Unknown(error) => {
                Err(Error::Confirmed(error))
            }
        }
    }
}

/// How long to wait after so many failures in a row.
fn again_after(usual: Duration, failures: u32) -> Duration {
    let times = 2_u32.saturating_pow(failures.min(10)) / 2;
    usual
        .saturating_mul(times.max(1))
        .min(AGAIN_AFTER_MAX.max(usual))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_fails_waits_longer_and_never_longer_than_a_minute() {
        let waits = |failures| again_after(Duration::from_secs(4), failures).as_secs();
        assert_eq!(
            [1, 2, 3, 4, 5, 6, 900].map(waits),
            [4, 8, 16, 32, 60, 60, 60]
        );
        let rare = Duration::from_secs(300);
        assert_eq!(again_after(rare, 9), rare);
    }
}

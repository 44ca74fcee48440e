//! Comparing again and again, on one node.

use std::{sync::Arc, time::Duration};

use deskbridge_core::Chain;
use deskbridge_journal::{Holds, Journal, Tasks};
use deskbridge_store::Answer;
use jiff::{SignedDuration, Timestamp};
use tokio::time::sleep;

use super::{Error, Reconciler, Report, Request, Status};
use crate::{decide::reconcile::Asked, people::Directory};

/// How often it is looked whether it is time.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How long after its start a program compares at the earliest: calls that go on come first.
const FIRST_AFTER: SignedDuration = SignedDuration::from_mins(2);
/// How long a comparison that failed waits for the next.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// How long it is remembered when calls were compared last.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_hours(24 * 30);

/// When calls are compared.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// So long after the last time.
    pub every: SignedDuration,
    /// Those of so long a time.
    pub window: SignedDuration,
}

/// Compares the calls of a PBX again and again.
pub struct Clockwork {
    reconciler: Reconciler,
    directory: Directory,
    journal: Journal,
    holds: Holds,
    times: Times,
    not_before: Timestamp,
    status: Arc<Status>,
}

impl Clockwork {
    /// Compares nothing before it [runs](Self::run), and only while this node holds.
    pub fn new(
        reconciler: Reconciler,
        directory: Directory,
        journal: Journal,
        holds: Holds,
        times: Times,
    ) -> Self {
        let started_at = reconciler.clock.now();
        Self {
            not_before: started_at.saturating_add(FIRST_AFTER).unwrap_or_default(),
            reconciler,
            directory,
            journal,
            holds,
            times,
            status: Arc::default(),
        }
    }

    /// How it stands.
    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status)
    }

    /// Compares until the program stops.
    pub async fn run(mut self, tasks: Tasks) {
        loop {
            tokio::select! {
                () = tasks.stopping() => return,
                () = sleep(LOOK_EVERY) => {}
            }
            tokio::select! {
                () = tasks.stopping() => return,
                () = self.look() => {}
            }
        }
    }

    /// Compares if it is time, and this node's turn.
    pub(super) async fn look(&mut self) {
        let now = self.reconciler.clock.now();
        if now < self.not_before || !(self.holds)().await || !self.is_due(now).await {
            return;
        }
        if !self.compare(now).await {
            self.not_before = now.saturating_add(AGAIN_AFTER).unwrap_or_default();
        }
    }

    /// Whether the last time, on whichever node it was, lies far enough back.
    async fn is_due(&self, now: Timestamp) -> bool {
        match self
            .reconciler
            .store
            .remembered_answer(self.key(), now)
            .await
        {
            Ok(last) => {
                last.is_none_or(|last| now.duration_since(last.fetched_at) >= self.times.every)
            }
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "When calls were compared last cannot be read");
                false
            }
        }
    }

    async fn compare(&self, now: Timestamp) -> bool {
        let since = now.saturating_sub(self.times.window);
        let request = Request {
            since: since.unwrap_or(Timestamp::MIN),
            asked: Asked::Regularly,
            is_dry: false,
        };
        let people = self.directory.people();
        match self.reconciler.run(&people, request).await {
            Ok((report, recorded)) => {
                self.journal.recorded(&recorded);
                self.status.done(&report);
                self.tell(&report);
                self.remember(now).await;
                true
            }
            // Soon they are known.
            Err(Error::NoPeople(_)) => false,
            Err(error) => {
                self.status.failed();
                let connection = &self.reconciler.settings.connection;
                tracing::warn!(connection, error = %Chain(&error), "Calls were not compared with the CRM");
                false
            }
        }
    }

    fn tell(&self, report: &Report) {
        let connection = &self.reconciler.settings.connection;
        let (calls, missing) = (report.calls, report.missing());
        let (sent, planned) = (report.sent, report.planned);
        if report.is_blind {
            tracing::warn!(
                connection,
                "The portal shows none of the calls that it took: give the hub's user the right to view call statistics"
            );
        }
        if missing > 0 {
            tracing::warn!(
                connection,
                calls,
                missing,
                sent,
                planned,
                "Calls are lacking in the CRM; `deskbridge calls reconcile` shows which"
            );
        } else {
            tracing::info!(connection, calls, "The CRM holds every call");
        }
    }

    fn key(&self) -> String {
        format!("calls/reconciled/{}", self.reconciler.settings.connection)
    }

    async fn remember(&self, now: Timestamp) {
        let answer = Answer {
            body: Vec::new(),
            fetched_at: now,
            fresh_until: now,
            keep_until: now.saturating_add(REMEMBERED_FOR).unwrap_or(Timestamp::MAX),
        };
        let remembered = self.reconciler.store.remember_answer(self.key(), answer);
        if let Err(error) = remembered.await {
            tracing::warn!(error = %Chain(&error), "When calls were compared is not remembered");
        }
    }
}

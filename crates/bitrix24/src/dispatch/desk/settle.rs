//! Taking in what became of a request: what it teaches, who is answered, what goes again.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    super::{
        asks::CommandId,
        queue::UnitId,
        request::Report,
        retry::{Fate, backoff, fate},
        standing::{BATCH, Key},
    },
    Desk, Flight,
};
use crate::{
    Answer, Kind,
    answer::Body,
    error::{Class, Extent, Failure},
};

type Outcome = Result<Arc<Body>, Failure>;

impl Desk {
    /// Takes in what became of a request.
    pub(crate) fn finish(&mut self, report: &Report, now: Instant) {
        let Some(flight) = self.flights.remove(&report.flight) else {
            return;
        };
        if flight.writes {
            self.written = self.number();
        }
        self.learn(&flight, report, now);
        let mut back = Vec::new();
        for unit in &flight.units {
            let outcomes = self.outcomes_of(*unit, &flight, report);
            let goes_back = match &report.results {
                Err(failure) if self.is_linked(*unit) => {
                    self.settle_group(*unit, outcomes, failure, &flight, now)
                }
                whole => {
                    // A portal without batches has not run what was in one.
                    let is_batch_refused = flight.commands.len() > 1
                        && whole
                            .as_ref()
                            .is_err_and(|f| f.class.extent() == Extent::Method);
                    self.settle_each(*unit, outcomes, &flight, is_batch_refused, now)
                }
            };
            if goes_back {
                back.push(*unit);
            }
        }
        self.is_unswept |= !back.is_empty();
        self.queue.put_back(back);
    }

    fn is_linked(&self, unit: UnitId) -> bool {
        self.queue
            .units
            .get(&unit)
            .is_some_and(|unit| unit.is_linked())
    }

    fn outcomes_of(
        &self,
        unit: UnitId,
        flight: &Flight,
        report: &Report,
    ) -> Vec<(CommandId, Outcome)> {
        let belongs = |id: &CommandId| {
            let command = self.queue.commands.get(id);
            command.is_some_and(|command| command.unit == unit)
        };
        let outcome = |place: usize| match &report.results {
            Err(failure) => Err(failure.clone()),
            Ok(results) => results
                .get(place)
                .cloned()
                .unwrap_or_else(|| Err(Failure::bare(Class::NoResult))),
        };
        let commands = flight.commands.iter().enumerate();
        commands
            .filter(|(_, id)| belongs(id))
            .map(|(place, id)| (*id, outcome(place)))
            .collect()
    }

    /// Notes what an answer says about the budget and about calls to come.
    fn learn(&mut self, flight: &Flight, report: &Report, now: Instant) {
        let names: Vec<Box<str>> = flight
            .commands
            .iter()
            .map(|id| self.queue.commands.get(id).map(|c| c.prepared.name.clone()))
            .map(Option::unwrap_or_default)
            .collect();
        let credential = flight.credential;
        let mut spoken: Vec<(&str, Result<(), &Failure>)> = Vec::new();
        match &report.results {
            Err(failure) => {
                if failure.class == Class::Requests {
                    self.bucket_was_full(flight, now);
                } else if failure.said.status.is_some() {
                    self.bucket.accepted();
                }
                let name = match names.as_slice() {
                    [only] => only,
                    _ => BATCH,
                };
                spoken.push((name, Err(failure)));
            }
            Ok(results) => {
                let is_refused = |result: &Outcome| {
                    let failure = result.as_ref().err();
                    failure.is_some_and(|failure| failure.class == Class::Requests)
                };
                // A batch that was let in may still be told so of some of its commands.
                if results.iter().any(is_refused) {
                    self.bucket_was_full(flight, now);
                } else {
                    self.bucket.accepted();
                }
                self.answered_at = Some(now);
                for (name, result) in names.iter().zip(results) {
                    if let Ok(body) = result {
                        self.standing.note(credential, name, &body.time, now);
                    }
                    spoken.push((name, result.as_ref().map(|_| ())));
                }
            }
        }
        if let Some(time) = &report.batch_time {
            self.standing.note(credential, BATCH, time, now);
        }
        let mut opened = Vec::new();
        for (name, result) in &spoken {
            if let Err(failure) = result {
                opened.extend(self.standing.learn(credential, name, failure, now));
                self.is_unswept |= self.standing.is_restrained(now);
            }
        }
        for probe in flight.probes.iter().filter(|probe| !opened.contains(probe)) {
            if spoken
                .iter()
                .any(|(name, result)| mends(probe, name, *result))
            {
                self.standing.mend(probe);
            } else {
                self.standing.lose_probe(probe);
            }
        }
    }

    fn bucket_was_full(&mut self, flight: &Flight, now: Instant) {
        self.bucket.refused(flight.sent_at, now);
        self.is_unswept = true;
        self.counters.requests_refused += 1;
    }

    /// Settles the commands of a unit one by one. Answers whether some of them go again.
    fn settle_each(
        &mut self,
        id: UnitId,
        outcomes: Vec<(CommandId, Outcome)>,
        flight: &Flight,
        is_batch_refused: bool,
        now: Instant,
    ) -> bool {
        let Some(unit) = self.queue.units.get(&id) else {
            return false;
        };
        let (attempts, is_linked) = (unit.attempts, unit.is_linked());
        let is_sized = unit.request_max.is_some();
        let was_batched = flight.commands.len() > 1;
        let mut again = Vec::new();
        for (command, outcome) in outcomes {
            let failure = match outcome {
                Ok(body) => {
                    self.deliver(command, &body);
                    continue;
                }
                Err(failure) => failure,
            };
            // The other commands of a linked group have run.
            let fate = match self.kind(command) {
                // Whoever sees to the size of requests is told what it has to know for that.
                _ if is_sized && (is_batch_refused || failure.class == Class::TooLarge) => {
                    Fate::Told
                }
                _ if self.is_spent(command) => Fate::Told,
                _ if is_batch_refused => Fate::RequeuedAlone,
                Some(kind) if !is_linked => fate(&failure, kind, attempts, was_batched),
                _ => Fate::Told,
            };
            match fate {
                Fate::Told => drop(self.tell(command, &failure, None)),
                fate => again.push((command, failure, fate)),
            }
        }
        self.go_again(id, again, flight.draw, now)
    }

    /// Settles a linked group whose whole request failed. Answers whether it goes again.
    fn settle_group(
        &mut self,
        id: UnitId,
        outcomes: Vec<(CommandId, Outcome)>,
        failure: &Failure,
        flight: &Flight,
        now: Instant,
    ) -> bool {
        let attempts = self.queue.units.get(&id).map_or(0, |unit| unit.attempts);
        let writes = outcomes
            .iter()
            .any(|(id, _)| self.kind(*id) == Some(Kind::Write));
        let kind = if writes { Kind::Write } else { Kind::Read };
        let fate = fate(failure, kind, attempts, flight.units.len() > 1);
        let again = outcomes
            .into_iter()
            .map(|(command, _)| (command, failure.clone(), fate));
        match fate {
            Fate::Told | Fate::RequeuedAlone => {
                for (command, failure, _) in again {
                    self.tell(command, &failure, None);
                }
                false
            }
            Fate::Requeued | Fate::TriedAgain => {
                self.go_again(id, again.collect(), flight.draw, now)
            }
        }
    }

    /// Sends commands of a unit back to the queue, as far as their callers' deadlines allow.
    fn go_again(
        &mut self,
        id: UnitId,
        again: Vec<(CommandId, Failure, Fate)>,
        draw: f64,
        now: Instant,
    ) -> bool {
        let (by_itself, mut again): (Vec<_>, Vec<_>) = again
            .into_iter()
            .partition(|(.., fate)| *fate == Fate::RequeuedAlone);
        let is_alone = again.is_empty() && by_itself.len() == 1;
        for (command, failure, fate) in by_itself {
            // Two commands of one group cannot both travel by themselves.
            if is_alone {
                again.push((command, failure, fate));
            } else {
                self.tell(command, &failure, None);
            }
        }
        let is_attempt = again.iter().any(|(.., fate)| *fate == Fate::TriedAgain);
        let Some(unit) = self.queue.units.get_mut(&id) else {
            return false;
        };
        unit.is_alone |= is_alone;
        let mut not_before = now;
        if is_attempt {
            not_before += backoff(unit.attempts, draw);
            unit.attempts += 1;
            unit.failed_at.get_or_insert(now);
            unit.not_before = Some(not_before);
        }
        for (command, failure, fate) in again {
            self.tell(command, &failure, Some(not_before));
            if let Some(command) = self.queue.commands.get_mut(&command) {
                command.last = Some(failure);
                self.counters.retries += u64::from(fate == Fate::TriedAgain);
            }
        }
        self.queue.units.contains_key(&id)
    }

    fn deliver(&mut self, id: CommandId, body: &Arc<Body>) {
        let Some(command) = self.forget(id) else {
            return;
        };
        for listener in command.listeners {
            let method = Arc::clone(&command.prepared.method);
            let answer = Answer::new(method, Arc::clone(&self.host), Arc::clone(body));
            self.asks.fill(listener, Ok(answer));
        }
    }

    /// Whether it has carried a file, which can be read once.
    fn is_spent(&self, id: CommandId) -> bool {
        let command = self.queue.commands.get(&id);
        command.is_some_and(|command| command.prepared.upload.is_some())
    }

    fn kind(&self, id: CommandId) -> Option<Kind> {
        self.queue
            .commands
            .get(&id)
            .map(|command| command.prepared.kind)
    }
}

/// Whether what the portal said about a method shows that a circuit may be closed: it dealt with the call,
/// and whatever it still refused is narrower.
fn mends(probe: &Key, name: &str, result: Result<(), &Failure>) -> bool {
    let extent = match probe {
        Key::Portal => Extent::Portal,
        Key::Credential(_) => Extent::Credential,
        Key::Method(_, method) if **method == *name => Extent::Method,
        Key::Method(..) => return false,
    };
    result.map_or_else(
        |failure| failure.class.is_verdict() && failure.class.extent() < extent,
        |()| true,
    )
}

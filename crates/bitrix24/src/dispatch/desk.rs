//! The dispatcher's decisions, as one value that is told the time and what happened.
//!
//! Invariants: a request is sent only after its place in the bucket is taken; a write is sent again only
//! when it provably did not run; every caller gets exactly one answer, at its deadline at the latest; the
//! parts of a group that belong together are never separated.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    Prepared, Submission,
    asks::{AskId, Asks, CommandId, Listener},
    counters::Counters,
    cut::{Part, cut},
    queue::{Command, Queue, Unit, UnitId},
    request::{FlightId, Request},
    standing::{Key, Standing},
};
use crate::{
    Kind, Lane,
    budget::bucket::Bucket,
    error::{Class, Failure},
    options::Options,
};

mod send;
mod settle;
mod sweep;

/// A request ends by itself at the deadline of the last caller, and then it is known whether it ever left;
/// so long that caller is kept waiting for it.
const GRACE: Duration = Duration::from_millis(50);

/// What to do next.
#[derive(Debug)]
pub(crate) enum Step {
    Send(Request),
    /// Nothing before then, unless something happens.
    Wait(Option<Instant>),
}

#[derive(Debug)]
pub(crate) struct Desk {
    host: Arc<str>,
    batch_window: Duration,
    in_flight_max: usize,
    waiting_max: usize,
    rng: fastrand::Rng,
    bucket: Bucket,
    standing: Standing,
    queue: Queue,
    asks: Asks,
    flights: HashMap<FlightId, Flight>,
    /// Numbered among the requests: when a write was last sent, or somebody was told of one. What was sent
    /// before may have looked before the write, and says nothing about its effect.
    written: u64,
    /// Reads that wait or are under way, by what they ask.
    shared: HashMap<(usize, Box<str>), CommandId>,
    gather_until: Option<Instant>,
    /// Requests of people that took the last place in the bucket since background work that waits had one.
    passed_over: u32,
    /// When the portal last answered something.
    answered_at: Option<Instant>,
    /// Whether something happened that may leave waiting calls without hope.
    is_unswept: bool,
    counters: Counters,
    next_id: u64,
}

#[derive(Debug)]
struct Flight {
    credential: usize,
    sent_at: Instant,
    deadline: Instant,
    units: Vec<UnitId>,
    commands: Vec<CommandId>,
    writes: bool,
    probes: Vec<Key>,
    /// For the pause of what fails together.
    draw: f64,
}

impl Desk {
    pub(crate) fn new(host: &str, options: &Options, now: Instant) -> Self {
        Self {
            host: host.into(),
            batch_window: options.batch_window,
            in_flight_max: options.requests_in_flight_max,
            waiting_max: options.waiting_max,
            rng: options
                .seed
                .map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed),
            bucket: Bucket::new(options.limits, options.reserve, now),
            standing: Standing::new(options.operating_limit),
            queue: Queue::default(),
            asks: Asks::default(),
            flights: HashMap::new(),
            written: 0,
            shared: HashMap::new(),
            gather_until: None,
            passed_over: 0,
            answered_at: None,
            is_unswept: false,
            counters: Counters::default(),
            next_id: 0,
        }
    }

    /// Takes calls in: refuses what the portal has refused, joins what equals another, queues the rest.
    pub(crate) fn submit(&mut self, submission: Submission) {
        let Submission {
            credential,
            lane,
            deadline,
            commands,
            halts,
            request_max,
            reply,
        } = submission;
        self.counters.calls += commands.len() as u64;
        let ask = self.asks.open(commands.len(), deadline, reply);
        if self.queue.commands.len() + commands.len() > self.waiting_max {
            for (place, command) in commands.iter().enumerate() {
                let listener = Listener { ask, place };
                self.fail(listener, command, &Failure::bare(Class::Queue));
                self.counters.refused_here += 1;
            }
            return;
        }
        let group = UnitId(self.number());
        for part in cut(commands, halts) {
            let id = UnitId(self.number());
            let unit = Unit {
                group,
                credential: credential.clone(),
                lane,
                commands: Vec::with_capacity(part.commands.len()),
                bond: part.bond,
                request_max,
                is_alone: part.commands.iter().any(|(_, command)| !command.fits_batch),
                attempts: 0,
                failed_at: None,
                not_before: None,
                flight: None,
            };
            self.admit(id, unit, part, ask);
        }
        self.is_unswept = true;
    }

    /// Queues a part of a group, except for what joins another command.
    fn admit(&mut self, id: UnitId, mut unit: Unit, part: Part, ask: AskId) {
        let (number, lane) = (unit.credential.number, unit.lane);
        let is_linked = unit.is_linked();
        for (place, prepared) in part.commands {
            let listener = Listener { ask, place };
            if !is_linked && self.join(number, lane, &prepared, listener) {
                continue;
            }
            let command = CommandId(self.number());
            if let (false, Some(key)) = (is_linked, &prepared.key) {
                self.shared.insert((number, key.clone()), command);
            }
            self.asks.wait(listener, command);
            unit.commands.push(command);
            self.queue.commands.insert(
                command,
                Command {
                    prepared,
                    unit: id,
                    place,
                    listeners: vec![listener],
                    last: None,
                },
            );
        }
        if !unit.commands.is_empty() {
            self.queue.push_back(id, unit);
        }
    }

    /// Says that all calls that arrived together have been taken in. Calls that trickle in one by one while
    /// others are under way are gathered too: one request each would empty the bucket.
    pub(crate) fn arrived(&mut self, now: Instant) {
        let lane = match self.queue.commands_waiting(Lane::Interactive) {
            0 => Lane::Background,
            _ => Lane::Interactive,
        };
        let may_have_company = self.queue.has_company(lane) || !self.flights.is_empty();
        if self.gather_until.is_none() && may_have_company {
            self.gather_until = Some(now + self.batch_window);
        }
    }

    /// Answers the callers whose deadline has passed.
    pub(crate) fn expire(&mut self, now: Instant) {
        for (listener, id) in self.asks.late(now) {
            let Some(command) = self.queue.commands.get(&id) else {
                self.asks.abandon(listener);
                continue;
            };
            let latest = self.asks.deadline(listener).unwrap_or(now) + GRACE;
            let failure = match (&command.last, self.flight_of(command)) {
                (_, Some(flight)) if flight.deadline <= now && now < latest => {
                    self.asks.postpone(listener, latest);
                    continue;
                }
                (_, Some(_)) => Failure::bare(Class::Deadline),
                (Some(last), None) => last.clone(),
                (None, None) => Failure::bare(Class::Expired),
            };
            let error = command.prepared.error(&failure, &self.host);
            if command.prepared.kind == Kind::Write {
                self.written = self.number();
            }
            self.asks.fill(listener, Err(error));
            self.counters.expired += 1;
            self.is_unswept = true;
        }
    }

    /// Whether nobody waits and nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.asks.is_empty() && self.flights.is_empty()
    }

    pub(crate) fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    pub(crate) fn counters(&self, now: Instant) -> Counters {
        Counters {
            waiting_interactive: self.queue.commands_waiting(Lane::Interactive),
            waiting_background: self.queue.commands_waiting(Lane::Background),
            in_flight: self.flights.len(),
            parked_methods: self.standing.parked_methods(now),
            open_circuits: self.standing.open_circuits(),
            ..self.counters
        }
    }

    /// Lets a caller share the answer of an equal read that waits or is under way, unless that one may have
    /// looked too early: who has written looks for the effect.
    fn join(&mut self, number: usize, lane: Lane, prepared: &Prepared, listener: Listener) -> bool {
        let Some(key) = &prepared.key else {
            return false;
        };
        let Some(id) = self.shared.get(&(number, key.clone())) else {
            return false;
        };
        let Some(command) = self.queue.commands.get_mut(id) else {
            return false;
        };
        let unit = command.unit;
        let flight = self.queue.units.get(&unit).and_then(|unit| unit.flight);
        if flight.is_some_and(|flight| flight.0 <= self.written) {
            return false;
        }
        command.listeners.push(listener);
        self.asks.wait(listener, *id);
        self.counters.merged += 1;
        if lane == Lane::Interactive {
            self.queue.lift(unit);
        }
        true
    }

    /// What the queue should say of itself, counted anew.
    #[cfg(test)]
    pub(crate) fn commands_recounted(&self, lane: Lane) -> usize {
        let waiting = self.queue.waiting(lane);
        waiting.map(|(_, unit)| unit.commands.len()).sum()
    }

    fn flight_of(&self, command: &Command) -> Option<&Flight> {
        let flight = self.queue.units.get(&command.unit)?.flight?;
        self.flights.get(&flight)
    }

    /// Drops a command that is answered, or that nobody waits for.
    fn forget(&mut self, id: CommandId) -> Option<Command> {
        let unit = self.queue.commands.get(&id).map(|command| command.unit)?;
        let credential = self
            .queue
            .units
            .get(&unit)
            .map(|unit| unit.credential.number)?;
        let command = self.queue.remove_command(id)?;
        if let Some(key) = &command.prepared.key {
            let key = (credential, key.clone());
            if self.shared.get(&key) == Some(&id) {
                self.shared.remove(&key);
            }
        }
        Some(command)
    }

    fn number(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
}

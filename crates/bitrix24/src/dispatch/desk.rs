//! The dispatcher's decisions, as one value that is told the time and what happened.
//!
//! Invariants: a request is sent only after its place in the bucket is taken; a write is sent again only
//! when it provably did not run; every caller gets exactly one answer, at its deadline at the latest; the
//! commands of a group are never separated.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    Credential, Prepared, Submission,
    asks::{Asks, CommandId, Listener},
    counters::Counters,
    pack::{Candidate, Travels, pack},
    queue::{Bond, Command, Queue, Unit, UnitId},
    request::{FlightId, Request},
    standing::{BATCH, Key, Pass, Standing},
};
use crate::{
    Lane,
    budget::bucket::{Bucket, Take},
    error::{Class, Failure},
    group::COMMANDS_MAX,
    options::Options,
};

mod settle;
mod sweep;

/// A command that failed in company goes again with so few others.
const COMPANIONS_AFTER_FAILURE: usize = 8;

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
    /// Reads that wait or are under way, by what they ask.
    shared: HashMap<(usize, Box<str>), CommandId>,
    gather_until: Option<Instant>,
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
            shared: HashMap::new(),
            gather_until: None,
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
            reply,
        } = submission;
        let number = credential.number;
        self.counters.calls += commands.len() as u64;
        let ask = self.asks.open(commands.len(), deadline, reply);
        let listener = |place| Listener { ask, place };
        if self.queue.commands.len() + commands.len() > self.waiting_max {
            for (place, command) in commands.iter().enumerate() {
                self.fail(listener(place), command, &Failure::bare(Class::Queue));
                self.counters.refused_here += 1;
            }
            return;
        }
        let refers = commands
            .iter()
            .any(|command| !command.references.is_empty());
        let bond = match (commands.len(), halts) {
            (0 | 1, _) => Bond::Loose,
            (_, true) => Bond::Halting,
            (_, false) if refers => Bond::Linked,
            (_, false) => Bond::Loose,
        };
        let is_linked = bond != Bond::Loose;
        let id = UnitId(self.number());
        let mut unit = Unit {
            credential,
            lane,
            commands: Vec::with_capacity(commands.len()),
            bond,
            is_alone: commands.iter().any(|command| !command.fits_batch),
            attempts: 0,
            failed_at: None,
            not_before: None,
            flight: None,
        };
        for (place, prepared) in commands.into_iter().enumerate() {
            let listener = listener(place);
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
                    listeners: vec![listener],
                    last: None,
                },
            );
        }
        if !unit.commands.is_empty() {
            self.queue.push_back(id, unit);
        }
        self.is_unswept = true;
    }

    /// Says that all calls that arrived together have been taken in.
    pub(crate) fn arrived(&mut self, now: Instant) {
        let waiting = match self.queue.units_waiting(Lane::Interactive) {
            0 => self.queue.units_waiting(Lane::Background),
            people => people,
        };
        if waiting > 1 && self.gather_until.is_none() {
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
            self.asks.fill(listener, Err(error));
            self.counters.expired += 1;
            self.is_unswept = true;
        }
    }

    /// What to do now.
    pub(crate) fn next(&mut self, now: Instant) -> Step {
        self.sweep(now);
        let mut wake = self.asks.next_due();
        if let Some(until) = self.gather_until {
            if now < until && !self.is_batch_full() {
                return Step::Wait(earlier(wake, Some(until)));
            }
            self.gather_until = None;
        }
        for lane in [Lane::Interactive, Lane::Background] {
            if self.flights.len() >= self.in_flight_max(lane) {
                continue;
            }
            let (picked, held_until) = self.pick(lane, now);
            wake = earlier(wake, held_until);
            let first = picked.first().and_then(|id| self.queue.units.get(id));
            let Some(credential) = first.map(|unit| unit.credential.clone()) else {
                continue;
            };
            match self.bucket.try_take(lane, now) {
                Take::Now => return Step::Send(self.send(&picked, credential, lane, now)),
                Take::At(at) => {
                    wake = earlier(wake, Some(at));
                    break;
                }
            }
        }
        Step::Wait(wake)
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

    /// Lets a caller share the answer of an equal read that waits or is under way.
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
        command.listeners.push(listener);
        let unit = command.unit;
        self.asks.wait(listener, *id);
        self.counters.merged += 1;
        if lane == Lane::Interactive {
            self.queue.lift(unit);
        }
        true
    }

    /// The units of the next request of a lane, and when there may be more by itself.
    fn pick(&mut self, lane: Lane, now: Instant) -> (Vec<UnitId>, Option<Instant>) {
        loop {
            let mut held_until = None;
            let waiting = self.queue.waiting(lane);
            let picked = pack(waiting.map(|(id, unit)| {
                let (travels, until) = self.travels(unit, now);
                held_until = earlier(held_until, until);
                (id, self.candidate(unit, travels))
            }));
            // Callers go away in silence; what nobody waits for any more leaves its place to others.
            let dropped = picked.iter().filter(|id| self.drop_unwanted(**id)).count();
            if dropped == 0 {
                return (picked, held_until);
            }
        }
    }

    /// How a unit may travel now, and when that may change by itself.
    fn travels(&self, unit: &Unit, now: Instant) -> (Travels, Option<Instant>) {
        if let Some(until) = unit.not_before.filter(|until| *until > now) {
            return (Travels::NotNow, Some(until));
        }
        let mut travels = if unit.is_alone || unit.bond == Bond::Halting {
            Travels::Alone
        } else {
            Travels::Together(self.companions_max(unit))
        };
        for id in &unit.commands {
            let Some(command) = self.queue.commands.get(id) else {
                continue;
            };
            let name = &command.prepared.name;
            match self
                .standing
                .pass(unit.credential.number, name, unit.lane, now)
            {
                Pass::Free => {}
                Pass::Probe(_) => travels = Travels::Alone,
                Pass::Wait | Pass::Refused(_) => return (Travels::NotNow, None),
                Pass::Hold(parked) => return (Travels::NotNow, Some(parked.until)),
            }
        }
        match self
            .standing
            .pass(unit.credential.number, BATCH, unit.lane, now)
        {
            Pass::Free | Pass::Probe(_) => (travels, None),
            _ if unit.commands.len() == 1 => (Travels::Alone, None),
            Pass::Hold(parked) => (Travels::NotNow, Some(parked.until)),
            Pass::Wait | Pass::Refused(_) => (Travels::NotNow, None),
        }
    }

    fn candidate(&self, unit: &Unit, travels: Travels) -> Candidate {
        Candidate {
            credential: unit.credential.number,
            commands: unit.commands.len(),
            travels,
        }
    }

    /// One command can spoil a whole batch (an answer too large, a fault of the portal), so what failed in
    /// company goes again with little, and at last with none if the portal is otherwise well.
    fn companions_max(&self, unit: &Unit) -> usize {
        match unit.attempts {
            0 => COMMANDS_MAX,
            1 => COMPANIONS_AFTER_FAILURE,
            _ if self.answered_at > unit.failed_at => 1,
            _ => COMPANIONS_AFTER_FAILURE,
        }
    }

    fn is_batch_full(&self) -> bool {
        self.queue.commands_waiting(Lane::Interactive) >= COMMANDS_MAX
            || self.queue.commands_waiting(Lane::Background) >= COMMANDS_MAX
    }

    fn in_flight_max(&self, lane: Lane) -> usize {
        match lane {
            Lane::Interactive => self.in_flight_max,
            Lane::Background => (self.in_flight_max - self.in_flight_max / 4).max(1),
        }
    }

    fn send(
        &mut self,
        picked: &[UnitId],
        credential: Credential,
        lane: Lane,
        now: Instant,
    ) -> Request {
        let flight = FlightId(self.number());
        self.queue.take(picked, flight);
        let mut commands = Vec::new();
        let mut prepared = Vec::new();
        let mut probes = Vec::new();
        let mut halts = false;
        let mut deadline = now;
        for unit in picked.iter().filter_map(|id| self.queue.units.get(id)) {
            halts |= unit.bond == Bond::Halting;
            let first = commands.len();
            for id in &unit.commands {
                let Some(command) = self.queue.commands.get(id) else {
                    continue;
                };
                let deadlines = command
                    .listeners
                    .iter()
                    .filter_map(|l| self.asks.deadline(*l));
                deadline = deadlines.fold(deadline, Instant::max);
                commands.push(*id);
                prepared.push((Arc::clone(&command.prepared), first));
                let name = &command.prepared.name;
                if let Pass::Probe(keys) = self.standing.pass(credential.number, name, lane, now) {
                    probes.extend(keys);
                }
            }
        }
        if commands.len() > 1
            && let Pass::Probe(keys) = self.standing.pass(credential.number, BATCH, lane, now)
        {
            probes.extend(keys);
        }
        probes.iter().for_each(|key| self.standing.begin_probe(key));
        let draw = self.rng.f64();
        self.counters.requests += 1;
        self.counters.commands += commands.len() as u64;
        self.counters.batches += u64::from(commands.len() > 1);
        self.flights.insert(
            flight,
            Flight {
                credential: credential.number,
                sent_at: now,
                deadline,
                units: picked.to_vec(),
                commands,
                probes,
                draw,
            },
        );
        Request {
            flight,
            webhook: credential.webhook,
            commands: prepared,
            halts,
            deadline,
        }
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

fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

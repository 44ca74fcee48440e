//! Choosing what goes next, and letting it go.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    super::{
        Credential,
        pack::{Candidate, Travels, pack},
        queue::{Bond, Unit, UnitId},
        request::{FlightId, Places, Request},
        standing::{BATCH, Pass},
    },
    Desk, Flight, Step,
};
use crate::{Kind, Lane, budget::bucket::Take, group::COMMANDS_MAX};

/// While people take every place that leaks out, background work has the next one after so many: a quarter of them, so
/// that it goes on, and people wait half a second more now and then.
const PASSED_OVER_MAX: u32 = 3;

/// A command that failed in company goes again with so few others.
const COMPANIONS_AFTER_FAILURE: usize = 8;

impl Desk {
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
        let is_turn_of_background = self.passed_over >= PASSED_OVER_MAX;
        let lanes = match is_turn_of_background {
            true => [Lane::Background, Lane::Interactive],
            false => [Lane::Interactive, Lane::Background],
        };
        for lane in lanes {
            if self.flights.len() >= self.in_flight_max(lane) {
                continue;
            }
            let (picked, held_until) = self.pick(lane, now);
            wake = earlier(wake, held_until);
            let first = picked.first().and_then(|id| self.queue.units.get(id));
            let Some(credential) = first.map(|unit| unit.credential.clone()) else {
                continue;
            };
            // In its turn background work takes a place as people do: what it leaves to them else, they have taken.
            let taken_as = match is_turn_of_background {
                true => Lane::Interactive,
                false => lane,
            };
            let is_last = self.bucket.is_last_place(now);
            match self.bucket.try_take(taken_as, now) {
                Take::Now => {
                    self.count_turn(lane, is_last);
                    return Step::Send(self.send(&picked, credential, lane, now));
                }
                Take::At(at) => {
                    wake = earlier(wake, Some(at));
                    break;
                }
            }
        }
        Step::Wait(wake)
    }

    /// Notes that a request of a lane has taken a place, the last one or not.
    fn count_turn(&mut self, lane: Lane, is_last: bool) {
        let has_background = self.queue.commands_waiting(Lane::Background) > 0;
        match lane {
            Lane::Interactive if is_last && has_background => self.passed_over += 1,
            Lane::Interactive if has_background => {}
            Lane::Interactive | Lane::Background => self.passed_over = 0,
        }
    }

    /// The units of the next request of a lane, and when there may be more by itself.
    fn pick(&mut self, lane: Lane, now: Instant) -> (Vec<UnitId>, Option<Instant>) {
        loop {
            let mut held_until = None;
            let waiting = self.queue.waiting(lane);
            let picked = pack(waiting.map(|(id, unit)| {
                let (candidate, until) = self.candidate(unit, now);
                held_until = earlier(held_until, until);
                (id, candidate)
            }));
            // Callers go away in silence; what nobody waits for any more leaves its place to others.
            let dropped = picked.iter().filter(|id| self.drop_unwanted(**id)).count();
            if dropped == 0 {
                return (picked, held_until);
            }
        }
    }

    /// What packing has to know about a unit, and when that may change by itself.
    pub(super) fn candidate(&self, unit: &Unit, now: Instant) -> (Candidate, Option<Instant>) {
        let (travels, until) = self.travels(unit, now);
        let candidate = Candidate {
            credential: unit.credential.number,
            commands: unit.commands.len(),
            group: (unit.attempts == 0 || unit.request_max.is_some()).then_some(unit.group),
            travels,
        };
        (candidate, until)
    }

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

    /// One command can spoil a whole batch (an answer too large, a fault of the portal), so what failed in
    /// company goes again with little, and at last with none if the portal is otherwise well.
    fn companions_max(&self, unit: &Unit) -> usize {
        match (unit.request_max, unit.attempts) {
            (Some(request_max), _) => request_max,
            (None, 0) => COMMANDS_MAX,
            (None, 2..) if self.answered_at > unit.failed_at => 1,
            (None, _) => COMPANIONS_AFTER_FAILURE,
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
        self.queue.take(lane, picked, flight);
        let mut commands = Vec::new();
        let mut prepared = Vec::new();
        let mut probes = Vec::new();
        let (mut halts, mut writes) = (false, false);
        let mut deadline = now;
        for unit in picked.iter().filter_map(|id| self.queue.units.get(id)) {
            halts |= unit.bond == Bond::Halting;
            let mut places = Places::from(prepared.len());
            for id in &unit.commands {
                let Some(command) = self.queue.commands.get(id) else {
                    continue;
                };
                let deadlines = command
                    .listeners
                    .iter()
                    .filter_map(|l| self.asks.deadline(*l));
                deadline = deadlines.fold(deadline, Instant::max);
                writes |= command.prepared.kind == Kind::Write;
                commands.push(*id);
                prepared.push(places.place(command.place, Arc::clone(&command.prepared)));
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
        if writes {
            self.written = flight.0;
        }
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
                writes,
                probes,
                draw,
            },
        );
        Request {
            flight,
            access: credential.access,
            commands: prepared,
            halts,
            deadline,
        }
    }
}

fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

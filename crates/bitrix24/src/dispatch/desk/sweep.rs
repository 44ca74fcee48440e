//! Telling callers early what has no hope: refused by a circuit, parked or out of budget beyond the
//! deadline; and dropping what nobody waits for.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    super::{
        Prepared,
        asks::{CommandId, Listener},
        cut::dependents,
        pack::{Candidate, Forecast, Travels},
        queue::{Bond, UnitId},
        standing::{BATCH, Pass},
    },
    Desk,
};
use crate::{
    Lane,
    budget::operating::Parked,
    error::{Class, Failure, Said},
};

impl Desk {
    pub(super) fn sweep(&mut self, now: Instant) {
        if !std::mem::take(&mut self.is_unswept) {
            return;
        }
        let is_restrained = self.standing.is_restrained(now);
        let mut forecast = Forecast::default();
        for lane in [Lane::Interactive, Lane::Background] {
            // With room for a request for each command nobody can be short of it.
            let requests_max = self.queue.commands.len().try_into().unwrap_or(u32::MAX);
            let is_short = self.bucket.place_at(requests_max, lane, now) > now;
            let ids: Vec<UnitId> = self.queue.waiting(lane).map(|(id, _)| id).collect();
            for id in ids {
                let _were_there = self.drop_unwanted(id);
                if is_restrained {
                    self.refuse_by_standing(id, now);
                }
                if is_short {
                    self.refuse_by_budget(id, &mut forecast, now);
                }
            }
        }
        self.queue.tidy();
    }

    /// Drops the commands of a unit that nobody waits for. Answers whether there were any.
    pub(super) fn drop_unwanted(&mut self, id: UnitId) -> bool {
        let Some(unit) = self.queue.units.get(&id) else {
            return false;
        };
        let is_unwanted = |id: &&CommandId| {
            let command = self.queue.commands.get(id);
            !command.is_some_and(|c| c.listeners.iter().any(|l| self.asks.is_alive(*l)))
        };
        let unwanted: Vec<CommandId> = unit.commands.iter().filter(is_unwanted).copied().collect();
        if unwanted.is_empty() || unit.is_linked() && unwanted.len() < unit.commands.len() {
            return false;
        }
        for id in unwanted {
            let gone = self
                .forget(id)
                .map_or_else(Vec::new, |command| command.listeners);
            gone.into_iter()
                .for_each(|listener| self.asks.abandon(listener));
        }
        true
    }

    fn refuse_by_standing(&mut self, id: UnitId, now: Instant) {
        let Some(unit) = self.queue.units.get(&id) else {
            return;
        };
        let (lane, bond, credential) = (unit.lane, unit.bond, unit.credential.number);
        let commands = unit.commands.clone();
        if commands.len() > 1 {
            self.refuse_by_batch(credential, lane, &commands, now);
        }
        for id in &commands {
            let Some(command) = self.queue.commands.get(id) else {
                continue;
            };
            let name = &command.prepared.name;
            match self.standing.pass(credential, name, lane, now) {
                Pass::Free | Pass::Probe(_) | Pass::Wait => {}
                Pass::Refused(failure) => {
                    let halted = Failure::bare(Class::Halted);
                    for other in self.without(*id, bond, &commands) {
                        self.refuse_command(other, &halted, None);
                    }
                    self.refuse_command(*id, &failure, None);
                }
                Pass::Hold(parked) => {
                    let failure = parked_failure(parked, now);
                    for other in self.without(*id, bond, &commands) {
                        self.refuse_command(other, &failure, Some(parked.until));
                    }
                    self.refuse_command(*id, &failure, Some(parked.until));
                }
            }
        }
    }

    /// The other commands of a unit that have no sense without one of them.
    fn without(&self, id: CommandId, bond: Bond, commands: &[CommandId]) -> Vec<CommandId> {
        let place = |id: &CommandId| Some(self.queue.commands.get(id)?.place);
        let others = commands.iter().copied().filter(|other| *other != id);
        match (bond, place(&id)) {
            (Bond::Loose, _) | (_, None) => Vec::new(),
            (Bond::Halting, _) => others.collect(),
            (Bond::Linked, Some(on)) => {
                let prepared = commands.iter().filter_map(|id| {
                    let command = self.queue.commands.get(id)?;
                    Some((command.place, &*command.prepared))
                });
                let dependents = dependents(prepared, on);
                let depends = |id: &CommandId| place(id).is_some_and(|at| dependents.contains(&at));
                others.filter(depends).collect()
            }
        }
    }

    /// Refuses what cannot travel but in a batch, when batches are refused.
    fn refuse_by_batch(
        &mut self,
        credential: usize,
        lane: Lane,
        commands: &[CommandId],
        now: Instant,
    ) {
        let (failure, before) = match self.standing.pass(credential, BATCH, lane, now) {
            Pass::Free | Pass::Probe(_) | Pass::Wait => return,
            Pass::Refused(failure) => (failure, None),
            Pass::Hold(parked) => (parked_failure(parked, now), Some(parked.until)),
        };
        for id in commands {
            self.refuse_command(*id, &failure, before);
        }
    }

    fn refuse_by_budget(&mut self, id: UnitId, forecast: &mut Forecast, now: Instant) {
        let Some(unit) = self.queue.units.get(&id) else {
            return;
        };
        let (candidate, _) = self.candidate(unit, now);
        if candidate.travels == Travels::NotNow {
            return;
        }
        let nth = forecast.place(candidate);
        let at = self.bucket.place_at(nth, unit.lane, now);
        if at > now {
            let failure = Failure::bare(Class::Requests).retry_after(at - now);
            for command in unit.commands.clone() {
                self.refuse_command(command, &failure, Some(at));
            }
        }
        // What is refused leaves its place to those behind it.
        if let Some(left) = self.queue.units.get(&id) {
            let commands = left.commands.len();
            forecast.add(Candidate {
                commands,
                ..candidate
            });
        }
    }

    /// Refuses the callers of a command; with a time, those whose deadline is not after it.
    fn refuse_command(&mut self, id: CommandId, failure: &Failure, before: Option<Instant>) {
        let told = self.tell(id, failure, before);
        self.counters.refused_here += told;
    }

    /// Tells the callers of a command that it failed; with a time, those whose deadline is not after it.
    /// Answers how many were told.
    pub(super) fn tell(
        &mut self,
        id: CommandId,
        failure: &Failure,
        before: Option<Instant>,
    ) -> u64 {
        let Some(command) = self.queue.commands.get_mut(&id) else {
            return 0;
        };
        let prepared = Arc::clone(&command.prepared);
        let is_late = |listener: &Listener| {
            let deadline = self.asks.deadline(*listener);
            before.is_none_or(|at| deadline.is_some_and(|deadline| deadline <= at))
        };
        let (late, others) = std::mem::take(&mut command.listeners)
            .into_iter()
            .partition::<Vec<_>, _>(is_late);
        command.listeners = others;
        // What the portal itself said of the same tells more.
        let said = command
            .last
            .as_ref()
            .filter(|last| last.class == failure.class);
        let said = said.map_or_else(|| failure.said.clone(), |last| last.said.clone());
        if command.listeners.is_empty() {
            self.forget(id);
        }
        let failure = Failure {
            said,
            ..failure.clone()
        };
        for listener in &late {
            self.fail(*listener, &prepared, &failure);
        }
        late.len() as u64
    }

    pub(super) fn fail(&mut self, listener: Listener, prepared: &Prepared, failure: &Failure) {
        let error = prepared.error(failure, &self.host);
        self.asks.fill(listener, Err(error));
    }
}

fn parked_failure(parked: Parked, now: Instant) -> Failure {
    let said = Said {
        reset_at: parked.wall,
        ..Said::default()
    };
    Failure::new(Class::OperatingTime, said).retry_after(parked.until - now)
}

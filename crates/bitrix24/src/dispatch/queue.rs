//! What waits: units in two lanes, in the order of their arrival.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use tokio::time::Instant;

use super::{
    Credential, Prepared,
    asks::{CommandId, Listener},
    request::FlightId,
};
use crate::{Lane, error::Failure};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct UnitId(pub(super) u64);

/// A command and the callers who want its answer.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) prepared: Arc<Prepared>,
    pub(super) unit: UnitId,
    pub(super) listeners: Vec<Listener>,
    /// Why it waits again, if it has been sent before.
    pub(super) last: Option<Failure>,
}

/// Commands that are sent together: a caller's group, or what is left of it.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) credential: Credential,
    pub(super) lane: Lane,
    pub(super) commands: Vec<CommandId>,
    pub(super) bond: Bond,
    /// A batch cannot express it.
    pub(super) is_alone: bool,
    pub(super) attempts: u32,
    /// When it first failed.
    pub(super) failed_at: Option<Instant>,
    pub(super) not_before: Option<Instant>,
    /// The request that carries it now.
    pub(super) flight: Option<FlightId>,
}

/// What holds the commands of a unit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bond {
    /// Nothing but the caller.
    Loose,
    /// They refer to each other: all of them go, or none.
    Linked,
    /// The same, and the first failure stops the rest.
    Halting,
}

impl Unit {
    pub(super) fn is_linked(&self) -> bool {
        self.bond != Bond::Loose
    }
}

/// Units and commands by their ids, and the two lanes of those that wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) units: HashMap<UnitId, Unit>,
    pub(super) commands: HashMap<CommandId, Command>,
    interactive: VecDeque<UnitId>,
    background: VecDeque<UnitId>,
}

impl Queue {
    /// The waiting units of a lane, the first to arrive first.
    pub(super) fn waiting(&self, lane: Lane) -> impl Iterator<Item = (UnitId, &Unit)> {
        self.lane(lane)
            .iter()
            .filter_map(|id| Some((*id, self.units.get(id)?)))
    }

    /// How many commands wait in a lane.
    pub(super) fn commands_waiting(&self, lane: Lane) -> usize {
        self.waiting(lane)
            .map(|(_, unit)| unit.commands.len())
            .sum()
    }

    /// How many units wait in a lane.
    pub(super) fn units_waiting(&self, lane: Lane) -> usize {
        self.lane(lane).len()
    }

    /// Adds a unit behind all others of its lane.
    pub(super) fn push_back(&mut self, id: UnitId, unit: Unit) {
        self.lane_mut(unit.lane).push_back(id);
        self.units.insert(id, unit);
    }

    /// Puts units that were sent back before all others, in their old order.
    pub(super) fn put_back(&mut self, ids: Vec<UnitId>) {
        for id in ids.into_iter().rev() {
            if let Some(unit) = self.units.get_mut(&id) {
                unit.flight = None;
                let lane = unit.lane;
                self.lane_mut(lane).push_front(id);
            }
        }
    }

    /// Takes units out of their lane, because they are sent.
    pub(super) fn take(&mut self, ids: &[UnitId], flight: FlightId) {
        for id in ids {
            if let Some(unit) = self.units.get_mut(id) {
                unit.flight = Some(flight);
            }
        }
        self.tidy();
    }

    /// Moves a waiting unit behind the people who wait, because one of them wants its answer.
    pub(super) fn lift(&mut self, id: UnitId) {
        let Some(unit) = self.units.get_mut(&id) else {
            return;
        };
        if unit.lane == Lane::Interactive {
            return;
        }
        unit.lane = Lane::Interactive;
        if unit.flight.is_none() {
            self.background.retain(|waiting| *waiting != id);
            self.interactive.push_back(id);
        }
    }

    /// Drops a command from its unit, and the unit with its last command.
    pub(super) fn remove_command(&mut self, id: CommandId) -> Option<Command> {
        let command = self.commands.remove(&id)?;
        if let Some(unit) = self.units.get_mut(&command.unit) {
            unit.commands.retain(|present| *present != id);
            if unit.commands.is_empty() {
                self.units.remove(&command.unit);
            }
        }
        Some(command)
    }

    /// Drops from the lanes what waits no more.
    pub(super) fn tidy(&mut self) {
        let units = &self.units;
        let waits = |id: &UnitId| units.get(id).is_some_and(|unit| unit.flight.is_none());
        self.interactive.retain(waits);
        self.background.retain(waits);
    }

    fn lane(&self, lane: Lane) -> &VecDeque<UnitId> {
        match lane {
            Lane::Interactive => &self.interactive,
            Lane::Background => &self.background,
        }
    }

    fn lane_mut(&mut self, lane: Lane) -> &mut VecDeque<UnitId> {
        match lane {
            Lane::Interactive => &mut self.interactive,
            Lane::Background => &mut self.background,
        }
    }
}

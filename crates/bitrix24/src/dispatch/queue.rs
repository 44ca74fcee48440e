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
    /// Its place among the commands it was submitted with, as references name it.
    pub(super) place: usize,
    pub(super) listeners: Vec<Listener>,
    /// Why it waits again, if it has been sent before.
    pub(super) last: Option<Failure>,
}

/// Commands that are sent together: a part of a caller's group, or what is left of it.
#[derive(Debug)]
pub(super) struct Unit {
    /// What units of one caller's group have in common. As long as nothing is in their way, units of one group share a
    /// request.
    pub(super) group: UnitId,
    pub(super) credential: Credential,
    pub(super) lane: Lane,
    pub(super) commands: Vec<CommandId>,
    pub(super) bond: Bond,
    /// How many commands the request may have that carries it, if the caller sees to its size.
    pub(super) request_max: Option<usize>,
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
    /// They refer to each other: what refers goes with what it refers to.
    Linked,
    /// All of them go, or none, and the first failure stops the rest.
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
    interactive: Waiting,
    background: Waiting,
}

/// A lane: units by arrival. Units that are gone stay in the line until it is tidied.
#[derive(Debug, Default)]
struct Waiting {
    line: VecDeque<UnitId>,
    commands: usize,
}

impl Queue {
    /// The waiting units of a lane, the first to arrive first.
    pub(super) fn waiting(&self, lane: Lane) -> impl Iterator<Item = (UnitId, &Unit)> {
        let line = self.lane(lane).line.iter();
        line.filter_map(|id| Some((*id, self.units.get(id)?)))
    }

    /// How many commands wait in a lane.
    pub(super) fn commands_waiting(&self, lane: Lane) -> usize {
        self.lane(lane).commands
    }

    /// Whether more than one caller's units wait in a lane.
    pub(super) fn has_company(&self, lane: Lane) -> bool {
        let mut groups = self.waiting(lane).map(|(_, unit)| unit.group);
        let first = groups.next();
        groups.any(|group| Some(group) != first)
    }

    /// Adds a unit behind all others of its lane.
    pub(super) fn push_back(&mut self, id: UnitId, unit: Unit) {
        let lane = self.lane_mut(unit.lane);
        lane.line.push_back(id);
        lane.commands += unit.commands.len();
        self.units.insert(id, unit);
    }

    /// Puts units that were sent back before all others, in their old order.
    pub(super) fn put_back(&mut self, ids: Vec<UnitId>) {
        for id in ids.into_iter().rev() {
            if let Some(unit) = self.units.get_mut(&id) {
                unit.flight = None;
                let (lane, commands) = (unit.lane, unit.commands.len());
                let lane = self.lane_mut(lane);
                lane.line.push_front(id);
                lane.commands += commands;
            }
        }
    }

    /// Takes units out of their lane, because they are sent. They are given in the order of the line.
    pub(super) fn take(&mut self, lane: Lane, ids: &[UnitId], flight: FlightId) {
        let mut commands = 0;
        for id in ids {
            if let Some(unit) = self.units.get_mut(id) {
                unit.flight = Some(flight);
                commands += unit.commands.len();
            }
        }
        let lane = self.lane_mut(lane);
        lane.commands -= commands;
        let mut taken = ids.iter().peekable();
        let mut passed = Vec::new();
        while taken.peek().is_some()
            && let Some(id) = lane.line.pop_front()
        {
            if taken.next_if(|taken| **taken == id).is_none() {
                passed.push(id);
            }
        }
        for id in passed.into_iter().rev() {
            lane.line.push_front(id);
        }
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
            let commands = unit.commands.len();
            self.background.line.retain(|waiting| *waiting != id);
            self.background.commands -= commands;
            self.interactive.line.push_back(id);
            self.interactive.commands += commands;
        }
    }

    /// Drops a command from its unit, and the unit with its last command.
    pub(super) fn remove_command(&mut self, id: CommandId) -> Option<Command> {
        let command = self.commands.remove(&id)?;
        if let Some(unit) = self.units.get_mut(&command.unit) {
            unit.commands.retain(|present| *present != id);
            let (lane, waits) = (unit.lane, unit.flight.is_none());
            if unit.commands.is_empty() {
                self.units.remove(&command.unit);
            }
            if waits {
                self.lane_mut(lane).commands -= 1;
            }
        }
        Some(command)
    }

    /// Drops from the lines what is gone.
    pub(super) fn tidy(&mut self) {
        let units = &self.units;
        self.interactive.line.retain(|id| units.contains_key(id));
        self.background.line.retain(|id| units.contains_key(id));
    }

    fn lane(&self, lane: Lane) -> &Waiting {
        match lane {
            Lane::Interactive => &self.interactive,
            Lane::Background => &self.background,
        }
    }

    fn lane_mut(&mut self, lane: Lane) -> &mut Waiting {
        match lane {
            Lane::Interactive => &mut self.interactive,
            Lane::Background => &mut self.background,
        }
    }
}

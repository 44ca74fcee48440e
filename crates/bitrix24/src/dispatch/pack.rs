//! Which of the waiting units share the next request.

use crate::group::COMMANDS_MAX;

#[cfg(test)]
mod tests;

/// What packing has to know about a unit: commands that are never separated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) credential: usize,
    pub(super) commands: usize,
    pub(super) travels: Travels,
}

/// How a unit may travel now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Travels {
    /// With others, up to so many commands in all.
    Together(usize),
    Alone,
    NotNow,
}

/// Picks the units of the next request from those of one lane in the order of their arrival: the first that
/// may go, and those after it with the same webhook for as long as they fit. None that may go is overtaken
/// by a later one of the same webhook.
pub(super) fn pack<T>(waiting: impl Iterator<Item = (T, Candidate)>) -> Vec<T> {
    let mut picked = Vec::new();
    let mut credential = None;
    let (mut commands, mut room) = (0, COMMANDS_MAX);
    for (unit, candidate) in waiting {
        if credential.is_some_and(|credential| credential != candidate.credential) {
            continue;
        }
        let limit = match (candidate.travels, credential) {
            (Travels::NotNow, _) => continue,
            (Travels::Alone, Some(_)) => break,
            (Travels::Alone, None) => return vec![unit],
            (Travels::Together(limit), _) => limit,
        };
        let is_first = credential.is_none();
        if !is_first && commands + candidate.commands > room.min(limit) {
            break;
        }
        credential = Some(candidate.credential);
        commands += candidate.commands;
        room = room.min(limit);
        picked.push(unit);
        if commands >= room {
            break;
        }
    }
    picked
}

/// Counts the requests that waiting units need at least, in the order in which they are asked about.
#[derive(Debug, Default)]
pub(super) struct Forecast {
    /// Commands so far, by webhook.
    commands: std::collections::HashMap<usize, usize>,
    requests: u32,
}

impl Forecast {
    /// The number of the request, counted from one, with which the unit goes at the earliest.
    pub(super) fn place(&mut self, candidate: Candidate) -> u32 {
        let more = match candidate.travels {
            Travels::Alone | Travels::NotNow => 1,
            Travels::Together(_) => {
                let commands = self.commands.entry(candidate.credential).or_default();
                let before = commands.div_ceil(COMMANDS_MAX);
                *commands += candidate.commands;
                commands.div_ceil(COMMANDS_MAX) - before
            }
        };
        self.requests += u32::try_from(more).unwrap_or(u32::MAX);
        self.requests.max(1)
    }
}

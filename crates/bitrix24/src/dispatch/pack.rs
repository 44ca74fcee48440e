//! Which of the waiting units share the next request.

use super::queue::UnitId;
use crate::group::COMMANDS_MAX;

#[cfg(test)]
mod tests;

/// What packing has to know about a unit: commands that are never separated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) credential: usize,
    pub(super) commands: usize,
    /// The group with which it shares a request if that is possible.
    pub(super) group: Option<UnitId>,
    pub(super) travels: Travels,
}

impl Candidate {
    /// Whether it should share a request with the other.
    fn belongs_to(&self, other: &Self) -> bool {
        self.group.is_some() && self.group == other.group && self.credential == other.credential
    }
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
/// by a later one of the same webhook, and a group of which only a part would fit waits for the next request.
pub(super) fn pack<T>(waiting: impl Iterator<Item = (T, Candidate)>) -> Vec<T> {
    let mut picked = Vec::new();
    let mut credential = None;
    let (mut commands, mut room) = (0, COMMANDS_MAX);
    let may_go = |(_, candidate): &(T, Candidate)| candidate.travels != Travels::NotNow;
    let mut waiting = waiting.filter(may_go).peekable();
    'request: while let Some((unit, head)) = waiting.next() {
        if credential.is_some_and(|credential| credential != head.credential) {
            continue;
        }
        let mut group = vec![(unit, head)];
        while let Some(next) = waiting.next_if(|(_, next)| next.belongs_to(&head)) {
            group.push(next);
        }
        let in_group: usize = group.iter().map(|(_, candidate)| candidate.commands).sum();
        if credential.is_some() && commands + in_group > room {
            break;
        }
        for (unit, candidate) in group {
            let limit = match (candidate.travels, credential) {
                (Travels::Together(limit), _) => limit,
                (Travels::Alone, None) => return vec![unit],
                (Travels::Alone | Travels::NotNow, _) => break 'request,
            };
            if credential.is_some() && commands + candidate.commands > room.min(limit) {
                break 'request;
            }
            credential = Some(candidate.credential);
            commands += candidate.commands;
            room = room.min(limit);
            picked.push(unit);
            if commands >= room {
                break 'request;
            }
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
    /// The number of the request, counted from one, with which a unit goes at the earliest.
    pub(super) fn place(&self, candidate: Candidate) -> u32 {
        self.requests.saturating_add(self.more(candidate)).max(1)
    }

    /// Counts a unit that goes on waiting.
    pub(super) fn add(&mut self, candidate: Candidate) {
        self.requests = self.requests.saturating_add(self.more(candidate));
        if let Travels::Together(_) = candidate.travels {
            *self.commands.entry(candidate.credential).or_default() += candidate.commands;
        }
    }

    /// How many requests more a unit needs.
    fn more(&self, candidate: Candidate) -> u32 {
        let more = match candidate.travels {
            Travels::Alone | Travels::NotNow => 1,
            Travels::Together(_) => {
                let before = self.commands.get(&candidate.credential).copied();
                let before = before.unwrap_or_default();
                let after = before + candidate.commands;
                after.div_ceil(COMMANDS_MAX) - before.div_ceil(COMMANDS_MAX)
            }
        };
        u32::try_from(more).unwrap_or(u32::MAX)
    }
}

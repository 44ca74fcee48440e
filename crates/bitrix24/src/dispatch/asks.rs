//! Who waits for which answers, and until when.

use std::collections::{BTreeSet, HashMap};

use tokio::time::Instant;

use super::Reply;
use crate::{Answer, Error};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct AskId(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct CommandId(pub(super) u64);

/// One place in one caller's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listener {
    pub(super) ask: AskId,
    pub(super) place: usize,
}

/// The callers that wait.
#[derive(Debug, Default)]
pub(super) struct Asks {
    asks: HashMap<AskId, Ask>,
    /// When each is told at the latest.
    due: BTreeSet<(Instant, AskId)>,
    next: u64,
}

#[derive(Debug)]
struct Ask {
    deadline: Instant,
    /// The deadline, or a moment later.
    due: Instant,
    slots: Vec<Slot>,
    open: usize,
    reply: Reply,
}

#[derive(Debug)]
enum Slot {
    /// Nothing was assigned yet.
    Empty,
    Waiting(CommandId),
    Filled(Box<Result<Answer, Error>>),
}

impl Asks {
    /// A caller that waits for so many answers.
    pub(super) fn open(&mut self, places: usize, deadline: Instant, reply: Reply) -> AskId {
        self.next += 1;
        let id = AskId(self.next);
        let slots = (0..places).map(|_| Slot::Empty).collect();
        self.due.insert((deadline, id));
        self.asks.insert(
            id,
            Ask {
                deadline,
                due: deadline,
                slots,
                open: places,
                reply,
            },
        );
        id
    }

    /// Says which command a place waits for.
    pub(super) fn wait(&mut self, listener: Listener, command: CommandId) {
        let ask = self.asks.get_mut(&listener.ask);
        if let Some(slot) = ask.and_then(|ask| ask.slots.get_mut(listener.place)) {
            *slot = Slot::Waiting(command);
        }
    }

    /// Gives a place its answer, and the caller all of them once the last is there.
    pub(super) fn fill(&mut self, listener: Listener, answer: Result<Answer, Error>) {
        let Some(ask) = self.asks.get_mut(&listener.ask) else {
            return;
        };
        let Some(slot) = ask.slots.get_mut(listener.place) else {
            return;
        };
        if !matches!(slot, Slot::Filled(_)) {
            *slot = Slot::Filled(Box::new(answer));
            ask.open -= 1;
        }
        if ask.open == 0 {
            self.close(listener.ask);
        }
    }

    /// Whether somebody still wants the answer.
    pub(super) fn is_alive(&self, listener: Listener) -> bool {
        self.asks
            .get(&listener.ask)
            .is_some_and(|ask| !ask.reply.is_closed())
    }

    /// Forgets a caller that has gone away.
    pub(super) fn abandon(&mut self, listener: Listener) {
        if let Some(ask) = self.asks.remove(&listener.ask) {
            self.due.remove(&(ask.due, listener.ask));
        }
    }

    /// Lets a caller wait a moment longer for what is just coming.
    pub(super) fn postpone(&mut self, listener: Listener, due: Instant) {
        if let Some(ask) = self.asks.get_mut(&listener.ask) {
            self.due.remove(&(ask.due, listener.ask));
            ask.due = due;
            self.due.insert((due, listener.ask));
        }
    }

    pub(super) fn deadline(&self, listener: Listener) -> Option<Instant> {
        self.asks.get(&listener.ask).map(|ask| ask.deadline)
    }

    /// The places of callers whose deadline has passed, with the commands they wait for.
    pub(super) fn late(&self, now: Instant) -> Vec<(Listener, CommandId)> {
        let late = self
            .due
            .iter()
            .take_while(|(due, _)| *due <= now)
            .filter_map(|(_, id)| Some((*id, self.asks.get(id)?)));
        let waiting = |(id, ask): (AskId, &Ask)| -> Vec<(Listener, CommandId)> {
            let slots = ask.slots.iter().enumerate();
            slots
                .filter_map(|(place, slot)| match slot {
                    Slot::Waiting(command) => Some((Listener { ask: id, place }, *command)),
                    Slot::Empty | Slot::Filled(_) => None,
                })
                .collect()
        };
        late.flat_map(waiting).collect()
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.asks.is_empty()
    }

    fn close(&mut self, id: AskId) {
        let Some(ask) = self.asks.remove(&id) else {
            return;
        };
        self.due.remove(&(ask.due, id));
        let answers = ask.slots.into_iter().filter_map(|slot| match slot {
            Slot::Filled(answer) => Some(*answer),
            Slot::Empty | Slot::Waiting(_) => None,
        });
        // A caller that has gone away misses its answer, and that is all.
        drop(ask.reply.send(answers.collect()));
    }
}

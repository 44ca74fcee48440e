//! Actions that wait for their answers.

use std::{collections::VecDeque, time::Duration};

use tokio::{sync::oneshot, time::Instant};

use crate::{
    Message,
    outcome::{Answer, NotSent, Outcome, Refusal, Unknown},
    signal::Reason,
};

/// Actions that wait for their answers, in the order in which they were sent.
#[derive(Debug, Default)]
pub(super) struct Pending {
    waiting: VecDeque<Waiting>,
    pub(super) filters_sent: u32,
}

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) id: Vec<u8>,
    pub(super) action: String,
    /// Which byte of all that is sent on the connection is its last.
    pub(super) ends_at_byte: u64,
    pub(super) within: Duration,
    pub(super) until: Instant,
    pub(super) purpose: Purpose,
    pub(super) is_first_filter: bool,
    pub(super) list: Option<List>,
}

/// What an action was sent for.
#[derive(Debug)]
pub(super) enum Purpose {
    Asked(oneshot::Sender<Outcome>),
    Challenge,
    Login,
    /// A ping behind whose answer everything lies that comes with the login.
    Settle,
    Probe,
    Filter,
    Resync,
    Ping,
    /// Its deadline has passed. What comes of it is taken off the stream all the same.
    Abandoned,
}

/// A list that has begun.
#[derive(Debug)]
pub(super) struct List {
    response: Message,
    items: Vec<Message>,
    bytes: usize,
    is_too_long: bool,
}

/// What became of an event that belongs to a list.
pub(super) enum Settled {
    Item,
    List(Box<(Waiting, Outcome)>),
}

impl Pending {
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.waiting
            .iter()
            .any(|waiting| waiting.id == id.as_bytes())
    }

    pub(super) fn has_ping(&self) -> bool {
        self.waiting
            .iter()
            .any(|waiting| matches!(waiting.purpose, Purpose::Ping))
    }

    pub(super) fn has_resync(&self) -> bool {
        self.waiting
            .iter()
            .any(|waiting| matches!(waiting.purpose, Purpose::Resync))
    }

    pub(super) fn add(&mut self, waiting: Waiting) {
        self.waiting.push_back(waiting);
    }

    /// The next moment at which one is overdue.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let waiting = self.waiting.iter();
        let waiting = waiting.filter(|waiting| !matches!(waiting.purpose, Purpose::Abandoned));
        waiting.map(|waiting| waiting.until).min()
    }

    /// Gives up those whose deadline has passed, and says what they were for.
    pub(super) fn overdue(&mut self, now: Instant) -> Vec<Purpose> {
        let mut overdue = Vec::new();
        for waiting in &mut self.waiting {
            if waiting.until > now || matches!(waiting.purpose, Purpose::Abandoned) {
                continue;
            }
            let purpose = std::mem::replace(&mut waiting.purpose, Purpose::Abandoned);
            match purpose {
                Purpose::Asked(answer) => {
                    let why = Unknown::Deadline(waiting.within);
                    drop(answer.send(Outcome::Unknown(why)));
                }
                purpose => overdue.push(purpose),
            }
        }
        overdue
    }

    /// Whether an action waits for this response.
    pub(super) fn awaits(&self, response: &Message) -> bool {
        self.place(response).is_some()
    }

    fn place(&self, response: &Message) -> Option<usize> {
        let id = response.action_id()?;
        self.waiting.iter().position(|waiting| waiting.id == id)
    }

    /// Takes a response; `None` if it begins a list.
    pub(super) fn answer(
        &mut self,
        response: Message,
        bytes_max: usize,
    ) -> Option<(Waiting, Outcome)> {
        let place = self.place(&response)?;
        if response
            .get("EventList")
            .is_some_and(|value| value.eq_ignore_ascii_case(b"start"))
        {
            let waiting = self.waiting.get_mut(place)?;
            waiting.list = Some(List {
                bytes: response.as_bytes().len(),
                is_too_long: response.as_bytes().len() > bytes_max,
                response,
                items: Vec::new(),
            });
            return None;
        }
        let waiting = self.waiting.remove(place)?;
        let outcome = match response.response() {
            Some(said) if !said.eq_ignore_ascii_case("Error") => Outcome::Done(Answer {
                response,
                items: Vec::new(),
            }),
            _ => Outcome::Refused(Refusal::new(&waiting.action, response)),
        };
        Some((waiting, outcome))
    }

    /// Takes an event if it belongs to a list that has begun.
    pub(super) fn item(&mut self, event: &Message, bytes_max: usize) -> Option<Settled> {
        if self.waiting.is_empty() {
            return None;
        }
        let id = event.action_id()?;
        let is_it = |waiting: &Waiting| waiting.list.is_some() && waiting.id == id;
        let place = self.waiting.iter().position(is_it)?;
        if event.get("EventList").is_some() {
            let mut waiting = self.waiting.remove(place)?;
            let list = waiting.list.take()?;
            let outcome = match list.is_too_long {
                true => Outcome::Unknown(Unknown::TooLong { bytes_max }),
                false => Outcome::Done(Answer {
                    response: list.response,
                    items: list.items,
                }),
            };
            return Some(Settled::List(Box::new((waiting, outcome))));
        }
        let waiting = self.waiting.get_mut(place)?;
        let is_wanted = !matches!(waiting.purpose, Purpose::Abandoned);
        let list = waiting.list.as_mut()?;
        list.bytes += event.as_bytes().len();
        list.is_too_long |= list.bytes > bytes_max;
        match is_wanted && !list.is_too_long {
            true => list.items.push(event.clone()),
            false => list.items = Vec::new(),
        }
        Some(Settled::Item)
    }

    /// Tells everybody that the connection is lost, whose socket had taken so many bytes: what it had not taken whole
    /// cannot have run.
    pub(super) fn end(self, reason: &Reason, taken_bytes: u64) {
        for waiting in self.waiting {
            let Purpose::Asked(answer) = waiting.purpose else {
                continue;
            };
            let outcome = match waiting.ends_at_byte <= taken_bytes {
                true => Outcome::Unknown(Unknown::Lost(reason.clone())),
                false => Outcome::NotSent(NotSent::Lost(reason.clone())),
            };
            drop(answer.send(outcome));
        }
    }
}

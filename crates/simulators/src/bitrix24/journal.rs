//! What a portal was asked, for tests to read.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::Serialize;

use super::params::Params;
use crate::faults::Answer;

/// One request.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Counts requests from 1.
    pub number: u64,
    /// When it arrived.
    pub at: Timestamp,
    /// Which connection it came on, counted for plain HTTP and HTTPS each; requests with one number
    /// shared a kept-alive connection.
    pub connection: u64,
    /// Whether it came over TLS.
    pub secure: bool,
    /// The verb.
    pub verb: String,
    /// The REST method in lower case.
    pub method: String,
    /// Its parameters as they were sent.
    pub params: Params,
    /// The user id in the address; the secret is not kept.
    pub user_id: String,
    /// The commands of a batch that were run or refused, in order.
    pub commands: Vec<Command>,
    /// The HTTP status answered; `None` while it runs, and when nothing was ever answered.
    pub status: Option<u16>,
    /// The code of the refusal, if it was refused.
    pub error: Option<String>,
    /// What a fault script made of it.
    pub fault: Option<Answer>,
}

/// One command of a batch.
#[derive(Clone, Debug, Serialize)]
pub struct Command {
    /// Its label.
    pub label: String,
    /// The REST method in lower case.
    pub method: String,
    /// Its parameters, references replaced.
    pub params: Params,
    /// The code of the refusal, if it was refused.
    pub error: Option<String>,
    /// What a fault script made of it.
    pub fault: Option<Answer>,
}

/// How much a portal was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Counts {
    /// HTTP requests to the interface, refused ones included.
    pub requests: u64,
    /// Calls that were executed: requests of their own and commands of batches.
    pub calls: u64,
    /// Requests refused because the bucket was full.
    pub query_limit_refusals: u64,
    /// Calls refused because their operating time was used up.
    pub operation_time_refusals: u64,
    /// Requests and commands that a fault script interfered with.
    pub faults: u64,
}

/// The last requests, and how many there were in all.
#[derive(Debug)]
pub(crate) struct Journal {
    entries: VecDeque<Entry>,
    entries_max: usize,
    next_number: u64,
    pub counts: Counts,
}

impl Journal {
    /// A journal that keeps so many entries.
    pub(crate) fn new(entries_max: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            entries_max,
            next_number: 1,
            counts: Counts::default(),
        }
    }

    /// Keeps so many entries from now on.
    pub(crate) fn set_entries_max(&mut self, entries_max: usize) {
        self.entries_max = entries_max;
        let surplus = self.entries.len().saturating_sub(entries_max);
        self.entries.drain(..surplus);
    }

    /// Writes an arrival down under the next number, which it answers.
    pub(crate) fn arrive(&mut self, mut entry: Entry) -> u64 {
        self.counts.requests += 1;
        let number = self.next_number;
        self.next_number += 1;
        entry.number = number;
        if self.entries_max > 0 {
            if self.entries.len() >= self.entries_max {
                self.entries.pop_front();
            }
            self.entries.push_back(entry);
        }
        number
    }

    /// An entry to be completed, if it is still kept.
    pub(crate) fn entry(&mut self, number: u64) -> Option<&mut Entry> {
        let first = self.entries.front()?.number;
        let at = usize::try_from(number.checked_sub(first)?).ok()?;
        self.entries.get_mut(at)
    }

    /// The kept entries, oldest first.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Forgets all entries and counts.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.counts = Counts::default();
    }
}

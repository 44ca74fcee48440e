//! What was asked of the site, for tests and for people who look.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;
use serde_json::{Map, Value};

/// Parameters whose values are not kept.
const SECRET: [&str; 6] = [
    "pwd",
    "password",
    "new_password",
    "api_secret",
    "api_key",
    "key",
];

/// One request and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// Counts from 1 since the start.
    pub number: u64,
    /// Site time.
    pub at: String,
    /// The name that fault scripts know: `POST frappe.client.insert`, or verb and decoded path.
    pub name: String,
    /// The verb.
    pub method: String,
    /// The decoded path.
    pub path: String,
    /// Query, form or JSON body; passwords left out, and nothing of bodies over 64 KiB.
    pub params: Map<String, Value>,
    /// Whom it ran as; `Guest` when nobody was logged in or the request never ran.
    pub user: String,
    /// HTTP status; 0 when there was no answer.
    pub status: u16,
    /// The exception, when it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exc_type: Option<String>,
    /// Whether a fault script had its hand in it.
    pub is_fault: bool,
}

/// The last requests, and counts of all.
#[derive(Debug)]
pub(crate) struct Journal {
    entries: VecDeque<Entry>,
    entries_max: usize,
    requests: u64,
    by_status: BTreeMap<u16, u64>,
    by_name: BTreeMap<String, u64>,
}

/// How many different names are counted.
const NAMES_MAX: usize = 1_000;

impl Journal {
    pub(crate) fn new(entries_max: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            entries_max,
            requests: 0,
            by_status: BTreeMap::new(),
            by_name: BTreeMap::new(),
        }
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.entries_max > 0
    }

    /// Counts a request; `entry` is asked for only when entries are kept.
    pub(crate) fn note(&mut self, name: &str, status: u16, entry: impl FnOnce(u64) -> Entry) {
        self.requests += 1;
        *self.by_status.entry(status).or_default() += 1;
        if let Some(count) = self.by_name.get_mut(name) {
            *count += 1;
        } else if self.by_name.len() < NAMES_MAX {
            self.by_name.insert(name.to_owned(), 1);
        }
        if self.is_kept() {
            if self.entries.len() >= self.entries_max {
                self.entries.pop_front();
            }
            self.entries.push_back(entry(self.requests));
        }
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.entries.iter().cloned().collect()
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    pub(crate) fn stats(&self) -> Value {
        let by_status: BTreeMap<String, u64> = self
            .by_status
            .iter()
            .map(|(status, count)| (status.to_string(), *count))
            .collect();
        serde_json::json!({
            "requests": self.requests,
            "by_status": by_status,
            "by_name": self.by_name,
        })
    }
}

/// Parameters without what must not be kept.
pub(crate) fn shown(params: &Map<String, Value>) -> Map<String, Value> {
    let shown = params.iter().map(|(key, value)| {
        let value = match SECRET.contains(&key.as_str()) {
            true => "•••".into(),
            false => value.clone(),
        };
        (key.clone(), value)
    });
    shown.collect()
}

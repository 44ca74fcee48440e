//! How a portal stands towards a webhook and its methods: circuits and operating time together.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use crate::{
    Lane,
    answer::Time,
    budget::{
        circuit::{self, Circuit},
        operating::{Ledger, Parked},
    },
    error::{Class, Extent, Failure},
};

/// The method under which a batch itself is counted.
pub(super) const BATCH: &str = "batch";

/// Which circuit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Portal,
    Credential(usize),
    Method(usize, Box<str>),
}

/// What stands in a call's way.
#[derive(Debug)]
pub(super) enum Pass {
    Free,
    /// It may go by itself, to find out about these circuits.
    Probe(Vec<Key>),
    /// A probe is on its way.
    Wait,
    /// The method is parked.
    Hold(Parked),
    /// The portal has refused its like; this is what the caller is told.
    Refused(Failure),
}

#[derive(Debug)]
pub(super) struct Standing {
    operating_limit: Duration,
    /// The open ones.
    circuits: HashMap<Key, Circuit>,
    ledgers: HashMap<usize, Ledger>,
}

impl Standing {
    pub(super) fn new(operating_limit: Duration) -> Self {
        Self {
            operating_limit,
            circuits: HashMap::new(),
            ledgers: HashMap::new(),
        }
    }

    /// What stands in the way of a method of a webhook.
    pub(super) fn pass(&self, credential: usize, name: &str, lane: Lane, now: Instant) -> Pass {
        let mut probes = Vec::new();
        let mut is_waiting = false;
        if !self.circuits.is_empty() {
            for key in keys(credential, name) {
                match self.circuits.get(&key).map(|circuit| circuit.pass(now)) {
                    None => {}
                    Some(circuit::Pass::Probe) => probes.push(key),
                    Some(circuit::Pass::Wait) => is_waiting = true,
                    Some(circuit::Pass::Refused(failure, left)) => {
                        return Pass::Refused(remembered(failure, left));
                    }
                }
            }
        }
        let ledger = self.ledgers.get(&credential);
        if let Some(parked) = ledger.and_then(|ledger| ledger.parked(name, lane, now)) {
            return Pass::Hold(parked);
        }
        match (is_waiting, probes.is_empty()) {
            (true, _) => Pass::Wait,
            (false, true) => Pass::Free,
            (false, false) => Pass::Probe(probes),
        }
    }

    /// Whether anything stands in the way of any call.
    pub(super) fn is_restrained(&self, now: Instant) -> bool {
        !self.circuits.is_empty()
            || self
                .ledgers
                .values()
                .any(|ledger| ledger.is_restrained(now))
    }

    pub(super) fn begin_probe(&mut self, key: &Key) {
        if let Some(circuit) = self.circuits.get_mut(key) {
            circuit.probe();
        }
    }

    /// A probe came back with an answer that speaks for the circuit.
    pub(super) fn mend(&mut self, key: &Key) {
        self.circuits.remove(key);
    }

    /// A probe came back with nothing that speaks for or against the circuit.
    pub(super) fn lose_probe(&mut self, key: &Key) {
        if let Some(circuit) = self.circuits.get_mut(key) {
            circuit.probe_was_lost();
        }
    }

    /// Draws the consequences of a failure for the calls to come. Answers with the circuit it opened.
    pub(super) fn learn(
        &mut self,
        credential: usize,
        name: &str,
        failure: &Failure,
        now: Instant,
    ) -> Option<Key> {
        if failure.class == Class::OperatingTime {
            let (after, wall) = (failure.retry_after, failure.said.reset_at);
            self.ledger(credential).park(name, after, wall, now);
        }
        let key = match failure.class.extent() {
            Extent::Call => return None,
            Extent::Method => Key::Method(credential, name.into()),
            Extent::Credential => Key::Credential(credential),
            Extent::Portal => Key::Portal,
        };
        match self.circuits.get_mut(&key) {
            Some(circuit) => circuit.open_again(failure.clone(), now),
            None => {
                let circuit = Circuit::open(failure.clone(), now);
                self.circuits.insert(key.clone(), circuit);
            }
        }
        Some(key)
    }

    /// Notes the operating time that came with an answer.
    pub(super) fn note(&mut self, credential: usize, name: &str, time: &Time, now: Instant) {
        if time.operating_s.is_some() {
            self.ledger(credential).note(name, time, now);
        }
    }

    pub(super) fn parked_methods(&self, now: Instant) -> usize {
        let parked = self
            .ledgers
            .values()
            .map(|ledger| ledger.parked_methods(now));
        parked.sum()
    }

    pub(super) fn open_circuits(&self) -> usize {
        self.circuits.len()
    }

    fn ledger(&mut self, credential: usize) -> &mut Ledger {
        let limit = self.operating_limit;
        self.ledgers
            .entry(credential)
            .or_insert_with(|| Ledger::new(limit))
    }
}

fn keys(credential: usize, name: &str) -> [Key; 3] {
    [
        Key::Portal,
        Key::Credential(credential),
        Key::Method(credential, name.into()),
    ]
}

fn remembered(failure: &Failure, left: Duration) -> Failure {
    let mut failure = failure.clone();
    failure.said.remembered = true;
    if failure.class == Class::Blocked {
        failure.retry_after = Some(left);
    }
    failure
}

//! What would be wrong, told before anything is written.

use std::{
    collections::{BTreeMap, HashSet},
    hash::{BuildHasher as _, RandomState},
};

use frappe::text::collation_key;

use crate::{
    Result,
    decide::{Grouped, Problem, Problems, Resolved, Settings, Site, plan, references},
    reader::{Position, Source, hooked::Told},
    record::{Kind, Record},
};

/// How many records are read at once.
const BATCH: usize = 500;

/// What a dry run found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// How many records there are.
    pub records: BTreeMap<Kind, u64>,
    /// How many of them would be refused.
    pub refused: BTreeMap<Kind, u64>,
    /// How many the user's own decision would leave out.
    pub left_out: BTreeMap<Kind, u64>,
    /// What is wrong with them.
    pub problems: Grouped,
}

impl Found {
    fn leave_out(&mut self, kind: Kind, left_out: Vec<(String, Problem)>) {
        let count = left_out.len() as u64;
        *self.records.entry(kind).or_default() += count;
        *self.left_out.entry(kind).or_default() += count;
        for (id, why) in left_out {
            self.problems.add(&why.into(), &format!("{kind} {id}"));
        }
    }
}

/// Sets of ids and names, by their hashes: eight bytes each, however many there are.
#[derive(Default)]
struct Seen {
    hasher: RandomState,
    ids: HashSet<u64>,
    names: HashSet<u64>,
}

impl Seen {
    fn id(&self, kind: Kind, id: &str) -> u64 {
        self.hasher.hash_one((kind, id))
    }

    /// Whether another customer has this name.
    fn is_taken(&mut self, record: &Record) -> bool {
        let Record::Customer(customer) = record else {
            return false;
        };
        let Some(name) = &customer.name else {
            return false;
        };
        !self.names.insert(self.hasher.hash_one(collation_key(name)))
    }
}

/// Decides every record of a source and writes nothing.
///
/// `told` is called with how many records were read, now and then.
///
/// # Errors
/// When the source cannot be read.
pub async fn dry_run(
    source: &Source,
    site: &Site,
    settings: &Settings,
    mut told: impl FnMut(Kind, u64),
) -> Result<Found> {
    let mut found = Found::default();
    let mut seen = Seen::default();
    for kind in Kind::ALL {
        let mut reading = Some(source.open(kind, Position::default())?.next(BATCH));
        while let Some(next) = reading.take() {
            let (reader, batch) = next.await?;
            let Some(batch) = batch else { break };
            // Read on while this is decided.
            reading = Some(reader.next(BATCH));
            let Told {
                left_out,
                mut failures,
                ..
            } = batch.hooked;
            found.leave_out(kind, left_out);
            for item in batch.items {
                let mut problems = Problems::default();
                let place = match &item.read {
                    Err(bad) => {
                        problems.add(Problem::Unreadable {
                            why: bad.why.clone(),
                        });
                        item.place.to_string()
                    }
                    Ok(record) => {
                        problems = decided(record, &mut seen, site, settings);
                        if let Some(failure) = failures.remove(record.id()) {
                            problems.add(failure);
                        }
                        format!("{kind} {}", record.id())
                    }
                };
                *found.records.entry(kind).or_default() += 1;
                if problems.refuse() {
                    *found.refused.entry(kind).or_default() += 1;
                }
                found.problems.add(&problems, &place);
            }
            told(kind, found.records.get(&kind).copied().unwrap_or_default());
        }
    }
    Ok(found)
}

fn decided(record: &Record, seen: &mut Seen, site: &Site, settings: &Settings) -> Problems {
    let mut resolved = Resolved::default();
    for (kind, id) in references(record) {
        let is_there = seen.ids.contains(&seen.id(kind, id));
        resolved.add(kind, id.to_owned(), is_there.then(|| id.to_owned()));
    }
    let mut problems = plan(record, &resolved, site, settings).problems;
    if seen.is_taken(record) {
        problems.add(Problem::SameName {
            doctype: settings.customer_doctype.as_str().to_owned(),
        });
    }
    // Nothing refers to tickets.
    if record.kind() != Kind::Ticket && !problems.refuse() {
        let id = seen.id(record.kind(), record.id());
        seen.ids.insert(id);
    }
    problems
}

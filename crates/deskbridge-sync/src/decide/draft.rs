//! What a plan is made from, and the plan while it is made.

use std::{collections::BTreeMap, fmt};

use caresoft::Id;
use deskbridge_core::{
    IdempotencyKey, Link, NewEffect, Urgency,
    call::{Call, Report},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    record::Record,
    write::{Fields, SourceKey, Write},
};
use crate::settings::{Account, Agent, Evaluated, Table};

/// What is known of some records, as it was read.
#[derive(Clone, Debug, Default)]
pub struct Held(BTreeMap<Record, Known>);

/// What is known of one record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    /// The state of our knowledge that a change is made from; 0 before anything is known.
    pub revision: u64,
    /// What is known; null before anything is.
    pub facts: Value,
}

impl Held {
    /// Adds what is known of a record.
    pub fn insert(&mut self, record: Record, known: Known) {
        self.0.insert(record, known);
    }

    /// Whether it was read what is known of a record.
    pub fn has(&self, record: &Record) -> bool {
        self.0.contains_key(record)
    }

    /// Whether anything is known of a record.
    pub fn knows(&self, record: &Record) -> bool {
        self.0
            .get(record)
            .is_some_and(|known| !known.facts.is_null())
    }

    /// What is known of a record; the least that can be known where nothing is.
    ///
    /// # Errors
    /// When it was kept in a shape that is not known.
    pub fn facts<F: DeserializeOwned + Default>(&self, record: &Record) -> Result<F, Unreadable> {
        match self.0.get(record).map(|known| &known.facts) {
            None | Some(Value::Null) => Ok(F::default()),
            Some(facts) => F::deserialize(facts).map_err(|source| Unreadable {
                kind: record.kind(),
                source,
            }),
        }
    }

    fn revision(&self, record: &Record) -> u64 {
        self.0.get(record).map_or(0, |known| known.revision)
    }
}

/// What is known of a record is kept in a shape that is not known.
#[derive(Debug, thiserror::Error)]
#[error("what is known of the {kind} cannot be read")]
pub struct Unreadable {
    pub(super) kind: &'static str,
    #[source]
    pub(super) source: serde_json::Error,
}

/// Something that an administrator may want to do something about. Says nothing of people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A table has no row for a word.
    NoRow {
        /// The setting.
        table: &'static str,
        /// CareSoft's word.
        word: String,
    },
    /// An agent is not in the table, or has no value for what is needed there.
    NoAgent {
        /// What is not known of the agent.
        setting: &'static str,
        /// The agent.
        id: Id,
    },
    /// The expression of a field failed.
    FieldFailed {
        /// The setting that holds it.
        object: &'static str,
        /// The field.
        field: String,
        /// Why.
        why: String,
    },
    /// An e-mail address or phone number is none, and is left out.
    NotUsable {
        /// CareSoft's field.
        field: &'static str,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRow { table, word } => {
                write!(f, "{table} of the mapping has no row for {word:?}")
            }
            Self::NoAgent { setting, id } => {
                write!(f, "agents of the mapping has no {setting} for {id}")
            }
            Self::FieldFailed { object, field, why } => {
                write!(f, "{object}.fields.{field} of the mapping failed: {why}")
            }
            Self::NotUsable { field } => {
                write!(f, "what {field} holds cannot be used and is left out")
            }
        }
    }
}

/// What is to be done about an event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Writes to helpdesk and CRM, in their order.
    pub effects: Vec<NewEffect>,
    /// Which records refer to each other.
    pub links: Vec<Link>,
    /// What is known of records now, each at the revision that it was made from.
    pub known: Vec<(Record, Known)>,
    /// What an administrator may want to know.
    pub notes: Vec<Note>,
}

/// A plan while it is made.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub(super) account: &'a Account,
    pub(super) held: &'a Held,
    plan: Plan,
}

impl<'a> Draft<'a> {
    pub(super) fn new(account: &'a Account, held: &'a Held) -> Self {
        Self {
            account,
            held,
            plan: Plan::default(),
        }
    }

    pub(super) fn finish(self) -> Plan {
        self.plan
    }

    pub(super) fn key(&self, record: &Record) -> SourceKey {
        record.source_key(&self.account.connection)
    }

    /// Keeps what is known of a record, if it is not what was known before.
    pub(super) fn keep<F: Serialize + PartialEq>(
        &mut self,
        record: Record,
        before: &F,
        after: &F,
    ) -> Result<(), Unreadable> {
        if before != after {
            let facts = serde_json::to_value(after).map_err(|source| Unreadable {
                kind: record.kind(),
                source,
            })?;
            let revision = self.held.revision(&record);
            self.plan.known.push((record, Known { revision, facts }));
        }
        Ok(())
    }

    pub(super) fn link(&mut self, one: &Record, other: &Record) {
        let connection = &self.account.connection;
        self.plan.links.push(Link {
            one: one.remote(connection),
            other: other.remote(connection),
        });
    }

    pub(super) fn note(&mut self, note: Note) {
        if !self.plan.notes.contains(&note) {
            self.plan.notes.push(note);
        }
    }

    /// A write that follows from a change of what is known of its record: the change's revision names it.
    pub(super) fn save(&mut self, record: &Record, write: &Write) {
        let suffix = match write {
            // A lead that becomes a deal has two in one change.
            Write::SaveCase(case) => match case.kind {
                super::write::CaseKind::Lead => "/lead",
                super::write::CaseKind::Deal => "/deal",
            },
            _ => "",
        };
        let revision = self.held.revision(record) + 1;
        let key = format!("{}/{}{suffix}@{revision}", self.key(record), write.kind());
        self.effect(record, &key, write);
    }

    /// A write to `record` that happens once for a thing named by `key`.
    pub(super) fn effect(&mut self, record: &Record, key: &str, write: &Write) {
        // A write is texts, numbers and maps with texts as keys: it can always be written as JSON.
        let payload = serde_json::to_value(write).unwrap_or_default();
        self.plan.effects.push(NewEffect {
            urgency: Urgency::Usual,
            kind: write.kind().to_owned(),
            ordering_key: record.ordering_key(&self.account.connection),
            idempotency_key: IdempotencyKey::new(key),
            payload,
        });
    }

    /// Reports a call, by what is known of it with the change that is being made.
    pub(super) fn report(&mut self, record: &Record, call: Call) {
        let report = Report {
            connection: self.account.connection.clone(),
            revision: self.held.revision(record) + 1,
            call,
        };
        self.plan.effects.push(report.effect());
    }

    /// What a word is by a table, told of when it has no row.
    pub(super) fn row(
        &mut self,
        setting: &'static str,
        table: &Table,
        word: Option<&str>,
    ) -> Option<String> {
        let word = word?;
        let value = table.get(word).map(str::to_owned);
        if value.is_none() && table.row(word).is_none() && !table.is_empty() {
            self.note(Note::NoRow {
                table: setting,
                word: word.to_owned(),
            });
        }
        value
    }

    /// What is known of an agent elsewhere, told of when it is not known.
    pub(super) fn agent<T>(
        &mut self,
        id: Id,
        setting: &'static str,
        of: impl Fn(&Agent) -> Option<T>,
    ) -> Option<T> {
        let agents = &self.account.mapping.agents;
        let value = agents.get(&id).and_then(of);
        if value.is_none() && !agents.is_empty() {
            self.note(Note::NoAgent { setting, id });
        }
        value
    }

    /// Adds the fields of expressions.
    pub(super) fn add(&mut self, fields: &mut Fields, object: &'static str, evaluated: Evaluated) {
        fields.extend(evaluated.fields);
        for (field, why) in evaluated.failed {
            self.note(Note::FieldFailed { object, field, why });
        }
    }
}

/// The fields that differ from what was planned. To empty a field that never held anything is no difference.
pub(super) fn changed(planned: &Fields, wanted: &Fields) -> Fields {
    let differs = |(name, value): &(&String, &Value)| match planned.get(name.as_str()) {
        Some(planned) => planned != *value,
        None => *value != "",
    };
    let changed = wanted.iter().filter(differs);
    changed
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// What was planned last of every field: one that nothing is known of any more keeps what it was given.
pub(super) fn overlaid(planned: &Fields, wanted: &Fields) -> Fields {
    let mut next = planned.clone();
    next.extend(changed(planned, wanted));
    next
}

/// A text in one line and of bounded length, without blanks around it.
pub(super) fn line(text: &str, characters_max: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    match text.chars().count() > characters_max {
        true => {
            let start = text.chars().take(characters_max.saturating_sub(1));
            let start: String = start.collect();
            format!("{}…", start.trim_end())
        }
        false => text,
    }
}

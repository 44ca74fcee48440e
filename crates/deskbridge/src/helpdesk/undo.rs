//! Back to what there was: from what installations recorded to what is to be restored, deleted, or left alone.

use std::collections::{BTreeMap, btree_map::Entry as MapEntry};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document::{Fields, Key, same_fields};

/// What an installation is about to do to one document.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Entry {
    #[serde(flatten)]
    pub(crate) key: Key,
    /// What was there; `None` for a document that was not.
    pub(crate) before: Option<Fields>,
    /// The fields that were written; `None` in a mere backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) installed: Option<Fields>,
    /// The Password field that was filled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<String>,
}

/// What all installations together did to one document.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Done {
    pub(crate) before: Option<Fields>,
    pub(crate) installed: Fields,
    pub(crate) secret: Option<String>,
}

/// Puts together what installations did, oldest first: what was there before the first, what was written last. What
/// somebody made or changed between two of them is what was there before.
pub(crate) fn gather<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Vec<(Key, Done)> {
    let mut order: Vec<Key> = Vec::new();
    let mut done: BTreeMap<Key, Done> = BTreeMap::new();
    for entry in entries {
        let Some(installed) = &entry.installed else {
            continue;
        };
        let known = match done.entry(entry.key.clone()) {
            MapEntry::Occupied(known) => {
                let known = known.into_mut();
                known.meet(entry.before.as_ref());
                known
            }
            MapEntry::Vacant(vacant) => {
                order.push(entry.key.clone());
                vacant.insert(Done {
                    before: entry.before.clone(),
                    installed: Fields::new(),
                    secret: None,
                })
            }
        };
        known.installed.extend(installed.clone());
        known.secret = known.secret.take().or_else(|| entry.secret.clone());
    }
    let done = order.into_iter().filter_map(|key| {
        let done = done.remove(&key)?;
        Some((key, done))
    });
    done.collect()
}

impl Done {
    /// Takes in what a later installation found.
    fn meet(&mut self, found: Option<&Fields>) {
        let Some(found) = found else {
            // It was deleted by hand, and is made again.
            self.before = None;
            self.installed.clear();
            return;
        };
        let is_ours = |(field, _): &(&String, &Value)| match self.installed.get_key_value(*field) {
            Some((field, ours)) => {
                same_fields(found, &Fields::from_iter([(field.clone(), ours.clone())]))
            }
            None => false,
        };
        let foreign: Fields = found
            .iter()
            .filter(|field| !is_ours(field))
            .map(|(field, value)| (field.clone(), value.clone()))
            .collect();
        let is_changed = foreign
            .keys()
            .any(|field| self.installed.contains_key(field));
        match &mut self.before {
            Some(before) => {
                for (field, value) in foreign {
                    if self.installed.contains_key(&field) || !before.contains_key(&field) {
                        before.insert(field, value);
                    }
                }
            }
            None if is_changed => {
                self.before = Some(found.clone());
                self.installed.clear();
                self.secret = None;
            }
            None => {}
        }
    }
}

/// One step back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// Give fields their old values.
    Restore { key: Key, from: Fields, to: Fields },
    /// Remove what was made.
    Delete { key: Key },
}

/// What is to be done, in order, and what is left alone because somebody changed it since.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Undo {
    pub(crate) steps: Vec<Step>,
    pub(crate) kept: Vec<Key>,
}

/// What takes everything back. `current` has the documents that are still there.
pub(crate) fn undo(done: &[(Key, Done)], current: &BTreeMap<Key, Fields>, force: bool) -> Undo {
    let mut undo = Undo::default();
    // What was made last depends on what was made before.
    for (key, done) in done.iter().rev() {
        let Some(is) = current.get(key) else {
            continue;
        };
        let is_ours = force || same_fields(is, &done.installed);
        match &done.before {
            None if is_ours => undo.steps.push(Step::Delete { key: key.clone() }),
            None => undo.kept.push(key.clone()),
            Some(before) => {
                let to = old_values(before, done);
                if same_fields(is, &to) {
                    continue;
                }
                if is_ours {
                    undo.steps.push(Step::Restore {
                        key: key.clone(),
                        from: is.clone(),
                        to,
                    });
                } else {
                    undo.kept.push(key.clone());
                }
            }
        }
    }
    undo
}

/// The old values of what was written. A secret that was put in is taken out; one that it replaced is in no backup.
fn old_values(before: &Fields, done: &Done) -> Fields {
    let mut values: Fields = done
        .installed
        .keys()
        .map(|field| {
            let value = before.get(field).cloned();
            (field.clone(), value.unwrap_or(Value::Null))
        })
        .collect();
    if let Some(field) = &done.secret
        && before.get(field).is_none_or(Value::is_null)
    {
        values.insert(field.clone(), Value::Null);
    }
    values
}

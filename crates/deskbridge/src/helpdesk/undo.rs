//! Back to what there was: from what installations recorded to what is to be restored, deleted, or left alone.

use std::collections::{BTreeMap, btree_map};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document::{Fields, Key, same, same_fields};

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

/// Puts together what installations did, oldest first: what was there before the first, what was written last.
///
/// What a later installation found and no earlier one had written is somebody's work since, and is what goes back.
pub(crate) fn gather<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Vec<(Key, Done)> {
    let mut order: Vec<Key> = Vec::new();
    let mut known: BTreeMap<Key, Known> = BTreeMap::new();
    for entry in entries {
        let Some(installed) = &entry.installed else {
            continue;
        };
        match known.entry(entry.key.clone()) {
            btree_map::Entry::Vacant(place) => {
                order.push(entry.key.clone());
                place.insert(Known::first(entry, installed));
            }
            btree_map::Entry::Occupied(mut place) => place.get_mut().add(entry, installed),
        }
    }
    let done = order.into_iter().filter_map(|key| {
        let done = known.remove(&key)?.done;
        Some((key, done))
    });
    done.collect()
}

/// What is known of one document while entries are put together.
struct Known {
    done: Done,
    /// What each installation meant to write. One that was interrupted may not have, and then the next one finds what
    /// an earlier one wrote.
    written: Vec<Fields>,
}

impl Known {
    fn first(entry: &Entry, installed: &Fields) -> Self {
        Self {
            done: Done {
                before: entry.before.clone(),
                installed: installed.clone(),
                secret: entry.secret.clone(),
            },
            written: vec![installed.clone()],
        }
    }

    fn add(&mut self, entry: &Entry, installed: &Fields) {
        let Some(found) = &entry.before else {
            // It was deleted by hand, and is made again.
            *self = Self::first(entry, installed);
            return;
        };
        match &mut self.done.before {
            Some(before) => {
                for (field, value) in found {
                    // What the backup has of a secret that was put in does not say whose it was.
                    let is_secret = self.done.secret.as_ref() == Some(field);
                    match is_ours(&self.written, field, value) {
                        Some(true) => {}
                        Some(false) => {
                            before.insert(field.clone(), value.clone());
                        }
                        // A later installation may have written fields that the first did not.
                        None if !is_secret => {
                            before.entry(field.clone()).or_insert_with(|| value.clone());
                        }
                        None => {}
                    }
                }
            }
            None => {
                let mut found = found.iter();
                if found.any(|(field, value)| is_ours(&self.written, field, value) == Some(false)) {
                    *self = Self::first(entry, installed);
                    return;
                }
            }
        }
        self.done.installed.extend(installed.clone());
        let secret = self.done.secret.take();
        self.done.secret = secret.or_else(|| entry.secret.clone());
        self.written.push(installed.clone());
    }
}

/// Whether a value that was found is one that was written; `None` for a field that was not written before.
fn is_ours(written: &[Fields], field: &str, found: &Value) -> Option<bool> {
    let mut values = written
        .iter()
        .filter_map(|fields| fields.get(field))
        .peekable();
    values.peek()?;
    Some(values.any(|value| same(found, value)))
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

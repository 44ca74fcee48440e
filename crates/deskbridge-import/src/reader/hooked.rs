//! The user's own decision about every record: asked right after it was read, so that everything that comes later, an
//! import, a dry run and a comparison, sees the same record.

use std::{collections::HashMap, sync::Arc};

use deskbridge_hooks::{Hooks, Point};
use futures_util::{StreamExt as _, stream};

use super::{Batch, Item, Source};
use crate::{
    decide::{self, Problem},
    record::Record,
};

/// A source about whose records a hook is asked.
#[derive(Clone, Debug)]
pub struct Hooked {
    source: Box<Source>,
    asked: Asked,
}

impl Hooked {
    /// A source, who is asked about its records, and about how many at once.
    pub fn new(source: Source, hooks: Arc<Hooks>, at_once: usize) -> Self {
        Self {
            source: Box::new(source),
            asked: Asked {
                hooks,
                at_once: at_once.max(1),
            },
        }
    }

    /// The source itself.
    pub fn source(&self) -> &Source {
        &self.source
    }

    pub(super) fn asked(&self) -> &Asked {
        &self.asked
    }
}

/// What a hook did to a batch.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// The ids of records that it left out, with why.
    pub left_out: Vec<(String, Problem)>,
    /// What kept it from deciding, by the ids of the records.
    pub failures: HashMap<String, Problem>,
    /// Those records that it changed, as they were read, by their ids.
    pub before: HashMap<String, Record>,
}

/// Who is asked.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    hooks: Arc<Hooks>,
    at_once: usize,
}

impl Asked {
    /// A batch as the hook has it, in its order.
    pub(super) async fn of(&self, batch: Batch) -> Batch {
        let (mut items, mut told) = (Vec::with_capacity(batch.items.len()), Told::default());
        let asked = stream::iter(batch.items).map(|item| self.ask(item));
        let mut asked = asked.buffered(self.at_once);
        while let Some((Item { place, read }, became)) = asked.next().await {
            let read = match (read, became) {
                (Ok(record), decide::Hooked::AsRead(failure)) => {
                    let failure = failure.map(|failure| (record.id().to_owned(), failure));
                    told.failures.extend(failure);
                    Ok(record)
                }
                (Ok(record), decide::Hooked::Changed(changed)) => {
                    told.before.insert(record.id().to_owned(), record);
                    Ok(changed)
                }
                (Ok(record), decide::Hooked::LeftOut(why)) => {
                    told.left_out.push((record.id().to_owned(), why));
                    continue;
                }
                (unreadable @ Err(_), _) => unreadable,
            };
            items.push(Item { place, read });
        }
        drop(asked);
        Batch {
            items,
            position: batch.position,
            part_read: batch.part_read,
            hooked: told,
        }
    }

    async fn ask(&self, item: Item) -> (Item, decide::Hooked) {
        let became = match &item.read {
            Ok(record) => {
                let known = decide::hooked::told(record);
                let decision = self.hooks.decide(Point::ImportRecord, &known).await;
                decide::hooked(record, &decision)
            }
            Err(_) => decide::Hooked::AsRead(None),
        };
        (item, became)
    }
}

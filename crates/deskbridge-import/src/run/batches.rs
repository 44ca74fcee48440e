//! Batches of records, decided: what was written before from the same content is left out.

use std::collections::{BTreeMap, HashMap};

use deskbridge_store::{ImportRecord, ImportState};
use futures_util::{Stream, stream};

use super::{BATCH, Import};
use crate::{
    Result,
    decide::{Planned, Problem, Problems, Resolved, Site, plan, references},
    reader::{Batch, Item, Place, Position, Reader},
    record::{Kind, Record},
};

/// How many records are decided in one go.
const DECIDED_AT_ONCE: usize = 8;

/// A record that is to be written.
pub(super) struct Job {
    pub(super) batch: u64,
    pub(super) place: Place,
    pub(super) record: Record,
    pub(super) planned: Planned,
    pub(super) hash: Vec<u8>,
    pub(super) known: Option<ImportRecord>,
}

/// A record that is not to be written.
pub(super) struct Refused {
    pub(super) place: Place,
    pub(super) record: Record,
    pub(super) doctype: String,
    pub(super) why: String,
}

/// A batch, decided.
pub(super) struct Prepared {
    pub(super) jobs: Vec<Job>,
    pub(super) refused: Vec<Refused>,
    pub(super) unreadable: Vec<Item>,
    pub(super) problems: Vec<(Problems, String)>,
    pub(super) unchanged: u64,
    pub(super) left_out: u64,
    /// How many were read, readable or not.
    pub(super) records: u64,
    pub(super) part_read: Option<f64>,
    pub(super) position: Position,
}

impl Prepared {
    fn leave_out(&mut self, kind: Kind, left_out: Vec<(String, Problem)>) {
        let count = left_out.len() as u64;
        self.left_out += count;
        self.records += count;
        for (id, why) in left_out {
            self.problems.push((why.into(), format!("{kind} {id}")));
        }
    }
}

/// The batches of a kind.
pub(super) fn of<'a>(
    import: &'a Import<'a>,
    site: &'a Site,
    kind: Kind,
    from: Position,
) -> Result<impl Stream<Item = Result<Prepared>> + 'a> {
    let reader = import.source.open(kind, from)?;
    Ok(stream::unfold(Some(reader), move |reader| async move {
        match next(import, site, kind, reader?).await {
            Ok(Some((reader, prepared))) => Some((Ok(prepared), Some(reader))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    }))
}

async fn next(
    import: &Import<'_>,
    site: &Site,
    kind: Kind,
    reader: Reader,
) -> Result<Option<(Reader, Prepared)>> {
    let (reader, batch) = reader.next(BATCH).await?;
    let Some(Batch {
        items,
        position,
        part_read,
        hooked,
    }) = batch
    else {
        return Ok(None);
    };
    let mut prepared = Prepared {
        jobs: Vec::new(),
        refused: Vec::new(),
        unreadable: Vec::new(),
        problems: Vec::new(),
        unchanged: 0,
        left_out: 0,
        records: items.len() as u64,
        position,
        part_read,
    };
    let mut records = Vec::with_capacity(items.len());
    for item in items {
        match item.read {
            Ok(record) => records.push((item.place, record)),
            Err(ref bad) => {
                let why = bad.why.clone();
                let problems = Problem::Unreadable { why }.into();
                prepared.problems.push((problems, item.place.to_string()));
                prepared.unreadable.push(item);
            }
        }
    }
    // Whether one of them failed before is not asked: it is not to be written.
    if !import.options.only_failed {
        prepared.leave_out(kind, hooked.left_out);
    }
    let resolved = resolve(import, &records).await?;
    let mut known = known(import, kind, &records).await?;
    let (mut before, mut failures) = (hooked.before, hooked.failures);
    for (number, (place, record)) in records.into_iter().enumerate() {
        // What is under way shares this thread, and would stand still until all of the batch is decided.
        if number % DECIDED_AT_ONCE == 0 {
            tokio::task::yield_now().await;
        }
        let mut fresh = plan(&record, &resolved, site, import.settings);
        let hash = fresh.planned.hash();
        let known = known.remove(record.id());
        let has_failed = known
            .as_ref()
            .is_some_and(|known| known.state == ImportState::Failed);
        if import.options.only_failed && !has_failed {
            prepared.records = prepared.records.saturating_sub(1);
            continue;
        }
        let is_unchanged = known.as_ref().is_some_and(|known| {
            known.state == ImportState::Written && known.hash.as_ref() == Some(&hash)
        });
        if let Some(failure) = failures.remove(record.id()) {
            fresh.problems.add(failure);
        }
        if !fresh.problems.is_empty() {
            let place = format!("{kind} {}", record.id());
            prepared.problems.push((fresh.problems.clone(), place));
        }
        // What is fed back is asked about again.
        let record = before.remove(record.id()).unwrap_or(record);
        if fresh.problems.refuse() {
            prepared.refused.push(Refused {
                place,
                record,
                doctype: fresh.planned.doctype().to_owned(),
                why: fresh.problems.why_refused(),
            });
        } else if is_unchanged {
            prepared.unchanged += 1;
        } else {
            prepared.jobs.push(Job {
                batch: 0,
                place,
                record,
                planned: fresh.planned,
                hash,
                known,
            });
        }
    }
    Ok(Some((reader, prepared)))
}

/// What the ledger knows of these records.
async fn known(
    import: &Import<'_>,
    kind: Kind,
    records: &[(Place, Record)],
) -> Result<HashMap<String, ImportRecord>> {
    let ids = records.iter().map(|(_, record)| record.id().to_owned());
    let (source, kind) = (import.settings.source.clone(), kind.as_str().to_owned());
    let known = import.store.imported(source, kind, ids.collect()).await?;
    let by_id = known.into_iter().map(|record| (record.id.clone(), record));
    Ok(by_id.collect())
}

/// The documents that these records refer to.
async fn resolve(import: &Import<'_>, records: &[(Place, Record)]) -> Result<Resolved> {
    let mut wanted: BTreeMap<Kind, Vec<String>> = BTreeMap::new();
    for (kind, id) in records.iter().flat_map(|(_, record)| references(record)) {
        wanted.entry(kind).or_default().push(id.to_owned());
    }
    let mut resolved = Resolved::default();
    for (kind, mut ids) in wanted {
        ids.sort_unstable();
        ids.dedup();
        let (source, name) = (import.settings.source.clone(), kind.as_str().to_owned());
        for found in import.store.imported(source, name, ids).await? {
            resolved.add(kind, found.id, found.name);
        }
    }
    Ok(resolved)
}

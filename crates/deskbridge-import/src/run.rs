//! A run: reads, decides, writes, remembers.
//!
//! The ledger is written behind the helpdesk, in batches, so a crash loses what was not yet in it; the unique keys of the
//! documents make up for that. Up to where a source is settled is written in the same transaction as the records before
//! it, never ahead of them.

mod batches;

use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
    pin::{Pin, pin},
    time::Duration,
};

use deskbridge_core::Clock;
use deskbridge_store::{ImportRecord, ImportState, Settled, Store};
use frappe::Client;
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::sync::watch;

use self::batches::{Job, Prepared};
use crate::{
    Error, Result,
    decide::{Grouped, Pace, Planned, PlannedDocument, Problem, Problems, Settings, Site},
    guard,
    reader::{Place, Position, Source},
    record::{Kind, Record},
    rejects::Rejects,
    target,
    write::{Down, Joining, Saved, Sender, Stop, Writer},
};

/// How many records are read and looked up in the ledger at once.
const BATCH: usize = 200;
/// How many new customers go in one request.
const TOGETHER: usize = 50;
/// How many results are kept in memory before they go to the ledger.
const RESULTS_MAX: usize = 200;

/// How a run goes about it.
#[derive(Clone, Debug)]
pub struct Options {
    /// Names the run in the ledger, so that it can be taken back.
    pub run: String,
    /// The most requests that are under way at once.
    pub requests_max: usize,
    /// The most requests in a second.
    pub requests_per_second_max: Option<f64>,
    /// How long the helpdesk may be gone before the run ends.
    pub patience: Duration,
    /// The folder below which attached files lie.
    pub files: Option<PathBuf>,
    /// Whether the import may go on although the helpdesk would send mail because of it.
    pub may_send_mail: bool,
    /// Whether the source is read from its beginning, wherever it is settled.
    pub from_start: bool,
    /// Whether only those records are written that failed before.
    pub only_failed: bool,
    /// Where rejected records go.
    pub rejects: Option<PathBuf>,
    /// Where the time comes from.
    pub clock: Clock,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            run: "run".to_owned(),
            requests_max: 64,
            requests_per_second_max: None,
            patience: Duration::from_secs(600),
            files: None,
            may_send_mail: false,
            from_start: false,
            only_failed: false,
            rejects: None,
            clock: Clock::system(),
        }
    }
}

/// What somebody wants of a run that is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Go on.
    #[default]
    Go,
    /// Begin nothing new for now.
    Pause,
    /// Finish what is under way and end.
    Stop,
}

/// An import into one helpdesk.
#[derive(Debug)]
pub struct Import<'a> {
    /// Where the ledger is.
    pub store: &'a Store,
    /// The helpdesk, as a user who may write all that is imported.
    pub client: &'a Client,
    /// Where the records are.
    pub source: &'a Source,
    /// What they become.
    pub settings: &'a Settings,
    /// How.
    pub options: &'a Options,
}

/// How many records of a kind came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// They were made.
    pub made: u64,
    /// They were there, and are as they should be now.
    pub updated: u64,
    /// They were written before, from the same content.
    pub unchanged: u64,
    /// They are not in the helpdesk, or not whole.
    pub failed: u64,
    /// The user's own decision leaves them out.
    pub left_out: u64,
}

impl Counts {
    /// All of them.
    pub fn all(self) -> u64 {
        self.made + self.updated + self.unchanged + self.failed + self.left_out
    }
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being written.
    pub kind: Kind,
    /// What came of those of this kind.
    pub counts: Counts,
    /// How many records of this kind the run comes by about, as far as can be told from what was read.
    pub total: Option<u64>,
    /// How many requests may be under way.
    pub requests: usize,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All of the source was read.
    Whole,
    /// It was told to.
    Stopped,
    /// The helpdesk was gone, or refuses everything.
    Down {
        /// Why.
        why: String,
    },
}

/// What a run did.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// What came of the records.
    pub counts: BTreeMap<Kind, Counts>,
    /// What was wrong with them.
    pub problems: Grouped,
    /// How it ended.
    pub ended: Ended,
}

/// A record that was carried out.
struct Carried {
    batch: u64,
    place: Place,
    record: Record,
    doctype: String,
    hash: Vec<u8>,
    is_new: bool,
    result: std::result::Result<Saved, Stop>,
}

/// The state of a run.
struct Running<'a> {
    import: &'a Import<'a>,
    site: &'a Site,
    kind: Kind,
    counts: Counts,
    problems: &'a mut Grouped,
    rejects: &'a mut Rejects,
    /// What the ledger does not have yet.
    results: Vec<ImportRecord>,
    /// Batches that are not settled, in their order.
    open: VecDeque<Open>,
    batches: u64,
    /// How many records were read.
    records: u64,
    /// How far the source was read with the first batch, and how many records that one had.
    first: Option<(f64, u64)>,
    total: Option<u64>,
    down: Option<Down>,
    /// Why the source cannot be read on.
    broken: Option<Error>,
}

struct Open {
    number: u64,
    outstanding: usize,
    position: Position,
}

type Flush = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

impl Import<'_> {
    /// Brings the helpdesk to where it has everything that the source has.
    ///
    /// # Errors
    /// When the source, the ledger or the reject file fails, or the helpdesk is not ready. What is wrong with single
    /// records is in the [`Summary`].
    pub async fn run(
        &self,
        mut orders: watch::Receiver<Order>,
        mut told: impl FnMut(Progress),
    ) -> Result<Summary> {
        let site = target::site(self.client, self.settings).await?;
        let missing = target::missing(&site, self.settings);
        if let Some(first) = missing.first() {
            let names: Vec<&str> = missing
                .iter()
                .filter_map(|missing| missing.attributes.text("fieldname"))
                .collect();
            return Err(Error::NotReady {
                why: format!(
                    "{} and others lack the fields {}; have them made first",
                    first.doctype,
                    names.join(", ")
                ),
            });
        }
        let loud = guard::loud(self.client).await?;
        if let Some(first) = loud.first().filter(|_| !self.options.may_send_mail) {
            return Err(Error::NotReady {
                why: format!(
                    "it would send mail or change tickets by itself ({first}); switch that off first"
                ),
            });
        }
        let writer = self.writer(&site);
        let mut problems = Grouped::default();
        let mut rejects = Rejects::new(self.options.rejects.as_deref());
        let mut counts = BTreeMap::new();
        for kind in Kind::ALL {
            let mut running = Running {
                import: self,
                site: &site,
                kind,
                counts: Counts::default(),
                problems: &mut problems,
                rejects: &mut rejects,
                results: Vec::new(),
                open: VecDeque::new(),
                batches: 0,
                records: 0,
                first: None,
                total: None,
                down: None,
                broken: None,
            };
            let is_whole = running.run(&writer, &mut orders, &mut told).await?;
            counts.insert(kind, running.counts);
            let ended = match running.down {
                Some(Down { why }) => Ended::Down { why },
                None if !is_whole => Ended::Stopped,
                None => continue,
            };
            return Ok(Summary {
                counts,
                problems,
                ended,
            });
        }
        Ok(Summary {
            counts,
            problems,
            ended: Ended::Whole,
        })
    }

    fn writer(&self, site: &Site) -> Writer {
        let options = self.options;
        let is_open = site.default_status == site.reopen_status;
        Writer {
            sender: Sender::new(
                self.client.clone(),
                Pace::new(options.requests_max),
                options.patience,
                options.requests_per_second_max,
            ),
            files: options.files.clone(),
            account: self.source.account().cloned(),
            joining: Joining::default(),
            status_of_open: is_open.then(|| site.default_status.clone()),
        }
    }
}

impl Running<'_> {
    /// Whether all records of the kind were read.
    async fn run(
        &mut self,
        writer: &Writer,
        orders: &mut watch::Receiver<Order>,
        told: &mut impl FnMut(Progress),
    ) -> Result<bool> {
        let position = self.position().await?;
        let batches = batches::of(self.import, self.site, self.kind, position)?;
        let mut batches = pin!(batches);
        let mut queue: VecDeque<Job> = VecDeque::new();
        let mut under_way = FuturesUnordered::new();
        let mut flush: Option<Flush> = None;
        let mut is_read = false;
        loop {
            let order = *orders.borrow_and_update();
            let is_ending = order == Order::Stop || self.down.is_some() || self.broken.is_some();
            let begins = order == Order::Go && !is_ending;
            while begins
                && under_way.len() < writer.sender.limit()
                && let jobs = together(&mut queue)
                && !jobs.is_empty()
            {
                under_way.push(carry_out(writer, jobs));
            }
            if under_way.is_empty() && (is_ending || is_read && queue.is_empty()) {
                break;
            }
            if flush.is_none() && self.results.len() >= RESULTS_MAX {
                flush = Some(self.flush(None));
            }
            let reads = begins && !is_read && queue.len() < BATCH;
            tokio::select! {
                Some(carried) = under_way.next() => {
                    for carried in carried {
                        self.carried(carried)?;
                    }
                    told(self.progress(writer));
                }
                batch = batches.next(), if reads => match batch {
                    Some(Ok(batch)) => {
                        queue.extend(self.prepared(batch)?);
                        told(self.progress(writer));
                    }
                    // What is under way is ended and remembered first.
                    Some(Err(error)) => self.broken = Some(error),
                    None => is_read = true,
                },
                flushed = next(&mut flush), if flush.is_some() => {
                    flush = None;
                    flushed?;
                }
                // Where nobody is left to give orders, those that stand are the last ones.
                Ok(()) = orders.changed() => {}
                else => break,
            }
        }
        if let Some(flush) = flush {
            flush.await?;
        }
        let is_whole = is_read && queue.is_empty() && self.down.is_none();
        let begins_anew = is_whole && !self.import.source.follows(self.kind);
        self.flush(begins_anew.then_some(Settled::Whole)).await?;
        match self.broken.take() {
            Some(error) => Err(error),
            None => Ok(is_whole),
        }
    }

    fn progress(&self, writer: &Writer) -> Progress {
        Progress {
            kind: self.kind,
            counts: self.counts,
            total: self.total,
            requests: writer.sender.limit(),
        }
    }

    async fn position(&self) -> Result<Position> {
        let options = self.import.options;
        if options.from_start || options.only_failed {
            return Ok(Position::default());
        }
        let (source, kind) = (self.source(), self.kind.as_str().to_owned());
        let position = self.import.store.import_position(source, kind).await?;
        position.map_or(Ok(Position::default()), |text| {
            Position::read(&text, &self.import.source.fingerprint())
        })
    }

    fn source(&self) -> String {
        self.import.settings.source.clone()
    }

    /// Takes a batch in; what of it is to be carried out.
    fn prepared(&mut self, prepared: Prepared) -> Result<Vec<Job>> {
        let number = self.batches;
        self.batches += 1;
        self.records += prepared.records;
        self.total = prepared.part_read.and_then(|part| {
            let first = *self.first.get_or_insert((part, self.records));
            about(self.records, part, first)
        });
        for item in &prepared.unreadable {
            self.counts.failed += 1;
            self.rejects.unreadable(item)?;
        }
        for (problems, place) in &prepared.problems {
            self.problems.add(problems, place);
        }
        self.counts.unchanged += prepared.unchanged;
        self.counts.left_out += prepared.left_out;
        for refused in prepared.refused {
            self.counts.failed += 1;
            self.rejects
                .record(&refused.place, &refused.why, &refused.record)?;
            let Some(id) = Some(refused.record.id()).filter(|id| !id.is_empty()) else {
                continue;
            };
            self.results.push(ImportRecord {
                kind: self.kind.as_str().to_owned(),
                id: id.to_owned(),
                state: ImportState::Failed,
                doctype: refused.doctype,
                name: None,
                hash: None,
                is_made: false,
                before: None,
                why: Some(refused.why),
                run: self.import.options.run.clone(),
            });
        }
        self.open.push_back(Open {
            number,
            outstanding: prepared.jobs.len(),
            position: prepared.position,
        });
        let jobs = prepared.jobs.into_iter();
        Ok(jobs
            .map(|job| Job {
                batch: number,
                ..job
            })
            .collect())
    }

    fn carried(&mut self, carried: Carried) -> Result<()> {
        let Carried {
            batch,
            place,
            record,
            doctype,
            hash,
            is_new,
            result,
        } = carried;
        let base = ImportRecord {
            kind: self.kind.as_str().to_owned(),
            id: record.id().to_owned(),
            state: ImportState::Written,
            doctype,
            name: None,
            hash: None,
            is_made: false,
            before: None,
            why: None,
            run: self.import.options.run.clone(),
        };
        let settled = match result {
            Ok(saved) => {
                let mut lost = Problems::default();
                for why in saved.lost {
                    lost.add(Problem::File { why });
                }
                let place = format!("{} {}", self.kind, record.id());
                self.problems.add(&lost, &place);
                match saved.is_made && is_new {
                    true => self.counts.made += 1,
                    false => self.counts.updated += 1,
                }
                ImportRecord {
                    name: Some(saved.name.into_string()),
                    hash: Some(hash),
                    is_made: saved.is_made,
                    before: saved.before,
                    ..base
                }
            }
            Err(Stop::Refused { why, name }) => {
                self.counts.failed += 1;
                self.rejects.record(&place, &why, &record)?;
                let refused = Problem::Refused { why: why.clone() };
                let place = format!("{} {}", self.kind, record.id());
                self.problems.add(&refused.into(), &place);
                ImportRecord {
                    state: ImportState::Failed,
                    // Only an import's own document goes by the name of a failed record.
                    is_made: name.is_some() && self.kind == Kind::Ticket,
                    name: name.map(frappe::Name::into_string),
                    why: Some(why),
                    ..base
                }
            }
            Err(Stop::Down(down)) => {
                // Its batch stays open, so that the next run reads it again.
                self.down = Some(down);
                return Ok(());
            }
        };
        self.results.push(settled);
        if let Some(open) = self.open.iter_mut().find(|open| open.number == batch) {
            open.outstanding = open.outstanding.saturating_sub(1);
        }
        Ok(())
    }

    /// Writes to the ledger what it does not have yet.
    fn flush(&mut self, settled: Option<Settled>) -> Flush {
        let fingerprint = self.import.source.fingerprint();
        let mut position = None;
        while let Some(open) = self.open.pop_front_if(|open| open.outstanding == 0) {
            position = Some(Settled::UpTo(open.position.to_text(&fingerprint)));
        }
        // Those that failed lie behind where the source is settled, and say nothing about it.
        let is_told = !self.import.options.only_failed;
        let settled = settled.or(position).filter(|_| is_told);
        let settled = settled.map(|settled| (self.kind.as_str().to_owned(), settled));
        let results = std::mem::take(&mut self.results);
        let (store, source) = (self.import.store.clone(), self.source());
        let now = self.import.options.clock.now();
        Box::pin(async move {
            if results.is_empty() && settled.is_none() {
                return Ok(());
            }
            Ok(store.record_imports(source, results, settled, now).await?)
        })
    }
}

/// How many records a run comes by, having read so many up to a part of the source. What lies before the first batch,
/// from earlier runs or of other kinds, says nothing about what is left: so the rest is judged by what was read since.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number that is shown to people, not negative"
)]
fn about(records: u64, part: f64, (first_part, first_records): (f64, u64)) -> Option<u64> {
    if part >= 1.0 {
        return Some(records);
    }
    let since = part - first_part;
    let read = records.saturating_sub(first_records) as f64;
    (since > 0.0).then(|| records + (read * (1.0 - part) / since) as u64)
}

/// The end of a flush that is under way.
async fn next(flush: &mut Option<Flush>) -> Result<()> {
    match flush {
        Some(flush) => flush.await,
        None => std::future::pending().await,
    }
}

/// Those that go next: several new customers in one request, which is many times quicker, all else one by one.
fn together(queue: &mut VecDeque<Job>) -> Vec<Job> {
    let is_new = |job: &Job| job.known.is_none() && job.record.kind() == Kind::Customer;
    let count = queue
        .iter()
        .take(TOGETHER)
        .take_while(|job| is_new(job))
        .count();
    let count = count.max(1).min(queue.len());
    queue.drain(..count).collect()
}

async fn carry_out(writer: &Writer, jobs: Vec<Job>) -> Vec<Carried> {
    let new: Vec<&PlannedDocument> = jobs
        .iter()
        .filter_map(|job| match &job.planned {
            Planned::One(one) => Some(one),
            Planned::Ticket(_) => None,
        })
        .collect();
    if new.len() > 1 {
        match writer.save_new(&new).await {
            Ok(Some(saved)) => {
                let all = jobs.into_iter().zip(saved);
                return all.map(|(job, saved)| carried(job, Ok(saved))).collect();
            }
            Err(Stop::Down(down)) => {
                let all = jobs.into_iter();
                let all = all.map(|job| carried(job, Err(Stop::Down(down.clone()))));
                return all.collect();
            }
            Ok(None) | Err(Stop::Refused { .. }) => {}
        }
    }
    let mut all = Vec::with_capacity(jobs.len());
    for job in jobs {
        let result = writer.save(&job.planned, job.known.as_ref()).await;
        all.push(carried(job, result));
    }
    all
}

fn carried(job: Job, result: std::result::Result<Saved, Stop>) -> Carried {
    Carried {
        batch: job.batch,
        place: job.place,
        doctype: job.planned.doctype().to_owned(),
        is_new: job.known.as_ref().is_none_or(|known| known.name.is_none()),
        hash: job.hash,
        record: job.record,
        result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_run_comes_by_is_judged_by_what_it_read() {
        for (records, part, first, expected) in [
            // From the beginning, of 1,000.
            (200, 0.2, (0.2, 200), None),
            (400, 0.4, (0.2, 200), Some(1_000)),
            // Gone on with at nine tenths: 100 are left.
            (40, 0.94, (0.92, 20), Some(100)),
            (100, 1.0, (0.92, 20), Some(100)),
            // Behind a half of other kinds.
            (200, 0.6, (0.55, 100), Some(1_000)),
            (10, 1.0, (1.0, 10), Some(10)),
        ] {
            let about = about(records, part, first);
            let is_near = about
                .zip(expected)
                .map(|(one, other)| one.abs_diff(other) <= 1);
            assert!(
                about == expected || is_near == Some(true),
                "{about:?} for {expected:?}"
            );
        }
    }
}

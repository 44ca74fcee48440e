//! A Freshdesk account, read over its API: lists by their pages, tickets one by one with all that was said on them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use freshdesk::{
    Account, Cause, Scan,
    record::{Company, Contact, PersonId, Ticket, TicketId},
    scan::{ContactFilter, Coverage, Row, TicketFilter},
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::OnceCell;

pub use crate::decide::freshdesk::FieldNames;
use crate::{
    Error, Result,
    decide::freshdesk::{
        Known, Words, contact, customer, known_agent, known_contact, people_of, ticket,
    },
    reader::{Batch, Item, Place, Position, Unreadable},
    record::{Kind, Record},
};

/// How many tickets are asked for at once. The account's limit is the narrower one.
const AT_ONCE: usize = 8;
/// How many tickets come together, so that none waits long for the others.
const TICKETS: usize = 24;
/// For how long before the last change tickets are remembered: longer than a second pass goes back.
const KEPT: SignedDuration = SignedDuration::from_mins(10);
/// How many people are remembered; others are asked for again.
const PEOPLE_MAX: usize = 200_000;

/// What is read of an account.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Spam, too.
    pub spam: bool,
    /// Deleted tickets and contacts, too.
    pub deleted: bool,
    /// What requesters thought of the answers, for one more request a ticket.
    pub ratings: bool,
    /// Which of the account's own fields are taken.
    pub fields: FieldNames,
}

/// An account as a source. Cheap to clone.
#[derive(Clone)]
pub struct Desk(Arc<Inner>);

struct Inner {
    account: Account,
    wanted: Wanted,
    words: OnceCell<Words>,
    people: Mutex<HashMap<PersonId, Option<Known>>>,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Desk").field(&self.0.account).finish()
    }
}

/// One of the lists that make up a kind.
#[derive(Clone, Copy, Debug)]
enum List {
    Companies,
    Contacts(ContactFilter),
    Tickets(TicketFilter),
}

/// A list that is being read.
#[derive(Debug)]
enum Scanning {
    Companies(Scan<Company>),
    Contacts(Scan<Contact>),
    Tickets(Scan<Ticket>),
}

/// The records of one kind.
#[derive(Debug)]
pub(super) struct Rows {
    desk: Desk,
    lists: Vec<List>,
    /// Behind what was handed over.
    at: Position,
    scanning: Option<Scanning>,
    /// What is read and not handed over.
    pending: VecDeque<Listed>,
    /// Behind what is pending.
    ahead: Position,
    /// How many tickets there are about.
    tickets: Option<u64>,
    is_second_pass: bool,
    /// The last tickets that were listed: the second pass begins before its time, and need not read them again.
    latest: BTreeSet<(Option<Timestamp>, TicketId)>,
    is_ended: bool,
}

/// A row, or a ticket of which more is to be asked.
#[derive(Debug)]
enum Listed {
    Whole(Box<Record>),
    Ticket(TicketId),
    Gap(String),
}

fn asking(what: &'static str) -> impl FnOnce(freshdesk::Error) -> Error {
    move |source| Error::Freshdesk {
        what,
        source: Box::new(source),
    }
}

impl Desk {
    /// An account of which this much is to be read.
    pub fn new(account: Account, wanted: Wanted) -> Self {
        Self(Arc::new(Inner {
            account,
            wanted,
            words: OnceCell::new(),
            people: Mutex::default(),
        }))
    }

    /// The account.
    pub fn account(&self) -> &Account {
        &self.0.account
    }

    /// Whether a kind, once it was read whole, is gone on with from what changed since.
    pub(super) fn follows(&self, kind: Kind) -> bool {
        kind == Kind::Ticket && self.lists(kind).len() == 1
    }

    fn lists(&self, kind: Kind) -> Vec<List> {
        let Wanted { spam, deleted, .. } = self.0.wanted;
        let mut lists = match kind {
            Kind::Customer => return vec![List::Companies],
            Kind::Contact => vec![
                List::Contacts(ContactFilter::Usual),
                List::Contacts(ContactFilter::Blocked),
            ],
            Kind::Ticket => vec![List::Tickets(TicketFilter::Usual)],
        };
        if deleted && kind == Kind::Contact {
            lists.push(List::Contacts(ContactFilter::Deleted));
        }
        if spam && kind == Kind::Ticket {
            lists.push(List::Tickets(TicketFilter::Spam));
        }
        if deleted && kind == Kind::Ticket {
            lists.push(List::Tickets(TicketFilter::Deleted));
        }
        lists
    }

    async fn words(&self) -> Result<&Words> {
        let account = &self.0.account;
        let read = async || {
            let fields = match account.ticket_fields().await {
                Ok(fields) => fields,
                // Without a right to them the usual words stand.
                Err(error) if matches!(error.cause, Cause::NotAllowed | Cause::NotOnPlan) => {
                    Vec::new()
                }
                Err(error) => return Err(asking("the fields of tickets")(error)),
            };
            let groups = account.rest_of(&mut Scan::groups()).await;
            let agents = account.rest_of(&mut Scan::agents()).await;
            Ok(Words::new(
                &fields,
                groups.map_err(asking("the groups"))?,
                agents.map_err(asking("the agents"))?,
            ))
        };
        self.0.words.get_or_try_init(read).await
    }

    fn remember(&self, id: PersonId, known: Option<Known>) {
        let mut people = self.0.people.lock().unwrap_or_else(PoisonError::into_inner);
        if people.len() >= PEOPLE_MAX {
            people.clear();
        }
        people.insert(id, known);
    }

    fn remembered(&self, id: PersonId) -> Option<Option<Known>> {
        let people = self.0.people.lock().unwrap_or_else(PoisonError::into_inner);
        people.get(&id).cloned()
    }

    /// Whoever has an id, if anybody still has.
    async fn person(&self, id: PersonId) -> Result<Option<Known>> {
        if let Some(known) = self.remembered(id) {
            return Ok(known);
        }
        let account = &self.0.account;
        let is_gone =
            |error: &freshdesk::Error| matches!(error.cause, Cause::Missing | Cause::NotAllowed);
        let known = match account.contact(id).await {
            Ok(contact) => Some(known_contact(&contact)),
            Err(error) if is_gone(&error) => match account.agent(id).await {
                Ok(agent) => Some(known_agent(&agent)),
                Err(error) if is_gone(&error) => None,
                Err(error) => return Err(asking("an agent")(error)),
            },
            Err(error) => return Err(asking("a contact")(error)),
        };
        self.remember(id, known.clone());
        Ok(known)
    }

    /// A ticket with all that was said on it; none where it vanished meanwhile.
    async fn ticket(&self, id: TicketId) -> Result<Option<Record>> {
        let words = self.words().await?;
        let account = &self.0.account;
        let read = match account.ticket(id).await {
            Ok(read) => read,
            Err(error) if matches!(error.cause, Cause::Missing) => return Ok(None),
            Err(error) => return Err(asking("a ticket")(error)),
        };
        let mut people = BTreeMap::new();
        for person in people_of(&read) {
            if words.agent(person).is_some() {
                continue;
            }
            if let Some(known) = self.person(person).await? {
                people.insert(person, known);
            }
        }
        let ratings = match self.0.wanted.ratings {
            true => account.ratings(id).await,
            false => Ok(Vec::new()),
        };
        let ratings = match ratings {
            Err(error) if matches!(error.cause, Cause::NotOnPlan | Cause::NotAllowed) => Vec::new(),
            other => other.map_err(asking("the ratings of a ticket"))?,
        };
        let made = ticket(&read, words, &people, &ratings, &self.0.wanted.fields);
        Ok(Some(Record::Ticket(Box::new(made))))
    }
}

impl Rows {
    pub(super) fn new(desk: &Desk, kind: Kind, at: Position) -> Result<Self> {
        let mut rows = Self {
            lists: desk.lists(kind),
            desk: desk.clone(),
            ahead: at.clone(),
            scanning: None,
            pending: VecDeque::new(),
            tickets: None,
            is_second_pass: false,
            latest: BTreeSet::new(),
            is_ended: false,
            at,
        };
        rows.scanning = rows.begin()?;
        Ok(rows)
    }

    /// The list at which the position stands, from where it stands in it.
    fn begin(&self) -> Result<Option<Scanning>> {
        let Some(list) = self.lists.get(self.ahead.file) else {
            return Ok(None);
        };
        let position = self.ahead.scan.as_deref().map(serde_json::from_str);
        let position = position.transpose().map_err(|error| Error::Position {
            why: error.to_string(),
        })?;
        let unusable = |error: freshdesk::scan::InvalidPosition| Error::Position {
            why: error.to_string(),
        };
        let scanning = match (list, position) {
            (List::Companies, Some(position)) => {
                Scanning::Companies(Scan::resume(position).map_err(unusable)?)
            }
            (List::Contacts(_), Some(position)) => {
                Scanning::Contacts(Scan::resume(position).map_err(unusable)?)
            }
            (List::Tickets(_), Some(position)) => {
                Scanning::Tickets(Scan::resume(position).map_err(unusable)?)
            }
            (List::Companies, None) => Scanning::Companies(Scan::companies()),
            (List::Contacts(filter), None) => Scanning::Contacts(Scan::contacts(*filter)),
            (List::Tickets(filter), None) => Scanning::Tickets(Scan::tickets(*filter)),
        };
        Ok(Some(scanning))
    }

    pub(super) async fn next(&mut self, items_max: usize) -> Result<Option<Batch>> {
        while self.pending.is_empty() && !self.is_ended {
            self.read_on().await?;
        }
        if self.pending.is_empty() && self.at == self.ahead {
            return Ok(None);
        }
        let is_tickets = matches!(self.scanning, Some(Scanning::Tickets(_)));
        let count = match is_tickets {
            true => items_max.min(TICKETS),
            false => items_max,
        };
        let rows: Vec<Listed> = self
            .pending
            .drain(..count.min(self.pending.len()))
            .collect();
        let desk = &self.desk;
        let read: Vec<Option<Item>> = stream::iter(rows)
            .map(|row| async move { desk.item(row).await })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        if self.pending.is_empty() {
            self.at = self.ahead.clone();
        }
        Ok(Some(Batch {
            items: read.into_iter().flatten().collect(),
            part_read: self.part_read(),
            position: self.at.clone(),
            hooked: super::hooked::Told::default(),
        }))
    }

    #[expect(clippy::cast_precision_loss, reason = "a part that is shown to people")]
    fn part_read(&self) -> Option<f64> {
        let Some(Scanning::Tickets(scan)) = &self.scanning else {
            return None;
        };
        let of = self.tickets.filter(|of| *of > 0)?;
        let read = scan.rows().saturating_sub(self.pending.len() as u64);
        (!self.is_second_pass).then(|| (read as f64 / of as f64).min(1.0))
    }

    /// Reads the next page, or begins the next list.
    async fn read_on(&mut self) -> Result<()> {
        let desk = self.desk.clone();
        let (account, names) = (desk.account(), &desk.0.wanted.fields);
        let (rows, position): (Option<Vec<Listed>>, _) = match &mut self.scanning {
            None => {
                self.is_ended = true;
                return Ok(());
            }
            Some(Scanning::Companies(scan)) => {
                let rows = page(account, scan).await?;
                let rows = rows.map(|rows| {
                    rows.into_iter()
                        .map(|row| Listed::Whole(Box::new(Record::Customer(customer(row, names)))))
                        .collect()
                });
                (rows, scan.position())
            }
            Some(Scanning::Contacts(scan)) => {
                let rows = page(account, scan).await?;
                let rows = rows.map(|rows| {
                    rows.into_iter()
                        .map(|row| {
                            desk.remember(row.id, Some(known_contact(&row)));
                            Listed::Whole(Box::new(Record::Contact(contact(row, names))))
                        })
                        .collect()
                });
                (rows, scan.position())
            }
            Some(Scanning::Tickets(scan)) => {
                if self.tickets.is_none() {
                    // Only for the time left; a search that fails is no reason to stop.
                    let count = account.count("created_at:>'1990-01-01'").await;
                    self.tickets = Some(count.unwrap_or_default());
                }
                let rows = page(account, scan).await?;
                let latest = &mut self.latest;
                let rows = rows.map(|rows| {
                    let fresh = rows
                        .into_iter()
                        .filter(|row| latest.insert((row.updated_at, row.id)));
                    fresh.map(|row| Listed::Ticket(row.id)).collect()
                });
                forget_old(latest);
                (rows, scan.position())
            }
        };
        if let Some(rows) = rows {
            self.ahead.lines += rows.len() as u64;
            self.ahead.scan =
                Some(
                    serde_json::to_string(position).map_err(|error| Error::Position {
                        why: error.to_string(),
                    })?,
                );
            self.pending.extend(rows);
            return Ok(());
        }
        self.end_list()
    }

    fn end_list(&mut self) -> Result<()> {
        if let Some(gap) = self.scanning.as_ref().and_then(Scanning::gap) {
            self.pending.push_back(Listed::Gap(gap));
        }
        let is_followed = self.lists.len() == 1;
        if let (true, Some(Scanning::Tickets(scan))) = (is_followed, &self.scanning) {
            let next = scan.next_pass();
            let written = serde_json::to_string(next.position());
            self.ahead.scan = Some(written.map_err(|error| Error::Position {
                why: error.to_string(),
            })?);
            // What was changed while the rest was read.
            let is_over = self.is_second_pass;
            self.scanning = (!is_over).then_some(Scanning::Tickets(next));
            self.is_second_pass = true;
            return Ok(());
        }
        self.ahead.file += 1;
        self.ahead.scan = None;
        self.scanning = self.begin()?;
        Ok(())
    }
}

/// Keeps those that were changed at last.
fn forget_old(latest: &mut BTreeSet<(Option<Timestamp>, TicketId)>) {
    let newest = latest.last().and_then(|(at, _)| *at);
    let from = newest.and_then(|newest| newest.checked_sub(KEPT).ok());
    if let Some(from) = from {
        *latest = latest.split_off(&(Some(from), TicketId(0)));
    }
}

impl Scanning {
    /// What of a list may be missing.
    fn gap(&self) -> Option<String> {
        let coverage = match self {
            Self::Companies(scan) => scan.coverage(),
            Self::Contacts(scan) => scan.coverage(),
            Self::Tickets(scan) => scan.coverage(),
        };
        match coverage {
            Coverage::Gaps(gaps) => Some(format!(
                "Freshdesk does not show all of it, so that records may be missing: {gaps:?}"
            )),
            Coverage::Whole | Coverage::Unfinished => None,
        }
    }
}

async fn page<T: Row>(account: &Account, scan: &mut Scan<T>) -> Result<Option<Vec<T>>> {
    let rows = account.advance(scan).await;
    Ok(rows.map_err(asking("a list"))?.map(|rows| rows.fresh))
}

impl Desk {
    async fn item(&self, row: Listed) -> Result<Option<Item>> {
        let place = |line| Place {
            part: Arc::from(self.0.account.host()),
            line,
        };
        let (line, read) = match row {
            Listed::Whole(record) => (record.id().parse().unwrap_or_default(), Ok(*record)),
            Listed::Ticket(id) => match self.ticket(id).await? {
                Some(record) => (id.0, Ok(record)),
                // Deleted or archived between the list and the question, so it is in neither any more.
                None => return Ok(None),
            },
            Listed::Gap(why) => (
                0,
                Err(Unreadable {
                    why,
                    text: String::new(),
                }),
            ),
        };
        Ok(Some(Item {
            place: place(line),
            read,
        }))
    }
}

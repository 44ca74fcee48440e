//! An account: where it is, how it is spoken to, and what it is asked.

mod address;
mod answer;
mod files;
mod options;
mod preflight;
mod transport;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::Value;
use url::Url;

pub use self::{
    address::InvalidAddress,
    files::{Download, FileHost, InvalidFileHost},
    options::{InvalidAccount, InvalidKey, Key, Options},
    preflight::{Estimate, Feature, Preflight, Wanted, Warning, estimate},
};
use self::{answer::Answer, options::http_client};
use crate::{
    budget::{Budget, Standing},
    error::{Cause, Error, Verdict},
    question::Question,
    record::{
        Agent, Company, CompanyId, Contact, Conversation, PersonId, Rating, Record, Role, Ticket,
        TicketField, TicketId, TimeEntry,
    },
    scan::{Pages, Row, Scan, Slice},
};

/// With a ticket come at most so many conversations, the oldest.
const CONVERSATIONS_INCLUDED: usize = 10;

/// One Freshdesk account. Cheap to clone; clones share connections and budget.
#[derive(Clone)]
pub struct Account(Arc<Inner>);

struct Inner {
    base: Url,
    key: Key,
    http: reqwest::Client,
    /// Knows no key.
    files: reqwest::Client,
    budget: Budget,
    random: Mutex<fastrand::Rng>,
    options: Options,
}

/// What one page of a scan held.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows<T> {
    /// The rows that were not read before, or were changed since.
    pub fresh: Vec<T>,
    /// How many rows were read again.
    pub repeated: usize,
}

impl Account {
    /// Prepares to ask an account: `acme`, `acme.freshdesk.com` or `https://acme.freshdesk.com/…`. Nothing is sent yet.
    /// Where the process has no TLS provider yet, ring is made its default.
    ///
    /// # Errors
    /// When the address or an option cannot be used. The key goes to hosts of `freshdesk.com` only, and to loopback.
    pub fn new(address: &str, key: Key, options: Options) -> Result<Self, InvalidAccount> {
        let base = address::base(address).map_err(InvalidAccount::Address)?;
        Ok(Self(Arc::new(Inner {
            http: http_client(&options, true)?,
            files: http_client(&options, false)?,
            budget: Budget::new(options.plan, options.share_percent),
            random: Mutex::new(options.random.clone()),
            base,
            key,
            options,
        })))
    }

    /// The host that the key goes to.
    pub fn host(&self) -> &str {
        self.0.base.host_str().unwrap_or_default()
    }

    /// How the budget stands.
    pub fn standing(&self) -> Standing {
        self.0.budget.standing()
    }

    /// Asks for the next page of a scan; nothing when it is at its end. What is returned is to be kept together with the
    /// scan's new [position](Scan::position).
    ///
    /// # Errors
    /// When it could not be read; the scan stays where it was.
    pub async fn advance<T: Row>(&self, scan: &mut Scan<T>) -> Result<Option<Rows<T>>, Error> {
        let Some(ask) = scan.ask() else {
            return Ok(None);
        };
        let question = Question::List(ask);
        let page = self.ask(&question, Answer::page::<T>).await?;
        let keys: Vec<_> = page.rows.iter().map(Row::key).collect();
        let fresh = scan
            .take(&keys, page.has_next)
            .map_err(|astray| Error::new(&question, Cause::Astray(astray)))?;
        let count = page.rows.len();
        let fresh: Vec<T> = page
            .rows
            .into_iter()
            .zip(fresh)
            .filter_map(|(row, is_fresh)| is_fresh.then_some(row))
            .collect();
        Ok(Some(Rows {
            repeated: count - fresh.len(),
            fresh,
        }))
    }

    /// All that a scan has left, in memory: for lists that are short.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn rest_of<T: Row>(&self, scan: &mut Scan<T>) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        while let Some(rows) = self.advance(scan).await? {
            all.extend(rows.fresh);
        }
        Ok(all)
    }

    /// A ticket with everything that was said on it, in order.
    ///
    /// # Errors
    /// When it could not be read; [`Cause::Missing`] when there is none, or it is archived.
    pub async fn ticket(&self, id: TicketId) -> Result<Ticket, Error> {
        let mut ticket: Ticket = self.ask(&Question::Ticket(id), Answer::one).await?;
        // As many as come along may be all, or not.
        if ticket.conversations.len() >= CONVERSATIONS_INCLUDED
            || ticket.other.contains_key("conversations")
        {
            ticket.other.remove("conversations");
            ticket.conversations = self.conversations(id).await?;
        }
        ticket.settle_conversations();
        Ok(ticket)
    }

    /// Everything that was said on a ticket after its first message, in order.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn conversations(&self, of: TicketId) -> Result<Vec<Conversation>, Error> {
        self.all_conversations(of, false).await
    }

    /// An archived ticket with everything that was said on it.
    ///
    /// # Errors
    /// When it could not be read; [`Cause::Missing`] when there is none; [`Cause::NotOnPlan`] when there can be none.
    pub async fn archived_ticket(&self, id: TicketId) -> Result<Ticket, Error> {
        let mut ticket: Ticket = self.ask(&Question::ArchivedTicket(id), Answer::one).await?;
        ticket.conversations = self.all_conversations(id, true).await?;
        Ok(ticket)
    }

    async fn all_conversations(
        &self,
        of: TicketId,
        is_archived: bool,
    ) -> Result<Vec<Conversation>, Error> {
        let question = |slice| Question::Conversations {
            of,
            is_archived,
            slice,
        };
        let mut all = self.pages(question, |row: &Conversation| row.id.0).await?;
        crate::record::settle(&mut all);
        Ok(all)
    }

    /// All rows of a list that is kept in memory.
    async fn pages<T: Record>(
        &self,
        question: impl Fn(Slice) -> Question,
        id: impl Fn(&T) -> u64,
    ) -> Result<Vec<T>, Error> {
        let mut pages = Pages::new();
        let mut all: Vec<T> = Vec::new();
        while let Some(slice) = pages.slice() {
            let question = question(slice);
            let page = self.ask(&question, Answer::page::<T>).await?;
            let fresh = pages.take(page.rows.iter().map(&id), page.has_next);
            let rows = page.rows.into_iter().zip(fresh);
            all.extend(rows.filter_map(|(row, is_fresh)| is_fresh.then_some(row)));
            let rows_max = self.0.options.ticket_rows_max;
            if all.len() > rows_max {
                return Err(Error::new(&question, Cause::TooMany { rows_max }));
            }
        }
        Ok(all)
    }

    /// A contact with what lists leave out.
    ///
    /// # Errors
    /// When it could not be read; [`Cause::Missing`] when it was forgotten, or is an agent.
    pub async fn contact(&self, id: PersonId) -> Result<Contact, Error> {
        self.ask(&Question::Contact(id), Answer::one).await
    }

    /// A company.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn company(&self, id: CompanyId) -> Result<Company, Error> {
        self.ask(&Question::Company(id), Answer::one).await
    }

    /// An agent.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn agent(&self, id: PersonId) -> Result<Agent, Error> {
        self.ask(&Question::Agent(id), Answer::one).await
    }

    /// Whose key it is.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn me(&self) -> Result<Agent, Error> {
        self.ask(&Question::Me, Answer::one).await
    }

    /// The roles of agents.
    ///
    /// # Errors
    /// When they could not be read.
    pub async fn roles(&self) -> Result<Vec<Role>, Error> {
        self.pages(Question::Roles, |row: &Role| row.id.0).await
    }

    /// The fields of tickets with their choices.
    ///
    /// # Errors
    /// When they could not be read.
    pub async fn ticket_fields(&self) -> Result<Vec<TicketField>, Error> {
        self.ask(&Question::TicketFields, Answer::whole_list).await
    }

    /// What customers thought of the answers on a ticket.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn ratings(&self, of: TicketId) -> Result<Vec<Rating>, Error> {
        let question = |slice| Question::TicketRatings { of, slice };
        self.pages(question, |row: &Rating| row.id.0).await
    }

    /// Time spent on a ticket.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn time_entries(&self, of: TicketId) -> Result<Vec<TimeEntry>, Error> {
        let question = |slice| Question::TicketTimeEntries { of, slice };
        self.pages(question, |row: &TimeEntry| row.id.0).await
    }

    /// How many tickets a search finds, such as `status:2 AND created_at:>'2024-01-01'`; archived ones, spam and deleted
    /// ones are not found, and what changed in the last minutes may not be yet.
    ///
    /// # Errors
    /// When it could not be asked.
    pub async fn count(&self, query: &str) -> Result<u64, Error> {
        let question = Question::Search {
            query: query.to_owned(),
            page: 1,
        };
        let total = |answer: Answer| {
            let total = answer.json()?.get("total").and_then(Value::as_u64);
            total.ok_or(Cause::Shape {
                what: "a search without a total",
            })
        };
        self.ask(&question, total).await
    }

    /// Asks, again where that may help, and reads the answer.
    async fn ask<T>(
        &self,
        question: &Question,
        read: impl Fn(Answer) -> Result<T, Cause>,
    ) -> Result<T, Error> {
        let mut attempt = 1;
        let mut patience = self.0.options.patience;
        loop {
            let cause = match self.attempt(question).await.and_then(&read) {
                Ok(value) => return Ok(value),
                Err(cause) => cause,
            };
            tracing::debug!(freshdesk.asked = %question, attempt, "Freshdesk did not answer: {cause}");
            if let Cause::TooManyRequests { retry_after } = cause
                && retry_after <= patience
            {
                // The budget waits before the next request, whosever it is.
                patience -= retry_after;
                continue;
            }
            let is_over = attempt >= self.0.options.attempts_max;
            match cause.verdict() {
                Verdict::RetryAfter(after)
                    if !is_over && !matches!(cause, Cause::TooManyRequests { .. }) =>
                {
                    tokio::time::sleep(self.backoff(attempt).max(after.unwrap_or_default())).await;
                }
                Verdict::RetryAfter(_) | Verdict::Never => return Err(Error::new(question, cause)),
            }
            attempt += 1;
        }
    }

    /// Twice as long each time, and spread by half.
    fn backoff(&self, attempt: u32) -> Duration {
        let longest = self
            .0
            .options
            .retry_after
            .saturating_mul(1 << (attempt - 1).min(6));
        let mut random = self.0.random.lock().unwrap_or_else(PoisonError::into_inner);
        longest.mul_f64(0.5 + random.f64() / 2.0)
    }

    async fn attempt(&self, question: &Question) -> Result<Answer, Cause> {
        let mut permit = self
            .0
            .budget
            .take(question.endpoint(), question.credits())
            .await;
        let mut url = self.0.base.clone();
        let path = question.path();
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path.as_str(), None),
        };
        url.set_path(&format!("/api/v2/{path}"));
        url.set_query(query);
        let answer = transport::get(&self.0.http, &self.0.key, &self.0.options, url).await?;
        permit.told = answer.told;
        drop(permit);
        match answer.failure() {
            None => Ok(answer),
            Some(Cause::TooManyRequests { .. }) => Err(Cause::TooManyRequests {
                retry_after: self.0.budget.refused(answer.retry_after),
            }),
            Some(cause) => Err(cause),
        }
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Account")
            .field(&self.0.base.as_str())
            .finish()
    }
}

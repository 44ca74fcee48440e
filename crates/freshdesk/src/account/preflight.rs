//! What is known before a run: whose key it is, what the plan has, how long it will take.

use std::{fmt, time::Duration};

use super::{Account, answer::Answer};
use crate::{
    budget::Standing,
    error::{Cause, Error},
    question::Question,
    record::{Agent, Ticket, TicketId, TicketScope},
    scan::Slice,
};

/// Whether something can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// It can.
    Available,
    /// The plan does not have it.
    NotOnPlan,
    /// The key's agent may not.
    NotAllowed,
}

/// What was found out before a run.
#[derive(Clone, Debug)]
pub struct Preflight {
    /// Whose key it is.
    pub me: Agent,
    /// The names of their roles; absent when the roles may not be read, which only administrators may.
    pub roles: Option<Vec<String>>,
    /// How many tickets a search finds: neither archived ones, nor spam, nor deleted ones.
    pub tickets: u64,
    /// The highest number of a ticket. What is below it and nowhere else may be archived.
    pub latest: Option<TicketId>,
    /// Archived tickets.
    pub archive: Feature,
    /// Satisfaction ratings.
    pub ratings: Feature,
    /// Time entries.
    pub time_entries: Feature,
    /// What the plan allows.
    pub standing: Standing,
}

/// What speaks against a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The key sees a part of the tickets, and Freshdesk would not say so.
    Scope(Option<TicketScope>),
    /// The key's agent is no administrator.
    NotAdministrator,
    /// So many numbers belong to no ticket that is listed: archived, deleted or spam.
    Unlisted(u64),
    /// So many may be archived, and the plan does not let them be read.
    ArchiveUnreadable(u64),
}

impl Warning {
    /// Whether a run would silently miss tickets.
    pub fn is_fatal(self) -> bool {
        matches!(self, Self::Scope(_))
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scope(_) => f.write_str(
                "the key's agent sees only a part of the tickets, and the others would be missing without a word; use the key of an administrator with the global ticket scope",
            ),
            Self::NotAdministrator => f.write_str(
                "the key's agent is no administrator, so that some lists may be incomplete; use an administrator's key",
            ),
            Self::Unlisted(count) => write!(
                f,
                "{count} ticket numbers are in no list: deleted, spam or archived; archived tickets are read one by one"
            ),
            Self::ArchiveUnreadable(count) => write!(
                f,
                "{count} ticket numbers are in no list, and archived tickets cannot be read with this plan; take them from an account export"
            ),
        }
    }
}

impl Preflight {
    /// What speaks against a run.
    pub fn warnings(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if self.me.ticket_scope() != Some(TicketScope::Global) {
            warnings.push(Warning::Scope(self.me.ticket_scope()));
        }
        let is_administrator = |role: &String| role.to_lowercase().contains("admin");
        if !self
            .roles
            .as_ref()
            .is_some_and(|roles| roles.iter().any(is_administrator))
        {
            warnings.push(Warning::NotAdministrator);
        }
        match self.unlisted() {
            0 => {}
            count if self.archive == Feature::Available => warnings.push(Warning::Unlisted(count)),
            count => warnings.push(Warning::ArchiveUnreadable(count)),
        }
        warnings
    }

    /// How many numbers belong to no ticket that is listed.
    pub fn unlisted(&self) -> u64 {
        let latest = self.latest.map_or(0, |latest| latest.0);
        latest.saturating_sub(self.tickets)
    }
}

/// What a run is to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Tickets, each with its conversations.
    pub tickets: u64,
    /// Contacts, if known.
    pub contacts: u64,
    /// Whether time entries are read, ticket by ticket.
    pub time_entries: bool,
    /// Whether ratings are read, ticket by ticket.
    pub ratings: bool,
    /// Numbers that are tried for archived tickets.
    pub archive_numbers: u64,
}

/// What a run will cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Requests to the API; files come on top, and draw upon no limit.
    pub requests: u64,
    /// What they draw upon the account's limit.
    pub credits: u64,
    /// For how long the limits hold it up; nothing where it fits into one window.
    pub lasts: Duration,
}

/// What a run will cost, at the share of the limit that is drawn upon. A tenth of the tickets is taken to have more
/// conversations than come along.
pub fn estimate(wanted: &Wanted, standing: &Standing) -> Estimate {
    let pages = |rows: u64, per_page: u64| rows.div_ceil(per_page);
    // A few rows of each page are read twice.
    let ticket_pages = pages(wanted.tickets, 95);
    let contact_pages = pages(wanted.contacts, 95);
    let more = wanted.tickets / 10;
    let extras = u64::from(wanted.time_entries) + u64::from(wanted.ratings);
    let others = more + wanted.tickets * extras + wanted.archive_numbers;
    let whole = wanted.tickets;
    let requests = ticket_pages + contact_pages + whole + others;
    let of_ticket = u64::from(Question::Ticket(TicketId(0)).credits());
    let credits = ticket_pages + contact_pages + whole * of_ticket + others;
    let windows_of = |count: u64, limit: u32| count.div_ceil(u64::from(limit.max(1)));
    let share = standing.share;
    let windows = windows_of(credits, share.total)
        .max(windows_of(ticket_pages, share.ticket_lists))
        .max(windows_of(contact_pages, share.contact_lists));
    let windows = u32::try_from(windows).unwrap_or(u32::MAX);
    Estimate {
        requests,
        credits,
        // What a window lets through may be asked at its beginning.
        lasts: share.window.saturating_mul(windows.saturating_sub(1)),
    }
}

impl Account {
    /// Finds out what is to be known before a run. Costs seven requests.
    ///
    /// # Errors
    /// When it could not be asked.
    pub async fn preflight(&self) -> Result<Preflight, Error> {
        let me = self.me().await?;
        let roles = match self.roles().await {
            Ok(roles) => {
                let own = roles
                    .into_iter()
                    .filter(|role| me.role_ids.contains(&role.id));
                Some(own.filter_map(|role| role.name).collect())
            }
            Err(error) => match error.cause {
                Cause::NotAllowed | Cause::NotOnPlan => None,
                _ => return Err(error),
            },
        };
        let latest: Vec<Ticket> = self.ask(&Question::LatestTicket, Answer::all).await?;
        let latest = latest.first().map(|ticket| ticket.id);
        let of = latest.unwrap_or(TicketId(1));
        let slice = Slice::FIRST;
        Ok(Preflight {
            tickets: self.count("created_at:>'1990-01-01'").await?,
            archive: self.feature(&Question::ArchivedTicket(of)).await?,
            ratings: self.feature(&Question::TicketRatings { of, slice }).await?,
            time_entries: self
                .feature(&Question::TicketTimeEntries { of, slice })
                .await?,
            standing: self.standing(),
            me,
            roles,
            latest,
        })
    }

    async fn feature(&self, question: &Question) -> Result<Feature, Error> {
        let asked = self.ask(question, |_answer| Ok(())).await;
        match asked.as_ref().map_err(|error| &error.cause) {
            Ok(()) | Err(Cause::Missing) => Ok(Feature::Available),
            Err(Cause::NotOnPlan) => Ok(Feature::NotOnPlan),
            Err(Cause::NotAllowed) => Ok(Feature::NotAllowed),
            Err(_) => asked.map(|()| Feature::Available),
        }
    }
}

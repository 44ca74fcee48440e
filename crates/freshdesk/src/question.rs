//! What can be asked: its address, its name in errors, what it draws upon.

use std::fmt;

use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    budget::Endpoint,
    record::{AttachmentId, CompanyId, PersonId, TicketId},
    scan::{Ask, ContactFilter, Listing, Slice, TicketFilter},
};

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Question {
    List(Ask),
    Ticket(TicketId),
    ArchivedTicket(TicketId),
    Conversations {
        of: TicketId,
        is_archived: bool,
        slice: Slice,
    },
    Contact(PersonId),
    Company(CompanyId),
    Agent(PersonId),
    Me,
    Roles(Slice),
    TicketFields,
    LatestTicket,
    Search {
        query: String,
        page: u32,
    },
    TicketRatings {
        of: TicketId,
        slice: Slice,
    },
    TicketTimeEntries {
        of: TicketId,
        slice: Slice,
    },
    File(Option<AttachmentId>),
}

impl Question {
    /// What follows `/api/v2/`.
    pub(crate) fn path(&self) -> String {
        match self {
            Self::List(ask) => list_path(ask),
            Self::Ticket(id) => format!("tickets/{id}?include=conversations,stats"),
            Self::ArchivedTicket(id) => format!("tickets/archived/{id}"),
            Self::Conversations { of, is_archived, slice } => {
                let archived = if *is_archived { "archived/" } else { "" };
                format!("tickets/{archived}{of}/conversations?{}", paging(*slice))
            }
            Self::Contact(id) => format!("contacts/{id}"),
            Self::Company(id) => format!("companies/{id}"),
            Self::Agent(id) => format!("agents/{id}"),
            Self::Me => "agents/me".to_owned(),
            Self::Roles(slice) => format!("roles?{}", paging(*slice)),
            Self::TicketFields => "ticket_fields".to_owned(),
            Self::LatestTicket => {
                "tickets?updated_since=1970-01-01T00:00:00Z&order_by=created_at&order_type=desc&per_page=1".to_owned()
            }
            Self::Search { query, page } => {
                let query = utf8_percent_encode(query, NON_ALPHANUMERIC);
                format!("search/tickets?query=%22{query}%22&page={page}")
            }
            Self::TicketRatings { of, slice } => {
                format!("tickets/{of}/satisfaction_ratings?{}", paging(*slice))
            }
            Self::TicketTimeEntries { of, slice } => {
                format!("tickets/{of}/time_entries?{}", paging(*slice))
            }
            Self::File(_) => String::new(),
        }
    }

    /// Which of the account's smaller limits it draws upon.
    pub(crate) fn endpoint(&self) -> Endpoint {
        match self {
            Self::List(Ask {
                listing: Listing::Tickets(_),
                ..
            })
            | Self::LatestTicket => Endpoint::TicketList,
            Self::List(Ask {
                listing: Listing::Contacts(_),
                ..
            }) => Endpoint::ContactList,
            _ => Endpoint::Other,
        }
    }

    /// What it is expected to cost; the answer tells what it did. An include of one record counts one more.
    pub(crate) fn credits(&self) -> u32 {
        match self {
            Self::Ticket(_) => 3,
            _ => 1,
        }
    }
}

fn paging(slice: Slice) -> String {
    format!("per_page={}&page={}", slice.per_page, slice.page)
}

fn time(at: Timestamp) -> String {
    let at = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    at.replace(':', "%3A")
}

fn list_path(ask: &Ask) -> String {
    let Ask {
        listing,
        since,
        page,
        per_page,
    } = ask;
    let paging = format!("per_page={per_page}&page={page}");
    let since = time(*since);
    match listing {
        Listing::Tickets(filter) => {
            let filter = match filter {
                TicketFilter::Usual => "",
                TicketFilter::Spam => "filter=spam&",
                TicketFilter::Deleted => "filter=deleted&",
            };
            format!(
                "tickets?{filter}updated_since={since}&order_by=updated_at&order_type=asc&{paging}"
            )
        }
        Listing::Contacts(filter) => {
            let state = match filter {
                ContactFilter::Usual => "",
                ContactFilter::Blocked => "state=blocked&",
                ContactFilter::Deleted => "state=deleted&",
            };
            format!("contacts?{state}_updated_since={since}&{paging}")
        }
        Listing::Companies => format!("companies?{paging}"),
        Listing::Agents => format!("agents?{paging}"),
        Listing::Groups => format!("groups?{paging}"),
        Listing::Ratings => format!("surveys/satisfaction_ratings?created_since={since}&{paging}"),
        Listing::TimeEntries => format!("time_entries?{paging}"),
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(Ask {
                listing,
                since,
                page,
                ..
            }) => {
                write!(f, "page {page} of {listing} since {since}")
            }
            Self::Ticket(id) => write!(f, "ticket {id}"),
            Self::ArchivedTicket(id) => write!(f, "archived ticket {id}"),
            Self::Conversations { of, slice, .. } => {
                write!(f, "page {} of the conversations of ticket {of}", slice.page)
            }
            Self::Contact(id) => write!(f, "contact {id}"),
            Self::Company(id) => write!(f, "company {id}"),
            Self::Agent(id) => write!(f, "agent {id}"),
            Self::Me => f.write_str("whose key it is"),
            Self::Roles(_) => f.write_str("the roles"),
            Self::TicketFields => f.write_str("the fields of tickets"),
            Self::LatestTicket => f.write_str("the latest ticket"),
            Self::Search { page, .. } => write!(f, "page {page} of a search"),
            Self::TicketRatings { of, .. } => write!(f, "the ratings of ticket {of}"),
            Self::TicketTimeEntries { of, .. } => write!(f, "the time entries of ticket {of}"),
            Self::File(Some(id)) => write!(f, "file {id}"),
            Self::File(None) => f.write_str("a file"),
        }
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tickets(TicketFilter::Usual) => "tickets",
            Self::Tickets(TicketFilter::Spam) => "spam",
            Self::Tickets(TicketFilter::Deleted) => "deleted tickets",
            Self::Contacts(ContactFilter::Usual) => "contacts",
            Self::Contacts(ContactFilter::Blocked) => "blocked contacts",
            Self::Contacts(ContactFilter::Deleted) => "deleted contacts",
            Self::Companies => "companies",
            Self::Agents => "agents",
            Self::Groups => "groups",
            Self::Ratings => "satisfaction ratings",
            Self::TimeEntries => "time entries",
        })
    }
}

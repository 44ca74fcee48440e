//! Lists: which rows, in which order, which page.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    desk::answer,
    records::{ContactState, Place, Records, Shelf, Ticket},
    routes::Asked,
    wire,
};

/// Tickets beyond this page are refused.
pub(super) const TICKET_PAGES_MAX: usize = 300;
const COUNT_MAX: usize = 100;
const WINDOW: SignedDuration = SignedDuration::from_hours(24 * 30);

/// Why a request is not answered.
pub(super) enum Refusal {
    Missing,
    Forbidden,
    Invalid { field: String, message: String },
}

impl Refusal {
    pub(super) fn invalid(field: &str, message: &str) -> Self {
        Self::Invalid {
            field: field.to_owned(),
            message: message.to_owned(),
        }
    }

    pub(super) fn response(&self) -> Response<Bytes> {
        match self {
            Self::Missing => {
                let mut response = Response::new(Bytes::new());
                *response.status_mut() = StatusCode::NOT_FOUND;
                response
            }
            Self::Forbidden => answer(
                StatusCode::FORBIDDEN,
                &json!({"code": "access_denied", "message": "You are not authorized to perform this action."}),
            ),
            Self::Invalid { field, message } => answer(
                StatusCode::BAD_REQUEST,
                &json!({
                    "description": "Validation failed",
                    "errors": [{"field": field, "message": message, "code": "invalid_value"}],
                }),
            ),
        }
    }
}

/// Which page of how many rows.
pub(super) struct Paging {
    page: usize,
    pub(super) count: usize,
}

impl Paging {
    pub(super) fn of(asked: &Asked, pages_max: Option<usize>) -> Result<Self, Refusal> {
        let number = |name: &str, otherwise: usize| match asked.parameter(name) {
            None => Ok(otherwise),
            Some(text) => match text.parse() {
                Ok(number) if number > 0 => Ok(number),
                _ => Err(Refusal::invalid(name, "It should be a Positive Integer")),
            },
        };
        let paging = Self {
            page: number("page", 1)?,
            count: number("per_page", 30)?,
        };
        if paging.count > COUNT_MAX {
            return Err(Refusal::invalid(
                "per_page",
                "It should be less than or equal to 100",
            ));
        }
        if pages_max.is_some_and(|max| paging.page > max) {
            let message = "You cannot access tickets beyond the 300th page. Please provide a smaller page number.";
            return Err(Refusal::invalid("page", message));
        }
        Ok(paging)
    }

    pub(super) fn skip(&self) -> usize {
        (self.page - 1).saturating_mul(self.count)
    }

    /// The rows, with a link to the next page where there is one.
    pub(super) fn answer(&self, asked: &Asked, rows: &[Value], found: usize) -> Response<Bytes> {
        let mut response = answer(StatusCode::OK, &Value::Array(rows.to_vec()));
        if self.skip().saturating_add(self.count) < found {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            for (name, value) in &asked.parameters {
                if name != "page" {
                    query.append_pair(name, value);
                }
            }
            query.append_pair("page", &(self.page + 1).to_string());
            let link = format!("<{}?{}>; rel=\"next\"", asked.address, query.finish());
            if let Ok(link) = HeaderValue::from_str(&link) {
                response.headers_mut().insert(http::header::LINK, link);
            }
        }
        response
    }
}

/// A page of rows in the order in which they come.
pub(super) fn page(asked: &Asked, rows: &[Value]) -> Result<Response<Bytes>, Refusal> {
    let paging = Paging::of(asked, None)?;
    let shown: Vec<Value> = rows
        .iter()
        .skip(paging.skip())
        .take(paging.count)
        .cloned()
        .collect();
    Ok(paging.answer(asked, &shown, rows.len()))
}

/// A parameter that is a time.
pub(super) fn time(asked: &Asked, name: &str) -> Result<Option<Timestamp>, Refusal> {
    let Some(text) = asked.parameter(name) else {
        return Ok(None);
    };
    let read = text.parse().map_err(|_unreadable| {
        Refusal::invalid(
            name,
            "It should be in the 'combined date and time ISO8601' format",
        )
    })?;
    Ok(Some(read))
}

/// Which tickets are asked for.
pub(super) struct TicketList {
    place: Place,
    since: Option<Timestamp>,
    requester: Option<u64>,
    company: Option<u64>,
    order: Order,
    is_descending: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Order {
    Created,
    Updated,
    Due,
    Status,
}

impl TicketList {
    pub(super) fn read(asked: &Asked, now: Timestamp) -> Result<Self, Refusal> {
        let id = |name: &str| match asked.parameter(name).map(str::parse) {
            None => Ok(None),
            Some(Ok(id)) => Ok(Some(id)),
            Some(Err(_)) => Err(Refusal::invalid(name, "It should be a/an Positive Integer")),
        };
        let place = match asked.parameter("filter") {
            None => Place::Inbox,
            Some("spam") => Place::Spam,
            Some("deleted") => Place::Deleted,
            Some(_) => {
                return Err(Refusal::invalid(
                    "filter",
                    "It should be one of these values: 'spam,deleted'",
                ));
            }
        };
        let since = time(asked, "updated_since")?;
        // What was made long ago is left out of a list that says nothing of time.
        let since = match place {
            Place::Inbox => since.or(Some(now - WINDOW)),
            _ => since,
        };
        Ok(Self {
            place,
            since,
            requester: id("requester_id")?,
            company: id("company_id")?,
            order: match asked.parameter("order_by") {
                None | Some("created_at") => Order::Created,
                Some("updated_at") => Order::Updated,
                Some("due_by") => Order::Due,
                Some("status") => Order::Status,
                Some(_) => return Err(Refusal::invalid("order_by", "unknown")),
            },
            is_descending: match asked.parameter("order_type") {
                None | Some("desc") => true,
                Some("asc") => false,
                Some(_) => {
                    return Err(Refusal::invalid(
                        "order_type",
                        "It should be one of these values: 'asc,desc'",
                    ));
                }
            },
        })
    }

    /// What is found; an agent who may see less finds less.
    pub(super) fn find<'a>(
        &self,
        shelf: &'a Shelf,
        may_see: impl Fn(&Ticket) -> bool,
    ) -> Vec<&'a Ticket> {
        let since = self.since.unwrap_or(Timestamp::UNIX_EPOCH);
        let mut found: Vec<&Ticket> = shelf
            .updated_since(since)
            .filter(|ticket| ticket.place == self.place)
            .filter(|ticket| self.requester.is_none_or(|id| ticket.requester_id == id))
            .filter(|ticket| self.company.is_none_or(|id| ticket.company_id == Some(id)))
            .filter(|ticket| may_see(ticket))
            .collect();
        match self.order {
            Order::Updated => {}
            Order::Created | Order::Due => {
                found.sort_by_key(|ticket| (ticket.created_at, ticket.number));
            }
            Order::Status => found.sort_by_key(|ticket| ticket.status),
        }
        if self.is_descending {
            found.reverse();
        }
        found
    }
}

/// Contacts by name; blocked and deleted ones only when asked for.
pub(super) fn contacts(asked: &Asked, records: &Records) -> Result<Response<Bytes>, Refusal> {
    let states: &[ContactState] = match asked.parameter("state") {
        None => &[ContactState::Verified, ContactState::Unverified],
        Some("verified") => &[ContactState::Verified],
        Some("unverified") => &[ContactState::Unverified],
        Some("blocked") => &[ContactState::Blocked],
        Some("deleted") => &[ContactState::Deleted],
        Some(_) => {
            return Err(Refusal::invalid(
                "state",
                "It should be one of these values: 'verified,unverified,blocked,deleted'",
            ));
        }
    };
    let since = time(asked, "_updated_since")?;
    let company = asked.parameter("company_id").and_then(|id| id.parse().ok());
    let mut found: Vec<_> = records
        .contacts
        .values()
        .filter(|contact| states.contains(&contact.state))
        .filter(|contact| since.is_none_or(|since| contact.updated_at >= since))
        .filter(|contact| company.is_none_or(|id: u64| contact.company_id == Some(id)))
        .filter(|contact| {
            let email = asked.parameter("email");
            email.is_none_or(|email| contact.email.as_deref() == Some(email))
        })
        .collect();
    found.sort_by(|one, other| (&one.name, one.id).cmp(&(&other.name, other.id)));
    let paging = Paging::of(asked, None)?;
    let rows = found.iter().skip(paging.skip()).take(paging.count);
    let rows: Vec<Value> = rows.map(|contact| wire::contact(contact, false)).collect();
    Ok(paging.answer(asked, &rows, found.len()))
}

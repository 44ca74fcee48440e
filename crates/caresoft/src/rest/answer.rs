//! Answers: which are pages, which are refusals that say so with any status.

use std::time::Duration;

use bytes::Bytes;

use super::{
    error::{Cause, Message},
    question::{List, Resource},
};
use crate::{
    Fields,
    json::{Json, Unreadable, write_canonical},
};

/// An answer over the wire.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Bytes,
}

/// One row, with everything that CareSoft said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(Vec<u8>);

impl Row {
    fn of(json: &Json<'_>) -> Self {
        let mut bytes = Vec::new();
        write_canonical(json, &mut bytes);
        Self(bytes)
    }

    /// The row as JSON text: keys sorted, numbers as CareSoft wrote them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The row's members, by way of [`Fields::of`].
    ///
    /// # Errors
    /// Never, of a row that came from CareSoft: it was read before.
    pub fn json(&self) -> Result<Json<'_>, Unreadable> {
        Json::read(&self.0)
    }
}

/// A page of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its rows.
    pub rows: Vec<Row>,
    /// How many rows there are on all pages, where CareSoft says so.
    pub found: Option<u64>,
    /// The number of the page that may hold more.
    pub next: Option<u32>,
}

impl Page {
    pub(super) fn of(answer: &Answer, resource: Resource, list: &List) -> Result<Self, Cause> {
        let mut page = Self::rows(answer, resource.name())?;
        let rows = u64::try_from(page.rows.len()).unwrap_or(u64::MAX);
        let before = u64::from(list.number() - 1) * u64::from(list.rows_max());
        let is_more = match page.found {
            Some(found) => before + rows < found,
            None => rows >= u64::from(list.rows_max()),
        };
        // A page without rows is the last one, whatever the count says.
        page.next = (is_more && rows > 0).then(|| list.number().saturating_add(1));
        Ok(page)
    }

    /// The rows that go by `name`, or those of the only array there is.
    pub(super) fn rows(answer: &Answer, name: &str) -> Result<Self, Cause> {
        let json = accepted(answer)?;
        let fields = Fields::of(&json);
        let only = || {
            let mut lists = json
                .members()
                .iter()
                .filter(|(_, value)| matches!(value, Json::List(_)));
            let (_, only) = lists.next()?;
            lists.next().is_none().then_some(only)
        };
        let list = fields.get(name).or_else(only);
        let rows = match list {
            Some(Json::List(items)) => items.iter().map(Row::of).collect(),
            Some(Json::Null) => Vec::new(),
            _ => {
                return Err(Cause::Shape {
                    status: answer.status,
                    what: "it has no rows",
                });
            }
        };
        Ok(Self {
            rows,
            found: fields
                .whole("numFound")
                .and_then(|found| u64::try_from(found).ok()),
            next: None,
        })
    }
}

/// The one thing that goes by `name`.
pub(super) fn one(answer: &Answer, name: &str) -> Result<Row, Cause> {
    let json = accepted(answer)?;
    let found = Fields::of(&json).object(name);
    match found.is_empty() {
        false => Ok(Row::of(found.json())),
        true => Err(Cause::Shape {
            status: answer.status,
            what: "it does not hold what was asked for",
        }),
    }
}

/// What an answer with a good status holds, unless it says `errors` in its `code`.
fn accepted(answer: &Answer) -> Result<Json<'_>, Cause> {
    let status = answer.status;
    let json = Json::read(&answer.body).map_err(|_no_json| Cause::Shape {
        status,
        what: "it is no JSON",
    })?;
    let fields = Fields::of(&json);
    match fields.word("code").as_deref() {
        Some("ok") => Ok(json),
        Some(_) => Err(refused(status, fields)),
        None => Err(Cause::Shape {
            status,
            what: "it has no code",
        }),
    }
}

fn refused(status: u16, fields: Fields<'_>) -> Cause {
    let message = fields.text("message").unwrap_or_default().into_owned();
    Cause::Refused {
        status,
        message: Message(message),
    }
}

/// What a status says by itself; `None` of a good one.
pub(super) fn failure(answer: &Answer) -> Option<Failure> {
    let status = answer.status;
    Some(match status {
        200..=299 => return None,
        404 if speaks_of_domain(&answer.body) => Failure::Ban,
        429 => Failure::TooMany,
        300..=399 => Failure::Final(Cause::Redirected { status }),
        401 | 403 => Failure::Final(Cause::WrongToken { status }),
        404 => Failure::Final(Cause::Missing),
        500.. => Failure::Final(Cause::ServerFault {
            status,
            retry_after: answer.retry_after,
        }),
        _ => {
            let json = Json::read(&answer.body).unwrap_or(Json::Null);
            Failure::Final(refused(status, Fields::of(&json)))
        }
    })
}

/// What a bad status stands for.
pub(super) enum Failure {
    Ban,
    TooMany,
    Final(Cause),
}

/// A ban looks like a domain that does not exist; a ticket that does not exist says nothing of domains.
fn speaks_of_domain(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body).to_lowercase();
    text.contains("domain") || text.contains("tên miền")
}

#[cfg(test)]
mod tests;

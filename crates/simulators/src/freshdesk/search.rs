//! `search/tickets`: a little language over a few fields, thirty rows a page, ten pages.

use bytes::Bytes;
use http::{Response, StatusCode};
use jiff::{civil::Date, tz::TimeZone};
use serde_json::{Value, json};

use super::{
    desk::answer as reply,
    lists::Refusal,
    records::{Place, Records, Ticket},
    routes::Asked,
    wire::{Includes, Wire},
};

const PAGES_MAX: usize = 10;
const COUNT: usize = 30;
const LETTERS_MAX: usize = 512;

pub(super) fn answer(
    asked: &Asked,
    wire: &Wire<'_>,
    records: &Records,
    may_see: impl Fn(&Ticket) -> bool,
) -> Result<Response<Bytes>, Refusal> {
    let query = asked.parameter("query").unwrap_or_default();
    let wrong = || Refusal::invalid("query", "Please check the query");
    let inner = query
        .strip_prefix('"')
        .and_then(|query| query.strip_suffix('"'));
    let inner = inner
        .filter(|inner| inner.chars().count() <= LETTERS_MAX)
        .ok_or_else(wrong)?;
    let wanted = Reader::new(inner).all().ok_or_else(wrong)?;
    let page = asked
        .parameter("page")
        .map_or(Some(1), |page| page.parse().ok());
    let page = page.filter(|page| (1..=PAGES_MAX).contains(page));
    let page =
        page.ok_or_else(|| Refusal::invalid("page", "It should be less than or equal to 10"))?;
    let found: Vec<&Ticket> = records
        .tickets
        .values()
        .filter(|ticket| ticket.place == Place::Inbox && may_see(ticket))
        .filter(|ticket| wanted.is_met(ticket))
        .collect();
    let rows = found.iter().skip((page - 1) * COUNT).take(COUNT);
    let rows: Vec<Value> = rows
        .map(|ticket| Value::Object(wire.ticket(ticket, None, None, Includes::default())))
        .collect();
    Ok(reply(
        StatusCode::OK,
        &json!({"total": found.len(), "results": rows}),
    ))
}

/// What a query means.
#[derive(Debug, PartialEq)]
enum Wanted {
    All(Vec<Wanted>),
    Any(Vec<Wanted>),
    Is(String, Comparison, String),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Equal,
    AtLeast,
    AtMost,
}

impl Wanted {
    fn is_met(&self, ticket: &Ticket) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.is_met(ticket)),
            Self::Any(parts) => parts.iter().any(|part| part.is_met(ticket)),
            Self::Is(field, comparison, value) => is_met(ticket, field, *comparison, value),
        }
    }
}

fn is_met(ticket: &Ticket, field: &str, comparison: Comparison, value: &str) -> bool {
    let number = |own: Option<i64>| match value {
        "null" => own.is_none(),
        _ => own
            .zip(value.parse().ok())
            .is_some_and(|(own, value)| compares(&own, comparison, &value)),
    };
    let id = |own: Option<u64>| number(own.and_then(|own| i64::try_from(own).ok()));
    let day = |own: Option<jiff::Timestamp>| match value {
        "null" => own.is_none(),
        _ => own
            .zip(value.parse::<Date>().ok())
            .is_some_and(|(own, value)| {
                compares(&own.to_zoned(TimeZone::UTC).date(), comparison, &value)
            }),
    };
    match field {
        "status" => number(Some(ticket.status)),
        "priority" => number(Some(ticket.priority)),
        "group_id" => id(ticket.group_id),
        "agent_id" => id(ticket.responder_id),
        "type" => ticket.kind.as_deref().unwrap_or("null") == value,
        "tag" => ticket.tags.iter().any(|tag| tag == value),
        "created_at" => day(Some(ticket.created_at)),
        "updated_at" => day(Some(ticket.updated_at)),
        "closed_at" => day(ticket.stats.closed_at),
        _ => false,
    }
}

fn compares<T: PartialOrd>(own: &T, comparison: Comparison, value: &T) -> bool {
    match comparison {
        Comparison::Equal => own == value,
        Comparison::AtLeast => own >= value,
        Comparison::AtMost => own <= value,
    }
}

/// Reads `a:1 AND (b:>'2020-01-01' OR c:null)`.
struct Reader<'a> {
    rest: &'a str,
    depth: u8,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            rest: text,
            depth: 0,
        }
    }

    fn all(mut self) -> Option<Wanted> {
        let wanted = self.any()?;
        self.rest.trim().is_empty().then_some(wanted)
    }

    fn takes(&mut self, word: &str) -> bool {
        let rest = self.rest.trim_start();
        match rest.strip_prefix(word) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn any(&mut self) -> Option<Wanted> {
        let mut parts = vec![self.every()?];
        while self.takes("OR") {
            parts.push(self.every()?);
        }
        Some(Wanted::Any(parts))
    }

    fn every(&mut self) -> Option<Wanted> {
        let mut parts = vec![self.part()?];
        while self.takes("AND") {
            parts.push(self.part()?);
        }
        Some(Wanted::All(parts))
    }

    fn part(&mut self) -> Option<Wanted> {
        if self.takes("(") {
            self.depth += 1;
            let inner = (self.depth < 20).then(|| self.any()).flatten()?;
            self.depth -= 1;
            return self.takes(")").then_some(inner);
        }
        let (field, rest) = self.rest.trim_start().split_once(':')?;
        self.rest = rest;
        let comparison = match () {
            () if self.takes(">") => Comparison::AtLeast,
            () if self.takes("<") => Comparison::AtMost,
            () => Comparison::Equal,
        };
        let value = if self.takes("'") {
            let (value, rest) = self.rest.split_once('\'')?;
            self.rest = rest;
            value
        } else {
            let end = self.rest.find([' ', ')']).unwrap_or(self.rest.len());
            let (value, rest) = self.rest.split_at_checked(end)?;
            self.rest = rest;
            value
        };
        Some(Wanted::Is(field.to_owned(), comparison, value.to_owned()))
    }
}

//! Which address is what, and who may see it.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::{
    desk::{Desk, answer as reply},
    limits::Endpoint,
    lists::{self, Refusal},
    records::{Place, Records, Shelf, Ticket},
    search,
    wire::{self, Includes, Wire},
};
use crate::server::Request;

/// What is asked: the parts of the address after `/api/v2/`, and its parameters.
pub(super) struct Asked {
    method: Method,
    parts: Vec<String>,
    pub(super) parameters: BTreeMap<String, String>,
    /// The address up to the parameters, for links to the next page.
    pub(super) address: String,
}

impl Asked {
    pub(super) fn new(request: &Request) -> Self {
        let path = percent_decode_str(request.path()).decode_utf8_lossy();
        let parts = path.strip_prefix("/api/v2/").map(|path| {
            let parts = path.split('/').filter(|part| !part.is_empty());
            parts.map(str::to_owned).collect()
        });
        let parameters = url::form_urlencoded::parse(request.query().as_bytes());
        let host = request.header("host").unwrap_or("desk.test");
        Self {
            method: request.head.method.clone(),
            parts: parts.unwrap_or_default(),
            parameters: parameters.into_owned().collect(),
            address: format!("http://{host}{path}"),
        }
    }

    fn parts(&self) -> Vec<&str> {
        self.parts.iter().map(String::as_str).collect()
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        match self.parts().as_slice() {
            ["tickets"] => Endpoint::TicketList,
            ["contacts"] => Endpoint::ContactList,
            _ => Endpoint::Other,
        }
    }

    /// One, and for every include two more in a list, one more elsewhere.
    pub(super) fn credits(&self) -> u32 {
        let includes = self.includes().count();
        let each = if self.parts.len() == 1 { 2 } else { 1 };
        1 + u32::try_from(includes).unwrap_or(0) * each
    }

    fn includes(&self) -> impl Iterator<Item = &str> {
        let words = self.parameter("include").unwrap_or_default().split(',');
        words.map(str::trim).filter(|word| !word.is_empty())
    }

    /// Reads `include` where only some words are known.
    fn read_includes(&self, known: &[&str]) -> Result<Includes, Refusal> {
        let mut includes = Includes::default();
        for word in self.includes() {
            let member = match word {
                "description" => &mut includes.description,
                "requester" => &mut includes.requester,
                "stats" => &mut includes.stats,
                "company" => &mut includes.company,
                "conversations" => &mut includes.conversations,
                _ => return Err(Refusal::invalid("include", "unknown")),
            };
            if !known.contains(&word) {
                let message = format!("It should be one of these values: '{}'", known.join(","));
                return Err(Refusal::invalid("include", &message));
            }
            *member = true;
        }
        Ok(includes)
    }
}

pub(super) fn answer(
    desk: &Desk,
    records: &Records,
    shelf: &Shelf,
    agent: u64,
    asked: &Asked,
) -> Response<Bytes> {
    if asked.method != Method::GET {
        return reply(
            StatusCode::METHOD_NOT_ALLOWED,
            &json!({"message": "only reads are simulated"}),
        );
    }
    let visit = Visit {
        desk,
        records,
        shelf,
        agent,
        asked,
        wire: Wire {
            signer: desk.signer(),
            now: desk.now(),
        },
    };
    visit.answer().unwrap_or_else(|refusal| refusal.response())
}

/// One agent's request, with all that answering it needs.
struct Visit<'a> {
    desk: &'a Desk,
    records: &'a Records,
    shelf: &'a Shelf,
    agent: u64,
    asked: &'a Asked,
    wire: Wire<'a>,
}

type Answered = Result<Response<Bytes>, Refusal>;

impl Visit<'_> {
    fn answer(&self) -> Answered {
        let features = self.desk.features();
        let records = self.records;
        match self.asked.parts().as_slice() {
            ["tickets"] => self.tickets(),
            ["tickets", "archived", id, rest @ ..] => {
                let is_there = features.archive;
                self.archived(id, rest, is_there)
            }
            ["tickets", id] => {
                let includes = ["conversations", "requester", "company", "stats"];
                self.whole_ticket(self.ticket(id, false)?, &includes)
            }
            ["tickets", id, "conversations"] => lists::page(
                self.asked,
                &self.wire.conversations(self.ticket(id, false)?),
            ),
            ["tickets", id, "satisfaction_ratings"] if features.satisfaction => {
                let number = self.ticket(id, false)?.number;
                let own = records
                    .ratings
                    .values()
                    .filter(|rating| rating.ticket_id == number);
                lists::page(self.asked, &own.map(wire::rating).collect::<Vec<_>>())
            }
            ["tickets", id, "time_entries"] if features.time_entries => {
                let number = self.ticket(id, false)?.number;
                let own = records
                    .time_entries
                    .values()
                    .filter(|entry| entry.ticket_id == number);
                lists::page(self.asked, &own.map(wire::time_entry).collect::<Vec<_>>())
            }
            ["surveys", "satisfaction_ratings"] if features.satisfaction => {
                let since = lists::time(self.asked, "created_since")?;
                let since =
                    since.unwrap_or(self.wire.now - jiff::SignedDuration::from_hours(24 * 30));
                let recent = records
                    .ratings
                    .values()
                    .filter(|rating| rating.created_at >= since);
                lists::page(self.asked, &recent.map(wire::rating).collect::<Vec<_>>())
            }
            ["time_entries"] if features.time_entries => {
                let rows = records.time_entries.values().map(wire::time_entry);
                lists::page(self.asked, &rows.collect::<Vec<_>>())
            }
            ["surveys", ..] | ["tickets", _, "satisfaction_ratings"] => {
                Ok(require_feature("survey_links"))
            }
            ["time_entries"] | ["tickets", _, "time_entries"] => Ok(require_feature("timesheets")),
            ["contacts"] => lists::contacts(self.asked, records),
            ["contacts", id] => one(records.contacts.get(&number(id)?), |row| {
                wire::contact(row, true)
            }),
            ["companies"] => self.all(records.companies.values().map(wire::company)),
            ["companies", id] => one(records.companies.get(&number(id)?), wire::company),
            ["agents"] => self.all(records.agents.values().map(wire::agent)),
            ["agents", "me"] => one(records.agents.get(&self.agent), wire::agent),
            ["agents", id] => one(records.agents.get(&number(id)?), wire::agent),
            ["groups"] => self.all(records.groups.values().map(wire::group)),
            ["groups", id] => one(records.groups.get(&number(id)?), wire::group),
            ["roles"] => {
                let roles = json!([
                    {"id": 4_100_001, "name": "Account Administrator", "default": true},
                    {"id": 4_100_003, "name": "Agent", "default": true},
                ]);
                Ok(reply(StatusCode::OK, &roles))
            }
            ["ticket_fields"] => Ok(reply(StatusCode::OK, &wire::ticket_fields())),
            ["search", "tickets"] => {
                search::answer(self.asked, &self.wire, self.records, |ticket| {
                    self.may_see(ticket)
                })
            }
            _ => Err(Refusal::Missing),
        }
    }

    fn all(&self, rows: impl Iterator<Item = Value>) -> Answered {
        lists::page(self.asked, &rows.collect::<Vec<_>>())
    }

    fn tickets(&self) -> Answered {
        let known = ["requester", "stats", "description", "company"];
        let includes = self.asked.read_includes(&known)?;
        let wanted = lists::TicketList::read(self.asked, self.wire.now)?;
        let found = wanted.find(self.shelf, |ticket| self.may_see(ticket));
        let page = lists::Paging::of(self.asked, Some(lists::TICKET_PAGES_MAX))?;
        let rows = found.iter().skip(page.skip()).take(page.count);
        let rows: Vec<Value> = rows
            .map(|ticket| {
                let (requester, company) = self.people(ticket);
                Value::Object(self.wire.ticket(ticket, requester, company, includes))
            })
            .collect();
        Ok(page.answer(self.asked, &rows, found.len()))
    }

    fn archived(&self, id: &str, rest: &[&str], is_there: bool) -> Answered {
        if !is_there {
            return Ok(require_feature("archive_tickets"));
        }
        let ticket = self.ticket(id, true)?;
        match rest {
            [] => self.whole_ticket(ticket, &["requester", "company", "stats"]),
            ["conversations"] => lists::page(self.asked, &self.wire.conversations(ticket)),
            _ => Err(Refusal::Missing),
        }
    }

    fn whole_ticket(&self, ticket: &Ticket, known: &[&str]) -> Answered {
        let includes = self.asked.read_includes(known)?;
        let (requester, company) = self.people(ticket);
        let row = self.wire.whole_ticket(ticket, requester, company, includes);
        Ok(reply(StatusCode::OK, &row))
    }

    fn people(
        &self,
        ticket: &Ticket,
    ) -> (
        Option<&super::records::Contact>,
        Option<&super::records::Company>,
    ) {
        let requester = self.records.contacts.get(&ticket.requester_id);
        let company = ticket
            .company_id
            .and_then(|id| self.records.companies.get(&id));
        (requester, company)
    }

    fn ticket(&self, id: &str, is_archived: bool) -> Result<&Ticket, Refusal> {
        let found = self
            .records
            .tickets
            .get(&number(id)?)
            .ok_or(Refusal::Missing)?;
        match (found.place == Place::Archived) == is_archived {
            false => Err(Refusal::Missing),
            true if self.may_see(found) => Ok(found),
            true => Err(Refusal::Forbidden),
        }
    }

    /// An agent with less than the global scope sees less, and is not told so.
    fn may_see(&self, ticket: &Ticket) -> bool {
        let agent = self.records.agents.get(&self.agent);
        match agent.map(|agent| (agent.ticket_scope, &agent.group_ids)) {
            Some((1, _)) => true,
            Some((2, groups)) => ticket.group_id.is_some_and(|group| groups.contains(&group)),
            _ => ticket.responder_id == Some(self.agent),
        }
    }
}

fn one<T>(found: Option<&T>, show: impl FnOnce(&T) -> Value) -> Answered {
    let found = found.ok_or(Refusal::Missing)?;
    Ok(reply(StatusCode::OK, &show(found)))
}

fn number(id: &str) -> Result<u64, Refusal> {
    id.parse().map_err(|_not_a_number| Refusal::Missing)
}

pub(super) fn require_feature(name: &str) -> Response<Bytes> {
    let message = format!(
        "The {name} feature(s) is/are not supported in your plan. Please upgrade your account to use it."
    );
    reply(
        StatusCode::FORBIDDEN,
        &json!({"code": "require_feature", "message": message}),
    )
}

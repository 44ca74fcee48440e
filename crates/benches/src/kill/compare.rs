//! Helpdesk and CRM beside what a made-up life came to.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use simulators::{
    bitrix24::{Portal, Record},
    caresoft::{Comment, Records},
    frappe::Site,
};

use crate::systems::{DOCTYPES, agent};

/// The field of the helpdesk that says which record of CareSoft a document is.
const KEY: &str = "custom_caresoft_id";
type Document = Map<String, Value>;

/// What stood in helpdesk and CRM before anything came.
#[derive(Clone, Debug)]
pub struct Before {
    documents: BTreeSet<(String, String)>,
    leads: usize,
    deals: usize,
}

/// How helpdesk and CRM differ from a life.
#[derive(Clone, Debug, Default)]
pub struct Differences {
    /// What was written twice, or is nobody's.
    pub duplicates: Vec<String>,
    /// Everything else.
    pub differences: Vec<String>,
    /// How many documents and records were compared.
    pub compared: usize,
}

impl Before {
    /// What stands now.
    pub fn of(site: &Site, portal: &Portal) -> Self {
        let documents = site.data().documents;
        let documents = documents.iter().map(name_of);
        let crm = portal.data();
        Self {
            documents: documents.collect(),
            leads: crm.leads.len(),
            deals: crm.deals.len(),
        }
    }
}

/// Compares helpdesk and CRM with what a life came to, by the keys of this connection.
pub fn differences(
    outcome: &Records,
    connection: &str,
    site: &Site,
    portal: &Portal,
    before: &Before,
) -> Differences {
    let mut found = Differences::default();
    let desk = Desk::of(site, connection, before, &mut found.duplicates);
    for (id, user) in &outcome.users {
        desk.compare_contact(*id, user, outcome, &mut found);
    }
    for id in outcome.organizations.keys() {
        // It keeps the name that it got first; its number is in every one.
        let customer = desk.get("HD Customer", &format!("organization:{id}"));
        let name = customer.map(|customer| text(customer, "customer_name"));
        let is_it = name.is_some_and(|name| name.ends_with(&id.to_string()));
        found.compare(&format!("HD Customer of {id} ({name:?})"), is_it, true);
    }
    for (id, ticket) in &outcome.tickets {
        desk.compare_ticket(*id, ticket, outcome, &mut found);
        desk.compare_comments(*id, outcome, &mut found);
    }
    let ended = outcome.deleted.iter().chain(outcome.merged.keys());
    for id in ended {
        // One that was over before anything else was heard of it was never written.
        if let Some(ticket) = desk.get("HD Ticket", &format!("case:{id}")) {
            let what = format!("status of ended ticket {id}");
            found.compare(&what, Some(text(ticket, "status")), Some("Closed"));
        }
    }
    compare_crm(outcome, connection, portal, before, &mut found);
    found
}

impl Differences {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "what is compared is made where it is compared"
    )]
    fn compare<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, found: T, expected: T) {
        self.compared += 1;
        if found != expected {
            let told = format!("{what} is {found:?}, expected {expected:?}");
            self.differences.push(told);
        }
    }
}

/// The documents that the hub made, by DocType and what follows the connection in their keys.
struct Desk<'s> {
    site: &'s Site,
    documents: BTreeMap<(String, String), Document>,
}

impl<'s> Desk<'s> {
    fn of(site: &'s Site, connection: &str, before: &Before, duplicates: &mut Vec<String>) -> Self {
        let mut documents = BTreeMap::new();
        let all = site.data().documents.into_iter();
        let made = all.filter(|document| {
            DOCTYPES.contains(&text(document, "doctype"))
                && !before.documents.contains(&name_of(document))
        });
        for document in made {
            let doctype = text(&document, "doctype").to_owned();
            let key = text(&document, KEY).strip_prefix(connection);
            let Some(key) = key.and_then(|key| key.strip_prefix(':')) else {
                duplicates.push(format!("a {doctype} of nobody: {document:?}"));
                continue;
            };
            let place = (doctype, key.to_owned());
            if let Some(other) = documents.insert(place, document.clone()) {
                duplicates.push(format!("{document:?} is {other:?} once more"));
            }
        }
        Self { site, documents }
    }

    fn get(&self, doctype: &str, key: &str) -> Option<&Document> {
        let place = (doctype.to_owned(), key.to_owned());
        self.documents.get(&place)
    }

    /// The name of a document.
    fn name(&self, doctype: &str, key: &str) -> Option<String> {
        self.get(doctype, key).map(|document| name_of(document).1)
    }

    fn compare_contact(
        &self,
        id: u64,
        user: &Document,
        outcome: &Records,
        found: &mut Differences,
    ) {
        let Some(contact) = self.get("Contact", &format!("user:{id}")) else {
            found.differences.push(format!("no Contact of {id}"));
            return;
        };
        let what = |what: &str| format!("{what} of contact {id}");
        let (name, phone) = (text(user, "username"), text(user, "phone_no"));
        found.compare(&what("first_name"), text(contact, "first_name"), name);
        let whole = self.site.document("Contact", &name_of(contact).1);
        let rows = whole.get("phone_nos").and_then(Value::as_array);
        let phones = rows.into_iter().flatten();
        let phones = phones.map(|row| row.get("phone").and_then(Value::as_str).unwrap_or_default());
        found.compare(&what("phone_nos"), phones.collect(), vec![phone]);
        let rows = whole.get("links").and_then(Value::as_array);
        let links = rows.into_iter().flatten().filter_map(|row| {
            let is_customer = row.get("link_doctype")? == "HD Customer";
            is_customer.then(|| Some(row.get("link_name")?.as_str()?.to_owned()))?
        });
        let customer = self.customer_of(user, outcome);
        found.compare(
            &what("customers"),
            links.collect(),
            Vec::from_iter(customer),
        );
    }

    /// The name of the customer that a user's organisation is.
    fn customer_of(&self, user: &Document, outcome: &Records) -> Option<String> {
        let organization = user.get("organization_id")?.as_u64()?;
        outcome.organizations.get(&organization)?;
        self.name("HD Customer", &format!("organization:{organization}"))
    }

    fn compare_ticket(
        &self,
        id: u64,
        expected: &Document,
        outcome: &Records,
        found: &mut Differences,
    ) {
        let Some(ticket) = self.get("HD Ticket", &format!("case:{id}")) else {
            found.differences.push(format!("no HD Ticket of {id}"));
            return;
        };
        let status = match text(expected, "ticket_status") {
            "pending" => "Replied",
            "solved" => "Resolved",
            "closed" => "Closed",
            _ => "Open",
        };
        let requester = expected.get("requester_id").and_then(Value::as_u64);
        let user = requester.and_then(|requester| outcome.users.get(&requester));
        let contact = requester.and_then(|user| self.name("Contact", &format!("user:{user}")));
        let customer = user.and_then(|user| self.customer_of(user, outcome));
        let agent = match expected.get("assignee_id").and_then(Value::as_u64) {
            None => String::new(),
            Some(id) => agent(id).to_owned(),
        };
        let worker = ticket.get("_assign").and_then(Value::as_str);
        let worker = worker.map(|list| list.trim_matches(['[', ']', '"']).to_owned());
        for (field, found_text, expected) in [
            (
                "subject",
                text(ticket, "subject").to_owned(),
                text(expected, "ticket_subject").to_owned(),
            ),
            (
                "status",
                text(ticket, "status").to_owned(),
                status.to_owned(),
            ),
            (
                "priority",
                text(ticket, "priority").to_owned(),
                "Medium".to_owned(),
            ),
            (
                "contact",
                text(ticket, "contact").to_owned(),
                contact.unwrap_or_default(),
            ),
            (
                "customer",
                text(ticket, "customer").to_owned(),
                customer.unwrap_or_default(),
            ),
            ("_assign", worker.unwrap_or_default(), agent),
        ] {
            found.compare(&format!("{field} of ticket {id}"), found_text, expected);
        }
    }

    /// What is written on a ticket, whatever its keys: each comment once, and one note of the call that it came of.
    fn compare_comments(&self, id: u64, outcome: &Records, found: &mut Differences) {
        let name = self.name("HD Ticket", &format!("case:{id}"));
        let (mut written, mut notes, mut recordings) = (Vec::new(), 0, 0);
        for ((doctype, key), document) in &self.documents {
            let (ticket, is_public) = match doctype.as_str() {
                "Communication" => (text(document, "reference_name"), true),
                "HD Ticket Comment" => (text(document, "reference_ticket"), false),
                _ => continue,
            };
            match name.as_deref() == Some(ticket) {
                false => {}
                true if key.ends_with("-recording") => recordings += 1,
                true if key.contains("-call-") => notes += 1,
                true => written.push((plain(text(document, "content")), is_public)),
            }
        }
        let of = |comment: &Comment| (plain(&comment.html), comment.is_public);
        let comments = outcome.comments.get(&id).into_iter().flatten();
        let mut expected: Vec<_> = comments.map(of).collect();
        written.sort_unstable();
        expected.sort_unstable();
        if written.len() > expected.len() {
            let told = format!("comments of ticket {id} are {written:?}, expected {expected:?}");
            found.duplicates.push(told);
        } else {
            found.compare(&format!("comments of ticket {id}"), written, expected);
        }
        let mut calls = outcome.calls.values();
        let is_its = |call: &Document| call.get("ticket_id").and_then(Value::as_u64) == Some(id);
        let expected = usize::from(calls.any(is_its));
        found.compare(&format!("call notes of ticket {id}"), notes, expected);
        found.compare(
            &format!("more recordings of ticket {id}"),
            recordings > 1,
            false,
        );
    }
}

fn compare_crm(
    outcome: &Records,
    connection: &str,
    portal: &Portal,
    before: &Before,
    found: &mut Differences,
) {
    let crm = portal.data();
    let leads = of_origin("lead", &crm.leads, before.leads, connection, found);
    let deals = of_origin("deal", &crm.deals, before.deals, connection, found);
    for (id, lead) in &outcome.leads {
        let title = leads.get(id).map(|lead| text(lead, "TITLE"));
        found.compare(
            &format!("title of lead {id}"),
            title,
            Some(text(lead, "name")),
        );
    }
    for (id, deal) in &outcome.deals {
        let row = deals.get(id);
        let title = row.map(|row| text(row, "TITLE"));
        found.compare(
            &format!("title of deal {id}"),
            title,
            Some(text(deal, "name")),
        );
        let worth = row.and_then(|row| text(row, "OPPORTUNITY").parse().ok());
        let expected = deal.get("value").and_then(Value::as_f64);
        found.compare(&format!("value of deal {id}"), worth, expected);
        let lead = leads.get(id).map(|lead| text(lead, "ID"));
        found.compare(&format!("lead of deal {id} is there"), lead.is_some(), true);
        // A deal that came before its lead names none.
        let of = row.map(|row| text(row, "LEAD_ID"));
        let of = of.filter(|of| !of.is_empty()).or(lead);
        found.compare(&format!("lead of deal {id}"), of, lead);
    }
}

/// The records that came from CareSoft, by their case.
fn of_origin<'r>(
    what: &str,
    records: &'r [Record],
    before: usize,
    connection: &str,
    found: &mut Differences,
) -> BTreeMap<u64, &'r Record> {
    let mut by_case = BTreeMap::new();
    let prefix = format!("{connection}:case:");
    for record in records {
        let origin = text(record, "ORIGIN_ID").strip_prefix(&prefix);
        let Some(id) = origin.and_then(|id| id.parse().ok()) else {
            continue;
        };
        if by_case.insert(id, record).is_some() {
            found.duplicates.push(format!("{what} {id} stands twice"));
        }
    }
    let of_nobody = records.len().saturating_sub(before + by_case.len());
    if of_nobody > 0 {
        found
            .duplicates
            .push(format!("{of_nobody} {what}s of nobody, or twice"));
    }
    by_case
}

fn name_of(document: &Document) -> (String, String) {
    let name = match document.get("name") {
        Some(Value::String(name)) => name.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    (text(document, "doctype").to_owned(), name)
}

fn text<'d>(document: &'d Document, field: &str) -> &'d str {
    document
        .get(field)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The words of HTML.
fn plain(html: &str) -> String {
    let mut pieces = html.split('<');
    let first = pieces.next().unwrap_or_default().to_owned();
    let words = pieces.filter_map(|piece| piece.split_once('>').map(|(_, words)| words));
    words
        .fold(first, |all, words| format!("{all} {words}"))
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

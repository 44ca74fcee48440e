//! What the helpdesk is told of calls: a ticket because of a missed one, a comment on the client's open ticket.

use frappe::{Cause, Document, Filter, List, Name, Op, Order, text};
use serde_json::{Value, json};

use super::{KEY_FIELD, Place, Stop};
use crate::decide::write::{AddComment, AddTicket, CallKey};

const TICKET: &str = "HD Ticket";
const COMMENT: &str = "HD Ticket Comment";
const CONTACT: &str = "Contact";
/// Digits at the end of a number by which contacts are looked for before their numbers are compared.
const DIGITS: usize = 7;
/// Contacts that are looked at.
const CONTACTS_MAX: u32 = 20;
/// Categories of statuses in which nobody works on a ticket any more.
const CLOSED: [&str; 2] = ["Resolved", "Closed"];
/// Nobody's address: a ticket without any gets the hub's own.
const NOBODY: &str = "nobody@calls.invalid";

impl Place {
    fn helpdesk(&self) -> Result<&frappe::Client, Stop> {
        self.helpdesk.as_ref().ok_or_else(|| {
            Stop::not_sent(format!(
                "the PBX `{}` has no helpdesk in the configuration",
                self.settings.connection
            ))
        })
    }

    pub(super) async fn add_ticket(&self, write: &AddTicket) -> Result<Value, Stop> {
        let helpdesk = self.helpdesk()?;
        if let Some(found) = self.of_key(helpdesk, TICKET, &write.key).await? {
            return Ok(json!({ "ticket": found }));
        }
        let contact = self.contact(helpdesk, &write.phone).await?;
        if write.unless_open
            && let Some(contact) = &contact
            && let Some(open) = self.open_ticket(helpdesk, contact).await?
        {
            return self
                .comment(helpdesk, &write.key, &open, &write.description)
                .await;
        }
        let mut ticket = Document::new()
            .with(KEY_FIELD, write.key.as_str())
            .with(
                "subject",
                text::truncate(&write.subject, text::DATA_CHARACTERS_MAX),
            )
            .with("description", html(&write.description))
            // Else the site thanks the client for a mail that was not sent.
            .with("via_customer_portal", 1)
            .with("raised_by", NOBODY);
        if let Some(contact) = &contact {
            ticket.set("contact", contact);
            let contact = helpdesk.get(CONTACT, contact).await?;
            if let Some(email) = contact.trimmed("email_id") {
                ticket.set("raised_by", email);
            }
        }
        for (field, value) in [
            ("ticket_type", &write.ticket_type),
            ("priority", &write.priority),
            ("agent_group", &write.team),
        ] {
            if let Some(value) = value {
                ticket.set(field, value.as_str());
            }
        }
        self.insert(helpdesk, TICKET, &write.key, &ticket)
            .await
            .map(|name| json!({ "ticket": name }))
    }

    pub(super) async fn add_comment(&self, write: &AddComment) -> Result<Value, Stop> {
        let helpdesk = self.helpdesk()?;
        let Some(contact) = self.contact(helpdesk, &write.phone).await? else {
            return Err(Stop::left_out(
                "not exactly one contact of the helpdesk has the client's number",
            ));
        };
        let Some(open) = self.open_ticket(helpdesk, &contact).await? else {
            return Err(Stop::left_out("the client has no open ticket"));
        };
        self.comment(helpdesk, &write.key, &open, &write.text).await
    }

    async fn comment(
        &self,
        helpdesk: &frappe::Client,
        key: &CallKey,
        ticket: &Name,
        text: &str,
    ) -> Result<Value, Stop> {
        if let Some(found) = self.of_key(helpdesk, COMMENT, key).await? {
            return Ok(json!({ "comment": found, "on": ticket }));
        }
        let user = helpdesk.logged_user().await?;
        let comment = Document::new()
            .with(KEY_FIELD, key.as_str())
            .with("reference_ticket", ticket)
            .with("commented_by", user)
            .with("content", html(text));
        let name = self.insert(helpdesk, COMMENT, key, &comment).await?;
        Ok(json!({ "comment": name, "on": ticket }))
    }

    /// Adds a document, or finds the one that somebody else added in between.
    async fn insert(
        &self,
        helpdesk: &frappe::Client,
        doctype: &str,
        key: &CallKey,
        document: &Document,
    ) -> Result<Name, Stop> {
        match helpdesk.insert(doctype, document).await.into_result() {
            Ok(added) => added
                .name()
                .ok_or_else(|| Stop::refused("the helpdesk answered without a name")),
            Err(error)
                if matches!(
                    error.cause,
                    Cause::NotUnique { .. } | Cause::Duplicate { .. }
                ) =>
            {
                let found = self.of_key(helpdesk, doctype, key).await?;
                found.ok_or_else(|| error.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The document of a call. Frappe drops fields that it does not know without a word, so that they are looked for
    /// first: without them every attempt would make a document.
    async fn of_key(
        &self,
        helpdesk: &frappe::Client,
        doctype: &str,
        key: &CallKey,
    ) -> Result<Option<Name>, Stop> {
        let meta = helpdesk.meta(doctype).await?;
        if !meta.field(KEY_FIELD).is_some_and(|field| field.is_unique) {
            return Err(Stop::not_sent(format!(
                "{doctype} has no unique field {KEY_FIELD} in the helpdesk; run `deskbridge frappe install`"
            )));
        }
        let list = List::new()
            .fields(["name", KEY_FIELD])
            .filter(Filter::eq(KEY_FIELD, key.as_str()))
            .limit(1);
        let found = helpdesk.list(doctype, &list).await?;
        // The database does not tell a from A.
        let ours = found
            .into_iter()
            .find(|document| document.text(KEY_FIELD) == Some(key.as_str()));
        Ok(ours.and_then(|document| document.name()))
    }

    /// The contact that alone has a number.
    async fn contact(&self, helpdesk: &frappe::Client, phone: &str) -> Result<Option<Name>, Stop> {
        let numbers = &self.settings.numbers;
        let Some(wanted) = numbers.compared(phone) else {
            return Ok(None);
        };
        let digits: Vec<char> = phone.chars().filter(char::is_ascii_digit).collect();
        let tail: String = digits
            .iter()
            .skip(digits.len().saturating_sub(DIGITS))
            .collect();
        // Whatever stands between the digits.
        let pattern = tail.chars().fold("%".to_owned(), |pattern, digit| {
            format!("{pattern}{digit}%")
        });
        let list = List::new()
            .fields(["name"])
            .filter(Filter::new("phone", Op::Like, pattern).of("Contact Phone"))
            .limit(CONTACTS_MAX);
        let mut names: Vec<Name> = helpdesk
            .list(CONTACT, &list)
            .await?
            .iter()
            .filter_map(Document::name)
            .collect();
        names.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        names.dedup();
        let mut found = Vec::new();
        for name in names {
            let contact = helpdesk.get(CONTACT, &name).await?;
            let rows = contact.rows("phone_nos");
            let mut phones = rows.iter().filter_map(|row| row.trimmed("phone"));
            let has = phones.any(|phone| {
                numbers
                    .compared(phone)
                    .is_some_and(|phone| numbers.are_equal(&phone, &wanted))
            });
            if has {
                found.push(name);
            }
        }
        match <[Name; 1]>::try_from(found) {
            Ok([only]) => Ok(Some(only)),
            Err(_none_or_several) => Ok(None),
        }
    }

    /// The latest ticket of a contact that somebody works on.
    async fn open_ticket(
        &self,
        helpdesk: &frappe::Client,
        contact: &Name,
    ) -> Result<Option<Name>, Stop> {
        let statuses = List::new().fields(["name", "category"]).limit(1_000);
        let statuses = helpdesk.list("HD Ticket Status", &statuses).await?;
        let closed: Vec<String> = statuses
            .iter()
            .filter(|status| {
                let category = status.trimmed("category");
                CLOSED.iter().any(|closed| {
                    category == Some(closed)
                        || category.is_none() && status.text("name") == Some(closed)
                })
            })
            .filter_map(|status| status.to_text("name"))
            .collect();
        let mut list = List::new()
            .fields(["name", "status"])
            .filter(Filter::eq("contact", contact))
            .order_by("creation", Order::Descending)
            .limit(1);
        if !closed.is_empty() {
            list = list.filter(Filter::new("status", Op::NotIn, closed));
        }
        let found = helpdesk.list(TICKET, &list).await?;
        Ok(found.first().and_then(Document::name))
    }
}

/// Plain text as HTML.
fn html(text: &str) -> String {
    let escaped = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    format!("<p>{}</p>", escaped.trim().replace('\n', "<br>"))
}

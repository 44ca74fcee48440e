//! What the helpdesk is told of calls: a ticket because of a missed one, a comment on the client's open ticket.

use std::fmt::Write as _;

use bitrix24::CrmKind;
use deskbridge_core::Effect;
use frappe::{Cause, Document, Filter, List, Name, Op, Order, Upload, text};
use serde_json::{Value, json};

use super::{KEY_FIELD, Place, Stop, recording::upload_name};
use crate::{
    decide::write::{AddComment, AddTicket, AttachToTicket, CallKey},
    settings::missed::TicketRecordings,
};

const TICKET: &str = "HD Ticket";
const COMMENT: &str = "HD Ticket Comment";
const CONTACT: &str = "Contact";
/// Digits at the end of a number by which contacts are looked for before their numbers are compared.
const DIGITS: usize = 7;
/// Contacts that are looked at.
const CONTACTS_MAX: u32 = 20;
/// Categories of statuses in which nobody works on a ticket any more.
const CLOSED: [&str; 2] = ["Resolved", "Closed"];
/// Files of one document that are looked at.
const FILES_MAX: u32 = 200;
/// Nobody's address: a ticket without any gets the hub's own.
const NOBODY: &str = "nobody@calls.invalid";

/// What is told of a call.
struct TellCall<'w> {
    key: &'w CallKey,
    html: String,
}

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
        let told = self
            .told(&write.key, &write.description, &write.files)
            .await?;
        if let Some(found) = self.of_key(helpdesk, TICKET, &write.key).await? {
            return Ok(json!({ "ticket": found }));
        }
        if let Some((comment, on)) = self.comment_of(helpdesk, &write.key).await? {
            return Ok(json!({ "comment": comment, "on": on }));
        }
        let contact = self.contact(helpdesk, &write.phone).await?;
        if write.unless_open
            && let Some(contact) = &contact
            && let Some(open) = self.open_ticket(helpdesk, contact).await?
        {
            return self.comment(&open, &told).await;
        }
        let mut ticket = Document::new()
            .with(KEY_FIELD, write.key.as_str())
            .with(
                "subject",
                text::truncate(&write.subject, text::DATA_CHARACTERS_MAX),
            )
            .with("description", told.html.as_str())
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
        let name = self.insert(helpdesk, TICKET, &write.key, &ticket).await?;
        Ok(json!({ "ticket": name }))
    }

    pub(super) async fn add_comment(&self, write: &AddComment) -> Result<Value, Stop> {
        let helpdesk = self.helpdesk()?;
        let told = self.told(&write.key, &write.text, &write.files).await?;
        // The ticket that it stands on may be closed by now.
        if let Some((comment, on)) = self.comment_of(helpdesk, &write.key).await? {
            return Ok(json!({ "comment": comment, "on": on }));
        }
        let Some(contact) = self.contact(helpdesk, &write.phone).await? else {
            return Err(Stop::left_out(
                "not exactly one contact of the helpdesk has the client's number",
            ));
        };
        let Some(open) = self.open_ticket(helpdesk, &contact).await? else {
            return Err(Stop::left_out("the client has no open ticket"));
        };
        self.comment(&open, &told).await
    }

    /// The comment of a call, and the ticket that it stands on.
    async fn comment_of(
        &self,
        helpdesk: &frappe::Client,
        key: &CallKey,
    ) -> Result<Option<(Name, String)>, Stop> {
        let Some(comment) = self.of_key(helpdesk, COMMENT, key).await? else {
            return Ok(None);
        };
        let document = helpdesk.get(COMMENT, &comment).await?;
        let on = document.to_text("reference_ticket").unwrap_or_default();
        Ok(Some((comment, on)))
    }

    async fn comment(&self, ticket: &Name, told: &TellCall<'_>) -> Result<Value, Stop> {
        let helpdesk = self.helpdesk()?;
        let user = helpdesk.logged_user().await?;
        let comment = Document::new()
            .with(KEY_FIELD, told.key.as_str())
            .with("reference_ticket", ticket)
            .with("commented_by", user)
            .with("content", told.html.as_str());
        let name = self.insert(helpdesk, COMMENT, told.key, &comment).await?;
        Ok(json!({ "comment": name, "on": ticket }))
    }

    /// What is told of a call, with a link to where its recording is, if that is wanted and known.
    async fn told<'w>(
        &self,
        key: &'w CallKey,
        text: &str,
        files: &[String],
    ) -> Result<TellCall<'w>, Stop> {
        let mut html = html(text);
        let is_linked = self.settings.tickets.recordings == TicketRecordings::Link;
        if is_linked
            && !files.is_empty()
            && let Some(record) = self.record_of_key(key).await
        {
            let base = self.crm.portal().base();
            let url = match record.kind {
                CrmKind::Company => base.company_url(record.id),
                CrmKind::Contact => base.contact_url(record.id),
                CrmKind::Lead => base.lead_url(record.id),
                CrmKind::Deal => base.deal_url(record.id),
            };
            // Writing to a text cannot fail.
            let _written = write!(html, "<p><a href=\"{url}\">{}</a></p>", escaped(&url));
        }
        Ok(TellCall { key, html })
    }

    /// Makes the recording of a call a private file of its ticket or comment, unless it is one.
    pub(super) async fn attach_to_ticket(
        &self,
        write: &AttachToTicket,
        effect: &Effect,
    ) -> Result<Value, Stop> {
        let helpdesk = self.helpdesk()?;
        let made: Value = match self.result(&write.key, "comment").await {
            Ok(made) => made,
            Err(Stop::NotSent(failure)) => return Err(Stop::NotSent(failure)),
            // A missed call makes no comment.
            Err(_none) => self.result(&write.key, "ticket").await?,
        };
        let name = |of: &str| Some(Name::from(made.get(of)?.as_str()?));
        let comment = name("comment").map(|name| (COMMENT, name));
        let Some((doctype, name)) = comment.or_else(|| Some((TICKET, name("ticket")?))) else {
            return Err(Stop::left_out("the helpdesk was told nothing of the call"));
        };
        let stem = upload_name(&write.key, "".as_ref());
        let stem = stem.trim_end_matches(".wav");
        let list = List::new()
            .fields(["name", "file_name"])
            .filter(Filter::eq("attached_to_doctype", doctype))
            .filter(Filter::eq("attached_to_name", &name))
            .limit(FILES_MAX);
        let found = helpdesk.list("File", &list).await?;
        // Frappe adds to a name that another content has.
        let mut ours = found.iter().filter(|file| {
            let name = file.text("file_name");
            name.is_some_and(|name| name.starts_with(stem))
        });
        let subject = format!("the recording of {doctype} {name}");
        if let Some(file) = ours.next() {
            self.unsure.forget(&subject);
            return Ok(json!({ "file": file.name() }));
        }
        if effect.look_first {
            self.unsure.wait(&subject)?;
        }
        let recorded = self.recorded(&write.key, &write.files, effect).await?;
        let upload = Upload::file(&recorded.name, recorded.file, recorded.bytes);
        let upload = upload.attached_to(doctype, name).checked();
        let file = helpdesk.upload(upload).await.into_result()?;
        self.unsure.forget(&subject);
        Ok(json!({ "file": file.name }))
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
    format!("<p>{}</p>", escaped(text).trim().replace('\n', "<br>"))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

//! What was written on a ticket, as a `Communication` or an `HD Ticket Comment`.
//!
//! A message sets its ticket back to the status of reopened tickets, and tickets of CareSoft have their status from
//! there. So the ticket gets its status back. Which one that is stands in the message itself from the moment that it
//! stands, so that whoever finds the message after a crash knows it too.

use deskbridge_core::Language;
use frappe::{Cause, Document, Filter, List, Name, SiteTime, text};
use jiff::{SignedDuration, tz::TimeZone};
use serde_json::{Value, json};

use super::{
    KEY_FIELD, Place, Stop, custom_fields::STATUS_BEFORE, fields::cut_html, helpdesk::name_of,
    person::Requester, ticket::TICKET,
};
use crate::decide::write::{AddComment, Author};

const MESSAGE: &str = "Communication";
pub(super) const COMMENT: &str = "HD Ticket Comment";

/// The longest text that is written: far more than anybody reads, far less than the database takes.
const HTML_BYTES_MAX: usize = 1 << 20;

/// A site ends every request before: what changed a ticket later than this after a message was not that message.
const SITE_REQUEST_FOR: SignedDuration = SignedDuration::from_secs(120);

/// What is read of the ticket before a message is written, and after.
const STANDING: [&str; 6] = [
    "status",
    "subject",
    "raised_by",
    "resolution_date",
    "modified",
    "modified_by",
];

impl Place {
    pub(super) async fn add_comment(&self, write: &AddComment) -> Result<Value, Stop> {
        let find = || self.helpdesk.find(TICKET, &write.ticket, &STANDING);
        let ticket = match find().await? {
            Some(ticket) => ticket,
            None => {
                self.make(TICKET, &write.ticket).await?;
                find().await?.ok_or_else(|| Stop::went(TICKET))?
            }
        };
        match write.is_public {
            true => self.add_message(write, &ticket).await,
            false => {
                let author = match &write.author {
                    Author::Agent(agent) => Some(agent.as_str()),
                    Author::Customer(_) | Author::ContactCenter => None,
                };
                let content = cut_html(&write.html, HTML_BYTES_MAX, self.language);
                let name = name_of(&ticket)?;
                self.add_internal(&name, write.key.as_str(), author, &content)
                    .await
            }
        }
    }

    async fn add_message(&self, write: &AddComment, ticket: &Document) -> Result<Value, Stop> {
        let helpdesk = &self.helpdesk;
        let read = [STATUS_BEFORE, "owner", "creation"];
        let found = helpdesk.find(MESSAGE, &write.key, &read).await?;
        let is_new = found.is_none();
        let message = match found {
            Some(message) => message,
            None => {
                let customer = match &write.author {
                    Author::Customer(user) => self.requester(Some(user), None).await?,
                    Author::Agent(_) | Author::ContactCenter => None,
                };
                let zone = helpdesk.zone().await?;
                let message = message(write, ticket, customer.as_ref(), &zone, self.language);
                self.insert_by(MESSAGE, message, "user").await?
            }
        };
        let name = name_of(ticket)?;
        let list = List::new()
            .fields(STANDING)
            .filter(Filter::eq("name", &name))
            .limit(1);
        let now = helpdesk.client.list(TICKET, &list).await?;
        if let Some(status) = now
            .first()
            .and_then(|now| status_to_put_back(&message, now))
        {
            let status = Document::new().with("status", status);
            helpdesk.change(TICKET, &name, &status).await?;
            // Resolving it anew made the time of it now, and only a later request can set it.
            if let Some(resolved) = ticket.text("resolution_date").filter(|_| is_new) {
                let resolved = Document::new().with("resolution_date", resolved);
                helpdesk.change(TICKET, &name, &resolved).await?;
            }
        }
        Ok(json!({ "name": name_of(&message)?, "ticket": name }))
    }

    /// Writes a comment that only agents see, once for a key.
    pub(super) async fn add_internal(
        &self,
        ticket: &Name,
        key: &str,
        author: Option<&str>,
        content: &str,
    ) -> Result<Value, Stop> {
        let helpdesk = &self.helpdesk;
        helpdesk.keyed(COMMENT).await?;
        let holding = List::new().filter(Filter::eq(KEY_FIELD, key)).limit(1);
        let found = helpdesk.client.list(COMMENT, &holding).await?;
        let comment = match found.into_iter().next() {
            Some(comment) => comment,
            None => {
                let user = helpdesk.user().await?;
                let comment = Document::new()
                    .with("reference_ticket", ticket)
                    .with("content", content)
                    .with("commented_by", author.unwrap_or(&user))
                    .with(KEY_FIELD, key);
                self.insert_by(COMMENT, comment, "commented_by").await?
            }
        };
        Ok(json!({ "name": name_of(&comment)?, "ticket": ticket }))
    }

    /// Inserts what somebody wrote, in the hub's own name where the helpdesk has no such user.
    async fn insert_by(
        &self,
        doctype: &str,
        mut document: Document,
        user_field: &str,
    ) -> Result<Document, Stop> {
        let client = &self.helpdesk.client;
        let error = match client.insert(doctype, &document).await.into_result() {
            Ok(inserted) => return Ok(inserted),
            Err(error) => error,
        };
        match error.cause {
            Cause::LinkMissing { .. } if document.get(user_field).is_some() => {
                document.set(user_field, self.helpdesk.user().await?);
                Ok(client.insert(doctype, &document).await.into_result()?)
            }
            // The ticket has gone since it was found.
            Cause::Missing { .. } => Err(Stop::not_sent(error.to_string())),
            _ => Err(error.into()),
        }
    }
}

/// A message, as it is sent.
fn message(
    write: &AddComment,
    ticket: &Document,
    customer: Option<&Requester>,
    zone: &TimeZone,
    language: Language,
) -> Document {
    let subject = format!("Re: {}", ticket.text("subject").unwrap_or_default());
    let mut message = Document::new()
        .with("communication_type", "Communication")
        .with("reference_doctype", TICKET)
        .with("reference_name", ticket.name().as_ref().map(Name::as_str))
        .with(
            "subject",
            text::truncate(&subject, text::DATA_CHARACTERS_MAX),
        )
        .with("content", cut_html(&write.html, HTML_BYTES_MAX, language))
        .with(KEY_FIELD, write.key.as_str())
        .with(STATUS_BEFORE, ticket.text("status"));
    match &write.author {
        Author::Customer(_) => {
            message.set("sent_or_received", "Received");
            let email = customer.and_then(|customer| customer.email.as_deref());
            message.set("sender", email.or(ticket.text("raised_by")));
            if let Some(name) = customer.and_then(|customer| customer.full_name.as_deref()) {
                message.set("sender_full_name", name);
            }
        }
        Author::Agent(agent) => {
            message.set("sent_or_received", "Sent");
            message.set("sender", agent.as_str());
            // Whom the agents' page shows as the author.
            message.set("user", agent.as_str());
        }
        Author::ContactCenter => message.set("sent_or_received", "Sent"),
    }
    if let Some(at) = write.written_at {
        message.set("communication_date", SiteTime::new(at, zone));
    }
    message
}

/// The status that a ticket gets back after a message; none where it has it, or where somebody else has changed the
/// ticket since.
fn status_to_put_back(message: &Document, ticket: &Document) -> Option<String> {
    let before = message.trimmed(STATUS_BEFORE)?;
    if ticket.text("status") == Some(before) {
        return None;
    }
    let by_message = ticket.text("modified_by") == message.text("owner");
    let since = ticket.time("modified")?.civil() - message.time("creation")?.civil();
    let since = SignedDuration::try_from(since).ok()?;
    (by_message && since <= SITE_REQUEST_FOR).then(|| before.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::write::SourceKey;

    fn document(fields: Value) -> Document {
        serde_json::from_value(fields).unwrap()
    }

    #[test]
    fn a_ticket_gets_its_status_back_unless_somebody_else_changed_it() {
        let message = |before: &str| {
            document(json!({
                (STATUS_BEFORE): before, "owner": "hub@x.example", "creation": "2026-03-01 10:00:00.5",
            }))
        };
        let ticket = |status: &str, by: &str, at: &str| {
            document(json!({"status": status, "modified_by": by, "modified": at}))
        };
        let (hub, agent) = ("hub@x.example", "an@x.example");
        let rows = [
            ("Closed", "Open", hub, "2026-03-01 10:00:00.7", true),
            ("Open", "Open", hub, "2026-03-01 10:00:00.7", false),
            ("", "Open", hub, "2026-03-01 10:00:00.7", false),
            ("Closed", "Open", agent, "2026-03-01 10:00:00.7", false),
            ("Closed", "Open", hub, "2026-03-01 10:05:00.7", false),
            ("Closed", "Open", hub, "never", false),
        ];
        for (before, now, by, at, expected) in rows {
            let found = status_to_put_back(&message(before), &ticket(now, by, at));
            assert_eq!(
                found,
                expected.then(|| before.to_owned()),
                "{before} {now} {by} {at}"
            );
        }
    }

    #[test]
    fn a_message_says_who_wrote_it_and_what_the_status_was() {
        let zone = TimeZone::get("Asia/Ho_Chi_Minh").unwrap();
        let ticket = document(json!({
            "name": 12, "status": "Closed", "subject": "Máy in", "raised_by": "nobody@x.invalid",
        }));
        let an = Requester {
            contact: "An".into(),
            full_name: Some("An".to_owned()),
            email: Some("an@shop.example".to_owned()),
            customer: None,
        };
        let silent = Requester {
            email: None,
            ..an.clone()
        };
        let customer = Author::Customer(SourceKey::new("main", "user", 1));
        let agent = Author::Agent("mai@x.example".to_owned());
        let rows = [
            (
                customer.clone(),
                Some(an),
                json!({"sent_or_received": "Received", "sender": "an@shop.example", "sender_full_name": "An"}),
            ),
            (
                customer.clone(),
                Some(silent),
                json!({"sent_or_received": "Received", "sender": "nobody@x.invalid", "sender_full_name": "An"}),
            ),
            (
                customer,
                None,
                json!({"sent_or_received": "Received", "sender": "nobody@x.invalid"}),
            ),
            (
                agent,
                None,
                json!({"sent_or_received": "Sent", "sender": "mai@x.example", "user": "mai@x.example"}),
            ),
            (
                Author::ContactCenter,
                None,
                json!({"sent_or_received": "Sent"}),
            ),
        ];
        for (author, customer, expected) in rows {
            let write = AddComment {
                key: SourceKey::new("main", "comment", "abc"),
                ticket: SourceKey::new("main", "case", 12),
                is_public: true,
                author,
                html: "<p>hi</p>".to_owned(),
                written_at: Some("2026-03-01T20:30:00Z".parse().unwrap()),
            };
            let sent = message(&write, &ticket, customer.as_ref(), &zone, Language::English);
            let mut all = json!({
                "communication_type": "Communication", "reference_doctype": "HD Ticket", "reference_name": "12",
                "subject": "Re: Máy in", "content": "<p>hi</p>", "custom_caresoft_id": "main:comment:abc",
                (STATUS_BEFORE): "Closed", "communication_date": "2026-03-02 03:30:00.000000",
            });
            let all = all.as_object_mut().unwrap();
            all.extend(expected.as_object().cloned().unwrap());
            assert_eq!(Value::from(sent), json!(all));
        }
    }
}

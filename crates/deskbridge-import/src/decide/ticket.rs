//! A ticket with all that belongs to it.
//!
//! What the helpdesk does to an inserted ticket decides the order: a status that is sent is overwritten, a description
//! becomes a message of the importing user, every message moves status and times. So the ticket goes without either,
//! then the messages, then the status, then the times.

use frappe::{Document, text::truncate};
use jiff::Timestamp;
use serde_json::Value;

use super::{
    customer::identify,
    html::readable,
    key::{CREATED_FIELD, KEY_FIELD, MODIFIED_FIELD, SourceKey},
    planned::{FilePlace, Fresh, Planned, PlannedFile, PlannedMessage, PlannedTicket, Resolved},
    problem::{Problem, Problems},
    settings::{CustomerDocType, Settings},
    site::{Site, address},
};
use crate::record::{Attachment, How, Kind, Message, Person, Ticket};

const TICKET: &str = "HD Ticket";
const MESSAGE: &str = "Communication";
const COMMENT: &str = "HD Ticket Comment";

/// What has a way of its own, so that no field of the source's may set it.
const APART: [&str; 5] = [
    "status",
    "status_category",
    "description",
    "name",
    "doctype",
];

struct Context<'a> {
    ticket: &'a Ticket,
    resolved: &'a Resolved,
    site: &'a Site,
    settings: &'a Settings,
}

/// What is to be written of a ticket.
pub fn plan(ticket: &Ticket, resolved: &Resolved, site: &Site, settings: &Settings) -> Fresh {
    let context = Context {
        ticket,
        resolved,
        site,
        settings,
    };
    let mut problems = Problems::default();
    if ticket.id.trim().is_empty() {
        problems.add(Problem::NoId);
    }
    let status = site.choose(
        (TICKET, "status", "HD Ticket Status"),
        ticket.status.as_deref(),
        &settings.statuses,
        &mut problems,
    );
    let key = SourceKey::new(&settings.source, Kind::Ticket.as_str(), &ticket.id);
    let messages = context.messages(&mut problems);
    let planned = PlannedTicket {
        document: context.document(&key, &mut problems),
        times: context.times(status.as_deref(), &messages, &mut problems),
        tags: tags(&ticket.tags),
        agent: context.agent(ticket.agent.as_deref()),
        files: files(&ticket.attachments, false, &mut problems),
        messages: messages.into_iter().map(|said| said.planned).collect(),
        key,
        status,
    };
    Fresh {
        kind: Kind::Ticket,
        id: ticket.id.clone(),
        problems,
        planned: Planned::Ticket(Box::new(planned)),
    }
}

/// A message with what the ticket's times follow from.
struct Said {
    how: How,
    at: Option<Timestamp>,
    planned: PlannedMessage,
}

impl Context<'_> {
    fn document(&self, key: &SourceKey, problems: &mut Problems) -> Document {
        let Self {
            ticket,
            site,
            settings,
            ..
        } = self;
        let mut document = Document::from(settings.ticket_fields.clone());
        for (field, value) in &ticket.fields {
            document.set(field, value.clone());
        }
        let mut fields = document.into_fields();
        for apart in APART {
            fields.remove(apart);
        }
        let mut document = Document::from(fields);
        let subject = ticket.subject.as_deref().map(str::trim);
        let subject = subject.filter(|subject| !subject.is_empty());
        let subject = subject.map_or_else(|| format!("#{}", ticket.id), one_line);
        document.set("subject", subject);
        for (field, linked, word, table) in [
            (
                "priority",
                "HD Ticket Priority",
                &ticket.priority,
                &settings.priorities,
            ),
            (
                "ticket_type",
                "HD Ticket Type",
                &ticket.ticket_type,
                &settings.types,
            ),
            ("agent_group", "HD Team", &ticket.team, &settings.teams),
        ] {
            let chosen = site.choose((TICKET, field, linked), word.as_deref(), table, problems);
            if let Some(chosen) = chosen {
                document.set(field, chosen);
            }
        }
        self.people(&mut document, problems);
        // Else a site that thanks for mails thanks for this one.
        document.set("via_customer_portal", 1);
        if let Some(at) = ticket.created_at {
            let opened = site.time(at);
            if let Some((date, time)) = opened.as_str().and_then(|text| text.split_once(' ')) {
                document.set("opening_date", date);
                document.set("opening_time", time);
            }
        }
        let mut document = site.fit(TICKET, document, problems);
        site.require(TICKET, &document, problems);
        identify(
            &mut document,
            TICKET,
            key,
            ticket.created_at.map(|at| site.time(at)),
            site,
        );
        document
    }

    fn people(&self, document: &mut Document, problems: &mut Problems) {
        let requester = self.ticket.requester.as_ref();
        let email = requester.and_then(|person| person.email.as_deref());
        let known = email.and_then(address);
        if known.is_none() && email.is_some_and(|email| !email.trim().is_empty()) {
            problems.add(Problem::NoAddress {
                doctype: TICKET.to_owned(),
                field: "raised_by".to_owned(),
            });
        }
        document.set(
            "raised_by",
            known.unwrap_or_else(|| self.settings.nobody.clone()),
        );
        if let Some(id) = requester.and_then(|person| person.contact.as_deref()) {
            match self.resolved.name(Kind::Contact, id) {
                Some(name) => document.set("contact", name),
                None => problems.add(Problem::Dangling { kind: "contact" }),
            }
        }
        let links = self.settings.customer_doctype == CustomerDocType::Helpdesk;
        if let Some(id) = self.ticket.customer.as_deref().filter(|_| links) {
            match self.resolved.name(Kind::Customer, id) {
                Some(name) => document.set("customer", name),
                None => problems.add(Problem::Dangling { kind: "customer" }),
            }
        }
    }

    fn messages(&self, problems: &mut Problems) -> Vec<Said> {
        let ticket = self.ticket;
        let first = ticket.description.as_ref().map(|description| Message {
            id: "0".to_owned(),
            how: if ticket.is_outbound {
                How::Sent
            } else {
                How::Received
            },
            content: Some(description.clone()),
            author: match ticket.is_outbound {
                true => ticket.agent.clone().map(|email| Person {
                    email: Some(email),
                    ..Person::default()
                }),
                false => ticket.requester.clone(),
            },
            created_at: ticket.created_at,
            attachments: ticket
                .attachments
                .iter()
                .filter(|attachment| attachment.inline.is_some())
                .cloned()
                .collect(),
            ..Message::default()
        });
        let mut rest: Vec<(usize, &Message)> = ticket.messages.iter().enumerate().collect();
        // Where times are equal or missing, the source's order stands.
        rest.sort_by_key(|(number, message)| (message.created_at.or(ticket.created_at), *number));
        let first = first
            .as_ref()
            .map(|message| ("description".to_owned(), message));
        let rest = rest.into_iter().map(|(number, message)| {
            let id = message.id.trim();
            let id = if id.is_empty() {
                format!("n{number}")
            } else {
                id.to_owned()
            };
            (id, message)
        });
        first
            .into_iter()
            .chain(rest)
            .filter_map(|(id, message)| self.message(&id, message, problems))
            .collect()
    }

    fn message(&self, id: &str, message: &Message, problems: &mut Problems) -> Option<Said> {
        let content = message
            .content
            .as_deref()
            .filter(|text| !text.trim().is_empty());
        if content.is_none() && message.attachments.is_empty() {
            return None;
        }
        let content = readable(content.unwrap_or("<p></p>"));
        let content = match content.trim() {
            "" => "<p></p>",
            content => content,
        };
        let at = message.created_at.or(self.ticket.created_at);
        let path = format!("{}/{id}", self.ticket.id);
        let key = SourceKey::new(&self.settings.source, "message", &path);
        let (doctype, document) = match message.how {
            How::Note => (COMMENT, self.comment(message, content, at)),
            how => (MESSAGE, self.communication(message, how, content, at)),
        };
        let mut document = self.site.fit(doctype, document, problems);
        document.set(KEY_FIELD, key.as_str());
        Some(Said {
            how: message.how,
            at,
            planned: PlannedMessage {
                doctype,
                key,
                document,
                files: files(&message.attachments, false, problems),
                images: files(&message.attachments, true, problems),
            },
        })
    }

    fn communication(
        &self,
        message: &Message,
        how: How,
        content: &str,
        at: Option<Timestamp>,
    ) -> Document {
        let is_received = how == How::Received;
        let kind = match how {
            How::Automatic => "Automated Message",
            How::Received | How::Sent | How::Note => "Communication",
        };
        let subject = self.ticket.subject.as_deref().unwrap_or_default();
        let mut document = Document::new()
            .with("communication_type", kind)
            .with("communication_medium", "Email")
            .with(
                "sent_or_received",
                if is_received { "Received" } else { "Sent" },
            )
            .with("subject", truncate(&one_line(subject), 130))
            .with("content", content);
        let author = message.author.as_ref();
        let email = author
            .and_then(|person| person.email.as_deref())
            .and_then(address);
        let sender = match (&email, is_received) {
            (Some(email), _) => email.clone(),
            (None, true) => {
                let requester = self.ticket.requester.as_ref();
                let email = requester.and_then(|person| person.email.as_deref());
                email
                    .and_then(address)
                    .unwrap_or_else(|| self.settings.nobody.clone())
            }
            (None, false) => self.settings.nobody.clone(),
        };
        document.set("sender", sender);
        if let Some(name) = author.and_then(|person| person.name.as_deref()) {
            document.set("sender_full_name", name);
        }
        if !is_received && let Some(user) = self.agent(email.as_deref()) {
            document.set("user", user);
        }
        for (field, texts) in [("recipients", &message.to), ("cc", &message.cc)] {
            let addresses: Vec<String> = texts.iter().filter_map(|text| address(text)).collect();
            if !addresses.is_empty() {
                document.set(field, addresses.join(", "));
            }
        }
        if let Some(at) = at {
            let at = self.site.time(at);
            if self.site.has_field(MESSAGE, CREATED_FIELD) {
                document.set(CREATED_FIELD, at.clone());
            }
            document.set("communication_date", at);
        }
        document
    }

    /// What agents say among themselves. An author who is no user of the helpdesk is named in the text.
    fn comment(&self, message: &Message, content: &str, at: Option<Timestamp>) -> Document {
        let author = message.author.as_ref();
        let email = author.and_then(|person| person.email.as_deref());
        let mut document = Document::new();
        match self.agent(email) {
            Some(user) => {
                document.set("commented_by", user);
                document.set("content", content);
            }
            None => {
                let name = author.and_then(|person| person.name.as_deref().or(email));
                let text = match name {
                    Some(name) => format!("<p><b>{}</b></p>{content}", escaped(name)),
                    None => content.to_owned(),
                };
                document.set("content", text);
            }
        }
        if let Some(at) = at
            && self.site.has_field(COMMENT, CREATED_FIELD)
        {
            document.set(CREATED_FIELD, self.site.time(at));
        }
        document
    }

    /// The helpdesk's user behind an agent of the source.
    fn agent(&self, email: Option<&str>) -> Option<String> {
        let email = address(email?)?;
        let mapped = self
            .settings
            .agents
            .get(&email)
            .map_or(email.as_str(), String::as_str);
        let users = self.site.choices.get("User")?;
        users.find(mapped).map(str::to_owned)
    }

    /// What messages and status overwrite with the time of the import. What is not known is emptied.
    fn times(&self, status: Option<&str>, messages: &[Said], problems: &mut Problems) -> Document {
        let ticket = self.ticket;
        let time = |at: Option<Timestamp>| at.map_or(Value::Null, |at| self.site.time(at));
        let last = |how| {
            messages
                .iter()
                .rev()
                .find(|said| said.how == how)
                .and_then(|said| said.at)
        };
        let first_sent = messages
            .iter()
            .find(|said| said.how == How::Sent)
            .and_then(|said| said.at);
        let mut document = Document::new()
            .with(
                "first_responded_on",
                time(ticket.first_responded_at.or(first_sent)),
            )
            .with("last_agent_response", time(last(How::Sent)))
            .with("last_customer_response", time(last(How::Received)));
        if ticket.updated_at.is_some() {
            document.set(MODIFIED_FIELD, time(ticket.updated_at));
        }
        if status.is_some_and(|status| self.site.ended.contains(status)) {
            document.set(
                "resolution_date",
                time(ticket.resolved_at.or(ticket.updated_at)),
            );
        }
        if let Some(rating) = &ticket.rating {
            document.set("feedback_rating", rating.score.clamp(0.0, 1.0));
            if let Some(comment) = &rating.comment {
                document.set("feedback_extra", comment.as_str());
            }
        }
        self.site.fit(TICKET, document, problems)
    }
}

/// Blanks for what would end a line.
fn one_line(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.collect::<String>().trim().to_owned()
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// The tags without blanks and repetition. A comma parts tags in the helpdesk.
fn tags(texts: &[String]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for tag in texts.iter().flat_map(|text| text.split(',')) {
        let tag = truncate(tag.trim(), 60);
        if !tag.is_empty() && !found.iter().any(|known| known == tag) {
            found.push(tag.to_owned());
        }
    }
    found
}

/// Files that are attached, or with `is_inline` those that lie in a text.
fn files(attachments: &[Attachment], is_inline: bool, problems: &mut Problems) -> Vec<PlannedFile> {
    let attachments = attachments
        .iter()
        .filter(|attachment| attachment.inline.is_some() == is_inline);
    let files = attachments.filter_map(|attachment| {
        let place = match attachment {
            Attachment {
                path: Some(path), ..
            } => FilePlace::Folder(path.clone()),
            Attachment {
                remote: Some(remote),
                ..
            } => FilePlace::Freshdesk(remote.clone()),
            Attachment {
                inline: Some(address),
                ..
            } => FilePlace::Address(address.clone()),
            _ => {
                problems.add(Problem::File {
                    why: "it has no `path`".to_owned(),
                });
                return None;
            }
        };
        Some(PlannedFile {
            name: file_name(attachment),
            place,
            inline: attachment.inline.clone(),
            size_bytes: attachment.size_bytes,
        })
    });
    files.collect()
}

/// A name that leads nowhere.
fn file_name(attachment: &Attachment) -> String {
    let path = attachment.path.as_deref().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    let name = attachment.name.as_deref().unwrap_or(last);
    let is_strange = |c: char| c.is_control() || matches!(c, '/' | '\\');
    let name: String = name
        .chars()
        .map(|c| if is_strange(c) { '_' } else { c })
        .collect();
    let name = truncate(name.trim(), 120);
    match name {
        "" | "." | ".." => "file".to_owned(),
        name => name.to_owned(),
    }
}

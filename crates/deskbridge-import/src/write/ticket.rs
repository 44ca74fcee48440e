//! A ticket: the ticket, then what was said, then its status, then its times.

use std::collections::BTreeMap;

use frappe::{Cause, Document, Filter, INSERT_MANY_MAX, List, Name, Order};
use serde_json::Value;

use super::{Saved, Sent, Stop, TRIES_MAX, Writer, never_heard, one::made_as};
use crate::decide::{
    PlannedMessage, PlannedTicket,
    compare::{differing, is_same},
    key::KEY_FIELD,
    pace::Sort,
};

const TICKET: &str = "HD Ticket";
/// How many bytes of messages go in one request: the site's database takes no larger packets than 16 MiB.
const REQUEST_BYTES_MAX: usize = 4 << 20;

/// A ticket that was begun.
struct Begun {
    saved: Saved,
    /// Whether nothing can be there of it but the ticket itself.
    is_fresh: bool,
}

impl Writer {
    pub(super) async fn save_ticket(
        &self,
        ticket: &PlannedTicket,
        known: Option<Name>,
    ) -> Result<Saved, Stop> {
        let Begun {
            mut saved,
            is_fresh,
        } = self.begin(ticket, known).await?;
        let rest = self.complete(ticket, &saved.name, is_fresh, &mut saved.lost);
        rest.await.map_err(|stop| stop.of(&saved.name))?;
        Ok(saved)
    }

    async fn begin(&self, ticket: &PlannedTicket, known: Option<Name>) -> Result<Begun, Stop> {
        if let Some(name) = known
            && let Some(begun) = self.begin_again(ticket, name).await?
        {
            return Ok(begun);
        }
        for _ in 0..TRIES_MAX {
            let sent = self
                .sender
                .write(Sort::Ticket, async |client| {
                    client.insert(TICKET, &ticket.document).await
                })
                .await?;
            let found = match sent {
                Sent::Done(made) => {
                    return Ok(Begun {
                        saved: made_as(&made)?,
                        is_fresh: true,
                    });
                }
                Sent::Unknown => self.find(TICKET, &ticket.key).await?,
                Sent::Refused(error) if matches!(error.cause, Cause::NotUnique { .. }) => {
                    let found = self.find(TICKET, &ticket.key).await?;
                    Some(found.ok_or_else(|| Stop::refused(&error))?)
                }
                Sent::Refused(error) => return Err(Stop::refused(&error)),
            };
            if let Some(name) = found
                && let Some(begun) = self.begin_again(ticket, name).await?
            {
                return Ok(begun);
            }
        }
        Err(never_heard(TICKET))
    }

    async fn begin_again(&self, ticket: &PlannedTicket, name: Name) -> Result<Option<Begun>, Stop> {
        let Some(standing) = self.get(TICKET, &name).await? else {
            return Ok(None);
        };
        let changes = differing(&standing, &ticket.document);
        self.update(Sort::Change, TICKET, &name, &changes).await?;
        Ok(Some(Begun {
            saved: Saved {
                name,
                is_made: true,
                before: None,
                lost: Vec::new(),
            },
            is_fresh: false,
        }))
    }

    async fn complete(
        &self,
        ticket: &PlannedTicket,
        name: &Name,
        is_fresh: bool,
        lost: &mut Vec<String>,
    ) -> Result<(), Stop> {
        let messages = match is_fresh {
            true => self.say_all(&ticket.messages, name, lost).await?,
            false => self.say_missing(&ticket.messages, name, lost).await?,
        };
        self.attach(TICKET, name, &ticket.files, is_fresh, lost)
            .await?;
        for (message, document) in ticket.messages.iter().zip(&messages) {
            let doctype = message.doctype;
            self.attach(doctype, document, &message.files, is_fresh, lost)
                .await?;
        }
        self.tag(&ticket.tags, name).await?;
        if let Some(agent) = &ticket.agent {
            self.assign(agent, name, is_fresh).await?;
        }
        // An insert and every message set the status; only one that comes to something else has to be sent.
        if let Some(status) = &ticket.status
            && !(is_fresh && self.status_of_open.as_ref() == Some(status))
        {
            let change = Document::new().with("status", status.as_str());
            self.update(Sort::Change, TICKET, name, &change).await?;
        }
        self.update(Sort::Change, TICKET, name, &ticket.times).await
    }

    /// Inserts messages of a ticket that has none: in few requests, each of which runs whole or not at all.
    async fn say_all(
        &self,
        messages: &[PlannedMessage],
        ticket: &Name,
        lost: &mut Vec<String>,
    ) -> Result<Vec<Name>, Stop> {
        let mut names = Vec::with_capacity(messages.len());
        for chunk in chunks(messages) {
            let mut documents = Vec::with_capacity(chunk.len());
            for message in chunk {
                documents.push(self.of(message, ticket, lost).await?);
            }
            match self.sender.insert_all(&documents).await? {
                Some(made) => names.extend(made),
                None => return self.say_missing(messages, ticket, lost).await,
            }
        }
        Ok(names)
    }

    /// Inserts those messages of a ticket that are missing, and mends those that are not as they should be.
    async fn say_missing(
        &self,
        messages: &[PlannedMessage],
        ticket: &Name,
        lost: &mut Vec<String>,
    ) -> Result<Vec<Name>, Stop> {
        let mut standing = BTreeMap::new();
        for doctype in ["Communication", "HD Ticket Comment"] {
            if messages.iter().any(|message| message.doctype == doctype) {
                standing.extend(self.said(doctype, ticket).await?);
            }
        }
        let mut names = Vec::with_capacity(messages.len());
        for message in messages {
            let name = match standing.get(message.key.as_str()) {
                Some(document) => {
                    let wanted = message.document.fields().iter();
                    let changes: Document = wanted
                        .filter(|(field, value)| {
                            MENDED.contains(&field.as_str()) && !is_same(document.get(field), value)
                        })
                        .map(|(field, value)| (field.clone(), value.clone()))
                        .collect();
                    let name = document
                        .name()
                        .ok_or_else(|| never_heard(message.doctype))?;
                    let changes = self.shown(changes, message, ticket, lost).await?;
                    self.update(Sort::Uneven, message.doctype, &name, &changes)
                        .await?;
                    name
                }
                None => self.say(message, ticket, lost).await?,
            };
            names.push(name);
        }
        Ok(names)
    }

    /// Those messages of a ticket that an import made, by their keys.
    async fn said(&self, doctype: &str, ticket: &Name) -> Result<Vec<(String, Document)>, Stop> {
        let by_ticket = match doctype {
            "Communication" => Filter::eq("reference_name", ticket),
            _ => Filter::eq("reference_ticket", ticket),
        };
        let list = List::new()
            .fields(["name", KEY_FIELD, "content"])
            .filter(by_ticket)
            .filter(Filter::is_set(KEY_FIELD))
            .order_by("creation", Order::Ascending)
            .limit(0);
        let rows = self
            .sender
            .read(async |client| client.list(doctype, &list).await)
            .await?;
        let keyed = rows.into_iter().filter_map(|row| {
            let key = row.text(KEY_FIELD)?.to_owned();
            Some((key, row))
        });
        Ok(keyed.collect())
    }

    /// A message as it is sent, with the images in its text.
    async fn of(
        &self,
        message: &PlannedMessage,
        ticket: &Name,
        lost: &mut Vec<String>,
    ) -> Result<Document, Stop> {
        self.shown(of(message, ticket), message, ticket, lost).await
    }

    /// What is sent of a message, its text with the images as they lie in the helpdesk.
    async fn shown(
        &self,
        mut document: Document,
        message: &PlannedMessage,
        ticket: &Name,
        lost: &mut Vec<String>,
    ) -> Result<Document, Stop> {
        if !message.images.is_empty()
            && let Some(content) = document.text("content").map(str::to_owned)
        {
            let images = &message.images;
            let content = self.with_images(&content, images, ticket, lost).await?;
            document.set("content", content);
        }
        Ok(document)
    }

    async fn say(
        &self,
        message: &PlannedMessage,
        ticket: &Name,
        lost: &mut Vec<String>,
    ) -> Result<Name, Stop> {
        let document = self.of(message, ticket, lost).await?;
        for _ in 0..TRIES_MAX {
            let sent = self
                .sender
                .write(Sort::Uneven, async |client| {
                    client.insert(message.doctype, &document).await
                })
                .await?;
            let found = match sent {
                Sent::Done(made) => return made_as(&made).map(|saved| saved.name),
                Sent::Unknown => self.find(message.doctype, &message.key).await?,
                Sent::Refused(error) if matches!(error.cause, Cause::NotUnique { .. }) => {
                    let found = self.find(message.doctype, &message.key).await?;
                    Some(found.ok_or_else(|| Stop::refused(&error))?)
                }
                Sent::Refused(error) => return Err(Stop::refused(&error)),
            };
            if let Some(name) = found {
                // It may be left of a ticket that somebody deleted.
                let fields = document.fields().iter();
                let place: Document = fields
                    .filter(|(field, _)| field.starts_with("reference_"))
                    .map(|(field, value)| (field.clone(), value.clone()))
                    .collect();
                self.update(Sort::Uneven, message.doctype, &name, &place)
                    .await?;
                return Ok(name);
            }
        }
        Err(never_heard(message.doctype))
    }

    async fn tag(&self, tags: &[String], ticket: &Name) -> Result<(), Stop> {
        for tag in tags {
            // Adding a tag twice leaves it there once.
            self.call(
                "frappe.desk.doctype.tag.tag.add_tag",
                &[("tag", tag), ("dt", TICKET), ("dn", ticket.as_str())],
            )
            .await?;
        }
        Ok(())
    }

    /// Leaves the ticket to an agent by a to-do of its own, of which nobody is told: the helpdesk's method for it sends a
    /// notification and a mail.
    async fn assign(&self, agent: &str, ticket: &Name, is_fresh: bool) -> Result<(), Stop> {
        let todo = Document::new()
            .with("allocated_to", agent)
            .with("reference_type", TICKET)
            .with("reference_name", ticket)
            .with("description", format!("HD Ticket {ticket}"))
            .with("status", "Open");
        let list = List::new()
            .filter(Filter::eq("allocated_to", agent))
            .filter(Filter::eq("reference_type", TICKET))
            .filter(Filter::eq("reference_name", ticket))
            .limit(1);
        let mut may_be_there = !is_fresh;
        for _ in 0..TRIES_MAX {
            if may_be_there {
                let found = self
                    .sender
                    .read(async |client| client.list("ToDo", &list).await);
                if !found.await?.is_empty() {
                    return Ok(());
                }
            }
            let sent = self
                .sender
                .write(Sort::Uneven, async |client| {
                    client.insert("ToDo", &todo).await
                })
                .await?;
            match sent {
                Sent::Done(_) => return Ok(()),
                Sent::Refused(error) => return Err(Stop::refused(&error)),
                Sent::Unknown => may_be_there = true,
            }
        }
        Err(never_heard("ToDo"))
    }

    /// Calls a method that comes to the same however often it is called.
    async fn call(&self, method: &str, arguments: &[(&str, &str)]) -> Result<(), Stop> {
        for _ in 0..TRIES_MAX {
            let sent = self
                .sender
                .write(Sort::Uneven, async |client| {
                    let mut call = client.method(method);
                    for (name, value) in arguments {
                        call = call.with(name, *value);
                    }
                    call.post::<Value>().await
                })
                .await?;
            match sent {
                Sent::Done(_) => return Ok(()),
                Sent::Refused(error) => return Err(Stop::refused(&error)),
                Sent::Unknown => {}
            }
        }
        Err(never_heard(method))
    }
}

/// What of a message that stands is mended: its times and people do not change in a source.
const MENDED: [&str; 1] = ["content"];

/// A message as it is sent.
fn of(message: &PlannedMessage, ticket: &Name) -> Document {
    let mut document = message.document.clone();
    document.set("doctype", message.doctype);
    match message.doctype {
        "Communication" => {
            document.set("reference_doctype", TICKET);
            document.set("reference_name", ticket);
            document.set("status", "Linked");
        }
        _ => document.set("reference_ticket", ticket),
    }
    document
}

/// As many messages as fit into one request, in their order.
fn chunks(messages: &[PlannedMessage]) -> Vec<&[PlannedMessage]> {
    let mut chunks = Vec::new();
    let mut rest = messages;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = rest.iter().take(INSERT_MANY_MAX).take_while(|message| {
            bytes += about(&message.document);
            bytes < REQUEST_BYTES_MAX
        });
        let (chunk, after) = rest.split_at(fits.count().max(1));
        chunks.push(chunk);
        rest = after;
    }
    chunks
}

/// About how many bytes a document takes in a request: texts may grow there, for which there is room.
fn about(document: &Document) -> usize {
    let fields = document.fields().iter();
    fields
        .map(|(field, value)| field.len() + value.as_str().map_or(8, str::len) + 8)
        .sum()
}

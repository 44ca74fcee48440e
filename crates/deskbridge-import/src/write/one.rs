//! A customer or a contact.

use frappe::{
    Cause, Document, Filter, List, Name, Order,
    text::{DATA_CHARACTERS_MAX, truncate},
};
use serde_json::Value;

use super::{Saved, Sent, Stop, TRIES_MAX, Writer, never_heard};
use crate::decide::{PlannedDocument, compare::differing, key::KEY_FIELD, pace::Sort};

const CONTACT: &str = "Contact";

impl Writer {
    pub(super) async fn save_one(
        &self,
        one: &PlannedDocument,
        known: Option<Name>,
    ) -> Result<Saved, Stop> {
        if let Some(name) = known
            && let Some(saved) = self.bring_up_to_date(one, &name).await?
        {
            return Ok(saved);
        }
        if let Some(name) = self.standing_contact(one).await?
            && let Some(saved) = self.bring_up_to_date(one, &name).await?
        {
            return Ok(saved);
        }
        let sort = match one.doctype.as_str() {
            CONTACT => Sort::Contact,
            _ => Sort::Customer,
        };
        let mut document = one.document.clone();
        for _ in 0..TRIES_MAX {
            let sent = self
                .sender
                .write(sort, async |client| {
                    client.insert(&one.doctype, &document).await
                })
                .await?;
            let error = match sent {
                Sent::Done(made) => return made_as(&made),
                Sent::Unknown => match self.find(&one.doctype, &one.key).await? {
                    Some(name) => return Ok(made(name)),
                    None => continue,
                },
                Sent::Refused(error) => error,
            };
            match &error.cause {
                Cause::NotUnique { .. } => match self.find(&one.doctype, &one.key).await? {
                    Some(name) => {
                        if let Some(saved) = self.bring_up_to_date(one, &name).await? {
                            return Ok(saved);
                        }
                    }
                    None => return Err(Stop::refused(&error)),
                },
                // Contacts of one name that are made at the same time take each other's number.
                Cause::Duplicate { .. } if one.doctype == CONTACT => {}
                Cause::Duplicate { .. } => match self.of_this_name(one, &document).await? {
                    Some(name) => {
                        if let Some(saved) = self.bring_up_to_date(one, &name).await? {
                            return Ok(saved);
                        }
                    }
                    None => document.set("customer_name", numbered(one, &document)),
                },
                _ => return Err(Stop::refused(&error)),
            }
        }
        Err(never_heard(&one.doctype))
    }

    /// Inserts customers that are new, all or none of them; nothing where they have to go one by one.
    pub(crate) async fn save_new(
        &self,
        all: &[&PlannedDocument],
    ) -> Result<Option<Vec<Saved>>, Stop> {
        let documents: Vec<Document> = all
            .iter()
            .map(|one| one.document.clone().with("doctype", one.doctype.as_str()))
            .collect();
        let names = self.sender.insert_all(&documents).await?;
        Ok(names.map(|names| names.into_iter().map(made).collect()))
    }

    /// Puts a contact into the list of its customer.
    pub(super) async fn join(&self, customer: &str, contact: &Name) -> Result<(), Stop> {
        const CUSTOMER: &str = "HD Customer";
        let _turn = self.joining.turn(customer).await;
        let name = Name::from(customer);
        let Some(standing) = self.get(CUSTOMER, &name).await? else {
            return Ok(());
        };
        let mut rows = standing.rows("contacts");
        if rows
            .iter()
            .any(|row| row.text("contact_name") == Some(contact.as_str()))
        {
            return Ok(());
        }
        rows.push(Document::new().with("contact_name", contact));
        let rows: Value = rows.into_iter().map(Value::from).collect();
        let change = Document::new().with("contacts", rows);
        self.update(Sort::Uneven, CUSTOMER, &name, &change).await
    }

    /// A contact that the site has already under the address, made by nobody's import.
    async fn standing_contact(&self, one: &PlannedDocument) -> Result<Option<Name>, Stop> {
        let rows = one.document.rows("email_ids");
        let Some(email) = rows.first().and_then(|row| row.text("email_id")) else {
            return Ok(None);
        };
        let list = List::new()
            .fields(["name", KEY_FIELD])
            .filter(Filter::eq("email_id", email).of("Contact Email"))
            .order_by("creation", Order::Ascending)
            .limit(20);
        let found = self
            .sender
            .read(async |client| client.list(CONTACT, &list).await)
            .await?;
        let is_free = |row: &&Document| {
            let key = row.trimmed(KEY_FIELD);
            key.is_none() || key == Some(one.key.as_str())
        };
        Ok(found.iter().find(is_free).and_then(Document::name))
    }

    /// The customer that has the name, if it is this one or nobody's.
    async fn of_this_name(
        &self,
        one: &PlannedDocument,
        document: &Document,
    ) -> Result<Option<Name>, Stop> {
        let Some(wanted) = document.text("customer_name") else {
            return Ok(None);
        };
        let list = List::new()
            .fields(["name", KEY_FIELD])
            .filter(Filter::eq("name", wanted))
            .limit(1);
        let found = self
            .sender
            .read(async |client| client.list(&one.doctype, &list).await)
            .await?;
        let Some(standing) = found.first() else {
            return Ok(None);
        };
        let key = standing.trimmed(KEY_FIELD);
        let is_free = key.is_none() || key == Some(one.key.as_str());
        Ok(standing.name().filter(|_| is_free))
    }

    /// Changes of a document that stands what is not as it should be; none where it is gone.
    async fn bring_up_to_date(
        &self,
        one: &PlannedDocument,
        name: &Name,
    ) -> Result<Option<Saved>, Stop> {
        let Some(standing) = self.get(&one.doctype, name).await? else {
            return Ok(None);
        };
        let is_made = standing.text(KEY_FIELD) == Some(one.key.as_str());
        let mut wanted = one.document.clone().into_fields();
        // A name cannot be changed so, and the site ignores the attempt.
        wanted.remove("customer_name");
        let changes = differing(&standing, &Document::from(wanted));
        self.update(Sort::Uneven, &one.doctype, name, &changes)
            .await?;
        let before: Document = changes
            .fields()
            .keys()
            .map(|field| {
                (
                    field.clone(),
                    standing.get(field).cloned().unwrap_or_default(),
                )
            })
            .collect();
        Ok(Some(Saved {
            name: name.clone(),
            is_made,
            before: (!is_made).then(|| Value::from(before)),
            lost: Vec::new(),
        }))
    }
}

fn made(name: Name) -> Saved {
    Saved {
        name,
        is_made: true,
        before: None,
        lost: Vec::new(),
    }
}

pub(super) fn made_as(document: &Document) -> Result<Saved, Stop> {
    let name = document.name().ok_or_else(|| Stop::Refused {
        why: "the helpdesk answered with a document that has no name".to_owned(),
        name: None,
    })?;
    Ok(made(name))
}

/// The name with a part of the key, which no other record has.
fn numbered(one: &PlannedDocument, document: &Document) -> String {
    let name = document.text("customer_name").unwrap_or_default();
    let id = one.key.as_str().rsplit(':').next().unwrap_or_default();
    let tail = format!(" ({})", truncate(id, 40));
    let room = DATA_CHARACTERS_MAX.saturating_sub(tail.chars().count());
    format!("{}{tail}", truncate(name, room).trim_end())
}

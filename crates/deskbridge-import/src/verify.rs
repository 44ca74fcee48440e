//! Compares every record of a source with what the helpdesk has, field by field.

mod files;

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    pin::pin,
};

use deskbridge_store::{ImportState, Store};
use frappe::{Client, Document, Filter, List, Op, Order};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use self::files::{Holder, Wanted};
use crate::{
    Result,
    decide::{
        Planned, PlannedTicket, Resolved, Settings, Site, compare::differing, compare::is_same,
        key::KEY_FIELD, plan, references,
    },
    reader::{Position, Source},
    record::{Kind, Record},
    target::asking,
};

const BATCH: usize = 50;
/// How many records are compared at once.
const AT_ONCE: usize = 8;

/// What is compared in lists of a ticket's messages.
const OF_MESSAGES: [(&str, &str, &[&str]); 2] = [
    (
        "Communication",
        "reference_name",
        &[
            "content",
            "sender",
            "sent_or_received",
            "communication_date",
        ],
    ),
    (
        "HD Ticket Comment",
        "reference_ticket",
        &["content", "commented_by"],
    ),
];

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// What the record is.
    pub kind: Kind,
    /// The source's id.
    pub id: String,
    /// The document, if there is one.
    pub name: Option<String>,
    /// What is wrong.
    pub what: Wrong,
}

/// What is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    /// It is not there.
    Missing,
    /// A field of it does not hold what it should.
    Field(String),
    /// A message of it is not there, by its key.
    MissingMessage(String),
    /// A field of a message does not hold what it should.
    MessageField(String, String),
    /// It has messages of the import that the source does not have, by their key.
    ExtraMessage(String),
    /// A file of it or of a message of it is not there, by its name.
    MissingFile(String),
    /// A customer does not list it among its contacts, by the customer's name.
    MissingMember(String),
}

impl Wrong {
    /// What is wrong in words, and in which part.
    pub fn words(&self) -> (&'static str, &str) {
        match self {
            Self::Missing => ("is missing", ""),
            Self::Field(field) => ("a field differs", field),
            Self::MissingMessage(key) => ("a message is missing", key),
            Self::MessageField(_, field) => ("a field of a message differs", field),
            Self::ExtraMessage(key) => ("a message is not in the source", key),
            Self::MissingFile(name) => ("a file is missing", name),
            Self::MissingMember(customer) => ("its customer does not list it", customer),
        }
    }
}

impl Verified {
    /// Whether everything that was compared is as it should be.
    pub fn is_whole(&self) -> bool {
        let sums = [&self.records, &self.same].map(|counts| counts.values().sum::<u64>());
        let [records, same] = sums;
        records == same && self.unreadable == 0
    }
}

/// What was compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// How many records the source has.
    pub records: BTreeMap<Kind, u64>,
    /// How many messages they have.
    pub messages: u64,
    /// Those that are as they should be.
    pub same: BTreeMap<Kind, u64>,
    /// What of the source is no record.
    pub unreadable: u64,
}

/// Compares every record. Differences are handed over one by one, so that memory does not grow with them. Files that lie
/// below `folder` are compared by what is in them, others by their names and sizes.
///
/// # Errors
/// When source, ledger or helpdesk cannot be read.
pub async fn verify(
    client: &Client,
    store: &Store,
    source: &Source,
    site: &Site,
    settings: &Settings,
    folder: Option<&Path>,
    mut found: impl FnMut(Difference),
) -> Result<Verified> {
    let mut verified = Verified::default();
    let wanted = Wanted {
        folder,
        has_account: source.account().is_some(),
    };
    for kind in Kind::ALL {
        let mut reading = Some(source.open(kind, Position::default())?.next(BATCH));
        while let Some(next) = reading.take() {
            let (reader, batch) = next.await?;
            let Some(batch) = batch else { break };
            reading = Some(reader.next(BATCH));
            let count = batch.items.len();
            let records = batch.items.into_iter().filter_map(|item| item.read.ok());
            let records: Vec<Record> = records.collect();
            verified.unreadable += (count - records.len()) as u64;
            let names = names(store, settings, &records).await?;
            let compared = stream::iter(&records).map(async |record| {
                let name = names.get(&(kind, record.id().to_owned()));
                let mut resolved = Resolved::default();
                for (kind, id) in references(record) {
                    let name = names.get(&(kind, id.to_owned())).cloned();
                    resolved.add(kind, id.to_owned(), name);
                }
                let planned = plan(record, &resolved, site, settings).planned;
                let wrong = match name {
                    None => vec![Wrong::Missing],
                    Some(name) => compare(client, name, &planned, wanted).await?,
                };
                Ok::<_, crate::Error>((record, name, planned, wrong))
            });
            let mut compared = pin!(compared.buffered(AT_ONCE));
            while let Some((record, name, planned, wrong)) = compared.try_next().await? {
                *verified.records.entry(kind).or_default() += 1;
                if let Planned::Ticket(ticket) = &planned {
                    verified.messages += ticket.messages.len() as u64;
                }
                if wrong.is_empty() {
                    *verified.same.entry(kind).or_default() += 1;
                }
                for what in wrong {
                    found(Difference {
                        kind,
                        id: record.id().to_owned(),
                        name: name.cloned(),
                        what,
                    });
                }
            }
        }
    }
    Ok(verified)
}

/// The documents of these records and of those that they refer to.
async fn names(
    store: &Store,
    settings: &Settings,
    records: &[Record],
) -> Result<HashMap<(Kind, String), String>> {
    let own = records.iter().map(|record| (record.kind(), record.id()));
    let mut wanted: BTreeMap<Kind, Vec<String>> = BTreeMap::new();
    for (kind, id) in own.chain(records.iter().flat_map(references)) {
        wanted.entry(kind).or_default().push(id.to_owned());
    }
    let mut names = HashMap::new();
    for (kind, ids) in wanted {
        let known = store
            .imported(settings.source.clone(), kind.as_str().to_owned(), ids)
            .await?;
        for record in known {
            if let (ImportState::Written, Some(name)) = (record.state, record.name) {
                names.insert((kind, record.id), name);
            }
        }
    }
    Ok(names)
}

async fn compare(
    client: &Client,
    name: &str,
    planned: &Planned,
    files: Wanted<'_>,
) -> Result<Vec<Wrong>> {
    let doctype = planned.doctype();
    let list = List::new().filter(Filter::eq("name", name)).limit(1);
    let is_there = client
        .list(doctype, &list)
        .await
        .map_err(asking(format!("{doctype} {name}")))?;
    if is_there.is_empty() {
        return Ok(vec![Wrong::Missing]);
    }
    let standing = client
        .get(doctype, &name.into())
        .await
        .map_err(asking(format!("{doctype} {name}")))?;
    let differing_fields = |wanted: &Document| -> Vec<Wrong> {
        let changes = differing(&standing, wanted);
        changes
            .fields()
            .keys()
            .map(|field| Wrong::Field(field.clone()))
            .collect()
    };
    match planned {
        Planned::One(one) => {
            let mut wanted = one.document.clone().into_fields();
            // Another record may have had the name.
            wanted.remove("customer_name");
            let mut wrong = differing_fields(&wanted.into());
            if let Some(customer) = &one.customer
                && !lists(client, customer, name).await?
            {
                wrong.push(Wrong::MissingMember(customer.clone()));
            }
            Ok(wrong)
        }
        Planned::Ticket(ticket) => {
            let mut wrong = differing_fields(&ticket.document);
            wrong.extend(differing_fields(&ticket.times));
            if let Some(status) = &ticket.status
                && standing.text("status") != Some(status.as_str())
            {
                wrong.push(Wrong::Field("status".to_owned()));
            }
            wrong.extend(compare_messages(client, name, ticket, files).await?);
            Ok(wrong)
        }
    }
}

/// Whether a customer has a contact in its list.
async fn lists(client: &Client, customer: &str, contact: &str) -> Result<bool> {
    let list = List::new()
        .filter(Filter::eq("name", customer))
        .filter(Filter::eq("contact_name", contact).of("HD Customer Member"))
        .limit(1);
    let found = client.list("HD Customer", &list).await;
    Ok(!found
        .map_err(asking(format!("the contacts of customer {customer}")))?
        .is_empty())
}

async fn compare_messages(
    client: &Client,
    name: &str,
    ticket: &PlannedTicket,
    files: Wanted<'_>,
) -> Result<Vec<Wrong>> {
    let mut standing: HashMap<String, Document> = HashMap::new();
    for (doctype, by, fields) in OF_MESSAGES {
        let list = List::new()
            .fields(["name", KEY_FIELD])
            .fields(fields.iter().copied())
            .filter(Filter::eq(by, name))
            .filter(Filter::new(KEY_FIELD, Op::Is, "set"))
            .order_by("creation", Order::Ascending)
            .limit(0);
        let rows = client.list(doctype, &list).await;
        let rows = rows.map_err(asking(format!("the messages of ticket {name}")))?;
        standing.extend(
            rows.into_iter()
                .filter_map(|row| Some((row.text(KEY_FIELD)?.to_owned(), row))),
        );
    }
    let mut wrong = Vec::new();
    let mut holders = Vec::new();
    for message in &ticket.messages {
        let key = message.key.as_str();
        let Some(found) = standing.remove(key) else {
            wrong.push(Wrong::MissingMessage(key.to_owned()));
            continue;
        };
        let compared = OF_MESSAGES
            .iter()
            .find(|(doctype, ..)| *doctype == message.doctype);
        let fields = compared.map_or(&[][..], |(.., fields)| fields);
        for field in fields {
            if let Some(wanted) = message.document.get(field)
                && !is_same(found.get(field), wanted)
            {
                wrong.push(Wrong::MessageField(key.to_owned(), (*field).to_owned()));
            }
        }
        holders.push(Holder {
            doctype: message.doctype,
            name: found.to_text("name").unwrap_or_default(),
            files: &message.files,
            images: &message.images,
            wanted: message.document.text("content").unwrap_or_default(),
            found: found.to_text("content").unwrap_or_default(),
        });
    }
    wrong.extend(files::compare(client, (name, ticket), &holders, files).await?);
    let mut extra: Vec<String> = standing.into_keys().collect();
    extra.sort_unstable();
    wrong.extend(extra.into_iter().map(Wrong::ExtraMessage));
    Ok(wrong)
}

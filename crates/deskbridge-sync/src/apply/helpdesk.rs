//! The helpdesk, with what is remembered of it for a while: fields, choices, zone.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use frappe::{Client, Document, Filter, List, Meta, Name, Order, text};
use jiff::tz::TimeZone;
use tokio::time::Instant;

use super::{KEY_FIELD, Stop, custom_fields::CUSTOM_FIELDS};
use crate::decide::write::SourceKey;

/// How long it is believed which fields a DocType has.
const FIELDS_FOR: Duration = Duration::from_secs(600);
/// How long it is believed which values a link may have.
const CHOICES_FOR: Duration = Duration::from_secs(60);
/// How many choices are read: far more than anybody can choose from.
const CHOICES_MAX: u32 = 1_000;

/// A helpdesk as the hub's user.
pub(super) struct Helpdesk {
    pub(super) client: Client,
    zone: Mutex<Option<TimeZone>>,
    user: Mutex<Option<String>>,
    fields: Remembered<Arc<Meta>>,
    choices: Remembered<Arc<[String]>>,
}

impl Helpdesk {
    pub(super) fn new(client: Client, zone: Option<TimeZone>) -> Self {
        Self {
            client,
            zone: Mutex::new(zone),
            user: Mutex::default(),
            fields: Remembered::new(FIELDS_FOR),
            choices: Remembered::new(CHOICES_FOR),
        }
    }

    /// The document that a record was written as, with these fields.
    pub(super) async fn find(
        &self,
        doctype: &str,
        key: &SourceKey,
        fields: &[&str],
    ) -> Result<Option<Document>, Stop> {
        self.keyed(doctype).await?;
        let holding = List::new()
            .fields(["name", KEY_FIELD])
            .fields(fields.iter().copied())
            .filter(Filter::eq(KEY_FIELD, key.as_str()))
            .order_by("creation", Order::Ascending)
            .limit(1);
        let found = self.client.list(doctype, &holding).await?;
        // The database does not tell a from A.
        Ok(found
            .into_iter()
            .find(|document| document.text(KEY_FIELD) == Some(key.as_str())))
    }

    /// What a DocType consists of, once it is known to keep source keys apart.
    ///
    /// Frappe drops fields that it does not know without a word: without this, every write would make a document.
    pub(super) async fn keyed(&self, doctype: &str) -> Result<Arc<Meta>, Stop> {
        if let Some(meta) = self.fields.recall(doctype) {
            return Ok(meta);
        }
        let meta = self.client.meta(doctype).await?;
        for wanted in CUSTOM_FIELDS.iter().filter(|wanted| wanted.dt == doctype) {
            let field = meta.field(wanted.fieldname);
            let is_there = field.is_some_and(|field| field.is_unique || !wanted.is_unique);
            if !is_there {
                let unique = if wanted.is_unique { "unique " } else { "" };
                return Err(Stop::not_sent(format!(
                    "{doctype} has no {unique}field {} in the helpdesk; run `deskbridge frappe install`",
                    wanted.fieldname
                )));
            }
        }
        let meta = Arc::new(meta);
        self.fields.keep(doctype, Arc::clone(&meta));
        Ok(meta)
    }

    /// Whether contacts are members of a customer (Helpdesk 1.28 and later) instead of linking to it.
    pub(super) async fn has_members(&self) -> Result<bool, Stop> {
        Ok(self.keyed("HD Customer").await?.has_field("contacts"))
    }

    /// The name of a document that a value means, as the site spells it.
    ///
    /// Frappe 15 stores any text as a ticket's status (observed on 15.50), so this looks before it is sent.
    pub(super) async fn choice(&self, doctype: &str, wanted: &str) -> Result<String, Stop> {
        let known = self.choices.recall(doctype);
        if let Some(choice) = known.and_then(|choices| chosen(&choices, wanted)) {
            return Ok(choice);
        }
        // Somebody may just have made it.
        let all = List::new().limit(CHOICES_MAX);
        let rows = self.client.list(doctype, &all).await?;
        let choices: Arc<[String]> = rows.iter().filter_map(|row| row.to_text("name")).collect();
        self.choices.keep(doctype, Arc::clone(&choices));
        chosen(&choices, wanted).ok_or_else(|| {
            Stop::refused(format!(
                "the helpdesk has no {doctype} `{wanted}`; make it there, or map CareSoft's value to one of {}, and \
                 revive this",
                listed(&choices)
            ))
        })
    }

    /// The site's zone.
    pub(super) async fn zone(&self) -> Result<TimeZone, Stop> {
        self.remembered(&self.zone, self.client.time_zone()).await
    }

    /// The hub's user.
    pub(super) async fn user(&self) -> Result<String, Stop> {
        self.remembered(&self.user, self.client.logged_user()).await
    }

    async fn remembered<T: Clone>(
        &self,
        place: &Mutex<Option<T>>,
        ask: impl Future<Output = Result<T, frappe::Error>>,
    ) -> Result<T, Stop> {
        let known = place.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known {
            return Ok(known);
        }
        let answer = ask.await?;
        *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer.clone());
        Ok(answer)
    }

    /// Calls a method that changes something and whose answer says nothing.
    pub(super) async fn run(
        &self,
        method: &str,
        arguments: &[(&str, &str)],
    ) -> Result<(), frappe::Error> {
        let mut call = self.client.method(method);
        for (name, value) in arguments {
            call = call.with(name, *value);
        }
        call.post::<Ignored>().await.into_result().map(drop)
    }

    /// Changes a document, unless there is nothing to change.
    pub(super) async fn change(
        &self,
        doctype: &str,
        name: &Name,
        changes: &Document,
    ) -> Result<(), Stop> {
        if changes.fields().is_empty() {
            return Ok(());
        }
        self.client
            .update(doctype, name, changes)
            .await
            .into_result()?;
        Ok(())
    }
}

/// An answer that nobody reads.
struct Ignored;

impl<'de> serde::Deserialize<'de> for Ignored {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_anything| Self)
    }
}

/// A document's name, which every document has.
pub(super) fn name_of(document: &Document) -> Result<Name, Stop> {
    let missing = || Stop::refused("the helpdesk answered with a document that has no name");
    document.name().ok_or_else(missing)
}

fn chosen(choices: &[String], wanted: &str) -> Option<String> {
    let key = text::collation_key(wanted);
    let same = |choice: &&String| text::collation_key(choice) == key;
    choices
        .iter()
        .find(|choice| *choice == wanted)
        .or_else(|| choices.iter().find(same))
        .cloned()
}

fn listed(choices: &[String]) -> String {
    const SHOWN_MAX: usize = 12;
    let shown: Vec<&str> = choices.iter().take(SHOWN_MAX).map(String::as_str).collect();
    let more = if choices.len() > SHOWN_MAX {
        ", ..."
    } else {
        ""
    };
    format!("{}{more}", shown.join(", "))
}

/// Answers by name that are believed for a while.
struct Remembered<T> {
    believed_for: Duration,
    answers: Mutex<BTreeMap<String, (Instant, T)>>,
}

impl<T: Clone> Remembered<T> {
    fn new(believed_for: Duration) -> Self {
        Self {
            believed_for,
            answers: Mutex::default(),
        }
    }

    fn recall(&self, name: &str) -> Option<T> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let (asked_at, answer) = answers.get(name)?;
        (asked_at.elapsed() < self.believed_for).then(|| answer.clone())
    }

    fn keep(&self, name: &str, answer: T) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.insert(name.to_owned(), (Instant::now(), answer));
    }
}

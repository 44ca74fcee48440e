//! Takes an import back: what it made is deleted, what it found is given its old values. What was made by nobody's import
//! is never deleted.

use deskbridge_store::{ImportFilter, ImportRecord, Store};
use frappe::{Cause, Client, Document, Filter, List, Name, Outcome};
use serde_json::Value;

use crate::{
    Result,
    decide::{SourceKey, key::KEY_FIELD},
    record::Kind,
    target::asking,
};

/// How many records of the ledger are read at once.
const PAGE: u32 = 200;
/// How often a deletion is tried whose answer does not come.
const TRIES_MAX: u32 = 5;

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Undone {
    /// Documents that were deleted.
    pub deleted: u64,
    /// Documents that have their old values again.
    pub restored: u64,
    /// Documents that stay, with why: others refer to them, or they carry another key by now.
    pub kept: Vec<(String, String)>,
}

/// What [`undo`] would do, as far as the ledger knows.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn planned(store: &Store, source: &str, run: Option<&str>) -> Result<Undone> {
    let mut planned = Undone::default();
    let mut after = None;
    loop {
        let filter = ImportFilter {
            run: run.map(str::to_owned),
            after: after.take(),
            limit: PAGE,
            ..ImportFilter::default()
        };
        let page = store.list_imports(source.to_owned(), filter).await?;
        let Some(last) = page.last() else {
            return Ok(planned);
        };
        after = Some((last.kind.clone(), last.id.clone()));
        for record in page.iter().filter(|record| record.name.is_some()) {
            match record.is_made {
                true => planned.deleted += 1,
                false => planned.restored += 1,
            }
        }
    }
}

/// Takes a run back, or all of a source's where none is named. `told` is called after each record.
///
/// # Errors
/// When the ledger or the helpdesk fails; what was taken back until then stays so, and the next call goes on.
pub async fn undo(
    client: &Client,
    store: &Store,
    source: &str,
    run: Option<&str>,
    mut told: impl FnMut(&Undone),
) -> Result<Undone> {
    let mut undone = Undone::default();
    // What refers to others goes first.
    for kind in Kind::ALL.into_iter().rev() {
        let mut after = None;
        loop {
            let filter = ImportFilter {
                kind: Some(kind.as_str().to_owned()),
                run: run.map(str::to_owned),
                after: after.take(),
                limit: PAGE,
                ..ImportFilter::default()
            };
            let page = store.list_imports(source.to_owned(), filter).await?;
            let Some(last) = page.last() else { break };
            after = Some((last.kind.clone(), last.id.clone()));
            for record in &page {
                if take_back(client, source, record, &mut undone).await? {
                    let key = vec![(record.kind.clone(), record.id.clone())];
                    store.forget_imports(source.to_owned(), key).await?;
                }
                told(&undone);
            }
        }
    }
    Ok(undone)
}

/// Whether the ledger may forget the record.
async fn take_back(
    client: &Client,
    source: &str,
    record: &ImportRecord,
    undone: &mut Undone,
) -> Result<bool> {
    let Some(name) = record.name.as_deref().map(Name::from) else {
        return Ok(true);
    };
    let doctype = record.doctype.as_str();
    let standing = match client.get(doctype, &name).await {
        Ok(standing) => standing,
        Err(error) if matches!(error.cause, Cause::Missing { .. }) => return Ok(true),
        Err(error) => return Err(asking(format!("{doctype} {name}"))(error)),
    };
    let key = SourceKey::new(source, &record.kind, &record.id);
    if standing.text(KEY_FIELD) != Some(key.as_str()) {
        undone.kept.push((
            format!("{doctype} {name}"),
            "it carries another key by now".to_owned(),
        ));
        return Ok(false);
    }
    if !record.is_made {
        let before = match &record.before {
            Some(Value::Object(before)) => Document::from(before.clone()),
            _ => Document::new(),
        };
        let restored = client.update(doctype, &name, &before).await.into_result();
        restored.map_err(asking(format!("{doctype} {name} to be as it was")))?;
        undone.restored += 1;
        return Ok(true);
    }
    if doctype == "HD Ticket" {
        unsay(client, &name).await?;
    }
    match delete(client, doctype, &name).await? {
        None => {
            undone.deleted += 1;
            Ok(true)
        }
        Some(why) => {
            undone.kept.push((format!("{doctype} {name}"), why));
            Ok(false)
        }
    }
}

/// Deletes the imported messages of a ticket: the site would leave them behind, belonging to nothing.
async fn unsay(client: &Client, ticket: &Name) -> Result<()> {
    for (doctype, field) in [
        ("Communication", "reference_name"),
        ("HD Ticket Comment", "reference_ticket"),
        ("ToDo", "reference_name"),
    ] {
        let list = List::new().filter(Filter::eq(field, ticket)).limit(0);
        let list = match doctype {
            "ToDo" => list.filter(Filter::eq("reference_type", "HD Ticket")),
            _ => list.filter(Filter::is_set(KEY_FIELD)),
        };
        let rows = client.list(doctype, &list).await;
        let rows = rows.map_err(asking(format!("what belongs to ticket {ticket}")))?;
        for name in rows.iter().filter_map(Document::name) {
            delete(client, doctype, &name).await?;
        }
    }
    Ok(())
}

/// Deletes a document; why it stays, if it does.
async fn delete(client: &Client, doctype: &str, name: &Name) -> Result<Option<String>> {
    let mut tries = 0;
    loop {
        tries += 1;
        let error = match client.delete(doctype, name).await {
            Outcome::Done(()) => return Ok(None),
            Outcome::Refused(error) => match &error.cause {
                Cause::Missing { .. } => return Ok(None),
                Cause::Validation { .. } | Cause::NoRight { .. } | Cause::LinkMissing { .. } => {
                    let said = error.message().map(|message| message.text().to_owned());
                    return Ok(Some(said.unwrap_or_else(|| error.to_string())));
                }
                _ => error,
            },
            // A document that is deleted twice is gone.
            Outcome::NotSent(error) | Outcome::Unknown(error) if tries >= TRIES_MAX => error,
            Outcome::NotSent(_) | Outcome::Unknown(_) => continue,
        };
        return Err(asking(format!("{doctype} {name} to be deleted"))(error));
    }
}

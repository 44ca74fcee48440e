//! The methods of `frappe.client`, as far as `/api/resource` has nothing as good.
//!
//! `get_list`, `get`, `insert`, `delete` and `has_permission` are [`list`](Client::list), [`get`](Client::get),
//! [`insert`](Client::insert), [`delete`](Client::delete) and [`may`](Client::may).

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    Client, Document, Error, Filter, Name, Outcome,
    answer::{self, PASSWORD},
    client::without_body,
    error::{Cause, Unsendable},
    list::filters_to_json,
    operation::{Operation, Verb},
    query::{Query, segment},
    text,
};

/// The most documents that `insert_many` takes; one more is a 417 (observed on 15.50).
pub const INSERT_MANY_MAX: usize = 200;

/// One change for [`bulk_update`](Client::bulk_update).
#[derive(Clone, Debug)]
pub struct Change {
    /// The document's DocType.
    pub doctype: String,
    /// The document.
    pub name: Name,
    /// The fields to change.
    pub fields: Document,
}

/// A change that [`bulk_update`](Client::bulk_update) did not make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedChange {
    /// The document's DocType.
    pub doctype: String,
    /// The document.
    pub name: Name,
    /// Frappe's exception, such as `DoesNotExistError`, where the site says it.
    pub kind: Option<String>,
}

impl Client {
    /// The fields of the first document that the filters match; `None` when there is none, or none that the user may
    /// read: Frappe does not say which.
    ///
    /// # Errors
    /// What any request may fail with. Without filters nothing is sent: Frappe would give any document.
    pub async fn get_value(
        &self,
        doctype: &str,
        filters: &[Filter],
        fields: &[&str],
    ) -> Result<Option<Document>, Error> {
        let operation = Operation::new(Verb::Ask, "frappe.client.get_value");
        if filters.is_empty() {
            let why = Cause::Unsendable(Unsendable::NoFilter);
            return Err(Error::new(&operation, why));
        }
        let found: Option<Document> = self
            .method(&operation.target)
            .with("doctype", doctype)
            .with("filters", filters_to_json(filters).to_string())
            .with("fieldname", json!(fields))
            .get_as(&operation)
            .await?;
        Ok(found.filter(|document| !document.fields().is_empty()))
    }

    /// How many documents match, **whatever the user may read**: Frappe checks no right here, and gives the true
    /// number to a user without any (observed on 15.50). Never answer a caller with it; see [`count`](Self::count).
    ///
    /// # Errors
    /// What any request may fail with.
    pub async fn get_count(&self, doctype: &str, filters: &[Filter]) -> Result<u64, Error> {
        self.method("frappe.client.get_count")
            .with("doctype", doctype)
            .with("filters", filters_to_json(filters).to_string())
            .get()
            .await
    }

    /// How many documents match that the user may read. (Filters: read in the source, not observed.)
    ///
    /// # Errors
    /// [`NoRight`](Cause::NoRight) for a DocType of which the user may read nothing, and what any request may fail
    /// with.
    pub async fn count(&self, doctype: &str, filters: &[Filter]) -> Result<u64, Error> {
        let operation = Operation::new(Verb::List, doctype);
        let mut query = Query::new();
        if !filters.is_empty() {
            query.push("filters", &filters_to_json(filters));
        }
        let request = segment(doctype)
            .and_then(|doctype| query.on(&format!("/api/v2/doctype/{doctype}/count")))
            .map(|path| without_body(reqwest::Method::GET, path));
        let body = self.send(&operation, request).await?;
        crate::client::under(&operation, body, "data")
    }

    /// A field of a Single; `None` when it is empty.
    ///
    /// # Errors
    /// What any request may fail with.
    pub async fn get_single_value(
        &self,
        doctype: &str,
        field: &str,
    ) -> Result<Option<Value>, Error> {
        self.method("frappe.client.get_single_value")
            .with("doctype", doctype)
            .with("field", field)
            .get()
            .await
    }

    /// The clear text of a Password field. System Managers only; a document shows asterisks instead.
    ///
    /// # Errors
    /// [`Missing`](Cause::Missing) when the field is empty, [`NoRight`](Cause::NoRight), and what any request may
    /// fail with.
    pub async fn get_password(
        &self,
        doctype: &str,
        name: &Name,
        field: &str,
    ) -> Result<SecretString, Error> {
        let operation = Operation::on(Verb::Ask, PASSWORD, name);
        let password: String = self
            .method(PASSWORD)
            .with("doctype", doctype)
            .with("name", name.as_str())
            .with("fieldname", field)
            .get_as(&operation)
            .await?;
        Ok(SecretString::from(password))
    }

    /// Changes fields of a document, or of one child row by the row's own DocType and name, and gives the whole
    /// document: for a child row, its parent.
    pub async fn set_value(
        &self,
        doctype: &str,
        name: &Name,
        fields: &Document,
    ) -> Outcome<Document> {
        let operation = Operation::on(Verb::Run, "frappe.client.set_value", name);
        let call = self
            .method(&operation.target)
            .with("doctype", doctype)
            .with("name", name.as_str())
            .with("fieldname", fields.clone());
        call.post_as(&operation).await.into()
    }

    /// Saves a complete document as it was read and changed, with its `doctype`, `name` and `modified`: fields
    /// that it lacks are emptied.
    pub async fn save(&self, document: &Document) -> Outcome<Document> {
        let mut operation = Operation::new(Verb::Run, "frappe.client.save");
        operation.name = document.name();
        let lacks = match (document.trimmed("doctype"), &operation.name) {
            (None, _) => Some(Unsendable::NoDocType),
            (_, None) => Some(Unsendable::NoName),
            (Some(_), Some(_)) => None,
        };
        if let Some(why) = lacks {
            return Err(Error::new(&operation, Cause::Unsendable(why))).into();
        }
        let call = self.method(&operation.target).with("doc", document.clone());
        call.post_as(&operation).await.into()
    }

    /// Renames a document and every link to it, and gives the name that it has now. Takes its time (0.5 s
    /// observed). A name that is taken is refused ([`Validation`](Cause::Validation)).
    pub async fn rename_doc(&self, doctype: &str, old: &Name, new: &str) -> Outcome<Name> {
        let operation = Operation::on(Verb::Run, "frappe.client.rename_doc", old);
        if let Err(why) = text::check_name(new) {
            return Err(Error::new(&operation, Cause::Unsendable(why))).into();
        }
        let call = self
            .method(&operation.target)
            .with("doctype", doctype)
            .with("old_name", old.as_str())
            .with("new_name", new);
        call.post_as(&operation).await.into()
    }

    /// Makes up to [`INSERT_MANY_MAX`] documents, of any DocTypes, each with its `doctype`, and gives their names in
    /// the same order. All or nothing: the first that fails rolls back all, and the error does not say which.
    pub async fn insert_many(&self, documents: &[Document]) -> Outcome<Vec<Name>> {
        let operation = Operation::new(Verb::Run, "frappe.client.insert_many");
        if let Err(why) = check_many(documents) {
            return Err(Error::new(&operation, Cause::Unsendable(why))).into();
        }
        let documents: Value = documents.iter().cloned().map(Value::from).collect();
        let call = self.method(&operation.target).with("docs", documents);
        call.post_as(&operation).await.into()
    }

    /// Makes every change that can be made, and gives those that could not. Each stands for itself.
    pub async fn bulk_update(&self, changes: &[Change]) -> Outcome<Vec<FailedChange>> {
        let operation = Operation::new(Verb::Run, "frappe.client.bulk_update");
        let documents: Vec<Document> = changes
            .iter()
            .map(|change| {
                let fields = change.fields.clone();
                fields
                    .with("doctype", change.doctype.as_str())
                    .with("docname", change.name.as_str())
            })
            .collect();
        // A list in place of the string that holds one is a 500.
        let documents = Value::from_iter(documents).to_string();
        let call = self.method(&operation.target).with("docs", documents);
        let made: Result<BulkUpdate, Error> = call.post_as(&operation).await;
        Outcome::from(made).map(|made| made.failed_docs.into_iter().map(Into::into).collect())
    }

    /// Calls a whitelisted method of a document, such as a ticket's `new_comment`.
    pub async fn run_doc_method(
        &self,
        doctype: &str,
        name: &Name,
        method: &str,
        arguments: Map<String, Value>,
    ) -> Outcome<DocMethodAnswer> {
        let operation = Operation::on(Verb::Run, "run_doc_method", name);
        let call = self
            .method(&operation.target)
            .with("dt", doctype)
            .with("dn", name.as_str())
            .with("method", method)
            .with("args", arguments);
        let answered = call.post_for_body(&operation).await.and_then(|body| {
            DocMethodAnswer::deserialize(Value::Object(body)).map_err(|_other_shape| {
                Error::new(
                    &operation,
                    Cause::Shape("not the answer of a document's method"),
                )
            })
        });
        answered.into()
    }
}

/// What a method of a document answers.
#[derive(Clone, Debug, Deserialize)]
pub struct DocMethodAnswer {
    /// What the method returned; null when it returned nothing.
    #[serde(default)]
    pub message: Value,
    /// The document as it is now.
    #[serde(default)]
    pub docs: Vec<Document>,
}

fn check_many(documents: &[Document]) -> Result<(), Unsendable> {
    if documents.len() > INSERT_MANY_MAX {
        let max = INSERT_MANY_MAX;
        return Err(Unsendable::TooManyDocuments { max });
    }
    for document in documents {
        if document.trimmed("doctype").is_none() {
            return Err(Unsendable::NoDocType);
        }
        document.text("name").map_or(Ok(()), text::check_name)?;
    }
    Ok(())
}

#[derive(Deserialize)]
struct BulkUpdate {
    #[serde(default)]
    failed_docs: Vec<FailedDoc>,
}

#[derive(Deserialize)]
struct FailedDoc {
    doc: Document,
    #[serde(default)]
    exc: String,
}

impl From<FailedDoc> for FailedChange {
    fn from(failed: FailedDoc) -> Self {
        let docname = failed.doc.link("docname").or_else(|| failed.doc.name());
        Self {
            doctype: failed.doc.to_text("doctype").unwrap_or_default(),
            name: docname.unwrap_or_else(|| Name::from("")),
            kind: exception_of(&failed.exc),
        }
    }
}

/// The exception that a traceback ends with: `frappe.exceptions.DoesNotExistError: ...`.
fn exception_of(traceback: &str) -> Option<String> {
    let last = traceback.lines().rfind(|line| !line.trim().is_empty())?;
    let path = last.split(':').next()?.trim();
    answer::identifier(path.rsplit('.').next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceback_gives_its_exception_and_nothing_else() {
        let cases = [
            (
                "frappe.exceptions.DoesNotExistError: HD Customer X not found",
                Some("DoesNotExistError"),
            ),
            (
                "Traceback (most recent call last):\n  File x\nKeyError: 'docname'\n",
                Some("KeyError"),
            ),
            (
                "frappe.exceptions.PermissionError\n\n",
                Some("PermissionError"),
            ),
            ("some sentence of words", None),
            ("", None),
        ];
        for (traceback, kind) in cases {
            assert_eq!(exception_of(traceback).as_deref(), kind);
        }
    }
}

//! Documents: read, list, insert, update, delete.

use reqwest::Method;
use serde_json::{Map, Value};

use crate::{
    Client, Document, Error, List, Name, Outcome,
    client::{under, without_body},
    error::Unsendable,
    operation::{Operation, Verb},
    query::{PATH_BYTES_MAX, segment},
    text,
};

impl Client {
    /// Reads a document with its child rows.
    ///
    /// # Errors
    /// [`Missing`](crate::Cause::Missing), [`NoRight`](crate::Cause::NoRight) and what any request may fail with.
    /// Frappe says that a document is missing also to those who may not read it, were it there.
    pub async fn get(&self, doctype: &str, name: &Name) -> Result<Document, Error> {
        let operation = Operation::on(Verb::Read, doctype, name);
        let request = document_path(doctype, name).map(|path| without_body(Method::GET, path));
        let body = self.send(&operation, request).await?;
        under(&operation, body, "data")
    }

    /// Lists documents: those that the user may read, without a word about the others.
    ///
    /// A list that is too long for an address is asked for by POST, for which a session needs its CSRF token.
    ///
    /// # Errors
    /// What any request may fail with.
    pub async fn list(&self, doctype: &str, list: &List) -> Result<Vec<Document>, Error> {
        let operation = Operation::new(Verb::List, doctype);
        let path = doctype_path(doctype).map(|path| path + list.query().as_str());
        let is_long = path.as_ref().is_ok_and(|path| path.len() > PATH_BYTES_MAX);
        if is_long {
            let mut arguments: Map<String, Value> = list
                .arguments()
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect();
            arguments.insert("doctype".to_owned(), doctype.into());
            let path = "/api/method/frappe.client.get_list".to_owned();
            let request = self.with_json(Method::POST, path, &arguments);
            let body = self.send(&operation, request).await?;
            return under(&operation, body, "message");
        }
        let request = path.map(|path| without_body(Method::GET, path));
        let body = self.send(&operation, request).await?;
        under(&operation, body, "data")
    }

    /// Makes a document and gives it as Frappe stored it.
    ///
    /// Frappe drops unknown fields without a word, and echoes the types that were sent: an integer in a text field
    /// comes back as an integer until the document is read again. A `name` is honoured only where the DocType lets
    /// the user choose it; where another field becomes the name (a customer's `customer_name`), see that
    /// [`check_name`](text::check_name) has nothing against it. A ticket's `status`, `creation` and `owner` are always
    /// overwritten.
    pub async fn insert(&self, doctype: &str, fields: &Document) -> Outcome<Document> {
        self.try_insert(doctype, fields).await.into()
    }

    async fn try_insert(&self, doctype: &str, fields: &Document) -> Result<Document, Error> {
        let operation = Operation::new(Verb::Insert, doctype);
        let request = fields
            .trimmed("name")
            .map_or(Ok(()), text::check_name)
            .and_then(|()| doctype_path(doctype))
            .and_then(|path| self.with_json(Method::POST, path, fields));
        let body = self.send(&operation, request).await?;
        under(&operation, body, "data")
    }

    /// Changes the given fields of a document, whatever happened to it meanwhile, and gives the whole document.
    ///
    /// A child table that is given replaces all its rows. Without any field the document is still saved, which
    /// changes its `modified`.
    pub async fn update(&self, doctype: &str, name: &Name, fields: &Document) -> Outcome<Document> {
        self.try_update(doctype, name, fields).await.into()
    }

    /// Changes the given fields unless the document was changed since it was read with this `modified`; then it is
    /// refused with [`TimestampMismatch`](crate::Cause::TimestampMismatch).
    pub async fn update_if_unchanged(
        &self,
        doctype: &str,
        name: &Name,
        fields: &Document,
        modified: &str,
    ) -> Outcome<Document> {
        let fields = fields.clone().with("modified", modified);
        self.try_update(doctype, name, &fields).await.into()
    }

    async fn try_update(
        &self,
        doctype: &str,
        name: &Name,
        fields: &Document,
    ) -> Result<Document, Error> {
        let operation = Operation::on(Verb::Update, doctype, name);
        let request =
            document_path(doctype, name).and_then(|path| self.with_json(Method::PUT, path, fields));
        let body = self.send(&operation, request).await?;
        under(&operation, body, "data")
    }

    /// Removes a document. One that others link to is refused
    /// ([`Validation`](crate::Cause::Validation) of kind `LinkExistsError`).
    pub async fn delete(&self, doctype: &str, name: &Name) -> Outcome<()> {
        let operation = Operation::on(Verb::Delete, doctype, name);
        let request = document_path(doctype, name).map(|path| without_body(Method::DELETE, path));
        self.send(&operation, request).await.map(drop).into()
    }
}

fn doctype_path(doctype: &str) -> Result<String, Unsendable> {
    Ok(format!("/api/resource/{}", segment(doctype)?))
}

fn document_path(doctype: &str, name: &Name) -> Result<String, Unsendable> {
    Ok(format!(
        "/api/resource/{}/{}",
        segment(doctype)?,
        segment(name.as_str())?
    ))
}

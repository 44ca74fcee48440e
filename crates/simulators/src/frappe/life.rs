//! The life of a document: inserted, saved, renamed, deleted, each step in Frappe's order.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    cell::{self, Kind},
    checks, controllers,
    document::{self, Document, Refused},
    exception::{
        CONSTANT, DOES_NOT_EXIST, DUPLICATE_ENTRY, Exception, Message, NAME, OPERATIONAL,
        OUT_OF_RANGE, PERMISSION, TIMESTAMP_MISMATCH, UNIQUE_VALIDATION, VALIDATION,
    },
    files,
    meta::{self, Naming, Right},
    scripts,
    store::{Clash, Row},
    transaction::Transaction,
};

/// The name of the database in its own messages.
const DATABASE: &str = "_7e467473940098fd";

impl Transaction<'_> {
    /// Creates a document from what a client sent.
    pub(crate) fn insert(
        &mut self,
        doctype: &str,
        sent: &Map<String, Value>,
    ) -> Result<Document, Exception> {
        if doctype == "File" {
            return files::insert(self, sent);
        }
        let document = self.draft(doctype, sent)?;
        self.insert_document(document)
    }

    /// A new document with what a client sent in it, not yet stored.
    pub(crate) fn draft(
        &self,
        doctype: &str,
        sent: &Map<String, Value>,
    ) -> Result<Document, Exception> {
        let meta = self.controller(doctype)?;
        let mut document = Document::new(&meta);
        document.update(sent, self.store);
        if meta.naming == Naming::Prompt {
            let name = sent.get("name").map(cell::text).unwrap_or_default();
            document.name = name.trim().to_owned();
        }
        Ok(document)
    }

    /// Creates a document.
    pub(crate) fn insert_document(
        &mut self,
        mut document: Document,
    ) -> Result<Document, Exception> {
        checks::set_defaults(&mut document, self);
        document::stamp(&mut document, &self.user.name.clone(), &self.now_text());
        for counter in ["docstatus", "idx"] {
            let number = cell::int(document.get(counter));
            document.set(counter, number);
        }
        self.validate_links(&mut document)?;
        self.check(Right::Create, &document)?;
        controllers::before_insert(self, &mut document)?;
        scripts::before_insert(self, &mut document)?;
        if document.meta.is_single {
            return self.insert_single(document);
        }
        document.name = self.new_name(&document)?;
        self.adopt_rows(&mut document);
        controllers::validate(self, &mut document)?;
        self.validate_values(&mut document)?;
        self.settle(&mut document);
        let row = self.row(&document)?;
        let doctype = Arc::clone(&document.meta);
        let inserted = self.store.insert(&doctype.name, row);
        inserted.map_err(|clash| self.clashed(clash, &document))?;
        controllers::after_insert(self, &mut document)?;
        Ok(document)
    }

    fn insert_single(&mut self, mut document: Document) -> Result<Document, Exception> {
        document.name = document.meta.name.to_string();
        controllers::validate(self, &mut document)?;
        self.validate_values(&mut document)?;
        self.settle(&mut document);
        self.put_single(&document)?;
        Ok(document)
    }

    fn put_single(&mut self, document: &Document) -> Result<(), Exception> {
        let mut row = self.row(document)?;
        let idx = cell::text(document.get("idx"));
        row.set(meta::IDX, cell::Cell::text(idx));
        let doctype = document.meta.name.clone();
        self.store.put_single(&doctype, row);
        Ok(())
    }

    /// Gives the rows of child tables their names, owners and places.
    pub(crate) fn adopt_rows(&mut self, document: &mut Document) {
        let now = self.now_text();
        let user = self.user.name.clone();
        let creation = document.get("creation").clone();
        let (parent, parenttype) = (document.name.clone(), document.meta.name.clone());
        for (field, rows) in &mut document.tables {
            for (number, row) in (1..).zip(rows) {
                if row.name.is_empty() {
                    row.name = self.random.name();
                    document::stamp(row, &user, &now);
                    row.set("creation", creation.clone());
                    row.set("docstatus", 0);
                } else {
                    row.set("modified", &*now);
                    row.set("modified_by", &*user);
                }
                row.set("idx", number);
                row.set("parent", &*parent);
                row.set("parentfield", field.as_str());
                row.set("parenttype", &*parenttype);
            }
        }
    }

    /// The name of a new document.
    fn new_name(&mut self, document: &Document) -> Result<String, Exception> {
        let meta = Arc::clone(&document.meta);
        let name = match &meta.naming {
            Naming::Hash => return Ok(self.random.name()),
            Naming::Autoincrement => {
                return Ok(self.store.next_in_series(&meta.name).to_string());
            }
            Naming::Series(digits) => {
                let number = self.store.next_in_series("");
                let digits = *digits;
                return Ok(format!("{number:0digits$}"));
            }
            Naming::Controller => controllers::new_name(self, document)?,
            Naming::Prompt if document.name.is_empty() => {
                return Err(self.throw(VALIDATION, "Please set the document name"));
            }
            Naming::Prompt => document.name.clone(),
            Naming::Format(format) => filled(format, document),
            Naming::Field(field) => {
                let name = document.text(field).trim().to_owned();
                if name.is_empty() {
                    let label = meta.field(field).map(|field| field.label.clone());
                    let label = label.unwrap_or_else(|| field.clone());
                    return Err(self.throw(VALIDATION, format!("{label} is required")));
                }
                name
            }
        };
        let name = name.trim().to_owned();
        if name.contains(['<', '>']) {
            let message = "Name cannot contain special characters like '<', '>'";
            return Err(self.throw(NAME, message));
        }
        Ok(name)
    }

    /// Saves a changed document.
    pub(crate) fn save(&mut self, mut document: Document) -> Result<Document, Exception> {
        self.check(Right::Write, &document)?;
        self.check_latest(&document)?;
        document.set("modified", self.now_text());
        document.set("modified_by", &*self.user.name);
        self.adopt_rows(&mut document);
        self.validate_links(&mut document)?;
        controllers::validate(self, &mut document)?;
        self.validate_values(&mut document)?;
        self.validate_constants(&document)?;
        self.settle(&mut document);
        if document.meta.is_single {
            self.put_single(&document)?;
            return Ok(document);
        }
        let row = self.row(&document)?;
        let doctype = document.meta.name.clone();
        let replaced = self.store.replace(&doctype, row);
        replaced.map_err(|clash| self.clashed(clash, &document))?;
        controllers::on_update(self, &mut document)?;
        Ok(document)
    }

    fn check_latest(&mut self, document: &Document) -> Result<(), Exception> {
        let stored = document.before("modified");
        let sent = document.text("modified");
        let stored = cell::text(&stored);
        let same = cell::temporal(&sent, Kind::Datetime).is_some_and(|sent| sent == stored);
        if same || sent == stored {
            return Ok(());
        }
        let message = format!(
            "Error: Document has been modified after you have opened it ({stored}, {sent}). Please refresh \
             to get the latest document."
        );
        Err(self.throw(TIMESTAMP_MISMATCH, message))
    }

    fn validate_constants(&mut self, document: &Document) -> Result<(), Exception> {
        let meta = Arc::clone(&document.meta);
        let standard = [("creation", "Created On"), ("owner", "Created By")];
        let own = meta.fields.iter().filter(|field| field.is("set_only_once"));
        let own = own.map(|field| (&*field.name, &*field.label));
        for (field, label) in standard.into_iter().chain(own) {
            if document.changed(field) && !document.before(field).is_null() {
                let message = format!("Value cannot be changed for <strong>{label}</strong>");
                return Err(self.throw(CONSTANT, message));
            }
        }
        Ok(())
    }

    /// What happens to a document between its checks and the database.
    fn settle(&mut self, document: &mut Document) {
        if let Naming::Field(field) = &document.meta.naming {
            let (field, name) = (field.clone(), document.name.clone());
            document.set(&field, name);
        }
        self.keep_secrets(document);
    }

    /// Moves the values of Password fields out of the document: what stays is as many asterisks.
    fn keep_secrets(&mut self, document: &mut Document) {
        let meta = Arc::clone(&document.meta);
        let secrets = meta
            .fields
            .iter()
            .filter(|field| field.kind == Kind::Password);
        for field in secrets {
            let sent = document.text(&field.name);
            let path = (
                meta.name.clone(),
                (&*document.name).into(),
                field.name.clone(),
            );
            if sent.is_empty() {
                self.store.put_secret(path, None);
            } else if sent.chars().any(|letter| letter != '*') {
                self.store.put_secret(path, Some(&sent));
                document.set(&field.name, "*".repeat(sent.chars().count()));
            }
        }
    }

    /// The row of a document, or the database's refusal of a date.
    fn row(&mut self, document: &Document) -> Result<Row, Exception> {
        let mut row = document.row().map_err(|refused| refusal(&refused))?;
        if document.meta.is("track_seen") {
            let seen = serde_json::json!([&*self.user.name]).to_string();
            row.set(meta::SEEN, cell::Cell::text(seen));
        }
        Ok(row)
    }

    pub(crate) fn clashed(&mut self, clash: Clash, document: &Document) -> Exception {
        let (doctype, name) = (&document.meta.name, &document.name);
        match clash {
            Clash::Name => {
                self.messages.push(Message {
                    title: "Duplicate Name",
                    indicator: Some("red"),
                    ..Message::note(format!("{doctype} <strong>{name}</strong> already exists"))
                });
                let entry = format!("Duplicate entry '{name}' for key 'PRIMARY'");
                let message = format!("('{doctype}', '{name}', IntegrityError(1062, \"{entry}\"))");
                Exception::new(DUPLICATE_ENTRY, message)
            }
            Clash::Field(field) => {
                let label = document.meta.field(&field).map(|field| field.label.clone());
                let label = label.unwrap_or_else(|| field.clone());
                self.messages
                    .push(Message::note(format!("{label} must be unique")));
                let value = document.text(&field);
                let entry = format!("Duplicate entry '{value}' for key '{field}'");
                let message = format!("('{doctype}', '{name}', IntegrityError(1062, \"{entry}\"))");
                Exception::new(UNIQUE_VALIDATION, message)
            }
        }
    }

    /// Writes columns past all checks, as a controller's `db_set` does.
    pub(crate) fn write_past_checks(&mut self, document: &Document) -> Result<(), Exception> {
        let row = document.row().map_err(|refused| refusal(&refused))?;
        let doctype = document.meta.name.clone();
        let replaced = self.store.replace(&doctype, row);
        replaced.map_err(|clash| self.clashed(clash, document))
    }

    /// Creates a document that the site itself writes, past rights and checks.
    pub(crate) fn insert_past_checks(
        &mut self,
        doctype: &str,
        values: &[(&str, Value)],
    ) -> Result<Document, Exception> {
        let meta = self.controller(doctype)?;
        let mut document = Document::new(&meta);
        for (field, value) in values {
            document.set(field, value.clone());
        }
        checks::set_defaults(&mut document, self);
        document::stamp(&mut document, &self.user.name.clone(), &self.now_text());
        document.set("docstatus", 0);
        document.set("idx", 0);
        document.name = self.new_name(&document)?;
        let row = document.row().map_err(|refused| refusal(&refused))?;
        let inserted = self.store.insert(doctype, row);
        inserted.map_err(|clash| self.clashed(clash, &document))?;
        Ok(document)
    }

    /// Deletes a document.
    pub(crate) fn delete(&mut self, doctype: &str, name: &str) -> Result<(), Exception> {
        let known = self.store.doctype(doctype).cloned();
        let row = self.store.row(doctype, name).cloned();
        let (Some(meta), Some(row)) = (known, row) else {
            return Err(Exception::bare(DOES_NOT_EXIST));
        };
        let document = Document::load(&meta, &row, self.store);
        if !self.may(Right::Delete, &document) {
            let message = format!("User not allowed to delete {doctype}: {}", document.name);
            return Err(self.throw(PERMISSION, message));
        }
        controllers::on_trash(self, &document)?;
        self.refuse_linked(&document)?;
        self.store.remove(doctype, name);
        controllers::after_delete(self, &document);
        Ok(())
    }
}

/// A name made of a text with `{field}` in it.
pub(crate) fn filled(format: &str, document: &Document) -> String {
    let mut name = String::new();
    let mut rest = format;
    while let Some((before, tail)) = rest.split_once('{') {
        name.push_str(before);
        let (field, after) = tail.split_once('}').unwrap_or((tail, ""));
        name.push_str(&document.text(field));
        rest = after;
    }
    name.push_str(rest);
    name
}

pub(crate) fn refusal(refused: &Refused) -> Exception {
    let Refused {
        doctype,
        column,
        value,
        why,
    } = refused;
    match why {
        cell::Refused::Date => {
            let place = format!("`{DATABASE}`.`tab{doctype}`.`{column}`");
            let why = format!("Incorrect datetime value: '{value}' for column {place} at row 1");
            Exception::new(OPERATIONAL, format!("(1292, \"{why}\")"))
        }
        cell::Refused::Range => {
            let why = format!("Out of range value for column '{column}' at row 1");
            Exception::new(OUT_OF_RANGE, format!("(1264, \"{why}\")"))
        }
    }
}

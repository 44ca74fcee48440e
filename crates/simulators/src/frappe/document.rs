//! A document in memory: what a request sends, what the checks look at, what the answer shows.
//!
//! Values stay as they were sent (an integer in a text field is an integer in the answer to POST, and a
//! text in the next GET); they take the database's form when the document becomes a [`Row`].

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value};

use super::{
    cell::{self, Cell, Kind},
    meta::{self, Column, DocType, Field, STANDARD_COLUMNS},
    store::{Row, Store},
};

/// A document, or a row of a child table.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub meta: Arc<DocType>,
    pub name: String,
    /// Standard and own fields that have a value.
    pub values: Map<String, Value>,
    /// The rows of every child table.
    pub tables: BTreeMap<String, Vec<Self>>,
    /// What the database holds; `None` for a new document.
    pub stored: Option<Arc<Row>>,
}

/// A value that the database refused: for which column, and why.
#[derive(Debug)]
pub(crate) struct Refused {
    pub doctype: Box<str>,
    pub column: String,
    pub value: String,
    pub why: cell::Refused,
}

impl Document {
    /// An empty document with the defaults of its DocType.
    pub(crate) fn new(meta: &Arc<DocType>) -> Self {
        let tables = meta.tables();
        Self {
            meta: Arc::clone(meta),
            name: String::new(),
            values: Map::new(),
            tables: tables
                .map(|(field, _)| (field.name.to_string(), Vec::new()))
                .collect(),
            stored: None,
        }
    }

    /// Takes over what a client sent; whatever the DocType does not know is dropped.
    pub(crate) fn update(&mut self, sent: &Map<String, Value>, store: &Store) {
        for (key, value) in sent {
            match self.meta.field(key).map(|field| field.kind) {
                Some(Kind::Table) => self.replace_rows(key, value, store),
                Some(Kind::Layout) => {}
                Some(_) => self.set(key, value.clone()),
                // What begins with an underscore is written by the framework only.
                None if key.starts_with('_') => {}
                None if is_standard(key) && key != "name" => self.set(key, value.clone()),
                None => {}
            }
        }
    }

    fn replace_rows(&mut self, field: &str, sent: &Value, store: &Store) {
        let child = self.meta.field(field).map(|field| field.options.clone());
        let Some(meta) = child.and_then(|child| store.doctype(&child).cloned()) else {
            return;
        };
        let parsed;
        let sent = match sent {
            Value::String(text) => {
                parsed = serde_json::from_str(text).unwrap_or_default();
                &parsed
            }
            other => other,
        };
        let before = self.tables.remove(field).unwrap_or_default();
        let objects = sent
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_object);
        let rows = objects.map(|sent| {
            let name = sent.get("name").and_then(Value::as_str).unwrap_or_default();
            let known = before
                .iter()
                .find(|row| row.name == name && !name.is_empty());
            let mut row = known.cloned().unwrap_or_else(|| Self::new(&meta));
            row.update(sent, store);
            row
        });
        self.tables.insert(field.to_owned(), rows.collect());
    }

    /// Reads a document out of the database.
    pub(crate) fn load(meta: &Arc<DocType>, row: &Arc<Row>, store: &Store) -> Self {
        let mut document = Self::read(meta, row, store);
        document.stored = Some(Arc::clone(row));
        document
    }

    fn read(meta: &Arc<DocType>, row: &Row, store: &Store) -> Self {
        let mut document = Self::new(meta);
        document.name = row.name.to_string();
        for (place, (name, kind)) in (0..).zip(STANDARD_COLUMNS).skip(1) {
            document.set(name, row.get(place).json(kind));
        }
        for field in &meta.fields {
            match field.column {
                Some(column) => document.set(&field.name, shown(row, column, field)),
                None if field.kind == Kind::Table => {
                    let Some(child) = store.doctype(&field.options) else {
                        continue;
                    };
                    let rows = row.table(&field.name).iter();
                    let rows = rows.map(|row| {
                        let mut read = Self::read(child, row, store);
                        read.stored = Some(Arc::new(row.clone()));
                        read
                    });
                    document
                        .tables
                        .insert(field.name.to_string(), rows.collect());
                }
                None => {}
            }
        }
        document
    }

    /// The row that the database is to hold.
    pub(crate) fn row(&self) -> Result<Row, Refused> {
        let mut row = Row::named(&*self.name);
        let refuse = |column: &str, value: &Value, why: cell::Refused| Refused {
            doctype: self.meta.name.clone(),
            column: column.to_owned(),
            value: cell::text(value),
            why,
        };
        for (place, (name, kind)) in (0..).zip(STANDARD_COLUMNS).skip(1) {
            let value = self.get(name);
            // The counters of a single stay as they were read: an integer once, a text ever after.
            let cell = match (value, kind) {
                (Value::Null, _) => Cell::Null,
                (value, Kind::Int) if value.is_string() => Cell::text(cell::text(value)),
                (value, kind) => {
                    Cell::store(value, kind).map_err(|why| refuse(name, value, why))?
                }
            };
            row.set(place, cell);
        }
        for field in &self.meta.fields {
            let Some(column) = field.column else { continue };
            let value = self.get(&field.name);
            let empty = value.as_str().is_some_and(|text| text.trim().is_empty());
            let cell = if field.unique && empty {
                Cell::Null
            } else {
                Cell::store(value, field.kind).map_err(|why| refuse(&field.name, value, why))?
            };
            row.set(column, cell);
        }
        for (field, children) in &self.tables {
            if children.is_empty() {
                continue;
            }
            let rows: Result<Vec<_>, _> = children.iter().map(Self::row).collect();
            row.tables.push((field.as_str().into(), rows?));
        }
        Ok(row)
    }

    // Values

    /// A value; null when there is none.
    pub(crate) fn get(&self, field: &str) -> &Value {
        self.values.get(field).unwrap_or(&Value::Null)
    }

    /// A value as text; empty when there is none.
    pub(crate) fn text(&self, field: &str) -> String {
        cell::text(self.get(field))
    }

    /// Whether a field has a value that Python would call true.
    pub(crate) fn has(&self, field: &str) -> bool {
        match self.get(field) {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            Value::Number(number) => number.as_f64().is_some_and(|number| number != 0.0),
            Value::Bool(flag) => *flag,
            _ => true,
        }
    }

    pub(crate) fn set(&mut self, field: &str, value: impl Into<Value>) {
        match value.into() {
            Value::Null => {
                self.values.remove(field);
            }
            value => {
                self.values.insert(field.to_owned(), value);
            }
        }
    }

    /// The rows of a child table.
    pub(crate) fn rows(&self, field: &str) -> &[Self] {
        self.tables.get(field).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn is_new(&self) -> bool {
        self.stored.is_none()
    }

    /// What the database held of a field before this request.
    pub(crate) fn before(&self, field: &str) -> Value {
        let column = self.meta.column(field);
        match (&self.stored, column) {
            (Some(row), Some(column)) => row.get(column).json(self.meta.kind(column)),
            _ => Value::Null,
        }
    }

    /// Whether a field differs from what the database held.
    pub(crate) fn changed(&self, field: &str) -> bool {
        cell::text(&self.before(field)) != self.text(field)
    }

    // Answers

    /// The document as an answer shows it, with or without the fields that are null.
    pub(crate) fn json(self, nulls: Nulls) -> Value {
        Value::Object(self.object(nulls))
    }

    fn object(self, nulls: Nulls) -> Map<String, Value> {
        let name = self.name_json();
        let Self {
            meta,
            values: mut json,
            tables,
            ..
        } = self;
        json.retain(|key, _| !key.starts_with('_') && meta.column(key).is_some());
        if nulls == Nulls::Kept {
            let standard = STANDARD_COLUMNS.iter().map(|(name, _)| *name);
            let standard = standard.filter(|name| is_always_shown(name, &meta));
            let own = meta.fields.iter().filter(|field| field.kind.is_stored());
            for key in standard.chain(own.map(|field| &*field.name)) {
                if !json.contains_key(key) {
                    json.insert(key.to_owned(), Value::Null);
                }
            }
        }
        json.insert("name".to_owned(), name);
        json.insert("doctype".to_owned(), (&*meta.name).into());
        for (field, rows) in tables {
            let rows = rows.into_iter().map(|row| {
                let is_new = row.is_new();
                let mut json = row.object(nulls);
                if is_new {
                    json.insert("__unsaved".to_owned(), 1.into());
                }
                Value::Object(json)
            });
            json.insert(field, Value::Array(rows.collect()));
        }
        json
    }

    /// The name as JSON: an integer where the DocType counts.
    pub(crate) fn name_json(&self) -> Value {
        name_json(&self.meta, &self.name)
    }
}

/// Whether an answer shows fields without a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Nulls {
    /// As null: `frappe.client.get`, `fields=["*"]`.
    Kept,
    /// Not at all: documents of the REST resources.
    Dropped,
}

/// A document's name as JSON: an integer where the DocType counts.
pub(crate) fn name_json(meta: &DocType, name: &str) -> Value {
    match name.parse::<u64>() {
        Ok(number) if meta.has_integer_names() => number.into(),
        _ => name.into(),
    }
}

/// A stored value as an answer shows it; a number that was never written has its default.
pub(crate) fn shown(row: &Row, column: Column, field: &Field) -> Value {
    match row.get(column) {
        Cell::Null if field.kind.is_number() => {
            let default = field.default.as_deref().unwrap_or_default();
            let cell = Cell::store(&default.into(), field.kind);
            cell.map_or(Value::Null, |cell| cell.json(field.kind))
        }
        cell => cell.json(field.kind),
    }
}

fn is_standard(name: &str) -> bool {
    STANDARD_COLUMNS
        .iter()
        .any(|(standard, _)| *standard == name)
}

fn is_always_shown(name: &str, meta: &DocType) -> bool {
    match name {
        "owner" | "creation" | "modified" | "modified_by" | "docstatus" | "idx" => true,
        "parent" | "parentfield" | "parenttype" => meta.is_child,
        _ => false,
    }
}

/// The standard columns that a new row gets from whoever writes it.
pub(crate) fn stamp(document: &mut Document, user: &str, now: &str) {
    for (column, value) in [
        (meta::OWNER, user),
        (meta::CREATION, now),
        (meta::MODIFIED, now),
        (meta::MODIFIED_BY, user),
    ] {
        if let Some((name, _)) = STANDARD_COLUMNS.get(usize::from(column)) {
            document.set(name, value);
        }
    }
}

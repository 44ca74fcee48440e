//! One request's view of the site: who asks, when, what the database holds, what has been said so far.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use jiff::civil;
use serde_json::Value;

use super::{
    cell::{self, Cell},
    document::Document,
    exception::{Class, DOES_NOT_EXIST, Exception, IMPORT, Message},
    meta::DocType,
    random::Random,
    scripts::Hooks,
    store::{Row, Store},
    versions::Versions,
};

/// The user that a request runs as.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub name: Box<str>,
    pub roles: Vec<Box<str>>,
}

impl User {
    /// Whoever is not logged in.
    pub(crate) fn guest() -> Self {
        Self {
            name: "Guest".into(),
            roles: vec!["Guest".into()],
        }
    }

    pub(crate) fn is_guest(&self) -> bool {
        &*self.name == "Guest"
    }

    pub(crate) fn is_administrator(&self) -> bool {
        &*self.name == "Administrator"
    }

    pub(crate) fn has_role(&self, role: &str) -> bool {
        self.is_administrator() || self.roles.iter().any(|own| &**own == role)
    }

    /// Whether the user works on tickets, as Helpdesk decides it.
    pub(crate) fn is_agent(&self, store: &Store) -> bool {
        self.has_role("Agent")
            || self.has_role("Agent Manager")
            || is_active_agent(&self.name, store)
    }
}

fn is_active_agent(user: &str, store: &Store) -> bool {
    let Some(meta) = store.doctype("HD Agent") else {
        return false;
    };
    let active = meta.column("is_active");
    let row = store.row("HD Agent", user);
    row.zip(active)
        .is_some_and(|(row, active)| *row.get(active) == Cell::Int(1))
}

/// The bytes of uploaded files, by address.
pub(crate) type Blobs = HashMap<Box<str>, Bytes>;

/// One request at work.
pub(crate) struct Transaction<'a> {
    pub store: &'a mut Store,
    pub blobs: &'a mut Blobs,
    pub random: &'a mut Random,
    pub hooks: &'a Hooks,
    pub versions: &'a Versions,
    /// Whether the configuration lets Server Scripts run.
    pub runs_scripts: bool,
    pub user: User,
    /// Site time.
    pub now: civil::DateTime,
    /// What goes into `_server_messages`.
    pub messages: Vec<Message>,
    /// Set while the site itself writes on behalf of the user: rights are not asked for.
    pub is_trusted: bool,
}

impl Transaction<'_> {
    /// Site time as the database writes it.
    pub(crate) fn now_text(&self) -> String {
        cell::datetime_text(self.now)
    }

    /// An exception with a message for people.
    pub(crate) fn throw(&mut self, class: Class, message: impl Into<String>) -> Exception {
        self.throw_titled(class, message, "Message")
    }

    /// As [`Self::throw`], with a title of its own.
    pub(crate) fn throw_titled(
        &mut self,
        class: Class,
        message: impl Into<String>,
        title: &'static str,
    ) -> Exception {
        let message = message.into();
        self.messages.push(Message {
            title,
            ..Message::thrown(message.clone(), self.random)
        });
        // What was not found is said in the messages only.
        Exception::new(class, message)
    }

    /// The DocType of that name, for queries.
    pub(crate) fn doctype(&mut self, name: &str) -> Result<Arc<DocType>, Exception> {
        match self.store.doctype(name) {
            Some(doctype) => Ok(Arc::clone(doctype)),
            None => Err(self.throw(DOES_NOT_EXIST, format!("DocType {name} not found"))),
        }
    }

    /// The DocType of that name, for documents: one that is missing is a module that is missing
    /// (observed: 500 `ImportError`, permanent).
    pub(crate) fn controller(&self, name: &str) -> Result<Arc<DocType>, Exception> {
        let module = name.to_lowercase().replace([' ', '-'], "_");
        self.store.doctype(name).cloned().ok_or_else(|| {
            Exception::new(
                IMPORT,
                format!("No module named 'frappe.core.doctype.{module}'"),
            )
        })
    }

    /// A stored document.
    pub(crate) fn load(&mut self, doctype: &str, name: &str) -> Result<Document, Exception> {
        let meta = self.controller(doctype)?;
        if meta.is_single {
            return Ok(self.load_single(&meta));
        }
        match self.store.row(doctype, name).cloned() {
            Some(row) => Ok(Document::load(&meta, &row, self.store)),
            None => Err(self.throw(DOES_NOT_EXIST, format!("{doctype} {name} not found"))),
        }
    }

    /// The document of a single DocType: its defaults until it is written.
    fn load_single(&self, meta: &Arc<DocType>) -> Document {
        if let Some(row) = self.store.single(&meta.name) {
            return Document::load(meta, &Arc::clone(row), self.store);
        }
        let mut document = Document::new(meta);
        document.name = meta.name.to_string();
        document.set("owner", &*self.user.name);
        document.set("docstatus", 0);
        document.set("idx", 0);
        super::checks::set_defaults(&mut document, self);
        document.stored = Some(Arc::new(Row::named(&*meta.name)));
        document
    }

    /// A stored value; null when document or field are missing.
    pub(crate) fn value(&self, doctype: &str, name: &str, field: &str) -> Value {
        let Some(meta) = self.store.doctype(doctype) else {
            return Value::Null;
        };
        let row = match meta.is_single {
            true => self.store.single(doctype),
            false => self.store.row(doctype, name),
        };
        let column = meta.column(field);
        match (row, column) {
            (Some(row), Some(column)) => row.get(column).json(meta.kind(column)),
            _ => Value::Null,
        }
    }

    /// A setting of a single DocType, or its default.
    pub(crate) fn setting(&self, doctype: &str, field: &str) -> Value {
        let value = self.value(doctype, doctype, field);
        if !value.is_null() {
            return value;
        }
        let meta = self.store.doctype(doctype);
        let default = meta.and_then(|meta| meta.field(field)?.default.clone());
        default.map_or(Value::Null, |default| (&*default).into())
    }

    /// Whether a setting is switched on.
    pub(crate) fn is_set(&self, doctype: &str, field: &str) -> bool {
        cell::int(&self.setting(doctype, field)) != 0
    }

    /// Does something past the user's rights.
    pub(crate) fn trusted<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.is_trusted, true);
        let done = act(self);
        self.is_trusted = before;
        done
    }

    /// Removes the documents whose field has this value, past all checks.
    pub(crate) fn remove_where(&mut self, doctype: &str, field: &str, value: &str) {
        let column = self
            .store
            .doctype(doctype)
            .and_then(|meta| meta.column(field));
        let Some(column) = column else { return };
        let rows = self.store.equal(doctype, column, value);
        let names: Vec<Box<str>> = rows.into_iter().map(|row| row.name.clone()).collect();
        for name in names {
            self.store.remove(doctype, &name);
        }
    }

    /// Removes the documents that refer to another by DocType and name, past all checks.
    pub(crate) fn remove_references(
        &mut self,
        doctype: &str,
        (kind, target): (&str, &str),
        (field, name): (&str, &str),
    ) {
        let Some(meta) = self.store.doctype(doctype).cloned() else {
            return;
        };
        let (Some(kind), Some(field)) = (meta.column(kind), meta.column(field)) else {
            return;
        };
        let rows = self.store.equal(doctype, field, name).into_iter();
        let rows = rows.filter(|row| row.text(kind) == target);
        let names: Vec<Box<str>> = rows.map(|row| row.name.clone()).collect();
        for name in names {
            self.store.remove(doctype, &name);
        }
    }
}

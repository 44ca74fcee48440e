//! Server Scripts: stored, served and limited as Frappe does. Python is not run; a native handler can
//! stand in for a script.

use std::{collections::HashMap, sync::Arc};

use serde_json::{Map, Value};

use super::{
    document::Document,
    exception::{Exception, Message, VALIDATION},
    transaction::Transaction,
};

/// A call of an API script.
#[derive(Clone, Debug)]
pub struct ScriptCall {
    /// Who calls.
    pub user: String,
    /// The script's `frappe.form_dict`.
    pub params: Map<String, Value>,
}

/// What an API script answers.
#[derive(Clone, Debug, PartialEq)]
pub enum ScriptAnswer {
    /// `frappe.response['message']`, with the HTTP status.
    Message(u16, Value),
    /// A script that sets no message.
    Nothing,
    /// `frappe.throw(message, exc_type)`: 403 for `PermissionError`, 404 for `DoesNotExistError`, else 417.
    Throw(String, String),
    /// An exception that the script did not mean: class and text, with 500.
    Fail(String, String),
}

/// A native function in the place of a script's Python.
pub type ScriptHandler = Arc<dyn Fn(&ScriptCall) -> ScriptAnswer + Send + Sync>;

/// A native function in the place of a `Before Insert` script: it may change the new document.
pub type DocumentHandler = Arc<dyn Fn(&mut Map<String, Value>) + Send + Sync>;

/// The native functions that stand in for scripts.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    scripts: HashMap<String, ScriptHandler>,
    before_insert: Vec<(String, DocumentHandler)>,
}

impl std::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut methods: Vec<&String> = self.scripts.keys().collect();
        methods.sort();
        f.debug_struct("Hooks")
            .field("scripts", &methods)
            .finish_non_exhaustive()
    }
}

impl Hooks {
    /// Runs `handler` when the API script of this method is called.
    pub(crate) fn script(&mut self, method: &str, handler: ScriptHandler) {
        self.scripts.insert(method.to_owned(), handler);
    }

    /// Runs `handler` before documents of this DocType are inserted.
    pub(crate) fn document(&mut self, doctype: &str, handler: DocumentHandler) {
        self.before_insert.push((doctype.to_owned(), handler));
    }

    pub(crate) fn handler(&self, method: &str) -> Option<&ScriptHandler> {
        self.scripts.get(method)
    }

    pub(crate) fn before_insert(&self, document: &mut Document) {
        let handlers = self.before_insert.iter();
        for (_, handler) in handlers.filter(|(doctype, _)| **doctype == *document.meta.name) {
            handler(&mut document.values);
        }
    }
}

/// Refuses a doubled assignment, the one mistake in Python that is recognised here.
pub(crate) fn validate(
    transaction: &mut Transaction<'_>,
    script: &Document,
) -> Result<(), Exception> {
    let text = script.text("script");
    let wrong = (1..)
        .zip(text.lines())
        .find_map(|(number, line): (usize, _)| Some((number, line, line.find("= =")?)));
    let Some((number, line, at)) = wrong else {
        return Ok(());
    };
    transaction.messages.push(Message {
        title: "Compilation warning",
        ..Message::note(format!(
            "(\"Line {number}: SyntaxError: invalid syntax at statement: '{line}'\",)"
        ))
    });
    let caret = " ".repeat(at + 2);
    let message = format!(
        "Script: Invalid python code on line {number}<br><pre>{line}</pre><pre>{caret}^</pre>"
    );
    Err(transaction.throw_titled(VALIDATION, message, "Syntax Error"))
}

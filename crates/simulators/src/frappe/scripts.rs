//! Server Scripts: stored, served and limited as Frappe does.
//!
//! Python is not run. A native function can stand in for a script, and a `Before Insert` script that only
//! moves values between fields of `doc` is understood.

use std::{collections::HashMap, sync::Arc};

use serde_json::{Map, Value, json};

use super::{
    cell,
    document::Document,
    exception::{Exception, Message, NOT_IMPLEMENTED, SCRIPTS_DISABLED, VALIDATION},
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

    fn before_insert(&self, document: &mut Document) {
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

/// Runs what stands before the insertion of a document: native functions, then stored scripts.
pub(crate) fn before_insert(
    transaction: &mut Transaction<'_>,
    document: &mut Document,
) -> Result<(), Exception> {
    transaction.hooks.before_insert(document);
    if transaction.store.count("Server Script") == 0 {
        return Ok(());
    }
    let params = json!({
        "filters": {
            "script_type": "DocType Event",
            "doctype_event": "Before Insert",
            "reference_doctype": &*document.meta.name,
            "disabled": 0,
        },
        "fields": ["name", "script"],
        "order_by": "name asc",
        "limit": 0,
    });
    let params = params.as_object().cloned().unwrap_or_default();
    let found = transaction.list_all("Server Script", &params)?;
    for script in found.as_array().into_iter().flatten() {
        if !transaction.runs_scripts {
            return Err(disabled(transaction));
        }
        let text = |key: &str| script.get(key).map(cell::text).unwrap_or_default();
        run(document, &text("name"), &text("script"))?;
    }
    Ok(())
}

/// The exception when a script is to run and must not.
pub(crate) fn disabled(transaction: &mut Transaction<'_>) -> Exception {
    let message = "Server Scripts are disabled. Please enable server scripts from bench configuration.<br>\
                   <a href='https://frappeframework.com/docs/user/en/desk/scripting/server-script'>\
                   Read the documentation to know more</a>";
    transaction.throw_titled(SCRIPTS_DISABLED, message, "Server Scripts Disabled")
}

/// Runs a script of lines such as `doc.creation = doc.custom_source_created_at`, alone or below
/// `if doc.custom_source_created_at:`.
fn run(document: &mut Document, name: &str, script: &str) -> Result<(), Exception> {
    // The block of an `if`: how far it is indented, and whether it runs.
    let mut block: Option<(usize, bool)> = None;
    for (number, line) in (1..).zip(script.lines()) {
        let line: &str = line.split('#').next().unwrap_or_default();
        let indent = line.len() - line.trim_start().len();
        let mut statement = line.trim();
        if statement.is_empty() {
            continue;
        }
        let inside = block.filter(|(outer, _)| indent > *outer);
        let mut runs = inside.is_none_or(|(_, runs)| runs);
        if let Some((condition, rest)) = condition(statement) {
            runs = runs && document.has(condition);
            block = Some((indent, runs));
            statement = rest.trim();
            if statement.is_empty() {
                continue;
            }
        }
        let Some((field, value)) = assignment(statement, document) else {
            let message = format!(
                "the simulator does not run Python: line {number} of the Server Script {name:?} is no \
                 `doc.a = doc.b`"
            );
            return Err(Exception::new(NOT_IMPLEMENTED, message));
        };
        if runs {
            document.set(field, value);
        }
    }
    Ok(())
}

/// The field of `if doc.field:`, and what stands behind the colon.
fn condition(statement: &str) -> Option<(&str, &str)> {
    let (condition, rest) = statement.strip_prefix("if ")?.split_once(':')?;
    Some((field(condition)?, rest))
}

fn assignment<'a>(statement: &'a str, document: &Document) -> Option<(&'a str, Value)> {
    let (target, value) = statement.split_once('=')?;
    let value = value.trim();
    let quoted = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    let value = match field(value) {
        Some(source) => document.get(source).clone(),
        None => match quoted('\'').or_else(|| quoted('"')) {
            Some(text) => text.into(),
            None => value.parse::<i64>().ok()?.into(),
        },
    };
    Some((field(target)?, value))
}

/// The name in `doc.name` or `doc.get('name')`.
fn field(expression: &str) -> Option<&str> {
    let name = expression.trim().strip_prefix("doc.")?;
    let name = name
        .strip_prefix("get(")
        .and_then(|name| name.strip_suffix(')'))
        .map_or(name, |name| name.trim_matches(['\'', '"']));
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    (!name.is_empty() && name.chars().all(plain)).then_some(name)
}

//! `/api/method/…`: which functions there are, who may call them, and how a call fails before it begins.

mod assign;
mod client;
mod desk;
mod tags;
mod tickets;

use serde_json::{Map, Value, json};

use super::{
    cell,
    document::Document,
    exception::{Exception, PERMISSION, TYPE, VALIDATION},
    request::{Api, Call},
    transaction::Transaction,
};

/// What a function returns.
#[derive(Debug)]
pub(crate) enum Returned {
    /// A value, under `message` in v1 and `data` in v2.
    Value(Value),
    Nothing,
    /// The whole body, whatever the version; with the status.
    Body(u16, Map<String, Value>),
    /// Something to download.
    File {
        name: String,
        content: bytes::Bytes,
    },
}

impl From<Value> for Returned {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

type Answer = Result<Returned, Exception>;

/// A function that clients may call.
#[derive(Clone, Copy)]
struct Function {
    path: &'static str,
    access: Access,
    run: fn(&mut Transaction<'_>, &Call) -> Answer,
}

#[derive(Clone, Copy, PartialEq)]
enum Access {
    /// Without logging in.
    Anybody,
    /// With any verb, once logged in.
    Users,
    /// As [`Self::Users`], but not by GET.
    Writers,
    /// Python code calls it, clients may not.
    Nobody,
}

const fn function(
    path: &'static str,
    access: Access,
    run: fn(&mut Transaction<'_>, &Call) -> Answer,
) -> Function {
    Function { path, access, run }
}

const FUNCTIONS: [Function; 39] = [
    function("ping", Access::Anybody, ping),
    function("frappe.ping", Access::Anybody, ping),
    function("upload_file", Access::Anybody, desk::upload_file),
    function(
        "frappe.auth.get_logged_user",
        Access::Users,
        desk::get_logged_user,
    ),
    function(
        "frappe.utils.change_log.get_versions",
        Access::Users,
        desk::get_versions,
    ),
    function(
        "frappe.core.doctype.user.user.get_roles",
        Access::Users,
        desk::get_roles,
    ),
    function(
        "frappe.core.doctype.user.user.generate_keys",
        Access::Users,
        desk::generate_keys,
    ),
    function(
        "frappe.core.doctype.file.file.download_file",
        Access::Anybody,
        desk::download_file,
    ),
    function(
        "frappe.core.doctype.communication.email.make",
        Access::Users,
        desk::make_email,
    ),
    function(
        "frappe.desk.form.load.getdoctype",
        Access::Users,
        desk::getdoctype,
    ),
    function(
        "frappe.desk.form.utils.add_comment",
        Access::Users,
        desk::add_comment,
    ),
    function("frappe.desk.form.assign_to.add", Access::Users, assign::add),
    function(
        "frappe.desk.form.assign_to.remove",
        Access::Users,
        assign::remove,
    ),
    function("frappe.desk.form.assign_to.get", Access::Nobody, ping),
    function(
        "frappe.desk.doctype.tag.tag.add_tag",
        Access::Users,
        tags::add,
    ),
    function("run_doc_method", Access::Users, tickets::run_doc_method),
    function("frappe.client.get", Access::Users, client::get),
    function("frappe.client.get_list", Access::Users, client::get_list),
    function("frappe.client.get_count", Access::Users, client::get_count),
    function("frappe.client.get_value", Access::Users, client::get_value),
    function(
        "frappe.client.get_single_value",
        Access::Users,
        client::get_single_value,
    ),
    function(
        "frappe.client.get_password",
        Access::Users,
        client::get_password,
    ),
    function(
        "frappe.client.get_time_zone",
        Access::Users,
        desk::get_time_zone,
    ),
    function(
        "frappe.client.has_permission",
        Access::Users,
        client::has_permission,
    ),
    function(
        "frappe.client.validate_link",
        Access::Users,
        client::validate_link,
    ),
    function(
        "frappe.client.set_value",
        Access::Writers,
        client::set_value,
    ),
    function("frappe.client.insert", Access::Writers, client::insert),
    function(
        "frappe.client.insert_many",
        Access::Writers,
        client::insert_many,
    ),
    function("frappe.client.save", Access::Writers, client::save),
    function("frappe.client.delete", Access::Writers, client::delete),
    function(
        "frappe.client.rename_doc",
        Access::Writers,
        client::rename_doc,
    ),
    function(
        "frappe.client.bulk_update",
        Access::Writers,
        client::bulk_update,
    ),
    function("frappe.client.cancel", Access::Nobody, ping),
    function("frappe.client.submit", Access::Nobody, ping),
    function("helpdesk.api.auth.get_user", Access::Users, desk::get_user),
    function(
        "helpdesk.helpdesk.doctype.hd_ticket.api.get_ticket_customizations",
        Access::Users,
        tickets::get_ticket_customizations,
    ),
    function(
        "helpdesk.helpdesk.doctype.hd_ticket.api.new",
        Access::Users,
        tickets::new,
    ),
    function(
        "helpdesk.helpdesk.doctype.hd_ticket.api.get_ticket_activities",
        Access::Users,
        tickets::get_ticket_activities,
    ),
    function(
        "helpdesk.helpdesk.doctype.hd_ticket.api.get_communications",
        Access::Nobody,
        ping,
    ),
];

fn ping(_: &mut Transaction<'_>, _: &Call) -> Answer {
    Ok(Value::from("pong").into())
}

/// Calls the function of that name.
pub(crate) fn call(transaction: &mut Transaction<'_>, call: &Call, api: Api, path: &str) -> Answer {
    let Some(function) = FUNCTIONS.iter().find(|function| function.path == path) else {
        return Err(unknown(transaction, api, path));
    };
    let guest = transaction.user.is_guest();
    match function.access {
        Access::Nobody => return Err(not_whitelisted(transaction, path)),
        Access::Users | Access::Writers if guest => return Err(not_whitelisted(transaction, path)),
        Access::Writers if !call.commits() => {
            return Err(transaction.throw(PERMISSION, "Not permitted"));
        }
        Access::Anybody | Access::Users | Access::Writers => {}
    }
    (function.run)(transaction, call)
}

fn not_whitelisted(transaction: &mut Transaction<'_>, path: &str) -> Exception {
    let message = format!(
        "<details><summary>You are not permitted to access this resource.</summary>Function \
         <strong>{path}</strong> is not whitelisted.</details>"
    );
    transaction.throw_titled(PERMISSION, message, "Method Not Allowed")
}

/// Observed: a function that does not exist is 417, not 404.
fn unknown(transaction: &mut Transaction<'_>, api: Api, path: &str) -> Exception {
    let (module, name) = path.rsplit_once('.').unwrap_or(("", path));
    let app = path.split('.').next().unwrap_or_default();
    let known_module = |module: &str| {
        FUNCTIONS.iter().any(|function| {
            function
                .path
                .rsplit_once('.')
                .is_some_and(|(known, _)| known == module)
        })
    };
    let why = if module.is_empty() && api == Api::V1 {
        format!("'{name}'")
    } else if !matches!(app, "frappe" | "helpdesk" | "telephony") {
        let why = format!("App {app} is not installed");
        // Thrown, caught, and said all the same.
        let _caught: Exception = transaction.throw(VALIDATION, why.as_str());
        why
    } else if known_module(module) {
        format!("module '{module}' has no attribute '{name}'")
    } else {
        format!("No module named '{module}'")
    };
    let message = match api {
        Api::V1 => format!("Failed to get method for command {path} with {why}"),
        Api::V2 => format!("Failed to get method {path} with {why}"),
    };
    transaction.throw(VALIDATION, message)
}

/// The arguments that a function cannot do without, or Python's complaint about those that are missing.
fn required<const N: usize>(
    call: &Call,
    function: &str,
    names: [&str; N],
) -> Result<[Value; N], Exception> {
    let missing: Vec<String> = names
        .iter()
        .filter(|name| !call.params.contains_key(**name))
        .map(|name| format!("'{name}'"))
        .collect();
    if let Some((last, others)) = missing.split_last() {
        let listed = match others {
            [] => last.clone(),
            [one] => format!("{one} and {last}"),
            many => format!("{}, and {last}", many.join(", ")),
        };
        let plural = if others.is_empty() { "" } else { "s" };
        let message = format!(
            "{function}() missing {} required positional argument{plural}: {listed}",
            missing.len()
        );
        return Err(Exception::new(TYPE, message));
    }
    Ok(names.map(|name| call.params.get(name).cloned().unwrap_or_default()))
}

/// As [`required`], every argument as text.
fn required_texts<const N: usize>(
    call: &Call,
    function: &str,
    names: [&str; N],
) -> Result<[String; N], Exception> {
    Ok(required(call, function, names)?.map(|value| cell::text(&value)))
}

/// An argument that may come as JSON or as a JSON text.
fn parsed(value: &Value) -> Result<Value, Exception> {
    match value {
        Value::String(text) => super::request::json(text.as_bytes()),
        other => Ok(other.clone()),
    }
}

/// What a DocType is made of.
pub(crate) fn meta(
    transaction: &mut Transaction<'_>,
    doctype: &str,
) -> Result<Map<String, Value>, Exception> {
    desk::meta_json(transaction, doctype, desk::Surplus::Meta)
}

/// Runs a method of a document; null when it returns nothing.
pub(crate) fn run_on(
    transaction: &mut Transaction<'_>,
    document: &Document,
    method: &str,
    args: &Map<String, Value>,
) -> Result<Value, Exception> {
    tickets::run(transaction, document, method, args)
}

/// A refusal in Helpdesk's own words.
fn not_permitted(transaction: &mut Transaction<'_>) -> Exception {
    let message = "You are not permitted to access this resource.";
    transaction
        .throw_titled(PERMISSION, message, "Not Allowed")
        .in_helpdesk()
}

/// A document under `docs`, as the desk expects it.
fn docs(document: Document) -> Map<String, Value> {
    let shown = document.json(super::document::Nulls::Dropped);
    Map::from_iter([("docs".to_owned(), json!([shown]))])
}

//! `frappe.client.*`: documents by function call.

use serde_json::{Map, Value, json};

use super::{Answer, Returned, parsed, required, required_texts};
use crate::frappe::{
    cell,
    document::{Document, Nulls},
    exception::{AUTHENTICATION, Exception, PERMISSION, TYPE, VALIDATION},
    meta::{Right, STANDARD_COLUMNS},
    request::Call,
    transaction::Transaction,
};

/// How many documents one call may insert.
const INSERTS_MAX: usize = 200;

pub(super) fn get(transaction: &mut Transaction<'_>, call: &Call) -> Answer {
    let [doctype] = required_texts(call, "get", ["doctype"])?;
    let name = match call.text("name") {
        Some(name) => name,
        None => match first_match(transaction, call, &doctype)? {
            Some(name) => name,
            None => {
                return Err(transaction.throw(VALIDATION, "No document found for given filters"));
            }
        },
    };
    let document = transaction.load(&doctype, &name)?;
    transaction.check(Right::Read, &document)?;
    Ok(document.json(Nulls::Kept).into())
}

fn first_match(
    transaction: &mut Transaction<'_>,
    call: &Call,
    doctype: &str,
) -> Result<Option<String>, Exception> {
    if transaction.controller(doctype)?.is_single {
        return Ok(Some(doctype.to_owned()));
    }
    let mut params = Map::new();
    if let Some(filters) = call.params.get("filters") {
        params.insert("filters".to_owned(), filters.clone());
    }
    params.insert("limit".to_owned(), 1.into());
    let found = transaction.list_all(doctype, &params)?;
    Ok(found.pointer("/0/name").map(cell::text))
}

pub(super) fn get_list(transaction: &mut Transaction<'_>, call: &Call) -> Answer {
    let [doctype] = required_texts(call, "get_list", ["doctype"])?;
    Ok(transaction.list(&doctype, &call.params)?.into())
}

/// Observed: nobody's rights are asked for.
pub(super) fn get_count(transaction: &mut Transaction<'_>, call: &Call) -> Answer {
    let [doctype] = required_texts(call, "get_count", ["doctype"])?;
    let count = transaction.count(&doctype, &call.params, false)?;
    Ok(Value::from(count).into())
}

pub(super) fn get_value(transaction: &mut Transaction<'_>, call: &Call) -> Answer {
    let [doctype, fields] = required(call, "get_value", ["doctype", "fieldname"])?;
    let doctype = cell::text(&doctype);
    let meta = transaction.doctype(&doctype)?;
    if !transaction.may_in_general(&meta, Right::Read) {
        let message = format!("No permission for <strong>{doctype}</strong>");
        return Err(transaction.throw(PERMISSION, message));
    }
    let fields = match &fields {
        Value::String(text) if text.trim_start().starts_with('[') => parsed(&fields)?,
        Value::Array(_) => fields,
        other => json!([other]),
    };
    if meta.is_single {
        let fields = fields.as_array().into_iter().flatten().map(cell::text);
        let values = fields.map(|field| {
            let value = transaction.value(&doctype, &doctype, &field);
            (field, value)
        });
        return Ok(Value::Object(values.collect()).into());
    }
    let mut params = Map::new();
    params.insert("fields".to_owned(), fields);
    if let Some(filters) = call.params.get("filters") {
        params.insert("filters".to_owned(), name_or_filters(filters));
    }
    params.insert("limit".to_owned(), 1.into());
    let found = transaction.list(&doctype, &params)?;
    Ok(found.get(0).cloned().unwrap_or_else(|| json!({})).into())
}

/// A filter that is no JSON is a name.
fn name_or_filters(filters: &Value) -> Value {
    match filters {
        Value::String(text) if text.trim_start().starts_with(['{', '[']) => filters.clone(),
        Value::String(_) | Value::Number(_) => json!({"name": filters}),
        other => other.clone(),
    }
}

pub(super) fn get_single_value(transaction: &mut Transaction<'_>, call: &Call) -> Answer {
    let [doctype, field] = required_texts(call, "get_single_value", ["doctype", "field"])?;
    let meta = transaction.doctype(&doctype)?;
    if !transaction.may_in_general(&meta, Right::Read) {
        let message = format!("No permission for <strong>{doctype}</strong>");
        return Err(transaction.throw(PERMISSION, message));
    }
    Ok(transaction.setting(&doctype, &field).into())
}

/// Observed: any System Manager reads any secret in clear.
pub(super) fn get_password(transaction: &mut Transaction<'_>, call: &Call) -> Answer {
    let names = ["doctype", "name", "fieldname"];
    let [doctype, name, field] = required_texts(call, "get_password", names)?;
    if !transaction.user.has_role("System Manager") {
        return Err(Exception::bare(PERMISSION));
    }
    let path = (
        doctype.as_str().into(),
        name.as_str().into(),
        field.as_str().into(),
    );
    match transaction.store.secret(&path) {
        Some(secret) => Ok(Value::from(secret).into()),
        None => {
            let message = format!("Password not found for {doctype} {name} {field}");
            Err(transaction.throw(AUTHENTICATION, message))
        }
    }
}

pub(super) fn has_permission(transaction: &mut Transaction<'_>, call: &Call) -> Answer {
    let [doctype, name] = required_texts(call, "has_permission", ["doctype", "docname"])?;
    let right = call.text("perm_type").unwrap_or_else(|| "read".to_owned());
    let right = Right::named(&right).unwrap_or(Right::Read);
    if name.is_empty() {
        // Without a document the question is about the DocType (read in the source, not observed).
        let meta = transaction.doctype(&doctype)?;
        let may = transaction.may_in_general(&meta, right);
        return Ok(json!({"has_permission": may}).into());
    }
    let document = transaction.load(&doctype, &name)?;
    let may = transaction.may(right, &document);
    transaction.messages.clear();
    Ok(json!({"has_permission": may}).into())
}

pub(super) fn validate_link(transaction: &mut Transaction<'_>, call: &Call) -> Answer {
    let [doctype, name] = required_texts(call, "validate_link", ["doctype", "docname"])?;
    let meta = transaction.doctype(&doctype)?;
    if !transaction.may_in_general(&meta, Right::Read) {
        return Err(Exception::bare(PERMISSION));
    }
    let found = transaction.store.row(&doctype, &name);
    let name = found.map_or(Value::Null, |row| (&*row.name).into());
    Ok(json!({"name": name}).into())
}

pub(super) fn set_value(transaction: &mut Transaction<'_>, call: &Call) -> Answer {
    let names = ["doctype", "name", "fieldname"];
    let [doctype, name, fields] = required(call, "set_value", names)?;
    let field = cell::text(&fields);
    let values = match &fields {
        Value::Object(values) => values.clone(),
        Value::String(text) if text.trim_start().starts_with('{') => object(&parsed(&fields)?),
        _ => {
            let standard = STANDARD_COLUMNS.iter().any(|(name, _)| *name == field);
            if standard {
                return Err(transaction.throw(VALIDATION, "Cannot edit standard fields"));
            }
            let value = call.params.get("value").cloned().unwrap_or_default();
            Map::from_iter([(field, value)])
        }
    };
    let mut document = transaction.load(&cell::text(&doctype), &cell::text(&name))?;
    document.update(&values, transaction.store);
    Ok(transaction.save(document)?.json(Nulls::Kept).into())
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn insert_one(transaction: &mut Transaction<'_>, doc: &Value) -> Result<Document, Exception> {
    let doc = object(doc);
    let doctype = doc.get("doctype").map(cell::text).unwrap_or_default();
    transaction.insert(&doctype, &doc)
}

pub(super) fn insert(transaction: &mut Transaction<'_>, call: &Call) -> Answer {
    let [doc] = required(call, "insert", ["doc"])?;
    let document = insert_one(transaction, &parsed(&doc)?)?;
    Ok(document.json(Nulls::Kept).into())
}

/// All or nothing, and at most 200.
pub(super) fn insert_many(transaction: &mut Transaction<'_>, call: &Call) -> Answer {
    let [docs] = required(call, "insert_many", ["docs"])?;
    let docs = parsed(&docs)?;
    let docs = docs.as_array().map(Vec::as_slice).unwrap_or_default();
    if docs.len() > INSERTS_MAX {
        let message = format!("Only {INSERTS_MAX} inserts allowed in one request");
        return Err(transaction.throw(VALIDATION, message));
    }
    let names: Result<Vec<Value>, _> = docs
        .iter()
        .map(|doc| Ok(insert_one(transaction, doc)?.name_json()))
        .collect();
    Ok(Value::Array(names?).into())
}

/// Wants the whole document: what is missing becomes empty.
pub(super) fn save(transaction: &mut Transaction<'_>, call: &Call) -> Answer {
    let [doc] = required(call, "save", ["doc"])?;
    let doc = object(&parsed(&doc)?);
    let text = |key: &str| doc.get(key).map(cell::text).unwrap_or_default();
    let (doctype, name) = (text("doctype"), text("name"));
    let is_single = transaction.controller(&doctype)?.is_single;
    if !is_single && transaction.store.row(&doctype, &name).is_none() {
        return Ok(transaction.insert(&doctype, &doc)?.json(Nulls::Kept).into());
    }
    let mut document = transaction.load(&doctype, &name)?;
    let kept = ["owner", "creation"].map(|key| (key, document.get(key).clone()));
    document.values.clear();
    for (key, value) in kept {
        document.set(key, value);
    }
    document.update(&doc, transaction.store);
    Ok(transaction.save(document)?.json(Nulls::Kept).into())
}

pub(super) fn delete(transaction: &mut Transaction<'_>, call: &Call) -> Answer {
    let [doctype, name] = required_texts(call, "delete", ["doctype", "name"])?;
    transaction.delete(&doctype, &name)?;
    Ok(Returned::Nothing)
}

pub(super) fn rename_doc(transaction: &mut Transaction<'_>, call: &Call) -> Answer {
    let names = ["doctype", "old_name", "new_name"];
    let [doctype, before, after] = required_texts(call, "rename_doc", names)?;
    let name = transaction.rename(&doctype, &before, &after)?;
    Ok(Value::from(name).into())
}

/// Each document for itself: what fails is listed, the rest is kept.
pub(super) fn bulk_update(transaction: &mut Transaction<'_>, call: &Call) -> Answer {
    let [docs] = required(call, "bulk_update", ["docs"])?;
    let Value::String(text) = &docs else {
        let kind = if docs.is_array() { "list" } else { "dict" };
        let message = format!("the JSON object must be str, bytes or bytearray, not {kind}");
        return Err(Exception::new(TYPE, message));
    };
    let docs = crate::frappe::request::json(text.as_bytes())?;
    let mut failed = Vec::new();
    for doc in docs.as_array().into_iter().flatten() {
        if let Err(exception) = update_one(transaction, doc) {
            let trace = format!("Traceback (most recent call last):\n{}\n", exception.line());
            failed.push(json!({"doc": doc, "exc": trace}));
        }
    }
    Ok(json!({"failed_docs": failed}).into())
}

fn update_one(transaction: &mut Transaction<'_>, doc: &Value) -> Result<(), Exception> {
    let doc = object(doc);
    let text = |key: &str| doc.get(key).map(cell::text).unwrap_or_default();
    let mut document = transaction.load(&text("doctype"), &text("docname"))?;
    document.update(&doc, transaction.store);
    transaction.save(document).map(drop)
}

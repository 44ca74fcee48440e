//! DocType, Custom Field and Property Setter: what they say takes effect at once.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    cell,
    document::{Document, Nulls},
    exception::{DOCTYPE_LINK, Exception, Message, PERMISSION, STANDARD_DOCTYPE, VALIDATION},
    meta::DocType,
    store::Store,
    transaction::Transaction,
};

/// Fieldtypes that may be changed into one another.
const CHANGEABLE: [&[&str]; 7] = [
    &["Currency", "Float", "Percent"],
    &["Small Text", "Data"],
    &["Text", "Text Editor", "Code"],
    &["Data", "Select"],
    &["Text", "Small Text"],
    &["Text", "Data", "Barcode"],
    &["Table", "Table MultiSelect"],
];

/// A custom field without a name is named after its label.
pub(crate) fn set_fieldname(
    transaction: &mut Transaction<'_>,
    field: &mut Document,
) -> Result<(), Exception> {
    if field.has("fieldname") {
        return Ok(());
    }
    let label = field.text("label");
    if label.is_empty() {
        return Err(transaction.throw(VALIDATION, "Label is mandatory"));
    }
    let name = label.trim().to_lowercase().replace([' ', '-'], "_");
    field.set("fieldname", format!("custom_{name}"));
    Ok(())
}

/// The name of a custom field.
pub(crate) fn field_name(field: &Document) -> String {
    format!("{}-{}", field.text("dt"), field.text("fieldname"))
}

/// The name of a property setter.
pub(crate) fn setter_name(setter: &Document) -> String {
    let of = match setter.text("field_name") {
        field if field.is_empty() => "main".to_owned(),
        field => field,
    };
    format!(
        "{}-{of}-{}",
        setter.text("doc_type"),
        setter.text("property")
    )
}

/// A field may neither be there twice nor change into anything.
pub(crate) fn validate_field(
    transaction: &mut Transaction<'_>,
    field: &mut Document,
) -> Result<(), Exception> {
    let (dt, fieldname) = (field.text("dt"), field.text("fieldname"));
    if field.is_new() {
        let meta = transaction.store.doctype(&dt);
        if meta.is_some_and(|meta| meta.field(&fieldname).is_some()) {
            let message = format!(
                "A field with the name <strong>{fieldname}</strong> already exists in {dt}"
            );
            return Err(transaction.throw(VALIDATION, message));
        }
        return Ok(());
    }
    let (before, after) = (
        cell::text(&field.before("fieldtype")),
        field.text("fieldtype"),
    );
    let related = |group: &&[&str]| group.contains(&&*before) && group.contains(&&*after);
    if before != after && !CHANGEABLE.iter().any(related) {
        let message = format!("Fieldtype cannot be changed from {before} to {after}");
        return Err(transaction.throw(VALIDATION, message));
    }
    Ok(())
}

/// Only developer mode, which production sites have off, lets anybody make or change a DocType that is not custom
/// (read in the source).
pub(crate) fn validate_doctype(
    transaction: &mut Transaction<'_>,
    doctype: &mut Document,
) -> Result<(), Exception> {
    if cell::int(doctype.get("custom")) != 0 {
        return Ok(());
    }
    let message = "Not in Developer Mode! Set in site_config.json or make 'Custom' DocType.";
    Err(transaction.throw(STANDARD_DOCTYPE, message))
}

/// What Administrator made, only Administrator removes; the properties set on a field go with it (read in the
/// source).
pub(crate) fn on_trash_of_field(
    transaction: &mut Transaction<'_>,
    field: &Document,
) -> Result<(), Exception> {
    if field.text("owner") == "Administrator" && !transaction.user.is_administrator() {
        let message = format!(
            "Custom Field <strong>{}</strong> is created by the Administrator and can only be deleted through the \
             Administrator account.",
            field.text("label")
        );
        return Err(transaction.throw(VALIDATION, message));
    }
    let of = (&*field.text("dt"), &*field.text("fieldname"));
    transaction.remove_references("Property Setter", ("doc_type", of.0), ("field_name", of.1));
    Ok(())
}

/// What hangs on a DocType goes with it; one that is not custom stays, except for Administrator (read in the
/// source).
pub(crate) fn on_trash_of_doctype(
    transaction: &mut Transaction<'_>,
    doctype: &Document,
) -> Result<(), Exception> {
    if cell::int(doctype.get("custom")) == 0 && !transaction.user.is_administrator() {
        let message = format!("User not allowed to delete DocType: {}", doctype.name);
        return Err(transaction.throw(PERMISSION, message));
    }
    for (hanging, field) in [
        ("Custom Field", "dt"),
        ("Client Script", "dt"),
        ("Property Setter", "doc_type"),
    ] {
        transaction.remove_where(hanging, field, &doctype.name);
    }
    Ok(())
}

/// A definition changed: the DocType follows.
pub(crate) fn changed(
    transaction: &mut Transaction<'_>,
    definition: &mut Document,
) -> Result<(), Exception> {
    let doctype = match &*definition.meta.name {
        "DocType" => {
            prepare(transaction, definition);
            transaction.write_past_checks(definition)?;
            definition.name.clone()
        }
        "Custom Field" => definition.text("dt"),
        _ => definition.text("doc_type"),
    };
    rebuild(transaction, &doctype);
    let fieldtype = definition.text("fieldtype");
    let needs_options = matches!(&*fieldtype, "Link" | "Table" | "Table MultiSelect");
    if &*definition.meta.name == "Custom Field" && needs_options && !definition.has("options") {
        let meta = transaction.store.doctype(&doctype).cloned();
        let customs = meta.map_or(1, |meta| {
            let customs = meta
                .fields
                .iter()
                .filter(|field| field.is("is_custom_field"));
            customs.count()
        });
        let message = format!(
            "{doctype}: Options required for Link or Table type field {} in row {customs}",
            definition.text("label")
        );
        return Err(transaction.throw(DOCTYPE_LINK, message));
    }
    Ok(())
}

/// What a DocType fills in by itself.
fn prepare(transaction: &mut Transaction<'_>, doctype: &mut Document) {
    let is_set = |row: &Document, flag: &str| cell::int(row.get(flag)) != 0;
    for field in doctype.tables.get_mut("fields").into_iter().flatten() {
        if field.text("fieldtype") == "Check" && !field.has("default") {
            field.set("default", "0");
        }
    }
    if is_set(doctype, "issingle") {
        for permission in doctype.tables.get_mut("permissions").into_iter().flatten() {
            if is_set(permission, "report") {
                let message = "Report cannot be set for Single types";
                transaction.messages.push(Message::note(message));
            }
            for right in ["report", "export", "import"] {
                permission.set(right, 0);
            }
        }
        return;
    }
    let fields = doctype.rows("fields");
    if fields.iter().any(|field| is_set(field, "in_list_view")) {
        return;
    }
    let fields = doctype.tables.get_mut("fields").into_iter().flatten();
    for field in fields.filter(|field| is_set(field, "reqd")).take(4) {
        field.set("in_list_view", 1);
    }
}

/// Puts a DocType together anew: its own fields, the custom ones, the properties set.
pub(crate) fn rebuild(transaction: &mut Transaction<'_>, doctype: &str) {
    rebuild_in(transaction.store, doctype);
}

/// As [`rebuild`], for a site that is being set up.
pub(crate) fn rebuild_in(store: &mut Store, doctype: &str) {
    let (Some(meta), Some(row)) = (
        store.doctype("DocType").cloned(),
        store.row("DocType", doctype).cloned(),
    ) else {
        return;
    };
    let definition = Document::load(&meta, &row, store).json(Nulls::Dropped);
    let Value::Object(mut definition) = definition else {
        return;
    };
    let mut fields = custom_fields(store, doctype);
    if let Some(Value::Array(own)) = definition.remove("fields") {
        fields.extend(own);
    }
    for setter in definitions(store, "Property Setter", "doc_type", doctype) {
        apply(&setter, &mut definition, &mut fields);
    }
    definition.insert("fields".to_owned(), Value::Array(fields));
    let before = store.doctype(doctype).cloned();
    store.put_doctype(DocType::parse(definition, before.as_deref()));
}

fn custom_fields(store: &Store, doctype: &str) -> Vec<Value> {
    let mut fields = definitions(store, "Custom Field", "dt", doctype);
    // The newest stands first.
    fields.reverse();
    fields
        .into_iter()
        .map(|mut field| {
            field.insert("is_custom_field".to_owned(), 1.into());
            Value::Object(field)
        })
        .collect()
}

fn definitions(store: &Store, kind: &str, by: &str, doctype: &str) -> Vec<Map<String, Value>> {
    let Some(meta) = store.doctype(kind).cloned() else {
        return Vec::new();
    };
    let Some(column) = meta.column(by) else {
        return Vec::new();
    };
    let rows: Vec<_> = store
        .equal(kind, column, doctype)
        .into_iter()
        .cloned()
        .collect();
    rows.iter()
        .filter_map(|row| {
            match Document::load(&Arc::clone(&meta), row, store).json(Nulls::Dropped) {
                Value::Object(definition) => Some(definition),
                _ => None,
            }
        })
        .collect()
}

fn apply(setter: &Map<String, Value>, doctype: &mut Map<String, Value>, fields: &mut [Value]) {
    let text = |key: &str| setter.get(key).map(cell::text).unwrap_or_default();
    let (field, property) = (text("field_name"), text("property"));
    let value = setter.get("value").cloned().unwrap_or_default();
    if field.is_empty() {
        doctype.insert(property, value);
        return;
    }
    let target = fields.iter_mut().filter_map(Value::as_object_mut);
    for target in target.filter(|target| target.get("fieldname") == Some(&Value::from(&*field))) {
        target.insert(property.clone(), value.clone());
    }
}

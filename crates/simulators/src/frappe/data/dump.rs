//! The way back from a database to a data file.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Data, Secret};
use crate::frappe::{
    cell::{self, Kind},
    document::{Document, Nulls},
    meta::DocType,
    store::{Row, Store},
};

/// Everything that a site holds beyond a fresh installation's DocTypes.
pub(crate) fn dump(store: &Store) -> Data {
    let mut metas: Vec<&Arc<DocType>> = store.doctypes().collect();
    metas.sort_by(|left, right| left.name.cmp(&right.name));
    let mut documents = Vec::new();
    for meta in metas.iter().filter(|meta| !meta.is_child) {
        let singles = store.single(&meta.name).into_iter();
        for row in singles.chain(store.rows(&meta.name)) {
            // Those of the apps are large, and most of what there is.
            if &*meta.name == "DocType" && !is_custom(meta, row) {
                continue;
            }
            let document = Document::load(meta, row, store);
            let hidden =
                ["_assign", "_seen", "_user_tags"].map(|key| (key, document.get(key).clone()));
            if let Value::Object(mut shown) = document.json(Nulls::Dropped) {
                let hidden = hidden.into_iter().filter(|(_, value)| !value.is_null());
                shown.extend(hidden.map(|(key, value)| (key.to_owned(), value)));
                strip(&mut shown);
                documents.push(shown);
            }
        }
    }
    let mut secrets: Vec<Secret> = store
        .secrets()
        .map(|((doctype, name, fieldname), value)| Secret {
            doctype: doctype.to_string(),
            name: name.to_string(),
            fieldname: fieldname.to_string(),
            value: value.to_owned(),
        })
        .collect();
    secrets.sort_by(|left, right| {
        let key = |secret: &Secret| {
            (
                secret.doctype.clone(),
                secret.name.clone(),
                secret.fieldname.clone(),
            )
        };
        key(left).cmp(&key(right))
    });
    Data {
        users: Vec::new(),
        documents,
        secrets,
    }
}

fn is_custom(meta: &DocType, doctype: &Row) -> bool {
    let column = meta.column("custom");
    column.is_some_and(|column| cell::int(&doctype.get(column).json(Kind::Check)) != 0)
}

/// Child rows know their parent without saying so.
fn strip(document: &mut Map<String, Value>) {
    const IMPLIED: [&str; 5] = [
        "parent",
        "parentfield",
        "parenttype",
        "doctype",
        "__unsaved",
    ];
    for rows in document.values_mut().filter_map(Value::as_array_mut) {
        for row in rows.iter_mut().filter_map(Value::as_object_mut) {
            row.retain(|key, _| !IMPLIED.contains(&key.as_str()));
        }
    }
}

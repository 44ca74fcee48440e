//! `frappe.desk.doctype.tag.tag`: words that documents are found by.

use super::{Answer, required_texts};
use crate::frappe::{meta::Right, request::Call, transaction::Transaction};

/// Adds a tag unless the document has it; its times stay as they are.
pub(super) fn add(transaction: &mut Transaction<'_>, call: &Call) -> Answer {
    let [tag, doctype, name] = required_texts(call, "add_tag", ["tag", "dt", "dn"])?;
    let mut document = transaction.load(&doctype, &name)?;
    transaction.check(Right::Write, &document)?;
    let standing = document.text("_user_tags");
    if !standing.split(',').any(|standing| standing == tag) {
        document.set("_user_tags", format!("{standing},{tag}"));
        transaction.write_past_checks(&document)?;
    }
    Ok(serde_json::Value::from(tag).into())
}

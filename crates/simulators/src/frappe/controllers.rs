//! Which controller looks after which DocType.

use super::{
    customise,
    document::Document,
    exception::Exception,
    helpdesk::{communication, contact, ticket},
    transaction::Transaction,
    users,
};

type Done = Result<(), Exception>;

/// Before a new document is named.
pub(crate) fn before_insert(transaction: &mut Transaction<'_>, document: &mut Document) -> Done {
    match &*document.meta.name {
        "Contact" => contact::before_insert(transaction, document),
        "Communication" => communication::before_insert(transaction, document)?,
        "Custom Field" => customise::set_fieldname(transaction, document)?,
        _ => {}
    }
    Ok(())
}

/// The name of a new document whose controller decides.
pub(crate) fn new_name(
    transaction: &mut Transaction<'_>,
    document: &Document,
) -> Result<String, Exception> {
    Ok(match &*document.meta.name {
        "Contact" => contact::new_name(transaction, document),
        "User" => document.text("email").trim().to_lowercase(),
        "Custom Field" => customise::field_name(document),
        "Property Setter" => customise::setter_name(document),
        "File" => transaction.random.hex(10),
        _ => transaction.random.name(),
    })
}

/// Before the checks that every document goes through.
pub(crate) fn validate(transaction: &mut Transaction<'_>, document: &mut Document) -> Done {
    match &*document.meta.name {
        "HD Ticket" => ticket::validate(transaction, document),
        "Contact" => contact::validate(transaction, document),
        "User" => users::validate(transaction, document),
        "Custom Field" => customise::validate_field(transaction, document),
        "DocType" => customise::validate_doctype(transaction, document),
        "Server Script" => super::scripts::validate(transaction, document),
        _ => Ok(()),
    }
}

/// Once a new document is in the database.
pub(crate) fn after_insert(transaction: &mut Transaction<'_>, document: &mut Document) -> Done {
    match &*document.meta.name {
        "HD Ticket" => ticket::after_insert(transaction, document),
        "Communication" => communication::after_insert(transaction, document),
        "User" => users::after_insert(transaction, document),
        "DocType" | "Custom Field" | "Property Setter" => customise::changed(transaction, document),
        _ => Ok(()),
    }
}

/// Once a changed document is in the database.
pub(crate) fn on_update(transaction: &mut Transaction<'_>, document: &mut Document) -> Done {
    match &*document.meta.name {
        "HD Ticket" => ticket::on_update(transaction, document),
        "DocType" | "Custom Field" | "Property Setter" => customise::changed(transaction, document),
        _ => Ok(()),
    }
}

/// Before a document is deleted.
pub(crate) fn on_trash(transaction: &mut Transaction<'_>, document: &Document) -> Done {
    match &*document.meta.name {
        "HD Ticket" => {
            ticket::on_trash(transaction, document);
            Ok(())
        }
        "Custom Field" => customise::on_trash_of_field(transaction, document),
        "DocType" => customise::on_trash_of_doctype(transaction, document),
        _ => Ok(()),
    }
}

/// Once a document is gone: what refers to it by name goes too.
pub(crate) fn after_delete(transaction: &mut Transaction<'_>, document: &Document) {
    match &*document.meta.name {
        "DocType" => transaction.store.remove_doctype(&document.name),
        "Custom Field" => customise::rebuild(transaction, &document.text("dt")),
        "Property Setter" => customise::rebuild(transaction, &document.text("doc_type")),
        _ => {}
    }
    for (doctype, kind, name) in [
        ("Communication", "reference_doctype", "reference_name"),
        ("Comment", "reference_doctype", "reference_name"),
        ("ToDo", "reference_type", "reference_name"),
        ("DocShare", "share_doctype", "share_name"),
        ("File", "attached_to_doctype", "attached_to_name"),
    ] {
        if *document.meta.name != *doctype {
            let target = document.meta.name.clone();
            transaction.remove_references(doctype, (kind, &target), (name, &document.name));
        }
    }
}

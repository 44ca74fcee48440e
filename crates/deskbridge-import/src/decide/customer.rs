//! A customer.

use frappe::Document;
use serde_json::Value;

use super::{
    key::{CREATED_FIELD, KEY_FIELD, SourceKey},
    planned::{Fresh, Planned, PlannedDocument},
    problem::{Problem, Problems},
    settings::{CustomerDocType, Settings},
    site::Site,
};
use crate::record::{Customer, Kind};

/// What is to be written of a customer.
pub fn plan(customer: &Customer, site: &Site, settings: &Settings) -> Fresh {
    let mut problems = Problems::default();
    let doctype = settings.customer_doctype.as_str();
    if customer.id.trim().is_empty() {
        problems.add(Problem::NoId);
    }
    let mut document = Document::from(customer.fields.clone());
    match plain_name(customer.name.as_deref(), doctype, &mut problems) {
        Some(name) => document.set("customer_name", name),
        None => problems.add(Problem::Missing {
            doctype: doctype.to_owned(),
            field: "customer_name".to_owned(),
        }),
    }
    match &settings.customer_doctype {
        CustomerDocType::Helpdesk => {
            if let Some(domain) = customer.domains.first() {
                document.set("domain", domain.trim());
            }
        }
        CustomerDocType::Erpnext {
            customer_group,
            territory,
            customer_type,
        } => {
            for (field, value) in [
                ("customer_group", customer_group),
                ("territory", territory),
                ("customer_type", customer_type),
            ] {
                if document.get(field).is_none() {
                    document.set(field, value.as_str());
                }
            }
        }
    }
    let key = SourceKey::new(&settings.source, Kind::Customer.as_str(), &customer.id);
    let mut document = site.fit(doctype, document, &mut problems);
    site.require(doctype, &document, &mut problems);
    identify(
        &mut document,
        doctype,
        &key,
        customer.created_at.map(|at| site.time(at)),
        site,
    );
    Fresh {
        kind: Kind::Customer,
        id: customer.id.clone(),
        problems,
        planned: Planned::One(PlannedDocument {
            doctype: doctype.to_owned(),
            key,
            document,
            customer: None,
        }),
    }
}

/// A text that may be the name of a document.
fn plain_name(name: Option<&str>, doctype: &str, problems: &mut Problems) -> Option<String> {
    let name = name.map(str::trim).filter(|name| !name.is_empty())?;
    if !name.contains(['<', '>']) {
        return Some(name.to_owned());
    }
    problems.add(Problem::AngleBrackets {
        doctype: doctype.to_owned(),
    });
    let name = name.replace(['<', '>'], "");
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// Gives a document its key, and when it was made.
pub(super) fn identify(
    document: &mut Document,
    doctype: &str,
    key: &SourceKey,
    created_at: Option<Value>,
    site: &Site,
) {
    document.set(KEY_FIELD, key.as_str());
    if let Some(created_at) = created_at
        && site.has_field(doctype, CREATED_FIELD)
    {
        document.set(CREATED_FIELD, created_at);
    }
}

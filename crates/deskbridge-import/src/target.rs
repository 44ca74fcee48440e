//! The helpdesk that is written to: what it consists of, and whether it is ready.

use std::collections::{BTreeMap, BTreeSet};

use frappe::{Cause, Client, Document, List, Meta, Name, Order};
use serde_json::{Value, json};

use crate::{
    Error, Result,
    decide::{
        Choices, CustomerDocType, Settings, Site,
        key::{CREATED_FIELD, KEY_FIELD, MODIFIED_FIELD},
    },
};

/// The DocTypes whose documents carry a key and a time of their own, in the order in which they are written.
const WRITTEN: [&str; 4] = ["Contact", "HD Ticket", "Communication", "HD Ticket Comment"];
/// Those of which a script can keep when they were made. What is shown of a ticket is ordered by it.
pub const DATED: [&str; 3] = ["HD Ticket", "Communication", "HD Ticket Comment"];
/// Moves the original time to where the helpdesk shows it, before it is too late for that.
pub const SCRIPT: &str =
    "if doc.custom_import_created_at:\n    doc.creation = doc.custom_import_created_at";
/// The DocTypes of which all names are read: what a ticket may be called.
const LINKED: [&str; 5] = [
    "HD Ticket Status",
    "HD Ticket Priority",
    "HD Ticket Type",
    "HD Team",
    USER,
];
const USER: &str = "User";
/// How many names of one DocType are read: more than a person can choose from.
const NAMES_MAX: u32 = 10_000;

/// What is missing in the helpdesk, and can be made there by a System Manager.
#[derive(Clone, Debug, PartialEq)]
pub struct Missing {
    /// The DocType.
    pub doctype: &'static str,
    /// The attributes of the `Custom Field`.
    pub attributes: Document,
}

pub(crate) fn asking(what: impl Into<String>) -> impl FnOnce(frappe::Error) -> Error {
    let what = what.into();
    move |source| Error::Ask {
        what,
        source: Box::new(source),
    }
}

/// Asks the helpdesk what it consists of.
///
/// # Errors
/// When it cannot be asked, or is no Frappe Helpdesk.
pub async fn site(client: &Client, settings: &Settings) -> Result<Site> {
    let zone = client.time_zone().await.map_err(asking("its time zone"))?;
    let mut fields = BTreeMap::new();
    for doctype in doctypes(settings) {
        let meta = match client.meta(doctype).await {
            Err(error)
                if doctype == "Customer"
                    && matches!(error.cause, Cause::Missing { .. } | Cause::MissingDocType) =>
            {
                return Err(Error::NotReady {
                    why: "it has no DocType Customer, which comes with ERPNext; customers of a helpdesk alone are \
                          `customer_doctype = { doctype = \"HD Customer\" }`"
                        .to_owned(),
                });
            }
            other => other.map_err(asking(format!("the fields of {doctype}")))?,
        };
        fields.insert(doctype.to_owned(), meta);
    }
    let mut choices = BTreeMap::new();
    for doctype in linked(&fields) {
        if choices.contains_key(&doctype) || LINKED.contains(&doctype.as_str()) {
            continue;
        }
        let list = List::new()
            .limit(NAMES_MAX + 1)
            .order_by("name", Order::Ascending);
        // Of those that cannot be read, or are too many, the helpdesk judges itself.
        let rows = client.list(&doctype, &list).await.unwrap_or_default();
        if !rows.is_empty() && rows.len() <= NAMES_MAX as usize {
            let names: Choices = rows.iter().filter_map(|row| row.to_text("name")).collect();
            choices.insert(doctype, names);
        }
    }
    for doctype in LINKED {
        let list = List::new()
            .limit(NAMES_MAX)
            .order_by("name", Order::Ascending);
        let rows = match client.list(doctype, &list).await {
            // Who is no System Manager sees no users, but agents.
            Err(error) if doctype == USER && matches!(error.cause, Cause::NoRight { .. }) => {
                client.list("HD Agent", &list).await
            }
            other => other,
        };
        let rows = rows.map_err(asking(format!("its {doctype}")))?;
        let names: Choices = rows.iter().filter_map(|row| row.to_text("name")).collect();
        choices.insert(doctype.to_owned(), names);
    }
    let list = List::new().fields(["name", "category"]).limit(NAMES_MAX);
    let statuses = client
        .list("HD Ticket Status", &list)
        .await
        .map_err(asking("its statuses"))?;
    let ended: BTreeSet<String> = statuses
        .iter()
        .filter(|status| status.text("category") == Some("Resolved"))
        .filter_map(|status| status.to_text("name"))
        .collect();
    let setting = async |field: &str| -> Result<String> {
        let value: Option<Value> = client
            .get_single_value("HD Settings", field)
            .await
            .map_err(asking(format!("its setting {field}")))?;
        let text = value.as_ref().and_then(Value::as_str);
        Ok(text
            .filter(|text| !text.is_empty())
            .unwrap_or("Open")
            .to_owned())
    };
    Ok(Site {
        zone,
        fields,
        choices,
        default_status: setting("default_ticket_status").await?,
        reopen_status: setting("ticket_reopen_status").await?,
        ended,
    })
}

/// The DocTypes that fields link to which were added on this site, or which a customer of `ERPNext` must have.
fn linked(fields: &BTreeMap<String, Meta>) -> Vec<String> {
    let all = fields.values().flat_map(|meta| &meta.fields);
    let links = all.filter(|field| {
        let is_of_erpnext = ["customer_group", "territory"].contains(&field.name.as_str());
        field.fieldtype == "Link" && (field.is_custom || is_of_erpnext)
    });
    links.filter_map(|field| field.options.clone()).collect()
}

fn doctypes(settings: &Settings) -> impl Iterator<Item = &'static str> {
    std::iter::once(settings.customer_doctype.as_str()).chain(WRITTEN)
}

/// The fields that must be there before anything is written: unique ones for keys, else every interruption would make
/// documents twice, and plain ones for the original times.
pub fn missing(site: &Site, settings: &Settings) -> Vec<Missing> {
    let mut missing = Vec::new();
    for doctype in doctypes(settings) {
        let field = |name: &str| site.fields.get(doctype)?.field(name);
        missing.extend(fields_of(doctype).into_iter().filter(|wanted| {
            let name = wanted.attributes.text("fieldname").unwrap_or_default();
            field(name).is_none_or(|field| name == KEY_FIELD && !field.is_unique)
        }));
    }
    missing
}

fn attributes(
    doctype: &str,
    name: &str,
    label: &str,
    fieldtype: &str,
    is_unique: bool,
) -> Document {
    let attributes = json!({
        "dt": doctype,
        "fieldname": name,
        "label": label,
        "fieldtype": fieldtype,
        "unique": i32::from(is_unique),
        "read_only": 1,
        // A copy of a document is not the same record.
        "no_copy": 1,
        "print_hide": 1,
        "description": "Written by Deskbridge when it moves records in.",
    });
    match attributes {
        Value::Object(attributes) => attributes.into(),
        _ => Document::new(),
    }
}

/// Makes what is missing. Needs a System Manager.
///
/// # Errors
/// When the helpdesk refuses it.
pub async fn prepare(client: &Client, missing: &[Missing]) -> Result<()> {
    for Missing {
        doctype,
        attributes,
    } in missing
    {
        let made = client
            .insert("Custom Field", attributes)
            .await
            .into_result();
        made.map_err(asking(format!("a field of {doctype}")))?;
    }
    Ok(())
}

/// The attributes of the `Server Script` that keeps when documents of a DocType were made, and its name.
pub fn script(doctype: &str) -> (String, Document) {
    let attributes = Document::new()
        .with("script_type", "DocType Event")
        .with("reference_doctype", doctype)
        .with("doctype_event", "Before Insert")
        .with("disabled", 0)
        .with("script", SCRIPT);
    (format!("Deskbridge - Creation of {doctype}"), attributes)
}

/// The fields that every import needs, by the attributes of their `Custom Field`.
pub fn fields() -> Vec<Missing> {
    let doctypes = std::iter::once(CustomerDocType::Helpdesk.as_str()).chain(WRITTEN);
    doctypes.flat_map(fields_of).collect()
}

fn fields_of(doctype: &'static str) -> Vec<Missing> {
    let field = |name, label, fieldtype, is_unique| Missing {
        doctype,
        attributes: attributes(doctype, name, label, fieldtype, is_unique),
    };
    let mut fields = vec![
        field(KEY_FIELD, "Import ID", "Data", true),
        field(CREATED_FIELD, "Imported Creation", "Datetime", false),
    ];
    if doctype == "HD Ticket" {
        let modified = field(MODIFIED_FIELD, "Imported Modified", "Datetime", false);
        fields.push(modified);
    }
    fields
}

/// Makes the scripts that keep when documents of some DocTypes were made. Needs a Script Manager.
///
/// # Errors
/// When the helpdesk refuses it, or does not run scripts: then one would make every insert fail, so none is made.
pub async fn prepare_scripts(client: &Client, doctypes: &[&str]) -> Result<()> {
    try_scripts(client).await?;
    for doctype in doctypes {
        let (name, mut attributes) = script(doctype);
        attributes.set("name", name);
        let made = client.insert("Server Script", &attributes).await;
        made.into_result()
            .map_err(asking(format!("a script of {doctype}")))?;
    }
    Ok(())
}

/// Finds out whether the site runs scripts, with one that does nothing and is removed again.
async fn try_scripts(client: &Client) -> Result<()> {
    const NAME: &str = "Deskbridge - Probe";
    const METHOD: &str = "deskbridge_probe";
    let probe = Document::new()
        .with("name", NAME)
        .with("script_type", "API")
        .with("api_method", METHOD)
        .with("script", "frappe.response['message'] = 1");
    let made = client.insert("Server Script", &probe).await.into_result();
    match made {
        Ok(_) => {}
        // Left by an earlier attempt.
        Err(error) if matches!(error.cause, Cause::Duplicate { .. }) => {}
        Err(error) => return Err(asking("a script")(error)),
    }
    let called = client.method(METHOD).get::<Value>().await;
    let removed = client.delete("Server Script", &Name::from(NAME)).await;
    removed
        .into_result()
        .map_err(asking("a script to be removed"))?;
    match called {
        Err(error) if matches!(error.cause, Cause::ScriptsDisabled) => Err(Error::NotReady {
            why: "it does not run Server Scripts; switch them on with `bench set-config -g server_script_enabled 1`, or \
                  on Frappe Cloud in the site's configuration"
                .to_owned(),
        }),
        // What it answers does not matter.
        _ => Ok(()),
    }
}

/// Whether the DocType for scripts can be read and has one that sets `creation` of a DocType's new documents.
///
/// # Errors
/// When the helpdesk cannot be asked.
pub async fn keeps_creation(client: &Client, doctype: &str) -> Result<bool> {
    let list = List::new()
        .fields(["name", "script"])
        .filter(frappe::Filter::eq("reference_doctype", doctype))
        .filter(frappe::Filter::eq("doctype_event", "Before Insert"))
        .filter(frappe::Filter::eq("disabled", 0))
        .limit(100);
    match client.list("Server Script", &list).await {
        Ok(scripts) => Ok(scripts
            .iter()
            .filter_map(|script| script.text("script"))
            .any(|script| script.contains("doc.creation") && script.contains(CREATED_FIELD))),
        Err(error) if matches!(error.cause, Cause::NoRight { .. } | Cause::Missing { .. }) => {
            Ok(false)
        }
        Err(error) => Err(asking("its scripts")(error)),
    }
}

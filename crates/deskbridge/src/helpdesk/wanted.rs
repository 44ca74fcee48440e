//! What there should be in the helpdesk.

use std::collections::BTreeMap;

use deskbridge_profile::live::SETTINGS_DOCTYPE;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{
    document::{Fields, Key},
    popup,
};

/// The name of the script on the ticket page, which sites know from before there was Deskbridge.
pub(crate) const BUTTON: &str = "Profile - Ticket Customer Button";
/// What the names of the Server Scripts start with.
pub(crate) const SERVER_SCRIPTS: &str = "Deskbridge - ";
/// Keeps the hub's address, for Server Scripts.
pub(crate) const HUB_URL: &str = "deskbridge_url";
/// Keeps the secret that Server Scripts prove themselves with.
pub(crate) const SHARED_SECRET: &str = "deskbridge_shared_secret";
/// The field that sites have from when there was one webhook.
const WEBHOOK: &str = "bitrix_webhook_url";

const CUSTOM_FIELDS: &str = include_str!("../../helpdesk/custom_fields.json");
const SNAPSHOTS: &str = include_str!("../../helpdesk/doctypes/hd_customer_data.json");
const SETTINGS: &str = include_str!("../../helpdesk/doctypes/helpdesk_integrations_settings.json");

const CALLER: &str = include_str!("../../helpdesk/server_scripts/caller.py");
const TICKET: &str = include_str!("../../helpdesk/server_scripts/ticket.py");
const CUSTOMER: &str = include_str!("../../helpdesk/server_scripts/customer.py");
const ENRICHMENT: &str = include_str!("../../helpdesk/server_scripts/enrichment.py");
const FORWARD: &str = include_str!("../../helpdesk/server_scripts/forward.py");

/// The hub's methods, and what a script checks before it passes a call on.
const METHODS: [(&str, &str); 5] = [
    ("haravan_bitrix_customer_profile", TICKET),
    (
        "login_with_haravan.customer_profile.get_ticket_customer_profile",
        TICKET,
    ),
    (
        "login_with_haravan.customer_profile.get_ticket_bitrix_profile",
        TICKET,
    ),
    (
        "login_with_haravan.customer_profile.refresh_customer_profile",
        CUSTOMER,
    ),
    ("haravan_bitrix_metajson_company_enrichment", ENRICHMENT),
];

/// The DocTypes of the helpdesk itself that get fields.
pub(crate) const EXTENDED: [&str; 5] = [
    "HD Customer",
    "Contact",
    "HD Ticket",
    "Communication",
    "HD Ticket Comment",
];
/// The DocTypes that are made where they are missing.
pub(crate) const OWN: [&str; 2] = ["HD Customer Data", SETTINGS_DOCTYPE];

/// How a call from an agent's browser reaches the hub: the reverse proxy before the helpdesk sends the hub's addresses
/// to it, or Server Scripts in the helpdesk pass the call on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Through {
    Proxy,
    ServerScripts,
}

/// A field that a DocType should have.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WantedField {
    pub(crate) dt: String,
    pub(crate) fieldname: String,
    /// As in `Custom Field`, `dt` and `fieldname` included.
    pub(crate) attributes: Fields,
}

/// A DocType that should be there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WantedDocType {
    pub(crate) name: String,
    /// The whole definition, for a site that has no such DocType.
    pub(crate) definition: Fields,
    /// Its fields that hold values, for a site that has it without them.
    pub(crate) fields: Vec<WantedField>,
}

/// A property of a field that was there before.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WantedLabel {
    pub(crate) dt: String,
    pub(crate) fieldname: String,
    pub(crate) label: String,
    pub(crate) description: String,
}

/// Everything that there should be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) doctypes: Vec<WantedDocType>,
    pub(crate) fields: Vec<WantedField>,
    pub(crate) label: WantedLabel,
    /// Scripts, the ones that others call first.
    pub(crate) scripts: Vec<(Key, Fields)>,
    /// The methods that Server Scripts are to answer to.
    pub(crate) methods: Vec<&'static str>,
}

/// What there should be.
pub(crate) fn wanted(through: Through) -> Wanted {
    let doctypes = vec![own_doctype(SNAPSHOTS), own_doctype(SETTINGS)];
    let mut fields = Vec::new();
    let by_doctype: BTreeMap<String, Vec<Fields>> = embedded(CUSTOM_FIELDS);
    for dt in EXTENDED {
        let given = by_doctype.get(dt).into_iter().flatten().cloned();
        fields.extend(chained(dt, given));
    }
    let mut scripts = Vec::new();
    let mut methods = Vec::new();
    if through == Through::ServerScripts {
        fields.extend(chained(SETTINGS_DOCTYPE, hub_fields()));
        for (method, check) in METHODS {
            methods.push(method);
            scripts.push(server_script(method, check));
        }
    }
    scripts.push((
        Key::new("HD Form Script", BUTTON),
        object(json!({
            "dt": "HD Ticket", "apply_to": "Form", "enabled": 1, "apply_to_customer_portal": 0,
            "apply_on_new_page": 0, "script": popup::FORM_SCRIPT,
        })),
    ));
    scripts.push((
        Key::new("Client Script", BUTTON),
        object(
            json!({"dt": "HD Ticket", "view": "Form", "enabled": 1, "script": popup::CLIENT_SCRIPT}),
        ),
    ));
    Wanted {
        label: label(&doctypes),
        doctypes,
        fields,
        scripts,
        methods,
    }
}

impl Wanted {
    /// The same with what is needed to carry CareSoft's events into the helpdesk.
    pub(crate) fn and_caresoft(mut self) -> Self {
        let fields = deskbridge_sync::apply::CUSTOM_FIELDS;
        let fields = fields.iter().map(|one| field(one.dt, one.attributes()));
        self.fields.extend(fields);
        self
    }
}

impl Wanted {
    /// The same with what is needed to tell the helpdesk of calls.
    pub(crate) fn and_calls(mut self) -> Self {
        let fields = deskbridge_calls::apply::CUSTOM_FIELDS;
        let fields = fields.iter().map(|one| field(one.dt, one.attributes()));
        self.fields.extend(fields);
        self
    }
}

impl Wanted {
    /// The same with the fields by which an import finds again what it wrote.
    pub(crate) fn and_import(mut self) -> Self {
        let fields = deskbridge_import::target::fields();
        let fields = fields
            .into_iter()
            .map(|one| field(one.doctype, one.attributes.into_fields()));
        self.fields.extend(fields);
        self
    }
}

/// The names of the Server Scripts.
pub(crate) fn server_script_name(method: &str) -> String {
    let last = method.rsplit('.').next().unwrap_or(method);
    format!("{SERVER_SCRIPTS}{last}")
}

fn server_script(method: &str, check: &str) -> (Key, Fields) {
    let script = format!("METHOD = \"{method}\"\n{CALLER}{check}{FORWARD}");
    let fields = json!({
        "script_type": "API", "api_method": method, "allow_guest": 0, "disabled": 0, "script": script,
    });
    let key = Key::new("Server Script", server_script_name(method));
    (key, object(fields))
}

/// What the settings keep for Server Scripts.
fn hub_fields() -> impl Iterator<Item = Fields> {
    let url = json!({
        "fieldname": HUB_URL, "label": "Deskbridge URL", "fieldtype": "Data",
        "description": "Where Server Scripts reach Deskbridge.",
    });
    let secret = json!({
        "fieldname": SHARED_SECRET, "label": "Deskbridge Shared Secret", "fieldtype": "Password",
        "description": "One of shared_secrets in Deskbridge's configuration.",
    });
    [url, secret].into_iter().map(object)
}

/// Fields in the order in which the form shows them.
fn chained(dt: &str, given: impl Iterator<Item = Fields>) -> Vec<WantedField> {
    let mut fields: Vec<WantedField> = Vec::new();
    for mut attributes in given {
        let before = fields.last().map(|field| field.fieldname.clone());
        if let Some(before) = before {
            attributes.insert("insert_after".to_owned(), before.into());
        }
        fields.push(field(dt, attributes));
    }
    fields
}

fn field(dt: &str, mut attributes: Fields) -> WantedField {
    attributes.insert("dt".to_owned(), dt.into());
    WantedField {
        dt: dt.to_owned(),
        fieldname: text(&attributes, "fieldname").to_owned(),
        attributes,
    }
}

fn own_doctype(text_of: &str) -> WantedDocType {
    let definition: Fields = embedded(text_of);
    let name = text(&definition, "name").to_owned();
    let rows = definition.get("fields").and_then(Value::as_array);
    let rows = rows.into_iter().flatten().filter_map(Value::as_object);
    let holds_a_value = |row: &&Fields| !text(row, "fieldtype").ends_with("Break");
    let mut fields: Vec<WantedField> = Vec::new();
    for row in rows.filter(holds_a_value) {
        fields.push(field(&name, row.clone()));
    }
    WantedDocType {
        name,
        definition,
        fields,
    }
}

fn label(doctypes: &[WantedDocType]) -> WantedLabel {
    let fields = doctypes.iter().flat_map(|doctype| &doctype.fields);
    let webhook = fields
        .filter(|field| field.dt == SETTINGS_DOCTYPE)
        .find(|field| field.fieldname == WEBHOOK);
    let of = |attribute| {
        let text = webhook.map(|webhook| text(&webhook.attributes, attribute));
        text.unwrap_or_default().to_owned()
    };
    WantedLabel {
        dt: SETTINGS_DOCTYPE.to_owned(),
        fieldname: WEBHOOK.to_owned(),
        label: of("label"),
        description: of("description"),
    }
}

fn text<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn object(value: Value) -> Fields {
    match value {
        Value::Object(fields) => fields,
        _ => Fields::new(),
    }
}

#[expect(
    clippy::expect_used,
    reason = "a file of ours, which every test of this module reads"
)]
fn embedded<T: DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).expect("an embedded file is JSON")
}

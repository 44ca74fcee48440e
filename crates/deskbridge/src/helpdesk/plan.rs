//! From what there is to what there should be: a plan of creations and patches, and of what is left alone.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    document::{Fields, Key, same_fields},
    secrets,
    wanted::{HUB_URL, SHARED_SECRET, Wanted, WantedDocType, WantedField, WantedLabel},
};

/// A field as the site has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldThere {
    pub(crate) fieldtype: String,
    pub(crate) label: String,
}

/// What there is, as far as it matters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Current {
    /// The fields of every DocType that was looked for and is there.
    pub(crate) doctypes: BTreeMap<String, BTreeMap<String, FieldThere>>,
    /// The documents that were looked for and are there.
    pub(crate) documents: BTreeMap<Key, Fields>,
    /// Enabled Server Scripts of others that answer to a method: script and method.
    pub(crate) rivals: Vec<(Key, String)>,
    /// Whether the settings hold this very shared secret.
    pub(crate) has_secret: bool,
}

/// How far an installation may go.
#[derive(Clone, Debug, Default)]
pub(crate) struct Consent {
    /// What earlier installations wrote, by document.
    pub(crate) installed: BTreeMap<Key, Fields>,
    /// Whether what others made or changed may be overwritten.
    pub(crate) force: bool,
}

/// One write.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) key: Key,
    /// What is there; `None` for a document that is to be made.
    pub(crate) from: Option<Fields>,
    /// The fields to write.
    pub(crate) to: Fields,
    /// The Password field that gets the shared secret, which is in neither.
    pub(crate) secret: Option<&'static str>,
}

/// Why something is left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Somebody else made it.
    NotOurs,
    /// It was installed, and changed since.
    ChangedByHand,
    /// The field is of another type and belongs to the DocType itself.
    OtherType,
    /// Another script answers to the same method.
    Rival,
    /// A backup of it would hold what looks like a secret.
    HoldsSecret,
}

/// Something that differs and is left as it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Kept {
    pub(crate) key: Key,
    pub(crate) why: Why,
    pub(crate) from: Fields,
    pub(crate) to: Fields,
}

/// What an installation does.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Plan {
    /// In the order in which they are made.
    pub(crate) changes: Vec<Change>,
    pub(crate) kept: Vec<Kept>,
    /// How many things are as they should be.
    pub(crate) settled: usize,
}

impl Plan {
    /// Whether what there is differs from what there should be.
    pub(crate) fn differs(&self) -> bool {
        !self.changes.is_empty() || !self.kept.is_empty()
    }
}

/// Where the hub is to be found and whether the site must be told its secret, for Server Scripts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HubAddress {
    pub(crate) settings: Key,
    pub(crate) url: String,
}

/// What is to be done.
pub(crate) fn plan(
    wanted: &Wanted,
    hub: Option<&HubAddress>,
    current: &Current,
    consent: &Consent,
) -> Plan {
    let mut planner = Planner {
        current,
        consent,
        plan: Plan::default(),
    };
    for doctype in &wanted.doctypes {
        planner.doctype(doctype);
    }
    for field in &wanted.fields {
        planner.field(field);
    }
    planner.label(&wanted.label);
    if let Some(hub) = hub {
        planner.hub(hub);
    }
    for (key, fields) in &wanted.scripts {
        planner.document(key.clone(), fields.clone(), Why::NotOurs);
    }
    for (rival, _method) in &current.rivals {
        let disabled = Fields::from_iter([("disabled".to_owned(), json!(1))]);
        planner.document(rival.clone(), disabled, Why::Rival);
    }
    planner.plan
}

/// Whether a field of one type takes what is meant for another: the hub writes numbers and times as texts where it must.
fn takes(is: &str, should: &str) -> bool {
    const TEXTS: [&str; 8] = [
        "Data",
        "Small Text",
        "Text",
        "Long Text",
        "Read Only",
        "Code",
        "JSON",
        "Autocomplete",
    ];
    const NUMBERS: [&str; 4] = ["Int", "Float", "Percent", "Currency"];
    const TIMES: [&str; 2] = ["Date", "Datetime"];
    let both = |kinds: &[&str]| kinds.contains(&is) && kinds.contains(&should);
    is == should
        || both(&NUMBERS)
        || both(&TIMES)
        || (TEXTS.contains(&is) && !matches!(should, "Password" | "Check" | "Link"))
}

struct Planner<'a> {
    current: &'a Current,
    consent: &'a Consent,
    plan: Plan,
}

impl Planner<'_> {
    fn doctype(&mut self, doctype: &WantedDocType) {
        if self.current.doctypes.contains_key(&doctype.name) {
            for field in &doctype.fields {
                self.field(field);
            }
            return;
        }
        self.create(
            Key::new("DocType", &*doctype.name),
            doctype.definition.clone(),
        );
    }

    fn field(&mut self, field: &WantedField) {
        let key = Key::new("Custom Field", format!("{}-{}", field.dt, field.fieldname));
        let there = self
            .current
            .doctypes
            .get(&field.dt)
            .and_then(|fields| fields.get(&field.fieldname));
        let Some(there) = there else {
            return self.create(key, field.attributes.clone());
        };
        let has_document = self.current.documents.contains_key(&key);
        if has_document && self.consent.installed.contains_key(&key) {
            return self.document(key, field.attributes.clone(), Why::NotOurs);
        }
        // A field that was there before may be called and placed as its makers like, and be of any type that takes
        // what is written.
        let should = field.attributes.get("fieldtype").cloned();
        let should = should.unwrap_or_default();
        if takes(&there.fieldtype, should.as_str().unwrap_or_default()) {
            self.plan.settled += 1;
            return;
        }
        let to = Fields::from_iter([("fieldtype".to_owned(), should)]);
        if has_document {
            return self.document(key, to, Why::NotOurs);
        }
        let from = Fields::from_iter([("fieldtype".to_owned(), there.fieldtype.as_str().into())]);
        self.keep(key, Why::OtherType, from, to);
    }

    /// A field that was there before gets its new label, the description first: the label says that both are done.
    fn label(&mut self, label: &WantedLabel) {
        let there = self
            .current
            .doctypes
            .get(&label.dt)
            .and_then(|fields| fields.get(&label.fieldname));
        if there.is_none_or(|there| there.label == label.label) {
            return;
        }
        for (property, kind, value) in [
            ("description", "Small Text", &label.description),
            ("label", "Data", &label.label),
        ] {
            let setter = json!({
                "doctype_or_field": "DocField", "doc_type": label.dt, "field_name": label.fieldname,
                "property": property, "property_type": kind, "value": value,
            });
            let name = format!("{}-{}-{property}", label.dt, label.fieldname);
            let setter = setter.as_object().cloned().unwrap_or_default();
            self.document(Key::new("Property Setter", name), setter, Why::NotOurs);
        }
    }

    /// The hub's address is what the administrator has just said, and no hand's work to be spared.
    fn hub(&mut self, hub: &HubAddress) {
        let there = self.current.documents.get(&hub.settings);
        let there = there.cloned().unwrap_or_default();
        let to = Fields::from_iter([(HUB_URL.to_owned(), Value::from(hub.url.as_str()))]);
        if same_fields(&there, &to) && self.current.has_secret {
            self.plan.settled += 1;
            return;
        }
        self.plan.changes.push(Change {
            key: hub.settings.clone(),
            from: Some(there),
            to,
            secret: (!self.current.has_secret).then_some(SHARED_SECRET),
        });
    }

    fn document(&mut self, key: Key, to: Fields, unless_installed: Why) {
        let Some(from) = self.current.documents.get(&key).cloned() else {
            return self.create(key, to);
        };
        if same_fields(&from, &to) {
            self.plan.settled += 1;
            return;
        }
        let installed = self.consent.installed.get(&key);
        let is_untouched = installed.is_some_and(|installed| same_fields(&from, installed));
        let mut replaced = to.keys().filter_map(|field| from.get(field));
        match (is_untouched, self.consent.force) {
            (false, false) => {
                let why = installed.map_or(unless_installed, |_| Why::ChangedByHand);
                self.keep(key, why, from, to);
            }
            _ if replaced.any(secrets::holds_secret_within) => {
                self.keep(key, Why::HoldsSecret, from, to);
            }
            _ => self.plan.changes.push(Change {
                key,
                from: Some(from),
                to,
                secret: None,
            }),
        }
    }

    fn create(&mut self, key: Key, to: Fields) {
        self.plan.changes.push(Change {
            key,
            from: None,
            to,
            secret: None,
        });
    }

    fn keep(&mut self, key: Key, why: Why, from: Fields, to: Fields) {
        self.plan.kept.push(Kept { key, why, from, to });
    }
}

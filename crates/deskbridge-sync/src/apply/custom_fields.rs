//! The fields that the helpdesk needs before anything can be written to it.

use serde_json::{Map, Value, json};

/// Holds the source key, on every DocType that is written to.
pub const KEY_FIELD: &str = "custom_caresoft_id";

/// Holds the status that a ticket had before a message came to it; see [`CUSTOM_FIELDS`].
pub(super) const STATUS_BEFORE: &str = "custom_caresoft_status_before";

/// A field to be added to a DocType of the helpdesk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CustomField {
    /// The DocType.
    pub dt: &'static str,
    /// Its name.
    pub fieldname: &'static str,
    /// Its label.
    pub label: &'static str,
    /// Whether no two documents may have the same value.
    pub is_unique: bool,
    /// What it is for, for the people who see the form.
    pub description: &'static str,
}

/// All fields that must be there. A message sets its ticket back to the status for reopened ones; the last field says,
/// from the moment that the message stands, which status the ticket gets back.
pub const CUSTOM_FIELDS: [CustomField; 6] = [
    key("HD Customer"),
    key("Contact"),
    key("HD Ticket"),
    key("Communication"),
    key("HD Ticket Comment"),
    CustomField {
        dt: "Communication",
        fieldname: STATUS_BEFORE,
        label: "Ticket Status Before",
        is_unique: false,
        description: "The status of the ticket before this message from CareSoft.",
    },
];

const fn key(dt: &'static str) -> CustomField {
    CustomField {
        dt,
        fieldname: KEY_FIELD,
        label: "CareSoft ID",
        is_unique: true,
        description: "Written by Deskbridge: which record of CareSoft this is.",
    }
}

impl CustomField {
    /// The attributes of its `Custom Field` document.
    pub fn attributes(&self) -> Map<String, Value> {
        let attributes = json!({
            "dt": self.dt,
            "fieldname": self.fieldname,
            "label": self.label,
            "fieldtype": "Data",
            "unique": i32::from(self.is_unique),
            "read_only": 1,
            // A copy of a document is not the same record.
            "no_copy": 1,
            "print_hide": 1,
            "description": self.description,
        });
        match attributes {
            Value::Object(attributes) => attributes,
            _ => Map::new(),
        }
    }
}

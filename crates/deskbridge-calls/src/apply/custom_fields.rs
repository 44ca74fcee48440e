//! The fields that the helpdesk needs before it can be told of calls.

use serde_json::{Map, Value, json};

/// Holds the key of the call, on every DocType that is written to.
pub const KEY_FIELD: &str = "custom_deskbridge_call";

/// A field to be added to a DocType of the helpdesk. No two documents may have the same value in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CustomField {
    /// The DocType.
    pub dt: &'static str,
}

/// All fields that must be there.
pub const CUSTOM_FIELDS: [CustomField; 2] = [
    CustomField { dt: "HD Ticket" },
    CustomField {
        dt: "HD Ticket Comment",
    },
];

impl CustomField {
    /// The attributes of its `Custom Field` document.
    pub fn attributes(&self) -> Map<String, Value> {
        let attributes = json!({
            "dt": self.dt,
            "fieldname": KEY_FIELD,
            "label": "Call",
            "fieldtype": "Data",
            "unique": 1,
            "read_only": 1,
            // A copy of a document is not the same record.
            "no_copy": 1,
            "print_hide": 1,
            "description": "Written by Deskbridge: which call this is about.",
        });
        match attributes {
            Value::Object(attributes) => attributes,
            _ => Map::new(),
        }
    }
}

//! Documents as values, and when two values are the same to Frappe.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Fields by name.
pub(crate) type Fields = Map<String, Value>;

/// Which document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
pub(crate) struct Key {
    pub(crate) doctype: String,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn new(doctype: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            doctype: doctype.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} \"{}\"", self.doctype, self.name)
    }
}

/// Whether a document has all these fields with these values, whatever else it has.
pub(crate) fn same_fields(is: &Fields, should: &Fields) -> bool {
    should.iter().all(|(field, should)| {
        let is = is.get(field).unwrap_or(&Value::Null);
        same(is, should)
    })
}

/// Whether Frappe would store the two alike: absent, null, empty and an unset Check are one, numbers may be
/// texts, and blanks at the end of a text do not count. Rows are compared in the fields that they should have.
pub(crate) fn same(is: &Value, should: &Value) -> bool {
    match (is, should) {
        (Value::Array(is), Value::Array(should)) => {
            is.len() == should.len() && is.iter().zip(should).all(|(is, should)| same(is, should))
        }
        (Value::Object(is), Value::Object(should)) => same_fields(is, should),
        (Value::Null, Value::Array(should)) => should.is_empty(),
        _ => plain(is) == plain(should),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(false) => String::new(),
        Value::Bool(true) => "1".to_owned(),
        Value::Number(number) => match number.as_f64() {
            Some(0.0) => String::new(),
            Some(float) => float.to_string(),
            None => number.to_string(),
        },
        Value::String(text) => match text.replace("\r\n", "\n").trim_end() {
            "0" => String::new(),
            text => text.to_owned(),
        },
        other @ (Value::Array(_) | Value::Object(_)) => other.to_string(),
    }
}

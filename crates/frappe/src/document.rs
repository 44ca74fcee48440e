//! One document, or one row of a list: fields by name.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{Name, time::SiteTime};

/// The fields of a document, of a child row, or of a row in a list.
///
/// Frappe leaves out keys whose value is null in some answers and not in others, so a missing key and a null are
/// the same here: [`get`](Document::get) gives `None` for both. Fields that are written keep their nulls, which
/// empty a field.
///
/// ```
/// use frappe::Document;
/// let ticket = Document::new()
///     .with("subject", "Cannot log in")
///     .with("priority", "High");
/// assert_eq!(ticket.text("priority"), Some("High"));
/// assert_eq!(ticket.text("customer"), None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Document {
    fields: Map<String, Value>,
}

impl Document {
    /// A document without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// The document with a field set; null empties it.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.set(field, value);
        self
    }

    /// Sets a field; null empties it.
    pub fn set(&mut self, field: &str, value: impl Into<Value>) {
        self.fields.insert(field.to_owned(), value.into());
    }

    /// A field's value, `None` when it is absent or null.
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    /// The document's name.
    pub fn name(&self) -> Option<Name> {
        self.link("name")
    }

    /// The document that a link field names; `None` when it names none. Integers are names too.
    pub fn link(&self, field: &str) -> Option<Name> {
        let name = Name::deserialize(self.get(field)?).ok()?;
        (!name.as_str().is_empty()).then_some(name)
    }

    /// A text field as it stands; `None` when it is absent, null or no text.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.get(field)?.as_str()
    }

    /// A text field without blanks around it; `None` when nothing is left.
    pub fn trimmed(&self, field: &str) -> Option<&str> {
        let text = self.text(field)?.trim();
        (!text.is_empty()).then_some(text)
    }

    /// A field as text, numbers too: the answer to an insert echoes the types that were sent.
    pub fn to_text(&self, field: &str) -> Option<String> {
        match self.get(field)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) | Value::Null => None,
        }
    }

    /// An Int field; `None` also when it is neither an integer nor text that is one.
    pub fn int(&self, field: &str) -> Option<i64> {
        match self.get(field)? {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) | Value::Null => None,
        }
    }

    /// A Check field: 1, true and "1" are set, everything else, also a missing field, is not.
    pub fn check(&self, field: &str) -> bool {
        self.get(field).is_some_and(is_set)
    }

    /// A Datetime or Date field; `None` when it is empty or no time.
    pub fn time(&self, field: &str) -> Option<SiteTime> {
        self.trimmed(field)?.parse().ok()
    }

    /// The rows of a child table; none when the field is absent.
    pub fn rows(&self, field: &str) -> Vec<Document> {
        let rows = self.get(field).and_then(Value::as_array);
        rows.into_iter()
            .flatten()
            .filter_map(Value::as_object)
            .cloned()
            .map(Self::from)
            .collect()
    }

    /// When the document was last changed, as Frappe wrote it: what
    /// [`update_if_unchanged`](crate::Client::update_if_unchanged) wants back.
    pub fn modified(&self) -> Option<&str> {
        self.text("modified")
    }

    /// Reads the fields into a type of the caller's.
    ///
    /// # Errors
    /// When they do not fit. The message may quote a value.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(&self.fields)
    }

    /// All fields that are present, nulls too.
    pub fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }

    /// All fields, taken out.
    pub fn into_fields(self) -> Map<String, Value> {
        self.fields
    }
}

/// A Check field's value, in any of the ways that it is written.
pub(crate) fn is_set(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64().is_some_and(|number| number != 0.0),
        Value::String(text) => matches!(text.trim(), "1" | "true" | "True"),
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

impl From<Map<String, Value>> for Document {
    fn from(fields: Map<String, Value>) -> Self {
        Self { fields }
    }
}

impl From<Document> for Value {
    fn from(document: Document) -> Self {
        Self::Object(document.fields)
    }
}

impl<K: Into<String>, V: Into<Value>> FromIterator<(K, V)> for Document {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(fields: I) -> Self {
        let fields = fields.into_iter();
        Self {
            fields: fields.map(|(k, v)| (k.into(), v.into())).collect(),
        }
    }
}

#[cfg(test)]
mod tests;

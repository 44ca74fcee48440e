//! The name of a document: opaque, whatever JSON type it came as.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

/// The `name` of a document, its primary key.
///
/// Ticket names are JSON integers up to Helpdesk 1.24 and zero-padded strings (`"0001"`) from 1.25 on; sites
/// that were upgraded keep unpadded ones beside them. So a name is compared as text and never calculated with:
/// `"0001"` and `"1"` are two tickets.
///
/// ```
/// let old: frappe::Name = serde_json::from_str("41")?;
/// let new: frappe::Name = serde_json::from_str("\"0041\"")?;
/// assert_eq!(old.as_str(), "41");
/// assert_ne!(old, new);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    /// A name as Frappe wrote it.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, taken out.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Name {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl From<String> for Name {
    fn from(name: String) -> Self {
        Self(name)
    }
}

impl From<u64> for Name {
    fn from(name: u64) -> Self {
        Self(name.to_string())
    }
}

impl From<&Name> for serde_json::Value {
    fn from(name: &Name) -> Self {
        Self::String(name.0.clone())
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a document's name: a string or an integer")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Name, E> {
                Ok(Name(name.to_owned()))
            }

            fn visit_string<E: de::Error>(self, name: String) -> Result<Name, E> {
                Ok(Name(name))
            }

            fn visit_u64<E: de::Error>(self, name: u64) -> Result<Name, E> {
                Ok(Name(name.to_string()))
            }

            fn visit_i64<E: de::Error>(self, name: i64) -> Result<Name, E> {
                Ok(Name(name.to_string()))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_from_a_string_or_an_integer_and_written_as_a_string() {
        let cases = [("7", "7"), ("\"0007\"", "0007"), ("-3", "-3"), ("\"\"", "")];
        for (json, name) in cases {
            let read: Name = serde_json::from_str(json).unwrap();
            assert_eq!(read.as_str(), name);
            assert_eq!(serde_json::to_string(&read).unwrap(), format!("\"{name}\""));
        }
        for json in ["1.5", "null", "true", "[1]", "{}"] {
            assert!(serde_json::from_str::<Name>(json).is_err(), "{json}");
        }
    }
}

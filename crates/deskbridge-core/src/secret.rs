//! Secrets.

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer};

/// A key, password or address that carries one.
///
/// It has no `Debug`, `Display` or `Serialize`, so that whatever holds it cannot be printed by accident;
/// [`Secret::expose`] is the only way out and can be searched for.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a text in.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The text itself, for the one place that must send or compare it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether there is anything but blanks.
    pub fn is_blank(&self) -> bool {
        self.expose().trim().is_empty()
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

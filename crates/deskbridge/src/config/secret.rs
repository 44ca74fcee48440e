//! Where a secret is.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use deskbridge_core::Secret;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use super::{ConfigError, read_file};

/// A secret in place, in the environment, or in a file.
#[derive(Clone)]
pub(crate) enum SecretSource {
    InPlace(Secret),
    Environment(String),
    File(PathBuf),
}

impl SecretSource {
    pub(super) fn resolve(
        &self,
        place: &str,
        folder: &Path,
        environment: &[(String, String)],
    ) -> Result<Secret, ConfigError> {
        match self {
            Self::InPlace(secret) => Ok(secret.clone()),
            Self::Environment(name) => {
                let found = environment.iter().find(|(variable, _)| variable == name);
                let found = found.map(|(_, value)| Secret::new(value.as_str()));
                found.ok_or_else(|| {
                    ConfigError::value(place, format!("the environment has no variable {name}"))
                })
            }
            Self::File(file) => {
                let path = folder.join(file);
                let text = read_file(&path).map_err(|source| ConfigError::File {
                    place: place.to_owned(),
                    path: path.clone(),
                    source,
                })?;
                Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
            }
        }
    }
}

impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SourceVisitor)
    }
}

struct SourceVisitor;

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = SecretSource;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a secret as text, { env = \"VARIABLE\" } or { file = \"PATH\" }")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<SecretSource, E> {
        Ok(SecretSource::InPlace(Secret::new(text)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretSource, A::Error> {
        use serde::de::Error as _;
        let source = match map.next_entry::<String, String>()? {
            Some((key, value)) if key == "env" => SecretSource::Environment(value),
            Some((key, value)) if key == "file" => SecretSource::File(PathBuf::from(value)),
            Some((key, _)) => return Err(A::Error::unknown_field(&key, &["env", "file"])),
            None => return Err(A::Error::custom("neither env nor file is given")),
        };
        match map.next_key::<String>()? {
            None => Ok(source),
            Some(_) => Err(A::Error::custom("give either env or file")),
        }
    }
}

//! Where a secret is.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use deskbridge_core::Secret;
use serde::{Deserialize, Deserializer, de::Error as _};
use toml::{Table, Value};

use super::{ConfigError, read_file};

/// A secret in place, in the environment, or in a file.
#[derive(Clone)]
pub(crate) enum SecretSource {
    InPlace(Secret),
    Environment(String),
    File(PathBuf),
}

impl SecretSource {
    /// Reads what stands in the configuration. What is wrong is told in words of its own: the library's quote
    /// what stands there.
    pub(super) fn of(value: Value) -> Result<Self, &'static str> {
        match value {
            Value::String(text) => Ok(Self::InPlace(Secret::new(text))),
            Value::Table(table) => Self::of_table(table),
            Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Array(_) => {
                Err("a secret is text in quotes, { env = \"VARIABLE\" } or { file = \"PATH\" }")
            }
        }
    }

    fn of_table(table: Table) -> Result<Self, &'static str> {
        let mut entries = table.into_iter();
        let (Some((key, value)), None) = (entries.next(), entries.next()) else {
            return Err("give either env or file");
        };
        match (key.as_str(), value) {
            ("env", Value::String(name)) => Ok(Self::Environment(name)),
            ("file", Value::String(path)) => Ok(Self::File(PathBuf::from(path))),
            ("env" | "file", _) => Err("env and file are text in quotes"),
            _ => Err("a secret has env or file, and no other key"),
        }
    }

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
        Self::of(Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// Reads a list of secrets.
pub(super) fn list<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<SecretSource>, D::Error> {
    let Value::Array(all) = Value::deserialize(deserializer)? else {
        return Err(D::Error::custom("secrets stand in a list"));
    };
    let sources = all.into_iter().map(SecretSource::of);
    sources.collect::<Result<_, _>>().map_err(D::Error::custom)
}

/// Reads a table of secrets.
pub(super) fn table<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, SecretSource>, D::Error> {
    let Value::Table(all) = Value::deserialize(deserializer)? else {
        return Err(D::Error::custom("headers stand in a table"));
    };
    let sources = all
        .into_iter()
        .map(|(name, source)| Ok((name, SecretSource::of(source)?)));
    sources
        .collect::<Result<_, &'static str>>()
        .map_err(D::Error::custom)
}

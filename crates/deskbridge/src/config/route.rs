//! `[[route]]`: where chosen events are sent on to.

use std::{collections::BTreeMap, path::PathBuf};

use deskbridge_sync::routes::settings::{OnJson, Then};
use serde::Deserialize;

use super::{SecretSource, secret};

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Route {
    pub(crate) name: String,
    pub(crate) connection: Option<String>,
    #[serde(default)]
    pub(crate) objects: Vec<String>,
    #[serde(default)]
    pub(crate) actions: Vec<String>,
    pub(crate) when: Option<String>,
    #[serde(default)]
    pub(crate) only_by_routes: bool,
    pub(crate) target: SecretSource,
    pub(crate) method: Option<String>,
    #[serde(default, deserialize_with = "secret::table")]
    pub(crate) headers: BTreeMap<String, SecretSource>,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Option<String>,
    #[serde(default, deserialize_with = "secret::list")]
    pub(crate) signing_secrets: Vec<SecretSource>,
    pub(crate) timeout_seconds: Option<u64>,
    #[serde(default)]
    pub(crate) allow_private: bool,
    pub(crate) ca_file: Option<PathBuf>,
    #[serde(default)]
    pub(crate) on_status: BTreeMap<String, Then>,
    #[serde(default)]
    pub(crate) on_json: Vec<OnJson>,
}

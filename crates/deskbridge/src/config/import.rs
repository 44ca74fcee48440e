//! `[[import]]`: what is moved into a helpdesk, and how its words become the helpdesk's.

use deskbridge_import::{decide::Settings, reader::freshdesk::FieldNames};
use serde::Deserialize;

use super::SecretSource;

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Import {
    pub(crate) name: String,
    pub(crate) helpdesk: Option<String>,
    /// The account of Freshdesk, such as `acme`.
    pub(crate) freshdesk: Option<String>,
    pub(crate) api_key: Option<SecretSource>,
    #[serde(default = "more_than_half")]
    pub(crate) share_percent: u8,
    #[serde(default)]
    pub(crate) ratings: bool,
    #[serde(default)]
    pub(crate) spam: bool,
    #[serde(default)]
    pub(crate) deleted: bool,
    #[serde(default)]
    pub(crate) fields: FieldNames,
    #[serde(default = "sixty_four")]
    pub(crate) requests_max: usize,
    pub(crate) requests_per_second_max: Option<f64>,
    #[serde(default = "ten")]
    pub(crate) patience_minutes: u64,
    #[serde(default)]
    pub(crate) mapping: Settings,
}

impl Import {
    /// What is taken where the configuration says nothing about an import.
    pub(crate) fn unsaid(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            helpdesk: None,
            freshdesk: None,
            api_key: None,
            share_percent: more_than_half(),
            ratings: false,
            spam: false,
            deleted: false,
            fields: FieldNames::default(),
            requests_max: sixty_four(),
            requests_per_second_max: None,
            patience_minutes: ten(),
            mapping: Settings::default(),
        }
    }
}

fn more_than_half() -> u8 {
    60
}

fn sixty_four() -> usize {
    64
}

fn ten() -> u64 {
    10
}

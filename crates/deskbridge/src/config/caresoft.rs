//! `[[caresoft]]`: an account, who may send for it, and where it is carried to.

use deskbridge_sync::{reconcile, settings::MappingSource};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de::Error as _};
use toml::Value;

use super::SecretSource;

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Caresoft {
    pub(crate) name: String,
    #[serde(default, deserialize_with = "live_secrets")]
    pub(crate) secrets: Vec<LiveSecret>,
    #[serde(default)]
    pub(crate) unsigned: bool,
    pub(crate) account_id: Option<u64>,
    pub(crate) helpdesk: Option<String>,
    pub(crate) crm: Option<String>,
    #[serde(default = "vietnamese")]
    pub(crate) language: String,
    #[serde(default = "seven_hours")]
    pub(crate) utc_offset: String,
    #[serde(default)]
    pub(crate) z_is: ZIs,
    #[serde(default = "nobody")]
    pub(crate) raised_by: String,
    pub(crate) api_url: Option<String>,
    pub(crate) api_spare_url: Option<String>,
    pub(crate) api_domain: Option<String>,
    pub(crate) api_token: Option<SecretSource>,
    #[serde(default)]
    pub(crate) poll: reconcile::Settings,
    #[serde(default)]
    pub(crate) mapping: MappingSource,
}

/// What a `Z` behind a time means.
#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ZIs {
    /// The account's own time, as every public client of CareSoft has it.
    #[default]
    Local,
    Utc,
}

/// A secret that webhooks are signed with, and until when.
#[derive(Clone)]
pub(crate) struct LiveSecret {
    pub(crate) source: SecretSource,
    pub(crate) until: Option<Timestamp>,
}

impl LiveSecret {
    fn of(value: Value) -> Result<Self, &'static str> {
        let Value::Table(mut table) = value else {
            return Ok(Self {
                source: SecretSource::of(value)?,
                until: None,
            });
        };
        let until = table.remove("until").map(|until| {
            // A text for who writes no time zones in TOML, which has them too.
            let text = match until {
                Value::String(text) => text,
                Value::Datetime(time) => time.to_string(),
                _ => String::new(),
            };
            text.parse::<Timestamp>()
                .map_err(|_no_time| "until is a time such as 2026-12-31T00:00:00+07:00")
        });
        let source = match table.remove("secret") {
            Some(Value::String(text)) if table.is_empty() => Value::String(text),
            Some(_) => return Err("give one of secret, env and file, and until"),
            None => Value::Table(table),
        };
        Ok(Self {
            source: SecretSource::of(source)?,
            until: until.transpose()?,
        })
    }
}

fn live_secrets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<LiveSecret>, D::Error> {
    let Value::Array(all) = Value::deserialize(deserializer)? else {
        return Err(D::Error::custom("secrets stand in a list"));
    };
    let secrets = all.into_iter().map(LiveSecret::of);
    secrets.collect::<Result<_, _>>().map_err(D::Error::custom)
}

fn vietnamese() -> String {
    "vi".to_owned()
}

fn seven_hours() -> String {
    "+07:00".to_owned()
}

fn nobody() -> String {
    "nobody@caresoft.invalid".to_owned()
}

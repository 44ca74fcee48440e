//! `[[caresoft]]`: an account, who may send for it, and where it is carried to.

use deskbridge_calls::settings::SettingsSource;
use deskbridge_sync::{reconcile, settings::MappingSource};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de::Error as _};
use toml::{Table, Value};

use super::{SecretSource, asterisk::part};

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
    pub(crate) calls: Option<Calls>,
}

/// Its calls in the CRM's telephony.
#[derive(Clone)]
pub(crate) struct Calls {
    /// How long the end of a call waits for what else is told of it.
    pub(crate) settle_seconds: u32,
    pub(crate) users_refresh_minutes: u32,
    pub(crate) settings: SettingsSource,
}

impl<'de> Deserialize<'de> for Calls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut table = Table::deserialize(deserializer)?;
        let mut number = |key: &str, otherwise: u32| match table.remove(key) {
            None => Ok(otherwise),
            Some(value) => value
                .try_into()
                .map_err(|_no_number| D::Error::custom(format!("{key}: write a whole number"))),
        };
        let (settle_seconds, users_refresh_minutes) = (
            number("settle_seconds", 5)?,
            number("users_refresh_minutes", 10)?,
        );
        // Where CareSoft is.
        let mut defaults = Table::new();
        for (key, value) in [("zone", "Asia/Ho_Chi_Minh"), ("language", "vi")] {
            defaults.insert(key.to_owned(), value.into());
        }
        lay_under(&mut table, defaults);
        for (key, setting, value) in [
            ("numbers", "country", Value::from("VN")),
            ("recordings", "links", Value::from(true)),
        ] {
            let of = table
                .entry(key)
                .or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(of) = of {
                lay_under(of, Table::from_iter([(setting.to_owned(), value)]));
            }
        }
        Ok(Self {
            settle_seconds,
            users_refresh_minutes,
            settings: part(table).map_err(D::Error::custom)?,
        })
    }
}

/// Adds what is missing.
fn lay_under(table: &mut Table, defaults: Table) {
    for (key, value) in defaults {
        table.entry(key).or_insert(value);
    }
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

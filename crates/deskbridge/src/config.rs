//! The configuration: a TOML file, with the environment over it.

pub(crate) mod asterisk;
pub(crate) mod caresoft;
pub(crate) mod hook;
pub(crate) mod import;
pub(crate) mod overlay;
pub(crate) mod route;
mod secret;

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use deskbridge_calls::oauth::http::Way;
use deskbridge_core::Secret;
use serde::Deserialize;

pub(crate) use asterisk::Asterisk;
pub(crate) use caresoft::Caresoft;
pub(crate) use import::Import;
pub(crate) use route::Route;
pub(crate) use secret::SecretSource;

/// The file that documents every setting and its default.
pub(crate) const EXAMPLE: &str = include_str!("config.example.toml");

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("the configuration {} cannot be read; `deskbridge config example` prints one to start from", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    // Without the library's own text, which quotes the line and with it a secret.
    #[error("line {line} of the configuration {} is no TOML: {why}", path.display())]
    Syntax {
        path: PathBuf,
        line: usize,
        why: String,
    },
    #[error("the environment variable {name} does not lead to a setting: {why}")]
    Overlay { name: String, why: String },
    #[error("{place} of the configuration: {why}")]
    Value { place: String, why: String },
    #[error("{place} of the configuration names {}, which cannot be read", path.display())]
    File {
        place: String,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

impl ConfigError {
    fn value(place: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Value {
            place: place.into(),
            why: why.into(),
        }
    }
}

/// Everything that is configured.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    #[serde(default)]
    pub(crate) server: Server,
    #[serde(default)]
    pub(crate) frappe: Vec<Frappe>,
    #[serde(default)]
    pub(crate) bitrix24: Vec<Bitrix24>,
    #[serde(default)]
    pub(crate) caresoft: Vec<Caresoft>,
    #[serde(default)]
    pub(crate) asterisk: Vec<Asterisk>,
    #[serde(default)]
    pub(crate) route: Vec<Route>,
    #[serde(default)]
    pub(crate) hook: Vec<hook::Hook>,
    #[serde(default)]
    pub(crate) hooks: hook::Hooks,
    #[serde(default)]
    pub(crate) import: Vec<Import>,
    #[serde(default)]
    pub(crate) events: Events,
    #[serde(default)]
    pub(crate) profile: Profile,
    /// The folder of the file, to which paths are relative.
    #[serde(skip)]
    pub(crate) folder: PathBuf,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Server {
    pub(crate) listen: SocketAddr,
    pub(crate) database: PathBuf,
    pub(crate) database_url: Option<SecretSource>,
    pub(crate) database_schema: String,
    pub(crate) database_ca_file: Option<PathBuf>,
    pub(crate) log: String,
    pub(crate) log_format: LogFormat,
    pub(crate) requests_max: usize,
    pub(crate) deadline_seconds: u64,
    pub(crate) shutdown_seconds: u64,
    #[serde(deserialize_with = "secret::list")]
    pub(crate) admin_tokens: Vec<SecretSource>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8700)),
            database: PathBuf::from("deskbridge.db"),
            database_url: None,
            database_schema: "deskbridge".to_owned(),
            database_ca_file: None,
            log: "info".to_owned(),
            log_format: LogFormat::Text,
            requests_max: 512,
            deadline_seconds: 65,
            shutdown_seconds: 20,
            admin_tokens: Vec::new(),
        }
    }
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Frappe {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) api_key: SecretSource,
    pub(crate) api_secret: SecretSource,
    pub(crate) admin_api_key: Option<SecretSource>,
    pub(crate) admin_api_secret: Option<SecretSource>,
    #[serde(default, deserialize_with = "secret::list")]
    pub(crate) shared_secrets: Vec<SecretSource>,
    pub(crate) site_name: Option<String>,
    pub(crate) time_zone: Option<String>,
    pub(crate) ca_file: Option<PathBuf>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bitrix24 {
    pub(crate) name: String,
    #[serde(default = "yes")]
    pub(crate) enabled: bool,
    pub(crate) webhook_url: Option<SecretSource>,
    pub(crate) responsible_webhook_url: Option<SecretSource>,
    pub(crate) portal_url: Option<String>,
    pub(crate) timeout_seconds: Option<u64>,
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<SecretSource>,
    pub(crate) authorization_server: Option<String>,
    pub(crate) public_url: Option<String>,
    #[serde(default, deserialize_with = "secret::list")]
    pub(crate) event_tokens: Vec<SecretSource>,
    #[serde(default)]
    pub(crate) events: CallEvents,
    #[serde(default = "four_seconds")]
    pub(crate) poll_seconds: u32,
    #[serde(default = "half_a_minute")]
    pub(crate) poll_idle_seconds: u32,
    #[serde(default = "one_minute")]
    pub(crate) order_seconds_max: u32,
    #[serde(default)]
    pub(crate) notify_users: bool,
    #[serde(default)]
    pub(crate) plan: Plan,
    pub(crate) ca_file: Option<PathBuf>,
}

/// How the events of calls come from a portal.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CallEvents {
    #[default]
    Posted,
    Offline,
}

impl CallEvents {
    pub(crate) fn way(self) -> Way {
        match self {
            Self::Posted => Way::Posted,
            Self::Offline => Way::Offline,
        }
    }
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Plan {
    #[default]
    Standard,
    Enterprise,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Profile {
    pub(crate) frappe: Option<String>,
    pub(crate) bitrix24: Option<String>,
    pub(crate) settings: SettingsIn,
    pub(crate) settings_refresh_seconds: u64,
    pub(crate) refresh_ttl_minutes: Option<u64>,
    pub(crate) company_field_map: Option<toml::Table>,
    pub(crate) enum_fields: Vec<String>,
    pub(crate) not_found_ttl_minutes: u64,
    pub(crate) stale_hours: u64,
    pub(crate) permission_seconds: u64,
    pub(crate) country: String,
    pub(crate) dates_in: Option<String>,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            frappe: None,
            bitrix24: None,
            settings: SettingsIn::File,
            settings_refresh_seconds: 60,
            refresh_ttl_minutes: None,
            company_field_map: None,
            enum_fields: Vec::new(),
            not_found_ttl_minutes: 5,
            stale_hours: 168,
            permission_seconds: 5,
            country: "VN".to_owned(),
            dates_in: None,
        }
    }
}

/// How events are kept.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Events {
    pub(crate) keep_days: u32,
    pub(crate) keep_megabytes: u64,
    pub(crate) megabytes_max: u64,
    pub(crate) ballast_megabytes: u64,
    pub(crate) body_kilobytes_max: usize,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            keep_days: 90,
            keep_megabytes: 8_192,
            megabytes_max: 16_384,
            ballast_megabytes: 64,
            body_kilobytes_max: 5_120,
        }
    }
}

/// Where the settings of the profile are.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SettingsIn {
    File,
    Helpdesk,
}

fn one_minute() -> u32 {
    60
}

fn four_seconds() -> u32 {
    4
}

fn half_a_minute() -> u32 {
    30
}

fn yes() -> bool {
    true
}

impl Config {
    /// Reads a file and lays the environment over it.
    ///
    /// # Errors
    /// When either cannot be used; the message says where.
    pub(crate) fn load(path: &Path, environment: &[(String, String)]) -> Result<Self, ConfigError> {
        let text = read_file(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        Self::read(&text, path, folder, environment)
    }

    fn read(
        text: &str,
        path: &Path,
        folder: PathBuf,
        environment: &[(String, String)],
    ) -> Result<Self, ConfigError> {
        let syntax = |error: toml::de::Error| {
            let before = error
                .span()
                .and_then(|span| text.get(..span.start))
                .unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            // Words about a value quote it, and it may be a secret. A whole number is the only value that can
            // be wrong in itself.
            let is_about_value = error.message().starts_with("invalid type: ");
            let why = if is_about_value {
                "a number is too large; write it in quotes if it is a text"
            } else {
                error.message()
            };
            ConfigError::Syntax {
                path: path.to_owned(),
                line,
                why: why.to_owned(),
            }
        };
        let mut table: toml::Table = text.parse().map_err(syntax)?;
        overlay::lay(&mut table, environment)?;
        let config: Self = serde_path_to_error::deserialize(table).map_err(|error| {
            let path = error.path().to_string();
            ConfigError::value(with_line(text, path), error.inner().message())
        })?;
        let config = Self { folder, ..config };
        config.check_names()?;
        config.check_hooks().map_err(|error| match error {
            ConfigError::Value { place, why } => ConfigError::Value {
                place: with_line_of_hook(text, &config, place),
                why,
            },
            other => other,
        })?;
        Ok(config)
    }

    fn check_names(&self) -> Result<(), ConfigError> {
        check_unique("frappe", self.frappe.iter().map(|one| &one.name))?;
        check_unique("bitrix24", self.bitrix24.iter().map(|one| &one.name))?;
        check_unique("caresoft", self.caresoft.iter().map(|one| &one.name))?;
        let pbxs = self.asterisk.iter().map(|one| &one.connection.name);
        check_unique("asterisk", pbxs)?;
        check_unique("route", self.route.iter().map(|one| &one.name))?;
        check_unique("import", self.import.iter().map(|one| &one.name))
    }

    /// The helpdesk that an import writes to.
    ///
    /// # Errors
    /// When it is missing, or there are several and none is chosen.
    pub(crate) fn import_frappe(&self, import: &Import) -> Result<&Frappe, ConfigError> {
        let place = format!("import[{}].helpdesk", import.name);
        let wanted = import.helpdesk.as_deref();
        choose("frappe", place, wanted, &self.frappe, |one| &one.name)
    }

    /// The helpdesk that an account is carried to.
    ///
    /// # Errors
    /// When it is missing, or there are several and none is chosen.
    pub(crate) fn caresoft_frappe(&self, account: &Caresoft) -> Result<&Frappe, ConfigError> {
        let place = format!("caresoft[{}].helpdesk", account.name);
        let wanted = account.helpdesk.as_deref();
        choose("frappe", place, wanted, &self.frappe, |one| &one.name)
    }

    /// The portal that an account's leads and deals are carried to, if any is named.
    ///
    /// # Errors
    /// When the one that is named is missing.
    pub(crate) fn caresoft_bitrix24(
        &self,
        account: &Caresoft,
    ) -> Result<Option<&Bitrix24>, ConfigError> {
        let place = format!("caresoft[{}].crm", account.name);
        account
            .crm
            .as_deref()
            .map(|name| {
                choose("bitrix24", place, Some(name), &self.bitrix24, |one| {
                    &one.name
                })
            })
            .transpose()
    }

    /// The portal that the calls of a PBX are carried to.
    ///
    /// # Errors
    /// When it is missing, or there are several and none is chosen.
    pub(crate) fn asterisk_bitrix24(
        &self,
        pbx: &asterisk::Connection,
    ) -> Result<&Bitrix24, ConfigError> {
        let place = format!("asterisk[{}].crm", pbx.name);
        let wanted = pbx.crm.as_deref();
        choose("bitrix24", place, wanted, &self.bitrix24, |one| &one.name)
    }

    /// The helpdesk that is told of the calls of a PBX, if any is named.
    ///
    /// # Errors
    /// When the one that is named is missing.
    pub(crate) fn asterisk_frappe(
        &self,
        pbx: &asterisk::Connection,
    ) -> Result<Option<&Frappe>, ConfigError> {
        let place = format!("asterisk[{}].helpdesk", pbx.name);
        let wanted = pbx.helpdesk.as_deref();
        wanted
            .map(|name| choose("frappe", place, Some(name), &self.frappe, |one| &one.name))
            .transpose()
    }

    /// The helpdesk of the profile.
    ///
    /// # Errors
    /// When there is none, or several and none is chosen.
    pub(crate) fn profile_frappe(&self) -> Result<&Frappe, ConfigError> {
        choose(
            "frappe",
            "profile.frappe".to_owned(),
            self.profile.frappe.as_deref(),
            &self.frappe,
            |one| &one.name,
        )
    }

    /// The portal of the profile; `None` when none is configured, because the helpdesk holds the settings.
    ///
    /// # Errors
    /// When there are several and none is chosen, or the chosen one is missing.
    pub(crate) fn profile_bitrix24(&self) -> Result<Option<&Bitrix24>, ConfigError> {
        let wanted = self.profile.bitrix24.as_deref();
        if wanted.is_none() && self.bitrix24.is_empty() {
            return Ok(None);
        }
        let place = "profile.bitrix24".to_owned();
        choose("bitrix24", place, wanted, &self.bitrix24, |one| &one.name).map(Some)
    }

    /// The database, relative to the file.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.join(&self.server.database)
    }

    /// A secret, wherever it is.
    ///
    /// # Errors
    /// When it is not there.
    pub(crate) fn secret(
        &self,
        place: &str,
        source: &SecretSource,
        environment: &[(String, String)],
    ) -> Result<Secret, ConfigError> {
        source.resolve(place, &self.folder, environment)
    }

    /// The text of a certificate file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn certificate(
        &self,
        place: &str,
        file: Option<&Path>,
    ) -> Result<Option<String>, ConfigError> {
        file.map(|file| {
            let path = self.folder.join(file);
            read_file(&path).map_err(|source| ConfigError::File {
                place: place.to_owned(),
                path: path.clone(),
                source,
            })
        })
        .transpose()
    }
}

/// The place of a setting with the line at which its table stands, where the file has it: `hook[2].file (the table in line 17)`.
fn with_line(text: &str, place: String) -> String {
    let of = || {
        let (table, rest) = place.split_once('[')?;
        let (index, _) = rest.split_once(']')?;
        line_of(text, table, index.parse().ok()?)
    };
    match of() {
        Some(line) => format!("{place} (the table in line {line})"),
        None => place,
    }
}

/// The same for a hook that is named in place of its index. Two of one name are told as the first.
fn with_line_of_hook(text: &str, config: &Config, place: String) -> String {
    let index = config.hook.iter().position(|hook| hook.place() == place);
    match index.and_then(|index| line_of(text, "hook", index)) {
        Some(line) => format!("{place} (the table in line {line})"),
        None => place,
    }
}

/// The line at which one of several tables begins, counted from 1.
fn line_of(text: &str, table: &str, index: usize) -> Option<usize> {
    let header = format!("[[{table}]]");
    let mut lines = text.lines().enumerate();
    let mut headers = lines
        .by_ref()
        .filter(|(_, line)| line.trim().starts_with(&header));
    headers.nth(index).map(|(line, _)| line + 1)
}

#[expect(
    clippy::disallowed_methods,
    reason = "files that the administrator names"
)]
fn read_file(path: &Path) -> std::io::Result<String> {
    std::fs::read_to_string(path)
}

fn check_unique<'a>(
    table: &str,
    names: impl Iterator<Item = &'a String>,
) -> Result<(), ConfigError> {
    let mut seen = BTreeSet::new();
    for (index, name) in names.enumerate() {
        let is_plain = !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_');
        let place = format!("{table}[{index}].name");
        if !is_plain {
            return Err(ConfigError::value(
                place,
                "a name is lower-case letters, digits, - and _",
            ));
        }
        if !seen.insert(name) {
            return Err(ConfigError::value(
                place,
                format!("there are two named {name}"),
            ));
        }
    }
    Ok(())
}

fn choose<'a, T>(
    table: &str,
    place: String,
    wanted: Option<&str>,
    all: &'a [T],
    name: impl Fn(&T) -> &String,
) -> Result<&'a T, ConfigError> {
    match (wanted, all) {
        (Some(wanted), all) => all.iter().find(|one| name(one) == wanted).ok_or_else(|| {
            ConfigError::value(place, format!("there is no [[{table}]] named {wanted}"))
        }),
        (None, [only]) => Ok(only),
        (None, []) => Err(ConfigError::value(
            table,
            format!("there is no [[{table}]]; add one"),
        )),
        (None, _) => Err(ConfigError::value(
            place,
            format!("there are several [[{table}]]; name one here"),
        )),
    }
}

#[cfg(test)]
mod tests;

//! `[[asterisk]]`: a PBX, who may follow it, and where its calls are carried to.

use std::path::PathBuf;

use deskbridge_calls::{decide::tracker, settings::SettingsSource};
use serde::{Deserialize, Deserializer, de::Error as _};
use toml::Table;

use super::{SecretSource, secret};

/// The port of the manager, and its port with TLS.
const PORT: u16 = 5038;
const TLS_PORT: u16 = 5039;

/// A PBX: how it is spoken to, and what becomes of its calls.
#[derive(Clone)]
pub(crate) struct Asterisk {
    pub(crate) connection: Connection,
    pub(crate) calls: SettingsSource,
}

/// How a PBX is spoken to.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Connection {
    pub(crate) name: String,
    #[serde(default = "yes")]
    pub(crate) enabled: bool,
    pub(crate) address: String,
    pub(crate) user: String,
    pub(crate) password: SecretSource,
    #[serde(default)]
    pub(crate) plain_login: bool,
    #[serde(default)]
    pub(crate) tls: bool,
    pub(crate) tls_name: Option<String>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) certificate_file: Option<PathBuf>,
    pub(crate) crm: Option<String>,
    pub(crate) helpdesk: Option<String>,
    #[serde(default, deserialize_with = "secret::list")]
    pub(crate) lookup_tokens: Vec<SecretSource>,
    #[serde(default = "ten_minutes")]
    pub(crate) users_refresh_minutes: u32,
    #[serde(default)]
    pub(crate) endpoints: tracker::Settings,
}

/// The settings of [`Connection`]; everything else is one of what becomes of calls.
const CONNECTION: [&str; 15] = [
    "name",
    "enabled",
    "address",
    "user",
    "password",
    "plain_login",
    "tls",
    "tls_name",
    "ca_file",
    "certificate_file",
    "crm",
    "helpdesk",
    "lookup_tokens",
    "users_refresh_minutes",
    "endpoints",
];

impl<'de> Deserialize<'de> for Asterisk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (connection, calls): (Table, Table) = Table::deserialize(deserializer)?
            .into_iter()
            .partition(|(key, _)| CONNECTION.contains(&key.as_str()));
        Ok(Self {
            connection: part(connection).map_err(D::Error::custom)?,
            calls: part(calls).map_err(D::Error::custom)?,
        })
    }
}

/// Reads a part of the table, and says where in it something is wrong.
fn part<T: for<'de> Deserialize<'de>>(table: Table) -> Result<T, String> {
    serde_path_to_error::deserialize(table).map_err(|error| {
        let why = error.inner().message().to_owned();
        match error.path().to_string().as_str() {
            "." => why,
            path => format!("{path}: {why}"),
        }
    })
}

impl Connection {
    /// Host and port.
    pub(crate) fn host_and_port(&self) -> Result<(&str, u16), &'static str> {
        const WRONG: &str = "write a host, or host:port, such as pbx.example:5038";
        let default = if self.tls { TLS_PORT } else { PORT };
        let address = self.address.trim();
        if let Some((host, rest)) = address
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'))
        {
            let port = match rest.strip_prefix(':') {
                Some(port) => port.parse().map_err(|_no_port| WRONG)?,
                None if rest.is_empty() => default,
                None => return Err(WRONG),
            };
            return Ok((host, port));
        }
        let (host, port) = match address.split_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_no_port| WRONG)?),
            None => (address, default),
        };
        let is_host = !host.is_empty() && !host.contains(['/', ' ', '@']) && port > 0;
        is_host.then_some((host, port)).ok_or(WRONG)
    }
}

fn yes() -> bool {
    true
}

fn ten_minutes() -> u32 {
    10
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Asterisk, String> {
        let table: Table = text.parse().unwrap();
        Asterisk::deserialize(table).map_err(|error| error.message().to_owned())
    }

    const SMALL: &str =
        "name = \"office\"\naddress = \"pbx.example\"\nuser = \"hub\"\npassword = \"secret\"\n";

    #[test]
    fn a_pbx_has_a_connection_and_settings_of_calls() {
        let pbx = read(&format!(
            "{SMALL}default_user = 7\n[endpoints]\ntrunks = [\"provider*\"]\n[missed.task]\ndeadline_minutes = 5\n"
        ))
        .unwrap();
        assert_eq!(pbx.calls.default_user, Some(7));
        assert_eq!(pbx.calls.missed.task.deadline_minutes, 5);
        assert!(pbx.connection.endpoints.trunks[0].matches("provider-1"));
        assert!(pbx.connection.enabled && !pbx.connection.tls);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (more, place) in [
            ("colour = 1", "colour"),
            ("[endpoints]\ntrunk = []", "endpoints"),
            ("[missed.task]\ndeadline = 5", "missed.task"),
            ("late_after_s = \"soon\"", "late_after_s"),
        ] {
            let Err(why) = read(&format!("{SMALL}{more}")) else {
                panic!("{more} was taken");
            };
            assert!(why.contains(place), "{more}: {why}");
        }
    }

    #[test]
    fn an_address_is_a_host_and_a_port() {
        let mut connection = read(SMALL).unwrap().connection;
        let mut check = |address: &str, tls: bool, expected: Option<(&str, u16)>| {
            (connection.address, connection.tls) = (address.to_owned(), tls);
            assert_eq!(connection.host_and_port().ok(), expected, "{address}");
        };
        check("pbx.example", false, Some(("pbx.example", 5038)));
        check("pbx.example", true, Some(("pbx.example", 5039)));
        check("127.0.0.1:7000", true, Some(("127.0.0.1", 7000)));
        check("[::1]", false, Some(("::1", 5038)));
        check("[::1]:7000", false, Some(("::1", 7000)));
        for wrong in [
            "",
            ":5038",
            "pbx.example:0",
            "pbx:x",
            "http://pbx",
            "[::1]x",
            "a b",
        ] {
            check(wrong, false, None);
        }
    }
}

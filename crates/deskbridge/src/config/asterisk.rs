//! `[[asterisk]]`: a PBX, who may follow it, and where its calls are carried to.

use std::{net::IpAddr, path::PathBuf};

use deskbridge_calls::{decide::tracker, settings::SettingsSource};
use ipnet::IpNet;
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
#[expect(
    clippy::struct_excessive_bools,
    reason = "settings as administrators write them, each by itself"
)]
pub(crate) struct Connection {
    pub(crate) name: String,
    #[serde(default = "yes")]
    pub(crate) enabled: bool,
    pub(crate) address: String,
    pub(crate) user: String,
    pub(crate) password: SecretSource,
    #[serde(default)]
    pub(crate) plain_login: bool,
    /// Whether the PBX is told to send only the events that are needed.
    #[serde(default = "yes")]
    pub(crate) event_filters: bool,
    #[serde(default)]
    pub(crate) tls: bool,
    pub(crate) tls_name: Option<String>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) certificate_file: Option<PathBuf>,
    pub(crate) crm: Option<String>,
    pub(crate) helpdesk: Option<String>,
    #[serde(default, deserialize_with = "secret::list")]
    pub(crate) lookup_tokens: Vec<SecretSource>,
    /// Where the PBX may ask from; anywhere when there is none.
    #[serde(default, deserialize_with = "networks")]
    pub(crate) lookup_networks: Vec<IpNet>,
    #[serde(default = "ten_minutes")]
    pub(crate) users_refresh_minutes: u32,
    #[serde(default = "one_hour")]
    pub(crate) reconcile_minutes: u32,
    #[serde(default = "one_day")]
    pub(crate) reconcile_hours: u32,
    #[serde(default)]
    pub(crate) endpoints: tracker::Settings,
}

/// The settings of [`Connection`]; everything else is one of what becomes of calls.
const CONNECTION: [&str; 19] = [
    "name",
    "enabled",
    "address",
    "user",
    "password",
    "plain_login",
    "event_filters",
    "tls",
    "tls_name",
    "ca_file",
    "certificate_file",
    "crm",
    "helpdesk",
    "lookup_tokens",
    "lookup_networks",
    "users_refresh_minutes",
    "reconcile_minutes",
    "reconcile_hours",
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
pub(super) fn part<T: for<'de> Deserialize<'de>>(table: Table) -> Result<T, String> {
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

/// Networks, or single addresses.
fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let all = Vec::<String>::deserialize(deserializer)?;
    let network = |text: String| {
        let network = text.parse::<IpNet>().ok();
        let network = network.or_else(|| Some(IpNet::from(text.parse::<IpAddr>().ok()?)));
        network.ok_or_else(|| {
            D::Error::custom(format!(
                "{text:?} is no network: write 192.0.2.0/24, or one address"
            ))
        })
    };
    all.into_iter().map(network).collect()
}

fn yes() -> bool {
    true
}

fn ten_minutes() -> u32 {
    10
}

fn one_hour() -> u32 {
    60
}

fn one_day() -> u32 {
    24
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
            ("lookup_networks = [\"192.0.2.0/33\"]", "lookup_networks"),
            ("lookup_networks = [\"office\"]", "lookup_networks"),
        ] {
            let Err(why) = read(&format!("{SMALL}{more}")) else {
                panic!("{more} was taken");
            };
            assert!(why.contains(place), "{more}: {why}");
        }
    }

    #[test]
    fn a_network_is_a_range_or_one_address() {
        let networks = "lookup_networks = [\"192.0.2.0/24\", \"198.51.100.7\", \"2001:db8::/32\"]";
        let networks = read(&format!("{SMALL}{networks}")).unwrap();
        let networks = networks.connection.lookup_networks;
        let check = |address: &str, expected: bool| {
            let address: IpAddr = address.parse().unwrap();
            let is_in = networks.iter().any(|network| network.contains(&address));
            assert_eq!(is_in, expected, "{address}");
        };
        check("192.0.2.255", true);
        check("192.0.3.0", false);
        check("198.51.100.7", true);
        check("198.51.100.8", false);
        check("2001:db8::1", true);
        check("::1", false);
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

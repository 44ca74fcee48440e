//! Opening: the address, how connections are made, and what the server must promise.

use std::{net::IpAddr, path::PathBuf, sync::Arc, time::Duration};

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use deskbridge_core::Secret;
use tokio_postgres::{
    Config,
    config::{Host, SslMode, TargetSessionAttrs},
};

use super::{
    Database, Link, clock::DatabaseClock, failed, intake::Intake, migrating, tls::Tls,
    turns::database_now,
};
use crate::{Error, Result};

/// How long it may take to connect, and to get a connection that is free.
const CONNECT_FOR: Duration = Duration::from_secs(5);
/// After how long a connection on which nothing moves is asked whether it is still there, and how long data may
/// wait to be confirmed before it is not.
const SILENCE_FOR: Duration = Duration::from_secs(20);
/// What the server is told about every connection: how long it goes on with a statement, waits for a lock, and keeps
/// a transaction in which nothing happens. In milliseconds. A node that freezes in a transaction loses it, and its
/// locks, before those who wait for them give up.
const LIMITS: &str =
    "-c statement_timeout=30000 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=3000";

/// How a PostgreSQL database is used.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// The schema that holds everything; it is created where it is missing. Letters, digits and underscores.
    pub schema: String,
    /// A file of certificates in PEM that alone are trusted to vouch for the server; without it those of the machine.
    pub root_certificate: Option<PathBuf>,
    /// Connections at most, three at least. The server must have room for those of all nodes.
    pub connections_max: usize,
    /// Bodies of events that may wait to be written, in bytes.
    pub waiting_bytes_max: usize,
}

impl Default for PostgresOptions {
    /// The schema `deskbridge`, the machine's certificates, 10 connections, 64 MiB of waiting bodies.
    fn default() -> Self {
        Self {
            schema: "deskbridge".to_owned(),
            root_certificate: None,
            connections_max: 10,
            waiting_bytes_max: 64 << 20,
        }
    }
}

impl Database {
    pub(crate) async fn open(address: &Secret, options: &PostgresOptions) -> Result<Self> {
        let schema = checked_schema(&options.schema)?;
        let (config, server) = config_of(address, schema)?;
        let needs_tls = config.get_ssl_mode() != SslMode::Disable;
        let tls = Tls::new(options.root_certificate.as_deref(), needs_tls)?;
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let clock = DatabaseClock::default();
        let connect = |connections_max| {
            let manager = Manager::from_config(config.clone(), tls.clone(), recycling.clone());
            let pool = Pool::builder(manager)
                .max_size(connections_max)
                .wait_timeout(Some(CONNECT_FOR))
                .create_timeout(Some(CONNECT_FOR * 2))
                .runtime(Runtime::Tokio1)
                .build()
                .map_err(|error| Error::Address {
                    why: error.to_string(),
                })?;
            Ok(Link {
                pool,
                server: server.clone(),
                schema: schema.to_owned(),
                // Given anew by the database, below.
                node: uuid::Uuid::nil(),
                clock: clock.clone(),
            })
        };
        let mut life = connect(1)?;
        let mut link = connect(options.connections_max.max(3) - 1)?;
        link.require_durability().await?;
        migrating::bring_up_to_date(&link).await?;
        link.node = link.new_node().await?;
        life.node = link.node;
        let link = Arc::new(link);
        let intake = Intake::start(&link, options.waiting_bytes_max);
        Ok(Self {
            link,
            life: Arc::new(life),
            intake,
        })
    }
}

impl Link {
    /// Refuses a server that forgets what it acknowledged when it loses its power.
    async fn require_durability(&self) -> Result<()> {
        const SETTINGS: &str =
            "SELECT current_setting('fsync'), current_setting('full_page_writes'),
            current_setting('synchronous_commit'), current_setting('server_encoding'),
            current_setting('server_version_num')";
        let row = self
            .read((), |client, ()| {
                Box::pin(async move {
                    client
                        .query_one(SETTINGS, &[])
                        .await
                        .map_err(failed("say its settings"))
                })
            })
            .await?;
        let settings = [
            ("fsync", super::column(&row, 0)?),
            ("full_page_writes", super::column(&row, 1)?),
            ("synchronous_commit", super::column(&row, 2)?),
            ("server_encoding", super::column(&row, 3)?),
            ("server_version_num", super::column(&row, 4)?),
        ];
        settings.into_iter().try_for_each(safe)
    }

    /// The number of this process among those that share the database, never given twice; what the database's clock
    /// shows is learnt with it.
    async fn new_node(&self) -> Result<uuid::Uuid> {
        const NODE: &str = concat!("SELECT gen_random_uuid(), ", database_now!());
        let (node, asked_at, shown) = self
            .read((), |client, ()| {
                Box::pin(async move {
                    let asked_at = DatabaseClock::asked_at();
                    let row = client.query_one(NODE, &[]).await;
                    let row = row.map_err(failed("number a node"))?;
                    Ok((super::column(&row, 0)?, asked_at, super::column(&row, 1)?))
                })
            })
            .await?;
        self.clock.learn(asked_at, shown);
        Ok(node)
    }
}

/// Whether a server with this setting keeps what it is given.
fn safe((setting, answered): (&'static str, String)) -> Result<()> {
    let remedy = match (setting, answered.as_str()) {
        ("fsync", "off") => {
            "what was acknowledged would be lost with the machine's power: set fsync = on in postgresql.conf and reload"
        }
        ("full_page_writes", "off") => {
            "a power loss could tear pages: set full_page_writes = on in postgresql.conf and reload"
        }
        ("synchronous_commit", "off") => {
            "a commit would be acknowledged before it is on disk: set synchronous_commit = on in postgresql.conf, or for this role with ALTER ROLE ... SET synchronous_commit = on"
        }
        ("server_encoding", encoding) if encoding != "UTF8" => {
            "not every text could be stored: create the database with ENCODING 'UTF8'"
        }
        ("server_version_num", number)
            if number.parse().is_ok_and(|number: u32| number < 130_000) =>
        {
            "versions before 13 are not maintained any more: upgrade the server"
        }
        _ => return Ok(()),
    };
    Err(Error::Unsafe {
        setting,
        answered,
        remedy,
    })
}

/// A schema is named in a setting of the connection, where quotes are trouble.
fn checked_schema(schema: &str) -> Result<&str> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    if schema.is_empty() || schema.len() > 63 || !schema.chars().all(plain) {
        return Err(Error::Address {
            why: format!("the schema `{schema}` is not made of letters, digits and underscores"),
        });
    }
    Ok(schema)
}

/// How to connect, and the server's name for errors.
fn config_of(address: &Secret, schema: &str) -> Result<(Config, String)> {
    let unreadable = || {
        Error::Address {
        why: "it does not read as postgres://user:password@host:5432/database, in which signs such as @ / : ? # % of user and password are written as %40 %2F %3A %3F %23 %25"
            .to_owned(),
    }
    };
    // The parser's error may quote a part of the address, and a password with a stray sign in it ends up anywhere.
    let parsed = address.expose().parse();
    let mut config: Config = parsed.map_err(|_quotes_it| unreadable())?;
    if is_torn(&config) {
        return Err(unreadable());
    }
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(Error::Address {
            why: "it names no host".to_owned(),
        });
    }
    let is_local = config.get_hosts().iter().all(is_loopback)
        && config.get_hostaddrs().iter().all(IpAddr::is_loopback);
    if config.get_ssl_mode() == SslMode::Prefer {
        // Never in the clear by accident: over a network TLS is required unless it is disabled in so many words, and
        // on this machine, where servers often come with a certificate that nobody vouches for, it is for who asks.
        config.ssl_mode(match is_local {
            true => SslMode::Disable,
            false => SslMode::Require,
        });
    }
    let options = config.get_options().unwrap_or_default();
    let options = format!("{LIMITS} {options} -c search_path={schema}");
    config
        .options(options)
        .keepalives_idle(SILENCE_FOR)
        .tcp_user_timeout(SILENCE_FOR);
    if config.get_application_name().is_none() {
        config.application_name("deskbridge");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_FOR);
    }
    if config.get_hosts().len() > 1 {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    let server = server_of(&config);
    Ok((config, server))
}

/// Whether a stray sign has brought a part of the password to where a host or a database is named.
fn is_torn(config: &Config) -> bool {
    let is_odd = |name: &str| {
        let plain = |letter: char| letter.is_alphanumeric() || "-._".contains(letter);
        name.parse::<IpAddr>().is_err() && !name.chars().all(plain)
    };
    let hosts = config.get_hosts().iter();
    let mut names = hosts.filter_map(|host| match host {
        Host::Tcp(name) => Some(name.as_str()),
        Host::Unix(_) => None,
    });
    names.any(is_odd) || config.get_dbname().is_some_and(|name| name.contains('@'))
}

fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost"
                || name
                    .parse()
                    .is_ok_and(|address: IpAddr| address.is_loopback())
        }
        Host::Unix(_) => true,
    }
}

fn server_of(config: &Config) -> String {
    let ports = config.get_ports();
    let hosts = config.get_hosts().iter().enumerate().map(|(place, host)| {
        let port = ports.get(place).or(ports.first()).copied().unwrap_or(5432);
        match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            Host::Unix(path) => path.display().to_string(),
        }
    });
    let named = hosts.collect::<Vec<_>>().join(", ");
    match named.is_empty() {
        true => config
            .get_hostaddrs()
            .iter()
            .map(IpAddr::to_string)
            .collect::<Vec<_>>()
            .join(", "),
        false => named,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(address: &str) -> (Config, String) {
        config_of(&Secret::new(address), "s").unwrap()
    }

    #[test]
    fn nothing_goes_over_a_network_in_the_clear_by_accident() {
        let check = |address: &str, mode: SslMode| {
            assert_eq!(config(address).0.get_ssl_mode(), mode, "{address}");
        };
        check("postgres://u:p@127.0.0.1/d", SslMode::Disable);
        check("postgres://u:p@localhost,[::1]/d", SslMode::Disable);
        check(
            "postgres://u:p@localhost/d?sslmode=require",
            SslMode::Require,
        );
        check("postgres://u:p@db.example/d", SslMode::Require);
        check(
            "postgres://u:p@db.example/d?sslmode=prefer",
            SslMode::Require,
        );
        check("postgres://u:p@localhost,db.example/d", SslMode::Require);
        check(
            "postgres://u:p@db.example/d?sslmode=disable",
            SslMode::Disable,
        );
        check("host=localhost hostaddr=192.0.2.1 user=u", SslMode::Require);
    }

    #[test]
    fn an_address_that_cannot_be_used_is_never_shown() {
        for address in [
            "postgres://u:sesame@/d",
            "postgres://u:ses@ame@db.example/d",
            "postgres://u:s:es@ame:sesame@db.example/d",
            "postgres://u:sesame@db.example/d?sesame=1",
            "postgres://u:sesame@db.example:sesame/d",
            "sesame",
            "",
        ] {
            let Err(error) = config_of(&Secret::new(address), "s") else {
                panic!("{address} was taken");
            };
            let shown = format!("{error} {error:?}");
            assert!(
                !shown.contains("sesame") && !shown.contains("ame@"),
                "{shown}"
            );
        }
    }

    #[test]
    fn errors_name_the_server_and_not_the_user() {
        assert_eq!(
            config("postgres://u:p@a.example,b.example:77/d").1,
            "a.example:5432, b.example:77"
        );
        assert_eq!(config("host=/run/postgresql user=u").1, "/run/postgresql");
    }

    #[test]
    fn a_server_that_forgets_or_changes_what_it_is_given_is_refused() {
        let check = |setting, answered: &str, is_safe| {
            let judged = safe((setting, answered.to_owned()));
            assert_eq!(judged.is_ok(), is_safe, "{setting} {answered}");
        };
        for setting in ["fsync", "full_page_writes", "synchronous_commit"] {
            check(setting, "off", false);
            check(setting, "on", true);
        }
        check("synchronous_commit", "remote_apply", true);
        check("server_encoding", "UTF8", true);
        check("server_encoding", "SQL_ASCII", false);
        check("server_version_num", "120022", false);
        check("server_version_num", "180001", true);
    }

    #[test]
    fn a_schema_is_a_plain_word() {
        assert!(checked_schema("deskbridge_2").is_ok());
        for schema in ["", "a b", "a,b", "a\"", "a-b", &"a".repeat(64)] {
            assert!(checked_schema(schema).is_err(), "{schema}");
        }
    }
}

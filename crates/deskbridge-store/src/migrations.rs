//! Bringing a database's schema up to date: numbered changes, forward only, each recorded with its
//! checksum.

use rusqlite::{Connection, OptionalExtension as _};
use sha2::{Digest as _, Sha256};

use crate::{Error, Result};

/// One numbered change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Migration {
    pub(crate) version: u32,
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

/// All changes of the SQLite schema, in order.
pub(crate) const SQLITE: &[Migration] = &[
    Migration {
        version: 1,
        name: "effects_and_answers",
        sql: include_str!("../migrations/sqlite/0001_effects_and_answers.sql"),
    },
    Migration {
        version: 2,
        name: "events",
        sql: include_str!("../migrations/sqlite/0002_events.sql"),
    },
    Migration {
        version: 3,
        name: "leases",
        sql: include_str!("../migrations/sqlite/0003_leases.sql"),
    },
    Migration {
        version: 4,
        name: "what_events_take",
        sql: include_str!("../migrations/sqlite/0004_what_events_take.sql"),
    },
    Migration {
        version: 5,
        name: "calls",
        sql: include_str!("../migrations/sqlite/0005_calls.sql"),
    },
    Migration {
        version: 6,
        name: "sealed",
        sql: include_str!("../migrations/sqlite/0006_sealed.sql"),
    },
    Migration {
        version: 7,
        name: "imports",
        sql: include_str!("../migrations/sqlite/0007_imports.sql"),
    },
];

/// All changes of the PostgreSQL schema, in order.
pub(crate) const POSTGRES: &[Migration] = &[
    Migration {
        version: 1,
        name: "effects_and_answers",
        sql: include_str!("../migrations/postgres/0001_effects_and_answers.sql"),
    },
    Migration {
        version: 2,
        name: "events",
        sql: include_str!("../migrations/postgres/0002_events.sql"),
    },
    Migration {
        version: 3,
        name: "leases",
        sql: include_str!("../migrations/postgres/0003_leases.sql"),
    },
    Migration {
        version: 4,
        name: "calls",
        sql: include_str!("../migrations/postgres/0004_calls.sql"),
    },
    Migration {
        version: 5,
        name: "sealed",
        sql: include_str!("../migrations/postgres/0005_sealed.sql"),
    },
    Migration {
        version: 6,
        name: "imports",
        sql: include_str!("../migrations/postgres/0006_imports.sql"),
    },
];

impl Migration {
    /// Says in the database's ledger what exactly was applied.
    pub(crate) fn checksum(&self) -> String {
        Sha256::digest(self.sql.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// Those changes that a database does not have, given the versions and checksums of those that it has.
pub(crate) fn missing<'m>(
    applied: &[(u32, String)],
    migrations: &'m [Migration],
) -> Result<Vec<&'m Migration>> {
    let newest = |versions: &mut dyn Iterator<Item = u32>| versions.max().unwrap_or(0);
    let found = newest(&mut applied.iter().map(|(version, _)| *version));
    let known = newest(&mut migrations.iter().map(|migration| migration.version));
    if found > known {
        return Err(Error::Newer { found, known });
    }
    let mut missing = Vec::new();
    for migration in migrations {
        let version = migration.version;
        match applied.iter().find(|(applied, _)| *applied == version) {
            None => missing.push(migration),
            Some((_, checksum)) if *checksum == migration.checksum() => {}
            Some(_) => return Err(Error::ChangedHistory { version }),
        }
    }
    Ok(missing)
}

/// The changes that a SQLite database has, with their checksums.
pub(crate) fn applied(connection: &Connection) -> rusqlite::Result<Vec<(u32, String)>> {
    let mut statement = connection.prepare("SELECT version, checksum FROM migration")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

const LEDGER: &str = "CREATE TABLE IF NOT EXISTS migration (
    version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL) STRICT";

/// The version that the database has; 0 for a new one.
pub(crate) fn current_version(connection: &Connection) -> rusqlite::Result<u32> {
    let exists = connection
        .query_row(
            "SELECT 1 FROM sqlite_schema WHERE name = 'migration'",
            [],
            |_| Ok(()),
        )
        .optional()?;
    match exists {
        None => Ok(0),
        Some(()) => connection.query_row(
            "SELECT coalesce(max(version), 0) FROM migration",
            [],
            |row| row.get(0),
        ),
    }
}

/// Applies what is missing, each change in a transaction of its own.
pub(crate) fn apply(connection: &mut Connection, migrations: &[Migration]) -> Result<()> {
    let failed = |what| {
        move |source: rusqlite::Error| Error::Statement {
            what,
            source: source.into(),
        }
    };
    connection
        .execute_batch(LEDGER)
        .map_err(failed("prepare its list of schema changes"))?;
    let applied = applied(connection).map_err(failed("list its schema changes"))?;
    for migration in missing(&applied, migrations)? {
        let version = migration.version;
        apply_one(connection, migration).map_err(|source| Error::Migrate {
            version,
            source: source.into(),
        })?;
        tracing::info!(
            version,
            name = migration.name,
            "The database schema was changed"
        );
    }
    Ok(())
}

fn apply_one(connection: &mut Connection, migration: &Migration) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(migration.sql)?;
    transaction.execute(
        "INSERT INTO migration (version, name, checksum) VALUES (?1, ?2, ?3)",
        (migration.version, migration.name, migration.checksum()),
    )?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Migration = Migration {
        version: 1,
        name: "a",
        sql: "CREATE TABLE a (x INTEGER)",
    };
    const TWO: Migration = Migration {
        version: 2,
        name: "b",
        sql: "CREATE TABLE b (x INTEGER)",
    };

    fn tables(connection: &Connection) -> Vec<String> {
        let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
        let mut statement = connection.prepare(sql).unwrap();
        statement
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(rusqlite::Result::unwrap)
            .collect()
    }

    #[test]
    fn what_is_missing_is_applied_once() {
        let mut connection = Connection::open_in_memory().unwrap();
        assert_eq!(current_version(&connection).unwrap(), 0);
        apply(&mut connection, &[ONE]).unwrap();
        apply(&mut connection, &[ONE, TWO]).unwrap();
        apply(&mut connection, &[ONE, TWO]).unwrap();
        assert_eq!(tables(&connection), ["a", "b", "migration"]);
        assert_eq!(current_version(&connection).unwrap(), 2);
    }

    #[test]
    fn a_newer_database_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        apply(&mut connection, &[ONE, TWO]).unwrap();
        let refused = apply(&mut connection, &[ONE]).unwrap_err();
        assert!(
            matches!(refused, Error::Newer { found: 2, known: 1 }),
            "{refused}"
        );
    }

    #[test]
    fn a_change_that_was_edited_after_it_was_applied_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        apply(&mut connection, &[ONE]).unwrap();
        let edited = Migration {
            sql: "CREATE TABLE a (x TEXT)",
            ..ONE
        };
        let refused = apply(&mut connection, &[edited]).unwrap_err();
        assert!(
            matches!(refused, Error::ChangedHistory { version: 1 }),
            "{refused}"
        );
    }

    #[test]
    fn a_change_that_fails_leaves_nothing_behind() {
        let mut connection = Connection::open_in_memory().unwrap();
        let broken = Migration {
            sql: "CREATE TABLE c (x INTEGER); CREATE TABLE a (y",
            ..TWO
        };
        assert!(apply(&mut connection, &[ONE, broken]).is_err());
        assert_eq!(tables(&connection), ["a", "migration"]);
    }
}

//! Taking care of a database: a copy of it while it is in use, and whether it is whole.

use std::{
    fs::File,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};

use crate::{
    Backend, Error, Result, Store,
    migrations::{self, SQLITE},
    sqlite::{failed, rows},
};

/// Flaws of one kind that are told one by one.
const TOLD_MAX: usize = 20;

/// What a database file holds, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileContents {
    /// The version of its schema.
    pub schema: u32,
    /// Events in it.
    pub events: u64,
    /// Effects in it.
    pub effects: u64,
    /// What is wrong with it, in sentences; nothing when it is whole.
    pub problems: Vec<String>,
}

impl Store {
    /// Copies everything, as it is at one moment, into a file that is missing or empty. The copy is on disk when
    /// this returns; what is written meanwhile is not in it.
    ///
    /// # Errors
    /// When the file holds something, or the copy cannot be written.
    pub async fn backup(&self, file: PathBuf) -> Result<()> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .read(move |connection| copy_into(connection, &file))
                    .await
            }
        }
    }

    /// What is wrong with the database, in sentences; nothing when it is whole. Reads all of it.
    ///
    /// # Errors
    /// When the database cannot be read at all.
    pub async fn check(&self) -> Result<Vec<String>> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database
                    .read(|connection| at_one_moment(connection, problems))
                    .await
            }
        }
    }
}

/// Looks at a database file that nobody has open, without changing it.
///
/// # Errors
/// When it cannot be read, holds no database of this program, or was written by a newer one.
pub fn contents(file: &Path) -> Result<FileContents> {
    let connection = open(file)?;
    at_one_moment(&connection, |connection| {
        let count = |table: &str| -> Result<u64> {
            let sql = format!("SELECT count(*) FROM {table}");
            let number: i64 = connection
                .query_row(&sql, [], |row| row.get(0))
                .map_err(failed("count what it holds"))?;
            Ok(number.unsigned_abs())
        };
        let schema =
            migrations::current_version(connection).map_err(failed("say which schema it has"))?;
        let is_current = schema == newest_schema();
        let problems = if is_current {
            problems(connection)?
        } else {
            // Its tables are those of an older program; they are brought up to date when it is opened.
            damage(connection)?
        };
        Ok(FileContents {
            schema,
            events: if is_current { count("event")? } else { 0 },
            effects: count("effect")?,
            problems,
        })
    })
}

/// Copies a database file that nobody has open into one that is missing or empty, ready to be put in place of a
/// newer state: what is open in it may have been carried out since, so that it is looked for before it is written.
///
/// # Errors
/// As [`contents`], and when the copy cannot be written.
pub fn copy_to_restore(file: &Path, copy: &Path) -> Result<()> {
    const LOOK_FIRST: &str =
        "UPDATE effect SET look_first = 1 WHERE state IN ('pending', 'running')";
    copy_into(&open(file)?, copy)?;
    let opening = |source| Error::Open {
        path: copy.to_owned(),
        source,
    };
    let connection = Connection::open(copy).map_err(opening)?;
    connection
        .execute(LOOK_FIRST, [])
        .map_err(failed("mark what may have been carried out since"))?;
    connection.close().map_err(|(_, source)| opening(source))?;
    sync(copy)
}

/// Brings what stands in the log of a database into its file, so that the file is all of it; `false` when somebody is
/// reading or writing it.
///
/// # Errors
/// When the database cannot be opened or read.
pub fn fold_log(file: &Path) -> Result<bool> {
    const FOLD: &str = "PRAGMA wal_checkpoint(TRUNCATE)";
    let opening = |source| Error::Open {
        path: file.to_owned(),
        source,
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags).map_err(opening)?;
    connection.busy_timeout(Duration::ZERO).map_err(opening)?;
    let is_busy: bool = connection
        .query_row(FOLD, [], |row| row.get(0))
        .map_err(failed("bring its log into its file"))?;
    connection.close().map_err(|(_, source)| opening(source))?;
    Ok(!is_busy)
}

/// Opens a file of ours to read it.
fn open(file: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opening = |source| Error::Open {
        path: file.to_owned(),
        source,
    };
    let connection = Connection::open_with_flags(file, flags).map_err(opening)?;
    match migrations::current_version(&connection).map_err(opening)? {
        0 => Err(Error::Foreign {
            path: file.to_owned(),
        }),
        found if found > newest_schema() => Err(Error::Newer {
            found,
            known: newest_schema(),
        }),
        _ => Ok(connection),
    }
}

fn newest_schema() -> u32 {
    SQLITE
        .iter()
        .map(|change| change.version)
        .max()
        .unwrap_or_default()
}

fn copy_into(connection: &Connection, file: &Path) -> Result<()> {
    let name = file
        .to_str()
        .ok_or_else(|| rusqlite::Error::InvalidPath(file.to_owned()));
    name.and_then(|name| connection.execute("VACUUM INTO ?1", [name]))
        .map_err(|source| Error::Backup {
            path: file.to_owned(),
            source,
        })?;
    sync(file)
}

/// SQLite itself does not wait until a copy is on disk.
fn sync(file: &Path) -> Result<()> {
    File::open(file)
        .and_then(|file| file.sync_all())
        .map_err(|source| Error::Sync {
            path: file.to_owned(),
            source,
        })
}

/// Lets several questions see the same state, whoever writes meanwhile.
fn at_one_moment<T>(
    connection: &Connection,
    look: impl FnOnce(&Connection) -> Result<T>,
) -> Result<T> {
    let moment = connection
        .unchecked_transaction()
        .map_err(failed("hold a moment"))?;
    let seen = look(&moment);
    moment.finish().map_err(failed("let a moment go"))?;
    seen
}

/// What is wrong with the tables and with what stands in them.
fn problems(connection: &Connection) -> Result<Vec<String>> {
    let mut problems = damage(connection)?;
    if !problems.is_empty() {
        // What damaged pages say of what they hold means nothing.
        return Ok(problems);
    }
    for (sql, sentence) in INVARIANTS {
        let found = broken(connection, sql)?;
        if let Some(first) = found.first() {
            let more = match found.len() {
                1 => String::new(),
                number if number > TOLD_MAX => ", and many more".to_owned(),
                number => format!(", and {} more", number - 1),
            };
            problems.push(sentence.replace("{}", &format!("{first}{more}")));
        }
    }
    Ok(problems)
}

/// What SQLite itself finds: pages that cannot be read, indices that do not fit their tables.
fn damage(connection: &Connection) -> Result<Vec<String>> {
    let checking = failed("check its pages");
    let sql = format!("PRAGMA integrity_check({TOLD_MAX})");
    let mut statement = connection.prepare_cached(&sql).map_err(&checking)?;
    let found: Vec<String> = rows(&mut statement, [], &checking, |row| Ok(Ok(row.get(0)?)))
        .or_else(|error| match error {
            // Some damage ends the check itself.
            Error::Statement { source, .. } => Ok(vec![source.to_string()]),
            other => Err(other),
        })?;
    let found = found.into_iter().filter(|line| line != "ok");
    Ok(found
        .map(|line| format!("The file is damaged: {line}."))
        .collect())
}

fn broken(connection: &Connection, sql: &str) -> Result<Vec<String>> {
    let checking = failed("check what it holds");
    let sql = format!("{sql} LIMIT {}", TOLD_MAX + 1);
    let mut statement = connection.prepare_cached(&sql).map_err(&checking)?;
    rows(&mut statement, [], &checking, |row| Ok(Ok(row.get(0)?)))
}

/// What always holds: a query that finds what breaks it, and how to say that. Found are names of rows.
const INVARIANTS: [(&str, &str); 11] = [
    (
        "SELECT id FROM (SELECT ordering_key AS id, sum(at_head) AS heads FROM effect
            WHERE state IN ('pending', 'running') GROUP BY ordering_key) WHERE heads <> 1",
        "Of the open effects of one key exactly one has its turn, which does not hold for the key {}.",
    ),
    (
        "SELECT 'eff_' || lower(hex(id)) FROM effect WHERE at_head = 1 AND state NOT IN ('pending', 'running')",
        "An effect has its turn although it has ended: {}.",
    ),
    (
        "SELECT 'eff_' || lower(hex(id)) FROM effect WHERE at_head = 0 AND state = 'running'",
        "An effect is being carried out although it is not its turn: {}.",
    ),
    (
        "SELECT id FROM (SELECT ordering_key AS id, sum(at_head) AS heads FROM event_turn
            WHERE state IN ('pending', 'running') GROUP BY ordering_key) WHERE heads <> 1",
        "Of the open events of one key exactly one has its turn, which does not hold for the key {}.",
    ),
    (
        "SELECT CAST(sequence AS TEXT) FROM event_turn WHERE at_head = 1 AND state NOT IN ('pending', 'running')",
        "An event has its turn although it has ended: number {}.",
    ),
    (
        "SELECT CAST(sequence AS TEXT) FROM event_turn WHERE at_head = 0 AND state = 'running'",
        "An event is being carried out although it is not its turn: number {}.",
    ),
    (
        "SELECT 'evt_' || lower(hex(id)) FROM event WHERE sequence <= (SELECT admitted_to FROM event_cursor)
            AND NOT EXISTS (SELECT 1 FROM event_turn t WHERE t.sequence = event.sequence)",
        "An event will never have its turn: {}.",
    ),
    (
        "SELECT CAST(t.sequence AS TEXT) FROM event_turn t LEFT JOIN event e USING (sequence)
            WHERE e.sequence IS NULL OR e.ordering_key <> t.ordering_key",
        "The turn of an event does not fit the event: number {}.",
    ),
    (
        "SELECT CAST(event AS TEXT) FROM event_effect
            WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.sequence = event_effect.event)",
        "An effect was caused by an event that is not there: number {}.",
    ),
    (
        "SELECT 'none' WHERE NOT EXISTS (SELECT 1 FROM event_cursor)",
        "Nothing says how far events have had their turn: {}.",
    ),
    (
        "SELECT l.connection || ' ' || l.object || ' ' || l.id FROM link l WHERE NOT EXISTS (
            SELECT 1 FROM link o WHERE o.connection = l.other_connection AND o.object = l.other_object
                AND o.id = l.other_id AND o.other_connection = l.connection
                AND o.other_object = l.object AND o.other_id = l.id)",
        "A link leads in one direction only: from {}.",
    ),
];

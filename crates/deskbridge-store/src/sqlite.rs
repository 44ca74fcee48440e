//! One SQLite file: a writer thread that commits in groups, and connections for readers.

pub(crate) mod keys;
pub(crate) mod space;
pub(crate) mod turns;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, OpenFlags, Params, Row};
use tokio::sync::Semaphore;

use self::{
    keys::Keys,
    space::{Limits, Space},
    writer::{Desk, Writer},
};
use crate::{
    Error, Result, checks,
    events::{Accepted, Arrival},
    migrations,
};

/// How many reads may run at once.
const READERS: usize = 4;
/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 128;

/// A database. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    mode: Arc<Mode>,
    space: Arc<Space>,
}

#[derive(Debug)]
enum Mode {
    /// The file: one writer thread, reads on Tokio's blocking threads.
    Threads { writer: Writer, readers: Readers },
    /// In memory, on the caller's thread.
    Inline(Box<Mutex<Desk>>),
}

#[derive(Debug)]
struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Semaphore,
}

impl Database {
    pub(crate) fn open(path: &Path, limits: Limits) -> Result<Self> {
        let opening = |source: rusqlite::Error| Error::Open {
            path: path.to_owned(),
            source: source.into(),
        };
        let mut connection = Connection::open(path).map_err(opening)?;
        configure(&connection)?;
        require(&connection, "journal_mode", "wal")?;
        let version = migrations::current_version(&connection).map_err(opening)?;
        if version > 0
            && migrations::SQLITE
                .iter()
                .any(|migration| migration.version > version)
        {
            copy_beside(&connection, path, version)?;
        }
        migrations::apply(&mut connection, migrations::SQLITE)?;
        let readers = Readers {
            path: path.to_owned(),
            idle: Mutex::default(),
            permits: Semaphore::new(READERS),
        };
        let space = Arc::new(Space::new(path, limits));
        space.recover();
        let desk = Desk {
            connection,
            keys: Keys::default(),
            space: Arc::clone(&space),
        };
        let writer = Writer::start(desk, limits.waiting_bytes_max);
        Ok(Self {
            mode: Arc::new(Mode::Threads { writer, readers }),
            space,
        })
    }

    pub(crate) fn open_inline() -> Result<Self> {
        let mut connection = Connection::open_in_memory().map_err(|source| Error::Open {
            path: PathBuf::from(":memory:"),
            source: source.into(),
        })?;
        configure(&connection)?;
        migrations::apply(&mut connection, migrations::SQLITE)?;
        let space = Arc::new(Space::new(Path::new(":memory:"), Limits::default()));
        let desk = Desk {
            connection,
            keys: Keys::default(),
            space: Arc::clone(&space),
        };
        Ok(Self {
            mode: Arc::new(Mode::Inline(Box::new(Mutex::new(desk)))),
            space,
        })
    }

    /// Runs `job` in a write transaction; what it did is on disk when this returns `Ok`.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        match &*self.mode {
            Mode::Threads { writer, .. } => writer.run(job).await,
            Mode::Inline(desk) => {
                let mut desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
                desk.run_alone(job)
            }
        }
    }

    /// Writes an event, or counts it on the one that it repeats; that is on disk when this returns `Ok`.
    pub(crate) async fn accept(&self, arrival: Arrival) -> Result<Accepted> {
        match &*self.mode {
            Mode::Threads { writer, .. } => writer.accept(arrival).await,
            Mode::Inline(desk) => {
                let mut desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
                desk.accept_alone(arrival)
            }
        }
    }

    /// Makes the ballast where it is missing; whether events are taken.
    pub(crate) async fn recover_room(&self) -> Result<bool> {
        let space = Arc::clone(&self.space);
        tokio::task::spawn_blocking(move || space.recover())
            .await
            .map_err(|_panicked| Error::Closed)
    }

    /// Runs `job` on a connection that must only read.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        match &*self.mode {
            Mode::Inline(desk) => {
                let desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
                job(&desk.connection)
            }
            Mode::Threads { readers, .. } => {
                let _permit = readers
                    .permits
                    .acquire()
                    .await
                    .map_err(|_closed| Error::Closed)?;
                let mode = Arc::clone(&self.mode);
                let read = move || match &*mode {
                    Mode::Threads { readers, .. } => readers.run(job),
                    Mode::Inline(_) => Err(Error::Closed),
                };
                tokio::task::spawn_blocking(read)
                    .await
                    .map_err(|_panicked| Error::Closed)?
            }
        }
    }
}

impl Readers {
    fn run<T>(&self, job: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let answer = job(&connection);
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(connection);
        answer
    }

    fn connect(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(&self.path, flags).map_err(|source| Error::Open {
            path: self.path.clone(),
            source: source.into(),
        })
    }
}

fn configure(connection: &Connection) -> Result<()> {
    let failed = failed("take its settings");
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection
        .busy_timeout(std::time::Duration::from_secs(5))
        .map_err(&failed)?;
    for (setting, value) in [
        ("journal_mode", "wal"),
        ("synchronous", "full"),
        ("foreign_keys", "on"),
        ("temp_store", "memory"),
        // KiB, negative as SQLite wants them: most of the duplicate keys of a million events.
        ("cache_size", "-16384"),
    ] {
        connection
            .pragma_update(None, setting, value)
            .map_err(&failed)?;
    }
    require(connection, "synchronous", "2")
}

fn require(connection: &Connection, setting: &'static str, wanted: &'static str) -> Result<()> {
    let answered = connection
        .pragma_query_value(None, setting, |row| row.get::<_, rusqlite::types::Value>(0))
        .map_err(failed("say its settings"))?;
    let answered = match answered {
        rusqlite::types::Value::Text(text) => text,
        rusqlite::types::Value::Integer(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    if answered == wanted {
        Ok(())
    } else {
        Err(Error::Setting {
            setting,
            wanted,
            answered,
        })
    }
}

/// Copies the database before its schema changes, so that an older program can be put back.
fn copy_beside(connection: &Connection, path: &Path, version: u32) -> Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".schema-{version}"));
    let copy = PathBuf::from(name);
    if copy.symlink_metadata().is_ok() {
        match checks::check_file(&copy) {
            Ok(checked) if checked.findings.is_empty() && checked.schema == version => {
                return Ok(());
            }
            // It was begun and not ended.
            _ => std::fs::remove_file(&copy).map_err(|source| Error::File {
                what: "remove what is no copy:",
                path: copy.clone(),
                source,
            })?,
        }
    }
    checks::backup(connection, &copy)?;
    Ok(())
}

/// Names what a failed statement was to do.
pub(crate) fn failed(what: &'static str) -> impl Fn(rusqlite::Error) -> Error {
    move |source| Error::Statement {
        what,
        source: source.into(),
    }
}

/// A time as stored.
pub(crate) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// A time as read.
pub(crate) fn time(micros: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(micros).map_err(|error| Error::Corrupt {
        what: "time",
        why: error.to_string(),
    })
}

/// All rows of a query, each read by `read`.
pub(crate) fn rows<T>(
    statement: &mut CachedStatement<'_>,
    parameters: impl Params,
    failed: impl Fn(rusqlite::Error) -> Error,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<Result<T>>,
) -> Result<Vec<T>> {
    let found = statement.query_map(parameters, read).map_err(&failed)?;
    found.map(|row| row.map_err(&failed)?).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(connection: &Connection, x: i64) -> Result<usize> {
        connection
            .execute("INSERT INTO t VALUES (?1)", [x])
            .map_err(failed("insert"))
    }

    fn count(connection: &Connection) -> Result<i64> {
        connection
            .query_row("SELECT count(*) FROM t", [], |row| row.get(0))
            .map_err(failed("count"))
    }

    async fn with_table(database: &Database) {
        database
            .write(|connection| {
                connection
                    .execute_batch("CREATE TABLE t (x INTEGER UNIQUE)")
                    .map_err(failed("create"))
            })
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn a_failed_job_does_not_take_its_neighbours_along() {
        let folder = tempfile::tempdir().unwrap();
        let file = Database::open(&folder.path().join("a.db"), Limits::default()).unwrap();
        for database in [file, Database::open_inline().unwrap()] {
            with_table(&database).await;
            let jobs = [1, 2, 2, 3].map(|x| {
                let database = database.clone();
                async move {
                    database
                        .write(move |connection| {
                            insert(connection, 100 + x)?;
                            insert(connection, x)
                        })
                        .await
                }
            });
            let [one, two, again, three] = jobs;
            let (one, two, again, three) = tokio::join!(one, two, again, three);
            assert!(one.is_ok() && two.is_ok() && three.is_ok());
            assert!(again.is_err());
            assert_eq!(database.read(count).await.unwrap(), 6);
        }
    }

    #[tokio::test]
    async fn a_panicking_job_leaves_the_store_usable() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("a.db"), Limits::default()).unwrap();
        with_table(&database).await;
        let panicked = database
            .write(|connection| -> Result<()> {
                insert(connection, 1)?;
                panic!("a bug");
            })
            .await;
        assert!(matches!(panicked, Err(Error::Closed)));
        database
            .write(|connection| insert(connection, 2))
            .await
            .unwrap();
        assert_eq!(database.read(count).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_reader_cannot_write() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("a.db"), Limits::default()).unwrap();
        with_table(&database).await;
        assert!(
            database
                .read(|connection| insert(connection, 1))
                .await
                .is_err()
        );
    }

    #[test]
    fn an_older_database_is_copied_before_its_schema_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let copy = folder.path().join("a.db.schema-3");
        let mut connection = Connection::open(&path).unwrap();
        migrations::apply(&mut connection, &migrations::SQLITE[..3]).unwrap();
        copy_beside(&connection, &path, 3).unwrap();
        let first = std::fs::metadata(&copy).unwrap();
        copy_beside(&connection, &path, 3).unwrap();
        let inode = |file: &std::fs::Metadata| std::os::unix::fs::MetadataExt::ino(file);
        assert_eq!(
            inode(&std::fs::metadata(&copy).unwrap()),
            inode(&first),
            "it is there"
        );
        // One that a program left unfinished.
        let file = std::fs::File::options().write(true).open(&copy).unwrap();
        file.set_len(first.len() / 2).unwrap();
        copy_beside(&connection, &path, 3).unwrap();
        assert_eq!(checks::check_file(&copy).unwrap().schema, 3);
    }
}

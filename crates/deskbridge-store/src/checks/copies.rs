//! Files that hold a SQLite database, or a copy of one.

use std::{fs::File, io, path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags};

use super::{CheckedFile, sqlite};
use crate::{
    Error, Result,
    migrations::{self, SQLITE},
    sqlite::failed,
};

pub(crate) fn backup(connection: &Connection, path: &Path) -> Result<CheckedFile> {
    let exists = || Error::Exists {
        path: path.to_owned(),
    };
    if path.symlink_metadata().is_ok() {
        return Err(exists());
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    // It gets its name when it is whole, and is gone when it never is; only its owner may read it from the start.
    let partial = tempfile::Builder::new()
        .prefix(".deskbridge-")
        .suffix(".partial")
        .tempfile_in(folder)
        .map_err(refused("make a file in", folder))?
        .into_temp_path();
    copy_into(connection, &partial)?;
    let checked = check_file(&partial)?;
    if let Some(finding) = checked.findings.first() {
        return Err(Error::Corrupt {
            what: "copy of the database",
            why: finding.to_string(),
        });
    }
    partial
        .persist_noclobber(path)
        .map_err(|unnamed| match unnamed.error.kind() {
            io::ErrorKind::AlreadyExists => exists(),
            _ => refused("name the copy", path)(unnamed.error),
        })?;
    sync(folder)?;
    Ok(checked)
}

/// Looks through a file that may be a copy of a database, without changing it. It must not be in use.
///
/// # Errors
/// [`Error::NotOurs`] when it is no database of this program, and [`Error::Newer`] or [`Error::ChangedHistory`] when
/// it is one that this program cannot use.
pub fn check_file(path: &Path) -> Result<CheckedFile> {
    let ours = open(path)?;
    sqlite::at_one_moment(&ours.connection, |connection| {
        let count = |table: &str| -> Result<u64> {
            let sql = format!("SELECT count(*) FROM {table}");
            let number: i64 = connection
                .query_row(&sql, [], |row| row.get(0))
                .map_err(failed("count what it holds"))?;
            Ok(number.unsigned_abs())
        };
        // The rules are about the newest schema; an older one is brought up to date when the file is opened.
        let findings = match ours.is_current {
            true => sqlite::check(connection)?,
            false => sqlite::damage(connection)?,
        };
        let is_readable = findings.is_empty();
        Ok(CheckedFile {
            schema: ours.schema,
            events: match is_readable && ours.is_current {
                true => count("event")?,
                false => 0,
            },
            effects: if is_readable { count("effect")? } else { 0 },
            findings,
        })
    })
}

/// Copies a database file that nobody has open into one that is missing or empty, ready to be put in place of a
/// newer state: what is open in it may have been carried out since, so that it is looked for before it is written.
///
/// # Errors
/// As [`check_file`], and when the copy cannot be written.
pub fn copy_to_restore(file: &Path, copy: &Path) -> Result<()> {
    const LOOK_FIRST: &str =
        "UPDATE effect SET look_first = 1 WHERE state IN ('pending', 'running')";
    copy_into(&open(file)?.connection, copy)?;
    let connection = Connection::open(copy).map_err(opening(copy))?;
    connection
        .execute(LOOK_FIRST, [])
        .map_err(failed("mark what may have been carried out since"))?;
    connection
        .close()
        .map_err(|(_, source)| opening(copy)(source))?;
    sync(copy)
}

/// Brings what stands in the log of a database into its file, so that the file is all of it; `false` when somebody is
/// reading or writing it.
///
/// # Errors
/// When the database cannot be opened or read.
pub fn fold_log(file: &Path) -> Result<bool> {
    const FOLD: &str = "PRAGMA wal_checkpoint(TRUNCATE)";
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags).map_err(opening(file))?;
    connection
        .busy_timeout(Duration::ZERO)
        .map_err(opening(file))?;
    let is_busy: bool = connection
        .query_row(FOLD, [], |row| row.get(0))
        .map_err(failed("bring its log into its file"))?;
    connection
        .close()
        .map_err(|(_, source)| opening(file)(source))?;
    Ok(!is_busy)
}

/// A file of ours, to be read.
struct Ours {
    connection: Connection,
    schema: u32,
    is_current: bool,
}

fn open(path: &Path) -> Result<Ours> {
    let not_ours = |why: String| Error::NotOurs {
        path: path.to_owned(),
        why,
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(opening(path))?;
    let schema =
        migrations::current_version(&connection).map_err(|error| not_ours(error.to_string()))?;
    if schema == 0 {
        return Err(not_ours("it has no list of schema changes".to_owned()));
    }
    let applied = migrations::applied(&connection).map_err(|error| not_ours(error.to_string()))?;
    let is_current = migrations::missing(&applied, SQLITE)?.is_empty();
    Ok(Ours {
        connection,
        schema,
        is_current,
    })
}

fn copy_into(connection: &Connection, file: &Path) -> Result<()> {
    let name = file
        .to_str()
        .ok_or_else(|| rusqlite::Error::InvalidPath(file.to_owned()));
    name.and_then(|name| connection.execute("VACUUM INTO ?1", [name]))
        .map_err(|source| Error::Backup {
            path: file.to_owned(),
            source: source.into(),
        })?;
    // SQLite itself does not wait until a copy is on disk.
    sync(file)
}

fn opening(path: &Path) -> impl Fn(rusqlite::Error) -> Error {
    move |source| Error::Open {
        path: path.to_owned(),
        source: source.into(),
    }
}

fn sync(path: &Path) -> Result<()> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(refused("bring to disk", path))
}

fn refused(what: &'static str, path: &Path) -> impl Fn(io::Error) -> Error {
    move |source| Error::File {
        what,
        path: path.to_owned(),
        source,
    }
}

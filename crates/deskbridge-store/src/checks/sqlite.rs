//! Checks and copies of a SQLite database.

use std::{
    fs::{File, OpenOptions},
    io,
    path::Path,
};

use rusqlite::{Connection, OpenFlags};

use super::{CheckedFile, Finding, Rule};
use crate::{
    Error, Result,
    migrations::{self, SQLITE},
    sqlite::failed,
};

const RULES: [Rule; 10] = [
    Rule {
        broken: "ordering keys with effects to carry out do not have one of them at their head",
        count: "SELECT count(*) FROM (SELECT 1 FROM effect WHERE state IN ('pending', 'running')
            GROUP BY ordering_key HAVING sum(at_head) <> 1)",
    },
    Rule {
        broken: "effects are at the head of their key and have ended, or run elsewhere in it",
        count: "SELECT count(*) FROM effect WHERE CASE state
            WHEN 'running' THEN NOT at_head WHEN 'pending' THEN 0 ELSE at_head END",
    },
    Rule {
        broken: "ordering keys with events to carry out do not have one of them at their head",
        count: "SELECT count(*) FROM (SELECT 1 FROM event_turn WHERE state IN ('pending', 'running')
            GROUP BY ordering_key HAVING sum(at_head) <> 1)",
    },
    Rule {
        broken: "events are at the head of their key and have ended, or run elsewhere in it",
        count: "SELECT count(*) FROM event_turn WHERE CASE state
            WHEN 'running' THEN NOT at_head WHEN 'pending' THEN 0 ELSE at_head END",
    },
    Rule {
        broken: "events that should have had their turn have none",
        count: "SELECT count(*) FROM event e WHERE sequence <= (SELECT admitted_to FROM event_cursor)
            AND NOT EXISTS (SELECT 1 FROM event_turn t WHERE t.sequence = e.sequence)",
    },
    Rule {
        broken: "turns are of events that are not there",
        count: "SELECT count(*) FROM event_turn t
            WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.sequence = t.sequence)",
    },
    Rule {
        broken: "repetitions are of events that are not there",
        count: "SELECT count(*) FROM event_repeat r
            WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.sequence = r.sequence)",
    },
    Rule {
        broken: "effects were caused by events that are not there",
        count: "SELECT count(*) FROM event_effect c
            WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.sequence = c.event)",
    },
    Rule {
        broken: "links are not written in both directions",
        count: "SELECT count(*) FROM link a WHERE NOT EXISTS (SELECT 1 FROM link b
            WHERE b.connection = a.other_connection AND b.object = a.other_object AND b.id = a.other_id
                AND b.other_connection = a.connection AND b.other_object = a.object AND b.other_id = a.id)",
    },
    Rule {
        broken: "rows are missing that say how far events have come",
        count: "SELECT 1 - count(*) FROM event_cursor",
    },
];

pub(super) fn check(connection: &Connection) -> Result<Vec<Finding>> {
    let mut findings = sound(connection)?;
    // What is torn cannot be asked anything.
    if findings.is_empty() {
        for rule in &RULES {
            let times = connection
                .query_row(rule.count, [], |row| row.get(0))
                .map_err(failed("check itself"))?;
            findings.extend(rule.finding(times));
        }
    }
    Ok(findings)
}

/// What SQLite finds wrong.
fn sound(connection: &Connection) -> Result<Vec<Finding>> {
    let checking = failed("check itself");
    let mut findings = Vec::new();
    let mut statement = connection
        .prepare("PRAGMA integrity_check")
        .map_err(&checking)?;
    let found = statement.query_map([], |row| row.get::<_, String>(0));
    for found in found.map_err(&checking)? {
        let found = found.map_err(&checking)?;
        if found != "ok" {
            findings.push(Finding(found));
        }
    }
    let mut statement = connection
        .prepare("PRAGMA foreign_key_check")
        .map_err(&checking)?;
    let found = statement.query_map([], |row| row.get::<_, String>(0));
    for table in found.map_err(&checking)? {
        let table = table.map_err(&checking)?;
        findings.push(Finding(format!(
            "a row of {table} names one that is not there"
        )));
    }
    Ok(findings)
}

pub(super) fn backup(connection: &Connection, path: &Path) -> Result<()> {
    let refused = |what| {
        move |source: io::Error| Error::File {
            what,
            path: path.to_owned(),
            source,
        }
    };
    // Made before it is written, so that of two copies at once one is refused, and nobody else ever reads it.
    match new_file(path) {
        Ok(file) => drop(file),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(Error::Exists {
                path: path.to_owned(),
            });
        }
        Err(error) => return Err(refused("make")(error)),
    }
    let written = connection
        .execute("VACUUM INTO ?1", [path.to_string_lossy()])
        .map_err(|source| Error::Backup {
            path: path.to_owned(),
            source: source.into(),
        })
        .and_then(|_| sync(path).map_err(refused("sync")))
        .and_then(|()| check_file(path));
    let failed = match written {
        Ok(CheckedFile { findings, .. }) => match findings.first() {
            None => return Ok(()),
            Some(finding) => Error::Corrupt {
                what: "copy of the database",
                why: finding.to_string(),
            },
        },
        Err(error) => error,
    };
    // Half a copy must not be taken for one.
    std::fs::remove_file(path).map_err(refused("remove"))?;
    Err(failed)
}

fn new_file(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// The file, and its name in its folder.
fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

pub(super) fn check_file(path: &Path) -> Result<CheckedFile> {
    let not_ours = |why: String| Error::NotOurs {
        path: path.to_owned(),
        why,
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|source| Error::Open {
        path: path.to_owned(),
        source: source.into(),
    })?;
    let schema =
        migrations::current_version(&connection).map_err(|error| not_ours(error.to_string()))?;
    if schema == 0 {
        return Err(not_ours("it has no list of schema changes".to_owned()));
    }
    let applied = migrations::applied(&connection).map_err(|error| not_ours(error.to_string()))?;
    let missing = migrations::missing(&applied, SQLITE)?;
    // The rules are about the newest schema.
    let findings = match missing.is_empty() {
        true => check(&connection)?,
        false => sound(&connection)?,
    };
    Ok(CheckedFile { schema, findings })
}

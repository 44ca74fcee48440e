//! Sealed credentials in SQLite.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _};

use super::Sealed;
use crate::{
    Result,
    sqlite::{failed, micros},
};

pub(super) fn read(connection: &Connection, name: &str) -> Result<Option<Sealed>> {
    connection
        .prepare_cached("SELECT revision, body FROM sealed WHERE name = ?1")
        .and_then(|mut statement| {
            let found = statement.query_row([name], |row| {
                let revision: i64 = row.get(0)?;
                Ok(Sealed {
                    revision: revision.unsigned_abs(),
                    body: row.get(1)?,
                })
            });
            found.optional()
        })
        .map_err(failed("read a sealed credential"))
}

pub(super) fn keep(
    connection: &Connection,
    name: &str,
    sealed: &Sealed,
    now: Timestamp,
) -> Result<bool> {
    const FIRST: &str =
        "INSERT INTO sealed (name, revision, body, changed_at) VALUES (?1, ?2 + 1, ?3, ?4)
        ON CONFLICT DO NOTHING";
    const NEXT: &str = "UPDATE sealed SET revision = revision + 1, body = ?3, changed_at = ?4
        WHERE name = ?1 AND revision = ?2";
    let sql = if sealed.revision == 0 { FIRST } else { NEXT };
    let revision = i64::try_from(sealed.revision).unwrap_or(i64::MAX);
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.execute((name, revision, &sealed.body, micros(now))))
        .map(|changed| changed > 0)
        .map_err(failed("keep a sealed credential"))
}

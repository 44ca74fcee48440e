//! What was moved in, in SQLite.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, named_params};

use super::{ImportCount, ImportFilter, ImportRecord, ImportState, Settled, before_of};
use crate::{
    Result,
    sqlite::{failed, micros, rows},
};

const COLUMNS: &str = "kind, id, state, doctype, name, hash, is_made, before, why, run";

pub(super) fn record(
    connection: &Connection,
    source: &str,
    records: &[ImportRecord],
    settled: Option<&(String, Settled)>,
    now: Timestamp,
) -> Result<()> {
    const RECORD: &str = "INSERT INTO import_record
            (source, kind, id, state, doctype, name, hash, is_made, before, why, run, changed_at)
        VALUES (:source, :kind, :id, :state, :doctype, :name, :hash, :is_made, :before, :why, :run, :now)
        ON CONFLICT (source, kind, id) DO UPDATE SET
            run = iif(import_record.state = 'written', import_record.run, excluded.run),
            state = excluded.state, doctype = excluded.doctype,
            name = coalesce(excluded.name, import_record.name),
            hash = excluded.hash, is_made = max(import_record.is_made, excluded.is_made),
            before = coalesce(import_record.before, excluded.before),
            why = excluded.why, changed_at = excluded.changed_at";
    let recording = failed("record what was imported");
    let mut statement = connection.prepare_cached(RECORD).map_err(&recording)?;
    for record in records {
        statement
            .execute(named_params! {
                ":source": source,
                ":kind": record.kind,
                ":id": record.id,
                ":state": record.state.as_str(),
                ":doctype": record.doctype,
                ":name": record.name,
                ":hash": record.hash,
                ":is_made": record.is_made,
                ":before": record.before.as_ref().map(ToString::to_string),
                ":why": record.why,
                ":run": record.run,
                ":now": micros(now),
            })
            .map_err(&recording)?;
    }
    match settled {
        None => Ok(()),
        Some((kind, settled)) => settle(connection, source, kind, settled, now),
    }
}

fn settle(
    connection: &Connection,
    source: &str,
    kind: &str,
    settled: &Settled,
    now: Timestamp,
) -> Result<()> {
    const UP_TO: &str =
        "INSERT INTO import_position (source, kind, position, changed_at) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (source, kind) DO UPDATE SET position = excluded.position, changed_at = excluded.changed_at";
    const WHOLE: &str = "DELETE FROM import_position WHERE source = ?1 AND kind = ?2";
    let settling = failed("record up to where a source is imported");
    let changed = match settled {
        Settled::UpTo(position) => connection
            .prepare_cached(UP_TO)
            .and_then(|mut statement| statement.execute((source, kind, position, micros(now)))),
        Settled::Whole => connection
            .prepare_cached(WHOLE)
            .and_then(|mut statement| statement.execute((source, kind))),
    };
    changed.map(drop).map_err(settling)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Result<ImportRecord>> {
    let (state, before): (String, Option<String>) = (row.get(2)?, row.get(7)?);
    let (kind, id, doctype, name) = (row.get(0)?, row.get(1)?, row.get(3)?, row.get(4)?);
    let (hash, is_made, why, run) = (row.get(5)?, row.get(6)?, row.get(8)?, row.get(9)?);
    let record = |state, before| ImportRecord {
        kind,
        id,
        state,
        doctype,
        name,
        hash,
        is_made,
        before,
        why,
        run,
    };
    Ok(ImportState::read(&state).and_then(|state| Ok(record(state, before_of(before)?))))
}

pub(super) fn imported(
    connection: &Connection,
    source: &str,
    kind: &str,
    ids: &[String],
) -> Result<Vec<ImportRecord>> {
    let reading = failed("read what was imported");
    let sql =
        format!("SELECT {COLUMNS} FROM import_record WHERE source = ?1 AND kind = ?2 AND id = ?3");
    let mut statement = connection.prepare_cached(&sql).map_err(&reading)?;
    let mut found = Vec::new();
    for id in ids {
        let row = statement
            .query_row((source, kind, id), read)
            .optional()
            .map_err(&reading)?;
        found.extend(row.transpose()?);
    }
    Ok(found)
}

pub(super) fn list(
    connection: &Connection,
    source: &str,
    filter: &ImportFilter,
) -> Result<Vec<ImportRecord>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM import_record WHERE source = ?1
            AND (?2 IS NULL OR kind = ?2) AND (?3 IS NULL OR state = ?3) AND (?4 IS NULL OR run = ?4)
            AND (?5 IS NULL OR (kind, id) > (?5, ?6))
        ORDER BY kind, id LIMIT ?7"
    );
    let listing = failed("list what was imported");
    let mut statement = connection.prepare_cached(&sql).map_err(&listing)?;
    let (after_kind, after_id) = filter.after.clone().unzip();
    let parameters = (
        source,
        &filter.kind,
        filter.state.map(ImportState::as_str),
        &filter.run,
        after_kind,
        after_id,
        filter.limit,
    );
    rows(&mut statement, parameters, listing, read)
}

pub(super) fn count(connection: &Connection, source: &str) -> Result<Vec<ImportCount>> {
    const COUNT: &str = "SELECT kind, state, count(*) FROM import_record WHERE source = ?1
        GROUP BY kind, state ORDER BY kind, state";
    let counting = failed("count what was imported");
    let mut statement = connection.prepare_cached(COUNT).map_err(&counting)?;
    rows(&mut statement, [source], counting, |row| {
        let (kind, state, records): (_, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(ImportState::read(&state).map(|state| ImportCount {
            kind,
            state,
            records: records.unsigned_abs(),
        }))
    })
}

pub(super) fn position(
    connection: &Connection,
    source: &str,
    kind: &str,
) -> Result<Option<String>> {
    connection
        .prepare_cached("SELECT position FROM import_position WHERE source = ?1 AND kind = ?2")
        .and_then(|mut statement| {
            let found = statement.query_row((source, kind), |row| row.get(0));
            found.optional()
        })
        .map_err(failed("read up to where a source is imported"))
}

pub(super) fn forget(
    connection: &Connection,
    source: &str,
    records: &[(String, String)],
) -> Result<()> {
    let forgetting = failed("forget what was imported");
    let mut statement = connection
        .prepare_cached("DELETE FROM import_record WHERE source = ?1 AND kind = ?2 AND id = ?3")
        .map_err(&forgetting)?;
    for (kind, id) in records {
        statement.execute((source, kind, id)).map_err(&forgetting)?;
    }
    connection
        .prepare_cached("DELETE FROM import_position WHERE source = ?1")
        .and_then(|mut statement| statement.execute([source]))
        .map(drop)
        .map_err(forgetting)
}

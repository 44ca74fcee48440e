//! Calls in SQLite.

use deskbridge_core::{EffectId, NewEffect};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::{CallChange, CallFilter, CallLine, KeptCall};
use crate::{
    Recorded, Result,
    effects::{self, corrupt},
    sqlite::{failed, micros, rows, time},
};

const COLUMNS: &str =
    "call.connection, call.linkedid, call.direction, call.client, call.line, call.result,
    call.started_at, call.state,
    (SELECT json_group_array(linkedid) FROM call_alias WHERE call_alias.call = call.sequence)";

pub(super) fn keep(
    connection: &Connection,
    changes: &[CallChange],
    effects: &[(EffectId, NewEffect)],
    now: Timestamp,
) -> Result<Vec<Recorded>> {
    const KEEP: &str = "INSERT INTO call
        (connection, linkedid, direction, client, line, result, started_at, changed_at, state)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
        ON CONFLICT (connection, linkedid) DO UPDATE SET direction = ?3, client = ?4, line = ?5, result = ?6,
            started_at = ?7, changed_at = ?8, state = ?9
        RETURNING sequence";
    const ADD: &str = "INSERT INTO call_line (call, at, text) VALUES (?1, ?2, ?3)";
    let keeping = failed("keep a call");
    for CallChange { call, lines } in changes {
        let parameters = (
            &call.connection,
            &call.linkedid,
            &call.direction,
            &call.client,
            &call.line,
            &call.result,
            micros(call.started_at),
            micros(now),
            call.state.to_string(),
        );
        let sequence: i64 = connection
            .prepare_cached(KEEP)
            .and_then(|mut statement| statement.query_row(parameters, |row| row.get(0)))
            .map_err(&keeping)?;
        for joined in &call.joined {
            join(connection, &call.connection, joined, sequence)?;
        }
        let mut add = connection.prepare_cached(ADD).map_err(&keeping)?;
        for line in lines {
            add.execute((sequence, micros(line.at), &line.text))
                .map_err(&keeping)?;
        }
    }
    effects::record_all(connection, effects, now)
}

/// Lets a call be found under the linkedid of another, whose story goes over to it.
fn join(connection: &Connection, pbx: &str, linkedid: &str, into: i64) -> Result<()> {
    const IS: &str =
        "SELECT 1 FROM call_alias WHERE connection = ?1 AND linkedid = ?2 AND call = ?3";
    const NAME: &str =
        "INSERT OR REPLACE INTO call_alias (connection, linkedid, call) VALUES (?1, ?2, ?3)";
    const LOSE: &str = "DELETE FROM call WHERE connection = ?1 AND linkedid = ?2 AND sequence <> ?3 RETURNING sequence";
    const MOVE_LINES: &str = "UPDATE call_line SET call = ?2 WHERE call = ?1";
    const MOVE_NAMES: &str = "UPDATE call_alias SET call = ?2 WHERE call = ?1";
    let joining = failed("join two calls");
    let mut is = connection.prepare_cached(IS).map_err(&joining)?;
    if is.exists((pbx, linkedid, into)).map_err(&joining)? {
        return Ok(());
    }
    let name =
        |mut statement: rusqlite::CachedStatement<'_>| statement.execute((pbx, linkedid, into));
    connection
        .prepare_cached(NAME)
        .and_then(name)
        .map_err(&joining)?;
    let lost: Option<i64> = connection
        .prepare_cached(LOSE)
        .and_then(|mut statement| {
            statement
                .query_row((pbx, linkedid, into), |row| row.get(0))
                .optional()
        })
        .map_err(&joining)?;
    let Some(lost) = lost else { return Ok(()) };
    for sql in [MOVE_LINES, MOVE_NAMES] {
        connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute((lost, into)))
            .map_err(&joining)?;
    }
    Ok(())
}

pub(super) fn by_linkedid(
    connection: &Connection,
    pbx: &str,
    linkedid: &str,
) -> Result<Option<KeptCall>> {
    let reading = failed("read a call");
    let Some(sequence) = sequence(connection, pbx, linkedid)? else {
        return Ok(None);
    };
    let sql = format!("SELECT {COLUMNS} FROM call WHERE sequence = ?1");
    let mut statement = connection.prepare_cached(&sql).map_err(&reading)?;
    let found = rows(&mut statement, [sequence], &reading, call_of)?;
    Ok(found.into_iter().next())
}

fn sequence(connection: &Connection, pbx: &str, linkedid: &str) -> Result<Option<i64>> {
    const FIND: &str = "SELECT sequence FROM call WHERE connection = ?1 AND linkedid = ?2
        UNION ALL SELECT call FROM call_alias WHERE connection = ?1 AND linkedid = ?2 LIMIT 1";
    connection
        .prepare_cached(FIND)
        .and_then(|mut statement| {
            statement
                .query_row((pbx, linkedid), |row| row.get(0))
                .optional()
        })
        .map_err(failed("find a call"))
}

pub(super) fn story(connection: &Connection, pbx: &str, linkedid: &str) -> Result<Vec<CallLine>> {
    const STORY: &str = "SELECT at, text FROM call_line WHERE call = ?1 ORDER BY at, sequence";
    let reading = failed("read the story of a call");
    let Some(sequence) = sequence(connection, pbx, linkedid)? else {
        return Ok(Vec::new());
    };
    let mut statement = connection.prepare_cached(STORY).map_err(&reading)?;
    rows(&mut statement, [sequence], &reading, |row| {
        let (at, text): (i64, String) = (row.get(0)?, row.get(1)?);
        Ok(time(at).map(|at| CallLine { at, text }))
    })
}

pub(super) fn list(connection: &Connection, filter: &CallFilter) -> Result<Vec<KeptCall>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM call
        WHERE (?1 IS NULL OR connection = ?1) AND (?2 IS NULL OR client = ?2) AND (?3 IS NULL OR line = ?3)
            AND (?4 IS NULL OR direction = ?4) AND (?5 IS NULL OR result = ?5)
            AND (?6 IS NULL OR (result IS NULL) = ?6)
            AND (?7 IS NULL OR started_at >= ?7) AND (?8 IS NULL OR started_at < ?8)
            AND (?9 IS NULL OR (started_at, connection, linkedid) < (?9, ?10, ?11))
        ORDER BY started_at DESC, connection DESC, linkedid DESC LIMIT ?12"
    );
    let listing = failed("list calls");
    let mut statement = connection.prepare_cached(&sql).map_err(&listing)?;
    let behind = filter.behind.as_ref();
    let parameters = (
        &filter.connection,
        &filter.client,
        &filter.line,
        &filter.direction,
        &filter.result,
        filter.is_open,
        filter.since.map(micros),
        filter.until.map(micros),
        behind.map(|place| micros(place.started_at)),
        behind.map(|place| &place.connection),
        behind.map(|place| &place.linkedid),
        i64::try_from(filter.limit).unwrap_or(i64::MAX),
    );
    rows(&mut statement, parameters, &listing, call_of)
}

pub(super) fn prune(
    connection: &Connection,
    started_before: Timestamp,
    limit: usize,
) -> Result<u64> {
    const OLD: &str = "SELECT sequence FROM call WHERE started_at < ?1 AND result IS NOT NULL
        ORDER BY started_at LIMIT ?2";
    const FORGET: [&str; 3] = [
        "DELETE FROM call_line WHERE call = ?1",
        "DELETE FROM call_alias WHERE call = ?1",
        "DELETE FROM call WHERE sequence = ?1",
    ];
    let pruning = failed("forget old calls");
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(OLD).map_err(&pruning)?;
    let old = rows(
        &mut statement,
        (micros(started_before), limit),
        &pruning,
        |row| Ok(Ok(row.get::<_, i64>(0)?)),
    )?;
    for sequence in &old {
        for sql in FORGET {
            connection
                .prepare_cached(sql)
                .and_then(|mut statement| statement.execute([sequence]))
                .map_err(&pruning)?;
        }
    }
    Ok(u64::try_from(old.len()).unwrap_or(u64::MAX))
}

fn call_of(row: &Row<'_>) -> rusqlite::Result<Result<KeptCall>> {
    let (started_at, state, joined): (i64, String, String) =
        (row.get(6)?, row.get(7)?, row.get(8)?);
    let call = KeptCall {
        connection: row.get(0)?,
        linkedid: row.get(1)?,
        joined: Vec::new(),
        direction: row.get(2)?,
        client: row.get(3)?,
        line: row.get(4)?,
        result: row.get(5)?,
        started_at: Timestamp::UNIX_EPOCH,
        state: serde_json::Value::Null,
    };
    let read = || {
        let text = |error: &serde_json::Error| corrupt("call", error);
        Ok(KeptCall {
            started_at: time(started_at)?,
            state: serde_json::from_str(&state).map_err(|error| text(&error))?,
            joined: serde_json::from_str(&joined).map_err(|error| text(&error))?,
            ..call
        })
    };
    Ok(read())
}

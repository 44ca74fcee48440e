//! Remembered answers in SQLite.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _};

use super::Answer;
use crate::{
    Result,
    sqlite::{failed, micros, time},
};

pub(super) fn remember(connection: &Connection, key: &str, answer: &Answer) -> Result<()> {
    const REMEMBER: &str = "INSERT OR REPLACE INTO answer
        (key, body, fetched_at, fresh_until, keep_until) VALUES (?1, ?2, ?3, ?4, ?5)";
    let times = (
        micros(answer.fetched_at),
        micros(answer.fresh_until),
        micros(answer.keep_until),
    );
    connection
        .prepare_cached(REMEMBER)
        .and_then(|mut statement| statement.execute((key, &answer.body, times.0, times.1, times.2)))
        .map_err(failed("remember an answer"))?;
    Ok(())
}

pub(super) fn recall(connection: &Connection, key: &str, now: Timestamp) -> Result<Option<Answer>> {
    const RECALL: &str = "SELECT body, fetched_at, fresh_until, keep_until FROM answer
        WHERE key = ?1 AND keep_until > ?2";
    let found: Option<(Vec<u8>, i64, i64, i64)> = connection
        .prepare_cached(RECALL)
        .and_then(|mut statement| {
            statement
                .query_row((key, micros(now)), |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                })
                .optional()
        })
        .map_err(failed("recall an answer"))?;
    found
        .map(|(body, fetched_at, fresh_until, keep_until)| {
            Ok(Answer {
                body,
                fetched_at: time(fetched_at)?,
                fresh_until: time(fresh_until)?,
                keep_until: time(keep_until)?,
            })
        })
        .transpose()
}

pub(super) fn forget(connection: &Connection, key: &str) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM answer WHERE key = ?1")
        .and_then(|mut statement| statement.execute([key]))
        .map_err(failed("forget an answer"))?;
    Ok(())
}

pub(super) fn prune(connection: &Connection, now: Timestamp, limit: usize) -> Result<u64> {
    const PRUNE: &str = "DELETE FROM answer WHERE key IN
        (SELECT key FROM answer WHERE keep_until <= ?1 LIMIT ?2)";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let pruned = connection
        .prepare_cached(PRUNE)
        .and_then(|mut statement| statement.execute((micros(now), limit)))
        .map_err(failed("prune answers"))?;
    Ok(u64::try_from(pruned).unwrap_or(u64::MAX))
}

//! Forgetting events in SQLite.

use deskbridge_core::DuplicateKey;
use rusqlite::Connection;

use super::{Choice, Pruned, Retention};
use crate::{
    Result,
    sqlite::{
        failed,
        keys::{self, fingerprint},
        rows,
        space::used_bytes,
    },
};

/// What ended of one state, the oldest first, but for what caused an effect that is open.
macro_rules! oldest {
    ($state:literal) => {
        concat!(
            "SELECT sequence FROM (SELECT sequence FROM event_turn o WHERE state = '",
            $state,
            "' AND NOT EXISTS (SELECT 1 FROM event_effect c JOIN effect f ON f.id = c.effect
                WHERE c.event = o.sequence AND f.state IN ('pending', 'running'))
            ORDER BY sequence LIMIT ?1)"
        )
    };
}

pub(super) fn prune(connection: &Connection, retention: Retention, limit: usize) -> Result<Pruned> {
    const OLDEST: &str = concat!(
        "SELECT e.sequence, e.received_at, t.bytes, e.connection, e.raw_key, e.canonical_key
        FROM event e JOIN event_turn t USING (sequence) WHERE e.sequence IN (",
        oldest!("done"),
        " UNION ALL ",
        oldest!("discarded"),
        ") ORDER BY e.sequence LIMIT ?1"
    );
    const FORGET: [&str; 4] = [
        "DELETE FROM event WHERE sequence = ?1",
        "DELETE FROM event_turn WHERE sequence = ?1",
        "DELETE FROM event_repeat WHERE sequence = ?1",
        "DELETE FROM event_effect WHERE event = ?1",
    ];
    let pruning = failed("forget old events");
    let mut choice = Choice::new(retention, ended_bytes(connection, retention)?);
    let mut oldest = connection.prepare_cached(OLDEST).map_err(&pruning)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let oldest = rows(&mut oldest, [limit], &pruning, |row| {
        let (sequence, received_at, bytes): (i64, i64, i64) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        let name: String = row.get(3)?;
        let keys =
            [row.get(4)?, row.get(5)?].map(|key| fingerprint(&name, &DuplicateKey::new(key)));
        Ok(Ok((sequence, received_at, bytes, keys)))
    })?;
    for (sequence, received_at, bytes, keys) in oldest {
        if !choice.takes(received_at, bytes) {
            continue;
        }
        for sql in FORGET {
            connection
                .prepare_cached(sql)
                .and_then(|mut statement| statement.execute([sequence]))
                .map_err(&pruning)?;
        }
        for key in keys {
            keys::forget(connection, key, sequence)?;
        }
    }
    Ok(choice.pruned)
}

/// What the events that ended take, in bytes; 0 where it is certain to be less than they may.
fn ended_bytes(connection: &Connection, retention: Retention) -> Result<i64> {
    const ENDED: &str =
        "SELECT coalesce(sum(bytes), 0) FROM event_turn WHERE state IN ('done', 'discarded')";
    // The whole is quickly asked, and a part takes no more.
    if used_bytes(connection)? <= retention.ended_bytes_max {
        return Ok(0);
    }
    connection
        .prepare_cached(ENDED)
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .map_err(failed("say what old events take"))
}

//! Forgetting events in PostgreSQL.

use deadpool_postgres::Transaction;

use super::{Choice, Pruned, Retention};
use crate::{
    Result,
    events::{FILES, digest},
    postgres::{
        asking::{execute, query},
        column, failed, fingerprint,
        intake::{CANONICAL, RAW},
        number,
    },
};

/// What ended of one state, the oldest first, but for what caused an effect that is open.
macro_rules! oldest {
    ($state:literal) => {
        concat!(
            "(SELECT sequence FROM event_turn o WHERE state = '",
            $state,
            "' AND NOT EXISTS (SELECT 1 FROM event_effect c JOIN effect f ON f.id = c.effect
                WHERE c.event = o.sequence AND f.state IN ('pending', 'running'))
            ORDER BY sequence LIMIT $1)"
        )
    };
}

pub(super) async fn prune(
    transaction: &Transaction<'_>,
    retention: Retention,
    limit: usize,
) -> Result<Pruned> {
    // What another node forgets at the same time is left to it.
    const OLDEST: &str = concat!(
        "SELECT t.sequence, e.received_at, t.bytes, e.connection, e.raw_key, e.canonical_key
        FROM event_turn t JOIN event e USING (sequence) WHERE t.sequence IN (",
        oldest!("done"),
        " UNION ALL ",
        oldest!("discarded"),
        ") ORDER BY t.sequence LIMIT $1 FOR UPDATE OF t SKIP LOCKED"
    );
    const FORGET: [&str; 4] = [
        "DELETE FROM event WHERE sequence = ANY($1)",
        "DELETE FROM event_turn WHERE sequence = ANY($1)",
        "DELETE FROM event_repeat WHERE sequence = ANY($1)",
        "DELETE FROM event_effect WHERE event = ANY($1)",
    ];
    const FORGET_KEYS: &str =
        "DELETE FROM event_key WHERE fingerprint = ANY($1) AND sequence = ANY($2)";
    let pruning = failed("forget old events");
    let mut choice = Choice::new(retention, ended_bytes(transaction, retention).await?);
    let oldest = query(transaction, OLDEST, &[&number(limit)])
        .await
        .map_err(&pruning)?;
    let (mut sequences, mut keys) = (Vec::new(), Vec::new());
    for row in &oldest {
        let (received_at, bytes): (i64, i32) = (column(row, 1)?, column(row, 2)?);
        if !choice.takes(received_at, i64::from(bytes)) {
            continue;
        }
        sequences.push(column::<i64>(row, 0)?);
        let connection: &str = column(row, 3)?;
        for (kind, place) in [(RAW, 4), (CANONICAL, 5)] {
            keys.push(fingerprint(
                connection,
                kind,
                digest(row, place)?.as_bytes(),
            ));
        }
    }
    execute(transaction, FORGET_KEYS, &[&keys, &sequences])
        .await
        .map_err(&pruning)?;
    for sql in FORGET {
        execute(transaction, sql, &[&sequences])
            .await
            .map_err(&pruning)?;
    }
    Ok(choice.pruned)
}

/// What the events that ended take, in bytes; 0 where it is certain to be less than they may.
async fn ended_bytes(transaction: &Transaction<'_>, retention: Retention) -> Result<i64> {
    const ENDED: &str = "SELECT coalesce(sum(bytes), 0)::bigint FROM event_turn
        WHERE state IN ('done', 'discarded')";
    let asking = failed("say what old events take");
    let bytes = async |sql| {
        let row = transaction.query_one(sql, &[]).await.map_err(&asking)?;
        column::<i64>(&row, 0)
    };
    // The files are quickly asked, and the events take no more than they.
    if bytes(FILES).await? <= number(retention.ended_bytes_max) {
        return Ok(0);
    }
    bytes(ENDED).await
}

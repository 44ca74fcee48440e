//! Remembered answers in PostgreSQL.

use deadpool_postgres::{Client, Transaction};
use jiff::Timestamp;

use super::Answer;
use crate::{
    Result,
    postgres::{
        Text,
        asking::{execute, query_opt},
        column, failed, number, time_at,
    },
    sqlite::micros,
};

pub(super) async fn remember(
    transaction: &Transaction<'_>,
    key: &str,
    answer: &Answer,
) -> Result<()> {
    const REMEMBER: &str = "INSERT INTO answer (key, body, fetched_at, fresh_until, keep_until)
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (key) DO UPDATE SET body = excluded.body,
            fetched_at = excluded.fetched_at, fresh_until = excluded.fresh_until, keep_until = excluded.keep_until";
    let remembering = failed("remember an answer");
    let (fetched_at, fresh_until) = (micros(answer.fetched_at), micros(answer.fresh_until));
    let keep_until = micros(answer.keep_until);
    execute(
        transaction,
        REMEMBER,
        &[
            &Text(key),
            &answer.body,
            &fetched_at,
            &fresh_until,
            &keep_until,
        ],
    )
    .await
    .map_err(&remembering)?;
    Ok(())
}

pub(super) async fn recall(client: &Client, key: &str, now: Timestamp) -> Result<Option<Answer>> {
    const RECALL: &str = "SELECT body, fetched_at, fresh_until, keep_until FROM answer
        WHERE key = $1 AND keep_until > $2";
    let recalling = failed("recall an answer");
    let answer = query_opt(client, RECALL, &[&Text(key), &micros(now)])
        .await
        .map_err(&recalling)?
        .map(|row| {
            Ok(Answer {
                body: column(&row, 0)?,
                fetched_at: time_at(&row, 1)?,
                fresh_until: time_at(&row, 2)?,
                keep_until: time_at(&row, 3)?,
            })
        });
    answer.transpose()
}

pub(super) async fn forget(transaction: &Transaction<'_>, key: &str) -> Result<()> {
    execute(
        transaction,
        "DELETE FROM answer WHERE key = $1",
        &[&Text(key)],
    )
    .await
    .map_err(failed("forget an answer"))?;
    Ok(())
}

pub(super) async fn prune(
    transaction: &Transaction<'_>,
    now: Timestamp,
    limit: usize,
) -> Result<u64> {
    // Some may be remembered anew meanwhile; they are skipped.
    const PRUNE: &str = "DELETE FROM answer WHERE key IN
        (SELECT key FROM answer WHERE keep_until <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)";
    execute(transaction, PRUNE, &[&micros(now), &number(limit)])
        .await
        .map_err(failed("prune answers"))
}

//! What was not believed, in PostgreSQL.

use std::collections::BTreeMap;

use deadpool_postgres::{Client, Transaction};
use deskbridge_core::EventId;

use super::{QuarantineLimits, Quarantined};
use crate::{
    Result,
    events::{headers_json, headers_of},
    postgres::{
        Text,
        asking::{execute, query},
        column, failed, number, time_at,
    },
    sqlite::micros,
};

pub(super) async fn keep(
    transaction: &Transaction<'_>,
    body: &Quarantined,
    limits: QuarantineLimits,
) -> Result<()> {
    const KEEP: &str = "INSERT INTO quarantine (id, connection, received_at, why, headers, body)
        VALUES ($1, $2, $3, $4, $5, $6)";
    // The newest come first; from where a limit is reached all are forgotten.
    const LIMIT: &str = "DELETE FROM quarantine WHERE sequence IN (SELECT sequence FROM (
            SELECT sequence, received_at, row_number() OVER newest AS bodies,
                sum(octet_length(body)) OVER newest AS bytes
            FROM quarantine WHERE connection = $1 WINDOW newest AS (ORDER BY sequence DESC)) q
        WHERE bodies > $2 OR bytes > $3 OR received_at < $4)";
    let keeping = failed("keep what was not believed");
    let (connection, headers) = (Text(&body.connection), headers_json(&body.headers));
    let received_at = micros(body.received_at);
    execute(
        transaction,
        KEEP,
        &[
            &body.id.uuid(),
            &connection,
            &received_at,
            &Text(&body.why),
            &headers,
            &body.body,
        ],
    )
    .await
    .map_err(&keeping)?;
    let (bodies, bytes) = (number(limits.bodies_max), number(limits.bytes_max));
    let from = micros(limits.received_from);
    execute(transaction, LIMIT, &[&connection, &bodies, &bytes, &from])
        .await
        .map_err(&keeping)?;
    Ok(())
}

pub(super) async fn list(
    client: &Client,
    connection: &str,
    after: Option<EventId>,
    limit: usize,
) -> Result<Vec<Quarantined>> {
    const LIST: &str = "SELECT id, received_at, why, headers, body FROM quarantine
        WHERE connection = $1 AND sequence > coalesce((SELECT sequence FROM quarantine WHERE id = $2), 0)
        ORDER BY sequence LIMIT $3";
    let listing = failed("list what was not believed");
    let after = after.map(EventId::uuid);
    let found = query(client, LIST, &[&Text(connection), &after, &number(limit)])
        .await
        .map_err(&listing)?;
    let bodies = found.iter().map(|row| {
        Ok(Quarantined {
            id: EventId::from_uuid(column(row, 0)?),
            connection: connection.to_owned(),
            received_at: time_at(row, 1)?,
            why: column(row, 2)?,
            headers: headers_of(column(row, 3)?)?,
            body: column(row, 4)?,
        })
    });
    bodies.collect()
}

pub(super) async fn count(client: &Client) -> Result<BTreeMap<String, u64>> {
    const COUNT: &str = "SELECT connection, count(*) FROM quarantine GROUP BY connection";
    let counts = query(client, COUNT, &[])
        .await
        .map_err(failed("count what was not believed"))?;
    let counts = counts.iter().map(|row| {
        let number: i64 = column(row, 1)?;
        Ok((column(row, 0)?, number.unsigned_abs()))
    });
    counts.collect()
}

pub(super) async fn leave(transaction: &Transaction<'_>, id: EventId) -> Result<bool> {
    Ok(execute(
        transaction,
        "DELETE FROM quarantine WHERE id = $1",
        &[&id.uuid()],
    )
    .await
    .map_err(failed("let out what was not believed"))?
        > 0)
}

//! What is known of records, in PostgreSQL.

use deadpool_postgres::{Client, Transaction};
use deskbridge_core::RemoteRecord;
use jiff::Timestamp;

use super::{Known, facts_of, outdated};
use crate::{
    Result,
    postgres::{
        Text,
        asking::{execute, query_opt},
        column, failed, number,
    },
    sqlite::micros,
};

pub(super) async fn all(client: &Client, records: &[RemoteRecord]) -> Result<Vec<Known>> {
    const KNOWN: &str =
        "SELECT revision, facts FROM known WHERE connection = $1 AND object = $2 AND id = $3";
    let reading = failed("read what is known of a record");
    let mut known = Vec::with_capacity(records.len());
    for record in records {
        let (connection, object, id) = (
            Text(&record.connection),
            Text(&record.object),
            Text(&record.id),
        );
        let found = query_opt(client, KNOWN, &[&connection, &object, &id])
            .await
            .map_err(&reading)?;
        let found = found.map(|row| Ok((column(&row, 0)?, column(&row, 1)?)));
        known.push(facts_of(record.clone(), found.transpose()?)?);
    }
    Ok(known)
}

pub(crate) async fn keep(
    transaction: &Transaction<'_>,
    known: &[Known],
    now: Timestamp,
) -> Result<()> {
    const FIRST: &str = "INSERT INTO known (connection, object, id, revision, facts, changed_at)
        VALUES ($1, $2, $3, 1, $4, $5) ON CONFLICT DO NOTHING";
    const NEXT: &str = "UPDATE known SET revision = revision + 1, facts = $4, changed_at = $5
        WHERE connection = $1 AND object = $2 AND id = $3 AND revision = $6";
    let keeping = failed("keep what is known of a record");
    // In one order, so that two planners wait for each other in one direction.
    let mut known: Vec<&Known> = known.iter().collect();
    known.sort_by_key(|one| (&one.record.connection, &one.record.object, &one.record.id));
    let now = micros(now);
    for Known {
        record,
        revision,
        facts,
    } in known
    {
        let (connection, object, id) = (
            Text(&record.connection),
            Text(&record.object),
            Text(&record.id),
        );
        let (facts, revision) = (facts.to_string(), number(*revision));
        let changed = match revision {
            0 => {
                execute(
                    transaction,
                    FIRST,
                    &[&connection, &object, &id, &facts, &now],
                )
                .await
            }
            _ => {
                execute(
                    transaction,
                    NEXT,
                    &[&connection, &object, &id, &facts, &now, &revision],
                )
                .await
            }
        };
        if changed.map_err(&keeping)? == 0 {
            return Err(outdated(record));
        }
    }
    Ok(())
}

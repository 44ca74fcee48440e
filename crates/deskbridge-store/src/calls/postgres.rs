//! Calls in PostgreSQL.

use deadpool_postgres::{Client, GenericClient, Transaction};
use deskbridge_core::{EffectId, NewEffect};
use jiff::Timestamp;
use tokio_postgres::Row;

use super::{CallChange, CallFilter, CallLine, KeptCall};
use crate::{
    Recorded, Result,
    effects::{self, corrupt},
    postgres::{
        Text,
        asking::{execute, query, query_opt},
        column, failed, number, time_at,
    },
    sqlite::micros,
};

const COLUMNS: &str =
    "call.connection, call.linkedid, call.direction, call.client, call.line, call.result,
    call.started_at, call.state,
    ARRAY(SELECT linkedid FROM call_alias WHERE call_alias.call = call.sequence ORDER BY linkedid)";

pub(super) async fn keep(
    transaction: &Transaction<'_>,
    changes: &[CallChange],
    effects: &[(EffectId, NewEffect)],
    now: Timestamp,
) -> Result<Vec<Recorded>> {
    const KEEP: &str = "INSERT INTO call
        (connection, linkedid, direction, client, line, result, started_at, changed_at, state)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (connection, linkedid) DO UPDATE SET direction = $3, client = $4, line = $5, result = $6,
            started_at = $7, changed_at = $8, state = $9
        RETURNING sequence";
    const ADD: &str = "INSERT INTO call_line (call, at, text)
        SELECT $1, at, text FROM unnest($2::bigint[], $3::text[]) WITH ORDINALITY n (at, text, place) ORDER BY place";
    let keeping = failed("keep a call");
    for CallChange { call, lines } in changes {
        let kept = query(
            transaction,
            KEEP,
            &[
                &Text(&call.connection),
                &Text(&call.linkedid),
                &Text(&call.direction),
                &call.client.as_deref().map(Text),
                &call.line.as_deref().map(Text),
                &call.result.as_deref().map(Text),
                &micros(call.started_at),
                &micros(now),
                &Text(&call.state.to_string()),
            ],
        )
        .await
        .map_err(&keeping)?;
        let kept = kept.first();
        let kept = kept.ok_or_else(|| corrupt("call", &"it was kept and is not there"))?;
        let sequence: i64 = column(kept, 0)?;
        for joined in &call.joined {
            join(transaction, &call.connection, joined, sequence).await?;
        }
        if lines.is_empty() {
            continue;
        }
        let times: Vec<i64> = lines.iter().map(|line| micros(line.at)).collect();
        let texts: Vec<Text<'_>> = lines.iter().map(|line| Text(&line.text)).collect();
        execute(transaction, ADD, &[&sequence, &times, &texts])
            .await
            .map_err(&keeping)?;
    }
    effects::postgres::record(transaction, effects, now).await
}

/// Lets a call be found under the linkedid of another, whose story goes over to it.
async fn join(transaction: &Transaction<'_>, pbx: &str, linkedid: &str, into: i64) -> Result<()> {
    const NAME: &str = "INSERT INTO call_alias (connection, linkedid, call) VALUES ($1, $2, $3)
        ON CONFLICT (connection, linkedid) DO UPDATE SET call = $3 WHERE call_alias.call <> $3";
    const LOSE: &str = "DELETE FROM call WHERE connection = $1 AND linkedid = $2 AND sequence <> $3 RETURNING sequence";
    const MOVE_LINES: &str = "UPDATE call_line SET call = $2 WHERE call = $1";
    const MOVE_NAMES: &str = "UPDATE call_alias SET call = $2 WHERE call = $1";
    let joining = failed("join two calls");
    let (pbx, linkedid) = (Text(pbx), Text(linkedid));
    let named = execute(transaction, NAME, &[&pbx, &linkedid, &into]).await;
    if named.map_err(&joining)? == 0 {
        return Ok(());
    }
    let lost = query_opt(transaction, LOSE, &[&pbx, &linkedid, &into]).await;
    let Some(lost) = lost.map_err(&joining)? else {
        return Ok(());
    };
    let lost: i64 = column(&lost, 0)?;
    for sql in [MOVE_LINES, MOVE_NAMES] {
        execute(transaction, sql, &[&lost, &into])
            .await
            .map_err(&joining)?;
    }
    Ok(())
}

pub(super) async fn by_linkedid(
    client: &Client,
    pbx: &str,
    linkedid: &str,
) -> Result<Option<KeptCall>> {
    let Some(sequence) = sequence(client, pbx, linkedid).await? else {
        return Ok(None);
    };
    let sql = format!("SELECT {COLUMNS} FROM call WHERE sequence = $1");
    let found = query_opt(client, &sql, &[&sequence])
        .await
        .map_err(failed("read a call"))?;
    found.as_ref().map(call_of).transpose()
}

async fn sequence(client: &impl GenericClient, pbx: &str, linkedid: &str) -> Result<Option<i64>> {
    const FIND: &str = "SELECT sequence FROM call WHERE connection = $1 AND linkedid = $2
        UNION ALL SELECT call FROM call_alias WHERE connection = $1 AND linkedid = $2 LIMIT 1";
    let found = query_opt(client, FIND, &[&Text(pbx), &Text(linkedid)])
        .await
        .map_err(failed("find a call"))?;
    found.as_ref().map(|row| column(row, 0)).transpose()
}

pub(super) async fn story(client: &Client, pbx: &str, linkedid: &str) -> Result<Vec<CallLine>> {
    const STORY: &str = "SELECT at, text FROM call_line WHERE call = $1 ORDER BY at, sequence";
    let Some(sequence) = sequence(client, pbx, linkedid).await? else {
        return Ok(Vec::new());
    };
    let lines = query(client, STORY, &[&sequence])
        .await
        .map_err(failed("read the story of a call"))?;
    let lines = lines.iter().map(|row| {
        Ok(CallLine {
            at: time_at(row, 0)?,
            text: column(row, 1)?,
        })
    });
    lines.collect()
}

pub(super) async fn list(client: &Client, filter: &CallFilter) -> Result<Vec<KeptCall>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM call
        WHERE ($1::text IS NULL OR connection = $1) AND ($2::text IS NULL OR client = $2)
            AND ($3::text IS NULL OR line = $3) AND ($4::text IS NULL OR direction = $4)
            AND ($5::text IS NULL OR result = $5) AND ($6::boolean IS NULL OR (result IS NULL) = $6)
            AND ($7::bigint IS NULL OR started_at >= $7) AND ($8::bigint IS NULL OR started_at < $8)
            AND ($9::bigint IS NULL
                OR (started_at, connection COLLATE \"C\", linkedid COLLATE \"C\") < ($9, $10::text, $11::text))
        ORDER BY started_at DESC, connection COLLATE \"C\" DESC, linkedid COLLATE \"C\" DESC LIMIT $12"
    );
    let behind = filter.behind.as_ref();
    let found = query(
        client,
        &sql,
        &[
            &filter.connection.as_deref().map(Text),
            &filter.client.as_deref().map(Text),
            &filter.line.as_deref().map(Text),
            &filter.direction.as_deref().map(Text),
            &filter.result.as_deref().map(Text),
            &filter.is_open,
            &filter.since.map(micros),
            &filter.until.map(micros),
            &behind.map(|place| micros(place.started_at)),
            &behind.map(|place| Text(&place.connection)),
            &behind.map(|place| Text(&place.linkedid)),
            &number(filter.limit),
        ],
    )
    .await
    .map_err(failed("list calls"))?;
    found.iter().map(call_of).collect()
}

pub(super) async fn prune(
    transaction: &Transaction<'_>,
    started_before: Timestamp,
    limit: usize,
) -> Result<u64> {
    const OLD: &str = "SELECT sequence FROM call WHERE started_at < $1 AND result IS NOT NULL
        ORDER BY started_at LIMIT $2 FOR UPDATE SKIP LOCKED";
    const FORGET: [&str; 3] = [
        "DELETE FROM call_line WHERE call = ANY($1)",
        "DELETE FROM call_alias WHERE call = ANY($1)",
        "DELETE FROM call WHERE sequence = ANY($1)",
    ];
    let pruning = failed("forget old calls");
    let old = query(transaction, OLD, &[&micros(started_before), &number(limit)])
        .await
        .map_err(&pruning)?;
    let old = old
        .iter()
        .map(|row| column(row, 0))
        .collect::<Result<Vec<i64>>>()?;
    for sql in FORGET {
        execute(transaction, sql, &[&old]).await.map_err(&pruning)?;
    }
    Ok(u64::try_from(old.len()).unwrap_or(u64::MAX))
}

fn call_of(row: &Row) -> Result<KeptCall> {
    let state: &str = column(row, 7)?;
    Ok(KeptCall {
        connection: column(row, 0)?,
        linkedid: column(row, 1)?,
        direction: column(row, 2)?,
        client: column(row, 3)?,
        line: column(row, 4)?,
        result: column(row, 5)?,
        started_at: time_at(row, 6)?,
        state: serde_json::from_str(state).map_err(|error| corrupt("call", &error))?,
        joined: column(row, 8)?,
    })
}

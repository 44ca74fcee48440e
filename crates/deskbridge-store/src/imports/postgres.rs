//! What was moved in, in PostgreSQL.

use deadpool_postgres::{Client, Transaction};
use jiff::Timestamp;
use tokio_postgres::Row;

use super::{ImportCount, ImportFilter, ImportRecord, ImportState, Settled, before_of};
use crate::{
    Result,
    postgres::{
        Text,
        asking::{execute, query, query_opt},
        column, failed,
    },
    sqlite::micros,
};

const COLUMNS: &str = "kind, id, state, doctype, name, hash, is_made, before, why, run";

pub(super) async fn record(
    transaction: &Transaction<'_>,
    source: &str,
    records: &[ImportRecord],
    settled: Option<&(String, Settled)>,
    now: Timestamp,
) -> Result<()> {
    const RECORD: &str = "INSERT INTO import_record
            (source, kind, id, state, doctype, name, hash, is_made, before, why, run, changed_at)
        SELECT $1, n.*, $12 FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[],
            $8::boolean[], $9::text[], $10::text[], $11::text[]) n
        ON CONFLICT (source, kind, id) DO UPDATE SET
            run = CASE WHEN import_record.state = 'written' THEN import_record.run ELSE excluded.run END,
            state = excluded.state, doctype = excluded.doctype,
            name = coalesce(excluded.name, import_record.name),
            hash = excluded.hash, is_made = import_record.is_made OR excluded.is_made,
            before = coalesce(import_record.before, excluded.before),
            why = excluded.why, changed_at = excluded.changed_at";
    let recording = failed("record what was imported");
    // A statement may change a row once, and in one order, so that two importers wait in one direction. Of several
    // about one record the last one counts.
    let mut last = std::collections::BTreeMap::new();
    for record in records {
        last.insert((&record.kind, &record.id), record);
    }
    let records: Vec<&ImportRecord> = last.into_values().collect();
    if !records.is_empty() {
        let texts = |read: fn(&ImportRecord) -> &str| -> Vec<Text<'_>> {
            records.iter().map(|record| Text(read(record))).collect()
        };
        let names: Vec<Option<Text<'_>>> = records
            .iter()
            .map(|record| record.name.as_deref().map(Text))
            .collect();
        let whys: Vec<Option<Text<'_>>> = records
            .iter()
            .map(|record| record.why.as_deref().map(Text))
            .collect();
        let hashes: Vec<Option<&[u8]>> = records
            .iter()
            .map(|record| record.hash.as_deref())
            .collect();
        let befores: Vec<Option<String>> = records
            .iter()
            .map(|record| record.before.as_ref().map(ToString::to_string))
            .collect();
        let are_made: Vec<bool> = records.iter().map(|record| record.is_made).collect();
        execute(
            transaction,
            RECORD,
            &[
                &Text(source),
                &texts(|record| &record.kind),
                &texts(|record| &record.id),
                &texts(|record| record.state.as_str()),
                &texts(|record| &record.doctype),
                &names,
                &hashes,
                &are_made,
                &befores,
                &whys,
                &texts(|record| &record.run),
                &micros(now),
            ],
        )
        .await
        .map_err(&recording)?;
    }
    match settled {
        None => Ok(()),
        Some((kind, settled)) => settle(transaction, source, kind, settled, now).await,
    }
}

async fn settle(
    transaction: &Transaction<'_>,
    source: &str,
    kind: &str,
    settled: &Settled,
    now: Timestamp,
) -> Result<()> {
    const UP_TO: &str =
        "INSERT INTO import_position (source, kind, position, changed_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (source, kind) DO UPDATE SET position = excluded.position, changed_at = excluded.changed_at";
    const WHOLE: &str = "DELETE FROM import_position WHERE source = $1 AND kind = $2";
    let (source, kind) = (Text(source), Text(kind));
    let changed = match settled {
        Settled::UpTo(position) => {
            let (position, now) = (Text(position), micros(now));
            execute(transaction, UP_TO, &[&source, &kind, &position, &now]).await
        }
        Settled::Whole => execute(transaction, WHOLE, &[&source, &kind]).await,
    };
    changed
        .map(drop)
        .map_err(failed("record up to where a source is imported"))
}

fn read(row: &Row) -> Result<ImportRecord> {
    Ok(ImportRecord {
        kind: column(row, 0)?,
        id: column(row, 1)?,
        state: ImportState::read(column(row, 2)?)?,
        doctype: column(row, 3)?,
        name: column(row, 4)?,
        hash: column(row, 5)?,
        is_made: column(row, 6)?,
        before: before_of(column(row, 7)?)?,
        why: column(row, 8)?,
        run: column(row, 9)?,
    })
}

pub(super) async fn imported(
    client: &Client,
    source: &str,
    kind: &str,
    ids: &[String],
) -> Result<Vec<ImportRecord>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM import_record WHERE source = $1 AND kind = $2 AND id = ANY($3)"
    );
    let ids: Vec<Text<'_>> = ids.iter().map(|id| Text(id)).collect();
    let found = query(client, &sql, &[&Text(source), &Text(kind), &ids])
        .await
        .map_err(failed("read what was imported"))?;
    found.iter().map(read).collect()
}

pub(super) async fn list(
    client: &Client,
    source: &str,
    filter: &ImportFilter,
) -> Result<Vec<ImportRecord>> {
    // In the order of bytes, as SQLite has it, whatever the language of the database.
    let sql = format!(
        "SELECT {COLUMNS} FROM import_record WHERE source = $1
            AND ($2::text IS NULL OR kind = $2) AND ($3::text IS NULL OR state = $3)
            AND ($4::text IS NULL OR run = $4)
            AND ($5::text IS NULL OR (kind COLLATE \"C\", id) > ($5, $6::text))
        ORDER BY kind COLLATE \"C\", id LIMIT $7"
    );
    let (after_kind, after_id) = filter.after.clone().unzip();
    let found = query(
        client,
        &sql,
        &[
            &Text(source),
            &filter.kind.as_deref().map(Text),
            &filter.state.map(ImportState::as_str),
            &filter.run.as_deref().map(Text),
            &after_kind.as_deref().map(Text),
            &after_id.as_deref().map(Text),
            &i64::from(filter.limit),
        ],
    )
    .await
    .map_err(failed("list what was imported"))?;
    found.iter().map(read).collect()
}

pub(super) async fn count(client: &Client, source: &str) -> Result<Vec<ImportCount>> {
    const COUNT: &str = "SELECT kind, state, count(*) FROM import_record WHERE source = $1
        GROUP BY kind, state ORDER BY kind COLLATE \"C\", state COLLATE \"C\"";
    let found = query(client, COUNT, &[&Text(source)])
        .await
        .map_err(failed("count what was imported"))?;
    let counts = found.iter().map(|row| {
        Ok(ImportCount {
            kind: column(row, 0)?,
            state: ImportState::read(column(row, 1)?)?,
            records: column::<i64>(row, 2)?.unsigned_abs(),
        })
    });
    counts.collect()
}

pub(super) async fn position(client: &Client, source: &str, kind: &str) -> Result<Option<String>> {
    const POSITION: &str = "SELECT position FROM import_position WHERE source = $1 AND kind = $2";
    let found = query_opt(client, POSITION, &[&Text(source), &Text(kind)])
        .await
        .map_err(failed("read up to where a source is imported"))?;
    found.map(|row| column(&row, 0)).transpose()
}

pub(super) async fn forget(
    transaction: &Transaction<'_>,
    source: &str,
    records: &[(String, String)],
) -> Result<()> {
    const FORGET: &str = "DELETE FROM import_record USING unnest($2::text[], $3::text[]) n (kind, id)
        WHERE import_record.source = $1 AND import_record.kind = n.kind AND import_record.id = n.id";
    const POSITION: &str = "DELETE FROM import_position WHERE source = $1";
    let forgetting = failed("forget what was imported");
    let source = Text(source);
    let kinds: Vec<Text<'_>> = records.iter().map(|(kind, _)| Text(kind)).collect();
    let ids: Vec<Text<'_>> = records.iter().map(|(_, id)| Text(id)).collect();
    execute(transaction, FORGET, &[&source, &kinds, &ids])
        .await
        .map_err(&forgetting)?;
    execute(transaction, POSITION, &[&source])
        .await
        .map(drop)
        .map_err(forgetting)
}

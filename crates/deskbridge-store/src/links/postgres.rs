//! Links in PostgreSQL.

use deadpool_postgres::{Client, Transaction};
use deskbridge_core::{Link, RemoteRecord};
use jiff::Timestamp;

use crate::{
    Result,
    postgres::{
        Text,
        asking::{execute, query},
        column, failed,
    },
    sqlite::micros,
};

/// Records links in both directions.
pub(crate) async fn record(
    transaction: &Transaction<'_>,
    links: &[Link],
    now: Timestamp,
) -> Result<()> {
    const RECORD: &str = "INSERT INTO link
            (connection, object, id, other_connection, other_object, other_id, made_at)
        SELECT n.*, $7::bigint FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) n
        ON CONFLICT DO NOTHING";
    if links.is_empty() {
        return Ok(());
    }
    let recording = failed("record a link");
    let both = links
        .iter()
        .flat_map(|Link { one, other }| [(one, other), (other, one)]);
    let mut both: Vec<(&RemoteRecord, &RemoteRecord)> = both.collect();
    // In one order, so that two planners wait for each other in one direction.
    let place = |record: &'_ RemoteRecord| -> [String; 3] {
        [
            record.connection.clone(),
            record.object.clone(),
            record.id.clone(),
        ]
    };
    both.sort_by_cached_key(|(from, to)| (place(from), place(to)));
    let column_of = |read: fn(&(&'_ RemoteRecord, &'_ RemoteRecord)) -> String| -> Vec<String> {
        both.iter()
            .map(read)
            .map(|text| text.replace('\0', "\u{2400}"))
            .collect()
    };
    execute(
        transaction,
        RECORD,
        &[
            &column_of(|(from, _)| from.connection.clone()),
            &column_of(|(from, _)| from.object.clone()),
            &column_of(|(from, _)| from.id.clone()),
            &column_of(|(_, to)| to.connection.clone()),
            &column_of(|(_, to)| to.object.clone()),
            &column_of(|(_, to)| to.id.clone()),
            &micros(now),
        ],
    )
    .await
    .map_err(&recording)?;
    Ok(())
}

pub(super) async fn linked(client: &Client, record: &RemoteRecord) -> Result<Vec<RemoteRecord>> {
    // In the order of bytes, as SQLite has it, whatever the language of the database.
    const LINKED: &str = "SELECT other_connection, other_object, other_id FROM link
        WHERE connection = $1 AND object = $2 AND id = $3
        ORDER BY made_at, other_connection COLLATE \"C\", other_object COLLATE \"C\", other_id COLLATE \"C\"";
    let reading = failed("read links");
    let (connection, object, id) = (
        Text(&record.connection),
        Text(&record.object),
        Text(&record.id),
    );
    let found = query(client, LINKED, &[&connection, &object, &id])
        .await
        .map_err(&reading)?;
    let records = found.iter().map(|row| {
        Ok(RemoteRecord {
            connection: column(row, 0)?,
            object: column(row, 1)?,
            id: column(row, 2)?,
        })
    });
    records.collect()
}

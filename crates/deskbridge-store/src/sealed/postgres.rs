//! Sealed credentials in PostgreSQL.

use deadpool_postgres::{Client, Transaction};
use jiff::Timestamp;

use super::Sealed;
use crate::{
    Result,
    postgres::{
        Text,
        asking::{execute, query_opt},
        column, failed, number,
    },
    sqlite::micros,
};

pub(super) async fn read(client: &Client, name: &str) -> Result<Option<Sealed>> {
    const READ: &str = "SELECT revision, body FROM sealed WHERE name = $1";
    let found = query_opt(client, READ, &[&Text(name)])
        .await
        .map_err(failed("read a sealed credential"))?;
    let found = found.map(|row| {
        Ok(Sealed {
            revision: column::<i64>(&row, 0)?.unsigned_abs(),
            body: column(&row, 1)?,
        })
    });
    found.transpose()
}

pub(super) async fn keep(
    transaction: &Transaction<'_>,
    name: &str,
    sealed: &Sealed,
    now: Timestamp,
) -> Result<bool> {
    const FIRST: &str =
        "INSERT INTO sealed (name, revision, body, changed_at) VALUES ($1, $2::bigint + 1, $3, $4)
        ON CONFLICT DO NOTHING";
    const NEXT: &str = "UPDATE sealed SET revision = revision + 1, body = $3, changed_at = $4
        WHERE name = $1 AND revision = $2";
    let sql = if sealed.revision == 0 { FIRST } else { NEXT };
    let (revision, now) = (number(sealed.revision), micros(now));
    let changed = execute(
        transaction,
        sql,
        &[&Text(name), &revision, &sealed.body, &now],
    )
    .await;
    Ok(changed.map_err(failed("keep a sealed credential"))? > 0)
}

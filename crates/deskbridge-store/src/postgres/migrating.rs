//! Bringing the schema up to date, by one node at a time.

use deadpool_postgres::Transaction;

use super::{
    Link,
    asking::{execute, query_opt},
    column, failed,
};
use crate::{
    Error, Result,
    migrations::{self, Migration, POSTGRES},
};

const LEDGER: &str = "CREATE TABLE IF NOT EXISTS migration (
    version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL)";

/// Applies what is missing, all of it in one transaction.
pub(super) async fn bring_up_to_date(link: &Link) -> Result<()> {
    apply(link, POSTGRES).await
}

async fn apply(link: &Link, migrations: &[Migration]) -> Result<()> {
    let parameters = (link.schema.as_str(), migrations);
    // Nobody can say how long a change of much data takes.
    link.write_within(None, parameters, |transaction, (schema, migrations)| {
        Box::pin(apply_alone(transaction, schema, migrations))
    })
    .await
}

async fn apply_alone(
    transaction: &Transaction<'_>,
    schema: &str,
    migrations: &[Migration],
) -> Result<()> {
    const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1 || ' schema', 0))";
    const EXISTS: &str = "SELECT 1 FROM pg_namespace WHERE nspname = $1";
    let preparing = failed("prepare its list of schema changes");
    // Another node may take its time over a change.
    let patience = "SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0";
    transaction
        .batch_execute(patience)
        .await
        .map_err(&preparing)?;
    execute(transaction, LOCK, &[&schema])
        .await
        .map_err(&preparing)?;
    // Who may not create schemas can still use one that was made for them.
    let exists = query_opt(transaction, EXISTS, &[&schema])
        .await
        .map_err(&preparing)?;
    if exists.is_none() {
        let create = format!("CREATE SCHEMA {schema}");
        transaction
            .batch_execute(&create)
            .await
            .map_err(&preparing)?;
    }
    transaction
        .batch_execute(LEDGER)
        .await
        .map_err(&preparing)?;
    apply_missing(transaction, migrations).await
}

async fn apply_missing(transaction: &Transaction<'_>, migrations: &[Migration]) -> Result<()> {
    let listing = failed("list its schema changes");
    let list = "SELECT version, checksum FROM migration ORDER BY version";
    let mut applied = Vec::new();
    for row in transaction.query(list, &[]).await.map_err(&listing)? {
        let (version, checksum): (i32, String) = (column(&row, 0)?, column(&row, 1)?);
        applied.push((version.unsigned_abs(), checksum));
    }
    for migration in migrations::missing(&applied, migrations)? {
        let version = migration.version;
        let changed = transaction.batch_execute(migration.sql).await;
        changed.map_err(|error| Error::Migrate {
            version,
            source: super::Failure::from(error).into(),
        })?;
        let note = "INSERT INTO migration (version, name, checksum) VALUES ($1, $2, $3)";
        let number = i32::try_from(version).unwrap_or(i32::MAX);
        execute(
            transaction,
            note,
            &[&number, &migration.name, &migration.checksum()],
        )
        .await
        .map_err(&listing)?;
        tracing::info!(
            version,
            name = migration.name,
            "The database schema was changed"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Backend, contract::Schema};

    #[tokio::test]
    async fn a_change_may_take_longer_than_any_answer() {
        let schema = Schema::new();
        let store = crate::Store::open_postgres(&schema.address, &schema.options).await;
        let Backend::Postgres(database) = store.unwrap().backend else {
            panic!("it is PostgreSQL");
        };
        let slow = Migration {
            version: 99,
            name: "slow",
            sql: "SELECT pg_sleep(1)",
        };
        let migrations = [POSTGRES, &[slow]].concat();
        // Time that passes at once where something waits for it, so that every limit is met.
        tokio::time::pause();
        apply(&database.link, &migrations).await.unwrap();
        tokio::time::resume();
        schema.drop().await;
    }
}

//! Which of the processes that share a database are alive, and which of them alone may do something.

use std::time::Duration;

use deadpool_postgres::Transaction;
use uuid::Uuid;

use super::{
    Link, Text,
    asking::{execute, query, query_opt},
    clock::DatabaseClock,
    column, failed, number,
    turns::{EFFECTS, EVENTS, Turns, database_now},
};
use crate::{Fence, Result};

/// A span in microseconds.
fn span(span: Duration) -> i64 {
    number(span.as_micros())
}

/// Says that this node lives. It touches nothing but the row of this node, which no other one locks.
pub(super) async fn beat(link: &Link, valid_for: Duration) -> Result<()> {
    const BEAT: &str = concat!(
        "INSERT INTO node (id, live_until) VALUES ($1, ",
        database_now!(),
        " + $2) ON CONFLICT (id) DO UPDATE SET live_until = excluded.live_until RETURNING live_until - $2"
    );
    let parameters = (link.node(), span(valid_for));
    let beat = link.write(parameters, |transaction, (node, valid_for)| {
        Box::pin(async move {
            let asked_at = DatabaseClock::asked_at();
            let row = query_opt(transaction, BEAT, &[node, valid_for])
                .await
                .map_err(failed("say that this node lives"))?;
            let shown = row.map(|row| column(&row, 0)).transpose()?;
            Ok((asked_at, shown))
        })
    });
    if let (asked_at, Some(shown)) = beat.await? {
        link.clock().learn(asked_at, shown);
    }
    Ok(())
}

/// Takes the claims of nodes that are gone away from them; how many claims. What a node that is frozen has locked is
/// left until it is let go.
pub(crate) async fn take_over(transaction: &Transaction<'_>, node: Uuid) -> Result<u64> {
    // Kept for an hour, so that what a node claimed between two beats that were far apart is found.
    const FORGET: &str = concat!(
        "DELETE FROM node WHERE id IN (SELECT id FROM node WHERE live_until <= ",
        database_now!(),
        " - 3600000000 FOR UPDATE SKIP LOCKED)"
    );
    let gone = gone(transaction, node).await?;
    if gone.is_empty() {
        return Ok(0);
    }
    let effects = EFFECTS.release(transaction, &gone).await?;
    let events = EVENTS.release(transaction, &gone).await?;
    execute(transaction, FORGET, &[])
        .await
        .map_err(failed("forget nodes that are gone"))?;
    Ok(effects + events)
}

/// The other nodes that said that they live, and said so too long ago.
async fn gone(transaction: &Transaction<'_>, node: Uuid) -> Result<Vec<Uuid>> {
    const GONE: &str = concat!(
        "SELECT id FROM node WHERE id <> $1 AND live_until <= ",
        database_now!()
    );
    let found = query(transaction, GONE, &[&node])
        .await
        .map_err(failed("find which nodes are gone"))?;
    found.iter().map(|row| column(row, 0)).collect()
}

/// Ends the leases that this node gave, and those of nodes that are gone; how many there were.
pub(crate) async fn release(
    transaction: &Transaction<'_>,
    turns: &Turns,
    node: Uuid,
) -> Result<u64> {
    let mut holders = gone(transaction, node).await?;
    holders.push(node);
    turns.release(transaction, &holders).await
}

/// Takes or renews a lease; its fencing number.
pub(crate) async fn hold(
    transaction: &Transaction<'_>,
    name: &str,
    holder: &str,
    hold_for: Duration,
) -> Result<Option<u64>> {
    const HOLD: &str = concat!(
        "INSERT INTO lease AS l (name, holder, fence, held_until) VALUES ($1, $2, 1, ",
        database_now!(),
        " + $3)
        ON CONFLICT (name) DO UPDATE SET holder = $2, held_until = excluded.held_until,
            fence = l.fence + (l.holder <> $2)::integer
        WHERE l.holder = $2 OR l.held_until <= ",
        database_now!(),
        " RETURNING fence"
    );
    let holding = failed("take a lease");
    let held = query_opt(
        transaction,
        HOLD,
        &[&Text(name), &Text(holder), &span(hold_for)],
    )
    .await
    .map_err(&holding)?;
    held.map(|row| column::<i64>(&row, 0).map(i64::unsigned_abs))
        .transpose()
}

/// See [`Fence::check`]. Whoever takes the lease waits until the end of the transaction; who is frozen in it is let go
/// of by the database.
pub(crate) async fn check(transaction: &Transaction<'_>, fence: &Fence) -> Result<()> {
    const IS_HELD: &str = "SELECT 1 FROM lease WHERE name = $1 AND fence = $2 FOR SHARE";
    let (name, number) = (Text(&fence.lease), number(fence.number));
    let held = query_opt(transaction, IS_HELD, &[&name, &number])
        .await
        .map_err(failed("look at a lease"))?;
    held.map(drop).ok_or_else(|| fence.lost())
}

/// Gives a lease up; `false` when it was not held.
pub(crate) async fn let_go(
    transaction: &Transaction<'_>,
    name: &str,
    holder: &str,
) -> Result<bool> {
    // The row stays, so that its number is not given again.
    const LET_GO: &str =
        "UPDATE lease SET held_until = 0, holder = '' WHERE name = $1 AND holder = $2";
    let letting = failed("give a lease up");
    Ok(execute(transaction, LET_GO, &[&Text(name), &Text(holder)])
        .await
        .map_err(&letting)?
        > 0)
}

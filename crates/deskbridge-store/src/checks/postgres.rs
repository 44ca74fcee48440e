//! Checks of a PostgreSQL database. Its pages are the server's matter; these are the rules of ours.

use std::time::Duration;

use deadpool_postgres::Transaction;

use super::{Finding, Rule};
use crate::{
    Result,
    postgres::{Database, column, failed},
};

/// How long all of it may take.
const CHECK_FOR: Duration = Duration::from_secs(3_600);

const RULES: [Rule; 12] = [
    Rule {
        broken: "Of the open effects of one key exactly one has its turn, which does not hold for the key {}.",
        find: "SELECT min(ordering_key) FROM effect WHERE state IN ('pending', 'running')
            GROUP BY ordering_hash HAVING count(*) FILTER (WHERE at_head) <> 1",
    },
    Rule {
        broken: "An effect has its turn although it has ended: {}.",
        find: "SELECT 'eff_' || replace(id::text, '-', '') FROM effect
            WHERE at_head AND state NOT IN ('pending', 'running')",
    },
    Rule {
        broken: "An effect is being carried out although it is not its turn: {}.",
        find: "SELECT 'eff_' || replace(id::text, '-', '') FROM effect WHERE NOT at_head AND state = 'running'",
    },
    Rule {
        broken: "Of the open events of one key exactly one has its turn, which does not hold for the key {}.",
        find: "SELECT coalesce(min(e.ordering_key), 'unknown') FROM event_turn t LEFT JOIN event e USING (sequence)
            WHERE t.state IN ('pending', 'running')
            GROUP BY t.ordering_hash HAVING count(*) FILTER (WHERE t.at_head) <> 1",
    },
    Rule {
        broken: "An event has its turn although it has ended: number {}.",
        find: "SELECT sequence::text FROM event_turn WHERE at_head AND state NOT IN ('pending', 'running')",
    },
    Rule {
        broken: "An event is being carried out although it is not its turn: number {}.",
        find: "SELECT sequence::text FROM event_turn WHERE NOT at_head AND state = 'running'",
    },
    Rule {
        broken: "An event will never have its turn: {}.",
        find: "SELECT 'evt_' || replace(id::text, '-', '') FROM event e
            WHERE NOT EXISTS (SELECT 1 FROM event_turn t WHERE t.sequence = e.sequence)",
    },
    Rule {
        broken: "The turn of an event does not fit the event: number {}.",
        find: "SELECT sequence::text FROM event_turn t
            WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.sequence = t.sequence)",
    },
    Rule {
        broken: "A repetition is counted on an event that is not there: number {}.",
        find: "SELECT sequence::text FROM event_repeat r
            WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.sequence = r.sequence)",
    },
    Rule {
        broken: "A duplicate key is of an event that is not there: number {}.",
        find: "SELECT sequence::text FROM event_key k
            WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.sequence = k.sequence)",
    },
    Rule {
        broken: "An effect was caused by an event that is not there: number {}.",
        find: "SELECT event::text FROM event_effect c
            WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.sequence = c.event)",
    },
    Rule {
        broken: "A link leads in one direction only: from {}.",
        find: "SELECT a.connection || ' ' || a.object || ' ' || a.id FROM link a WHERE NOT EXISTS (SELECT 1 FROM link b
            WHERE b.connection = a.other_connection AND b.object = a.other_object AND b.id = a.other_id
                AND b.other_connection = a.connection AND b.other_object = a.object AND b.other_id = a.id)",
    },
];

pub(super) async fn check(database: &Database) -> Result<Vec<Finding>> {
    database
        .write_within(Some(CHECK_FOR), (), |transaction, ()| {
            Box::pin(findings(transaction))
        })
        .await
}

async fn findings(transaction: &Transaction<'_>) -> Result<Vec<Finding>> {
    // All rules at one moment, however long it takes.
    const ONE_MOMENT: &str = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL statement_timeout = 0";
    let checking = failed("check itself");
    transaction
        .batch_execute(ONE_MOMENT)
        .await
        .map_err(&checking)?;
    let mut findings = Vec::new();
    for rule in &RULES {
        let rows = transaction
            .query(&rule.sql(), &[])
            .await
            .map_err(&checking)?;
        let names = rows.iter().map(|row| column(row, 0));
        findings.extend(rule.finding(&names.collect::<Result<Vec<String>>>()?));
    }
    Ok(findings)
}

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

const RULES: [Rule; 10] = [
    Rule {
        broken: "ordering keys with effects to carry out do not have one of them at their head",
        count: "SELECT count(*) FROM (SELECT 1 FROM effect WHERE state IN ('pending', 'running')
            GROUP BY ordering_hash HAVING count(*) FILTER (WHERE at_head) <> 1) k",
    },
    Rule {
        broken: "effects are at the head of their key and have ended, or run elsewhere in it",
        count: "SELECT count(*) FROM effect WHERE CASE state
            WHEN 'running' THEN NOT at_head WHEN 'pending' THEN false ELSE at_head END",
    },
    Rule {
        broken: "ordering keys with events to carry out do not have one of them at their head",
        count: "SELECT count(*) FROM (SELECT 1 FROM event_turn WHERE state IN ('pending', 'running')
            GROUP BY ordering_hash HAVING count(*) FILTER (WHERE at_head) <> 1) k",
    },
    Rule {
        broken: "events are at the head of their key and have ended, or run elsewhere in it",
        count: "SELECT count(*) FROM event_turn WHERE CASE state
            WHEN 'running' THEN NOT at_head WHEN 'pending' THEN false ELSE at_head END",
    },
    Rule {
        broken: "events have no turn",
        count: "SELECT count(*) FROM event e
            WHERE NOT EXISTS (SELECT 1 FROM event_turn t WHERE t.sequence = e.sequence)",
    },
    Rule {
        broken: "turns are of events that are not there",
        count: "SELECT count(*) FROM event_turn t
            WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.sequence = t.sequence)",
    },
    Rule {
        broken: "repetitions are of events that are not there",
        count: "SELECT count(*) FROM event_repeat r
            WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.sequence = r.sequence)",
    },
    Rule {
        broken: "duplicate keys are of events that are not there",
        count: "SELECT count(*) FROM event_key k
            WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.sequence = k.sequence)",
    },
    Rule {
        broken: "effects were caused by events that are not there",
        count: "SELECT count(*) FROM event_effect c
            WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.sequence = c.event)",
    },
    Rule {
        broken: "links are not written in both directions",
        count: "SELECT count(*) FROM link a WHERE NOT EXISTS (SELECT 1 FROM link b
            WHERE b.connection = a.other_connection AND b.object = a.other_object AND b.id = a.other_id
                AND b.other_connection = a.connection AND b.other_object = a.object AND b.other_id = a.id)",
    },
];

pub(super) async fn check(database: &Database) -> Result<Vec<Finding>> {
    database
        .write_within(CHECK_FOR, (), |transaction, ()| {
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
        let row = transaction
            .query_one(rule.count, &[])
            .await
            .map_err(&checking)?;
        findings.extend(rule.finding(column(&row, 0)?));
    }
    Ok(findings)
}

//! Checks of a SQLite database.

use rusqlite::Connection;

use super::{Finding, Rule, TOLD_MAX};
use crate::{
    Error, Result,
    sqlite::{failed, rows},
};

const RULES: [Rule; 12] = [
    Rule {
        broken: "Of the open effects of one key exactly one has its turn, which does not hold for the key {}.",
        find: "SELECT id FROM (SELECT ordering_key AS id, sum(at_head) AS heads FROM effect
            WHERE state IN ('pending', 'running') GROUP BY ordering_key) WHERE heads <> 1",
    },
    Rule {
        broken: "An effect has its turn although it has ended: {}.",
        find: "SELECT 'eff_' || lower(hex(id)) FROM effect WHERE at_head = 1 AND state NOT IN ('pending', 'running')",
    },
    Rule {
        broken: "An effect is being carried out although it is not its turn: {}.",
        find: "SELECT 'eff_' || lower(hex(id)) FROM effect WHERE at_head = 0 AND state = 'running'",
    },
    Rule {
        broken: "Of the open events of one key exactly one has its turn, which does not hold for the key {}.",
        find: "SELECT id FROM (SELECT ordering_key AS id, sum(at_head) AS heads FROM event_turn
            WHERE state IN ('pending', 'running') GROUP BY ordering_key) WHERE heads <> 1",
    },
    Rule {
        broken: "An event has its turn although it has ended: number {}.",
        find: "SELECT CAST(sequence AS TEXT) FROM event_turn WHERE at_head = 1 AND state NOT IN ('pending', 'running')",
    },
    Rule {
        broken: "An event is being carried out although it is not its turn: number {}.",
        find: "SELECT CAST(sequence AS TEXT) FROM event_turn WHERE at_head = 0 AND state = 'running'",
    },
    Rule {
        broken: "An event will never have its turn: {}.",
        find: "SELECT 'evt_' || lower(hex(id)) FROM event WHERE sequence <= (SELECT admitted_to FROM event_cursor)
            AND NOT EXISTS (SELECT 1 FROM event_turn t WHERE t.sequence = event.sequence)",
    },
    Rule {
        broken: "The turn of an event does not fit the event: number {}.",
        find: "SELECT CAST(t.sequence AS TEXT) FROM event_turn t LEFT JOIN event e USING (sequence)
            WHERE e.sequence IS NULL OR e.ordering_key <> t.ordering_key",
    },
    Rule {
        broken: "A repetition is counted on an event that is not there: number {}.",
        find: "SELECT CAST(sequence AS TEXT) FROM event_repeat r
            WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.sequence = r.sequence)",
    },
    Rule {
        broken: "An effect was caused by an event that is not there: number {}.",
        find: "SELECT CAST(event AS TEXT) FROM event_effect
            WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.sequence = event_effect.event)",
    },
    Rule {
        broken: "Nothing says how far events have had their turn: {}.",
        find: "SELECT 'none' WHERE NOT EXISTS (SELECT 1 FROM event_cursor)",
    },
    Rule {
        broken: "A link leads in one direction only: from {}.",
        find: "SELECT l.connection || ' ' || l.object || ' ' || l.id FROM link l WHERE NOT EXISTS (
            SELECT 1 FROM link o WHERE o.connection = l.other_connection AND o.object = l.other_object
                AND o.id = l.other_id AND o.other_connection = l.connection
                AND o.other_object = l.object AND o.other_id = l.id)",
    },
];

/// Lets several questions see the same state, whoever writes meanwhile.
pub(super) fn at_one_moment<T>(
    connection: &Connection,
    look: impl FnOnce(&Connection) -> Result<T>,
) -> Result<T> {
    let moment = connection
        .unchecked_transaction()
        .map_err(failed("hold a moment"))?;
    let seen = look(&moment);
    moment.finish().map_err(failed("let a moment go"))?;
    seen
}

/// What is wrong with the tables of the newest schema and with what stands in them.
pub(super) fn check(connection: &Connection) -> Result<Vec<Finding>> {
    let mut findings = damage(connection)?;
    // What damaged pages say of what they hold means nothing.
    if findings.is_empty() {
        for rule in &RULES {
            let names = texts(connection, &rule.sql(), "check what it holds")?;
            findings.extend(rule.finding(&names));
        }
    }
    Ok(findings)
}

/// What SQLite itself finds: pages that cannot be read, indices that do not fit their tables.
pub(super) fn damage(connection: &Connection) -> Result<Vec<Finding>> {
    let sql = format!("PRAGMA integrity_check({TOLD_MAX})");
    let found = texts(connection, &sql, "check its pages").or_else(|error| match error {
        // Some damage ends the check itself.
        Error::Statement { source, .. } => Ok(vec![source.to_string()]),
        other => Err(other),
    })?;
    let found = found.into_iter().filter(|line| line != "ok");
    Ok(found
        .map(|line| Finding(format!("The file is damaged: {line}.")))
        .collect())
}

fn texts(connection: &Connection, sql: &str, what: &'static str) -> Result<Vec<String>> {
    let checking = failed(what);
    let mut statement = connection.prepare_cached(sql).map_err(&checking)?;
    rows(&mut statement, [], &checking, |row| Ok(Ok(row.get(0)?)))
}

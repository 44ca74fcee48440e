//! Which events are known by their duplicate keys.
//!
//! The keys are digests, so an index of them is written at random places: brought up to date with every event, it
//! costs more than the events themselves. The writer therefore holds the keys of the latest events in memory and
//! merges them into the table `event_key` many at a time, in the order of the table, a slice with each group of
//! events. After a crash they are read again from the events beyond `event_cursor.keyed_to`.
//!
//! Here a key is 64 bits. What is found is compared whole by the caller: two keys that are equal by accident can
//! cost the detection of one duplicate, never an event.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use deskbridge_core::DuplicateKey;
use rusqlite::{Connection, Statement};

use super::failed;
use crate::Result;

/// Keys that are held in memory before they are merged: some 4 MB. Few in tests, so that they merge.
const RECENT_MAX: usize = if cfg!(test) { 48 } else { 131_072 };
/// Keys that are merged with a group, for each key that the group brings.
const MERGED_PER_KEY: usize = 2;
/// Keys that are merged with a group at least.
const MERGED_MIN: usize = if cfg!(test) { 8 } else { 256 };

/// Finds the events of two keys that were merged.
pub(crate) const FIND: &str = "SELECT sequence FROM event_key WHERE fingerprint IN (?1, ?2)";

/// The first 64 bits of a key, mixed with the connection that it counts for.
pub(crate) fn fingerprint(connection: &str, key: &DuplicateKey) -> i64 {
    // FNV-1a: connections are few, and their names are not an attacker's.
    let seed = connection
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    let first = key.as_bytes().first_chunk().copied().unwrap_or_default();
    (u64::from_be_bytes(first) ^ seed).cast_signed()
}

/// Lets an event be known by a key from now on.
pub(crate) fn note(connection: &Connection, key: i64, sequence: i64) -> Result<()> {
    const KEY: &str = "INSERT OR REPLACE INTO event_key (fingerprint, sequence) VALUES (?1, ?2)";
    const AGAIN: &str = "DELETE FROM event_key_gone WHERE fingerprint = ?1 AND sequence = ?2";
    run(connection, [KEY, AGAIN], key, sequence)
}

/// Lets an event be known by a key no longer.
pub(crate) fn forget(connection: &Connection, key: i64, sequence: i64) -> Result<()> {
    const FORGET: &str = "DELETE FROM event_key WHERE fingerprint = ?1 AND sequence = ?2";
    // The writer may hold it in memory and bring it to the table later.
    const GONE: &str = "INSERT INTO event_key_gone (fingerprint, sequence) SELECT ?1, ?2
        WHERE ?2 > (SELECT keyed_to FROM event_cursor) ON CONFLICT DO NOTHING";
    run(connection, [FORGET, GONE], key, sequence)
}

fn run(connection: &Connection, both: [&str; 2], key: i64, sequence: i64) -> Result<()> {
    for sql in both {
        connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute((key, sequence)))
            .map_err(failed("change by which keys an event is known"))?;
    }
    Ok(())
}

/// Events by their keys. The keys are pieces of digests: there is nothing to be gained by hashing them again.
type ByKey = HashMap<i64, i64, BuildHasherDefault<AsItIs>>;

/// Takes a number for its own hash.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let number = chunk
                .iter()
                .fold(0, |number, byte| number << 8 | u64::from(*byte));
            self.0 = self.0.rotate_left(8) ^ number;
        }
    }

    fn write_i64(&mut self, number: i64) {
        self.0 ^= number.cast_unsigned();
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The keys of the latest events.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    /// Of the events after those that are being merged.
    recent: ByKey,
    merging: Option<Merging>,
    /// The newest event whose keys are here or in the table.
    last: i64,
    /// What the open transaction adds.
    open: Open,
}

#[derive(Debug, Default)]
struct Open {
    keys: ByKey,
    last: i64,
    merged: usize,
    has_begun: bool,
}

#[derive(Debug)]
struct Merging {
    keys: ByKey,
    sorted: Vec<i64>,
    /// So many of `sorted` are in the table.
    merged: usize,
    /// The newest event among them.
    last: i64,
}

impl Keys {
    /// Learns what was written since: everything that is not in the table at the start, afterwards what another
    /// process wrote. Once in each transaction, before its first event.
    pub(crate) fn catch_up(&mut self, connection: &Connection) -> Result<()> {
        const STANDING: &str =
            "SELECT (SELECT coalesce(max(sequence), 0) FROM event), admitted_to, keyed_to
            FROM event_cursor";
        const MISSED: &str = "SELECT sequence, connection, raw_key, canonical_key FROM event
            WHERE sequence > ?1 AND sequence <= ?2 ORDER BY sequence";
        if self.open.has_begun {
            return Ok(());
        }
        let catching_up = failed("read the keys of the latest events");
        let (newest, admitted_to, keyed_to): (i64, i64, i64) = connection
            .prepare_cached(STANDING)
            .and_then(|mut statement| {
                statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            })
            .map_err(&catching_up)?;
        if self.last == 0 {
            // What is held in memory is read from events that are there.
            connection
                .execute("DELETE FROM event_key_gone", [])
                .map_err(&catching_up)?;
        }
        self.last = self.last.max(keyed_to);
        if newest > self.last {
            let mut statement = connection.prepare_cached(MISSED).map_err(&catching_up)?;
            let mut missed = statement.query((self.last, newest)).map_err(&catching_up)?;
            while let Some(row) = missed.next().map_err(&catching_up)? {
                let read = || {
                    let (sequence, name): (i64, String) = (row.get(0)?, row.get(1)?);
                    Ok((sequence, name, row.get(2)?, row.get(3)?))
                };
                let (sequence, name, raw, canonical) = read().map_err(&catching_up)?;
                for key in [raw, canonical] {
                    let key = fingerprint(&name, &DuplicateKey::new(key));
                    self.recent.insert(key, sequence);
                }
            }
        }
        // A number is not used twice, even when the newest events were forgotten.
        self.last = self.last.max(newest).max(admitted_to);
        self.open = Open {
            last: self.last,
            has_begun: true,
            ..Open::default()
        };
        Ok(())
    }

    /// The events that may have one of an event's keys; `merged` is [`FIND`], prepared.
    pub(crate) fn find(&self, merged: &mut Statement<'_>, keys: [i64; 2]) -> Result<Vec<i64>> {
        let mut found: Vec<i64> = keys.iter().filter_map(|key| self.held(*key)).collect();
        if found.len() == keys.len() {
            return Ok(found);
        }
        let finding = failed("look for a duplicate");
        let mut rows = merged.query(keys).map_err(&finding)?;
        while let Some(row) = rows.next().map_err(&finding)? {
            found.push(row.get(0).map_err(&finding)?);
        }
        Ok(found)
    }

    /// The event of a key that was not merged yet.
    fn held(&self, key: i64) -> Option<i64> {
        let merging = self.merging.as_ref();
        (self.open.keys.get(&key))
            .or_else(|| self.recent.get(&key))
            .or_else(|| merging.and_then(|merging| merging.keys.get(&key)))
            .copied()
    }

    /// The number of the event that comes next in the open transaction.
    pub(crate) fn next_sequence(&self) -> i64 {
        self.open.last + 1
    }

    /// Notes the keys of the event that came next.
    pub(crate) fn add(&mut self, keys: [i64; 2]) {
        self.open.last += 1;
        for key in keys {
            self.open.keys.insert(key, self.open.last);
        }
    }

    /// Brings a slice of the keys into the table, when it is time; the last thing in a transaction.
    pub(crate) fn merge(&mut self, connection: &Connection) -> Result<()> {
        const MERGE: &str =
            "INSERT OR REPLACE INTO event_key (fingerprint, sequence) VALUES (?1, ?2)";
        const MERGED: [&str; 3] = [
            "UPDATE event_cursor SET keyed_to = max(keyed_to, ?1)",
            "DELETE FROM event_key WHERE fingerprint IN (SELECT fingerprint FROM event_key_gone WHERE sequence <= ?1)
                AND EXISTS (SELECT 1 FROM event_key_gone g
                    WHERE g.fingerprint = event_key.fingerprint AND g.sequence = event_key.sequence)",
            "DELETE FROM event_key_gone WHERE sequence <= ?1",
        ];
        let merging = failed("bring the keys of events into their table");
        if self.merging.is_none() && self.recent.len() >= RECENT_MAX {
            let keys = std::mem::take(&mut self.recent);
            let mut sorted: Vec<i64> = keys.keys().copied().collect();
            sorted.sort_unstable();
            self.merging = Some(Merging {
                keys,
                sorted,
                merged: 0,
                last: self.last,
            });
        }
        let Some(run) = &self.merging else {
            return Ok(());
        };
        let slice = (self.open.keys.len() * MERGED_PER_KEY).max(MERGED_MIN);
        let slice = run.sorted.iter().skip(run.merged).take(slice);
        let mut statement = connection.prepare_cached(MERGE).map_err(&merging)?;
        let mut merged = run.merged;
        for key in slice {
            statement
                .execute((key, run.keys.get(key)))
                .map_err(&merging)?;
            merged += 1;
        }
        if merged == run.sorted.len() {
            for sql in MERGED {
                connection
                    .prepare_cached(sql)
                    .and_then(|mut statement| statement.execute([run.last]))
                    .map_err(&merging)?;
            }
        }
        self.open.merged = merged;
        Ok(())
    }

    /// The transaction is stored, or nothing of it is.
    pub(crate) fn end(&mut self, is_stored: bool) {
        let open = std::mem::take(&mut self.open);
        if !open.has_begun || !is_stored {
            return;
        }
        self.last = open.last;
        self.recent.extend(open.keys);
        if let Some(merging) = &mut self.merging {
            merging.merged = merging.merged.max(open.merged);
            if merging.merged == merging.sorted.len() {
                self.merging = None;
            }
        }
    }
}

//! How much room there is, and what happens when there is none.
//!
//! Two things can be full. The store may have grown to the size that it was allowed: then events are refused, while
//! what is stored goes on to be carried out, and room comes from forgetting what is done. Or the disk: then a file
//! that was kept for this moment is given up, so that the program and its administrator can still write, and events
//! are refused until the file can be made again.

use std::{
    fs::File,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use rusqlite::Connection;

use super::failed;
use crate::{Error, Result};

/// How much room a store may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Events are refused while the database holds more bytes than this.
    pub database_bytes_max: u64,
    /// The size of a file beside the database that is given up when the disk is full; 0 for none.
    pub ballast_bytes: u64,
    /// Bodies of events that may wait to be written, in bytes.
    pub waiting_bytes_max: usize,
}

impl Default for Limits {
    /// No bound on the database, no ballast, 64 MiB of waiting bodies.
    fn default() -> Self {
        Self {
            database_bytes_max: u64::MAX,
            ballast_bytes: 0,
            waiting_bytes_max: 64 << 20,
        }
    }
}

/// The room of one store.
#[derive(Debug)]
pub(crate) struct Space {
    limits: Limits,
    ballast: PathBuf,
    /// The disk was found full and the ballast is not back.
    is_full: AtomicBool,
}

impl Space {
    pub(crate) fn new(database: &Path, limits: Limits) -> Self {
        let mut ballast = database.as_os_str().to_owned();
        ballast.push(".ballast");
        Self {
            limits,
            ballast: PathBuf::from(ballast),
            is_full: AtomicBool::new(false),
        }
    }

    /// Refuses events when there is no room for them.
    pub(crate) fn require(&self, connection: &Connection) -> Result<()> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err(Error::Full {
                why: "the disk has no room; free some, events are taken again by themselves"
                    .to_owned(),
            });
        }
        if self.limits.database_bytes_max == u64::MAX {
            return Ok(());
        }
        let used = used_bytes(connection)?;
        if used <= self.limits.database_bytes_max {
            return Ok(());
        }
        Err(Error::Full {
            why: format!(
                "the database holds {used} bytes, the limit is {}; what is done is forgotten first, so look for what is dead or waits",
                self.limits.database_bytes_max
            ),
        })
    }

    /// Gives the ballast up, after a write found the disk full.
    pub(crate) fn disk_is_full(&self) {
        if self.limits.ballast_bytes == 0 || self.is_full.swap(true, Ordering::Relaxed) {
            return;
        }
        match std::fs::remove_file(&self.ballast) {
            Ok(()) => {
                tracing::error!(path = %self.ballast.display(), bytes = self.limits.ballast_bytes, "The disk is full: the ballast was given up, and no events are taken until there is room for it again");
            }
            Err(error) => {
                tracing::error!(%error, path = %self.ballast.display(), "The disk is full, and there was no ballast to give up");
            }
        }
    }

    /// Makes the ballast where it is missing; whether events are taken.
    pub(crate) fn recover(&self) -> bool {
        if self.limits.ballast_bytes == 0 {
            return true;
        }
        match self.make_ballast() {
            Ok(()) => {
                if self.is_full.swap(false, Ordering::Relaxed) {
                    tracing::info!("The disk has room again: events are taken");
                }
                true
            }
            Err(error) => {
                // Whatever was written of it would take the room that is short.
                let removed = std::fs::remove_file(&self.ballast);
                tracing::warn!(%error, is_removed = removed.is_ok(), path = %self.ballast.display(), "There is no room for the ballast");
                !self.is_full.load(Ordering::Relaxed)
            }
        }
    }

    fn make_ballast(&self) -> io::Result<()> {
        let bytes = self.limits.ballast_bytes;
        if std::fs::metadata(&self.ballast).is_ok_and(|found| found.len() == bytes) {
            return Ok(());
        }
        let mut file = File::create(&self.ballast)?;
        // Written, not only lengthened: a hole takes no room.
        io::copy(&mut io::Read::take(io::repeat(0), bytes), &mut file)?;
        file.flush()?;
        file.sync_all()
    }
}

/// The bytes of the database that are in use.
pub(crate) fn used_bytes(connection: &Connection) -> Result<u64> {
    const USED: &str = "SELECT (page_count - freelist_count) * page_size
        FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
    let used: i64 = connection
        .prepare_cached(USED)
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .map_err(failed("say how large it is"))?;
    Ok(used.unsigned_abs())
}

//! A script's file, read anew when it has changed.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::{super::Failure, pool::Pool};

/// Bytes of a script, at most.
const SOURCE_BYTES_MAX: u64 = 256 << 10;

/// A hook in JavaScript.
#[derive(Clone, Debug)]
pub struct Script {
    source: Arc<Source>,
    pool: Pool,
}

/// Its file.
#[derive(Debug)]
struct Source {
    path: PathBuf,
    read: Mutex<Option<Arc<Version>>>,
}

/// What a file said at a time.
#[derive(Debug)]
pub(super) struct Version {
    /// No other version of any file has it.
    pub(super) id: u64,
    pub(super) source: String,
    stamp: Stamp,
}

/// What changes when a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
}

impl Script {
    /// The script in a file, run in a pool. The file is read when it is first needed.
    pub fn new(path: impl Into<PathBuf>, pool: Pool) -> Self {
        let source = Source {
            path: path.into(),
            read: Mutex::default(),
        };
        Self {
            source: Arc::new(source),
            pool,
        }
    }

    /// Reads and compiles the file, if that has not been done since it changed.
    ///
    /// # Errors
    /// When it cannot be read or compiled by the deadline.
    pub async fn load(&self, deadline: Instant) -> Result<(), Failure> {
        self.pool
            .keep(&*self.version(deadline).await?, deadline)
            .await
    }

    pub(crate) async fn run(
        &self,
        input: &[u8],
        now: Timestamp,
        deadline: Instant,
    ) -> Result<Vec<u8>, Failure> {
        let version = self.version(deadline).await?;
        self.pool.call(&version, input, now, deadline).await
    }

    #[cfg(test)]
    pub(super) fn pool_of_tests(&self) -> &Pool {
        &self.pool
    }

    async fn version(&self, deadline: Instant) -> Result<Arc<Version>, Failure> {
        let source = Arc::clone(&self.source);
        // A disk may take its time, and others' calls go on meanwhile.
        let reading = tokio::task::spawn_blocking(move || source.version());
        let read = timeout_at(deadline, reading).await;
        let read = read.map_err(|_elapsed| Failure::TimedOut)?;
        let ended = || Failure::Script("reading the file was interrupted".to_owned());
        read.map_err(|_ended| ended())?
    }
}

impl Source {
    fn version(&self) -> Result<Arc<Version>, Failure> {
        let unread = |error: io::Error| {
            Failure::Script(format!("{} cannot be read: {error}", self.path.display()))
        };
        let stamp = Stamp::of(&self.path).map_err(unread)?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(version) = read.as_ref().filter(|version| version.stamp == stamp) {
            return Ok(Arc::clone(version));
        }
        let mut source = String::new();
        let file = File::open(&self.path).map_err(unread)?;
        let bytes = file.take(SOURCE_BYTES_MAX + 1).read_to_string(&mut source);
        if bytes.map_err(unread)? as u64 > SOURCE_BYTES_MAX {
            return Err(Failure::Script(format!(
                "{} has more than {SOURCE_BYTES_MAX} bytes",
                self.path.display()
            )));
        }
        static VERSIONS: AtomicU64 = AtomicU64::new(0);
        let version = Arc::new(Version {
            id: VERSIONS.fetch_add(1, Ordering::Relaxed),
            source,
            stamp,
        });
        *read = Some(Arc::clone(&version));
        Ok(version)
    }
}

impl Stamp {
    fn of(path: &Path) -> io::Result<Self> {
        let about = std::fs::metadata(path)?;
        Ok(Self {
            modified: about.modified().ok(),
            bytes: about.len(),
        })
    }
}

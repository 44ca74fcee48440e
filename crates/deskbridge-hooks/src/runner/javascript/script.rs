//! A script's file, compiled anew when it has changed.

use std::{
    fs::File,
    io::Read as _,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use jiff::Timestamp;
use tokio::time::Instant;

use super::{super::Failure, engine::Compiled, pool::Pool};

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
pub(super) struct Source {
    path: PathBuf,
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    version: Version,
    compiled: Compiled,
}

/// What changes when a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version {
    modified: Option<SystemTime>,
    bytes: u64,
}

impl Script {
    /// The script in a file, run in a pool. The file is read when it is first needed.
    pub fn new(path: impl Into<PathBuf>, pool: Pool) -> Self {
        let source = Source {
            path: path.into(),
            kept: Mutex::default(),
        };
        Self {
            source: Arc::new(source),
            pool,
        }
    }

    /// Reads and compiles the file, if that has not been done since it changed. This waits for the disk.
    ///
    /// # Errors
    /// When it cannot be read or compiled.
    pub fn load(&self) -> Result<(), Failure> {
        self.source.compiled().map(drop)
    }

    pub(crate) async fn run(
        &self,
        input: &[u8],
        now: Timestamp,
        deadline: Instant,
    ) -> Result<Vec<u8>, Failure> {
        let source = Arc::clone(&self.source);
        self.pool.call(source, input.to_vec(), now, deadline).await
    }
}

impl Source {
    pub(super) fn compiled(&self) -> Result<Compiled, Failure> {
        let unread = |error: std::io::Error| {
            Failure::Script(format!("{} cannot be read: {error}", self.path.display()))
        };
        let about = std::fs::metadata(&self.path).map_err(unread)?;
        let version = Version {
            modified: about.modified().ok(),
            bytes: about.len(),
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = kept.as_ref().filter(|kept| kept.version == version) {
            return Ok(kept.compiled);
        }
        let file = File::open(&self.path).map_err(unread)?;
        let mut source = String::new();
        let read = file.take(SOURCE_BYTES_MAX + 1).read_to_string(&mut source);
        if read.map_err(unread)? as u64 > SOURCE_BYTES_MAX {
            return Err(Failure::Script(format!(
                "{} has more than {SOURCE_BYTES_MAX} bytes",
                self.path.display()
            )));
        }
        let compiled = Compiled::new(&source)?;
        *kept = Some(Kept { version, compiled });
        Ok(compiled)
    }
}

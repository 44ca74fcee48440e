//! What Asterisk recorded.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::read;

/// Samples in a second, of two bytes each.
const SAMPLES_PER_SECOND: f64 = 8000.0;
/// What precedes the samples.
const HEADER_BYTES: usize = 44;
/// A sample further from the middle is sound; the phones' tones go twenty times as far.
const SILENCE_MAX: u16 = 500;

/// One file of the spool folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// Where it is.
    pub path: PathBuf,
    /// How long it lasts.
    pub lasts_for: Duration,
    /// How much of it is sound.
    pub sounds_for: Duration,
}

impl Recording {
    fn read(path: PathBuf) -> Self {
        let bytes = read(&path);
        let samples = bytes.get(HEADER_BYTES..).unwrap_or_default();
        let samples = samples.chunks_exact(2).map(|pair| match pair {
            [low, high] => i16::from_le_bytes([*low, *high]).unsigned_abs(),
            _ => 0,
        });
        let lasts = samples.clone().count();
        let sounds = samples.filter(|sample| *sample > SILENCE_MAX).count();
        Self {
            path,
            lasts_for: duration(lasts),
            sounds_for: duration(sounds),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a test records minutes at most")]
fn duration(samples: usize) -> Duration {
    Duration::from_secs_f64(samples as f64 / SAMPLES_PER_SECOND)
}

/// Every recording below a folder, by path.
pub(super) fn below(folder: &Path) -> Vec<Recording> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "wav") {
                found.push(Recording::read(path));
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

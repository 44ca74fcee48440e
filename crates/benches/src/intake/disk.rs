//! The disk that is measured on: a sync must mean something there.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail};
use tokio::time::Instant;

use super::middle;

/// A folder for databases, and what it is on.
pub(super) struct Disk {
    folder: PathBuf,
    pub(super) device: String,
    pub(super) file_system: String,
    /// How long it takes to sync a page that was appended, in the middle.
    pub(super) sync_for: Duration,
}

impl Disk {
    /// A folder under the current one.
    pub(super) fn here() -> anyhow::Result<Self> {
        let folder = PathBuf::from("tmp").join("bench-intake");
        std::fs::create_dir_all(&folder)?;
        let (device, file_system) = mounted(&folder)?;
        if ["tmpfs", "ramfs", "overlay"].contains(&file_system.as_str()) {
            bail!(
                "{} is on {file_system}, where a sync means nothing; run in a folder on a disk",
                folder.display()
            );
        }
        let sync_for = sync_for(&folder)?;
        Ok(Self {
            folder,
            device,
            file_system,
            sync_for,
        })
    }

    /// The path of a database that does not exist yet, where nothing else is.
    pub(super) fn fresh(&self) -> anyhow::Result<PathBuf> {
        if self.folder.exists() {
            std::fs::remove_dir_all(&self.folder)?;
        }
        std::fs::create_dir_all(&self.folder)?;
        Ok(self.database())
    }

    /// The path that [`Self::fresh`] gives.
    pub(super) fn database(&self) -> PathBuf {
        self.folder.join("events.db")
    }
}

/// The device and the file system that a folder is on.
fn mounted(folder: &Path) -> anyhow::Result<(String, String)> {
    let folder = folder.canonicalize()?;
    let mut mounts = String::new();
    File::open("/proc/self/mounts")?
        .take(1 << 20)
        .read_to_string(&mut mounts)?;
    let fields = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (device, point, kind) = (words.next()?, words.next()?, words.next()?);
        folder.starts_with(point).then_some((point, device, kind))
    });
    let (_, device, kind) = fields
        .max_by_key(|(point, ..)| point.len())
        .context("no file system holds the folder")?;
    Ok((device.to_owned(), kind.to_owned()))
}

fn sync_for(folder: &Path) -> anyhow::Result<Duration> {
    let path = folder.join("sync");
    let mut file = File::create(&path)?;
    let mut took = Vec::new();
    for _ in 0..200 {
        file.write_all(&[1; 4_096])?;
        let start = Instant::now();
        file.sync_data()?;
        took.push(start.elapsed().as_secs_f64());
    }
    std::fs::remove_file(&path)?;
    Ok(Duration::from_secs_f64(middle(took).unwrap_or_default()))
}

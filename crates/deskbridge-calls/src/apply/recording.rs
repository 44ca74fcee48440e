//! `telephony.externalCall.attachRecord`: the file of a recording, once it is whole.

mod joining;
mod program;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bitrix24::Recording;
use deskbridge_core::Effect;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::{Place, Stop, stop::written};
use crate::{
    decide::write::{Attach, CallKey},
    settings::recordings::Folder,
};

/// A wav file without a sound in it: what is left of a call in which nobody was heard.
const HEADER_BYTES: u64 = 44;
/// How long a file has to stay as it is before it is whole.
const STABLE_FOR: Duration = Duration::from_millis(400);
/// How soon it is looked again at a file that is not there or still grows.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How long a recording waits for those before it.
const TURN_WITHIN: Duration = Duration::from_secs(5);
/// How long it may take to convert a recording, and to upload it: together less than an attempt may take.
const CONVERTED_WITHIN: Duration = Duration::from_secs(25);
const UPLOADED_WITHIN: Duration = Duration::from_secs(25);
/// What portals take.
const EXTENSIONS: [&str; 2] = ["wav", "mp3"];

/// A file that can be uploaded, and the folder in which it lives as long as this.
struct Ready {
    path: PathBuf,
    _folder: Option<tempfile::TempDir>,
}

impl Place {
    pub(super) async fn attach(&self, write: &Attach, effect: &Effect) -> Result<Value, Stop> {
        let (call_id, _) = self.known(&write.call).await?;
        let mut files = Vec::new();
        for file in &write.files {
            if let Some(file) = self.whole(Path::new(file), effect).await? {
                files.push(file);
            }
        }
        if files.is_empty() {
            return Err(Stop::left_out("nothing was recorded"));
        }
        let turn = timeout(TURN_WITHIN, Arc::clone(&self.recordings).acquire_owned());
        let Ok(Ok(_turn)) = turn.await else {
            return Err(Stop::not_yet("other recordings are uploaded", AGAIN_AFTER));
        };
        let ready = self.ready(files).await?;
        let opened = async {
            let file = tokio::fs::File::open(&ready.path).await?;
            let bytes = file.metadata().await?.len();
            io::Result::Ok((file, bytes))
        };
        let (file, bytes) = opened.await.map_err(|error| unreadable(&error))?;
        let name = upload_name(&write.call.key, &ready.path);
        let mut recording = Recording::new(&name, bytes, file);
        recording.deadline = UPLOADED_WITHIN;
        let attached = written(self.crm.upload_record(&call_id, recording).await)?;
        Ok(json!({
            "file": attached.file.map(bitrix24::Id::get),
            "name": name,
            "bytes": bytes,
        }))
    }

    /// Where a recording really is, once it is whole; `None` when nothing was heard in it.
    async fn whole(&self, path: &Path, effect: &Effect) -> Result<Option<PathBuf>, Stop> {
        let settings = &self.settings.recordings;
        let waited = self.clock.now().duration_since(effect.recorded_at);
        let wait_for = SignedDuration::from_secs(i64::from(settings.wait_s));
        let is_over = waited >= wait_for;
        let not_yet = |why: String| match is_over {
            true => Stop::refused(format!(
                "{why} after {} s (recordings.wait_s); when it is there, revive this",
                waited.as_secs()
            )),
            false => Stop::not_yet(why, AGAIN_AFTER),
        };
        let name = path.display();
        let real = match tokio::fs::canonicalize(path).await {
            Ok(real) => real,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(not_yet(format!("the recording {name} is not there")));
            }
            Err(error) => return Err(not_yet(format!("{name}: {error}"))),
        };
        if !is_inside(&real, &settings.folders).await {
            return Err(Stop::refused(format!(
                "the recording {name} leads out of the folders of recordings by a link"
            )));
        }
        let look = async || {
            let of = tokio::fs::metadata(&real).await?;
            io::Result::Ok((of.is_file(), of.len()))
        };
        let (is_file, bytes) = look().await.map_err(|error| unreadable(&error))?;
        if !is_file {
            return Err(Stop::refused(format!("{name} is no file")));
        }
        sleep(STABLE_FOR).await;
        let (_, bytes_later) = look().await.map_err(|error| unreadable(&error))?;
        if bytes != bytes_later {
            return Err(not_yet(format!("the recording {name} still grows")));
        }
        if bytes > HEADER_BYTES {
            return Ok(Some(real));
        }
        // It may be written only when the call is over, by a machine that is busy.
        match is_over || waited >= SignedDuration::from_secs(10) {
            true => Ok(None),
            false => Err(Stop::not_yet(
                format!("the recording {name} is empty"),
                AGAIN_AFTER,
            )),
        }
    }

    /// One file of a kind that portals take.
    async fn ready(&self, files: Vec<PathBuf>) -> Result<Ready, Stop> {
        let mut folder = None;
        let path = match <[PathBuf; 1]>::try_from(files) {
            Ok([only]) => only,
            Err(files) => {
                let made = folder.insert(temporary()?);
                let joined = made.path().join("joined.wav");
                let into = joined.clone();
                let done = tokio::task::spawn_blocking(move || joining::join(&files, &into)).await;
                let done = done.map_err(|error| Stop::refused(error.to_string()))?;
                done.map_err(|error| {
                    Stop::refused(format!("recordings cannot be joined: {error}"))
                })?;
                joined
            }
        };
        let convert = &self.settings.recordings.convert;
        if convert.is_empty() {
            return match extension(&path).is_some_and(|of| EXTENSIONS.contains(&of.as_str())) {
                true => Ok(Ready {
                    path,
                    _folder: folder,
                }),
                false => Err(Stop::refused(format!(
                    "{} is neither wav nor mp3; set recordings.convert, and revive this",
                    path.display()
                ))),
            };
        }
        let folder = match folder {
            Some(folder) => folder,
            None => temporary()?,
        };
        let out = folder.path().join("converted.mp3");
        program::run(convert, &path, &out, CONVERTED_WITHIN).await?;
        Ok(Ready {
            path: out,
            _folder: Some(folder),
        })
    }
}

fn temporary() -> Result<tempfile::TempDir, Stop> {
    tempfile::tempdir().map_err(|error| {
        Stop::not_sent(format!("no folder for a recording could be made: {error}"))
    })
}

fn unreadable(error: &io::Error) -> Stop {
    Stop::not_yet(format!("a recording cannot be read: {error}"), AGAIN_AFTER)
}

/// Whether a path without links is in one of the folders, whatever links these have.
async fn is_inside(real: &Path, folders: &[Folder]) -> bool {
    for folder in folders {
        if let Ok(folder) = tokio::fs::canonicalize(&folder.here).await
            && real.starts_with(&folder)
        {
            return true;
        }
    }
    false
}

fn extension(path: &Path) -> Option<String> {
    Some(path.extension()?.to_str()?.to_ascii_lowercase())
}

/// What people see of the file: the call, not where it was.
fn upload_name(key: &CallKey, path: &Path) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '.' {
            c
        } else {
            '-'
        }
    };
    let key: String = key.as_str().chars().map(plain).collect();
    let extension = extension(path).unwrap_or_else(|| "wav".to_owned());
    format!("{key}.{extension}")
}

#[cfg(test)]
mod tests;

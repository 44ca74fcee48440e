//! What was not written, with reasons: JSON Lines that can be corrected and fed back.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use crate::{
    Error, Result,
    reader::{Item, Place},
    record::Record,
};

/// A file of rejected records, made when there is a first one.
#[derive(Debug)]
pub(crate) struct Rejects {
    path: Option<PathBuf>,
    file: Option<File>,
}

impl Rejects {
    pub(crate) fn new(path: Option<&Path>) -> Self {
        Self {
            path: path.map(Path::to_owned),
            file: None,
        }
    }

    /// Keeps a record that is not written.
    pub(crate) fn record(&mut self, place: &Place, why: &str, record: &Record) -> Result<()> {
        let text = serde_json::to_string(record).unwrap_or_default();
        self.line(place, why, &text)
    }

    /// Keeps what is no record; says why.
    pub(crate) fn unreadable(&mut self, item: &Item) -> Result<()> {
        match &item.read {
            Ok(_) => Ok(()),
            Err(bad) => self.line(&item.place, &bad.why, &bad.text),
        }
    }

    fn line(&mut self, place: &Place, why: &str, text: &str) -> Result<()> {
        let Some(path) = self.path.clone() else {
            return Ok(());
        };
        let written = self.write(&path, &format!("# {place}: {}\n{text}\n", one_line(why)));
        written.map_err(|source| Error::Reject { path, source })
    }

    fn write(&mut self, path: &Path, text: &str) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let mut options = OpenOptions::new();
                options.create(true).append(true);
                // It holds what customers wrote.
                #[cfg(unix)]
                std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
                self.file.insert(options.open(path)?)
            }
        };
        file.write_all(text.as_bytes())
    }
}

fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

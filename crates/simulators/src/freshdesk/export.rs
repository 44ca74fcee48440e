//! The account export: the whole account as numbered files of JSON or XML, in a folder or a zip.
//!
//! Its names are not the API's: `id` is a number of the database and `display_id` the ticket's; `description` and `body` are
//! plain text, with the HTML in `description_html` and `body_html`; times have the offset of the account's zone; what
//! was deleted is still there, with a flag. Tickets are taken from an iterator and written one by one.

mod tree;
mod xml;

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use serde_json::Value;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::records::{Records, Ticket};

/// How an export is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `Tickets0.json`: an array of wrapped records.
    Json,
    /// `Tickets0.xml`: Rails' XML.
    Xml,
}

/// An export that is to be written.
#[derive(Clone, Copy, Debug)]
pub struct Export {
    /// JSON or XML.
    pub form: Form,
    /// So many tickets go into one file.
    pub tickets_per_file: usize,
    /// The number of the account, which is a part of the names of its own fields.
    pub account_id: u64,
}

impl Default for Export {
    fn default() -> Self {
        Self {
            form: Form::Json,
            tickets_per_file: 300,
            account_id: 715_040,
        }
    }
}

impl Export {
    /// Writes files into a folder that exists.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn to_folder(
        &self,
        folder: &Path,
        records: &Records,
        tickets: impl Iterator<Item = Ticket>,
    ) -> io::Result<()> {
        self.write(&mut Sink::Folder(folder.to_owned(), None), records, tickets)
    }

    /// Writes a zip.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn to_zip(
        &self,
        path: &Path,
        records: &Records,
        tickets: impl Iterator<Item = Ticket>,
    ) -> io::Result<()> {
        let file = BufWriter::new(File::create(path)?);
        self.write(
            &mut Sink::Zip(Some(Box::new(ZipWriter::new(file)))),
            records,
            tickets,
        )
    }

    fn write(
        &self,
        sink: &mut Sink,
        records: &Records,
        mut tickets: impl Iterator<Item = Ticket>,
    ) -> io::Result<()> {
        let account_id = self.account_id;
        let contacts = records.contacts.values().map(tree::contact);
        let agents: Vec<Value> = records.agents.values().map(tree::agent).collect();
        let users = contacts.chain(agents.iter().cloned());
        self.file(sink, "Users0", ["users", "user"], users)?;
        self.file(
            sink,
            "AllAgents0",
            ["users", "user"],
            agents.iter().cloned(),
        )?;
        let companies = records.companies.values().map(tree::company);
        self.file(sink, "Companies0", ["companies", "company"], companies)?;
        let groups = records.groups.values().map(tree::group);
        self.file(sink, "Groups0", ["groups", "group"], groups)?;
        let entries = records.time_entries.values().map(tree::time_entry);
        self.file(sink, "TimeEntries0", ["time-entries", ""], entries)?;
        let mut tickets = tickets.by_ref().peekable();
        let mut number = 0;
        while tickets.peek().is_some() || number == 0 {
            let some = tickets.by_ref().take(self.tickets_per_file.max(1));
            let some = some.map(|ticket| tree::ticket(&ticket, records, account_id));
            let name = format!("Tickets{number}");
            self.file(sink, &name, ["helpdesk-tickets", "helpdesk-ticket"], some)?;
            number += 1;
        }
        sink.finish()
    }

    /// Writes one file of records; without a name for one of them, they are not wrapped.
    fn file(
        &self,
        sink: &mut Sink,
        name: &str,
        [several, one]: [&str; 2],
        rows: impl Iterator<Item = Value>,
    ) -> io::Result<()> {
        let (ending, begin, end) = match self.form {
            Form::Json => ("json", "[".to_owned(), "]".to_owned()),
            Form::Xml => (
                "xml",
                format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{several} type=\"array\">\n"),
                format!("</{several}>\n"),
            ),
        };
        sink.start(&format!("{name}.{ending}"))?;
        let mut text = begin;
        for (place, row) in rows.enumerate() {
            match self.form {
                Form::Json => {
                    let wrapped = match one {
                        "" => row,
                        one => serde_json::json!({one.replace('-', "_"): row}),
                    };
                    let comma = if place > 0 { "," } else { "" };
                    text.push_str(&format!("{comma}{wrapped}"));
                }
                Form::Xml => {
                    let one = if one.is_empty() { "time-entry" } else { one };
                    xml::write(&mut text, one, &row);
                }
            }
            sink.write_all(text.as_bytes())?;
            text.clear();
        }
        text.push_str(&end);
        sink.write_all(text.as_bytes())
    }
}

enum Sink {
    Folder(PathBuf, Option<BufWriter<File>>),
    Zip(Option<Box<ZipWriter<BufWriter<File>>>>),
}

impl Sink {
    fn start(&mut self, name: &str) -> io::Result<()> {
        match self {
            Self::Folder(folder, current) => {
                if let Some(mut last) = current.take() {
                    last.flush()?;
                }
                *current = Some(BufWriter::new(File::create(folder.join(name))?));
            }
            Self::Zip(None) => {}
            Self::Zip(Some(zip)) => {
                let options = SimpleFileOptions::default();
                let options = options.compression_method(CompressionMethod::Deflated);
                zip.start_file(name, options).map_err(io::Error::other)?;
            }
        }
        Ok(())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Folder(_, Some(file)) => file.write_all(bytes),
            Self::Zip(Some(zip)) => zip.write_all(bytes),
            Self::Folder(_, None) | Self::Zip(None) => Err(io::Error::other("no file was started")),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Folder(_, file) => file.as_mut().map_or(Ok(()), Write::flush),
            Self::Zip(zip) => match zip.take() {
                Some(zip) => zip.finish().map_err(io::Error::other)?.flush(),
                None => Ok(()),
            },
        }
    }
}

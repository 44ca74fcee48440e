//! Messages that lie in a table of their own, joined to their tickets.
//!
//! The table is read once into a file that nobody else sees, with twenty bytes of memory for each message, however long
//! it is: so it need not be sorted.

use std::{
    fs::File,
    hash::{BuildHasher as _, RandomState},
    io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write as _},
    path::PathBuf,
};

use csv::StringRecord;
use serde::{Deserialize, Serialize};

use super::{
    Item, Unreadable,
    csv::{Table, open, place_of, row_of},
};
use crate::{
    Error, Result,
    map::{MappedMessages, Mapping},
    record::{Message, Ticket},
};

/// The messages of a table, by their tickets.
pub(super) struct Joined {
    path: PathBuf,
    hasher: RandomState,
    /// Hash of the ticket's id, and where the message lies; in this order.
    index: Vec<(u64, u64, u32)>,
    is_taken: Vec<bool>,
    kept: File,
    /// What is no message.
    unreadable: Vec<Item>,
}

/// A message as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    ticket: String,
    message: Message,
}

impl Joined {
    /// Reads a table.
    pub(super) fn new(messages: &MappedMessages) -> Result<Self> {
        let file = messages.table();
        let failed = |source| Error::Read {
            path: file.path.clone(),
            at_byte: 0,
            source,
        };
        let mapping = Mapping::of_messages(messages)?;
        let (mut rows, headers): (Table, Vec<String>) = open(&file)?;
        let mut joined = Self {
            path: file.path.clone(),
            hasher: RandomState::new(),
            index: Vec::new(),
            is_taken: Vec::new(),
            kept: tempfile::tempfile().map_err(failed)?,
            unreadable: Vec::new(),
        };
        let mut kept = BufWriter::new(joined.kept.try_clone().map_err(failed)?);
        let (mut record, mut at, mut number) = (StringRecord::new(), 0_u64, 0_u64);
        while rows
            .read_record(&mut record)
            .map_err(|error| failed(error.into()))?
        {
            number += 1;
            if record.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            let row = row_of(&headers, &record);
            let ticket = row.get(&messages.ticket).and_then(|cell| cell.as_str());
            let ticket = ticket.unwrap_or_default().trim().to_owned();
            let message = match ticket.is_empty() {
                true => Err("it belongs to no ticket".to_owned()),
                false => mapping.message(&row),
            };
            let message = match message {
                Ok(message) => message,
                Err(why) => {
                    joined.unreadable.push(Item {
                        place: place_of(&file.path, &record, number),
                        read: Err(Unreadable {
                            why: format!("a message: {why}"),
                            text: serde_json::Value::Object(row).to_string(),
                        }),
                    });
                    continue;
                }
            };
            let hash = joined.hasher.hash_one(&ticket);
            let text = serde_json::to_vec(&Kept { ticket, message });
            let text = text.map_err(|error| failed(error.into()))?;
            kept.write_all(&text).map_err(failed)?;
            let length = u32::try_from(text.len()).map_err(|_long| {
                failed(io::Error::other("a message is longer than four gigabytes"))
            })?;
            joined.index.push((hash, at, length));
            at += u64::from(length);
        }
        kept.flush().map_err(failed)?;
        drop(kept);
        joined.index.sort_unstable();
        joined.is_taken = vec![false; joined.index.len()];
        Ok(joined)
    }

    /// What of the table is no message, once.
    pub(super) fn unreadable(&mut self) -> Vec<Item> {
        std::mem::take(&mut self.unreadable)
    }

    /// Gives a ticket its messages.
    pub(super) fn join(&mut self, ticket: &mut Ticket) -> Result<()> {
        let hash = self.hasher.hash_one(&ticket.id);
        let first = self.index.partition_point(|(found, ..)| *found < hash);
        let same = self.index.iter().zip(&mut self.is_taken).skip(first);
        for ((_, at, length), is_taken) in same.take_while(|((found, ..), _)| *found == hash) {
            let read = (|| {
                let mut text = vec![0; usize::try_from(*length).unwrap_or_default()];
                self.kept.seek(SeekFrom::Start(*at))?;
                self.kept.read_exact(&mut text)?;
                Ok::<Kept, io::Error>(serde_json::from_slice(&text)?)
            })();
            let kept = read.map_err(|source| Error::Read {
                path: self.path.clone(),
                at_byte: *at,
                source,
            })?;
            if kept.ticket == ticket.id {
                *is_taken = true;
                ticket.messages.push(kept.message);
            }
        }
        Ok(())
    }

    /// How many messages no ticket was found for.
    pub(super) fn left(&self) -> usize {
        self.is_taken.iter().filter(|is_taken| !**is_taken).count()
    }

    pub(super) fn path(&self) -> &PathBuf {
        &self.path
    }
}

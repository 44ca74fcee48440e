//! Dates and times as portals write them.

use std::fmt;

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    fmt::{strtime, temporal::Pieces},
    tz::{Offset, TimeZone},
};

/// A date and time as written.
///
/// Portals write in the offset of their server, so the instant says little about the day that a person
/// meant; this keeps the day and the offset apart and converts only when asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Moment {
    civil: DateTime,
    offset: Option<Offset>,
}

impl Moment {
    /// Reads ISO with or without offset, `2024-07-23 08:08:50`, `24.08.2023 13:19:39`, and either date
    /// alone.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let german = || {
            strtime::parse("%d.%m.%Y %H:%M:%S", text)
                .or_else(|_| strtime::parse("%d.%m.%Y %H:%M", text))
                .and_then(|parsed| parsed.to_datetime())
                .or_else(|_| {
                    let day = strtime::parse("%d.%m.%Y", text)?.to_date()?;
                    Ok::<_, jiff::Error>(day.at(0, 0, 0, 0))
                })
                .ok()
        };
        if let Ok(pieces) = Pieces::parse(text) {
            return Some(Self {
                civil: pieces.date().to_datetime(pieces.time().unwrap_or_default()),
                offset: pieces.to_numeric_offset(),
            });
        }
        german().map(|civil| Self {
            civil,
            offset: None,
        })
    }

    /// The day as written.
    pub fn date(&self) -> Date {
        self.civil.date()
    }

    /// Day and time as written.
    pub fn civil(&self) -> DateTime {
        self.civil
    }

    /// The offset, if one was written.
    pub fn offset(&self) -> Option<Offset> {
        self.offset
    }

    /// The instant; `None` without an offset.
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.offset?.to_timestamp(self.civil).ok()
    }

    /// The instant, in a zone given for the case that no offset was written.
    pub fn timestamp_in(&self, zone: &TimeZone) -> Option<Timestamp> {
        match self.offset {
            Some(_) => self.timestamp(),
            None => zone.to_timestamp(self.civil).ok(),
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.offset {
            Some(offset) => write!(f, "{}{offset}", self.civil),
            None => write!(f, "{}", self.civil),
        }
    }
}

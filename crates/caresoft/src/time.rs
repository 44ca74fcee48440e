//! The forms in which CareSoft writes times.
//!
//! Numbers are milliseconds since 1970 and true UTC. Texts are the clock of the account's zone: Java's
//! `Wed Oct 06 09:45:53 ICT 2021` in comments of IVR calls, `2021-10-06 10:11:00` in calls of the REST API, and there
//! also `2021-10-06T10:11:00Z`, where clients were seen to write local time before the `Z`.

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, DateTime, Time},
    fmt::strtime,
    tz::Offset,
};

use crate::json::Json;

/// What `Z` behind a time means. It differs from what was observed of clients to what it should mean, so an account is
/// to be asked once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Z {
    /// The zone's own clock, as three of three public clients take it.
    Local,
    /// UTC, as the letter says.
    Utc,
}

/// How an account's texts are to be read as times.
///
/// ```
/// use caresoft::{Z, Zone};
/// let zone = Zone::default();
/// assert_eq!(zone.read("1633489860000"), zone.read("2021-10-06 10:11:00"));
/// assert_eq!(zone.read("2021-10-06 10:11:00"), zone.read("Wed Oct 06 10:11:00 ICT 2021"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone {
    /// The account's distance from UTC. Vietnam has had no summer time since 1975.
    pub offset: Offset,
    /// What `Z` means.
    pub z: Z,
}

impl Default for Zone {
    /// Vietnam's: seven hours east, and `Z` is local.
    fn default() -> Self {
        Self {
            offset: Offset::constant(7),
            z: Z::Local,
        }
    }
}

/// Below this a number cannot be milliseconds of our time (it would be before March 1973) and is taken for seconds.
const MILLISECONDS_MIN: i64 = 100_000_000_000;
/// How far apart two times of one state may be: later events and REST carry times rounded to whole seconds.
const ROUNDING: SignedDuration = SignedDuration::from_secs(1);

impl Zone {
    /// The instant that a text stands for; `None` for a blank, nought, and what is no time.
    pub fn read(&self, text: &str) -> Option<Timestamp> {
        let text = text.trim();
        match whole(text) {
            Some(number) => from_number(number),
            None => self.read_iso(text).or_else(|| self.read_java(text)),
        }
    }

    /// The instant that a value stands for.
    pub(crate) fn read_json(&self, value: &Json<'_>) -> Option<Timestamp> {
        match value {
            Json::Number(digits) => whole(digits).and_then(from_number),
            Json::Text(text) => self.read(&text.decode()),
            _ => None,
        }
    }

    /// How an instant is written in a question to the REST API: whole seconds, rounded down.
    pub fn write(&self, instant: Timestamp) -> String {
        let offset = match self.z {
            Z::Local => self.offset,
            Z::Utc => Offset::UTC,
        };
        let clock = offset.to_datetime(instant);
        clock.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    fn read_iso(&self, text: &str) -> Option<Timestamp> {
        let own = |clock: DateTime| self.offset.to_timestamp(clock).ok();
        match text.strip_suffix(['Z', 'z']) {
            Some(clock) => match self.z {
                Z::Local => own(clock.parse().ok()?),
                Z::Utc => Offset::UTC.to_timestamp(clock.parse().ok()?).ok(),
            },
            // An offset is believed.
            None => text
                .parse()
                .ok()
                .or_else(|| own(text.parse().ok()?))
                .filter(|_| text.contains(':')),
        }
    }

    /// `Wed Oct 06 09:45:53 ICT 2021`: what Java prints when nobody chooses a form.
    fn read_java(&self, text: &str) -> Option<Timestamp> {
        let mut parts = text.split_whitespace().skip(1);
        let (month, day, time, zone, year) = (
            parts.next()?,
            parts.next()?,
            parts.next()?,
            parts.next()?,
            parts.next()?,
        );
        let date = strtime::parse("%b %d %Y", format!("{month} {day} {year}")).ok()?;
        let time: Time = time.parse().ok()?;
        let date: Date = date.to_date().ok()?;
        self.named(zone)
            .to_timestamp(DateTime::from_parts(date, time))
            .ok()
    }

    /// The zone of a Java abbreviation; one that is not known is taken for the account's own.
    fn named(&self, zone: &str) -> Offset {
        match zone {
            "ICT" => Offset::constant(7),
            "UTC" | "GMT" | "Z" => Offset::UTC,
            _ => zone
                .strip_prefix("GMT")
                .and_then(|offset| strtime::parse("%:z", offset).ok()?.offset())
                .unwrap_or(self.offset),
        }
    }
}

/// Milliseconds, or seconds where they can be nothing else; nought is no time.
fn from_number(number: i64) -> Option<Timestamp> {
    match number {
        ..=0 => None,
        MILLISECONDS_MIN.. => Timestamp::from_millisecond(number).ok(),
        _ => Timestamp::from_second(number).ok(),
    }
}

/// A whole number in any of JSON's ways to write one: `5`, `5.0`, `4.14856712E8` as Java writes doubles.
pub(crate) fn whole(digits: &str) -> Option<i64> {
    let digits = digits.trim();
    if let Ok(number) = digits.parse() {
        return Some(number);
    }
    // Up to 2^53 a double holds every whole number.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    let is_number = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let number: f64 = digits.parse().ok().filter(|_| is_number)?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole and within what both types hold exactly"
    )]
    (number.fract() == 0.0 && number.abs() <= EXACT_MAX).then_some(number as i64)
}

/// How one state's time stands to another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// Earlier by more than rounding explains.
    Older,
    /// Equal, or apart by no more than rounding explains: the content has to decide.
    Same,
    /// Later by more than rounding explains.
    Newer,
}

/// How old what was just seen is against what is held.
///
/// First events carry milliseconds, later ones and REST the same times rounded to the nearest second, so that times of
/// one state may be up to a second apart in either direction.
pub fn age(seen: Timestamp, held: Timestamp) -> Age {
    match seen.duration_since(held) {
        apart if apart > ROUNDING => Age::Newer,
        apart if apart < -ROUNDING => Age::Older,
        _ => Age::Same,
    }
}

#[cfg(test)]
mod tests;

//! Times as Frappe keeps them: without a zone, in the site's.

use std::{fmt, str::FromStr};

use jiff::{
    Timestamp, Zoned,
    civil::{Date, DateTime, Time},
    tz::TimeZone,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A time of the site's clock, to the microsecond: how Frappe keeps times, without a zone.
///
/// A value with `Z` or an offset is a 500 when it is written (observed on 15.50), so every instant is converted to the
/// site's zone before it is sent. The zone is the [site's](crate::Client::time_zone); that of a [`User`](crate::User)
/// is the user's setting.
///
/// ```
/// use frappe::SiteTime;
/// let zone = jiff::tz::TimeZone::get("Asia/Ho_Chi_Minh")?;
/// let time = SiteTime::parse_instant("2024-05-10T10:00:00+03:00", &zone)?;
/// assert_eq!(time.to_string(), "2024-05-10 14:00:00.000000");
/// assert_eq!(time.in_zone(&zone)?, "2024-05-10T07:00:00Z".parse::<jiff::Timestamp>()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteTime(DateTime);

impl SiteTime {
    /// The site's time at an instant; digits beyond the microsecond are dropped.
    pub fn new(instant: Timestamp, site: &TimeZone) -> Self {
        Self(whole_microseconds(site.to_datetime(instant)))
    }

    /// The site's time at an instant that is known in another zone.
    pub fn from_zoned(instant: &Zoned, site: &TimeZone) -> Self {
        Self::new(instant.timestamp(), site)
    }

    /// A time that is the site's already.
    pub fn from_civil(time: DateTime) -> Self {
        Self(whole_microseconds(time))
    }

    /// The site's time at an instant that is written with an offset or `Z`.
    ///
    /// # Errors
    /// When it is no such text; a time without an offset is none.
    pub fn parse_instant(text: &str, site: &TimeZone) -> Result<Self, InvalidTime> {
        let instant: Timestamp = text.trim().parse().map_err(InvalidTime::Instant)?;
        Ok(Self::new(instant, site))
    }

    /// The instant. Where the clock was put back and shows the time twice it is the first one; where it was put
    /// forward past the time, the time moves forward too.
    ///
    /// # Errors
    /// When the instant is beyond what a [`Timestamp`] holds.
    pub fn in_zone(self, site: &TimeZone) -> Result<Timestamp, InvalidTime> {
        site.to_ambiguous_timestamp(self.0)
            .compatible()
            .map_err(InvalidTime::OutOfRange)
    }

    /// Date and time of day.
    pub fn civil(self) -> DateTime {
        self.0
    }
}

fn whole_microseconds(time: DateTime) -> DateTime {
    let nanoseconds = time.subsec_nanosecond();
    time.with()
        .subsec_nanosecond(nanoseconds - nanoseconds % 1_000)
        .build()
        .unwrap_or(time)
}

impl fmt::Display for SiteTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%d %H:%M:%S.%6f"))
    }
}

impl FromStr for SiteTime {
    type Err = InvalidTime;

    /// Reads what Frappe writes: a date with a time of day, or alone, with a blank or `T` between, with or
    /// without a fraction, with or without a leading zero in the hour.
    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let text = text.trim();
        let (date, time) = match text.split_once([' ', 'T']) {
            Some((date, time)) => (date, parse_time_of_day(time)?),
            None => (text, Time::midnight()),
        };
        Ok(Self(parse_date(date)?.to_datetime(time)))
    }
}

impl Serialize for SiteTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SiteTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl From<SiteTime> for serde_json::Value {
    fn from(time: SiteTime) -> Self {
        Self::String(time.to_string())
    }
}

fn parse_date(text: &str) -> Result<Date, InvalidTime> {
    let invalid = || InvalidTime::Date;
    let mut parts = text.split('-');
    let mut part = |digits: std::ops::RangeInclusive<usize>| {
        let part = parts.next().filter(|part| digits.contains(&part.len()))?;
        digits_of(part)
    };
    let (year, month, day) = (part(4..=4), part(1..=2), part(1..=2));
    let (Some(year), Some(month), Some(day), None) = (year, month, day, parts.next()) else {
        return Err(invalid());
    };
    let (Ok(year), Ok(month), Ok(day)) = (year.try_into(), month.try_into(), day.try_into()) else {
        return Err(invalid());
    };
    Date::new(year, month, day).map_err(|_out_of_range| invalid())
}

/// Reads a Time field: `04:47:29.675473`, after a reload `4:47:29.675473`, also without fraction or seconds.
///
/// # Errors
/// When it is no time of a day; an offset or `Z` behind it is none.
pub fn parse_time_of_day(text: &str) -> Result<Time, InvalidTime> {
    let invalid = || InvalidTime::TimeOfDay;
    let (clock, fraction) = match text.trim().split_once('.') {
        Some((clock, fraction)) => (clock, parse_fraction(fraction).ok_or_else(invalid)?),
        None => (text.trim(), 0),
    };
    let mut parts = clock.split(':');
    let mut part = || {
        let part = parts.next()?;
        (1..=2).contains(&part.len()).then(|| digits_of(part))?
    };
    let (hour, minute) = (part(), part());
    let (Some(hour), Some(minute)) = (hour, minute) else {
        return Err(invalid());
    };
    let second = match parts.next() {
        Some(second) if (1..=2).contains(&second.len()) => digits_of(second).ok_or_else(invalid)?,
        Some(_) => return Err(invalid()),
        None => 0,
    };
    if parts.next().is_some() {
        return Err(invalid());
    }
    let (Ok(hour), Ok(minute), Ok(second)) =
        (hour.try_into(), minute.try_into(), second.try_into())
    else {
        return Err(invalid());
    };
    Time::new(hour, minute, second, fraction).map_err(|_out_of_range| invalid())
}

/// The digits behind the point as nanoseconds, whole microseconds only.
fn parse_fraction(digits: &str) -> Option<i32> {
    if !(1..=9).contains(&digits.len()) {
        return None;
    }
    digits_of(digits)?;
    let microseconds: String = digits.chars().chain("000000".chars()).take(6).collect();
    i32::try_from(digits_of(&microseconds)? * 1_000).ok()
}

fn digits_of(text: &str) -> Option<u32> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

/// Why a text is no time.
#[derive(Debug, thiserror::Error)]
pub enum InvalidTime {
    /// Not `YYYY-MM-DD`.
    #[error("the date is not of the form YYYY-MM-DD, or there is no such day")]
    Date,
    /// Not `HH:MM:SS`.
    #[error(
        "the time of day is not of the form HH:MM:SS without an offset, or there is no such time"
    )]
    TimeOfDay,
    /// Not an instant.
    #[error("the text is not a time with an offset")]
    Instant(#[source] jiff::Error),
    /// Too far away.
    #[error("the time is beyond what can be calculated with")]
    OutOfRange(#[source] jiff::Error),
}

#[cfg(test)]
mod tests;

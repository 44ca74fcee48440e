//! Working hours: whether it is working time, and when so many minutes of it have passed.
//!
//! Hours are of the wall clock of a zone; minutes are counted as they pass, so that a day on which clocks are changed
//! has as many as it has.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp, ToSpan as _, civil::Date, tz::TimeZone};

/// Days that are looked at for working time: whoever is closed longer has no working hours.
const DAYS_MAX: usize = 800;
const MINUTES_OF_DAY: u16 = 24 * 60;

/// A span of a day, in minutes of its wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    from: u16,
    to: u16,
}

impl Span {
    /// From one minute of the day to another, which may be 24:00; `None` unless it comes later.
    pub fn new(from: u16, to: u16) -> Option<Self> {
        (from < to && to <= MINUTES_OF_DAY).then_some(Self { from, to })
    }

    /// Whether another span begins when this one is over.
    pub fn ends_before(self, other: Self) -> bool {
        self.to <= other.from
    }
}

/// When somebody works.
#[derive(Clone, Debug)]
pub struct WorkingTime {
    /// The zone of the clock.
    pub zone: TimeZone,
    /// The spans of each day, Monday first, in their order.
    pub week: [Vec<Span>; 7],
    /// Days without work.
    pub holidays: BTreeSet<Date>,
    /// Days that have other hours than their weekday; also those that would be holidays.
    pub other_days: BTreeMap<Date, Vec<Span>>,
}

impl WorkingTime {
    /// Day and night.
    pub fn always(zone: TimeZone) -> Self {
        let day = vec![Span {
            from: 0,
            to: MINUTES_OF_DAY,
        }];
        Self {
            zone,
            week: std::array::from_fn(|_| day.clone()),
            holidays: BTreeSet::new(),
            other_days: BTreeMap::new(),
        }
    }

    /// Whether it is working time.
    pub fn is_working(&self, at: Timestamp) -> bool {
        let date = self.zone.to_datetime(at).date();
        self.spans(date).any(|(from, to)| from <= at && at < to)
    }

    /// When so many minutes of working time have passed since `at`; `None` when there are none in two years.
    ///
    /// No minutes outside working time end when it begins next.
    pub fn after(&self, at: Timestamp, minutes: u32) -> Option<Timestamp> {
        let mut left = SignedDuration::from_mins(i64::from(minutes));
        let date = self.zone.to_datetime(at).date();
        for date in date.series(1.day()).take(DAYS_MAX) {
            for (from, to) in self.spans(date).filter(|(_, to)| *to > at) {
                let from = from.max(at);
                let lasts = to.duration_since(from);
                if left <= lasts {
                    return from.checked_add(left).ok();
                }
                left -= lasts;
            }
        }
        None
    }

    /// The working time of a day, in order. What a change of the clock swallows is left out.
    fn spans(&self, date: Date) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let other = self.other_days.get(&date);
        let weekday = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or_default();
        let usual = self
            .week
            .get(weekday)
            .filter(|_| !self.holidays.contains(&date));
        let spans = other.or(usual).into_iter().flatten();
        let spans = spans.filter_map(move |span| {
            Some((self.instant(date, span.from)?, self.instant(date, span.to)?))
        });
        spans.filter(|(from, to)| from < to)
    }

    fn instant(&self, date: Date, minute: u16) -> Option<Timestamp> {
        let time = date.at(0, 0, 0, 0).checked_add(i64::from(minute).minutes());
        self.zone.to_timestamp(time.ok()?).ok()
    }
}

#[cfg(test)]
mod tests;

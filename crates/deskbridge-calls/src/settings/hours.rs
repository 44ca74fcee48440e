//! `hours`: when is worked.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{civil::Date, tz::TimeZone};
use serde::Deserialize;

use super::problem::Checks;
use crate::decide::working_time::{Span, WorkingTime};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Working hours, as configured.
///
/// ```toml
/// [hours.shop]
/// week = { mon = ["08:00-12:00", "13:00-17:30"], sat = ["08:00-12:00"] }
/// holidays = ["2026-01-01"]
/// other_days = { "2026-02-14" = ["10:00-12:00"] }
/// ```
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HoursSource {
    /// The zone of the clock, such as `Asia/Ho_Chi_Minh`; by default that of all settings.
    pub zone: Option<String>,
    /// The spans of each day: `mon` to `sun`. A day that is not named is free.
    pub week: BTreeMap<String, Vec<String>>,
    /// Days without work.
    pub holidays: BTreeSet<String>,
    /// Days that have other hours than their weekday.
    pub other_days: BTreeMap<String, Vec<String>>,
}

impl HoursSource {
    pub(super) fn compile(self, key: &str, zone: &TimeZone, checks: &mut Checks) -> WorkingTime {
        let zone = match &self.zone {
            Some(name) => super::zone(&format!("{key}.zone"), name, checks),
            None => zone.clone(),
        };
        let mut hours = WorkingTime {
            zone,
            week: Default::default(),
            holidays: BTreeSet::new(),
            other_days: BTreeMap::new(),
        };
        for (day, spans) in self.week {
            let key = format!("{key}.week.{day}");
            let known = DAYS.iter().position(|known| *known == day);
            match known.and_then(|known| hours.week.get_mut(known)) {
                Some(of_day) => *of_day = read_spans(&key, &spans, checks),
                None => checks.add(
                    key,
                    "is no day",
                    "write mon, tue, wed, thu, fri, sat or sun",
                ),
            }
        }
        for day in self.holidays {
            let day = date(&format!("{key}.holidays"), &day, checks);
            hours.holidays.extend(day);
        }
        for (day, spans) in self.other_days {
            let key = format!("{key}.other_days.{day}");
            let spans = read_spans(&key, &spans, checks);
            hours
                .other_days
                .extend(date(&key, &day, checks).map(|day| (day, spans)));
        }
        if hours.week.iter().all(Vec::is_empty) {
            let example = "name a day, such as week = { mon = [\"08:00-17:00\"] }";
            checks.add(format!("{key}.week"), "has no working time", example);
        }
        hours
    }
}

fn date(key: &str, text: &str, checks: &mut Checks) -> Option<Date> {
    let date = text.trim().parse().ok();
    if date.is_none() {
        let wrong = format!("`{text}` is no day");
        checks.add(key, wrong, "write year, month and day: 2026-01-31");
    }
    date
}

fn read_spans(key: &str, texts: &[String], checks: &mut Checks) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for text in texts {
        let Some(span) = read_span(text) else {
            let remedy = "write from and to with the earlier time first, such as 08:00-12:00; what goes past midnight \
                          is two spans, until 24:00 and from 00:00 of the next day";
            checks.add(key, format!("`{text}` is no span of a day"), remedy);
            continue;
        };
        if spans.last().is_some_and(|last| !last.ends_before(span)) {
            let wrong = format!("`{text}` begins before the span before it ends");
            checks.add(
                key,
                wrong,
                "write the spans in their order, each after the last",
            );
        }
        spans.push(span);
    }
    spans
}

fn read_span(text: &str) -> Option<Span> {
    let minute = |text: &str| -> Option<u16> {
        let (hours, minutes) = text.trim().split_once(':')?;
        let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
        (hours <= 24 && minutes < 60).then_some(hours * 60 + minutes)
    };
    let (from, to) = text.split_once('-')?;
    Span::new(minute(from)?, minute(to)?)
}

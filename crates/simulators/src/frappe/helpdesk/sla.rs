//! The stock service level agreement: Monday to Friday, 10 to 18 o'clock, by priority.

use jiff::{ToSpan as _, civil};

const OPENS: civil::Time = civil::time(10, 0, 0, 0);
const CLOSES: civil::Time = civil::time(18, 0, 0, 0);

/// Seconds until the first response and until the resolution are due.
pub(crate) fn terms(priority: &str) -> (i64, i64) {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    match priority {
        "Urgent" => (30 * MINUTE, 2 * HOUR),
        "High" => (HOUR, 4 * HOUR),
        "Low" => (24 * HOUR, 72 * HOUR),
        _ => (8 * HOUR, 24 * HOUR),
    }
}

fn is_workday(date: civil::Date) -> bool {
    !matches!(
        date.weekday(),
        civil::Weekday::Saturday | civil::Weekday::Sunday
    )
}

/// Whether somebody works at that moment.
pub(crate) fn is_working_time(at: civil::DateTime) -> bool {
    is_workday(at.date()) && (OPENS..CLOSES).contains(&at.time())
}

/// The moment when so many seconds have been worked since `start`.
pub(crate) fn due(start: civil::DateTime, seconds: i64) -> civil::DateTime {
    let mut left = seconds;
    let mut at = start;
    // No term is longer than a few weeks.
    for _ in 0..400 {
        if is_workday(at.date()) && at.time() < CLOSES {
            let from = at.date().to_datetime(at.time().max(OPENS));
            let today = (at.date().to_datetime(CLOSES) - from).total(jiff::Unit::Second);
            let today = whole_seconds(today.unwrap_or_default());
            if left <= today {
                return from.saturating_add(left.seconds());
            }
            left -= today;
        }
        at = at
            .date()
            .saturating_add(1.day())
            .to_datetime(civil::Time::midnight());
    }
    at
}

/// How many seconds were worked between two moments.
pub(crate) fn worked(from: civil::DateTime, until: civil::DateTime) -> i64 {
    let mut seconds = 0;
    let mut date = from.date();
    while date <= until.date() {
        if is_workday(date) {
            let opens = date.to_datetime(OPENS).max(from);
            let closes = date.to_datetime(CLOSES).min(until);
            if opens < closes {
                let span = (closes - opens).total(jiff::Unit::Second);
                seconds += whole_seconds(span.unwrap_or_default());
            }
        }
        match date.tomorrow() {
            Ok(next) => date = next,
            Err(_) => break,
        }
    }
    seconds
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "spans between dates of this era are far below 2^53 seconds"
)]
fn whole_seconds(seconds: f64) -> i64 {
    seconds as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_run_in_working_hours_only() {
        let saturday = civil::datetime(2026, 11, 21, 5, 51, 11, 0);
        for (priority, response, resolution) in [
            ("Medium", "2026-11-23T18:00:00", "2026-11-25T18:00:00"),
            ("High", "2026-11-23T11:00:00", "2026-11-23T14:00:00"),
            ("Urgent", "2026-11-23T10:30:00", "2026-11-23T12:00:00"),
            ("Low", "2026-11-25T18:00:00", "2026-12-03T18:00:00"),
        ] {
            let (first, last) = terms(priority);
            assert_eq!(due(saturday, first).to_string(), response, "{priority}");
            assert_eq!(due(saturday, last).to_string(), resolution, "{priority}");
        }
    }

    #[test]
    fn what_is_due_was_worked() {
        let start = civil::datetime(2026, 11, 19, 17, 0, 0, 0);
        for seconds in [0, 60, 3600, 3601, 100_000] {
            assert_eq!(worked(start, due(start, seconds)), seconds);
        }
        assert!(is_working_time(start));
        assert!(!is_working_time(civil::datetime(2026, 11, 22, 12, 0, 0, 0)));
    }
}

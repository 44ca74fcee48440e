//! Points in time as people write them: `2h` ago, a local time, a time with its zone.

use std::str::FromStr;

use anyhow::Context as _;
use jiff::{Span, Timestamp, Zoned, civil::DateTime};

/// A point in time.
#[derive(Clone, Debug)]
pub(crate) enum Moment {
    At(Timestamp),
    /// Where this machine is.
    Local(DateTime),
    Ago(Span),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(at) = text.parse() {
            return Ok(Self::At(at));
        }
        // Read as a local time, its zone would be left out.
        if let Ok(zoned) = text.parse::<Zoned>() {
            return Ok(Self::At(zoned.timestamp()));
        }
        if let Ok(local) = text.parse() {
            return Ok(Self::Local(local));
        }
        match text.parse::<Span>() {
            Ok(span) if span.is_positive() => Ok(Self::Ago(span)),
            _ => Err(
                "a time is 2h or 3 days, which is so long ago, 2026-01-31T08:00 here, or 2026-01-31T08:00:00Z"
                    .to_owned(),
            ),
        }
    }
}

impl Moment {
    /// The moment, now and here.
    pub(crate) fn resolve(&self, now: &Zoned) -> anyhow::Result<Timestamp> {
        match self {
            Self::At(at) => Ok(*at),
            Self::Local(local) => {
                let there = local.to_zoned(now.time_zone().clone());
                Ok(there.context("finding a local time")?.timestamp())
            }
            Self::Ago(span) => {
                let then = now.checked_sub(*span);
                Ok(then.context("going back in time")?.timestamp())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        let now: Zoned = "2026-03-10T12:00:00+07:00[Asia/Ho_Chi_Minh]"
            .parse()
            .unwrap();
        let moment = text.parse::<Moment>().ok();
        let told = moment.map(|moment| moment.resolve(&now).unwrap().to_string());
        assert_eq!(told.as_deref(), expected, "{text}");
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        check("2026-01-31T08:00:00Z", Some("2026-01-31T08:00:00Z"));
        check("2026-01-31T08:00:00+07:00", Some("2026-01-31T01:00:00Z"));
        check("2026-01-31T08:00+07", Some("2026-01-31T01:00:00Z"));
        check("2026-01-31T08:00[Asia/Tokyo]", Some("2026-01-30T23:00:00Z"));
        check("2026-01-31T08:00", Some("2026-01-31T01:00:00Z"));
        check("2026-01-31 08:00:30", Some("2026-01-31T01:00:30Z"));
        check("2026-01-31", Some("2026-01-30T17:00:00Z"));
        check("2h", Some("2026-03-10T03:00:00Z"));
        check("90m", Some("2026-03-10T03:30:00Z"));
        check("3 days", Some("2026-03-07T05:00:00Z"));
        check("1d 12h", Some("2026-03-08T17:00:00Z"));
        for wrong in [
            "",
            "yesterday",
            "-2h",
            "0h",
            "2026-13-01",
            "5",
            "2026-01-31+07:00",
        ] {
            check(wrong, None);
        }
    }
}

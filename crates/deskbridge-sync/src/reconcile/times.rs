//! What an account means by the `Z` behind its times, found out from what it shows.
//!
//! Public clients were seen to take it either way: most for the clock of Vietnam, one for UTC. Taken wrongly, every
//! question is hours off and finds nothing, so nothing is asked for by time before it is known.

use std::fmt;

use caresoft::{Age, Z, Zone, age};
use jiff::{SignedDuration, Timestamp, tz::Offset};
use serde::{Deserialize, Serialize};

/// How far our clock and CareSoft's may be apart.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What is meant by `Z`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Meaning {
    /// Not found out yet.
    #[default]
    Unknown,
    /// Nothing: its times are written in another way, which is not in doubt.
    Unwritten,
    /// UTC.
    Utc,
    /// The clock of the account's zone.
    Local,
}

impl Meaning {
    /// The meaning as a word, for labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Unwritten => "unwritten",
            Self::Utc => "utc",
            Self::Local => "local",
        }
    }

    /// The zone with this meaning; as it was where nothing is known.
    pub(super) fn of(self, zone: Zone) -> Zone {
        let z = match self {
            Self::Utc => Z::Utc,
            Self::Local => Z::Local,
            Self::Unknown | Self::Unwritten => zone.z,
        };
        Zone { z, ..zone }
    }
}

/// One thing that was seen. `shown` is the time of a row with its `Z` taken for UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// A webhook told, beyond doubt, when a record came to the state that its row shows, or to another one.
    Told {
        /// The row's time.
        shown: Timestamp,
        /// The webhook's.
        told: Timestamp,
    },
    /// A row that was not there before.
    Appeared {
        /// Its time.
        shown: Timestamp,
        /// When it was not there.
        after: Timestamp,
        /// When it was.
        until: Timestamp,
    },
    /// A row that is there, so that its time has come.
    There {
        /// Its time.
        shown: Timestamp,
        /// When it was looked at.
        now: Timestamp,
    },
}

impl Evidence {
    /// What it speaks for; nothing when it fits both or neither.
    fn speaks_for(self, offset: Offset) -> Option<Meaning> {
        let fits = |shift: SignedDuration| match self {
            Self::Told { shown, told } => age(shown.checked_sub(shift).ok()?, told)
                .eq(&Age::Same)
                .then_some(()),
            Self::Appeared {
                shown,
                after,
                until,
            } => {
                let at = shown.checked_sub(shift).ok()?;
                (at.duration_since(after) >= -SKEW && at.duration_since(until) <= SKEW)
                    .then_some(())
            }
            Self::There { shown, now } => {
                let at = shown.checked_sub(shift).ok()?;
                (at.duration_since(now) <= SKEW).then_some(())
            }
        };
        match (fits(SignedDuration::ZERO), fits(distance(offset))) {
            (Some(()), None) => Some(Meaning::Utc),
            (None, Some(())) => Some(Meaning::Local),
            _ => None,
        }
    }

    fn in_words(self) -> &'static str {
        match self {
            Self::Told { .. } => "rows show the times that webhooks told",
            Self::Appeared { .. } => "what appeared between two looks has times between them",
            Self::There { .. } => "otherwise times that are shown would not have come yet",
        }
    }
}

/// How far a local clock is ahead of UTC.
pub(super) fn distance(offset: Offset) -> SignedDuration {
    SignedDuration::from_secs(offset.seconds().into())
}

/// What was found out, and why that is believed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What is meant.
    pub meaning: Meaning,
    /// Why, as a clause for people.
    pub because: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meaning = match self.meaning {
            Meaning::Unknown => "what Z means is not known",
            Meaning::Unwritten => "times are written without Z",
            Meaning::Utc => "Z means UTC",
            Meaning::Local => "Z stands behind local times",
        };
        write!(f, "{meaning}: {}", self.because)
    }
}

/// What is meant, judged by everything that was seen of `rows` rows, `with_z` of which have a `Z`.
pub(super) fn find(evidence: &[Evidence], rows: usize, with_z: usize, offset: Offset) -> Finding {
    let finding = |meaning, because| Finding { meaning, because };
    if offset == Offset::UTC {
        let because = "the account's own zone is UTC, both readings are one".to_owned();
        return finding(Meaning::Utc, because);
    }
    if rows > 0 && with_z == 0 {
        return finding(Meaning::Unwritten, format!("none of {rows} rows has one"));
    }
    let speaking = |meaning: Meaning| {
        let spoken = evidence
            .iter()
            .filter(move |one| one.speaks_for(offset) == Some(meaning));
        let number = spoken.clone().count();
        spoken.copied().next().map(|first| (number, first))
    };
    match (speaking(Meaning::Utc), speaking(Meaning::Local)) {
        (Some((utc, _)), Some((local, _))) => finding(
            Meaning::Unknown,
            format!("{utc} rows speak for UTC and {local} for local time"),
        ),
        (Some((number, first)), None) => finding(Meaning::Utc, spoken(number, rows, first)),
        (None, Some((number, first))) => finding(Meaning::Local, spoken(number, rows, first)),
        (None, None) if rows == 0 => {
            finding(Meaning::Unknown, "the account showed no row yet".to_owned())
        }
        (None, None) => finding(
            Meaning::Unknown,
            format!("none of {rows} rows tells; the next change will"),
        ),
    }
}

fn spoken(number: usize, rows: usize, first: Evidence) -> String {
    // A row may tell more than once.
    format!("{} ({number} sign(s) in {rows} row(s))", first.in_words())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;
    const HOURS_7: i64 = 7 * 3_600;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn told(shown: i64, told: i64) -> Evidence {
        let (shown, told) = (at(shown), at(told) + SignedDuration::from_millis(499));
        Evidence::Told { shown, told }
    }

    fn appeared(shown: i64, after: i64) -> Evidence {
        let (shown, after, until) = (at(shown), at(after), at(NOW));
        Evidence::Appeared {
            shown,
            after,
            until,
        }
    }

    fn there(shown: i64) -> Evidence {
        let (shown, now) = (at(shown), at(NOW));
        Evidence::There { shown, now }
    }

    #[test]
    fn the_meaning_is_what_all_evidence_speaks_for() {
        let check = |name: &str, evidence: &[Evidence], expected: Meaning| {
            let found = find(evidence, 9, 9, Offset::constant(7));
            assert_eq!(found.meaning, expected, "{name}: {found}");
        };
        use Meaning::{Local, Unknown, Utc};
        check("nothing", &[], Unknown);
        check("a webhook's time", &[told(NOW - 50, NOW - 50)], Utc);
        check("rounded up", &[told(NOW - 49, NOW - 50)], Utc);
        check("seven hours on", &[told(NOW + HOURS_7, NOW)], Local);
        check("another state", &[told(NOW, NOW - 900)], Unknown);
        check("an hour on is no zone", &[told(NOW + 3_600, NOW)], Unknown);
        check("new, and now", &[appeared(NOW - 100, NOW - 300)], Utc);
        check(
            "new, ahead",
            &[appeared(NOW - 100 + HOURS_7, NOW - 300)],
            Local,
        );
        check(
            "a clock that goes wrong",
            &[appeared(NOW + 200, NOW - 300)],
            Utc,
        );
        check(
            "new, from long ago",
            &[appeared(NOW - 90_000, NOW - 300)],
            Unknown,
        );
        check(
            "not looked for long",
            &[appeared(NOW - 100, NOW - 90_000)],
            Unknown,
        );
        check("ahead of now", &[there(NOW + HOURS_7 - 60)], Local);
        check("three hours ago, local", &[there(NOW + 4 * 3_600)], Local);
        check("past either way", &[there(NOW - 60)], Unknown);
        check("future either way", &[there(NOW + 2 * HOURS_7)], Unknown);
        check("all for one", &[there(NOW - 60), told(NOW, NOW)], Utc);
        check("divided", &[told(NOW, NOW), there(NOW + HOURS_7)], Unknown);
    }

    #[test]
    fn what_is_not_written_or_not_two_things_is_not_in_doubt() {
        let seven = Offset::constant(7);
        for (rows, with_z, offset, expected) in [
            (0, 0, seven, Meaning::Unknown),
            (3, 0, seven, Meaning::Unwritten),
            (3, 1, seven, Meaning::Unknown),
            (0, 0, Offset::UTC, Meaning::Utc),
        ] {
            assert_eq!(find(&[], rows, with_z, offset).meaning, expected);
        }
    }

    #[test]
    fn west_of_utc_the_local_clock_is_behind() {
        let west = Offset::constant(-5);
        let evidence = [told(NOW - 5 * 3_600, NOW)];
        assert_eq!(find(&evidence, 1, 1, west).meaning, Meaning::Local);
        // As local time it would be five hours ahead.
        assert_eq!(find(&[there(NOW)], 1, 1, west).meaning, Meaning::Utc);
    }

    #[test]
    fn a_finding_is_a_sentence() {
        let found = find(&[told(NOW, NOW)], 1, 1, Offset::constant(7));
        assert_eq!(
            found.to_string(),
            "Z means UTC: rows show the times that webhooks told (1 sign(s) in 1 row(s))"
        );
    }
}

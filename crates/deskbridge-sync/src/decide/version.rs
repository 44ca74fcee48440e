//! Which of two things that were said is the later one.

use std::cmp::Ordering;

use caresoft::{Digest, Event, Save};
use jiff::{Timestamp, TimestampRound, Unit};
use serde::{Deserialize, Serialize};

/// When, and by what, something was said. Of two the greater one holds, whichever arrives first.
///
/// Versions are compared at whole seconds, to which CareSoft rounds the times of what it shows again later; within a
/// second by what was done (a thing is made before it is changed), by the milliseconds that are left, and in the end by
/// the content, so that there is always one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(i64, u8, u64)", into = "(i64, u8, u64)")]
pub struct Version {
    millisecond: i64,
    rank: u8,
    digest: u64,
}

impl From<(i64, u8, u64)> for Version {
    fn from((millisecond, rank, digest): (i64, u8, u64)) -> Self {
        Self {
            millisecond,
            rank,
            digest,
        }
    }
}

impl From<Version> for (i64, u8, u64) {
    fn from(version: Version) -> Self {
        (version.millisecond, version.rank, version.digest)
    }
}

impl Version {
    /// The version of what an event says. Without a time it is older than anything that has one.
    pub fn new(at: Option<Timestamp>, save: Save, digest: Digest) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = *digest.as_bytes();
        Self {
            millisecond: at.map_or(i64::MIN, Timestamp::as_millisecond),
            rank: match save {
                Save::Create => 0,
                Save::Update => 1,
                Save::Convert => 2,
            },
            digest: u64::from_be_bytes([a, b, c, d, e, f, g, h]),
        }
    }

    fn key(self) -> (i64, u8, i64, u64) {
        let second = match Timestamp::from_millisecond(self.millisecond) {
            Ok(at) => to_second(at).as_second(),
            Err(_) => i64::MIN,
        };
        (second, self.rank, self.millisecond, self.digest)
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The nearest second, half a second being the next one: how CareSoft's database keeps times.
pub fn to_second(at: Timestamp) -> Timestamp {
    at.round(TimestampRound::new().smallest(Unit::Second))
        .unwrap_or(at)
}

/// The first characters of the digest of a text: enough to tell apart what one case has.
pub fn short_digest(text: &str) -> String {
    let digest = Event::read(text.as_bytes()).raw_digest();
    digest.to_string().chars().take(16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(millisecond: i64, save: Save, content: &[u8]) -> Version {
        let at = Timestamp::from_millisecond(millisecond).expect("a time");
        Version::new(Some(at), save, Digest::of(content))
    }

    #[test]
    fn the_later_one_is_greater() {
        use Save::{Convert, Create, Update};
        let check = |earlier: Version, later: Version| {
            assert!(earlier < later, "{earlier:?} {later:?}");
            assert!(later > earlier);
        };
        let never = Version::new(None, Convert, Digest::of(b"z"));
        check(never, version(1_000, Create, b"a"));
        check(version(1_000, Convert, b"a"), version(3_000, Create, b"a"));
        // Made at .133, and shown again with the time rounded down.
        check(
            version(652_133, Create, b"a"),
            version(652_000, Update, b"b"),
        );
        // Rounded up.
        check(
            version(615_500, Create, b"a"),
            version(616_000, Update, b"b"),
        );
        check(version(1_100, Update, b"a"), version(1_400, Update, b"b"));
        check(version(1_100, Update, b"a"), version(1_100, Convert, b"b"));
    }

    #[test]
    fn of_equal_times_the_content_decides() {
        let one = version(1_000, Save::Update, b"one");
        let other = version(1_000, Save::Update, b"other");
        assert_ne!(one.cmp(&other), Ordering::Equal);
        assert_eq!(one.cmp(&one), Ordering::Equal);
    }

    #[test]
    fn a_version_is_kept_as_it_is() {
        let version = version(652_133, Save::Update, b"x");
        let json = serde_json::to_string(&version).expect("it can be written");
        assert_eq!(serde_json::from_str::<Version>(&json).ok(), Some(version));
    }
}

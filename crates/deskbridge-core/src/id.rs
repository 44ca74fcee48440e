//! Identifiers of our own records: time-ordered UUIDs with a prefix that says what they name.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use uuid::Uuid;

/// A text that is not an identifier of the kind that was asked for.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{text}` is no identifier of this kind; one looks like `{prefix}0198c0de-0000-7000-8000-000000000000`"
)]
pub struct NotAnId {
    text: String,
    prefix: &'static str,
}

macro_rules! id {
    ($(#[$documentation:meta])* $name:ident, $prefix:literal) => {
        $(#[$documentation])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// A new identifier (UUIDv7), ordered by `now`.
            pub fn new(now: Timestamp, rng: &mut fastrand::Rng) -> Self {
                let mut random = [0; 10];
                rng.fill(&mut random);
                let milliseconds = u64::try_from(now.as_millisecond()).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid())
            }

            /// The bare UUID, as stored.
            pub fn uuid(self) -> Uuid {
                self.0
            }

            /// The identifier of a stored UUID.
            pub fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let uuid = text.strip_prefix($prefix).and_then(|uuid| Uuid::parse_str(uuid).ok());
                uuid.map(Self).ok_or_else(|| NotAnId { text: text.chars().take(60).collect(), prefix: $prefix })
            }
        }
    };
}

id!(
    /// Names one effect.
    EffectId,
    "eff_"
);
id!(
    /// Names one event.
    EventId,
    "evt_"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_back_and_follow_time() {
        let mut rng = fastrand::Rng::with_seed(1);
        let early = EffectId::new(Timestamp::from_second(1_000).unwrap(), &mut rng);
        let late = EffectId::new(Timestamp::from_second(2_000).unwrap(), &mut rng);
        assert!(early < late);
        assert_eq!(early.to_string().parse::<EffectId>().unwrap(), early);
        for wrong in [
            "",
            "eff_",
            "eff_x",
            "evt_0198c0de-0000-7000-8000-000000000000",
        ] {
            assert!(wrong.parse::<EffectId>().is_err(), "{wrong}");
        }
    }
}

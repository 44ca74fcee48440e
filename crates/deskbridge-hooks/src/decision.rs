//! What comes of asking: a change, a cancellation, or nothing, and then why.

use crate::{
    envelope::{Answer, Change, Invalid},
    runner::Failure,
};

/// What comes of asking at a point.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Go on with this.
    Changed(Change),
    /// Leave out the request that comes next; the user wants it so.
    Cancelled,
    /// Go on as the settings say.
    Unchanged {
        /// Why.
        why: Why,
    },
}

/// Why nothing is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Nobody has a hook there.
    NoHook,
    /// The hook wants nothing changed.
    Wanted,
    /// The hook failed.
    Failed {
        /// In which way.
        how: Kind,
        /// A sentence for people, without anything of the input.
        what: String,
    },
    /// The hook failed before and is left alone for a while.
    Suspended,
}

/// In which way a hook failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It did not answer in time.
    TimedOut,
    /// Too many were running.
    Busy,
    /// Its file cannot be read or understood.
    Script,
    /// It could not be started or reached.
    Unreached,
    /// It ended badly.
    Crashed,
    /// It answered too much.
    TooMuch,
    /// Its answer cannot be read or does not fit.
    Invalid,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::TimedOut,
        Self::Busy,
        Self::Script,
        Self::Unreached,
        Self::Crashed,
        Self::TooMuch,
        Self::Invalid,
    ];

    /// As metrics have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::TimedOut => "timed_out",
            Self::Busy => "busy",
            Self::Script => "script",
            Self::Unreached => "unreached",
            Self::Crashed => "crashed",
            Self::TooMuch => "too_much",
            Self::Invalid => "invalid",
        }
    }

    /// Whether the hook is to blame.
    pub(crate) fn is_its_own(self) -> bool {
        self != Self::Busy
    }
}

impl From<Answer> for Decision {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Changed(change) => Self::Changed(change),
            Answer::Cancelled => Self::Cancelled,
            Answer::Nothing => Self::Unchanged { why: Why::Wanted },
        }
    }
}

impl From<&Failure> for Kind {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::TimedOut => Self::TimedOut,
            Failure::Busy => Self::Busy,
            Failure::Script(_) => Self::Script,
            Failure::Start(_) | Failure::Unreached(_) | Failure::Status(_) => Self::Unreached,
            Failure::Crashed(_) => Self::Crashed,
            Failure::TooMuch => Self::TooMuch,
        }
    }
}

impl From<&Invalid> for Kind {
    fn from(_: &Invalid) -> Self {
        Self::Invalid
    }
}

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

impl Decision {
    /// What the hook of this name decided, as a sentence without anything that it was told or answered; `None` when there is
    /// nothing to say.
    pub fn told(&self, name: &str) -> Option<String> {
        Some(match self {
            Self::Changed(change) => {
                let action = change
                    .action
                    .map(|action| format!("says {}", action.name()));
                let members: Vec<&str> = change.data.keys().map(String::as_str).collect();
                let data =
                    (!members.is_empty()).then(|| format!("answered {}", members.join(", ")));
                let filter = change
                    .filter
                    .as_ref()
                    .map(|_| "narrows the search".to_owned());
                let said: Vec<String> = [action, data, filter].into_iter().flatten().collect();
                let dropped = match change.dropped.is_empty() {
                    true => String::new(),
                    false => format!("; nobody knows {}", change.dropped.join(", ")),
                };
                format!("the hook {name} {}{dropped}", said.join(" and "))
            }
            Self::Cancelled => format!("the hook {name} leaves the request out"),
            Self::Unchanged {
                why: Why::Failed { what, .. },
            } => format!("the hook {name} failed, and everything went on without it: {what}"),
            Self::Unchanged {
                why: Why::Suspended,
            } => format!("the hook {name} kept failing and is left alone for a while"),
            Self::Unchanged {
                why: Why::Wanted | Why::NoHook,
            } => return None,
        })
    }
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

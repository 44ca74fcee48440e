//! What is wrong with settings, told all at once.

use std::fmt;

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The setting, such as `lines[0].responsible`.
    pub key: String,
    /// What is wrong.
    pub wrong: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.key, self.wrong, self.remedy)
    }
}

/// Settings that cannot be used, with everything that is wrong with them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the settings of calls cannot be used: {}", listed(.0))]
pub struct Problems(pub Vec<Problem>);

fn listed(problems: &[Problem]) -> String {
    let problems: Vec<String> = problems.iter().map(Problem::to_string).collect();
    problems.join(". ")
}

/// Collects problems while settings are read.
#[derive(Debug, Default)]
pub(super) struct Checks(Vec<Problem>);

impl Checks {
    pub(super) fn add(
        &mut self,
        key: impl Into<String>,
        wrong: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.0.push(Problem {
            key: key.into(),
            wrong: wrong.into(),
            remedy: remedy.into(),
        });
    }

    /// What `settings` come to, if nothing is wrong with them.
    pub(super) fn pass<T>(self, settings: T) -> Result<T, Problems> {
        match self.0.is_empty() {
            true => Ok(settings),
            false => Err(Problems(self.0)),
        }
    }
}

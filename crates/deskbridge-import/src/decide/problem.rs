//! What is wrong with records, grouped by cause.

use std::{collections::BTreeMap, fmt};

/// One thing that is wrong with a record. Its text is the same for all records that have it, so that they can be counted
/// together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Problem {
    /// A line or row that is no record.
    Unreadable {
        /// Why, without what is in it.
        why: String,
    },
    /// A record without an id: it could not be found again.
    NoId,
    /// Something that the helpdesk must have is missing.
    Missing {
        /// DocType.
        doctype: String,
        /// Field.
        field: String,
    },
    /// A value that is none of the documents or choices that the field takes. Some sites take it without a word.
    UnknownChoice {
        /// DocType.
        doctype: String,
        /// Field.
        field: String,
        /// The value.
        value: String,
    },
    /// A value that stands for none of the choices, and was replaced.
    Replaced {
        /// Field.
        field: String,
        /// The value.
        value: String,
        /// What was taken for it.
        by: String,
    },
    /// A field that the DocType does not have. The helpdesk would drop it without a word.
    NoSuchField {
        /// DocType.
        doctype: String,
        /// Field.
        field: String,
    },
    /// A text that is longer than its field and was cut.
    TooLong {
        /// DocType.
        doctype: String,
        /// Field.
        field: String,
        /// The most characters that it takes.
        characters_max: usize,
    },
    /// A name with characters that the helpdesk refuses, which were left out.
    AngleBrackets {
        /// DocType.
        doctype: String,
    },
    /// Something that is no e-mail address.
    NoAddress {
        /// DocType.
        doctype: String,
        /// Field.
        field: String,
    },
    /// A record that it refers to is neither in the source nor in the helpdesk.
    Dangling {
        /// What it refers to.
        kind: &'static str,
    },
    /// The names of two records are one name to the helpdesk's database.
    SameName {
        /// DocType.
        doctype: String,
    },
    /// The helpdesk refused it, for a reason of its own.
    Refused {
        /// What it says.
        why: String,
    },
    /// A file that cannot be brought along.
    File {
        /// Why.
        why: String,
    },
    /// The user's own decision leaves it out.
    LeftOut {
        /// Who says so.
        why: String,
    },
    /// The user's own decision could not be had, so that the record is as it was read.
    Hook {
        /// Why.
        why: String,
    },
}

/// What comes of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The record is not written.
    Refuses,
    /// The record is not to be written.
    LeavesOut,
    /// It is written, changed.
    Changes,
}

impl Problem {
    /// What comes of it.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Unreadable { .. }
            | Self::NoId
            | Self::Missing { .. }
            | Self::Refused { .. }
            | Self::UnknownChoice { .. } => Severity::Refuses,
            Self::LeftOut { .. } => Severity::LeavesOut,
            Self::Replaced { .. }
            | Self::NoSuchField { .. }
            | Self::TooLong { .. }
            | Self::AngleBrackets { .. }
            | Self::NoAddress { .. }
            | Self::Dangling { .. }
            | Self::SameName { .. }
            | Self::File { .. }
            | Self::Hook { .. } => Severity::Changes,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { why } => write!(f, "cannot be read: {why}"),
            Self::NoId => f.write_str("has no id, so it could not be found again; map one"),
            Self::Missing { doctype, field } => write!(f, "{doctype} must have `{field}`"),
            Self::UnknownChoice {
                doctype,
                field,
                value,
            } => write!(
                f,
                "{doctype}.{field} cannot be `{value}`: make it in the helpdesk, or map it to one that is there"
            ),
            Self::Replaced { field, value, by } => {
                write!(f, "`{field}` cannot be `{value}`; `{by}` is taken for it")
            }
            Self::NoSuchField { doctype, field } => {
                write!(f, "{doctype} has no field `{field}`; it is left out")
            }
            Self::TooLong {
                doctype,
                field,
                characters_max,
            } => write!(
                f,
                "{doctype}.{field} takes {characters_max} characters; the rest is cut off"
            ),
            Self::AngleBrackets { doctype } => {
                write!(
                    f,
                    "the name of a {doctype} cannot have `<` or `>`; they are left out"
                )
            }
            Self::NoAddress { doctype, field } => {
                write!(f, "{doctype}.{field} is no e-mail address; it is left out")
            }
            Self::Dangling { kind } => {
                write!(
                    f,
                    "refers to a {kind} that is not there; the reference is left out"
                )
            }
            Self::SameName { doctype } => write!(
                f,
                "another {doctype} has this name but for case and accents, which the helpdesk does not tell apart; \
                 a number is added"
            ),
            Self::Refused { why } | Self::LeftOut { why } | Self::Hook { why } => f.write_str(why),
            Self::File { why } => write!(f, "a file is left out: {why}"),
        }
    }
}

/// The problems of one record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl Problems {
    /// Adds one, once.
    pub fn add(&mut self, problem: Problem) {
        if !self.0.contains(&problem) {
            self.0.push(problem);
        }
    }

    /// Whether the record must not be written.
    pub fn refuse(&self) -> bool {
        self.0
            .iter()
            .any(|problem| problem.severity() == Severity::Refuses)
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Why the record is not written: those problems that refuse it.
    pub fn why_refused(&self) -> String {
        let refusing = self
            .0
            .iter()
            .filter(|problem| problem.severity() == Severity::Refuses);
        let texts: Vec<String> = refusing.map(ToString::to_string).collect();
        texts.join("; ")
    }
}

/// Problems of many records, grouped by cause.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grouped {
    groups: BTreeMap<(Severity, Problem), Group>,
    /// Records with causes beyond the most that are kept apart.
    pub others: u64,
}

/// Those records that have one problem.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// How many.
    pub records: u64,
    /// The first of them, as `kind id`.
    pub examples: Vec<String>,
}

/// How many causes are kept apart: as many as anybody reads.
const CAUSES_MAX: usize = 500;
const EXAMPLES_MAX: usize = 5;

impl Grouped {
    /// Adds the problems of a record that is known as `place`.
    pub fn add(&mut self, problems: &Problems, place: &str) {
        for problem in problems.iter() {
            let key = (problem.severity(), problem.clone());
            if !self.groups.contains_key(&key) && self.groups.len() >= CAUSES_MAX {
                self.others += 1;
                continue;
            }
            let group = self.groups.entry(key).or_default();
            group.records += 1;
            if group.examples.len() < EXAMPLES_MAX {
                group.examples.push(place.to_owned());
            }
        }
    }

    /// By severity, then by cause.
    pub fn iter(&self) -> impl Iterator<Item = (Severity, &Problem, &Group)> {
        let groups = self.groups.iter();
        groups.map(|((severity, problem), group)| (*severity, problem, group))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.others == 0
    }
}

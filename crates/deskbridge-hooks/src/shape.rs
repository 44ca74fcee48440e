//! What a value of a hook has to look like: one description, from which both its JSON Schema and its check follow.
//!
//! The check takes what other languages make of a value: PHP writes numbers as texts and an empty object as `[]`.
//! What comes out of it is what was meant, in one form; what no contract names is dropped and told.

mod check;
mod schema;

pub use self::check::{Checked, Fault, check};

/// The form of a value.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// A text in any number of lines.
    Text {
        /// Its length in bytes, at most.
        bytes_max: usize,
    },
    /// A text in one line, without control characters.
    Line {
        /// Its length in bytes, at most.
        bytes_max: usize,
    },
    /// A phone number: everything but digits, `*`, `#` and a leading `+` is left out.
    Phone,
    /// A whole number, or a text that is one.
    Whole {
        /// At least.
        min: i64,
        /// At most.
        max: i64,
    },
    /// True or false; also 1 and 0, `"Y"` and `"N"`.
    Flag,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// Named members.
    Object(&'static [Member]),
    /// Fields of a record by their names in the remote system: scalars, lists and objects.
    Fields,
    /// A value under each key.
    Map(&'static Self),
    /// A list.
    List {
        /// Of what.
        of: &'static Self,
        /// How many, at most.
        count_max: usize,
    },
    /// This or `null`.
    OrNull(&'static Self),
    /// Anything, within the limits of an answer.
    Any,
}

/// A member of an object.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// What it looks like.
    pub shape: Shape,
    /// It has to be there.
    pub is_required: bool,
    /// What it means.
    pub about: &'static str,
}

/// A member that has to be there.
pub(crate) const fn must(name: &'static str, shape: Shape, about: &'static str) -> Member {
    Member {
        name,
        shape,
        is_required: true,
        about,
    }
}

/// A member that may be left out.
pub(crate) const fn may(name: &'static str, shape: Shape, about: &'static str) -> Member {
    Member {
        name,
        shape,
        is_required: false,
        about,
    }
}

#[cfg(test)]
mod tests;

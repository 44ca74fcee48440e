//! JSON that is read without losing anything: numbers keep their digits, objects their order and repeated keys.

mod canonical;
mod parse;
mod text;

pub(crate) use self::canonical::write as write_canonical;
pub use self::{parse::Unreadable, text::Text};

/// A value, borrowed from the bytes that it was read from.
#[derive(Clone, Debug, PartialEq)]
pub enum Json<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it is written.
    Number(&'a str),
    /// A text.
    Text(Text<'a>),
    /// An array.
    List(Vec<Json<'a>>),
    /// An object with its members in their order; a key may stand in it more than once.
    Object(Vec<(Text<'a>, Json<'a>)>),
}

impl<'a> Json<'a> {
    /// Reads a value; a byte order mark before it is skipped.
    ///
    /// # Errors
    /// When the bytes are not one JSON value in UTF-8, or it is nested more than 128 deep.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        parse::read(bytes)
    }

    /// The last member of this name; `None` when there is none, or this is no object.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.members()
            .iter()
            .rev()
            .find_map(|(key, value)| key.is(name).then_some(value))
    }

    /// The members of an object; none of anything else.
    pub fn members(&self) -> &[(Text<'a>, Self)] {
        match self {
            Self::Object(members) => members,
            _ => &[],
        }
    }

    /// The items of an array; none of anything else.
    pub fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// Whether it is an object with something in it.
    pub fn is_full_object(&self) -> bool {
        !self.members().is_empty()
    }
}

#[cfg(test)]
mod tests;

//! Reading members of an object that may be of another type than documented.

use std::{borrow::Cow, fmt, num::NonZeroU64};

use jiff::Timestamp;

use crate::{
    json::Json,
    time::{Zone, whole},
};

/// The id of a ticket, lead, deal, user, organisation or agent: a positive number.
///
/// Unique in one account and one kind of thing; tickets, leads and deals share their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(NonZeroU64);

impl Id {
    /// The id with this number; `None` for nought, which means nobody and nothing.
    pub fn new(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }

    /// Its number.
    pub fn get(self) -> u64 {
        self.0.get()
    }

    fn from_json(value: &Json<'_>) -> Option<Self> {
        Self::new(u64::try_from(whole_of(value)?).ok()?)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

static NOTHING: Json<'static> = Json::Null;

/// The members of an object, or of nothing.
///
/// What is missing, `null` or blank was not said and is `None`; a number may be written as a text and a text as a
/// number; an object may stand alone in an array, and an empty array stands for no object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fields<'e>(&'e Json<'e>);

impl<'e> Fields<'e> {
    /// Of a value: an object, or an array with one object in it. Anything else has no members.
    pub fn of(value: &'e Json<'e>) -> Self {
        match value {
            Json::Object(_) => Self(value),
            Json::List(items) => match items.as_slice() {
                [only @ Json::Object(_)] => Self(only),
                _ => Self::none(),
            },
            _ => Self::none(),
        }
    }

    /// No members.
    pub fn none() -> Self {
        Self(&NOTHING)
    }

    /// The object itself; `null` for no members.
    pub fn json(self) -> &'e Json<'e> {
        self.0
    }

    /// Whether there are no members.
    pub fn is_empty(self) -> bool {
        self.0.members().is_empty()
    }

    /// A member as it stands.
    pub fn get(self, name: &str) -> Option<&'e Json<'e>> {
        self.0.get(name)
    }

    /// An object inside; without members when there is none.
    pub fn object(self, name: &str) -> Self {
        self.get(name).map_or(Self::none(), Self::of)
    }

    /// A text that is not blank, without blanks around it; a number's digits as they are written.
    pub fn text(self, name: &str) -> Option<Cow<'e, str>> {
        text_of(self.get(name)?)
    }

    /// A text in lower case, for values of open sets that come as `Normal` and as `normal`.
    pub fn word(self, name: &str) -> Option<String> {
        self.lower(name).map(Cow::into_owned)
    }

    /// The same; what is in lower case already is not copied.
    pub(crate) fn lower(self, name: &str) -> Option<Cow<'e, str>> {
        let text = self.text(name)?;
        let is_lower = text
            .bytes()
            .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
        Some(match is_lower {
            true => text,
            false => Cow::Owned(text.to_lowercase()),
        })
    }

    /// A whole number.
    pub fn whole(self, name: &str) -> Option<i64> {
        whole_of(self.get(name)?)
    }

    /// An id; nought and below are none.
    pub fn id(self, name: &str) -> Option<Id> {
        Id::from_json(self.get(name)?)
    }

    /// The ids in an array, a single id, or ids in a text with commas between; each once, in their order.
    pub fn ids(self, name: &str) -> Vec<Id> {
        let mut ids = Vec::new();
        if let Some(value) = self.get(name) {
            collect_ids(value, &mut ids);
        }
        ids
    }

    /// `1`, `true` and their texts are yes; `0`, `false` and theirs are no.
    pub fn flag(self, name: &str) -> Option<bool> {
        let value = self.get(name)?;
        if let Json::Bool(flag) = value {
            return Some(*flag);
        }
        match text_of(value)?.to_lowercase().as_str() {
            "1" | "true" => Some(true),
            "0" | "false" => Some(false),
            _ => None,
        }
    }

    /// A time in any of its forms; nought is none.
    pub fn time(self, name: &str, zone: &Zone) -> Option<Timestamp> {
        zone.read_json(self.get(name)?)
    }
}

pub(crate) fn text_of<'e>(value: &'e Json<'e>) -> Option<Cow<'e, str>> {
    let text = match value {
        Json::Text(text) => text.decode(),
        Json::Number(digits) => Cow::Borrowed(*digits),
        Json::Bool(true) => Cow::Borrowed("true"),
        Json::Bool(false) => Cow::Borrowed("false"),
        Json::Null | Json::List(_) | Json::Object(_) => return None,
    };
    let text = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) if text.trim().len() < text.len() => Cow::Owned(text.trim().to_owned()),
        Cow::Owned(text) => Cow::Owned(text),
    };
    (!text.is_empty()).then_some(text)
}

fn whole_of(value: &Json<'_>) -> Option<i64> {
    match value {
        Json::Number(digits) => whole(digits),
        Json::Text(text) => whole(&text.decode()),
        _ => None,
    }
}

fn collect_ids(value: &Json<'_>, ids: &mut Vec<Id>) {
    let mut add = |id: Option<Id>| match id {
        Some(id) if !ids.contains(&id) => ids.push(id),
        _ => {}
    };
    match value {
        Json::Text(text) => text
            .decode()
            .split(',')
            .for_each(|part| add(whole(part).and_then(|id| Id::new(u64::try_from(id).ok()?)))),
        Json::List(items) => items.iter().for_each(|item| collect_ids(item, ids)),
        _ => add(Id::from_json(value)),
    }
}

/// A view of an object: its id, and named readings of its members beside the members themselves.
macro_rules! view {
    ($(#[$doc:meta])* $name:ident $(, $id:ident: $kind:ty)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name<'e> {
            $(pub(crate) $id: $kind,)?
            pub(crate) fields: $crate::fields::Fields<'e>,
        }

        impl<'e> $name<'e> {
            $(
                /// Its id.
                pub fn $id(self) -> $kind {
                    self.$id
                }
            )?

            /// Everything it has, by the names that CareSoft uses.
            pub fn fields(self) -> $crate::fields::Fields<'e> {
                self.fields
            }
        }
    };
}
pub(crate) use view;

#[cfg(test)]
mod tests;

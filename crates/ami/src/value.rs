//! What may be sent: texts that cannot break out of their line, nor mean more than they say.

use std::{borrow::Cow, fmt};

/// The longest value, in bytes. With the longest name it makes a line that Asterisk takes: 1,022 bytes pass, and what
/// follows a longer line is read as an action of its own (observed on 16.28 and 22.10).
pub const VALUE_BYTES_MAX: usize = 960;
const NAME_BYTES_MAX: usize = 50;

/// Why a text may not be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// It would end its line, or hide in it.
    #[error("{what} has a control character")]
    Control {
        /// What the text was to be.
        what: &'static str,
    },
    /// Asterisk would not take the line.
    #[error("{what} has {bytes} bytes, at most {bytes_max} can be sent")]
    TooLong {
        /// What the text was to be.
        what: &'static str,
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        bytes_max: usize,
    },
    /// It would mean something else than intended.
    #[error("{what} has the character {character:?}, which none has")]
    Character {
        /// What the text was to be.
        what: &'static str,
        /// The first such character.
        character: char,
    },
    /// There is nothing in it.
    #[error("{what} is empty")]
    Empty {
        /// What the text was to be.
        what: &'static str,
    },
    /// A name that the connection sets itself.
    #[error("a header of this name is set by the connection")]
    Reserved,
    /// `/` at the start makes a channel's name a regular expression, which may fit every channel.
    #[error("a channel is named as TECHNOLOGY/NAME")]
    NoChannel,
}

/// The value of a header: one line of text.
#[derive(Clone, PartialEq, Eq)]
pub struct Value(Cow<'static, str>);

impl Value {
    /// Takes a text.
    ///
    /// # Errors
    /// When it has a control character, or more than [`VALUE_BYTES_MAX`] bytes.
    pub fn new(text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text.into();
        fits("a value", &text, VALUE_BYTES_MAX)?;
        Ok(Self(text.into()))
    }

    /// A text that is known to fit.
    pub(crate) const fn fixed(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    pub(crate) fn number(number: u64) -> Self {
        Self(number.to_string().into())
    }

    /// A text that was checked, or made of what cannot fail the check.
    pub(crate) fn known(text: String) -> Self {
        debug_assert!(fits("a value", &text, VALUE_BYTES_MAX).is_ok());
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Value {
    /// Values may be numbers and names of people, or secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({} bytes)", self.0.len())
    }
}

fn fits(what: &'static str, text: &str, bytes_max: usize) -> Result<(), Invalid> {
    if text.chars().any(char::is_control) {
        return Err(Invalid::Control { what });
    }
    let bytes = text.len();
    match bytes > bytes_max {
        true => Err(Invalid::TooLong {
            what,
            bytes,
            bytes_max,
        }),
        false => Ok(()),
    }
}

/// Declares a text of a few kinds of characters.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $what:literal, $bytes_max:expr, $is_allowed:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// Takes a text.
            ///
            /// # Errors
            /// When it is empty, too long, or has a character that none has.
            pub fn new(text: impl Into<String>) -> Result<Self, Invalid> {
                let text = text.into();
                if text.is_empty() {
                    return Err(Invalid::Empty { what: $what });
                }
                fits($what, &text, $bytes_max)?;
                let is_allowed: fn(char) -> bool = $is_allowed;
                if let Some(character) = text.chars().find(|letter| !is_allowed(*letter)) {
                    return Err(Invalid::Character { what: $what, character });
                }
                Ok(Self(text))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<$name> for Value {
            fn from(text: $name) -> Self {
                Value(text.0.into())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({} bytes)"), self.0.len())
            }
        }
    };
}

text! {
    /// A word of the dialplan or of Asterisk: a context, a variable, a family of the database, a queue, an event.
    Word, "a word", 80, |letter| letter.is_alphanumeric() || "_-.".contains(letter)
}
text! {
    /// What is dialled: digits, letters, `+`, `*`, `#` and the few signs of extensions.
    Exten, "an extension", 80, |letter| letter.is_ascii_alphanumeric() || "+*#_-.".contains(letter)
}
text! {
    /// The id of an action, which comes back with its answer. Must not repeat while an answer is awaited.
    ActionId, "an action's id", 200, |letter| letter.is_ascii_graphic()
}

/// The name of a header.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(Cow<'static, str>);

impl Name {
    /// Takes a name: letters, digits, `-` and `_`.
    ///
    /// # Errors
    /// When it is none, or one that the connection sets.
    pub fn new(name: impl Into<String>) -> Result<Self, Invalid> {
        const WHAT: &str = "a name";
        let name = name.into();
        if name.is_empty() {
            return Err(Invalid::Empty { what: WHAT });
        }
        fits(WHAT, &name, NAME_BYTES_MAX)?;
        let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
        if let Some(character) = name.chars().find(|letter| !is_allowed(*letter)) {
            return Err(Invalid::Character {
                what: WHAT,
                character,
            });
        }
        let is_reserved = ["Action", "ActionID"]
            .iter()
            .any(|own| name.eq_ignore_ascii_case(own));
        match is_reserved {
            true => Err(Invalid::Reserved),
            false => Ok(Self(name.into())),
        }
    }

    pub(crate) const fn fixed(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A channel that lives, or what is dialled to make one: `PJSIP/101-00000001`, `PJSIP/101`, `Local/101@from-queue/n`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Channel(String);

impl Channel {
    /// Takes a channel's name.
    ///
    /// # Errors
    /// When it has no technology, or characters that would make it something else: a leading `/` makes `Hangup` take a
    /// regular expression.
    pub fn new(name: impl Into<String>) -> Result<Self, Invalid> {
        const WHAT: &str = "a channel";
        let name = name.into();
        fits(WHAT, &name, 200)?;
        let is_foreign = |letter: char| letter.is_whitespace() || ",|\"'\\$(){}".contains(letter);
        if let Some(character) = name.chars().find(|letter| is_foreign(*letter)) {
            return Err(Invalid::Character {
                what: WHAT,
                character,
            });
        }
        match name.split_once('/') {
            Some((technology, rest)) if !technology.is_empty() && !rest.is_empty() => {
                Ok(Self(name))
            }
            _ => Err(Invalid::NoChannel),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Channel> for Value {
    fn from(channel: Channel) -> Self {
        Self(channel.0.into())
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let technology = self.0.split('/').next().unwrap_or_default();
        write!(f, "Channel({technology}/..)")
    }
}

/// A variable and its value for a channel to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable(Value);

impl Variable {
    /// Sets `name`, which the channels that this one makes inherit if it begins with two underscores.
    ///
    /// The value arrives as it is: what would end it or begin another variable (commas, quotes, backslashes, brackets)
    /// is escaped, as was tried on 16.28 and 22.10.
    ///
    /// # Errors
    /// When the value cannot be sent.
    pub fn new(name: &Word, value: &str) -> Result<Self, Invalid> {
        let mut text = String::with_capacity(name.as_str().len() + value.len() + 1);
        text.push_str(name.as_str());
        text.push('=');
        for letter in value.chars() {
            if ",\\\"()[]".contains(letter) {
                text.push('\\');
            }
            text.push(letter);
        }
        Ok(Self(Value::new(text)?))
    }
}

impl From<Variable> for Value {
    fn from(variable: Variable) -> Self {
        variable.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_stay_within_their_line() {
        let control = || Err(Invalid::Control { what: "a value" });
        let check = |text: &str| Value::new(text).map(|value| value.as_str().to_owned());
        for text in ["", "plain", "Клиент \"x\"; 100% ${y}"] {
            assert_eq!(check(text).as_deref(), Ok(text));
        }
        for text in [
            "a\r\nAction: Command",
            "a\nb",
            "a\rb",
            "\0",
            "\u{7f}",
            "\u{85}",
            "\t",
        ] {
            assert_eq!(check(text), control(), "{text:?}");
        }
        assert!(check(&"x".repeat(VALUE_BYTES_MAX)).is_ok());
        let too_long = Invalid::TooLong {
            what: "a value",
            bytes: VALUE_BYTES_MAX + 1,
            bytes_max: VALUE_BYTES_MAX,
        };
        assert_eq!(check(&"x".repeat(VALUE_BYTES_MAX + 1)), Err(too_long));
    }

    #[test]
    fn channels_are_no_regular_expressions() {
        for name in [
            "PJSIP/101",
            "PJSIP/a-b-00000001",
            "Local/101@from-queue/n",
            "Local/1@a-0;1",
        ] {
            assert!(Channel::new(name).is_ok(), "{name}");
        }
        for name in [
            "",
            "101",
            "/.*/",
            "/",
            "PJSIP/",
            "PJSIP/1 2",
            "PJSIP/1,2",
            "SIP/1\r\n",
            "SIP/${x}",
        ] {
            assert!(Channel::new(name).is_err(), "{name}");
        }
    }

    #[test]
    fn extensions_are_what_can_be_dialled() {
        for exten in ["101", "+79160000000", "*8101", "s", "queue-1"] {
            assert!(Exten::new(exten).is_ok(), "{exten}");
        }
        for exten in ["", "1 2", "1,2", "1&2", "1@x", "${EXTEN}", "один", "1\n"] {
            assert!(Exten::new(exten).is_err(), "{exten}");
        }
    }

    #[test]
    fn names_are_not_those_of_the_connection() {
        assert!(Name::new("Call-Id_2").is_ok());
        for name in ["", "Action", "actionid", "a b", "a:", "a\n", "имя"] {
            assert!(Name::new(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_variable_is_one_variable() {
        let name = Word::new("__CRM_ID").unwrap();
        let check = |value: &str| Variable::new(&name, value).map(|variable| variable.0);
        let rows = [
            ("42", "__CRM_ID=42"),
            ("1,X=2", r"__CRM_ID=1\,X=2"),
            (r#"a"b\c"#, r#"__CRM_ID=a\"b\\c"#),
            ("(x) [y]", r"__CRM_ID=\(x\) \[y\]"),
        ];
        for (value, expected) in rows {
            assert_eq!(check(value).unwrap().as_str(), expected);
        }
        assert!(check("a\nb").is_err());
        assert!(check(&",".repeat(600)).is_err(), "escapes count");
    }

    #[test]
    fn debug_shows_no_values() {
        let shown = format!(
            "{:?} {:?} {:?}",
            Value::new("secret").unwrap(),
            Exten::new("79160000000").unwrap(),
            Channel::new("PJSIP/secret").unwrap()
        );
        assert!(
            !shown.contains("secret") && !shown.contains("7916"),
            "{shown}"
        );
    }

    proptest! {
        #[test]
        fn whatever_is_taken_fits_a_line(text in any::<String>()) {
            let taken = [
                Value::new(&*text).map(|value| value.as_str().to_owned()),
                Channel::new(&*text).map(|value| value.as_str().to_owned()),
                Exten::new(&*text).map(|value| value.as_str().to_owned()),
                Name::new(&*text).map(|value| value.as_str().to_owned()),
            ];
            for text in taken.into_iter().flatten() {
                prop_assert!(text.len() <= VALUE_BYTES_MAX && !text.contains(['\r', '\n', '\0']));
            }
        }
    }
}

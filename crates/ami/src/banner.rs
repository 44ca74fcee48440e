//! The line with which a manager greets.

use std::{fmt, str::FromStr};

/// What every Asterisk begins with.
const PRODUCT: &str = "Asterisk Call Manager";

/// The line with which a manager greets: `Asterisk Call Manager/11.0.0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Banner(String);

impl Banner {
    pub(crate) fn new(line: &[u8]) -> Self {
        Self(String::from_utf8_lossy(line).into_owned())
    }

    /// The line, without its end.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Whether an Asterisk manager says this, and not a web or mail server that listens where one was expected.
    pub fn is_of_a_manager(&self) -> bool {
        self.0.starts_with(PRODUCT)
    }

    /// The version of the interface, which is not Asterisk's own: 11.0.0 is Asterisk 22, 5.0.4 is Asterisk 16.
    pub fn version(&self) -> Option<Version> {
        let (_, version) = self.0.rsplit_once('/')?;
        version.trim().parse().ok()
    }
}

/// A version of the interface, or of Asterisk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The first number.
    pub major: u32,
    /// The second number, nought if there is none.
    pub minor: u32,
    /// The third number, nought if there is none.
    pub patch: u32,
}

impl Version {
    /// A version.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }
}

impl FromStr for Version {
    type Err = NoVersion;

    /// Reads up to three numbers and ignores what follows them: `22.10.1+dfsg`, `certified/18.9-cert4`.
    fn from_str(text: &str) -> Result<Self, NoVersion> {
        let text = text.rsplit('/').next().unwrap_or_default();
        let end = text.find(|letter: char| letter != '.' && !letter.is_ascii_digit());
        let numbers = text.get(..end.unwrap_or(text.len())).unwrap_or_default();
        let mut numbers = numbers.split('.').map(str::parse);
        let mut next = || numbers.next().and_then(Result::ok);
        let major = next().ok_or(NoVersion)?;
        Ok(Self::new(
            major,
            next().unwrap_or_default(),
            next().unwrap_or_default(),
        ))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// A text that does not begin with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no version in it")]
pub struct NoVersion;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_banners() {
        let check = |line: &str| Banner::new(line.as_bytes()).version();
        let rows = [
            ("Asterisk Call Manager/11.0.0", Some(Version::new(11, 0, 0))),
            ("Asterisk Call Manager/5.0.4", Some(Version::new(5, 0, 4))),
            ("Asterisk Call Manager/1.1", Some(Version::new(1, 1, 0))),
            (
                "Asterisk Call Manager/2.10.6-x",
                Some(Version::new(2, 10, 6)),
            ),
            ("Asterisk Call Manager", None),
            ("Asterisk Call Manager/", None),
            ("Asterisk Call Manager/99999999999.1", None),
            ("SSH-2.0-OpenSSH_9.2", None),
        ];
        for (line, expected) in rows {
            assert_eq!(check(line), expected, "{line}");
        }
    }

    #[test]
    fn asterisk_versions_may_have_tails() {
        let check = |text: &str| text.parse::<Version>().ok();
        let rows = [
            ("22.10.1+dfsg+~cs6.17", Some(Version::new(22, 10, 1))),
            ("certified/18.9-cert4", Some(Version::new(18, 9, 0))),
            ("GIT-master-1234", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(check(text), expected, "{text}");
        }
    }
}

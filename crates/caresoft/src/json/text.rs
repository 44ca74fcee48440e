//! A text of JSON, as it is written.

use std::{borrow::Cow, fmt};

/// What stands between the quotation marks; its escapes are undone when it is asked for.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    written: &'a str,
    is_escaped: bool,
}

impl<'a> Text<'a> {
    /// What was checked to stand between quotation marks, and whether there is a backslash in it.
    pub(super) fn checked(written: &'a str, is_escaped: bool) -> Self {
        Self {
            written,
            is_escaped,
        }
    }

    /// The text as it is written, with its escapes.
    pub fn written(&self) -> &'a str {
        self.written
    }

    /// Whether it is written with escapes; without, it is what is written.
    pub(super) fn is_escaped(&self) -> bool {
        self.is_escaped
    }

    /// The text. Half a surrogate pair, which no text can hold, becomes U+FFFD.
    pub fn decode(&self) -> Cow<'a, str> {
        match self.is_escaped {
            true => Cow::Owned(unescape(self.written).0),
            false => Cow::Borrowed(self.written),
        }
    }

    /// The text, unless decoding it would lose something.
    pub(super) fn decode_exactly(&self) -> Option<Cow<'a, str>> {
        if !self.is_escaped {
            return Some(Cow::Borrowed(self.written));
        }
        let (text, is_exact) = unescape(self.written);
        is_exact.then_some(Cow::Owned(text))
    }

    /// Whether this is that text.
    pub fn is(&self, other: &str) -> bool {
        match self.is_escaped {
            true => self.decode() == other,
            false => self.written == other,
        }
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.decode() == other.decode()
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.decode().fmt(f)
    }
}

/// The text, and whether nothing was lost.
fn unescape(written: &str) -> (String, bool) {
    let mut text = String::with_capacity(written.len());
    let mut is_exact = true;
    let mut rest = written;
    while let Some((before, after)) = rest.split_once('\\') {
        text.push_str(before);
        let mut letters = after.chars();
        match letters.next() {
            Some('b') => text.push('\u{8}'),
            Some('f') => text.push('\u{c}'),
            Some('n') => text.push('\n'),
            Some('r') => text.push('\r'),
            Some('t') => text.push('\t'),
            Some('u') => {
                let (letter, behind) = code_point(letters.as_str());
                text.push(letter.unwrap_or(char::REPLACEMENT_CHARACTER));
                is_exact &= letter.is_some();
                rest = behind;
                continue;
            }
            Some(itself) => text.push(itself),
            None => {}
        }
        rest = letters.as_str();
    }
    text.push_str(rest);
    (text, is_exact)
}

/// The letter that the digits after `\u` stand for, with the second half of its pair, and what follows.
fn code_point(digits: &str) -> (Option<char>, &str) {
    let Some((first, rest)) = unit(digits) else {
        return (None, digits);
    };
    if let Some(letter) = char::from_u32(first) {
        return (Some(letter), rest);
    }
    let pair = rest.strip_prefix("\\u").and_then(unit);
    match pair {
        Some((second, behind))
            if (0xd800..0xdc00).contains(&first) && (0xdc00..0xe000).contains(&second) =>
        {
            let letter = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            (char::from_u32(letter), behind)
        }
        _ => (None, rest),
    }
}

/// Four digits, and what follows.
fn unit(digits: &str) -> Option<(u32, &str)> {
    let (four, rest) = digits.split_at_checked(4)?;
    Some((u32::from_str_radix(four, 16).ok()?, rest))
}

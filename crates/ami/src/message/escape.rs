//! The escapes that Asterisk writes into some values.

use std::borrow::Cow;

/// Undoes the escapes of C that Asterisk writes into caller names, connected names and the value of `VarSet`: `\"`,
/// `\'`, `\\`, `\n`, `\t` and their like. What is no escape stays as it is.
pub fn unescape(value: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr(b'\\', value) else {
        return Cow::Borrowed(value);
    };
    let (plain, mut rest) = value.split_at(first);
    let mut whole = Vec::with_capacity(value.len());
    whole.extend_from_slice(plain);
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let meant = match (byte, after.first()) {
            (b'\\', Some(escaped)) => meaning(*escaped),
            _ => None,
        };
        if let Some(meant) = meant {
            whole.push(meant);
            rest = after.get(1..).unwrap_or_default();
        } else {
            whole.push(byte);
        }
    }
    Cow::Owned(whole)
}

fn meaning(escaped: u8) -> Option<u8> {
    Some(match escaped {
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        b'\\' | b'\'' | b'"' | b'?' => escaped,
        _ => return None,
    })
}

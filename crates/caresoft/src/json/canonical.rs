//! One way to write a value, whatever the order of its keys, its blanks and its escapes were.

use super::{Json, Text};

/// Writes `value` with sorted keys, without blanks, with as few escapes as can be; numbers stand as they stood.
///
/// Different values are never written alike: repeated keys all stay, in their order.
pub(crate) fn write(value: &Json<'_>, into: &mut Vec<u8>) {
    match value {
        Json::Null => into.extend_from_slice(b"null"),
        Json::Bool(true) => into.extend_from_slice(b"true"),
        Json::Bool(false) => into.extend_from_slice(b"false"),
        Json::Number(digits) => into.extend_from_slice(digits.as_bytes()),
        Json::Text(text) => write_text(text, into),
        Json::List(items) => write_list(items, into),
        Json::Object(members) => write_object(members, into),
    }
}

fn write_list(items: &[Json<'_>], into: &mut Vec<u8>) {
    into.push(b'[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            into.push(b',');
        }
        write(item, into);
    }
    into.push(b']');
}

fn write_object(members: &[(Text<'_>, Json<'_>)], into: &mut Vec<u8>) {
    let mut sorted: Vec<_> = members
        .iter()
        .map(|(key, value)| (key.decode(), key, value))
        .collect();
    sorted.sort_by(|(left, ..), (right, ..)| left.cmp(right));
    into.push(b'{');
    for (at, (_, key, value)) in sorted.into_iter().enumerate() {
        if at > 0 {
            into.push(b',');
        }
        write_text(key, into);
        into.push(b':');
        write(value, into);
    }
    into.push(b'}');
}

fn write_text(text: &Text<'_>, into: &mut Vec<u8>) {
    into.push(b'"');
    match text.decode_exactly() {
        Some(plain) if !text.is_escaped() => into.extend_from_slice(plain.as_bytes()),
        Some(text) => escape(&text, into),
        // Half a pair of surrogates: as it is written, which no other text is written like.
        None => into.extend_from_slice(text.written().as_bytes()),
    }
    into.push(b'"');
}

fn escape(text: &str, into: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => into.extend_from_slice(&[b'\\', byte]),
            0..0x20 => into.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => into.push(byte),
        }
    }
}

//! The bytes of an event, for a person to read.

use serde::de::IgnoredAny;

use crate::cli::terminal::{plain_lines, size};

/// Bytes of what is no text that are shown.
const HEXADECIMAL_MAX: usize = 1_024;
/// Bytes on a line.
const LINE: usize = 16;

/// The bytes as JSON with indentation, as text, or as numbers, without anything that could steer a terminal.
pub(super) fn readable(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if serde_json::from_str::<IgnoredAny>(text).is_ok() => {
            plain_lines(&indented(text))
        }
        Ok(text) => plain_lines(text),
        Err(_) => hexadecimal(bytes),
    }
}

/// JSON with indentation. Numbers, the order of keys and keys that are there twice stay as they were sent.
fn indented(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    let is_blank = |c: &char| [' ', '\n', '\r', '\t'].contains(c);
    let mut characters = json.chars().peekable();
    while let Some(c) = characters.next() {
        if in_string {
            out.push(c);
            in_string = is_escaped || c != '"';
            is_escaped = !is_escaped && c == '\\';
            continue;
        }
        match c {
            c if is_blank(&c) => {}
            '"' => {
                in_string = true;
                out.push(c);
            }
            '{' | '[' => {
                out.push(c);
                while characters.next_if(is_blank).is_some() {}
                match characters.next_if(|next| ['}', ']'].contains(next)) {
                    Some(end) => out.push(end),
                    None => {
                        depth += 1;
                        new_line(&mut out, depth);
                    }
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c => out.push(c),
        }
    }
    out
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

fn hexadecimal(bytes: &[u8]) -> String {
    let shown = bytes.iter().take(HEXADECIMAL_MAX).copied();
    let shown: Vec<u8> = shown.collect();
    let mut lines: Vec<String> = shown
        .chunks(LINE)
        .enumerate()
        .map(|(line, bytes)| {
            let numbers: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let text: String = bytes
                .iter()
                .map(|byte| match byte {
                    b' '..=b'~' => char::from(*byte),
                    _ => '.',
                })
                .collect();
            format!("{:08x}  {:<47}  {text}", line * LINE, numbers.join(" "))
        })
        .collect();
    let left = bytes.len().saturating_sub(HEXADECIMAL_MAX);
    if left > 0 {
        let left = size(u64::try_from(left).unwrap_or(u64::MAX));
        lines.push(format!("and {left} more; --raw writes all of them"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_indented_and_nothing_of_it_changes() {
        for (json, expected) in [
            ("{}", "{}"),
            (" [ ] ", "[]"),
            (
                r#"{"b":{"x":[1.50,12345678901234567890123]},"a":"x{, \"y\": [\\","a":null}"#,
                "{\n  \"b\": {\n    \"x\": [\n      1.50,\n      12345678901234567890123\n    ]\n  },\n  \
                 \"a\": \"x{, \\\"y\\\": [\\\\\",\n  \"a\": null\n}",
            ),
            ("[\"a\u{3000}\u{a0}b\"]", "[\n  \"a\u{3000}\u{a0}b\"\n]"),
            ("[\n  \"a b\",\r\n\ttrue ]", "[\n  \"a b\",\n  true\n]"),
        ] {
            assert_eq!(readable(json.as_bytes()), expected);
            let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
            assert_eq!(read(&indented(json)), read(json));
        }
    }

    #[test]
    fn what_is_no_json_is_text_and_what_is_no_text_is_numbers() {
        assert_eq!(readable(b"a=1&b=\x1b[2J\n"), "a=1&b=\\u{1b}[2J");
        assert_eq!(
            readable("{\"a\": \"\u{202e}\"}".as_bytes()),
            "{\n  \"a\": \"\\u{202e}\"\n}"
        );
        let shown = readable(&[0xff; 1_100]);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines.len(), 65);
        assert!(
            lines[63].starts_with("000003f0  ff ff") && lines[63].ends_with("  ................")
        );
        assert_eq!(lines[64], "and 76 bytes more; --raw writes all of them");
    }
}

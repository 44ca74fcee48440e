//! What Frappe says to its users, as plain text.
//!
//! Frappe's messages are HTML inside JSON inside a JSON string. Here they become one bounded line of text, with
//! the caller's credential blanked out should a server have quoted it.

use std::fmt;

use serde_json::{Map, Value};

use crate::text;

/// The most characters kept of a message.
const MESSAGE_CHARACTERS_MAX: usize = 500;

/// The most characters that are looked at for it.
const HTML_CHARACTERS_MAX: usize = 16 * 1024;

/// What Frappe said about an error: one line of plain text.
///
/// It quotes values of the document (names, addresses), so it has no `Display`, and `Debug` shows its length only.
#[derive(Clone, PartialEq, Eq)]
pub struct Message(String);

impl Message {
    /// The text, for people who may see the document. It is text, not HTML: escape it where HTML is made.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The text of a message that may be HTML; `None` when nothing is left.
    pub(crate) fn from_html(html: &str, secrets: &[&str]) -> Option<Self> {
        let html = text::truncate(html, HTML_CHARACTERS_MAX);
        let text = scrub(plain_text(html), secrets);
        let text = text::truncate(&text, MESSAGE_CHARACTERS_MAX);
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({} characters)", self.0.chars().count())
    }
}

/// What an error body says, from either version of the API.
///
/// Version 1 says it in `_server_messages`, else in `_error_message`, else (a failed login) in `message`;
/// version 2 in `errors`. The last message that was raised is the reason; the ones before it led there.
pub(crate) fn of_body(body: &Map<String, Value>, secrets: &[&str]) -> Option<Message> {
    let said = server_message(body)
        .or_else(|| text_of(body.get("_error_message")))
        .or_else(|| text_of(body.get("errors")?.get(0)?.get("message")))
        .or_else(|| text_of(body.get("message")))?;
    Message::from_html(&said, secrets)
}

fn text_of(value: Option<&Value>) -> Option<String> {
    value?.as_str().map(str::to_owned)
}

fn server_message(body: &Map<String, Value>) -> Option<String> {
    let list: Vec<Value> = serde_json::from_str(body.get("_server_messages")?.as_str()?).ok()?;
    let mut raised = None;
    let mut last = None;
    for entry in list {
        // An entry is a JSON object written into a string; old code puts a bare text there.
        let Value::String(entry) = entry else {
            continue;
        };
        let (text, is_raised) = match serde_json::from_str::<Value>(&entry) {
            Ok(Value::Object(entry)) => (
                text_of(entry.get("message")),
                entry
                    .get("raise_exception")
                    .is_some_and(|flag| flag == &Value::Bool(true) || flag.as_u64() == Some(1)),
            ),
            Ok(_) | Err(_) => (Some(entry), false),
        };
        if is_raised && text.is_some() {
            raised.clone_from(&text);
        }
        last = text.or(last);
    }
    raised.or(last)
}

/// The title of an HTML page, for an answer that should have been JSON.
pub(crate) fn page_title(page: &[u8], secrets: &[&str]) -> Option<String> {
    const PAGE_BYTES_MAX: usize = 16 * 1024;
    const TITLE_CHARACTERS_MAX: usize = 80;

    let page = String::from_utf8_lossy(page.get(..PAGE_BYTES_MAX).unwrap_or(page));
    let lower = page.to_ascii_lowercase();
    let start = lower.find("<title")?;
    let start = start + lower.get(start..)?.find('>')? + 1;
    let end = start + lower.get(start..)?.find("</title")?;
    let title = scrub(plain_text(page.get(start..end)?), secrets);
    let title = text::truncate(&title, TITLE_CHARACTERS_MAX);
    (!title.is_empty()).then(|| title.to_owned())
}

fn scrub(mut text: String, secrets: &[&str]) -> String {
    for secret in secrets {
        if text.contains(secret) {
            text = text.replace(secret, "•••");
        }
    }
    text
}

/// Tags within a line, which part no words.
const INLINE: [&str; 12] = [
    "a", "b", "code", "em", "font", "i", "small", "span", "strong", "sub", "sup", "u",
];

/// HTML as one line of text: tags become blanks or nothing, scripts and styles vanish, entities are decoded.
pub(crate) fn plain_text(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let (before, from_tag) = rest.split_at(at);
        text.push_str(before);
        match skip_tag(from_tag) {
            Some((name, after)) => {
                if !INLINE
                    .iter()
                    .any(|inline| name.eq_ignore_ascii_case(inline))
                {
                    text.push(' ');
                }
                rest = after;
            }
            None => {
                // Not a tag: "a < b".
                text.push('<');
                rest = from_tag.get(1..).unwrap_or_default();
            }
        }
    }
    text.push_str(rest);
    one_line(&decode_entities(&text))
}

/// The name of the tag that `from_tag` starts with and what follows it, or `None` when it is no tag. What a script or
/// a style contains goes with it.
fn skip_tag(from_tag: &str) -> Option<(&str, &str)> {
    let inside = from_tag.strip_prefix('<')?;
    if let Some(comment) = inside.strip_prefix("!--") {
        return Some(("", comment.split_once("-->").map_or("", |(_, after)| after)));
    }
    if !inside.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!') {
        return None;
    }
    let (tag, after) = inside.split_once('>')?;
    let name = tag
        .trim_start_matches('/')
        .split(|c: char| !c.is_ascii_alphanumeric())
        .next()?;
    let hides = |hidden: &&str| !tag.starts_with('/') && name.eq_ignore_ascii_case(hidden);
    if let Some(hidden) = ["script", "style"].into_iter().find(hides) {
        let end = after.to_ascii_lowercase().find(&format!("</{hidden}"));
        let closing = end.and_then(|end| after.get(end..)).unwrap_or_default();
        return Some((name, closing.split_once('>').map_or("", |(_, after)| after)));
    }
    Some((name, after))
}

fn decode_entities(text: &str) -> String {
    /// `&CounterClockwiseContourIntegral;` is the longest there is, and nobody writes it.
    const ENTITY_BYTES_MAX: usize = 10;

    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (before, from_amp) = rest.split_at(at);
        decoded.push_str(before);
        let entity = from_amp
            .split_once(';')
            .filter(|(entity, _)| entity.len() <= ENTITY_BYTES_MAX)
            .and_then(|(entity, after)| Some((entity_char(entity.get(1..)?)?, after)));
        match entity {
            Some((c, after)) => {
                decoded.push(c);
                rest = after;
            }
            None => {
                decoded.push('&');
                rest = from_amp.get(1..).unwrap_or_default();
            }
        }
    }
    decoded.push_str(rest);
    decoded
}

fn entity_char(entity: &str) -> Option<char> {
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok();
    match entity {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        _ => {
            let digits = entity.strip_prefix('#')?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => number(hex, 16)?,
                None => number(digits, 10)?,
            };
            char::from_u32(code)
        }
    }
}

/// Blanks and control characters collapsed into single blanks.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if !word.is_empty() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    line
}

#[cfg(test)]
mod tests;

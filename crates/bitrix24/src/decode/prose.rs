//! What a portal says in words, made fit for an error message.

use crate::access::Signature;

/// Longest description kept, in characters.
const CHARS_MAX: usize = 300;

/// Text without markup, blanks collapsed, secret blotted out, bounded. `None` when nothing is left.
pub(crate) fn hint(text: &str, signature: &Signature) -> Option<Box<str>> {
    let text = bounded(&without_markup(text), signature);
    (!text.is_empty()).then_some(text)
}

/// Text with the secret blotted out, blanks collapsed, bounded. The secret goes first: a cut must not leave
/// half of it.
pub(crate) fn bounded(text: &str, signature: &Signature) -> Box<str> {
    let text = signature.scrub(text);
    let words: Vec<&str> = text.split_whitespace().take(CHARS_MAX).collect();
    let text = words.join(" ");
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()).into(),
        None => text.into(),
    }
}

/// Drops tags, and what scripts and styles contain.
fn without_markup(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, tag)) = rest.split_once('<') {
        out.push_str(before);
        if !tag.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!')) {
            out.push('<');
            rest = tag;
            continue;
        }
        out.push(' ');
        let name = tag.get(..6).unwrap_or(tag).to_ascii_lowercase();
        let after = match name.as_str() {
            "script" => from_closing(tag, "</script"),
            name if name.starts_with("style") => from_closing(tag, "</style"),
            _ => Some(tag),
        };
        match after.and_then(|after| after.split_once('>')) {
            Some((_, after)) => rest = after,
            None => return out,
        }
    }
    out.push_str(rest);
    out
}

/// The text from its first `closing` tag on.
fn from_closing<'a>(text: &'a str, closing: &str) -> Option<&'a str> {
    // Lowering ASCII keeps every byte where it is.
    let at = text.to_ascii_lowercase().find(closing)?;
    text.get(at..)
}

/// The scope that a description names, if it does so plainly.
pub(crate) fn scope(description: &str) -> Option<Box<str>> {
    let lower = description.to_ascii_lowercase();
    let (_, after) = lower.split_once("scope")?;
    let after = after.trim_start_matches('s').trim_start();
    let after = after.strip_prefix(':').unwrap_or(after).trim_start();
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let quoted = after.strip_prefix(['"', '\'', '`', '(', '[', '«', '“']);
    // Without a colon or a quote the next word is prose.
    if quoted.is_none() && !lower.contains("scope:") && !lower.contains("scopes:") {
        return None;
    }
    let name: String = quoted
        .unwrap_or(after)
        .chars()
        .take_while(|c| is_name(*c))
        .take(60)
        .collect();
    let name = name.trim_matches('.');
    (!name.is_empty()).then(|| name.into())
}

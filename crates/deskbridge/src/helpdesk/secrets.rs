//! What looks like a secret in a text that people wrote.
//!
//! Scripts made by hand may have a webhook or a key in them. Such a text is neither shown nor kept.

use std::ops::Range;

/// Characters that a secret has at least.
const SECRET_CHARACTERS_MIN: usize = 6;

/// Whether the text has something in it that looks like a secret.
pub(crate) fn holds_secret(text: &str) -> bool {
    first(text).is_some()
}

/// The text with every secret crossed out.
pub(crate) fn masked(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(found) = first(rest) {
        out.push_str(rest.get(..found.start).unwrap_or_default());
        out.push_str("***");
        rest = rest.get(found.end..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// Where the first one is: the last part of a webhook (`/rest/1/SECRET`), or a key pair (`token KEY:SECRET`).
fn first(text: &str) -> Option<Range<usize>> {
    let webhook = after_each(text, "/rest/").find_map(|at| {
        let rest = text.get(at..)?;
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let start = at + digits + 1;
        (digits > 0 && rest.get(digits..)?.starts_with('/'))
            .then(|| word(text, start, is_of_secret))
            .flatten()
    });
    let pair = after_each(text, "token ").find_map(|at| {
        let found = word(text, at, |c| is_of_secret(c) || c == ':')?;
        text.get(found.clone())?.contains(':').then_some(found)
    });
    match (webhook, pair) {
        (Some(webhook), Some(pair)) if pair.start < webhook.start => Some(pair),
        (Some(webhook), _) => Some(webhook),
        (None, pair) => pair,
    }
}

fn is_of_secret(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

fn after_each<'a>(text: &'a str, start: &'static str) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(start)
        .map(|(at, start)| at + start.len())
}

fn word(text: &str, start: usize, belongs: impl Fn(char) -> bool) -> Option<Range<usize>> {
    let rest = text.get(start..)?;
    let length = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
    (length >= SECRET_CHARACTERS_MIN).then_some(start..start + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhooks_and_key_pairs_are_crossed_out_and_nothing_else() {
        for (text, expected) in [
            (
                "url = 'https://portal.example/rest/57/abc123xyz/user.get'",
                "url = 'https://portal.example/rest/57/***/user.get'",
            ),
            (
                "\"Authorization\": \"token 0123456789:abcdef\", \"/rest/1/plantedone/\"",
                "\"Authorization\": \"token ***\", \"/rest/1/***/\"",
            ),
            ("/rest/1/short", "/rest/1/short"),
            ("/rest/1/{new}/", "/rest/1/{new}/"),
            ("/rest/api/12345678", "/rest/api/12345678"),
            ("the token expires soon", "the token expires soon"),
            ("no secret at all: đẹp", "no secret at all: đẹp"),
        ] {
            assert_eq!(masked(text), expected);
            assert_eq!(holds_secret(text), text != expected, "{text}");
        }
    }
}

//! What looks like a secret in a text that people wrote.
//!
//! Scripts made by hand may have a webhook or a key in them. Such a text is neither shown nor kept.

use std::ops::Range;

use serde_json::Value;

/// Characters that a secret has at least.
const SECRET_CHARACTERS_MIN: usize = 6;

/// Whether the text has something in it that looks like a secret.
pub(crate) fn holds_secret(text: &str) -> bool {
    first(text).is_some()
}

/// Whether a text of the value, however deep, has something in it that looks like a secret.
pub(crate) fn holds_secret_within(value: &Value) -> bool {
    match value {
        Value::String(text) => holds_secret(text),
        Value::Array(values) => values.iter().any(holds_secret_within),
        Value::Object(fields) => fields.values().any(holds_secret_within),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
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

/// Where the first one is: the last part of a webhook (`/rest/1/SECRET`), a key pair (`token KEY:SECRET`), another
/// credential of a header (`Basic`, `Bearer`), or a quoted text under a name that says what it is.
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
    let credential = ["Basic ", "Bearer "].into_iter().flat_map(|scheme| {
        after_each(text, scheme).filter_map(|at| {
            let found = word(text, at, |c| is_of_secret(c) || "+/=.".contains(c))?;
            let is_random = |c: char| c.is_ascii_digit() || c.is_ascii_uppercase();
            text.get(found.clone())?
                .contains(is_random)
                .then_some(found)
        })
    });
    let all = webhook.into_iter().chain(pair).chain(credential);
    all.chain(named(text)).min_by_key(|found| found.start)
}

/// The first quoted text under a name like `api_secret`, in code (`apiSecret = "…"`) or JSON (`"api_secret": "…"`).
fn named(text: &str) -> Option<Range<usize>> {
    const NAMES: [&str; 6] = [
        "secret", "token", "password", "apikey", "api_key", "webhook",
    ];
    let says_so = |name: &str| {
        let name = name.to_ascii_lowercase();
        NAMES.iter().any(|word| name.contains(word))
    };
    text.match_indices(['"', '\'', '`'])
        .find_map(|(at, quote)| {
            let before = text.get(..at)?.trim_end();
            let name = before.strip_suffix([':', '='])?.trim_end();
            let name = name.trim_end_matches(['"', '\'']);
            let is_of_name = |c: char| is_of_secret(c);
            let begin = name.rfind(|c| !is_of_name(c)).map_or(0, |at| at + 1);
            // A character before the name may take several bytes.
            let begin = (begin..=name.len()).find(|at| name.is_char_boundary(*at))?;
            let start = at + quote.len();
            let length = text.get(start..)?.find(quote)?;
            let literal = text.get(start..start + length)?;
            // Prose, a template, and the name of something are no secrets.
            let is_secret = literal.len() >= SECRET_CHARACTERS_MIN
                && !literal.contains(|c: char| c.is_whitespace() || "{}$<>()".contains(c))
                && !says_so(literal);
            (is_secret && says_so(name.get(begin..)?)).then_some(start..start + length)
        })
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
            (
                "headers = {Authorization: \"Basic c2VjcmV0OnBsYW50ZWQ=\"}",
                "headers = {Authorization: \"Basic ***\"}",
            ),
            (
                "'Authorization': 'Bearer planted.0123456789'",
                "'Authorization': 'Bearer ***'",
            ),
            (
                "const API_SECRET=\"planted0123456789\";",
                "const API_SECRET=\"***\";",
            ),
            (
                "đ: {\"api_token\" : 'plantedone', \"password\": \"letmein\"}",
                "đ: {\"api_token\" : '***', \"password\": \"***\"}",
            ),
            (
                "a Basic plan, the Bearer tokens",
                "a Basic plan, the Bearer tokens",
            ),
            (
                "secret = get_password(\"deskbridge_shared_secret\")",
                "secret = get_password(\"deskbridge_shared_secret\")",
            ),
            (
                "token = \"csrf_token\"; no_token: \"not set up yet\"",
                "token = \"csrf_token\"; no_token: \"not set up yet\"",
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

    #[test]
    fn what_is_installed_has_nothing_that_looks_like_a_secret() {
        use crate::helpdesk::popup::{CLIENT_SCRIPT, FORM_SCRIPT};
        let scripts = [
            FORM_SCRIPT,
            CLIENT_SCRIPT,
            include_str!("../../helpdesk/server_scripts/caller.py"),
            include_str!("../../helpdesk/server_scripts/forward.py"),
            include_str!("../../helpdesk/server_scripts/enrichment.py"),
            include_str!("../../helpdesk/custom_fields.json"),
        ];
        for script in scripts {
            assert_eq!(masked(script), script);
        }
    }
}

//! What looks like a secret in a text that people wrote.
//!
//! Scripts made by hand may have a webhook or a key in them. Such a text is neither shown nor kept.

use std::ops::Range;

use serde_json::Value;

use super::document::Fields;

/// Characters that a secret has at least.
const SECRET_CHARACTERS_MIN: usize = 6;
/// Characters that no word of prose after `Basic` or `Bearer` has.
const PROSE_CHARACTERS_MAX: usize = 16;

/// Whether the text has something in it that looks like a secret.
pub(crate) fn holds_secret(text: &str) -> bool {
    first(text).is_some()
}

/// Whether a value has something in it that looks like a secret, at whatever depth.
pub(crate) fn holds_secret_within(value: &Value) -> bool {
    match value {
        Value::String(text) => holds_secret(text),
        Value::Array(values) => values.iter().any(holds_secret_within),
        Value::Object(fields) => fields_hold_secret(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether a document has something in it that looks like a secret, or a field that is one by its name.
pub(crate) fn fields_hold_secret(fields: &Fields) -> bool {
    fields.iter().any(|(name, value)| {
        let literal = value.as_str().unwrap_or_default();
        names_secret(name) && is_literal_secret(literal) || holds_secret_within(value)
    })
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

/// Where the first one is.
fn first(text: &str) -> Option<Range<usize>> {
    let found = [
        webhook(text),
        pair(text),
        credentials(text, "basic "),
        credentials(text, "bearer "),
        named(text),
    ];
    found.into_iter().flatten().min_by_key(|found| found.start)
}

/// The last part of a webhook: `/rest/1/SECRET`.
fn webhook(text: &str) -> Option<Range<usize>> {
    after_each(text, "/rest/").find_map(|at| {
        let rest = text.get(at..)?;
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let start = at + digits + 1;
        (digits > 0 && rest.get(digits..)?.starts_with('/'))
            .then(|| word(text, start, is_of_secret))
            .flatten()
    })
}

/// A key pair: `token KEY:SECRET`.
fn pair(text: &str) -> Option<Range<usize>> {
    after_each(text, "token ").find_map(|at| {
        let found = word(text, at, |c| is_of_secret(c) || c == ':')?;
        text.get(found.clone())?.contains(':').then_some(found)
    })
}

/// What follows the name of a scheme: `Basic BASE64`, `Bearer WORD`. A word of prose has neither digits nor capitals
/// after its first letter.
fn credentials(text: &str, scheme: &'static str) -> Option<Range<usize>> {
    let lower = text.to_ascii_lowercase();
    after_each(&lower, scheme).find_map(|at| {
        let found = word(text, at, |c| {
            is_of_secret(c) || matches!(c, '+' | '/' | '=' | '.' | '~')
        })?;
        let word = text.get(found.clone())?;
        let is_prose = word
            .trim_end_matches('.')
            .chars()
            .enumerate()
            .all(|(at, c)| c.is_ascii_lowercase() || (at == 0 && c.is_ascii_uppercase()));
        (!is_prose || word.len() >= PROSE_CHARACTERS_MAX).then_some(found)
    })
}

/// A literal under a name that says it is a secret: `api_key = "SECRET"`, `"password": 'SECRET'`.
fn named(text: &str) -> Option<Range<usize>> {
    text.match_indices(['=', ':']).find_map(|(at, _)| {
        let name = text
            .get(..at)?
            .trim_end_matches(|c: char| c.is_whitespace() || "]\"'`\\".contains(c));
        let is_of_name = |c: char| is_of_secret(c) || c == '.';
        let name = name
            .rfind(|c| !is_of_name(c))
            .map_or(name, |before| name.get(before..).unwrap_or_default());
        if !names_secret(name) {
            return None;
        }
        let value = text.get(at + 1..)?.trim_start();
        // In JSON within a text, the quotes are escaped.
        let unescaped = value.trim_start_matches('\\');
        let is_escaped = unescaped.len() < value.len();
        // Python's prefixes of texts.
        let value = unescaped.trim_start_matches(['b', 'f', 'r', 'u']);
        let quote = value.chars().next().filter(|c| "\"'`".contains(*c))?;
        let value = value.get(1..)?;
        let end = value.find(|c| c == quote || c == '\n' || (is_escaped && c == '\\'))?;
        let literal = value.get(..end)?;
        let start = text.len() - value.len();
        is_literal_secret(literal).then_some(start..start + end)
    })
}

fn names_secret(name: &str) -> bool {
    const NAMES: [&str; 7] = [
        "secret", "api_key", "api-key", "apikey", "token", "password", "webhook",
    ];
    let name = name.to_ascii_lowercase();
    NAMES.iter().any(|part| name.contains(part))
}

/// Whether a literal can be a secret: long enough, no sentence, no template, not the name of a secret and not crossed
/// out already.
fn is_literal_secret(literal: &str) -> bool {
    let is_template = [('{', '}'), ('<', '>')].into_iter().any(|(open, close)| {
        let within = literal.split_once(open);
        within.is_some_and(|(_, within)| within.contains(close))
    });
    let is_identifier = |name: &str| name.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
    let is_name = is_identifier(literal.trim_start_matches('$')) && names_secret(literal);
    literal.chars().count() >= SECRET_CHARACTERS_MIN
        && !literal.contains(char::is_whitespace)
        && !literal.chars().all(|c| c == '*')
        && !is_template
        && !is_name
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
    use serde_json::json;

    use super::*;
    use crate::helpdesk::wanted::{Through, wanted};

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
                "frappe.make_post_request(url, headers={'Authorization': 'Basic cGxhbnRlZDpvbmU='})",
                "frappe.make_post_request(url, headers={'Authorization': 'Basic ***'})",
            ),
            (
                "-H 'authorization: bearer pl4nted.one'",
                "-H 'authorization: bearer ***'",
            ),
            ("Bearer plantedplantedplanted", "Bearer ***"),
            ("API_KEY = \"planted\"", "API_KEY = \"***\""),
            (
                "const bitrixWebhook='https://planted.example/x'",
                "const bitrixWebhook='***'",
            ),
            (
                "{\"client_secret\": \"planted\"}",
                "{\"client_secret\": \"***\"}",
            ),
            (
                "{\\\"apiToken\\\": \\\"planted\\\"}",
                "{\\\"apiToken\\\": \\\"***\\\"}",
            ),
            (
                "headers[\"X-Api-Token\"] = b'planted1'",
                "headers[\"X-Api-Token\"] = b'***'",
            ),
            (
                "-password: `planted`\n+password: 'planted'",
                "-password: `***`\n+password: '***'",
            ),
            (
                "const API_SECRET =\n  \"planted\\planted\";",
                "const API_SECRET =\n  \"***\";",
            ),
            (
                "đ: {\"api_token\" : 'plantedone', \"password\": \"pl$(nted\"}",
                "đ: {\"api_token\" : '***', \"password\": \"***\"}",
            ),
            (
                "token = \"planted-token\", secret = \"planted_secret_1\"",
                "token = \"***\", secret = \"***\"",
            ),
            (
                "token = \"csrf_token\", tokens: `${token}/${user}`, TOKEN=\"$CSRF_TOKEN\"",
                "token = \"csrf_token\", tokens: `${token}/${user}`, TOKEN=\"$CSRF_TOKEN\"",
            ),
            (
                "webhook = 'https://portal.example/rest/<user>/<secret>/'",
                "webhook = 'https://portal.example/rest/<user>/<secret>/'",
            ),
            ("token = \"short\"", "token = \"short\""),
            ("password = \"*******\"", "password = \"*******\""),
            (
                "secret = settings.get_password('deskbridge')",
                "secret = settings.get_password('deskbridge')",
            ),
            (
                "\"wrong_secret\": \"It is not accepted.\"",
                "\"wrong_secret\": \"It is not accepted.\"",
            ),
            ("if token == 'đẹp'", "if token == 'đẹp'"),
            (
                "Basic Details and basic information, a Basic plan, the Bearer tokens",
                "Basic Details and basic information, a Basic plan, the Bearer tokens",
            ),
            ("the bearer answers.", "the bearer answers."),
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
    fn a_secret_is_found_at_whatever_depth() {
        for (value, expected) in [
            (json!([{"options": "x = '/rest/1/plantedone'"}]), true),
            (json!({"rows": [{"api_secret": "planted"}]}), true),
            (
                json!({"rows": [{"fieldname": "api_secret", "length": 140}]}),
                false,
            ),
            (json!({"deskbridge_shared_secret": "(set)"}), false),
            (json!({"webhook_url": "******"}), false),
            (json!(null), false),
        ] {
            assert_eq!(holds_secret_within(&value), expected, "{value}");
        }
    }

    #[test]
    fn nothing_of_ours_looks_like_a_secret() {
        let wanted = wanted(Through::ServerScripts);
        let doctypes = wanted.doctypes.iter().map(|doctype| &doctype.definition);
        let fields = wanted.fields.iter().map(|field| &field.attributes);
        let scripts = wanted.scripts.iter().map(|(_, script)| script);
        let mut count = 0;
        for document in doctypes.chain(fields).chain(scripts) {
            for (name, value) in document {
                let masked = value.as_str().map(masked);
                assert!(!holds_secret_within(value), "{name}: {masked:?}");
            }
            assert!(!fields_hold_secret(document));
            count += 1;
        }
        assert!(count > 30, "{count}");
    }
}

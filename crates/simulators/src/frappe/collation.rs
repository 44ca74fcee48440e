//! How `MariaDB` compares text under `utf8mb4_unicode_ci`, which every Frappe site uses.
//!
//! Two texts are equal when they differ in case, accents or trailing blanks only. `đ` is a letter of its
//! own between `d` and `e`, and punctuation comes before digits, digits before letters (observed).

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

/// Punctuation in the order of the collation, all of it before the digits.
const PUNCTUATION: &str = "_-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$";

/// The text that stands for `text` in comparisons: two texts are equal in the database when their keys
/// are, and sort as their keys do.
pub(crate) fn key(text: &str) -> Box<str> {
    let mut key = fold(text);
    key.truncate(key.trim_end_matches(' ').len());
    key.into_boxed_str()
}

/// As [`key`], but blanks at the end count, as they do in `LIKE`.
pub(crate) fn fold(text: &str) -> String {
    let mut key = String::with_capacity(text.len());
    if text.is_ascii() {
        key.extend(text.chars().map(weight));
        return key;
    }
    for letter in text.nfd().filter(|letter| !is_combining_mark(*letter)) {
        match letter {
            'đ' | 'Đ' => key.push_str("d\u{fffd}"),
            'ß' => key.push_str("ss"),
            _ => key.extend(letter.to_lowercase().map(weight)),
        }
    }
    key
}

/// Whether two texts are one in the database.
pub(crate) fn equal(left: &str, right: &str) -> bool {
    if left == right {
        return true;
    }
    if left.is_ascii() && right.is_ascii() {
        let (left, right) = (left.trim_end_matches(' '), right.trim_end_matches(' '));
        return left.eq_ignore_ascii_case(right);
    }
    key(left) == key(right)
}

/// Whether `text` matches a `LIKE` pattern: `%` for any run of characters, `_` for one, `\` before either
/// for itself.
pub(crate) fn like(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = fold(text).chars().collect();
    let mut tokens = Vec::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '%' => tokens.push(Token::Run),
            '_' => tokens.push(Token::One),
            '\\' => letters.next().map_or((), |next| literal(&mut tokens, next)),
            _ => literal(&mut tokens, letter),
        }
    }
    matches_tokens(&tokens, &text)
}

#[derive(Clone, Copy)]
enum Token {
    Literal(char),
    One,
    Run,
}

fn literal(tokens: &mut Vec<Token>, letter: char) {
    let mut buffer = [0; 4];
    tokens.extend(
        fold(letter.encode_utf8(&mut buffer))
            .chars()
            .map(Token::Literal),
    );
}

fn matches_tokens(tokens: &[Token], text: &[char]) -> bool {
    let (mut tokens, mut text) = (tokens, text);
    // Where to go on after the last `%`: one character further each time.
    let mut retry: Option<(&[Token], &[char])> = None;
    loop {
        match (tokens, text) {
            ([Token::Run, rest @ ..], _) => {
                retry = Some((rest, text));
                tokens = rest;
                continue;
            }
            ([], []) => return true,
            ([Token::One, more @ ..], [_, rest @ ..]) => {
                (tokens, text) = (more, rest);
                continue;
            }
            ([Token::Literal(wanted), more @ ..], [found, rest @ ..]) if wanted == found => {
                (tokens, text) = (more, rest);
                continue;
            }
            _ => {}
        }
        match retry {
            Some((after, [_, rest @ ..])) => {
                retry = Some((after, rest));
                (tokens, text) = (after, rest);
            }
            _ => return false,
        }
    }
}

/// A character that sorts as the collation sorts `letter`.
fn weight(letter: char) -> char {
    let lower = letter.to_ascii_lowercase();
    if lower.is_ascii_alphanumeric() || !lower.is_ascii() || lower <= ' ' {
        return lower;
    }
    // All of them are below `0` (48): 32 punctuation marks need the room from `\u{10}`, blanks excepted.
    let place = PUNCTUATION.chars().position(|mark| mark == lower);
    let place = place.and_then(|place| u32::try_from(place).ok());
    match place.map(|place| 0xe + place) {
        Some(place) if place < u32::from(' ') => char::from_u32(place).unwrap_or(lower),
        Some(place) => char::from_u32(place + 1).unwrap_or(lower),
        None => lower,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_whatever_their_case_accents_and_trailing_blanks() {
        for (left, right, expected) in [
            ("Công ty TNHH Sao Mai", "công ty tnhh sao mai ", true),
            ("Công ty TNHH Sao Mai", "Cong ty TNHH Sao Mai", true),
            (" Sao Mai", "Sao Mai", false),
            ("Dong A", "Đông Á", false),
            ("đông á", "Đông Á", true),
            ("Đồng", "đong", true),
            ("a", "b", false),
        ] {
            assert_eq!(equal(left, right), expected, "{left} and {right}");
            assert_eq!(key(left) == key(right), expected, "{left} and {right}");
        }
    }

    #[test]
    fn punctuation_sorts_before_digits_before_letters_and_d_with_stroke_after_d() {
        for pair in [
            ("A/B", "Ab"),
            ("B2", "By"),
            ("Dong A", "Đông Á"),
            ("Đông Á", "Form"),
        ] {
            assert!(key(pair.0) < key(pair.1), "{pair:?}");
        }
        for mark in PUNCTUATION.chars() {
            let mark = mark.to_string();
            assert!(key(&mark) < key("0"), "{mark}");
            assert_ne!(key(&mark), key(" "), "{mark}");
            let twins = PUNCTUATION
                .chars()
                .filter(|other| key(&other.to_string()) == key(&mark));
            assert_eq!(twins.count(), 1, "{mark}");
        }
    }

    #[test]
    fn like_ignores_case_and_accents() {
        for (pattern, text, expected) in [
            ("%shop%", "Perm Shop", true),
            ("%901234569", "+84901234569", true),
            ("Bulk %", "Bulk", false),
            ("Bulk %", "Bulk 1", true),
            ("%cong ty%", "Một Công Ty lớn", true),
            ("a_c", "abc", true),
            ("a_c", "ac", false),
            ("100\\%", "100%", true),
            ("100\\%", "1000", false),
            ("%a%b%c", "xaybzbcc", true),
            ("", "", true),
            ("", "a", false),
            ("%", "", true),
        ] {
            assert_eq!(like(pattern, text), expected, "{pattern} on {text}");
        }
    }
}

//! Guards for text: lengths, names, and names as the site's database compares them.
//!
//! Frappe keeps names in the collation `utf8mb4_unicode_ci` (Unicode Collation Algorithm 4.0.0). Observed on
//! 15.50: case, accents and blanks at the end do not count, so "Công ty An" and "cong ty an " are one name, the second
//! insert is a 409, and a link by the second is stored as the first. Not observed, but in the algorithm's tables: a
//! letter with a stroke (đ, ł, ø) is a letter of its own, which later versions of the algorithm (`..._520_ci`,
//! `..._0900_ai_ci`) change; letters of another width or in a ligature are equal; characters that cannot be seen do not
//! count; and all characters beyond U+FFFF are equal to each other, emoji among them.
//!
//! [`compare_names`] is certain only of what was observed, and says [`MayBeSame`](Likeness::MayBeSame) where sites or
//! versions may differ: too unsure to merge two customers, too close to insert one beside the other.

use unicode_normalization::UnicodeNormalization as _;

use crate::error::Unsendable;

/// The most characters that a `Data` field, and so a name or a ticket's subject, may have.
pub const DATA_CHARACTERS_MAX: usize = 140;

/// The longest beginning of `text` with at most `characters_max` characters.
///
/// Characters are counted as Frappe counts them (code points). A combining mark stays with its letter: where the
/// limit falls between the two, the letter goes as well.
///
/// ```
/// use frappe::text::truncate;
/// assert_eq!(truncate("Đơn hàng", 3), "Đơn");
/// assert_eq!(truncate("e\u{301}e\u{301}", 3), "e\u{301}", "not a bare e");
/// ```
pub fn truncate(text: &str, characters_max: usize) -> &str {
    let Some((mut end, mut next)) = text.char_indices().nth(characters_max) else {
        return text;
    };
    let belongs_to_the_one_before = |c: char| {
        unicode_normalization::char::is_combining_mark(c)
            || matches!(c, '\u{200D}' | '\u{FE00}'..='\u{FE0F}' | '\u{1F3FB}'..='\u{1F3FF}')
    };
    while belongs_to_the_one_before(next) {
        let kept = text.get(..end).unwrap_or_default();
        let Some((at, last)) = kept.char_indices().next_back() else {
            return "";
        };
        (end, next) = (at, last);
    }
    text.get(..end).unwrap_or_default()
}

/// Whether a new document may have this name.
///
/// # Errors
/// When it is empty, longer than 140 characters, or has `<` or `>`, which Frappe refuses (409 `NameError`, observed
/// on 15.50). Slashes, quotes and ampersands are allowed.
pub fn check_name(name: &str) -> Result<(), Unsendable> {
    if name.trim().is_empty() {
        Err(Unsendable::EmptyName)
    } else if name.chars().count() > DATA_CHARACTERS_MAX {
        Err(Unsendable::NameTooLong)
    } else if name.contains(['<', '>']) {
        Err(Unsendable::AngleBracket)
    } else {
        Ok(())
    }
}

/// How alike two names are to the site's database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Likeness {
    /// One name: the second insert is a duplicate.
    Same,
    /// One name on some sites, two on others. Do not merge, and do not expect both to fit.
    MayBeSame,
    /// Two names.
    Different,
}

/// Compares two names as the site's database does; see [the module](self) for what is certain.
///
/// ```
/// use frappe::text::{Likeness, compare_names};
/// assert_eq!(compare_names("Công ty An", "cong ty an "), Likeness::Same);
/// assert_eq!(compare_names("Đông Á", "Dong A"), Likeness::MayBeSame);
/// assert_eq!(compare_names("Công ty An", "Công ty Ân Á"), Likeness::Different);
/// ```
pub fn compare_names(one: &str, other: &str) -> Likeness {
    if collation_key(one) == collation_key(other) {
        Likeness::Same
    } else if loose_key(one) == loose_key(other) {
        Likeness::MayBeSame
    } else {
        Likeness::Different
    }
}

/// A key that is equal for names that are certainly one name: without case, accents and blanks around.
///
/// For a map of names; two names with different keys [may still be the same](Likeness::MayBeSame).
pub fn collation_key(name: &str) -> String {
    name.trim()
        .nfd()
        .filter(|c| !is_accent(*c))
        .flat_map(char::to_lowercase)
        .collect()
}

/// A key that is equal for all names that any version of the collation may take for one.
fn loose_key(name: &str) -> String {
    let plain: String = name
        .nfkd()
        .filter(|c| {
            !unicode_normalization::char::is_combining_mark(*c)
                && !c.is_control()
                && !is_invisible(*c)
        })
        // Up and down again: ß becomes ss, ς becomes σ, ı becomes i.
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .filter(|c| !unicode_normalization::char::is_combining_mark(*c))
        .collect();
    let mut key = String::with_capacity(plain.len());
    for c in plain.trim().chars() {
        match c {
            'đ' | 'ð' => key.push('d'),
            'ł' => key.push('l'),
            'ø' => key.push('o'),
            'ħ' => key.push('h'),
            'ŧ' => key.push('t'),
            'æ' => key.push_str("ae"),
            'œ' => key.push_str("oe"),
            'þ' => key.push_str("th"),
            // Katakana have the weights of hiragana.
            'ァ'..='ヶ' => key.extend(char::from_u32(u32::from(c) - 0x60)),
            '\u{10000}'.. => key.push(char::REPLACEMENT_CHARACTER),
            _ => key.push(c),
        }
    }
    key
}

/// The combining marks of the Latin, Greek and Cyrillic scripts, Vietnamese among them. In other scripts such marks may
/// be vowels, which count.
fn is_accent(c: char) -> bool {
    ('\u{300}'..='\u{362}').contains(&c)
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests;

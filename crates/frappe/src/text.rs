//! Guards for text: lengths, names, and names as the site's database compares them.

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

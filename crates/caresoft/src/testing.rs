//! The samples, for tests.

pub(crate) use simulators::caresoft::samples;

pub(crate) fn sample(name: &str) -> &'static str {
    let samples = samples();
    let found = samples.into_iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("no sample {name}")).1
}

/// The same JSON without blanks between its parts.
pub(crate) fn compact(text: &str) -> String {
    let (mut compact, mut is_inside, mut is_escaped) = (String::new(), false, false);
    for letter in text.chars() {
        if is_inside || !letter.is_whitespace() {
            compact.push(letter);
        }
        is_inside ^= letter == '"' && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
    }
    compact
}

//! How things are written for a person at a terminal.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// Columns that every terminal has.
pub(super) const COLUMNS: usize = 80;

/// A text from outside on one line, without anything that could steer a terminal or turn the text around.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => plain.push(' '),
            c if is_steering(c) => plain.extend(c.escape_unicode()),
            c => plain.push(c),
        }
    }
    plain
}

/// A text from outside with its lines, otherwise as [`plain`].
pub(super) fn plain_lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(plain).collect();
    lines.join("\n")
}

fn is_steering(c: char) -> bool {
    let turns = [
        '\u{202a}'..='\u{202e}',
        '\u{2066}'..='\u{2069}',
        '\u{200e}'..='\u{200f}',
    ];
    c.is_control() || turns.iter().any(|range| range.contains(&c))
}

/// The first characters of a text, with a sign that there are more.
pub(super) fn cut(text: &str, characters_max: usize) -> String {
    if text.chars().count() <= characters_max {
        return text.to_owned();
    }
    let kept = text.chars().take(characters_max.saturating_sub(1));
    kept.chain(['…']).collect()
}

/// How long ago something was, in at most four characters while it is less than three years.
pub(super) fn age(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(at).max(SignedDuration::ZERO).as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A time where this machine is.
pub(super) fn local(at: Timestamp) -> String {
    let zoned = at.to_zoned(TimeZone::system());
    zoned.strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

/// A number of bytes, rounded.
pub(super) fn size(bytes: u64) -> String {
    let tenths = |unit: u64| {
        let tenths = bytes.saturating_mul(10) / unit;
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} kB", tenths(1_000)),
        1_000_000..1_000_000_000 => format!("{} MB", tenths(1_000_000)),
        _ => format!("{} GB", tenths(1_000_000_000)),
    }
}

/// A number with its noun.
pub(super) fn number(number: usize, one: &str, many: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        number => format!("{number} {many}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_steer_a_terminal_is_written_out() {
        for (text, expected) in [
            ("Thảo Lương", "Thảo Lương"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("a\nb\tc", "a b c"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("abc\u{202e}cba", "abc\\u{202e}cba"),
        ] {
            assert_eq!(plain(text), expected);
        }
        assert_eq!(plain_lines("a\r\n\u{7}b"), "a\n\\u{7}b");
    }

    #[test]
    fn ages_and_sizes_are_short() {
        let at = |second| Timestamp::from_second(second).unwrap();
        for (seconds, expected) in [
            (-5, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3_599, "59m"),
            (3_600, "1h"),
            (172_799, "47h"),
            (172_800, "2d"),
            (86_400 * 999, "999d"),
        ] {
            assert_eq!(age(at(1_000), at(1_000 + seconds)), expected);
        }
        for (bytes, expected) in [
            (999, "999 bytes"),
            (1_234, "1.2 kB"),
            (12_345_678, "12.3 MB"),
            (u64::MAX, "1844674407.3 GB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
    }

    #[test]
    fn a_text_is_cut_at_characters() {
        assert_eq!(cut("Thảo", 4), "Thảo");
        assert_eq!(cut("Thảo L", 4), "Thả…");
    }
}

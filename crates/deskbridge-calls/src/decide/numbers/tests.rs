use proptest::prelude::*;

use super::*;
use crate::settings::{SettingsSource, numbers::NumbersSource};

fn numbers(toml: &str) -> Numbers {
    let numbers: NumbersSource = toml::from_str(toml).expect("the test's own settings");
    let source = SettingsSource {
        numbers,
        ..SettingsSource::default()
    };
    source.compile("pbx").expect("they can be used").numbers
}

#[test]
fn only_what_may_be_dialled_is_dialled() {
    for (text, expected) in [
        ("+84 (901) 234-567", "+84901234567"),
        ("*72#101", "*72#101"),
        ("0901\r\nAction: Originate", "0901"),
        ("1+2", "12"),
        ("+", ""),
        ("tel:", ""),
        ("٣٤", ""),
    ] {
        assert_eq!(dialable(text), expected, "{text:?}");
    }
    for (text, expected) in [
        (" 101 ", Some("101")),
        ("alice-1", Some("alice-1")),
        ("", None),
        ("  ", None),
        ("101/102", None),
        ("10 1", None),
        ("101\r\nContext: x", None),
    ] {
        assert_eq!(extension(text), expected, "{text:?}");
    }
}

#[test]
fn numbers_are_one_by_all_digits_or_by_the_last_ones() {
    let numbers = numbers("");
    for (one, other, same) in [
        ("0901234567", "+84 901 234 567", true),
        ("84901234567", "0901234567", true),
        ("901234567", "0901234567", true),
        // A trunk's prefix makes a number that cannot be read.
        ("990901234567", "0901234567", true),
        ("990901234568", "0901234567", false),
        ("0901234567", "0911234567", false),
        // Both complete: the last digits do not count.
        ("+84901234567", "+447901234567", false),
        ("101", "101", true),
        ("101", "0901234101", false),
        ("234567", "0901234567", false),
        ("", "", false),
        ("anonymous", "anonymous", false),
    ] {
        assert_eq!(numbers.is_same(one, other), same, "{one} and {other}");
        assert_eq!(numbers.is_same(other, one), same, "{other} and {one}");
    }
}

#[test]
fn numbers_are_rewritten_by_line_and_direction() {
    let numbers = numbers(
        r#"
        crm_format = "e164"
        dial_format = "national"
        [[towards_crm]]
        find = '^99(\d+)$'
        replace = "$1"
        lines = ["1900"]
        direction = "incoming"
        [[towards_crm]]
        find = '^(\d{9})$'
        replace = "0$1"
        [[towards_dial]]
        find = '^0'
        replace = "9,0"
        lines = ["1900"]
        "#,
    );
    use Direction::{Incoming, Outgoing};
    for (number, line, direction, expected) in [
        ("99901234567", "1900", Incoming, Some("+84901234567")),
        ("99901234567", "1800", Incoming, Some("99901234567")),
        ("99901234567", "1900", Outgoing, Some("99901234567")),
        ("901234567", "1800", Outgoing, Some("+84901234567")),
        ("anonymous", "1900", Incoming, None),
        ("", "1900", Incoming, None),
    ] {
        let told = numbers.for_crm(number, line, direction);
        assert_eq!(told.as_deref(), expected, "{number} {line} {direction:?}");
    }
    let dialled = |number, line| numbers.for_dialling(number, line);
    assert_eq!(
        dialled("+84 901 234 567", "1900").as_deref(),
        Some("90901234567")
    );
    assert_eq!(
        dialled("+84 901 234 567", "1800").as_deref(),
        Some("0901234567")
    );
    assert_eq!(dialled("abc", "1900"), None);
}

#[test]
fn numbers_are_written_as_configured() {
    for (format, expected) in [
        ("e164", "+84901234567"),
        ("digits", "84901234567"),
        ("national", "0901234567"),
        ("as_is", "0901234567"),
    ] {
        let numbers = numbers(&format!("crm_format = \"{format}\""));
        let told = numbers.for_crm("090 123 4567", "", Direction::Incoming);
        assert_eq!(told.as_deref(), Some(expected), "{format}");
    }
}

proptest! {
    #[test]
    fn nothing_but_digits_is_ever_dialled(number in "\\PC{0,40}|[+0-9 \r\n:a-z]{0,40}") {
        let numbers = numbers("");
        for told in [
            numbers.for_dialling(&number, "1900"),
            numbers.for_crm(&number, "1900", Direction::Incoming),
        ].into_iter().flatten() {
            prop_assert!(!told.is_empty());
            let rest = told.strip_prefix('+').unwrap_or(&told);
            let is_plain = |character: char| character.is_ascii_digit() || "*#".contains(character);
            prop_assert!(rest.chars().all(is_plain), "{:?}", told);
        }
    }
}

//! Phone numbers as the CRM is to see them, as the PBX is to dial them, and when two are one.

use std::fmt;

use deskbridge_identity::{Country, Phone};
use regex::Regex;

use crate::call::Direction;

/// Digits that a number has at least to be told by its end. Shorter ones are extensions and service numbers.
const LAST_DIGITS_MIN: usize = 7;

/// The digits, `*`, `#` and a leading `+` of a text: what may be dialled. Everything else is dropped, so that nothing
/// that the CRM sends can become a line of an order to the PBX.
pub fn dialable(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '0'..='9' | '*' | '#' => kept.push(character),
            '+' if kept.is_empty() => kept.push(character),
            _ => {}
        }
    }
    match kept.as_str() {
        "+" => String::new(),
        _ => kept,
    }
}

/// An extension that may stand in an order to the PBX; `None` for a text that is none.
pub fn extension(text: &str) -> Option<&str> {
    let text = text.trim();
    let is_of_one =
        |character: char| character.is_ascii_alphanumeric() || "*#_-".contains(character);
    (!text.is_empty() && text.chars().all(is_of_one)).then_some(text)
}

/// How a number is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// With `+` and country code; as it is where the number cannot be read.
    #[default]
    E164,
    /// With country code, digits only; as it is where the number cannot be read.
    Digits,
    /// As dialled within its country; as it is where the number cannot be read.
    National,
    /// As it is.
    AsIs,
}

/// A rule that rewrites numbers.
#[derive(Clone, Debug)]
pub struct Rewrite {
    /// What is replaced.
    pub pattern: Regex,
    /// What with; `$1` is the first group.
    pub replacement: String,
    /// The lines (their numbers) that it holds for; empty is all.
    pub lines: Vec<String>,
    /// The direction that it holds for.
    pub direction: Option<Direction>,
}

/// How numbers are read and written.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    /// Where a number without a country code is dialled.
    pub country: Country,
    /// How many digits tell a number where one of two is short.
    pub compared_digits: usize,
    /// How the CRM is to see numbers.
    pub crm_format: Format,
    /// What is done to a number before that, in order.
    pub towards_crm: Vec<Rewrite>,
    /// How the PBX is given numbers to dial.
    pub dial_format: Format,
    /// What is done to a number after that, in order.
    pub towards_dial: Vec<Rewrite>,
}

/// A number in the form in which numbers are compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Compared {
    digits: String,
    /// It begins with its country code.
    is_full: bool,
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plus = if self.is_full { "+" } else { "" };
        write!(f, "{plus}{}", self.digits)
    }
}

impl Numbers {
    /// A client's number as the CRM is to see it; `None` when nothing dialable is in it.
    pub fn for_crm(&self, number: &str, line: &str, direction: Direction) -> Option<String> {
        let rewritten = rewrite(&self.towards_crm, number, line, Some(direction));
        filled(dialable(&self.formatted(&rewritten, self.crm_format)))
    }

    /// A number as the PBX is to dial it; `None` when nothing dialable is in it.
    pub fn for_dialling(&self, number: &str, line: &str) -> Option<String> {
        let formatted = dialable(&self.formatted(number, self.dial_format));
        let rewritten = rewrite(&self.towards_dial, &formatted, line, None);
        filled(dialable(&rewritten))
    }

    /// A number in the form in which it is compared; `None` when it has no digits, so that nothing is equal to it.
    pub fn compared(&self, number: &str) -> Option<Compared> {
        let parsed = Phone::parse(number, self.country);
        let digits = parsed.as_ref().map_or(number, Phone::e164);
        let digits = filled(digits.chars().filter(char::is_ascii_digit).collect())?;
        Some(Compared {
            digits,
            is_full: parsed.is_some(),
        })
    }

    /// Whether two numbers are one: by all digits where both are complete, else by their last ones.
    pub fn is_same(&self, one: &str, other: &str) -> bool {
        match (self.compared(one), self.compared(other)) {
            (Some(one), Some(other)) => self.are_equal(&one, &other),
            _ => false,
        }
    }

    /// See [`Numbers::is_same`].
    pub fn are_equal(&self, one: &Compared, other: &Compared) -> bool {
        if one.digits == other.digits {
            return true;
        }
        if one.is_full && other.is_full {
            return false;
        }
        let last = |of: &Compared| -> Option<String> {
            let wanted = self.compared_digits.max(LAST_DIGITS_MIN);
            let skipped = of.digits.len().checked_sub(wanted)?;
            of.digits.get(skipped..).map(str::to_owned)
        };
        matches!((last(one), last(other)), (Some(one), Some(other)) if one == other)
    }

    fn formatted(&self, number: &str, format: Format) -> String {
        let Some(phone) = Phone::parse(number, self.country) else {
            return number.to_owned();
        };
        match format {
            Format::E164 => phone.e164().to_owned(),
            Format::Digits => phone.e164().trim_start_matches('+').to_owned(),
            Format::National => phone.national().to_owned(),
            Format::AsIs => number.to_owned(),
        }
    }
}

fn rewrite(rules: &[Rewrite], number: &str, line: &str, direction: Option<Direction>) -> String {
    let mut number = number.trim().to_owned();
    for rule in rules {
        let for_line = rule.lines.is_empty() || rule.lines.iter().any(|named| named == line);
        let for_direction = rule.direction.is_none() || rule.direction == direction;
        if for_line && for_direction {
            let rewritten = rule.pattern.replace(&number, rule.replacement.as_str());
            number = rewritten.into_owned();
        }
    }
    number
}

fn filled(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests;

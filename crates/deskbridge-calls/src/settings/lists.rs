//! `lists`: what is left out.

use serde::Deserialize;

use super::problem::Checks;

/// Black and white lists, as configured. A pattern is a number, with `*` for any digits.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ListsSource {
    /// By extension: talk at other extensions is nobody's.
    pub extensions: ListSource,
    /// By the number of the line.
    pub lines: ListSource,
    /// By the client's number, as the CRM sees it.
    pub clients: ListSource,
}

/// One list, as configured.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ListSource {
    /// If there is any, nothing else is let through.
    pub only: Vec<String>,
    /// Never let through.
    pub never: Vec<String>,
}

/// Black and white lists.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    /// By extension.
    pub extensions: List,
    /// By line.
    pub lines: List,
    /// By client.
    pub clients: List,
}

/// One list.
#[derive(Clone, Debug, Default)]
pub struct List {
    only: Vec<Pattern>,
    never: Vec<Pattern>,
}

#[derive(Clone, Debug)]
struct Pattern(String);

impl ListsSource {
    pub(super) fn compile(self, checks: &mut Checks) -> Lists {
        let mut list = |name: &str, source: ListSource| {
            let key = format!("lists.{name}");
            List {
                only: patterns(&format!("{key}.only"), &source.only, checks),
                never: patterns(&format!("{key}.never"), &source.never, checks),
            }
        };
        Lists {
            extensions: list("extensions", self.extensions),
            lines: list("lines", self.lines),
            clients: list("clients", self.clients),
        }
    }
}

impl List {
    /// Whether a number is let through.
    pub fn allows(&self, number: &str) -> bool {
        let is_among =
            |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(number));
        !is_among(&self.never) && (self.only.is_empty() || is_among(&self.only))
    }
}

fn patterns(key: &str, texts: &[String], checks: &mut Checks) -> Vec<Pattern> {
    let mut patterns = Vec::new();
    for text in texts {
        let pattern: String = text
            .chars()
            .filter(|character| !" ()-.".contains(*character))
            .collect();
        let is_number = |character: char| character.is_ascii_digit() || "+*#".contains(character);
        if pattern.is_empty() || !pattern.chars().all(is_number) {
            let wrong = format!("`{text}` is no number");
            checks.add(
                key,
                wrong,
                "write digits, and * for any digits: 10* or +84901234567",
            );
        }
        patterns.push(Pattern(pattern));
    }
    patterns
}

impl Pattern {
    /// A plus sign is as good as none: PBX and CRM differ in it.
    fn matches(&self, number: &str) -> bool {
        let number = number.trim_start_matches('+');
        let mut parts = self.0.trim_start_matches('+').split('*');
        let Some(mut rest) = parts.next().and_then(|first| number.strip_prefix(first)) else {
            return false;
        };
        let mut parts: Vec<&str> = parts.collect();
        let Some(last) = parts.pop() else {
            return rest.is_empty();
        };
        for part in parts {
            match rest.split_once(part) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

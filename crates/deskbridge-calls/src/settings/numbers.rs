//! `numbers`: how numbers are read and written.

use deskbridge_identity::Country;
use regex::RegexBuilder;
use serde::Deserialize;

use super::problem::Checks;
use crate::{
    call::Direction,
    decide::numbers::{Format, Numbers, Rewrite},
};

/// Bytes of a compiled pattern.
const PATTERN_BYTES_MAX: usize = 262_144;

/// How numbers are read and written, as configured.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NumbersSource {
    /// Where a number without a country code is dialled, in two letters.
    pub country: String,
    /// How many last digits tell a number where one of two is short; 7 at least.
    pub compared_digits: usize,
    /// How the CRM is to see numbers: `e164`, `digits`, `national` or `as_is`.
    pub crm_format: Format,
    /// What is done to a client's number before that, in order.
    pub towards_crm: Vec<RewriteSource>,
    /// How the PBX is given numbers to dial: as above.
    pub dial_format: Format,
    /// What is done to a number after that, in order.
    pub towards_dial: Vec<RewriteSource>,
}

impl Default for NumbersSource {
    fn default() -> Self {
        Self {
            country: "VN".to_owned(),
            compared_digits: 9,
            crm_format: Format::E164,
            towards_crm: Vec::new(),
            dial_format: Format::Digits,
            towards_dial: Vec::new(),
        }
    }
}

/// A rule that rewrites numbers, as configured.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RewriteSource {
    /// A regular expression; what it finds first is replaced.
    pub find: String,
    /// What with; `$1` is the first group.
    pub replace: String,
    /// The lines that it holds for; without any it holds for all.
    #[serde(default)]
    pub lines: Vec<String>,
    /// The direction that it holds for: `incoming`, `outgoing` or `internal`. Nothing is dialled but outgoing calls.
    pub direction: Option<Direction>,
}

impl NumbersSource {
    pub(super) fn compile(self, checks: &mut Checks) -> Numbers {
        let country = self.country.parse().unwrap_or_else(|_no_country| {
            let wrong = format!("`{}` is no country", self.country);
            checks.add(
                "numbers.country",
                wrong,
                "write its two letters, such as VN",
            );
            Country::default()
        });
        if !(7..=15).contains(&self.compared_digits) {
            let wrong = format!("{} digits tell no number", self.compared_digits);
            checks.add("numbers.compared_digits", wrong, "write 7 to 15");
        }
        Numbers {
            country,
            compared_digits: self.compared_digits,
            crm_format: self.crm_format,
            towards_crm: rules("numbers.towards_crm", self.towards_crm, checks),
            dial_format: self.dial_format,
            towards_dial: rules("numbers.towards_dial", self.towards_dial, checks),
        }
    }
}

fn rules(key: &str, sources: Vec<RewriteSource>, checks: &mut Checks) -> Vec<Rewrite> {
    let mut rules = Vec::new();
    for (index, source) in sources.into_iter().enumerate() {
        let pattern = RegexBuilder::new(&source.find)
            .size_limit(PATTERN_BYTES_MAX)
            .build();
        match pattern {
            Ok(pattern) => rules.push(Rewrite {
                pattern,
                replacement: source.replace,
                lines: source.lines,
                direction: source.direction,
            }),
            Err(_no_pattern) => {
                let wrong = format!("`{}` is no regular expression", source.find);
                let remedy = "mend it; digits are \\d, a plus sign is \\+";
                checks.add(format!("{key}[{index}].find"), wrong, remedy);
            }
        }
    }
    rules
}

//! One filter: a column, an operator, a value, compared as `MariaDB` would.

use std::cmp::Ordering;

use serde_json::Value;

use super::join::{Joined, Source};
use crate::frappe::{
    cell::{self, Cell, Kind},
    collation,
    store::Store,
};

/// A filter.
#[derive(Debug)]
pub(super) struct Condition {
    pub source: Source,
    kind: Kind,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Compare(Comparison, Operand),
    Like { pattern: String, negated: bool },
    In { values: Vec<Operand>, negated: bool },
    Between(Operand, Operand),
    Set(bool),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Comparison {
    Equal,
    Different,
    Greater,
    Less,
    AtLeast,
    AtMost,
}

/// A value of a filter in the form of its column.
#[derive(Clone, Debug)]
struct Operand {
    text: String,
    number: f64,
}

/// Operators, in the order in which Frappe lists them.
pub(super) const OPERATORS: [&str; 19] = [
    "=",
    "!=",
    ">",
    "<",
    ">=",
    "<=",
    "like",
    "not like",
    "in",
    "not in",
    "is",
    "between",
    "timespan",
    "previous",
    "next",
    "ancestors of",
    "descendants of",
    "not ancestors of",
    "not descendants of",
];

impl Condition {
    /// Builds a filter; `None` for an operator that is known but not simulated.
    pub(super) fn new(source: Source, kind: Kind, operator: &str, value: &Value) -> Option<Self> {
        let operand = |value: &Value| Operand::new(kind, value);
        let test = match operator {
            "=" => Test::Compare(Comparison::Equal, operand(value)),
            "!=" => Test::Compare(Comparison::Different, operand(value)),
            ">" => Test::Compare(Comparison::Greater, operand(value)),
            "<" => Test::Compare(Comparison::Less, operand(value)),
            ">=" => Test::Compare(Comparison::AtLeast, operand(value)),
            "<=" => Test::Compare(Comparison::AtMost, operand(value)),
            "like" | "not like" => Test::Like {
                pattern: cell::text(value),
                negated: operator.starts_with("not"),
            },
            "in" | "not in" => Test::In {
                values: listed(value).iter().map(operand).collect(),
                negated: operator.starts_with("not"),
            },
            "is" => Test::Set(cell::text(value).eq_ignore_ascii_case("set")),
            "between" => {
                let values = listed(value);
                let mut until = operand(values.get(1)?);
                // A day ends at its end.
                if kind == Kind::Datetime && cell::text(values.get(1)?).len() == 10 {
                    until.text.replace_range(10.., " 23:59:59.999999");
                }
                Test::Between(operand(values.first()?), until)
            }
            _ => return None,
        };
        Some(Self { source, kind, test })
    }

    /// The column and the text that it must equal, when that is what the filter says.
    pub(super) fn equality(&self) -> Option<(&Source, &str)> {
        match &self.test {
            Test::Compare(Comparison::Equal, operand) if !operand.text.is_empty() => {
                let textual = !self.kind.is_number() && !self.kind.is_temporal();
                let named = self.source == Source::Own(0);
                (textual || named).then_some((&self.source, &*operand.text))
            }
            _ => None,
        }
    }

    /// Whether a row meets the filter.
    pub(super) fn holds(&self, joined: &Joined<'_>, store: &Store) -> bool {
        if let Some(name) = joined.name(&self.source, store) {
            let number = name.parse().ok().filter(|_| self.kind == Kind::Int);
            return self.admits(&number.map_or_else(|| Cell::text(name), Cell::Int));
        }
        self.admits(joined.cell(&self.source, store))
    }

    fn admits(&self, cell: &Cell) -> bool {
        let is_null = *cell == Cell::Null;
        match &self.test {
            // Only these two look at null as null; everything else sees an empty value in its place.
            Test::Compare(Comparison::Equal, operand) if is_null && !operand.is_empty() => false,
            Test::Between(..) if is_null => false,
            Test::Compare(comparison, operand) => {
                let ordering = self.compare(cell, operand);
                match comparison {
                    Comparison::Equal => ordering.is_eq(),
                    Comparison::Different => ordering.is_ne(),
                    Comparison::Greater => ordering.is_gt(),
                    Comparison::Less => ordering.is_lt(),
                    Comparison::AtLeast => ordering.is_ge(),
                    Comparison::AtMost => ordering.is_le(),
                }
            }
            Test::Like { pattern, negated } => {
                collation::like(pattern, &shown(cell)) != *negated
                    && !(is_null && !negated && pattern != "%")
            }
            Test::In { values, negated } => {
                let found = values
                    .iter()
                    .any(|operand| self.compare(cell, operand).is_eq());
                found != *negated
            }
            Test::Between(from, until) => {
                self.compare(cell, from).is_ge() && self.compare(cell, until).is_le()
            }
            Test::Set(wanted) => {
                let set = match cell {
                    Cell::Null => false,
                    Cell::Int(number) => *number != 0,
                    Cell::Float(number) => *number != 0.0,
                    Cell::Text(text) => !text.is_empty(),
                };
                set == *wanted
            }
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "counters and flags are far below 2^53"
    )]
    fn compare(&self, cell: &Cell, operand: &Operand) -> Ordering {
        match cell {
            Cell::Int(number) => (*number as f64).total_cmp(&operand.number),
            Cell::Float(number) => number.total_cmp(&operand.number),
            Cell::Null if self.kind.is_number() || self.kind == Kind::Duration => {
                0.0_f64.total_cmp(&operand.number)
            }
            Cell::Null => "".cmp(operand.text.as_str()),
            Cell::Text(text) if self.kind.is_temporal() => (**text).cmp(operand.text.as_str()),
            Cell::Text(text) if collation::equal(text, &operand.text) => Ordering::Equal,
            Cell::Text(text) => collation::key(text).cmp(&collation::key(&operand.text)),
        }
    }
}

impl Operand {
    fn new(kind: Kind, value: &Value) -> Self {
        let text = cell::text(value);
        let text = match kind.is_temporal() {
            // An offset is read over, not applied.
            true => cell::temporal(&text, kind)
                .or_else(|| cell::temporal(text.get(..19)?, kind))
                .unwrap_or(text),
            false => text,
        };
        Self {
            number: cell::float(value),
            text,
        }
    }

    fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Int(number) => number.to_string(),
        Cell::Float(number) => number.to_string(),
        Cell::Text(text) => text.to_string(),
    }
}

/// The values of a list, or of a text with commas.
fn listed(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values.clone(),
        Value::String(text) => text.split(',').map(|part| part.trim().into()).collect(),
        other => vec![other.clone()],
    }
}

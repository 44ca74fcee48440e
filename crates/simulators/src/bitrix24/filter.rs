//! Filters: prefixes, groups, and what each family of methods makes of them.

use http::StatusCode;

use super::{
    answer::Refusal,
    behaviour::UnknownField,
    compare::{self, Key},
    fields::{Kind, Schema},
    php::Value,
    row::Row,
};

/// Which conditions a record must meet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filter {
    Every(Vec<Filter>),
    Any(Vec<Filter>),
    Field(Condition),
}

/// One condition on one field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Condition {
    pub field: usize,
    pub kind: Kind,
    pub test: Test,
}

/// What a condition asks. A field of several values meets it when one of them does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Test {
    Is(Vec<Key>),
    IsNot(Vec<Key>),
    Compare(Comparison, Key),
    /// From the one to the other, both of them as well.
    Between(Key, Key),
    NotBetween(Key, Key),
    Like(String),
    NotLike(String),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Comparison {
    More,
    AtLeast,
    Less,
    AtMost,
}

/// How a family of methods reads a filter.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Dialect {
    /// The older lists: names in upper case, all conditions together, unknown fields as the portal is
    /// set.
    Legacy {
        /// Whether the method documents `!%` and its kin.
        knows_not_like: bool,
        unknown: UnknownField,
    },
    /// Statistics of calls: as the older lists, with a few prefixes more.
    Statistics { unknown: UnknownField },
    /// `crm.item.*`: names in camel case, nested groups, unknown fields refused.
    Universal,
}

impl Filter {
    /// A filter that lets everything pass.
    pub(crate) fn everything() -> Self {
        Self::Every(Vec::new())
    }

    /// A condition that a field equals a key.
    pub(crate) fn equals(schema: &Schema, name: &str, text: &str) -> Self {
        let Some(field) = schema.find(name) else {
            return Self::Any(Vec::new());
        };
        let kind = schema.field(field).map_or(Kind::Text, |field| field.kind);
        Self::Field(Condition {
            field,
            kind,
            test: Test::Is(vec![compare::key_of_text(kind, text)]),
        })
    }

    /// Reads the filter of a request.
    pub(crate) fn parse(
        schema: &Schema,
        dialect: Dialect,
        value: Option<&Value>,
    ) -> Result<Self, Refusal> {
        match value {
            None | Some(Value::Null) => Ok(Self::everything()),
            Some(Value::Text(text)) if text.is_empty() => Ok(Self::everything()),
            Some(array) if array.is_array() => parse_group(schema, dialect, array),
            Some(_) => Err(Refusal::plain("Parameter 'filter' must be array.")),
        }
    }

    /// Whether a record passes.
    pub(crate) fn passes(&self, row: &Row) -> bool {
        match self {
            Self::Every(filters) => filters.iter().all(|filter| filter.passes(row)),
            Self::Any(filters) => filters.iter().any(|filter| filter.passes(row)),
            Self::Field(condition) => condition.passes(row),
        }
    }

    /// The conditions that must all hold, whatever else the filter says.
    pub(crate) fn conditions(&self) -> Vec<&Condition> {
        match self {
            Self::Every(filters) => filters.iter().flat_map(Self::conditions).collect(),
            Self::Field(condition) => vec![condition],
            Self::Any(_) => Vec::new(),
        }
    }
}

impl Condition {
    fn passes(&self, row: &Row) -> bool {
        let keys = compare::keys(self.kind, row.raw(self.field));
        match &self.test {
            Test::Is(wanted) => keys.iter().any(|key| wanted.contains(key)),
            Test::IsNot(unwanted) => !keys.iter().any(|key| unwanted.contains(key)),
            Test::Compare(comparison, operand) => keys
                .iter()
                .filter_map(|key| key.order(operand))
                .any(|order| match comparison {
                    Comparison::More => order.is_gt(),
                    Comparison::AtLeast => order.is_ge(),
                    Comparison::Less => order.is_lt(),
                    Comparison::AtMost => order.is_le(),
                }),
            Test::Between(low, high) => keys.iter().any(|key| is_between(key, low, high)),
            Test::NotBetween(low, high) => !keys.iter().any(|key| is_between(key, low, high)),
            Test::Like(pattern) => self.is_like(row, pattern),
            Test::NotLike(pattern) => !self.is_like(row, pattern),
        }
    }

    /// Patterns look at the text as it is stored, dates included.
    fn is_like(&self, row: &Row, pattern: &str) -> bool {
        compare::keys(Kind::Text, row.raw(self.field))
            .iter()
            .any(|key| matches!(key, Key::Text(text) if compare::is_like(pattern, text)))
    }
}

fn is_between(key: &Key, low: &Key, high: &Key) -> bool {
    let from = key.order(low).is_some_and(|order| order.is_ge());
    from && key.order(high).is_some_and(|order| order.is_le())
}

/// What a prefix asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Operator {
    Is,
    IsNot,
    Compare(Comparison),
    Between,
    NotBetween,
    /// The value holds its own `%`.
    Like,
    NotLike,
    /// The value is looked for anywhere.
    Contains,
    ContainsNot,
}

/// Prefixes, longer ones before those that they begin with.
const PREFIXES: &[(&str, Operator)] = &[
    ("!=%", Operator::NotLike),
    ("!%=", Operator::NotLike),
    ("!%", Operator::ContainsNot),
    ("!@", Operator::IsNot),
    ("!=", Operator::IsNot),
    ("!", Operator::IsNot),
    (">=", Operator::Compare(Comparison::AtLeast)),
    (">", Operator::Compare(Comparison::More)),
    ("<=", Operator::Compare(Comparison::AtMost)),
    ("<", Operator::Compare(Comparison::Less)),
    ("=%", Operator::Like),
    ("%=", Operator::Like),
    ("%", Operator::Contains),
    ("@", Operator::Is),
    ("=", Operator::Is),
    ("", Operator::Is),
];

/// Prefixes that only statistics know, all longer than those that they begin with.
const STATISTICS_PREFIXES: &[(&str, Operator)] = &[
    ("!><", Operator::NotBetween),
    ("><", Operator::Between),
    ("?", Operator::Contains),
];

fn split_prefix(key: &str, dialect: Dialect) -> (Operator, &str) {
    let more = match dialect {
        Dialect::Statistics { .. } => STATISTICS_PREFIXES,
        Dialect::Legacy { .. } | Dialect::Universal => &[],
    };
    more.iter()
        .chain(PREFIXES)
        .find_map(|(prefix, operator)| Some((*operator, key.strip_prefix(prefix)?)))
        .unwrap_or((Operator::Is, key))
}

fn parse_group(schema: &Schema, dialect: Dialect, group: &Value) -> Result<Filter, Refusal> {
    let mut filters = Vec::new();
    let mut any = false;
    for (key, value) in group.pairs() {
        let is_universal = matches!(dialect, Dialect::Universal);
        if is_universal && key.eq_ignore_ascii_case("logic") {
            let logic = value.as_text().unwrap_or_default();
            any = logic.eq_ignore_ascii_case("or");
        } else if is_universal && value.is_array() && key.bytes().all(|b| b.is_ascii_digit()) {
            filters.push(parse_group(schema, dialect, value)?);
        } else if let Some(condition) = parse_condition(schema, dialect, &key, value)? {
            filters.push(Filter::Field(condition));
        }
    }
    Ok(if any {
        Filter::Any(filters)
    } else {
        Filter::Every(filters)
    })
}

/// A condition; `None` when its field is unknown and the portal looks away.
fn parse_condition(
    schema: &Schema,
    dialect: Dialect,
    key: &str,
    value: &Value,
) -> Result<Option<Condition>, Refusal> {
    let (operator, name) = split_prefix(key, dialect);
    let is_not_like = matches!(operator, Operator::NotLike | Operator::ContainsNot);
    let found = match dialect {
        Dialect::Universal => schema.find_item(name),
        // Where `!%` is unknown the `%` counts as a part of the name, which then is unknown too.
        Dialect::Legacy { knows_not_like, .. } if is_not_like && !knows_not_like => None,
        Dialect::Legacy { .. } | Dialect::Statistics { .. } => schema.find(name),
    };
    let Some((number, field)) = found.and_then(|number| Some((number, schema.field(number)?)))
    else {
        return match dialect {
            Dialect::Universal => Err(not_allowed(name)),
            Dialect::Legacy { unknown, .. } | Dialect::Statistics { unknown } => match unknown {
                UnknownField::Ignored => Ok(None),
                UnknownField::Refused => Err(Refusal::plain(format!(
                    "Invalid filter: field '{name}' is not allowed in filter"
                ))),
            },
        };
    };
    Ok(Some(Condition {
        field: number,
        kind: field.kind,
        test: test(field.kind, dialect, operator, value),
    }))
}

fn not_allowed(name: &str) -> Refusal {
    Refusal::new(
        StatusCode::BAD_REQUEST,
        "INVALID_ARG_VALUE",
        format!("Invalid filter: field '{name}' is not allowed in filter"),
    )
}

fn test(kind: Kind, dialect: Dialect, operator: Operator, value: &Value) -> Test {
    let operands = || {
        if !value.is_array() {
            return vec![operand(kind, dialect, value)];
        }
        let items = value.items();
        items
            .into_iter()
            .map(|item| operand(kind, dialect, item))
            .collect()
    };
    let nth = |place: usize| {
        let items = value.items();
        let text = items.get(place).and_then(|item| item.as_text());
        text.unwrap_or_default().to_lowercase()
    };
    let first = || nth(0);
    let both = || {
        let key = |place| compare::key_of_text(kind, &nth(place));
        (key(0), key(1))
    };
    match operator {
        Operator::Is => Test::Is(operands()),
        Operator::IsNot => Test::IsNot(operands()),
        // Multifields know nothing but exact values, directories and links no patterns.
        Operator::Compare(_) if kind == Kind::Multifield => Test::Is(operands()),
        Operator::Like | Operator::Contains if !kind.is_searchable() => Test::Is(operands()),
        Operator::NotLike | Operator::ContainsNot if !kind.is_searchable() => {
            Test::IsNot(operands())
        }
        Operator::Compare(comparison) => {
            Test::Compare(comparison, compare::key_of_text(kind, &first()))
        }
        Operator::Between => {
            let (low, high) = both();
            Test::Between(low, high)
        }
        Operator::NotBetween => {
            let (low, high) = both();
            Test::NotBetween(low, high)
        }
        Operator::Like => Test::Like(first()),
        Operator::NotLike => Test::NotLike(first()),
        Operator::Contains => Test::Like(format!("%{}%", first())),
        Operator::ContainsNot => Test::NotLike(format!("%{}%", first())),
    }
}

fn operand(kind: Kind, dialect: Dialect, value: &Value) -> Key {
    let text = value.as_text().unwrap_or_default();
    let is_universal = matches!(dialect, Dialect::Universal);
    // `crm.item.*` writes Y and N but only understands 1 and 0 (documented, and a known complaint).
    if kind == Kind::Boolean && is_universal && compare::truth(&text).is_some() {
        return match &*text {
            "1" => Key::Number(1.0),
            "0" => Key::Number(0.0),
            _ => Key::Text(text.to_lowercase()),
        };
    }
    if kind == Kind::Boolean && *value == Value::Bool(false) {
        return Key::Number(0.0);
    }
    compare::key_of_text(kind, &text)
}

//! What a list shows of each row.

use serde_json::Value;

use super::join::{Joined, Source};
use crate::frappe::{
    cell::{self, Cell, Kind},
    document,
    meta::{self, DocType, STANDARD_COLUMNS},
    store::Store,
};

/// One entry of `fields`.
#[derive(Debug)]
pub(super) enum Select {
    /// Every column.
    Star,
    /// One value under a name.
    Value {
        source: Source,
        kind: Kind,
        key: Box<str>,
    },
    /// One value of all rows together.
    Aggregate {
        function: Function,
        source: Source,
        kind: Kind,
        key: Box<str>,
    },
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Function {
    Count,
    Sum,
    Min,
    Max,
    Avg,
}

impl Function {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "count" => Self::Count,
            "sum" => Self::Sum,
            "min" => Self::Min,
            "max" => Self::Max,
            "avg" => Self::Avg,
            _ => return None,
        })
    }
}

impl Select {
    pub(super) fn source(&self) -> Option<&Source> {
        match self {
            // Anything but the name will do: the whole row is read.
            Self::Star => Some(&Source::Own(meta::OWNER)),
            Self::Value { source, .. } | Self::Aggregate { source, .. } => Some(source),
        }
    }

    pub(super) fn is_aggregate(&self) -> bool {
        matches!(self, Self::Aggregate { .. })
    }

    /// Shows what it selects of one row.
    pub(super) fn show(
        &self,
        joined: &Joined<'_>,
        doctype: &DocType,
        store: &Store,
        push: &mut dyn FnMut(&str, Value),
    ) {
        match self {
            Self::Star => star(joined, doctype, push),
            Self::Value { source, kind, key }
            | Self::Aggregate {
                source, kind, key, ..
            } => {
                push(key, value(joined, source, *kind, doctype, store));
            }
        }
    }

    /// Shows what it selects of many rows together.
    pub(super) fn aggregate(
        &self,
        members: &[&Joined<'_>],
        doctype: &DocType,
        store: &Store,
        push: &mut dyn FnMut(&str, Value),
    ) {
        let Self::Aggregate {
            function,
            source,
            kind,
            key,
        } = self
        else {
            if let Some(first) = members.first() {
                self.show(first, doctype, store, push);
            }
            return;
        };
        let values = members
            .iter()
            .map(|joined| value(joined, source, *kind, doctype, store));
        let values: Vec<Value> = values.filter(|value| !value.is_null()).collect();
        let numbers = || values.iter().map(cell::float);
        let by_number = |left: &&Value, right: &&Value| {
            let numbers = cell::float(left).total_cmp(&cell::float(right));
            numbers.then_with(|| cell::text(left).cmp(&cell::text(right)))
        };
        #[expect(clippy::cast_precision_loss, reason = "no list has 2^53 rows")]
        let result = match function {
            Function::Count => values.len().into(),
            Function::Sum => numbers().sum::<f64>().into(),
            Function::Avg if values.is_empty() => Value::Null,
            Function::Avg => (numbers().sum::<f64>() / values.len() as f64).into(),
            Function::Min => values.iter().min_by(by_number).cloned().unwrap_or_default(),
            Function::Max => values.iter().max_by(by_number).cloned().unwrap_or_default(),
        };
        push(key, result);
    }
}

fn value(
    joined: &Joined<'_>,
    source: &Source,
    kind: Kind,
    doctype: &DocType,
    store: &Store,
) -> Value {
    if let Some(name) = joined.name(source, store) {
        return match source {
            Source::Own(0) => document::name_json(doctype, name),
            _ => name.into(),
        };
    }
    let cell = joined.cell(source, store);
    match source {
        Source::Own(column) if *cell == Cell::Null => {
            let field = doctype
                .fields
                .iter()
                .find(|field| field.column == Some(*column));
            field.map_or(Value::Null, |field| {
                document::shown(joined.row, *column, field)
            })
        }
        _ => cell.json(kind),
    }
}

fn star(joined: &Joined<'_>, doctype: &DocType, push: &mut dyn FnMut(&str, Value)) {
    push("name", document::name_json(doctype, &joined.row.name));
    for (place, (name, kind)) in (0..).zip(STANDARD_COLUMNS).skip(1) {
        let shown = match name {
            "parent" | "parentfield" | "parenttype" => doctype.is_child,
            _ if name.starts_with('_') => doctype.is("track_seen"),
            _ => true,
        };
        if shown {
            push(name, joined.row.get(place).json(kind));
        }
    }
    for field in &doctype.fields {
        if let Some(column) = field.column {
            push(&field.name, document::shown(joined.row, column, field));
        }
    }
}

//! Which records a query has to look at, and in which order.

use std::ops::Range;

use super::{Direction, Query, Table};
use crate::bitrix24::{
    compare::Key,
    filter::{Comparison, Filter, Test},
    row::Row,
};

/// How a query is answered: which records have to be looked at, and whether their own order is the order
/// asked for.
pub(super) struct Plan {
    pub candidates: Candidates,
    /// Whether the candidates are exactly what the filter selects.
    is_exact: bool,
    pub is_in_order_of_ids: bool,
    pub direction: Direction,
}

pub(super) enum Candidates {
    Range(Range<usize>),
    Positions(Vec<usize>),
}

impl Plan {
    pub(super) fn of(table: &mut Table, query: &Query) -> Self {
        let id_field = table.schema.find("ID");
        let (is_in_order_of_ids, direction) = match query.order.as_slice() {
            [] => (true, Direction::Ascending),
            [(field, direction), ..] => (Some(*field) == id_field, *direction),
        };
        let mut range = 0..table.rows.len();
        let mut is_exact = match &query.filter {
            Filter::Every(filters) => filters.iter().all(|one| matches!(one, Filter::Field(_))),
            Filter::Any(_) => false,
            Filter::Field(_) => true,
        };
        let mut by_value = None;
        for condition in query.filter.conditions() {
            if Some(condition.field) == id_field && narrow(&mut range, &table.rows, &condition.test)
            {
                continue;
            }
            is_exact = false;
            if by_value.is_none()
                && let Test::Is(wanted) = &condition.test
            {
                by_value = Some((condition, wanted));
            }
        }
        let candidates = match by_value {
            Some((condition, wanted)) => {
                let mut positions = table.find_by_value(condition, wanted);
                positions.retain(|at| range.contains(at));
                Candidates::Positions(positions)
            }
            None => Candidates::Range(range),
        };
        Self {
            candidates,
            is_exact,
            is_in_order_of_ids,
            direction,
        }
    }

    /// The records selected, when they lie side by side in the order asked for.
    pub(super) fn plain_range(&self) -> Option<Range<usize>> {
        match &self.candidates {
            Candidates::Range(range) if self.is_exact && self.is_in_order_of_ids => {
                Some(range.clone())
            }
            _ => None,
        }
    }
}

impl Candidates {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Range(range) => range.len(),
            Self::Positions(all) => all.len(),
        }
    }

    pub(super) fn iter(&self, direction: Direction) -> Box<dyn Iterator<Item = usize> + '_> {
        match (self, direction) {
            (Self::Range(range), Direction::Ascending) => Box::new(range.clone()),
            (Self::Range(range), Direction::Descending) => Box::new(range.clone().rev()),
            (Self::Positions(all), Direction::Ascending) => Box::new(all.iter().copied()),
            (Self::Positions(all), Direction::Descending) => Box::new(all.iter().rev().copied()),
        }
    }
}

/// Narrows a range of positions to the ids that pass; whether the test could be used for that.
fn narrow(range: &mut Range<usize>, rows: &[Row], test: &Test) -> bool {
    #[expect(
        clippy::cast_precision_loss,
        reason = "ids stay far below 53 bits, and a filter compares numbers as floats anyway"
    )]
    let before = |passes: fn(f64, f64) -> bool, limit: f64| {
        rows.partition_point(|row| passes(row.id as f64, limit))
    };
    let (from, to) = match test {
        Test::Is(wanted) => match wanted.as_slice() {
            [Key::Number(id)] => (
                before(|id, it| id < it, *id),
                before(|id, it| id <= it, *id),
            ),
            _ => return false,
        },
        Test::Compare(comparison, Key::Number(id)) => match comparison {
            Comparison::More => (before(|id, it| id <= it, *id), rows.len()),
            Comparison::AtLeast => (before(|id, it| id < it, *id), rows.len()),
            Comparison::Less => (0, before(|id, it| id < it, *id)),
            Comparison::AtMost => (0, before(|id, it| id <= it, *id)),
        },
        _ => return false,
    };
    let start = range.start.max(from);
    *range = start..range.end.min(to).max(start);
    true
}

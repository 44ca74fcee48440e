//! One page of a list by id: which rows it should hold, and whether it does.

use crate::{Answer, Error, Order, Row, error::Class};

/// Rows of a full page; the same for every list method (documented).
pub(super) const PAGE: usize = 50;

/// What a record's id is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IdField {
    in_rows: Box<str>,
    in_filter: Box<str>,
}

impl IdField {
    pub(super) fn new(in_rows: &str, in_filter: &str) -> Self {
        Self {
            in_rows: in_rows.into(),
            in_filter: in_filter.into(),
        }
    }

    /// What a method's name suggests.
    pub(super) fn of(method: &str) -> Self {
        match method
            .to_ascii_lowercase()
            .split('.')
            .collect::<Vec<_>>()
            .as_slice()
        {
            ["crm", "item", ..] => Self::new("id", "id"),
            ["tasks", ..] => Self::new("id", "ID"),
            _ => Self::new("ID", "ID"),
        }
    }

    pub(super) fn in_rows(&self) -> &str {
        &self.in_rows
    }

    pub(super) fn in_filter(&self) -> &str {
        &self.in_filter
    }

    pub(super) fn greater(&self) -> String {
        format!(">{}", self.in_filter)
    }

    pub(super) fn at_most(&self) -> String {
        format!("<={}", self.in_filter)
    }

    /// Whether a condition, with its prefix, is about the id.
    pub(super) fn is_named_by(&self, condition: &str) -> bool {
        let name = condition.trim_start_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        name.eq_ignore_ascii_case(&self.in_filter)
    }
}

/// A span of ids and the end from which its page is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// Exclusive.
    pub(super) after: u64,
    /// Inclusive; the page goes as far as it gets without.
    pub(super) until: Option<u64>,
    pub(super) order: Order,
}

impl Span {
    pub(super) fn after(after: u64) -> Self {
        Self {
            after,
            until: None,
            order: Order::Ascending,
        }
    }

    pub(super) fn between(after: u64, until: u64) -> Self {
        Self {
            until: Some(until),
            ..Self::after(after)
        }
    }

    pub(super) fn from_the_end(after: u64) -> Self {
        Self {
            order: Order::Descending,
            ..Self::after(after)
        }
    }

    /// What is wrong with the ids of a page of this span, in the order they came.
    fn flaw(self, ids: &[u64]) -> Option<&'static str> {
        let is_within = |id: &u64| *id > self.after && self.until.is_none_or(|until| *id <= until);
        if !ids.iter().all(is_within) {
            return Some("it holds ids that the filter excludes, so the method ignores the filter");
        }
        let is_sorted = match self.order {
            Order::Ascending => ids.is_sorted_by(|a, b| a < b),
            Order::Descending => ids.is_sorted_by(|a, b| a > b),
        };
        (!is_sorted).then_some("its ids are not in order, so the method ignores the order")
    }
}

/// The rows of a page with their ids, ascending.
pub(super) fn read(answer: &Answer, field: &IdField, span: Span) -> Result<Vec<(u64, Row)>, Error> {
    let strayed = |why: &str| answer.disbelieved(Class::Strayed, why);
    let with_id = |row: Row| Some((row.id(field.in_rows())?.get(), row));
    let rows: Option<Vec<(u64, Row)>> = answer.rows()?.into_iter().map(with_id).collect();
    let mut rows = rows.ok_or_else(|| strayed("it holds a row without an id"))?;
    let ids: Vec<u64> = rows.iter().map(|(id, _)| *id).collect();
    if let Some(flaw) = span.flaw(&ids) {
        return Err(strayed(flaw));
    }
    if span.order == Order::Descending {
        rows.reverse();
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_holds_what_its_span_asks_for_and_in_order() {
        for (span, ids, is_right) in [
            (Span::after(0), vec![1, 2, 9], true),
            (Span::after(0), vec![], true),
            (Span::after(5), vec![6, 7], true),
            (Span::after(5), vec![5, 6], false),
            (Span::after(5), vec![1, 2], false),
            (Span::after(0), vec![1, 1], false),
            (Span::after(0), vec![2, 1], false),
            (Span::between(5, 8), vec![6, 8], true),
            (Span::between(5, 8), vec![6, 9], false),
            (Span::from_the_end(5), vec![9, 7], true),
            (Span::from_the_end(5), vec![7, 9], false),
            (Span::from_the_end(5), vec![7, 4], false),
        ] {
            assert_eq!(span.flaw(&ids).is_none(), is_right, "{span:?} {ids:?}");
        }
    }

    #[test]
    fn conditions_on_the_id_are_known_by_any_prefix() {
        for (method, condition, expected) in [
            ("crm.company.list", ">ID", true),
            ("crm.company.list", "!@ID", true),
            ("crm.company.list", "id", true),
            ("crm.company.list", "=COMPANY_ID", false),
            ("crm.company.list", "ID_MORE", false),
            ("crm.item.list", ">=id", true),
            ("tasks.task.list", "<ID", true),
        ] {
            assert_eq!(
                IdField::of(method).is_named_by(condition),
                expected,
                "{method} {condition}"
            );
        }
    }
}

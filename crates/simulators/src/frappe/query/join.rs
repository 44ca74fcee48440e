//! Documents joined with their child rows and with what they link to.

use std::{cmp::Ordering, sync::Arc};

use crate::frappe::{
    cell::Cell,
    meta::Column,
    store::{Row, Store},
};

/// Where a value of a result comes from.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Source {
    Own(Column),
    /// Of the rows in a child table.
    Child {
        table: Box<str>,
        doctype: Arc<str>,
        column: Column,
    },
    /// Of the document behind a link.
    Linked {
        link: Column,
        doctype: Arc<str>,
        column: Column,
    },
}

/// A row of the result: a document, and one row of each child table that the query names.
pub(super) struct Joined<'a> {
    pub row: &'a Arc<Row>,
    pub children: Vec<(&'a str, Option<&'a Row>)>,
}

static NULL: Cell = Cell::Null;

impl<'a> Joined<'a> {
    pub(super) fn cell(&self, source: &Source, store: &'a Store) -> &'a Cell {
        match source {
            // The name has no cell.
            Source::Own(column) => self.row.get(*column),
            Source::Child { table, column, .. } => {
                let child = self.children.iter().find(|(name, _)| *name == &**table);
                child
                    .and_then(|(_, row)| *row)
                    .map_or(&NULL, |row| row.get(*column))
            }
            Source::Linked {
                link,
                doctype,
                column,
            } => {
                let target = store.row(doctype, self.row.text(*link));
                target.map_or(&NULL, |target| target.get(*column))
            }
        }
    }

    /// The value as text when it is a name.
    pub(super) fn name(&self, source: &Source, store: &'a Store) -> Option<&'a str> {
        match source {
            Source::Own(0) => Some(&*self.row.name),
            Source::Child {
                table, column: 0, ..
            } => {
                let child = self.children.iter().find(|(name, _)| *name == &**table);
                child.and_then(|(_, row)| *row).map(|row| &*row.name)
            }
            Source::Linked {
                link,
                doctype,
                column: 0,
            } => store
                .row(doctype, self.row.text(*link))
                .map(|target| &*target.name),
            _ => None,
        }
    }
}

/// A document joined with the rows of child tables; with none, it stands alone, as in a left join.
pub(super) fn join<'a>(alone: Joined<'a>, tables: &[&'a str]) -> Vec<Joined<'a>> {
    let row = alone.row;
    let mut joined = vec![alone];
    for table in tables {
        let children = row.table(table);
        let mut next = Vec::new();
        for before in joined {
            if children.is_empty() {
                let mut alone = before.children.clone();
                alone.push((table, None));
                next.push(Joined {
                    row,
                    children: alone,
                });
            }
            for child in children {
                let mut with = before.children.clone();
                with.push((table, Some(child)));
                next.push(Joined {
                    row,
                    children: with,
                });
            }
        }
        joined = next;
    }
    joined
}

/// A value in the order in which the database sorts values of its column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum SortKey<'a> {
    Null,
    Number(f64),
    /// A date or time, which sorts as it is.
    Time(&'a str),
    /// The key of a text.
    Text(Box<str>),
}

impl Eq for SortKey<'_> {}

impl Ord for SortKey<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let kind = |key: &Self| match key {
            Self::Null => 0,
            Self::Number(_) => 1,
            Self::Time(_) => 2,
            Self::Text(_) => 3,
        };
        match (self, other) {
            (Self::Number(left), Self::Number(right)) => left.total_cmp(right),
            (Self::Time(left), Self::Time(right)) => left.cmp(right),
            (Self::Text(left), Self::Text(right)) => left.cmp(right),
            _ => kind(self).cmp(&kind(other)),
        }
    }
}

impl PartialOrd for SortKey<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

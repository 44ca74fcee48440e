//! Lists: which fields of which rows, in which order.
//!
//! Without an order there is none that a client may rely on: rows come by `modified` when nothing but
//! the name is asked for, and by name otherwise, as `MariaDB`'s indexes happen to yield them (observed).

mod condition;
mod join;
mod parse;
mod select;

use std::{cmp::Ordering, sync::Arc};

use serde_json::{Map, Value};

use super::{
    cell::Cell,
    collation,
    exception::{Exception, PERMISSION},
    meta::{self, Column, DocType},
    permission::Scope,
    store::{Row, Store},
    transaction::Transaction,
};
use condition::Condition;
use join::{Joined, SortKey, Source, join};
use select::Select;

/// A list that a client asks for.
#[derive(Debug)]
pub(crate) struct Query {
    doctype: Arc<DocType>,
    select: Vec<Select>,
    /// Each must hold.
    filters: Vec<Condition>,
    /// One must hold, when there are any.
    or_filters: Vec<Condition>,
    order: Vec<Order>,
    group_by: Option<Source>,
    start: usize,
    limit: Option<usize>,
    distinct: bool,
    as_lists: bool,
}

#[derive(Debug)]
struct Order {
    by: Source,
    descending: bool,
}

impl Transaction<'_> {
    /// Answers a list with the rows that the user may see.
    pub(crate) fn list(
        &mut self,
        doctype: &str,
        params: &Map<String, Value>,
    ) -> Result<Value, Exception> {
        let meta = self.doctype(doctype)?;
        if meta.is_child {
            return self.list_children(&meta, params);
        }
        let scope = self.scope(&meta)?;
        let query = self.parse_query(&meta, params)?;
        Ok(query.answer(self.store, &scope))
    }

    /// A list past all rights.
    pub(crate) fn list_all(
        &mut self,
        doctype: &str,
        params: &Map<String, Value>,
    ) -> Result<Value, Exception> {
        let meta = self.doctype(doctype)?;
        let query = self.parse_query(&meta, params)?;
        Ok(query.answer(self.store, &Scope::Everything))
    }

    /// How many rows the filters find: all of them, or those that the user may see.
    pub(crate) fn count(
        &mut self,
        doctype: &str,
        params: &Map<String, Value>,
        only_visible: bool,
    ) -> Result<usize, Exception> {
        let meta = self.doctype(doctype)?;
        let scope = match only_visible {
            true => self.scope(&meta)?,
            false => Scope::Everything,
        };
        let mut query = self.parse_query(&meta, params)?;
        query.limit = None;
        if query.filters.is_empty() && matches!(scope, Scope::Everything) {
            return Ok(self.store.count(doctype));
        }
        Ok(query.matching(self.store, &scope).len())
    }

    /// The rows of a child table, which only a client that names the parent may read.
    fn list_children(
        &mut self,
        child: &Arc<DocType>,
        params: &Map<String, Value>,
    ) -> Result<Value, Exception> {
        let parent = params
            .get("parent")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let Some(parent) = self.store.doctype(parent).cloned() else {
            return Err(Exception::bare(PERMISSION));
        };
        let tables: Vec<Box<str>> = parent
            .tables()
            .filter(|(_, options)| *options == &*child.name)
            .map(|(field, _)| field.name.clone())
            .collect();
        if tables.is_empty() {
            return Err(Exception::bare(PERMISSION));
        }
        let scope = self.scope(&parent)?;
        let query = self.parse_query(child, params)?;
        let rows: Vec<Arc<Row>> = self
            .store
            .rows(&parent.name)
            .filter(|row| scope.shows(&parent, row))
            .flat_map(|row| tables.iter().flat_map(|table| row.table(table)))
            .map(|child| Arc::new(child.clone()))
            .collect();
        let joined = rows.iter().map(|row| Joined {
            row,
            children: Vec::new(),
        });
        let joined = joined.filter(|joined| query.admits(joined, self.store));
        Ok(query.present(joined.collect(), self.store))
    }
}

impl Query {
    fn answer(&self, store: &Store, scope: &Scope) -> Value {
        self.present(self.matching(store, scope), store)
    }

    /// The rows that the filters admit and the user may see, in the order of insertion.
    fn matching<'a>(&'a self, store: &'a Store, scope: &Scope) -> Vec<Joined<'a>> {
        let tables = self.child_tables();
        let mut found = Vec::new();
        let mut consider = |row: &'a Arc<Row>| {
            if !scope.shows(&self.doctype, row) {
                return;
            }
            let alone = Joined {
                row,
                children: Vec::new(),
            };
            if tables.is_empty() {
                found.extend(Some(alone).filter(|joined| self.admits(joined, store)));
                return;
            }
            let joined = join(alone, &tables).into_iter();
            found.extend(joined.filter(|joined| self.admits(joined, store)));
        };
        match self.shortcut(store) {
            Some(rows) => rows.into_iter().for_each(&mut consider),
            None => store.rows(&self.doctype.name).for_each(&mut consider),
        }
        found
    }

    /// The few rows that a filter on a name or an indexed column leaves.
    fn shortcut<'a>(&'a self, store: &'a Store) -> Option<Vec<&'a Arc<Row>>> {
        self.filters.iter().find_map(|filter| {
            let (source, value) = filter.equality()?;
            match source {
                Source::Own(0) => Some(store.row(&self.doctype.name, value).into_iter().collect()),
                Source::Own(column) if self.is_indexed(*column) => {
                    Some(store.equal(&self.doctype.name, *column, value))
                }
                Source::Child {
                    table,
                    doctype,
                    column,
                } => {
                    let child = store.doctype(doctype)?;
                    let field = child
                        .fields
                        .iter()
                        .find(|field| field.column == Some(*column))?;
                    field
                        .is_indexed()
                        .then(|| store.equal_in_child(&self.doctype.name, table, *column, value))
                }
                Source::Own(_) | Source::Linked { .. } => None,
            }
        })
    }

    fn is_indexed(&self, column: Column) -> bool {
        let mut fields = self.doctype.fields.iter();
        fields.any(|field| field.column == Some(column) && field.is_indexed())
    }

    fn child_tables(&self) -> Vec<&str> {
        let selected = self.select.iter().filter_map(Select::source);
        let filtered = self
            .filters
            .iter()
            .chain(&self.or_filters)
            .map(|filter| &filter.source);
        let mut tables: Vec<&str> = Vec::new();
        for source in selected.chain(filtered) {
            if let Source::Child { table, .. } = source
                && !tables.contains(&&**table)
            {
                tables.push(table);
            }
        }
        tables
    }

    fn admits(&self, joined: &Joined<'_>, store: &Store) -> bool {
        let all = self
            .filters
            .iter()
            .all(|filter| filter.holds(joined, store));
        let any = || {
            self.or_filters
                .iter()
                .any(|filter| filter.holds(joined, store))
        };
        all && (self.or_filters.is_empty() || any())
    }

    /// Orders, cuts and shows what was found.
    fn present(&self, mut found: Vec<Joined<'_>>, store: &Store) -> Value {
        if self.select.iter().any(Select::is_aggregate) {
            return self.present_groups(&found, store);
        }
        self.sort(&mut found, store);
        let mut rows = Vec::new();
        let wanted = self.limit.unwrap_or(usize::MAX);
        let mut skipped = 0;
        for joined in &found {
            if rows.len() >= wanted {
                break;
            }
            if !self.distinct && skipped < self.start {
                skipped += 1;
                continue;
            }
            let row = self.show(joined, store);
            if self.distinct && rows.contains(&row) {
                continue;
            }
            rows.push(row);
        }
        Value::Array(rows)
    }

    fn sort(&self, found: &mut Vec<Joined<'_>>, store: &Store) {
        let by_index = [Order {
            by: Source::Own(self.index()),
            descending: false,
        }];
        let order = match self.order.as_slice() {
            [] => &by_index,
            order => order,
        };
        let Some(first) = order.first() else { return };
        let mut keyed: Vec<(SortKey<'_>, Joined<'_>)> = found
            .drain(..)
            .map(|joined| (self.sort_key(&joined, &first.by, store), joined))
            .collect();
        // The other keys are seldom needed.
        let compare = |left: &(SortKey<'_>, Joined<'_>), right: &(SortKey<'_>, Joined<'_>)| {
            let directed = |order: &Order, ordering: Ordering| match order.descending {
                true => ordering.reverse(),
                false => ordering,
            };
            let rest = || {
                let mut rest = order.iter().skip(1).map(|order| {
                    let keys = [&left.1, &right.1].map(|row| self.sort_key(row, &order.by, store));
                    let [left, right] = keys;
                    directed(order, left.cmp(&right))
                });
                rest.find(|ordering| ordering.is_ne())
            };
            let ordering = directed(first, left.0.cmp(&right.0));
            ordering.then_with(|| rest().unwrap_or(Ordering::Equal))
        };
        let wanted = self.limit.map(|limit| self.start.saturating_add(limit));
        let wanted = wanted.filter(|wanted| !self.distinct && (1..keyed.len()).contains(wanted));
        if let Some(wanted) = wanted {
            keyed.select_nth_unstable_by(wanted - 1, compare);
            keyed.truncate(wanted);
        }
        keyed.sort_by(compare);
        found.extend(keyed.into_iter().map(|(_, joined)| joined));
    }

    /// The column in whose order rows come when nobody says.
    fn index(&self) -> Column {
        let named = self.select.iter().filter_map(Select::source);
        let mut named = named.chain(self.filters.iter().map(|filter| &filter.source));
        match named.all(|source| matches!(source, Source::Own(0 | meta::MODIFIED))) {
            true => meta::MODIFIED,
            false => 0,
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "counters and flags are far below 2^53"
    )]
    fn sort_key<'a>(&self, joined: &Joined<'a>, source: &Source, store: &'a Store) -> SortKey<'a> {
        if let Some(name) = joined.name(source, store) {
            let is_counted = *source == Source::Own(0) && self.doctype.has_integer_names();
            return match name.parse::<u64>() {
                Ok(number) if is_counted => SortKey::Number(number as f64),
                _ => SortKey::Text(collation::key(name)),
            };
        }
        match joined.cell(source, store) {
            Cell::Null => SortKey::Null,
            Cell::Int(number) => SortKey::Number(*number as f64),
            Cell::Float(number) => SortKey::Number(*number),
            Cell::Text(text) => match source {
                Source::Own(column) if self.doctype.kind(*column).is_temporal() => {
                    SortKey::Time(text)
                }
                _ => SortKey::Text(collation::key(text)),
            },
        }
    }

    fn show(&self, joined: &Joined<'_>, store: &Store) -> Value {
        let mut list = Vec::new();
        let mut object = Map::new();
        for select in &self.select {
            select.show(joined, &self.doctype, store, &mut |key, value| {
                if self.as_lists {
                    list.push(value);
                } else {
                    object.insert(key.to_owned(), value);
                }
            });
        }
        match self.as_lists {
            true => Value::Array(list),
            false => Value::Object(object),
        }
    }

    /// One row for each value of `group_by`, or one for everything.
    fn present_groups(&self, found: &[Joined<'_>], store: &Store) -> Value {
        let mut groups: Vec<(Option<SortKey<'_>>, Vec<&Joined<'_>>)> = Vec::new();
        match &self.group_by {
            None => groups.push((None, found.iter().collect())),
            Some(by) => {
                for joined in found {
                    let key = Some(self.sort_key(joined, by, store));
                    match groups.iter_mut().find(|(known, _)| *known == key) {
                        Some((_, members)) => members.push(joined),
                        None => groups.push((key, vec![joined])),
                    }
                }
                groups.sort_by(|left, right| left.0.cmp(&right.0));
            }
        }
        let rows = groups.into_iter().map(|(_, members)| {
            let mut list = Vec::new();
            let mut object = Map::new();
            for select in &self.select {
                select.aggregate(&members, &self.doctype, store, &mut |key, value| {
                    list.push(value.clone());
                    object.insert(key.to_owned(), value);
                });
            }
            match self.as_lists {
                true => Value::Array(list),
                false => Value::Object(object),
            }
        });
        let rows = rows.skip(self.start).take(self.limit.unwrap_or(usize::MAX));
        Value::Array(rows.collect())
    }
}

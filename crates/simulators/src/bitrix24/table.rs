//! All records of one kind, found by id, by the values of a field, and listed in pages.

mod plan;

use std::{collections::HashMap, ops::Range, sync::Arc};

use serde_json::{Map, Value};

use self::plan::Plan;
use super::{
    compare::{self, Key},
    fields::{Kind, Schema},
    filter::{Condition, Filter},
    phones,
    row::Row,
};

/// Records on a page.
pub(crate) const PAGE_ROWS: usize = 50;

/// So many sorted or filtered listings are remembered until a record changes, so that reading a long
/// listing page by page does not sort it anew for each.
const LISTINGS_MAX: usize = 16;

/// Listings that are drawn from fewer records are made anew each time.
const LISTING_ROWS_MIN: usize = 500;

/// All records of one kind, in the order of their ids.
#[derive(Debug)]
pub(crate) struct Table {
    schema: Schema,
    rows: Vec<Row>,
    next_id: u64,
    /// For fields that were asked for by value: which records carry which value. Built when first needed.
    indexes: HashMap<usize, HashMap<String, Vec<u64>>>,
    /// Which records carry which normalised phone. Built when first needed, forgotten at every change.
    phones: Option<HashMap<String, Vec<u64>>>,
    listings: Vec<(Query, Arc<[u32]>)>,
}

/// What to list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Query {
    pub filter: Filter,
    /// Fields and whether they descend; records that tie are in the order of their ids.
    pub order: Vec<(usize, Direction)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Direction {
    Ascending,
    Descending,
}

/// Where a page starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Start {
    At(usize),
    /// `start=-1`: the first page, and nothing is counted.
    Uncounted,
}

/// A page of a listing.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    pub rows: Vec<&'a Row>,
    /// Nought when nothing was counted.
    pub total: u64,
    pub next: Option<u64>,
}

impl Table {
    /// A table without records.
    pub(crate) fn new(schema: Schema) -> Self {
        Self {
            schema,
            rows: Vec::new(),
            next_id: 1,
            indexes: HashMap::new(),
            phones: None,
            listings: Vec::new(),
        }
    }

    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The id that the next new record gets.
    pub(crate) fn next_id(&self) -> u64 {
        self.next_id
    }

    /// Writes a record down under its id, in place of the one that was there.
    pub(crate) fn put(&mut self, id: u64, values: &Map<String, Value>) {
        let row = Row::new(&self.schema, id, values);
        self.forget();
        self.next_id = self.next_id.max(id.saturating_add(1));
        match self.position(id) {
            Ok(at) => {
                self.unindex(at);
                if let Some(place) = self.rows.get_mut(at) {
                    *place = row;
                }
                self.index(at);
            }
            Err(at) => {
                self.rows.insert(at, row);
                self.index(at);
            }
        }
    }

    /// Takes a record out; whether there was one.
    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let Ok(at) = self.position(id) else {
            return false;
        };
        self.forget();
        self.unindex(at);
        self.rows.remove(at);
        true
    }

    /// A record by its id.
    pub(crate) fn get(&self, id: u64) -> Option<&Row> {
        self.rows.get(self.position(id).ok()?)
    }

    fn position(&self, id: u64) -> Result<usize, usize> {
        // Ids without gaps, which is what most tables hold, need no search.
        if let Some(first) = self.rows.first()
            && let Some(at) = id
                .checked_sub(first.id)
                .and_then(|at| usize::try_from(at).ok())
            && self.rows.get(at).is_some_and(|row| row.id == id)
        {
            return Ok(at);
        }
        self.rows.binary_search_by_key(&id, |row| row.id)
    }

    /// A page of what the query selects.
    pub(crate) fn page(&mut self, query: &Query, start: Start) -> Page<'_> {
        let plan = Plan::of(self, query);
        if let Some(rows) = plan.plain_range() {
            return self.page_of_range(rows, plan.direction, start);
        }
        if start == Start::Uncounted && plan.is_in_order_of_ids {
            return self.first_matches(&plan, &query.filter);
        }
        let listing = self.listing(&plan, query);
        let (first, count) = match start {
            Start::Uncounted => (0, None),
            Start::At(first) => (first, Some(listing.len())),
        };
        let positions = listing.iter().skip(first).take(PAGE_ROWS);
        let rows = positions.filter_map(|at| self.rows.get(*at as usize));
        Page {
            rows: rows.collect(),
            total: count.unwrap_or_default() as u64,
            next: count.and_then(|count| next_start(first, count)),
        }
    }

    /// All records that the query selects, for methods without pages.
    pub(crate) fn all(&mut self, query: &Query) -> Vec<&Row> {
        let plan = Plan::of(self, query);
        let listing = self.listing(&plan, query);
        let rows = listing.iter();
        rows.filter_map(|at| self.rows.get(*at as usize)).collect()
    }

    /// Ids of the records that carry one of these normalised phones.
    pub(crate) fn find_by_phone(&mut self, numbers: &[String]) -> Vec<u64> {
        if self.phones.is_none() {
            self.phones = Some(self.read_phones());
        }
        let found = numbers
            .iter()
            .filter(|number| !number.is_empty())
            .filter_map(|number| self.phones.as_ref()?.get(number))
            .flatten();
        let mut ids: Vec<u64> = found.copied().collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    fn read_phones(&self) -> HashMap<String, Vec<u64>> {
        let mut phones: HashMap<String, Vec<u64>> = HashMap::new();
        let Some(field) = self.schema.find("PHONE") else {
            return phones;
        };
        for row in &self.rows {
            for key in compare::keys(Kind::Multifield, row.raw(field)) {
                if let Key::Text(text) = key {
                    phones
                        .entry(phones::normal(&text))
                        .or_default()
                        .push(row.id);
                }
            }
        }
        phones
    }

    /// Forgets what was worked out from records that are about to change.
    fn forget(&mut self) {
        self.listings.clear();
        self.phones = None;
    }

    fn page_of_range(&self, range: Range<usize>, direction: Direction, start: Start) -> Page<'_> {
        let count = range.len();
        let (first, counted) = match start {
            Start::Uncounted => (0, false),
            Start::At(first) => (first, true),
        };
        let rows = self.rows.get(range).unwrap_or_default().iter();
        let rows = match direction {
            Direction::Ascending => rows.skip(first).take(PAGE_ROWS).collect(),
            Direction::Descending => rows.rev().skip(first).take(PAGE_ROWS).collect(),
        };
        Page {
            rows,
            total: if counted { count as u64 } else { 0 },
            next: if counted {
                next_start(first, count)
            } else {
                None
            },
        }
    }

    fn first_matches(&self, plan: &Plan, filter: &Filter) -> Page<'_> {
        let matching = plan.candidates.iter(plan.direction);
        let rows = matching
            .filter_map(|at| self.rows.get(at))
            .filter(|row| filter.passes(row))
            .take(PAGE_ROWS);
        Page {
            rows: rows.collect(),
            total: 0,
            next: None,
        }
    }

    /// The positions of all matching records in the order asked for.
    fn listing(&mut self, plan: &Plan, query: &Query) -> Arc<[u32]> {
        if let Some((_, listing)) = self.listings.iter().find(|(known, _)| known == query) {
            return Arc::clone(listing);
        }
        let direction = match plan.is_in_order_of_ids {
            true => plan.direction,
            false => Direction::Ascending,
        };
        let mut positions: Vec<u32> = plan
            .candidates
            .iter(direction)
            .filter(|at| {
                let row = self.rows.get(*at);
                row.is_some_and(|row| query.filter.passes(row))
            })
            .filter_map(|at| u32::try_from(at).ok())
            .collect();
        if !plan.is_in_order_of_ids {
            positions = self.sorted(positions, &query.order);
        }
        let listing: Arc<[u32]> = positions.into();
        if plan.candidates.len() >= LISTING_ROWS_MIN {
            if self.listings.len() >= LISTINGS_MAX {
                self.listings.remove(0);
            }
            self.listings.push((query.clone(), Arc::clone(&listing)));
        }
        listing
    }

    fn sorted(&self, positions: Vec<u32>, order: &[(usize, Direction)]) -> Vec<u32> {
        let keyed = |at: u32| {
            let row = self.rows.get(at as usize);
            let keys = order.iter().map(|(field, _)| {
                let kind = self.schema.field(*field)?.kind;
                compare::keys(kind, row?.raw(*field)).into_iter().next()
            });
            (keys.collect::<Vec<_>>(), at)
        };
        let mut rows: Vec<(Vec<Option<Key>>, u32)> = positions.into_iter().map(keyed).collect();
        rows.sort_by(|(a, at), (b, bt)| {
            let pairs = a.iter().zip(b).zip(order);
            pairs
                .map(|((a, b), (_, direction))| {
                    let (Some(a), Some(b)) = (a, b) else {
                        return std::cmp::Ordering::Equal;
                    };
                    match direction {
                        Direction::Ascending => a.sorting(b),
                        Direction::Descending => b.sorting(a),
                    }
                })
                .find(|order| order.is_ne())
                .unwrap_or_else(|| at.cmp(bt))
        });
        rows.into_iter().map(|(_, at)| at).collect()
    }

    /// Positions of the records whose field has one of these values, in the order of their ids.
    fn find_by_value(&mut self, condition: &Condition, wanted: &[Key]) -> Vec<usize> {
        if !self.indexes.contains_key(&condition.field) {
            let mut index: HashMap<String, Vec<u64>> = HashMap::new();
            for row in &self.rows {
                for key in compare::keys(condition.kind, row.raw(condition.field)) {
                    index.entry(index_text(&key)).or_default().push(row.id);
                }
            }
            self.indexes.insert(condition.field, index);
        }
        let index = self.indexes.get(&condition.field);
        let ids = wanted
            .iter()
            .filter_map(|key| index?.get(&index_text(key)))
            .flatten();
        let mut positions: Vec<usize> = ids.filter_map(|id| self.position(*id).ok()).collect();
        positions.sort_unstable();
        positions.dedup();
        positions
    }

    fn index(&mut self, at: usize) {
        self.update_indexes(at, |ids, id| ids.push(id));
    }

    fn unindex(&mut self, at: usize) {
        self.update_indexes(at, |ids, id| ids.retain(|known| *known != id));
    }

    fn update_indexes(&mut self, at: usize, change: fn(&mut Vec<u64>, u64)) {
        let Some(row) = self.rows.get(at) else {
            return;
        };
        for (field, index) in &mut self.indexes {
            let Some(kind) = self.schema.field(*field).map(|field| field.kind) else {
                continue;
            };
            for key in compare::keys(kind, row.raw(*field)) {
                change(index.entry(index_text(&key)).or_default(), row.id);
            }
        }
    }
}

fn next_start(first: usize, count: usize) -> Option<u64> {
    let next = first.saturating_add(PAGE_ROWS);
    (next < count).then_some(next as u64)
}

fn index_text(key: &Key) -> String {
    match key {
        Key::Empty => String::new(),
        Key::Number(number) => number.to_string(),
        Key::Text(text) => format!("={text}"),
    }
}

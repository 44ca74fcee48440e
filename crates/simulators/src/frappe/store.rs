//! The site's database: tables of rows with indexes, singles, counters, secrets, and a way back.
//!
//! Every change is written down with what was there before, until [`Store::commit`] or
//! [`Store::roll_back`]. Names are found as the collation finds them.
//!
//! Not here: rights, checks, and whatever a DocType's controller does.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use super::{
    cell::Cell,
    collation,
    meta::{Column, DocType},
};

/// One document, or one row of a child table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub name: Box<str>,
    /// The cells that are not null, by column.
    cells: Vec<(Column, Cell)>,
    /// The rows of each child table, by field.
    pub tables: Vec<(Box<str>, Vec<Row>)>,
}

static NULL: Cell = Cell::Null;

impl Row {
    pub(crate) fn named(name: impl Into<Box<str>>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    pub(crate) fn get(&self, column: Column) -> &Cell {
        let place = self.cells.binary_search_by_key(&column, |(at, _)| *at);
        place
            .ok()
            .and_then(|place| self.cells.get(place))
            .map_or(&NULL, |(_, cell)| cell)
    }

    pub(crate) fn text(&self, column: Column) -> &str {
        self.get(column).as_str()
    }

    pub(crate) fn set(&mut self, column: Column, cell: Cell) {
        match self.cells.binary_search_by_key(&column, |(at, _)| *at) {
            Ok(place) if cell == Cell::Null => {
                self.cells.remove(place);
            }
            Ok(place) => {
                if let Some(slot) = self.cells.get_mut(place) {
                    slot.1 = cell;
                }
            }
            Err(_) if cell == Cell::Null => {}
            Err(place) => self.cells.insert(place, (column, cell)),
        }
    }

    /// The rows of a child table; none when the table is empty.
    pub(crate) fn table(&self, field: &str) -> &[Self] {
        let table = self.tables.iter().find(|(name, _)| &**name == field);
        table.map_or(&[], |(_, rows)| rows)
    }
}

/// A row's place in its table.
type Slot = usize;

/// Which values an index holds.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Path {
    Own(Column),
    /// Field of the table, then the column of its rows.
    Child(Box<str>, Column),
}

#[derive(Clone, Debug, Default)]
struct Table {
    rows: Vec<Option<Arc<Row>>>,
    by_name: HashMap<Box<str>, Slot>,
    indexes: HashMap<Path, HashMap<Box<str>, BTreeSet<Slot>>>,
}

/// Where a secret lies: DocType, document, field.
pub(crate) type SecretPath = (Box<str>, Box<str>, Box<str>);

#[derive(Clone)]
enum Undo {
    Row(Arc<str>, Slot, Option<Arc<Row>>),
    Single(Arc<str>, Option<Arc<Row>>),
    Series(Box<str>, Option<u64>),
    Secret(SecretPath, Option<Box<str>>),
    DocType(Arc<str>, Option<Arc<DocType>>),
}

/// Why the database refuses a row.
#[derive(Debug, PartialEq)]
pub(crate) enum Clash {
    /// Another row has that name.
    Name,
    /// Another row has that value in a field that must be unique.
    Field(Box<str>),
}

/// Everything that the site remembers about its documents.
#[derive(Clone, Default)]
pub(crate) struct Store {
    doctypes: HashMap<Arc<str>, Arc<DocType>>,
    tables: HashMap<Arc<str>, Table>,
    singles: HashMap<Arc<str>, Arc<Row>>,
    series: HashMap<Box<str>, u64>,
    secrets: HashMap<SecretPath, Box<str>>,
    undo: Vec<Undo>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Neither documents nor secrets.
        write!(f, "Store of {} DocTypes", self.doctypes.len())
    }
}

impl Store {
    // DocTypes

    /// The DocType of that name, as the collation finds it.
    pub(crate) fn doctype(&self, name: &str) -> Option<&Arc<DocType>> {
        self.doctypes.get(name)
    }

    pub(crate) fn doctypes(&self) -> impl Iterator<Item = &Arc<DocType>> {
        self.doctypes.values()
    }

    /// Adds a DocType, or replaces it and indexes its rows anew.
    pub(crate) fn put_doctype(&mut self, doctype: DocType) {
        let name: Arc<str> = (&*doctype.name).into();
        let before = self.doctypes.insert(Arc::clone(&name), Arc::new(doctype));
        self.undo.push(Undo::DocType(Arc::clone(&name), before));
        self.reindex(&name);
    }

    pub(crate) fn remove_doctype(&mut self, name: &str) {
        if let Some((name, before)) = self.doctypes.remove_entry(name) {
            self.undo.push(Undo::DocType(name, Some(before)));
        }
    }

    // Rows

    /// The document of that name.
    pub(crate) fn row(&self, doctype: &str, name: &str) -> Option<&Arc<Row>> {
        let table = self.tables.get(doctype)?;
        let key = self.name_key(doctype, name)?;
        table.rows.get(*table.by_name.get(&key)?)?.as_ref()
    }

    /// All documents of a DocType, in the order in which they were inserted.
    pub(crate) fn rows(&self, doctype: &str) -> impl Iterator<Item = &Arc<Row>> {
        let table = self.tables.get(doctype);
        table
            .into_iter()
            .flat_map(|table| table.rows.iter().flatten())
    }

    pub(crate) fn count(&self, doctype: &str) -> usize {
        self.tables
            .get(doctype)
            .map_or(0, |table| table.by_name.len())
    }

    /// The documents whose column equals `value`, quickly where there is an index.
    pub(crate) fn equal<'a>(
        &'a self,
        doctype: &str,
        column: Column,
        value: &str,
    ) -> Vec<&'a Arc<Row>> {
        match self.indexed(doctype, &Path::Own(column), value) {
            Some(rows) => rows,
            None => self
                .rows(doctype)
                .filter(|row| collation::equal(row.text(column), value))
                .collect(),
        }
    }

    /// The documents that have a child row whose column equals `value`.
    pub(crate) fn equal_in_child<'a>(
        &'a self,
        doctype: &str,
        field: &str,
        column: Column,
        value: &str,
    ) -> Vec<&'a Arc<Row>> {
        match self.indexed(doctype, &Path::Child(field.into(), column), value) {
            Some(rows) => rows,
            None => self
                .rows(doctype)
                .filter(|row| {
                    let mut rows = row.table(field).iter();
                    rows.any(|child| collation::equal(child.text(column), value))
                })
                .collect(),
        }
    }

    fn indexed<'a>(&'a self, doctype: &str, path: &Path, value: &str) -> Option<Vec<&'a Arc<Row>>> {
        let table = self.tables.get(doctype)?;
        let index = table.indexes.get(path)?;
        let Some(slots) = index.get(&collation::key(value)) else {
            return Some(Vec::new());
        };
        let rows = slots
            .iter()
            .filter_map(|slot| table.rows.get(*slot)?.as_ref());
        Some(rows.collect())
    }

    /// Inserts a new row.
    pub(crate) fn insert(&mut self, doctype: &str, row: Row) -> Result<(), Clash> {
        let key = self.name_key(doctype, &row.name).ok_or(Clash::Name)?;
        let table = self.tables.entry(doctype.into()).or_default();
        if table.by_name.contains_key(&key) {
            return Err(Clash::Name);
        }
        self.check_unique(doctype, &row, None)?;
        let slot = self.tables.get(doctype).map_or(0, |table| table.rows.len());
        self.write(&Arc::from(doctype), slot, Some(Arc::new(row)));
        Ok(())
    }

    /// Replaces the row of the same name.
    pub(crate) fn replace(&mut self, doctype: &str, row: Row) -> Result<(), Clash> {
        let Some(slot) = self.slot(doctype, &row.name) else {
            return self.insert(doctype, row);
        };
        self.check_unique(doctype, &row, Some(slot))?;
        self.write(&Arc::from(doctype), slot, Some(Arc::new(row)));
        Ok(())
    }

    /// Gives the row `before` the name and content of `row`.
    pub(crate) fn rename(&mut self, doctype: &str, before: &str, row: Row) -> Result<(), Clash> {
        let slot = self.slot(doctype, before);
        if self
            .slot(doctype, &row.name)
            .is_some_and(|other| Some(other) != slot)
        {
            return Err(Clash::Name);
        }
        if let Some(slot) = slot {
            self.write(&Arc::from(doctype), slot, Some(Arc::new(row)));
        }
        Ok(())
    }

    /// Removes a row; nothing happens when there is none.
    pub(crate) fn remove(&mut self, doctype: &str, name: &str) {
        if let Some(slot) = self.slot(doctype, name) {
            self.write(&Arc::from(doctype), slot, None);
        }
    }

    fn slot(&self, doctype: &str, name: &str) -> Option<Slot> {
        let key = self.name_key(doctype, name)?;
        self.tables.get(doctype)?.by_name.get(&key).copied()
    }

    /// What a name is looked up by: integer names are numbers, all others compare as text.
    fn name_key(&self, doctype: &str, name: &str) -> Option<Box<str>> {
        let integers = self
            .doctypes
            .get(doctype)
            .is_some_and(|doctype| doctype.has_integer_names());
        if !integers {
            return Some(collation::key(name));
        }
        // MariaDB compares an integer with the number that a text begins with.
        let name = name.trim_start();
        let digits = name.find(|letter: char| !letter.is_ascii_digit());
        let number: u64 = name.get(..digits.unwrap_or(name.len()))?.parse().ok()?;
        Some(number.to_string().into())
    }

    fn check_unique(&self, doctype: &str, row: &Row, own: Option<Slot>) -> Result<(), Clash> {
        let (Some(meta), Some(table)) = (self.doctypes.get(doctype), self.tables.get(doctype))
        else {
            return Ok(());
        };
        for field in meta.fields.iter().filter(|field| field.unique) {
            let Some(column) = field.column else { continue };
            let Some(value) = index_key(row.get(column)) else {
                continue;
            };
            let index = table.indexes.get(&Path::Own(column));
            let taken = index.and_then(|index| index.get(&value));
            if taken.is_some_and(|slots| slots.iter().any(|slot| Some(*slot) != own)) {
                return Err(Clash::Field(field.name.clone()));
            }
        }
        Ok(())
    }

    fn write(&mut self, doctype: &Arc<str>, slot: Slot, row: Option<Arc<Row>>) {
        let before = self.place(doctype, slot, row);
        self.undo.push(Undo::Row(Arc::clone(doctype), slot, before));
    }

    /// Puts a row into its slot and into the indexes; answers what was there.
    fn place(&mut self, doctype: &Arc<str>, slot: Slot, row: Option<Arc<Row>>) -> Option<Arc<Row>> {
        let key_of = |store: &Self, row: &Row| store.name_key(doctype, &row.name);
        let new_key = row.as_ref().and_then(|row| key_of(self, row));
        let current = self
            .tables
            .get(doctype)
            .and_then(|table| table.rows.get(slot)?.clone());
        let old_key = current.as_ref().and_then(|row| key_of(self, row));
        let table = self.tables.entry(Arc::clone(doctype)).or_default();
        if table.rows.len() <= slot {
            table.rows.resize(slot + 1, None);
        }
        if old_key != new_key {
            if let Some(key) = old_key {
                table.by_name.remove(&key);
            }
            if let Some(key) = new_key {
                table.by_name.insert(key, slot);
            }
        }
        for (path, index) in &mut table.indexes {
            let old = current
                .as_ref()
                .map(|row| values(row, path))
                .unwrap_or_default();
            let new = row
                .as_ref()
                .map(|row| values(row, path))
                .unwrap_or_default();
            for value in old.iter().filter(|value| !new.contains(value)) {
                if let Some(slots) = index.get_mut(value) {
                    slots.remove(&slot);
                    if slots.is_empty() {
                        index.remove(value);
                    }
                }
            }
            for value in new.into_iter().filter(|value| !old.contains(value)) {
                index.entry(value).or_default().insert(slot);
            }
        }
        if let Some(place) = table.rows.get_mut(slot) {
            *place = row;
        }
        current
    }

    fn reindex(&mut self, doctype: &str) {
        let Some(meta) = self.doctypes.get(doctype) else {
            return;
        };
        let mut paths: Vec<Path> = Vec::new();
        let own = meta.fields.iter().filter(|field| field.is_indexed());
        paths.extend(own.filter_map(|field| field.column).map(Path::Own));
        for (field, child) in meta.tables() {
            let Some(child) = self.doctypes.get(child) else {
                continue;
            };
            let indexed = child.fields.iter().filter(|field| field.is_indexed());
            let columns = indexed.filter_map(|field| field.column);
            paths.extend(columns.map(|column| Path::Child(field.name.clone(), column)));
        }
        let table = self.tables.entry(doctype.into()).or_default();
        table.indexes.retain(|path, _| paths.contains(path));
        for path in paths {
            if table.indexes.contains_key(&path) {
                continue;
            }
            let mut index: HashMap<Box<str>, BTreeSet<Slot>> = HashMap::new();
            for (slot, row) in table.rows.iter().enumerate() {
                let Some(row) = row else { continue };
                for value in values(row, &path) {
                    index.entry(value).or_default().insert(slot);
                }
            }
            table.indexes.insert(path, index);
        }
    }

    // Singles, counters, secrets

    /// The one document of a single DocType, once it was written.
    pub(crate) fn single(&self, doctype: &str) -> Option<&Arc<Row>> {
        self.singles.get(doctype)
    }

    pub(crate) fn put_single(&mut self, doctype: &str, row: Row) {
        let doctype: Arc<str> = doctype.into();
        let before = self.singles.insert(Arc::clone(&doctype), Arc::new(row));
        self.undo.push(Undo::Single(doctype, before));
    }

    /// The next number of a counter, from 1.
    pub(crate) fn next_in_series(&mut self, series: &str) -> u64 {
        let before = self.series.get(series).copied();
        let next = before.unwrap_or_default() + 1;
        self.series.insert(series.into(), next);
        self.undo.push(Undo::Series(series.into(), before));
        next
    }

    /// Makes a counter go on behind `last`.
    pub(crate) fn raise_series(&mut self, series: &str, last: u64) {
        let before = self.series.get(series).copied();
        self.series
            .insert(series.into(), before.unwrap_or_default().max(last));
        self.undo.push(Undo::Series(series.into(), before));
    }

    pub(crate) fn secret(&self, path: &SecretPath) -> Option<&str> {
        self.secrets.get(path).map(|secret| &**secret)
    }

    pub(crate) fn secrets(&self) -> impl Iterator<Item = (&SecretPath, &str)> {
        self.secrets.iter().map(|(path, secret)| (path, &**secret))
    }

    pub(crate) fn put_secret(&mut self, path: SecretPath, secret: Option<&str>) {
        let before = match secret {
            Some(secret) => self.secrets.insert(path.clone(), secret.into()),
            None => self.secrets.remove(&path),
        };
        self.undo.push(Undo::Secret(path, before));
    }

    // Transactions

    /// Makes everything since the last commit permanent.
    pub(crate) fn commit(&mut self) {
        self.undo.clear();
    }

    /// Undoes everything since the last commit. A counter of integer names stays where it is, as
    /// `MariaDB`'s own counters do.
    pub(crate) fn roll_back(&mut self) {
        while let Some(undo) = self.undo.pop() {
            match undo {
                Undo::Row(doctype, slot, before) => {
                    self.place(&doctype, slot, before);
                }
                Undo::Single(doctype, before) => restore(&mut self.singles, doctype, before),
                Undo::Series(series, before) => {
                    let stays = self
                        .doctypes
                        .get(&*series)
                        .is_some_and(|doctype| doctype.has_integer_names());
                    if !stays {
                        restore(&mut self.series, series, before);
                    }
                }
                Undo::Secret(path, before) => restore(&mut self.secrets, path, before),
                Undo::DocType(name, before) => {
                    restore(&mut self.doctypes, Arc::clone(&name), before);
                    self.reindex(&name);
                }
            }
        }
    }
}

fn restore<K: Eq + std::hash::Hash, V>(map: &mut HashMap<K, V>, key: K, before: Option<V>) {
    match before {
        Some(before) => map.insert(key, before),
        None => map.remove(&key),
    };
}

/// The keys under which an index finds a row.
fn values(row: &Row, path: &Path) -> Vec<Box<str>> {
    match path {
        Path::Own(column) => index_key(row.get(*column)).into_iter().collect(),
        Path::Child(field, column) => {
            let rows = row.table(field).iter();
            rows.filter_map(|child| index_key(child.get(*column)))
                .collect()
        }
    }
}

fn index_key(cell: &Cell) -> Option<Box<str>> {
    match cell {
        Cell::Null => None,
        Cell::Text(text) => Some(collation::key(text)),
        Cell::Int(number) => Some(number.to_string().into()),
        Cell::Float(number) => Some(number.to_string().into()),
    }
}

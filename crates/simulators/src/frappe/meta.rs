//! What the site knows about its DocTypes: fields, columns, naming, rights.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::cell::{self, Kind};

/// A column that every table has, with its kind.
pub(crate) const STANDARD_COLUMNS: [(&str, Kind); 15] = [
    ("name", Kind::Data),
    ("owner", Kind::Link),
    ("creation", Kind::Datetime),
    ("modified", Kind::Datetime),
    ("modified_by", Kind::Link),
    ("docstatus", Kind::Int),
    ("idx", Kind::Int),
    ("parent", Kind::Data),
    ("parentfield", Kind::Data),
    ("parenttype", Kind::Data),
    ("_user_tags", Kind::Long),
    ("_comments", Kind::Long),
    ("_assign", Kind::Long),
    ("_liked_by", Kind::Long),
    ("_seen", Kind::Long),
];

/// The place of a column in every row of its table; it never changes.
pub(crate) type Column = u16;

pub(crate) const OWNER: Column = 1;
pub(crate) const CREATION: Column = 2;
pub(crate) const MODIFIED: Column = 3;
pub(crate) const MODIFIED_BY: Column = 4;
pub(crate) const IDX: Column = 6;
pub(crate) const ASSIGN: Column = 12;
pub(crate) const SEEN: Column = 14;

/// Something a role may do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Right {
    Read,
    Write,
    Create,
    Delete,
}

impl Right {
    pub(crate) const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Create, Self::Delete];

    /// The name in messages and in `DocPerm`'s columns.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Create => "create",
            Self::Delete => "delete",
        }
    }

    /// The right of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.name() == name)
    }
}

/// One row of a DocType's permissions.
#[derive(Clone, Debug)]
pub(crate) struct Permission {
    pub role: Box<str>,
    pub rights: Vec<Right>,
    /// Holds for documents that the user owns only.
    pub if_owner: bool,
}

/// How new documents are named.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Naming {
    /// Ten random characters.
    Hash,
    /// The value of a field.
    Field(Box<str>),
    /// The name that the client sends.
    Prompt,
    /// A counter, padded with zeros to so many digits.
    Series(usize),
    /// The database's own counter: integer names.
    Autoincrement,
    /// A text with `{field}` in it.
    Format(Box<str>),
    /// The DocType's controller decides.
    Controller,
}

impl Naming {
    fn parse(autoname: &str) -> Self {
        if let Some(field) = autoname.strip_prefix("field:") {
            return Self::Field(field.into());
        }
        if let Some(format) = autoname.strip_prefix("format:") {
            return Self::Format(format.into());
        }
        match autoname.to_lowercase().as_str() {
            "prompt" => Self::Prompt,
            "autoincrement" => Self::Autoincrement,
            "controller" => Self::Controller,
            _ if autoname.starts_with(".#") => {
                Self::Series(autoname.chars().filter(|letter| *letter == '#').count())
            }
            _ if autoname.contains('{') => Self::Format(autoname.into()),
            _ => Self::Hash,
        }
    }
}

/// One field of a DocType.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub name: Box<str>,
    pub label: Box<str>,
    pub kind: Kind,
    /// The target DocType, the choices, or the sort of text, by kind.
    pub options: Box<str>,
    pub default: Option<Box<str>>,
    pub reqd: bool,
    pub unique: bool,
    /// Where its value lies in a row; `None` for what is not stored there.
    pub column: Option<Column>,
    /// Everything that the definition says, as in `DocField` or Custom Field.
    pub attributes: Map<String, Value>,
}

impl Field {
    fn parse(attributes: Map<String, Value>) -> Self {
        let text = |key: &str| -> Box<str> {
            attributes
                .get(key)
                .map(cell::text)
                .unwrap_or_default()
                .into()
        };
        let flag = |key: &str| {
            attributes
                .get(key)
                .is_some_and(|value| cell::int(value) != 0)
        };
        Self {
            name: text("fieldname"),
            label: text("label"),
            kind: Kind::of(&text("fieldtype")),
            options: text("options"),
            default: Some(text("default")).filter(|default| !default.is_empty()),
            reqd: flag("reqd"),
            unique: flag("unique"),
            column: None,
            attributes,
        }
    }

    /// Whether a flag of the definition is set.
    pub(crate) fn is(&self, flag: &str) -> bool {
        self.attributes
            .get(flag)
            .is_some_and(|value| cell::int(value) != 0)
    }

    /// The link field and the field behind it that this one is fetched from.
    pub(crate) fn fetched_from(&self) -> Option<(&str, &str)> {
        self.attributes.get("fetch_from")?.as_str()?.split_once('.')
    }

    /// The longest text, in characters, that the column takes.
    pub(crate) fn chars_max(&self) -> Option<usize> {
        let length = self.attributes.get("length").map_or(0, cell::int);
        match self.kind {
            Kind::Data | Kind::Link | Kind::DynamicLink | Kind::Select => Some(
                usize::try_from(length)
                    .ok()
                    .filter(|length| *length > 0)
                    .unwrap_or(140),
            ),
            _ => None,
        }
    }

    /// Whether equal values are looked for so often that they are kept in an index.
    pub(crate) fn is_indexed(&self) -> bool {
        self.unique
            || matches!(self.kind, Kind::Link | Kind::DynamicLink)
            || self.is("search_index")
    }
}

/// A DocType as the site uses it: its own fields, the custom ones, the properties set.
#[derive(Clone, Debug)]
pub(crate) struct DocType {
    pub name: Box<str>,
    pub naming: Naming,
    /// One document, stored as key and value.
    pub is_single: bool,
    /// Rows of another document.
    pub is_child: bool,
    pub fields: Vec<Field>,
    pub permissions: Vec<Permission>,
    /// Everything else that the definition says, as in DocType.
    pub attributes: Map<String, Value>,
    columns: Vec<(Box<str>, Kind)>,
    by_name: HashMap<Box<str>, Column>,
}

impl DocType {
    /// Builds a DocType from its document: `fields` and `permissions` are lists of objects.
    ///
    /// Columns keep the places that they had in `before`, so that stored rows stay readable.
    pub(crate) fn parse(mut document: Map<String, Value>, before: Option<&Self>) -> Self {
        let rows = |value: Option<Value>| -> Vec<Map<String, Value>> {
            let Some(Value::Array(rows)) = value else {
                return Vec::new();
            };
            let objects = rows.into_iter().filter_map(|row| match row {
                Value::Object(row) => Some(row),
                _ => None,
            });
            objects.collect()
        };
        let fields = rows(document.remove("fields"));
        let permissions = rows(document.remove("permissions"));
        let text = |key: &str| document.get(key).map(cell::text).unwrap_or_default();
        let flag = |key: &str| document.get(key).is_some_and(|value| cell::int(value) != 0);
        let mut doctype = Self {
            name: text("name").into(),
            naming: Naming::parse(&text("autoname")),
            is_single: flag("issingle"),
            is_child: flag("istable"),
            fields: fields.into_iter().map(Field::parse).collect(),
            permissions: permissions.iter().map(permission).collect(),
            attributes: document,
            columns: Vec::new(),
            by_name: HashMap::new(),
        };
        match before {
            Some(before) => doctype.columns.clone_from(&before.columns),
            None => {
                doctype.columns = STANDARD_COLUMNS
                    .map(|(name, kind)| (name.into(), kind))
                    .to_vec();
            }
        }
        doctype.place_columns();
        doctype
    }

    fn place_columns(&mut self) {
        for (place, (name, _)) in (0..).zip(&self.columns) {
            if let Ok(place) = Column::try_from(place) {
                self.by_name.insert(name.clone(), place);
            }
        }
        for field in &mut self.fields {
            if !field.kind.is_stored() {
                continue;
            }
            let place = self.by_name.get(&field.name).copied();
            field.column = place.or_else(|| {
                let place = Column::try_from(self.columns.len()).ok()?;
                self.columns.push((field.name.clone(), field.kind));
                self.by_name.insert(field.name.clone(), place);
                Some(place)
            });
        }
        // A column whose field is gone is still there, but nobody may ask for it.
        let kept: Vec<&str> = self.fields.iter().map(|field| &*field.name).collect();
        self.by_name.retain(|name, place| {
            usize::from(*place) < STANDARD_COLUMNS.len() || kept.contains(&&**name)
        });
    }

    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| &*field.name == name)
    }

    /// The place of a column that queries may name.
    pub(crate) fn column(&self, name: &str) -> Option<Column> {
        self.by_name.get(name).copied()
    }

    /// The kind of a column.
    pub(crate) fn kind(&self, column: Column) -> Kind {
        self.columns
            .get(usize::from(column))
            .map_or(Kind::Data, |(_, kind)| *kind)
    }

    /// Whether a flag of the definition is set.
    pub(crate) fn is(&self, flag: &str) -> bool {
        self.attributes
            .get(flag)
            .is_some_and(|value| cell::int(value) != 0)
    }

    /// The fields that hold child rows, with the DocType of the rows.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (&Field, &str)> {
        let tables = self.fields.iter().filter(|field| field.kind == Kind::Table);
        tables.map(|field| (field, &*field.options))
    }

    /// Whether documents have integer names.
    pub(crate) fn has_integer_names(&self) -> bool {
        self.naming == Naming::Autoincrement
    }
}

fn permission(row: &Map<String, Value>) -> Permission {
    let flag = |key: &str| row.get(key).is_some_and(|value| cell::int(value) != 0);
    Permission {
        role: row.get("role").map(cell::text).unwrap_or_default().into(),
        rights: Right::ALL
            .into_iter()
            .filter(|right| flag(right.name()))
            .collect(),
        if_owner: flag("if_owner"),
    }
}

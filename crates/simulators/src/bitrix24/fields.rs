//! Which fields a kind of record has, what they hold, and what each interface calls them.

pub(crate) mod names;
pub(crate) mod system;

use std::collections::HashMap;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Integer,
    Double,
    /// `Y` or `N`
    Flag,
    Text,
    /// A code of the named directory of statuses.
    Status(&'static str),
    User,
    Company,
    Contact,
    Lead,
    Category,
    Currency,
    Date,
    DateTime,
    /// Phones, e-mails, sites: rows of `{ID, VALUE_TYPE, VALUE, TYPE_ID}`.
    Multifield,
    /// A truth value of a user field: `true`, `"1"`, `"Y"` and their opposites.
    Boolean,
    /// An option of a user field's list, by number.
    Enumeration,
    File,
    /// Anything else; returned as it is and never compared.
    Opaque,
}

impl Kind {
    /// The kind as the `fields` methods name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Double => "double",
            Self::Flag => "char",
            Self::Text | Self::Opaque => "string",
            Self::Status(_) => "crm_status",
            Self::User => "user",
            Self::Company => "crm_company",
            Self::Contact => "crm_contact",
            Self::Lead => "crm_lead",
            Self::Category => "crm_category",
            Self::Currency => "crm_currency",
            Self::Date => "date",
            Self::DateTime => "datetime",
            Self::Multifield => "crm_multifield",
            Self::Boolean => "boolean",
            Self::Enumeration => "enumeration",
            Self::File => "file",
        }
    }

    /// The kind of a user field by its `USER_TYPE_ID`.
    pub(crate) fn of_user_type(user_type_id: &str) -> Self {
        match user_type_id {
            "integer" | "employee" | "crm" | "iblock_element" => Self::Integer,
            "double" => Self::Double,
            "boolean" => Self::Boolean,
            "date" => Self::Date,
            "datetime" => Self::DateTime,
            "enumeration" => Self::Enumeration,
            "file" => Self::File,
            _ => Self::Text,
        }
    }

    /// Whether values are numbers: counted, compared and (by `crm.item.*`) written as such.
    pub(crate) fn is_number(self) -> bool {
        matches!(
            self,
            Self::Integer
                | Self::Double
                | Self::User
                | Self::Company
                | Self::Contact
                | Self::Lead
                | Self::Category
        )
    }

    /// Whether `%` works on the field; on directories, links and multifields it does not.
    pub(crate) fn is_searchable(self) -> bool {
        matches!(self, Self::Text | Self::Date | Self::DateTime)
    }
}

/// Who may change a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Access {
    Write,
    ReadOnly,
    /// Only `add` sets it.
    Immutable,
}

/// Which selection brings a field.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) enum Place {
    /// `*`
    System,
    /// `UF_*`
    User,
    /// Only its name: multifields and lists of values.
    ByName,
}

/// One field of a kind of record.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// The name in the older methods, `ASSIGNED_BY_ID`.
    pub name: String,
    /// The name in `crm.item.*`, `assignedById`; for user fields the converted one; empty for
    /// multifields, which have none there.
    pub item_name: String,
    pub kind: Kind,
    pub place: Place,
    pub access: Access,
    pub is_required: bool,
    pub is_multiple: bool,
    pub title: String,
    /// The number of the user field that declares it; `None` for system fields.
    pub user_field_id: Option<u64>,
}

impl Field {
    /// A system field, as the tables of [`system`] spell it.
    fn of_system(declared: &system::System) -> Self {
        let by_name = declared.is_multiple || declared.kind == Kind::Multifield;
        Self {
            name: declared.name.to_owned(),
            item_name: declared.item_name.to_owned(),
            kind: declared.kind,
            place: if by_name {
                Place::ByName
            } else {
                Place::System
            },
            access: declared.access,
            is_required: declared.is_required,
            is_multiple: by_name,
            title: declared.title.to_owned(),
            user_field_id: None,
        }
    }

    /// A user field.
    pub(crate) fn of_user(name: &str, kind: Kind, is_multiple: bool, id: Option<u64>) -> Self {
        Self {
            name: name.to_owned(),
            item_name: names::user_field_in_items(name),
            kind,
            place: if is_multiple {
                Place::ByName
            } else {
                Place::User
            },
            access: Access::Write,
            is_required: false,
            is_multiple,
            title: name.to_owned(),
            user_field_id: id,
        }
    }
}

/// What a record answers for a field that it has no value for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Missing {
    Null,
    Omitted,
}

/// All fields of a kind of record, in the order in which records are written: system fields, user
/// fields, then what only comes by name.
#[derive(Clone, Debug)]
pub(crate) struct Schema {
    fields: Vec<Field>,
    by_name: HashMap<String, usize>,
    by_item_name: HashMap<String, usize>,
    pub missing: Missing,
    /// How many fields `*` brings.
    pub system_count: usize,
    /// How many fields `*` and `UF_*` bring together.
    pub default_count: usize,
}

impl Schema {
    /// The system fields of a table of [`system`] and these user fields.
    pub(crate) fn new(
        declared: &[system::System],
        user_fields: Vec<Field>,
        missing: Missing,
    ) -> Self {
        let mut fields: Vec<Field> = declared.iter().map(Field::of_system).collect();
        fields.extend(user_fields);
        fields.sort_by(|a, b| {
            let place = |field: &Field| match field.place {
                Place::System => 0,
                Place::User => 1,
                Place::ByName => 2,
            };
            place(a).cmp(&place(b))
        });
        let count = |last: Place| fields.iter().filter(|field| field.place <= last).count();
        let index = |name: fn(&Field) -> &String| {
            let pairs = fields.iter().enumerate();
            pairs
                .map(|(at, field)| (name(field).clone(), at))
                .filter(|(name, _)| !name.is_empty())
                .collect()
        };
        Self {
            by_name: index(|field| &field.name),
            by_item_name: index(|field| &field.item_name),
            missing,
            system_count: count(Place::System),
            default_count: count(Place::User),
            fields,
        }
    }

    /// All fields with their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &Field)> {
        self.fields.iter().enumerate()
    }

    /// How many fields there are.
    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    /// A field by its number.
    pub(crate) fn field(&self, number: usize) -> Option<&Field> {
        self.fields.get(number)
    }

    /// A field by its name in the older methods.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// A field by its name in `crm.item.*`. User fields answer to both of their names, and so does the
    /// id: clients that sort every list by `ID` are known to work.
    pub(crate) fn find_item(&self, name: &str) -> Option<usize> {
        let has_both_names = name == "ID" || name.starts_with("UF_");
        let original = || self.find(name).filter(|_| has_both_names);
        self.by_item_name.get(name).copied().or_else(original)
    }
}

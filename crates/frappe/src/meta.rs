//! What a DocType consists of.

use reqwest::Method;

use crate::{
    Client, Document, Error,
    client::{under, without_body},
    error::Cause,
    operation::{Operation, Verb},
    query::segment,
};

/// Fields that every document has and no DocType lists.
const STANDARD_FIELDS: [&str; 7] = [
    "name",
    "owner",
    "creation",
    "modified",
    "modified_by",
    "docstatus",
    "idx",
];
const CHILD_FIELDS: [&str; 3] = ["parent", "parentfield", "parenttype"];
/// Fields that only lay out the form.
const LAYOUT: [&str; 8] = [
    "Section Break",
    "Column Break",
    "Tab Break",
    "Fold",
    "Heading",
    "HTML",
    "Button",
    "Image",
];

/// What a DocType consists of, custom fields included.
#[derive(Clone, Debug)]
pub struct Meta {
    /// The DocType.
    pub doctype: String,
    /// Whether there is exactly one document of it, named like the DocType.
    pub is_single: bool,
    /// Whether its documents are rows of others.
    pub is_child_table: bool,
    /// Its fields in the order of the form.
    pub fields: Vec<Field>,
}

/// A field of a DocType.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "Frappe's own flags, independent of each other"
)]
pub struct Field {
    /// Its name, such as `custom_orgid`.
    pub name: String,
    /// Its label.
    pub label: Option<String>,
    /// Frappe's `fieldtype`, such as `Data`, `Link`, `Datetime`, `Table`.
    pub fieldtype: String,
    /// For a Link the DocType it links to, for a Table that of its rows, for a Select its choices.
    pub options: Option<String>,
    /// Whether no two documents may have the same value.
    pub is_unique: bool,
    /// Whether it must have a value.
    pub is_mandatory: bool,
    /// Whether the site gives it a value where none is sent.
    pub has_default: bool,
    /// Whether people cannot change it. The API can.
    pub is_read_only: bool,
    /// Whether it was added to the DocType on this site.
    pub is_custom: bool,
}

impl Field {
    /// Whether it can hold a value.
    pub fn holds_a_value(&self) -> bool {
        !LAYOUT.contains(&self.fieldtype.as_str())
    }
}

impl Meta {
    /// A field by its name; none for the fields that every document has.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Whether documents have a field of this name that can hold a value. Frappe drops others without a word.
    pub fn has_field(&self, name: &str) -> bool {
        STANDARD_FIELDS.contains(&name)
            || (self.is_child_table && CHILD_FIELDS.contains(&name))
            || self.field(name).is_some_and(Field::holds_a_value)
    }

    fn read(document: &Document) -> Option<Self> {
        let field = |row: Document| {
            let trimmed = |field| row.trimmed(field).map(str::to_owned);
            Some(Field {
                name: trimmed("fieldname")?,
                label: trimmed("label"),
                fieldtype: trimmed("fieldtype")?,
                options: trimmed("options"),
                is_unique: row.check("unique"),
                is_mandatory: row.check("reqd"),
                has_default: row.trimmed("default").is_some(),
                is_read_only: row.check("read_only"),
                is_custom: row.check("is_custom_field"),
            })
        };
        document.get("fields")?.as_array()?;
        Some(Self {
            doctype: document.name()?.into_string(),
            is_single: document.check("issingle"),
            is_child_table: document.check("istable"),
            fields: document
                .rows("fields")
                .into_iter()
                .filter_map(field)
                .collect(),
        })
    }
}

impl Client {
    /// What a DocType consists of. Any logged-in user may know.
    ///
    /// # Errors
    /// [`MissingDocType`](Cause::MissingDocType), and what any request may fail with.
    pub async fn meta(&self, doctype: &str) -> Result<Meta, Error> {
        let operation = Operation::new(Verb::Describe, doctype);
        let request = segment(doctype)
            .map(|doctype| without_body(Method::GET, format!("/api/v2/doctype/{doctype}/meta")));
        let body = self.send(&operation, request).await?;
        let document: Document = under(&operation, body, "data")?;
        Meta::read(&document).ok_or_else(|| Error::new(&operation, Cause::Shape("not a DocType")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn meta(fields: serde_json::Value) -> Option<Meta> {
        Meta::read(&serde_json::from_value(fields).unwrap())
    }

    #[test]
    fn a_doctype_has_its_own_fields_and_the_standard_ones() {
        let meta = meta(json!({
            "name": "HD Customer", "issingle": 0, "istable": 0,
            "fields": [
                {"fieldname": "custom_orgid", "fieldtype": "Data", "label": "Org", "unique": 1, "is_custom_field": 1},
                {"fieldname": "contacts", "fieldtype": "Table", "options": "HD Customer Member"},
                {"fieldname": "customer_name", "fieldtype": "Data", "reqd": 1},
                {"fieldname": "references_tab", "fieldtype": "Tab Break"},
                {"label": "no name"},
            ],
        }))
        .unwrap();
        assert_eq!(meta.doctype, "HD Customer");
        assert_eq!(meta.fields.len(), 4);
        let has = [
            "custom_orgid",
            "contacts",
            "name",
            "modified",
            "references_tab",
            "parent",
            "nope",
        ]
        .map(|field| meta.has_field(field));
        assert_eq!(has, [true, true, true, true, false, false, false]);
        let orgid = meta.field("custom_orgid").unwrap();
        assert!(orgid.is_unique && orgid.is_custom && !orgid.is_mandatory);
        assert_eq!(orgid.label.as_deref(), Some("Org"));
        assert_eq!(
            meta.field("contacts").unwrap().options.as_deref(),
            Some("HD Customer Member")
        );
    }

    #[test]
    fn a_child_table_has_a_parent() {
        let meta = meta(json!({"name": "Contact Email", "istable": 1, "fields": []})).unwrap();
        assert!(meta.has_field("parent"));
    }

    #[test]
    fn something_without_fields_is_no_doctype() {
        assert!(meta(json!({"name": "X"})).is_none());
        assert!(meta(json!({"fields": []})).is_none());
    }
}

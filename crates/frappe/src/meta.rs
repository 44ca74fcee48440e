//! What a DocType consists of, and what the site runs.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use reqwest::Method;
use serde::Deserialize;

use crate::{
    Client, Document, Error, List, Order,
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
            let words = |field| row.words(field).map(str::to_owned);
            Some(Field {
                name: words("fieldname")?,
                label: words("label"),
                fieldtype: words("fieldtype")?,
                options: words("options"),
                is_unique: row.check("unique"),
                is_mandatory: row.check("reqd"),
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

/// The apps on a site and their versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versions(BTreeMap<String, String>);

impl Versions {
    /// An app's version as the site writes it; `None` when the site has no such app.
    pub fn text(&self, app: &str) -> Option<&str> {
        self.0.get(app).map(String::as_str)
    }

    /// An app's version; `None` when the site has no such app, or it has no numbers.
    pub fn of(&self, app: &str) -> Option<Version> {
        Version::parse(self.text(app)?)
    }

    /// The apps and their versions as the site writes them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let apps = self.0.iter();
        apps.map(|(app, version)| (app.as_str(), version.as_str()))
    }
}

/// The version of an app, compared number by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Incompatible changes.
    pub major: u32,
    /// Features.
    pub minor: u32,
    /// Fixes.
    pub patch: u32,
}

impl Version {
    /// Reads `15.50.0`, also with a suffix (`16.0.0-dev`) or without the last parts.
    ///
    /// ```
    /// use frappe::Version;
    /// assert!(Version::parse("1.25.1") > Version::parse("1.9.0"));
    /// assert_eq!(Version::parse("16.0.0-dev"), Version::parse("16"));
    /// assert_eq!(Version::parse("develop"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let numbers = text.trim().trim_start_matches('v');
        let mut numbers = numbers.split('.').map(|part| {
            let digits = part
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(part.len());
            part.get(..digits)?.parse().ok()
        });
        Some(Self {
            major: numbers.next()??,
            minor: numbers.next().flatten().unwrap_or(0),
            patch: numbers.next().flatten().unwrap_or(0),
        })
    }
}

/// How new tickets are named on a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketNames {
    /// By a number, up to Helpdesk 1.24.
    Integers,
    /// By a padded text, from Helpdesk 1.25 on.
    Texts,
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

    /// The apps on the site and their versions. Any logged-in user may know.
    ///
    /// # Errors
    /// What any request may fail with.
    pub async fn versions(&self) -> Result<Versions, Error> {
        #[derive(Deserialize)]
        struct App {
            #[serde(default)]
            version: String,
        }

        let apps: BTreeMap<String, App> = self
            .method("frappe.utils.change_log.get_versions")
            .get()
            .await?;
        let versions = apps.into_iter().map(|(app, is)| (app, is.version));
        Ok(Versions(versions.collect()))
    }

    /// How the newest ticket is named; `None` on a site without tickets.
    ///
    /// # Errors
    /// What any request may fail with.
    pub async fn ticket_names(&self) -> Result<Option<TicketNames>, Error> {
        let newest = List::new().order_by("creation", Order::Descending).limit(1);
        let tickets = self.list("HD Ticket", &newest).await?;
        let name = tickets.first().and_then(|ticket| ticket.get("name"));
        Ok(name.map(|name| match name.is_number() {
            true => TicketNames::Integers,
            false => TicketNames::Texts,
        }))
    }

    /// The zone of the site's clock, in which it keeps its times (read in the source, not observed).
    ///
    /// # Errors
    /// What any request may fail with; [`Shape`](Cause::Shape) for a zone that this machine does not know.
    pub async fn time_zone(&self) -> Result<TimeZone, Error> {
        #[derive(Deserialize)]
        struct Answer {
            time_zone: String,
        }

        let operation = Operation::new(Verb::Ask, "frappe.client.get_time_zone");
        let site: Answer = self.method(&operation.target).get_as(&operation).await?;
        TimeZone::get(&site.time_zone)
            .map_err(|_unknown| Error::new(&operation, Cause::Shape("an unknown time zone")))
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

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let version = |text| Version::parse(text).map(|v| (v.major, v.minor, v.patch));
        let cases = [
            ("15.50.0", Some((15, 50, 0))),
            ("v1.25.1", Some((1, 25, 1))),
            ("16.0.0-dev", Some((16, 0, 0))),
            ("15.x.x-develop", Some((15, 0, 0))),
            ("2", Some((2, 0, 0))),
            ("1.2.3.4", Some((1, 2, 3))),
            ("", None),
            ("develop", None),
            ("99999999999.0", None),
        ];
        for (text, expected) in cases {
            assert_eq!(version(text), expected, "{text}");
        }
        assert!(Version::parse("1.9.9") < Version::parse("1.10.0"));
    }
}

//! What is known of the helpdesk, and how documents are fitted into it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use frappe::{
    Document, Field, Meta, SiteTime,
    text::{DATA_CHARACTERS_MAX, collation_key, truncate},
};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;

use super::{
    problem::{Problem, Problems},
    settings::Choice,
};

/// What a DocType consists of.
pub type Fields = Meta;

/// Fields of one line, which take 140 characters.
const SHORT: [&str; 5] = ["Data", "Link", "Dynamic Link", "Select", "Read Only"];

/// What is known of the helpdesk.
#[derive(Clone, Debug)]
pub struct Site {
    /// Its time zone.
    pub zone: TimeZone,
    /// What the DocTypes consist of that are written.
    pub fields: BTreeMap<String, Fields>,
    /// The documents that a link may name, by their DocType.
    pub choices: BTreeMap<String, Choices>,
    /// What a ticket's status is when it is new.
    pub default_status: String,
    /// What it becomes when somebody writes.
    pub reopen_status: String,
    /// Those statuses in which a ticket is ended.
    pub ended: BTreeSet<String>,
}

/// The documents of a DocType that a link may name.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    by_key: HashMap<String, String>,
    /// As the site spells them, which is how most are asked for, and far quicker.
    names: HashSet<String>,
}

impl FromIterator<String> for Choices {
    fn from_iter<I: IntoIterator<Item = String>>(names: I) -> Self {
        let names: HashSet<String> = names.into_iter().collect();
        let by_key = names.iter().map(|name| (collation_key(name), name.clone()));
        Self {
            by_key: by_key.collect(),
            names,
        }
    }
}

impl Choices {
    /// The document that a name means, as the site spells it.
    pub fn find(&self, name: &str) -> Option<&str> {
        let spelled = self.names.get(name);
        let found = spelled.or_else(|| self.by_key.get(&collation_key(name)));
        found.map(String::as_str)
    }
}

impl Site {
    /// Whether a DocType is there.
    pub fn has(&self, doctype: &str) -> bool {
        self.fields.contains_key(doctype)
    }

    /// Whether documents of a DocType have a field.
    pub fn has_field(&self, doctype: &str, field: &str) -> bool {
        self.fields
            .get(doctype)
            .is_some_and(|meta| meta.has_field(field))
    }

    /// An instant on the site's clock.
    pub fn time(&self, at: Timestamp) -> Value {
        SiteTime::new(at, &self.zone).into()
    }

    /// What the helpdesk calls a status, priority, type or team.
    pub fn choose(
        &self,
        (doctype, field, linked): (&str, &str, &str),
        word: Option<&str>,
        table: &Choice,
        problems: &mut Problems,
    ) -> Option<String> {
        let word = word.map(str::trim).filter(|word| !word.is_empty())?;
        let choices = self.choices.get(linked);
        let find = |name: &str| choices.and_then(|choices| choices.find(name));
        if let Some(found) = find(table.translate(word)) {
            return Some(found.to_owned());
        }
        if let Some(other) = table.otherwise.as_deref().and_then(find) {
            problems.add(Problem::Replaced {
                field: field.to_owned(),
                value: shown(word),
                by: other.to_owned(),
            });
            return Some(other.to_owned());
        }
        problems.add(Problem::UnknownChoice {
            doctype: doctype.to_owned(),
            field: field.to_owned(),
            value: shown(word),
        });
        None
    }

    /// Looks for fields that must have a value and have none. Only those that were added to the DocType on this site:
    /// the helpdesk fills its own.
    pub fn require(&self, doctype: &str, document: &Document, problems: &mut Problems) {
        let fields = self.fields.get(doctype).into_iter();
        let is_blank = |field: &str| document.to_text(field).unwrap_or_default().is_empty();
        let missing = fields.flat_map(|meta| &meta.fields).filter(|field| {
            field.is_custom && field.is_mandatory && !field.has_default && is_blank(&field.name)
        });
        for field in missing {
            problems.add(Problem::Missing {
                doctype: doctype.to_owned(),
                field: field.name.clone(),
            });
        }
    }

    /// Whether a customer lists its contacts itself, as Helpdesk does from 1.28 on: links of contacts mean nothing there.
    pub fn lists_contacts(&self) -> bool {
        let customers = self.fields.get("HD Customer");
        let field = customers.and_then(|meta| meta.field("contacts"));
        field.is_some_and(|field| field.fieldtype == "Table")
    }

    /// The document as it can be sent: without fields that the site does not have, texts cut to what they may have.
    pub fn fit(&self, doctype: &str, document: Document, problems: &mut Problems) -> Document {
        let Some(meta) = self.fields.get(doctype) else {
            return document;
        };
        let fields = document.into_fields().into_iter();
        let fitted = fields.filter_map(|(name, value)| {
            if value.is_null() {
                return Some((name, value));
            }
            let field = meta.field(&name);
            if !field.is_some_and(Field::holds_a_value) && !meta.has_field(&name) {
                problems.add(Problem::NoSuchField {
                    doctype: doctype.to_owned(),
                    field: name,
                });
                return None;
            }
            let value = match field {
                Some(field) => self.fit_value(doctype, field, value, problems)?,
                None => value,
            };
            Some((name, value))
        });
        fitted.collect::<serde_json::Map<_, _>>().into()
    }

    fn fit_value(
        &self,
        doctype: &str,
        field: &Field,
        value: Value,
        problems: &mut Problems,
    ) -> Option<Value> {
        let name = &field.name;
        let Value::String(text) = &value else {
            return Some(value);
        };
        if field.fieldtype == "Select"
            && let Some(options) = &field.options
            && !text.is_empty()
            && !options.lines().any(|option| option.trim() == text)
        {
            problems.add(Problem::UnknownChoice {
                doctype: doctype.to_owned(),
                field: name.clone(),
                value: shown(text),
            });
            return None;
        }
        if field.fieldtype == "Link"
            && !text.trim().is_empty()
            && let Some(choices) = field.options.as_ref().and_then(|to| self.choices.get(to))
        {
            // As the site spells it, which is how it will be stored.
            let Some(found) = choices.find(text) else {
                problems.add(Problem::UnknownChoice {
                    doctype: doctype.to_owned(),
                    field: name.clone(),
                    value: shown(text),
                });
                return None;
            };
            return Some(found.into());
        }
        let cut = truncate(text, DATA_CHARACTERS_MAX);
        if SHORT.contains(&field.fieldtype.as_str()) && cut.len() < text.len() {
            problems.add(Problem::TooLong {
                doctype: doctype.to_owned(),
                field: name.clone(),
                characters_max: DATA_CHARACTERS_MAX,
            });
            return Some(cut.trim_end().into());
        }
        Some(value)
    }
}

/// A value as it is shown in a report.
fn shown(value: &str) -> String {
    truncate(value, 60).to_owned()
}

/// Something that Frappe takes for an e-mail address.
pub fn address(text: &str) -> Option<String> {
    let text = text.trim();
    // `"Name" <a@b>` and the bare address.
    let bare = match text.rsplit_once('<') {
        Some((_, rest)) => rest.trim_end_matches('>').trim(),
        None => text,
    };
    let (local, domain) = bare.split_once('@')?;
    let is_plain = |c: char| {
        !c.is_whitespace() && !c.is_control() && !matches!(c, ',' | ';' | '<' | '>' | '"')
    };
    let is_address = !local.is_empty()
        && domain.contains('.')
        && !domain.starts_with('.')
        && !domain.ends_with('.')
        && !domain.contains("..")
        && !domain.contains('@')
        && bare.chars().all(is_plain)
        && bare.chars().count() <= DATA_CHARACTERS_MAX;
    is_address.then(|| bare.to_lowercase())
}

//! What somebody decided before the import.

use std::collections::BTreeMap;

use frappe::text::collation_key;
use serde::{Deserialize, Serialize};

/// How records become documents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Names the source in the ledger and in the keys of documents; it must stay the same from run to run.
    #[serde(skip)]
    pub source: String,
    /// Which DocType customers become.
    pub customer_doctype: CustomerDocType,
    /// The source's words for statuses, and the helpdesk's.
    pub statuses: Choice,
    /// The source's words for priorities, and the helpdesk's.
    pub priorities: Choice,
    /// The source's words for types of tickets, and the helpdesk's.
    pub types: Choice,
    /// The source's words for teams, and the helpdesk's.
    pub teams: Choice,
    /// Addresses of the source's agents, and of the helpdesk's users.
    pub agents: BTreeMap<String, String>,
    /// Who has raised a ticket of which that is not known.
    pub nobody: String,
    /// What every contact shows as its picture: without any the helpdesk asks an avatar service for each.
    pub contact_image: Option<String>,
    /// Fields that every ticket gets, such as the reason of its routing.
    pub ticket_fields: serde_json::Map<String, serde_json::Value>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            source: "import".to_owned(),
            customer_doctype: CustomerDocType::default(),
            statuses: Choice::default(),
            priorities: Choice::default(),
            types: Choice::default(),
            teams: Choice::default(),
            agents: BTreeMap::new(),
            nobody: "unknown@import.invalid".to_owned(),
            contact_image: None,
            ticket_fields: serde_json::Map::new(),
        }
    }
}

/// Which DocType customers become.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "doctype", deny_unknown_fields)]
pub enum CustomerDocType {
    /// The helpdesk's own, which tickets link to.
    #[default]
    #[serde(rename = "HD Customer")]
    Helpdesk,
    /// That of `ERPNext`. Tickets do not link to it.
    #[serde(rename = "Customer")]
    Erpnext {
        /// `customer_group`, such as `Commercial`.
        customer_group: String,
        /// `territory`, such as `Vietnam`.
        territory: String,
        /// `customer_type`, such as `Company`.
        customer_type: String,
    },
}

impl CustomerDocType {
    /// Its name.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Helpdesk => "HD Customer",
            Self::Erpnext { .. } => "Customer",
        }
    }
}

/// A table from the source's words to the helpdesk's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Choice {
    /// The source's word and the helpdesk's.
    pub values: BTreeMap<String, String>,
    /// What is taken for words that stand for nothing in the helpdesk. Without it such records are refused.
    pub otherwise: Option<String>,
}

impl Choice {
    /// What the table says about a word: itself unless told otherwise. Case and accents do not count.
    pub fn translate<'a>(&'a self, word: &'a str) -> &'a str {
        let word = word.trim();
        if let Some(found) = self.values.get(word) {
            return found;
        }
        let key = collation_key(word);
        let same = self
            .values
            .iter()
            .find(|(from, _)| collation_key(from) == key);
        same.map_or(word, |(_, to)| to.as_str())
    }
}

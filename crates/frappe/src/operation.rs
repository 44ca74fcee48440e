//! What was asked of Frappe, as errors and logs name it.

use std::fmt;

use crate::Name;

const SHOWN_CHARACTERS_MAX: usize = 140;

/// One request, named without its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What was to be done.
    pub verb: Verb,
    /// The DocType, or the method for [`Verb::Ask`] and [`Verb::Run`]; empty where there is none.
    pub target: String,
    /// The document, where there is one.
    pub name: Option<Name>,
}

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Reads one document.
    Read,
    /// Reads several documents.
    List,
    /// Reads what a DocType consists of.
    Describe,
    /// Makes a document.
    Insert,
    /// Changes fields of a document.
    Update,
    /// Removes a document.
    Delete,
    /// Calls a method that changes nothing.
    Ask,
    /// Calls a method that may change something.
    Run,
    /// Sends a file.
    Upload,
    /// Fetches a file.
    Download,
}

impl Verb {
    /// Whether the request may change something on the site.
    pub fn writes(self) -> bool {
        match self {
            Self::Insert | Self::Update | Self::Delete | Self::Run | Self::Upload => true,
            Self::Read | Self::List | Self::Describe | Self::Ask | Self::Download => false,
        }
    }

    /// Whether the target is a DocType rather than a method or a file.
    pub(crate) fn is_of_doctype(self) -> bool {
        match self {
            Self::Read
            | Self::List
            | Self::Describe
            | Self::Insert
            | Self::Update
            | Self::Delete => true,
            Self::Ask | Self::Run | Self::Upload | Self::Download => false,
        }
    }

    /// The verb as a word, for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::List => "list",
            Self::Describe => "describe",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Ask => "ask",
            Self::Run => "run",
            Self::Upload => "upload",
            Self::Download => "download",
        }
    }
}

impl Operation {
    pub(crate) fn new(verb: Verb, target: &str) -> Self {
        Self {
            verb,
            target: target.to_owned(),
            name: None,
        }
    }

    pub(crate) fn on(verb: Verb, target: &str, name: &Name) -> Self {
        Self {
            verb,
            target: target.to_owned(),
            name: Some(name.clone()),
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.verb.as_str())?;
        if !self.target.is_empty() {
            let target = crate::text::truncate(&self.target, SHOWN_CHARACTERS_MAX);
            write!(f, " {}", target.escape_debug())?;
        }
        if let Some(name) = &self.name {
            let name = crate::text::truncate(name.as_str(), SHOWN_CHARACTERS_MAX);
            write!(f, " {name:?}")?;
        }
        Ok(())
    }
}

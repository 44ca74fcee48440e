//! Under which value of its unique field a document is found again.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// The unique custom field that holds it, on every DocType that is written.
pub const KEY_FIELD: &str = "custom_import_id";
/// The custom field that holds when a document was made in its source; a script moves it to `creation`.
pub const CREATED_FIELD: &str = "custom_import_created_at";

/// The custom field of a ticket that holds when it was last changed in its source: the helpdesk's own `modified` is when
/// anything was last written to it, whatever is sent.
pub const MODIFIED_FIELD: &str = "custom_import_modified_at";

/// Longest value of a `Data` field, in characters.
const CHARACTERS_MAX: usize = 140;

/// The value that stands for one record of a source in a unique field of the helpdesk.
///
/// The helpdesk's database does not tell `a` from `A` or `á`, so an id of anything but digits and small letters carries
/// a part of its digest.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceKey(String);

impl SourceKey {
    /// The key of a record.
    pub fn new(source: &str, kind: &str, id: &str) -> Self {
        let is_plain = id.chars().all(|c| {
            c.is_ascii_digit() || c.is_ascii_lowercase() || matches!(c, '-' | '_' | '/' | '.')
        });
        let plain = format!("{source}:{kind}:{id}");
        let is_short = plain.chars().count() <= CHARACTERS_MAX;
        if is_plain && is_short {
            return Self(plain);
        }
        let digest = Sha256::digest(id.as_bytes());
        let digest: String = digest
            .iter()
            .take(12)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let room =
            CHARACTERS_MAX.saturating_sub(source.chars().count() + kind.len() + digest.len() + 3);
        let seen: String = id
            .chars()
            .filter(|c| !c.is_control())
            .take(room.min(60))
            .collect();
        Self(format!("{source}:{kind}:{}~{digest}", seen.trim()))
    }

    /// As stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

//! The field map that a portal's fields suggest.

use std::collections::BTreeSet;

use deskbridge_profile::decide::field_map::FieldMap;
use serde::Serialize;

use super::PortalField;

/// How a field stands to the configured map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Mark {
    /// It is in the map and in the portal.
    Mapped,
    /// A user field that is not in the map.
    Proposed,
    /// It is in the map and not in the portal.
    Gone,
    /// A field of the system that is not in the map.
    System,
}

impl Mark {
    pub(super) fn sign(self) -> char {
        match self {
            Self::Mapped => '=',
            Self::Proposed => '+',
            Self::Gone => '!',
            Self::System => ' ',
        }
    }
}

/// A field with the key under which it is, or might be, shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Proposal {
    #[serde(flatten)]
    pub(super) field: PortalField,
    #[serde(rename = "configured_key")]
    pub(super) configured: Option<String>,
    pub(super) key: Option<String>,
    pub(super) mark: Mark,
}

impl Proposal {
    /// A field that is shown under no key.
    pub(super) fn unmapped(field: PortalField) -> Self {
        Self {
            field,
            configured: None,
            key: None,
            mark: Mark::System,
        }
    }
}

/// Every field of the portal, and those of the map that the portal lacks.
pub(super) fn propose(fields: &[PortalField], configured: &FieldMap) -> Vec<Proposal> {
    let default = FieldMap::default();
    let mut taken: BTreeSet<String> = configured.iter().map(|(_, key)| key.to_owned()).collect();
    let mut proposals: Vec<Proposal> = Vec::new();
    for field in fields {
        let in_map = configured.key_of(&field.name).map(str::to_owned);
        let is_user_field = field.name.starts_with("UF_");
        let (key, mark) = match &in_map {
            Some(key) => (Some(key.clone()), Mark::Mapped),
            None if is_user_field => {
                let usual = default.key_of(&field.name).map(str::to_owned);
                let wanted = usual.unwrap_or_else(|| key_of_label(field));
                (Some(free(&wanted, &mut taken)), Mark::Proposed)
            }
            None => (None, Mark::System),
        };
        proposals.push(Proposal {
            field: field.clone(),
            configured: in_map,
            key,
            mark,
        });
    }
    for (name, key) in configured.iter() {
        if fields.iter().all(|field| field.name != name) {
            let field = PortalField {
                name: name.to_owned(),
                kind: String::new(),
                label: None,
                is_multiple: false,
                options: 0,
            };
            let key = Some(key.to_owned());
            proposals.push(Proposal {
                field,
                configured: key.clone(),
                key,
                mark: Mark::Gone,
            });
        }
    }
    proposals
}

/// A key made from the label, else from the field's name: lower-case ASCII letters, digits, underscores.
fn key_of_label(field: &PortalField) -> String {
    let of = |text: &str| {
        let plain = text.chars().map(plain_letter).collect::<String>();
        let words = plain
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join("_").to_lowercase()
    };
    let label = field.label.as_deref().map(of).filter(|key| !key.is_empty());
    let bare = field
        .name
        .trim_start_matches("UF_")
        .trim_start_matches("CRM_");
    label.unwrap_or_else(|| of(bare))
}

/// A Vietnamese letter without its marks.
fn plain_letter(letter: char) -> char {
    const PLAIN: [(char, &str); 7] = [
        ('a', "àáảãạăằắẳẵặâầấẩẫậ"),
        ('e', "èéẻẽẹêềếểễệ"),
        ('i', "ìíỉĩị"),
        ('o', "òóỏõọôồốổỗộơờớởỡợ"),
        ('u', "ùúủũụưừứửữự"),
        ('y', "ỳýỷỹỵ"),
        ('d', "đ"),
    ];
    let lower = letter.to_lowercase().next().unwrap_or(letter);
    PLAIN
        .iter()
        .find(|(_, marked)| marked.contains(lower))
        .map_or(letter, |(plain, _)| *plain)
}

/// The key, or the key with a number behind it that nobody has.
fn free(wanted: &str, taken: &mut BTreeSet<String>) -> String {
    let numbered = (2..).map(|number: u32| format!("{wanted}_{number}"));
    let mut keys = std::iter::once(wanted.to_owned()).chain(numbered);
    let key = keys.find(|key| !taken.contains(key)).unwrap_or_default();
    taken.insert(key.clone());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, label: Option<&str>) -> PortalField {
        PortalField {
            name: name.to_owned(),
            kind: "string".to_owned(),
            label: label.map(str::to_owned),
            is_multiple: false,
            options: 0,
        }
    }

    #[test]
    fn fields_are_marked_against_the_configured_map() {
        let configured =
            FieldMap::parse(r#"{"TITLE": "name", "UF_CRM_GONE": "gone", "UF_CRM_A": "hang"}"#)
                .unwrap();
        let fields = [
            field("TITLE", None),
            field("PHONE", None),
            field("UF_CRM_A", Some("Hạng")),
            field("UF_CRM_1", Some("Ngày hết hạn Shopplan")),
            field("UF_CRM_2", Some("Hạng")),
            field("UF_CRM_STORENAME", Some("Tên cửa hàng")),
            field("UF_CRM_NO_LABEL", None),
        ];
        let told: Vec<String> = propose(&fields, &configured)
            .iter()
            .map(|one| {
                let key = one.key.as_deref().unwrap_or("-");
                format!("{} {} {key}", one.mark.sign(), one.field.name)
            })
            .collect();
        let expected = [
            "= TITLE name",
            "  PHONE -",
            "= UF_CRM_A hang",
            "+ UF_CRM_1 ngay_het_han_shopplan",
            "+ UF_CRM_2 hang_2",
            "+ UF_CRM_STORENAME company_name",
            "+ UF_CRM_NO_LABEL no_label",
            "! UF_CRM_GONE gone",
        ];
        assert_eq!(told, expected);
    }
}

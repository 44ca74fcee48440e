//! Which field of a Bitrix24 company is shown under which key.

use std::collections::BTreeMap;

/// The map that is used when none is configured: Bitrix24 field, key.
const DEFAULT: &[(&str, &str)] = &[
    ("ID", "bitrix_id"),
    ("TITLE", "title_full"),
    ("UF_CRM_STORENAME", "company_name"),
    ("UF_CRM_COMPANY_ID", "company_id"),
    ("UF_CRM_CURRENT_HSI_SEGMENT", "current_hsi_segment"),
    ("UF_CRM_CURRENT_HSI_DETAIL", "current_hsi_detail"),
    ("UF_CRM_LAST_HSI_SEGMENT", "last_hsi_segment"),
    ("UF_CRM_LAST_HSI_DETAIL", "last_hsi_detail"),
    ("UF_CRM_CURRENT_SHOPPLAN", "current_shopplan"),
    ("UF_CRM_DATE_CREATED_SHOP", "shop_created_date"),
    ("UF_CRM_FIRST_PAID_DATE", "first_shopplan_date"),
    (
        "UF_CRM_DATE_SIGNED_CURRENT_SHOPPLAN",
        "current_shopplan_date",
    ),
    ("UF_CRM_DATE_EXPIRED_SHOPPLAN", "shopplan_expiry"),
    ("UF_CRM_SHOP_OWNER_NAME", "owner_name"),
    ("UF_CRM_SHOP_OWNER_EMAIL", "owner_email"),
    ("UF_CRM_SHOP_OWNER_PHONE_NUMBER", "owner_phone"),
    ("UF_CRM_HARAVAN_MEMBERSHIP", "membership"),
    ("ASSIGNED_BY_ID", "assigned_by_id"),
    ("UF_CRM_1778130421650", "customer_segment"),
    ("ADDRESS_REGION", "address_region"),
    ("ADDRESS_COUNTRY", "address_country"),
    ("UF_CRM_VERIFIED_STATUS", "verified_status"),
    ("UF_CRM_COMPANY_STAGE", "company_stage"),
    ("UF_CRM_ID_FRESHSALES", "freshsales_id"),
];

/// Fields that may be mapped at most.
const FIELDS_MAX: usize = 300;
/// Characters in a field name or key at most.
const CHARACTERS_MAX: usize = 100;

/// Bitrix24 field names and the keys under which they are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldMap(BTreeMap<String, String>);

/// Why a text is no field map.
#[derive(Debug, thiserror::Error)]
pub enum NotAFieldMap {
    /// It is no JSON object of texts.
    #[error("it is no JSON object of texts: {0}")]
    Json(serde_json::Error),
    /// It maps nothing.
    #[error("it maps no field")]
    Empty,
    /// It is larger than any portal needs.
    #[error(
        "it maps more than {FIELDS_MAX} fields, or a name is longer than {CHARACTERS_MAX} characters"
    )]
    TooLarge,
    /// Two fields would be shown under one key.
    #[error("two fields are mapped to the key {0}")]
    KeyTwice(String),
}

impl FieldMap {
    /// Reads a JSON object from field to key. Fields with an empty key are left out.
    ///
    /// # Errors
    /// When the text is anything else, or two fields share a key.
    pub fn parse(text: &str) -> Result<Self, NotAFieldMap> {
        let read: BTreeMap<String, String> =
            serde_json::from_str(text).map_err(NotAFieldMap::Json)?;
        let trimmed = |(field, key): (String, String)| {
            let (field, key) = (field.trim().to_owned(), key.trim().to_owned());
            (!field.is_empty() && !key.is_empty()).then_some((field, key))
        };
        let map: BTreeMap<String, String> = read.into_iter().filter_map(trimmed).collect();
        let is_long = |name: &str| name.chars().count() > CHARACTERS_MAX;
        if map.is_empty() {
            return Err(NotAFieldMap::Empty);
        }
        if map.len() > FIELDS_MAX
            || map
                .iter()
                .any(|(field, key)| is_long(field) || is_long(key))
        {
            return Err(NotAFieldMap::TooLarge);
        }
        let mut keys: Vec<&String> = map.values().collect();
        keys.sort_unstable();
        if let Some(twice) = keys.windows(2).find_map(|pair| match pair {
            [one, other] if one == other => Some((*one).clone()),
            _ => None,
        }) {
            return Err(NotAFieldMap::KeyTwice(twice));
        }
        Ok(Self(map))
    }

    /// The fields with their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(field, key)| (field.as_str(), key.as_str()))
    }

    /// The key of a field.
    pub fn key_of(&self, field: &str) -> Option<&str> {
        self.0.get(field).map(String::as_str)
    }

    /// The field that is shown under a key.
    pub fn field_of(&self, key: &str) -> Option<&str> {
        self.iter()
            .find(|(_, mapped)| *mapped == key)
            .map(|(field, _)| field)
    }
}

impl Default for FieldMap {
    fn default() -> Self {
        let owned = |(field, key): &(&str, &str)| ((*field).to_owned(), (*key).to_owned());
        Self(DEFAULT.iter().map(owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_map_is_a_field_map() {
        let default = FieldMap::default();
        assert_eq!(default.0.len(), DEFAULT.len());
        let text = serde_json::to_string(&default.0).unwrap();
        assert_eq!(FieldMap::parse(&text).unwrap(), default);
        assert_eq!(default.key_of("UF_CRM_STORENAME"), Some("company_name"));
        assert_eq!(
            default.field_of("shopplan_expiry"),
            Some("UF_CRM_DATE_EXPIRED_SHOPPLAN")
        );
    }

    #[test]
    fn only_an_object_from_field_to_key_is_a_field_map() {
        let map = FieldMap::parse(r#"{" TITLE ": " name ", "X": ""}"#).unwrap();
        assert_eq!(map.iter().collect::<Vec<_>>(), [("TITLE", "name")]);
        for text in [
            "",
            "{",
            "[]",
            "{}",
            "null",
            r#"{"A": 1}"#,
            r#"{"A": null}"#,
            r#"{"A": ""}"#,
        ] {
            assert!(FieldMap::parse(text).is_err(), "{text}");
        }
        let twice = FieldMap::parse(r#"{"A": "x", "B": "x"}"#).unwrap_err();
        assert_eq!(twice.to_string(), "two fields are mapped to the key x");
        let long = format!(r#"{{"{}": "x"}}"#, "A".repeat(101));
        assert!(matches!(
            FieldMap::parse(&long),
            Err(NotAFieldMap::TooLarge)
        ));
    }
}

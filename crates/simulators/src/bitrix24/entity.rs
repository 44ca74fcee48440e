//! The four kinds of CRM records that this portal keeps.

use super::fields::system::{self, System};

/// A kind of CRM record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Entity {
    Lead,
    Deal,
    Contact,
    Company,
}

impl Entity {
    pub(crate) const ALL: [Self; 4] = [Self::Lead, Self::Deal, Self::Contact, Self::Company];

    /// The kind by its number in `crm.item.*`.
    pub(crate) fn of_type_id(id: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|entity| entity.type_id() == id)
    }

    /// The number in `crm.item.*` and in activities.
    pub(crate) fn type_id(self) -> i64 {
        match self {
            Self::Lead => 1,
            Self::Deal => 2,
            Self::Contact => 3,
            Self::Company => 4,
        }
    }

    /// The name in duplicates, `COMPANY`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lead => "LEAD",
            Self::Deal => "DEAL",
            Self::Contact => "CONTACT",
            Self::Company => "COMPANY",
        }
    }

    /// The owner of user fields, `CRM_COMPANY`.
    pub(crate) fn user_field_owner(self) -> &'static str {
        match self {
            Self::Lead => "CRM_LEAD",
            Self::Deal => "CRM_DEAL",
            Self::Contact => "CRM_CONTACT",
            Self::Company => "CRM_COMPANY",
        }
    }

    /// How a record without a name is called.
    pub(crate) fn default_title(self, id: u64) -> String {
        let word = match self {
            Self::Lead => "Lead",
            Self::Deal => "Deal",
            Self::Contact => "Contact",
            Self::Company => "Company",
        };
        format!("{word} #{id}")
    }

    /// The field that names a record.
    pub(crate) fn title_field(self) -> &'static str {
        match self {
            Self::Contact => "NAME",
            Self::Lead | Self::Deal | Self::Company => "TITLE",
        }
    }

    /// Its system fields.
    pub(crate) fn system_fields(self) -> &'static [System] {
        match self {
            Self::Lead => system::LEADS,
            Self::Deal => system::DEAL,
            Self::Contact => system::CONTACT,
            Self::Company => system::COMPANY,
        }
    }

    /// Whether its list documents the prefix `!%` and its kin.
    pub(crate) fn list_knows_not_like(self) -> bool {
        self == Self::Lead
    }
}

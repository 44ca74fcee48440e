//! Users, who are customers, and organisations.

use std::borrow::Cow;

use jiff::Timestamp;

use super::{
    Change, changes,
    custom::{CustomField, custom_fields},
};
use crate::{
    Id, Zone,
    fields::{Fields, view},
};

view! {
    /// A person: a customer, as a rule (`role_id` 3).
    User, id: Id
}

view! {
    /// An organisation.
    Organization, id: Id
}

/// What sex a person is of, as CareSoft keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gender {
    /// 0.
    Male,
    /// 1.
    Female,
    /// 2.
    Other,
}

impl<'e> User<'e> {
    /// A contact as REST shows it; `None` without an id.
    pub fn of_row(fields: Fields<'e>) -> Option<Self> {
        let id = fields.id("id")?;
        Some(Self { id, fields })
    }

    /// The name.
    pub fn name(self) -> Option<Cow<'e, str>> {
        self.fields.text("username")
    }

    /// The e-mail addresses that are given, the main one first.
    pub fn emails(self) -> impl Iterator<Item = Cow<'e, str>> {
        let names = ["email", "email2"].into_iter();
        names.filter_map(move |name| self.fields.text(name))
    }

    /// The phone numbers that are given, in national form with their leading nought, the main one first.
    pub fn phones(self) -> impl Iterator<Item = Cow<'e, str>> {
        let names = ["phone_no", "phone_no2", "phone_no3"].into_iter();
        names.filter_map(move |name| self.fields.text(name))
    }

    /// The organisation the person belongs to.
    pub fn organization_id(self) -> Option<Id> {
        self.fields.id("organization_id")
    }

    /// The agent who looks after the person.
    pub fn follower_id(self) -> Option<Id> {
        self.fields.id("follower_id")
    }

    /// The address, which CareSoft keeps in `user_info5`.
    pub fn address(self) -> Option<Cow<'e, str>> {
        self.fields.text("user_info5")
    }

    /// The sex. The documented shape has 0 where nothing was said.
    pub fn gender(self) -> Option<Gender> {
        match self.fields.whole("gender")? {
            0 => Some(Gender::Male),
            1 => Some(Gender::Female),
            2 => Some(Gender::Other),
            _ => None,
        }
    }

    /// The note.
    pub fn note(self) -> Option<Cow<'e, str>> {
        self.fields.text("note")
    }
}

impl<'e> Organization<'e> {
    /// The name.
    pub fn name(self) -> Option<Cow<'e, str>> {
        self.fields.text("organization_name")
    }

    /// The web site's domain.
    pub fn domain(self) -> Option<Cow<'e, str>> {
        self.fields.text("organization_domain")
    }

    /// The description.
    pub fn details(self) -> Option<Cow<'e, str>> {
        self.fields.text("details")
    }

    /// The note.
    pub fn note(self) -> Option<Cow<'e, str>> {
        self.fields.text("note")
    }
}

macro_rules! changing {
    ($name:ident) => {
        impl<'e> $name<'e> {
            /// What was changed, where the event says only that (observed), rather than everything (documented).
            ///
            /// Such an event cannot be skipped for a later one, which says only what changed later.
            pub fn changes(self) -> Vec<Change<'e>> {
                changes(self.fields.get("changes"))
            }

            /// Whether the event says only what was changed.
            pub fn is_delta(self) -> bool {
                self.fields.get("changes").is_some()
            }

            /// The account's own fields.
            pub fn custom_fields(self) -> Vec<CustomField<'e>> {
                custom_fields(self.fields)
            }

            /// When it was made.
            pub fn created_at(self, zone: &Zone) -> Option<Timestamp> {
                self.fields.time("created_at", zone)
            }

            /// When it was last changed.
            pub fn updated_at(self, zone: &Zone) -> Option<Timestamp> {
                self.fields.time("updated_at", zone)
            }
        }
    };
}
changing!(User);
changing!(Organization);

//! Leads and deals. With tickets they share one row of ids, and one that is converted keeps its id.

use std::borrow::Cow;

use jiff::Timestamp;

use super::{
    Assignee, Change,
    comment::Comment,
    custom::{CustomField, custom_fields},
};
use crate::{Id, Zone, fields::Fields, object::changes};

macro_rules! case {
    ($(#[$doc:meta])* $name:ident, $own_id:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name<'e> {
            pub(crate) id: Id,
            pub(crate) fields: Fields<'e>,
            pub(crate) envelope: Fields<'e>,
        }

        impl<'e> $name<'e> {
            /// One as REST shows it; `None` without an id.
            pub fn of_row(fields: Fields<'e>) -> Option<Self> {
                Some(Self {
                    id: fields.id($own_id).or_else(|| fields.id("id"))?,
                    fields,
                    envelope: Fields::none(),
                })
            }

            /// Its id, which it keeps when it is converted.
            pub fn id(self) -> Id {
                self.id
            }

            /// Everything it has, by the names that CareSoft uses.
            pub fn fields(self) -> Fields<'e> {
                self.fields
            }

            /// Its name.
            pub fn name(self) -> Option<Cow<'e, str>> {
                self.fields.text("name")
            }

            /// Where it came from, such as `Web`.
            pub fn source(self) -> Option<Cow<'e, str>> {
                self.fields.text("source")
            }

            /// The customer.
            pub fn requester_id(self) -> Option<Id> {
                self.fields.id("requester_id")
            }

            /// The agent.
            pub fn assignee(self) -> Assignee {
                Assignee::of(self.fields)
            }

            /// What was written along with the event.
            pub fn activity(self) -> Option<Comment<'e>> {
                let fields = match self.fields.object("activity") {
                    own if !own.is_empty() => own,
                    _ => self.envelope.object("activity"),
                };
                (!fields.is_empty()).then_some(Comment { fields })
            }

            /// The account's own fields.
            pub fn custom_fields(self) -> Vec<CustomField<'e>> {
                custom_fields(self.fields)
            }

            /// What was changed, beside the whole state. A select's value is the option's id here, as a text.
            pub fn updated_properties(self) -> Vec<Change<'e>> {
                changes(self.envelope.get("updated_properties"))
            }

            /// What it was before it was converted, in lower case: `ticket` or `lead`.
            pub fn converted_from(self) -> Option<String> {
                self.envelope
                    .word("convert_from_object")
                    .or_else(|| self.envelope.object("agent_submit").word("from_object"))
            }

            /// When it is expected to be closed: the end of a day in the account's zone.
            pub fn estimated_closed_at(self, zone: &Zone) -> Option<Timestamp> {
                self.fields.time("estimated_closed_date", zone)
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

case! {
    /// A lead, whole.
    Lead, "lead_id"
}

case! {
    /// A deal, whole.
    Deal, "deal_id"
}

impl Lead<'_> {
    /// Its status, one of the account's own.
    pub fn status_id(self) -> Option<Id> {
        self.fields.id("lead_status_id")
    }
}

impl<'e> Deal<'e> {
    /// The pipeline, one of the account's own.
    pub fn pipeline_id(self) -> Option<Id> {
        self.fields.id("pipeline_id")
    }

    /// The stage in it.
    pub fn stage_id(self) -> Option<Id> {
        self.fields.id("pipeline_stage_id")
    }

    /// What it is worth, in the account's currency: the digits as they are written.
    pub fn value(self) -> Option<Cow<'e, str>> {
        self.fields.text("value")
    }

    /// How likely it is, in per cent.
    pub fn probability(self) -> Option<i64> {
        self.fields.whole("probability")
    }

    /// How it was closed: a number whose meaning is not documented.
    pub fn closed_type(self) -> Option<i64> {
        self.fields.whole("closed_type")
    }

    /// When its stage last changed.
    pub fn stage_changed_at(self, zone: &Zone) -> Option<Timestamp> {
        self.fields.time("last_change_stage_at", zone)
    }
}

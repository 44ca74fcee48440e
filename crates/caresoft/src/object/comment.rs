//! What was written on a ticket, a lead or a deal.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::{Id, Zone, fields::view};

view! {
    /// A comment of a ticket (`ticket_comment`) or the activity of a lead or deal (`activity`). It has no id.
    Comment
}

impl<'e> Comment<'e> {
    /// The text: HTML that people and machines wrote, to be sanitised before it is shown.
    pub fn html(self) -> Option<Cow<'e, str>> {
        self.fields.text("comment")
    }

    /// Who wrote it: an agent, or the requester.
    pub fn commentator_id(self) -> Option<Id> {
        self.fields.id("commentator_id")
    }

    /// Whether customers may read it; unless it says so they may not.
    pub fn is_public(self) -> bool {
        self.fields.flag("is_public").unwrap_or(false)
    }

    /// Where it came from, such as `MissCall` or `Voice Out`.
    pub fn source(self) -> Option<Cow<'e, str>> {
        self.fields.text("source")
    }

    /// What it belongs to. Activities of leads and deals name it by `ticket_id` as often as by their own kind.
    pub fn case_id(self) -> Option<Id> {
        let names = ["ticket_id", "lead_id", "deal_id"].into_iter();
        names.filter_map(|name| self.fields.id(name)).next()
    }

    /// When it was written.
    pub fn created_at(self, zone: &Zone) -> Option<Timestamp> {
        self.fields.time("created_at", zone)
    }

    /// When it was last changed.
    pub fn updated_at(self, zone: &Zone) -> Option<Timestamp> {
        self.fields.time("updated_at", zone)
    }
}

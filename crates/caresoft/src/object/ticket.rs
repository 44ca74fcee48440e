//! Tickets, and what is done to them as a whole.

use std::borrow::Cow;

use jiff::Timestamp;

use super::{
    Assignee,
    call::TicketCall,
    comment::Comment,
    custom::{CustomField, custom_fields},
};
use crate::{
    Id, Zone,
    fields::{Fields, view},
};

/// A ticket as an event shows it: whole. The event does not say what changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ticket<'e> {
    pub(crate) id: Id,
    pub(crate) fields: Fields<'e>,
    pub(crate) comment: Fields<'e>,
    pub(crate) call: Option<TicketCall<'e>>,
}

/// Which way a contact went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The customer called.
    Inbound,
    /// The customer was called.
    Outbound,
}

impl<'e> Ticket<'e> {
    /// A ticket as REST shows it; `None` without an id. Its comments are a list there, and are not read.
    pub fn of_row(fields: Fields<'e>) -> Option<Self> {
        Some(Self {
            id: fields.id("ticket_id").or_else(|| fields.id("id"))?,
            fields,
            comment: Fields::none(),
            call: None,
        })
    }

    /// Its id.
    pub fn id(self) -> Id {
        self.id
    }

    /// Everything it has, by the names that CareSoft uses.
    pub fn fields(self) -> Fields<'e> {
        self.fields
    }

    /// The number that people see. It starts anew in every account and is no key.
    pub fn number(self) -> Option<i64> {
        self.fields.whole("ticket_no")
    }

    /// The subject.
    pub fn subject(self) -> Option<Cow<'e, str>> {
        self.fields.text("ticket_subject")
    }

    /// The status in lower case: `new`, `open`, `pending`, `solved`, `closed`, or one of the account's own.
    pub fn status(self) -> Option<String> {
        self.fields.word("ticket_status")
    }

    /// The priority in lower case: `low`, `normal`, `high`, also `urgent`.
    pub fn priority(self) -> Option<String> {
        self.fields.word("ticket_priority")
    }

    /// Where the ticket came from, such as `Voice`.
    pub fn source(self) -> Option<Cow<'e, str>> {
        self.fields.text("ticket_source")
    }

    /// The channel of this event: the comment's source, which is finer (`MissCall` of a ticket from `Voice`), or else
    /// the ticket's.
    pub fn channel(self) -> Option<Cow<'e, str>> {
        self.comment.text("source").or_else(|| self.source())
    }

    /// Which way the call went that the channel stands for; `None` for other channels.
    pub fn direction(self) -> Option<Direction> {
        match self.channel()?.to_lowercase().as_str() {
            "voice" | "ivr" | "zcc in" | "misscall" | "voicemail" => Some(Direction::Inbound),
            "voice out" | "zcc out" | "voice campaign" => Some(Direction::Outbound),
            _ => None,
        }
    }

    /// The customer.
    pub fn requester_id(self) -> Option<Id> {
        self.fields.id("requester_id")
    }

    /// The agent.
    pub fn assignee(self) -> Assignee {
        Assignee::of(self.fields)
    }

    /// The service; 0 of an IVR call is none.
    pub fn service_id(self) -> Option<Id> {
        self.fields.id("service_id")
    }

    /// The campaign, which REST writes `campaign_id`.
    pub fn campaign_id(self) -> Option<Id> {
        let names = ["campaignId", "campaign_id"].into_iter();
        names.filter_map(|name| self.fields.id(name)).next()
    }

    /// The comment that came with the event.
    pub fn comment(self) -> Option<Comment<'e>> {
        let comment = Comment {
            fields: self.comment,
        };
        (!self.comment.is_empty()).then_some(comment)
    }

    /// The call that the event is about.
    pub fn call(self) -> Option<TicketCall<'e>> {
        self.call
    }

    /// Whether nobody took the inbound call of this event: by the channel, or by the call having no answer.
    /// `None` when the event is about no call.
    pub fn is_missed_call(self) -> Option<bool> {
        let is_marked = self
            .channel()
            .is_some_and(|channel| channel.eq_ignore_ascii_case("MissCall"));
        let call = self.call?;
        Some(is_marked || (self.direction() == Some(Direction::Inbound) && !call.is_answered()))
    }

    /// The account's own fields.
    pub fn custom_fields(self) -> Vec<CustomField<'e>> {
        custom_fields(self.fields)
    }

    /// When it was made. Later events show it rounded to seconds.
    pub fn created_at(self, zone: &Zone) -> Option<Timestamp> {
        self.fields.time("created_at", zone)
    }

    /// When it was last changed.
    pub fn updated_at(self, zone: &Zone) -> Option<Timestamp> {
        self.fields.time("updated_at", zone)
    }

    /// When its status last changed.
    pub fn status_changed_at(self, zone: &Zone) -> Option<Timestamp> {
        self.fields.time("last_change_status_at", zone)
    }
}

view! {
    /// Tickets that became one. It carries no time, and is final.
    Merge, primary: Id
}

impl<'e> Merge<'e> {
    /// The tickets that were closed for the primary one; documented as a single number, observed as an array.
    pub fn secondaries(self) -> Vec<Id> {
        let mut secondaries = self.fields.ids("secondaryTickets");
        secondaries.retain(|id| *id != self.primary);
        secondaries
    }

    /// What is written on the primary ticket. It quotes numbers, not ids.
    pub fn primary_comment(self) -> Option<Cow<'e, str>> {
        self.fields.text("primaryComment")
    }

    /// Whether customers may read that.
    pub fn primary_is_public(self) -> bool {
        self.fields.flag("primaryIsPublic").unwrap_or(false)
    }

    /// What is written on each secondary ticket.
    pub fn secondary_comment(self) -> Option<Cow<'e, str>> {
        self.fields.text("secondaryComment")
    }

    /// Whether customers may read that.
    pub fn secondary_is_public(self) -> bool {
        self.fields.flag("secondaryIsPublic").unwrap_or(false)
    }

    /// Whether the comments of the secondary tickets are copied to the primary one.
    pub fn copies_comments(self) -> bool {
        self.fields.flag("copyComments").unwrap_or(false)
    }

    /// Whether the requesters of the secondary tickets get copies of the primary one's messages.
    pub fn adds_cc(self) -> bool {
        self.fields.flag("addCC").unwrap_or(false)
    }

    /// Whether the requesters of the secondary tickets follow the primary one.
    pub fn adds_followers(self) -> bool {
        self.fields.flag("addFollow").unwrap_or(false)
    }
}

view! {
    /// A ticket that was given to an agent by call distribution. Only a sample shows it.
    Assignment, ticket_id: Id
}

impl Assignment<'_> {
    /// The agent; the sample says 0, so it is to be looked up when this is nobody.
    pub fn assignee(self) -> Assignee {
        Assignee::of(self.fields)
    }

    /// When.
    pub fn assigned_at(self, zone: &Zone) -> Option<Timestamp> {
        self.fields.time("assign_at", zone)
    }
}

//! Tickets, and what their numbers mean.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    Attachment, CompanyId, Conversation, ConversationId, GroupId, OtherId, PersonId, Stats, record,
};

record! {
    /// A ticket. In lists, `description`, `attachments`, `conversations` and whatever was not asked for are absent.
    Ticket as "a ticket" by TicketId {
        /// One line; may be blank.
        subject: Option<String>,
        /// The first message, as HTML. It is not among the conversations.
        description: Option<String>,
        /// The same as plain text.
        description_text: Option<String>,
        /// See [`Ticket::status`].
        status_code as "status": Option<i64>,
        /// See [`Ticket::priority`].
        priority_code as "priority": Option<i64>,
        /// See [`Ticket::source`].
        source_code as "source": Option<i64>,
        /// The account's own type.
        kind as "type": Option<String>,
        /// Who asked; may be nobody who still exists.
        requester_id: Option<PersonId>,
        /// Whose it is; may be an agent who is in no list any more.
        responder_id: Option<PersonId>,
        /// The group.
        group_id: Option<GroupId>,
        /// The company.
        company_id: Option<CompanyId>,
        /// The product.
        product_id: Option<OtherId>,
        /// Addressees of the first message, each an address alone or with a name.
        to_emails: Vec<String>,
        /// Copies, with repetitions.
        cc_emails: Vec<String>,
        /// Copies of the ticket.
        ticket_cc_emails: Vec<String>,
        /// Copies of replies.
        reply_cc_emails: Vec<String>,
        /// To whom it was passed on.
        fwd_emails: Vec<String>,
        /// The address of the account that it came to.
        support_email: Option<String>,
        /// Tags.
        tags: Vec<String>,
        /// The account's own fields; a nested field has one member a level.
        custom_fields: Map<String, Value>,
        /// When it is to be solved.
        due_by: Option<Timestamp>,
        /// When it is to be answered.
        fr_due_by: Option<Timestamp>,
        /// Whether it is past its time.
        is_escalated: Option<bool>,
        /// Whether it is in the list of spam.
        spam: Option<bool>,
        /// Whether it is in the list of what was deleted.
        deleted: Option<bool>,
        /// See [`Ticket::association`].
        association_code as "association_type": Option<i64>,
        /// Files of the first message.
        attachments: Vec<Attachment>,
        /// When things happened to it.
        stats: Option<Stats>,
        /// Who asked, where that was asked for.
        requester: Option<Requester>,
        /// The company, where that was asked for.
        company: Option<TicketCompany>,
        /// What followed; over the API at most the oldest ten, unless the ticket was read whole.
        conversations: Vec<Conversation>,
        /// When it was made.
        created_at: Option<Timestamp>,
        /// When it was last changed, to the second.
        updated_at: Option<Timestamp>,
    }
}

record! {
    /// Who asked, as it comes along with a ticket.
    Requester as "a requester" by PersonId {
        /// Full name.
        name: Option<String>,
        /// Main address.
        email: Option<String>,
        /// Phone.
        phone: Option<String>,
        /// Mobile.
        mobile: Option<String>,
    }
}

record! {
    /// A company, as it comes along with a ticket.
    TicketCompany as "a company" by CompanyId {
        /// Its name.
        name: Option<String>,
    }
}

/// A ticket's status. Others than the first four are the account's own, and a deleted one may survive on old tickets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// 2.
    Open,
    /// 3.
    Pending,
    /// 4.
    Resolved,
    /// 5.
    Closed,
    /// Any other number; 6 and 7 are *Waiting on Customer* and *Waiting on Third Party* unless renamed.
    Own(i64),
}

/// A ticket's priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Priority {
    /// 1.
    Low,
    /// 2.
    Medium,
    /// 3.
    High,
    /// 4.
    Urgent,
}

/// How a ticket came in. Not the table of conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are Freshdesk's")]
pub enum TicketSource {
    Email,
    Portal,
    Phone,
    Forum,
    Twitter,
    Facebook,
    Chat,
    MobiHelp,
    FeedbackWidget,
    OutboundEmail,
    Ecommerce,
    Bot,
    WhatsApp,
    InternalTask,
    WebChat,
    WebForm,
    InstagramMessage,
    InstagramComment,
    FacebookMessage,
    FacebookComment,
    MobileChat,
    Sms,
    /// Not known, or the account's own (from 101 on).
    Other(i64),
}

impl TicketSource {
    fn of(code: i64) -> Self {
        const KNOWN: [TicketSource; 22] = [
            TicketSource::Email,
            TicketSource::Portal,
            TicketSource::Phone,
            TicketSource::Forum,
            TicketSource::Twitter,
            TicketSource::Facebook,
            TicketSource::Chat,
            TicketSource::MobiHelp,
            TicketSource::FeedbackWidget,
            TicketSource::OutboundEmail,
            TicketSource::Ecommerce,
            TicketSource::Bot,
            TicketSource::WhatsApp,
            TicketSource::InternalTask,
            TicketSource::WebChat,
            TicketSource::WebForm,
            TicketSource::InstagramMessage,
            TicketSource::InstagramComment,
            TicketSource::FacebookMessage,
            TicketSource::FacebookComment,
            TicketSource::MobileChat,
            TicketSource::Sms,
        ];
        let place = code
            .checked_sub(1)
            .and_then(|place| usize::try_from(place).ok());
        let known = place.and_then(|place| KNOWN.get(place));
        known.copied().unwrap_or(Self::Other(code))
    }
}

/// What a ticket is to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Association {
    /// Has children.
    Parent,
    /// Is a child.
    Child,
    /// Tracks related ones.
    Tracker,
    /// Is tracked.
    Related,
    /// Not known.
    Other(i64),
}

/// Who wrote the first message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FirstAuthor {
    /// Who asked.
    Requester(PersonId),
    /// An agent, who is not named; the responder is the best guess.
    Agent(Option<PersonId>),
    /// Nobody who is named.
    Nobody,
}

impl Ticket {
    /// Its status.
    pub fn status(&self) -> Option<Status> {
        self.status_code.map(|code| match code {
            2 => Status::Open,
            3 => Status::Pending,
            4 => Status::Resolved,
            5 => Status::Closed,
            own => Status::Own(own),
        })
    }

    /// Its priority; absent when it is none of the four.
    pub fn priority(&self) -> Option<Priority> {
        match self.priority_code? {
            1 => Some(Priority::Low),
            2 => Some(Priority::Medium),
            3 => Some(Priority::High),
            4 => Some(Priority::Urgent),
            _ => None,
        }
    }

    /// How it came in.
    pub fn source(&self) -> Option<TicketSource> {
        self.source_code.map(TicketSource::of)
    }

    /// What it is to other tickets.
    pub fn association(&self) -> Option<Association> {
        self.association_code.map(|code| match code {
            1 => Association::Parent,
            2 => Association::Child,
            3 => Association::Tracker,
            4 => Association::Related,
            other => Association::Other(other),
        })
    }

    /// Who wrote the first message: the requester, except where the ticket began with a message to them.
    pub fn first_author(&self) -> FirstAuthor {
        match self.source() {
            Some(TicketSource::OutboundEmail | TicketSource::InternalTask) => {
                FirstAuthor::Agent(self.responder_id)
            }
            _ => self
                .requester_id
                .map_or(FirstAuthor::Nobody, FirstAuthor::Requester),
        }
    }

    /// Whether the description repeats the first conversation, as it does for web chats.
    pub fn description_repeats_first_conversation(&self) -> bool {
        self.source() == Some(TicketSource::WebChat) && !self.conversations.is_empty()
    }

    /// Sorts what followed by time and id, and takes out repetitions; no order of pages is to be relied upon.
    pub(crate) fn settle_conversations(&mut self) {
        settle(&mut self.conversations);
    }
}

pub(crate) fn settle(conversations: &mut Vec<Conversation>) {
    conversations.sort_by_key(|item| (item.created_at, item.id));
    let mut seen = std::collections::HashSet::<ConversationId>::new();
    conversations.retain(|item| seen.insert(item.id));
}

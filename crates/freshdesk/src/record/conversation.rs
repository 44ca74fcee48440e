//! What followed on a ticket, and its files.

use std::fmt;

use jiff::Timestamp;
use serde_json::Value;

use super::{Member, PersonId, TicketId, record};

record! {
    /// A message or note.
    Conversation as "a conversation" by ConversationId {
        /// Its ticket.
        ticket_id: Option<TicketId>,
        /// HTML, with what it quotes in `div.freshdesk_quote`.
        body: Option<String>,
        /// The same as plain text.
        body_text: Option<String>,
        /// Whether it came from outside.
        incoming: Option<bool>,
        /// Whether customers do not see it. Nothing else that it says changes that.
        private: Option<bool>,
        /// Whether it was deleted: never true over the API, where it vanishes; told by exports.
        deleted: Option<bool>,
        /// Who wrote it, which need not be the requester; may be nobody who still exists.
        user_id: Option<PersonId>,
        /// The sender's address, which is what remains of somebody who was deleted.
        from_email: Option<String>,
        /// The address of the account.
        support_email: Option<String>,
        /// To whom.
        to_emails: Vec<String>,
        /// Copies.
        cc_emails: Vec<String>,
        /// Hidden copies.
        bcc_emails: Vec<String>,
        /// See [`Conversation::source`].
        source_code as "source": Option<i64>,
        /// Whether a rule sent it.
        auto_response: Option<bool>,
        /// The rule that sent it.
        automation_id: Option<i64>,
        /// Files.
        attachments: Vec<Attachment>,
        /// When; several within one second are common.
        created_at: Option<Timestamp>,
        /// When it was last changed.
        updated_at: Option<Timestamp>,
        /// When its text was last changed.
        last_edited_at: Option<Timestamp>,
    }
}

record! {
    /// A file.
    Attachment as "an attachment" by AttachmentId {
        /// Its name as whoever sent it had it: anything, including slashes, control characters and nothing.
        name: Option<String>,
        /// What it says it is.
        content_type: Option<String>,
        /// Bytes.
        size: Option<u64>,
        /// Where it lies, for a short time only.
        link as "attachment_url": Option<Link>,
        /// When it was made.
        created_at: Option<Timestamp>,
    }
}

/// The address of a file, which is also the leave to read it. Not shown by `Debug`, but written as JSON.
#[derive(Clone, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct Link(String);

impl Link {
    /// Takes an address, such as that of an inline image.
    pub fn new(address: impl Into<String>) -> Self {
        Self(address.into())
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link(..)")
    }
}

impl Member for Option<Link> {
    fn read(value: Value) -> Result<Self, Value> {
        match value {
            Value::String(address) => Ok(Some(Link(address))),
            other => Err(other),
        }
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

/// How a message came about. Not the table of tickets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConversationSource {
    /// 0.
    Reply,
    /// 2.
    Note,
    /// 5.
    Tweet,
    /// 6.
    Survey,
    /// 7.
    FacebookPost,
    /// 8.
    Forward,
    /// 9.
    Phone,
    /// 10.
    MobiHelp,
    /// 11.
    Ecommerce,
    /// Not known.
    Other(i64),
}

/// What a message is to an agent who reads the ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Only agents see it.
    InternalNote,
    /// From outside: the requester, or somebody who was copied.
    CustomerMessage,
    /// An agent's note that customers see.
    PublicNote,
    /// An agent's answer.
    Reply,
    /// Passed on to a third party; often nothing for the customer's eyes.
    Forward,
    /// What a customer said in a survey.
    SurveyComment,
    /// Sent by a rule.
    SystemMessage,
    /// Deleted; told by exports only.
    Deleted,
    /// Metadata of an export that is written as a note (`created_by:` …), not a part of the talk.
    MachineNote,
}

impl Conversation {
    /// How it came about.
    pub fn source(&self) -> Option<ConversationSource> {
        self.source_code.map(|code| match code {
            0 => ConversationSource::Reply,
            2 => ConversationSource::Note,
            5 => ConversationSource::Tweet,
            6 => ConversationSource::Survey,
            7 => ConversationSource::FacebookPost,
            8 => ConversationSource::Forward,
            9 => ConversationSource::Phone,
            10 => ConversationSource::MobiHelp,
            11 => ConversationSource::Ecommerce,
            other => ConversationSource::Other(other),
        })
    }

    /// What it is. What is private stays so, whatever else it says of itself; and so does what does not say.
    pub fn kind(&self) -> Kind {
        let text = self.body_text.as_deref().unwrap_or_default();
        if self.deleted == Some(true) {
            return Kind::Deleted;
        }
        if self.private != Some(false) {
            return match text.trim_start().starts_with("created_by:") {
                true => Kind::MachineNote,
                false => Kind::InternalNote,
            };
        }
        match self.source() {
            Some(ConversationSource::Survey) => Kind::SurveyComment,
            _ if self.auto_response == Some(true) || self.automation_id.is_some() => {
                Kind::SystemMessage
            }
            _ if self.incoming == Some(true) => Kind::CustomerMessage,
            Some(ConversationSource::Note) => Kind::PublicNote,
            Some(ConversationSource::Forward) => Kind::Forward,
            _ => Kind::Reply,
        }
    }
}

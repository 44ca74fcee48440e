//! What goes wrong with importers sooner or later, one ticket each.

use serde_json::json;

use super::{AGENTS, AGENTS_FROM, CONTACTS_FROM, FORMER_AGENTS, attachment, files};
use crate::freshdesk::records::{Conversation, Place, Ticket};

/// What is odd about a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// Its requester was forgotten: 404.
    MissingRequester,
    /// Its responder is in no list.
    DeletedAgent,
    /// A subject of 300 letters, with an emoji in it.
    LongSubject,
    /// A subject that looks like a number.
    NumericSubject,
    /// A subject of blanks.
    BlankSubject,
    /// A status that no choice has.
    OddStatus,
    /// Closed, without a time at which it was.
    ClosedWithoutTimes,
    /// The lesser of two that were merged.
    Merged,
    /// Its first message was an agent's.
    OutboundEmail,
    /// A web chat, whose description repeats the first message.
    WebChat,
    /// More messages than come along with a ticket: exactly ten.
    TenConversations,
    /// More messages than come along with a ticket.
    ManyConversations,
    /// A text where a list belongs.
    TextForList,
    /// No list at all.
    NullForList,
    /// Addresses with names, one of them twice.
    NamedAddresses,
    /// Inline images: signed ones, twice the same.
    InlineImages,
    /// An inline image whose address was put behind `cid:`.
    CidBeforeAddress,
    /// An inline image that was never resolved, and one within the text.
    CidAndDataImages,
    /// HTML that must not be shown as it is.
    HostileHtml,
    /// Characters that XML cannot have.
    ControlCharacters,
    /// Names of files that must not become paths.
    HostileFileNames,
    /// Two files of one name, and one of no bytes.
    EqualFileNames,
    /// A note that says it came from the customer, and is private.
    PrivateIncoming,
    /// A reply by somebody else than the requester.
    ReplyByThird,
    /// A message from nobody that exists.
    UnknownAuthor,
    /// A reply of a rule.
    AutoResponse,
    /// A message passed on to somebody else.
    Forward,
    /// A message that was deleted.
    DeletedConversation,
    /// In the list of spam.
    Spam,
    /// In the list of what was deleted.
    Deleted,
    /// In no list.
    Archived,
}

impl Edge {
    /// All of them; ticket number n has the n-th.
    pub const ALL: [Self; 31] = [
        Self::MissingRequester,
        Self::DeletedAgent,
        Self::LongSubject,
        Self::NumericSubject,
        Self::BlankSubject,
        Self::OddStatus,
        Self::ClosedWithoutTimes,
        Self::Merged,
        Self::OutboundEmail,
        Self::WebChat,
        Self::TenConversations,
        Self::ManyConversations,
        Self::TextForList,
        Self::NullForList,
        Self::NamedAddresses,
        Self::InlineImages,
        Self::CidBeforeAddress,
        Self::CidAndDataImages,
        Self::HostileHtml,
        Self::ControlCharacters,
        Self::HostileFileNames,
        Self::EqualFileNames,
        Self::PrivateIncoming,
        Self::ReplyByThird,
        Self::UnknownAuthor,
        Self::AutoResponse,
        Self::Forward,
        Self::DeletedConversation,
        Self::Spam,
        Self::Deleted,
        Self::Archived,
    ];

    /// The first ticket that has it.
    pub fn number(self) -> u64 {
        1 + Self::ALL.iter().take_while(|edge| **edge != self).count() as u64
    }
}

pub(super) fn edge_of(number: u64) -> Option<Edge> {
    let count = Edge::ALL.len() as u64;
    let index = match number - 1 {
        index if index < count => index,
        index if index.is_multiple_of(37) => index / 37 % count,
        _ => return None,
    };
    usize::try_from(index)
        .ok()
        .and_then(|index| Edge::ALL.get(index))
        .copied()
}

#[expect(clippy::too_many_lines, reason = "a table of what is odd")]
pub(super) fn apply(edge: Edge, ticket: &mut Ticket, random: &mut fastrand::Rng) {
    match edge {
        Edge::MissingRequester => ticket.requester_id = CONTACTS_FROM + 900_000_000,
        Edge::DeletedAgent => {
            ticket.responder_id = Some(AGENTS_FROM + AGENTS + random.u64(..FORMER_AGENTS));
        }
        Edge::LongSubject => ticket.subject = format!("🔥 {}", "Giao trễ ".repeat(33)),
        Edge::NumericSubject => ticket.subject = "007".to_owned(),
        Edge::BlankSubject => ticket.subject = "   ".to_owned(),
        Edge::OddStatus => ticket.status = 17,
        Edge::ClosedWithoutTimes => {
            ticket.status = 5;
            ticket.stats.closed_at = None;
            ticket.stats.resolved_at = None;
        }
        Edge::Merged => {
            ticket.status = 5;
            let note = message(ticket, "<div>This ticket is closed and merged into ticket 12</div>");
            ticket.conversations.push(Conversation { private: true, source: 2, ..note });
        }
        Edge::OutboundEmail => ticket.source = 10,
        Edge::WebChat => {
            ticket.source = 15;
            let first = message(ticket, &ticket.description);
            let first = Conversation { incoming: true, created_at: ticket.created_at, ..first };
            ticket.conversations.insert(0, first);
        }
        Edge::TenConversations => add_messages(ticket, 10),
        Edge::ManyConversations => add_messages(ticket, 237),
        Edge::TextForList => ticket.cc_emails = json!("mot@mail1.test"),
        Edge::NullForList => ticket.to_emails = serde_json::Value::Null,
        Edge::NamedAddresses => {
            ticket.cc_emails = json!(["\"Hoa, Mai\" <hoa@mail1.test>", "hoa@mail1.test", "hoa@mail1.test"]);
        }
        Edge::InlineImages => {
            let url = files::inline_url(ticket.number * 7, 900);
            let image = format!(r#"<img src="{url}" data-id="{}">"#, ticket.number * 7);
            ticket.description.push_str(&image);
            let mut reply = message(ticket, &format!("<div>{image}</div>"));
            reply.attachments.push(attachment(reply.id, "anh.png", 4_000));
            ticket.conversations.push(reply);
        }
        Edge::CidBeforeAddress => {
            let url = files::inline_url(ticket.number * 7, 700);
            ticket.description.push_str(&format!(r#"<img src="cid:{url}">"#));
        }
        Edge::CidAndDataImages => ticket.description.push_str(
            r#"<img src="cid:logo.png@01D6"><img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">"#,
        ),
        Edge::HostileHtml => ticket.description.push_str(
            "<script>alert(1)</script><!--[if mso]>x<![endif]--><a href=\"javascript:alert(2)\" onclick=\"x()\">y</a><img src=\"http://127.0.0.1:1/pixel.gif\">",
        ),
        Edge::ControlCharacters => {
            ticket.description.push_str("\u{b}giữa\u{1f}hai\u{0} ký tự ]]> &amp;lt;");
            ticket.subject.push('\u{8}');
        }
        Edge::HostileFileNames => {
            let names = ["../../etc/passwd", "a/b\\c:d.png", "\u{202e}gnp.exe", ""];
            let long = "dài".repeat(90);
            for (place, name) in names.into_iter().chain([long.as_str()]).enumerate() {
                let id = 920_000_000 + ticket.number * 100 + place as u64;
                ticket.attachments.push(attachment(id, name, 50));
            }
        }
        Edge::EqualFileNames => {
            for (place, size) in [10, 20, 0].into_iter().enumerate() {
                let id = 930_000_000 + ticket.number * 100 + place as u64;
                ticket.attachments.push(attachment(id, "anh.png", size));
            }
        }
        Edge::PrivateIncoming => {
            let note = message(ticket, "<div>Nội bộ</div>");
            ticket.conversations.push(Conversation { private: true, incoming: true, source: 2, ..note });
        }
        Edge::ReplyByThird => {
            let reply = message(ticket, "<div>Tôi cũng vậy</div>");
            let user_id = Some(CONTACTS_FROM + 1);
            ticket.conversations.push(Conversation { incoming: true, user_id, ..reply });
        }
        Edge::UnknownAuthor => {
            let reply = message(ticket, "<div>?</div>");
            let from_email = Some("ai.do@mail1.test".to_owned());
            ticket.conversations.push(Conversation { incoming: true, user_id: None, from_email, ..reply });
        }
        Edge::AutoResponse => {
            let reply = message(ticket, "<div>Chúng tôi đã nhận được yêu cầu.</div>");
            ticket.conversations.push(Conversation { auto_response: true, user_id: None, ..reply });
        }
        Edge::Forward => {
            let reply = message(ticket, "<div>Nhờ kho kiểm tra.</div>");
            ticket.conversations.push(Conversation { source: 8, to_emails: json!(["kho@doi-tac.test"]), ..reply });
        }
        Edge::DeletedConversation => {
            let reply = message(ticket, "<div>nhầm</div>");
            ticket.conversations.push(Conversation { deleted: true, ..reply });
        }
        Edge::Spam => ticket.place = Place::Spam,
        Edge::Deleted => ticket.place = Place::Deleted,
        Edge::Archived => {
            ticket.status = 5;
            ticket.place = Place::Archived;
        }
    }
}

/// A public reply of an agent, as the last one.
fn message(ticket: &Ticket, body: &str) -> Conversation {
    let last = ticket.conversations.last();
    let at = last.map_or(ticket.created_at, |last| last.created_at);
    Conversation {
        id: 910_000_000 + ticket.number * 100 + 60 + ticket.conversations.len() as u64 % 40,
        body: body.to_owned(),
        incoming: false,
        private: false,
        source: 0,
        user_id: Some(AGENTS_FROM),
        from_email: None,
        to_emails: json!(["khach@mail1.test"]),
        auto_response: false,
        deleted: false,
        attachments: Vec::new(),
        created_at: at,
    }
}

fn add_messages(ticket: &mut Ticket, count: u64) {
    ticket.conversations.clear();
    for place in 0..count {
        let reply = message(ticket, &format!("<p>Tin {place}</p>"));
        let id = 940_000_000 + ticket.number * 1000 + place;
        ticket.conversations.push(Conversation {
            id,
            incoming: place % 2 == 1,
            ..reply
        });
    }
}

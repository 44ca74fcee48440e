//! Comments: told apart without ids, carried once.

use caresoft::{Age, Id, object::comment::Comment};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    case::CaseFacts,
    draft::{Draft, Unreadable},
    html::sanitised,
    record::Record,
    version::{short_digest, to_second},
    write::{AddComment, Author, Write},
};
use crate::settings::Account;

/// What is known of a comment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct CommentFacts {
    /// Whether it stands on the ticket, or soon will; one of a ticket that was over before it came does not.
    pub(super) is_carried: bool,
    /// When it was written.
    pub(super) written_at: Option<Timestamp>,
}

/// A comment that came with an event.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Written {
    case: Id,
    commentator: Option<Id>,
    at: Option<Timestamp>,
    digest: String,
    html: String,
    is_public: bool,
}

impl Written {
    /// A ticket's comment; `None` where nothing is to be read. `fallback` is when it was written if it does not say.
    pub(super) fn of(
        case: Id,
        comment: Comment<'_>,
        fallback: Option<Timestamp>,
        account: &Account,
    ) -> Option<Self> {
        let raw = comment.html()?;
        let html = sanitised(&raw);
        (!html.is_empty()).then(|| Self {
            case,
            commentator: comment.commentator_id(),
            at: comment.created_at(&account.zone).or(fallback),
            digest: short_digest(&raw),
            html,
            is_public: comment.is_public(),
        })
    }

    /// Whether it tells of this call: CareSoft's own notes of calls name them.
    pub(super) fn names(&self, call: &str) -> bool {
        self.html.contains(call)
    }

    /// The records that it may be known as, its own first: it has no id, and may have been seen a second off.
    pub(super) fn records(&self) -> [Record; 3] {
        let second = self.at.map_or(0, |at| to_second(at).as_second());
        let commentator = self.commentator.map_or(0, Id::get);
        [second, second - 1, second + 1].map(|second| {
            let (case, digest) = (self.case, &self.digest);
            Record::Comment(format!("{case}-{commentator}-{second}-{digest}"))
        })
    }

    fn author(&self, case: &CaseFacts, draft: &Draft<'_>) -> Author {
        let Some(commentator) = self.commentator else {
            return Author::ContactCenter;
        };
        if case.requester() == Some(commentator) {
            return Author::Customer(draft.key(&Record::User(commentator)));
        }
        let agent = draft.account.mapping.agents.get(&commentator);
        match agent.and_then(|agent| agent.email.clone()) {
            Some(email) => Author::Agent(email),
            None => Author::ContactCenter,
        }
    }

    /// The comment on its ticket, unless it is known by now.
    pub(super) fn plan(
        self,
        draft: &mut Draft<'_>,
        case: &CaseFacts,
    ) -> Result<Option<AddComment>, Unreadable> {
        let records = self.records();
        let [record, neighbours @ ..] = &records;
        if draft.held.knows(record) {
            return Ok(None);
        }
        for neighbour in neighbours {
            let known: CommentFacts = draft.held.facts(neighbour)?;
            if is_one_time(known.written_at, self.at) {
                return Ok(None);
            }
        }
        let [record, ..] = records;
        let facts = CommentFacts {
            is_carried: case.takes_comments(draft.account),
            written_at: self.at,
        };
        let write = facts.is_carried.then(|| AddComment {
            key: draft.key(&record),
            ticket: draft.key(&Record::Case(self.case)),
            is_public: self.is_public,
            author: self.author(case, draft),
            html: self.html,
            written_at: self.at,
        });
        draft.keep(record, &None, &Some(facts))?;
        Ok(write)
    }
}

/// Whether two times may be one: one of them a whole second, to which the other was cut, as Java's texts are, or
/// rounded, as later events are.
fn is_one_time(one: Option<Timestamp>, other: Option<Timestamp>) -> bool {
    let (Some(one), Some(other)) = (one, other) else {
        return false;
    };
    let is_whole = |at: Timestamp| at.subsec_nanosecond() == 0;
    (is_whole(one) || is_whole(other)) && caresoft::age(one, other) == Age::Same
}

/// Writes a comment.
pub(super) fn add(draft: &mut Draft<'_>, case: Id, comment: AddComment) {
    let key = comment.key.to_string();
    draft.effect(&Record::Case(case), &key, &Write::AddComment(comment));
}

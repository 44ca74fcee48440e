//! Tickets: what the helpdesk's ticket is to hold, and what brings it there.

use caresoft::{
    Id,
    object::ticket::{Assignment as Assigned, Merge, Ticket},
};
use serde_json::{Map, Value};

use super::{
    call::{CallFacts, plan_notes, plan_report},
    case::{CALL, CaseFacts, End, PlannedTicket, Works, closing},
    comment::{self, CommentFacts, Written},
    draft::{Draft, Unreadable, changed, line, overlaid},
    html::sanitised,
    person,
    record::Record,
    registers::Registers,
    version::{Version, short_digest, to_second},
    write::{
        AddComment, Assignment, Author, End as Why, EndTicket, Fields, SaveTicket, Status, Write,
    },
};
use crate::settings::{Account, CallNotes};

/// Characters in a subject at most.
const SUBJECT_MAX: usize = 140;

pub(super) fn plan_ticket(
    draft: &mut Draft<'_>,
    ticket: Ticket<'_>,
    at: Version,
) -> Result<(), Unreadable> {
    let (id, zone) = (ticket.id(), draft.account.zone);
    let record = Record::Case(id);
    let before: CaseFacts = draft.held.facts(&record)?;
    let mut facts = before.clone();
    facts.fold_ticket(ticket, at, &zone);
    let written = written(draft.account, ticket);
    settle(draft, id, &mut facts, written)?;
    if let Some(call) = ticket.call()
        && let Some(call_id) = call.id()
    {
        let call_record = Record::Call(call_id.clone());
        let known: CallFacts = draft.held.facts(&call_record)?;
        let mut told = known.clone();
        told.fold_ticket(ticket, call, at, &zone);
        plan_notes(draft, &call_id, id, &facts, &mut told);
        plan_report(draft, &call_id, &mut told);
        if !known.cases().any(|case| case == id) {
            draft.link(&call_record, &record);
        }
        draft.keep(call_record, &known, &told)?;
    }
    if let Some(requester) = facts.requester()
        && before.requester() != Some(requester)
    {
        draft.link(&Record::User(requester), &record);
    }
    draft.keep(record, &before, &facts)
}

/// The event's comment, unless a note of ours takes its place: that of a call which is over and which the comment names,
/// as CareSoft's own notes of calls do.
pub(super) fn written(account: &Account, ticket: Ticket<'_>) -> Option<Written> {
    let zone = &account.zone;
    let written = Written::of(
        ticket.id(),
        ticket.comment()?,
        ticket.updated_at(zone),
        account,
    )?;
    let over = ticket.call().filter(|call| call.ended_at(zone).is_some());
    let is_replaced = account.mapping.ticket.call_notes == CallNotes::Ours
        && over
            .and_then(|call| call.id())
            .is_some_and(|call| written.names(call.as_str()));
    (!is_replaced).then_some(written)
}

pub(super) fn plan_assignment(
    draft: &mut Draft<'_>,
    assignment: Assigned<'_>,
    at: Version,
) -> Result<(), Unreadable> {
    let id = assignment.ticket_id();
    change(draft, id, |facts| facts.fold_assignment(assignment, at))
}

pub(super) fn plan_deletion(draft: &mut Draft<'_>, id: Id) -> Result<(), Unreadable> {
    change(draft, id, CaseFacts::delete)
}

fn change(
    draft: &mut Draft<'_>,
    id: Id,
    fold: impl FnOnce(&mut CaseFacts),
) -> Result<(), Unreadable> {
    let record = Record::Case(id);
    let before: CaseFacts = draft.held.facts(&record)?;
    let mut facts = before.clone();
    fold(&mut facts);
    settle(draft, id, &mut facts, None)?;
    draft.keep(record, &before, &facts)
}

/// What a merge writes on one of its tickets, and as what it is known. It has neither time nor author, so it is told
/// apart by what was merged. What copying comments adds to the primary ticket, CareSoft's own events would tell.
pub(super) fn merge_comment(on: Id, merge: Merge<'_>) -> Option<(Record, String, bool)> {
    let (raw, is_public) = match on == merge.primary() {
        true => (merge.primary_comment(), merge.primary_is_public()),
        false => (merge.secondary_comment(), merge.secondary_is_public()),
    };
    let html = sanitised(&raw?);
    let mut merged = merge.secondaries();
    merged.sort_unstable();
    let digest = short_digest(&format!("{} {merged:?} {html}", merge.primary()));
    let record = Record::Comment(format!("{on}-merge-{digest}"));
    (!html.is_empty()).then_some((record, html, is_public))
}

/// All tickets of a merge: the secondary ones are over, and point at the primary one.
pub(super) fn plan_merge(draft: &mut Draft<'_>, merge: Merge<'_>) -> Result<(), Unreadable> {
    let primary = merge.primary();
    for secondary in merge.secondaries() {
        plan_merged(draft, secondary, merge, |facts| facts.merge_into(primary))?;
    }
    plan_merged(draft, primary, merge, |_primary| {})
}

fn plan_merged(
    draft: &mut Draft<'_>,
    id: Id,
    merge: Merge<'_>,
    fold: impl FnOnce(&mut CaseFacts),
) -> Result<(), Unreadable> {
    let record = Record::Case(id);
    let before: CaseFacts = draft.held.facts(&record)?;
    let mut facts = before.clone();
    if let Some((comment, html, is_public)) = merge_comment(id, merge)
        && !draft.held.knows(&comment)
    {
        let write = AddComment {
            key: draft.key(&comment),
            ticket: draft.key(&record),
            is_public,
            author: Author::ContactCenter,
            html,
            written_at: None,
        };
        facts.waiting.insert(write.key.to_string(), write);
        let known = CommentFacts {
            is_carried: true,
            written_at: None,
        };
        draft.keep(comment, &None, &Some(known))?;
    }
    fold(&mut facts);
    settle(draft, id, &mut facts, None)?;
    draft.keep(record, &before, &facts)
}

/// Plans what brings the helpdesk's ticket to what is known now: the ticket first, because a comment stands on one. A
/// ticket that is over stays so; comments that come late do not open it again, because whoever writes them puts the
/// status back.
fn settle(
    draft: &mut Draft<'_>,
    id: Id,
    facts: &mut CaseFacts,
    written: Option<Written>,
) -> Result<(), Unreadable> {
    let wanted = match facts.end() {
        None => wanted(draft, id, facts),
        Some(_) => None,
    };
    let planned = facts.planned.ticket.clone();
    if let Some(wanted) = &wanted {
        facts.planned.ticket = Some(planned.clone().unwrap_or_default().overlaid(wanted));
    }
    let mut comments: Vec<AddComment> = Vec::new();
    if facts.takes_comments(draft.account) {
        comments.extend(std::mem::take(&mut facts.waiting).into_values());
    }
    if let Some(written) = written {
        comments.extend(written.plan(draft, facts)?);
    }
    if planned != facts.planned.ticket {
        let key = draft.key(&Record::Case(id));
        if let Some(write) = facts.ticket_write(&key) {
            let write = Write::SaveTicket(differing_from(&planned.unwrap_or_default(), write));
            draft.save(&Record::Case(id), &write);
        }
    }
    for comment in comments {
        comment::add(draft, id, comment);
    }
    if let Some(end) = facts.end()
        && facts.planned.end != Some(end)
    {
        let ended = plan_end(draft, id, end);
        facts.planned.ended = ended.or(facts.planned.ended.take());
        facts.planned.end = Some(end);
    }
    Ok(())
}

/// Plans what an end does, if anything.
fn plan_end(draft: &mut Draft<'_>, id: Id, end: End) -> Option<EndTicket> {
    let (is_closed, tag) = closing(draft.account, end)?;
    let record = Record::Case(id);
    let closed_status = draft.account.mapping.ticket.closed_status.clone();
    let why = match end {
        End::Deleted => Why::Deleted,
        End::MergedInto(primary) => Why::MergedInto(draft.key(&Record::Case(Id::new(primary)?))),
    };
    let write = EndTicket {
        key: draft.key(&record),
        why,
        status: closed_status.filter(|_| is_closed),
        tag,
        is_deleted: !is_closed,
    };
    draft.save(&record, &Write::EndTicket(write.clone()));
    Some(write)
}

impl PlannedTicket {
    /// What was planned last of everything: what nobody knows any more keeps what it was given.
    fn overlaid(self, wanted: &Self) -> Self {
        let fields = overlaid(&self.fields, &wanted.fields);
        let wanted = wanted.clone();
        Self {
            fields,
            status: wanted.status.or(self.status),
            works: match wanted.works {
                Works::NotKnown => self.works,
                works => works,
            },
            requester: wanted.requester.or(self.requester),
            phone: wanted.phone.or(self.phone),
            opened_at: wanted.opened_at.or(self.opened_at),
        }
    }
}

/// The write of a ticket that was planned otherwise before.
fn differing_from(planned: &PlannedTicket, write: SaveTicket) -> SaveTicket {
    let works = match &write.assignment {
        None => Works::NotKnown,
        Some(assignment) => assignment.agent.clone().map_or(Works::Nobody, Works::Agent),
    };
    SaveTicket {
        changed: changed(&planned.fields, &write.all),
        requester_has_changed: planned.requester_key(&write.key) != write.requester,
        status: write.status.map(|status| Status {
            has_changed: planned.status.as_ref() != Some(&status.name),
            ..status
        }),
        assignment: write.assignment.map(|assignment| Assignment {
            has_changed: planned.works != works,
            ..assignment
        }),
        ..write
    }
}

/// What the ticket is to hold; `None` before any event showed it.
fn wanted(draft: &mut Draft<'_>, id: Id, facts: &CaseFacts) -> Option<PlannedTicket> {
    let said = facts.shown_ticket()?;
    let account = draft.account;
    let mapping = &account.mapping.ticket;
    let subject = said
        .text("ticket_subject")
        .map(|text| line(text, SUBJECT_MAX));
    let subject = subject.unwrap_or_else(|| match said.text("ticket_no") {
        Some(number) => format!("CareSoft #{number}"),
        None => format!("CareSoft #{id}"),
    });
    let (channel, source) = (facts.channel(), said.text("ticket_source"));
    let mut named = [channel, source].into_iter().flatten();
    let kind = match named.find_map(|word| mapping.types.row(word)) {
        Some(row) => row,
        None => mapping.types.otherwise(),
    };
    let mut named = [channel, source].into_iter().flatten();
    let origin = match named.find_map(|word| mapping.sources.row(word)) {
        Some(row) => row,
        None => source.or(channel),
    };
    let priority = draft.row(
        "ticket.priorities",
        &mapping.priorities,
        said.text("ticket_priority"),
    );
    let mut fields = Fields::new();
    let mut set = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            fields.insert(name.to_owned(), Value::from(value));
        }
    };
    set("subject", Some(&subject));
    set("priority", priority.as_deref());
    set("ticket_type", kind);
    if let Some(field) = &mapping.source_field {
        set(field, origin);
    }
    let works = works(draft, said);
    let record = record(said.record(account.mapping.blank_changes), channel, &works);
    draft.add(&mut fields, "ticket", mapping.fields.evaluate(&record));
    Some(PlannedTicket {
        fields,
        status: draft.row(
            "ticket.statuses",
            &mapping.statuses,
            said.text("ticket_status"),
        ),
        works,
        requester: facts.requester().map(Id::get),
        phone: said.text(&format!("{CALL}caller")).map(str::to_owned),
        opened_at: said.time("created_at", &account.zone).map(to_second),
    })
}

/// What expressions see of a ticket: what it said, what it says of its call by itself, and what follows from it.
fn record(said: Map<String, Value>, channel: Option<&str>, works: &Works) -> Map<String, Value> {
    let mut call = Map::new();
    let mut record = Map::new();
    for (name, value) in said {
        match name.strip_prefix(CALL) {
            Some(name) => call.insert(name.to_owned(), value),
            None => record.insert(name, value),
        };
    }
    record.insert("call".to_owned(), Value::Object(call));
    record.insert("channel".to_owned(), Value::from(channel));
    if let Works::Agent(email) = works {
        record.insert("agent".to_owned(), Value::from(email.as_str()));
    }
    record
}

fn works(draft: &mut Draft<'_>, said: &Registers) -> Works {
    match said.text("assignee_id") {
        None => Works::NotKnown,
        Some(text) => match person::id(Some(text)) {
            None => Works::Nobody,
            Some(id) => match draft.agent(id, "email", |agent| agent.email.clone()) {
                Some(email) => Works::Agent(email),
                None => Works::NotKnown,
            },
        },
    }
}

//! Records as the export names their parts.

use jiff::{Timestamp, tz};
use serde_json::{Map, Value, json};

use crate::freshdesk::{
    records::{
        Agent, Attachment, Company, Contact, ContactState, Conversation, Group, Place, Records,
        Ticket, TimeEntry,
    },
    text,
};

/// In the account's own zone.
fn time(at: Timestamp) -> Value {
    let zone = tz::Offset::constant(7).to_time_zone();
    Value::String(
        at.to_zoned(zone)
            .strftime("%Y-%m-%dT%H:%M:%S%:z")
            .to_string(),
    )
}

fn maybe(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, time)
}

pub(super) fn ticket(ticket: &Ticket, records: &Records, account_id: u64) -> Value {
    let mut custom = Map::new();
    for (name, value) in &ticket.custom_fields {
        custom.insert(format!("{name}_{account_id}"), value.clone());
    }
    let requester = records.contacts.get(&ticket.requester_id);
    let responder = ticket.responder_id.and_then(|id| records.agents.get(&id));
    let tags: Vec<Value> = ticket.tags.iter().map(|tag| json!({"name": tag})).collect();
    let stats = &ticket.stats;
    let priority = match ticket.priority {
        1 => "Low",
        2 => "Medium",
        3 => "High",
        _ => "Urgent",
    };
    let to_email = ticket.to_emails.get(0).cloned().unwrap_or_default();
    json!({
        "id": ticket.internal_id, "display_id": ticket.number, "account_id": account_id,
        "subject": ticket.subject, "description": text::of_html(&ticket.description),
        "description_html": ticket.description, "status": ticket.status, "priority": ticket.priority,
        "source": ticket.source, "ticket_type": ticket.kind, "requester_id": ticket.requester_id,
        "responder_id": ticket.responder_id, "group_id": ticket.group_id, "owner_id": ticket.company_id,
        "spam": ticket.place == Place::Spam, "deleted": ticket.place == Place::Deleted,
        "to_email": to_email,
        "cc_email": {
            "cc_emails": ticket.cc_emails, "fwd_emails": [], "reply_cc": ticket.cc_emails, "tkt_cc": ticket.cc_emails,
        },
        "custom_field": custom, "tags": tags,
        "requester": requester.map(contact),
        "status_name": status_name(ticket.status), "priority_name": priority,
        "responder_name": responder.map_or("No Agent", |agent| &agent.name),
        "ticket_states": {
            "opened_at": null, "pending_since": null, "resolved_at": maybe(stats.resolved_at),
            "closed_at": maybe(stats.closed_at), "first_assigned_at": time(ticket.created_at),
            "first_response_time": maybe(stats.first_responded_at), "requester_responded_at": null,
            "agent_responded_at": maybe(stats.first_responded_at),
            "status_updated_at": maybe(stats.status_updated_at),
        },
        "due_by": time(ticket.created_at + jiff::SignedDuration::from_hours(72)),
        "fr_due_by": time(ticket.created_at + jiff::SignedDuration::from_hours(24)),
        "created_at": time(ticket.created_at), "updated_at": time(ticket.updated_at),
        "attachments": attachments(&ticket.attachments),
        "notes": ticket.conversations.iter().map(note).collect::<Value>(),
    })
}

fn status_name(status: i64) -> Option<&'static str> {
    Some(match status {
        2 => "Open",
        3 => "Pending",
        4 => "Resolved",
        5 => "Closed",
        6 => "Waiting on Customer",
        8 => "Chờ kho",
        _ => return None,
    })
}

fn note(item: &Conversation) -> Value {
    json!({
        "id": item.id, "body": text::of_html(&item.body), "body_html": item.body, "private": item.private,
        "incoming": item.incoming, "deleted": item.deleted, "source": item.source, "user_id": item.user_id,
        "created_at": time(item.created_at), "updated_at": time(item.created_at),
        "attachments": attachments(&item.attachments),
    })
}

fn attachments(files: &[Attachment]) -> Value {
    let shown = files.iter().map(|file| {
        json!({
            "id": file.id, "content_file_name": file.name, "content_content_type": file.content_type,
            "content_file_size": file.size,
            "attachment_url": format!("https://files.desk.test/{}", file.id),
        })
    });
    shown.collect()
}

pub(super) fn contact(contact: &Contact) -> Value {
    json!({
        "id": contact.id, "name": contact.name, "email": contact.email, "phone": contact.phone,
        "mobile": contact.mobile, "customer_id": contact.company_id, "external_id": null,
        "fb_profile_id": null, "twitter_id": null, "language": contact.language, "time_zone": "Hanoi",
        "active": contact.state == ContactState::Verified, "helpdesk_agent": false,
        "deleted": contact.state == ContactState::Deleted,
        "blocked": contact.state == ContactState::Blocked, "custom_field": {},
        "created_at": time(contact.created_at), "updated_at": time(contact.updated_at),
    })
}

pub(super) fn agent(agent: &Agent) -> Value {
    json!({
        "id": agent.id, "name": agent.name, "email": agent.email, "phone": null, "mobile": null,
        "customer_id": null, "language": "vi", "time_zone": "Hanoi", "active": true, "deleted": false,
        "helpdesk_agent": true,
        "created_at": "2019-02-01T15:00:00+07:00", "updated_at": "2019-02-01T15:00:00+07:00",
    })
}

pub(super) fn company(company: &Company) -> Value {
    json!({
        "id": company.id, "name": company.name, "description": null, "note": null,
        "domains": company.domains.join(","), "custom_field": {},
        "created_at": time(company.created_at), "updated_at": time(company.updated_at),
    })
}

pub(super) fn group(group: &Group) -> Value {
    let agents: Vec<Value> = group.agent_ids.iter().map(|id| json!({"id": id})).collect();
    json!({"id": group.id, "name": group.name, "description": null, "agents": agents})
}

pub(super) fn time_entry(entry: &TimeEntry) -> Value {
    json!({
        "id": entry.id, "ticket_id": entry.ticket_id, "user_id": entry.agent_id, "billable": true, "note": null,
        "time_spent": format!("{:02}:{:02}", entry.minutes / 60, entry.minutes % 60),
        "executed_at": time(entry.executed_at), "created_at": time(entry.executed_at),
        "updated_at": time(entry.executed_at),
    })
}

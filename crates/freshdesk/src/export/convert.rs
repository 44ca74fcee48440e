//! From an export's names to the API's.
//!
//! A member that has no other name in the API keeps its own; nothing is left out but `account_id` from the names of the
//! account's own fields.

use serde_json::{Map, Value, json};

use crate::record::{
    Agent, Company, Contact, Group, Misfit, Record as _, Ticket, TimeEntry, members,
};

use super::User;

type Members = Map<String, Value>;

/// Takes the record out of what it is wrapped in: `{"helpdesk_ticket": {…}}`, or nothing.
fn unwrap(value: Value, wrappers: &[&str], what: &'static str) -> Result<Members, Misfit> {
    let mut record = members(value, what)?;
    for wrapper in wrappers {
        match record.remove(*wrapper) {
            Some(Value::Object(inner)) if record.is_empty() => return Ok(inner),
            Some(other) => {
                record.insert((*wrapper).to_owned(), other);
            }
            None => {}
        }
    }
    Ok(record)
}

/// Gives a member its name in the API, unless that is taken.
fn rename(record: &mut Members, from: &str, to: &str) {
    if let Some(value) = record.remove(from) {
        if record.contains_key(to) {
            record.insert(from.to_owned(), value);
        } else {
            record.insert(to.to_owned(), value);
        }
    }
}

/// Text and HTML have each other's names.
fn swap_text(record: &mut Members, html: &str, text: &str, exported_html: &str) {
    rename(record, html, text);
    rename(record, exported_html, html);
}

pub(super) fn ticket(value: Value) -> Result<Ticket, Misfit> {
    let mut record = unwrap(value, &["helpdesk_ticket", "ticket"], "a ticket")?;
    // People know the number by which it is shown; the other one is of the database.
    if record.contains_key("display_id") {
        rename(&mut record, "id", "export_id");
        rename(&mut record, "display_id", "id");
    }
    swap_text(
        &mut record,
        "description",
        "description_text",
        "description_html",
    );
    rename(&mut record, "ticket_type", "type");
    rename(&mut record, "to_email", "to_emails");
    rename(&mut record, "owner_id", "company_id");
    match record.remove("cc_email") {
        Some(Value::Object(copies)) => {
            for (name, addresses) in copies {
                let name = match name.as_str() {
                    "reply_cc" => "reply_cc_emails",
                    "tkt_cc" => "ticket_cc_emails",
                    other => other,
                };
                record.entry(name).or_insert(addresses);
            }
        }
        Some(addresses) => {
            record.entry("cc_emails").or_insert(addresses);
        }
        None => {}
    }
    custom_fields(&mut record);
    if let Some(Value::Object(requester)) = record.get_mut("requester") {
        custom_fields(requester);
    }
    if let Some(states) = record.remove("ticket_states") {
        let mut states = inner(states, "helpdesk_ticket_state");
        if let Value::Object(states) = &mut states {
            // In spite of its name a time.
            rename(states, "first_response_time", "first_responded_at");
        }
        record.insert("stats".to_owned(), states);
    }
    if let Some(Value::Array(tags)) = record.get_mut("tags") {
        for tag in tags {
            let name = tag
                .get("name")
                .or_else(|| tag.get("tag")?.get("name"))
                .cloned();
            if let Some(name) = name {
                *tag = name;
            }
        }
    }
    attachments(&mut record);
    rename(&mut record, "notes", "conversations");
    let number = record.get("id").cloned();
    if let Some(Value::Array(notes)) = record.get_mut("conversations") {
        for note in notes {
            let taken = std::mem::take(note);
            *note = conversation(taken, number.clone());
        }
    }
    let mut ticket = Ticket::read(Value::Object(record))?;
    ticket.settle_conversations();
    Ok(ticket)
}

fn conversation(value: Value, ticket_id: Option<Value>) -> Value {
    let value = inner(inner(value, "note"), "helpdesk_note");
    let Value::Object(mut record) = value else {
        return value;
    };
    swap_text(&mut record, "body", "body_text", "body_html");
    attachments(&mut record);
    if let Some(ticket_id) = ticket_id {
        record.entry("ticket_id").or_insert(ticket_id);
    }
    Value::Object(record)
}

/// What is in a wrapper of one member, or the value itself.
fn inner(mut value: Value, wrapper: &str) -> Value {
    match value.as_object_mut() {
        Some(members) if members.len() == 1 => members.remove(wrapper).unwrap_or(value),
        _ => value,
    }
}

fn attachments(record: &mut Members) {
    let Some(Value::Array(files)) = record.get_mut("attachments") else {
        return;
    };
    for file in files {
        let taken = inner(std::mem::take(file), "attachment");
        *file = match taken {
            Value::Object(mut file) => {
                rename(&mut file, "content_file_name", "name");
                rename(&mut file, "content_content_type", "content_type");
                rename(&mut file, "content_file_size", "size");
                Value::Object(file)
            }
            other => other,
        };
    }
}

/// `{"custom_field": {"order_code_715040": 1}}` is `{"custom_fields": {"cf_order_code": 1}}`.
fn custom_fields(record: &mut Members) {
    let fields = match record.remove("custom_field") {
        Some(Value::Object(fields)) => fields,
        // None, in XML.
        Some(Value::String(text)) if text.trim().is_empty() => Members::new(),
        Some(other) => {
            record.insert("custom_field".to_owned(), other);
            return;
        }
        None => return,
    };
    let account = record.get("account_id").and_then(|id| match id {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        _ => None,
    });
    let account = account.or_else(|| common_number(fields.keys()));
    let ending = account.map(|account| format!("_{account}"));
    let named = fields.into_iter().map(|(name, value)| {
        let plain = ending
            .as_deref()
            .and_then(|ending| name.strip_suffix(ending));
        let plain = plain.unwrap_or(&name);
        let name = match plain.starts_with("cf_") {
            true => plain.to_owned(),
            false => format!("cf_{plain}"),
        };
        (name, value)
    });
    record.insert(
        "custom_fields".to_owned(),
        named.collect::<Members>().into(),
    );
}

/// The number that all names end in, which is the account's where the record does not tell it.
fn common_number<'a>(mut names: impl Iterator<Item = &'a String>) -> Option<String> {
    let number = |name: &'a String| {
        let (_, number) = name.rsplit_once('_')?;
        (number.len() >= 3 && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(number)
    };
    let first = number(names.next()?)?;
    names
        .all(|name| number(name) == Some(first))
        .then(|| first.to_owned())
}

pub(super) fn user(value: Value) -> Result<User, Misfit> {
    let record = unwrap(value, &["user", "agent", "contact"], "a user")?;
    let is = |name: &str| matches!(record.get(name), Some(Value::Bool(true)));
    if is("helpdesk_agent") || record.contains_key("ticket_scope") {
        return agent(Value::Object(record)).map(User::Agent);
    }
    let mut record = record;
    rename(&mut record, "customer_id", "company_id");
    rename(&mut record, "external_id", "unique_external_id");
    rename(&mut record, "fb_profile_id", "facebook_id");
    custom_fields(&mut record);
    Contact::read(Value::Object(record)).map(User::Contact)
}

/// An agent is a user, or has one in it, whose id is the agent's elsewhere.
pub(super) fn agent(value: Value) -> Result<Agent, Misfit> {
    let mut record = unwrap(value, &["agent", "user"], "an agent")?;
    if record.contains_key("user_id") {
        rename(&mut record, "id", "export_id");
        rename(&mut record, "user_id", "id");
    }
    let person = match record.remove("user") {
        Some(Value::Object(person)) => person,
        _ => {
            let names = [
                "name",
                "email",
                "active",
                "job_title",
                "language",
                "phone",
                "mobile",
                "time_zone",
            ];
            names
                .iter()
                .filter_map(|name| record.remove_entry(*name))
                .collect()
        }
    };
    if !record.contains_key("id")
        && let Some(id) = person.get("id")
    {
        record.insert("id".to_owned(), id.clone());
    }
    record.entry("contact").or_insert(Value::Object(person));
    Agent::read(Value::Object(record))
}

pub(super) fn company(value: Value) -> Result<Company, Misfit> {
    let mut record = unwrap(value, &["company", "customer"], "a company")?;
    custom_fields(&mut record);
    if let Some(Value::String(domains)) = record.get("domains") {
        let domains = domains
            .split(',')
            .map(str::trim)
            .filter(|domain| !domain.is_empty());
        record.insert("domains".to_owned(), domains.collect());
    }
    Company::read(Value::Object(record))
}

pub(super) fn group(value: Value) -> Result<Group, Misfit> {
    let mut record = unwrap(value, &["group"], "a group")?;
    if let Some(Value::Array(agents)) = record.get("agents") {
        let ids = agents.iter().map(|agent| agent.get("id").cloned());
        if let Some(ids) = ids.collect::<Option<Vec<Value>>>() {
            record.remove("agents");
            record.insert("agent_ids".to_owned(), ids.into());
        }
    }
    Group::read(Value::Object(record))
}

pub(super) fn time_entry(value: Value) -> Result<TimeEntry, Misfit> {
    let mut record = unwrap(value, &["time_entry", "time_sheet"], "a time entry")?;
    rename(&mut record, "user_id", "agent_id");
    rename(&mut record, "timespent", "time_spent");
    // Hours with a fraction, as older versions write them.
    if let Some(hours) = record.get("time_spent").and_then(Value::as_f64) {
        let minutes = (hours * 60.0).round();
        let (hours, minutes) = ((minutes / 60.0).floor(), minutes % 60.0);
        record.insert(
            "time_spent".to_owned(),
            json!(format!("{hours:02}:{minutes:02}")),
        );
    }
    TimeEntry::read(Value::Object(record))
}

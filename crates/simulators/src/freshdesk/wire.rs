//! The account as the REST API shows it.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    files::Signer,
    records::{
        Agent, Attachment, Company, Contact, ContactState, Conversation, Group, Place, Rating,
        Ticket, TimeEntry,
    },
    text,
};

/// Which parts of a ticket are shown.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a word of the parameter `include`, which takes any of them"
)]
pub(super) struct Includes {
    pub(super) description: bool,
    pub(super) requester: bool,
    pub(super) stats: bool,
    pub(super) company: bool,
    pub(super) conversations: bool,
}

/// Renders; links to files carry a signature of the present.
pub(super) struct Wire<'a> {
    pub(super) signer: &'a Signer,
    pub(super) now: Timestamp,
}

fn time(at: Timestamp) -> Value {
    Value::String(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn maybe(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, time)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

impl Wire<'_> {
    /// What lists and single tickets have in common.
    pub(super) fn ticket(
        &self,
        ticket: &Ticket,
        requester: Option<&Contact>,
        company: Option<&Company>,
        includes: Includes,
    ) -> Map<String, Value> {
        let mut custom = Map::new();
        for (name, value) in &ticket.custom_fields {
            custom.insert(format!("cf_{name}"), value.clone());
        }
        let is_escalated = ticket.priority == 4 && ticket.stats.first_responded_at.is_none();
        let mut row = object(json!({
            "id": ticket.number, "subject": ticket.subject, "status": ticket.status,
            "priority": ticket.priority, "source": ticket.source, "type": ticket.kind,
            "requester_id": ticket.requester_id, "responder_id": ticket.responder_id,
            "group_id": ticket.group_id, "company_id": ticket.company_id,
            "product_id": null, "email_config_id": null,
            "to_emails": ticket.to_emails, "cc_emails": ticket.cc_emails,
            "ticket_cc_emails": ticket.cc_emails, "reply_cc_emails": ticket.cc_emails,
            "fwd_emails": [], "support_email": null, "tags": ticket.tags, "custom_fields": custom,
            "due_by": time(ticket.created_at + jiff::SignedDuration::from_hours(72)),
            "fr_due_by": time(ticket.created_at + jiff::SignedDuration::from_hours(24)),
            "is_escalated": is_escalated, "fr_escalated": false, "nr_escalated": false,
            "spam": ticket.place == Place::Spam, "association_type": ticket.association,
            "source_additional_info": null, "form_id": 4_150_001,
            "created_at": time(ticket.created_at), "updated_at": time(ticket.updated_at),
        }));
        let mut set = |name: &str, value: Value| row.insert(name.to_owned(), value);
        if ticket.place == Place::Deleted {
            set("deleted", true.into());
        }
        if includes.description {
            let description = self.signer.sign_inline(&ticket.description);
            set("description_text", text::of_html(&description).into());
            set("description", description.into());
        }
        if includes.requester {
            set(
                "requester",
                requester.map_or(
                    Value::Null,
                    |contact| json!({"id": contact.id, "name": contact.name, "email": contact.email, "phone": contact.phone, "mobile": contact.mobile}),
                ),
            );
        }
        if includes.company {
            let company = company.map(|company| json!({"id": company.id, "name": company.name}));
            set("company", company.unwrap_or(json!({})));
        }
        if includes.stats {
            let stats = &ticket.stats;
            set(
                "stats",
                json!({
                    "agent_responded_at": maybe(stats.first_responded_at), "requester_responded_at": null,
                    "first_responded_at": maybe(stats.first_responded_at),
                    "status_updated_at": maybe(stats.status_updated_at), "reopened_at": null,
                    "resolved_at": maybe(stats.resolved_at), "closed_at": maybe(stats.closed_at),
                    "pending_since": null,
                }),
            );
        }
        row
    }

    /// A ticket as it is shown alone.
    pub(super) fn whole_ticket(
        &self,
        ticket: &Ticket,
        requester: Option<&Contact>,
        company: Option<&Company>,
        includes: Includes,
    ) -> Value {
        let includes = Includes {
            description: true,
            ..includes
        };
        let mut row = self.ticket(ticket, requester, company, includes);
        row.insert(
            "attachments".to_owned(),
            self.attachments(&ticket.attachments),
        );
        if includes.conversations {
            // The oldest ten, however many there are.
            let oldest = self.conversations(ticket).into_iter().take(10).collect();
            row.insert("conversations".to_owned(), Value::Array(oldest));
        }
        Value::Object(row)
    }

    /// What followed on a ticket; what was deleted leaves no trace.
    pub(super) fn conversations(&self, ticket: &Ticket) -> Vec<Value> {
        let shown = ticket.conversations.iter().filter(|item| !item.deleted);
        shown.map(|item| self.conversation(ticket, item)).collect()
    }

    fn conversation(&self, ticket: &Ticket, item: &Conversation) -> Value {
        let body = self.signer.sign_inline(&item.body);
        json!({
            "id": item.id, "ticket_id": ticket.number, "body_text": text::of_html(&body), "body": body,
            "incoming": item.incoming, "private": item.private, "user_id": item.user_id,
            "support_email": null, "source": item.source, "category": if item.private { 2 } else { 3 },
            "from_email": item.from_email, "to_emails": item.to_emails, "cc_emails": [], "bcc_emails": null,
            "auto_response": item.auto_response, "automation_id": null, "email_failure_count": null,
            "source_additional_info": null, "thread_id": null,
            "created_at": time(item.created_at), "updated_at": time(item.created_at),
            "last_edited_at": null, "last_edited_user_id": null,
            "attachments": self.attachments(&item.attachments),
        })
    }

    fn attachments(&self, attachments: &[Attachment]) -> Value {
        let shown = attachments.iter().map(|file| {
            json!({
                "id": file.id, "name": file.name, "content_type": file.content_type, "size": file.size,
                "attachment_url": self.signer.sign(file, self.now),
                "created_at": time(self.now), "updated_at": time(self.now),
            })
        });
        shown.collect()
    }
}

/// A contact. Lists leave out what single contacts have.
pub(super) fn contact(contact: &Contact, is_whole: bool) -> Value {
    let mut row = object(json!({
        "id": contact.id, "name": contact.name, "email": contact.email, "phone": contact.phone,
        "mobile": contact.mobile, "twitter_id": null, "facebook_id": null, "unique_external_id": null,
        "company_id": contact.company_id, "address": null, "description": null, "job_title": null,
        "language": contact.language, "time_zone": "Hanoi", "active": contact.state == ContactState::Verified,
        "csat_rating": null, "preferred_source": "email", "custom_fields": {},
        "created_at": time(contact.created_at), "updated_at": time(contact.updated_at),
    }));
    if is_whole {
        row.insert("other_emails".to_owned(), json!(contact.other_emails));
        row.insert("other_companies".to_owned(), json!([]));
        row.insert("view_all_tickets".to_owned(), json!(false));
        row.insert("tags".to_owned(), json!([]));
        row.insert("avatar".to_owned(), Value::Null);
    }
    if contact.state == ContactState::Deleted {
        row.insert("deleted".to_owned(), json!(true));
    }
    Value::Object(row)
}

pub(super) fn company(company: &Company) -> Value {
    json!({
        "id": company.id, "name": company.name, "description": null, "note": null, "domains": company.domains,
        "health_score": null, "account_tier": null, "renewal_date": null, "industry": null, "custom_fields": {},
        "created_at": time(company.created_at), "updated_at": time(company.updated_at),
    })
}

pub(super) fn agent(agent: &Agent) -> Value {
    let role = if agent.is_admin { 4_100_001 } else { 4_100_003 };
    json!({
        "id": agent.id, "available": true, "occasional": false, "type": "support_agent", "signature": null,
        "ticket_scope": agent.ticket_scope, "group_ids": agent.group_ids, "role_ids": [role],
        "created_at": "2019-02-01T08:00:00Z", "updated_at": "2019-02-01T08:00:00Z",
        "contact": {
            "active": true, "name": agent.name, "email": agent.email, "job_title": null, "language": "vi",
            "mobile": null, "phone": null, "time_zone": "Hanoi",
            "created_at": "2019-02-01T08:00:00Z", "updated_at": "2019-02-01T08:00:00Z",
        },
    })
}

pub(super) fn group(group: &Group) -> Value {
    json!({
        "id": group.id, "name": group.name, "description": null, "escalate_to": null, "unassigned_for": null,
        "agent_ids": group.agent_ids, "group_type": "support_agent_group",
        "created_at": "2019-02-01T08:00:00Z", "updated_at": "2019-02-01T08:00:00Z",
    })
}

pub(super) fn rating(rating: &Rating) -> Value {
    json!({
        "id": rating.id, "survey_id": 4_200_001, "user_id": rating.user_id, "agent_id": null, "group_id": null,
        "ticket_id": rating.ticket_id, "feedback": rating.feedback,
        "ratings": {"default_question": rating.score},
        "created_at": time(rating.created_at), "updated_at": time(rating.created_at),
    })
}

pub(super) fn time_entry(entry: &TimeEntry) -> Value {
    let spent = format!("{:02}:{:02}", entry.minutes / 60, entry.minutes % 60);
    json!({
        "id": entry.id, "ticket_id": entry.ticket_id, "agent_id": entry.agent_id, "billable": true,
        "note": null, "time_spent": spent, "timer_running": false,
        "executed_at": time(entry.executed_at), "start_time": time(entry.executed_at),
        "created_at": time(entry.executed_at), "updated_at": time(entry.executed_at),
    })
}

/// The fields of tickets, with every shape of choices.
pub(super) fn ticket_fields() -> Value {
    let field = |id: u64, name: &str, kind: &str, choices: Value| {
        let mut row = object(json!({
            "id": 4_300_000 + id, "name": name, "label": name, "type": kind, "position": id,
            "required_for_closure": false, "required_for_agents": false, "customers_can_edit": false,
        }));
        if !choices.is_null() {
            row.insert("choices".to_owned(), choices);
        }
        Value::Object(row)
    };
    let mut area = field(
        9,
        "cf_area",
        "nested_field",
        json!({"Giao hàng": {"Chậm": ["Nội thành", "Ngoại tỉnh"]}, "Thanh toán": {"Hoàn tiền": []}}),
    );
    if let Value::Object(row) = &mut area {
        let levels = json!([
            {"id": 4_300_109, "name": "cf_area_part", "label": "Part", "level": 2, "ticket_field_id": 4_300_009},
            {"id": 4_300_110, "name": "cf_area_detail", "label": "Detail", "level": 3, "ticket_field_id": 4_300_009},
        ]);
        row.insert("nested_ticket_fields".to_owned(), levels);
    }
    json!([
        field(1, "requester", "default_requester", Value::Null),
        field(2, "subject", "default_subject", Value::Null),
        field(
            3,
            "ticket_type",
            "default_ticket_type",
            json!(["Câu hỏi", "Khiếu nại", "Problem"])
        ),
        field(
            4,
            "status",
            "default_status",
            json!({
                "2": ["Open", "Being Processed"], "3": ["Pending", "Awaiting your Reply"],
                "4": ["Resolved", "This ticket has been Resolved"], "5": ["Closed", "This ticket has been Closed"],
                "6": ["Waiting on Customer", "Awaiting your Reply"], "7": ["Waiting on Third Party", "Being Processed"],
                "8": ["Chờ kho", "Đang xử lý"],
            })
        ),
        field(
            5,
            "priority",
            "default_priority",
            json!({"Low": 1, "Medium": 2, "High": 3, "Urgent": 4})
        ),
        field(
            6,
            "group",
            "default_group",
            json!({"Vận hành": 4_000_001, "Thanh toán": 4_000_002})
        ),
        field(
            7,
            "source",
            "default_source",
            json!({"Email": 1, "Portal": 2, "Phone": 3})
        ),
        field(8, "cf_order_code", "custom_text", Value::Null),
        area,
        field(
            10,
            "cf_channel",
            "custom_dropdown",
            json!(["Web", "Store", "Sàn"])
        ),
        field(11, "cf_secret", "secure_text", Value::Null),
    ])
}

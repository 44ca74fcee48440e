//! Made-up lives of tickets, leads, deals and calls, and what they come to.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, tz::Offset};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

const ACCOUNT: u64 = 42;
const SURNAMES: [&str; 6] = ["Pham", "Vo", "Dang", "Bui", "Ho", "Ngo"];
const NAMES: [&str; 6] = ["Ngan", "Hoa", "Minh", "Lan", "Tuan", "Mai"];
const SUBJECTS: [&str; 5] = [
    "Kettle leaks",
    "Where is my cup",
    "Invoice is wrong",
    "Máy pha không nóng",
    "Lid is missing",
];
const STATUSES: [&str; 4] = ["open", "pending", "solved", "sale"];

/// What an account holds, by id; the state that a receiver of all webhooks comes to.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Records {
    /// Users, who are contacts.
    pub users: BTreeMap<u64, Map<String, Value>>,
    /// Organisations.
    pub organizations: BTreeMap<u64, Map<String, Value>>,
    /// Tickets that are neither deleted, merged nor converted.
    pub tickets: BTreeMap<u64, Map<String, Value>>,
    /// Leads that are not converted.
    pub leads: BTreeMap<u64, Map<String, Value>>,
    /// Deals.
    pub deals: BTreeMap<u64, Map<String, Value>>,
    /// Calls by `call_id`, with the id of their ticket.
    pub calls: BTreeMap<String, Map<String, Value>>,
    /// Deleted tickets.
    pub deleted: BTreeSet<u64>,
    /// Merged tickets, each with the one it was merged into.
    pub merged: BTreeMap<u64, u64>,
    /// What was written on cases while they were tickets, oldest first; of ended ones, too.
    pub comments: BTreeMap<u64, Vec<Comment>>,
}

/// What somebody wrote on a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Comment {
    /// The text, as HTML.
    pub html: String,
    /// Whether the customer may see it.
    pub is_public: bool,
}

/// What happened, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Life {
    /// The webhooks in the order in which things happened.
    pub webhooks: Vec<Vec<u8>>,
    /// The state in the end.
    pub outcome: Records,
}

/// Lets `cases` customers come by, after one another, beginning at `start`. The same seed gives the same life.
pub fn live(seed: u64, cases: u32, start: Timestamp) -> Life {
    let mut world = World {
        rng: fastrand::Rng::with_seed(seed),
        now: start.as_millisecond(),
        webhooks: Vec::new(),
        records: Records::default(),
        next_id: 81_000_000,
    };
    for _ in 0..cases {
        world.case();
    }
    Life {
        webhooks: world.webhooks,
        outcome: world.records,
    }
}

/// What goes wrong on the way; chances from 0 to 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disturbance {
    /// How likely a webhook comes once more, later: as it was, or with its keys in another order.
    pub duplicates: f64,
    /// How many places a webhook may be late.
    pub late_by_max: usize,
    /// How likely a webhook never comes.
    pub losses: f64,
}

/// The webhooks as they arrive. The same seed gives the same disturbance.
pub fn disturb(seed: u64, webhooks: &[Vec<u8>], disturbance: Disturbance) -> Vec<Vec<u8>> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut arriving: Vec<(usize, Vec<u8>)> = Vec::new();
    for (at, body) in webhooks.iter().enumerate() {
        if rng.f64() < disturbance.losses {
            continue;
        }
        arriving.push((at + rng.usize(..=disturbance.late_by_max), body.clone()));
        if rng.f64() < disturbance.duplicates {
            let again = if rng.bool() {
                body.clone()
            } else {
                reordered(body)
            };
            arriving.push((at + 1 + rng.usize(..=disturbance.late_by_max), again));
        }
    }
    arriving.sort_by_key(|(at, _)| *at);
    arriving.into_iter().map(|(_, body)| body).collect()
}

/// The same content, its outermost keys the other way round.
fn reordered(body: &[u8]) -> Vec<u8> {
    let Ok(Value::Object(members)) = serde_json::from_slice(body) else {
        return body.to_vec();
    };
    let members: Vec<String> = members
        .iter()
        .rev()
        .map(|(key, value)| format!("{}:{value}", Value::from(key.as_str())))
        .collect();
    format!("{{{}}}", members.join(",")).into_bytes()
}

struct World {
    rng: fastrand::Rng,
    now: i64,
    webhooks: Vec<Vec<u8>>,
    records: Records,
    next_id: u64,
}

/// Whole seconds, rounded to nearest: how CareSoft shows a time once its database has had it.
fn rounded(milliseconds: i64) -> i64 {
    (milliseconds + 500).div_euclid(1000) * 1000
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

impl World {
    fn id(&mut self) -> u64 {
        self.next_id += self.rng.u64(1..9);
        self.next_id
    }

    fn pass(&mut self) -> i64 {
        self.now += self.rng.i64(1500..90_000);
        self.now
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        from.get(self.rng.usize(..from.len()))
            .copied()
            .unwrap_or_default()
    }

    fn send(&mut self, body: Value) {
        let mut body = object(body);
        // Call distribution is the one that does not say whose account it is.
        if body.get("action") != Some(&json!("acd_assign")) {
            body.insert("account_id".to_owned(), json!(ACCOUNT));
        }
        // Slashes are escaped after `<` only, as seen.
        let text = Value::Object(body).to_string().replace("</", "<\\/");
        self.webhooks.push(text.into_bytes());
    }

    fn case(&mut self) {
        let user = self.user();
        let ticket = if self.rng.bool() {
            self.call(user)
        } else {
            self.written(user)
        };
        for _ in 0..self.rng.u32(0..5) {
            self.update_ticket(ticket);
        }
        match self.rng.u32(0..10) {
            0 => self.delete(ticket),
            1 => self.merge(ticket),
            2 | 3 => self.convert(ticket),
            _ => {}
        }
    }

    fn user(&mut self) -> u64 {
        let known = self.records.users.len();
        if known > 0 && self.rng.u32(0..3) == 0 {
            let at = self.rng.usize(..known);
            let user = self
                .records
                .users
                .keys()
                .nth(at)
                .copied()
                .unwrap_or_default();
            self.change_user(user);
            return user;
        }
        let organization = (self.rng.u32(0..3) == 0).then(|| self.organization());
        let (id, now) = (self.id(), self.pass());
        let name = format!("{} {}", self.pick(&NAMES), self.pick(&SURNAMES));
        let phone = format!("09{:08}", self.rng.u32(0..100_000_000));
        let mut user = object(
            json!({"id": id, "account_id": ACCOUNT, "username": name, "phone_no": phone, "email": "", "role_id": 3, "created_at": now, "updated_at": now}),
        );
        if let Some(organization) = organization {
            user.insert("organization_id".to_owned(), json!(organization));
        }
        self.send(json!({"object": "user", "action": "create", "user": user}));
        self.records.users.insert(id, user);
        id
    }

    fn change_user(&mut self, id: u64) {
        let now = self.pass();
        let note = format!("note {}", self.rng.u32(..1000));
        let Some(user) = self.records.users.get_mut(&id) else {
            return;
        };
        user.insert("note".to_owned(), json!(note));
        user.insert("updated_at".to_owned(), json!(now));
        let name = user.get("username").cloned();
        self.send(json!({"object": "user", "action": "update", "user": {"id": id, "username": name, "updated_at": now, "changes": [{"field": "note", "value": note}]}}));
    }

    fn organization(&mut self) -> u64 {
        let (id, now) = (self.id(), self.pass());
        let mut organization = object(
            json!({"organization_id": id, "account_id": ACCOUNT, "organization_name": format!("Works {id}"), "organization_domain": "", "details": "", "note": "", "created_at": now, "updated_at": now}),
        );
        self.send(
            json!({"object": "organization", "action": "create", "organization": organization}),
        );
        if self.rng.bool() {
            let now = self.pass();
            let name = format!("Công ty {id}");
            self.send(json!({"object": "organization", "action": "update", "organization": {"organization_id": id, "updated_at": now, "changes": [{"field": "organization_name", "value": name}]}}));
            organization.insert("organization_name".to_owned(), json!(name));
            organization.insert("updated_at".to_owned(), json!(now));
        }
        self.records.organizations.insert(id, organization);
        id
    }

    fn written(&mut self, user: u64) -> u64 {
        let (id, now) = (self.id(), self.pass());
        let subject = self.pick(&SUBJECTS);
        let number = self.records.tickets.len() + 1;
        let ticket = object(
            json!({"ticket_id": id, "ticket_no": number, "requester_id": user, "ticket_subject": subject, "ticket_status": "new", "ticket_priority": "Normal", "ticket_source": "Web", "created_at": now, "updated_at": now, "last_change_status_at": now,
            "addition_fields": [{"id": 6956, "field": "addition_field1", "label": "Loại", "type": 3, "value": "Khác", "value_id": "1242"}, {"id": 6958, "field": "addition_field3", "label": "Ghi chú", "type": "0", "value": ""}]}),
        );
        self.send_ticket("create", &ticket, "first comment", None);
        self.records.tickets.insert(id, ticket);
        id
    }

    /// The event of a ticket with a comment that was just written.
    fn send_ticket(
        &mut self,
        action: &str,
        ticket: &Map<String, Value>,
        comment: &str,
        call: Option<&Value>,
    ) {
        let mut shown = ticket.clone();
        let is_later = action == "update";
        for name in ["created_at", "last_change_status_at"]
            .into_iter()
            .filter(|_| is_later)
        {
            if let Some(time) = shown.get(name).and_then(Value::as_i64) {
                shown.insert(name.to_owned(), json!(rounded(time)));
            }
        }
        let is_ivr = ticket.get("ticket_source") == Some(&json!("IVR"));
        let written_at = if is_ivr {
            json!(java(self.now))
        } else {
            json!(self.now)
        };
        let mut written = object(
            json!({"ticket_id": ticket.get("ticket_id"), "comment": comment, "commentator_id": ticket.get("requester_id"), "created_at": written_at, "updated_at": written_at, "type": i32::from(is_later)}),
        );
        let is_public = !is_ivr && self.rng.u32(..2) == 1;
        if !is_ivr {
            written.insert("is_public".to_owned(), json!(u32::from(is_public)));
        }
        if let Some(id) = ticket.get("ticket_id").and_then(Value::as_u64) {
            self.comment(id, comment, is_public);
        }
        shown.insert("ticket_comment".to_owned(), Value::Object(written));
        let mut body = object(json!({"object": "ticket", "action": action, "ticket": shown}));
        if let Some(call) = call {
            body.insert("call_info".to_owned(), call.clone());
        }
        self.send(Value::Object(body));
    }

    fn comment(&mut self, ticket: u64, html: &str, is_public: bool) {
        let written = self.records.comments.entry(ticket).or_default();
        written.push(Comment {
            html: html.to_owned(),
            is_public,
        });
    }

    /// A call with its steps, and the ticket it leaves, whose first event says `update`.
    fn call(&mut self, user: u64) -> u64 {
        let start = self.pass();
        let phone = self
            .records
            .users
            .get(&user)
            .and_then(|user| user.get("phone_no"))
            .cloned();
        let call_id = format!("{}-KLMNOPQR-{ACCOUNT}", local(start, "%Y%m%d%H%M%S"));
        let is_ivr = self.rng.u32(..4) == 0;
        let is_answered = !is_ivr && self.rng.bool();
        let step = |action: &str, at: i64| json!({"event_name": action, "call_id": call_id, "account_id": ACCOUNT, "direction": "inbound", "caller": phone, "called": "19000444", "event_time": at});
        let send = |world: &mut Self, action: &str, more: Value| {
            let mut call = object(step(action, world.now));
            call.extend(object(more));
            world.send(json!({"object": "call_in", "action": action, "call_info": call}));
        };
        send(self, "call_in_start", json!({}));
        let mut answered_at = 0;
        if !is_ivr {
            let agent = json!({"agent_id": "50007"});
            self.pass();
            send(self, "call_in_agent_ring", agent.clone());
            answered_at = if is_answered { self.pass() } else { 0 };
            send(
                self,
                if is_answered {
                    "call_in_agent_answer"
                } else {
                    "call_in_agent_miss"
                },
                agent.clone(),
            );
            self.pass();
            send(
                self,
                if is_answered {
                    "call_in_agent_end"
                } else {
                    "call_in_customer_end"
                },
                agent,
            );
        }
        let end = self.pass();
        let mut last = object(
            json!({"call_start_time": start, "call_answer_time": answered_at, "call_end_time": end, "call_duration": (end - start) / 1000, "status": if is_answered { "answered" } else { "miss" }}),
        );
        if is_answered {
            last.insert(
                "answer_duration".to_owned(),
                json!((end - answered_at) / 1000),
            );
            last.insert(
                "record_url".to_owned(),
                json!("https://records.example/1.wav"),
            );
        }
        send(self, "call_in_end", Value::Object(last.clone()));

        let id = self.id();
        let number = self.records.tickets.len() + 1;
        let mut ticket = object(
            json!({"ticket_id": id, "ticket_no": number, "requester_id": user, "ticket_subject": "Cuộc gọi vào", "ticket_status": "new", "ticket_priority": "Normal", "ticket_source": if is_ivr { "IVR" } else { "Voice" }, "created_at": end, "updated_at": end}),
        );
        let mut call = object(
            json!({"call_id": call_id, "caller": phone, "called": "19000444", "start_time": start, "end_time": end}),
        );
        if is_ivr {
            call.extend(object(json!({"dtmf": "-2-#", "node_name": "Gọi vào"})));
            ticket.insert("service_id".to_owned(), json!(0));
        } else {
            call.extend(object(json!({"answer_time": answered_at, "status_code": if is_answered { 200 } else { 0 }})));
            ticket.insert(
                "assignee_id".to_owned(),
                if is_answered { json!(7) } else { json!(-1) },
            );
        }
        self.send_ticket(
            "update",
            &ticket,
            "<b>Gọi vào</b><br/>",
            Some(&Value::Object(call)),
        );
        last.extend(object(
            json!({"call_id": call_id, "caller": phone, "ticket_id": id}),
        ));
        self.records.calls.insert(call_id, last);
        self.records.tickets.insert(id, ticket);
        id
    }

    fn update_ticket(&mut self, id: u64) {
        let now = self.pass();
        let Some(mut ticket) = self.records.tickets.get(&id).cloned() else {
            return;
        };
        let agent = self.rng.u64(1..9);
        if self.rng.u32(..3) == 0 {
            self.send(json!({"object": "ticket", "action": "acd_assign", "data": {"ticket_id": id, "assignee_id": agent, "assign_at": now}}));
            self.pass();
            ticket.insert("assignee_id".to_owned(), json!(agent));
        } else {
            ticket.insert("ticket_status".to_owned(), json!(self.pick(&STATUSES)));
            ticket.insert("last_change_status_at".to_owned(), json!(now));
        }
        ticket.insert("updated_at".to_owned(), json!(self.now));
        // Equal words of one author within a second are one comment for whoever reads them.
        let written = self.records.comments.get(&id).map_or(0, Vec::len);
        self.send_ticket("update", &ticket, &format!("went on {written}"), None);
        self.records.tickets.insert(id, ticket);
    }

    fn delete(&mut self, id: u64) {
        self.pass();
        self.send(json!({"object": "ticket", "action": "delete", "ticket": {"ticket_id": id}}));
        self.records.tickets.remove(&id);
        self.records.deleted.insert(id);
    }

    fn merge(&mut self, primary: u64) {
        let other = self
            .records
            .tickets
            .keys()
            .copied()
            .find(|other| *other != primary);
        let Some(secondary) = other else {
            return;
        };
        self.pass();
        let (into, from) = ("took the other one in", "went into the other one");
        self.send(json!({"object": "ticket", "action": "merge", "mergeOption": {"primaryTicket": primary, "secondaryTickets": [secondary], "primaryComment": into, "primaryIsPublic": 0, "secondaryComment": from, "secondaryIsPublic": 0, "addCC": 1, "addFollow": 1, "copyComments": 0}}));
        self.comment(primary, into, false);
        self.comment(secondary, from, false);
        self.records.tickets.remove(&secondary);
        self.records.merged.insert(secondary, primary);
    }

    /// Ticket to lead and, with luck, lead to deal; the id stays.
    fn convert(&mut self, id: u64) {
        let Some(ticket) = self.records.tickets.remove(&id) else {
            return;
        };
        let now = self.pass();
        let created_at = ticket
            .get("created_at")
            .and_then(Value::as_i64)
            .map(rounded);
        let activity = |name: &str, at: i64| json!({name: id, "comment": "converted", "commentator_id": 1, "is_public": 0, "created_at": at, "updated_at": at, "type": 1});
        let lead = object(
            json!({"lead_id": id, "name": ticket.get("ticket_subject"), "lead_status_id": 525, "source": "Web", "requester_id": ticket.get("requester_id"), "assignee_id": 1, "created_at": created_at, "updated_at": now}),
        );
        let mut shown = lead.clone();
        shown.insert("activity".to_owned(), activity("lead_id", now));
        self.send(json!({"object": "lead", "action": "convert", "activity_source": "AGENT", "convert_from_object": "ticket", "updated_properties": [{"field": "lead_status_id", "value": 525}], "lead": shown}));
        if self.rng.bool() {
            self.records.leads.insert(id, lead);
            return;
        }
        let now = self.pass();
        let value = self.rng.u32(1..100) * 10_000;
        let deal = object(
            json!({"deal_id": id, "name": lead.get("name"), "pipeline_id": 56, "pipeline_stage_id": 376, "value": value, "source": "Web", "requester_id": lead.get("requester_id"), "assignee_id": 1, "created_at": created_at, "updated_at": now}),
        );
        let mut shown = deal.clone();
        shown.insert("activity".to_owned(), activity("ticket_id", now));
        self.send(json!({"object": "deal", "action": "convert", "activity_source": "AGENT", "convert_from_object": "lead", "agent_submit": {"from_object": "lead"}, "updated_properties": [{"field": "value", "value": value}], "deal": shown}));
        self.records.deals.insert(id, deal);
    }
}

/// A time as Java prints it, in Vietnam.
fn java(milliseconds: i64) -> String {
    local(milliseconds, "%a %b %d %H:%M:%S ICT %Y")
}

/// A time of Vietnam's clock.
pub(super) fn local(milliseconds: i64, form: &str) -> String {
    let instant = Timestamp::from_millisecond(milliseconds).unwrap_or_default();
    let clock = Offset::constant(7).to_datetime(instant);
    clock.strftime(form).to_string()
}

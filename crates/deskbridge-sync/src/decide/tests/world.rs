//! A store and a helpdesk in memory, which believe every plan.

use std::collections::{BTreeMap, BTreeSet};

use caresoft::{Event, Id, Kind, Zone};
use deskbridge_core::{Language, NewEffect, call::Report};
use serde_json::{Map, Value, json};

use super::super::{
    current::{Making, current, making},
    draft::{Held, Known, Note, Plan},
    needed, plan,
    record::Record,
    write::{AddComment, SaveCase, SaveTicket, Write},
};
use crate::settings::{Account, MappingSource};

/// An account named `main` with this mapping, in TOML.
pub(crate) fn account(mapping: &str) -> Account {
    let source: MappingSource = toml::from_str(mapping).expect("the test's own mapping");
    let zone = Zone::default();
    Account {
        connection: "main".to_owned(),
        account_id: None,
        zone,
        language: Language::English,
        helpdesk: "desk".to_owned(),
        crm: Some("crm".to_owned()),
        mapping: source.compile(zone).expect("it can be compiled").into(),
    }
}

/// The id of a case.
pub(super) fn case(id: u64) -> Record {
    Record::Case(Id::new(id).expect("an id"))
}

/// What is known, and what was written.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) known: BTreeMap<Record, Known>,
    pub(super) effects: Vec<NewEffect>,
    /// What was reported of calls.
    pub(super) reports: Vec<Report>,
    pub(super) links: BTreeSet<(String, String)>,
    pub(super) notes: Vec<Note>,
    /// The helpdesk's tickets and the CRM's cases, by source key and what they are.
    pub(super) desk: BTreeMap<String, Map<String, Value>>,
    pub(crate) comments: BTreeMap<String, AddComment>,
    /// Which saves fail at first, in turn, and wait among the dead.
    pub(super) failing: Vec<bool>,
    pub(super) dead: Vec<Write>,
    pub(super) saves: usize,
}

impl World {
    /// After some events.
    pub(crate) fn of(account: &Account, bodies: &[impl AsRef<[u8]>]) -> Self {
        let mut world = Self::default();
        for body in bodies {
            world.take(account, body.as_ref());
        }
        world
    }

    /// Plans one event, and does what the store and the writers do with the plan; what was written.
    pub(super) fn take(&mut self, account: &Account, body: &[u8]) -> Vec<Write> {
        let event = Event::read(body);
        let kind = event.kind();
        assert!(!matches!(kind, Kind::Unrouted(_)), "{kind:?}");
        let plan = self.plan(account, &event);
        self.believe(plan)
    }

    /// What would be planned.
    pub(super) fn plan(&self, account: &Account, event: &Event<'_>) -> Plan {
        let kind = event.kind();
        let mut held = Held::default();
        for _ in 0..4 {
            let records = needed(account, &kind, &held).expect("it can be read");
            if records.is_empty() {
                break;
            }
            for record in records {
                let known = self.known.get(&record).cloned().unwrap_or_default();
                held.insert(record, known);
            }
        }
        let rest = needed(account, &kind, &held).expect("it can be read");
        assert_eq!(rest, [], "it has all that it needs");
        plan(account, &kind, event.canonical_digest(), &held).expect("it can be read")
    }

    fn believe(&mut self, plan: Plan) -> Vec<Write> {
        let mut changed = BTreeSet::new();
        for (record, Known { revision, facts }) in plan.known {
            let held = self.known.entry(record.clone()).or_default();
            assert_eq!(held.revision, revision, "made from what is known");
            assert_ne!(held.facts, facts, "{record:?} changes");
            *held = Known {
                revision: revision + 1,
                facts,
            };
            assert!(changed.insert(record), "one change of a record");
        }
        self.links.extend(plan.links.into_iter().map(|link| {
            let name =
                |record: deskbridge_core::RemoteRecord| format!("{}:{}", record.object, record.id);
            (name(link.one), name(link.other))
        }));
        self.notes.extend(plan.notes);
        let mut writes = Vec::new();
        for effect in plan.effects {
            let is_new = self
                .effects
                .iter()
                .all(|known| known.idempotency_key != effect.idempotency_key);
            assert!(is_new, "{} twice", effect.idempotency_key);
            if effect.kind == Report::KIND {
                let report = serde_json::from_value(effect.payload.clone());
                self.reports.push(report.expect("a report"));
                self.effects.push(effect);
                continue;
            }
            let write: Write = serde_json::from_value(effect.payload.clone()).expect("a write");
            assert_eq!(effect.kind, write.kind());
            self.effects.push(effect);
            let is_save = !matches!(write, Write::AddComment(_) | Write::Join(_));
            let turn = self.saves.checked_rem(self.failing.len());
            self.saves += usize::from(is_save);
            match turn.is_some_and(|turn| is_save && self.failing[turn]) {
                true => self.dead.push(write.clone()),
                false => self.carry_out(&write),
            }
            writes.push(write);
        }
        writes
    }

    /// Carries out a write that was given up before, as it is wanted by now.
    pub(super) fn revive(&mut self, write: Write) {
        let key = match &write {
            Write::SaveTicket(save) => &save.key,
            Write::SaveCase(save) => &save.key,
            Write::SaveContact(save) => &save.key,
            Write::SaveCustomer(save) => &save.key,
            Write::EndTicket(end) => &end.key,
            Write::AddComment(_) | Write::Join(_) => panic!("{write:?} does not fail here"),
        };
        let facts = self.facts(key.as_str());
        if let Some(write) = current(write, &facts).expect("it can be read") {
            self.carry_out(&write);
        }
    }

    fn facts(&self, key: &str) -> Value {
        let of_key = |(record, _): &(&Record, &Known)| record.source_key("main").as_str() == key;
        let known = self.known.iter().find(of_key);
        known.map_or(Value::Null, |(_, known)| known.facts.clone())
    }

    pub(crate) fn carry_out(&mut self, write: &Write) {
        match write {
            Write::SaveTicket(save) => self.save_ticket(save),
            Write::SaveCase(save) => self.save_case(save),
            Write::AddComment(comment) => {
                if !self.desk.contains_key(comment.ticket.as_str()) {
                    let facts = self.facts(comment.ticket.as_str());
                    match making(&comment.ticket, &facts).expect("it can be read") {
                        Making::By(ticket) => self.carry_out(&ticket),
                        other => panic!("{comment:?} stands on a ticket: {other:?}"),
                    }
                }
                assert!(
                    self.desk.contains_key(comment.ticket.as_str()),
                    "{comment:?} stands on a ticket"
                );
                let known = self
                    .comments
                    .insert(comment.key.to_string(), comment.clone());
                assert_eq!(known, None, "a comment stands once");
            }
            Write::EndTicket(end) => {
                if let Some(ticket) = self.desk.get_mut(end.key.as_str()) {
                    ticket.insert("ended".to_owned(), json!(end.why));
                    if let Some(status) = &end.status {
                        ticket.insert("status".to_owned(), json!(status));
                    }
                }
            }
            Write::SaveCustomer(save) => {
                self.save(save.key.to_string(), &save.all, &save.changed);
            }
            Write::SaveContact(save) => {
                self.save(save.key.to_string(), &save.all, &save.changed);
                let contact = self.desk.entry(save.key.to_string()).or_default();
                contact.insert("organization".to_owned(), json!(save.organization));
                contact.insert(
                    "main".to_owned(),
                    json!([save.emails.first(), save.phones.first()]),
                );
            }
            Write::Join(_) => {}
        }
    }

    fn save(
        &mut self,
        key: String,
        all: &Map<String, Value>,
        changed: &Map<String, Value>,
    ) -> bool {
        match self.desk.get_mut(&key) {
            Some(document) => {
                document.extend(changed.clone());
                false
            }
            None => {
                self.desk.insert(key, all.clone());
                true
            }
        }
    }

    fn save_ticket(&mut self, save: &SaveTicket) {
        let key = save.key.to_string();
        let is_new = self.save(key.clone(), &save.all, &save.changed);
        let ticket = self.desk.entry(key).or_default();
        let is_over = ticket.contains_key("ended");
        if let Some(status) = &save.status
            && (is_new || status.has_changed)
        {
            assert!(!is_over, "nothing opens it again");
            ticket.insert("status".to_owned(), json!(status.name));
        }
        if let Some(assignment) = &save.assignment
            && (is_new || assignment.has_changed)
        {
            ticket.insert("agent".to_owned(), json!(assignment.agent));
        }
        if let Some(requester) = &save.requester {
            ticket.insert("requester".to_owned(), json!(requester));
        }
        if is_new && let Some(end) = &save.end {
            self.carry_out(&Write::EndTicket(end.clone()));
        }
    }

    fn save_case(&mut self, save: &SaveCase) {
        let key = format!("{}/{}", save.key, json!(save.kind));
        self.save(key.clone(), &save.all, &save.changed);
        let case = self.desk.entry(key).or_default();
        case.insert("was_lead".to_owned(), json!(save.was_lead));
        case.insert("requester".to_owned(), json!(save.requester));
    }

    /// What has to be the same whatever the order of events: everything but what depends on whether something came
    /// before the end of its ticket.
    pub(crate) fn outcome(&self) -> BTreeMap<String, Value> {
        let mut outcome = BTreeMap::new();
        let mut ended = BTreeSet::new();
        for (record, known) in &self.known {
            let mut facts = known.facts.clone();
            let is_over = facts["is_deleted"] == true || !facts["merged_into"].is_null();
            if matches!(record, Record::Case(_)) && is_over {
                ended.insert(record.source_key("main").to_string());
                facts["planned"]["ticket"].take();
                facts["waiting"].take();
            }
            if matches!(record, Record::Comment(_)) {
                facts["is_carried"].take();
            }
            if matches!(record, Record::Call(_)) {
                facts["told"].take();
            }
            outcome.insert(record.source_key("main").to_string(), facts);
        }
        for (key, document) in &self.desk {
            if !ended.contains(key) {
                outcome.insert(format!("desk {key}"), Value::Object(document.clone()));
            }
        }
        outcome
    }

    /// What is told of calls, by ticket and call: how many notes, and how many of them link to the recording.
    pub(crate) fn told(&self) -> BTreeMap<String, (usize, usize)> {
        let mut told: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for (key, comment) in &self.comments {
            if let Some(call) = key.strip_suffix("-recording") {
                told.entry(call.to_owned()).or_default().1 += 1;
            } else if key.contains("-call-") {
                let told = told.entry(key.clone()).or_default();
                told.0 += 1;
                told.1 += usize::from(comment.html.contains("<a href"));
            }
        }
        told
    }

    /// The helpdesk's ticket of a case.
    pub(super) fn ticket(&self, id: u64) -> &Map<String, Value> {
        &self.desk[&format!("main:case:{id}")]
    }
}

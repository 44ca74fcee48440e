//! A call as hooks are told it. Names and values are Itgrix's.

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Map, Value, json};

use crate::{
    call::{Call, CallResult, Conversation, ConversationState, Direction},
    decide::{
        originate::{Order, Originate},
        status::{Way, status},
        users::{People, Whose},
        write::{AddTask, CallType, Finish, Register},
    },
    settings::Settings,
};

/// What Itgrix writes where there is no time.
const NO_TIME: &str = "0001-01-01 00:00:00";

/// What of a call is told wherever a hook is asked about one.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// The call.
    pub call: &'a Call,
    /// What became of it is told by the names that are set here.
    pub settings: &'a Settings,
    /// Who answers which phone.
    pub people: &'a People,
}

impl Around<'_> {
    fn zone(&self) -> &TimeZone {
        &self.settings.zone
    }

    /// The line, as registrations have it.
    pub fn line(&self) -> String {
        let (_, number) = self.settings.lines.resolve(self.call.line.as_deref());
        let otherwise = || self.call.line.clone().or_else(|| self.call.trunk.clone());
        number.or_else(otherwise).unwrap_or_default()
    }

    fn client(&self) -> &str {
        self.call.client.as_deref().unwrap_or_default()
    }

    /// `type`: another count than `TYPE` of a registration.
    fn kind(&self) -> (u8, &'static str) {
        match self.call.direction {
            Direction::Internal => (1, "internal"),
            Direction::Incoming => (2, "incoming"),
            Direction::Outgoing => (3, "outgoing"),
        }
    }

    /// Who called whom, and which of them is ours.
    fn sides<'s>(&'s self, extension: &'s str, outside: bool) -> Sides<'s> {
        let (from, to) = match self.call.direction {
            Direction::Incoming => ((self.client(), false), (extension, !outside)),
            Direction::Outgoing => ((extension, !outside), (self.client(), false)),
            Direction::Internal => {
                let first = self.call.conversations.first();
                let first = first.map_or("", |first| first.extension.as_str());
                ((first, true), (extension, !outside))
            }
        };
        Sides { from, to }
    }

    /// A conversation, as generations before 3.10 are told it.
    pub fn conversation(&self, of: &Conversation) -> Value {
        let (kind, code) = self.kind();
        let sides = self.sides(&of.extension, of.outside);
        let (state, state_code) = match of.state {
            ConversationState::Ringing => (1, "ringing"),
            ConversationState::Talking => (2, "talking"),
            _ => (3, "hung"),
        };
        json!({
            "id": of.uniqueid,
            "channel_id": of.uniqueid,
            "parent_channel_id": self.call.linkedid,
            "started_at": time(Some(of.began_at), self.zone()),
            "answered_at": time(of.answered_at, self.zone()),
            "ended_at": time(of.ended_at, self.zone()),
            "from": sides.from.0,
            "from_local": sides.from.1,
            "to": sides.to.0,
            "to_local": sides.to.1,
            "trunk": self.line(),
            "state": state,
            "state_code": state_code,
            "type": kind,
            "type_code": code,
            "was_answered": of.answered_at.is_some(),
        })
    }

    /// The conversation that tells most of the call: the last that was answered, or else the last.
    pub fn last(&self) -> Value {
        let all = &self.call.conversations;
        let answered = all.iter().rev().find(|of| of.answered_at.is_some());
        match answered.or_else(|| all.last()) {
            Some(of) => self.conversation(of),
            None => self.nobody_rung(),
        }
    }

    /// A call in which no phone was called, as a conversation.
    fn nobody_rung(&self) -> Value {
        let (kind, code) = self.kind();
        let is_over = self.call.ended.is_some();
        json!({
            "id": self.call.linkedid,
            "channel_id": self.call.linkedid,
            "started_at": time(Some(self.call.started_at), self.zone()),
            "ended_at": time(self.call.ended.as_ref().map(|ended| ended.at), self.zone()),
            "answered_at": NO_TIME,
            "from": self.client(),
            "from_local": false,
            "to": self.line(),
            "to_local": false,
            "trunk": self.line(),
            "state": if is_over { 3 } else { 1 },
            "state_code": if is_over { "hung" } else { "ringing" },
            "type": kind,
            "type_code": code,
            "was_answered": false,
        })
    }

    /// The call, as generations before 3.10 are told it.
    pub fn call(&self) -> Value {
        let all = self.call.conversations.iter();
        let conversations: Map<String, Value> = all
            .map(|of| (of.uniqueid.to_string(), self.conversation(of)))
            .collect();
        let first = self.call.conversations.first();
        let (extension, outside) =
            first.map_or(("", false), |of| (of.extension.as_str(), of.outside));
        let sides = self.sides(extension, outside);
        let is_over = self.call.ended.is_some();
        let answered_at = self.call.conversations.iter();
        let answered_at = answered_at.filter_map(|of| of.answered_at).min();
        json!({
            "id": self.call.linkedid,
            "conversations": conversations,
            "started_at": time(Some(self.call.started_at), self.zone()),
            "answered_at": time(answered_at, self.zone()),
            "ended_at": time(self.call.ended.as_ref().map(|ended| ended.at), self.zone()),
            "from": sides.from.0,
            "from_local": sides.from.1,
            "to": sides.to.0,
            "to_local": sides.to.1,
            "trunk": self.line(),
            "state": if is_over { 3 } else { 2 },
            "type": self.kind().0,
        })
    }

    /// A registration as it would be, with its call.
    pub fn registration(&self, write: &Register, is_shown: bool) -> Value {
        let several = self.call.conversations.len() > 1;
        let (name, of) = match several {
            true => ("call", self.call()),
            false => ("conversation", self.last()),
        };
        json!({
            "ADD_TO_CHAT": write.is_in_chat,
            "CALL_START_DATE": write.started_at,
            "CRM_CREATE": write.is_created,
            "CRM_SOURCE": write.source.as_deref().unwrap_or_default(),
            "LINE_NUMBER": write.line,
            "PHONE_NUMBER": write.phone,
            "SHOW": is_shown,
            "TYPE": write.call_type.code(),
            "USER_ID": write.user,
            "user": {"ID": write.user, "NAME": self.people.name(write.user)},
            name: of,
        })
    }

    /// The end of a call, as it would be, with its conversation.
    pub fn finish(
        &self,
        write: &Finish,
        call_id: &str,
        conversation: &Value,
        entity: Option<Value>,
    ) -> Value {
        let mut params = json!({
            "ADD_TO_CHAT": write.is_in_chat,
            "CALL_ID": call_id,
            "DURATION": write.duration_s,
            "STATUS_CODE": write.status,
            "USER_ID": write.user,
            "conversation": conversation,
        });
        if let (Value::Object(params), Some(entity)) = (&mut params, entity) {
            params.insert("entity_data".to_owned(), entity);
        }
        params
    }

    /// The call, as 3.10 and later are told it.
    pub fn full(&self, registration: Option<&Value>, entity: Option<&Value>) -> Value {
        let all = self.call.conversations.iter();
        let conversations: Map<String, Value> = all
            .clone()
            .map(|of| (of.uniqueid.to_string(), self.conversation_full(of)))
            .collect();
        let active = all.rev().find(|of| of.ended_at.is_none());
        let active = active.map_or("", |of| of.uniqueid.as_str());
        let ended = self.call.ended.as_ref();
        let result = ended.map_or(0, |ended| {
            let status = status(self.way(), ended.result);
            status.code.parse::<u16>().unwrap_or_default()
        });
        let in_menu = crate::call::MissedReason::GaveUpInMenu;
        let is_ivr = ended.is_some_and(|ended| ended.result == CallResult::Missed(in_menu));
        let record = self.call.recordings.last();
        json!({
            "active_conversation_id": active,
            "channel": self.first_channel(),
            "conversations": conversations,
            "deal": null,
            "entity": entity,
            "is_ivr": is_ivr,
            "record": record.map_or("", |of| of.path.as_str()),
            "registration": registration,
            "result": result,
        })
    }

    fn way(&self) -> Way {
        match self.call.direction {
            Direction::Outgoing => Way::Out,
            Direction::Incoming | Direction::Internal => Way::In,
        }
    }

    fn first_channel(&self) -> Value {
        let answered = self.call.conversations.iter();
        let answered = answered.filter_map(|of| of.answered_at).min();
        let ended = self.call.ended.as_ref().map(|ended| ended.at);
        json!({
            "id": self.call.linkedid,
            "is_primary": true,
            "start_time": time(Some(self.call.started_at), self.zone()),
            "answer_time": time(answered, self.zone()),
            "end_time": time(ended, self.zone()),
            "from": self.number(self.client()),
            "to": self.number(&self.line()),
            "trunk": self.number(&self.line()),
            "state": state(ended.is_some(), answered.is_some()),
            "type": self.channel_kind(),
            "was_answered": answered.is_some(),
        })
    }

    fn conversation_full(&self, of: &Conversation) -> Value {
        let sides = self.sides(&of.extension, of.outside);
        json!({
            "channel": {
                "id": of.uniqueid,
                "is_primary": of.uniqueid.as_str() == self.call.linkedid.as_str(),
                "start_time": time(Some(of.began_at), self.zone()),
                "answer_time": time(of.answered_at, self.zone()),
                "end_time": time(of.ended_at, self.zone()),
                "from": self.number(sides.from.0),
                "to": self.number(sides.to.0),
                "trunk": self.number(&self.line()),
                "state": state(of.ended_at.is_some(), of.answered_at.is_some()),
                "type": self.channel_kind(),
                "was_answered": of.answered_at.is_some(),
            },
            "is_parked": false,
            "user": self.user(&of.extension),
        })
    }

    fn number(&self, number: &str) -> Value {
        json!({ "number": number })
    }

    fn user(&self, extension: &str) -> Value {
        match self.settings.whose(extension, self.people) {
            Whose::One(user) => json!({"ID": user, "NAME": self.people.name(user)}),
            Whose::Nobody | Whose::Several(_) => Value::Null,
        }
    }

    fn channel_kind(&self) -> &'static str {
        match self.call.direction {
            Direction::Internal => "local",
            Direction::Incoming => "incoming",
            Direction::Outgoing => "outgoing",
        }
    }
}

/// Who called whom, and whether that is an internal number.
struct Sides<'a> {
    from: (&'a str, bool),
    to: (&'a str, bool),
}

fn state(is_over: bool, is_answered: bool) -> &'static str {
    match (is_over, is_answered) {
        (true, _) => "ended",
        (false, true) => "talking",
        (false, false) => "ringing",
    }
}

fn time(at: Option<Timestamp>, zone: &TimeZone) -> String {
    at.map_or_else(
        || NO_TIME.to_owned(),
        |at| {
            let zoned = at.to_zoned(zone.clone());
            zoned.strftime("%Y-%m-%d %H:%M:%S").to_string()
        },
    )
}

/// The entity that the CRM would make for a registration.
pub fn new_entity(write: &Register) -> Value {
    json!({
        "type": "lead",
        "ASSIGNED_BY_ID": write.user,
        "COMMENTS": "",
        "OPENED": "Y",
        "PHONE": [{"VALUE": write.phone}],
        "SOURCE_ID": write.source.as_deref().unwrap_or_default(),
        "TITLE": match write.call_type {
            CallType::Outgoing => format!("{} - Outgoing call", write.phone),
            CallType::Incoming | CallType::Redirected | CallType::Callback => {
                format!("{} - Incoming call", write.phone)
            }
        },
    })
}

/// A task, as it would be. `records` is what the CRM binds it to, as it writes them.
pub fn task(write: &AddTask, records: &[String]) -> Value {
    let mut fields = Map::new();
    fields.extend(write.fields.clone());
    fields.insert("TITLE".to_owned(), json!(write.title));
    fields.insert("DESCRIPTION".to_owned(), json!(write.description));
    fields.insert("DEADLINE".to_owned(), json!(write.deadline));
    fields.insert("RESPONSIBLE_ID".to_owned(), json!(write.responsible));
    if let Some(creator) = write.creator {
        fields.insert("CREATED_BY".to_owned(), json!(creator));
    }
    fields.insert("UF_CRM_TASK".to_owned(), json!(records));
    json!({ "arNewTaskData": fields })
}

/// An order to the PBX, as it would be.
pub fn originate(wanted: &Originate, order: &Order) -> Value {
    json!({
        "caller_id": wanted.caller_id,
        "channel": wanted.channel,
        "context": wanted.context,
        "extension": wanted.exten,
        "priority": wanted.priority,
        "request_data": {
            "PHONE_NUMBER": order.phone,
            "LINE_NUMBER": order.line,
            "USER_ID": order.user(),
            "CALL_ID": order.call_id(),
            "CALL_LIST_ID": order.call_list(),
            "CRM_ENTITY_TYPE": order.entity.as_ref().map(|entity| &entity.kind),
            "CRM_ENTITY_ID": order.entity.as_ref().map(|entity| entity.id),
        },
    })
}

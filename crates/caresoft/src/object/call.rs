//! Calls. Three shapes go by the name `call_info`; which one it is, the event's object says.

use std::{borrow::Cow, time::Duration};

use jiff::Timestamp;

use crate::{
    Id, Zone,
    fields::{Fields, view},
};

/// What joins the events of one call, in whatever order they come.
///
/// It begins with a time of the account's zone, which is not the call's start: it was seen 51 s before it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(String);

impl CallId {
    /// An id; `None` when it is blank.
    pub fn new(id: &str) -> Option<Self> {
        let id = id.trim();
        (!id.is_empty()).then(|| Self(id.to_owned()))
    }

    /// The id as CareSoft writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn of(call: Fields<'_>) -> Option<Self> {
        Self::new(&call.text("call_id")?)
    }
}

impl std::fmt::Display for CallId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

view! {
    /// The call that a ticket came from. Its id may be missing.
    TicketCall
}

impl<'e> TicketCall<'e> {
    /// Its id.
    pub fn id(self) -> Option<CallId> {
        CallId::of(self.fields)
    }

    /// The customer's number, of calls in both directions.
    pub fn customer_phone(self) -> Option<Cow<'e, str>> {
        self.fields.text("caller")
    }

    /// The hotline's number, of calls in both directions.
    pub fn hotline(self) -> Option<Cow<'e, str>> {
        self.fields.text("called")
    }

    /// How the call ended on the line: 200 is success, 0 was seen of a missed call; other codes are not documented.
    pub fn status_code(self) -> Option<i64> {
        self.fields.whole("status_code")
    }

    /// Whether somebody took it. An IVR call that ended in the menu has neither an answer nor a status.
    pub fn is_answered(self) -> bool {
        self.fields
            .whole("answer_time")
            .is_some_and(|time| time > 0)
            || (self.fields.get("answer_time").is_none() && self.status_code() == Some(200))
    }

    /// When it began.
    pub fn started_at(self, zone: &Zone) -> Option<Timestamp> {
        self.fields.time("start_time", zone)
    }

    /// When it was taken.
    pub fn answered_at(self, zone: &Zone) -> Option<Timestamp> {
        self.fields.time("answer_time", zone)
    }

    /// When it ended.
    pub fn ended_at(self, zone: &Zone) -> Option<Timestamp> {
        self.fields.time("end_time", zone)
    }

    /// The keys that the customer pressed in the menu.
    pub fn dtmf(self) -> Option<Cow<'e, str>> {
        self.fields.text("dtmf")
    }
}

/// Which dialler of a campaign made a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialer {
    /// `ad_end_call`: the machine talks.
    Auto,
    /// `pd_end_call`: an agent is connected when somebody answers.
    Predictive,
}

/// A call of a campaign (`smart_dialer`), which has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct DialerCall<'e> {
    pub(crate) id: CallId,
    pub(crate) fields: Fields<'e>,
}

impl<'e> DialerCall<'e> {
    /// Its id.
    pub fn id(&self) -> &CallId {
        &self.id
    }

    /// Everything it has, by the names that CareSoft uses.
    pub fn fields(&self) -> Fields<'e> {
        self.fields
    }

    /// The customer's number.
    pub fn customer_phone(&self) -> Option<Cow<'e, str>> {
        self.fields.text("phone_number")
    }

    /// The number that called.
    pub fn hotline(&self) -> Option<Cow<'e, str>> {
        self.fields.text("line")
    }

    /// How the call ended on the line: 200 is success.
    pub fn status_code(&self) -> Option<i64> {
        self.fields.whole("status_code")
    }

    /// The campaign.
    pub fn campaign_id(&self) -> Option<Id> {
        self.fields.id("campaign_id")
    }

    /// The customer.
    pub fn customer_id(&self) -> Option<Id> {
        self.fields.id("customer_id")
    }

    /// The agent who was connected, by user.
    pub fn agent_user_id(&self) -> Option<Id> {
        self.fields.id("agent_user_id")
    }

    /// The agent who was connected, by IP phone; a number here, a text in incoming calls. 0 is nobody.
    pub fn agent_phone(&self) -> Option<Cow<'e, str>> {
        agent_phone(self.fields)
    }

    /// When it began.
    pub fn started_at(&self, zone: &Zone) -> Option<Timestamp> {
        self.fields.time("start_time", zone)
    }

    /// When the customer took it.
    pub fn answered_at(&self, zone: &Zone) -> Option<Timestamp> {
        self.fields.time("connect_time", zone)
    }

    /// When it ended.
    pub fn ended_at(&self, zone: &Zone) -> Option<Timestamp> {
        self.fields.time("end_time", zone)
    }

    /// When the agent's phone began to ring; predictive diallers say so.
    pub fn agent_rang_at(&self, zone: &Zone) -> Option<Timestamp> {
        self.fields.time("agent_ring_time", zone)
    }

    /// When the agent was connected; predictive diallers say so.
    pub fn agent_connected_at(&self, zone: &Zone) -> Option<Timestamp> {
        self.fields.time("agent_connect_time", zone)
    }

    /// How long it lasted.
    pub fn talked_for(&self) -> Option<Duration> {
        seconds(self.fields, "call_duration")
    }

    /// How long the customer's phone rang.
    pub fn rang_for(&self) -> Option<Duration> {
        seconds(self.fields, "ring_customer_duration")
    }

    /// The keys that the customer pressed.
    pub fn dtmf(&self) -> Option<Cow<'e, str>> {
        self.fields.text("customer_input_dtmf")
    }
}

/// What happened in an incoming call. They come in any order; only the last one closes the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// `call_in_start`.
    Start,
    /// `call_in_agent_ring`.
    AgentRing,
    /// `call_in_agent_miss`.
    AgentMiss,
    /// `call_in_agent_answer`.
    AgentAnswer,
    /// `call_in_agent_end`: the agent hung up.
    AgentEnd,
    /// `call_in_customer_end`: the customer hung up.
    CustomerEnd,
    /// `call_in_end`.
    End,
}

impl Step {
    pub(crate) fn named(action: &str) -> Option<Self> {
        Some(match action.strip_prefix("call_in_")? {
            "start" => Self::Start,
            "agent_ring" => Self::AgentRing,
            "agent_miss" => Self::AgentMiss,
            "agent_answer" => Self::AgentAnswer,
            "agent_end" => Self::AgentEnd,
            "customer_end" => Self::CustomerEnd,
            "end" => Self::End,
            _ => return None,
        })
    }
}

/// One step of an incoming call (`call_in`). It knows no ticket: the ticket's own event carries the same id.
#[derive(Clone, Debug, PartialEq)]
pub struct IncomingCall<'e> {
    pub(crate) id: CallId,
    pub(crate) fields: Fields<'e>,
}

impl<'e> IncomingCall<'e> {
    /// Its id.
    pub fn id(&self) -> &CallId {
        &self.id
    }

    /// Everything it has, by the names that CareSoft uses.
    pub fn fields(&self) -> Fields<'e> {
        self.fields
    }

    /// The customer's number.
    pub fn customer_phone(&self) -> Option<Cow<'e, str>> {
        self.fields.text("caller")
    }

    /// The hotline's number.
    pub fn hotline(&self) -> Option<Cow<'e, str>> {
        self.fields.text("called")
    }

    /// The IP phone of the agent whom the step is about. The last step names none.
    pub fn agent_phone(&self) -> Option<Cow<'e, str>> {
        agent_phone(self.fields)
    }

    /// When the step happened.
    pub fn happened_at(&self, zone: &Zone) -> Option<Timestamp> {
        self.fields.time("event_time", zone)
    }

    /// When the call began; the last step says so.
    pub fn started_at(&self, zone: &Zone) -> Option<Timestamp> {
        self.fields.time("call_start_time", zone)
    }

    /// When an agent took the call; the last step says so.
    pub fn answered_at(&self, zone: &Zone) -> Option<Timestamp> {
        self.fields.time("call_answer_time", zone)
    }

    /// When the call ended; the last step says so.
    pub fn ended_at(&self, zone: &Zone) -> Option<Timestamp> {
        self.fields.time("call_end_time", zone)
    }

    /// How long the call lasted; the last step says so.
    pub fn lasted_for(&self) -> Option<Duration> {
        seconds(self.fields, "call_duration")
    }

    /// How long was talked; the last step of a call that was taken says so.
    pub fn talked_for(&self) -> Option<Duration> {
        seconds(self.fields, "answer_duration")
    }

    /// Whether an agent took the call; the last step says so: `answered` or `miss`.
    pub fn is_answered(&self) -> Option<bool> {
        match self.fields.word("status")?.as_str() {
            "answered" => Some(true),
            "miss" | "missed" => Some(false),
            _ => None,
        }
    }

    /// Where the recording is; the last step of a call that was taken says so. It comes from outside.
    pub fn record_url(&self) -> Option<Cow<'e, str>> {
        self.fields.text("record_url")
    }
}

fn agent_phone(fields: Fields<'_>) -> Option<Cow<'_, str>> {
    fields.text("agent_id").filter(|phone| phone != "0")
}

fn seconds(fields: Fields<'_>, name: &str) -> Option<Duration> {
    let seconds = fields.whole(name)?;
    u64::try_from(seconds).ok().map(Duration::from_secs)
}

//! Calls: put together from their steps, from campaigns, and from the tickets they leave, in whatever order these come.

pub mod note;
mod report;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use caresoft::{
    Id, Zone,
    object::{
        Assignee,
        call::{CallId, Dialer, DialerCall, IncomingCall, Step, TicketCall},
        ticket::{Direction, Ticket},
    },
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    case::CaseFacts,
    comment,
    draft::{Draft, Unreadable},
    record::Record,
    registers::Registers,
    version::{Version, short_digest},
    write::{AddComment, Author},
};
use crate::settings::CallNotes;

/// Bytes of a call's id that are written out; those that were seen have 30.
const CALL_ID_MAX: usize = 64;

/// What is known of a call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallFacts {
    said: Registers,
    steps: BTreeSet<Happened>,
    /// The tickets that the call left.
    cases: BTreeSet<u64>,
    /// What was told of the call on each of them.
    told: BTreeMap<u64, Told>,
    /// What was reported last, as a digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    reported: Option<String>,
}

/// A step of a call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Happened {
    at: Option<Timestamp>,
    what: What,
    agent: Option<String>,
}

/// What happens in an incoming call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Start,
    AgentRing,
    AgentMiss,
    AgentAnswer,
    AgentEnd,
    CustomerEnd,
    End,
}

impl From<Step> for What {
    fn from(step: Step) -> Self {
        match step {
            Step::Start => Self::Start,
            Step::AgentRing => Self::AgentRing,
            Step::AgentMiss => Self::AgentMiss,
            Step::AgentAnswer => Self::AgentAnswer,
            Step::AgentEnd => Self::AgentEnd,
            Step::CustomerEnd => Self::CustomerEnd,
            Step::End => Self::End,
        }
    }
}

/// What was told of a call on a ticket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    note: bool,
    recording: bool,
}

/// A call, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRecord {
    /// Its id.
    pub id: CallId,
    /// Which way it went; `None` where nothing tells.
    pub direction: Option<Direction>,
    /// The customer's number, in national form.
    pub customer_phone: Option<String>,
    /// The number of the contact centre.
    pub line: Option<String>,
    /// The agents whom it came to, by IP phone, in the order in which it did.
    pub agents: Vec<Ring>,
    /// The agent who was connected, by user; calls of campaigns say so.
    pub agent_user_id: Option<Id>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it was taken.
    pub answered_at: Option<Timestamp>,
    /// When it ended; `None` while it goes on.
    pub ended_at: Option<Timestamp>,
    /// How it ended; `None` while it goes on.
    pub ending: Option<Ending>,
    /// How long it lasted.
    pub lasted_for: Option<Duration>,
    /// How long was talked.
    pub talked_for: Option<Duration>,
    /// Where the recording is. It comes from outside.
    pub recording_url: Option<String>,
    /// The keys that the customer pressed.
    pub dtmf: Option<String>,
    /// The campaign that it is of.
    pub campaign_id: Option<Id>,
}

/// One agent's phone in a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring {
    /// The IP phone.
    pub phone: String,
    /// When it rang first.
    pub rang_at: Option<Timestamp>,
    /// When it was taken.
    pub answered_at: Option<Timestamp>,
    /// When it was given up last.
    pub missed_at: Option<Timestamp>,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Somebody took it.
    Answered,
    /// Nobody took it.
    Missed,
    /// It ended in the menu, as the customer wished.
    InMenu,
}

impl CallFacts {
    /// Adds a step.
    pub fn fold_step(&mut self, step: Step, call: &IncomingCall<'_>, at: Version, zone: &Zone) {
        self.steps.insert(Happened {
            at: call.happened_at(zone),
            what: step.into(),
            agent: call.agent_phone().map(std::borrow::Cow::into_owned),
        });
        let answered = call.is_answered().map(|is| is.to_string());
        let texts = [
            ("caller", call.customer_phone()),
            ("called", call.hotline()),
            ("recording", call.record_url()),
            ("answered", answered.map(Into::into)),
            ("direction", Some("inbound".into())),
        ];
        self.say(texts, at);
        self.say_times(
            [
                call.started_at(zone),
                call.answered_at(zone),
                call.ended_at(zone),
            ],
            at,
        );
        self.say_spans([call.lasted_for(), call.talked_for()], at);
    }

    /// Adds a call of a campaign, which has ended.
    pub fn fold_dialer(&mut self, dialer: Dialer, call: &DialerCall<'_>, at: Version, zone: &Zone) {
        let number = |id: Option<Id>| id.map(|id| id.to_string().into());
        let status = call.status_code().map(|code| code.to_string().into());
        let dialer = match dialer {
            Dialer::Auto => "auto",
            Dialer::Predictive => "predictive",
        };
        let texts = [
            ("caller", call.customer_phone()),
            ("called", call.hotline()),
            ("status_code", status),
            ("campaign_id", number(call.campaign_id())),
            ("agent_user_id", number(call.agent_user_id())),
            ("agent_phone", call.agent_phone()),
            ("dtmf", call.dtmf()),
            ("direction", Some("outbound".into())),
            ("dialer", Some(dialer.into())),
        ];
        self.say(texts, at);
        self.say_times(
            [
                call.started_at(zone),
                call.answered_at(zone),
                call.ended_at(zone),
            ],
            at,
        );
        for (name, time) in [
            ("agent_rang_at", call.agent_rang_at(zone)),
            ("agent_connected_at", call.agent_connected_at(zone)),
        ] {
            if let Some(time) = time {
                self.said.say(name, time.as_millisecond().to_string(), at);
            }
        }
        self.say_spans([call.talked_for(), None], at);
    }

    /// Adds what a ticket says of its call.
    pub fn fold_ticket(
        &mut self,
        ticket: Ticket<'_>,
        call: TicketCall<'_>,
        at: Version,
        zone: &Zone,
    ) {
        self.cases.insert(ticket.id().get());
        let status = call.status_code().map(|code| code.to_string().into());
        let direction = ticket.direction().map(|direction| match direction {
            Direction::Inbound => "inbound".into(),
            Direction::Outbound => "outbound".into(),
        });
        let assignee = match ticket.assignee() {
            Assignee::Agent(id) => Some(id.to_string().into()),
            Assignee::Nobody | Assignee::NotSaid => None,
        };
        let is_menu = ticket
            .channel()
            .is_some_and(|channel| channel.eq_ignore_ascii_case("ivr"));
        let texts = [
            ("caller", call.customer_phone()),
            ("called", call.hotline()),
            ("status_code", status),
            ("dtmf", call.dtmf()),
            ("direction", direction),
            ("assignee", assignee),
            ("menu", is_menu.then(|| "true".into())),
        ];
        self.say(texts, at);
        self.say_times(
            [
                call.started_at(zone),
                call.answered_at(zone),
                call.ended_at(zone),
            ],
            at,
        );
    }

    fn say<'e, const N: usize>(
        &mut self,
        texts: [(&str, Option<std::borrow::Cow<'e, str>>); N],
        at: Version,
    ) {
        for (name, text) in texts {
            if let Some(text) = text {
                self.said.say(name, text, at);
            }
        }
    }

    fn say_times(&mut self, times: [Option<Timestamp>; 3], at: Version) {
        for (name, time) in ["started_at", "answered_at", "ended_at"]
            .into_iter()
            .zip(times)
        {
            if let Some(time) = time {
                self.said.say(name, time.as_millisecond().to_string(), at);
            }
        }
    }

    fn say_spans(&mut self, spans: [Option<Duration>; 2], at: Version) {
        for (name, span) in ["lasted_s", "talked_s"].into_iter().zip(spans) {
            if let Some(span) = span {
                self.said.say(name, span.as_secs().to_string(), at);
            }
        }
    }

    /// The tickets that the call left.
    pub fn cases(&self) -> impl Iterator<Item = Id> {
        self.cases.iter().copied().filter_map(Id::new)
    }

    /// The first or last time that something happened.
    fn times(&self, what: What) -> impl DoubleEndedIterator<Item = Timestamp> {
        let steps = self.steps.iter().filter(move |step| step.what == what);
        steps.filter_map(|step| step.at)
    }

    fn rings(&self) -> Vec<Ring> {
        let mut rings: Vec<Ring> = Vec::new();
        for step in &self.steps {
            let Some(phone) = &step.agent else { continue };
            let ring = match rings.iter_mut().position(|ring| ring.phone == *phone) {
                Some(at) => rings.get_mut(at),
                None => {
                    rings.push(Ring {
                        phone: phone.clone(),
                        rang_at: None,
                        answered_at: None,
                        missed_at: None,
                    });
                    rings.last_mut()
                }
            };
            let Some(ring) = ring else { continue };
            match step.what {
                What::AgentRing => ring.rang_at = ring.rang_at.or(step.at),
                What::AgentAnswer => ring.answered_at = ring.answered_at.or(step.at),
                What::AgentMiss => ring.missed_at = step.at,
                What::Start | What::AgentEnd | What::CustomerEnd | What::End => {}
            }
        }
        rings
    }

    fn ending(&self, answered_at: Option<Timestamp>) -> Ending {
        let said = |name| self.said.text(name);
        match said("answered") {
            Some("true") => return Ending::Answered,
            Some(_) => return Ending::Missed,
            None => {}
        }
        let is_success = said("status_code") == Some("200");
        if answered_at.is_some() || is_success {
            Ending::Answered
        } else if said("menu").is_some() {
            Ending::InMenu
        } else {
            Ending::Missed
        }
    }
}

/// A call as far as it is known. Telephony in the CRM is planned from this.
pub fn call(id: CallId, facts: &CallFacts) -> CallRecord {
    let zone = Zone::default();
    let said = |name| facts.said.text(name).map(str::to_owned);
    let time = |name| facts.said.time(name, &zone);
    let seconds = |name| {
        let seconds = facts.said.whole(name)?;
        Some(Duration::from_secs(u64::try_from(seconds).ok()?))
    };
    let between = |from: Option<Timestamp>, to: Option<Timestamp>| {
        Duration::try_from(to?.duration_since(from?)).ok()
    };
    let first = |what| facts.times(what).next();
    let started_at = time("started_at").or_else(|| first(What::Start));
    let answered_at = time("answered_at").or_else(|| first(What::AgentAnswer));
    let ended_at = time("ended_at")
        .or_else(|| first(What::End))
        .or_else(|| facts.times(What::CustomerEnd).next_back())
        .or_else(|| facts.times(What::AgentEnd).next_back());
    let mut agents = facts.rings();
    if let (Some(phone), true) = (said("agent_phone"), agents.is_empty()) {
        agents.push(Ring {
            phone,
            rang_at: None,
            answered_at,
            missed_at: None,
        });
    }
    CallRecord {
        direction: match facts.said.text("direction") {
            Some("inbound") => Some(Direction::Inbound),
            Some(_) => Some(Direction::Outbound),
            None => None,
        },
        customer_phone: said("caller"),
        line: said("called"),
        agents,
        agent_user_id: super::person::id(facts.said.text("agent_user_id")),
        started_at,
        answered_at,
        ended_at,
        ending: ended_at.map(|_| facts.ending(answered_at)),
        lasted_for: seconds("lasted_s").or_else(|| between(started_at, ended_at)),
        talked_for: seconds("talked_s").or_else(|| between(answered_at, ended_at)),
        recording_url: said("recording"),
        dtmf: said("dtmf"),
        campaign_id: super::person::id(facts.said.text("campaign_id")),
        id,
    }
}

/// Tells of a call on one of its tickets, once it is over: what is known of it with the recording or, where the
/// recording comes to be known later, that by itself. Each is told once, because what was told is known with the call,
/// whichever of ticket and call comes second.
pub(super) fn plan_notes(
    draft: &mut Draft<'_>,
    id: &CallId,
    case_id: Id,
    case: &CaseFacts,
    facts: &mut CallFacts,
) {
    let call = call(id.clone(), facts);
    let Some(ended_at) = call.ended_at else {
        return;
    };
    if !case.takes_comments(draft.account) {
        return;
    }
    let mut told = facts.told.get(&case_id.get()).copied().unwrap_or_default();
    let name = format!("{case_id}-call-{}", named(id));
    let wants_note = draft.account.mapping.ticket.call_notes == CallNotes::Ours && !told.note;
    let recording = note::recording(draft.account.language, &call);
    let wants_recording = recording.is_some() && !told.recording;
    let (html, name) = if wants_note {
        (note::note(draft.account, &call), name)
    } else if let Some(recording) = recording.filter(|_| wants_recording) {
        (recording, format!("{name}-recording"))
    } else {
        return;
    };
    told.note |= wants_note;
    told.recording |= wants_recording;
    facts.told.insert(case_id.get(), told);
    let write = AddComment {
        key: draft.key(&Record::Comment(name)),
        ticket: draft.key(&Record::Case(case_id)),
        // It has what customers need not hear again.
        is_public: false,
        author: Author::ContactCenter,
        html,
        written_at: Some(ended_at),
    };
    comment::add(draft, case_id, write);
}

/// A call in the key of a comment, which the helpdesk keeps in a field of bounded length.
fn named(id: &CallId) -> String {
    match id.as_str().len() <= CALL_ID_MAX {
        true => id.to_string(),
        false => short_digest(id.as_str()),
    }
}

pub(super) use self::report::plan_report;

pub(super) fn plan_step(
    draft: &mut Draft<'_>,
    step: Step,
    call: &IncomingCall<'_>,
    at: Version,
) -> Result<(), Unreadable> {
    let zone = draft.account.zone;
    plan_call(draft, call.id(), |facts| {
        facts.fold_step(step, call, at, &zone);
    })
}

pub(super) fn plan_dialer(
    draft: &mut Draft<'_>,
    dialer: Dialer,
    call: &DialerCall<'_>,
    at: Version,
) -> Result<(), Unreadable> {
    let zone = draft.account.zone;
    plan_call(draft, call.id(), |facts| {
        facts.fold_dialer(dialer, call, at, &zone);
    })
}

fn plan_call(
    draft: &mut Draft<'_>,
    id: &CallId,
    fold: impl FnOnce(&mut CallFacts),
) -> Result<(), Unreadable> {
    let record = Record::Call(id.clone());
    let before: CallFacts = draft.held.facts(&record)?;
    let mut facts = before.clone();
    fold(&mut facts);
    let cases: Vec<Id> = facts.cases().collect();
    for case_id in cases {
        let case: CaseFacts = draft.held.facts(&Record::Case(case_id))?;
        plan_notes(draft, id, case_id, &case, &mut facts);
    }
    plan_report(draft, id, &mut facts);
    draft.keep(record, &before, &facts)
}

//! A call of the contact centre in the words of who carries calls into the CRM's telephony.

use std::time::Duration;

use caresoft::{
    Id, Zone,
    object::{call::CallId, ticket},
};
use deskbridge_core::call::{
    Call, CallResult, Conversation, ConversationState, Direction, Ended, Linkedid, MissedReason,
    Recording, Uniqueid,
};
use jiff::Timestamp;

use super::{CALL_ID_MAX, CallFacts, CallRecord, Ending, What, call};
use crate::{
    decide::{draft::Draft, record::Record, version::short_digest},
    settings::Mapping,
};

/// The phone of a dialler that no agent was connected by.
const DIALER: &str = "dialer";
/// The phone of an agent of whom nothing told who it is.
const UNKNOWN: &str = "unknown";

/// Reports a call whenever it is known otherwise than it was reported last.
pub(in crate::decide) fn plan_report(draft: &mut Draft<'_>, id: &CallId, facts: &mut CallFacts) {
    let mapping = &draft.account.mapping;
    if !mapping.reports_calls {
        return;
    }
    let Some(call) = reported(mapping, id, facts) else {
        return;
    };
    // Texts, numbers and lists of them can always be written as JSON.
    let digest = short_digest(&serde_json::to_string(&call).unwrap_or_default());
    if facts.reported.as_ref() == Some(&digest) {
        return;
    }
    facts.reported = Some(digest);
    draft.report(&Record::Call(id.clone()), call);
}

/// What is to be reported of a call; `None` while neither its way nor any time of it is known.
fn reported(mapping: &Mapping, id: &CallId, facts: &CallFacts) -> Option<Call> {
    let known = call(id.clone(), facts);
    let direction = match known.direction? {
        ticket::Direction::Inbound => Direction::Incoming,
        ticket::Direction::Outbound => Direction::Outgoing,
    };
    let first_step = facts.steps.iter().find_map(|step| step.at);
    let ended_at = facts.over_at();
    let started_at = known.started_at.or(first_step).or(ended_at)?;
    let telling = Telling {
        mapping,
        facts,
        known: &known,
        started_at,
        ended_at,
    };
    let conversations = telling.conversations();
    let is_answered = conversations.iter().any(|of| of.answered_at.is_some());
    let ended = ended_at.map(|at| Ended {
        at: at.max(started_at),
        result: match is_answered {
            true => CallResult::Answered,
            false => CallResult::Missed(telling.missed_reason(&conversations)),
        },
    });
    let talker = conversations.iter().rfind(|of| of.answered_at.is_some());
    let recordings = known.recording_url.as_ref().map(|url| Recording {
        path: url.clone(),
        uniqueid: talker.map_or_else(|| Uniqueid::new(DIALER), |of| of.uniqueid.clone()),
        began_at: known.answered_at.unwrap_or(started_at),
    });
    Some(Call {
        linkedid: linkedid(id),
        joined: Vec::new(),
        direction,
        client: known.customer_phone.clone(),
        line: known.line.clone(),
        trunk: None,
        originated: None,
        started_at,
        transfers: Vec::new(),
        recordings: recordings.into_iter().collect(),
        ended,
        conversations,
    })
}

/// The call's own id where it can stand in a key of the CRM.
fn linkedid(id: &CallId) -> Linkedid {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let text = id.as_str();
    match text.len() <= CALL_ID_MAX && text.chars().all(is_plain) {
        true => Linkedid::new(text),
        false => Linkedid::new(short_digest(text)),
    }
}

impl CallFacts {
    /// When the call was over: not when an agent hung up, who may have handed it on.
    fn over_at(&self) -> Option<Timestamp> {
        let said = self.said.time("ended_at", &Zone::default());
        said.or_else(|| self.times(What::End).next())
            .or_else(|| self.times(What::CustomerEnd).next_back())
    }
}

/// A call while it is put into words.
struct Telling<'a> {
    mapping: &'a Mapping,
    facts: &'a CallFacts,
    known: &'a CallRecord,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
}

impl Telling<'_> {
    fn said(&self, name: &str) -> Option<&str> {
        self.facts.said.text(name)
    }

    fn conversations(&self) -> Vec<Conversation> {
        if self.said("dialer").is_some() {
            return vec![self.of_campaign()];
        }
        let mut phones: Vec<&str> = Vec::new();
        for step in &self.facts.steps {
            if let Some(phone) = step.agent.as_deref()
                && !phones.contains(&phone)
            {
                phones.push(phone);
            }
        }
        let phones = phones.into_iter();
        let mut all: Vec<Conversation> = phones.map(|phone| self.of_phone(phone)).collect();
        let is_taken = all.iter().any(|of| of.answered_at.is_some());
        if !is_taken && self.known.ending == Some(Ending::Answered) && self.ended_at.is_some() {
            self.give_to_somebody(&mut all);
        } else if self.facts.steps.is_empty() && self.known.direction.is_some() {
            all.extend(self.unanswered_outgoing());
        }
        let is_taken = all.iter().any(|of| of.answered_at.is_some());
        for conversation in &mut all {
            self.close(conversation, is_taken);
        }
        all.sort_by_key(|of| of.began_at);
        all
    }

    /// What an incoming call's steps tell of one phone.
    fn of_phone(&self, phone: &str) -> Conversation {
        let of = |what: What| {
            let steps = self.facts.steps.iter();
            let steps =
                steps.filter(move |step| step.what == what && step.agent.as_deref() == Some(phone));
            steps.filter_map(|step| step.at)
        };
        let (rang_at, answered_at) = (of(What::AgentRing).next(), of(What::AgentAnswer).next());
        let missed_at = of(What::AgentMiss).next_back();
        let is_ringing_again = missed_at.is_some_and(|missed| {
            let last = of(What::AgentRing).next_back();
            last.is_some_and(|rang| rang > missed)
        });
        let customer_left = self.facts.times(What::CustomerEnd).next_back();
        let left_at = of(What::AgentEnd).next_back();
        let ended_at = match answered_at {
            Some(_) => left_at.or(customer_left),
            None if is_ringing_again => None,
            None => missed_at,
        };
        Conversation {
            uniqueid: Uniqueid::new(phone),
            extension: phone.to_owned(),
            outside: false,
            began_at: rang_at
                .or(answered_at)
                .or(missed_at)
                .unwrap_or(self.started_at),
            answered_at,
            talked_ms: 0,
            ended_at,
            state: match (answered_at, ended_at) {
                (Some(_), None) => ConversationState::Talking,
                (Some(_), Some(_)) => ConversationState::Talked,
                (None, None) => ConversationState::Ringing,
                (None, Some(_)) => ConversationState::NoAnswer,
            },
        }
    }

    /// Somebody took the call, and no step says who: the only one who did not let it ring, or whose ticket it is.
    fn give_to_somebody(&self, all: &mut Vec<Conversation>) {
        let answered_at = self.known.answered_at.unwrap_or(self.started_at);
        let rang = |of: &&mut Conversation| of.ended_at.is_none();
        let mut ringing: Vec<&mut Conversation> = all.iter_mut().filter(rang).collect();
        if let [only] = ringing.as_mut_slice() {
            only.answered_at = Some(answered_at.max(only.began_at));
            only.state = ConversationState::Talking;
            return;
        }
        let assignee = super::super::person::id(self.said("assignee"));
        let phone = assignee.map(|id| self.mapping.phone_of(id));
        let phone = phone.unwrap_or_else(|| UNKNOWN.to_owned());
        if let Some(known) = all.iter_mut().find(|of| of.extension == phone) {
            (known.answered_at, known.ended_at) = (Some(answered_at), None);
            known.state = ConversationState::Talking;
            return;
        }
        all.push(Self::conversation(
            &phone,
            self.started_at,
            Some(answered_at),
        ));
    }

    /// Whose call it is that only its ticket tells of, and that the customer did not take.
    fn unanswered_outgoing(&self) -> Option<Conversation> {
        let is_outgoing = self.known.direction == Some(ticket::Direction::Outbound);
        let assignee = super::super::person::id(self.said("assignee")).filter(|_| is_outgoing)?;
        Some(Self::conversation(
            &self.mapping.phone_of(assignee),
            self.started_at,
            None,
        ))
    }

    /// The one phone of a campaign's call.
    fn of_campaign(&self) -> Conversation {
        let zone = Zone::default();
        let user: Option<Id> = self.known.agent_user_id;
        let phone = self.said("agent_phone").map(str::to_owned);
        let phone = phone.or_else(|| user.map(|id| self.mapping.phone_of(id)));
        let rang_at = self.facts.said.time("agent_rang_at", &zone);
        let connected_at = self.facts.said.time("agent_connected_at", &zone);
        let taken_at = self.known.answered_at;
        let taken_at = taken_at.or_else(|| self.is_success().then_some(self.started_at));
        let is_auto = self.said("dialer") == Some("auto");
        let answered_at = match (&phone, is_auto) {
            // The machine talks.
            (_, true) => taken_at,
            (Some(_), false) => connected_at.or(taken_at.filter(|_| rang_at.is_none())),
            (None, false) => None,
        };
        let began_at = rang_at.filter(|_| !is_auto).unwrap_or(self.started_at);
        let phone = phone.filter(|_| !is_auto);
        let phone = phone.unwrap_or_else(|| DIALER.to_owned());
        let mut conversation = Self::conversation(&phone, began_at, answered_at);
        self.close(&mut conversation, answered_at.is_some());
        conversation
    }

    fn conversation(
        phone: &str,
        began_at: Timestamp,
        answered_at: Option<Timestamp>,
    ) -> Conversation {
        Conversation {
            uniqueid: Uniqueid::new(phone),
            extension: phone.to_owned(),
            outside: false,
            began_at,
            answered_at: answered_at.map(|at| at.max(began_at)),
            talked_ms: 0,
            ended_at: None,
            state: match answered_at {
                Some(_) => ConversationState::Talking,
                None => ConversationState::Ringing,
            },
        }
    }

    /// Says how a conversation ended, where it or the call is over.
    fn close(&self, conversation: &mut Conversation, is_taken: bool) {
        let Some(ended_at) = conversation.ended_at.or(self.ended_at) else {
            return;
        };
        let ended_at = ended_at.max(conversation.began_at);
        conversation.ended_at = Some(ended_at);
        let is_outgoing = self.known.direction == Some(ticket::Direction::Outbound);
        conversation.state = match conversation.state {
            ConversationState::Ringing if is_outgoing => ConversationState::NoAnswer,
            ConversationState::Ringing if is_taken => ConversationState::TakenElsewhere,
            ConversationState::Ringing => ConversationState::CallerGaveUp,
            ConversationState::Talking => ConversationState::Talked,
            state => state,
        };
        if let Some(answered_at) = conversation.answered_at {
            let told = self.known.talked_for.filter(|_| self.has_one_talker());
            let between = Duration::try_from(ended_at.duration_since(answered_at)).ok();
            let talked = told.or(between).unwrap_or_default();
            conversation.talked_ms = u64::try_from(talked.as_millis()).unwrap_or(u64::MAX);
        }
    }

    /// Then what CareSoft says of the talk is said of this one talker.
    fn has_one_talker(&self) -> bool {
        let answers = self.facts.steps.iter();
        let answers = answers.filter(|step| step.what == What::AgentAnswer);
        let mut phones: Vec<&str> = answers.filter_map(|step| step.agent.as_deref()).collect();
        phones.sort_unstable();
        phones.dedup();
        // How long a campaign's call lasted is more than what its agent talked.
        phones.len() <= 1 && self.said("agent_connected_at").is_none()
    }

    fn is_success(&self) -> bool {
        self.said("status_code") == Some("200")
    }

    fn missed_reason(&self, conversations: &[Conversation]) -> MissedReason {
        let is_outgoing = self.known.direction == Some(ticket::Direction::Outbound);
        let has = |state| conversations.iter().any(|of| of.state == state);
        if is_outgoing {
            let is_taken = self.known.answered_at.is_some() || self.is_success();
            return match is_taken {
                true => MissedReason::AgentDidNotAnswer,
                false => by_status(self.said("status_code")),
            };
        }
        if self.known.ending == Some(Ending::InMenu) {
            MissedReason::GaveUpInMenu
        } else if conversations.is_empty() {
            MissedReason::GaveUpInQueue
        } else if has(ConversationState::CallerGaveUp) {
            MissedReason::GaveUpRinging
        } else {
            MissedReason::NoAnswer
        }
    }
}

/// Why a customer did not take a call, where the code is one of SIP's. Which codes there are is documented nowhere.
fn by_status(code: Option<&str>) -> MissedReason {
    match code.and_then(|code| code.parse::<u16>().ok()) {
        Some(486 | 600) => MissedReason::Busy,
        Some(403 | 603) => MissedReason::Declined,
        Some(404 | 410 | 484 | 604) => MissedReason::WrongNumber,
        Some(487) => MissedReason::GaveUpRinging,
        Some(480) => MissedReason::Unreachable,
        Some(500..=599) => MissedReason::Failed,
        _ => MissedReason::NoAnswer,
    }
}

//! A call as the CRM sees it: who its agents are there, over which line it came, and whether it is to be told.

use jiff::{SignedDuration, Timestamp};

use super::{Circumstances, note::Note, planned::Planned};
use crate::{
    call::{Call, CallResult, Conversation, ConversationState, Direction},
    decide::{
        originate::Order,
        status::{Way, is_ours},
        users::{People, UserId, Whose},
        write::CallKey,
    },
    settings::{EmployeeMobiles, Settings, lines::Line, missed::Choice},
};

/// A call as the CRM sees it.
pub(super) struct Seen<'a> {
    pub(super) call: &'a Call,
    pub(super) circumstances: &'a Circumstances,
    pub(super) settings: &'a Settings,
    pub(super) people: &'a People,
    pub(super) now: Timestamp,
    pub(super) line: &'a Line,
    /// `LINE_NUMBER`, which is never left out.
    pub(super) line_number: String,
    /// `PHONE_NUMBER`; `None` while it is not known or withheld.
    pub(super) phone: Option<String>,
    pub(super) legs: Vec<Leg<'a>>,
    /// Somebody talked with the client.
    pub(super) is_answered: bool,
}

/// A conversation, and whose it is in the CRM.
pub(super) struct Leg<'a> {
    pub(super) conversation: &'a Conversation,
    /// `None` when nobody is known, or the lists leave the extension out.
    pub(super) user: Option<UserId>,
    pub(super) is_left_out: bool,
    /// Why there is no user.
    pub(super) why: Option<Note>,
}

impl Leg<'_> {
    pub(super) fn is_talker(&self) -> bool {
        let of = self.conversation;
        of.answered_at.is_some()
            || of.talked_ms > 0
            || matches!(
                of.state,
                ConversationState::Talking | ConversationState::Talked
            )
    }

    pub(super) fn is_open(&self) -> bool {
        self.conversation.ended_at.is_none()
    }
}

impl<'a> Seen<'a> {
    pub(super) fn new(
        call: &'a Call,
        planned: &Planned,
        circumstances: &'a Circumstances,
        settings: &'a Settings,
        people: &'a People,
        now: Timestamp,
    ) -> Self {
        let order = circumstances.order.as_ref();
        // The PBX knows the line of a call that was ordered only when the agent has taken the phone.
        let ordered = order.and_then(|order| order.line.as_deref());
        let (line, line_number) = settings.lines.resolve(ordered.or(call.line.as_deref()));
        let otherwise = || call.trunk.as_deref().unwrap_or(&settings.connection);
        let line_number = line_number.unwrap_or_else(|| otherwise().to_owned());
        let legs: Vec<Leg<'_>> = call
            .conversations
            .iter()
            .map(|conversation| leg(conversation, circumstances, settings, people))
            .collect();
        // What was dialled for it may have a prefix.
        let ordered = order.map(|order| order.phone.as_str());
        let client = ordered.or(call.client.as_deref());
        let phone = client.and_then(|client| {
            let hooked = circumstances.learned.client(client).map(str::to_owned);
            let numbers = &settings.numbers;
            hooked.or_else(|| numbers.for_crm(client, &line_number, call.direction))
        });
        let is_over_with = call
            .ended
            .as_ref()
            .is_some_and(|ended| ended.result == CallResult::Answered);
        let is_answered = planned.is_answered || is_over_with || legs.iter().any(Leg::is_talker);
        Self {
            call,
            circumstances,
            settings,
            people,
            now,
            line,
            line_number,
            phone,
            legs,
            is_answered,
        }
    }

    pub(super) fn order(&self) -> Option<&'a Order> {
        self.circumstances.order.as_ref()
    }

    pub(super) fn key(&self) -> CallKey {
        CallKey::new(&self.settings.connection, &self.call.linkedid)
    }

    pub(super) fn is_ended(&self) -> bool {
        self.call.ended.is_some()
    }

    pub(super) fn way(&self) -> Way {
        match (self.order(), self.call.direction) {
            (Some(order), _) if order.is_callback() => Way::Back,
            (Some(_), _) => Way::Out,
            (None, Direction::Outgoing) => Way::Out,
            (None, Direction::Incoming | Direction::Internal) => Way::In,
        }
    }

    /// Both sides are employees.
    pub(super) fn is_internal(&self) -> bool {
        let is_between_extensions =
            self.call.direction == Direction::Internal && self.order().is_none();
        let is_with_mobile = self.settings.employee_mobiles == EmployeeMobiles::Employee
            && self.is_client_employee();
        is_between_extensions || is_with_mobile
    }

    /// The client's number is an employee's mobile phone.
    pub(super) fn is_client_employee(&self) -> bool {
        let phone = self.phone.as_deref().unwrap_or_default();
        self.people.of_mobile(phone, &self.settings.numbers) != Whose::Nobody
    }

    /// A client wanted to talk to us, or to be called, and nobody did: not because the client did not answer.
    pub(super) fn is_missed(&self) -> bool {
        let Some(ended) = &self.call.ended else {
            return false;
        };
        let is_ours = match (self.way(), ended.result) {
            (Way::In, _) => true,
            (Way::Back, CallResult::Missed(reason)) => is_ours(reason),
            (Way::Back, CallResult::Answered) | (Way::Out, _) => false,
        };
        is_ours && !self.is_answered && !self.is_internal()
    }

    /// Cards and orders about what happened then still make sense.
    pub(super) fn is_fresh(&self, at: Timestamp) -> bool {
        self.now.duration_since(at) <= self.settings.late_after
    }

    /// Somebody waits for what is written of the call.
    pub(super) fn is_live(&self) -> bool {
        let ended = self.call.ended.as_ref();
        ended.is_none_or(|ended| self.is_fresh(ended.at))
    }

    pub(super) fn until(&self, at: Timestamp) -> Timestamp {
        at.checked_add(self.settings.late_after).unwrap_or(at)
    }

    /// A time as the CRM reads it.
    pub(super) fn told(&self, at: Timestamp) -> String {
        let zoned = at.to_zoned(self.settings.zone.clone());
        zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }

    /// The first agent who is a user.
    pub(super) fn first_agent(&self) -> Option<&Leg<'a>> {
        self.legs.iter().find(|leg| leg.user.is_some())
    }

    /// Who gets what is nobody else's.
    pub(super) fn fallback(&self) -> Option<UserId> {
        let named = [self.line.responsible, self.settings.default_user];
        named
            .into_iter()
            .flatten()
            .find(|user| self.people.has(*user))
    }

    /// Who gets the call if it is missed.
    pub(super) fn missed_responsible(&self) -> Option<UserId> {
        let settings = self.settings;
        let of = |choice: &Choice| match choice {
            Choice::Line => {
                let line = [self.line.missed_responsible, self.line.responsible];
                line.into_iter()
                    .flatten()
                    .find(|user| self.people.has(*user))
            }
            Choice::LastRung => {
                let rung = self.legs.iter().rev().filter(|leg| did_ring(leg));
                rung.filter_map(|leg| leg.user).next()
            }
            Choice::ClientResponsible => {
                let found = self.circumstances.client_responsible;
                found.or_else(|| self.order().and_then(Order::responsible))
            }
            Choice::Default => settings.default_user,
        };
        let choices = settings.missed.responsible.iter();
        choices.filter_map(of).find(|user| self.people.has(*user))
    }

    /// How long phones rang, or the caller waited where none did.
    pub(super) fn rang_for(&self) -> SignedDuration {
        let first = self.first_agent();
        let from = first.map_or(self.call.started_at, |leg| leg.conversation.began_at);
        let ended = self.call.ended.as_ref();
        let to = ended.map_or(self.now, |ended| ended.at);
        to.duration_since(from)
    }
}

fn did_ring(leg: &Leg<'_>) -> bool {
    match leg.conversation.state {
        ConversationState::Ringing
        | ConversationState::Talking
        | ConversationState::Talked
        | ConversationState::NoAnswer
        | ConversationState::Busy
        | ConversationState::Declined
        | ConversationState::CallerGaveUp
        | ConversationState::TakenElsewhere
        | ConversationState::Forwarded
        | ConversationState::NotSeen => true,
        ConversationState::Unreachable
        | ConversationState::WrongNumber
        | ConversationState::Failed => false,
    }
}

fn leg<'a>(
    conversation: &'a Conversation,
    circumstances: &'a Circumstances,
    settings: &Settings,
    people: &People,
) -> Leg<'a> {
    let number = conversation.extension.as_str();
    let (whose, unknown) = match conversation.outside {
        true => {
            let whose = match settings.employee_mobiles {
                EmployeeMobiles::Employee => people.of_mobile(number, &settings.numbers),
                EmployeeMobiles::Client => Whose::Nobody,
            };
            (whose, Note::UnknownMobile)
        }
        false => {
            let whose = settings.whose(circumstances.learned.extension(number), people);
            (whose, Note::UnknownExtension(number.to_owned()))
        }
    };
    let of_user = |user| settings.extension(user, people);
    let listed = match (&whose, conversation.outside) {
        (Whose::One(user), true) => of_user(*user),
        _ => Some(number),
    };
    let is_left_out = listed.is_some_and(|number| !settings.lists.extensions.allows(number));
    let (user, why) = match whose {
        Whose::One(user) if !is_left_out => (Some(user), None),
        Whose::One(_) => (None, None),
        Whose::Nobody => (None, Some(unknown)),
        Whose::Several(users) => (None, Some(Note::SharedExtension(number.to_owned(), users))),
    };
    Leg {
        conversation,
        user,
        is_left_out,
        why: why.filter(|_| !is_left_out),
    }
}

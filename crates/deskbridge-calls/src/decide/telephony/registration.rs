//! Whether a call is told to the CRM, when, and as what.

use jiff::Timestamp;

use super::{note::Note, seen::Seen};
use crate::{
    call::Direction,
    decide::{
        numbers::dialable,
        status::Way,
        users::UserId,
        write::{CallKey, CallType, Register},
    },
};

/// Whether a call is to be registered.
pub(super) enum Need {
    /// For this user, with this number.
    Now(UserId, String),
    /// Not yet; at this time it has to be asked again, if nothing happens before.
    Later(Option<Timestamp>),
    /// Not at all, as far as is known.
    No(Note),
}

/// Why nothing of a call is told to anybody.
///
/// A call that the CRM registered itself has to be finished, whatever the settings say.
pub(super) fn left_out(seen: &Seen<'_>) -> Option<Note> {
    if seen.people.is_empty() {
        return Some(Note::UsersNotKnown);
    }
    if seen.order().is_some_and(|order| order.call_id().is_some()) {
        return None;
    }
    if seen.circumstances.learned.is_ignored() {
        return Some(Note::HookIgnores);
    }
    let (settings, line) = (seen.settings, &seen.line_number);
    if seen.line.is_disabled {
        return Some(Note::LineDisabled(line.clone()));
    }
    if !settings.lists.lines.allows(line) {
        return Some(Note::LineLeftOut(line.clone()));
    }
    let phone = seen.phone.as_deref();
    if phone.is_some_and(|phone| !settings.lists.clients.allows(phone)) {
        return Some(Note::ClientLeftOut);
    }
    if settings.ignore_internal && seen.is_internal() {
        return Some(match seen.call.direction {
            Direction::Internal => Note::Internal,
            Direction::Incoming | Direction::Outgoing => Note::EmployeeMobile,
        });
    }
    let are_left_out = seen.legs.iter().all(|leg| leg.is_left_out);
    if !seen.legs.is_empty() && are_left_out {
        let extensions = seen.legs.iter();
        let extensions = extensions.map(|leg| leg.conversation.extension.clone());
        return Some(Note::ExtensionsLeftOut(extensions.collect()));
    }
    let is_too_short = seen.is_ended()
        && seen.way() == Way::In
        && !seen.is_answered
        && seen.rang_for() < settings.minimum_ring_for;
    is_too_short.then(|| Note::TooShort {
        minimum_s: settings.minimum_ring_for.as_secs(),
    })
}

/// Whether a call that the settings do not leave out is to be registered now.
///
/// While it goes on only for an agent: who has a missed call is known when it is over. What is not certain to be as it
/// is (a number that is withheld so far, a call between extensions that may yet leave the house) waits for the end,
/// because a registration cannot be taken back.
pub(super) fn need(seen: &Seen<'_>) -> Need {
    let order = seen.order();
    let agent = seen.first_agent();
    let ordered_by = order.and_then(|order| order.user());
    let ordered_by = ordered_by.filter(|user| seen.people.has(*user));
    let user = ordered_by.or(agent.and_then(|leg| leg.user));
    if seen.is_ended() {
        let Some(phone) = phone_at_end(seen) else {
            return Need::No(Note::NumberWithheld);
        };
        let otherwise = || match seen.is_missed() {
            true => seen.missed_responsible(),
            false => seen.fallback(),
        };
        return match user.or_else(otherwise).or_else(|| seen.fallback()) {
            Some(user) => Need::Now(user, phone),
            None => Need::No(Note::NoUser),
        };
    }
    let (Some(user), Some(agent), Some(phone)) = (user, agent, &seen.phone) else {
        return Need::Later(None);
    };
    if seen.is_internal() {
        return Need::Later(None);
    }
    let rings_from = agent.conversation.began_at;
    match rings_from.checked_add(seen.settings.minimum_ring_for).ok() {
        Some(at) if seen.way() == Way::In && !seen.is_answered && at > seen.now => {
            Need::Later(Some(at))
        }
        _ => Need::Now(user, phone.clone()),
    }
}

/// The number that a call has in the CRM when it is over.
pub(super) fn phone_at_end(seen: &Seen<'_>) -> Option<String> {
    let other = || {
        let is_between = seen.call.direction == Direction::Internal;
        let other = seen.legs.get(1).filter(|_| is_between);
        let other = other.map(|leg| dialable(&leg.conversation.extension));
        other.filter(|number| !number.is_empty())
    };
    let phone = seen.phone.clone().or_else(other);
    phone.or_else(|| seen.settings.withheld_number.clone())
}

/// What a registration says.
pub(super) fn registration(
    seen: &Seen<'_>,
    key: CallKey,
    user: UserId,
    phone: String,
    shown_until: Option<Timestamp>,
) -> Register {
    let is_internal = seen.is_internal() || seen.is_client_employee();
    let is_withheld = seen.phone.is_none();
    let (call_type, create) = match seen.way() {
        Way::In if seen.call.direction == Direction::Internal => (CallType::Outgoing, false),
        Way::In => {
            let is_forwarded = seen
                .first_agent()
                .is_some_and(|leg| leg.conversation.outside);
            let call_type = match is_forwarded {
                true => CallType::Redirected,
                false => CallType::Incoming,
            };
            (call_type, seen.line.create_incoming)
        }
        Way::Out => (CallType::Outgoing, seen.line.create_outgoing),
        // Who asks to be called left a form, which the CRM made something of.
        Way::Back => (CallType::Callback, seen.line.create_incoming),
    };
    let call_list = seen.order().and_then(|order| order.call_list());
    Register {
        key,
        user,
        phone,
        call_type,
        started_at: seen.told(seen.call.started_at),
        is_created: create && !is_internal && !is_withheld,
        source: seen.line.source.clone(),
        line: seen.line_number.clone(),
        shown_until,
        is_in_chat: seen.settings.add_to_chat,
        call_list: call_list.map(str::to_owned),
        entity: seen.order().and_then(|order| order.entity.clone()),
    }
}

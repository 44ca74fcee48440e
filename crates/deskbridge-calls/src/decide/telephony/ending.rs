//! How a call ended: whose it is, how long was talked, and with which status.

use super::seen::{Leg, Seen};
use crate::{
    call::{CallResult, MissedReason, Uniqueid},
    decide::{
        status::{Status, status},
        users::UserId,
    },
    settings::{Duration, Transfers},
};

/// What the end of a call says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) user: UserId,
    pub(super) duration_s: u64,
    pub(super) status: Status,
}

/// A leg that was talked on, as it is reported.
pub(super) struct Talk<'s, 'a> {
    pub(super) leg: &'s Leg<'a>,
    pub(super) user: UserId,
    pub(super) talked_ms: u64,
}

/// The legs that are reported, the first of them under the registration of the call: one, or one for each phone that
/// was talked on.
///
/// Legs of nobody's are left out where others are.
pub(super) fn reported<'s, 'a>(seen: &'s Seen<'a>) -> Vec<Talk<'s, 'a>> {
    let mut talks: Vec<Talk<'s, 'a>> = Vec::new();
    for leg in seen.legs.iter().filter(|leg| leg.is_talker()) {
        let Some(user) = leg.user else { continue };
        let same =
            |talk: &&mut Talk<'_, '_>| talk.leg.conversation.uniqueid == leg.conversation.uniqueid;
        let talked_ms = leg.conversation.talked_ms;
        match talks.iter_mut().find(same) {
            Some(talk) => talk.talked_ms += talked_ms,
            None => talks.push(Talk {
                leg,
                user,
                talked_ms,
            }),
        }
    }
    let one = |talk: Option<Talk<'s, 'a>>| talk.into_iter().collect();
    match seen.settings.transfers {
        Transfers::EachTalker => {
            talks.sort_by_key(|talk| talk.leg.conversation.answered_at);
            talks
        }
        Transfers::LastTalker => one(talks.into_iter().max_by_key(|talk| {
            let of = talk.leg.conversation;
            (of.ended_at.is_none(), of.ended_at, of.answered_at)
        })),
        Transfers::LongestTalker => one(talks.into_iter().max_by_key(|talk| talk.talked_ms)),
    }
}

/// The phones whose talk is told as a call of its own.
pub(super) fn legs_of_their_own<'a>(seen: &Seen<'a>) -> Vec<&'a Uniqueid> {
    let talks = reported(seen);
    let talks = talks.iter().skip(1);
    talks.map(|talk| &talk.leg.conversation.uniqueid).collect()
}

/// What the end of a call says, where `talk` is reported under its registration, and `registrant` is whom it was
/// registered for.
pub(super) fn ending(seen: &Seen<'_>, talk: Option<&Talk<'_, '_>>, registrant: UserId) -> Ending {
    let way = seen.way();
    if !seen.is_answered {
        let result = seen.call.ended.as_ref().map(|ended| ended.result);
        let responsible = || {
            seen.is_missed()
                .then(|| seen.missed_responsible())
                .flatten()
        };
        return Ending {
            user: responsible().unwrap_or(registrant),
            duration_s: 0,
            status: status(
                way,
                result.unwrap_or(CallResult::Missed(MissedReason::NotSeen)),
            ),
        };
    }
    let is_whole = seen.settings.duration == Duration::Call
        && seen.settings.transfers != Transfers::EachTalker;
    let all = || {
        let talkers = seen.legs.iter().filter(|leg| leg.is_talker());
        talkers.map(|leg| leg.conversation.talked_ms).sum()
    };
    let talked_ms = match talk {
        Some(talk) if !is_whole => talk.talked_ms,
        _ => all(),
    };
    let ordered_by = seen.order().and_then(|order| order.user());
    Ending {
        user: talk
            .map(|talk| talk.user)
            .or_else(|| ordered_by.filter(|user| seen.people.has(*user)))
            .or_else(|| seen.fallback())
            .unwrap_or(registrant),
        duration_s: whole_seconds(talked_ms),
        status: status(way, CallResult::Answered),
    }
}

/// The end of a call that was joined into this one, and was registered for `user`.
pub(super) fn joined(seen: &Seen<'_>, user: UserId) -> Ending {
    let of_user = |leg: &&Leg<'_>| leg.user == Some(user) && leg.is_talker();
    let talked = seen.legs.iter().filter(of_user);
    let talked_ms: Vec<u64> = talked.map(|leg| leg.conversation.talked_ms).collect();
    let result = match talked_ms.is_empty() {
        false => CallResult::Answered,
        true => CallResult::Missed(MissedReason::GaveUpRinging),
    };
    Ending {
        user,
        duration_s: whole_seconds(talked_ms.iter().sum()),
        status: status(seen.way(), result),
    }
}

/// Rounded; a call in which anything was said has a second.
fn whole_seconds(ms: u64) -> u64 {
    let seconds = ms.saturating_add(500) / 1_000;
    seconds.max(u64::from(ms > 0))
}

/// The recordings of a reported leg: those of its channel, and those of no reported leg's channel that were begun while it
/// was talked on, or while nobody talked and it was the next to answer, as one is that begins with a transfer.
pub(super) fn recordings<'a>(
    seen: &Seen<'a>,
    talks: &[Talk<'_, 'a>],
    index: usize,
) -> Vec<&'a str> {
    let of_channel = |uniqueid: &Uniqueid| {
        let mut talks = talks.iter();
        talks.position(|talk| talk.leg.conversation.uniqueid == *uniqueid)
    };
    let recordings = seen.call.recordings.iter().filter(|recording| {
        let owner = of_channel(&recording.uniqueid).or_else(|| {
            let began_at = recording.began_at;
            let is_on = |talk: &Talk<'_, '_>| {
                let of = talk.leg.conversation;
                of.answered_at.is_some_and(|at| at <= began_at)
                    && of.ended_at.is_none_or(|at| began_at < at)
            };
            let comes = |talk: &Talk<'_, '_>| {
                let answered_at = talk.leg.conversation.answered_at;
                answered_at.is_some_and(|at| began_at < at)
            };
            let of_talk = talks.iter().rposition(is_on);
            of_talk.or_else(|| talks.iter().position(comes))
        });
        owner.unwrap_or(talks.len().saturating_sub(1)) == index
    });
    recordings
        .map(|recording| recording.path.as_str())
        .collect()
}

/// All recordings of a call.
pub(super) fn all_recordings<'a>(seen: &Seen<'a>) -> Vec<&'a str> {
    let recordings = seen.call.recordings.iter();
    recordings
        .map(|recording| recording.path.as_str())
        .collect()
}

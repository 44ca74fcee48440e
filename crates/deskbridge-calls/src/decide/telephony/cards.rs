//! Who is shown the card of a call: whoever's phone rings, and then whoever talks.

use std::collections::BTreeSet;

use super::{
    ending,
    planned::Planned,
    seen::{Leg, Seen},
};
use crate::{call::ConversationState, decide::users::UserId, settings::CardMode};

/// Who is to be shown the card now. Whoever sees it keeps it as long as they ring or talk; nobody is shown it anew for
/// what began too long ago.
pub(super) fn wanted(seen: &Seen<'_>, planned: &Planned) -> BTreeSet<UserId> {
    let is_talked = seen.legs.iter().any(|leg| leg.is_open() && is_talking(leg));
    let legs = seen.legs.iter().filter(|leg| leg.is_open());
    // A leg with a call of its own has a card of its own.
    let own = ending::legs_of_their_own(seen);
    let legs = legs.filter(|leg| !own.contains(&&leg.conversation.uniqueid));
    // While somebody talks, those who ring are called for a transfer, or ring until they are told.
    let legs = legs.filter(|leg| !is_talked || is_talking(leg) || rings_for_transfer(seen, leg));
    let shown = legs.filter_map(|leg| {
        let user = leg.user?;
        let since = due(seen, leg)?;
        (planned.shown.contains(&user) || seen.is_fresh(since)).then_some(user)
    });
    shown.collect()
}

/// Whether somebody would be shown the card, were it not too late.
pub(super) fn are_late(seen: &Seen<'_>, planned: &Planned) -> bool {
    let open = seen.legs.iter().filter(|leg| leg.is_open());
    open.filter_map(|leg| Some((leg.user?, due(seen, leg)?)))
        .any(|(user, since)| !planned.shown.contains(&user) && !seen.is_fresh(since))
}

/// Since when a leg's user is due the card; `None` when they are not.
pub(super) fn due(seen: &Seen<'_>, leg: &Leg<'_>) -> Option<jiff::Timestamp> {
    let conversation = leg.conversation;
    match mode(seen, leg) {
        CardMode::None => None,
        CardMode::AtRing if is_talking(leg) => {
            conversation.answered_at.or(Some(conversation.began_at))
        }
        CardMode::AtRing => Some(conversation.began_at),
        CardMode::AtAnswer => conversation.answered_at.filter(|_| is_talking(leg)),
    }
}

fn mode(seen: &Seen<'_>, leg: &Leg<'_>) -> CardMode {
    let own = leg.conversation.extension.as_str();
    let extension = match (leg.conversation.outside, leg.user) {
        (true, Some(user)) => seen.settings.extension(user, seen.people).unwrap_or(own),
        _ => own,
    };
    seen.settings.cards.mode(extension)
}

fn is_talking(leg: &Leg<'_>) -> bool {
    leg.conversation.state == ConversationState::Talking
}

/// Began to ring after somebody took the call.
fn rings_for_transfer(seen: &Seen<'_>, leg: &Leg<'_>) -> bool {
    let answered = seen
        .legs
        .iter()
        .filter_map(|leg| leg.conversation.answered_at);
    answered
        .min()
        .is_some_and(|at| leg.conversation.began_at >= at)
}

//! While a call goes on: it is registered, and its card is shown.

use super::{
    cards,
    draft::Draft,
    ending,
    note::Note,
    planned::{Main, PlannedLeg},
    registration::{self, Need},
};
use crate::{
    call::Uniqueid,
    decide::{
        originate::Order,
        users::UserId,
        write::{CallKey, Cards, Registered, Write},
    },
    settings::Transfers,
};

impl Draft<'_, '_> {
    /// Registers the call, when it is time.
    pub(super) fn register(&mut self) {
        if self.plan.planned.main.is_some() {
            return;
        }
        let (seen, key) = (self.seen, self.seen.key());
        let order = seen.order();
        if let Some((call_id, user)) = order.and_then(|of| Some((of.call_id()?, of.user()?))) {
            // The CRM shows the card itself to whoever clicked.
            self.plan.planned.shown.insert(user);
            return self.begin(key, Some(call_id.to_owned()), user);
        }
        let (user, phone) = match registration::need(seen) {
            Need::Now(user, phone) => (user, phone),
            Need::Later(at) => {
                self.plan.again_at = at;
                return;
            }
            Need::No(why) => return self.note(why),
        };
        let is_shown = !seen.is_ended() && cards::wanted(seen, &self.plan.planned).contains(&user);
        let shown_until = is_shown.then(|| seen.until(seen.now));
        let registration = registration::registration(seen, key.clone(), user, phone, shown_until);
        if is_shown {
            self.plan.planned.shown.insert(user);
        }
        self.begin(key.clone(), None, user);
        let register = Write::Register(registration);
        self.once(format!("{key}/register"), seen.is_live(), register);
    }

    fn begin(&mut self, key: CallKey, call_id: Option<String>, user: UserId) {
        self.plan.planned.main = Some(Main {
            call: Registered { key, call_id },
            user,
            is_finished: false,
        });
    }

    /// Where each talker has a call of their own, all but the first get theirs when they talk.
    pub(super) fn register_legs(&mut self) {
        let seen = self.seen;
        let main = self.plan.planned.main.clone();
        let Some(main) = main.filter(|main| !main.is_finished) else {
            return;
        };
        if seen.settings.transfers != Transfers::EachTalker {
            return;
        }
        let phone = match seen.is_ended() {
            true => registration::phone_at_end(seen),
            false => seen.phone.clone(),
        };
        let Some(phone) = phone else { return };
        for talk in ending::reported(seen).iter().skip(1) {
            let uniqueid = &talk.leg.conversation.uniqueid;
            if self.plan.planned.legs.contains_key(uniqueid) {
                continue;
            }
            let key = main.leg(uniqueid).key;
            let due = cards::due(seen, talk.leg).filter(|_| talk.leg.is_open());
            let is_shown = due.is_some_and(|due| seen.is_fresh(due)) && !seen.is_ended();
            let shown_until = is_shown.then(|| seen.until(seen.now));
            let (user, phone) = (talk.user, phone.clone());
            let mut registration =
                registration::registration(seen, key.clone(), user, phone, shown_until);
            registration.of_leg(seen.told(talk.leg.conversation.began_at));
            let leg = PlannedLeg { user, is_shown };
            self.plan.planned.legs.insert(uniqueid.clone(), leg);
            let register = Write::Register(registration);
            self.once(format!("{key}/register"), seen.is_live(), register);
        }
    }

    /// Shows the card to whoever is to see it, and hides it from the others. When the call is over it hides itself.
    pub(super) fn show(&mut self) {
        let seen = self.seen;
        let main = self.plan.planned.main.clone();
        let Some(main) = main.filter(|_| !seen.is_ended()) else {
            return;
        };
        if cards::are_late(seen, &self.plan.planned) {
            self.note(Note::CardsLate);
        }
        let shown = self.plan.planned.shown.clone();
        let mut wanted = cards::wanted(seen, &self.plan.planned);
        // The CRM showed it, and takes it away itself.
        let ordered_by = seen.order().and_then(Order::user);
        wanted.extend(ordered_by.filter(|user| shown.contains(user)));
        let added: Vec<UserId> = wanted.difference(&shown).copied().collect();
        let removed: Vec<UserId> = shown.difference(&wanted).copied().collect();
        self.plan.planned.shown = wanted;
        self.change_cards(&main.call, "show", added, Write::Show);
        self.change_cards(&main.call, "hide", removed, Write::Hide);
        self.hide_legs(&main);
    }

    /// Hides the cards of legs that are over, while the call goes on.
    fn hide_legs(&mut self, main: &Main) {
        let open = self.seen.legs.iter().filter(|leg| leg.is_open());
        let open: Vec<&Uniqueid> = open.map(|leg| &leg.conversation.uniqueid).collect();
        let mut legs = std::mem::take(&mut self.plan.planned.legs);
        for (uniqueid, leg) in &mut legs {
            if leg.is_shown && !open.contains(&uniqueid) {
                leg.is_shown = false;
                self.change_cards(&main.leg(uniqueid), "hide", vec![leg.user], Write::Hide);
            }
        }
        self.plan.planned.legs = legs;
    }

    fn change_cards(
        &mut self,
        call: &Registered,
        name: &str,
        users: Vec<UserId>,
        write: impl FnOnce(Cards) -> Write,
    ) {
        if !users.is_empty() {
            let until = self.seen.until(self.seen.now);
            let key = self.next(&format!("{}/{name}", call.key));
            let call = call.clone();
            self.once(key, true, write(Cards { call, users, until }));
        }
    }
}

//! While a call goes on: it is registered, and its card is shown.

use super::{
    cards,
    draft::Draft,
    ending,
    note::Note,
    planned::Main,
    registration::{self, Need},
};
use crate::{
    decide::{
        originate::Order,
        users::UserId,
        write::{Cards, Registered, Write},
    },
    settings::Transfers,
};

impl Draft<'_, '_> {
    pub(super) fn register(&mut self) {
        if self.plan.planned.main.is_some() {
            return;
        }
        let key = self.seen.key();
        let order = self.seen.order();
        if let Some((call_id, user)) =
            order.and_then(|order| Some((order.call_id()?, order.user()?)))
        {
            // The CRM shows the card itself to whoever clicked.
            self.plan.planned.shown.insert(user);
            self.plan.planned.main = Some(Main {
                call: Registered {
                    key,
                    call_id: Some(call_id.to_owned()),
                },
                user,
                is_finished: false,
            });
            return;
        }
        let (user, phone) = match registration::need(self.seen) {
            Need::Now(user, phone) => (user, phone),
            Need::Later(at) => {
                self.plan.again_at = at;
                return;
            }
            Need::No(why) => return self.note(why),
        };
        let shown = cards::wanted(self.seen, &self.plan.planned);
        let is_shown = shown.contains(&user) && !self.seen.is_ended();
        let shown_until = is_shown.then(|| self.seen.until(self.seen.now));
        let registration =
            registration::registration(self.seen, key.clone(), user, phone, shown_until);
        if is_shown {
            self.plan.planned.shown.insert(user);
        }
        self.plan.planned.main = Some(Main {
            call: Registered {
                key: key.clone(),
                call_id: None,
            },
            user,
            is_finished: false,
        });
        let is_live = self.seen.is_live();
        self.once(
            format!("{key}/register"),
            is_live,
            Write::Register(registration),
        );
    }

    /// Shows the card to whoever is to see it, and hides it from the others. When the call is over it hides itself.
    pub(super) fn show(&mut self) {
        let Some(main) = self
            .plan
            .planned
            .main
            .clone()
            .filter(|_| !self.seen.is_ended())
        else {
            return;
        };
        if cards::are_late(self.seen, &self.plan.planned) {
            self.note(Note::CardsLate);
        }
        let shown = self.plan.planned.shown.clone();
        let mut wanted = cards::wanted(self.seen, &self.plan.planned);
        // The CRM showed it, and takes it away itself.
        wanted.extend(
            self.seen
                .order()
                .and_then(Order::user)
                .filter(|user| shown.contains(user)),
        );
        let added: Vec<UserId> = wanted.difference(&shown).copied().collect();
        let removed: Vec<UserId> = shown.difference(&wanted).copied().collect();
        self.plan.planned.shown = wanted;
        self.change_cards(&main, "show", added, Write::Show);
        self.change_cards(&main, "hide", removed, Write::Hide);
    }

    fn change_cards(
        &mut self,
        main: &Main,
        name: &str,
        users: Vec<UserId>,
        write: impl FnOnce(Cards) -> Write,
    ) {
        if users.is_empty() {
            return;
        }
        let call = main.call.clone();
        let until = self.seen.until(self.seen.now);
        let key = self.next(&format!("{}/{name}", call.key));
        let cards = Cards { call, users, until };
        self.once(key, true, write(cards));
    }

    /// Where each talker has a call of their own, all but the first get theirs when they talk.
    pub(super) fn register_legs(&mut self) {
        let is_open = self
            .plan
            .planned
            .main
            .as_ref()
            .is_some_and(|main| !main.is_finished);
        if !is_open || self.seen.settings.transfers != Transfers::EachTalker {
            return;
        }
        let phone = match self.seen.is_ended() {
            true => registration::phone_at_end(self.seen),
            false => self.seen.phone.clone(),
        };
        let Some(phone) = phone else { return };
        let key = self.key();
        for talk in ending::reported(self.seen).iter().skip(1) {
            let uniqueid = talk.leg.conversation.uniqueid.clone();
            if self.plan.planned.legs.contains_key(&uniqueid) {
                continue;
            }
            let of_leg = key.leg(&uniqueid);
            let is_shown = talk.leg.is_open() && !self.seen.is_ended();
            let since = cards::due(self.seen, talk.leg).filter(|_| is_shown);
            let since = since.filter(|since| self.seen.is_fresh(*since));
            let mut registration = registration::registration(
                self.seen,
                of_leg.clone(),
                talk.user,
                phone.clone(),
                since.map(|_| self.seen.until(self.seen.now)),
            );
            registration.of_leg(self.seen.told(talk.leg.conversation.began_at));
            self.plan.planned.legs.insert(uniqueid, talk.user);
            let is_live = self.seen.is_live();
            self.once(
                format!("{of_leg}/register"),
                is_live,
                Write::Register(registration),
            );
        }
    }
}

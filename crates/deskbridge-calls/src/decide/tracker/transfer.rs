//! How a client is given to somebody else.

use ami::Message;
use jiff::Timestamp;

use super::{
    Step, Tracker,
    channel::{Channel, Half, Keys, Party, Snapshot},
    fact::{Fact, What},
    tracked::{ITEMS_MAX, TrackedCall, between_ms},
};
use crate::call::{ConversationState, Transfer, TransferKind, Uniqueid};

impl Tracker {
    pub(super) fn blind_transfer(&mut self, message: &Message, at: Timestamp, step: &mut Step) {
        if message.get("Result") != Some(b"Success") {
            return;
        }
        let Some(transferer) = Snapshot::read(message, &Keys::TRANSFERER) else {
            return;
        };
        let to = message.text("Extension").unwrap_or_default();
        self.with(&transferer, at, step, |call, facts, _settings| {
            let from = call
                .channel(transferer.uniqueid)
                .and_then(Channel::extension);
            let from = from.map(str::to_owned);
            call.transfer(at, TransferKind::Blind, from, &to, facts);
            call.hand_over(transferer.uniqueid, at, facts);
        });
    }

    pub(super) fn attended_transfer(&mut self, message: &Message, at: Timestamp, step: &mut Step) {
        let dest_type = message.get("DestType").unwrap_or_default();
        if message.get("Result") != Some(b"Success") || dest_type == b"Fail" {
            return;
        }
        let Some(transferer) = Snapshot::read(message, &Keys::ORIG_TRANSFERER) else {
            return;
        };
        let second = Snapshot::read(message, &Keys::SECOND_TRANSFERER);
        let target = Snapshot::read(message, &Keys::TRANSFER_TARGET);
        let transferee = Snapshot::read(message, &Keys::TRANSFEREE);
        let Some(mut linkedid) = self.place(&transferer, at, step) else {
            return;
        };
        for other in [&transferee, &second, &target].into_iter().flatten() {
            if let Some(others) = self.place(other, at, step) {
                linkedid = self.join(linkedid, others, at, step);
            }
        }
        let Some(call) = self.calls.get_mut(&linkedid) else {
            return;
        };
        if dest_type != b"Threeway" {
            let second = second.map(|second| second.uniqueid);
            let target = target.map(|target| target.uniqueid);
            let target = call.transfer_target(second, target);
            call.give_to(
                transferer.uniqueid,
                second,
                target.as_ref(),
                at,
                &mut step.facts,
            );
        }
        self.finish(&linkedid, at, step);
    }

    pub(super) fn pickup(&mut self, message: &Message, at: Timestamp, step: &mut Step) {
        let taker = Snapshot::read(message, &Keys::PLAIN);
        let target = Snapshot::read(message, &Keys::TARGET);
        if let (Some(taker), Some(target)) = (taker, target) {
            self.take(&taker, &target, at, step, |call| {
                let rang = call.channel(target.uniqueid).and_then(Channel::extension);
                (TransferKind::PickedUp, rang.map(str::to_owned))
            });
        }
    }

    pub(super) fn unparked_call(&mut self, message: &Message, at: Timestamp, step: &mut Step) {
        let retriever = Snapshot::read(message, &Keys::RETRIEVER);
        let parkee = Snapshot::read(message, &Keys::PARKEE);
        let from = self.parker(message);
        if let (Some(retriever), Some(parkee)) = (retriever, parkee) {
            self.take(&retriever, &parkee, at, step, |_call| {
                (TransferKind::Retrieved, from)
            });
        }
    }

    /// Somebody takes a client who is elsewhere: their two calls are one.
    fn take(
        &mut self,
        taker: &Snapshot<'_>,
        from: &Snapshot<'_>,
        at: Timestamp,
        step: &mut Step,
        how: impl FnOnce(&TrackedCall) -> (TransferKind, Option<String>),
    ) {
        let Some(takers) = self.place(taker, at, step) else {
            return;
        };
        let Some(theirs) = self.place(from, at, step) else {
            return;
        };
        let linkedid = self.join(takers, theirs, at, step);
        let Some(call) = self.calls.get_mut(&linkedid) else {
            return;
        };
        if let Some(to) = call.channel(taker.uniqueid).and_then(Channel::number) {
            let to = to.to_owned();
            let (kind, from) = how(call);
            call.transfer(at, kind, from, &to, &mut step.facts);
        }
        self.finish(&linkedid, at, step);
    }

    /// A client is parked: whoever talked to them parts from them, which an order or a feature code says nowhere else.
    pub(super) fn parked_call(&mut self, message: &Message, at: Timestamp, step: &mut Step) {
        let parker = self.parker(message);
        if let Some(parkee) = Snapshot::read(message, &Keys::PARKEE) {
            self.with(&parkee, at, step, |call, facts, _settings| {
                let mut live = call.live();
                let is_parker =
                    |it: &&Channel| parker.is_some() && it.extension() == parker.as_deref();
                if let Some(parker) = live.find(is_parker).map(|it| it.uniqueid.clone()) {
                    drop(live);
                    call.hand_over(parker.as_str(), at, facts);
                }
            });
        }
    }

    /// The internal number of whoever parked a client.
    fn parker(&self, message: &Message) -> Option<String> {
        let parker = message.text("ParkerDialString")?;
        let (_, endpoint) = parker.rsplit_once('/')?;
        match self.settings.agent(endpoint, None) {
            Party::Agent { extension } if !extension.is_empty() => Some(extension),
            Party::Agent { .. } | Party::Trunk { .. } | Party::Local { .. } | Party::Nobody => None,
        }
    }
}

impl TrackedCall {
    pub(super) fn transfer(
        &mut self,
        at: Timestamp,
        kind: TransferKind,
        from: Option<String>,
        to: &str,
        facts: &mut Vec<Fact>,
    ) {
        let to = to.to_owned();
        let transfer = Transfer { at, kind, from, to };
        let transfers = &mut self.call.transfers;
        if transfers.contains(&transfer) || transfers.len() >= ITEMS_MAX {
            return;
        }
        transfers.push(transfer.clone());
        self.has_changed = true;
        self.tell(facts, at, What::Transferred(transfer));
    }

    /// An agent gave the client away: they part now, whatever their phone still does.
    pub(super) fn hand_over(&mut self, uniqueid: &str, at: Timestamp, facts: &mut Vec<Fact>) {
        let Some(channel) = self.channel_mut(uniqueid).filter(|it| !it.handed_over) else {
            return;
        };
        channel.handed_over = true;
        let since = channel.talking_since.take();
        if since.is_some() {
            channel.heard_until = Some(at);
        }
        self.has_changed = true;
        let Some(open) = self.open_conversation(uniqueid) else {
            return;
        };
        if let Some(since) = since {
            open.talked_ms += between_ms(since, at);
        }
        if open.answered_at.is_some() {
            self.end_conversation(uniqueid, at, ConversationState::Talked, facts);
        }
    }

    /// An order to the PBX announces nothing: the client leaves an agent who did not hang up, and another phone rings.
    pub(super) fn notice_redirection(&mut self, to: &str, at: Timestamp, facts: &mut Vec<Fact>) {
        let is_talked_to = |channel: &Channel| channel.talking_since.is_some();
        if self.live_client().is_none() || self.channels.iter().any(is_talked_to) {
            return;
        }
        let is_left = |channel: &&Channel| {
            channel.heard_until.is_some() && !channel.handed_over && !channel.hung_up
        };
        let persons = self.channels.iter().filter(|channel| channel.is_person());
        let Some(left) = persons.filter(is_left).max_by_key(|left| left.heard_until) else {
            return;
        };
        let (left, left_at) = (left.uniqueid.clone(), left.heard_until.unwrap_or(at));
        self.hand_over(left.as_str(), left_at, facts);
        self.transfer(at, TransferKind::Redirected, None, to, facts);
    }

    /// The phone that a client is given to.
    pub(super) fn transfer_target(
        &self,
        second: Option<&str>,
        target: Option<&str>,
    ) -> Option<Uniqueid> {
        let target = match target.and_then(|target| self.channel(target)) {
            Some(target) => target,
            // It rings still, dialled by the second channel of whoever transfers.
            None => {
                let is_rung_by = |channel: &&Channel| {
                    let dial = channel.dial.as_ref();
                    let by = dial.and_then(|dial| dial.by.as_ref()).map(Uniqueid::as_str);
                    channel.is_live() && by.is_some() && by == second
                };
                self.channels.iter().rev().find(is_rung_by)?
            }
        };
        let phone = match target.party {
            Party::Local {
                half: Half::One, ..
            } => {
                let mut behind = self.live().filter(|it| self.is_behind(it, target));
                behind.next().unwrap_or(target)
            }
            _ => target,
        };
        Some(phone.uniqueid.clone())
    }

    /// An agent gives the client to another, whom they asked before.
    pub(super) fn give_to(
        &mut self,
        transferer: &str,
        second: Option<&str>,
        target: Option<&Uniqueid>,
        at: Timestamp,
        facts: &mut Vec<Fact>,
    ) {
        let target = target.and_then(|target| self.channel(target.as_str()));
        let Some(target) = target else {
            return;
        };
        let to = match (&target.party, target.number()) {
            (_, Some(number)) => number.to_owned(),
            (Party::Local { pair, .. }, None) => {
                pair.split('@').next().unwrap_or_default().to_owned()
            }
            (_, None) => return,
        };
        let rings = !target.is_up && target.talking_since.is_none();
        let kind = match rings {
            true => TransferKind::SemiAttended,
            false => TransferKind::Attended,
        };
        let target = target.uniqueid.clone();
        let from = self.channel(transferer).and_then(Channel::extension);
        let from = from.map(str::to_owned);
        self.transfer(at, kind, from, &to, facts);
        self.hand_over(transferer, at, facts);
        if let Some(second) = second {
            self.hand_over(second, at, facts);
        }
        if rings {
            self.ring(target.as_str(), at, facts);
        }
    }
}

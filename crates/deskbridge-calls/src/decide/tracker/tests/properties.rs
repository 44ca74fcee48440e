//! What holds for every recording, wherever it is cut, mixed or repeated.

use std::collections::{BTreeMap, BTreeSet};

use ami::{Message, Word};
use bytes::Bytes;
use proptest::{prelude::*, sample::Index};

use super::{
    pbx::Pbx,
    replay::{Arrived, Told, epoch, follow, followed, recording, settings},
};
use crate::{
    call::{CallResult, Linkedid, MissedReason},
    decide::tracker::{Fact, Listing, Step, TrackedCall, Tracker, What, wanted},
};

fn names() -> Vec<&'static str> {
    testkit::captures::all()
        .keys()
        .map(String::as_str)
        .collect()
}

fn any_recording() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(names())
}

/// The facts of each call, for recordings of several.
fn by_call(told: &Told) -> BTreeMap<Linkedid, Vec<Fact>> {
    let mut calls: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for fact in &told.facts {
        calls
            .entry(fact.linkedid.clone())
            .or_default()
            .push(fact.clone());
    }
    calls
}

/// How each call ended; panics when one ended twice.
fn results(told: &Told) -> BTreeMap<Linkedid, CallResult> {
    let mut results = BTreeMap::new();
    for fact in &told.facts {
        if let What::Ended(result) = fact.what {
            let before = results.insert(fact.linkedid.clone(), result);
            assert_eq!(before, None, "{} ended twice", fact.linkedid);
        }
    }
    results
}

fn answered(told: &Told) -> BTreeSet<Linkedid> {
    let is_answer = |fact: &&Fact| matches!(fact.what, What::Answered { .. });
    let answers = told.facts.iter().filter(is_answer);
    answers.map(|fact| fact.linkedid.clone()).collect()
}

/// A database of what is to survive a restart, fed with nothing but what a step says.
#[derive(Default)]
struct Kept(BTreeMap<Linkedid, String>);

impl Kept {
    fn keep(&mut self, step: &Step, tracker: &Tracker) {
        for joined in &step.joined {
            self.0.remove(&joined.call.linkedid);
        }
        for call in &step.ended {
            self.0.remove(&call.linkedid);
        }
        for linkedid in &step.changed {
            let call = tracker.call(linkedid).unwrap();
            let text = serde_json::to_string(call).unwrap();
            self.0.insert(linkedid.clone(), text);
        }
    }

    fn restored(&self) -> Tracker {
        let calls = self
            .0
            .values()
            .map(|text| serde_json::from_str(text).unwrap());
        let calls: Vec<TrackedCall> = calls.collect();
        Tracker::restored(settings(), calls)
    }
}

#[test]
fn a_restart_of_ours_after_every_message_changes_nothing() {
    for name in names() {
        let arrived = recording(name);
        let mut tracker = Tracker::new(settings());
        let (mut told, mut kept) = (Told::default(), Kept::default());
        for Arrived { message, at } in &arrived {
            let step = tracker.step(message, *at);
            kept.keep(&step, &tracker);
            assert_eq!(kept.0.len(), tracker.calls().len(), "{name}");
            told.take(step);
            tracker = kept.restored();
        }
        assert_eq!(told, followed(&arrived), "{name}");
    }
}

#[test]
fn a_lost_connection_after_every_message_changes_nothing_when_nothing_was_missed() {
    for name in names() {
        let arrived = recording(name);
        let mut tracker = Tracker::new(settings());
        let (mut told, mut pbx) = (Told::default(), Pbx::default());
        for Arrived { message, at } in &arrived {
            told.take(tracker.step(message, *at));
            pbx.hear(message, *at);
            told.take(tracker.disconnected(*at));
            told.take(tracker.resync(&pbx.listing(*at), *at));
        }
        let expected = followed(&arrived);
        assert_eq!(sentences(&told), sentences(&expected), "{name}");
        assert_eq!(told, expected, "{name}");
    }
}

fn sentences(told: &Told) -> Vec<String> {
    let facts = told.facts.iter();
    facts
        .map(|fact| format!("{} {} {fact}", fact.at, fact.linkedid))
        .collect()
}

#[test]
fn an_event_that_is_repeated_changes_nothing() {
    for name in names() {
        let arrived = recording(name);
        let twice: Vec<Arrived> = arrived
            .iter()
            .flat_map(|arrived| [arrived.clone(), arrived.clone()])
            .collect();
        assert_eq!(
            sentences(&followed(&twice)),
            sentences(&followed(&arrived)),
            "{name}"
        );
        assert_eq!(followed(&twice), followed(&arrived), "{name}");
    }
}

/// Asterisk 16 has other causes, and no `TechCause`.
fn of_sixteen(message: &Message) -> Message {
    let text = std::str::from_utf8(message.as_bytes()).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("TechCause:"));
    let lines = lines.map(|line| match line {
        "Cause: 0" if !text.contains("ChannelState: 5") => "Cause: 16\r\n".to_owned(),
        "Cause: 19" | "Cause: 23" => "Cause: 0\r\n".to_owned(),
        line => format!("{line}\r\n"),
    });
    Message::parse(Bytes::from(lines.collect::<String>()))
}

#[test]
fn the_causes_of_asterisk_16_change_nothing() {
    for name in names() {
        let mut arrived = recording(name);
        let expected = followed(&arrived);
        for arrived in &mut arrived {
            if arrived.message.event() == Some("Hangup") {
                arrived.message = of_sixteen(&arrived.message);
            }
        }
        assert_eq!(followed(&arrived), expected, "{name}");
    }
}

/// What is let through by the filters that the PBX is given.
fn is_let_through(message: &Message) -> bool {
    let wanted = wanted();
    let has = |names: &[Word], name: &[u8]| names.iter().any(|it| it.as_str().as_bytes() == name);
    let value = |key| message.get(key).unwrap_or_default();
    match message.event() {
        Some("VarSet") => {
            let name = value("Variable");
            let name = name.iter().position(|byte| *byte != b'_');
            has(
                &wanted.variables,
                &value("Variable")[name.unwrap_or_default()..],
            )
        }
        Some("Newexten") => has(&wanted.applications, value("Application")),
        Some(event) => has(&wanted.events, event.as_bytes()),
        None => false,
    }
}

#[test]
fn a_filtered_stream_tells_the_same() {
    let (mut all, mut few) = (0, 0);
    for name in names() {
        let arrived = recording(name);
        let let_through = arrived
            .iter()
            .filter(|arrived| is_let_through(&arrived.message));
        let let_through: Vec<Arrived> = let_through.cloned().collect();
        assert_eq!(followed(&let_through), followed(&arrived), "{name}");
        all += arrived.len();
        few += let_through.len();
    }
    assert!(few * 5 < all, "{few} of {all} are let through");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Between `from` and `to` nothing is seen; then the PBX lists what there is.
    #[test]
    fn whatever_goes_unseen_a_call_ends_once_and_answered_is_not_missed(
        name in any_recording(),
        ends in proptest::array::uniform2(any::<Index>()),
    ) {
        let arrived = recording(name);
        let [one, other] = ends.map(|end| end.index(arrived.len() + 1));
        let (from, to) = (one.min(other), one.max(other));
        let expected = results(&followed(&arrived));

        let mut tracker = Tracker::new(settings());
        let mut pbx = Pbx::default();
        for arrived in &arrived[..to] {
            pbx.hear(&arrived.message, arrived.at);
        }
        let mut told = follow(&mut tracker, &arrived[..from]);
        let before = answered(&told);
        let instant = |at: usize| at.checked_sub(1).map_or(epoch(), |last| arrived[last].at);
        told.take(tracker.disconnected(instant(from)));
        told.take(tracker.resync(&pbx.listing(instant(to)), instant(to)));
        told.take_all(follow(&mut tracker, &arrived[to..]));
        // The recording of a PBX that was killed ends in the middle.
        told.take(tracker.resync(&Listing::default(), instant(arrived.len())));

        prop_assert_eq!(tracker.calls().len(), 0);
        prop_assert!(tracker.channels.is_empty() && tracker.bridges.is_empty());
        let results = results(&told);
        let joined: BTreeSet<_> = told.joined.iter().map(|joined| joined.call.linkedid.clone()).collect();
        for (linkedid, result) in &results {
            if *result != CallResult::Answered {
                prop_assert!(!before.contains(linkedid), "{linkedid} was answered");
            }
            let is_seen_otherwise = match (expected.get(linkedid), result) {
                (Some(CallResult::Missed(_)), CallResult::Answered) => true,
                (Some(CallResult::Answered), CallResult::Missed(reason)) => {
                    // The talk itself went unseen.
                    *reason != MissedReason::NotSeen && from == to
                }
                _ => false,
            };
            prop_assert!(!is_seen_otherwise, "{linkedid}: {result:?}");
        }
        for linkedid in before {
            prop_assert!(results.contains_key(&linkedid) || joined.contains(&linkedid), "{linkedid} did not end");
        }
    }

    /// A tracker that begins in the middle learns of every call that there is.
    #[test]
    fn whoever_comes_late_follows_what_is_there(name in any_recording(), start in any::<Index>()) {
        let arrived = recording(name);
        let start = start.index(arrived.len());
        let (before, after) = arrived.split_at(start);
        let mut pbx = Pbx::default();
        for arrived in before {
            pbx.hear(&arrived.message, arrived.at);
        }
        let now = arrived[start].at;
        let mut whole = Tracker::new(settings());
        follow(&mut whole, before);
        let mut tracker = Tracker::new(settings());
        let mut told = Told::default();
        told.take(tracker.resync(&pbx.listing(now), now));
        prop_assert_eq!(tracker.channels.len(), pbx.channels().count());
        // The PBX does not list yet that two calls are about to become one.
        prop_assert!(tracker.calls().len() >= whole.calls().len());
        // Nor that somebody in a bridge with the client has just given them away.
        let channels = whole.calls().flat_map(|call| &call.channels);
        let handed_over = channels.filter(|channel| channel.handed_over);
        let handed_over: BTreeSet<_> = handed_over.map(|channel| &channel.uniqueid).collect();
        let talks = |tracker: &Tracker| {
            let channels = tracker.calls().flat_map(|call| &call.channels);
            let talking = channels.filter(|channel| channel.talking_since.is_some());
            let talking = talking.filter(|channel| !handed_over.contains(&channel.uniqueid));
            talking.map(|channel| channel.uniqueid.clone()).collect::<BTreeSet<_>>()
        };
        prop_assert_eq!(talks(&tracker), talks(&whole));
        told.take_all(follow(&mut tracker, after));
        told.take(tracker.resync(&Listing::default(), now));
        prop_assert_eq!(tracker.calls().len(), 0);
        results(&told);
    }

    #[test]
    fn two_recordings_at_once_tell_the_same(
        names in proptest::array::uniform2(any_recording()),
        order in proptest::collection::vec(any::<bool>(), 800),
    ) {
        let [one, other] = names;
        prop_assume!(one != other);
        let recordings = [recording(one), recording(other)];
        let mut expected = by_call(&followed(&recordings[0]));
        expected.extend(by_call(&followed(&recordings[1])));
        let mut rests = recordings.map(Vec::into_iter);
        let mut mixed = Vec::new();
        for is_other in order {
            mixed.extend(rests[usize::from(is_other)].next());
        }
        mixed.extend(rests.into_iter().flatten());
        prop_assert_eq!(by_call(&followed(&mixed)), expected);
    }

    /// They come through other queues of the PBX than the events of channels.
    #[test]
    fn call_detail_records_may_come_at_any_time(
        name in any_recording(),
        places in proptest::collection::vec(any::<Index>(), 200),
    ) {
        let arrived = recording(name);
        let is_record = |arrived: &&Arrived| matches!(arrived.message.event(), Some("Cdr" | "CEL"));
        let mut mixed: Vec<Arrived> = arrived.iter().filter(|it| !is_record(it)).cloned().collect();
        for (record, place) in arrived.iter().filter(is_record).zip(places) {
            let place = place.index(mixed.len());
            mixed.insert(place, record.clone());
        }
        prop_assert_eq!(followed(&mixed), followed(&arrived));
    }

    /// Nothing is taken for granted: not that a channel begins before it ends, nor that it begins at all.
    #[test]
    fn missing_events_neither_end_a_call_twice_nor_unanswer_it(
        name in any_recording(),
        missing in proptest::collection::vec(any::<Index>(), 0..60),
    ) {
        let mut arrived = recording(name);
        for missing in missing {
            if !arrived.is_empty() {
                arrived.remove(missing.index(arrived.len()));
            }
        }
        let mut tracker = Tracker::new(settings());
        let mut told = follow(&mut tracker, &arrived);
        told.take(tracker.resync(&Listing::default(), epoch()));
        prop_assert_eq!(tracker.calls().len(), 0);
        let results = results(&told);
        for linkedid in answered(&told) {
            let is_answered = results.get(&linkedid).is_none_or(|it| *it == CallResult::Answered);
            prop_assert!(is_answered, "{linkedid} was answered");
        }
    }

    #[test]
    fn no_block_is_too_odd(blocks in proptest::collection::vec("(Event: (Newchannel|BridgeEnter|Hangup|DialBegin|VarSet|AttendedTransfer|Status)\r\n)?((Dest|Transferer|OrigTransferer|TransferTarget)?(Uniqueid|Linkedid|Channel|BridgeUniqueid|ChannelState|Context|Exten|Result|Variable|Value|Timestamp|Cause): ?[a-c0-9./;-]{0,6}\r\n){0,8}", 0..40)) {
        let mut tracker = Tracker::new(settings());
        let mut listing = Listing::default();
        for block in blocks {
            let message = Message::parse(Bytes::from(block));
            tracker.step(&message, epoch());
            listing.add(&message);
        }
        tracker.resync(&listing, epoch());
    }
}

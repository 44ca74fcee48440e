//! 2,002 calls at once, each held against what was done.

use std::{collections::BTreeMap, io::Read as _};

use ami::{Frame, Splitter};

use super::replay::{Told, epoch, settings};
use crate::{
    call::{Call, CallResult, ConversationState, Direction, MissedReason},
    decide::tracker::Tracker,
};

/// How many calls of each kind there are.
const CALLS: usize = 286;

fn told() -> Told {
    let mut tracker = Tracker::new(settings());
    let mut splitter = Splitter::default();
    let mut told = Told::default();
    let mut load = testkit::captures::load();
    let mut read = vec![0; 1 << 16];
    loop {
        let bytes = load.read(&mut read).unwrap();
        if bytes == 0 {
            break;
        }
        splitter.feed(&read[..bytes]);
        while let Some(frame) = splitter.next_frame() {
            if let Frame::Message(message) = frame.unwrap() {
                told.take(tracker.step(&message, epoch()));
            }
        }
    }
    assert_eq!(tracker.calls().len(), 0, "calls are left open");
    assert!(tracker.channels.is_empty(), "channels are left");
    assert!(tracker.bridges.is_empty(), "bridges are left");
    assert!(tracker.aliases.is_empty(), "names are left");
    told
}

/// How a call of a kind may end: who rang, with what end each, and the result.
fn ends(kind: &str) -> Vec<(&'static [(&'static str, ConversationState)], CallResult)> {
    use ConversationState as State;
    let missed = CallResult::Missed;
    match kind {
        "7901" => vec![(&[("load", State::Talked)], CallResult::Answered)],
        "7902" => vec![(
            &[("loadna", State::NoAnswer)],
            missed(MissedReason::NoAnswer),
        )],
        "7903" => vec![(&[("loadbusy", State::Busy)], missed(MissedReason::Busy))],
        "7904" => vec![(
            &[("loadna", State::CallerGaveUp)],
            missed(MissedReason::GaveUpRinging),
        )],
        "7905" => vec![(
            &[("load", State::Talked), ("loadna", State::TakenElsewhere)],
            CallResult::Answered,
        )],
        "7906" => vec![
            (&[("load", State::Talked)], CallResult::Answered),
            (
                &[("load", State::CallerGaveUp)],
                missed(MissedReason::GaveUpInQueue),
            ),
        ],
        "7907" => vec![(&[("101", State::Talked)], CallResult::Answered)],
        other => panic!("there is no kind {other}"),
    }
}

fn check(call: &Call) -> (String, CallResult) {
    let client = call.client.as_deref().unwrap();
    let (kind, _) = client.split_at(4);
    let (direction, line) = match kind {
        "7901" => (Direction::Incoming, "74951239003"),
        "7902" => (Direction::Incoming, "74951239004"),
        "7903" => (Direction::Incoming, "74951239005"),
        "7904" => (Direction::Incoming, "74951239006"),
        "7905" => (Direction::Incoming, "74951239008"),
        "7906" => (Direction::Incoming, "74951239009"),
        _ => (Direction::Outgoing, "74951230000"),
    };
    assert_eq!(call.direction, direction, "{client}");
    assert_eq!(call.line.as_deref(), Some(line), "{client}");
    assert_eq!(call.trunk.as_deref(), Some("trunk"), "{client}");
    assert_eq!(
        (call.joined.len(), call.transfers.len()),
        (0, 0),
        "{client}"
    );
    let ended = call.ended.as_ref().unwrap();
    let mut rang: Vec<_> = call
        .conversations
        .iter()
        .map(|talk| (talk.extension.as_str(), talk.state))
        .collect();
    rang.sort_by_key(|(extension, _)| *extension);
    let end = ends(kind)
        .into_iter()
        .find(|(_, result)| *result == ended.result);
    let Some((expected, _)) = end else {
        panic!("{client} ended {:?}", ended.result);
    };
    assert_eq!(rang, expected, "{client}");
    for talk in &call.conversations {
        let span = talk
            .answered_at
            .map(|at| talk.ended_at.unwrap().duration_since(at));
        let span = span.map_or(0, |span| u64::try_from(span.as_millis()).unwrap());
        assert!(
            span.abs_diff(talk.talked_ms) <= 50,
            "{client}: {span} {}",
            talk.talked_ms
        );
        assert!(!talk.outside, "{client}");
    }
    (kind.to_owned(), ended.result)
}

#[test]
fn each_of_2002_calls_is_told_as_it_was_made() {
    let told = told();
    let mut counts: BTreeMap<(String, bool), usize> = BTreeMap::new();
    let mut clients = Vec::new();
    for call in &told.ended {
        let (kind, result) = check(call);
        *counts
            .entry((kind, result == CallResult::Answered))
            .or_default() += 1;
        clients.push(call.client.clone());
    }
    clients.sort();
    clients.dedup();
    assert_eq!(clients.len(), 7 * CALLS, "every client called once");
    let expected = [
        ("7901", true, CALLS),
        ("7902", false, CALLS),
        ("7903", false, CALLS),
        ("7904", false, CALLS),
        ("7905", true, CALLS),
        ("7906", false, 7),
        ("7906", true, CALLS - 7),
        ("7907", true, CALLS),
    ];
    let expected = expected.map(|(kind, answered, count)| ((kind.to_owned(), answered), count));
    assert_eq!(counts, BTreeMap::from(expected));
}

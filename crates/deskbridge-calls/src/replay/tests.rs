use ami::{Frame, Splitter};

use super::*;
use crate::decide::tracker::Pattern;

fn replayed(name: &str) -> Vec<Replayed> {
    let capture = testkit::captures::named(name);
    let tracker = tracker::Settings {
        trunks: vec![Pattern::new("trunk")],
        ..tracker::Settings::default()
    };
    let mut replay = Replay::new(tracker, settings().unwrap());
    let mut splitter = Splitter::default();
    splitter.feed(&capture.bytes);
    let at = "2026-01-02T03:04:05Z".parse().unwrap();
    let mut calls = Vec::new();
    while let Some(frame) = splitter.next_frame() {
        if let Frame::Message(message) = frame.unwrap() {
            calls.extend(replay.step(&message, at));
        }
    }
    calls.extend(replay.end());
    calls
}

fn kinds(call: &Replayed) -> Vec<&str> {
    let kinds = call.effects.iter().map(|effect| effect.write.kind());
    kinds.map(view::kind).collect()
}

#[test]
fn an_answered_call_is_registered_finished_and_has_its_recording() {
    let calls = replayed("inbound_answered");
    let [call] = &calls[..] else {
        panic!("{calls:?}")
    };
    assert_eq!(kinds(call), ["register", "hide", "finish", "attach"]);
    let shown = call.view();
    assert_eq!(shown["result"], "answered");
    assert_eq!(shown["missed_reason"], Value::Null);
    assert_eq!(shown["conversations"][0]["extension"], "101");
    assert_eq!(shown["effects"][0]["user"], 101);
    assert_eq!(shown["effects"][2]["status"], "200");
}

#[test]
fn a_missed_call_has_a_task_and_a_reason() {
    let calls = replayed("inbound_noanswer");
    let shown = calls[0].view();
    assert_eq!(shown["result"], "missed");
    assert_eq!(shown["missed_reason"], "no_answer");
    assert_eq!(shown["conversations"][0]["talk_seconds"], 0.0);
    assert!(kinds(&calls[0]).contains(&"task"), "{shown}");
}

#[test]
fn every_call_of_every_recording_is_told_once() {
    for name in testkit::captures::all().keys() {
        let calls = replayed(name);
        let names: BTreeSet<_> = calls.iter().map(|call| &call.call.linkedid).collect();
        assert_eq!(names.len(), calls.len(), "{name}");
        for call in &calls {
            let keys: BTreeSet<_> = call.effects.iter().map(|effect| &effect.key).collect();
            assert_eq!(
                keys.len(),
                call.effects.len(),
                "{name}: a write comes twice"
            );
            let finished = kinds(call).iter().filter(|kind| **kind == "finish").count();
            let registered = kinds(call)
                .iter()
                .filter(|kind| **kind == "register")
                .count();
            if call.call.ended.is_some() {
                assert!(finished >= registered, "{name}: left open");
            }
        }
    }
}

//! What a report adds to the story of a call.

use deskbridge_store::CallLine;
use jiff::Timestamp;

use crate::{
    call::{Call, CallResult, Conversation, Direction},
    decide::status::told as reason_in_words,
};

/// What is known now and was not before.
pub(super) fn lines(before: Option<&Call>, after: &Call) -> Vec<CallLine> {
    let mut lines = Vec::new();
    let mut tell = |at: Timestamp, text: String| lines.push(CallLine { at, text });
    if before.is_none() {
        let way = match after.direction {
            Direction::Incoming => "an incoming call",
            Direction::Outgoing => "an outgoing call",
            Direction::Internal => "a call between agents",
        };
        let (client, line) = (known(after.client.as_ref()), known(after.line.as_ref()));
        tell(
            after.started_at,
            format!("{way} was reported: client {client}, line {line}"),
        );
    }
    for now in &after.conversations {
        let known = before.into_iter().flat_map(|call| &call.conversations);
        let known = known.into_iter().find(|of| of.uniqueid == now.uniqueid);
        let is_new = |time: fn(&Conversation) -> Option<Timestamp>| {
            time(now).filter(|_| known.is_none_or(|known| time(known).is_none()))
        };
        let phone = &now.extension;
        if known.is_none() {
            tell(now.began_at, format!("{phone} is called"));
        }
        if let Some(at) = is_new(|of| of.answered_at) {
            tell(at, format!("{phone} answered"));
        }
        if let Some(at) = is_new(|of| of.ended_at) {
            tell(at, format!("{phone} is in the call no more"));
        }
    }
    let ended = after.ended.as_ref();
    if let Some(ended) = ended.filter(|_| before.is_none_or(|call| call.ended.is_none())) {
        let result = match ended.result {
            CallResult::Answered => "answered".to_owned(),
            CallResult::Missed(reason) => format!("missed, {}", reason_in_words(reason)),
        };
        tell(ended.at, format!("the call ended: {result}"));
    }
    let had = before.is_some_and(|call| !call.recordings.is_empty());
    if let Some(recording) = after.recordings.first().filter(|_| !had) {
        tell(
            recording.began_at,
            "the address of a recording was reported".to_owned(),
        );
    }
    lines
}

fn known(number: Option<&String>) -> &str {
    number.map_or("not known", String::as_str)
}

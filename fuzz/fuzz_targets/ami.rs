//! Any stream of a manager, cut anywhere: the same frames, and nothing that panics.

#![no_main]

use ami::{Frame, Limits, Message, Splitter, TooLong};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits {
    block_bytes_max: 200,
    banner_bytes_max: 40,
};

fuzz_target!(|input: (u8, &[u8])| {
    let (step, stream) = input;
    let whole = frames(stream, stream.len().max(1));
    assert_eq!(frames(stream, usize::from(step).max(1)), whole);
    for frame in whole {
        if let Ok(Frame::Message(message)) = frame {
            look(&message);
        }
    }
});

fn frames(stream: &[u8], step: usize) -> Vec<Result<Frame, TooLong>> {
    let mut splitter = Splitter::new(LIMITS);
    let mut frames = Vec::new();
    for piece in stream.chunks(step) {
        splitter.feed(piece);
        frames.extend(std::iter::from_fn(|| splitter.next_frame()));
    }
    frames
}

fn look(message: &Message) {
    let headers: usize = message.headers().map(|header| header.name.len() + header.value.len()).sum();
    assert!(headers <= message.as_bytes().len());
    for header in message.headers() {
        drop(ami::unescape(header.value));
        if let Ok(name) = std::str::from_utf8(header.name) {
            assert!(message.get(name).is_some());
        }
    }
    assert!(message.event().is_none() || message.response().is_none());
    assert!(message.output().count() <= message.as_bytes().len() + 1);
    drop(format!("{message:?}"));
}

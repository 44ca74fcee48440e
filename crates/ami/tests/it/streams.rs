//! Streams: recordings, floods, broken blocks, slow consumers.

use std::time::Duration;

use ami::{Frame, Message, Options, Reason, Signal, Splitter};
use simulators::ami::{self as pbx, Recording, Speed};
use testkit::{captures, wait_for};

use super::{channel, client, client_of, login, options, running};

/// The events that a recording's replay sends: without the items of the recorder's lists.
fn events(bytes: &[u8]) -> Vec<Message> {
    let mut splitter = Splitter::default();
    splitter.feed(bytes);
    let frames = std::iter::from_fn(|| splitter.next_frame());
    let messages = frames.filter_map(|frame| match frame.unwrap() {
        Frame::Message(message) => Some(message),
        Frame::Banner(_) => None,
    });
    let is_sent = |message: &Message| {
        let is_item =
            message.get("EventList").is_some() || message.event() == Some("CoreShowChannel");
        message.event().is_some() && !is_item
    };
    messages.filter(is_sent).collect()
}

#[tokio::test]
async fn every_recording_arrives_byte_for_byte() {
    let running = running(pbx::Options::default()).await;
    let mut client = client(&running);
    client.resync().await;
    for (name, capture) in captures::all() {
        let recording = Recording {
            bytes: &capture.bytes,
            reads: &[],
        };
        let expected = events(&capture.bytes);
        assert_eq!(
            running.pbx.replay(recording, Speed::Unpaced).await,
            expected.len(),
            "{name}"
        );
        for (number, expected) in expected.into_iter().enumerate() {
            let event = client
                .until(|signal| match signal {
                    Signal::Event(event) => Some(event),
                    Signal::Resync(_) => None,
                    signal => panic!("{name}: {signal:?}"),
                })
                .await;
            assert_eq!(
                event.as_bytes(),
                expected.as_bytes(),
                "{name}, event {number}"
            );
        }
    }
}

#[tokio::test]
async fn a_slow_consumer_is_told_what_it_missed_and_asterisk_cuts_nobody_off() {
    let running = running(pbx::Options {
        // Time enough for a busy machine, not enough for a reader that waits for its consumer.
        write_timeout: Duration::from_secs(5),
        send_buffer_bytes: Some(64 << 10),
        ..pbx::Options::default()
    })
    .await;
    let options = Options {
        backlog_bytes_max: 100_000,
        ..options()
    };
    let mut client = client_of(&running, login(), options);
    client.resync().await;
    let event = format!(
        "Event: Newchannel\r\nPrivilege: call,all\r\nX: {}\r\n",
        "x".repeat(900)
    );
    // Nothing is taken while they come.
    for _ in 0..3_000 {
        running.pbx.emit(event.as_bytes());
        tokio::task::yield_now().await;
    }
    wait_for("the client to let go", async || {
        (running.pbx.logged_in() == 0).then_some(())
    })
    .await;
    running.pbx.add_channel(channel("PJSIP/101-1"));
    let mut events = 0;
    let reason = loop {
        match client.next().await {
            Signal::Event(_) => events += 1,
            Signal::Disconnected { reason, .. } => break reason,
            signal => panic!("{signal:?}"),
        }
    };
    assert_eq!(reason, Reason::Backlog { bytes_max: 100_000 });
    assert!(
        (60..=70).contains(&events),
        "{events} of some 1,500 bytes were kept"
    );
    assert_eq!(client.resync().await, ["PJSIP/101-1"]);
    assert_eq!(running.pbx.ended().get(&1), Some(&pbx::Ended::ByPeer));
}

#[tokio::test]
async fn broken_blocks_neither_forge_nor_stop_events() {
    let running = running(pbx::Options::default()).await;
    let options = Options {
        limits: ami::Limits {
            block_bytes_max: 2_000,
            ..ami::Limits::default()
        },
        ..options()
    };
    let mut client = client_of(&running, login(), options);
    client.resync().await;
    let broken = "Event: Newexten\r\nPrivilege: dialplan,all\r\nAppData: x\nEvent: Hangup\r\n\r\nlast\r\nUniqueid: 1.1\r\n\r\n";
    running.pbx.emit_raw(broken.as_bytes());
    running
        .pbx
        .emit_raw(b"Event: Newchannel\r\nCallerIDName: \xca\xeb\xe8\xd0\r\n\r\n");
    let signal = client.next().await;
    assert!(
        matches!(&signal, Signal::Event(event) if event.event() == Some("Newexten")),
        "{signal:?}"
    );
    assert!(matches!(client.next().await, Signal::Stray(_)));
    let Signal::Event(event) = client.next().await else {
        panic!("no event")
    };
    assert_eq!(event.get("CallerIDName"), Some(&b"\xca\xeb\xe8\xd0"[..]));

    running.pbx.add_channel(channel("PJSIP/101-1"));
    let long = format!("Event: Long\r\nX: {}\r\n\r\n", "x".repeat(5_000));
    running.pbx.emit_raw(long.as_bytes());
    running.pbx.emit(b"Event: After\r\nPrivilege: call,all\r\n");
    assert!(matches!(client.next().await, Signal::LeftOut(_)));
    let rest = [client.next().await, client.next().await];
    assert!(
        rest.iter()
            .any(|signal| matches!(signal, Signal::Event(event) if event.event() == Some("After")))
    );
    assert!(
        rest.iter()
            .any(|signal| matches!(signal, Signal::Resync(_))),
        "what was missed is made good"
    );
}

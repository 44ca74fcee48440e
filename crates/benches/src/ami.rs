//! A manager's stream of bytes read into messages, on one core.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    time::Duration,
};

use ami::{Frame, Login, Message, Options, Signal, Splitter};
use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tokio::{runtime, task::JoinSet, time::Instant};

use crate::memory;

/// How often the recording is read; the quickest time counts, since the machine has other work.
const ROUNDS: usize = 5;
/// What one read of a socket gives when there is much.
const READ_BYTES: usize = 64 << 10;
/// Events of the recording, as whoever recorded them counted.
const EVENTS: usize = 175_393;

/// How much of the recording is sent over a socket, and how often.
const SENT_BYTES: u64 = 2 << 20;
const SENT_TIMES: usize = 80;

/// Reads the recording of 2,002 calls, and asks each event for what a follower of calls asks. Unpacking is not counted.
pub(crate) fn measure() -> anyhow::Result<Value> {
    let mut split = Duration::MAX;
    let mut asked = Duration::MAX;
    for _ in 0..ROUNDS {
        split = split.min(round(|_message| 0)?);
        asked = asked.min(round(ask)?);
    }
    let connection = connection()?;
    let per_second = |took: Duration| (EVENTS as f64 / took.as_secs_f64()).round();
    Ok(json!({
        "events": EVENTS,
        "split_per_second": per_second(split),
        "split_and_asked_per_second": per_second(asked),
        "connection_per_second": connection.round(),
        "peak_mib": memory::peak_mib()?,
    }))
}

fn round(ask: impl Fn(&Message) -> usize) -> anyhow::Result<Duration> {
    let mut recording = testkit::captures::load();
    let mut splitter = Splitter::default();
    let mut read = vec![0; READ_BYTES];
    let mut took = Duration::ZERO;
    let (mut events, mut answers) = (0, 0);
    loop {
        let bytes = recording.read(&mut read)?;
        if bytes == 0 {
            break;
        }
        let from = Instant::now();
        splitter.feed(read.get(..bytes).unwrap_or_default());
        while let Some(frame) = splitter.next_frame() {
            if let Frame::Message(message) = frame? {
                events += usize::from(message.event().is_some());
                answers += ask(&message);
            }
        }
        took += from.elapsed();
    }
    ensure!(events == EVENTS, "{events} events were read");
    ensure!(splitter.is_between_blocks(), "a block was left");
    std::hint::black_box(answers);
    Ok(took)
}

fn ask(message: &Message) -> usize {
    let names = [
        "Uniqueid",
        "Linkedid",
        "Channel",
        "ChannelState",
        "CallerIDNum",
        "Exten",
        "DestUniqueid",
        "BridgeUniqueid",
    ];
    let answers = names.into_iter().filter_map(|name| message.get(name));
    answers.map(<[u8]>::len).sum()
}

/// Events a second through a whole connection, with the driver and the consumer on one thread and the sender on another.
fn connection() -> anyhow::Result<f64> {
    let mut events = Vec::new();
    testkit::captures::load()
        .take(SENT_BYTES)
        .read_to_end(&mut events)?;
    let start = find(&events, b"\r\nEvent: ").context("there is no event")? + 2;
    let mut events = events.split_off(start);
    let whole = events
        .windows(4)
        .rposition(|end| end == b"\r\n\r\n")
        .context("there is no block")?;
    events.truncate(whole + 4);
    let count = events
        .windows(9)
        .filter(|part| *part == b"\r\n\r\nEvent")
        .count()
        + 1;
    let expected = count * SENT_TIMES;

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let server = std::thread::spawn(move || serve(&listener, &events));
    let login = Login::new("hub", "hub")?;
    let (_connection, mut signals, driver) =
        ami::connect("127.0.0.1", port, login, Options::default())?;
    let consume = async {
        let mut seen = 0;
        let mut from = Instant::now();
        while seen < expected {
            match signals.next().await {
                Some(Signal::Event(event)) => {
                    if seen == 0 {
                        from = Instant::now();
                    }
                    seen += usize::from(event.event().is_some());
                }
                Some(Signal::Resync(_) | Signal::Connected(_)) => {}
                other => anyhow::bail!("{other:?}"),
            }
        }
        Ok(from.elapsed())
    };
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let took = runtime.block_on(async {
        // A task of its own: within one, a reader that always finds something leaves the consumer no turn.
        let mut tasks = JoinSet::new();
        tasks.spawn(driver.run());
        consume.await
    })?;
    drop(runtime);
    drop(server.join());
    Ok(expected as f64 / took.as_secs_f64())
}

/// Answers whatever is asked with success until the channels are asked for, and then sends the events.
fn serve(listener: &TcpListener, events: &[u8]) -> anyhow::Result<()> {
    let (mut socket, _) = listener.accept()?;
    socket.write_all(b"Asterisk Call Manager/11.0.0\r\n")?;
    let mut asked = Vec::new();
    loop {
        let mut read = [0; 4096];
        let bytes = socket.read(&mut read)?;
        ensure!(bytes > 0, "the client left");
        asked.extend_from_slice(read.get(..bytes).unwrap_or_default());
        while let Some(end) = find(&asked, b"\r\n\r\n") {
            let action: Vec<u8> = asked.drain(..end + 4).collect();
            let action = String::from_utf8_lossy(&action);
            let id = action
                .lines()
                .find(|line| line.starts_with("ActionID"))
                .unwrap_or_default();
            let answer = format!("Response: Success\r\n{id}\r\nChallenge: 1\r\n\r\n");
            socket.write_all(answer.as_bytes())?;
            if action.contains("CoreShowChannels") {
                for _ in 0..SENT_TIMES {
                    socket.write_all(events)?;
                }
                // Until the client has had enough.
                return socket.read(&mut read).map(drop).map_err(Into::into);
            }
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|part| part == wanted)
}

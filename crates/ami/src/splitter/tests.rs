use proptest::prelude::*;
use testkit::captures;

use super::*;

const LIMITS: Limits = Limits {
    block_bytes_max: 40,
    banner_bytes_max: 30,
};

/// What a stream gives when it arrives in parts that end at these places.
fn split(stream: &[u8], cuts: &[usize], limits: Limits) -> Vec<Result<Frame, TooLong>> {
    let mut splitter = Splitter::new(limits);
    let mut frames = Vec::new();
    let mut start = 0;
    for cut in cuts.iter().copied().chain([stream.len()]) {
        let cut = cut.clamp(start, stream.len());
        splitter.feed(&stream[start..cut]);
        start = cut;
        frames.extend(std::iter::from_fn(|| splitter.next_frame()));
    }
    frames
}

fn texts(stream: &[u8], limits: Limits) -> Vec<String> {
    let frames = split(stream, &[], limits).into_iter();
    let text = |frame: Result<Frame, TooLong>| match frame {
        Ok(Frame::Banner(banner)) => format!("banner {}", banner.text()),
        Ok(Frame::Message(message)) => String::from_utf8_lossy(message.as_bytes()).into_owned(),
        Err(error) => error.to_string(),
    };
    frames.map(text).collect()
}

#[test]
fn blocks_end_with_an_empty_line() {
    let check = |stream: &str| texts(stream.as_bytes(), LIMITS);
    let long = format!("A: {}\r\n\r\n", "x".repeat(60));
    let too_long = "a block is longer than 40 bytes, and was left out";
    let rows: [(String, Vec<&str>); 9] = [
        ("".into(), vec![]),
        ("Hello/1".into(), vec![]),
        ("Hello/1\r\n".into(), vec!["banner Hello/1"]),
        (
            "Hello/1\r\nA: 1\r\n\r\nB: 2\r\n".into(),
            vec!["banner Hello/1", "A: 1\r\n"],
        ),
        (
            // A value that ends with a line end leaves an empty line too many, as a TestEvent does.
            "Hello/1\r\nA: 1\r\n\r\n\r\nB: 2\r\n\r\n".into(),
            vec!["banner Hello/1", "A: 1\r\n", "B: 2\r\n"],
        ),
        (
            "Hello/1\r\nA: x\n\ny\r\n\r\n".into(),
            vec!["banner Hello/1", "A: x\n\ny\r\n"],
        ),
        (
            "Hello/1\nA: 1\nB: 2\n\n\nC: 3\n\n".into(),
            vec!["banner Hello/1", "A: 1\nB: 2\n", "C: 3\n"],
        ),
        (
            format!("Hello/1\r\n{long}B: 2\r\n\r\n{long}{long}C: 3\r\n\r\n"),
            vec![
                "banner Hello/1",
                too_long,
                "B: 2\r\n",
                too_long,
                too_long,
                "C: 3\r\n",
            ],
        ),
        (
            format!("{}\r\n\r\nB: 2\r\n\r\n", "x".repeat(40)),
            vec![
                "a block is longer than 30 bytes, and was left out",
                "B: 2\r\n",
            ],
        ),
    ];
    for (stream, expected) in rows {
        assert_eq!(check(&stream), expected, "{stream:?}");
    }
}

#[test]
fn the_limit_is_the_longest_block_that_passes() {
    for excess in [0, 1] {
        // The name, the colon, the space and the line's end are five bytes.
        let stream = format!("H/1\r\nA: {}\r\n\r\n", "x".repeat(35 + excess));
        for cut in 0..stream.len() {
            let frames = split(stream.as_bytes(), &[cut], LIMITS);
            assert_eq!(frames[1].is_ok(), excess == 0, "cut at {cut}");
        }
    }
}

#[test]
fn what_does_not_end_is_not_kept() {
    let mut splitter = Splitter::new(LIMITS);
    splitter.feed(b"H/1\r\n");
    let mut frames = 0;
    for _ in 0..1000 {
        splitter.feed(&[b'x'; 100]);
        frames += std::iter::from_fn(|| splitter.next_frame()).count();
        assert!(splitter.buffer.len() < LIMITS.block_bytes_max);
    }
    assert_eq!(frames, 2, "the banner and one error");
}

#[test]
fn a_stream_may_end_only_between_blocks() {
    let check = |stream: &[u8]| {
        let mut splitter = Splitter::default();
        splitter.feed(stream);
        while splitter.next_frame().is_some() {}
        splitter.is_between_blocks()
    };
    assert!(!check(b""));
    assert!(!check(b"Hello"));
    assert!(check(b"Hello/1\r\n"));
    assert!(!check(b"Hello/1\r\nA: 1\r\n"));
    assert!(check(b"Hello/1\r\nA: 1\r\n\r\n"));
    assert!(check(b"Hello/1\r\nA: 1\r\n\r\n\r\n"));
}

#[test]
fn every_recorded_block_is_an_event_or_a_response() {
    for (name, capture) in captures::all() {
        let frames = split(&capture.bytes, &[], Limits::default());
        let mut messages = 0;
        for frame in frames.into_iter().skip(1) {
            let Ok(Frame::Message(message)) = frame else {
                panic!("{name}: {frame:?}");
            };
            messages += 1;
            let is_event = message.event().is_some();
            assert_ne!(is_event, message.response().is_some(), "{name}");
        }
        let starts = |opening: &[u8]| {
            let lines = capture.bytes.split(|byte| *byte == b'\n');
            lines.filter(|line| line.starts_with(opening)).count()
        };
        // An OriginateResponse and a Hangup's cause have lines of these names inside.
        assert!(
            messages >= starts(b"Event: ") && messages > 1,
            "{name}: {messages}"
        );
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "small files of our own")]
fn what_fuzzing_began_with_gives_the_same_frames_however_it_is_cut() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/ami");
    let mut count = 0;
    for file in std::fs::read_dir(corpus).unwrap() {
        let path = file.unwrap().path();
        let stream = std::fs::read(&path).unwrap();
        let limits = Limits {
            block_bytes_max: 200,
            ..LIMITS
        };
        let whole = split(&stream, &[], limits);
        assert!(whole.len() > 1, "{}", path.display());
        let every: Vec<usize> = (0..stream.len()).collect();
        assert_eq!(split(&stream, &every, limits), whole, "{}", path.display());
        count += 1;
    }
    assert!(count >= 7, "the corpus is not where it was");
}

/// Streams in which line ends and colons are frequent.
fn streams() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => Just(&b"\r\n"[..]),
        3 => Just(&b"\n"[..]),
        1 => Just(&b"\r"[..]),
        3 => Just(&b"Event: Hangup"[..]),
        2 => Just(&b"Response: Follows"[..]),
        2 => Just(&b"K\xd0:"[..]),
        1 => Just(&b"--END COMMAND--"[..]),
        1 => Just(&b"\0\xca\xeb"[..]),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_frames(
        stream in streams(),
        mut cuts in prop::collection::vec(0_usize..400, 0..20),
    ) {
        cuts.sort_unstable();
        prop_assert_eq!(split(&stream, &cuts, LIMITS), split(&stream, &[], LIMITS));
        let every: Vec<usize> = (0..stream.len()).collect();
        prop_assert_eq!(split(&stream, &every, LIMITS), split(&stream, &[], LIMITS));
    }

    #[test]
    fn any_bytes_are_read(stream in prop::collection::vec(any::<u8>(), 0..300)) {
        drop(split(&stream, &[], LIMITS));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_cut_of_a_recording_gives_the_same_frames(
        mut cuts in prop::collection::vec(0_usize..70_000, 0..50),
    ) {
        cuts.sort_unstable();
        let stream = &captures::named("click_to_call").bytes;
        let limits = Limits::default();
        prop_assert_eq!(split(stream, &cuts, limits), split(stream, &[], limits));
    }
}

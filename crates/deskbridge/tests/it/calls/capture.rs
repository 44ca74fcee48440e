//! Recordings that are run through the planner: whole, cut, broken, with an index and without.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use testkit::captures;

use crate::process::{Said, run};

/// A recording whose events do not say when they happened.
fn untimed() -> Vec<u8> {
    let text = String::from_utf8(captures::named("inbound_answered").bytes.clone()).unwrap();
    let lines = text.split_inclusive("\r\n");
    let kept = lines.filter(|line| !line.starts_with("Timestamp: "));
    kept.collect::<String>().into_bytes()
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn written(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

async fn replay(path: &Path) -> Said {
    let path = path.to_str().unwrap();
    run(&["calls", "replay", path, "--trunk", "trunk", "--json"]).await
}

fn calls(said: &Said) -> Vec<Value> {
    let lines = said.out.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn a_recording_that_was_cut_is_told_as_far_as_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = &captures::named("inbound_answered").bytes;
    let text = String::from_utf8_lossy(bytes);
    // In the middle of an event, before anybody hangs up.
    let end = text.find("Event: HangupRequest").unwrap() + 12;
    let cut = bytes.get(..end).unwrap();
    for (name, bytes) in [("cut.ami", cut.to_vec()), ("cut.ami.gz", packed(cut))] {
        let said = replay(&written(folder.path(), name, &bytes)).await;
        assert_eq!((said.status, said.err.as_str()), (Some(0), ""), "{name}");
        let calls = calls(&said);
        assert_eq!(calls.len(), 1, "{name}");
        assert_eq!(calls[0]["result"], Value::Null, "{name}");
        assert_eq!(calls[0]["conversations"][0]["extension"], "101");
    }
}

#[tokio::test]
async fn a_recording_that_is_broken_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let whole = packed(&captures::named("inbound_answered").bytes);
    let half = whole.get(..whole.len() / 2).unwrap();
    for (name, bytes, why) in [
        ("half.ami.gz", half, "reading"),
        ("plain.ami.gz", b"Asterisk Call Manager/9.0\r\n", "reading"),
        (
            "page.ami",
            b"HTTP/1.1 200 OK\r\n\r\n<html>\r\n\r\n",
            "is no recording of a manager interface",
        ),
        (
            "word.ami",
            b"one line without an end",
            "is no recording of a manager interface",
        ),
    ] {
        let said = replay(&written(folder.path(), name, bytes)).await;
        assert_eq!(said.status, Some(1), "{name}: {}{}", said.out, said.err);
        let is_named = said.err.contains(name) && said.err.contains(why);
        assert!(is_named, "{name}: {}", said.err);
    }
    let said = replay(&folder.path().join("nowhere.ami")).await;
    assert_eq!(said.status, Some(1));
    assert!(said.err.contains("opening"), "{}", said.err);
    let said = replay(&written(folder.path(), "empty.ami", b"")).await;
    assert_eq!((said.status, said.out.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn times_are_those_of_the_index_or_now() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = untimed();
    let path = written(folder.path(), "call.ami", &bytes);
    let before = jiff::Timestamp::now();
    let said = replay(&path).await;
    let started_at = |said: &Said| -> jiff::Timestamp {
        let calls = calls(said);
        assert_eq!(calls.len(), 1, "{}", said.err);
        calls[0]["started_at"].as_str().unwrap().parse().unwrap()
    };
    assert!(started_at(&said) >= before, "{}", said.out);
    let index = format!("0 {} 1767000000.250000\n", bytes.len());
    written(folder.path(), "call.idx", index.as_bytes());
    let recorded_at = "2025-12-29T09:20:00.25Z".parse().unwrap();
    assert_eq!(started_at(&replay(&path).await), recorded_at);
    // That of a packed recording has the same name.
    let path = written(folder.path(), "call.ami.gz", &packed(&bytes));
    assert_eq!(started_at(&replay(&path).await), recorded_at);
    // One that ends too early holds for the rest.
    written(folder.path(), "call.idx", b"0 30 1767000000.25\n");
    assert_eq!(started_at(&replay(&path).await), recorded_at);
    for wrong in [
        "what is this\n",
        "0 10\n",
        "0 10 soon\n",
        "0 99999999999 1\n",
        "0 10 99999999999999999\n",
    ] {
        written(folder.path(), "call.idx", wrong.as_bytes());
        let said = replay(&path).await;
        assert_eq!(said.status, Some(1), "{wrong}: {}", said.out);
        let is_told = said.err.contains("a line that is none");
        assert!(is_told, "{wrong}: {}", said.err);
    }
}

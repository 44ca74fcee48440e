#![expect(
    clippy::disallowed_methods,
    reason = "tests read whole files of their own"
)]

use std::{fs, os::unix::fs::symlink, path::PathBuf, time::Duration};

use super::*;

fn wav(folder: &Path, name: &str, rate: u8, sound: &[u8]) -> PathBuf {
    let mut bytes = b"RIFF\0\0\0\0WAVE".to_vec();
    bytes.extend(b"LIST\x03\0\0\0abc\0fmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend([rate, 0, 0, 0, rate, 0, 0, 0, 2, 0, 16, 0]);
    bytes.extend(b"data");
    bytes.extend(u32::try_from(sound.len()).unwrap().to_le_bytes());
    bytes.extend(sound);
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn what_is_heard_in_several_files_is_joined_if_they_are_of_one_format() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let one = wav(folder, "one.wav", 8, b"abcd");
    let two = wav(folder, "two.wav", 8, b"efgh");
    let other = wav(folder, "other.wav", 16, b"ijkl");
    let joined = folder.join("joined.wav");
    joining::join(&[one.clone(), two], &joined).unwrap();
    let bytes = fs::read(&joined).unwrap();
    assert!(bytes.ends_with(b"data\x08\0\0\0abcdefgh"));
    let length = u32::try_from(bytes.len()).unwrap();
    assert_eq!(bytes[4..8], (length - 8).to_le_bytes());
    assert!(joining::join(&[one, other], &folder.join("wrong.wav")).is_err());
    assert!(joining::join(&[joined.clone(), joined], &folder.join("twice.wav")).is_ok());
}

#[tokio::test]
async fn a_link_does_not_lead_out_of_the_folder() {
    let inside = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let folders = [Folder {
        on_pbx: "/rec".to_owned(),
        here: inside.path().to_str().unwrap().to_owned(),
    }];
    fs::write(outside.path().join("secret"), "x").unwrap();
    fs::write(inside.path().join("a.wav"), "x").unwrap();
    symlink(outside.path().join("secret"), inside.path().join("b.wav")).unwrap();
    for (name, expected) in [("a.wav", true), ("b.wav", false)] {
        let real = fs::canonicalize(inside.path().join(name)).unwrap();
        assert_eq!(is_inside(&real, &folders).await, expected, "{name}");
    }
}

#[tokio::test]
async fn a_program_converts_within_its_time_or_is_ended_with_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let (from, into) = (folder.path().join("in"), folder.path().join("out"));
    fs::write(&from, "sound").unwrap();
    let run = async |script: &str, within: Duration| {
        let words = ["sh", "-c", script, "{in}", "{out}"].map(str::to_owned);
        program::run(&words, &from, &into, within).await
    };
    run("cp \"$0\" \"$1\"", Duration::from_secs(20))
        .await
        .unwrap();
    assert_eq!(fs::read_to_string(&into).unwrap(), "sound");
    let failed = run("echo no such codec >&2; exit 3", Duration::from_secs(20)).await;
    let Err(Stop::Refused(why)) = failed else {
        panic!("{failed:?}");
    };
    assert!(why.why.contains("no such codec"), "{why:?}");
    let note = folder.path().join("pid");
    let script = format!("sleep 1000 & echo $! > {}; wait", note.display());
    let late = run(&script, Duration::from_millis(300)).await;
    assert!(matches!(late, Err(Stop::Refused(_))), "{late:?}");
    let child = fs::read_to_string(&note).unwrap();
    let stat = format!("/proc/{}/stat", child.trim());
    testkit::wait_for("the child to end", async || {
        let stat = fs::read_to_string(&stat);
        stat.map_or(true, |stat| stat.contains(") Z "))
            .then_some(())
    })
    .await;
}

use proptest::prelude::*;

use super::*;

fn folders() -> Vec<Folder> {
    let folder = |on_pbx: &str, here: &str| Folder {
        on_pbx: on_pbx.to_owned(),
        here: here.to_owned(),
    };
    vec![
        folder("/var/spool/asterisk/monitor", "/mnt/monitor"),
        folder("/var/spool/asterisk/monitor/old", "/mnt/old"),
        folder("/rec", "/rec"),
    ]
}

#[test]
fn a_recording_is_in_a_folder_or_nowhere() {
    use Refused::*;
    for (path, expected) in [
        (
            "/var/spool/asterisk/monitor/2026/a.wav",
            Ok("/mnt/monitor/2026/a.wav"),
        ),
        (
            "/var/spool/asterisk/monitor//./a.wav",
            Ok("/mnt/monitor/a.wav"),
        ),
        (
            "/var/spool/asterisk/monitor/old/a.wav",
            Ok("/mnt/old/a.wav"),
        ),
        ("2026/a.wav", Ok("/mnt/monitor/2026/a.wav")),
        ("/rec/a b.wav", Ok("/rec/a b.wav")),
        ("/var/spool/asterisk/monitor", Err(Elsewhere)),
        ("/var/spool/asterisk/monitored/a.wav", Err(Elsewhere)),
        ("/var/spool/asterisk/a.wav", Err(Elsewhere)),
        ("/etc/passwd", Err(Elsewhere)),
        ("/rec/../etc/passwd", Err(Upwards)),
        ("../a.wav", Err(Upwards)),
        ("/rec/a..wav", Ok("/rec/a..wav")),
        ("", Err(NoPath)),
        ("/rec/a\0.wav", Err(NoPath)),
        ("/rec/a\n.wav", Err(NoPath)),
    ] {
        let found = confined(path, &folders());
        assert_eq!(found.as_deref(), expected.as_deref(), "{path:?}");
    }
    assert_eq!(confined("/rec/a.wav", &[]), Err(NoFolders));
}

proptest! {
    #[test]
    fn no_path_leads_out(path in "(/?(rec|var|mnt|\\.\\.|\\.|a|//)){0,8}") {
        if let Ok(found) = confined(&path, &folders()) {
            let inside = ["/mnt/monitor/", "/mnt/old/", "/rec/"];
            prop_assert!(inside.iter().any(|folder| found.starts_with(folder)), "{}", found);
            prop_assert!(found.split('/').all(|part| part != ".." && part != "."));
        }
    }
}

#[test]
fn an_address_is_one_that_can_be_followed() {
    for (text, expected) in [
        (
            " https://records.example/1.wav?a=b ",
            Some("https://records.example/1.wav?a=b"),
        ),
        ("http://records.example/1", Some("http://records.example/1")),
        ("/var/spool/asterisk/monitor/a.wav", None),
        ("file:///etc/passwd", None),
        ("javascript:alert(1)", None),
        ("https://user:word@records.example/1.wav", None),
        ("https://records.example/1\r\n.wav", None),
        ("https://", None),
        ("", None),
    ] {
        assert_eq!(link(text).as_deref(), expected, "{text}");
    }
    assert_eq!(
        link(&format!("https://records.example/{}", "x".repeat(2_000))),
        None
    );
}

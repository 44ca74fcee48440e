use proptest::prelude::*;

use super::*;

fn message(block: &[u8]) -> Message {
    Message::parse(Bytes::copy_from_slice(block))
}

/// The headers as text, with what is no text made visible.
fn headers(block: &[u8]) -> Vec<String> {
    let message = message(block);
    let show = |bytes: &[u8]| bytes.escape_ascii().to_string();
    let header = |header: Header<'_>| format!("{}={}", show(header.name), show(header.value));
    message.headers().map(header).collect()
}

#[test]
fn headers_keep_order_repetitions_and_bytes() {
    let rows: [(&[u8], &[&str]); 10] = [
        (b"", &[]),
        (
            b"Event: Hangup\r\nCause: 16\r\n",
            &["Event=Hangup", "Cause=16"],
        ),
        (b"A: 1\r\nA: 2\r\na:3", &["A=1", "A=2", "a=3"]),
        (b"A: \r\nB:\r\nC:  two\r\n", &["A=", "B=", "C= two"]),
        (b"A: x: y\r\n: z\r\n", &["A=x: y", "=z"]),
        (b"no colon\r\n\r\nA: 1\r\n", &["A=1"]),
        // Asterisk 16 cuts names in the middle of a letter, and passes CP1251 through.
        (b"N: \xd0\r\nM: \xca\xeb\r\n", &["N=\\xd0", "M=\\xca\\xeb"]),
        // A line feed in a value does not forge a header.
        (
            b"A: x\nEvent: Hangup\r\nB: 1\r\n",
            &["A=x\\nEvent: Hangup", "B=1"],
        ),
        (b"A: 1\nB: 2\n", &["A=1", "B=2"]),
        (b"A: x\ry\r\n", &["A=x\\ry"]),
    ];
    for (block, expected) in rows {
        assert_eq!(headers(block), expected, "{}", block.escape_ascii());
    }
}

#[test]
fn names_are_compared_without_case_and_whole() {
    let message = message(b"Event: Cdr\r\nUniqueID: 1.1\r\nDestUniqueid: 1.2\r\nCause-txt: x\r\n");
    assert_eq!(message.get("Uniqueid"), Some(&b"1.1"[..]));
    assert_eq!(message.get("destuniqueid"), Some(&b"1.2"[..]));
    assert_eq!(message.get("Cause"), None);
    assert_eq!(message.text("cause-TXT").as_deref(), Some("x"));
    assert_eq!(message.prefixed("Dest", "Uniqueid").count(), 1);
    assert_eq!(message.prefixed("", "DestUniqueid").count(), 1);
}

#[test]
fn only_the_first_header_says_what_a_block_is() {
    let check = |block: &[u8]| {
        let message = message(block);
        let kind = (message.event(), message.response());
        (kind.0.map(str::to_owned), kind.1.map(str::to_owned))
    };
    let event = |name: &str| (Some(name.to_owned()), None);
    let response = |name: &str| (None, Some(name.to_owned()));
    let rows: [(&[u8], _); 6] = [
        (b"Event: Hangup\r\n", event("Hangup")),
        (b"event:hangup\r\n", event("hangup")),
        (b"Response: Success\r\nEvent: x\r\n", response("Success")),
        (
            b"Event: OriginateResponse\r\nResponse: Failure\r\n",
            event("OriginateResponse"),
        ),
        // The second half of a block that a value with an empty line in it cut in two.
        (b"last\r\nChannel: x\r\nEvent: Hangup\r\n", (None, None)),
        (b"Event: \xff\r\n", (None, None)),
    ];
    for (block, expected) in rows {
        assert_eq!(check(block), expected, "{}", block.escape_ascii());
    }
}

#[test]
fn a_value_may_stand_for_nothing() {
    let message = message(b"A: <unknown>\r\nB: (null)\r\nC: none\r\nD: \r\nE: None\r\n");
    let check = |name| message.known(name);
    assert_eq!(["A", "B", "C", "D", "F"].map(check), [const { None }; 5]);
    assert_eq!(check("E").as_deref(), Some("None"));
    assert_eq!(message.text("A").as_deref(), Some("<unknown>"));
}

#[test]
fn escapes_are_undone() {
    let check = |value: &[u8]| unescape(value).into_owned();
    let rows: [(&[u8], &[u8]); 7] = [
        (b"plain", b"plain"),
        (br#"O\'Neil \\\"Q\\\""#, br#"O'Neil \"Q\""#),
        (br"a\nb\tc", b"a\nb\tc"),
        (br"\r\a\b\f\v\?", b"\r\x07\x08\x0c\x0b?"),
        (br"\x\1", br"\x\1"),
        (br"end\", br"end\"),
        (br"\\n", br"\n"),
    ];
    for (value, expected) in rows {
        assert_eq!(check(value), expected, "{}", value.escape_ascii());
    }
}

#[test]
fn output_comes_in_both_forms() {
    let check = |block: &[u8]| {
        let message = message(block);
        let lines = message.output();
        let lines: Vec<String> = lines.map(|line| line.escape_ascii().to_string()).collect();
        (lines, message.headers().len())
    };
    let rows: [(&[u8], &[&str], usize); 6] = [
        (b"Response: Success\r\nOutput:   a\r\nOutput: \r\nOutput: b:c\r\n", &["  a", "", "b:c"], 4),
        (
            b"Response: Follows\r\nPrivilege: Command\r\nActionID: 1\r\nName/host: x\nline\n\nlast\n--END COMMAND--\r\n",
            &["Name/host: x", "line", "", "last"],
            3,
        ),
        (b"Response: Follows\r\nPrivilege: Command\r\nno colon\n--END COMMAND--\r\n", &["no colon"], 2),
        (b"Response: Follows\r\nPrivilege: Command\r\n--END COMMAND--\r\n", &[], 2),
        (b"Response: Follows\r\nPrivilege: Command\r\nPrivilege: x\nActionID: y\n--END COMMAND--\r\n", &["Privilege: x", "ActionID: y"], 2),
        (b"Response: Success\r\nMessage: x\r\n", &[], 2),
    ];
    for (block, lines, count) in rows {
        let lines: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
        assert_eq!(check(block), (lines, count), "{}", block.escape_ascii());
    }
}

#[test]
fn debug_shows_no_people() {
    let message =
        message(b"Event: Newchannel\r\nCallerIDName: Anna\r\nCallerIDNum: 79160000000\r\n");
    let shown = format!("{message:?}");
    assert!(
        shown.contains("Newchannel") && shown.contains('3'),
        "{shown}"
    );
    assert!(
        !shown.contains("Anna") && !shown.contains("7916"),
        "{shown}"
    );
}

proptest! {
    #[test]
    fn any_bytes_are_a_message(block in prop::collection::vec(any::<u8>(), 0..300)) {
        let message = message(&block);
        prop_assert_eq!(&message.as_bytes()[..], &block[..]);
        prop_assert!(message.output().count() <= block.len() + 1);
        drop(format!("{message:?} {:?} {:?}", message.event(), message.unescaped("a")));
    }

    #[test]
    fn headers_come_back_as_they_were_written(
        written in prop::collection::vec(("[A-Za-z-]{1,12}", "[^\r]{0,20}"), 1..40),
    ) {
        let block: String = written.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let message = message(block.as_bytes());
        let read: Vec<(String, String)> = message
            .headers()
            .map(|header| {
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                (text(header.name), text(header.value))
            })
            .collect();
        let is_follows = written[0].0.eq_ignore_ascii_case("Response") && written[0].1.eq_ignore_ascii_case("Follows");
        prop_assume!(!is_follows);
        prop_assert_eq!(read, written);
    }
}

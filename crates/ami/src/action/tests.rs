use super::*;
use crate::value::{Channel, Exten, Variable, Word};

fn text(action: impl Into<Action>) -> String {
    let mut out = BytesMut::new();
    action.into().write("id-1", &mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

fn word(text: &str) -> Word {
    Word::new(text).unwrap()
}

fn exten(text: &str) -> Exten {
    Exten::new(text).unwrap()
}

fn channel(text: &str) -> Channel {
    Channel::new(text).unwrap()
}

fn value(text: &str) -> Value {
    Value::new(text).unwrap()
}

/// Compares an action with its lines, which are written here without line ends and without those of every action.
fn check(action: impl Into<Action>, name: &str, lines: &[&str]) {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let expected = format!("Action: {name}\r\nActionID: id-1\r\n{lines}\r\n");
    assert_eq!(text(action), expected);
}

#[test]
fn originate_has_every_header() {
    let place = Place::new(word("from-internal"), exten("89160000000"));
    let originate = Originate::new(channel("PJSIP/101"), Then::Dialplan(place.clone()))
        .timeout(Duration::from_secs(30))
        .caller_id(CallerId::new(Some("Anna \"A\" <1>"), &exten("101")).unwrap())
        .channel_id(word("hub-1"))
        .other_channel_id(word("hub-2"))
        .account(word("crm"))
        .early_media()
        .codecs(&[word("alaw"), word("ulaw")])
        .unwrap()
        .pre_dial_gosub(&place)
        .unwrap()
        .variable(Variable::new(&word("__CRM_ID"), "a,b").unwrap())
        .unwrap()
        .variable(Variable::new(&word("X"), "").unwrap())
        .unwrap();
    let lines = [
        "Channel: PJSIP/101",
        "Async: true",
        "Context: from-internal",
        "Exten: 89160000000",
        "Priority: 1",
        "Timeout: 30000",
        "CallerID: \"Anna A 1\" <101>",
        "ChannelId: hub-1",
        "OtherChannelId: hub-2",
        "Account: crm",
        "EarlyMedia: true",
        "Codecs: alaw,ulaw",
        "PreDialGoSub: from-internal,89160000000,1",
        "Variable: __CRM_ID=a\\,b",
        "Variable: X=",
    ];
    check(originate, "Originate", &lines);
    let echo = Then::Application {
        name: word("Echo"),
        data: None,
    };
    let lines = ["Channel: PJSIP/101", "Async: true", "Application: Echo"];
    check(
        Originate::new(channel("PJSIP/101"), echo),
        "Originate",
        &lines,
    );
}

#[test]
fn actions_on_channels_are_written() {
    let one = || channel("PJSIP/101-1");
    let place = || Place::new(word("ctx"), exten("102"));
    check(
        Hangup {
            channel: one(),
            cause: Some(16),
        },
        "Hangup",
        &["Channel: PJSIP/101-1", "Cause: 16"],
    );
    check(
        Redirect {
            channel: one(),
            to: place(),
            extra: Some((channel("PJSIP/t-2"), place())),
        },
        "Redirect",
        &[
            "Channel: PJSIP/101-1",
            "Context: ctx",
            "Exten: 102",
            "Priority: 1",
            "ExtraChannel: PJSIP/t-2",
            "ExtraContext: ctx",
            "ExtraExten: 102",
            "ExtraPriority: 1",
        ],
    );
    let transfer = ["Channel: PJSIP/101-1", "Exten: 102", "Context: ctx"];
    check(
        Atxfer {
            channel: one(),
            exten: exten("102"),
            context: Some(word("ctx")),
        },
        "Atxfer",
        &transfer,
    );
    check(
        BlindTransfer {
            channel: one(),
            exten: exten("102"),
            context: Some(word("ctx")),
        },
        "BlindTransfer",
        &transfer,
    );
    check(
        CancelAtxfer(one()),
        "CancelAtxfer",
        &["Channel: PJSIP/101-1"],
    );
    check(
        MixMonitor {
            channel: one(),
            file: value("a/b.wav"),
            options: Some(value("bi(ID)")),
        },
        "MixMonitor",
        &["Channel: PJSIP/101-1", "File: a/b.wav", "options: bi(ID)"],
    );
    check(
        StopMixMonitor {
            channel: one(),
            id: None,
        },
        "StopMixMonitor",
        &["Channel: PJSIP/101-1"],
    );
    check(
        MixMonitorMute {
            channel: one(),
            direction: Direction::Read,
            is_mute: true,
        },
        "MixMonitorMute",
        &["Channel: PJSIP/101-1", "Direction: read", "State: 1"],
    );
    check(
        Status::with_variables(&[word("A"), word("B")]).unwrap(),
        "Status",
        &["Variables: A,B"],
    );
    check(
        Getvar {
            channel: Some(one()),
            variable: value("CDR(answer,u)"),
        },
        "Getvar",
        &["Channel: PJSIP/101-1", "Variable: CDR(answer,u)"],
    );
    check(
        Setvar {
            channel: None,
            variable: word("X"),
            value: value("1"),
        },
        "Setvar",
        &["Variable: X", "Value: 1"],
    );
}

#[test]
fn actions_on_the_system_are_written() {
    check(Ping, "Ping", &[]);
    check(CoreShowChannels, "CoreShowChannels", &[]);
    check(CoreSettings, "CoreSettings", &[]);
    check(
        QueueStatus {
            queue: Some(word("sales")),
        },
        "QueueStatus",
        &["Queue: sales"],
    );
    check(
        Command(value("core show version")),
        "Command",
        &["Command: core show version"],
    );
    let event = UserEvent::new(word("Hub"))
        .header(Name::new("Call").unwrap(), value("42"))
        .unwrap();
    check(event, "UserEvent", &["UserEvent: Hub", "Call: 42"]);
    let (family, key) = (word("f"), value("+79160000000"));
    check(
        DbPut {
            family: family.clone(),
            key: key.clone(),
            value: value("101"),
        },
        "DBPut",
        &["Family: f", "Key: +79160000000", "Val: 101"],
    );
    let lines = ["Family: f", "Key: +79160000000"];
    check(
        DbGet {
            family: family.clone(),
            key: key.clone(),
        },
        "DBGet",
        &lines,
    );
    check(DbDel { family, key }, "DBDel", &lines);
}

#[test]
fn an_action_has_no_more_lines_than_asterisk_takes() {
    let mut action = Action::new(Name::new("UserEvent").unwrap());
    for _ in 0..HEADERS_MAX {
        action = action.header(Name::new("X").unwrap(), value("1")).unwrap();
    }
    assert_eq!(
        text(action.clone()).lines().count(),
        128 + 1,
        "and the empty line"
    );
    assert_eq!(
        action.header(Name::new("X").unwrap(), value("1")),
        Err(TooManyHeaders)
    );
}

#[test]
fn debug_shows_names_only() {
    let action: Action = Command(value("secret")).into();
    assert_eq!(
        format!("{action:?}"),
        r#"Action { name: "Command", headers: ["Command"], .. }"#
    );
}

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::*;

/// A client that knows nothing but lines.
struct Client {
    socket: TcpStream,
    got: String,
}

impl Client {
    async fn new(running: &Running) -> Self {
        let socket = TcpStream::connect(running.address).await.unwrap();
        let mut client = Self {
            socket,
            got: String::new(),
        };
        client.until("\r\n").await;
        client
    }

    async fn logged_in(running: &Running) -> Self {
        let mut client = Self::new(running).await;
        client
            .ask("Action: Login\nUsername: hub\nSecret: hub")
            .await;
        client
    }

    async fn say(&mut self, lines: &str) {
        let text = format!("{}\r\n\r\n", lines.replace('\n', "\r\n"));
        self.socket.write_all(text.as_bytes()).await.unwrap();
    }

    /// Everything up to a text, or to the end of the connection.
    async fn until(&mut self, text: &str) -> String {
        loop {
            if let Some(found) = self.got.find(text) {
                let rest = self.got.split_off(found + text.len());
                return std::mem::replace(&mut self.got, rest);
            }
            let mut read = [0; 4096];
            // A reset after the last byte counts as the end.
            let bytes = self.socket.read(&mut read).await.unwrap_or(0);
            if bytes == 0 {
                return std::mem::take(&mut self.got);
            }
            self.got.push_str(&String::from_utf8_lossy(&read[..bytes]));
        }
    }

    /// Asks with an id, and answers what comes up to the end of the answer's first block.
    async fn ask(&mut self, lines: &str) -> String {
        self.say(&format!("{lines}\nActionID: t")).await;
        self.until("Response: ").await;
        self.until("\r\n\r\n").await
    }
}

#[tokio::test]
async fn logins_are_proved_or_refused_without_a_reason() {
    let running = start(Options::default()).await.unwrap();
    let mut client = Client::new(&running).await;
    assert!(
        client
            .ask("Action: Ping")
            .await
            .contains("Permission denied")
    );
    let challenge = client.ask("Action: Challenge\nAuthType: MD5").await;
    assert_eq!(
        client.ask("action:challenge\nauthtype:md5").await,
        challenge
    );
    let other = client.ask("Action: Challenge\nAuthType: SHA256").await;
    assert!(other.contains("Must specify AuthType"), "{other}");
    for (user, secret) in [("hub", "wrong"), ("nobody", "hub")] {
        let mut client = Client::new(&running).await;
        let refused = client
            .ask(&format!(
                "Action: Login\nUsername: {user}\nSecret: {secret}"
            ))
            .await;
        assert_eq!(
            refused,
            "Error\r\nActionID: t\r\nMessage: Authentication failed\r\n\r\n"
        );
        assert_eq!(client.until("nothing").await, "", "it is closed");
    }
    let mut client = Client::logged_in(&running).await;
    assert!(
        client
            .until("Status: Fully Booted")
            .await
            .contains("Event: FullyBooted")
    );
    assert!(client.ask("Action: Ping").await.contains("Ping: Pong"));
    assert_eq!(running.pbx.logged_in(), 1);
    assert!(client.ask("Action: Logoff").await.contains("fish"));
    assert_eq!(client.until("nothing").await, "");
}

#[tokio::test]
async fn masks_and_classes_decide_what_comes() {
    let mut reader = User::new("hub", "hub");
    reader.read = vec!["call".to_owned(), "cdr".to_owned()];
    let options = Options {
        users: vec![reader],
        ..Options::default()
    };
    let running = start(options).await.unwrap();
    let mut client = Client::logged_in(&running).await;
    let check = async |client: &mut Client, mask: &str| {
        if !mask.is_empty() {
            client
                .ask(&format!("Action: Events\nEventMask: {mask}"))
                .await;
        }
        for class in ["call", "system", "cdr"] {
            let event = format!("Event: X\r\nPrivilege: {class},all\r\n");
            running.pbx.emit(event.as_bytes());
        }
        client.say("Action: Ping\nActionID: t").await;
        let got = client.until("Pong").await;
        got.lines()
            .filter_map(|line| line.strip_prefix("Privilege: "))
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(
        check(&mut client, "").await,
        "call,all cdr,all",
        "no FullyBooted either"
    );
    assert_eq!(check(&mut client, "system,cdr").await, "cdr,all");
    assert_eq!(
        check(&mut client, "nonsense").await,
        "",
        "and it said success"
    );
    assert_eq!(check(&mut client, "on").await, "call,all cdr,all");
}

/// Whether events come through filters: of `Newchannel`, of a variable `CRM_ID`, of a variable `RTPAUDIO`.
async fn filtered(release: Release, filters: &[&str]) -> (Vec<bool>, [bool; 3]) {
    let options = Options {
        release,
        ..Options::default()
    };
    let running = start(options).await.unwrap();
    let mut client = Client::logged_in(&running).await;
    let mut taken = Vec::new();
    for filter in filters {
        let answer = client
            .ask(&format!("Action: Filter\nOperation: Add\n{filter}"))
            .await;
        taken.push(answer.starts_with("Success"));
    }
    for event in [
        "Newchannel\r\nX: 1",
        "VarSet\r\nVariable: __CRM_ID",
        "VarSet\r\nVariable: RTPAUDIO",
    ] {
        let event = format!("Event: {event}\r\nPrivilege: call,all\r\nEnd: 1\r\n");
        running.pbx.emit(event.as_bytes());
    }
    client.say("Action: Ping").await;
    let got = client.until("Pong").await;
    (
        taken,
        ["Newchannel", "CRM_ID", "RTPAUDIO"].map(|name| got.contains(name)),
    )
}

#[tokio::test]
async fn filters_are_read_as_the_release_reads_them() {
    let both = [Release::Asterisk16, Release::Asterisk22];
    for release in both {
        let classic = filtered(release, &["Filter: ^Event: (Newchannel|Hangup)[[:space:]]"]).await;
        assert_eq!(classic, (vec![true], [true, false, false]));
        let excluded = filtered(release, &["Filter: !Variable: RTP"]).await;
        assert_eq!(excluded, (vec![true], [true, true, false]));
        let wrong = filtered(release, &["Filter: ["]).await;
        assert_eq!(wrong, (vec![false], [true; 3]));
        let wrong_in_both = filtered(release, &["MatchCriteria: bogus(x)\nFilter: ["]).await;
        assert_eq!(wrong_in_both, (vec![false], [true; 3]));
    }
    let exclude = "MatchCriteria: action(exclude),name(VarSet),header(Variable),method(starts_with)\nFilter: RTP";
    let [old, new] = both;
    assert_eq!(
        filtered(new, &[exclude]).await,
        (vec![true], [true, true, false])
    );
    assert_eq!(
        filtered(old, &[exclude]).await,
        (vec![true], [false, false, true]),
        "the trap"
    );
    let include = [
        "MatchCriteria: action(include),name(Newchannel)",
        "MatchCriteria: name(VarSet),header(Variable),method(regex)\nFilter: ^_*(CRM_ID)$",
    ];
    assert_eq!(
        filtered(new, &include).await,
        (vec![true; 2], [true, true, false])
    );
}

#[tokio::test]
async fn channels_are_made_shown_and_ended() {
    let options = Options {
        unreachable: vec!["PJSIP/103".to_owned()],
        ..Options::default()
    };
    let running = start(options).await.unwrap();
    let mut client = Client::logged_in(&running).await;
    let call = "Action: Originate\nContext: from-internal\nExten: 1\nPriority: 1\nAsync: true\nActionID: o";
    client
        .say(&format!("{call}\nChannel: PJSIP/101\nChannelId: mine"))
        .await;
    let got = client.until("Reason: 4\r\nUniqueid: mine").await;
    let order = [
        "successfully queued",
        "Event: Newchannel",
        "Event: OriginateResponse\r\nPrivilege: call,all\r\nActionID: o",
    ];
    let places = order.map(|text| got.find(text).unwrap_or_else(|| panic!("{text} in {got}")));
    assert!(places.is_sorted(), "{got}");
    client.say(&format!("{call}\nChannel: PJSIP/103")).await;
    let failed = client.until("Uniqueid: <unknown>").await;
    assert!(
        failed.contains("Response: Failure") && failed.contains("Reason: 0"),
        "{failed}"
    );

    client.say("Action: CoreShowChannels\nActionID: l").await;
    let list = client.until("ListItems: 1").await;
    assert!(
        list.contains("Event: CoreShowChannel\r\nChannel: PJSIP/101-00000000"),
        "{list}"
    );
    assert!(
        client
            .ask("Action: Hangup\nChannel: PJSIP/101-00000000")
            .await
            .contains("Hungup")
    );
    client.until("Event: Hangup").await;
    assert!(running.pbx.channels().is_empty());
    let again = client
        .ask("Action: Hangup\nChannel: PJSIP/101-00000000")
        .await;
    assert!(again.contains("No such channel"), "{again}");
}

#[tokio::test]
async fn lines_beyond_the_limit_break_the_action() {
    let running = start(Options::default()).await.unwrap();
    let mut client = Client::logged_in(&running).await;
    let fits = format!("Action: Ping\nX: {}", "x".repeat(1019));
    assert!(client.ask(&fits).await.starts_with("Success"));
    let long = format!("Action: Ping\nX: {}", "x".repeat(1020));
    client.say(&long).await;
    let broken = client.until("Missing action in request").await;
    assert!(broken.contains("line too long"), "{broken}");
    let many = (0..127).fold("Action: Ping".to_owned(), |text, _| text + "\nX: 1");
    assert!(client.ask(&many).await.contains("Too many lines"));
}

#[tokio::test]
async fn a_reader_that_does_not_read_is_cut_off() {
    let options = Options {
        send_buffer_bytes: Some(16 << 10),
        ..Options::default()
    };
    let running = start(options).await.unwrap();
    let mut client = Client::logged_in(&running).await;
    let event = [b"Event: X\r\nY: ".as_slice(), &[b'y'; 1000], b"\r\n"].concat();
    while running.pbx.logged_in() > 0 {
        running.pbx.emit(&event);
        tokio::task::yield_now().await;
    }
    assert_eq!(running.pbx.ended().get(&1), Some(&Ended::SlowReader));
    let rest = client.until("nothing").await;
    assert!(!rest.ends_with("\r\n\r\n"), "the last block is torn");
}

#[tokio::test]
async fn recordings_are_sent_without_answers_to_others() {
    let recording = b"Asterisk Call Manager/11.0.0\r\nResponse: Success\r\nActionID: x\r\n\r\n\
        Event: A\r\nPrivilege: call,all\r\n\r\n\r\nEvent: CoreShowChannelsComplete\r\nEventList: Complete\r\n\r\n\
        Event: B\r\nPrivilege: call,all\r\n\r\nEvent: half";
    let running = start(Options::default()).await.unwrap();
    let mut client = Client::logged_in(&running).await;
    let second = Duration::from_secs(1);
    let reads = [
        (40, Duration::ZERO),
        (60, second),
        (recording.len() - 100, 2 * second),
    ];
    let recording = Recording {
        bytes: recording,
        reads: &reads,
    };
    assert_eq!(running.pbx.replay(recording, Speed::Unpaced).await, 2);
    let began_at = tokio::time::Instant::now();
    assert_eq!(running.pbx.replay(recording, Speed::Times(20.0)).await, 2);
    assert!(began_at.elapsed() >= Duration::from_millis(100));
    client.say("Action: Ping").await;
    let got = client.until("Pong").await;
    let events: Vec<&str> = got
        .lines()
        .filter(|line| line.starts_with("Event: "))
        .collect();
    assert_eq!(
        events,
        [
            "Event: FullyBooted",
            "Event: A",
            "Event: B",
            "Event: A",
            "Event: B"
        ]
    );
}

#[tokio::test]
async fn faults_come_when_they_are_told_to() {
    let running = start(Options::default()).await.unwrap();
    let fault = |then| Fault {
        action: "ping".to_owned(),
        skip: 1,
        times: 1,
        executes: true,
        then,
    };
    running.pbx.fail(fault(Then::Refuse("no".to_owned())));
    let mut client = Client::logged_in(&running).await;
    assert!(client.ask("Action: Ping").await.starts_with("Success"));
    assert!(client.ask("Action: Ping").await.contains("Message: no"));
    assert!(client.ask("Action: Ping").await.starts_with("Success"));
    running.pbx.fail(fault(Then::CutInside));
    assert!(client.ask("Action: Ping").await.starts_with("Success"));
    client.say("Action: Ping\nActionID: t").await;
    let half = client.until("nothing").await;
    assert!(
        half.contains("Response: Succ") && !half.contains("Pong"),
        "{half}"
    );
    running.pbx.die();
    let mut refused = TcpStream::connect(running.address).await.unwrap();
    assert_eq!(
        refused.read(&mut [0]).await.unwrap_or(0),
        0,
        "nobody is let in"
    );
    running.pbx.rise();
    Client::logged_in(&running).await;
    assert_eq!(running.pbx.count("Login"), 2);
}

use bytes::Bytes;

use super::*;
use crate::{
    NotSent, Wanted,
    action::{Command, Hangup, Originate, Then, UserEvent},
    value::{ActionId, Channel, Value, Word},
};

const LOGIN_ANSWER: &str =
    "Response: Success\r\nActionID: {}\r\nMessage: Authentication accepted\r\n";

/// A dialogue with what was sent and told so far.
struct Talk<'a> {
    dialogue: Dialogue<'a>,
    now: Instant,
    filters: Filters,
    told: Vec<String>,
}

fn options() -> Options {
    Options {
        actions_in_flight_max: 5,
        answer_bytes_max: 500,
        ..Options::default()
    }
}

fn login() -> Login {
    Login::new("hub", "hub").unwrap()
}

fn ids() -> Ids {
    Ids::new(0)
}

/// What a signal is, in few words.
fn word(signal: &Signal) -> String {
    match signal {
        Signal::Connected(greeting) => {
            let filtering = match &greeting.filtering {
                Filtering::Refused(refusal) => format!("refused: {}", refusal.message),
                filtering => format!("{filtering:?}"),
            };
            let up = greeting.up_for.map(|up| up.as_secs());
            format!("connected {filtering} up {up:?}")
        }
        Signal::Resync(Resync::Channels(channels)) => format!("resync of {}", channels.len()),
        Signal::Resync(Resync::Refused(refusal)) => format!("no resync: {}", refusal.message),
        Signal::Resync(Resync::TooLong { .. }) => "resync too long".to_owned(),
        Signal::Event(event) => event.event().unwrap().to_owned(),
        Signal::Stray(_) => "stray".to_owned(),
        Signal::LeftOut(_) => "left out".to_owned(),
        Signal::Disconnected { .. } => unreachable!("the driver's"),
    }
}

impl<'a> Talk<'a> {
    fn new(options: &'a Options, login: &'a Login, ids: &'a mut Ids) -> Self {
        let now = Instant::now();
        Self {
            dialogue: Dialogue::new(options, login, ids, now),
            now,
            filters: Filters::AsWanted,
            told: Vec::new(),
        }
    }

    /// Up to the first answer after the login, with an empty resync.
    fn up(options: &'a Options, login: &'a Login, ids: &'a mut Ids) -> Self {
        let mut talk = Self::new(options, login, ids);
        talk.greeted();
        talk.logged_in();
        talk.answer("Response: Success\r\nActionID: {}\r\nPing: Pong\r\n")
            .unwrap();
        talk.list("CoreShowChannel", 0);
        talk.told.clear();
        talk
    }

    fn greeted(&mut self) {
        let banner = Banner::new(b"Asterisk Call Manager/11.0.0");
        self.frame(Ok(Frame::Banner(banner))).unwrap();
    }

    fn logged_in(&mut self) {
        self.answer("Response: Success\r\nActionID: {}\r\nChallenge: 1\r\n")
            .unwrap();
        self.answer(LOGIN_ANSWER).unwrap();
    }

    fn frame(&mut self, frame: Result<Frame, TooLong>) -> Result<(), Reason> {
        let heard = self.dialogue.heard(frame, self.filters, self.now);
        self.told
            .extend(self.dialogue.signals().map(|signal| word(&signal)));
        heard
    }

    fn hear(&mut self, block: &str) -> Result<(), Reason> {
        let block = Bytes::copy_from_slice(block.as_bytes());
        self.frame(Ok(Frame::Message(Message::parse(block))))
    }

    /// Answers the oldest action that was sent and not answered.
    fn answer(&mut self, block: &str) -> Result<(), Reason> {
        let (_, id) = self.sent().remove(0);
        self.hear(&block.replace("{}", &id))
    }

    fn list(&mut self, item: &str, count: usize) {
        let (_, id) = self.sent().remove(0);
        self.hear(&format!(
            "Response: Success\r\nActionID: {id}\r\nEventList: start\r\n"
        ))
        .unwrap();
        for _ in 0..count {
            self.hear(&format!("Event: {item}\r\nActionID: {id}\r\n"))
                .unwrap();
        }
        self.hear(&format!(
            "Event: {item}Complete\r\nActionID: {id}\r\nEventList: Complete\r\n"
        ))
        .unwrap();
    }

    /// Actions and ids of what was sent since it was asked last.
    fn take_sent(&mut self) -> Vec<(String, String)> {
        let text = String::from_utf8(self.dialogue.out().to_vec()).unwrap();
        self.dialogue.taken(text.len());
        let header = |block: &str, name: &str| {
            let line = block.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default().to_owned()
        };
        let blocks = text.split_terminator("\r\n\r\n");
        blocks
            .map(|block| (header(block, "Action: "), header(block, "ActionID: ")))
            .collect()
    }

    /// As the above; there has to be something.
    fn sent(&mut self) -> Vec<(String, String)> {
        let sent = self.take_sent();
        assert!(!sent.is_empty(), "nothing was sent");
        sent
    }

    fn ask(&mut self, action: impl Into<Action>) -> oneshot::Receiver<Outcome> {
        let (answer, outcome) = oneshot::channel();
        self.dialogue.ask(&action.into(), answer, self.now);
        outcome
    }

    fn after(&mut self, seconds: u64) -> Result<(), Reason> {
        self.now += Duration::from_secs(seconds);
        self.dialogue.tick(self.now)
    }
}

fn hangup() -> Hangup {
    Hangup {
        channel: Channel::new("PJSIP/101-1").unwrap(),
        cause: None,
    }
}

#[test]
fn a_connection_is_told_with_what_came_before_it_was_up() {
    let (options, login, mut ids) = (options(), login(), ids());
    let mut talk = Talk::new(&options, &login, &mut ids);
    talk.greeted();
    assert_eq!(talk.dialogue.wake_at(), talk.now + options.login_deadline);
    talk.logged_in();
    talk.hear("Event: FullyBooted\r\nUptime: 16\r\n").unwrap();
    talk.hear("Event: Newchannel\r\n").unwrap();
    assert!(talk.told.is_empty(), "not before the connection is up");
    talk.answer("Response: Success\r\nActionID: {}\r\n")
        .unwrap();
    assert_eq!(
        talk.told,
        ["connected Unasked up Some(16)", "FullyBooted", "Newchannel"]
    );
    talk.hear("Event: Hangup\r\n").unwrap();
    talk.list("CoreShowChannel", 2);
    assert_eq!(talk.told[3..], ["Hangup", "resync of 2"]);
    assert!(talk.take_sent().is_empty());
}

#[test]
fn a_resync_tells_of_each_channel_what_is_wanted_to_be_known() {
    let options = Options {
        resync_variables: Some(Value::new("A,CDR(answer,u)").unwrap()),
        ..options()
    };
    let (login, mut ids) = (login(), ids());
    let mut talk = Talk::new(&options, &login, &mut ids);
    talk.greeted();
    talk.logged_in();
    talk.answer("Response: Success\r\nActionID: {}\r\n")
        .unwrap();
    let sent = String::from_utf8(talk.dialogue.out().to_vec()).unwrap();
    assert!(sent.starts_with("Action: Status\r\n"), "{sent}");
    assert!(
        sent.contains("\r\nVariables: A,CDR(answer,u)\r\n"),
        "{sent}"
    );
    talk.list("Status", 2);
    assert_eq!(talk.told, ["connected Unasked up None", "resync of 2"]);
}

#[test]
fn an_asterisk_that_boots_is_asked_again_once_it_has_booted() {
    let (options, login, mut ids) = (options(), login(), ids());
    let mut talk = Talk::up(&options, &login, &mut ids);
    talk.hear("Event: FullyBooted\r\nStatus: Fully Booted\r\nUptime: 0\r\n")
        .unwrap();
    talk.hear("Event: FullyBooted\r\nUptime: 0\r\n").unwrap();
    talk.list("CoreShowChannel", 1);
    talk.list("CoreShowChannel", 3);
    assert_eq!(
        talk.told,
        ["FullyBooted", "FullyBooted", "resync of 1", "resync of 3"]
    );
    assert!(talk.take_sent().is_empty());
}

#[test]
fn a_user_who_may_not_ask_is_told_so() {
    let (options, login, mut ids) = (options(), login(), ids());
    let mut talk = Talk::new(&options, &login, &mut ids);
    talk.greeted();
    talk.logged_in();
    talk.answer("Response: Success\r\nActionID: {}\r\n")
        .unwrap();
    talk.answer("Response: Error\r\nActionID: {}\r\nMessage: Permission denied\r\n")
        .unwrap();
    assert_eq!(
        talk.told,
        ["connected Unasked up None", "no resync: Permission denied"]
    );
}

#[test]
fn a_refused_login_ends_it() {
    let (options, login, mut ids) = (options(), login(), ids());
    let mut talk = Talk::new(&options, &login, &mut ids);
    talk.greeted();
    talk.answer("Response: Success\r\nActionID: {}\r\nChallenge: 1\r\n")
        .unwrap();
    let refused =
        talk.answer("Response: Error\r\nActionID: {}\r\nMessage: Authentication failed\r\n");
    assert_eq!(
        refused,
        Err(Reason::LoginRefused("Authentication failed".to_owned()))
    );
}

#[test]
fn what_is_no_manager_is_named() {
    let (options, login, mut ids) = (options(), login(), ids());
    let mut talk = Talk::new(&options, &login, &mut ids);
    let banner = Banner::new(b"HTTP/1.1 400 Bad Request");
    let heard = talk.frame(Ok(Frame::Banner(banner)));
    assert_eq!(
        heard,
        Err(Reason::NotAManager("HTTP/1.1 400 Bad Request".to_owned()))
    );
    let heard = talk.frame(Err(TooLong { bytes_max: 1 }));
    assert!(matches!(heard, Err(Reason::NotAManager(_))), "{heard:?}");
}

#[test]
fn a_login_that_is_not_answered_ends() {
    let (options, login, mut ids) = (options(), login(), ids());
    let mut talk = Talk::new(&options, &login, &mut ids);
    talk.greeted();
    assert_eq!(talk.after(9), Ok(()));
    assert_eq!(
        talk.after(1),
        Err(Reason::LoginDeadline(options.login_deadline))
    );
}

/// Goes through the filters with an answer for the probe and one for each filter; how many filters were sent.
fn filter(answers: &[&str]) -> (Result<(), Reason>, Vec<String>) {
    let options = Options {
        wanted: Some(Wanted {
            events: vec![Word::new("Newchannel").unwrap()],
            variables: vec![Word::new("X").unwrap()],
            ..Wanted::default()
        }),
        ..options()
    };
    let (login, mut ids) = (login(), ids());
    let mut talk = Talk::new(&options, &login, &mut ids);
    talk.greeted();
    talk.logged_in();
    for answer in answers {
        let response = match *answer {
            "ok" => "Success",
            _ => "Error",
        };
        let block = format!("Response: {response}\r\nActionID: {{}}\r\nMessage: {answer}\r\n");
        if let Err(reason) = talk.answer(&block) {
            return (Err(reason), talk.told);
        }
    }
    talk.list("CoreShowChannel", 0);
    (Ok(()), talk.told)
}

#[test]
fn filters_are_set_in_the_language_that_is_understood() {
    let classic = "Filter did not compile.  Check the syntax of the filter given.";
    let advanced = "Filter was formatted incorrectly.  Check the syntax of the filter given.";
    let rows: [(&[&str], &str); 4] = [
        (&[classic, "ok", "ok"], "connected Classic up None"),
        (
            &[advanced, "ok", "ok", "ok", "ok"],
            "connected Advanced up None",
        ),
        (
            &["Permission denied"],
            "connected refused: Permission denied up None",
        ),
        (&[classic, "no"], "connected refused: no up None"),
    ];
    for (answers, expected) in rows {
        assert_eq!(
            filter(answers),
            (Ok(()), vec![expected.to_owned(), "resync of 0".to_owned()])
        );
    }
}

#[test]
fn half_a_set_of_filters_is_worse_than_none() {
    let classic = "Filter did not compile.  Check the syntax of the filter given.";
    assert_eq!(filter(&[classic, "ok", "no"]).0, Err(Reason::Filters));
    assert_eq!(
        filter(&["ok"]).0,
        Err(Reason::Filters),
        "what the probe now does is not known"
    );
    let options = Options {
        wanted: Some(Wanted::default()),
        ..options()
    };
    let (login, mut ids) = (login(), ids());
    let mut talk = Talk::new(&options, &login, &mut ids);
    talk.filters = Filters::GivenUp;
    talk.greeted();
    talk.logged_in();
    talk.answer("Response: Success\r\nActionID: {}\r\n")
        .unwrap();
    assert_eq!(talk.told, ["connected GivenUp up None"]);
}

#[test]
fn answers_find_their_actions() {
    let (options, login, mut ids) = (options(), login(), ids());
    let mut talk = Talk::up(&options, &login, &mut ids);
    let mut first = talk.ask(hangup());
    let mut second = talk.ask(Command(Value::new("nonsense").unwrap()));
    let mut third = talk.ask(CoreShowChannels);
    let sent = talk.sent();
    let [(_, first_id), (_, second_id), (_, third_id)] = &sent[..] else {
        panic!("{sent:?}")
    };
    // Not in order, which Asterisk does not do, to see that it does not matter.
    talk.hear(&format!(
        "Response: Success\r\nActionID: {third_id}\r\nEventList: start\r\n"
    ))
    .unwrap();
    talk.hear(&format!(
        "Response: Error\r\nActionID: {second_id}\r\nMessage: Command output follows\r\nOutput: No such command\r\n"
    ))
    .unwrap();
    talk.hear(&format!(
        "Event: CoreShowChannel\r\nChannel: x\r\nActionID: {third_id}\r\n"
    ))
    .unwrap();
    talk.hear("Event: Newchannel\r\n").unwrap();
    talk.hear(&format!(
        "Response: Success\r\nActionID: {first_id}\r\nMessage: Channel Hungup\r\n"
    ))
    .unwrap();
    assert!(third.try_recv().is_err(), "the list has not ended");
    talk.hear(&format!(
        "Event: CoreShowChannelsComplete\r\nActionID: {third_id}\r\nEventList: Complete\r\n"
    ))
    .unwrap();

    let Ok(Outcome::Done(answer)) = first.try_recv() else {
        panic!("the first is not done")
    };
    assert_eq!(
        answer.response.text("Message").as_deref(),
        Some("Channel Hungup")
    );
    let Ok(Outcome::Refused(refusal)) = second.try_recv() else {
        panic!("the second is not refused")
    };
    assert_eq!(
        refusal.to_string(),
        "Asterisk refused Command: No such command"
    );
    let Ok(Outcome::Done(answer)) = third.try_recv() else {
        panic!("the third is not done")
    };
    assert_eq!(answer.items.len(), 1);
    assert_eq!(talk.told, ["Newchannel"], "items are not events");
}

#[test]
fn events_with_an_id_are_events() {
    let (options, login, mut ids) = (options(), login(), ids());
    let mut talk = Talk::up(&options, &login, &mut ids);
    let echo = Then::Application {
        name: Word::new("Echo").unwrap(),
        data: None,
    };
    let originate = Originate::new(Channel::new("PJSIP/101").unwrap(), echo);
    let originate = Action::from(originate).with_id(ActionId::new("mine").unwrap());
    let mut queued = talk.ask(originate.clone());
    let Ok(Outcome::NotSent(NotSent::IdInUse)) = talk.ask(originate).try_recv() else {
        panic!("an id was sent twice")
    };
    let _event = talk.ask(UserEvent::new(Word::new("Hub").unwrap()));
    let sent = talk.sent();
    assert_eq!(sent[0], ("Originate".to_owned(), "mine".to_owned()));
    talk.hear("Event: OriginateResponse\r\nActionID: mine\r\nResponse: Failure\r\n")
        .unwrap();
    assert!(queued.try_recv().is_err(), "that is no response");
    talk.hear(&format!("Event: UserEvent\r\nActionID: {}\r\n", sent[1].1))
        .unwrap();
    talk.hear("Response: Success\r\nActionID: mine\r\n")
        .unwrap();
    assert!(matches!(queued.try_recv(), Ok(Outcome::Done(_))));
    assert_eq!(talk.told, ["OriginateResponse", "UserEvent"]);
}

#[test]
fn an_answer_to_nobody_decides_nothing() {
    let (options, login, mut ids) = (options(), login(), ids());
    let mut talk = Talk::up(&options, &login, &mut ids);
    let mut asked = talk.ask(hangup());
    talk.hear("Response: Error\r\nMessage: No such channel\r\n")
        .unwrap();
    talk.hear("Response: Error\r\nActionID: other\r\n").unwrap();
    assert!(asked.try_recv().is_err(), "it may have run");
    assert_eq!(talk.told, ["stray", "stray"]);
}

#[test]
fn a_late_answer_is_not_told_twice() {
    let (options, login, mut ids) = (options(), login(), ids());
    let mut talk = Talk::up(&options, &login, &mut ids);
    let mut asked = talk.ask(Action::from(CoreShowChannels).within(Duration::from_secs(2)));
    assert_eq!(talk.dialogue.wake_at(), talk.now + Duration::from_secs(2));
    talk.after(2).unwrap();
    let late = Unknown::Deadline(Duration::from_secs(2));
    let Ok(Outcome::Unknown(why)) = asked.try_recv() else {
        panic!("no outcome")
    };
    assert_eq!(why, late);
    talk.list("CoreShowChannel", 3);
    assert!(talk.told.is_empty(), "its items are no events");
    assert_eq!(talk.dialogue.pending.len(), 0);
}

#[test]
fn answers_are_bounded() {
    let (options, login, mut ids) = (options(), login(), ids());
    let mut talk = Talk::up(&options, &login, &mut ids);
    let mut long = talk.ask(CoreShowChannels);
    talk.list("CoreShowChannel", 40);
    let Ok(Outcome::Unknown(why)) = long.try_recv() else {
        panic!("no outcome")
    };
    assert_eq!(why, Unknown::TooLong { bytes_max: 500 });
    talk.frame(Err(TooLong { bytes_max: 1 })).unwrap();
    talk.list("CoreShowChannel", 40);
    assert_eq!(talk.told, ["left out", "resync too long"]);
    let answers: Vec<_> = (0..6).map(|_| talk.ask(hangup())).collect();
    let refused = answers
        .into_iter()
        .filter_map(|mut answer| answer.try_recv().ok())
        .collect::<Vec<_>>();
    assert!(
        matches!(refused[..], [Outcome::NotSent(NotSent::TooMany(5))]),
        "{refused:?}"
    );
}

#[test]
fn a_cut_connection_says_what_may_have_run() {
    let (options, login, mut ids) = (options(), login(), ids());
    let mut talk = Talk::up(&options, &login, &mut ids);
    let mut gone = talk.ask(hangup());
    let length = talk.dialogue.out().len();
    let mut half = talk.ask(hangup());
    talk.dialogue.taken(length + 5);
    let mut asked_late = talk.ask(hangup());
    assert_eq!(talk.dialogue.end(Reason::Closed), Reason::Closed);
    let Ok(Outcome::Unknown(Unknown::Lost(Reason::Closed))) = gone.try_recv() else {
        panic!("it may have run")
    };
    for unsent in [&mut half, &mut asked_late] {
        let Ok(Outcome::NotSent(NotSent::Lost(Reason::Closed))) = unsent.try_recv() else {
            panic!("it cannot have run")
        };
    }
}

#[test]
fn silence_is_asked_about_and_then_believed() {
    let (options, login, mut ids) = (options(), login(), ids());
    let mut talk = Talk::up(&options, &login, &mut ids);
    assert_eq!(talk.dialogue.wake_at(), talk.now + options.ping_after);
    talk.after(15).unwrap();
    assert_eq!(talk.sent()[0].0, "Ping");
    assert_eq!(talk.dialogue.wake_at(), talk.now + options.ping_deadline);
    talk.after(9).unwrap();
    assert_eq!(talk.after(1), Err(Reason::Silent(Duration::from_secs(25))));
}

#[test]
fn a_ping_that_events_overtake_is_no_silence() {
    let (options, login, mut ids) = (options(), login(), ids());
    let mut talk = Talk::up(&options, &login, &mut ids);
    talk.after(15).unwrap();
    talk.after(9).unwrap();
    talk.hear("Event: Newchannel\r\n").unwrap();
    talk.after(1).unwrap();
    assert_eq!(talk.dialogue.wake_at(), talk.now + Duration::from_secs(14));
}

#[test]
fn what_was_left_out_is_made_good() {
    let (options, login, mut ids) = (options(), login(), ids());
    let mut talk = Talk::up(&options, &login, &mut ids);
    talk.frame(Err(TooLong { bytes_max: 1 })).unwrap();
    talk.hear("last\r\nChannel: x\r\n").unwrap();
    talk.list("CoreShowChannel", 1);
    assert_eq!(talk.told, ["left out", "stray", "resync of 1"]);
}

#[test]
fn a_shutdown_is_why_the_connection_closed() {
    let (options, login, mut ids) = (options(), login(), ids());
    let mut talk = Talk::up(&options, &login, &mut ids);
    talk.hear("Event: Shutdown\r\nShutdown: Cleanly\r\nRestart: True\r\n")
        .unwrap();
    assert_eq!(talk.told, ["Shutdown"]);
    assert_eq!(
        talk.dialogue.end(Reason::Closed),
        Reason::Shutdown { restarts: true }
    );
}

#[test]
fn what_is_held_back_is_bounded() {
    let options = Options {
        backlog_bytes_max: 100,
        ..options()
    };
    let (login, mut ids) = (login(), ids());
    let mut talk = Talk::new(&options, &login, &mut ids);
    talk.greeted();
    talk.logged_in();
    let event = "Event: Newchannel\r\nChannel: PJSIP/101-00000001\r\n";
    talk.hear(event).unwrap();
    talk.hear(event).unwrap();
    assert_eq!(talk.hear(event), Err(Reason::Backlog { bytes_max: 100 }));
}

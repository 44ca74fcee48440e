//! The manager's user of docs/calls.md, with exactly the rights that stand there.

use ami::{
    Channel, Exten, Filtering, Login, Resync, Signal, Signals, Word,
    action::{CoreShowChannels, Originate, Place, QueueStatus, Status, Then as Next},
};
use deskbridge_calls::follow::Manager;
use deskbridge_journal::Tasks;
use testkit::asterisk::Custom;

use super::*;

const DOCUMENT: &str = include_str!("../../../../../../docs/calls.md");
const USER: &str = "deskbridge";

/// The user of the document, whom this machine may be.
fn user(secret: &str) -> String {
    let (_, rest) = DOCUMENT.split_once("       [deskbridge]\n").unwrap();
    let lines = rest.lines().take_while(|line| !line.trim().is_empty());
    let lines: Vec<&str> = lines.map(str::trim).collect();
    let text = format!("[{USER}]\n{}\n", lines.join("\n"));
    for example in ["secret = a long one", "permit = 192.0.2.7/"] {
        assert!(text.contains(example), "{example} in {text}");
    }
    text.replace("a long one", secret)
        .replace("192.0.2.7", "127.0.0.1")
}

/// What an Asterisk of the version under test makes of filters.
fn filtering() -> Filtering {
    match std::env::var("ASTERISK").as_deref() {
        Ok("16") => Filtering::Classic,
        _ => Filtering::Advanced,
    }
}

async fn pbx(user: &str) -> Pbx {
    let pbx = Pbx::start().await;
    pbx.configure(Custom::Managers, user).await;
    pbx
}

/// A connection as the program makes one, and what it said of filters and channels first.
async fn connected(
    pbx: &Pbx,
    secret: &str,
    options: ami::Options,
) -> (ami::Connection, Signals, Filtering) {
    let address = pbx.manager_address();
    let login = Login::new(USER, secret).unwrap();
    let (connection, mut signals, driver) =
        ami::connect(&address.ip().to_string(), address.port(), login, options).unwrap();
    Tasks::default().spawn("asterisk", driver.run());
    let mut filtering = None;
    loop {
        match signals.next().await.unwrap() {
            Signal::Connected(greeting) => filtering = Some(greeting.filtering),
            Signal::Resync(Resync::Channels(_)) => {
                return (connection, signals, filtering.unwrap());
            }
            Signal::Event(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// The names of events until every channel is gone.
async fn events_of_a_call(signals: &mut Signals) -> Vec<String> {
    let (mut events, mut live) = (Vec::new(), 0);
    while let Some(signal) = signals.next().await {
        let Signal::Event(event) = signal else {
            continue;
        };
        events.push(event.event().unwrap().to_owned());
        match event.event() {
            Some("Newchannel") => live += 1,
            Some("Hangup") => live -= 1,
            _ => continue,
        }
        if live == 0 {
            break;
        }
    }
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn the_user_of_the_document_may_do_all_that_is_needed() {
    const SECRET: &str = "sample7manager";
    let pbx = pbx(&user(SECRET)).await;
    let (connection, mut signals, filtering_now) =
        connected(&pbx, SECRET, Manager::options()).await;
    assert_eq!(filtering_now, filtering());

    let word = |text: &str| Word::new(text).unwrap();
    for (what, answer) in [
        ("CoreShowChannels", connection.send(CoreShowChannels).await),
        ("Status", connection.send(Status::default()).await),
        ("QueueStatus", connection.send(QueueStatus::default()).await),
    ] {
        assert!(answer.answer().is_ok(), "{what}");
    }
    let [agent] = pbx
        .agents([(101, Called::answers_then(Then::HangsUp { talk_ms: 300 }))])
        .await;
    let place = Place::new(word("from-internal"), Exten::new(CUSTOMER).unwrap());
    let originate = Originate::new(Channel::new("PJSIP/101").unwrap(), Next::Dialplan(place))
        .channel_id(word("deskbridge-1"));
    assert!(connection.send(originate).await.answer().is_ok());
    agent.finished().await;
    let events = events_of_a_call(&mut signals).await;
    assert!(
        events.contains(&"OriginateResponse".to_owned()),
        "{events:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_leave_out_what_is_not_needed() {
    const SECRET: &str = "sample7manager";
    let pbx = pbx(&user(SECRET)).await;
    let all = ami::Options {
        wanted: None,
        ..Manager::options()
    };
    let (_all, mut all, filtering_of_all) = connected(&pbx, SECRET, all).await;
    let (_few, mut few, filtering_of_few) = connected(&pbx, SECRET, Manager::options()).await;
    assert_eq!(filtering_of_all, Filtering::Unasked);
    assert_eq!(filtering_of_few, filtering());
    let agents = pbx
        .agents([(101, Called::Rings), (102, Called::answers())])
        .await;
    // The queue answers at once.
    let talks = Calling::Talks { talk_ms: 4_000 };
    pbx.call_in(CUSTOMER, number::QUEUE, talks).finished().await;
    for agent in agents {
        agent.finished().await;
    }
    let all = events_of_a_call(&mut all).await;
    let few = events_of_a_call(&mut few).await;
    let wanted = deskbridge_calls::decide::tracker::wanted();
    let is_wanted = |event: &&String| wanted.events.iter().any(|it| it.as_str() == event.as_str());
    let of = |events: &[String]| events.iter().filter(is_wanted).cloned().collect::<Vec<_>>();
    // Nothing that is wanted is missing, and half of the rest are variables.
    assert_eq!(of(&few), of(&all));
    assert!(few.contains(&"QueueCallerLeave".to_owned()), "{few:?}");
    let of_variables = |events: &[String]| events.iter().filter(|it| *it == "VarSet").count();
    assert!((1..=12).contains(&of_variables(&few)), "{few:?}");
    assert!(!few.contains(&"Newexten".to_owned()), "{few:?}");
    assert!(few.len() * 3 < all.len(), "{} of {}", few.len(), all.len());
}

/// Calls with the user, and holds what the portal has of them against what happened.
async fn follows(user: String, more: &'static str) -> Hub {
    const SECRET: &str = "sample7manager";
    let pbx = pbx(&user).await;
    let real = Real::with(pbx, |setting| Setting {
        user: USER,
        password: SECRET,
        more,
        ..setting
    })
    .await;
    let talks = Calling::Talks { talk_ms: 1_500 };
    real.call_in(number::DIRECT, [(101, Called::answers())], talks)
        .await;
    let call = real.desk.finished(true).await;
    let finish = call.finish.as_ref().unwrap();
    let told = (finish.user_id, finish.status_code.as_str());
    assert_eq!(told, (OF_101, "200"));
    assert_eq!(call.identity.line_number.as_deref(), Some(number::DIRECT));

    let gives_up = Calling::GivesUp { ring_ms: 500 };
    real.call_in(number::DIRECT, [(101, Called::Rings)], gives_up)
        .await;
    wait_for("a task", async || {
        (!real.desk.tasks().is_empty()).then_some(())
    })
    .await;
    real.desk.has_no_open_effects(&real.hub).await;
    assert_eq!((real.desk.calls().len(), real.desk.tasks().len()), (2, 1));
    real.hub
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_followed_as_the_user_of_the_document() {
    let hub = follows(user("sample7manager"), "").await;
    let line = hub.process.logged("The PBX is followed").await;
    assert_eq!(line["filtering"], format!("{:?}", filtering()));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_followed_as_a_user_without_the_class_system() {
    let user = user("sample7manager");
    assert!(user.contains("write = system,originate"), "{user}");
    assert!(DOCUMENT.contains("`write = reporting,originate`"));
    let user = user.replace("write = system,originate", "write = reporting,originate");
    let hub = follows(user.clone(), "event_filters = false").await;
    let line = hub.process.logged("The PBX is followed").await;
    assert_eq!(line["filtering"], "Unasked");
    drop(hub);
    // It works, too, where filters are tried in vain, and says so.
    let hub = follows(user, "").await;
    hub.process
        .logged(
            "The PBX takes no filters and sends every event; give the manager's user the class system in `write`, or say `event_filters = false`",
        )
        .await;
}

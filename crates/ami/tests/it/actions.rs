//! What becomes of actions.

use std::time::Duration;

use ami::{
    Action, ActionId, Channel, Exten, NotSent, Outcome, Reason, Unknown, Value, Variable, Word,
    action::{
        BlindTransfer, Command, DbGet, DbPut, Hangup, Originate, Ping, Place, Redirect, Status,
        Then, UserEvent,
    },
};
use simulators::ami as pbx;

use super::{Client, client, running};

fn word(text: &str) -> Word {
    Word::new(text).unwrap()
}

fn originate() -> Action {
    let place = Place::new(word("from-internal"), Exten::new("89160000000").unwrap());
    Originate::new(Channel::new("PJSIP/101").unwrap(), Then::Dialplan(place))
        .channel_id(word("hub-call-1"))
        .variable(Variable::new(&word("__CRM_ID"), "a,b").unwrap())
        .unwrap()
        .into()
}

async fn up(options: pbx::Options) -> (pbx::Running, Client) {
    let running = running(options).await;
    let mut client = client(&running);
    client.resync().await;
    (running, client)
}

#[tokio::test]
async fn a_call_is_made_followed_and_ended() {
    let (running, mut client) = up(pbx::Options::default()).await;
    let originate = originate().with_id(ActionId::new("click-1").unwrap());
    let Outcome::Done(queued) = client.connection.send(originate).await else {
        panic!("it was not queued")
    };
    assert_eq!(queued.response.action_id(), Some(&b"click-1"[..]));
    assert_eq!(
        client.events_until("OriginateResponse").await,
        ["Newchannel", "Newstate"]
    );
    let received = running.pbx.received();
    let sent = received
        .iter()
        .find(|action| action.action() == "Originate")
        .unwrap();
    assert_eq!(sent.get("Variable"), r"__CRM_ID=a\,b");
    assert_eq!(sent.get("Async"), "true");

    let Outcome::Done(status) = client.connection.send(Status::default()).await else {
        panic!("no status")
    };
    let [item] = &status.items[..] else {
        panic!("{status:?}")
    };
    assert_eq!(item.get("Uniqueid"), Some(&b"hub-call-1"[..]));
    let live = Channel::new(item.text("Channel").unwrap()).unwrap();
    let to = Place::new(word("from-internal"), Exten::new("102").unwrap());
    let redirect = Redirect {
        channel: live.clone(),
        to,
        extra: None,
    };
    assert!(matches!(
        client.connection.send(redirect).await,
        Outcome::Done(_)
    ));
    let transfer = BlindTransfer {
        channel: live.clone(),
        exten: Exten::new("102").unwrap(),
        context: None,
    };
    assert!(matches!(
        client.connection.send(transfer).await,
        Outcome::Done(_)
    ));
    let hangup = Hangup {
        channel: live,
        cause: None,
    };
    assert!(matches!(
        client.connection.send(hangup.clone()).await,
        Outcome::Done(_)
    ));
    client.events_until("Hangup").await;
    let Outcome::Refused(refusal) = client.connection.send(hangup).await else {
        panic!("it was hung up twice")
    };
    assert_eq!(
        refusal.to_string(),
        "Asterisk refused Hangup: No such channel"
    );
}

#[tokio::test]
async fn the_database_commands_and_own_events_work() {
    let (_running, mut client) = up(pbx::Options::default()).await;
    let (family, key) = (word("responsible"), Value::new("+79160000000").unwrap());
    let put = DbPut {
        family: family.clone(),
        key: key.clone(),
        value: Value::new("101").unwrap(),
    };
    assert!(matches!(
        client.connection.send(put).await,
        Outcome::Done(_)
    ));
    let answer = client
        .connection
        .send(DbGet { family, key })
        .await
        .answer()
        .unwrap();
    assert_eq!(answer.items.len(), 1);
    assert_eq!(
        answer.items.first().unwrap().text("Val").as_deref(),
        Some("101")
    );
    let version = Command(Value::new("core show version").unwrap());
    let answer = client.connection.send(version).await.answer().unwrap();
    let lines: Vec<&[u8]> = answer.response.output().collect();
    assert_eq!(lines, [b"Asterisk as simulated"]);
    let nonsense = Command(Value::new("nonsense").unwrap());
    assert!(matches!(
        client.connection.send(nonsense).await,
        Outcome::Refused(_)
    ));
    let event = UserEvent::new(word("Hub"));
    assert!(matches!(
        client.connection.send(event).await,
        Outcome::Done(_)
    ));
    client.events_until("UserEvent").await;
}

#[tokio::test]
async fn many_actions_at_once_each_get_their_answer() {
    let (running, client) = up(pbx::Options::default()).await;
    let asked = (0..100).map(|n| {
        let id = ActionId::new(format!("ping-{n}")).unwrap();
        let connection = client.connection.clone();
        async move {
            let answer = connection
                .send(Action::from(Ping).with_id(id.clone()))
                .await;
            answer.answer().unwrap().response.action_id() == Some(id.as_str().as_bytes())
        }
    });
    let mut asked: Vec<_> = asked.map(Box::pin).collect();
    // All of them are under way before the first is awaited.
    for ask in &mut asked {
        assert!(
            std::future::poll_fn(|context| std::task::Poll::Ready(ask.as_mut().poll(context)))
                .await
                .is_pending()
        );
    }
    for ask in asked {
        assert!(ask.await);
    }
    assert!(running.pbx.count("Ping") >= 100);
}

/// What becomes of an `Originate` that meets a fault, and how many channels there are then.
async fn faulty(then: pbx::Then, executes: bool) -> (Outcome, usize) {
    let (running, client) = up(pbx::Options {
        faults: vec![pbx::Fault {
            action: "Originate".to_owned(),
            skip: 0,
            times: 1,
            executes,
            then,
        }],
        ..pbx::Options::default()
    })
    .await;
    let outcome = client
        .connection
        .send(originate().within(Duration::from_secs(2)))
        .await;
    (outcome, running.pbx.channels().len())
}

#[tokio::test]
async fn a_connection_cut_before_the_answer_leaves_the_outcome_unknown() {
    for executes in [true, false] {
        let (outcome, channels) = faulty(pbx::Then::HangUp, executes).await;
        assert!(
            matches!(outcome, Outcome::Unknown(Unknown::Lost(_))),
            "{outcome:?}"
        );
        assert_eq!(
            channels,
            usize::from(executes),
            "which nobody can tell from here"
        );
    }
    let (outcome, _) = faulty(pbx::Then::CutInside, true).await;
    assert!(
        matches!(
            outcome,
            Outcome::Unknown(Unknown::Lost(Reason::ClosedInside))
        ),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn an_answer_that_does_not_come_leaves_the_outcome_unknown() {
    let nameless = "Response: Error\r\nMessage: Failed to parse message: line too long\r\n\r\n";
    for then in [pbx::Then::Silence, pbx::Then::Answer(nameless.to_owned())] {
        let (outcome, _) = faulty(then, true).await;
        let Outcome::Unknown(Unknown::Deadline(after)) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(after, Duration::from_secs(2));
    }
}

#[tokio::test]
async fn a_refusal_is_no_doubt() {
    let (outcome, channels) = faulty(pbx::Then::Refuse("no".to_owned()), false).await;
    assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
    assert_eq!(channels, 0);
}

#[tokio::test]
async fn without_a_connection_nothing_is_sent() {
    let (running, mut client) = up(pbx::Options::default()).await;
    running.pbx.die();
    client.disconnected().await;
    let outcome = client.connection.send(originate()).await;
    assert!(
        matches!(outcome, Outcome::NotSent(NotSent::NotConnected)),
        "{outcome:?}"
    );
    running.pbx.rise();
    client.resync().await;
    assert_eq!(running.pbx.count("Originate"), 0);
    let connection = client.connection.clone();
    let driver = &mut client.driver;
    driver.abort();
    assert!(driver.await.unwrap_err().is_cancelled());
    let outcome = connection.send(originate()).await;
    assert!(
        matches!(outcome, Outcome::NotSent(NotSent::Closed)),
        "{outcome:?}"
    );
}

//! The connection against a simulated manager, over real sockets.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod actions;
mod losses;
mod streams;

use std::time::Duration;

use ami::{
    Backoff, Connection, Filtering, Greeting, Login, Options, Reason, Resync, Signal, Signals,
};
use simulators::ami as pbx;
use tokio::{task::JoinHandle, time::timeout};

/// How long a signal may take to come. Generous: nothing but a failing test waits for it.
const SIGNAL_FOR: Duration = Duration::from_secs(30);

/// A connection with what it told, and its driver.
struct Client {
    connection: Connection,
    signals: Signals,
    driver: JoinHandle<()>,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Quick to come back, so that tests do not wait.
fn options() -> Options {
    Options {
        backoff: Backoff {
            first: Duration::from_millis(10),
            longest: Duration::from_millis(50),
            ..Backoff::default()
        },
        seed: Some(1),
        ..Options::default()
    }
}

fn login() -> Login {
    Login::new("hub", "hub").unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "ends with the client that owns its handle"
)]
fn client_of(running: &pbx::Running, login: Login, options: Options) -> Client {
    let port = running.address.port();
    let (connection, signals, driver) = ami::connect("127.0.0.1", port, login, options).unwrap();
    Client {
        connection,
        signals,
        driver: tokio::spawn(driver.run()),
    }
}

fn client(running: &pbx::Running) -> Client {
    client_of(running, login(), options())
}

impl Client {
    async fn next(&mut self) -> Signal {
        let next = timeout(SIGNAL_FOR, self.signals.next()).await;
        next.expect("no signal came")
            .expect("the connection was closed for good")
    }

    /// The first signal that fits.
    async fn until<T>(&mut self, fits: impl Fn(Signal) -> Option<T>) -> T {
        loop {
            let signal = self.next().await;
            if let Some(found) = fits(signal) {
                return found;
            }
        }
    }

    async fn connected(&mut self) -> Greeting {
        self.until(|signal| match signal {
            Signal::Connected(greeting) => Some(greeting),
            _ => None,
        })
        .await
    }

    /// The names of the channels of the next resync.
    async fn resync(&mut self) -> Vec<String> {
        let channels = self
            .until(|signal| match signal {
                Signal::Resync(Resync::Channels(channels)) => Some(channels),
                _ => None,
            })
            .await;
        let name = |channel: &ami::Message| channel.text("Channel").unwrap().into_owned();
        channels.iter().map(name).collect()
    }

    async fn disconnected(&mut self) -> (Reason, Option<Duration>) {
        self.until(|signal| match signal {
            Signal::Disconnected {
                reason,
                again_after,
            } => Some((reason, again_after)),
            _ => None,
        })
        .await
    }

    /// The names of events up to the one of this name.
    async fn events_until(&mut self, last: &str) -> Vec<String> {
        let mut events = Vec::new();
        loop {
            if let Signal::Event(event) = self.next().await {
                let name = event.event().unwrap().to_owned();
                if name == last {
                    return events;
                }
                events.push(name);
            }
        }
    }
}

async fn running(options: pbx::Options) -> pbx::Running {
    pbx::start(options).await.unwrap()
}

fn channel(name: &str) -> pbx::Channel {
    pbx::Channel {
        channel: name.to_owned(),
        channel_state: 6,
        uniqueid: format!("{name}-id"),
        linkedid: format!("{name}-id"),
        ..pbx::Channel::default()
    }
}

#[tokio::test]
async fn a_connection_begins_with_the_channels_that_live() {
    let running = running(pbx::Options::default()).await;
    running.pbx.add_channel(channel("PJSIP/101-1"));
    let mut client = client(&running);
    let greeting = client.connected().await;
    assert_eq!(greeting.banner.version(), Some(ami::Version::new(11, 0, 0)));
    assert_eq!(greeting.filtering, Filtering::Unasked);
    assert_eq!(greeting.up_for, Some(Duration::from_secs(16)));
    assert_eq!(client.resync().await, ["PJSIP/101-1"]);
    let login = running
        .pbx
        .received()
        .into_iter()
        .find(|action| action.action() == "Login");
    let login = login.unwrap();
    assert_eq!((login.get("Secret"), login.get("AuthType")), ("", "MD5"));
}

#[tokio::test]
async fn a_resync_has_the_variables_of_each_channel() {
    let running = running(pbx::Options::default()).await;
    running.pbx.add_channel(pbx::Channel {
        variables: [("CDR(answer,u)".to_owned(), "1795263542.5".to_owned())].into(),
        ..channel("PJSIP/101-1")
    });
    let options = Options {
        resync_variables: Some(ami::Value::new("FILE,CDR(answer,u)").unwrap()),
        ..options()
    };
    let mut client = client_of(&running, login(), options);
    let channels = client
        .until(|signal| match signal {
            Signal::Resync(Resync::Channels(channels)) => Some(channels),
            _ => None,
        })
        .await;
    let variables: Vec<_> = channels[0].all("Variable").collect();
    assert_eq!(
        variables,
        [&b"FILE=(null)"[..], b"CDR(answer,u)=1795263542.5"]
    );
}

#[tokio::test]
async fn tls_is_checked_against_the_certificate() {
    let certificate = simulators::server::Certificate::self_signed().unwrap();
    let pem = certificate.pem();
    let running = running(pbx::Options {
        certificate: Some(certificate),
        ..pbx::Options::default()
    })
    .await;
    let tls = |roots_pem| Options {
        tls: Some(ami::Tls {
            name: Some("localhost".to_owned()),
            roots_pem,
            pinned_pem: Vec::new(),
        }),
        ..options()
    };
    let mut trusting = client_of(
        &running,
        login().by(ami::Means::Plain),
        tls(vec![pem.clone()]),
    );
    trusting.connected().await;
    assert!(trusting.resync().await.is_empty());
    // More than one record of TLS.
    let line = "x".repeat(900);
    for n in 0..200 {
        let event = format!("Event: E{n}\r\nPrivilege: call,all\r\nX: {line}\r\n");
        running.pbx.emit(event.as_bytes());
    }
    assert_eq!(trusting.events_until("E199").await.last().unwrap(), "E198");

    let other = simulators::server::Certificate::self_signed()
        .unwrap()
        .pem();
    let mut wary = client_of(&running, login(), tls(vec![other]));
    assert!(matches!(
        wary.disconnected().await,
        (Reason::Tls(_), Some(_))
    ));
}

#[tokio::test]
async fn a_certificate_of_another_name_is_refused_unless_it_is_the_very_one() {
    let certificate = simulators::server::Certificate::self_signed().unwrap();
    let pem = certificate.pem();
    let other = simulators::server::Certificate::self_signed()
        .unwrap()
        .pem();
    let running = running(pbx::Options {
        certificate: Some(certificate),
        ..pbx::Options::default()
    })
    .await;
    let client = |roots_pem: &str, pinned_pem: &str| {
        let tls = ami::Tls {
            name: Some("pbx.test".to_owned()),
            roots_pem: vec![roots_pem.to_owned()],
            pinned_pem: vec![pinned_pem.to_owned()],
        };
        let options = Options {
            tls: Some(tls),
            ..options()
        };
        client_of(&running, login(), options)
    };
    let mut wary = client(&pem, &other);
    assert!(matches!(
        wary.disconnected().await,
        (Reason::Tls(_), Some(_))
    ));
    drop(wary);
    assert_eq!(running.pbx.count("Login"), 0);
    client(&other, &pem).resync().await;
}

#[tokio::test]
async fn filters_let_through_what_is_wanted() {
    for release in [pbx::Release::Asterisk16, pbx::Release::Asterisk22] {
        let running = running(pbx::Options {
            release,
            ..pbx::Options::default()
        })
        .await;
        let word = |text: &str| ami::Word::new(text).unwrap();
        let options = Options {
            wanted: Some(ami::Wanted {
                events: vec![word("Newchannel"), word("Hangup")],
                variables: vec![word("CRM_ID")],
                applications: vec![word("VoiceMail")],
            }),
            ..options()
        };
        let mut client = client_of(&running, login(), options);
        let expected = match release {
            pbx::Release::Asterisk16 => Filtering::Classic,
            pbx::Release::Asterisk22 => Filtering::Advanced,
        };
        assert_eq!(client.connected().await.filtering, expected);
        client.resync().await;
        for event in [
            "HangupRequest\r\n",
            "Newchannel\r\n",
            "VarSet\r\nVariable: __CRM_ID\r\n",
            "VarSet\r\nVariable: RTPAUDIO\r\n",
            "Newexten\r\nAppData: Hangup\r\n",
            "Newexten\r\nApplication: Dial\r\nAppData: VoiceMail\r\n",
            "Newexten\r\nApplication: VoiceMail\r\nAppData: 101\r\n",
            "Hangup\r\n",
        ] {
            let event = format!("Event: {event}Privilege: call,all\r\nEnd: 1\r\n");
            running.pbx.emit(event.as_bytes());
        }
        assert_eq!(
            client.events_until("Hangup").await,
            ["Newchannel", "VarSet", "Newexten"]
        );
        // FullyBooted comes in spite of them.
        running.pbx.boot();
        client.events_until("FullyBooted").await;
        client.resync().await;
    }
}

#[tokio::test]
async fn a_user_without_the_class_is_told_and_unfiltered() {
    let mut user = pbx::User::new("hub", "hub");
    user.write = vec!["call".to_owned()];
    let running = running(pbx::Options {
        users: vec![user],
        ..pbx::Options::default()
    })
    .await;
    let options = Options {
        wanted: Some(ami::Wanted::default()),
        ..options()
    };
    let mut client = client_of(&running, login(), options);
    let Filtering::Refused(refusal) = client.connected().await.filtering else {
        panic!("it is filtered")
    };
    assert!(refusal.is_for_lack_of_permission());
    let refused = client.until(|signal| match signal {
        Signal::Resync(Resync::Refused(refusal)) => Some(refusal),
        _ => None,
    });
    assert!(refused.await.is_for_lack_of_permission());
}

#[tokio::test]
async fn half_a_set_of_filters_is_given_up() {
    let running = running(pbx::Options {
        faults: vec![pbx::Fault {
            action: "Filter".to_owned(),
            skip: 2,
            times: 1,
            executes: false,
            then: pbx::Then::Refuse("no more".to_owned()),
        }],
        ..pbx::Options::default()
    })
    .await;
    let options = Options {
        wanted: Some(ami::Wanted::default()),
        ..options()
    };
    let mut client = client_of(&running, login(), options);
    assert!(matches!(
        client.disconnected().await,
        (Reason::Filters, Some(_))
    ));
    assert_eq!(client.connected().await.filtering, Filtering::GivenUp);
    running
        .pbx
        .emit(b"Event: Anything\r\nPrivilege: call,all\r\n");
    client.events_until("Anything").await;
}

//! Connections that are lost, or not made.

use std::{net::TcpListener as StdListener, time::Duration};

use ami::{Backoff, Login, Options, Reason, Signal};
use simulators::ami as pbx;
use testkit::wait_for;

use super::{channel, client, client_of, login, options, running};

#[tokio::test]
async fn a_killed_asterisk_is_found_again() {
    let running = running(pbx::Options::default()).await;
    running.pbx.add_channel(channel("PJSIP/101-1"));
    let mut client = client(&running);
    assert_eq!(client.resync().await, ["PJSIP/101-1"]);
    running.pbx.die();
    let (reason, again_after) = client.disconnected().await;
    // A reset, if what the client sent last was not read.
    assert!(
        matches!(reason, Reason::Closed | Reason::Socket(_)),
        "{reason:?}"
    );
    assert!(again_after.unwrap() <= Duration::from_millis(50));
    running.pbx.rise();
    client.connected().await;
    assert!(client.resync().await.is_empty(), "its channels are gone");
}

#[tokio::test]
async fn a_restart_is_named() {
    let running = running(pbx::Options::default()).await;
    let mut client = client(&running);
    client.resync().await;
    running.pbx.shut_down();
    client.events_until("Shutdown").await;
    assert_eq!(
        client.disconnected().await.0,
        Reason::Shutdown { restarts: true }
    );
    running.pbx.rise();
    client.resync().await;
}

#[tokio::test]
async fn an_asterisk_that_boots_is_asked_again() {
    let running = running(pbx::Options {
        is_booted: false,
        ..pbx::Options::default()
    })
    .await;
    let mut client = client(&running);
    assert_eq!(client.connected().await.up_for, None);
    assert!(client.resync().await.is_empty());
    running.pbx.add_channel(channel("PJSIP/101-1"));
    running.pbx.boot();
    assert_eq!(client.resync().await, ["PJSIP/101-1"]);
}

#[tokio::test]
async fn a_cut_in_the_middle_of_a_block_delivers_whole_events_only() {
    let running = running(pbx::Options::default()).await;
    let mut client = client(&running);
    client.resync().await;
    let event = b"Event: Newchannel\r\nPrivilege: call,all\r\nChannel: PJSIP/101-1\r\n";
    running.pbx.cut_after(2 * (event.len() + 2) + 30);
    for _ in 0..5 {
        running.pbx.emit(event);
    }
    let mut events = 0;
    let reason = loop {
        match client.next().await {
            Signal::Event(_) => events += 1,
            Signal::Disconnected { reason, .. } => break reason,
            signal => panic!("{signal:?}"),
        }
    };
    assert_eq!((events, reason), (2, Reason::ClosedInside));
    client.resync().await;
}

#[tokio::test]
async fn a_silent_socket_is_given_up() {
    let running = running(pbx::Options::default()).await;
    let options = Options {
        ping_after: Duration::from_millis(50),
        // Long enough for a busy machine to answer in.
        ping_deadline: Duration::from_secs(3),
        ..options()
    };
    let mut client = client_of(&running, login(), options);
    client.resync().await;
    wait_for("pings that are answered", async || {
        (running.pbx.count("Ping") > 3).then_some(())
    })
    .await;
    assert_eq!(client.signals.try_next(), None, "they keep the connection");
    running.pbx.fall_silent();
    assert!(matches!(
        client.disconnected().await,
        (Reason::Silent(_), Some(_))
    ));
    client.resync().await;
}

#[tokio::test]
async fn a_refused_login_is_not_repeated_until_told() {
    let running = running(pbx::Options::default()).await;
    let options = Options {
        backoff: Backoff {
            refused: None,
            ..options().backoff
        },
        ..options()
    };
    let mut client = client_of(&running, Login::new("hub", "wrong").unwrap(), options);
    let (reason, again_after) = client.disconnected().await;
    assert_eq!(
        reason,
        Reason::LoginRefused("Authentication failed".to_owned())
    );
    assert_eq!(again_after, None);
    wait_for("the end of the first connection", async || {
        (running.pbx.ended().len() == 1).then_some(())
    })
    .await;
    assert_eq!(running.pbx.count("Login"), 1);
    running.pbx.set_secret("hub", "wrong");
    client.connection.connect_now();
    client.resync().await;
    assert_eq!(running.pbx.count("Login"), 2);
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_tried_again() {
    let free = StdListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let nobody = pbx::Options {
        address,
        ..pbx::Options::default()
    };
    // Only its address is used: it listens elsewhere at first.
    let mut elsewhere = running(pbx::Options::default()).await;
    elsewhere.address = address;
    let mut client = client(&elsewhere);
    assert!(matches!(
        client.disconnected().await,
        (Reason::Connect(_), Some(_))
    ));
    let _running = running(nobody).await;
    client.resync().await;
}

#[tokio::test]
async fn what_is_no_manager_or_says_nothing_is_named() {
    let check = async |greeting: &str, deadline| {
        let running = running(pbx::Options {
            greeting: Some(greeting.to_owned()),
            ..pbx::Options::default()
        })
        .await;
        let options = Options {
            login_deadline: Duration::from_millis(deadline),
            ..options()
        };
        client_of(&running, login(), options).disconnected().await.0
    };
    let web = check("HTTP/1.1 400 Bad Request\r\n", 5_000).await;
    assert_eq!(
        web,
        Reason::NotAManager("HTTP/1.1 400 Bad Request".to_owned())
    );
    assert!(matches!(
        check(&"x".repeat(5_000), 5_000).await,
        Reason::NotAManager(_)
    ));
    let silent = check("", 200).await;
    assert_eq!(silent, Reason::LoginDeadline(Duration::from_millis(200)));
}

#[tokio::test]
async fn dropping_the_signals_ends_the_connection() {
    let running = running(pbx::Options::default()).await;
    let (_connection, mut signals, driver) =
        ami::connect("127.0.0.1", running.address.port(), login(), options()).unwrap();
    let watch = async move { while !matches!(signals.next().await, Some(Signal::Resync(_))) {} };
    tokio::join!(driver.run(), watch);
    wait_for("the end of the session", async || {
        (running.pbx.logged_in() == 0).then_some(())
    })
    .await;
}

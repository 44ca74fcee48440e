//! Orders that get lost, and tokens that end in the middle of a call.

use testkit::captures;

use super::*;

#[tokio::test]
async fn an_order_that_was_lost_and_not_carried_out_is_given_once_more() {
    let clicks = Clicks::new(ami::Options::default()).await;
    let hub = clicks.serve().await;
    clicks.pbx.pbx.fail(ami::Fault {
        action: "Originate".to_owned(),
        skip: 0,
        times: 1,
        executes: false,
        then: ami::Then::HangUp,
    });
    clicks.click().await;
    wait_for("the order to be done", async || {
        let said = clicks.bench.run(&["effects", "list", "--json"]).await;
        let is_done = |line: &str| line.contains("calls.originate") && line.contains("\"done\"");
        said.out.lines().any(is_done).then_some(())
    })
    .await;
    assert_eq!(clicks.pbx.pbx.count("Originate"), 2);
    let channels = clicks.pbx.pbx.channels();
    assert_eq!(channels.len(), 1, "{channels:?}");
    stopped(hub).await;
}

#[tokio::test]
async fn a_call_in_which_the_token_expires_is_there_once() {
    let clicks = Clicks::new(ami::Options::default()).await;
    let hub = clicks.serve().await;
    let (portal, pbx) = (&clicks.bench.portal.portal, &clicks.pbx.pbx);
    wait_for("the PBX to be followed", async || {
        let (_, text) = hub.get("/metrics", "").await;
        text.contains("deskbridge_asterisk_connected{connection=\"office\"} 1")
            .then_some(())
    })
    .await;
    let capture = captures::named("inbound_answered");
    let text = String::from_utf8_lossy(&capture.bytes);
    let (_, call) = text.split_once("\r\n\r\nEvent: Newchannel").unwrap();
    let call = format!("Event: Newchannel{call}");
    let (talks, ends) = call.split_once("Event: HangupRequest").unwrap();
    let happen = |text: &str| {
        let events = text
            .split("\r\n\r\n")
            .filter(|event| event.starts_with("Event: "));
        events.for_each(|event| pbx.happen(format!("{event}\r\n").as_bytes()));
    };
    happen(talks);
    let registered = wait_for("the call to be registered", async || {
        portal.telephony().calls.pop()
    })
    .await;
    assert!(portal.expire_access_tokens(CLIENT_ID));
    happen(&format!("Event: HangupRequest{ends}"));
    let call = wait_for("the call to be finished", async || {
        let calls = portal.telephony().calls;
        calls.into_iter().find(|call| call.finish.is_some())
    })
    .await;
    assert_eq!(call.call_id, registered.call_id);
    let finish = call.finish.unwrap();
    assert_eq!(
        (finish.user_id, finish.status_code.as_str()),
        (OF_101, "200")
    );
    assert_eq!((call.registrations, call.finishes_refused), (1, 0));
    assert_eq!(portal.telephony().calls.len(), 1);
    stopped(hub).await;
}

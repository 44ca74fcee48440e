//! One of each kind of call, as Asterisk tells of it.

use std::time::Duration;

use super::{Called, Calling, Message, Pbx, Then, number};

const CUSTOMER: &str = "84900000001";

/// The values of one key in all events of one kind, in their order.
fn values<'a>(told: &'a [Message], event: &str, key: &str) -> Vec<&'a str> {
    let events = told.iter().filter(|message| message.get("Event") == event);
    events.map(|message| message.get(key)).collect()
}

/// Calls in to agents that do what is said, and gives what Asterisk told.
async fn called<const N: usize>(
    pbx: &Pbx,
    to: &str,
    agents: [(u8, Called); N],
    does: Calling,
) -> Vec<Message> {
    let mut manager = pbx.manager().await;
    let agents = pbx.agents(agents).await;
    pbx.call_in(CUSTOMER, to, does).finished().await;
    for agent in agents {
        agent.finished().await;
    }
    manager.until_all_is_over().await
}

#[tokio::test]
async fn answered_call_is_told_from_first_to_last_and_recorded() {
    let pbx = Pbx::start().await;
    let told = called(
        &pbx,
        number::DIRECT,
        [(101, Called::answers())],
        Calling::Talks { talk_ms: 700 },
    )
    .await;

    let root = values(&told, "Newchannel", "Uniqueid")[0];
    assert_eq!(values(&told, "Newchannel", "Linkedid"), [root, root]);
    assert_eq!(values(&told, "Newchannel", "CallerIDNum")[0], CUSTOMER);
    assert_eq!(values(&told, "Newchannel", "Exten")[0], number::DIRECT);
    assert_eq!(values(&told, "DialEnd", "DialStatus"), ["ANSWER"]);
    assert_eq!(
        values(&told, "BridgeEnter", "BridgeNumChannels"),
        ["1", "2"]
    );
    assert_eq!(values(&told, "Hangup", "Linkedid"), [root, root]);

    let recordings = pbx.recordings();
    assert_eq!(recordings.len(), 1, "{recordings:?}");
    assert!(
        recordings[0].sounds_for > Duration::from_millis(300),
        "{recordings:?}"
    );
    let named = told
        .iter()
        .find(|message| message.get("Variable") == "MIXMONITOR_FILENAME");
    assert_eq!(
        named.unwrap().get("Value"),
        recordings[0].path.to_str().unwrap()
    );
}

#[tokio::test]
async fn unanswered_calls_tell_why() {
    let pbx = Pbx::start().await;
    let kinds = [
        (Called::Rings, Calling::IsRefused, "NOANSWER"),
        (Called::Busy, Calling::IsRefused, "BUSY"),
        (
            Called::Declines { ring_ms: 100 },
            Calling::IsRefused,
            "NOANSWER",
        ),
        (Called::Rings, Calling::GivesUp { ring_ms: 300 }, "CANCEL"),
    ];
    for (agent, caller, status) in kinds {
        let told = called(&pbx, number::DIRECT, [(101, agent.clone())], caller).await;
        assert_eq!(
            values(&told, "DialEnd", "DialStatus"),
            [status],
            "{agent:?}"
        );
        assert!(
            values(&told, "BridgeEnter", "Channel").is_empty(),
            "{agent:?}"
        );
    }
}

#[tokio::test]
async fn what_nobody_is_rung_for_is_never_bridged() {
    let pbx = Pbx::start().await;
    for (to, caller) in [
        (number::AFTER_HOURS, Calling::Stays),
        (number::MENU, Calling::Talks { talk_ms: 300 }),
        (number::UNREACHABLE, Calling::IsRefused),
    ] {
        let told = called(&pbx, to, [], caller).await;
        assert!(values(&told, "DialBegin", "Channel").is_empty(), "{to}");
        assert!(values(&told, "BridgeEnter", "Channel").is_empty(), "{to}");
    }
}

#[tokio::test]
async fn queue_goes_on_to_the_next_agent() {
    let pbx = Pbx::start().await;
    let agents = [
        (101, Called::Rings),
        (102, Called::answers_then(Then::HangsUp { talk_ms: 300 })),
    ];
    let told = called(&pbx, number::QUEUE, agents, Calling::Stays).await;
    assert_eq!(
        values(&told, "AgentRingNoAnswer", "Interface"),
        ["PJSIP/101"]
    );
    assert_eq!(values(&told, "AgentConnect", "Interface"), ["PJSIP/102"]);
}

#[tokio::test]
async fn ring_group_is_answered_by_one() {
    let pbx = Pbx::start().await;
    for group in [number::RING_GROUP, number::RING_GROUP_LOCAL] {
        let agents = [(101, Called::Rings), (102, Called::answers())];
        let told = called(&pbx, group, agents, Calling::Talks { talk_ms: 300 }).await;
        let ends = told
            .iter()
            .filter(|message| message.get("Event") == "DialEnd");
        let ends = ends.filter_map(|message| {
            let phone = message.get("DestChannel").strip_prefix("PJSIP/")?;
            Some((phone.split('-').next()?, message.get("DialStatus")))
        });
        let mut ends: Vec<_> = ends.collect();
        ends.sort_unstable();
        assert_eq!(ends, [("101", "CANCEL"), ("102", "ANSWER")], "{group}");
    }
}

#[tokio::test]
async fn transfers_are_told() {
    let pbx = Pbx::start().await;
    let (talk_ms, to) = (300, "102".to_owned());
    let blind = Then::TransfersBlind {
        talk_ms,
        to: to.clone(),
    };
    let attended = Then::TransfersAttended { talk_ms, to };
    for (transfer, event) in [(blind, "BlindTransfer"), (attended, "AttendedTransfer")] {
        let mut manager = pbx.manager().await;
        let agents = [
            (101, Called::answers_then(transfer)),
            (102, Called::answers()),
        ];
        let [first, second] = pbx.agents(agents).await;
        let caller = pbx.call_in(CUSTOMER, number::DIRECT, Calling::Stays);
        first.finished().await;
        pbx.is_talking().await;
        pbx.hang_up_all().await;
        second.finished().await;
        caller.finished().await;

        let told = manager.until_all_is_over().await;
        assert_eq!(values(&told, event, "Result"), ["Success"]);
        // The caller stayed to the end, with the second agent.
        let ended = values(&told, "Hangup", "Channel");
        let last = &ended[ended.len() - 2..];
        for party in ["PJSIP/trunk-", "PJSIP/102-"] {
            assert!(
                last.iter().any(|channel| channel.starts_with(party)),
                "{event}: {ended:?}"
            );
        }
    }
}

#[tokio::test]
async fn calls_out_are_answered_or_busy() {
    let pbx = Pbx::start().await;
    for (client, agent, status) in [
        (Called::answers(), Calling::Talks { talk_ms: 300 }, "ANSWER"),
        (Called::Busy, Calling::IsRefused, "BUSY"),
    ] {
        let mut manager = pbx.manager().await;
        let client = pbx.outside(&client).await;
        pbx.call_out(101, "0900000001", agent).finished().await;
        client.finished().await;
        let told = manager.until_all_is_over().await;
        assert_eq!(
            values(&told, "DialBegin", "DialString"),
            [format!("{CUSTOMER}@trunk")]
        );
        assert_eq!(values(&told, "DialEnd", "DialStatus"), [status]);
    }
}

#[tokio::test]
async fn click_calls_the_agent_and_then_the_client() {
    let pbx = Pbx::start().await;
    let mut manager = pbx.manager().await;
    let client = pbx.outside(&Called::answers()).await;
    let [agent] = pbx
        .agents([(101, Called::answers_then(Then::HangsUp { talk_ms: 1500 }))])
        .await;
    let click = [
        ("Channel", "PJSIP/101"),
        ("Context", "from-internal"),
        ("Exten", CUSTOMER),
        ("Priority", "1"),
        ("Async", "true"),
        ("ChannelId", "click-1"),
    ];
    let answer = manager.ask("Originate", &click).await.unwrap();
    assert_eq!(answer.get("Response"), "Success");
    agent.finished().await;
    client.finished().await;
    let told = manager.until_all_is_over().await;
    assert_eq!(values(&told, "OriginateResponse", "Response"), ["Success"]);
    assert!(values(&told, "Hangup", "Uniqueid").contains(&"click-1"));
    assert_eq!(
        values(&told, "DialEnd", "DestCallerIDNum"),
        ["101", CUSTOMER]
    );
}

#[tokio::test]
async fn call_is_lost_when_asterisk_ends_and_the_next_one_is_not() {
    let pbx = Pbx::start().await;
    let mut manager = pbx.manager().await;
    for is_killed in [false, true] {
        let agents = pbx.agents([(101, Called::answers())]).await;
        let caller = pbx.call_in(CUSTOMER, number::DIRECT, Calling::Stays);
        pbx.is_talking().await;
        if is_killed {
            pbx.kill().await;
            pbx.boot().await;
        } else {
            pbx.restart().await;
            let told = manager
                .until(|told| !values(told, "Shutdown", "Shutdown").is_empty())
                .await;
            assert_eq!(values(&told, "Hangup", "Cause"), ["16", "16"]);
        }
        drop((agents, caller));
        while manager.next().await.is_some() {}
        manager = pbx.manager().await;
    }
    called(
        &pbx,
        number::DIRECT,
        [(101, Called::answers())],
        Calling::Talks { talk_ms: 100 },
    )
    .await;
}

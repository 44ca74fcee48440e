//! A portal that is down for long, in a time that is set.

use serde_json::json;
use simulators::bitrix24::Behaviour;

use super::*;
use crate::apply;

/// A user of the portal whose extension is 101.
const OF_101: u64 = 57;

fn down() -> simulators::faults::Rule {
    serde_json::from_value(json!({"when": "*", "answer": "hang_up"})).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_from_ten_minutes_ago_is_told_as_it_was_and_shown_to_nobody() {
    let began_at: Timestamp = "2026-11-20T08:00:00Z".parse().unwrap();
    let world = World::at(Clock::manual(began_at)).await;
    let portal = &world.portal.portal;
    portal.set_behaviour(Behaviour {
        webhooks_register_calls: true,
        ..Behaviour::default()
    });
    let mut rng = fastrand::Rng::with_seed(3);
    let store = world.store();
    let node = world.node_with(store.clone(), always(), |target| {
        apply::handlers(vec![target], &store, &world.clock, &mut rng)
    });
    let node = node.await;
    node.is_connected().await;
    portal.set_faults(vec![down()]).unwrap();

    // Five seconds of ringing, 65 of talk; each step is seen before the time goes on.
    let text = answered();
    let greeting = "Asterisk Call Manager/11.0.0\r\n";
    let (rings, rest) = text.split_once("Event: BridgeEnter").unwrap();
    let (talks, ends) = rest.split_once("Event: HangupRequest").unwrap();
    let steps = [
        (rings.to_owned(), 5, "101 rings"),
        (
            format!("{greeting}Event: BridgeEnter{talks}"),
            65,
            "101 talks",
        ),
        (
            format!("{greeting}Event: HangupRequest{ends}"),
            0,
            "the call ended, answered",
        ),
    ];
    for (step, seconds, seen) in steps {
        let recording = pbx::Recording {
            bytes: step.as_bytes(),
            reads: &[],
        };
        world.pbx.pbx.replay(recording, pbx::Speed::Unpaced).await;
        wait_for(seen, async || {
            let story = store.call_story("office".to_owned(), "1795212233.0".to_owned());
            let story = story.await.unwrap();
            story.iter().any(|line| line.text == seen).then_some(())
        })
        .await;
        world.clock.advance(SignedDuration::from_secs(seconds));
    }
    let attempts = async || {
        let effects = node.effects().await;
        let register = effects
            .iter()
            .find(|of| of.effect.intent.kind == "calls.register");
        register.map_or(0, |of| of.effect.attempts)
    };
    for minute in 1..=10 {
        wait_for("the portal to be asked", async || {
            (attempts().await >= minute).then_some(())
        })
        .await;
        world.clock.advance(SignedDuration::from_mins(1));
    }
    assert!(portal.telephony().calls.is_empty());

    portal.set_faults(Vec::new()).unwrap();
    // The longest wait of this journal is a second.
    let call = wait_for("the call to be finished", async || {
        world.clock.advance(SignedDuration::from_secs(1));
        let calls = portal.telephony().calls;
        calls.into_iter().find(|call| call.finish.is_some())
    })
    .await;
    let finish = call.finish.as_ref().unwrap();
    let told = (
        finish.user_id,
        finish.status_code.as_str(),
        finish.duration_s,
    );
    assert_eq!(told, (OF_101, "200", 65));
    assert_eq!((call.started_at, call.registrations), (began_at, 1));
    assert!(call.was_shown_to.is_empty(), "{call:#?}");
    assert_eq!(portal.telephony().calls.len(), 1);
    assert!(node.tasks.shut_down(Duration::from_secs(10)).await);
}

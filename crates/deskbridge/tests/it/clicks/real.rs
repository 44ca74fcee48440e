//! A click, and a real Asterisk with phones that dials.

use testkit::asterisk::{Called, Pbx, Then};

use super::*;
use crate::calls::is_followed;

/// The configuration with this PBX in it.
fn at(text: &str, pbx: &Pbx) -> String {
    let address = format!("address = \"{}\"", pbx.manager_address());
    let password = format!("password = \"{}\"", pbx.secret());
    let lines = text.lines().map(|line| match line.split_once(" = ") {
        Some(("address", _)) => address.as_str(),
        Some(("password", _)) => password.as_str(),
        Some(("numbers.country", _)) => "numbers.country = \"VN\"",
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_calls_the_agent_and_then_the_client_and_the_crm_has_one_call() {
    let pbx = Pbx::start().await;
    let clicks = Clicks::configured(ami::Options::default(), |text| at(&text, &pbx)).await;
    let hub = clicks.serve().await;
    is_followed(&hub).await;
    let client = pbx.outside(&Called::answers()).await;
    let talks = Called::answers_then(Then::HangsUp { talk_ms: 2_500 });
    let [agent] = pbx.agents([(101, talks)]).await;
    let told = clicks.click_on("+84 900 000 001").await;
    assert!(matches!(told.handlers[..], [Ok(200)]), "{told:?}");
    agent.finished().await;
    client.finished().await;
    let portal = &clicks.bench.portal.portal;
    let call = wait_for("the call to be finished", async || {
        let calls = portal.telephony().calls;
        calls.into_iter().find(|call| call.finish.is_some())
    })
    .await;
    assert_eq!(Some(&call.call_id), told.call_id.as_ref());
    let finish = call.finish.as_ref().unwrap();
    assert_eq!(
        (
            call.identity.kind,
            finish.user_id,
            finish.status_code.as_str()
        ),
        (1, OF_101, "200")
    );
    // The agent's phone was off the hook for longer than the client talked.
    assert!((1..=3).contains(&finish.duration_s), "{finish:?}");
    assert_eq!(portal.telephony().calls.len(), 1);
    stopped(hub).await;
}

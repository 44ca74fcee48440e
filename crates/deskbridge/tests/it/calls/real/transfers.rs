//! A call of each who talked.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn each_talker_has_a_call_of_their_own() {
    let real = Real::told("transfers = \"each_talker\"").await;
    let transfers = Called::answers_then(Then::TransfersBlind {
        talk_ms: 1_200,
        to: "102".to_owned(),
    });
    real.call_in(
        number::DIRECT,
        [(101, transfers), (102, Called::answers())],
        Calling::Talks { talk_ms: 4_000 },
    )
    .await;
    let calls = wait_for("a finished call of each", async || {
        let calls = real.desk.calls();
        let is_done = calls
            .iter()
            .all(|call| call.finish.is_some() && call.recording.is_some());
        (calls.len() == 2 && is_done).then_some(calls)
    })
    .await;
    real.desk.has_no_open_effects(&real.hub).await;
    let told: Vec<_> = calls
        .iter()
        .map(|call| {
            let finish = call.finish.as_ref().unwrap();
            (finish.user_id, finish.status_code.as_str())
        })
        .collect();
    assert_eq!(told, [(OF_101, "200"), (OF_102, "200")]);
    let [first, second] = [0, 1].map(|at| calls[at].finish.as_ref().unwrap().duration_s);
    // Seconds as the portal counts them; together they are the client's talk.
    assert!(
        (1..=2).contains(&first) && (1..=3).contains(&second),
        "{first} and {second}"
    );
    let ids: Vec<_> = calls
        .iter()
        .map(|call| call.identity.external_call_id.clone())
        .collect();
    assert_ne!(ids[0], ids[1]);
    assert_eq!((real.desk.calls().len(), real.desk.tasks().len()), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attended_transfer_leaves_the_consultation_out() {
    let real = Real::told("transfers = \"each_talker\"").await;
    let transfers = Called::answers_then(Then::TransfersAttended {
        talk_ms: 700,
        to: "102".to_owned(),
    });
    real.call_in(
        number::DIRECT,
        [(101, transfers), (102, Called::answers())],
        Calling::Talks { talk_ms: 4_500 },
    )
    .await;
    let calls = wait_for("a finished call of each", async || {
        let calls = real.desk.calls();
        let is_done = calls.iter().all(|call| call.finish.is_some());
        (calls.len() == 2 && is_done).then_some(calls)
    })
    .await;
    real.desk.has_no_open_effects(&real.hub).await;
    let users: Vec<_> = calls
        .iter()
        .map(|call| call.finish.as_ref().unwrap().user_id)
        .collect();
    assert_eq!(users, [OF_101, OF_102]);
    assert_eq!((real.desk.calls().len(), real.desk.tasks().len()), (2, 0));
}

//! The portal misbehaves, and the program lives on.

use super::*;

const WRITES: [&str; 7] = [
    "telephony.externalcall.register",
    "telephony.externalcall.hide",
    "telephony.externalcall.show",
    "telephony.externalcall.finish",
    "telephony.externalcall.attachrecord",
    "upload",
    "crm.activity.update",
];

/// Lets a queue's call go while every write to the portal goes wrong once in this way, and then a missed one.
async fn check(stage: &Stage, hub: &Hub, number: u32, is_executed: bool, answer: &Value) {
    let before = stage.failures();
    let rules = WRITES.iter();
    stage.fail(
        rules
            .map(|method| once(method, is_executed, answer))
            .collect(),
    );
    let call = stage.call(QUEUE, number);
    stage.play(&call, 0);
    stage.is_registered(&call).await;
    stage.play(&call, 1);
    // The cards are hidden and shown before the call is over, after which nobody needs them.
    stage.has_failed(before + 3).await;
    wait_for("the card to be shown to 102", async || {
        let call = stage.told(&call)?;
        call.was_shown_to.contains(&OF_102).then_some(())
    })
    .await;
    stage.play(&call, 2);
    stage.play(&call, 3);
    stage.is_right(&call, hub).await;
    assert_eq!(stage.failures(), before + 7);
    // The look for a task that was not added lasts a minute.
    let mut rules = vec![once("telephony.externalcall.finish", is_executed, answer)];
    if is_executed {
        rules.push(once("tasks.task.add", is_executed, answer));
    }
    stage.fail(rules.into());
    let missed = stage.call(MISSED, number + 1);
    stage.play(&missed, 0);
    stage.play(&missed, 1);
    stage.is_missed(&missed, hub).await;
}

/// Answers that are lost, of writes that are carried out and of some that are not.
async fn lost(schema: Option<&Schema>) {
    let stage = Stage::new(schema).await;
    let hub = stage.serve().await;
    let gateway = json!({"status": 503, "html": "<h1>Service unavailable</h1>"});
    check(&stage, &hub, 1, true, &json!("hang_up")).await;
    check(&stage, &hub, 3, false, &gateway).await;
    assert_eq!(stage.desk.calls().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_at_any_write_doubles_nothing() {
    lost(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_at_any_write_doubles_nothing_in_postgresql() {
    let schema = Schema::new();
    lost(Some(&schema)).await;
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_come_in_their_order_through_a_burst_of_refusals() {
    let stage = Stage::new(None).await;
    let hub = stage.serve().await;
    let busy = json!({
        "when": "*", "times": 4,
        "answer": {"status": 503, "html": "<h1>Busy</h1>"},
    });
    stage.fail(json!([busy]));
    let call = stage.call(MISSED, 1);
    stage.play(&call, 0);
    stage.is_registered(&call).await;
    stage.play(&call, 1);
    stage.is_missed(&call, &hub).await;
    let order = [
        "telephony.externalcall.register",
        "telephony.externalcall.finish",
        "crm.activity.update",
        "tasks.task.add",
    ];
    let mut written = stage.written();
    written.retain(|method| order.contains(&method.as_str()));
    assert_eq!(written, order);
    let call = stage.call(QUEUE, 2);
    stage.desk.bench.portal.portal.clear_journal();
    for step in 0..2 {
        stage.play(&call, step);
        wait_for("the card to be shown", async || {
            let user = [OF_101, OF_102][step];
            stage
                .told(&call)?
                .was_shown_to
                .contains(&user)
                .then_some(())
        })
        .await;
    }
    stage.play(&call, 2);
    stage.play(&call, 3);
    stage.is_right(&call, &hub).await;
    let mut written = stage.written();
    written.retain(|method| !method.ends_with(".hide"));
    let order = [
        "telephony.externalcall.register",
        "telephony.externalcall.show",
        "telephony.externalcall.finish",
        "telephony.externalcall.attachrecord",
        "upload",
        "crm.activity.update",
    ];
    assert_eq!(written, order);
}

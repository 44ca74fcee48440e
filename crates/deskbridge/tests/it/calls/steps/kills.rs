//! The program is killed while it waits for the answer to a write, whether that is carried out or not.

use super::*;

/// What the program is killed at, and how often in each step of the call.
struct Killed {
    at: &'static [&'static str],
    in_steps: &'static [usize],
}

/// Every write of a queue's call. Which of show and hide comes first is not said.
const AT_EACH: Killed = Killed {
    at: &[
        "telephony.externalcall.register",
        "telephony.externalcall.hide",
        "telephony.externalcall.show",
        "telephony.externalcall.finish",
        "telephony.externalcall.attachrecord",
        "upload",
        "crm.activity.update",
    ],
    in_steps: &[1, 2, 0, 4],
};
/// Every write of a call that is missed.
const AT_EACH_MISSED: Killed = Killed {
    at: &[
        "telephony.externalcall.register",
        "telephony.externalcall.finish",
        "tasks.task.add",
    ],
    in_steps: &[1, 2],
};
/// What is worth it where a node that is gone is waited for: each time for some seconds.
const AT_FINISH: Killed = Killed {
    at: &["telephony.externalcall.finish"],
    in_steps: &[0, 0, 0, 1],
};
const AT_REGISTER_MISSED: Killed = Killed {
    at: &["telephony.externalcall.register"],
    in_steps: &[1, 0],
};
/// A task that may have been added is looked for during a minute before another one is added: nobody waits for that here.
const BEFORE_TASK: Killed = Killed {
    at: &[
        "telephony.externalcall.register",
        "telephony.externalcall.finish",
    ],
    in_steps: &[1, 1],
};

/// Plays a call, and kills the program in the middle of writes; the program that carries on.
async fn played(
    stage: &Stage,
    mut hub: Hub,
    steps: &Steps,
    killed: &Killed,
    is_executed: bool,
) -> Hub {
    let rules = killed.at.iter();
    stage.fail(
        rules
            .map(|at| once(at, is_executed, &json!("silence")))
            .collect(),
    );
    let mut failures = stage.failures();
    for (step, times) in killed.in_steps.iter().enumerate() {
        stage.play(steps, step);
        for _ in 0..*times {
            failures += 1;
            stage.has_failed(failures).await;
            hub.process.kill();
            hub = stage.serve().await;
        }
    }
    hub
}

/// Calls in which the program is killed at each write are there once, and right.
async fn check(schema: Option<&Schema>, is_executed: bool) {
    let stage = Stage::new(schema).await;
    let hub = stage.serve().await;
    let call = stage.call(QUEUE, 1);
    let (killed, killed_missed) = match (schema, is_executed) {
        (Some(_), _) => (&AT_FINISH, &AT_REGISTER_MISSED),
        (None, true) => (&AT_EACH, &AT_EACH_MISSED),
        (None, false) => (&AT_EACH, &BEFORE_TASK),
    };
    let hub = played(&stage, hub, &call, killed, is_executed).await;
    stage.is_right(&call, &hub).await;
    let missed = stage.call(MISSED, 2);
    let hub = played(&stage, hub, &missed, killed_missed, is_executed).await;
    stage.is_missed(&missed, &hub).await;
    assert_eq!(stage.desk.calls().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_there_once_when_the_program_is_killed_after_each_write() {
    check(None, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_there_once_when_the_program_is_killed_before_each_write() {
    check(None, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_in_postgresql_is_there_once_when_the_program_is_killed_after_writes() {
    let schema = Schema::new();
    check(Some(&schema), true).await;
    schema.drop().await;
}

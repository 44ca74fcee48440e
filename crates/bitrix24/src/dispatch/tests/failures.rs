use super::*;
use crate::{Fault as Misconfigured, Group, Limit, Mishap, Outcome, Unsent, Verdict};

fn faults(faults: impl IntoIterator<Item = Fault>) -> (Arc<Memory>, Client) {
    memory(Memory::echo(50).faults(faults))
}

fn said(status: u16, body: &str) -> Fault {
    Fault::Answer(status, body.to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_asked_for_again_by_reads_and_never_by_writes() {
    let lost = Fault::HungUp { executes: true };
    for fault in [
        lost.clone(),
        said(500, r#"{"error":"INTERNAL_SERVER_ERROR"}"#),
        said(500, r#"{"error":"","error_description":"Access denied."}"#),
        said(503, r#"{"error":"NOT_FOUND"}"#),
        said(502, "<h1>Bad gateway</h1>"),
        said(200, "<html>log in</html>"),
        said(200, "{}"),
    ] {
        let (memory, client) = faults([fault.clone(), fault.clone()]);
        assert!(client.call(lookup(1)).await.is_ok(), "{fault:?}");
        assert_eq!(memory.arrived().len(), 3, "{fault:?}");

        let (memory, client) = faults([fault.clone()]);
        let outcome = client.write(Call::write("crm.company.add")).await;
        let Outcome::Unknown(error @ Error::MaybeExecuted { .. }) = outcome else {
            panic!("{fault:?}: {outcome:?}");
        };
        assert_eq!(error.verdict(), Verdict::LookFirst);
        assert_eq!(memory.arrived().len(), 1, "{fault:?}");
    }
    let (memory, client) = faults(vec![lost; 9]);
    let error = client.call(lookup(1)).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::NoAnswer {
                mishap: Mishap::HungUp,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(memory.arrived().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn silence_ends_at_the_deadline() {
    let (memory, client) = faults(vec![Fault::Silence; 2]);
    let start = Instant::now();
    let error = client
        .call(lookup(1).deadline(Duration::from_secs(4)))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::NoAnswer {
                mishap: Mishap::Deadline,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(elapsed_ms(start), 4000);
    let outcome = client.write(Call::write("crm.company.add")).await;
    assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
    assert_eq!(memory.arrived().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn no_connection_is_tried_again_even_by_writes_because_nothing_left() {
    let (memory, client) = faults(vec![Fault::NoConnection; 2]);
    let outcome = client.write(Call::write("crm.company.add")).await;
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    assert_eq!(memory.executed().len(), 1);
    let (_memory, client) = faults(vec![Fault::NoConnection; 9]);
    let outcome = client.write(Call::write("crm.company.add")).await;
    assert!(
        matches!(
            &outcome,
            Outcome::NotSent(Error::NotSent {
                unsent: Unsent::Connection,
                ..
            })
        ),
        "{outcome:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_would_come_too_late_is_not_waited_for() {
    let (memory, client) = faults([Fault::HungUp { executes: false }]);
    let start = Instant::now();
    let error = client
        .call(lookup(1).deadline(Duration::from_millis(100)))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::NoAnswer {
                mishap: Mishap::HungUp,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!((elapsed_ms(start), memory.arrived().len()), (50, 1));
}

#[tokio::test(start_paused = true)]
async fn a_block_by_hand_is_never_repeated_and_closes_the_portal() {
    let (memory, client) = faults([said(503, r#"{"error":"OVERLOAD_LIMIT"}"#)]);
    let other = client.portal().client(crate::testing::webhook(2)).unwrap();
    let error = client.call(lookup(1)).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Overload {
                limit: Limit::Blocked,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(error.verdict(), Verdict::Never);
    for client in [&client, &other] {
        let error = client.call(Call::read("user.get")).await.unwrap_err();
        let Error::Overload {
            limit: Limit::Blocked,
            retry_after,
            context,
        } = &error
        else {
            panic!("{error}");
        };
        assert!(context.is_remembered() && context.method() == "user.get");
        assert_eq!(retry_after.map(|after| after.as_secs()), Some(30));
    }
    assert_eq!(memory.arrived().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_circuit_reaches_as_far_as_its_cause() {
    // What is asked afterwards: same method, other method, other webhook.
    for (status, body, reaches) in [
        (401, r#"{"error":"NO_AUTH_FOUND"}"#, [true, true, false]),
        (
            401,
            r#"{"error":"INVALID_CREDENTIALS"}"#,
            [true, true, false],
        ),
        (
            403,
            r#"{"error":"insufficient_scope"}"#,
            [true, false, false],
        ),
        (
            404,
            r#"{"error":"ERROR_METHOD_NOT_FOUND"}"#,
            [true, false, false],
        ),
        (403, r#"{"error":"WRONG_AUTH_TYPE"}"#, [true, false, false]),
        (500, r#"{"error":"PORTAL_DELETED"}"#, [true, true, true]),
        (302, "", [true, true, true]),
        (
            400,
            r#"{"error":"","error_description":"Not found"}"#,
            [false, false, false],
        ),
        (
            400,
            r#"{"error":"","error_description":"Access denied."}"#,
            [false, false, false],
        ),
        (
            400,
            r#"{"error":"INVALID_ARG_VALUE"}"#,
            [false, false, false],
        ),
    ] {
        let (_memory, client) = faults([said(status, body)]);
        let other = client.portal().client(crate::testing::webhook(2)).unwrap();
        assert!(client.call(lookup(1)).await.is_err(), "{body}");
        let same_method = client.call(lookup(2)).await;
        let other_method = client.call(Call::read("user.get")).await;
        let other_webhook = other.call(lookup(1)).await;
        let refused = [same_method, other_method, other_webhook].map(|answer| match answer {
            Ok(_) => false,
            Err(error) => error.context().is_remembered(),
        });
        assert_eq!(refused, reaches, "{status} {body}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_probe_finds_out_whether_a_circuit_is_mended() {
    let bad = said(401, r#"{"error":"NO_AUTH_FOUND"}"#);
    let (memory, client) = faults([bad.clone(), bad]);
    let crowd = || join_all((0..20).map(|n| client.call(lookup(n))));
    assert!(client.call(lookup(0)).await.is_err());
    tokio::time::sleep(Duration::from_secs(30)).await;
    let answers = crowd().await;
    assert!(
        answers.iter().all(Result::is_err),
        "the probe failed, and so does who waited"
    );
    assert_eq!(sizes(&memory.arrived()), [1, 1]);
    assert_eq!(client.portal().counters().open_circuits, 1);
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert!(crowd().await.iter().all(Result::is_err));
    assert_eq!(
        memory.arrived().len(),
        2,
        "the second pause is twice as long"
    );
    tokio::time::sleep(Duration::from_secs(1)).await;
    let answers = crowd().await;
    assert!(
        answers.iter().all(Result::is_ok),
        "who waited for the probe is served"
    );
    assert_eq!(sizes(&memory.arrived()), [1, 1, 1, 19]);
    assert_eq!(client.portal().counters().open_circuits, 0);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_learns_nothing_lets_another_go() {
    let bad = said(401, r#"{"error":"NO_AUTH_FOUND"}"#);
    let (_memory, client) = faults([bad, said(500, "<h1>Oops</h1>"), Fault::Silence]);
    assert!(client.call(lookup(0)).await.is_err());
    tokio::time::sleep(Duration::from_secs(30)).await;
    let short = |n| lookup(n).deadline(Duration::from_secs(2));
    assert!(client.call(short(1)).await.is_err());
    assert!(client.call(short(2)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_spoilt_batch_is_taken_apart_until_only_the_spoiler_fails() {
    // A portal that dies of one command, whoever travels with it.
    let memory = Arc::new(Memory::new(
        50,
        Box::new(|_, params| {
            match params["id"]
                .as_str()
                .or(params["id"].as_i64().map(|_| "13"))
            {
                Some("13") => panic!("spoilt"),
                _ => json!({"result": params.clone()}),
            }
        }),
    ));
    let client = client(&memory, Options::default());
    let get = |n: u32| Call::read("crm.company.get").param("id", n.to_string());
    let answers = join_all((0..50).map(|n| client.call(get(n)))).await;
    let failed: Vec<usize> = (0..50).filter(|n| answers[*n].is_err()).collect();
    assert_eq!(failed, [13]);
    let sizes = sizes(&memory.arrived());
    assert_eq!(sizes, [50, 8, 8, 8, 8, 8, 8, 2, 1, 1, 1, 1, 1, 1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_dead_portal_is_not_asked_for_every_command_by_itself() {
    let (memory, client) = faults(vec![said(502, "<h1>Bad gateway</h1>"); 99]);
    let answers = join_all((0..50).map(|n| client.call(lookup(n)))).await;
    assert!(answers.iter().all(Result::is_err));
    assert_eq!(memory.arrived().len(), 1 + 7 + 7);
}

#[tokio::test(start_paused = true)]
async fn a_method_that_no_batch_may_hold_goes_again_alone() {
    let forbidden = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let handler = {
        let forbidden = Arc::clone(&forbidden);
        move |method: &str, params: &Value| match method {
            "disk.file.get" if forbidden.swap(false, std::sync::atomic::Ordering::SeqCst) => {
                json!({"error": "ERROR_BATCH_METHOD_NOT_ALLOWED"})
            }
            _ => json!({"result": params.clone()}),
        }
    };
    let (memory, client) = memory(Memory::new(50, Box::new(handler)));
    let file = client.call(Call::write("disk.file.get").param("id", 7));
    let (file, other) = tokio::join!(file, client.call(lookup(1)));
    assert_eq!(echoed(&file)["id"], 7);
    assert!(other.is_ok());
    let batches: Vec<_> = memory
        .arrived()
        .iter()
        .map(|request| request.is_batch)
        .collect();
    assert_eq!(batches, [true, false]);
}

#[tokio::test(start_paused = true)]
async fn a_portal_without_batches_is_asked_one_by_one() {
    let missing = said(404, r#"{"error":"ERROR_METHOD_NOT_FOUND"}"#);
    let (memory, client) = faults([missing]);
    let write = || Call::write("crm.company.add").param("x", 1);
    let (read, write) = tokio::join!(client.call(lookup(1)), client.write(write()));
    assert!(read.is_ok());
    assert!(matches!(write, Outcome::Done(_)), "{write:?}");
    let more = join_all((10..13).map(|n| client.call(lookup(n)))).await;
    assert!(more.iter().all(Result::is_ok));
    assert_eq!(sizes(&memory.arrived()), [2, 1, 1, 1, 1, 1]);
    let group: Group = [lookup(1), lookup(2)].into_iter().collect();
    let answers = client.group(group).await.unwrap();
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(sizes(&memory.arrived()), [2, 1, 1, 1, 1, 1, 1, 1]);
    let mut chain = Group::new();
    let lead = chain.add(Call::read("crm.lead.get").param("id", 1));
    chain.add(Call::read("crm.company.get").param("id", lead.field("COMPANY_ID")));
    let answers = client.group(chain).await.unwrap();
    let are_refused = |answer: &Result<_, Error>| {
        matches!(
            answer,
            Err(Error::Configuration {
                fault: Misconfigured::Method,
                ..
            })
        )
    };
    assert!(answers.iter().all(are_refused), "{answers:?}");
    assert_eq!(memory.arrived().len(), 8);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_lost_is_unknown_for_its_writes_and_repeated_for_its_reads() {
    let (memory, client) = faults([Fault::HungUp { executes: true }]);
    let write = Call::write("crm.company.add").param("x", 1);
    let (read, write) = tokio::join!(client.call(lookup(1)), client.write(write));
    assert!(read.is_ok());
    assert!(matches!(write, Outcome::Unknown(_)), "{write:?}");
    assert_eq!(
        memory.executed(),
        ["crm.company.list", "crm.company.add", "crm.company.list"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_group_with_a_write_in_it_is_not_repeated() {
    let chain = |kind: fn(&str) -> Call| {
        let mut group = Group::new();
        let company = group.add(Call::read("crm.lead.get").param("COMPANY_ID", 5));
        group.add(kind("crm.company.x").param("id", company.field("COMPANY_ID")));
        group
    };
    let lost = Fault::HungUp { executes: true };
    let (memory, client) = faults([lost.clone()]);
    let answers: Vec<_> = client
        .group(chain(Call::write))
        .await
        .unwrap()
        .into_iter()
        .collect();
    assert!(matches!(answers[0], Err(Error::NoAnswer { .. })));
    assert!(matches!(answers[1], Err(Error::MaybeExecuted { .. })));
    assert_eq!(memory.arrived().len(), 1);
    let (memory, client) = faults([lost]);
    let answers = client.group(chain(Call::read)).await.unwrap();
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(memory.arrived().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_missing_scope_is_named_and_says_what_to_do() {
    let (_memory, client) = faults([said(403, r#"{"error":"insufficient_scope","scope":"crm"}"#)]);
    let error = client.call(lookup(1)).await.unwrap_err();
    let Error::Configuration {
        fault: Misconfigured::Scope { scope },
        ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!(scope.as_deref(), Some("crm"));
    assert_eq!(
        error.to_string(),
        "crm.company.list at portal.test: the webhook lacks the scope crm; tick it in the webhook's \
         settings (HTTP 403 insufficient_scope)"
    );
}

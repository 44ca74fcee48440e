use super::*;
use crate::{Limit, Limits, Unsent, Verdict};

#[tokio::test(start_paused = true)]
async fn the_portal_never_refuses_what_the_bucket_lets_go() {
    // Commands that cannot share a request: 80 requests through a bucket of 50.
    let (memory, client) = memory(Memory::echo(50).limited(50.0, 2.0));
    let call = |n: u32| {
        lookup(n)
            .param("x", Value::Null)
            .deadline(Duration::from_secs(30))
    };
    let start = Instant::now();
    let answers = join_all((0..80).map(|n| client.call(call(n)))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!((memory.refused(), memory.arrived().len()), (0, 80));
    let seconds = elapsed_ms(start) / 1000;
    assert!(
        (14..=16).contains(&seconds),
        "30 requests beyond the burst took {seconds} s"
    );
}

#[tokio::test(start_paused = true)]
async fn background_leaves_the_reserve_to_people() {
    let (memory, client) = memory(Memory::echo(50).limited(50.0, 2.0));
    let call = |n: u32| {
        lookup(n)
            .param("x", Value::Null)
            .deadline(Duration::from_secs(59))
    };
    let background = client.in_lane(Lane::Background);
    let backlog = join_all((0..60).map(|n| background.call(call(n))));
    let people = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let start = Instant::now();
        let answers = join_all((100..110).map(|n| client.call(call(n)))).await;
        assert!(answers.iter().all(Result::is_ok));
        elapsed_ms(start)
    };
    let (answers, people_ms) = tokio::join!(backlog, people);
    assert!(answers.iter().all(Result::is_ok));
    assert!(people_ms < 100, "people waited {people_ms} ms");
    assert_eq!(memory.refused(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_has_no_budget_before_its_deadline_is_told_at_once() {
    let memory = Arc::new(Memory::echo(50));
    let options = Options {
        limits: Limits {
            capacity: 2,
            per_second: 1,
        },
        reserve: 0,
        ..Options::default()
    };
    let client = client(&memory, options);
    let call = |n: u32| {
        lookup(n)
            .param("x", Value::Null)
            .deadline(Duration::from_millis(2500))
    };
    let start = Instant::now();
    let calls = (0..6).map(|n| {
        let client = &client;
        async move {
            let answer = client.call(call(n)).await;
            (answer, elapsed_ms(start))
        }
    });
    let answers = join_all(calls).await;
    let done = answers.iter().filter(|(answer, _)| answer.is_ok()).count();
    assert_eq!(done, 4, "two at once and two within the deadline");
    // Neither goes, so the other would have been the next.
    let expected = Duration::from_secs(3);
    for (answer, at_ms) in answers.iter().filter(|(answer, _)| answer.is_err()) {
        assert!(*at_ms < 10, "told after {at_ms} ms");
        let Err(
            error @ Error::Overload {
                limit: Limit::Requests,
                ..
            },
        ) = answer
        else {
            panic!("{answer:?}");
        };
        let Verdict::RetryAfter(Some(after)) = error.verdict() else {
            panic!("{error}");
        };
        assert!(
            after.abs_diff(expected) < Duration::from_millis(20),
            "{after:?}"
        );
    }
    assert_eq!(client.portal().counters().refused_here, 2);
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_for_want_of_budget_takes_no_place_from_others() {
    let memory = Arc::new(Memory::echo(50));
    let options = Options {
        limits: Limits {
            capacity: 2,
            per_second: 1,
        },
        reserve: 0,
        ..Options::default()
    };
    let client = client(&memory, options);
    let call = |n: u32, seconds| {
        lookup(n)
            .param("x", Value::Null)
            .deadline(Duration::from_secs(seconds))
    };
    let calls = (0..8).map(|n| {
        // Six without patience, of whom two go at once; then two who wait for the third and fourth place.
        let seconds = if n < 6 { 1 } else { 3 };
        client.call(call(n, seconds))
    });
    let answers = join_all(calls).await;
    let done: Vec<usize> = (0..8).filter(|n| answers[*n].is_ok()).collect();
    assert_eq!(done, [0, 1, 6, 7]);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_covers_the_time_in_the_queue() {
    let memory = Arc::new(Memory::echo(10_000));
    let options = Options {
        requests_in_flight_max: 1,
        ..Options::default()
    };
    let client = client(&memory, options);
    let start = Instant::now();
    let first = client.call(lookup(1));
    let second = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        client
            .write(Call::write("crm.company.add").deadline(Duration::from_secs(2)))
            .await
    };
    let (first, second) = tokio::join!(first, async { (second.await, elapsed_ms(start)) });
    assert!(first.is_ok());
    let (outcome, at_ms) = second;
    let crate::Outcome::NotSent(Error::NotSent { unsent, .. }) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!((unsent, at_ms), (Unsent::Deadline, 2100));
    assert_eq!(memory.arrived().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_the_portal_is_waited_out_even_by_writes() {
    let refused = Fault::Answer(503, r#"{"error":"QUERY_LIMIT_EXCEEDED"}"#.to_owned());
    let (memory, client) = memory(Memory::echo(50).faults([refused.clone(), refused]));
    let start = Instant::now();
    let outcome = client.write(Call::write("crm.company.add")).await;
    assert!(matches!(outcome, crate::Outcome::Done(_)), "{outcome:?}");
    assert_eq!(memory.executed(), ["crm.company.add"]);
    // Half a second for the first refusal, a whole one for the second.
    assert_eq!(elapsed_ms(start), 50 + 500 + 50 + 1000 + 50);
    assert_eq!(client.portal().counters().requests_refused, 2);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_one_command_in_a_batch_is_waited_out_as_well() {
    let left = Arc::new(std::sync::atomic::AtomicU32::new(3));
    let handler = {
        let left = Arc::clone(&left);
        move |method: &str, params: &Value| {
            let is_refused = method == "crm.company.add"
                && left
                    .fetch_update(
                        std::sync::atomic::Ordering::SeqCst,
                        std::sync::atomic::Ordering::SeqCst,
                        |left| left.checked_sub(1),
                    )
                    .is_ok();
            match is_refused {
                true => json!({"error": "QUERY_LIMIT_EXCEEDED"}),
                false => json!({"result": params.clone(), "time": {}}),
            }
        }
    };
    let (memory, client) = memory(Memory::new(50, Box::new(handler)));
    let start = Instant::now();
    let add = || Call::write("crm.company.add").param("x", 1);
    let (read, one, two) = tokio::join!(
        async { client.call(lookup(1)).await.map(|_| elapsed_ms(start)) },
        client.write(add()),
        client.write(add()),
    );
    assert!(read.unwrap() < 100);
    assert!(matches!(one, crate::Outcome::Done(_)), "{one:?}");
    assert!(matches!(two, crate::Outcome::Done(_)), "{two:?}");
    // Both are refused at first, then one of them.
    assert_eq!(sizes(&memory.arrived()), [3, 2, 1]);
    assert_eq!(client.portal().counters().requests_refused, 2);
    // Half a second for the first refusal, a whole one for the second.
    let gathered_ms = 3;
    assert_eq!(elapsed_ms(start), gathered_ms + 50 + 500 + 50 + 1000 + 50);
}

#[tokio::test(start_paused = true)]
async fn a_portal_that_keeps_refusing_is_asked_ever_more_slowly_until_the_deadline() {
    let refused = Fault::Answer(
        503,
        r#"{"error":"QUERY_LIMIT_EXCEEDED","error_description":"Too many"}"#.to_owned(),
    );
    let (memory, client) = memory(Memory::echo(50).faults(vec![refused; 100]));
    let start = Instant::now();
    let error = client.call(lookup(1)).await.unwrap_err();
    assert!(elapsed_ms(start) <= 15_000);
    let Error::Overload {
        limit: Limit::Requests,
        context,
        ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!(context.description(), Some("Too many"));
    assert!(
        memory.arrived().len() <= 8,
        "{} requests",
        memory.arrived().len()
    );
}

#[tokio::test(start_paused = true)]
async fn operating_time_parks_one_method_of_one_webhook() {
    let handler = |method: &str, params: &Value| match method {
        "crm.deal.list" => json!({"error": "OPERATION_TIME_LIMIT", "time": {
            "finish": 1_700_000_000.0, "operating": 480.5, "operating_reset_at": 1_700_000_100}}),
        _ => json!({"result": params.clone(), "time": {}}),
    };
    let (memory, first) = memory(Memory::new(50, Box::new(handler)));
    let second = first.portal().client(crate::testing::webhook(2)).unwrap();
    let deals = || Call::read("crm.deal.list");
    let error = first.call(deals()).await.unwrap_err();
    let Error::Overload {
        limit: Limit::OperatingTime { reset_at },
        retry_after,
        ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!(reset_at.map(|at| at.as_second()), Some(1_700_000_100));
    assert_eq!(retry_after.map(|after| after.as_secs()), Some(100));
    let sent = memory.arrived().len();
    let again = first.call(deals()).await.unwrap_err();
    assert!(
        matches!(again.verdict(), Verdict::RetryAfter(Some(_))),
        "{again}"
    );
    assert_eq!(
        memory.arrived().len(),
        sent,
        "a parked method was asked again"
    );
    assert_eq!(first.portal().counters().parked_methods, 1);
    assert!(first.call(lookup(1)).await.is_ok());
    assert!(second.call(deals()).await.is_err());
    assert_eq!(
        memory.arrived().len(),
        sent + 2,
        "another webhook has its own time"
    );
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert!(first.call(deals()).await.is_err());
    assert_eq!(
        memory.arrived().len(),
        sent + 3,
        "the method stayed parked after its reset"
    );
}

#[tokio::test(start_paused = true)]
async fn a_parked_command_does_not_hold_up_its_companions() {
    let handler = |method: &str, params: &Value| match method {
        "crm.deal.list" => json!({"error": "OPERATION_TIME_LIMIT", "time": {
            "finish": 1_700_000_000.0, "operating_reset_at": 1_700_000_003}}),
        _ => json!({"result": params.clone(), "time": {}}),
    };
    let (memory, client) = memory(Memory::new(50, Box::new(handler)));
    let start = Instant::now();
    let (parked, other) = tokio::join!(client.call(Call::read("crm.deal.list")), async {
        client.call(lookup(1)).await.map(|_| elapsed_ms(start))
    });
    assert!(other.unwrap() < 100);
    // The method was free again within the deadline, so it was tried until the deadline.
    assert!(matches!(
        parked,
        Err(Error::Overload {
            limit: Limit::OperatingTime { .. },
            ..
        })
    ));
    assert_eq!(sizes(&memory.arrived()), [2, 1, 1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn too_many_waiting_calls_are_refused() {
    let memory = Arc::new(Memory::echo(50));
    let options = Options {
        waiting_max: 60,
        ..Options::default()
    };
    let client = client(&memory, options);
    let answers = join_all((0..70).map(|n| client.call(lookup(n)))).await;
    let refused = answers.iter().filter(|answer| {
        matches!(
            answer,
            Err(Error::Overload {
                limit: Limit::Queue,
                ..
            })
        )
    });
    assert_eq!(refused.count(), 10);
}

#[tokio::test(start_paused = true)]
async fn background_goes_on_while_people_take_every_place_that_leaks_out() {
    let (memory, client) = memory(Memory::echo(50).limited(50.0, 2.0));
    let call = |n: u32| {
        lookup(n)
            .param("x", Value::Null)
            .deadline(Duration::from_secs(59))
    };
    let start = Instant::now();
    let people = join_all((0..90).map(|n| {
        let (client, call) = (&client, call(n));
        async move {
            client.call(call).await.unwrap();
            elapsed_ms(start)
        }
    }));
    let background = client.in_lane(Lane::Background);
    let backlog = join_all((100..103).map(|n| {
        let (client, call) = (&background, call(n));
        async move {
            client.call(call).await.unwrap();
            elapsed_ms(start)
        }
    }));
    let (people, backlog) = tokio::join!(people, backlog);
    // Each third place is followed by one of background work, two a second.
    let seconds: Vec<u128> = backlog.iter().map(|ms| ms / 1000).collect();
    assert_eq!(seconds, [1, 3, 5], "{backlog:?}");
    let last = people.iter().max().unwrap() / 1000;
    assert!((21..=23).contains(&last), "people waited {last} s");
    assert_eq!(memory.refused(), 0);
}

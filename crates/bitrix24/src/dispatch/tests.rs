//! The dispatcher over a portal in memory, under a paused clock.

mod budget;
mod failures;
mod groups;
mod laws;
mod merging;

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    Answer, Call, Client, Error, Lane, Options,
    testing::{Arrived, Fault, Memory, client},
};

fn memory(memory: Memory) -> (Arc<Memory>, Client) {
    let memory = Arc::new(memory);
    let client = client(&memory, Options::default());
    (memory, client)
}

fn lookup(n: u32) -> Call {
    Call::read("crm.company.list")
        .filter("=UF_CRM_TAX_ID", n.to_string())
        .without_count()
}

fn echoed(answer: &Result<Answer, Error>) -> Value {
    serde_json::from_str(answer.as_ref().unwrap().result().get()).unwrap()
}

fn sizes(arrived: &[Arrived]) -> Vec<usize> {
    arrived
        .iter()
        .map(|request| request.commands.len())
        .collect()
}

fn elapsed_ms(since: Instant) -> u128 {
    since.elapsed().as_millis()
}

#[tokio::test(start_paused = true)]
async fn a_crowd_of_lookups_travels_in_a_few_batches() {
    let (memory, client) = memory(Memory::echo(50).limited(50.0, 2.0));
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..120 {
        let client = client.clone();
        tasks.spawn(async move { (n, client.call(lookup(n)).await) });
    }
    let mut answered = 0;
    while let Some(done) = tasks.join_next().await {
        let (n, answer) = done.unwrap();
        assert_eq!(echoed(&answer)["filter"]["=UF_CRM_TAX_ID"], n.to_string());
        answered += 1;
    }
    assert_eq!(answered, 120);
    assert!(elapsed_ms(start) < 1000, "{} ms", elapsed_ms(start));
    assert_eq!(memory.refused(), 0);
    let requests = memory.arrived();
    assert!((3..=4).contains(&requests.len()), "{:?}", sizes(&requests));
    let counters = client.portal().counters();
    assert_eq!((counters.calls, counters.commands), (120, 120));
    assert_eq!(counters.requests, requests.len() as u64);
}

#[tokio::test(start_paused = true)]
async fn a_lone_call_goes_at_once_and_as_itself() {
    let (memory, client) = memory(Memory::echo(50));
    let start = Instant::now();
    client.call(lookup(1)).await.unwrap();
    assert_eq!(elapsed_ms(start), 50);
    assert!(!memory.arrived()[0].is_batch);
}

#[tokio::test(start_paused = true)]
async fn calls_of_one_moment_share_a_request_and_later_ones_do_not_wait_for_it() {
    let (memory, client) = memory(Memory::echo(50));
    let later = async {
        tokio::time::sleep(Duration::from_millis(2)).await;
        client.call(lookup(3)).await
    };
    let after = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        client.call(lookup(4)).await
    };
    let (one, two) = (client.call(lookup(1)), client.call(lookup(2)));
    let (a, b, c, d) = tokio::join!(one, two, later, after);
    assert!([a, b, c, d].iter().all(Result::is_ok));
    assert_eq!(sizes(&memory.arrived()), [3, 1]);
}

#[tokio::test(start_paused = true)]
async fn calls_that_trickle_in_while_another_is_under_way_share_a_request() {
    let (memory, client) = memory(Memory::echo(50));
    let calls = (0..30).map(|n| {
        let client = &client;
        async move {
            tokio::time::sleep(Duration::from_millis(1) * n / 10).await;
            client.call(lookup(n)).await
        }
    });
    assert!(join_all(calls).await.iter().all(Result::is_ok));
    assert_eq!(sizes(&memory.arrived()), [1, 29]);
}

#[tokio::test(start_paused = true)]
async fn a_full_batch_does_not_wait_for_more() {
    let memory = Arc::new(Memory::echo(50));
    let options = Options {
        batch_window: Duration::from_secs(5),
        ..Options::default()
    };
    let client = client(&memory, options);
    let start = Instant::now();
    let answers = join_all((0..50).map(|n| client.call(lookup(n)))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(elapsed_ms(start), 50);
}

#[tokio::test(start_paused = true)]
async fn what_a_batch_cannot_say_travels_alone() {
    let (memory, client) = memory(Memory::echo(50));
    let odd = Call::read("crm.company.list").param("filter", json!({"=A": null}));
    let injected = Call::read("crm.company.list").filter("=A", "$result[c0][0][EMAIL]");
    let (a, b, c, d) = tokio::join!(
        client.call(lookup(1)),
        client.call(lookup(2)),
        client.call(odd),
        client.call(injected),
    );
    assert_eq!(echoed(&c)["filter"]["=A"], Value::Null);
    assert_eq!(echoed(&d)["filter"]["=A"], "$result[c0][0][EMAIL]");
    assert!(a.is_ok() && b.is_ok());
    assert_eq!(sizes(&memory.arrived()), [2, 1, 1]);
    assert!(!memory.arrived()[1].is_batch && !memory.arrived()[2].is_batch);
}

#[tokio::test(start_paused = true)]
async fn webhooks_share_the_bucket_but_no_batch() {
    let (memory, first) = memory(Memory::echo(50));
    let second = first.portal().client(crate::testing::webhook(2)).unwrap();
    let calls = (0..10).map(|n| {
        if n % 2 == 0 {
            first.call(lookup(n))
        } else {
            second.call(lookup(n))
        }
    });
    let answers = join_all(calls).await;
    assert!(answers.iter().all(Result::is_ok));
    let requests = memory.arrived();
    let users: Vec<_> = requests.iter().map(|request| request.user_id).collect();
    assert_eq!((users, sizes(&requests)), (vec![1, 2], vec![5, 5]));
    assert!((first.portal().counters().bucket_level - 2.0).abs() < 0.2);
    let foreign = crate::Webhook::parse("https://other.test/rest/1/abc/").unwrap();
    let refused = first.portal().client(foreign).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the webhook or application belongs to other.test, not to portal.test"
    );
}

#[tokio::test(start_paused = true)]
async fn the_dispatcher_ends_after_its_last_client_and_answers_everybody_first() {
    let (memory, client) = memory(Memory::echo(50));
    let weak = Arc::downgrade(&memory);
    drop(memory);
    let waiting: Vec<_> = (0..3)
        .map(|n| {
            let client = client.clone();
            async move { client.call(lookup(n)).await }
        })
        .collect();
    drop(client);
    let answers = join_all(waiting).await;
    assert!(answers.iter().all(Result::is_ok));
    // The dispatcher holds the last handle of the transport.
    while weak.strong_count() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_while_it_waits_costs_nothing() {
    let (memory, client) = memory(Memory::echo(50));
    let (one, two) = (client.call(lookup(1)), client.call(lookup(2)));
    let impatient = tokio::time::timeout(Duration::from_millis(1), client.call(lookup(3)));
    let (a, b, c) = tokio::join!(one, two, impatient);
    assert!(a.is_ok() && b.is_ok() && c.is_err());
    assert_eq!(sizes(&memory.arrived()), [2]);
}

#[tokio::test(start_paused = true)]
async fn people_go_before_background_work() {
    let memory = Arc::new(Memory::echo(50));
    let options = Options {
        requests_in_flight_max: 1,
        ..Options::default()
    };
    let client = client(&memory, options);
    let background = client.in_lane(Lane::Background);
    let backlog = join_all((0..200).map(|n| background.call(lookup(n))));
    let person = async {
        tokio::time::sleep(Duration::from_millis(60)).await;
        let start = Instant::now();
        client.call(lookup(1000)).await.unwrap();
        elapsed_ms(start)
    };
    let (answers, waited_ms) = tokio::join!(backlog, person);
    assert!(answers.iter().all(Result::is_ok));
    assert!(waited_ms < 110, "a person waited {waited_ms} ms");
    assert_eq!(sizes(&memory.arrived()), [50, 50, 1, 50, 50]);
}

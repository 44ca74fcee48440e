use super::*;

#[tokio::test(start_paused = true)]
async fn equal_reads_are_sent_once_whether_they_wait_or_are_under_way() {
    let (memory, client) = memory(Memory::echo(50));
    let same = || {
        Call::read("crm.company.list")
            .filter("=A", 1)
            .filter("=B", 2)
    };
    let other_spelling =
        Call::read("CRM.Company.List").params(json!({"FILTER": {"=B": 2, "=A": 1}}));
    let late = async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        client.call(same()).await
    };
    let (a, b, c, d) = tokio::join!(
        client.call(same()),
        client.call(same()),
        client.call(other_spelling),
        late
    );
    for answer in [&a, &b, &c, &d] {
        assert_eq!(echoed(answer)["filter"]["=B"], 2);
    }
    assert_eq!(sizes(&memory.arrived()), [1]);
    assert_eq!(client.portal().counters().merged, 3);
    client.call(same()).await.unwrap();
    assert_eq!(memory.arrived().len(), 2, "an answer is not a cache");
}

#[tokio::test(start_paused = true)]
async fn writes_and_different_reads_and_webhooks_are_not_merged() {
    let (memory, client) = memory(Memory::echo(50));
    let other = client.portal().client(crate::testing::webhook(2)).unwrap();
    let write = || Call::write("crm.company.add").param("fields", json!({"TITLE": "x"}));
    let (a, b, c, d, e) = tokio::join!(
        client.call(write()),
        client.call(write()),
        client.call(lookup(1)),
        client.call(lookup(2)),
        other.call(lookup(1)),
    );
    assert!([a, b, c, d, e].iter().all(Result::is_ok));
    assert_eq!(memory.executed().len(), 5);
    assert_eq!(client.portal().counters().merged, 0);
}

#[tokio::test(start_paused = true)]
async fn who_looks_for_the_effect_of_a_write_is_not_answered_by_an_earlier_look() {
    for write in [
        // Lost together with its answer, or given up.
        Fault::HungUp { executes: true },
        Fault::Silence,
    ] {
        // A slow read is under way before the write, and another after it; neither has to have seen it.
        let (memory, client) = memory(Memory::echo(1000).faults([Fault::None, write, Fault::None]));
        let slow = async |after_ms| {
            tokio::time::sleep(Duration::from_millis(after_ms)).await;
            client.call(lookup(1)).await
        };
        let looks = async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let write = Call::write("crm.company.add").deadline(Duration::from_millis(500));
            let written = client.write(write).await;
            assert!(matches!(written, crate::Outcome::Unknown(_)), "{written:?}");
            client.call(lookup(1)).await
        };
        let (before, between, after) = tokio::join!(slow(0), slow(400), looks);
        assert!(before.is_ok() && between.is_ok() && after.is_ok());
        assert_eq!(client.portal().counters().merged, 0);
        assert_eq!(memory.arrived().len(), 4);
    }
}

#[tokio::test(start_paused = true)]
async fn reads_that_wait_are_merged_whatever_is_written_meanwhile() {
    let memory = Arc::new(Memory::echo(50));
    let options = Options {
        requests_in_flight_max: 1,
        ..Options::default()
    };
    let client = client(&memory, options);
    let first = client.write(Call::write("crm.company.add").param("x", 1));
    let later = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let write = client.write(Call::write("crm.company.add").param("x", 2));
        tokio::join!(client.call(lookup(1)), write, client.call(lookup(1)))
    };
    let (_, (one, _, two)) = tokio::join!(first, later);
    assert!(one.is_ok() && two.is_ok());
    assert_eq!(client.portal().counters().merged, 1);
    assert_eq!(sizes(&memory.arrived()), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn merged_callers_keep_their_own_deadlines_and_errors() {
    let (memory, client) = memory(Memory::echo(1000));
    let start = Instant::now();
    let impatient = client.call(lookup(1).deadline(Duration::from_millis(300)));
    let impatient = async { (impatient.await, elapsed_ms(start)) };
    let patient = async { (client.call(lookup(1)).await, elapsed_ms(start)) };
    let ((first, first_ms), (second, second_ms)) = tokio::join!(impatient, patient);
    assert!(matches!(first, Err(Error::NoAnswer { .. })), "{first:?}");
    assert!(second.is_ok());
    assert_eq!((first_ms, second_ms), (300, 1000));
    assert_eq!(memory.arrived().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_joined_late_outlives_the_deadline_of_the_first() {
    let (memory, client) = memory(Memory::echo(50).faults([Fault::Silence]));
    let first = client.call(lookup(1).deadline(Duration::from_secs(1)));
    let second = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        client
            .call(lookup(1).deadline(Duration::from_secs(5)))
            .await
    };
    let (first, second) = tokio::join!(first, second);
    assert!(matches!(first, Err(Error::NoAnswer { .. })), "{first:?}");
    assert!(second.is_ok(), "{second:?}");
    assert_eq!(memory.arrived().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_person_who_joins_background_work_takes_it_along() {
    let memory = Arc::new(Memory::echo(50));
    let options = Options {
        requests_in_flight_max: 1,
        ..Options::default()
    };
    let client = client(&memory, options);
    let background = client.in_lane(Lane::Background);
    let backlog = join_all((0..151).map(|n| background.call(lookup(n))));
    let person = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let start = Instant::now();
        client.call(lookup(150)).await.unwrap();
        elapsed_ms(start)
    };
    let (answers, waited_ms) = tokio::join!(backlog, person);
    assert!(answers.iter().all(Result::is_ok));
    assert!(waited_ms <= 90, "a person waited {waited_ms} ms");
    assert_eq!(sizes(&memory.arrived()), [50, 1, 50, 50]);
    assert_eq!(memory.executed().len(), 151);
}

#[tokio::test(start_paused = true)]
async fn a_merged_call_survives_the_caller_that_asked_first() {
    let (memory, client) = memory(Memory::echo(50));
    let first = tokio::time::timeout(Duration::from_millis(1), client.call(lookup(1)));
    let (first, second, third) =
        tokio::join!(first, client.call(lookup(1)), client.call(lookup(2)));
    assert!(first.is_err());
    assert_eq!(echoed(&second)["filter"]["=UF_CRM_TAX_ID"], "1");
    assert!(third.is_ok());
    assert_eq!(sizes(&memory.arrived()), [2]);
}

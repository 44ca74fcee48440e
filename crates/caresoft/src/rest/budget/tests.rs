use super::*;

#[tokio::test(start_paused = true)]
async fn no_second_sees_more_than_the_budget() {
    let budget = Budget::new(15);
    let mut sent = Vec::new();
    for _ in 0..100 {
        drop(budget.take().await.unwrap());
        sent.push(Instant::now());
    }
    for (at, later) in sent.iter().zip(&sent[15..]) {
        assert!(*later - *at >= SECOND, "sixteen in a second");
    }
    let whole = sent[99] - sent[0];
    assert!(whole <= SECOND * 7, "{whole:?}");
}

#[tokio::test(start_paused = true)]
async fn refusals_pause_everybody_for_longer_each_time_until_an_answer() {
    let budget = Budget::new(15);
    let pauses: Vec<u64> = (0..8).map(|_| budget.refused(None).as_secs()).collect();
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
    let before = Instant::now();
    drop(budget.take().await.unwrap());
    assert_eq!(before.elapsed(), PAUSE_MAX);
    budget.answered();
    assert_eq!(budget.refused(None), SECOND);
    assert_eq!(budget.refused(Some(Duration::from_secs(7))).as_secs(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_ban_is_told_at_once_and_ends() {
    let budget = Budget::new(15);
    budget.banned();
    tokio::time::advance(Duration::from_secs(100)).await;
    assert_eq!(budget.take().await.err(), Some(Duration::from_secs(800)));
    tokio::time::advance(Duration::from_secs(800)).await;
    assert!(budget.take().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_request_counts_until_a_second_after_its_answer() {
    let budget = Budget::new(2);
    let start = Instant::now();
    let slow = budget.take().await.unwrap();
    let slower = budget.take().await.unwrap();
    let answers = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        drop(slow);
        tokio::time::sleep(Duration::from_secs(5)).await;
        drop(slower);
    };
    let (third, ()) = tokio::join!(
        async {
            let permit = budget.take().await;
            (start.elapsed(), permit.is_ok())
        },
        answers
    );
    assert_eq!(third, (Duration::from_secs(6), true));
}

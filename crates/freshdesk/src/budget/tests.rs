use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn told(total: u32, remaining: u32, used: u32) -> Told {
    Told {
        total: Some(total),
        remaining: Some(remaining),
        used: Some(used),
    }
}

/// Sends at once whatever may be sent.
fn burst(ledger: &mut Ledger, now: Instant, endpoint: Endpoint, credits: u32) -> u32 {
    let mut sent = 0;
    while ledger.take(now, endpoint, credits) == Take::Now {
        ledger.ended(now, endpoint, credits, Told::default());
        sent += 1;
        assert!(sent < 10_000);
    }
    sent
}

#[tokio::test(start_paused = true)]
async fn a_share_of_every_limit_is_drawn_upon() {
    let now = Instant::now();
    for (plan, endpoint, credits, expected) in [
        (Plan::Growth, Endpoint::Other, 1, 120),
        (Plan::Growth, Endpoint::Other, 3, 40),
        (Plan::Growth, Endpoint::TicketList, 1, 12),
        (Plan::Pro, Endpoint::ContactList, 1, 60),
        (Plan::Enterprise, Endpoint::TicketList, 1, 120),
        (Plan::Unknown, Endpoint::Other, 1, 30),
        (Plan::PerHour(3000), Endpoint::TicketList, 1, 1800),
        (Plan::PerMinute(1), Endpoint::Other, 5, 1),
    ] {
        let mut ledger = Ledger::new(plan, 60);
        assert_eq!(
            burst(&mut ledger, now, endpoint, credits),
            expected,
            "{plan:?} {endpoint:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_list_leaves_room_for_other_requests_and_ends_with_the_window() {
    let now = Instant::now();
    let mut ledger = Ledger::new(Plan::Growth, 60);
    burst(&mut ledger, now, Endpoint::TicketList, 1);
    assert_eq!(
        ledger.take(now, Endpoint::TicketList, 1),
        Take::At(now + MINUTE)
    );
    assert_eq!(burst(&mut ledger, now, Endpoint::Other, 1), 108);
    assert_eq!(
        burst(&mut ledger, now + MINUTE, Endpoint::TicketList, 1),
        12
    );
}

#[tokio::test(start_paused = true)]
async fn true_costs_and_totals_are_learned_from_answers() {
    let now = Instant::now();
    let mut ledger = Ledger::new(Plan::Unknown, 50);
    ledger.take(now, Endpoint::Other, 1);
    ledger.ended(now, Endpoint::Other, 1, told(400, 390, 10));
    assert_eq!(burst(&mut ledger, now, Endpoint::Other, 1), 190);
    let mut hourly = Ledger::new(Plan::Unknown, 50);
    hourly.ended(now, Endpoint::Other, 1, told(3000, 2999, 1));
    assert_eq!(hourly.standing(now).limits.window, MINUTE * 60);
    // What was configured is believed, unless the account has less.
    let mut growth = Ledger::new(Plan::Growth, 50);
    growth.ended(now, Endpoint::Other, 1, told(700, 600, 1));
    assert_eq!(growth.standing(now).limits.total, 200);
    growth.ended(now, Endpoint::Other, 1, told(50, 40, 1));
    assert_eq!(growth.standing(now).limits.total, 50);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_believed_for_as_long_as_it_says() {
    let now = Instant::now();
    let mut ledger = Ledger::new(Plan::Enterprise, 100);
    assert_eq!(ledger.refused(now, Some(SECOND * 1800)), SECOND * 1800);
    // A later, shorter one does not end it.
    ledger.refused(now, Some(SECOND));
    assert_eq!(
        ledger.take(now + SECOND * 1799, Endpoint::Other, 1),
        Take::At(now + SECOND * 1800)
    );
    assert_eq!(ledger.standing(now).paused_for, Some(SECOND * 1800));
    assert_eq!(
        ledger.take(now + SECOND * 1800, Endpoint::Other, 1),
        Take::Now
    );
    assert_eq!(ledger.refused(now, None), MINUTE);
}

#[tokio::test(start_paused = true)]
async fn what_little_is_left_is_left_to_others() {
    let now = Instant::now();
    let mut ledger = Ledger::new(Plan::Growth, 60);
    ledger.ended(now, Endpoint::Other, 1, told(200, 19, 1));
    assert_eq!(
        ledger.take(now, Endpoint::Other, 1),
        Take::At(now + SECOND * 6)
    );
}

proptest! {
    #[test]
    fn no_window_holds_more_than_the_share(
        asked in proptest::collection::vec((0..3_u8, 1..4_u32, 0..20_000_u64, 0..30_000_u64), 1..300),
        began_ms in 0..60_000_u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let start = runtime.block_on(async { Instant::now() });
        let mut ledger = Ledger::new(Plan::Growth, 60);
        let mut now = start;
        // When each was counted by Freshdesk, some time between its departure and its answer.
        let mut counted: Vec<(Instant, Endpoint, u32)> = Vec::new();
        for (kind, credits, pause_ms, way_ms) in asked {
            let endpoint = [Endpoint::TicketList, Endpoint::ContactList, Endpoint::Other][usize::from(kind)];
            now += Duration::from_millis(pause_ms / 50);
            loop {
                match ledger.take(now, endpoint, credits) {
                    Take::Now => break,
                    Take::At(until) => {
                        prop_assert!(until > now);
                        now = until;
                    }
                    Take::AfterAnswer => unreachable!("all were answered"),
                }
            }
            let departed = now;
            let way = Duration::from_millis(way_ms / 10);
            now += way;
            ledger.ended(now, endpoint, credits, Told::default());
            counted.push((departed + way / 2, endpoint, credits));
        }
        let window_of = |at: Instant| (at - start + Duration::from_millis(began_ms)).as_secs() / 60;
        for (at, endpoint, _) in &counted {
            let window: Vec<_> = counted.iter().filter(|(other, ..)| window_of(*other) == window_of(*at)).collect();
            let credits: u32 = window.iter().map(|(_, _, credits)| credits).sum();
            let same = window.iter().filter(|(_, other, _)| other == endpoint).count();
            prop_assert!(credits <= 120, "{} credits", credits);
            prop_assert!(*endpoint == Endpoint::Other || same <= 12, "{} lists", same);
        }
    }
}

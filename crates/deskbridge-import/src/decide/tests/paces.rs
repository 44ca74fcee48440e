use std::time::Duration;

use proptest::prelude::*;

use crate::decide::{Pace, Seen, pace::Sort};

fn answer(ms: u64) -> Seen {
    Seen::Answer {
        sort: Sort::Ticket,
        after: Duration::from_millis(ms),
    }
}

fn overloaded(retry_after_s: Option<u64>) -> Seen {
    Seen::Overloaded {
        retry_after: retry_after_s.map(Duration::from_secs),
    }
}

/// Lets a helpdesk answer so many times that takes `latency` for a number of clients.
fn settled(most: usize, latency: impl Fn(usize) -> u64) -> usize {
    let mut pace = Pace::new(most);
    for step in 0..3_000 {
        let seen = answer(latency(pace.limit()));
        pace.see(seen, Duration::from_millis(step));
    }
    pace.limit()
}

#[test]
fn it_rises_as_long_as_answers_come_as_quickly() {
    assert_eq!(settled(64, |_| 20), 64);
}

#[test]
fn it_stays_low_where_more_clients_only_wait_longer() {
    // One after the other: as many clients, so many times the latency.
    let limit = settled(64, |clients| 20 * clients as u64);
    assert!((2..=6).contains(&limit), "{limit}");
    // Four at a time.
    let limit = settled(64, |clients| 20 * (clients.div_ceil(4)) as u64);
    assert!((4..=12).contains(&limit), "{limit}");
}

#[test]
fn it_rises_again_on_a_helpdesk_that_became_slower_for_good() {
    let mut pace = Pace::new(64);
    for (step, ms) in (0..500)
        .map(|step| (step, 20))
        .chain((500..9_000).map(|step| (step, 100)))
    {
        pace.see(answer(ms), Duration::from_millis(step));
    }
    assert_eq!(pace.limit(), 64);
}

#[test]
fn a_refusal_halves_it_once_and_is_waited_for() {
    let at = Duration::from_secs(100);
    let mut pace = Pace::new(64);
    for _ in 0..100 {
        pace.see(answer(20), at);
    }
    assert_eq!(pace.limit(), 64);
    // Those that were under way together.
    for _ in 0..20 {
        pace.see(overloaded(None), at);
    }
    assert_eq!(pace.limit(), 32);
    assert_eq!(pace.wait(at), Duration::from_millis(200));
    pace.see(overloaded(Some(7)), at + Duration::from_secs(1));
    assert_eq!(pace.limit(), 16);
    assert_eq!(
        pace.wait(at + Duration::from_secs(2)),
        Duration::from_secs(6)
    );
    assert_eq!(pace.wait(at + Duration::from_secs(8)), Duration::ZERO);
    pace.see(answer(20), at + Duration::from_secs(9));
    assert_eq!(pace.limit(), 16, "it grows by steps from here on");
}

proptest! {
    #[test]
    fn it_keeps_within_its_bounds(
        most in 1_usize..100,
        seen in proptest::collection::vec((0_u64..3, 1_u64..5_000, proptest::option::of(0_u64..100_000)), 0..300),
    ) {
        let mut pace = Pace::new(most);
        for (step, (what, ms, retry_after)) in (0..).zip(seen) {
            let seen = if what == 0 { overloaded(retry_after) } else { answer(ms) };
            pace.see(seen, Duration::from_millis(step * 100));
            prop_assert!((1..=most).contains(&pace.limit()));
            prop_assert!(pace.wait(Duration::from_millis(step * 100)) <= Duration::from_secs(3_600));
        }
    }
}

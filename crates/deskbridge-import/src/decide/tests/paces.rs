use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use proptest::prelude::*;

use crate::decide::{
    Pace, Seen,
    pace::{Sort, Turn},
};

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
    assert_eq!(pace.turn(at), Turn::Wait(Duration::from_millis(200)));
    pace.see(overloaded(Some(7)), at + Duration::from_secs(1));
    assert_eq!(pace.limit(), 16);
    assert_eq!(
        pace.turn(at + Duration::from_secs(2)),
        Turn::Wait(Duration::from_secs(6))
    );
    assert_eq!(pace.turn(at + Duration::from_secs(8)), Turn::Now);
    pace.see(answer(20), at + Duration::from_secs(9));
    assert_eq!(pace.limit(), 16, "it grows by steps from here on");
}

proptest! {
    #[test]
    fn it_keeps_within_its_bounds(
        most in 1_usize..100,
        seen in proptest::collection::vec((0_u64..6, 1_u64..5_000, proptest::option::of(0_u64..100_000)), 0..300),
    ) {
        let mut pace = Pace::new(most);
        for (step, (what, ms, retry_after)) in (0..).zip(seen) {
            let at = Duration::from_millis(step * 100);
            let seen = match what {
                0 => overloaded(retry_after),
                1 | 2 => Seen::Lost,
                3 => Seen::Unreachable,
                _ => answer(ms),
            };
            pace.see(seen, at);
            prop_assert!((1..=most).contains(&pace.limit()));
            match pace.turn(at) {
                Turn::Wait(wait) => prop_assert!(!wait.is_zero() && wait <= Duration::from_secs(3_600)),
                Turn::Probe => pace.probed(false, at),
                Turn::Now => prop_assert_eq!(pace.gone_for(at), None),
            }
        }
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Answered,
    /// It ran, and nobody hears of it.
    Lost,
    Refused,
    /// Nobody is there.
    Unreachable,
    Probed,
}

/// What became of many.
struct Sent {
    ended_at: Duration,
    requests: u32,
    /// Requests and probes that found nobody.
    in_vain: u32,
    limit: usize,
}

const LATENCY: Duration = Duration::from_millis(20);
const CLIENTS: u32 = 64;

/// Sends so many requests to a helpdesk that answers within [`LATENCY`] and is gone for a while. What is lost is looked
/// for with a request more, what was refused is sent again.
fn sent(wanted: u32, is_gone: impl Fn(Duration) -> bool, fate: impl Fn(u32) -> Fate) -> Sent {
    let mut pace = Pace::new(CLIENTS as usize);
    let (mut now, mut left) = (Duration::ZERO, wanted);
    let (mut requests, mut in_vain) = (0, 0);
    let mut under_way = BinaryHeap::new();
    loop {
        let mut woken_at = None;
        while under_way.len() < pace.limit() && left > 0 {
            match pace.turn(now) {
                Turn::Now => {
                    let fate = if is_gone(now) {
                        Fate::Unreachable
                    } else {
                        fate(requests)
                    };
                    requests += 1;
                    left -= 1;
                    under_way.push(Reverse((now + LATENCY, requests, fate)));
                }
                Turn::Wait(wait) => {
                    woken_at = Some(now + wait);
                    break;
                }
                Turn::Probe => under_way.push(Reverse((now + LATENCY, requests, Fate::Probed))),
            }
        }
        let answered_at = under_way.peek().map(|Reverse((at, ..))| *at);
        let Some(next_at) = [answered_at, woken_at].into_iter().flatten().min() else {
            break;
        };
        now = next_at;
        while under_way.peek().is_some_and(|Reverse((at, ..))| *at <= now)
            && let Some(Reverse((.., fate))) = under_way.pop()
        {
            match fate {
                Fate::Answered => pace.see(answer(20), now),
                Fate::Lost => {
                    pace.see(Seen::Lost, now);
                    left += 1;
                }
                Fate::Refused => {
                    pace.see(overloaded(Some(2)), now);
                    left += 1;
                }
                Fate::Unreachable => {
                    pace.see(Seen::Unreachable, now);
                    in_vain += 1;
                    left += 1;
                }
                Fate::Probed => {
                    in_vain += u32::from(is_gone(now));
                    pace.probed(!is_gone(now), now);
                }
            }
        }
    }
    Sent {
        ended_at: now,
        requests,
        in_vain,
        limit: pace.limit(),
    }
}

/// How long so many requests take at least.
fn bare(requests: u32) -> Duration {
    LATENCY * requests / CLIENTS
}

/// Of twenty one, as evenly spread as chance spreads it.
fn each_twentieth(request: u32) -> Fate {
    match request.wrapping_mul(2_654_435_761) >> 16 < (1 << 16) / 20 {
        true => Fate::Lost,
        false => Fate::Answered,
    }
}

#[test]
fn lost_answers_cost_their_look_ups_and_nothing_else() {
    let undisturbed = sent(20_000, |_| false, |_| Fate::Answered);
    assert!(undisturbed.ended_at < bare(20_000) * 103 / 100);
    let disturbed = sent(20_000, |_| false, each_twentieth);
    assert!(
        (20_900..21_200).contains(&disturbed.requests),
        "{}",
        disturbed.requests
    );
    assert_eq!(disturbed.limit, CLIENTS as usize);
    let most = bare(disturbed.requests) * 105 / 100;
    assert!(disturbed.ended_at < most, "{:?}", disturbed.ended_at);
}

#[test]
fn an_outage_costs_as_long_as_it_lasts_and_few_requests() {
    let (from, to) = (Duration::from_secs(2), Duration::from_secs(32));
    let disturbed = sent(20_000, |at| (from..to).contains(&at), each_twentieth);
    assert!(disturbed.in_vain < CLIENTS + 60, "{}", disturbed.in_vain);
    assert_eq!(disturbed.limit, CLIENTS as usize);
    let most = bare(disturbed.requests) * 105 / 100 + (to - from) + Duration::from_secs(2);
    assert!(disturbed.ended_at < most, "{:?}", disturbed.ended_at);
}

#[test]
fn a_burst_of_refusals_costs_the_wait_that_they_name() {
    let burst = |request| match request % 5_000 {
        1_000..1_012 => Fate::Refused,
        _ => each_twentieth(request),
    };
    let disturbed = sent(20_000, |_| false, burst);
    // Five bursts, of which the wait may come between, two seconds each time.
    let most = bare(disturbed.requests) * 105 / 100 + Duration::from_secs(5 * 2 * 2);
    assert!(disturbed.ended_at < most, "{:?}", disturbed.ended_at);
}

#[test]
fn one_asks_whether_a_helpdesk_is_back_while_the_others_wait() {
    let at = Duration::from_secs;
    let mut pace = Pace::new(8);
    for _ in 0..8 {
        pace.see(answer(20), at(1));
    }
    for _ in 0..3 {
        pace.see(Seen::Lost, at(1));
    }
    assert_eq!(pace.turn(at(1)), Turn::Now, "that may be chance");
    pace.see(Seen::Lost, at(1));
    assert_eq!(pace.turn(at(1)), Turn::Probe);
    assert!(matches!(pace.turn(at(1)), Turn::Wait(_)));
    pace.probed(false, at(3));
    assert!(matches!(pace.turn(at(3)), Turn::Wait(_)));
    assert_eq!(pace.turn(at(4)), Turn::Probe);
    assert_eq!(pace.gone_for(at(4)), Some(at(3)));
    pace.probed(true, at(4));
    assert_eq!(pace.turn(at(4)), Turn::Now);
    assert_eq!((pace.limit(), pace.gone_for(at(4))), (8, None));
}

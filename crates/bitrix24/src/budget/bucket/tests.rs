use proptest::prelude::*;

use super::*;

fn bucket(capacity: u32, per_second: u32, reserve: u32, now: Instant) -> Bucket {
    let limits = Limits {
        capacity,
        per_second,
    };
    Bucket::new(limits, reserve, now)
}

fn burst(bucket: &mut Bucket, lane: Lane, now: Instant) -> usize {
    (0..1000)
        .take_while(|_| bucket.try_take(lane, now) == Take::Now)
        .count()
}

#[test]
fn a_burst_is_the_capacity_without_its_margin_and_then_requests_leak_out_one_by_one() {
    let now = Instant::now();
    let mut bucket = bucket(50, 2, 10, now);
    assert_eq!(burst(&mut bucket, Lane::Background, now), 38);
    assert_eq!(burst(&mut bucket, Lane::Interactive, now), 10);
    let half = now + Duration::from_millis(500);
    assert_eq!(bucket.try_take(Lane::Interactive, now), Take::At(half));
    assert_eq!(bucket.try_take(Lane::Interactive, half), Take::Now);
    assert_eq!(
        bucket.try_take(Lane::Background, half),
        Take::At(half + Duration::from_millis(5500)),
        "background waits until the reserve is free again"
    );
    assert!((bucket.level(half) - 48.0).abs() < 1e-9);
    assert!(bucket.level(half + Duration::from_secs(60)).abs() < 1e-9);
}

#[test]
fn requests_that_bunch_on_their_way_do_not_overflow_the_portal() {
    let rows = [(Limits::standard(), 48), (Limits::enterprise(), 245)];
    for (limits, expected) in rows {
        let now = Instant::now();
        let mut bucket = Bucket::new(limits, 10, now);
        let burst = burst(&mut bucket, Lane::Interactive, now);
        assert_eq!(burst, expected);
        // All that leak out within a second arrive together with the burst.
        let later = now + Duration::from_secs(1);
        let more = (0..).take_while(|_| bucket.try_take(Lane::Interactive, later) == Take::Now);
        let arrived = burst + more.count();
        assert!(
            arrived <= usize::try_from(limits.capacity).unwrap(),
            "{arrived}"
        );
    }
    let limits = Limits {
        capacity: 5,
        per_second: 2,
    };
    let now = Instant::now();
    assert_eq!(
        burst(&mut Bucket::new(limits, 1, now), Lane::Interactive, now),
        5
    );
}

#[test]
fn the_place_of_a_later_request_is_when_it_would_really_go() {
    let now = Instant::now();
    for lane in [Lane::Interactive, Lane::Background] {
        let mut bucket = bucket(5, 2, 2, now);
        let expected: Vec<Instant> = (1..=12)
            .map(|nth| bucket.place_at(nth, lane, now))
            .collect();
        let mut at = now;
        for expected in expected {
            while let Take::At(later) = bucket.try_take(lane, at) {
                at = later;
            }
            assert_eq!(at, expected);
        }
    }
}

#[test]
fn a_refusal_fills_the_bucket_and_repeated_ones_pause_longer() {
    let now = Instant::now();
    let mut bucket = bucket(50, 2, 10, now);
    let mut at = now;
    let mut pauses = Vec::new();
    for _ in 0..10 {
        bucket.refused(at, at + Duration::from_nanos(1));
        at += Duration::from_nanos(1);
        let Take::At(later) = bucket.try_take(Lane::Interactive, at) else {
            panic!("a refused bucket has room");
        };
        pauses.push((later - at).as_millis());
        at = later;
        assert_eq!(bucket.try_take(Lane::Interactive, at), Take::Now);
    }
    assert_eq!(
        pauses,
        [500, 1000, 1500, 2000, 2500, 3000, 3500, 4000, 4000, 4000]
    );
    bucket.accepted();
    bucket.refused(at, at);
    assert_eq!(
        bucket.try_take(Lane::Interactive, at),
        Take::At(at + Duration::from_millis(500))
    );
}

#[test]
fn refusals_of_requests_that_went_together_count_once() {
    let now = Instant::now();
    let mut bucket = bucket(50, 2, 10, now);
    let later = now + Duration::from_millis(50);
    for _ in 0..20 {
        bucket.refused(now, later);
    }
    assert_eq!(
        bucket.try_take(Lane::Interactive, later),
        Take::At(later + Duration::from_millis(500))
    );
}

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Take(Lane),
    Refused,
    Accepted,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0u64..3000).prop_map(Step::Wait),
        6 => prop_oneof![Just(Lane::Interactive), Just(Lane::Background)].prop_map(Step::Take),
        1 => Just(Step::Refused),
        1 => Just(Step::Accepted),
    ]
}

proptest! {
    #[test]
    fn no_window_sees_more_than_capacity_and_leak(
        capacity in 1u32..20,
        per_second in 1u32..10,
        reserve in 0u32..25,
        steps in proptest::collection::vec(step(), 1..200),
    ) {
        let mut now = Instant::now();
        let mut bucket = bucket(capacity, per_second, reserve, now);
        let mut taken: Vec<Instant> = Vec::new();
        for step in steps {
            match step {
                Step::Wait(ms) => now += Duration::from_millis(ms),
                Step::Take(lane) => match bucket.try_take(lane, now) {
                    Take::Now => taken.push(now),
                    Take::At(at) => {
                        prop_assert!(at > now);
                        prop_assert_eq!(bucket.clone().try_take(lane, at), Take::Now);
                        let before = at - Duration::from_nanos(1);
                        prop_assert_ne!(bucket.clone().try_take(lane, before), Take::Now);
                    }
                },
                Step::Refused => bucket.refused(now, now),
                Step::Accepted => bucket.accepted(),
            }
        }
        for (i, from) in taken.iter().enumerate() {
            for (j, to) in taken.iter().enumerate().skip(i) {
                let seconds = (*to - *from).as_secs_f64();
                let allowed = f64::from(capacity) + f64::from(per_second) * seconds;
                let seen = f64::from(u32::try_from(j - i + 1).unwrap());
                prop_assert!(seen <= allowed + 1e-6, "{} in {} s, {} allowed", seen, seconds, allowed);
            }
        }
    }

    #[test]
    fn background_never_touches_the_reserve(
        capacity in 2u32..50,
        reserve in 0u32..50,
        gaps in proptest::collection::vec(0u64..800, 1..100),
    ) {
        let mut now = Instant::now();
        let mut bucket = bucket(capacity, 2, reserve, now);
        let room = f64::from(capacity - reserve.min(capacity - 1));
        for gap in gaps {
            now += Duration::from_millis(gap);
            if bucket.try_take(Lane::Background, now) == Take::Now {
                prop_assert!(bucket.level(now) <= room + 1e-9);
            }
        }
    }
}

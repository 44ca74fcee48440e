//! Scans against a model of the lists, which changes while it is read.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::record::{PersonId, TicketId};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

/// A list that is sorted by time of change, then by id.
#[derive(Clone, Debug)]
struct Desk {
    rows: BTreeMap<u64, i64>,
    now: i64,
    per_page_max: u64,
    is_inclusive: bool,
}

impl Desk {
    fn page(&self, ask: &Ask) -> (Vec<Key>, bool) {
        let per_page = u64::from(ask.per_page);
        assert!(ask.page <= 300 && per_page <= 100, "{ask:?}");
        let per_page = per_page.min(self.per_page_max);
        let is_after = |second: i64| match self.is_inclusive {
            true => at(second) >= ask.since,
            false => at(second) > ask.since,
        };
        let mut rows: Vec<(i64, u64)> = self
            .rows
            .iter()
            .filter(|(_, second)| is_after(**second))
            .map(|(id, second)| (*second, *id))
            .collect();
        rows.sort_unstable();
        let start = u64::from(ask.page - 1) * u64::from(ask.per_page);
        let start = usize::try_from(start).unwrap();
        let end = (start + usize::try_from(per_page).unwrap()).min(rows.len());
        let page = rows.get(start..end).unwrap_or_default();
        let keys = page.iter().map(|(second, id)| Key {
            id: *id,
            updated_at: Some(at(*second)),
        });
        (keys.collect(), end < rows.len() && start < rows.len())
    }

    fn touch(&mut self, id: u64) {
        self.rows.insert(id, self.now);
    }
}

/// What others do between two requests.
#[derive(Clone, Debug)]
struct Meanwhile {
    touched: Vec<u64>,
    seconds: i64,
    is_interrupted: bool,
    is_lost: bool,
}

fn meanwhile(ids: u64) -> impl Strategy<Value = Meanwhile> {
    (
        proptest::collection::vec(0..ids, 0..4),
        0..3_i64,
        proptest::bool::weighted(0.2),
        proptest::bool::weighted(0.1),
    )
        .prop_map(|(touched, seconds, is_interrupted, is_lost)| Meanwhile {
            touched,
            seconds,
            is_interrupted,
            is_lost,
        })
}

/// Reads to the end, and says how many rows were read twice for nothing.
fn read(
    desk: &mut Desk,
    scan: &mut Scan<Ticket>,
    read: &mut BTreeMap<u64, Timestamp>,
    events: &[Meanwhile],
) -> usize {
    let mut events = events.iter();
    let mut repeated = 0;
    let mut pages = 0;
    while let Some(ask) = scan.ask() {
        pages += 1;
        assert!(pages < 5000, "it never ends");
        let event = events.next();
        let (keys, has_next) = desk.page(&ask);
        if !event.is_some_and(|event| event.is_lost) {
            let fresh = scan.take(&keys, has_next).unwrap();
            for (key, is_fresh) in keys.iter().zip(fresh) {
                let known = read.get(&key.id).copied();
                if is_fresh {
                    repeated += usize::from(known == key.updated_at);
                    read.insert(key.id, key.updated_at.unwrap());
                }
            }
        }
        if let Some(event) = event {
            desk.now += event.seconds;
            for id in &event.touched {
                desk.touch(*id);
            }
            if event.is_interrupted {
                let written = serde_json::to_string(scan.position()).unwrap();
                *scan = Scan::resume(serde_json::from_str(&written).unwrap()).unwrap();
            }
        }
    }
    repeated
}

fn desk(ids: u64) -> impl Strategy<Value = Desk> {
    // Few seconds for many rows: hundreds share one.
    (1..40_i64, any::<bool>(), 60..=100_u64).prop_flat_map(move |(spread, is_inclusive, _)| {
        let seconds = proptest::collection::vec(0..spread * 3, usize::try_from(ids).unwrap());
        seconds.prop_map(move |seconds| Desk {
            rows: seconds
                .into_iter()
                .enumerate()
                .map(|(id, second)| (id as u64, second))
                .collect(),
            now: spread * 3 + 5,
            per_page_max: 100,
            is_inclusive,
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn a_scan_sees_every_ticket_and_the_next_pass_its_last_state(
        mut desk in desk(700),
        events in proptest::collection::vec(meanwhile(700), 0..60),
    ) {
        let mut seen = BTreeMap::new();
        let mut first = Scan::tickets(TicketFilter::Usual);
        read(&mut desk, &mut first, &mut seen, &events);
        prop_assert_eq!(first.coverage(), Coverage::Whole);
        for id in desk.rows.keys() {
            prop_assert!(seen.contains_key(id), "ticket {} was never seen", id);
        }
        // What was not touched is seen as it is even before the second pass.
        let mut second = first.next_pass();
        read(&mut desk, &mut second, &mut seen, &[]);
        let expected: BTreeMap<u64, Timestamp> = desk.rows.iter().map(|(id, second)| (*id, at(*second))).collect();
        prop_assert_eq!(seen, expected);
    }

    #[test]
    fn an_account_at_rest_is_read_once(mut desk in desk(500)) {
        let mut seen = BTreeMap::new();
        let mut scan = Scan::tickets(TicketFilter::Usual);
        let repeated = read(&mut desk, &mut scan, &mut seen, &[]);
        prop_assert_eq!((seen.len(), repeated), (500, 0));
        prop_assert_eq!(scan.rows(), 500);
        prop_assert!(scan.pages() < 12, "{} pages of 500 rows", scan.pages());
    }
}

fn thousand_in_one_second(count: u64) -> Desk {
    Desk {
        rows: (0..count).map(|id| (id, 10)).chain([(count, 20)]).collect(),
        now: 100,
        per_page_max: 100,
        is_inclusive: true,
    }
}

#[test]
fn one_second_may_hold_many_pages() {
    let mut desk = thousand_in_one_second(25_000);
    let (mut scan, mut seen) = (Scan::tickets(TicketFilter::Usual), BTreeMap::new());
    read(&mut desk, &mut scan, &mut seen, &[]);
    assert_eq!((seen.len(), scan.coverage()), (25_001, Coverage::Whole));
}

#[test]
fn more_than_can_be_read_of_one_second_is_a_gap_and_the_rest_is_read() {
    let mut desk = thousand_in_one_second(31_000);
    let (mut scan, mut seen) = (Scan::tickets(TicketFilter::Usual), BTreeMap::new());
    read(&mut desk, &mut scan, &mut seen, &[]);
    let Coverage::Gaps(gaps) = scan.coverage() else {
        panic!("{:?}", scan.coverage())
    };
    let [Gap::Second { at: second, read }] = gaps.as_slice() else {
        panic!("{gaps:?}")
    };
    assert_eq!(*second, at(10));
    // The last page could only be had without a row that is known.
    assert!((29_700..=30_000).contains(read), "{read}");
    assert!(seen.contains_key(&31_000));
}

#[test]
fn many_tickets_need_little_more_than_their_pages_and_a_small_position() {
    let mut rows = BTreeMap::new();
    for id in 0..50_000_u64 {
        rows.insert(id, i64::try_from(id).unwrap() * 7 / 3);
    }
    let mut desk = Desk {
        rows,
        now: 1_000_000,
        per_page_max: 100,
        is_inclusive: false,
    };
    let mut scan = Scan::tickets(TicketFilter::Usual);
    let mut largest = 0;
    while let Some(ask) = scan.ask() {
        let (keys, has_next) = desk.page(&ask);
        scan.take(&keys, has_next).unwrap();
        desk.now += 1;
        largest = largest.max(serde_json::to_string(scan.position()).unwrap().len());
    }
    assert_eq!(scan.rows(), 50_000);
    assert!(scan.pages() < 520, "{}", scan.pages());
    assert!(largest < 2000, "{largest} bytes");
}

#[test]
fn rows_that_were_not_asked_for_are_not_taken() {
    let key = |id, second: Option<i64>| Key {
        id,
        updated_at: second.map(at),
    };
    for (keys, expected) in [
        (vec![key(1, Some(5)), key(2, Some(4))], Astray::Disordered),
        (vec![key(1, None)], Astray::NoTime),
        (vec![key(1, Some(-5))], Astray::TooOld),
    ] {
        let mut scan = Scan::tickets_since(TicketFilter::Usual, at(0));
        let before = scan.clone();
        assert_eq!(scan.take(&keys, true), Err(expected));
        assert_eq!(scan, before);
    }
}

#[test]
fn a_position_is_of_one_list_and_one_version() {
    let scan = Scan::tickets(TicketFilter::Usual);
    let position = scan.position().clone();
    let other = Scan::<Contact>::resume(position.clone());
    assert_eq!(other.unwrap_err(), InvalidPosition::OtherListing);
    let mut written = serde_json::to_value(&position).unwrap();
    written["version"] = 9.into();
    let newer = Scan::<Ticket>::resume(serde_json::from_value(written).unwrap());
    assert_eq!(newer.unwrap_err(), InvalidPosition::Version(9));
    assert_eq!(Scan::resume(position).unwrap(), scan);
}

/// A list in an order of its own, of which rows are removed while it is read.
fn read_pages(rows: &mut Vec<u64>, removed: &[Vec<usize>], scan: &mut Scan<Contact>) -> Vec<u64> {
    let mut removed = removed.iter();
    let mut seen = Vec::new();
    while let Some(ask) = scan.ask() {
        let start = usize::try_from((ask.page - 1) * ask.per_page).unwrap();
        let end = start + usize::try_from(ask.per_page).unwrap();
        let has_next = end < rows.len();
        let page = rows.get(start..end.min(rows.len())).unwrap_or_default();
        let keys: Vec<Key> = page
            .iter()
            .map(|id| Key {
                id: *id,
                updated_at: None,
            })
            .collect();
        let fresh = scan.take(&keys, has_next).unwrap();
        seen.extend(
            keys.iter()
                .zip(fresh)
                .filter(|(_, is_fresh)| *is_fresh)
                .map(|(key, _)| PersonId(key.id).0),
        );
        for place in removed.next().into_iter().flatten() {
            let place = place % rows.len();
            rows.remove(place);
        }
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn rows_that_vanish_take_no_others_with_them(
        removed in proptest::collection::vec(proptest::collection::vec(0..100_000_usize, 0..40), 0..12),
    ) {
        let mut rows: Vec<u64> = (0..900).map(|place| place * 7919 % 900).collect();
        let mut scan = Scan::contacts(ContactFilter::Usual);
        let seen = read_pages(&mut rows, &removed, &mut scan);
        prop_assert_eq!(scan.coverage(), Coverage::Whole);
        for id in rows {
            prop_assert!(seen.contains(&id), "{} was skipped", id);
        }
    }
}

#[test]
fn the_walk_over_numbers_leaves_out_what_is_known_and_can_be_written_down() {
    let known = |id: TicketId| id.0.is_multiple_of(3);
    let mut walk = ArchiveWalk::new(TicketId(1), TicketId(9));
    let mut asked = Vec::new();
    while let Some(id) = walk.ask(known) {
        asked.push(id.0);
        walk = serde_json::from_str(&serde_json::to_string(&walk).unwrap()).unwrap();
        assert_eq!(
            walk.ask(known),
            Some(id),
            "an answer that was lost is asked for again"
        );
        walk.take(id.0.is_multiple_of(2));
    }
    assert_eq!(asked, [1, 2, 4, 5, 7, 8]);
    assert_eq!((walk.found, walk.missing, walk.remaining()), (3, 3, 0));
}

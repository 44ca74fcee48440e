use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// A table that changes while it is read.
struct Table {
    ids: BTreeSet<u64>,
    rng: fastrand::Rng,
    /// How many rows come or go for each page read.
    churn: u32,
    never_gone: BTreeSet<u64>,
    ever_there: BTreeSet<u64>,
}

/// What an export of a table did.
#[derive(Default)]
struct Exported {
    ids: Vec<u64>,
    requests: usize,
    pages: usize,
    /// How long it took, in round trips, if every request goes at once and takes one.
    round_trips: usize,
    rows_held_max: usize,
}

/// How the answers come back.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Answers {
    InOrder,
    AnyHow,
    /// The same, and one page in so many fails.
    Failing(u32),
    /// Requests with more pages than this fail.
    TooMuchBeyond(usize),
}

impl Table {
    fn new(ids: impl IntoIterator<Item = u64>, seed: u64, churn: u32) -> Self {
        let ids: BTreeSet<u64> = ids.into_iter().collect();
        Self {
            never_gone: ids.clone(),
            ever_there: ids.clone(),
            ids,
            rng: fastrand::Rng::with_seed(seed),
            churn,
        }
    }

    fn page(&self, span: Span) -> Vec<(u64, u64)> {
        let until = span.until.unwrap_or(u64::MAX);
        if span.after >= until {
            return Vec::new();
        }
        let rows = self.ids.range(span.after + 1..=until).map(|id| (*id, *id));
        match span.order {
            Order::Ascending => rows.take(PAGE).collect(),
            Order::Descending => {
                let mut rows: Vec<_> = rows.rev().take(PAGE).collect();
                rows.reverse();
                rows
            }
        }
    }

    fn change(&mut self) {
        for _ in 0..self.churn {
            let last = self.ids.last().copied().unwrap_or(1000);
            let somewhere = self.rng.u64(1..=last.saturating_add(100));
            if self.rng.bool() {
                self.ids.insert(somewhere);
                self.ever_there.insert(somewhere);
            } else if let Some(id) = self.ids.range(somewhere..).next().copied() {
                self.ids.remove(&id);
                self.never_gone.remove(&id);
            }
        }
    }

    /// Exports everything after an id.
    fn export(&mut self, after: u64, answers: Answers) -> Exported {
        let mut planner = Planner::new(after);
        // With the round trip in which each is answered.
        let mut under_way: Vec<(usize, Vec<Page>)> = Vec::new();
        let mut exported = Exported::default();
        loop {
            while let Some(pages) = planner.plan() {
                assert!(!pages.is_empty() && pages.len() <= planner.request_max());
                exported.requests += 1;
                exported.pages += pages.len();
                under_way.push((exported.round_trips + 1, pages));
            }
            let pages_under_way: usize = under_way.iter().map(|(_, pages)| pages.len()).sum();
            assert_eq!(planner.pages_under_way, pages_under_way);
            assert!(pages_under_way <= REQUESTS_MAX * COMMANDS_MAX);
            if under_way.is_empty() {
                return exported;
            }
            let next = match answers {
                Answers::InOrder => 0,
                Answers::AnyHow | Answers::Failing(_) | Answers::TooMuchBeyond(_) => {
                    self.rng.usize(..under_way.len())
                }
            };
            let (answered_in, pages) = under_way.remove(next);
            exported.round_trips = exported.round_trips.max(answered_in);
            let is_too_much =
                matches!(answers, Answers::TooMuchBeyond(limit) if pages.len() > limit);
            if is_too_much {
                assert!(planner.shrink(pages.len(), self.rng.bool()));
            } else {
                planner.grow();
            }
            for page in pages {
                self.change();
                let read = match answers {
                    Answers::Failing(one_in) if self.rng.u32(..one_in) == 0 => Read::Nothing,
                    Answers::TooMuchBeyond(_) if is_too_much => Read::Nothing,
                    _ => Read::Rows(self.page(page.span)),
                };
                planner.take_in(page, read);
            }
            exported.rows_held_max = exported.rows_held_max.max(planner.rows.len());
            exported.ids.extend(planner.release());
        }
    }

    /// Exports and looks whether every row that was there throughout came once and in order.
    fn check(&mut self, after: u64, answers: Answers) -> Result<Exported, TestCaseError> {
        let before = self.ids.iter().filter(|id| **id > after).count();
        let exported = self.export(after, answers);
        prop_assert!(
            exported.ids.is_sorted_by(|a, b| a < b),
            "not in order, or twice"
        );
        let seen: BTreeSet<u64> = exported.ids.iter().copied().collect();
        let stable: BTreeSet<u64> = self
            .never_gone
            .iter()
            .copied()
            .filter(|id| *id > after)
            .collect();
        prop_assert!(
            stable.is_subset(&seen),
            "lost {:?}",
            stable.difference(&seen).next()
        );
        prop_assert!(seen.is_subset(&self.ever_there), "invented a row");
        prop_assert!(exported.rows_held_max <= ROWS_MAX + COMMANDS_MAX * PAGE);
        // A table of n rows needs n/50 pages; gaps, churn and failures cost more, but within reason.
        let reasonable = 10 * (before / PAGE) + 60 * COMMANDS_MAX;
        prop_assert!(
            exported.pages <= reasonable,
            "{} pages for {} rows",
            exported.pages,
            before
        );
        Ok(exported)
    }
}

fn check(ids: impl IntoIterator<Item = u64>) -> Exported {
    Table::new(ids, 1, 0).check(0, Answers::InOrder).unwrap()
}

#[test]
fn fifty_thousand_dense_rows_take_twenty_one_requests_in_two_round_trips() {
    let exported = check(1..=50_000);
    assert_eq!(exported.ids.len(), 50_000);
    assert_eq!((exported.requests, exported.round_trips), (21, 2));
}

#[test]
fn small_tables_take_one_request() {
    for rows in [0, 1, 49] {
        assert_eq!(check(1..=rows).requests, 1, "{rows}");
    }
    for rows in [50, 51, 100] {
        assert!(check(1..=rows).requests <= 2, "{rows}");
    }
    assert_eq!(
        check([u64::MAX - 1, u64::MAX]).ids,
        [u64::MAX - 1, u64::MAX]
    );
}

/// So many ids below a limit, by chance.
fn scattered(rows: usize, below: u64) -> Vec<u64> {
    let mut rng = fastrand::Rng::with_seed(9);
    let mut ids = BTreeSet::new();
    while ids.len() < rows {
        ids.insert(rng.u64(1..below));
    }
    ids.into_iter().collect()
}

fn islands(count: u64, rows: u64) -> Vec<u64> {
    (1..=count)
        .flat_map(|n| n * 10_000_000..n * 10_000_000 + rows)
        .collect()
}

#[test]
fn spans_fit_how_the_ids_lie() {
    // Rows in full requests of 2500 would take: 40, 120, 8, 20, 20, 20, 8, 20, 4, 2.4, 40.
    for (what, ids, requests_max, round_trips_max) in [
        ("dense", (1..=100_000).collect(), 42, 3),
        ("dense and long", (1..=300_000).collect(), 135, 14),
        ("every tenth", (1..=20_000).map(|n| n * 10).collect(), 14, 5),
        ("nine of ten", scattered(50_000, 55_555), 25, 4),
        ("one of two", scattered(50_000, 100_000), 45, 5),
        ("one of ten", scattered(50_000, 500_000), 37, 6),
        ("one of a thousand", scattered(20_000, 20_000_000), 17, 6),
        (
            "one of twenty thousand",
            scattered(50_000, 1_000_000_000),
            38,
            6,
        ),
        (
            "two far apart",
            [1, 2_000_000_000]
                .iter()
                .flat_map(|from| *from..from + 5000)
                .collect(),
            14,
            9,
        ),
        ("small islands", islands(20, 300), 9, 5),
        ("big islands", islands(20, 5000), 115, 32),
    ] {
        let ids: Vec<u64> = ids;
        let rows = ids.len();
        let exported = check(ids);
        assert_eq!(exported.ids.len(), rows, "{what}");
        assert!(
            exported.requests <= requests_max,
            "{what}: {} requests",
            exported.requests
        );
        assert!(
            exported.round_trips <= round_trips_max,
            "{what}: {} round trips",
            exported.round_trips
        );
    }
}

#[test]
fn requests_get_smaller_and_grow_no_further_than_was_too_much() {
    let mut planner = Planner::<u64>::new(0);
    // What was under way together fails together, and shrinks once.
    assert!(planner.shrink(50, false) && planner.shrink(50, false));
    assert_eq!(planner.request_max(), 25);
    planner.grow();
    assert_eq!(planner.request_max(), 26);
    assert!(planner.shrink(20, true));
    for _ in 0..100 {
        planner.grow();
    }
    assert_eq!(planner.request_max(), 10);
    assert!(planner.shrink(3, true) && !planner.shrink(1, true));
    assert_eq!(planner.request_max(), 1);
}

#[test]
fn of_large_rows_fewer_are_read_at_once() {
    for (row_bytes, pages, rows) in [
        (0, 50, ROWS_MAX),
        (200, 50, ROWS_MAX),
        (3_000, 50, 44_739),
        (20_000, 8, 6_710),
        (1_000_000, 1, 134),
        (1_000_000_000, 1, 0),
    ] {
        let mut planner = Planner::<u64>::new(0);
        planner.weigh(100, 100 * row_bytes);
        assert_eq!(
            (planner.request_max(), planner.rows_max()),
            (pages, rows),
            "{row_bytes}"
        );
    }
}

#[test]
fn an_export_can_go_on_after_an_id() {
    let mut table = Table::new(1..=10_000, 1, 0);
    let exported = table.check(7_321, Answers::AnyHow).unwrap();
    assert_eq!(exported.ids.first(), Some(&7_322));
    assert_eq!(exported.ids.len(), 10_000 - 7_321);
    assert!(table.check(10_000, Answers::AnyHow).unwrap().ids.is_empty());
}

fn clusters() -> impl Strategy<Value = Vec<u64>> {
    let cluster = (
        1u64..5_000_000,
        1u64..400,
        prop_oneof![Just(1u64), 1u64..30],
    );
    proptest::collection::vec(cluster, 0..12).prop_map(|clusters| {
        let ids = clusters
            .into_iter()
            .flat_map(|(start, rows, step)| (0..rows).map(move |n| start + n * step));
        ids.collect()
    })
}

fn any_ids() -> impl Strategy<Value = Vec<u64>> {
    prop_oneof![
        (1u64..1_000_000, 0u64..3000).prop_map(|(from, rows)| (from..from + rows).collect()),
        proptest::collection::vec(1u64..1_000_000_000_000, 0..800),
        proptest::collection::vec(1u64..3000, 0..2000),
        clusters(),
        clusters().prop_map(|ids| ids.into_iter().map(|id| u64::MAX - id).collect()),
    ]
}

fn any_answers() -> impl Strategy<Value = Answers> {
    prop_oneof![
        Just(Answers::InOrder),
        Just(Answers::AnyHow),
        (4u32..40).prop_map(Answers::Failing),
        (1usize..50).prop_map(Answers::TooMuchBeyond),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn every_row_that_stays_comes_once_and_in_order(
        ids in any_ids(),
        answers in any_answers(),
        seed in any::<u64>(),
        churn in 0u32..4,
        after in prop_oneof![3 => Just(0u64), 1 => 0u64..2_000_000],
    ) {
        Table::new(ids, seed, churn).check(after, answers)?;
    }
}

proptest! {
    #[test]
    fn coverage_knows_each_id_as_a_set_would(
        spans in proptest::collection::vec((0u64..60, 0u64..60, any::<bool>()), 0..40),
    ) {
        let mut coverage = Coverage::default();
        let mut model = BTreeSet::new();
        for (a, b, adds) in spans {
            let (start, end) = (a.min(b), a.max(b));
            if adds {
                coverage.add(start, end);
                model.extend(start + 1..=end);
            } else {
                coverage.remove(start, end);
                model.retain(|id| !(start + 1..=end).contains(id));
            }
            for start in 0..60 {
                let reach = (start + 1..).take_while(|id| model.contains(id)).last().unwrap_or(start);
                prop_assert_eq!(coverage.reach(start), reach);
                let next = (start..60).find(|at| model.contains(&(at + 1)) && (*at == start || !model.contains(at)));
                let next_start = coverage.next_start(start).filter(|at| *at < 60);
                if reach == start {
                    prop_assert_eq!(next_start, next, "from {}", start);
                }
            }
        }
    }
}

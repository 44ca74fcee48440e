use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A list as the remote system keeps it: the second of each row's last change.
#[derive(Clone, Debug)]
struct List {
    rows: Vec<i64>,
    rows_max: usize,
    keeps_bounds: bool,
    tells_found: bool,
}

impl List {
    /// Shows a page of rows by their number, and turns.
    fn turn(&self, walk: &mut Walk, read: &mut BTreeSet<usize>) -> Turn {
        let asked = walk.asks();
        let (from, to) = (asked.from.as_second(), asked.to.as_second());
        let found: Vec<usize> = (0..self.rows.len())
            .filter(|row| !self.keeps_bounds || (from..=to).contains(&self.rows[*row]))
            .collect();
        let before = (asked.page as usize - 1) * self.rows_max;
        let page: Vec<usize> = found
            .iter()
            .copied()
            .skip(before)
            .take(self.rows_max)
            .collect();
        let times: Vec<Timestamp> = page.iter().map(|row| at(self.rows[*row])).collect();
        let is_more = !page.is_empty() && before + page.len() < found.len();
        read.extend(page);
        walk.turn(Shown {
            times: &times,
            rows_max: self.rows_max,
            is_more,
            found: self.tells_found.then_some(found.len() as u64),
        })
    }

    /// Walks to the end; how many pages that took, and what was read.
    fn walk(&self, from: i64, end: i64) -> (usize, BTreeSet<usize>) {
        let mut walk = Walk::new(at(from), at(from), at(end)).unwrap();
        let (mut read, mut pages) = (BTreeSet::new(), 0);
        loop {
            pages += 1;
            assert!(pages < 1_000, "{walk:?}");
            match self.turn(&mut walk, &mut read) {
                Turn::End => return (pages, read),
                Turn::On(None) => {}
                Turn::On(Some(reached)) => {
                    let reached = reached.as_second();
                    let is_before = |row: &usize| (from..reached).contains(&self.rows[*row]);
                    let all: BTreeSet<usize> = (0..self.rows.len()).filter(is_before).collect();
                    assert!(all.is_subset(&read), "not all before {reached}: {walk:?}");
                }
            }
        }
    }
}

fn list(rows: Vec<i64>) -> List {
    List {
        rows,
        rows_max: 5,
        keeps_bounds: true,
        tells_found: true,
    }
}

#[test]
fn no_time_is_no_walk() {
    assert_eq!(Walk::new(at(10), at(10), at(9)), None);
    assert!(Walk::new(at(10), at(10), at(10)).is_some());
}

#[test]
fn what_fits_on_a_page_is_one_question() {
    assert_eq!(list(vec![7, 2, 9, 1, 2]).walk(0, 9).0, 1);
    assert_eq!(list(vec![]).walk(0, 9).0, 1);
}

#[test]
fn many_rows_take_a_few_questions_a_page() {
    let mut list = list((0..10_000).map(|row| (row * 7_919) % 604_800).collect());
    list.rows_max = 500;
    let (pages, read) = list.walk(0, 604_800);
    assert_eq!(read.len(), 10_000);
    assert!(pages <= 60, "{pages} for 20");
}

#[test]
fn a_lull_is_passed_quickly() {
    let mut rows = vec![50; 1_300];
    rows.push(600_000);
    let mut list = list(rows);
    list.rows_max = 500;
    let (pages, read) = list.walk(0, 604_800);
    assert_eq!(read.len(), 1_301);
    assert!(pages <= 40, "{pages}");
}

#[test]
fn rows_that_leave_a_second_hide_no_other() {
    let mut list = list(vec![50; 23]);
    let mut walk = Walk::new(at(50), at(50), at(51)).unwrap();
    let mut read = BTreeSet::new();
    while walk.asks().page < 3 {
        assert_ne!(list.turn(&mut walk, &mut read), Turn::End);
    }
    // Rows of the first page change again: what was on the third slides to the second.
    for row in 0..5 {
        list.rows[row] = 1_000;
    }
    while list.turn(&mut walk, &mut read) != Turn::End {}
    assert_eq!(read.len(), 23);
}

#[test]
fn rows_that_change_between_pieces_hide_no_other() {
    let mut list = list((0..40).collect());
    let mut walk = Walk::new(at(0), at(0), at(100)).unwrap();
    let mut read = BTreeSet::new();
    while walk.asks().from == at(0) {
        list.turn(&mut walk, &mut read);
    }
    for row in 0..5 {
        list.rows[row] = 1_000;
    }
    while list.turn(&mut walk, &mut read) != Turn::End {}
    assert_eq!(read.len(), 40);
}

#[test]
fn an_answer_that_is_too_large_is_asked_for_in_halves() {
    let mut walk = Walk::new(at(0), at(0), at(8)).unwrap();
    let mut ends = Vec::new();
    while walk.narrow() {
        ends.push(walk.asks().to.as_second());
    }
    assert_eq!(ends, [4, 2, 1]);
    let full = [at(0); 5];
    let shown = |times| Shown {
        times,
        rows_max: 5,
        is_more: false,
        found: None,
    };
    let mut pieces = Vec::new();
    while walk.turn(shown(&full)) != Turn::End {
        let asked = walk.asks();
        pieces.push((asked.from.as_second(), asked.to.as_second()));
    }
    assert_eq!(pieces[..2], [(1, 2), (2, 3)]);
    assert_eq!(pieces.last(), Some(&(7, 8)));
}

#[test]
fn a_walk_is_kept_as_it_is() {
    let list = list(vec![50; 23]);
    let mut walk = Walk::new(at(50), at(55), at(51)).unwrap();
    for _ in 0..2 {
        list.turn(&mut walk, &mut BTreeSet::new());
    }
    let kept = serde_json::to_string(&walk).unwrap();
    assert_eq!(serde_json::from_str::<Walk>(&kept).unwrap(), walk);
}

proptest! {
    #[test]
    fn a_walk_ends_and_reads_everything(
        rows in proptest::collection::vec(prop_oneof![0i64..100, 40i64..43, Just(50)], 0..120),
        rows_max in 1usize..9,
        keeps_bounds: bool,
        tells_found: bool,
        from in 0i64..60,
        length in 0i64..60,
    ) {
        let list = List { rows, rows_max, keeps_bounds, tells_found };
        let (_, read) = list.walk(from, from + length);
        for (row, second) in list.rows.iter().enumerate() {
            let is_asked = (from..=from + length).contains(second);
            prop_assert!(!is_asked || read.contains(&row), "row {} of second {}", row, second);
        }
    }
}

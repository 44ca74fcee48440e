//! Operating time in ten baskets of a minute each.

use std::collections::{HashMap, VecDeque};

use jiff::Timestamp;

use super::{super::answer::Operating, Account};

const BASKET_SECONDS: i64 = 60;
const BASKETS: i64 = 10;

/// The windows of all accounts.
#[derive(Debug, Default)]
pub(crate) struct Windows {
    /// For each account its baskets, oldest first: which minute, and how many microseconds.
    baskets: HashMap<Account, VecDeque<(i64, i64)>>,
}

impl Windows {
    /// Adds to the basket of this minute.
    pub(crate) fn charge(&mut self, account: Account, spent_us: i64, now: Timestamp) -> Operating {
        let minute = minute(now);
        let baskets = self.baskets.entry(account).or_default();
        expire(baskets, minute);
        match baskets.back_mut().filter(|(of, _)| *of == minute) {
            Some((_, sum)) => *sum = sum.saturating_add(spent_us),
            None => baskets.push_back((minute, spent_us)),
        }
        sum_up(baskets, minute)
    }

    /// What an account has spent within its window.
    pub(crate) fn read(&mut self, account: &Account, now: Timestamp) -> Operating {
        let minute = minute(now);
        match self.baskets.get_mut(account) {
            Some(baskets) => {
                expire(baskets, minute);
                sum_up(baskets, minute)
            }
            None => sum_up(&VecDeque::new(), minute),
        }
    }

    /// Every account that spent something within its window.
    pub(crate) fn accounts(&mut self, now: Timestamp) -> Vec<(Account, Operating)> {
        let accounts: Vec<Account> = self.baskets.keys().cloned().collect();
        let read = accounts.into_iter().map(|account| {
            let operating = self.read(&account, now);
            (account, operating)
        });
        read.filter(|(_, operating)| operating.spent_us > 0)
            .collect()
    }
}

fn minute(now: Timestamp) -> i64 {
    now.as_second().div_euclid(BASKET_SECONDS)
}

fn expire(baskets: &mut VecDeque<(i64, i64)>, minute: i64) {
    while baskets
        .front()
        .is_some_and(|(of, _)| *of <= minute.saturating_sub(BASKETS))
    {
        baskets.pop_front();
    }
}

fn sum_up(baskets: &VecDeque<(i64, i64)>, minute: i64) -> Operating {
    let oldest = baskets.front().map_or(minute, |(of, _)| *of);
    Operating {
        spent_us: baskets.iter().map(|(_, sum)| sum).sum(),
        reset_at: oldest
            .saturating_add(BASKETS)
            .saturating_mul(BASKET_SECONDS),
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_window_sums_up_and_its_oldest_minute_leaves_first() {
        let start = Timestamp::from_second(1_700_000_040).unwrap();
        let at = |seconds| start + SignedDuration::from_secs(seconds);
        let account = || Account {
            webhook: Some(0),
            method: "crm.company.list".to_owned(),
        };
        let mut windows = Windows::default();
        for (seconds, spent_us, sum, resets_after) in [
            (0, 5, 5, 600),
            (59, 5, 10, 600),
            (60, 7, 17, 600),
            (599, 1, 18, 600),
            (600, 0, 8, 660),
            (660, 0, 1, 1140),
            (1140, 0, 0, 1740),
        ] {
            let operating = windows.read(&account(), at(seconds));
            let before = sum - spent_us;
            assert_eq!(operating.spent_us, before, "before {seconds} s");
            let operating = match spent_us {
                0 => operating,
                _ => windows.charge(account(), spent_us, at(seconds)),
            };
            let expected = Operating {
                spent_us: sum,
                reset_at: start.as_second() + resets_after,
            };
            assert_eq!(operating, expected, "after {seconds} s");
        }
        let other = Account {
            webhook: Some(1),
            ..account()
        };
        windows.charge(account(), 9, at(2000));
        assert_eq!(windows.read(&other, at(2000)).spent_us, 0);
        assert_eq!(windows.accounts(at(2000)).len(), 1);
    }
}

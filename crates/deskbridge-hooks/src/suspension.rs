//! A hook that keeps failing is left alone for a while.

use jiff::{SignedDuration, Timestamp};

/// When a hook is suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// After so many failures in a row.
    pub failures: u32,
    /// For so long at first; each time that it fails again right afterwards, for twice as long.
    pub first_for: SignedDuration,
    /// For so long at most.
    pub longest_for: SignedDuration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            failures: 5,
            first_for: SignedDuration::from_secs(30),
            longest_for: SignedDuration::from_mins(15),
        }
    }
}

/// How a hook has been doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Suspension {
    /// Failures since it last answered.
    failures: u32,
    /// How often it has been suspended since it last answered.
    times: u32,
    until: Option<Timestamp>,
}

impl Suspension {
    /// Until when it is suspended. After that it is tried again.
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        self.until.filter(|until| now < *until)
    }

    /// It answered, and the answer could be used.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// It failed. Answers until when it is suspended, if that begins now.
    pub fn failed(&mut self, now: Timestamp, rules: &Rules) -> Option<Timestamp> {
        // What was under way when it was suspended tells nothing new.
        if self.until(now).is_some() {
            return None;
        }
        self.failures = self.failures.saturating_add(1);
        if self.times == 0 && self.failures < rules.failures {
            return None;
        }
        let doubled = 1_i32.checked_shl(self.times.min(20)).unwrap_or(i32::MAX);
        let wanted = rules.first_for.saturating_mul(doubled);
        self.times = self.times.saturating_add(1);
        let until = now.saturating_add(wanted.min(rules.longest_for)).ok();
        self.until = until;
        until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn failures_in_a_row_suspend_and_each_again_for_twice_as_long() {
        let rules = Rules::default();
        let mut hook = Suspension::default();
        for _ in 0..4 {
            assert_eq!(hook.failed(at(0), &rules), None);
        }
        assert_eq!(hook.failed(at(0), &rules), Some(at(30)));
        assert_eq!(hook.until(at(29)), Some(at(30)));
        assert_eq!(hook.until(at(30)), None);
        let mut now = 30;
        for wanted in [60, 120, 240, 480, 900, 900] {
            assert_eq!(hook.failed(at(now), &rules), Some(at(now + wanted)));
            now += wanted;
        }
    }

    #[test]
    fn an_answer_forgives_everything() {
        let rules = Rules::default();
        let mut hook = Suspension::default();
        for _ in 0..5 {
            hook.failed(at(0), &rules);
        }
        hook.succeeded();
        for _ in 0..4 {
            assert_eq!(hook.failed(at(60), &rules), None);
        }
        hook.succeeded();
        assert_eq!(hook.failed(at(60), &rules), None);
    }

    #[test]
    fn what_was_under_way_does_not_prolong_a_suspension() {
        let rules = Rules::default();
        let mut hook = Suspension::default();
        for _ in 0..5 {
            hook.failed(at(0), &rules);
        }
        for _ in 0..100 {
            assert_eq!(hook.failed(at(1), &rules), None);
        }
        assert_eq!(hook.until(at(30)), None);
    }
}

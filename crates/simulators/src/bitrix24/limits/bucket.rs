//! The leaky bucket that all requests to a portal share.

use jiff::Timestamp;

use super::RequestLimit;

/// A counter that drains while time passes.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    level: f64,
    drained_at: Option<Timestamp>,
}

impl Bucket {
    /// What stands in the counter now.
    pub(crate) fn level(&mut self, limit: &RequestLimit, now: Timestamp) -> f64 {
        if let Some(drained_at) = self.drained_at {
            let seconds = now.duration_since(drained_at).as_secs_f64().max(0.0);
            self.level = (self.level - seconds * limit.per_second).max(0.0);
        }
        self.drained_at = Some(now);
        self.level
    }

    /// Counts a request; whether it may come in.
    pub(crate) fn admit(&mut self, limit: &RequestLimit, now: Timestamp) -> bool {
        let level = self.level(limit, now) + 1.0;
        let admitted = level <= f64::from(limit.burst);
        if admitted || limit.refusals_count {
            self.level = level;
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    /// Asks at these milliseconds and says which requests came in.
    fn check(refusals_count: bool, at_ms: &[i64], expected: &[bool]) {
        let limit = RequestLimit {
            burst: 2,
            per_second: 2.0,
            refusals_count,
        };
        let mut bucket = Bucket::default();
        let start = Timestamp::from_second(1_700_000_000).unwrap();
        let admitted: Vec<bool> = at_ms
            .iter()
            .map(|ms| bucket.admit(&limit, start + SignedDuration::from_millis(*ms)))
            .collect();
        assert_eq!(admitted, expected, "at {at_ms:?}");
    }

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        check(false, &[0, 0, 0], &[true, true, false]);
        check(
            false,
            &[0, 0, 499, 500, 600],
            &[true, true, false, true, false],
        );
        check(
            false,
            &[0, 0, 60_000, 60_000, 60_000],
            &[true, true, true, true, false],
        );
    }

    #[test]
    fn refused_requests_keep_the_door_shut_where_they_count() {
        check(
            false,
            &[0, 0, 100, 200, 500],
            &[true, true, false, false, true],
        );
        check(
            true,
            &[0, 0, 100, 200, 500],
            &[true, true, false, false, false],
        );
    }
}

//! A circuit: after an answer that will not change by asking again, calls are refused here for a while.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::Failure;

/// How long the first pause is; each further one is twice as long.
const PAUSE_FIRST: Duration = Duration::from_secs(30);
/// How long a pause gets.
const PAUSE_MAX: Duration = Duration::from_secs(600);

/// An open circuit: of a portal, of a webhook, or of one method of a webhook.
#[derive(Clone, Debug)]
pub(crate) struct Circuit {
    failure: Failure,
    until: Instant,
    pause: Duration,
    /// Whether a probe is on its way.
    is_probing: bool,
}

/// What an open circuit says to a call.
#[derive(Debug)]
pub(crate) enum Pass<'a> {
    /// One call may go, and decides.
    Probe,
    /// The probe is on its way.
    Wait,
    /// Refused with what the portal said, for so long.
    Refused(&'a Failure, Duration),
}

impl Circuit {
    /// The portal answered so that nothing of this extent can work.
    pub(crate) fn open(failure: Failure, now: Instant) -> Self {
        Self {
            failure,
            until: now + PAUSE_FIRST,
            pause: PAUSE_FIRST,
            is_probing: false,
        }
    }

    /// The same answer once more: to the probe, or to a call that went before the circuit opened.
    pub(crate) fn open_again(&mut self, failure: Failure, now: Instant) {
        if self.is_probing {
            self.pause = (self.pause * 2).min(PAUSE_MAX);
        }
        self.failure = failure;
        self.until = now + self.pause;
        self.is_probing = false;
    }

    pub(crate) fn pass(&self, now: Instant) -> Pass<'_> {
        match self.until.checked_duration_since(now) {
            _ if self.is_probing => Pass::Wait,
            Some(left) if !left.is_zero() => Pass::Refused(&self.failure, left),
            _ => Pass::Probe,
        }
    }

    /// A call that was let through as a probe goes.
    pub(crate) fn probe(&mut self) {
        self.is_probing = true;
    }

    /// The probe came back without a verdict.
    pub(crate) fn probe_was_lost(&mut self) {
        self.is_probing = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;

    fn state(circuit: &Circuit, now: Instant) -> &'static str {
        match circuit.pass(now) {
            Pass::Probe => "probe",
            Pass::Wait => "wait",
            Pass::Refused(..) => "refused",
        }
    }

    fn failure() -> Failure {
        Failure::bare(Class::Credentials)
    }

    #[test]
    fn one_probe_goes_after_each_pause_and_pauses_double() {
        let mut now = Instant::now();
        let mut circuit = Circuit::open(failure(), now);
        for pause in [30, 60, 120, 240, 480, 600, 600] {
            let pause = Duration::from_secs(pause);
            let before = now + pause - Duration::from_nanos(1);
            assert_eq!(state(&circuit, before), "refused");
            now += pause;
            assert_eq!(state(&circuit, now), "probe");
            circuit.probe();
            assert_eq!(state(&circuit, now), "wait");
            circuit.open_again(failure(), now);
        }
    }

    #[test]
    fn a_lost_probe_lets_another_go() {
        let now = Instant::now();
        let mut circuit = Circuit::open(failure(), now);
        circuit.probe();
        circuit.probe_was_lost();
        assert_eq!(state(&circuit, now + PAUSE_FIRST), "probe");
    }

    #[test]
    fn failures_that_were_on_their_way_do_not_lengthen_the_pause() {
        let now = Instant::now();
        let mut circuit = Circuit::open(failure(), now);
        for _ in 0..10 {
            circuit.open_again(failure(), now);
        }
        assert_eq!(state(&circuit, now + PAUSE_FIRST), "probe");
    }

    #[test]
    fn a_refusal_says_what_the_portal_said_and_for_how_long() {
        let now = Instant::now();
        let circuit = Circuit::open(failure(), now);
        let Pass::Refused(failure, left) = circuit.pass(now + Duration::from_secs(10)) else {
            panic!("not refused");
        };
        assert_eq!(failure.class, Class::Credentials);
        assert_eq!(left, Duration::from_secs(20));
    }
}

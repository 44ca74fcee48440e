use std::time::Duration;

use super::{Class, Error, Failure, Verdict};
use crate::call::Kind;

fn error(class: Class, kind: Kind, retry_after: Option<Duration>) -> Error {
    let failure = Failure {
        retry_after,
        ..Failure::bare(class)
    };
    failure.error(kind, "crm.lead.add", "portal.example")
}

#[test]
fn who_can_wait_for_days_waits_for_what_people_mend() {
    use Verdict::{LookFirst, Never, RetryAfter};
    let hour = Some(Duration::from_secs(3_600));
    // A failure, what the portal said of the time, what follows now, and what follows for who can wait.
    let rows = [
        (Class::Credentials, None, Never, RetryAfter(None)),
        (Class::Reinstall, None, Never, RetryAfter(None)),
        (Class::ClientSecret, None, Never, RetryAfter(None)),
        (Class::Scope, None, Never, RetryAfter(None)),
        (Class::Method, None, Never, RetryAfter(None)),
        (Class::ApplicationOnly, None, Never, RetryAfter(None)),
        (Class::Unconfirmed, None, Never, RetryAfter(None)),
        (Class::PortalGone, None, Never, RetryAfter(None)),
        (Class::Plan, None, Never, RetryAfter(None)),
        (Class::Https, None, Never, RetryAfter(None)),
        (Class::Redirect, None, Never, RetryAfter(None)),
        (Class::Blocked, hour, Never, RetryAfter(hour)),
        (Class::Blocked, None, Never, RetryAfter(None)),
        // Nobody gives a right because somebody waits.
        (Class::MethodAccess, None, Never, Never),
        (Class::RecordAccess, None, Never, Never),
        (Class::Argument, None, Never, Never),
        (Class::NotFound, None, Never, Never),
        (Class::Requests, hour, RetryAfter(hour), RetryAfter(hour)),
        (Class::Queue, None, RetryAfter(None), RetryAfter(None)),
        (
            Class::NoConnection,
            None,
            RetryAfter(None),
            RetryAfter(None),
        ),
        (Class::HungUp, None, LookFirst, LookFirst),
    ];
    for (class, retry_after, now, in_days) in rows {
        let error = error(class, Kind::Write, retry_after);
        let verdicts = (error.verdict(), error.verdict_in_days());
        assert_eq!(verdicts, (now, in_days), "{class:?}");
    }
    let read = error(Class::HungUp, Kind::Read, None);
    assert_eq!(read.verdict_in_days(), RetryAfter(None));
}

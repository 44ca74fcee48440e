//! Events in a list: two lines each, in the width that every terminal has.

use deskbridge_store::EventRecord;
use jiff::Timestamp;

use crate::cli::terminal::{COLUMNS, age, cut, plain};

/// Columns of an ordering key.
const KEY: usize = 34;

/// An event: its id, age, state, what it is about and how often it came; then its connection, its ordering key and
/// why it failed.
pub(super) fn lines(record: &EventRecord, now: Timestamp) -> String {
    let (event, arrival) = (&record.event, &record.event.arrival);
    let age = age(event.received_at, now);
    let state = record.state.as_str();
    let start = format!("{}  {age:>4}  {state:<9}  ", event.id);
    let repeats = match record.repeats {
        0 => String::new(),
        times => format!("  x{}", times.saturating_add(1)),
    };
    let room = COLUMNS.saturating_sub(start.chars().count() + repeats.chars().count());
    let about = cut(
        &about(&arrival.reading.object, &arrival.reading.action),
        room,
    );
    let key = cut(&plain(arrival.reading.ordering_key.as_str()), KEY);
    let failure = plain(record.failure.as_deref().unwrap_or_default());
    let second = format!("    {}  {key}  {failure}", plain(&arrival.connection));
    format!(
        "{start}{about}{repeats}\n{}",
        cut(second.trim_end(), COLUMNS)
    )
}

/// What an event is about, in the sender's words; what it does not say is a question mark.
pub(super) fn about(object: &str, action: &str) -> String {
    let said = |word: &str| match word {
        "" => "?".to_owned(),
        word => plain(word),
    };
    format!("{}/{}", said(object), said(action))
}

#[cfg(test)]
mod tests {
    use deskbridge_core::{DuplicateKey, Event, EventId, NewEvent, OrderingKey, Reading};
    use deskbridge_store::EventState;

    use super::*;

    fn record(object: &str, key: &str, failure: Option<&str>, repeats: u64) -> EventRecord {
        let at = Timestamp::from_second(1_000).unwrap();
        EventRecord {
            event: Event {
                id: EventId::new(at, &mut fastrand::Rng::with_seed(1)),
                received_at: at,
                arrival: NewEvent {
                    connection: "main".to_owned(),
                    body: Vec::new(),
                    headers: Vec::new(),
                    raw_key: DuplicateKey::new([0; 32]),
                    reading: Reading {
                        source: "test".to_owned(),
                        object: object.to_owned(),
                        action: "update".to_owned(),
                        canonical_key: DuplicateKey::new([0; 32]),
                        ordering_key: OrderingKey::new(key),
                        is_routed: true,
                    },
                },
            },
            state: EventState::Discarded,
            attempts: 1,
            failure: failure.map(str::to_owned),
            repeats,
            claimable_at: at,
            changed_at: at,
        }
    }

    #[test]
    fn an_event_fits_the_narrowest_terminal() {
        let now = Timestamp::from_second(1_120).unwrap();
        let shown = lines(
            &record("ticket", "main/case/4711", Some("no\nsuch case"), 2),
            now,
        );
        let lines_of: Vec<&str> = shown.lines().collect();
        assert!(
            lines_of[0].ends_with("    2m  discarded  ticket/update  x3"),
            "{shown}"
        );
        assert_eq!(lines_of[1], "    main  main/case/4711  no such case");
        let long = "đ".repeat(300);
        let shown = lines(&record(&long, &long, Some(&long), 9_998), now);
        assert_eq!(shown.lines().count(), 2);
        for line in shown.lines() {
            assert_eq!(line.chars().count(), COLUMNS, "{line}");
        }
        let bare = lines(&record("", "k", None, 0), now);
        assert!(bare.contains("  ?/update\n    main  k"), "{bare}");
    }
}

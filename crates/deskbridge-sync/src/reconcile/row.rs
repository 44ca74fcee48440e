//! A row of a list: what it is about, when it was changed, and whether a webhook told of it.

use caresoft::{
    Age, Digest, Fields, Id, Json, Z, Zone, age,
    object::{
        case::{Deal, Lead},
        person::User,
        ticket::Ticket,
    },
    rest,
};
use deskbridge_core::{DuplicateKey, NewEvent, OrderingKey, Reading, RemoteRecord};
use jiff::{Timestamp, tz::Offset};

use super::settings::Object;

/// The source of the events that the poll makes.
///
/// Their body is `{"object": …, "row": …}`: what webhooks call the object, and the row as it came.
pub const SOURCE: &str = "caresoft-rest";
/// The header of such an event that says what `Z` meant when its row was read: `utc` or `local`.
const Z_HEADER: &str = "x-caresoft-z";
/// Times with `Z` as they stand.
pub(super) const AS_WRITTEN: Zone = Zone {
    offset: Offset::UTC,
    z: Z::Utc,
};

/// The zone in which the times of a polled event's row are to be read: the account's, with `Z` meaning what it was
/// found to mean when the row was read.
pub fn zone_of(event: &NewEvent, account: Zone) -> Zone {
    let said = event.headers.iter().find(|(name, _)| name == Z_HEADER);
    let z = match said.map(|(_, value)| value.as_str()) {
        Some("utc") => Z::Utc,
        Some("local") => Z::Local,
        _ => account.z,
    };
    Zone { z, ..account }
}

/// A row that says what it is and when it was changed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'r> {
    pub(super) object: Object,
    pub(super) id: Id,
    pub(super) updated_at: Timestamp,
    /// The same with its `Z` taken for UTC; `None` without `Z`.
    pub(super) shown: Option<Timestamp>,
    bytes: &'r [u8],
}

impl<'r> Row<'r> {
    /// `None` when the row does not say what it is or when it was changed.
    pub(super) fn read(object: Object, row: &'r rest::Row, zone: Zone) -> Option<Self> {
        let json: Json<'_> = row.json().ok()?;
        let fields = Fields::of(&json);
        let id = match object {
            Object::Contacts => User::of_row(fields)?.id(),
            Object::Tickets => Ticket::of_row(fields)?.id(),
            Object::Leads => Lead::of_row(fields)?.id(),
            Object::Deals => Deal::of_row(fields)?.id(),
        };
        let has_z = fields
            .text("updated_at")
            .is_some_and(|text| text.ends_with(['Z', 'z']));
        Some(Self {
            object,
            id,
            updated_at: fields.time("updated_at", &zone)?,
            shown: fields.time("updated_at", &AS_WRITTEN).filter(|_| has_z),
            bytes: row.as_bytes(),
        })
    }

    pub(super) fn record(&self, connection: &str) -> RemoteRecord {
        RemoteRecord {
            connection: connection.to_owned(),
            object: self.object.record().to_owned(),
            id: self.id.to_string(),
        }
    }

    /// That of the webhooks about the same thing.
    pub(super) fn ordering_key(&self, connection: &str) -> OrderingKey {
        let key = match self.object {
            Object::Contacts => caresoft::OrderingKey::User(self.id),
            Object::Tickets | Object::Leads | Object::Deals => caresoft::OrderingKey::Case(self.id),
        };
        OrderingKey::new(format!("caresoft/{connection}/{key}"))
    }

    pub(super) fn event(&self, connection: &str, zone: Zone) -> NewEvent {
        let object = self.object.in_webhooks();
        let mut body = format!(r#"{{"object":"{object}","row":"#).into_bytes();
        body.extend_from_slice(self.bytes);
        body.push(b'}');
        let z = match zone.z {
            Z::Utc => "utc",
            Z::Local => "local",
        };
        // The same row with another meaning of its times is another event.
        let read_so = if self.shown.is_some() { z } else { "" };
        let key = Digest::of(&[&body, read_so.as_bytes()].concat());
        let key = DuplicateKey::new(*key.as_bytes());
        NewEvent {
            connection: connection.to_owned(),
            body,
            headers: vec![(Z_HEADER.to_owned(), z.to_owned())],
            raw_key: key,
            reading: Reading {
                source: SOURCE.to_owned(),
                object: object.to_owned(),
                action: String::new(),
                canonical_key: key,
                ordering_key: self.ordering_key(connection),
                is_routed: true,
            },
        }
    }
}

/// What a row is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Too new: its webhook may still be on its way.
    Young,
    /// It is known.
    Known,
    /// It was changed before anybody listened, and nothing was heard of it since.
    History,
    /// It is known by its latest change, which may be all that was heard of it: webhooks of contacts tell only what
    /// changed, so that one which came hides those before it which did not.
    Partial,
    /// No webhook told of it.
    Missed,
}

/// Until when, and from when on, rows matter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Since when changes are expected to be told of.
    pub(super) since: Timestamp,
    /// What changed before was looked at by an earlier walk.
    pub(super) new_from: Timestamp,
    /// What changed later is too new.
    pub(super) end: Timestamp,
}

/// What a row of `object` that was changed at `updated_at` is to us, who know its record as of `known`.
pub(super) fn judge(
    object: Object,
    updated_at: Timestamp,
    known: Option<Timestamp>,
    bounds: Bounds,
) -> Verdict {
    if updated_at > bounds.end {
        return Verdict::Young;
    }
    let Some(known) = known else {
        return match updated_at < bounds.since {
            true => Verdict::History,
            false => Verdict::Missed,
        };
    };
    match (age(updated_at, known), object) {
        (Age::Newer, _) => Verdict::Missed,
        (Age::Same, Object::Contacts) if updated_at >= bounds.new_from => Verdict::Partial,
        (Age::Same | Age::Older, _) => Verdict::Known,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_another_event_when_its_z_is_found_to_mean_something_else() {
        for (updated_at, is_one) in [
            ("2026-01-05T02:30:00Z", false),
            ("2026-01-05T02:30:00+07:00", true),
        ] {
            let bytes = format!(r#"{{"id": 5, "updated_at": "{updated_at}"}}"#);
            let [one, other] = [Z::Utc, Z::Local].map(|z| {
                let row = Row {
                    object: Object::Contacts,
                    id: Id::new(5).unwrap(),
                    updated_at: Timestamp::UNIX_EPOCH,
                    shown: Some(Timestamp::UNIX_EPOCH).filter(|_| updated_at.ends_with('Z')),
                    bytes: bytes.as_bytes(),
                };
                row.event(
                    "main",
                    Zone {
                        z,
                        ..Zone::default()
                    },
                )
                .raw_key
            });
            assert_eq!(one == other, is_one, "{updated_at}");
        }
    }

    #[test]
    fn a_row_is_missed_when_nobody_told_of_it() {
        use Object::{Contacts, Tickets};
        let at = |millisecond: i64| Timestamp::from_millisecond(millisecond).unwrap();
        let bounds = Bounds {
            since: at(100_000),
            new_from: at(500_000),
            end: at(900_000),
        };
        let check = |object, updated_at: i64, known: Option<i64>, expected| {
            let verdict = judge(object, at(updated_at), known.map(at), bounds);
            assert_eq!(
                verdict, expected,
                "{object:?} of {updated_at}, known {known:?}"
            );
        };
        check(Tickets, 600_000, None, Verdict::Missed);
        check(Tickets, 600_000, Some(598_999), Verdict::Missed);
        // Apart by no more than rounding.
        check(Tickets, 600_000, Some(599_000), Verdict::Known);
        check(Tickets, 600_000, Some(600_499), Verdict::Known);
        check(Tickets, 600_000, Some(700_000), Verdict::Known);
        check(Tickets, 900_000, None, Verdict::Missed);
        check(Tickets, 901_000, None, Verdict::Young);
        check(Tickets, 901_000, Some(1), Verdict::Young);
        check(Tickets, 99_000, None, Verdict::History);
        check(Tickets, 100_000, None, Verdict::Missed);
        // What was heard of goes on being followed, however old.
        check(Tickets, 99_000, Some(50_000), Verdict::Missed);
        check(Contacts, 600_000, Some(600_400), Verdict::Partial);
        check(Contacts, 600_000, Some(700_000), Verdict::Known);
        check(Contacts, 600_000, Some(500_000), Verdict::Missed);
        // It was looked at before.
        check(Contacts, 499_000, Some(499_000), Verdict::Known);
    }
}

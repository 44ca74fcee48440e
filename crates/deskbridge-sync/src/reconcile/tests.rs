//! Accounts that lose webhooks and refuse to be asked, polled over loopback.

mod faults;
mod losses;

use std::{sync::Arc, time::Duration};

use caresoft::{
    Event, Fields, Kind, Z, Zone,
    object::{case::Lead, person::User, ticket::Ticket},
    rest,
};
use deskbridge_core::{Clock, DuplicateKey, NewEvent, OrderingKey, Reading, RemoteRecord};
use deskbridge_journal::Intake;
use deskbridge_store::{Claim, ClaimedEvent, EventFilter, Known, Plan, Store};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use simulators::caresoft::{Options, Records, Running, TimeForm};

use super::{
    Again, Object, ObjectStatus, Poller, Round, SOURCE, Settings, Setup, Source, Status,
    state::State,
};

const CONNECTION: &str = "main";

fn start_at() -> Timestamp {
    "2026-01-05T02:30:00Z".parse().unwrap()
}

/// A contact centre, and a hub that hears what it is told to hear.
struct Hub {
    center: Running,
    center_clock: simulators::clock::Clock,
    clock: Clock,
    store: Store,
    intake: Intake,
    settings: Settings,
    host: String,
    spare_host: Option<String>,
    response_bytes_max: u64,
}

impl Hub {
    /// Both clocks stand at `now`.
    async fn new(times: TimeForm, records: Records, now: Timestamp) -> Self {
        let center_clock = simulators::clock::Clock::manual(now);
        let options = Options {
            records,
            clock: center_clock.clone(),
            times,
            ..Options::default()
        };
        let center = simulators::caresoft::start(options).await.unwrap();
        let clock = Clock::manual(now);
        let store = Store::open_inline().unwrap();
        let rng = fastrand::Rng::with_seed(1);
        let intake = Intake::new(store.clone(), clock.clone(), rng);
        let settings = Settings {
            requests_per_second: 15,
            ..Settings::default()
        };
        Self {
            host: center.url.clone(),
            center,
            center_clock,
            clock,
            store,
            intake,
            settings,
            spare_host: None,
            response_bytes_max: rest::Options::default().response_bytes_max,
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn pass(&self, seconds: u32) {
        self.clock
            .advance(SignedDuration::from_secs(seconds.into()));
        self.center_clock
            .advance(Duration::from_secs(seconds.into()));
    }

    /// A poll as after a restart: it remembers what is in the store.
    fn poller(&self) -> Poller {
        let source = Source {
            connection: CONNECTION.to_owned(),
            host: self.host.clone(),
            domain: "acme".to_owned(),
            token: rest::Token::new("token-of-acme").unwrap(),
            options: rest::Options {
                spare_host: self.spare_host.clone(),
                response_bytes_max: self.response_bytes_max,
                ..rest::Options::default()
            },
        };
        let setup = Setup::alone(
            self.store.clone(),
            self.intake.clone(),
            self.clock.clone(),
            fastrand::Rng::with_seed(1),
            Arc::new(seen),
        );
        Poller::new(source, self.settings.clone(), setup).unwrap()
    }

    async fn round(&self) -> Round {
        self.poller().round().await.unwrap()
    }

    async fn webhook(&self, body: &[u8]) {
        let event = Event::read(body);
        let key = event.ordering_key().unwrap();
        let key_of = |digest: caresoft::Digest| DuplicateKey::new(*digest.as_bytes());
        let event = NewEvent {
            connection: CONNECTION.to_owned(),
            body: body.to_vec(),
            headers: Vec::new(),
            raw_key: key_of(event.raw_digest()),
            reading: Reading {
                source: "caresoft".to_owned(),
                object: event.object().unwrap(),
                action: event.action().unwrap(),
                canonical_key: key_of(event.canonical_digest()),
                ordering_key: OrderingKey::new(format!("caresoft/{CONNECTION}/{key}")),
                is_routed: true,
            },
        };
        self.intake.accept(event).await.unwrap();
    }

    /// Plans what waits; the polled events among it.
    async fn plan(&self) -> Vec<ClaimedEvent> {
        let mut polled = Vec::new();
        loop {
            let now = self.now();
            let claimed = self.store.claim_events(Claim {
                now,
                lease_until: now + SignedDuration::from_secs(60),
                limit: 50,
                fresh_only: 0,
            });
            let claimed = claimed.await.unwrap();
            if claimed.is_empty() {
                return polled;
            }
            for claimed in claimed {
                let plan = Plan {
                    known: self.learnt(&claimed.event.arrival).await,
                    ..Plan::default()
                };
                let recorded = self
                    .store
                    .record_plan(claimed.event.id, claimed.fence, plan, now);
                recorded.await.unwrap();
                if claimed.event.arrival.reading.source == SOURCE {
                    polled.push(claimed);
                }
            }
        }
    }

    async fn learnt(&self, event: &NewEvent) -> Vec<Known> {
        let Some((record, version)) = told(event) else {
            return Vec::new();
        };
        let mut known = self.store.known(vec![record]).await.unwrap();
        for known in &mut known {
            let newest = seen(known).max(Some(version));
            known.facts = json!({"ms": newest.map(Timestamp::as_millisecond)});
        }
        known
    }

    async fn known(&self, object: &str, id: u64) -> Option<Timestamp> {
        let known = self.store.known(vec![record(object, id)]).await.unwrap();
        seen(&known[0])
    }

    async fn status(&self) -> Status {
        let status = Status::read(&self.store, CONNECTION, self.now()).await;
        status.unwrap().expect("a round was made")
    }

    async fn of(&self, object: Object) -> ObjectStatus {
        let status = self.status().await;
        status
            .objects
            .into_iter()
            .find(|status| status.object == object)
            .unwrap()
    }

    /// The page of the tickets' walk that is asked for next, if one was begun.
    async fn next_page(&self) -> Option<u32> {
        let state = State::load(&self.store, CONNECTION, self.now()).await;
        let state = state.unwrap()?;
        let walk = state.objects[&Object::Tickets].walk.as_ref()?;
        Some(walk.asks().page)
    }

    async fn missed(&self) -> u64 {
        let status = self.status().await;
        status.objects.iter().map(|object| object.missed).sum()
    }

    /// How many events of the poll there are.
    async fn polled(&self) -> usize {
        let filter = EventFilter {
            limit: 10_000,
            ..EventFilter::default()
        };
        let events = self.store.list_events(filter, None).await.unwrap();
        let polled = events
            .iter()
            .filter(|record| record.event.arrival.reading.source == SOURCE);
        polled.count()
    }
}

fn record(object: &str, id: u64) -> RemoteRecord {
    RemoteRecord {
        connection: CONNECTION.to_owned(),
        object: object.to_owned(),
        id: id.to_string(),
    }
}

fn seen(known: &Known) -> Option<Timestamp> {
    Timestamp::from_millisecond(known.facts["ms"].as_i64()?).ok()
}

/// Which record an event tells of, and up to which version.
fn told(event: &NewEvent) -> Option<(RemoteRecord, Timestamp)> {
    let zone = super::zone_of(event, Zone::default());
    if event.reading.source == SOURCE {
        let json = caresoft::Json::read(&event.body).unwrap();
        let row = Fields::of(&json).object("row");
        return Some(match event.reading.object.as_str() {
            "user" => {
                let user = User::of_row(row)?;
                (record("user", user.id().get()), user.updated_at(&zone)?)
            }
            "ticket" => {
                let ticket = Ticket::of_row(row)?;
                (record("case", ticket.id().get()), ticket.updated_at(&zone)?)
            }
            _ => {
                let id = row.id("lead_id").or_else(|| row.id("deal_id"))?;
                let lead = Lead::of_row(row);
                let at = lead.and_then(|lead| lead.updated_at(&zone));
                (
                    record("case", id.get()),
                    at.or_else(|| row.time("updated_at", &zone))?,
                )
            }
        });
    }
    let event = Event::read(&event.body);
    let (object, id) = match event.kind() {
        Kind::User(_, user) => ("user", user.id()),
        Kind::Ticket(_, ticket) => ("case", ticket.id()),
        Kind::TicketAssigned(assigned) => ("case", assigned.ticket_id()),
        Kind::Lead(_, lead) => ("case", lead.id()),
        Kind::Deal(_, deal) => ("case", deal.id()),
        _ => return None,
    };
    Some((record(object, id.get()), event.version(&zone)?))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        other => panic!("{other}"),
    }
}

/// A ticket with number `id`, changed so many milliseconds after the start.
fn ticket(id: u64, changed_ms: i64) -> Map<String, Value> {
    let at = start_at().as_millisecond() + changed_ms;
    object(
        json!({"ticket_id": id, "ticket_no": id, "ticket_subject": "Kettle leaks", "ticket_status": "new", "created_at": at, "updated_at": at}),
    )
}

fn tickets(tickets: impl IntoIterator<Item = Map<String, Value>>) -> Records {
    let by_id = |ticket: Map<String, Value>| (ticket["ticket_id"].as_u64().unwrap(), ticket);
    Records {
        tickets: tickets.into_iter().map(by_id).collect(),
        ..Records::default()
    }
}

fn of_ticket(ticket: &Map<String, Value>) -> Vec<u8> {
    let body = json!({"object": "ticket", "action": "update", "account_id": 42, "ticket": ticket});
    body.to_string().into_bytes()
}

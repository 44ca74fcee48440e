//! Events over an inline store, under a clock that is moved by hand.

use deskbridge_core::{DuplicateKey, Event, EventId, NewEvent, Reading};
use deskbridge_store::{Accepted, EventFilter, EventState, Quarantined, Retention};

use super::*;

/// Plans from a script and notes what it was asked. The first byte of a body is the event's number.
#[derive(Default)]
struct Script {
    answers: Mutex<BTreeMap<u8, VecDeque<Outcome<Planned>>>>,
    asked: Mutex<Vec<u8>>,
}

impl Planner for Script {
    fn plan<'a>(&'a self, event: &'a Event) -> BoxFuture<'a, Outcome<Planned>> {
        let number = event.arrival.body[0];
        self.asked.lock().unwrap().push(number);
        let mut answers = self.answers.lock().unwrap();
        let answer = answers.get_mut(&number).and_then(VecDeque::pop_front);
        drop(answers);
        assert!(number != 13, "thirteen panics");
        Box::pin(ready(answer.unwrap_or_else(|| plan(number))))
    }
}

/// One effect, keyed by the event.
fn plan(number: u8) -> Outcome<Planned> {
    Outcome::Done(Planned::Do {
        effects: vec![effect(u64::from(number), "a")],
        links: Vec::new(),
        known: Vec::new(),
    })
}

struct Desk {
    bench: Bench,
    intake: Intake,
    events: Events,
    script: Arc<Script>,
}

impl Desk {
    fn new() -> Self {
        let bench = Bench::new();
        let script = Arc::new(Script::default());
        let settings = Settings {
            concurrent_max: 4,
            attempt_for: Duration::from_secs(30),
            backoff: Backoff::new(Duration::from_secs(1), Duration::from_secs(60), 5).unwrap(),
        };
        let rng = fastrand::Rng::with_seed(7);
        let intake = Intake::new(bench.store.clone(), bench.clock.clone(), rng.clone());
        let planners: BTreeMap<&'static str, Arc<dyn Planner>> =
            BTreeMap::from([("test", Arc::clone(&script) as Arc<dyn Planner>)]);
        let events = Events::new(&intake, rng, settings, planners, bench.journal.clone());
        Self {
            bench,
            intake,
            events,
            script,
        }
    }

    fn will_answer(&self, number: u8, answers: impl IntoIterator<Item = Outcome<Planned>>) {
        let answers = answers.into_iter().collect();
        self.script.answers.lock().unwrap().insert(number, answers);
    }

    async fn accept(&self, number: u8, key: &str) -> Accepted {
        self.intake.accept(event(number, key)).await.unwrap()
    }

    async fn state(&self, id: EventId) -> EventState {
        let record = self.bench.store.event(id).await.unwrap();
        record.unwrap().state
    }

    fn asked(&self) -> Vec<u8> {
        self.script.asked.lock().unwrap().clone()
    }

    /// Drains again and again, moving the clock on to each retry, until nothing is open.
    async fn drain_to_the_end(&self) {
        loop {
            self.events.drain().await.unwrap();
            let next = self.bench.store.next_event_claimable_at().await.unwrap();
            let Some(next) = next else { return };
            let wait = next.duration_since(self.bench.clock.now());
            self.bench.clock.advance(wait.max(SignedDuration::ZERO));
        }
    }
}

fn event(number: u8, key: &str) -> NewEvent {
    NewEvent {
        connection: "main".to_owned(),
        body: vec![number, 0],
        headers: Vec::new(),
        raw_key: DuplicateKey::new([number; 32]),
        reading: Reading {
            source: "test".to_owned(),
            object: String::new(),
            action: String::new(),
            canonical_key: DuplicateKey::new([number; 32]),
            ordering_key: OrderingKey::new(key),
            is_routed: true,
        },
    }
}

/// Believes bodies whose second byte is not 1, and files everything under key `anew`.
struct Believer;

impl Reader for Believer {
    fn verify(&self, body: &Quarantined) -> Option<NewEvent> {
        (body.body[1] != 1).then(|| event(body.body[0], "late"))
    }

    fn read(&self, event: &NewEvent) -> Reading {
        Reading {
            object: "anew".to_owned(),
            is_routed: true,
            ..event.reading.clone()
        }
    }
}

fn all() -> EventFilter {
    EventFilter {
        limit: 10_000,
        ..EventFilter::default()
    }
}

#[tokio::test]
async fn an_event_becomes_effects_once() {
    let desk = Desk::new();
    let accepted = desk.accept(1, "a").await;
    assert_eq!(
        desk.accept(1, "a").await,
        Accepted::Repeated(accepted.id()),
        "before it was carried out"
    );
    desk.drain_to_the_end().await;
    desk.bench.drain_to_the_end().await;
    assert_eq!(
        desk.accept(1, "a").await,
        Accepted::Repeated(accepted.id()),
        "and after"
    );
    let one = [accepted.id()];
    assert_eq!(desk.events.replay(&one).await.unwrap(), one);
    desk.drain_to_the_end().await;
    desk.bench.drain_to_the_end().await;
    assert_eq!(desk.asked(), [1, 1], "replayed, it is planned again");
    assert_eq!(
        desk.bench.asked(),
        [(1, false)],
        "its effect is not made again"
    );
    let counts = desk.intake.counters().snapshot();
    assert_eq!((counts.accepted, counts.repeated), (1, 2));
    let caused = desk
        .bench
        .store
        .effects_of_event(accepted.id())
        .await
        .unwrap();
    assert_eq!(caused.len(), 1);
}

#[tokio::test]
async fn events_that_cannot_be_planned_end_as_they_should() {
    let desk = Desk::new();
    let refused = Outcome::Refused(Failure::new("no such ticket"));
    let again = || Outcome::NotSent(Failure::new("down"));
    desk.will_answer(1, [refused]);
    desk.will_answer(
        2,
        [Outcome::Done(Planned::Unrouted("new action".to_owned()))],
    );
    desk.will_answer(3, std::iter::repeat_with(again).take(50));
    let mut ids = Vec::new();
    for number in [1, 2, 3, 13, 4] {
        ids.push(desk.accept(number, "a").await.id());
    }
    let mut stray = event(5, "a");
    stray.reading.source = "other".to_owned();
    ids.push(desk.intake.accept(stray).await.unwrap().id());
    desk.drain_to_the_end().await;
    let mut ended = Vec::new();
    for id in ids {
        let record = desk.bench.store.event(id).await.unwrap().unwrap();
        ended.push((record.state, record.failure.unwrap_or_default()));
    }
    let expected = [
        (EventState::Dead, "no such ticket"),
        (EventState::Unrouted, "new action"),
        (EventState::Dead, "given up after 5 attempts: down"),
        (EventState::Dead, "this program has a bug: thirteen panics"),
        (EventState::Done, ""),
        (
            EventState::Unrouted,
            "no part of this program plans events of source other",
        ),
    ];
    assert_eq!(ended, expected.map(|(state, why)| (state, why.to_owned())));
}

#[tokio::test]
async fn a_wrong_secret_costs_no_event() {
    let desk = Desk::new();
    for number in 1..=4 {
        let body = vec![number, u8::from(number == 3)];
        let kept = desk.intake.quarantine(
            "main".to_owned(),
            Vec::new(),
            body,
            "the signature is not right".to_owned(),
        );
        kept.await.unwrap();
    }
    assert!(
        desk.bench
            .store
            .count_events()
            .await
            .unwrap()
            .by_state
            .is_empty()
    );
    let first = desk.accept(1, "a").await;
    let taken = desk.events.reverify("main", &Believer).await.unwrap();
    assert_eq!(taken.len(), 3);
    assert_eq!(
        taken[0],
        Accepted::Repeated(first.id()),
        "it came again with the right one"
    );
    desk.drain_to_the_end().await;
    assert_eq!(desk.asked(), [1, 2, 4]);
    let kept = desk.bench.store.quarantined("main".to_owned(), None, 10);
    assert_eq!(kept.await.unwrap().len(), 1);
    assert_eq!(desk.events.reverify("main", &Believer).await.unwrap(), []);
}

#[tokio::test]
async fn history_is_read_anew() {
    let desk = Desk::new();
    let mut unknown = event(1, "a");
    unknown.reading.is_routed = false;
    let id = desk.intake.accept(unknown).await.unwrap().id();
    desk.drain_to_the_end().await;
    assert_eq!(desk.state(id).await, EventState::Unrouted);
    let unrouted = EventFilter {
        state: Some(EventState::Unrouted),
        ..all()
    };
    assert_eq!(desk.events.reread(unrouted, &Believer).await.unwrap(), 1);
    desk.drain_to_the_end().await;
    assert_eq!(desk.state(id).await, EventState::Done);
    let record = desk.bench.store.event(id).await.unwrap().unwrap();
    assert_eq!(record.event.arrival.reading.object, "anew");
}

#[tokio::test]
async fn a_dry_run_says_what_a_replay_does() {
    let desk = Desk::new();
    for number in 20..=60 {
        desk.accept(number, "a").await;
    }
    desk.drain_to_the_end().await;
    let some = EventFilter { limit: 7, ..all() };
    let dry = desk
        .events
        .replay_all(some.clone(), Run::Dry)
        .await
        .unwrap();
    desk.drain_to_the_end().await;
    assert_eq!(desk.asked().len(), 41, "a dry run changes nothing");
    let real = desk.events.replay_all(some, Run::Real).await.unwrap();
    assert_eq!(real, dry);
    desk.drain_to_the_end().await;
    assert_eq!(desk.asked()[41..], [20, 21, 22, 23, 24, 25, 26]);
    desk.bench.drain_to_the_end().await;
    let everything = Retention {
        received_from: Timestamp::MAX,
        ended_bytes_max: u64::MAX,
        young_from: Timestamp::MAX,
    };
    let pruned = desk.events.prune(everything).await.unwrap();
    assert_eq!((pruned.old, pruned.for_room), (41, 0));
}

#[tokio::test]
async fn running_events_are_planned_as_they_come_in_and_their_effects_carried_out() {
    let desk = Desk::new();
    let tasks = Tasks::default();
    tasks.spawn("effects", desk.bench.journal.clone().run(tasks.clone()));
    tasks.spawn("events", desk.events.clone().run(tasks.clone()));
    for number in 20..=40 {
        desk.accept(number, "a").await;
    }
    testkit::wait_for("all effects to be carried out", async || {
        (desk.bench.asked().len() == 21).then_some(())
    })
    .await;
    assert!(tasks.shut_down(Duration::from_secs(60)).await);
    assert!(desk.asked().is_sorted());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever planning ends in and however often events arrive: every event ends, each is planned to the end
    /// once, and no key's event starts before the one that arrived before it has ended.
    #[test]
    fn events_of_a_key_never_overtake(
        answers in proptest::collection::vec(proptest::collection::vec(0u8..5, 0..6), 1..10),
        again in proptest::collection::vec(0usize..10, 0..10),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let desk = Desk::new();
            let key = |number: u8| if number.is_multiple_of(2) { "even" } else { "odd" };
            for (number, answers) in (20u8..).zip(&answers) {
                desk.will_answer(number, answers.iter().map(|answer| match answer {
                    0 => plan(number),
                    1 => Outcome::Refused(Failure::new("no")),
                    2 => Outcome::NotSent(Failure::new("down")),
                    3 => Outcome::Unknown(Failure::new("lost")),
                    _ => Outcome::Done(Planned::Unrouted("new".to_owned())),
                }));
                desk.accept(number, key(number)).await;
            }
            for index in again {
                let number = 20 + u8::try_from(index % answers.len()).unwrap();
                assert!(matches!(desk.accept(number, key(number)).await, Accepted::Repeated(_)));
            }
            desk.drain_to_the_end().await;
            let counts = desk.bench.store.count_events().await.unwrap().by_state;
            assert_eq!(counts.values().sum::<u64>(), answers.len() as u64);
            assert!(!counts.contains_key(&EventState::Pending) && !counts.contains_key(&EventState::Running));
            for parity in 0..2 {
                let order: Vec<u8> = desk.asked().into_iter().filter(|number| number % 2 == parity).collect();
                assert!(order.is_sorted(), "{order:?}");
            }
        });
    }
}

//! What holds whatever callers do and whatever the portal answers.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use serde_json::value::RawValue;
use tokio::sync::oneshot;

use super::*;
use crate::{
    Command, Group, Kind, Limits,
    answer::{Body, Time},
    dispatch::{
        Credential, Prepared, Submission,
        desk::{Desk, Step},
        request::{Report, Request},
    },
    error::{Class, Failure, Said},
    group::COMMANDS_MAX,
};

const CAPACITY: u32 = 6;
const PER_SECOND: u32 = 3;

#[derive(Clone, Debug)]
enum Move {
    Submit {
        credential: u64,
        lane: Lane,
        group: Shape,
        deadline_ms: u64,
        /// Reads with the same topic are equal.
        topic: u8,
    },
    GoAway(prop::sample::Index),
    Pass(u64),
    Answer(prop::sample::Index, Verdict),
}

#[derive(Clone, Debug)]
struct Shape {
    /// Whether each command writes; several are a group.
    writes: Vec<bool>,
    is_linked: bool,
    /// Every command of a group but the first so many refers to the one so many before it.
    refers_back: usize,
}

/// What the portal makes of a request.
#[derive(Clone, Debug)]
enum Verdict {
    Results(Vec<Option<Class>>),
    Whole(Class),
}

fn class() -> impl Strategy<Value = Class> {
    prop_oneof![
        Just(Class::Requests),
        Just(Class::OperatingTime),
        Just(Class::NotInBatch),
        Just(Class::NoConnection),
        Just(Class::HungUp),
        Just(Class::ServerFault),
        Just(Class::TooLarge),
        Just(Class::NotFound),
        Just(Class::Argument),
        Just(Class::Scope),
        Just(Class::Credentials),
        Just(Class::Blocked),
    ]
}

fn a_move() -> impl Strategy<Value = Move> {
    let lane = prop_oneof![Just(Lane::Interactive), Just(Lane::Background)];
    let writes = prop_oneof![
        4 => proptest::collection::vec(any::<bool>(), 1),
        1 => proptest::collection::vec(any::<bool>(), 2..30),
    ];
    let refers_back = prop_oneof![Just(usize::MAX), 1usize..10];
    let group = (writes, any::<bool>(), refers_back);
    let group = group.prop_map(|(writes, is_linked, refers_back)| Shape {
        writes,
        is_linked,
        refers_back,
    });
    let submit = (1u64..3, lane, group, 1u64..40_000, 0u8..6).prop_map(
        |(credential, lane, group, deadline_ms, topic)| Move::Submit {
            credential,
            lane,
            group,
            deadline_ms,
            topic,
        },
    );
    let result = prop_oneof![6 => Just(None), 2 => class().prop_map(Some)];
    let said = prop_oneof![
        6 => proptest::collection::vec(result, 1..8).prop_map(Verdict::Results),
        2 => class().prop_map(Verdict::Whole),
    ];
    prop_oneof![
        8 => submit,
        1 => any::<prop::sample::Index>().prop_map(Move::GoAway),
        4 => prop_oneof![0u64..20, 0u64..3000, 0u64..60_000].prop_map(Move::Pass),
        8 => (any::<prop::sample::Index>(), said).prop_map(|(flight, said)| Move::Answer(flight, said)),
    ]
}

struct Caller {
    deadline: Instant,
    commands: usize,
    reply: oneshot::Receiver<Vec<Result<Answer, Error>>>,
    is_answered: bool,
}

struct World {
    desk: Desk,
    now: Instant,
    callers: Vec<Caller>,
    flights: Vec<Request>,
    sent_at: Vec<Instant>,
    /// Writes that may have run.
    ran: HashSet<String>,
    /// The commands of linked groups, by each of their names.
    linked: HashMap<String, Vec<String>>,
    /// By the name of a command that of the one it refers to.
    sources: HashMap<String, String>,
    next: u64,
}

/// Each command is known by its parameters.
fn name(prepared: &Prepared) -> String {
    prepared.params.query(&|place| place.to_string())
}

impl World {
    fn new() -> Self {
        let options = Options {
            limits: Limits {
                capacity: CAPACITY,
                per_second: PER_SECOND,
            },
            reserve: 2,
            requests_in_flight_max: 8,
            seed: Some(3),
            ..Options::default()
        };
        let now = Instant::now();
        Self {
            desk: Desk::new("portal.test", &options, now),
            now,
            callers: Vec::new(),
            flights: Vec::new(),
            sent_at: Vec::new(),
            ran: HashSet::new(),
            linked: HashMap::new(),
            sources: HashMap::new(),
            next: 0,
        }
    }

    fn submit(&mut self, credential: u64, lane: Lane, shape: &Shape, deadline_ms: u64, topic: u8) {
        let deadline = self.now + Duration::from_millis(deadline_ms);
        let is_group = shape.writes.len() > 1;
        let mut group = Group::new();
        let mut added = Vec::new();
        for (place, is_write) in shape.writes.iter().enumerate() {
            self.next += 1;
            let method = format!("m{}", (usize::from(topic) + place) % 3);
            let mut call = match is_write {
                true => Call::write(&method).param("n", self.next),
                false if is_group => Call::read(&method).param("n", self.next),
                false => Call::read(&method).param("topic", u64::from(topic)),
            };
            let source: Option<&Command> = place
                .checked_sub(shape.refers_back)
                .and_then(|source| added.get(source));
            if let Some(source) = source {
                call = call.param("source", source.field("ID"));
            }
            added.push(group.add(call));
        }
        let is_linked = shape.is_linked;
        let calls = group.calls.into_iter();
        let commands: Vec<Arc<Prepared>> =
            calls.map(|call| Arc::new(Prepared::new(call))).collect();
        for command in &commands {
            if let Some(reference) = command.references.first() {
                let source = name(&commands[reference.command()]);
                self.sources.insert(name(command), source);
            }
        }
        if is_linked && is_group {
            let names: Vec<String> = commands.iter().map(|command| name(command)).collect();
            for name in &names {
                self.linked.insert(name.clone(), names.clone());
            }
        }
        let (reply, receiver) = oneshot::channel();
        self.callers.push(Caller {
            deadline,
            commands: commands.len(),
            reply: receiver,
            is_answered: false,
        });
        self.desk.submit(Submission {
            credential: Credential {
                number: usize::try_from(credential).unwrap(),
                access: Arc::new(crate::Access::Webhook(crate::testing::webhook(credential))),
            },
            lane,
            deadline,
            commands,
            halts: is_linked,
            request_max: None,
            reply,
        });
        self.desk.arrived(self.now);
    }

    fn answer(&mut self, flight: &prop::sample::Index, said: &Verdict) {
        if self.flights.is_empty() {
            return;
        }
        let request = self.flights.swap_remove(flight.index(self.flights.len()));
        let failure = |class: Class| {
            let status = (!matches!(class, Class::HungUp | Class::NoConnection)).then_some(200);
            Failure::new(
                class,
                Said {
                    status,
                    ..Said::default()
                },
            )
        };
        let may_run =
            |class: Class| matches!(class, Class::HungUp | Class::ServerFault | Class::TooLarge);
        let results = match said {
            Verdict::Whole(class) => {
                if may_run(*class) {
                    self.ran.extend(writes(&request));
                }
                Err(failure(*class))
            }
            Verdict::Results(classes) => {
                let classes = classes.iter().cycle();
                let results = request
                    .commands
                    .iter()
                    .zip(classes)
                    .map(|(command, class)| {
                        let command = &command.prepared;
                        if class.is_none_or(may_run) && command.kind == Kind::Write {
                            self.ran.insert(name(command));
                        }
                        class.map_or_else(|| Ok(body()), |class| Err(failure(class)))
                    });
                Ok(results.collect())
            }
        };
        let report = Report {
            flight: request.flight,
            results,
            batch_time: None,
        };
        self.desk.finish(&report, self.now);
    }

    /// Lets the desk do what it wants, and looks at it.
    fn settle(&mut self) -> Result<Option<Instant>, TestCaseError> {
        self.desk.expire(self.now);
        let wake = loop {
            match self.desk.next(self.now) {
                Step::Send(request) => self.sent(request)?,
                Step::Wait(wake) => break wake,
            }
        };
        prop_assert!(wake.is_none_or(|wake| wake > self.now), "the desk spins");
        let counters = self.desk.counters(self.now);
        let counted = (counters.waiting_interactive, counters.waiting_background);
        let recounted =
            [Lane::Interactive, Lane::Background].map(|lane| self.desk.commands_recounted(lane));
        prop_assert_eq!(counted, recounted.into());
        for caller in &mut self.callers {
            match caller.reply.try_recv() {
                Ok(answers) => {
                    prop_assert!(!caller.is_answered);
                    prop_assert_eq!(answers.len(), caller.commands);
                    caller.is_answered = true;
                }
                Err(oneshot::error::TryRecvError::Empty) => {
                    // A request that just ends is given a moment to say how.
                    let latest = caller.deadline + Duration::from_millis(50);
                    prop_assert!(latest > self.now, "a caller waits beyond its deadline");
                }
                Err(oneshot::error::TryRecvError::Closed) => {
                    prop_assert!(caller.is_answered, "a caller was forgotten");
                }
            }
        }
        Ok(wake)
    }

    fn sent(&mut self, request: Request) -> Result<(), TestCaseError> {
        prop_assert!(!request.commands.is_empty() && request.commands.len() <= COMMANDS_MAX);
        let names: Vec<String> = request
            .commands
            .iter()
            .map(|command| name(&command.prepared))
            .collect();
        for write in writes(&request) {
            prop_assert!(
                !self.ran.contains(&write),
                "the write {} was sent again",
                write
            );
        }
        for name in &names {
            if let Some(group) = self.linked.get(name) {
                let first = names.iter().position(|name| *name == group[0]);
                let first = first.expect("a linked group lost its first command");
                prop_assert_eq!(&names[first..first + group.len()], group.as_slice());
                prop_assert_eq!(names.len(), group.len(), "a halting group has company");
            }
        }
        for (place, name) in names.iter().enumerate() {
            let source = self.sources.get(name);
            prop_assert!(
                source.is_none_or(|source| names[..place].contains(source)),
                "{} goes without what it refers to",
                name
            );
        }
        prop_assert!(request.deadline > self.now, "nobody waits for this request");
        self.sent_at.push(self.now);
        self.flights.push(request);
        Ok(())
    }

    fn bucket_law(&self) -> Result<(), TestCaseError> {
        for (i, from) in self.sent_at.iter().enumerate() {
            for (j, to) in self.sent_at.iter().enumerate().skip(i) {
                let allowed =
                    f64::from(CAPACITY) + f64::from(PER_SECOND) * (*to - *from).as_secs_f64();
                let seen = f64::from(u32::try_from(j - i + 1).unwrap());
                prop_assert!(seen <= allowed + 1e-6);
            }
        }
        Ok(())
    }
}

fn writes(request: &Request) -> impl Iterator<Item = String> {
    let commands = request.commands.iter().map(|command| &command.prepared);
    let writes = commands.filter(|command| command.kind == Kind::Write);
    writes.map(|command| name(command))
}

fn body() -> Arc<Body> {
    Arc::new(Body {
        result: RawValue::from_string("1".to_owned()).unwrap(),
        total: None,
        next: None,
        time: Time::default(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn everybody_is_answered_once_in_time_and_no_write_runs_twice(
        moves in proptest::collection::vec(a_move(), 1..120),
    ) {
        let mut world = World::new();
        for step in &moves {
            match step {
                Move::Submit { credential, lane, group, deadline_ms, topic } => {
                    world.submit(*credential, *lane, group, *deadline_ms, *topic);
                }
                Move::GoAway(who) if !world.callers.is_empty() => {
                    let gone = who.index(world.callers.len());
                    world.callers.swap_remove(gone);
                }
                Move::GoAway(_) => {}
                Move::Pass(ms) => world.now += Duration::from_millis(*ms),
                Move::Answer(flight, said) => world.answer(flight, said),
            }
            world.settle()?;
        }
        // Time runs on, as the desk itself asks to be woken, and every request is answered in the end.
        for _ in 0..10_000 {
            if let Some(wake) = world.settle()? {
                world.now = wake;
            } else if world.flights.is_empty() {
                break;
            }
            if !world.flights.is_empty() {
                let request = world.flights.swap_remove(0);
                world.ran.extend(writes(&request));
                world.desk.finish(&Report::lost(request.flight), world.now);
            }
        }
        prop_assert!(world.callers.iter().all(|caller| caller.is_answered));
        prop_assert!(world.desk.is_idle(), "the desk keeps something");
        world.bucket_law()?;
        let counters = world.desk.counters(world.now);
        prop_assert_eq!((counters.waiting_interactive, counters.waiting_background), (0, 0));
    }
}

//! Against a portal that refuses, loses answers and is down: afterwards nothing is lacking, and nothing is there twice.

use std::{collections::BTreeMap, time::Duration};

use deskbridge_core::{Backoff, NewEffect};
use deskbridge_journal::{Holds, Journal, Settings as JournalSettings};
use simulators::{
    bitrix24::{self as portal, Behaviour},
    faults::Rule,
};

use super::*;
use crate::{
    apply::{Target, handlers},
    call::{
        Call, CallResult, Conversation, ConversationState, Direction, Ended, Linkedid,
        MissedReason, Uniqueid,
    },
    decide::{
        reconcile::{Because, What},
        telephony::{Circumstances, Planned, plan},
    },
    follow::Progress,
    people::Directory,
    settings::SettingsSource,
    testing,
};

const CALLS: i64 = 12;
const SEEDS: u64 = 12;

struct World {
    portal: portal::Running,
    store: Store,
    clock: Clock,
    journal: Journal,
    directory: Directory,
    settings: Arc<Settings>,
    crm: bitrix24::Client,
    rng: fastrand::Rng,
}

impl World {
    async fn new(seed: u64) -> Self {
        let now = Clock::system().now();
        let portal = testing::portal(now, &["crm", "user", "telephony", "task"]).await;
        portal.portal.set_limits(portal::Limits::off());
        portal.portal.set_behaviour(Behaviour {
            webhooks_register_calls: true,
            ..Behaviour::default()
        });
        let clock = Clock::manual(now);
        let store = Store::open_inline().unwrap();
        let options = bitrix24::Options {
            limits: bitrix24::Limits {
                capacity: 1_000_000,
                per_second: 1_000_000,
            },
            ..bitrix24::Options::default()
        };
        let crm = testing::crm(&portal, &options);
        let source = SettingsSource {
            default_user: Some(1),
            ..SettingsSource::default()
        };
        let settings = Arc::new(source.compile("office").unwrap());
        let every = Duration::from_secs(600);
        let directory = Directory::new(&crm, &settings, &store, &clock, every);
        assert!(directory.renew().await);
        let target = Target {
            settings: Arc::clone(&settings),
            crm: crm.clone(),
            helpdesk: None,
            directory: directory.clone(),
            hooks: Arc::default(),
        };
        let mut rng = fastrand::Rng::with_seed(seed);
        let handlers = handlers(vec![target], &store, &clock, &mut rng);
        let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30), 20);
        let journal_settings = JournalSettings {
            concurrent_max: 4,
            attempt_for: Duration::from_secs(30),
            backoff: backoff.unwrap(),
        };
        let (kept, at) = (store.clone(), clock.clone());
        let journal = Journal::new(kept, at, rng.fork(), journal_settings, handlers);
        Self {
            portal,
            store,
            clock,
            journal,
            directory,
            settings,
            crm,
            rng,
        }
    }

    fn fail(&self, rules: Value) {
        let rules: Vec<Rule> = serde_json::from_value(rules).unwrap();
        self.portal.portal.set_faults(rules).unwrap();
    }

    /// A call of some hours ago, as it is kept once it is over: planned, or left out by the settings of then.
    async fn keep(&mut self, number: i64, is_planned: bool) {
        let now = self.clock.now();
        let started_at = now - SignedDuration::from_mins(60 + number * 7);
        let is_answered = self.rng.bool();
        let call = call(number, started_at, is_answered, self.rng.bool());
        let (planned, circumstances) = (Planned::default(), Circumstances::default());
        let people = self.directory.people();
        let planned = match is_planned {
            true => Some(plan(
                &call,
                &planned,
                &circumstances,
                &self.settings,
                &people,
                started_at + SignedDuration::from_mins(2),
            )),
            false => None,
        };
        let effects = planned.iter().flat_map(|plan| &plan.writes);
        let effects: Vec<(EffectId, NewEffect)> = effects
            .map(|intended| (EffectId::new(now, &mut self.rng), intended.effect()))
            .collect();
        let kept = Kept {
            progress: Progress::Over(call),
            planned: planned.map(|plan| plan.planned).unwrap_or_default(),
            circumstances,
            noted: BTreeSet::new(),
            is_settled: true,
        };
        let change = CallChange {
            call: kept.stored(&self.settings),
            lines: Vec::new(),
        };
        let kept = self.store.keep_calls(vec![change], effects, None, now);
        kept.await.unwrap();
    }

    /// Carries out whatever there is until nothing is open any more.
    async fn settle(&self) {
        for _ in 0..200 {
            self.journal.drain().await.unwrap();
            let counts = self.store.count_effects().await.unwrap();
            if counts.oldest_open_recorded_at.is_none() {
                return;
            }
            self.clock.advance(SignedDuration::from_secs(40));
        }
        panic!("it does not come to an end");
    }

    async fn run(&self, asked: Asked, is_dry: bool) -> Report {
        let mut rng = self.rng.clone();
        let (store, clock) = (&self.store, &self.clock);
        let reconciler = Reconciler::new(&self.settings, &self.crm, store, clock, rng.fork());
        let since = self.clock.now() - SignedDuration::from_hours(24);
        let people = self.directory.people();
        let request = Request {
            since,
            asked,
            is_dry,
        };
        reconciler.run(&people, request).await.unwrap().0
    }

    /// How often each of our calls is in the portal, finished.
    fn there(&self) -> BTreeMap<String, usize> {
        let mut there = BTreeMap::new();
        let calls = self.portal.portal.telephony().calls;
        for call in calls.iter().filter(|call| call.finish.is_some()) {
            let key = call.identity.external_call_id.clone().unwrap();
            *there.entry(key).or_default() += 1;
        }
        there
    }
}

fn call(number: i64, started_at: Timestamp, is_answered: bool, is_incoming: bool) -> Call {
    let ended_at = started_at + SignedDuration::from_secs(60);
    let linkedid = format!("{}.{number}", started_at.as_second());
    Call {
        linkedid: Linkedid::new(linkedid.clone()),
        joined: Vec::new(),
        direction: match is_incoming {
            true => Direction::Incoming,
            false => Direction::Outgoing,
        },
        client: Some(format!("+7916000{number:04}")),
        line: Some("74951230001".to_owned()),
        trunk: Some("trunk".to_owned()),
        originated: None,
        started_at,
        conversations: vec![Conversation {
            uniqueid: Uniqueid::new(format!("{linkedid}1")),
            extension: "101".to_owned(),
            outside: false,
            began_at: started_at,
            answered_at: is_answered.then(|| started_at + SignedDuration::from_secs(10)),
            talked_ms: if is_answered { 50_000 } else { 0 },
            ended_at: Some(ended_at),
            state: match is_answered {
                true => ConversationState::Talked,
                false => ConversationState::NoAnswer,
            },
        }],
        transfers: Vec::new(),
        recordings: Vec::new(),
        ended: Some(Ended {
            at: ended_at,
            result: match is_answered {
                true => CallResult::Answered,
                false => CallResult::Missed(MissedReason::NoAnswer),
            },
        }),
    }
}

/// A portal that fails in some ways for a while.
fn trouble(rng: &mut fastrand::Rng) -> Value {
    let refused = serde_json::json!({"status": 400, "json": {"error": "ERROR_CORE", "error_description": "User is not found or is not active"}});
    let busy = serde_json::json!({"status": 503, "json": {"error": "QUERY_LIMIT_EXCEEDED", "error_description": "Too many requests"}});
    let mut rules = Vec::new();
    for method in [
        "telephony.externalcall.register",
        "telephony.externalcall.finish",
    ] {
        for (answer, execute) in [
            (refused.clone(), false),
            (serde_json::json!("hang_up"), true),
            (busy.clone(), false),
        ] {
            rules.push(serde_json::json!({
                "when": method, "skip": rng.u64(0..3), "times": rng.u64(0..5), "execute": execute, "answer": answer,
            }));
        }
    }
    rng.shuffle(&mut rules);
    Value::Array(rules)
}

#[tokio::test]
async fn whatever_went_wrong_each_call_is_there_once_and_a_second_run_sends_nothing() {
    for seed in 0..SEEDS {
        let mut world = World::new(seed).await;
        let rules = trouble(&mut world.rng);
        world.fail(rules);
        for number in 0..CALLS {
            let is_planned = world.rng.u8(0..5) > 0;
            world.keep(number, is_planned).await;
        }
        for number in 0..world.rng.usize(0..6) {
            let filter = EffectFilter {
                state: Some(EffectState::Pending),
                limit: 100,
                ..EffectFilter::default()
            };
            let open = world.store.list_effects(filter).await.unwrap();
            if let Some(record) = open.get(number * 3) {
                let id = record.effect.id;
                world
                    .store
                    .discard_effect(id, world.clock.now())
                    .await
                    .unwrap();
            }
        }
        let early = world.run(Asked::ByPerson { again: false }, true).await;
        assert_eq!(
            (early.sent, early.planned),
            (0, 0),
            "seed {seed}: a dry run"
        );
        world.settle().await;
        world.fail(serde_json::json!([]));
        let again = Asked::ByPerson { again: true };
        let before = world.run(again, true).await;
        let report = world.run(again, false).await;
        assert_eq!(before.findings, report.findings, "seed {seed}");
        assert!(report.missing() > 0, "seed {seed}: the trouble was none");
        world.settle().await;
        let there = world.there();
        let number = usize::try_from(CALLS).unwrap();
        assert_eq!(there.len(), number, "seed {seed}: {report:#?} {there:#?}");
        assert!(
            there.values().all(|times| *times == 1),
            "seed {seed}: {there:#?}"
        );
        world.clock.advance(SignedDuration::from_mins(20));
        for asked in [Asked::Regularly, again] {
            let report = world.run(asked, false).await;
            assert_eq!((report.calls, report.held), (number, number), "seed {seed}");
            assert_eq!(report.findings, [], "seed {seed}");
            assert_eq!((report.sent, report.planned), (0, 0), "seed {seed}");
        }
    }
}

#[tokio::test]
async fn what_waits_is_left_alone_and_what_was_discarded_needs_to_be_asked_for() {
    let mut world = World::new(1).await;
    world.keep(1, true).await;
    let report = world.run(Asked::Regularly, false).await;
    assert_eq!(report.findings[0].what, What::NoCall(Because::Waits));
    assert_eq!((report.sent, report.missing()), (0, 0));
    let filter = EffectFilter {
        limit: 10,
        ..EffectFilter::default()
    };
    for record in world.store.list_effects(filter).await.unwrap() {
        let discarded = world
            .store
            .discard_effect(record.effect.id, world.clock.now());
        assert!(discarded.await.unwrap());
    }
    for asked in [Asked::Regularly, Asked::ByPerson { again: false }] {
        let report = world.run(asked, false).await;
        assert_eq!(report.findings[0].action, Action::NotAsked);
        assert_eq!(report.sent, 0);
    }
    assert!(world.run(Asked::ByPerson { again: true }, false).await.sent >= 2);
    world.settle().await;
    assert_eq!(world.there().len(), 1);
}

#[tokio::test]
async fn a_call_told_late_has_its_true_times_and_no_card() {
    let mut world = World::new(2).await;
    world.keep(3, false).await;
    let began_at = world.clock.now() - SignedDuration::from_mins(60 + 3 * 7);
    assert_eq!(world.run(Asked::Regularly, false).await.planned, 1);
    world.settle().await;
    let calls = world.portal.portal.telephony().calls;
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].started_at.as_second(), began_at.as_second());
    assert!(calls[0].was_shown_to.is_empty(), "{calls:#?}");
    let linkedid = calls[0].identity.external_call_id.clone().unwrap();
    let linkedid = linkedid.strip_prefix("office:").unwrap().to_owned();
    let story = world.store.call_story("office".to_owned(), linkedid).await;
    let told = format!("{:?}", story.unwrap());
    assert!(told.contains("told to the CRM late"), "{told}");
}

/// Another node of the same store.
fn clockwork(world: &mut World, holds: bool) -> Clockwork {
    let rng = world.rng.fork();
    let (store, clock) = (&world.store, &world.clock);
    let reconciler = Reconciler::new(&world.settings, &world.crm, store, clock, rng);
    let times = Times {
        every: SignedDuration::from_hours(1),
        window: SignedDuration::from_hours(24),
    };
    let holds: Holds = Arc::new(move || Box::pin(std::future::ready(holds)));
    let (directory, journal) = (world.directory.clone(), world.journal.clone());
    Clockwork::new(reconciler, directory, journal, holds, times)
}

#[tokio::test]
async fn every_hour_one_node_compares_and_a_restart_does_not_begin_anew() {
    let mut world = World::new(5).await;
    world.keep(1, false).await;
    let clock = world.clock.clone();
    let look = async |clockwork: &mut Clockwork, minutes: i64| {
        clock.advance(SignedDuration::from_mins(minutes));
        clockwork.look().await;
        let now = clockwork.status().snapshot();
        (now.runs, now.repaired, now.missing)
    };
    let mut one = clockwork(&mut world, true);
    let mut elsewhere = clockwork(&mut world, false);
    assert_eq!(
        look(&mut one, 1).await,
        (0, 0, 0),
        "calls that go on come first"
    );
    assert_eq!(look(&mut elsewhere, 1).await, (0, 0, 0));
    assert_eq!(look(&mut one, 0).await, (1, 1, 1));
    assert_eq!(look(&mut one, 59).await, (1, 1, 1), "the hour is not over");
    world.settle().await;
    let mut restarted = clockwork(&mut world, true);
    assert_eq!(look(&mut restarted, 0).await, (0, 0, 0));
    // The portal does not answer: it is asked again a while later, and not at once.
    let bad = serde_json::json!({"status": 502, "html": "<h1>Bad</h1>"});
    let bad = serde_json::json!({"when": "voximplant.statistic.get", "answer": bad});
    world.fail(Value::Array(vec![bad]));
    assert_eq!(look(&mut restarted, 5).await, (0, 0, 0));
    assert!(restarted.status().snapshot().is_failing);
    world.fail(serde_json::json!([]));
    assert_eq!(look(&mut restarted, 4).await, (0, 0, 0));
    assert_eq!(look(&mut restarted, 2).await, (1, 0, 0));
    assert!(!restarted.status().snapshot().is_failing);
    assert_eq!(world.there().len(), 1);
}

#[tokio::test]
async fn a_portal_that_shows_no_statistics_gets_nothing_twice() {
    let mut world = World::new(3).await;
    world.keep(1, true).await;
    world.settle().await;
    world.clock.advance(SignedDuration::from_hours(2));
    let nothing =
        serde_json::json!({"status": 200, "json": {"result": [], "total": 0, "time": {}}});
    world.fail(serde_json::json!([{"when": "voximplant.statistic.get", "answer": nothing}]));
    for asked in [Asked::Regularly, Asked::ByPerson { again: false }] {
        let report = world.run(asked, false).await;
        assert!(report.is_blind && report.sent == 0, "{report:#?}");
    }
    world.settle().await;
    let calls = world.portal.portal.telephony().calls;
    assert_eq!((calls.len(), calls[0].registrations), (1, 1));
    let refused = serde_json::json!({"status": 403, "json": {"error": "insufficient_scope", "error_description": ""}});
    world.fail(serde_json::json!([{"when": "voximplant.statistic.get", "answer": refused}]));
    let rng = world.rng.fork();
    let reconciler = Reconciler::new(&world.settings, &world.crm, &world.store, &world.clock, rng);
    let request = Request {
        since: world.clock.now() - SignedDuration::from_hours(24),
        asked: Asked::Regularly,
        is_dry: false,
    };
    let people = world.directory.people();
    let error = reconciler.run(&people, request).await.unwrap_err();
    assert!(error.to_string().contains("call statistics"), "{error}");
}

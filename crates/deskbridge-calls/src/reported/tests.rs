use deskbridge_core::Backoff;
use deskbridge_journal::Settings as JournalSettings;
use deskbridge_store::EffectFilter;
use simulators::bitrix24 as portal;

use super::*;
use crate::{
    call::{Conversation, Direction, Recording, Uniqueid},
    settings::SettingsSource,
    testing,
};

const LINKEDID: &str = "20260105093000-AAAAAAAA-42";

/// Carries out nothing: what is recorded is looked at.
struct Idle;

impl Handler for Idle {
    fn apply<'a>(&'a self, _effect: &'a Effect) -> BoxFuture<'a, Outcome<Value>> {
        Box::pin(std::future::ready(Outcome::Done(Value::Null)))
    }
}

/// A desk at a clock that stands, and a portal that knows users.
struct World {
    desk: Desk,
    store: Store,
    source: Source,
    settled: Mutex<std::collections::BTreeSet<EffectId>>,
    _portal: portal::Running,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

impl World {
    async fn new() -> Self {
        Self::with("").await
    }

    /// With settings beside the usual ones.
    async fn with(settings: &str) -> Self {
        let world = Self::of_nobody(settings).await;
        assert!(world.source.directory.renew().await);
        world
    }

    /// Before the portal says who its users are.
    async fn of_nobody(settings: &str) -> Self {
        let portal = testing::portal(at(0), &["crm", "user", "telephony"]).await;
        let crm = testing::crm(&portal, &bitrix24::Options::default());
        let settings: SettingsSource = toml::from_str(&format!(
            "default_user = 1\nusers = {{ 50007 = 57 }}\nrecordings.links = true\nnumbers.country = \"VN\"\n{settings}",
        ))
        .unwrap();
        let settings = Arc::new(settings.compile("center").unwrap());
        let clock = Clock::manual(at(0));
        let store = Store::open_inline().unwrap();
        let every = Duration::from_secs(600);
        let source = Source {
            directory: Directory::new(&crm, &settings, &store, &clock, every),
            settings,
            crm,
            hooks: Arc::default(),
            settles_after: SignedDuration::from_secs(5),
        };
        let rng = fastrand::Rng::with_seed(1);
        let desk = Desk::new([source.clone()], store.clone(), clock.clone(), rng);
        let journal_settings = JournalSettings {
            concurrent_max: 8,
            attempt_for: Duration::from_secs(10),
            backoff: Backoff::new(Duration::from_millis(10), Duration::from_secs(1), 100).unwrap(),
        };
        let rng = fastrand::Rng::with_seed(2);
        let handlers = BTreeMap::from([(SETTLE, Arc::new(Idle) as Arc<dyn Handler>)]);
        desk.set_journal(Journal::new(
            store.clone(),
            clock,
            rng,
            journal_settings,
            handlers,
        ));
        Self {
            desk,
            store,
            source,
            settled: Mutex::default(),
            _portal: portal,
        }
    }

    fn now(&self, second: i64) {
        let clock = &self.desk.clock;
        clock.advance(at(second).duration_since(clock.now()));
    }

    async fn apply(&self, intent: NewEffect) -> Outcome<Value> {
        let effect = Effect {
            id: self.desk.new_id(),
            intent,
            attempts: 0,
            look_first: false,
            recorded_at: self.desk.clock.now(),
        };
        self.desk.apply(&effect).await
    }

    async fn report(&self, revision: u64, call: Call) -> Value {
        let report = Report {
            connection: "center".to_owned(),
            revision,
            call,
        };
        match self.apply(report.effect()).await {
            Outcome::Done(value) => value,
            other => panic!("{other:?}"),
        }
    }

    /// Carries out every settling that was not carried out before; how many there were.
    async fn settle(&self) -> usize {
        self.desk.settle_due().await.unwrap();
        let pending: Vec<_> = self
            .effects()
            .await
            .into_iter()
            .filter(|record| record.effect.intent.kind == SETTLE)
            .filter(|record| self.settled.lock().unwrap().insert(record.effect.id))
            .collect();
        for record in &pending {
            let outcome = self.desk.apply(&record.effect).await;
            assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
        }
        pending.len()
    }

    async fn effects(&self) -> Vec<deskbridge_store::EffectRecord> {
        let filter = EffectFilter {
            limit: 100,
            ..EffectFilter::default()
        };
        self.store.list_effects(filter).await.unwrap()
    }

    /// The kinds of writes in the order in which they were recorded.
    async fn writes(&self) -> Vec<String> {
        let records = self.effects().await.into_iter().rev();
        let kinds = records.map(|record| record.effect.intent.kind);
        kinds.filter(|kind| kind != SETTLE).collect()
    }

    async fn kept(&self) -> (Kept, Option<String>) {
        let call = self.store.call("center".to_owned(), LINKEDID.to_owned());
        let call = call.await.unwrap().unwrap();
        (Kept::read(call.state).unwrap(), call.result)
    }
}

fn ringing() -> Call {
    Call {
        linkedid: Linkedid::new(LINKEDID),
        joined: Vec::new(),
        direction: Direction::Incoming,
        client: Some("0900000456".to_owned()),
        line: Some("19000444".to_owned()),
        trunk: None,
        originated: None,
        started_at: at(-10),
        conversations: vec![Conversation {
            uniqueid: Uniqueid::new("50007"),
            extension: "50007".to_owned(),
            outside: false,
            began_at: at(-5),
            answered_at: None,
            talked_ms: 0,
            ended_at: None,
            state: ConversationState::Ringing,
        }],
        transfers: Vec::new(),
        recordings: Vec::new(),
        ended: None,
    }
}

fn missed() -> Call {
    let mut call = ringing();
    call.conversations[0].state = ConversationState::NoAnswer;
    call.conversations[0].ended_at = Some(at(0));
    call.ended = Some(Ended {
        at: at(0),
        result: CallResult::Missed(MissedReason::NoAnswer),
    });
    call
}

fn answered() -> Call {
    let mut call = missed();
    call.conversations[0].state = ConversationState::Talked;
    call.conversations[0].answered_at = Some(at(-4));
    call.conversations[0].talked_ms = 4_000;
    call.ended = Some(Ended {
        at: at(0),
        result: CallResult::Answered,
    });
    call
}

#[tokio::test]
async fn an_end_counts_only_when_what_else_is_told_had_its_time() {
    let world = World::new().await;
    world.report(1, ringing()).await;
    assert_eq!(world.writes().await, ["calls.register"]);
    // Another event says first that nobody took it.
    world.report(2, missed()).await;
    world.now(4);
    assert_eq!(world.settle().await, 0);
    world.report(3, answered()).await;
    assert_eq!(world.kept().await.1, None);
    world.now(5);
    assert_eq!(world.settle().await, 1);
    let writes = world.writes().await;
    assert_eq!(writes, ["calls.register", "calls.hide", "calls.finish"]);
    let (kept, result) = world.kept().await;
    assert_eq!(
        (kept.is_settled, result.as_deref()),
        (true, Some("answered"))
    );
    let finish = world.effects().await.into_iter();
    let mut finish = finish.filter(|record| record.effect.intent.kind == "calls.finish");
    let payload = finish.next().unwrap().effect.intent.payload;
    assert_eq!(
        (&payload["user"], &payload["duration_s"]),
        (&json!(57), &json!(4))
    );
    // It is over, whoever looks again.
    world.now(60);
    assert_eq!(world.settle().await, 0);
}

#[tokio::test]
async fn late_and_repeated_reports_change_nothing() {
    let world = World::new().await;
    world.report(2, answered()).await;
    let (before, _) = world.kept().await;
    for revision in [1, 2] {
        let told = world.report(revision, ringing()).await;
        assert!(told["left_out"].is_string(), "{told}");
    }
    assert_eq!(world.kept().await.0, before);
    let story = world
        .store
        .call_story("center".to_owned(), LINKEDID.to_owned());
    let story = story.await.unwrap();
    let ends = story
        .iter()
        .filter(|line| line.text.starts_with("the call ended"));
    assert_eq!(ends.count(), 1, "{story:?}");
}

#[tokio::test]
async fn what_comes_after_the_end_adds_the_recording_and_finishes_nothing_again() {
    let world = World::new().await;
    world.report(1, answered()).await;
    world.now(5);
    world.settle().await;
    let mut recorded = answered();
    recorded.recordings.push(Recording {
        path: "https://records.example/1.wav".to_owned(),
        uniqueid: Uniqueid::new("50007"),
        began_at: at(-4),
    });
    world.report(2, recorded).await;
    let writes = world.writes().await;
    assert_eq!(
        writes,
        ["calls.register", "calls.finish", "calls.attach_link"]
    );
    assert!(world.kept().await.0.is_settled);
}

#[tokio::test]
async fn a_call_that_nobody_ends_is_over_when_nothing_was_heard_of_it_for_long() {
    let world = World::new().await;
    world.report(1, ringing()).await;
    let hours = |number: i64| number * 3_600;
    world.now(hours(4) - 1);
    assert_eq!(world.settle().await, 0);
    world.now(hours(4));
    assert_eq!(world.settle().await, 1);
    let (kept, result) = world.kept().await;
    assert_eq!(result.as_deref(), Some("missed"));
    let not_seen = CallResult::Missed(MissedReason::NotSeen);
    assert_eq!(kept.call().ended.as_ref().unwrap().result, not_seen);
    assert_eq!(kept.call().ended.as_ref().unwrap().at, at(-5));
    let finishes =
        |writes: Vec<String>| writes.iter().filter(|kind| *kind == "calls.finish").count();
    assert_eq!(finishes(world.writes().await), 1);
    // The truth comes late: it is kept, and the CRM was told.
    world.report(2, answered()).await;
    assert_eq!(world.kept().await.1.as_deref(), Some("answered"));
    assert_eq!(finishes(world.writes().await), 1);
}

#[tokio::test]
async fn a_phone_that_has_rung_for_long_enough_shows_its_card_without_another_report() {
    let world = World::with("minimum_ring_s = 8").await;
    world.report(1, ringing()).await;
    world.now(2);
    assert_eq!(world.settle().await, 0);
    assert!(world.writes().await.is_empty());
    world.now(3);
    assert_eq!(world.settle().await, 1);
    assert_eq!(world.writes().await, ["calls.register"]);
    let registered = world.effects().await.remove(0).effect.intent;
    assert!(
        registered.payload["shown_until"].is_string(),
        "{registered:?}"
    );
    assert_eq!(world.settle().await, 0, "once");
}

#[tokio::test]
async fn a_call_that_rang_too_shortly_is_left_out_whatever_comes_while_its_end_waits() {
    let world = World::with("minimum_ring_s = 8").await;
    world.report(1, ringing()).await;
    world.now(1);
    world.report(2, missed()).await;
    // By now it would have rung for long enough.
    world.now(4);
    assert_eq!(world.settle().await, 0);
    world.report(3, missed()).await;
    world.now(6);
    assert_eq!(world.settle().await, 1);
    assert!(
        world.writes().await.is_empty(),
        "{:?}",
        world.writes().await
    );
    let story = world
        .store
        .call_story("center".to_owned(), LINKEDID.to_owned());
    let story = story.await.unwrap();
    assert!(
        story
            .iter()
            .any(|line| line.text.contains("minimum_ring_s")),
        "{story:?}"
    );
    assert_eq!(world.kept().await.1.as_deref(), Some("missed"));
}

#[tokio::test]
async fn reports_wait_until_the_crm_says_who_its_users_are() {
    let world = World::of_nobody("").await;
    let report = Report {
        connection: "center".to_owned(),
        revision: 1,
        call: ringing(),
    };
    let outcome = world.apply(report.effect()).await;
    assert!(matches!(outcome, Outcome::NotSent(_)), "{outcome:?}");
    assert!(world.source.directory.renew().await);
    let outcome = world.apply(report.effect()).await;
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    assert_eq!(world.writes().await, ["calls.register"]);
}

#[tokio::test]
async fn a_call_of_nobodys_connection_waits_for_the_configuration() {
    let world = World::new().await;
    let report = Report {
        connection: "elsewhere".to_owned(),
        revision: 1,
        call: ringing(),
    };
    let Outcome::NotSent(failure) = world.apply(report.effect()).await else {
        panic!("it was taken");
    };
    assert!(failure.why.contains("elsewhere"), "{failure:?}");
}

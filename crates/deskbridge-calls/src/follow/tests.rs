use std::{collections::BTreeMap, time::Duration};

use deskbridge_core::{Backoff, Effect, Outcome};
use deskbridge_journal::{Handler, Settings as JournalSettings};
use deskbridge_store::{EffectFilter, EffectRecord};
use serde_json::Value;
use simulators::{ami as pbx, bitrix24 as portal};
use testkit::{captures, wait_for};

use super::*;
use crate::{apply::Target, decide::write::Write, settings::SettingsSource, testing};

mod outage;

/// A PBX, a portal that knows users, and a store in a file.
struct World {
    pbx: pbx::Running,
    portal: portal::Running,
    folder: tempfile::TempDir,
    clock: Clock,
}

/// One who follows.
struct Node {
    tasks: Tasks,
    status: Arc<Status>,
    store: Store,
}

/// Carries out nothing.
struct Idle;

impl Handler for Idle {
    fn apply<'a>(&'a self, _effect: &'a Effect) -> BoxFuture<'a, Outcome<Value>> {
        Box::pin(std::future::ready(Outcome::Done(Value::Null)))
    }
}

impl World {
    async fn new() -> Self {
        Self::at(Clock::system()).await
    }

    async fn at(clock: Clock) -> Self {
        Self {
            pbx: pbx::start(pbx::Options::default()).await.unwrap(),
            portal: testing::portal(clock.now(), &["crm", "user", "telephony"]).await,
            folder: tempfile::tempdir().unwrap(),
            clock,
        }
    }

    fn store(&self) -> Store {
        Store::open(&self.folder.path().join("calls.db")).unwrap()
    }

    /// Starts one who follows, and carries out nothing.
    async fn node(&self, store: Store, holds: Holds) -> Node {
        let idle = |kind| (kind, Arc::new(Idle) as Arc<dyn Handler>);
        let handlers = Write::KINDS.map(idle);
        self.node_with(store, holds, |_| handlers.into()).await
    }

    /// Starts one who follows, and carries out what follows from that with handlers.
    async fn node_with(
        &self,
        store: Store,
        holds: Holds,
        handlers: impl FnOnce(Target) -> BTreeMap<&'static str, Arc<dyn Handler>>,
    ) -> Node {
        let backoff = Backoff::new(Duration::from_millis(10), Duration::from_secs(1), 100);
        let settings = JournalSettings {
            concurrent_max: 8,
            attempt_for: Duration::from_secs(10),
            backoff: backoff.unwrap(),
        };
        let crm = testing::crm(&self.portal, &bitrix24::Options::default());
        let source = SettingsSource {
            default_user: Some(1),
            ..SettingsSource::default()
        };
        let followed = Arc::new(source.compile("office").unwrap());
        let every = Duration::from_secs(600);
        let directory = Directory::new(&crm, &followed, &store, &self.clock, every);
        assert!(directory.renew().await);
        let handlers = handlers(Target {
            settings: Arc::clone(&followed),
            crm: crm.clone(),
            helpdesk: None,
            directory: directory.clone(),
            hooks: Arc::default(),
        });
        let (rng, tasks) = (fastrand::Rng::with_seed(1), Tasks::default());
        let journal = Journal::new(store.clone(), self.clock.clone(), rng, settings, handlers);
        tasks.spawn("journal", journal.clone().run(tasks.clone()));
        let follower = Follower::new(
            Setup {
                hooks: Arc::default(),
                manager: Manager {
                    host: self.pbx.address.ip().to_string(),
                    port: self.pbx.address.port(),
                    login: ami::Login::new("hub", "hub").unwrap(),
                    options: ami::Options::default(),
                },
                endpoints: tracker::Settings {
                    trunks: vec![tracker::Pattern::new("trunk")],
                    ..tracker::Settings::default()
                },
                settings: followed,
                crm,
                directory,
                orders: Arc::new(NoOrders),
                store: store.clone(),
                journal,
                clock: self.clock.clone(),
                holds,
            },
            fastrand::Rng::with_seed(2),
        );
        let status = follower.status();
        tasks.spawn("calls", follower.run(tasks.clone()));
        Node {
            tasks,
            status,
            store,
        }
    }

    async fn replay(&self, name: &str, times: f64) {
        let capture = captures::named(name);
        let reads: Vec<_> = capture
            .reads
            .iter()
            .map(|read| (read.bytes, read.after))
            .collect();
        let recording = pbx::Recording {
            bytes: &capture.bytes,
            reads: &reads,
        };
        self.pbx
            .pbx
            .replay(recording, pbx::Speed::Times(times))
            .await;
    }
}

/// An answered call from its first channel on: that the PBX has booted would make everybody ask which channels live.
fn answered() -> String {
    let capture = captures::named("inbound_answered");
    let text = String::from_utf8_lossy(&capture.bytes);
    let (_, call) = text.split_once("Event: Newchannel").unwrap();
    format!("Asterisk Call Manager/11.0.0\r\nEvent: Newchannel{call}")
}

fn always() -> Holds {
    Arc::new(|| Box::pin(std::future::ready(Held::Alone)))
}

impl Node {
    async fn is_connected(&self) {
        wait_for("a connection to the PBX", async || {
            self.status.snapshot().is_connected.then_some(())
        })
        .await;
    }

    async fn effects(&self) -> Vec<EffectRecord> {
        let filter = EffectFilter {
            limit: 1_000,
            ..EffectFilter::default()
        };
        self.store.list_effects(filter).await.unwrap()
    }

    async fn ended(&self, number: usize) {
        wait_for("calls to have ended", async || {
            let filter = CallFilter {
                is_open: Some(false),
                limit: 1_000,
                ..CallFilter::default()
            };
            let calls = self.store.list_calls(filter).await.unwrap();
            (calls.len() == number).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_its_story_and_what_follows_are_kept_together() {
    let world = World::new().await;
    let node = world.node(world.store(), always()).await;
    node.is_connected().await;
    world.replay("inbound_answered", 8.0).await;
    node.ended(1).await;
    let story = node
        .store
        .call_story("office".to_owned(), "1795212233.0".to_owned());
    let story: Vec<String> = story
        .await
        .unwrap()
        .into_iter()
        .map(|line| line.text)
        .collect();
    for text in ["101 rings", "101 talks", "the call ended, answered"] {
        assert_eq!(
            story.iter().filter(|line| *line == text).count(),
            1,
            "{text} in {story:#?}"
        );
    }
    // The folder of recordings is not configured, which is told once.
    let recordings = story
        .iter()
        .filter(|line| line.contains("recording was not"));
    assert_eq!(recordings.count(), 1, "{story:#?}");
    let kinds: Vec<String> = node
        .effects()
        .await
        .into_iter()
        .map(|record| record.effect.intent.kind)
        .rev()
        .collect();
    assert_eq!(kinds.first().map(String::as_str), Some("calls.register"));
    assert_eq!(kinds.last().map(String::as_str), Some("calls.finish"));
    assert_eq!(node.status.snapshot().calls_open, 0);
    assert!(node.tasks.shut_down(Duration::from_secs(10)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_store_does_not_take_is_kept_until_it_does() {
    let world = World::new().await;
    let node = world.node(world.store(), always()).await;
    node.is_connected().await;
    let blocker = rusqlite::Connection::open(world.folder.path().join("calls.db")).unwrap();
    blocker
        .execute_batch(
            "CREATE TRIGGER no BEFORE INSERT ON call BEGIN SELECT RAISE(ABORT, 'full'); END",
        )
        .unwrap();
    world.replay("inbound_answered", 8.0).await;
    wait_for("storing to fail", async || {
        (node.status.snapshot().failures > 1).then_some(())
    })
    .await;
    assert!(node.effects().await.is_empty());
    blocker.execute_batch("DROP TRIGGER no").unwrap();
    node.ended(1).await;
    let finishes = node.effects().await;
    let finishes = finishes
        .iter()
        .filter(|record| record.effect.intent.kind == "calls.finish");
    assert_eq!(finishes.count(), 1);
    assert!(node.tasks.shut_down(Duration::from_secs(10)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_hold_the_lease_follows_nothing_and_takes_over_when_it_does() {
    let world = World::new().await;
    let turn = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let holds = |node: usize| -> Holds {
        let turn = Arc::clone(&turn);
        Arc::new(move || {
            let held = match turn.load(std::sync::atomic::Ordering::SeqCst) == node {
                true => Held::Alone,
                false => Held::Elsewhere,
            };
            Box::pin(std::future::ready(held))
        })
    };
    let store = world.store();
    let first = world.node(store.clone(), holds(0)).await;
    let second = world.node(store, holds(1)).await;
    first.is_connected().await;
    assert!(!second.status.snapshot().is_following);
    assert_eq!(world.pbx.pbx.logged_in(), 1);
    // Half of a call, which the other one finds no channels of.
    let text = answered();
    let (before, _) = text.split_once("Event: Hangup").unwrap();
    let recording = pbx::Recording {
        bytes: before.as_bytes(),
        reads: &[],
    };
    world.pbx.pbx.replay(recording, pbx::Speed::Unpaced).await;
    wait_for("the call to be stored", async || {
        let open = CallFilter {
            is_open: Some(true),
            limit: 10,
            ..CallFilter::default()
        };
        (first.store.list_calls(open).await.unwrap().len() == 1).then_some(())
    })
    .await;
    world.pbx.pbx.end_channels();
    turn.store(1, std::sync::atomic::Ordering::SeqCst);
    second.is_connected().await;
    second.ended(1).await;
    let finishes = second.effects().await;
    let finishes = finishes
        .iter()
        .filter(|record| record.effect.intent.kind == "calls.finish");
    assert_eq!(finishes.count(), 1);
    for node in [first, second] {
        assert!(node.tasks.shut_down(Duration::from_secs(10)).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_frozen_while_another_took_over_writes_nothing_over_its_calls() {
    let world = World::new().await;
    let (store, lease) = (world.store(), "asterisk/office");
    let take = async |holder: &str, hold_for| {
        let taken = store.hold(
            lease.to_owned(),
            holder.to_owned(),
            hold_for,
            world.clock.now(),
        );
        taken.await.unwrap().unwrap()
    };
    // It runs out at once, and the node learns of nothing, as if it were frozen between two looks.
    let number = take("frozen", Duration::ZERO).await;
    let held = Held::Under(Fence {
        lease: lease.to_owned(),
        number,
    });
    let holds: Holds = Arc::new(move || Box::pin(std::future::ready(held.clone())));
    let node = world.node(store.clone(), holds).await;
    node.is_connected().await;
    let text = answered();
    let (before, after) = text.split_once("Event: BridgeEnter").unwrap();
    let replay = async |text: &str| {
        let recording = pbx::Recording {
            bytes: text.as_bytes(),
            reads: &[],
        };
        world.pbx.pbx.replay(recording, pbx::Speed::Unpaced).await;
    };
    replay(before).await;
    let registered = async || {
        let effects = node.effects().await;
        (effects.len() == 1).then_some(())
    };
    wait_for("the call to be registered", registered).await;
    let kept = async || {
        let kept = store.call("office".to_owned(), "1795212233.0".to_owned());
        kept.await.unwrap().unwrap()
    };
    take("other", Duration::from_secs(60)).await;
    let (state, followed) = (kept().await.state, node.effects().await.len());
    replay(&format!(
        "Asterisk Call Manager/11.0.0\r\nEvent: BridgeEnter{after}"
    ))
    .await;
    wait_for("it to learn that it was frozen", async || {
        (node.status.snapshot().failures > 0).then_some(())
    })
    .await;
    assert_eq!(kept().await.state, state);
    assert_eq!(node.effects().await.len(), followed);
    assert!(node.tasks.shut_down(Duration::from_secs(10)).await);
}

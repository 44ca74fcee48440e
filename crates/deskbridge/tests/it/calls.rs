//! Calls: a PBX that replays what a real one said, the program as a process, and what the portal holds afterwards.

use std::{collections::BTreeSet, fs, net::SocketAddr, path::Path};

use serde_json::Value;
use simulators::{
    ami::{self, Speed},
    bitrix24::{Behaviour, ExternalCall, Webhook},
    faults::Rule,
};
use testkit::{captures, wait_for};

use crate::hub::{Bench, Hub};

mod capture;
mod real;
mod reconcile;
mod steps;

const SECRET: &str = "telephony7sample";
/// Where the recordings lie on the PBX.
const ON_PBX: &str = "/var/spool/asterisk/node/spool/monitor";
/// Users of the portal by their extensions.
const OF_101: u64 = 57;
const OF_102: u64 = 338;
const NOBODYS: u64 = 1;

/// A PBX and a portal, and the program's configuration between them.
pub(crate) struct Calls {
    desk: Desk,
    pbx: ami::Running,
}

/// A portal that lets webhooks register calls, and the program's configuration.
pub(crate) struct Desk {
    pub(crate) bench: Bench,
}

/// Where a PBX is.
struct Place<'a> {
    address: SocketAddr,
    password: &'a str,
    trunks: &'a str,
    /// Where it records to, as it says.
    on_pbx: &'a str,
    /// Where that is.
    here: &'a Path,
}

impl std::ops::Deref for Calls {
    type Target = Desk;

    fn deref(&self) -> &Desk {
        &self.desk
    }
}

impl Desk {
    async fn new() -> Self {
        let bench = Bench::new().await;
        let portal = &bench.portal.portal;
        let mut data = portal.data();
        let scopes = ["crm", "user", "telephony", "task"];
        data.webhooks.push(Webhook::new(1, SECRET, scopes));
        for user in &mut data.users {
            if user["ID"].as_str() == Some(&OF_102.to_string()) {
                user["UF_PHONE_INNER"] = "102".into();
            }
        }
        portal.set_data(data).unwrap();
        portal.set_behaviour(Behaviour {
            webhooks_register_calls: true,
            ..Behaviour::default()
        });
        Self { bench }
    }

    /// With a PBX that plays what it is told to, and more settings of calls.
    async fn with_pbx(more: &str) -> (Self, ami::Running) {
        let desk = Self::new().await;
        let pbx = ami::start(ami::Options::default()).await.unwrap();
        let here = desk.bench.path("monitor");
        fs::create_dir(&here).unwrap();
        let place = Place {
            address: pbx.address,
            password: "hub",
            trunks: "trunk",
            on_pbx: ON_PBX,
            here: &here,
        };
        desk.configure(&place, more);
        (desk, pbx)
    }

    /// Puts a file where the PBX says that it has recorded to, for every recording that `text` names.
    fn record(&self, text: &str) {
        for after in text
            .split("Variable: MIXMONITOR_FILENAME\r\nValue: ")
            .skip(1)
        {
            let path = after.lines().next().unwrap();
            let inside = path.strip_prefix(ON_PBX).unwrap();
            let monitor = self.bench.path("monitor");
            let here = monitor.join(inside.trim_start_matches('/'));
            fs::create_dir_all(here.parent().unwrap()).unwrap();
            fs::write(here, sound()).unwrap();
        }
    }

    fn configure(&self, place: &Place<'_>, more: &str) {
        let Place {
            address,
            password,
            trunks,
            on_pbx,
            here,
        } = place;
        let here = here.display();
        self.bench.configure(|text| {
            let text = text.replace(simulators::bitrix24::CUSTOMER_SECRET, SECRET);
            format!(
                r#"{text}
[[asterisk]]
name = "office"
address = "{address}"
user = "hub"
password = "{password}"
zone = "Europe/Moscow"
default_user = {NOBODYS}
endpoints = {{ trunks = ["{trunks}"] }}
recordings.folders = [{{ on_pbx = "{on_pbx}", here = "{here}" }}]
numbers.country = "RU"
{more}
"#
            )
        });
    }

    fn fail(&self, rules: Value) {
        let rules: Vec<Rule> = serde_json::from_value(rules).unwrap();
        self.bench.portal.portal.set_faults(rules).unwrap();
    }

    pub(crate) fn calls(&self) -> Vec<ExternalCall> {
        self.bench.portal.portal.telephony().calls
    }

    /// The first call of the portal, once all are finished, and recorded if they are to be.
    pub(crate) async fn finished(&self, is_recorded: bool) -> ExternalCall {
        wait_for("the call to be finished", async || {
            let calls = self.calls();
            let is_done = |call: &ExternalCall| {
                call.finish.is_some() && (call.recording.is_some() || !is_recorded)
            };
            let call = calls.first().filter(|_| calls.iter().all(is_done));
            call.cloned()
        })
        .await
    }

    pub(crate) async fn has_no_open_effects(&self, hub: &Hub) {
        wait_for("everything to be carried out", async || {
            let (_, text) = hub.get("/metrics", "").await;
            let is_open = |line: &str| {
                let of = line.strip_prefix("deskbridge_effects{state=\"");
                of.is_some_and(|of| {
                    let is_open_state = of.starts_with("pending") || of.starts_with("running");
                    is_open_state && !of.ends_with(" 0")
                })
            };
            (!text.lines().any(is_open)).then_some(())
        })
        .await;
    }

    fn tasks(&self) -> Vec<Value> {
        let tasks = self.bench.portal.portal.data().tasks;
        tasks.into_iter().map(Value::Object).collect()
    }
}

impl Calls {
    async fn new() -> Self {
        Self::with("").await
    }

    /// With more settings of calls.
    pub(crate) async fn with(more: &str) -> Self {
        let (desk, pbx) = Desk::with_pbx(more).await;
        Self { desk, pbx }
    }

    /// Serves, and waits until the PBX is listened to and the users are known.
    pub(crate) async fn serve(&self) -> Hub {
        let hub = self.bench.serve().await;
        is_followed(&hub).await;
        hub
    }

    /// Replays what a PBX said, at its own pace, with files where it recorded to.
    pub(crate) async fn replay(&self, name: &str) {
        self.replay_at(name, 1.0).await;
    }

    /// The same so many times as quickly.
    async fn replay_at(&self, name: &str, times: f64) {
        let capture = captures::named(name);
        self.record(&String::from_utf8_lossy(&capture.bytes));
        let reads: Vec<_> = capture
            .reads
            .iter()
            .map(|read| (read.bytes, read.after))
            .collect();
        let recording = ami::Recording {
            bytes: &capture.bytes,
            reads: &reads,
        };
        self.pbx.pbx.replay(recording, Speed::Times(times)).await;
    }
}

/// Waits until the program listens to the PBX and knows which channels live.
pub(crate) async fn is_followed(hub: &Hub) {
    wait_for("the PBX to be followed", async || {
        let (_, text) = hub.get("/metrics", "").await;
        text.contains("deskbridge_asterisk_connected{connection=\"office\"} 1")
            .then_some(())
    })
    .await;
}

/// A wav file with something in it.
fn sound() -> Vec<u8> {
    let mut bytes = b"RIFF\x48\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    bytes.extend([0x40, 0x1f, 0, 0, 0x80, 0x3e, 0, 0, 2, 0, 16, 0]);
    bytes.extend(b"data\x24\0\0\0");
    bytes.extend([7; 36]);
    bytes
}

/// What is expected of a call.
struct Expected {
    kind: u8,
    user: u64,
    status: &'static str,
    seconds: u64,
    shown: &'static [u64],
}

fn check(call: &ExternalCall, expected: &Expected) {
    let finish = call.finish.as_ref().unwrap();
    assert_eq!(
        (
            call.identity.kind,
            finish.user_id,
            finish.status_code.as_str()
        ),
        (expected.kind, expected.user, expected.status),
        "{call:#?}"
    );
    // What is replayed has been paced by a clock of its own.
    assert!(
        finish.duration_s.abs_diff(expected.seconds) <= 1,
        "{finish:?}"
    );
    assert_eq!(
        call.was_shown_to,
        BTreeSet::from_iter(expected.shown.iter().copied()),
        "{call:#?}"
    );
    assert_eq!(
        call.identity
            .external_call_id
            .as_deref()
            .map(|id| id.starts_with("office:")),
        Some(true)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answered_call_is_there_once_with_its_recording() {
    let calls = Calls::new().await;
    let hub = calls.serve().await;
    calls.replay("inbound_answered").await;
    let call = calls.finished(true).await;
    check(
        &call,
        &Expected {
            kind: 2,
            user: OF_101,
            status: "200",
            seconds: 4,
            shown: &[OF_101],
        },
    );
    assert_eq!(call.identity.phone_number, "+79161234567");
    assert_eq!(call.identity.line_number.as_deref(), Some("74951230001"));
    assert_eq!(call.recording.as_ref().unwrap().bytes, sound().len());
    calls.has_no_open_effects(&hub).await;
    assert_eq!((calls.calls().len(), calls.tasks().len()), (1, 0));
    assert_eq!(calls.calls()[0].recordings_attached, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missed_call_is_finished_once_and_somebodys_task() {
    let calls = Calls::new().await;
    let hub = calls.serve().await;
    calls.replay("inbound_noanswer").await;
    let call = calls.finished(false).await;
    check(
        &call,
        &Expected {
            kind: 2,
            user: OF_101,
            status: "304",
            seconds: 0,
            shown: &[OF_101],
        },
    );
    calls.has_no_open_effects(&hub).await;
    let tasks = calls.tasks();
    assert_eq!((calls.calls().len(), tasks.len()), (1, 1), "{tasks:?}");
    assert_eq!(tasks[0]["RESPONSIBLE_ID"], OF_101.to_string());
    let title = tasks[0]["TITLE"].as_str().unwrap();
    assert!(title.contains(&call.identity.phone_number), "{title}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_has_one_call_of_whoever_answered() {
    let calls = Calls::new().await;
    let hub = calls.serve().await;
    calls.replay("queue_101_misses_102_answers").await;
    let call = calls.finished(true).await;
    let finish = call.finish.as_ref().unwrap();
    assert_eq!(
        (finish.user_id, finish.status_code.as_str()),
        (OF_102, "200")
    );
    assert_eq!(call.was_shown_to, BTreeSet::from([OF_101, OF_102]));
    calls.has_no_open_effects(&hub).await;
    assert_eq!(calls.calls().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transferred_call_is_the_last_talkers() {
    let calls = Calls::new().await;
    let hub = calls.serve().await;
    calls.replay("blind_transfer_101_to_102").await;
    let call = calls.finished(true).await;
    let finish = call.finish.as_ref().unwrap();
    assert_eq!(
        (finish.user_id, finish.status_code.as_str()),
        (OF_102, "200")
    );
    assert!(call.was_shown_to.contains(&OF_102), "{call:#?}");
    calls.has_no_open_effects(&hub).await;
    assert_eq!(calls.calls().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outgoing_call_is_the_callers_and_makes_no_lead() {
    let calls = Calls::new().await;
    let hub = calls.serve().await;
    calls.replay("outbound_answered").await;
    let call = calls.finished(true).await;
    check(
        &call,
        &Expected {
            kind: 1,
            user: OF_101,
            status: "200",
            seconds: 4,
            shown: &[OF_101],
        },
    );
    assert!(!call.is_entity_created, "{call:#?}");
    calls.has_no_open_effects(&hub).await;
    assert_eq!(calls.calls().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_between_extensions_is_not_told() {
    let calls = Calls::new().await;
    let hub = calls.serve().await;
    calls.replay("internal_101_to_102").await;
    calls.replay_at("inbound_answered", 4.0).await;
    calls.finished(true).await;
    calls.has_no_open_effects(&hub).await;
    assert_eq!(calls.calls().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_is_asked_for_and_nothing_is_there_twice() {
    let lost = |method: &str| serde_json::json!({"when": method, "times": 1, "execute": true, "answer": "hang_up"});
    let methods = [
        "telephony.externalcall.register",
        "telephony.externalcall.finish",
        "telephony.externalcall.attachrecord",
    ];
    let calls = Calls::new().await;
    calls.fail(methods.into_iter().map(lost).collect());
    let hub = calls.serve().await;
    calls.replay("inbound_answered").await;
    let call = calls.finished(true).await;
    let finish = call.finish.as_ref().unwrap();
    assert_eq!(
        (finish.user_id, finish.status_code.as_str()),
        (OF_101, "200")
    );
    calls.has_no_open_effects(&hub).await;
    assert_eq!(
        (calls.calls().len(), calls.calls()[0].registrations),
        (1, 2)
    );

    calls.fail([lost("tasks.task.add")].into_iter().collect());
    calls.replay("inbound_noanswer").await;
    wait_for("a task", async || (!calls.tasks().is_empty()).then_some(())).await;
    calls.has_no_open_effects(&hub).await;
    assert_eq!((calls.calls().len(), calls.tasks().len()), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_late_is_told_right_and_shown_to_nobody() {
    let calls = Calls::new().await;
    let down = |times: u64| {
        serde_json::json!([{
            "when": "telephony.*", "times": times,
            "answer": {"status": 503, "json": {"error": "QUERY_LIMIT_EXCEEDED", "error_description": "Too many requests"}},
        }])
    };
    calls.fail(down(1_000_000));
    let hub = calls.serve().await;
    calls.replay("inbound_answered").await;
    // Cards are worth nothing twenty seconds later; a burst is over before.
    calls.fail(down(3));
    let call = calls.finished(true).await;
    let finish = call.finish.as_ref().unwrap();
    assert_eq!(
        (finish.user_id, finish.status_code.as_str()),
        (OF_101, "200")
    );
    assert!(call.registered_at > call.started_at, "{call:#?}");
    calls.has_no_open_effects(&hub).await;
    assert_eq!(
        (calls.calls().len(), calls.calls()[0].registrations),
        (1, 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_there_once_however_often_the_program_is_killed() {
    for seed in 1..=3 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let calls = Calls::new().await;
        calls
            .bench
            .portal
            .portal
            .set_latency(simulators::bitrix24::Latency {
                request_ms: 150,
                ..Default::default()
            });
        let mut hub = calls.serve().await;
        calls.replay_at("inbound_answered", 4.0).await;
        // What a PBX said to a program that had not put it on disk, nobody knows.
        wait_for("the call to be kept", async || {
            let listed = calls.bench.run(&["calls", "list", "--json"]).await;
            listed.out.contains("\"answered\"").then_some(())
        })
        .await;
        for _ in 0..3 {
            tokio::time::sleep(std::time::Duration::from_millis(rng.u64(0..600))).await;
            hub.process.kill();
            hub = calls.bench.serve().await;
        }
        let call = calls.finished(true).await;
        let finish = call.finish.as_ref().unwrap();
        let told = (finish.user_id, finish.status_code.as_str());
        assert_eq!(told, (OF_101, "200"), "seed {seed}");
        calls.has_no_open_effects(&hub).await;
        let all = calls.calls();
        assert_eq!(
            (all.len(), all[0].finishes_refused <= 3),
            (1, true),
            "seed {seed}"
        );
        assert!(calls.tasks().is_empty(), "seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_telephony_is_refused_a_call_is_an_activity_of_the_client() {
    let calls = Calls::new().await;
    let portal = &calls.bench.portal.portal;
    portal.set_behaviour(Behaviour::default());
    let mut data = portal.data();
    data.contacts.push(
        serde_json::json!({
            "ID": "9001", "NAME": "Minh", "ASSIGNED_BY_ID": "57", "HAS_PHONE": "Y",
            "PHONE": [{"ID": "1", "VALUE_TYPE": "WORK", "VALUE": "+79161234567", "TYPE_ID": "PHONE"}],
        })
        .as_object()
        .unwrap()
        .clone(),
    );
    portal.set_data(data).unwrap();
    let hub = calls.serve().await;
    calls.replay_at("inbound_answered", 4.0).await;
    let of_ours = || {
        let activities = portal.data().activities.into_iter();
        let ours = activities.filter(|one| {
            one.get("ORIGIN_ID")
                .and_then(Value::as_str)
                .is_some_and(|id| id.starts_with("office:"))
        });
        ours.collect::<Vec<_>>()
    };
    wait_for("an activity", async || {
        (!of_ours().is_empty()).then_some(())
    })
    .await;
    calls.has_no_open_effects(&hub).await;
    let activities = of_ours();
    assert_eq!(
        (calls.calls().len(), activities.len()),
        (0, 1),
        "{activities:#?}"
    );
    assert_eq!(activities[0]["RESPONSIBLE_ID"], OF_101.to_string());
    assert_eq!(activities[0]["OWNER_ID"], "9001");
    // The recording is among its files, under the name of the call.
    let entries = portal.journal();
    let updates = entries
        .iter()
        .filter(|entry| entry.method == "crm.activity.update");
    let [update] = updates.collect::<Vec<_>>()[..] else {
        panic!("one update");
    };
    let params = serde_json::to_string(&update.params).unwrap();
    // What the file begins with, as base64 has it.
    assert!(params.contains("UklGRkgAAABXQVZF"), "{params}");
    assert!(params.contains(".wav"), "{params}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_task_of_a_missed_call_is_done_when_the_client_is_reached() {
    let calls = Calls::new().await;
    let hub = calls.serve().await;
    calls.replay_at("inbound_noanswer", 4.0).await;
    wait_for("a task", async || (!calls.tasks().is_empty()).then_some(())).await;
    calls.has_no_open_effects(&hub).await;
    assert_ne!(calls.tasks()[0]["STATUS"], "5");
    calls.replay_at("inbound_answered", 4.0).await;
    wait_for("the task to be done", async || {
        (calls.tasks()[0]["STATUS"] == "5").then_some(())
    })
    .await;
    calls.has_no_open_effects(&hub).await;
    assert_eq!((calls.calls().len(), calls.tasks().len()), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_from_before_the_users_were_known_is_told_when_they_are() {
    let calls = Calls::new().await;
    calls.fail(serde_json::json!([{"when": "user.get", "answer": {"status": 503, "html": "<h1>Bad</h1>"}}]));
    let hub = calls.serve().await;
    calls.replay_at("inbound_answered", 4.0).await;
    wait_for("the call to be stored", async || {
        let (_, text) = hub.get("/metrics", "").await;
        text.contains("deskbridge_calls_open{connection=\"office\"} 0")
            .then_some(())
    })
    .await;
    assert_eq!(calls.calls().len(), 0);
    calls.fail(serde_json::json!([]));
    let call = calls.finished(true).await;
    let finish = call.finish.as_ref().unwrap();
    assert_eq!(
        (finish.user_id, finish.status_code.as_str()),
        (OF_101, "200")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missed_call_is_a_ticket_and_the_next_one_a_comment_on_it() {
    let calls = Calls::with(
        "helpdesk = \"helpdesk\"\ntickets = { missed = \"unless_open\", comments = true }",
    )
    .await;
    let installed = calls.bench.run(&["frappe", "install"]).await;
    assert_eq!(
        installed.status,
        Some(0),
        "{}{}",
        installed.out,
        installed.err
    );
    let site = &calls.bench.site.site;
    let mut data = site.data();
    let contact = serde_json::json!({
        "doctype": "Contact", "name": "Minh", "first_name": "Minh", "email_id": "minh@shop.example",
        "email_ids": [{"email_id": "minh@shop.example", "is_primary": 1}],
        "phone_nos": [{"phone": "+7 916 123-45-67", "is_primary_phone": 1}],
    });
    data.documents.push(contact.as_object().unwrap().clone());
    site.set_data(&data).unwrap();
    let hub = calls.serve().await;
    let keyed = |doctype: &str| {
        let documents = site.data().documents.into_iter();
        let ours = documents.filter(|document| {
            let key = document
                .get("custom_deskbridge_call")
                .and_then(Value::as_str);
            document["doctype"] == doctype && key.is_some_and(|key| key.starts_with("office:"))
        });
        ours.collect::<Vec<_>>()
    };
    calls.replay_at("inbound_noanswer", 4.0).await;
    wait_for("a ticket", async || {
        (!keyed("HD Ticket").is_empty()).then_some(())
    })
    .await;
    calls.has_no_open_effects(&hub).await;
    calls.replay_at("inbound_answered", 4.0).await;
    wait_for("a comment", async || {
        (!keyed("HD Ticket Comment").is_empty()).then_some(())
    })
    .await;
    calls.has_no_open_effects(&hub).await;
    let (tickets, comments) = (keyed("HD Ticket"), keyed("HD Ticket Comment"));
    assert_eq!((tickets.len(), comments.len()), (1, 1));
    assert_eq!(tickets[0]["contact"], "Minh");
    assert_eq!(tickets[0]["raised_by"], "minh@shop.example");
    let content = comments[0]["content"].as_str().unwrap();
    assert!(content.contains("+79161234567"), "{content}");
}

/// A helpdesk that is told of calls, in which Minh has the caller's number.
async fn with_helpdesk(tickets: &str) -> Calls {
    let settings = format!("helpdesk = \"helpdesk\"\ntickets = {tickets}");
    let calls = Calls::with(&settings).await;
    let installed = calls.bench.run(&["frappe", "install"]).await;
    let said = format!("{}{}", installed.out, installed.err);
    assert_eq!(installed.status, Some(0), "{said}");
    let site = &calls.bench.site.site;
    let mut data = site.data();
    let contact = serde_json::json!({
        "doctype": "Contact", "name": "Minh", "first_name": "Minh", "email_id": "minh@shop.example",
        "email_ids": [{"email_id": "minh@shop.example", "is_primary": 1}],
        "phone_nos": [{"phone": "+7 916 123-45-67", "is_primary_phone": 1}],
    });
    let ticket = serde_json::json!({
        "doctype": "HD Ticket", "name": "9001", "subject": "Kettle leaks", "status": "Open", "contact": "Minh",
        "raised_by": "minh@shop.example",
    });
    for document in [contact, ticket] {
        data.documents.push(document.as_object().unwrap().clone());
    }
    site.set_data(&data).unwrap();
    calls
}

impl Calls {
    fn documents(&self, doctype: &str) -> Vec<serde_json::Map<String, Value>> {
        let documents = self.bench.site.site.data().documents.into_iter();
        documents.filter(|one| one["doctype"] == doctype).collect()
    }

    /// Comments that tell of calls.
    fn comments(&self) -> Vec<serde_json::Map<String, Value>> {
        let mut comments = self.documents("HD Ticket Comment");
        comments.retain(|one| {
            let key = one.get("custom_deskbridge_call").and_then(Value::as_str);
            key.is_some_and(|key| key.starts_with("office:"))
        });
        comments
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_is_a_private_file_of_the_comment_once_after_lost_answers_too() {
    let calls = with_helpdesk("{ comments = true, recordings = \"upload\" }").await;
    let lost = |when: &str| serde_json::json!({"when": when, "times": 1, "execute": true, "answer": "hang_up"});
    let rules = serde_json::json!([
        lost("POST /api/resource/HD Ticket Comment"),
        lost("POST upload_file")
    ]);
    let rules: Vec<Rule> = serde_json::from_value(rules).unwrap();
    calls.bench.site.site.set_faults(rules);
    let hub = calls.serve().await;
    calls.replay_at("inbound_answered", 4.0).await;
    wait_for("a file", async || {
        let mut files = calls.documents("File").into_iter();
        files
            .any(|file| file["attached_to_doctype"] == "HD Ticket Comment")
            .then_some(())
    })
    .await;
    calls.has_no_open_effects(&hub).await;
    let comments = calls.comments();
    assert_eq!(comments.len(), 1, "{comments:#?}");
    assert_eq!(comments[0]["reference_ticket"], "9001");
    let mut files = calls.documents("File");
    files.retain(|file| file["attached_to_name"] == comments[0]["name"]);
    assert_eq!(files.len(), 1, "{files:#?}");
    assert_eq!(files[0]["is_private"], 1);
    let name = files[0]["file_name"].as_str().unwrap();
    assert!(
        name.starts_with("office-") && name.ends_with(".wav"),
        "{name}"
    );
    assert_eq!(files[0]["file_size"], sound().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_leads_to_the_recording_in_the_crm() {
    let calls = with_helpdesk("{ comments = true }").await;
    let hub = calls.serve().await;
    calls.replay_at("inbound_answered", 4.0).await;
    wait_for("a comment", async || {
        (!calls.comments().is_empty()).then_some(())
    })
    .await;
    calls.has_no_open_effects(&hub).await;
    let call = &calls.calls()[0];
    let entity = call.entity.as_ref().unwrap();
    let url = format!(
        "{}/crm/{}/details/{}/",
        calls.bench.portal_url(),
        entity.kind.to_lowercase(),
        entity.id
    );
    let content = calls.comments()[0]["content"].as_str().unwrap().to_owned();
    assert!(content.contains(&format!("href=\"{url}\"")), "{content}");
    assert!(
        calls
            .documents("File")
            .iter()
            .all(|file| file.get("attached_to_doctype") != Some(&"HD Ticket Comment".into())),
        "nothing is uploaded"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_says_whether_calls_can_be_followed_and_registered() {
    let calls = Calls::new().await;
    let said = calls.bench.run(&["doctor"]).await;
    for sentence in [
        "office lets us in",
        "office lists its channels",
        "can be registered in the CRM",
        "Recordings of office can be read",
        "have an extension",
    ] {
        assert!(said.out.contains(sentence), "{sentence} in {}", said.out);
    }
    let portal = &calls.bench.portal.portal;
    portal.set_behaviour(Behaviour::default());
    calls.pbx.pbx.set_secret("hub", "another");
    fs::remove_dir(calls.bench.path("monitor")).unwrap();
    let said = calls.bench.run(&["doctor"]).await;
    for sentence in [
        "office cannot be followed: the login was refused",
        "lets only applications register calls",
        "cannot be read in",
    ] {
        assert!(said.out.contains(sentence), "{sentence} in {}", said.out);
    }
    let checked = calls.bench.run(&["config", "check"]).await;
    assert!(
        checked
            .out
            .contains("Asterisk         office at 127.0.0.1:"),
        "{}",
        checked.out
    );
}

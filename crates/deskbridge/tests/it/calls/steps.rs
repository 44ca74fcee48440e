//! Calls that go step by step: each step of a call is told by the PBX when the one before it had the consequences that
//! are waited for, so that what goes wrong goes wrong between two steps, or in the middle of one.

mod kills;
mod losses;
mod nodes;

use std::fs;

use serde_json::{Value, json};
use simulators::{
    ami::{self, Pbx},
    bitrix24::ExternalCall,
};
use testkit::{captures, wait_for};

use super::{Desk, OF_101, OF_102, is_followed, sound};
use crate::{hub::Hub, nodes::Schema};

/// Where a queue's call is cut into steps: 101 rings, 102 rings, 102 talks, it is over.
const QUEUE: Cut = Cut {
    name: "queue_101_misses_102_answers",
    before: &[
        "Event: DialEnd",
        "DialStatus: ANSWER",
        "Event: HangupRequest",
    ],
};
/// The same for a call that 101 misses: it rings, it is over.
const MISSED: Cut = Cut {
    name: "inbound_noanswer",
    before: &["Event: DialEnd"],
};

/// A recording, and texts of the events before which it is cut, in their order.
#[derive(Clone, Copy)]
struct Cut {
    name: &'static str,
    before: &'static [&'static str],
}

/// The steps of one call.
struct Steps {
    /// The linkedid.
    linkedid: String,
    steps: Vec<Vec<String>>,
}

impl Steps {
    /// The call of this number, its events without times.
    fn new(cut: Cut, number: u32) -> Self {
        let capture = captures::named(cut.name);
        let text = String::from_utf8_lossy(&capture.bytes);
        let (_, call) = text.split_once("\r\n\r\nEvent: Newchannel").unwrap();
        let text = format!("Event: Newchannel{call}");
        let linkedid = text
            .lines()
            .find_map(|line| line.strip_prefix("Linkedid: "));
        let (second, first) = linkedid.unwrap().split_once('.').unwrap();
        let own = format!("{}", 1_800_000_000 + number);
        // Each has a client of its own, whom nobody is responsible for yet.
        let text = text
            .replace(&format!("{second}."), &format!("{own}."))
            .replace("79161234567", &format!("7916{:07}", 2_000_000 + number));
        let linkedid = format!("{own}.{first}");
        let mut before = cut.before.iter().peekable();
        let mut steps = vec![Vec::new()];
        for event in text.split("\r\n\r\n") {
            if !event.starts_with("Event: ") {
                continue;
            }
            if before.next_if(|text| event.contains(**text)).is_some() {
                steps.push(Vec::new());
            }
            steps.last_mut().unwrap().push(format!("{event}\r\n"));
        }
        assert!(before.peek().is_none(), "{} has no {before:?}", cut.name);
        Self { linkedid, steps }
    }

    fn play(&self, step: usize, pbx: &Pbx) {
        for event in &self.steps[step] {
            pbx.happen(event.as_bytes());
        }
    }

    fn key(&self) -> String {
        format!("office:{}", self.linkedid)
    }
}

/// A PBX that plays calls step by step, and a portal; with PostgreSQL, if there is a schema.
struct Stage {
    desk: Desk,
    pbx: ami::Running,
}

impl Stage {
    async fn new(schema: Option<&Schema>) -> Self {
        let more = "activity = { SUBJECT = \"{{ client }} and {{ agent }}\" }";
        let (desk, pbx) = Desk::with_pbx(more).await;
        if let Some(schema) = schema {
            let config = desk.bench.config();
            let text = fs::read_to_string(&config).unwrap();
            fs::write(&config, text.replace("[server]", &schema.configuration())).unwrap();
        }
        Self { desk, pbx }
    }

    async fn serve(&self) -> Hub {
        let hub = self.desk.bench.serve().await;
        is_followed(&hub).await;
        hub
    }

    /// The call of this number, with its recording where the PBX says that it is.
    fn call(&self, cut: Cut, number: u32) -> Steps {
        let steps = Steps::new(cut, number);
        for event in steps.steps.iter().flatten() {
            self.desk.record(event);
        }
        steps
    }

    fn play(&self, steps: &Steps, step: usize) {
        steps.play(step, &self.pbx.pbx);
    }

    fn fail(&self, rules: Value) {
        self.desk.fail(rules);
    }

    /// How often the portal has done wrong, as it was told to.
    fn failures(&self) -> u64 {
        self.desk.bench.portal.portal.counts().faults
    }

    async fn has_failed(&self, times: u64) {
        wait_for("the portal to fail", async || {
            (self.failures() >= times).then_some(())
        })
        .await;
    }

    /// The calls that the portal has under the key of this one: one.
    fn told(&self, steps: &Steps) -> Option<ExternalCall> {
        let telephony = self.desk.bench.portal.portal.telephony();
        let of_key = telephony.of_external_id(&steps.key());
        assert!(of_key.len() < 2, "registered twice: {of_key:#?}");
        of_key.into_iter().next().cloned()
    }

    async fn is_registered(&self, steps: &Steps) {
        wait_for("the call to be registered", async || self.told(steps)).await;
    }

    /// The methods that wrote something of calls, in the order in which they were carried out for good: what was asked for
    /// again counts where it was asked for first.
    fn written(&self) -> Vec<String> {
        const WRITES: [&str; 8] = [
            "telephony.externalcall.register",
            "telephony.externalcall.show",
            "telephony.externalcall.hide",
            "telephony.externalcall.finish",
            "telephony.externalcall.attachrecord",
            "upload",
            "crm.activity.update",
            "tasks.task.add",
        ];
        let mut written: Vec<String> = Vec::new();
        for entry in self.desk.bench.portal.portal.journal() {
            let commands = entry.commands.into_iter().map(|command| command.method);
            for method in std::iter::once(entry.method).chain(commands) {
                if WRITES.contains(&method.as_str()) && !written.contains(&method) {
                    written.push(method);
                }
            }
        }
        written
    }

    /// Waits until everything was carried out, and looks whether the call that 102 took is there once, and right.
    async fn is_right(&self, steps: &Steps, hub: &Hub) {
        let call = wait_for("the call to be recorded", async || {
            self.told(steps).filter(|call| call.recording.is_some())
        })
        .await;
        self.desk.has_no_open_effects(hub).await;
        let finish = call.finish.as_ref().unwrap();
        assert_eq!(
            (finish.user_id, finish.status_code.as_str()),
            (OF_102, "200"),
            "{call:#?}"
        );
        assert_eq!(call.identity.kind, 2);
        assert_eq!(call.recording.as_ref().unwrap().bytes, sound().len());
        let activity = finish.activity_id.unwrap().to_string();
        let activities = self.desk.bench.portal.portal.data().activities;
        let activity = activities.iter().find(|one| one["ID"] == activity.as_str());
        let subject = activity.unwrap()["SUBJECT"].as_str().unwrap().to_owned();
        assert!(
            subject.starts_with(&call.identity.phone_number),
            "{subject}"
        );
    }

    /// The same for a call that 101 missed: it is somebody's one task.
    async fn is_missed(&self, steps: &Steps, hub: &Hub) {
        let call = wait_for("the call to be finished", async || {
            self.told(steps).filter(|call| call.finish.is_some())
        })
        .await;
        let mark = format!("[{}]", steps.key());
        let tasks = || {
            let is_of_call = |task: &Value| {
                let text = task["DESCRIPTION"].as_str();
                text.is_some_and(|text| text.contains(&mark))
            };
            self.desk.tasks().into_iter().filter(is_of_call).count()
        };
        wait_for("a task", async || (tasks() > 0).then_some(())).await;
        self.desk.has_no_open_effects(hub).await;
        let finish = call.finish.as_ref().unwrap();
        assert_eq!(
            (
                finish.user_id,
                finish.status_code.as_str(),
                finish.duration_s
            ),
            (OF_101, "304", 0),
            "{call:#?}"
        );
        assert_eq!(tasks(), 1);
    }
}

/// Fails the next request for this method, or the batch that it is in.
fn once(method: &str, is_executed: bool, answer: &Value) -> Value {
    json!({"when": format!("*{method}"), "times": 1, "execute": is_executed, "answer": answer})
}

//! Calls of a contact centre: from its webhooks to the CRM's telephony, in whatever order and however often they come.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use simulators::{
    bitrix24::{Behaviour, ExternalCall, Webhook},
    faults::Rule,
};

use super::*;

const TELEPHONY: &str = "telephony7sample";
/// Users of the portal, and their phones in the contact centre.
const MAI: (u64, &str) = (57, "50007");
const LAN: (u64, &str) = (338, "50008");
/// Who has what is nobody's.
const NOBODYS: u64 = 1;
/// How long after its end a call waits for what is late: longer than the reports of a test take to come in, on a machine
/// that is busy with other tests, too.
const SETTLES_AFTER_S: u32 = 8;

/// Calls of one center, told to a portal that lets webhooks register calls.
async fn calls(more: &str) -> Bench {
    let bench = bench().await;
    let portal = &bench.portal.portal;
    let mut data = portal.data();
    let scopes = ["crm", "user", "telephony", "task"];
    data.webhooks.push(Webhook::new(1, TELEPHONY, scopes));
    portal.set_data(data).unwrap();
    portal.set_behaviour(Behaviour {
        webhooks_register_calls: true,
        ..Behaviour::default()
    });
    bench.configure(|text| {
        let text = text.replace(simulators::bitrix24::CUSTOMER_SECRET, TELEPHONY);
        format!(
            "{text}
[[caresoft]]
name = \"center\"
secrets = [\"{SECRET}\"]
crm = \"crm\"
mapping.agents = [
  {{ id = 1201, phone = \"{}\", crm_user = {} }},
  {{ id = 1202, phone = \"{}\", crm_user = {} }},
]
[caresoft.calls]
default_user = {NOBODYS}
settle_seconds = {SETTLES_AFTER_S}
{more}
",
            MAI.1, MAI.0, LAN.1, LAN.0
        )
    });
    bench
}

impl Bench {
    fn calls_of_portal(&self) -> Vec<ExternalCall> {
        self.portal.portal.telephony().calls
    }

    /// The call of the portal that is the center's call of this id.
    fn call(&self, id: &str) -> ExternalCall {
        let all = self.calls_of_portal();
        let key = format!("center:{id}");
        let is_it = |call: &&ExternalCall| call.identity.external_call_id.as_deref() == Some(&*key);
        let mut found = all.iter().filter(is_it);
        match (found.next(), found.next()) {
            (Some(call), None) => call.clone(),
            other => panic!("{id}: {other:#?} of {all:#?}"),
        }
    }

    fn tasks(&self) -> Vec<Map<String, Value>> {
        self.portal.portal.data().tasks
    }
}

impl Hub {
    /// Waits until so many calls of the portal are finished and nothing waits.
    async fn finished(&self, bench: &Bench, number: usize) {
        wait_for("the calls to be finished", async || {
            let calls = bench.calls_of_portal();
            let finished = calls.iter().filter(|call| call.finish.is_some());
            (finished.count() >= number && calls.len() >= number).then_some(())
        })
        .await;
        self.settle().await;
    }
}

/// A call that began so many seconds ago.
struct Told {
    id: &'static str,
    customer: &'static str,
    start: i64,
}

impl Told {
    fn new(id: &'static str, customer: &'static str) -> Self {
        Self {
            id,
            customer,
            start: Timestamp::now().as_millisecond() - 90_000,
        }
    }

    fn at(&self, second: i64) -> i64 {
        self.start + second * 1000
    }

    fn step(&self, action: &str, second: i64, more: &Value) -> Vec<u8> {
        let mut call = json!({
            "event_name": action, "call_id": self.id, "account_id": 42, "direction": "inbound",
            "caller": self.customer, "called": "19000444", "event_time": self.at(second),
        });
        let object = call.as_object_mut().unwrap();
        object.extend(more.as_object().unwrap().clone());
        let event = json!({"object": "call_in", "action": action, "call_info": call});
        event.to_string().into_bytes()
    }

    /// One agent lets it ring, the other one talks for 40 seconds.
    fn answered(&self) -> Vec<Vec<u8>> {
        let (mai, lan) = (json!({"agent_id": MAI.1}), json!({"agent_id": LAN.1}));
        let end = json!({
            "call_start_time": self.at(0), "call_answer_time": self.at(20), "call_end_time": self.at(60),
            "call_duration": 60, "status": "answered", "answer_duration": 40,
            "record_url": "https://records.example/1.wav",
        });
        vec![
            self.step("call_in_start", 0, &json!({})),
            self.step("call_in_agent_ring", 5, &mai),
            self.step("call_in_agent_miss", 10, &mai),
            self.step("call_in_agent_ring", 12, &lan),
            self.step("call_in_agent_answer", 20, &lan),
            self.step("call_in_agent_end", 59, &lan),
            self.step("call_in_customer_end", 59, &lan),
            self.step("call_in_end", 60, &end),
        ]
    }

    fn missed(&self, rung: Option<&str>) -> Vec<Vec<u8>> {
        let end = json!({
            "call_start_time": self.at(0), "call_answer_time": 0, "call_end_time": self.at(30),
            "call_duration": 30, "status": "miss",
        });
        let mut steps = vec![self.step("call_in_start", 0, &json!({}))];
        if let Some(phone) = rung {
            let agent = json!({"agent_id": phone});
            steps.push(self.step("call_in_agent_ring", 5, &agent));
            steps.push(self.step("call_in_agent_miss", 25, &agent));
        }
        steps.push(self.step("call_in_end", 30, &end));
        steps
    }

    fn ticket(&self, id: u64) -> Vec<u8> {
        let event = json!({
            "object": "ticket", "action": "update", "account_id": 42,
            "ticket": {
                "ticket_id": id, "ticket_subject": "Cuộc gọi vào", "ticket_source": "Voice", "ticket_status": "new",
                "assignee_id": 1202, "created_at": self.at(61), "updated_at": self.at(61),
            },
            "call_info": {
                "call_id": self.id, "caller": self.customer, "called": "19000444", "start_time": self.at(0),
                "answer_time": self.at(20), "end_time": self.at(60), "status_code": 200,
            },
        });
        event.to_string().into_bytes()
    }

    fn dialled(&self, action: &str, more: &Value) -> Vec<u8> {
        let mut call = json!({
            "call_id": self.id, "line": "19000444", "phone_number": self.customer, "call_attempt_index": 1,
            "max_attempt": 2, "campaign_id": 7, "customer_id": 8, "start_time": self.at(0), "end_time": self.at(50),
        });
        let object = call.as_object_mut().unwrap();
        object.extend(more.as_object().unwrap().clone());
        let event = json!({"object": "smart_dialer", "action": action, "call_info": call});
        event.to_string().into_bytes()
    }
}

/// How a call stands in the portal: its kind, whose it is, its status and seconds.
fn told(call: &ExternalCall) -> (u8, u64, &str, u64) {
    let finish = call.finish.as_ref().unwrap();
    let status = finish.status_code.as_str();
    (
        call.identity.kind,
        finish.user_id,
        status,
        finish.duration_s,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_told_once_whatever_the_order_and_joined_to_their_ticket() {
    for (round, order) in [0, 1, 2].into_iter().enumerate() {
        let bench = calls("").await;
        let hub = bench.serve().await;
        let answered = Told::new("20260105093000-AAAAAAAA-42", "0900000451");
        let missed = Told::new("20260105093000-BBBBBBBB-42", "0900000452");
        let abandoned = Told::new("20260105093000-CCCCCCCC-42", "0900000453");
        let unanswered = Told::new("20260105093000-DDDDDDDD-42", "0900000454");
        let talked = Told::new("20260105093000-EEEEEEEE-42", "0900000455");
        let ticket = answered.ticket(81_000_001);
        let mut bodies = answered.answered();
        bodies.extend(missed.missed(Some(MAI.1)));
        bodies.extend(abandoned.missed(None));
        bodies.push(unanswered.dialled("pd_end_call", &json!({
            "connect_time": 0, "call_duration": 0, "agent_user_id": 0, "agent_id": 0, "agent_ring_time": 0,
            "agent_connect_time": 0, "status_code": "486",
        })));
        bodies.push(talked.dialled("pd_end_call", &json!({
            "connect_time": talked.at(10), "call_duration": 40, "agent_user_id": 1201, "agent_id": 50_007,
            "agent_ring_time": talked.at(12), "agent_connect_time": talked.at(15), "status_code": "200",
        })));
        match order {
            0 => bodies.push(ticket),
            1 => {
                bodies.insert(0, ticket);
                bodies.reverse();
                bodies.rotate_right(1);
            }
            _ => {
                bodies.insert(3, ticket);
                fastrand::Rng::with_seed(7).shuffle(&mut bodies);
            }
        }
        // The same bytes, and the same content in other bytes.
        let again: Vec<Vec<u8>> = bodies
            .iter()
            .map(|body| [b" ", &body[..]].concat())
            .collect();
        bodies.extend(again);
        let report = hub.send(&bodies).await;
        assert_eq!(report.not_accepted, Vec::<usize>::new());
        hub.finished(&bench, 5).await;

        let calls = bench.calls_of_portal();
        let once = |call: &ExternalCall| (call.registrations, call.finishes_refused) == (1, 0);
        assert!(calls.len() == 5 && calls.iter().all(once), "{calls:#?}");
        let expected = [
            (&answered, (2, LAN.0, "200", 40)),
            (&missed, (2, MAI.0, "304", 0)),
            (&abandoned, (2, NOBODYS, "304", 0)),
            (&unanswered, (1, NOBODYS, "486", 0)),
            (&talked, (1, MAI.0, "200", 35)),
        ];
        for (call, expected) in expected {
            let in_portal = bench.call(call.id);
            assert_eq!(told(&in_portal), expected, "order {round}: {in_portal:#?}");
            let phone = format!("+84{}", call.customer.trim_start_matches('0'));
            assert_eq!(in_portal.identity.phone_number, phone);
            assert_eq!(in_portal.identity.line_number.as_deref(), Some("19000444"));
        }
        // Two missed calls, and nothing for the dialler's.
        let tasks = bench.tasks();
        let responsible: BTreeSet<&str> = tasks
            .iter()
            .map(|task| task["RESPONSIBLE_ID"].as_str().unwrap())
            .collect();
        let expected = [MAI.0, NOBODYS].map(|user| user.to_string());
        assert_eq!(tasks.len(), 2, "{tasks:#?}");
        assert_eq!(responsible, expected.iter().map(String::as_str).collect());
        // The ticket has one note of the call, with its recording.
        let ticket = bench.ticket(81_000_001).unwrap();
        let notes = bench.keyed("HD Ticket Comment");
        let of_call: Vec<_> = notes
            .iter()
            .filter(|(key, _)| key.contains("call-20260105093000-AAAAAAAA-42"))
            .collect();
        let all: String = of_call
            .iter()
            .map(|(_, note)| note["content"].as_str().unwrap())
            .collect();
        assert_eq!(all.matches("<b>").count(), 1, "{all}");
        assert!(all.contains("https://records.example/1.wav"), "{all}");
        assert_eq!(of_call[0].1["reference_ticket"], ticket["name"]);
        assert_eq!(hub.count("effects", "dead").await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_portal_fetches_a_recording_or_its_activity_names_it() {
    let bench = calls("").await;
    let hub = bench.serve().await;
    // The portal reaches no such address, and says so.
    let first = Told::new("20260105093000-AAAAAAAA-42", "0900000451");
    hub.send(&first.answered()).await;
    hub.finished(&bench, 1).await;
    let named = |call: &ExternalCall| {
        let activity = call.finish.as_ref().unwrap().activity_id.unwrap();
        let activities = bench.portal.portal.data().activities.into_iter();
        let mut of_call =
            activities.filter(|one| one["ID"].as_str() == Some(&activity.to_string()));
        let activity = of_call.next().unwrap();
        let description = activity.get("DESCRIPTION").and_then(Value::as_str);
        description
            .unwrap_or_default()
            .matches("https://records.example/1.wav")
            .count()
    };
    assert_eq!(named(&bench.call(first.id)), 1);
    // Here it does.
    let fetched: Vec<Rule> = serde_json::from_value(json!([{
        "when": "telephony.externalcall.attachrecord", "answer": {"status": 200, "json": {"result": {"FILE_ID": 5}}},
    }]))
    .unwrap();
    bench.portal.portal.set_faults(fetched).unwrap();
    let second = Told::new("20260105093000-BBBBBBBB-42", "0900000452");
    hub.send(&second.answered()).await;
    hub.finished(&bench, 2).await;
    assert_eq!(named(&bench.call(second.id)), 0);
    assert_eq!(hub.count("effects", "dead").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_sees_the_card_while_the_phone_rings_and_programs_see_the_call() {
    let bench = calls("").await;
    let hub = bench.serve().await;
    let mut call = Told::new("20260105093000-AAAAAAAA-42", "0900000451");
    call.start = Timestamp::now().as_millisecond() - 12_000;
    let steps = call.answered();
    hub.send(&steps[..4]).await;
    wait_for("the card to be shown", async || {
        let calls = bench.calls_of_portal();
        let is_shown = |of: &ExternalCall| of.was_shown_to.contains(&LAN.0);
        calls.iter().any(is_shown).then_some(())
    })
    .await;
    let listed = bench.run(&["calls", "list", "--open", "--json"]).await;
    let listed: Value = serde_json::from_str(&listed.out).unwrap();
    assert_eq!(listed["connection"], "center");
    assert_eq!(listed["result"], Value::Null);
    hub.send(&steps[4..]).await;
    hub.finished(&bench, 1).await;
    assert!(bench.call(call.id).shown_to.is_empty());
    let traced = bench.run(&["calls", "trace", call.id]).await;
    for sentence in [
        "an incoming call was reported: client 0900000451, line 19000444",
        "50008 answered",
        "the call ended: answered",
        "  finish",
    ] {
        assert!(
            traced.out.contains(sentence),
            "{sentence} in {}",
            traced.out
        );
    }
    let shown = bench.run(&["calls", "show", call.id, "--json"]).await;
    let shown: Value = serde_json::from_str(&shown.out).unwrap();
    assert_eq!(shown["result"], "answered");
    assert_eq!(shown["conversations"][1]["extension"], LAN.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn lives_of_calls_are_told_once_through_kills_and_disturbances() {
    let bench = calls("").await;
    let life = caresoft::live(23, 12, Timestamp::now());
    let disturbance = Disturbance {
        duplicates: 0.4,
        late_by_max: 6,
        losses: 0.0,
    };
    let bodies = disturb(9, &life.webhooks, disturbance);
    let mut hub = bench.serve().await;
    let third = bodies.len() / 3;
    for part in bodies.chunks(third.max(1)) {
        let report = hub.send(part).await;
        assert_eq!(report.not_accepted, Vec::<usize>::new());
        hub.process.kill();
        hub = bench.serve().await;
    }
    let ids: BTreeSet<String> = life.outcome.calls.keys().cloned().collect();
    assert!(ids.len() > 2, "{ids:?}");
    hub.finished(&bench, ids.len()).await;
    let mut told: BTreeMap<String, Vec<ExternalCall>> = BTreeMap::new();
    for call in bench.calls_of_portal() {
        let id = call.identity.external_call_id.clone().unwrap();
        told.entry(id).or_default().push(call);
    }
    let expected: BTreeSet<String> = ids.iter().map(|id| format!("center:{id}")).collect();
    assert_eq!(told.keys().cloned().collect::<BTreeSet<_>>(), expected);
    for (id, calls) in told {
        assert_eq!(calls.len(), 1, "{id}: {calls:#?}");
    }
    assert_eq!(hub.count("effects", "dead").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_calls_are_checked_with_their_places() {
    for (more, place) in [
        ("tickets.comments = true", "caresoft[center].calls.tickets"),
        ("zone = \"Nowhere/At_All\"", "zone"),
        ("users_refresh_minutes = \"soon\"", "users_refresh_minutes"),
        ("colour = 1", "colour"),
    ] {
        let bench = calls(more).await;
        let said = bench.run(&["config", "check"]).await;
        let all = format!("{}{}", said.out, said.err);
        assert_ne!(said.status, Some(0), "{more}: {all}");
        assert!(all.contains(place), "{more}: {all}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_says_whether_calls_can_be_registered_and_whose_they_are() {
    let bench = calls("").await;
    let findings = async || {
        let said = bench.run(&["doctor", "--json"]).await;
        let findings = said
            .out
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let of_calls = findings.filter(|finding| finding["place"] == "caresoft");
        let told = of_calls.map(|finding| {
            let text = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
            (text("level"), text("what"), text("mend"))
        });
        told.collect::<Vec<_>>()
    };
    let check = |findings: &[(String, String, String)], level: &str, what: &str, mend: &str| {
        let is_it = |one: &&(String, String, String)| one.1.contains(what);
        let found = findings.iter().find(is_it);
        let found = found.unwrap_or_else(|| panic!("{what}: {findings:#?}"));
        assert_eq!(found.0, level, "{found:?}");
        assert!(found.2.contains(mend), "{found:?}");
    };
    let sound = findings().await;
    check(&sound, "ok", "Calls of center can be registered", "");
    check(&sound, "ok", "every agent has a phone and a user", "");
    bench.portal.portal.set_behaviour(Behaviour::default());
    let path = bench.config();
    let text = std::fs::read_to_string(&path).unwrap();
    let more = "\n  { id = 1203, phone = \"50099\" },\n  { id = 1204, crm_user = 57 },\n  { id = 1205 },\n]\n[caresoft.calls]";
    let text = text.replace("\n]\n[caresoft.calls]", more);
    let text = text.replace("default_user = 1\n", "default_user = 4711\n");
    assert!(text.contains("1205") && text.contains("4711"), "{text}");
    std::fs::write(&path, text).unwrap();
    let ill = findings().await;
    check(
        &ill,
        "fail",
        "Calls of center cannot be registered",
        "Add a local application",
    );
    check(
        &ill,
        "warn",
        "center: agents are no user of the CRM, so that their calls are nobody's: 1203, 1205.",
        "crm_user in mapping.agents",
    );
    check(
        &ill,
        "warn",
        "center: agents have no phone, so that no call is known as theirs while it goes on: 1204, 1205.",
        "phone in mapping.agents",
    );
    check(
        &ill,
        "warn",
        "no active user of the CRM: 4711",
        "default_user",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_decide_about_reported_calls_as_about_followed_ones() {
    let scripts = [
        (
            "process_search_params",
            "export default ({ params }) => ({ data: { CRM_SOURCE: 'WEB', LINE_NUMBER: params.LINE_NUMBER } })",
        ),
        (
            "customize_activity",
            "export default ({ activity, call_full }) => ({ data: { SUBJECT: activity.name + ' / ' + call_full.result } })",
        ),
        (
            "customize_entity",
            "export default ({ entity, params }) => ({ data: { COMMENTS: entity.entity_type + ' ' + Object.keys(params.conversations).length } })",
        ),
    ];
    let tables = scripts.map(|(name, _)| {
        format!("[[hook]]\nname = \"{name}\"\nfile = \"{name}.js\"\ntimeout_ms = 3000\n")
    });
    let bench = calls(&tables.concat()).await;
    for (name, source) in scripts {
        std::fs::write(bench.path(&format!("{name}.js")), source).unwrap();
    }
    let hub = bench.serve().await;
    let answered = Told::new("20260105093000-AAAAAAAA-42", "0900000451");
    let report = hub.send(&answered.answered()).await;
    assert_eq!(report.not_accepted, Vec::<usize>::new());
    hub.finished(&bench, 1).await;
    let data = bench.portal.portal.data();
    let subjects = data.activities.iter();
    let mut subjects = subjects.filter_map(|of| of["SUBJECT"].as_str());
    assert!(
        subjects.any(|subject| subject.ends_with(" / 200")),
        "{:?}",
        data.activities
    );
    let call = bench.call(answered.id);
    let lead = call.entity.as_ref().unwrap().id.to_string();
    let lead = data.leads.iter().find(|of| of["ID"] == *lead).unwrap();
    assert_eq!(lead["COMMENTS"], "lead 2", "{lead:?}");
    assert_eq!(lead["SOURCE_ID"], "WEB", "{lead:?}");
    let words = [
        "hook",
        "test",
        "process_search_params",
        "--call",
        answered.id,
    ];
    let said = bench.run(&words).await;
    assert_eq!(said.status, Some(0), "{}{}", said.out, said.err);
    assert!(said.out.contains("answered CRM_SOURCE"), "{}", said.out);
}

//! Hooks: scripts beside the configuration, calls of a PBX that replays what a real one said, and what the portal holds
//! afterwards.

use std::fs;

use serde_json::{Value, json};
use testkit::wait_for;

use crate::{calls::Calls, hub::Hub};

/// A call that an agent took.
const ANSWERED: &str = "inbound_answered";
const OF_101: u64 = 57;

/// A PBX with hooks: their names, and what stands in their files.
async fn calls(more: &str, hooks: &[(&str, &str)]) -> Calls {
    let tables = hooks.iter().map(|(name, _)| {
        format!("[[hook]]\nname = \"{name}\"\nfile = \"hooks/{name}.js\"\ntimeout_ms = 3000\n")
    });
    let tables: String = tables.collect();
    let calls = Calls::with(&format!("{more}\n{tables}")).await;
    let folder = calls.bench.path("hooks");
    fs::create_dir(&folder).unwrap();
    for (name, source) in hooks {
        fs::write(folder.join(format!("{name}.js")), source).unwrap();
    }
    calls
}

/// The only call that is kept.
async fn linkedid(calls: &Calls) -> String {
    let listed = calls.bench.run(&["calls", "list", "--json"]).await;
    let line = listed
        .out
        .lines()
        .next()
        .unwrap_or_else(|| panic!("{}", listed.err));
    let call: Value = serde_json::from_str(line).unwrap();
    call["linkedid"].as_str().unwrap().to_owned()
}

/// The story of the only call, as people read it.
async fn trace(calls: &Calls) -> String {
    let id = linkedid(calls).await;
    calls.bench.run(&["calls", "trace", &id]).await.out
}

/// Replays a call, and waits until nothing more is to be written of it.
async fn replayed(calls: &Calls, hub: &Hub, name: &str) {
    calls.replay(name).await;
    is_over(calls).await;
    calls.has_no_open_effects(hub).await;
}

async fn is_over(calls: &Calls) {
    wait_for("the call to be over", async || {
        let listed = calls.bench.run(&["calls", "list", "--json"]).await;
        let mut lines = listed.out.lines().map(|line| {
            let call: Value = serde_json::from_str(line).unwrap();
            !call["result"].is_null()
        });
        lines
            .next()
            .filter(|first| *first && lines.all(|over| over))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_written_as_hooks_want_it() {
    let calls = calls(
        "",
        &[
            (
                "process_client_phone",
                "export default ({ params }) => ({ data: { phone: params.phone.slice(-10) }, state: 'success' })",
            ),
            (
                "process_entity_creation_params",
                "export default ({ params }) => ({ data: { TITLE: 'Hook: ' + params.PHONE[0].VALUE } })",
            ),
            (
                "process_registration_params",
                "export default ({ params, call_full }) => ({ data: { CRM_SOURCE: call_full.channel.type === 'incoming' ? 'WEB' : 'CALL', COLOUR: 1 } })",
            ),
            (
                "process_final_params",
                "export default ({ params }) => ({ data: { DURATION: params.DURATION + 100, STATUS_CODE: '999' } })",
            ),
            (
                "customize_activity",
                "export default ({ activity, call_full }) => ({ data: { SUBJECT: activity.name + ' / ' + call_full.result } })",
            ),
        ],
    )
    .await;
    let hub = calls.serve().await;
    replayed(&calls, &hub, ANSWERED).await;
    let call = calls.finished(true).await;
    assert_eq!(call.identity.phone_number, "9161234567");
    let finish = call.finish.as_ref().unwrap();
    assert!(finish.duration_s >= 100, "{finish:?}");
    // A status that the CRM does not know is not sent.
    assert_eq!(finish.status_code, "200");
    let data = calls.bench.portal.portal.data();
    let titles: Vec<&Value> = data.leads.iter().map(|lead| &lead["TITLE"]).collect();
    assert!(titles.contains(&&json!("Hook: 9161234567")), "{titles:?}");
    let subjects = data.activities.iter();
    let subjects: Vec<&str> = subjects.filter_map(|of| of["SUBJECT"].as_str()).collect();
    assert!(
        subjects.iter().any(|subject| subject.ends_with(" / 200")),
        "{subjects:?}"
    );
    let trace = trace(&calls).await;
    for told in [
        "the hook process_client_phone answered phone",
        "the hook process_entity_creation_params answered TITLE",
        "the hook process_registration_params answered CRM_SOURCE; nobody knows data.COLOUR",
        "of the answer of process_final_params was not used: STATUS_CODE is none of the CRM's",
    ] {
        assert!(trace.contains(told), "{told}: {trace}");
    }
    let (_, metrics) = hub.get("/metrics", "").await;
    let counted =
        "deskbridge_hook_decisions_total{hook=\"process_final_params\",decision=\"changed\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_goes_on_unchanged_when_hooks_do_not() {
    let calls = calls(
        "",
        &[
            (
                "process_phone_number",
                "export default () => { while (true) {} }",
            ),
            (
                "need_registration",
                "export default () => Array.prototype.reverse.call({ length: 2 ** 50 })",
            ),
            (
                "process_registration_params",
                "export default () => ({ data: { USER_ID: {} } })",
            ),
            (
                "customize_show_call_card",
                "export default () => { throw new Error('no card') }",
            ),
            (
                "process_final_params",
                "export default () => ({ state: 'error', data: { STATUS_CODE: '304' } })",
            ),
            ("process_record_file_path", "this is no script"),
        ],
    )
    .await;
    calls
        .bench
        .configure_again(|text| text.replace("timeout_ms = 3000", "timeout_ms = 300"));
    let hub = calls.serve().await;
    replayed(&calls, &hub, ANSWERED).await;
    let call = calls.finished(true).await;
    assert_eq!(call.identity.phone_number, "+79161234567");
    let finish = call.finish.as_ref().unwrap();
    assert_eq!(
        (finish.user_id, finish.status_code.as_str()),
        (OF_101, "200")
    );
    assert_eq!(calls.calls().len(), 1);
    let trace = trace(&calls).await;
    for told in [
        "the hook process_phone_number failed, and everything went on without it: it did not answer in time",
        "the hook need_registration failed, and everything went on without it: it did not answer in time",
        "the hook process_registration_params failed, and everything went on without it: the answer does not fit its contract: data.USER_ID is an object",
        "the hook process_final_params failed, and everything went on without it: the hook answered a state other than success",
        "the hook process_record_file_path failed, and everything went on without it: it cannot be compiled",
    ] {
        assert!(trace.contains(told), "{told}: {trace}");
    }
    let (_, metrics) = hub.get("/metrics", "").await;
    let counted = "deskbridge_hook_decisions_total{hook=\"process_registration_params\",decision=\"invalid\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_a_hook_leaves_out_is_not_told() {
    let calls = calls(
        "",
        &[(
            "need_registration",
            "export default ({ params, call_stage }) => ({ data: { result: params.to !== '101' }, state: 'success' })",
        )],
    )
    .await;
    let hub = calls.serve().await;
    replayed(&calls, &hub, ANSWERED).await;
    assert_eq!(calls.calls().len(), 0);
    let trace = trace(&calls).await;
    assert!(
        trace.contains("not sent because the hook need_registration leaves it out"),
        "{trace}"
    );
    assert!(
        trace.contains("the hook need_registration says ignore and answered result"),
        "{trace}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_a_hook_cancels_is_left_out() {
    let calls = calls(
        "",
        &[(
            "process_registration_params",
            "export default () => ({ data: {}, state: 'success' })",
        )],
    )
    .await;
    let hub = calls.serve().await;
    replayed(&calls, &hub, ANSWERED).await;
    assert_eq!(calls.calls().len(), 0);
    let trace = trace(&calls).await;
    let told = "the hook process_registration_params leaves the request out";
    assert!(trace.contains(told), "{trace}");
    let dead = calls
        .bench
        .run(&["effects", "list", "--state", "dead"])
        .await;
    assert!(!dead.out.contains("calls."), "{}", dead.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_a_hook_deletes_has_no_activity() {
    let calls = calls(
        "",
        &[(
            "process_final_params",
            "export default () => ({ action: 'delete', state: 'success' })",
        )],
    )
    .await;
    let before = calls.bench.portal.portal.data().activities.len();
    let hub = calls.serve().await;
    replayed(&calls, &hub, ANSWERED).await;
    let call = calls.finished(false).await;
    assert!(call.recording.is_none(), "{call:?}");
    assert_eq!(calls.bench.portal.portal.data().activities.len(), before);
    assert!(
        trace(&calls)
            .await
            .contains("the hook process_final_params says delete")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_made_as_a_hook_wants_it_and_a_suspended_hook_is_shown() {
    let calls = calls(
        "",
        &[
            (
                "process_task_creation_params",
                "export default ({ params: { arNewTaskData } }) => ({ data: { arNewTaskData: { ...arNewTaskData, TITLE: 'URGENT: ' + arNewTaskData.TITLE, DEADLINE: '2030-01-02T03:04:05+07:00' } } })",
            ),
            ("process_final_params", "export default () => { throw new Error('out of order') }"),
        ],
    )
    .await;
    let hub = calls.serve().await;
    let missed = [
        "inbound_noanswer",
        "inbound_busy",
        "inbound_declined",
        "inbound_caller_gives_up_ringing",
        "inbound_agent_unreachable",
        "inbound_answered",
    ];
    for (before, name) in missed.into_iter().enumerate() {
        calls.replay(name).await;
        wait_for("the call to be finished", async || {
            let finished = calls
                .calls()
                .into_iter()
                .filter(|call| call.finish.is_some());
            (finished.count() > before).then_some(())
        })
        .await;
    }
    calls.has_no_open_effects(&hub).await;
    let tasks = calls.bench.portal.portal.data().tasks;
    assert_eq!(tasks.len(), 5, "{tasks:?}");
    let title = tasks[0]["TITLE"].as_str().unwrap();
    assert!(title.starts_with("URGENT: "), "{title}");
    assert!(
        tasks[0]["DEADLINE"]
            .as_str()
            .unwrap()
            .starts_with("2030-01-0"),
        "{:?}",
        tasks[0]
    );
    let shown = wait_for("the hook to be shown as suspended", async || {
        let listed = calls.bench.run(&["hook", "list"]).await.out;
        listed.contains("suspended until").then_some(listed)
    })
    .await;
    let line = shown
        .lines()
        .find(|line| line.contains("suspended until"))
        .unwrap();
    assert!(
        line.starts_with("process_final_params") && line.contains("out of order"),
        "{shown}"
    );
    let (_, metrics) = hub.get("/metrics", "").await;
    assert!(
        metrics.contains("deskbridge_hook_suspended{hook=\"process_final_params\"} 1"),
        "{metrics}"
    );
    assert!(metrics.contains("decision=\"suspended\"} 1"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_is_tried_on_a_call_and_nothing_is_sent() {
    let calls = calls("", &[]).await;
    let hub = calls.serve().await;
    replayed(&calls, &hub, ANSWERED).await;
    drop(hub);
    let id = linkedid(&calls).await;
    let hook = "[[hook]]\nname = \"process_registration_params\"\nfile = \"hooks/new.js\"\n";
    calls
        .bench
        .configure_again(|text| format!("{text}\n{hook}"));
    let source = "export default ({ params }) => ({ data: { CRM_SOURCE: 'WEB', LINE_NUMBER: params.LINE_NUMBER } })";
    fs::write(calls.bench.path("hooks/new.js"), source).unwrap();
    let before = calls.calls();
    let run = async |more: &[&str]| {
        let mut arguments = vec!["hook", "test", "process_registration_params"];
        arguments.extend(more);
        calls.bench.run(&arguments).await
    };
    let said = run(&["--call", &id, "--diff"]).await;
    assert_eq!(said.status, Some(0), "{}{}", said.out, said.err);
    assert!(
        said.out.contains("-  \"CRM_SOURCE\": \"\"")
            && said.out.contains("+  \"CRM_SOURCE\": \"WEB\""),
        "{}",
        said.out
    );
    assert!(!said.out.contains("-  \"LINE_NUMBER\""), "{}", said.out);
    let said = run(&["--call", &id]).await;
    assert!(
        said.out.contains("+79161234567") && said.out.contains("answered CRM_SOURCE, LINE_NUMBER"),
        "{}",
        said.out
    );
    let input = calls.bench.path("input.json");
    fs::write(
        &input,
        json!({"params": {"PHONE_NUMBER": "1", "CRM_SOURCE": "OLD"}}).to_string(),
    )
    .unwrap();
    let said = run(&["--input", input.to_str().unwrap(), "--diff"]).await;
    assert!(
        said.out.contains("-  \"CRM_SOURCE\": \"OLD\""),
        "{}",
        said.out
    );
    fs::write(
        calls.bench.path("hooks/new.js"),
        "export default () => ({ data: 5 })",
    )
    .unwrap();
    let said = run(&["--call", &id]).await;
    assert_eq!(said.status, Some(1), "{}", said.out);
    assert!(
        said.out
            .contains("data is a number, where an object is wanted"),
        "{}",
        said.out
    );
    let said = run(&["--call", "none"]).await;
    assert!(said.err.contains("there is no call none"), "{}", said.err);
    assert_eq!(calls.calls().len(), before.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_hook_is_told_before_it_is_asked() {
    let calls = calls("", &[("process_client_phone", "export default () => {{{")]).await;
    let checked = calls.bench.run(&["config", "check"]).await;
    assert_eq!(checked.status, Some(1), "{}", checked.out);
    assert!(
        checked
            .out
            .contains("process_client_phone: it cannot be compiled"),
        "{}{}",
        checked.out,
        checked.err
    );
    let listed = calls.bench.run(&["hook", "list"]).await;
    assert!(
        listed.out.contains("cannot be run: it cannot be compiled"),
        "{}",
        listed.out
    );
    let doctor = calls.bench.run(&["doctor"]).await;
    assert!(
        doctor
            .out
            .contains("fail  process_client_phone: it cannot be compiled"),
        "{}",
        doctor.out
    );
    calls
        .bench
        .configure_again(|text| text.replace("process_client_phone", "process_nothing"));
    let checked = calls.bench.run(&["config", "check"]).await;
    assert!(
        checked.err.contains("no hook is named process_nothing")
            && checked.err.contains("the table in line "),
        "{}",
        checked.err
    );
    let names = calls.bench.run(&["hook", "list", "--all"]).await;
    assert_eq!(names.out.lines().count(), 28);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_chooses_which_of_several_clients_a_call_is_of() {
    let calls = calls(
        "",
        &[
            (
                "get_search_filter",
                "export default ({ params, entities }) => entities.contact.length === 2 ? { data: { contact: { TYPE_ID: 'PARTNER' } } } : null",
            ),
            (
                "customize_entity",
                "export default ({ entity, params }) => ({ data: { COMMENTS: entity.entity_type + ' ' + Object.keys(params.conversations).length } })",
            ),
        ],
    )
    .await;
    let mut data = calls.bench.portal.portal.data();
    for (id, kind) in [("9001", "CLIENT"), ("9002", "PARTNER")] {
        let phone =
            json!([{"ID": id, "VALUE_TYPE": "WORK", "VALUE": "+79161234567", "TYPE_ID": "PHONE"}]);
        let contact = json!({"ID": id, "NAME": kind, "TYPE_ID": kind, "ASSIGNED_BY_ID": "57", "PHONE": phone});
        data.contacts.push(contact.as_object().unwrap().clone());
    }
    calls.bench.portal.portal.set_data(data).unwrap();
    let hub = calls.serve().await;
    replayed(&calls, &hub, ANSWERED).await;
    let call = calls.finished(true).await;
    let entity = call.entity.as_ref().unwrap();
    assert_eq!(entity.id, 9002, "{call:#?}\n{}", trace(&calls).await);
    let contacts = calls.bench.portal.portal.data().contacts;
    let contact = contacts
        .iter()
        .find(|contact| contact["ID"] == "9002")
        .unwrap();
    assert_eq!(contact["COMMENTS"], "contact 1", "{}", trace(&calls).await);
}

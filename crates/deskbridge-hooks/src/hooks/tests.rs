use std::{fs, path::Path};

use jiff::SignedDuration;
use serde_json::json;

use super::*;
use crate::runner::javascript::{Script, tests::pool};

const AMPLE: Duration = Duration::from_secs(20);

fn hook(folder: &Path, name: &str, source: &str) -> Arc<Hook> {
    let path = folder.join(format!("{name}.js"));
    fs::write(&path, source).unwrap();
    let runner = Runner::JavaScript(Script::new(path, pool(1)));
    Arc::new(Hook::new(name, runner, AMPLE).unwrap())
}

#[tokio::test]
async fn a_decision_is_what_the_hook_answers() {
    let folder = tempfile::tempdir().unwrap();
    let source = "export default ({ params: { phone } }) => phone === 'keep' ? null : { data: { phone: phone.slice(-3) } }";
    let hooks = vec![hook(folder.path(), "process_client_phone", source)];
    let hooks = Hooks::new(hooks, Rules::default(), Clock::default()).unwrap();
    let decide = async |point, phone: &str| {
        hooks
            .decide(point, &json!({"params": {"phone": phone}}))
            .await
    };
    let Decision::Changed(change) = decide(Point::ClientPhone, "84285550123").await else {
        panic!("nothing was changed");
    };
    assert_eq!(change.data.get("phone"), Some(&json!("123")));
    let unchanged = |why| Decision::Unchanged { why };
    assert_eq!(
        decide(Point::ClientPhone, "keep").await,
        unchanged(Why::Wanted)
    );
    assert_eq!(
        decide(Point::UserPhone, "101").await,
        unchanged(Why::NoHook)
    );
    let Decision::Unchanged {
        why: Why::Failed {
            how: Kind::Invalid,
            what,
        },
    } = decide(Point::ClientPhone, "none").await
    else {
        panic!("it was taken");
    };
    assert!(what.contains("data.phone has no digits"), "{what}");
    let counts = hooks.at(Point::ClientPhone).unwrap().counts();
    assert_eq!(
        (counts.changed, counts.unchanged, counts.failed),
        (1, 1, BTreeMap::from([(Kind::Invalid, 1)]))
    );
}

#[tokio::test]
async fn a_hook_that_keeps_failing_is_left_alone_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual("2026-05-04T12:00:00Z".parse().unwrap());
    let hooks = vec![hook(
        folder.path(),
        "process_user_phone",
        "export default () => { throw 1 }",
    )];
    let hooks = Hooks::new(hooks, Rules::default(), clock.clone()).unwrap();
    let decide = async || match hooks.decide(Point::UserPhone, &json!({})).await {
        Decision::Unchanged { why } => why,
        other => panic!("{other:?}"),
    };
    for _ in 0..5 {
        assert!(matches!(
            decide().await,
            Why::Failed {
                how: Kind::Crashed,
                ..
            }
        ));
    }
    for _ in 0..3 {
        assert_eq!(decide().await, Why::Suspended);
    }
    clock.advance(SignedDuration::from_secs(30));
    let mended = "export default () => ({ data: { phone: '22' } }) // longer than before";
    fs::write(folder.path().join("process_user_phone.js"), mended).unwrap();
    assert!(matches!(
        hooks.decide(Point::UserPhone, &json!({})).await,
        Decision::Changed(_)
    ));
    assert_eq!(hooks.hooks()[0].counts().suspended, 3);
}

#[test]
fn the_more_precise_name_is_asked_and_two_of_a_kind_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let names = |names: &[&str]| {
        let hooks = names
            .iter()
            .map(|name| hook(folder.path(), name, ""))
            .collect();
        Hooks::new(hooks, Rules::default(), Clock::default())
    };
    let asked = |hooks: &Hooks, point| hooks.at(point).unwrap().contract().name;
    for order in [
        ["process_phone_number", "process_user_phone"],
        ["process_user_phone", "process_phone_number"],
    ] {
        let hooks = names(&order).unwrap();
        assert_eq!(asked(&hooks, Point::UserPhone), "process_user_phone");
        assert_eq!(asked(&hooks, Point::ClientPhone), "process_phone_number");
    }
    let twice = names(&["customize_entity", "get_updated_lead_fields"]).unwrap_err();
    assert_eq!(
        twice.to_string(),
        "customize_entity and get_updated_lead_fields are both asked after an incoming call was finished whose lead was made for it; keep one of them"
    );
    let runner = Runner::JavaScript(Script::new("none", pool(1)));
    assert_eq!(
        Hook::new("none", runner, AMPLE).unwrap_err(),
        Unusable::Name("none".to_owned())
    );
}

/// Programs that answer in every bad way, and one that leaves something running.
const BAD: [&str; 14] = [
    "echo 5",
    "echo '[]'",
    "echo '{\"data\": 5}'",
    "echo '{\"data\": {\"phone\": [1]}}'",
    "printf '{\"data\": {\"phone\": \"1'",
    "head -c 100000 /dev/urandom",
    "head -c 5000000 /dev/zero",
    "yes '[' | head -c 900000",
    "cat /dev/zero",
    "exec >&-; sleep 60",
    "echo '{\"data\": {\"phone\": \"123\"}}'; exit 1",
    "kill -SEGV $$",
    "for at in 1 2 3 4 5 6 7 8; do sleep 60 & done; wait",
    "while true; do echo x >&2; done",
];

#[tokio::test]
async fn whatever_a_program_does_the_next_is_asked_as_if_nothing_was() {
    let turns = Arc::new(tokio::sync::Semaphore::new(2));
    let program = |script: &str| {
        let command = ["sh", "-c", script].map(str::to_owned);
        let program = crate::runner::program::Program::new(command.into(), "/", Arc::clone(&turns));
        let within = Duration::from_millis(250);
        Hook::new("process_client_phone", Runner::Program(program), within).unwrap()
    };
    let good = "echo '{\"data\": {\"phone\": \"123\"}}'";
    let known = json!({"params": {"phone": "1"}});
    let now = Timestamp::UNIX_EPOCH;
    for script in BAD {
        let decision = program(script).ask(&known, now).await;
        assert!(
            matches!(
                decision,
                Decision::Unchanged {
                    why: Why::Failed { .. }
                }
            ),
            "{script}: {decision:?}"
        );
        let ample = Hook {
            timeout: AMPLE,
            ..program(good)
        };
        let decision = ample.ask(&known, now).await;
        assert!(
            matches!(decision, Decision::Changed(_)),
            "{script}: {decision:?}"
        );
    }
}

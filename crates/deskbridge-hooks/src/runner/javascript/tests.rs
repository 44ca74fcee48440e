use std::{fs, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::*;
use crate::runner::Failure;

const NOON: &str = "2026-05-04T12:00:00Z";
/// Long enough for any machine that is not to run into it.
const AMPLE: Duration = Duration::from_secs(20);
/// For those who are to run into it.
const BRIEF: Duration = Duration::from_millis(200);

/// Processes that are this very program, told to be [`the_process_of_other_tests`].
pub(crate) fn pool(processes: usize) -> Pool {
    let name = "runner::javascript::tests::the_process_of_other_tests";
    let arguments = ["--exact", name].map(str::to_owned);
    let program = std::env::current_exe().unwrap();
    let arguments = arguments.into();
    Pool::new(processes, Player { program, arguments })
}

/// What other tests start, on a socket. When nobody did, there is none, and nothing to be done.
#[test]
fn the_process_of_other_tests() {
    drop(child::serve());
}

async fn run(source: &str, input: &Value, within: Duration) -> Result<String, Failure> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hook.js");
    fs::write(&path, source).unwrap();
    let script = Script::new(path, pool(1));
    call(&script, input, within).await
}

async fn call(script: &Script, input: &Value, within: Duration) -> Result<String, Failure> {
    let now: Timestamp = NOON.parse().unwrap();
    let input = input.to_string();
    let answer = script
        .run(input.as_bytes(), now, Instant::now() + within)
        .await?;
    Ok(String::from_utf8(answer).unwrap())
}

/// What an expression of the input comes to.
async fn comes_to(expression: &str) -> Value {
    let source = format!("export default (input) => {expression}");
    let answer = run(&source, &json!({"a": "ä\u{1f600}", "n": 0.1}), AMPLE).await;
    let answer = answer.unwrap_or_else(|failure| panic!("{expression}: {failure}"));
    serde_json::from_str(&answer).unwrap_or(Value::Null)
}

#[tokio::test]
async fn a_script_is_told_the_input_and_nothing_else() {
    for (expression, wanted) in [
        ("input", json!({"a": "ä\u{1f600}", "n": 0.1})),
        ("undefined", Value::Null),
        ("null", Value::Null),
        ("Promise.resolve(input.n)", json!(0.1)),
        ("Date.now()", json!(1_777_896_000_000_i64)),
        ("new Date()", json!("2026-05-04T12:00:00.000Z")),
        (
            "new Date(0).toISOString()",
            json!("1970-01-01T00:00:00.000Z"),
        ),
        ("new Date().constructor.now()", json!(1_777_896_000_000_i64)),
        ("new Date() instanceof Date", json!(true)),
        ("typeof now", json!("undefined")),
        ("Math.random()", json!(0.6270739405881613)),
        ("eval('1 + 1')", json!(2)),
        (
            "['require', 'process', 'std', 'os', 'fetch', 'setTimeout', 'performance', 'Atomics', 'SharedArrayBuffer', 'Proxy', 'WeakRef', 'WebAssembly', 'print', 'navigator'].filter((name) => name in globalThis)",
            json!([]),
        ),
    ] {
        assert_eq!(comes_to(expression).await, wanted, "{expression}");
    }
}

#[tokio::test]
async fn no_module_but_itself_can_be_imported() {
    for name in ["std", "os", "fs", "./other.js", "/etc/passwd"] {
        let source = format!("import * as it from {name:?}; export default () => it");
        let failed = run(&source, &json!({}), AMPLE).await;
        assert!(failed.is_err(), "{name}: {failed:?}");
        let source = format!("export default async () => {{ await import({name:?}); return 1; }}");
        let failed = run(&source, &json!({}), AMPLE).await;
        assert!(failed.is_err(), "{name}: {failed:?}");
    }
}

#[tokio::test]
async fn nothing_of_one_call_is_left_for_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hook.js");
    let source = "let calls = 0;
        export default () => {
          calls += 1; Array.prototype.seen = (Array.prototype.seen ?? 0) + 1; globalThis.seen = (globalThis.seen ?? 0) + 1;
          return [calls, [].seen, globalThis.seen, Math.random()];
        }";
    fs::write(&path, source).unwrap();
    let script = Script::new(path, pool(1));
    for _ in 0..3 {
        let answer = call(&script, &json!({}), AMPLE).await.unwrap();
        assert_eq!(answer, "[1,1,1,0.6270739405881613]");
    }
}

#[tokio::test]
async fn a_changed_file_is_read_again_and_a_broken_one_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hook.js");
    let script = Script::new(&path, pool(1));
    let missing = call(&script, &json!({}), AMPLE).await.unwrap_err();
    assert!(
        missing.to_string().contains("hook.js cannot be read"),
        "{missing}"
    );
    fs::write(&path, "export default () => 1").unwrap();
    assert_eq!(call(&script, &json!({}), AMPLE).await.unwrap(), "1");
    fs::write(&path, "export default () => 22").unwrap();
    assert_eq!(call(&script, &json!({}), AMPLE).await.unwrap(), "22");
    fs::write(&path, "export default () =>\n  {{{").unwrap();
    let broken = call(&script, &json!({}), AMPLE)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        broken.contains("it cannot be compiled") && broken.contains("hook.js:2"),
        "{broken}"
    );
    fs::write(&path, "const nothing = 1;").unwrap();
    let without = call(&script, &json!({}), AMPLE)
        .await
        .unwrap_err()
        .to_string();
    assert!(without.contains("no default export"), "{without}");
}

#[tokio::test]
async fn what_a_script_throws_is_told_with_its_place() {
    let source = "export default (input) => {\n  throw new TypeError('no such line');\n}";
    let failed = run(source, &json!({}), AMPLE)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        failed.contains("no such line") && failed.contains("hook.js:2"),
        "{failed}"
    );
}

/// Scripts that do not end by themselves.
const ENDLESS: [&str; 7] = [
    "while (true) {}",
    "for (;;) { try { while (true) {} } catch (e) {} finally { continue; } }",
    "return new Promise(() => { while (true) {} })",
    "return (async () => { while (true) await null })()",
    "return /^(a+)+$/.test('a'.repeat(40) + 'b')",
    "return { toJSON() { while (true) {} } }",
    "[3, 2, 1].sort(() => { while (true) {} })",
];

#[tokio::test]
async fn an_endless_script_ends_by_the_deadline() {
    for body in ENDLESS {
        let source = format!("export default () => {{ {body} }}");
        let failed = run(&source, &json!({}), BRIEF).await;
        assert!(
            matches!(failed, Err(Failure::TimedOut)),
            "{body}: {failed:?}"
        );
    }
    let at_once = run("while (true) {}; export default () => 1", &json!({}), BRIEF).await;
    assert!(matches!(at_once, Err(Failure::TimedOut)), "{at_once:?}");
}

/// Scripts that want more than there is.
const GREEDY: [&str; 15] = [
    "const again = () => Promise.resolve().then(again); return again()",
    "const again = () => again() + 1; return again()",
    "const again = (x) => [x].map(again); return again(1)",
    "let x = {}; x.toJSON = () => JSON.stringify(x); return x",
    "let x = {}; for (let i = 0; i < 1e6; i++) x = { x }; return x",
    "return 'x'.repeat(1e9)",
    "let x = 'x'; while (true) x += x",
    "const all = []; while (true) all.push({ all: [all] })",
    "const all = new Map(); while (true) all.set({}, 'x'.repeat(1000))",
    "return new Array(1e9).fill(0)",
    "return 'x'.padEnd(2 ** 29)",
    "let x = [1]; while (true) x = x.concat(x)",
    "return JSON.parse('['.repeat(1e6))",
    "return new RegExp('('.repeat(1e5) + ')'.repeat(1e5)).test('x')",
    "const all = []; while (true) all.push(Promise.resolve().then(() => all))",
];

#[tokio::test]
async fn a_script_that_wants_too_much_fails_alone() {
    for body in GREEDY {
        let source = format!("export default () => {{ {body} }}");
        let failed = run(&source, &json!({}), AMPLE).await;
        assert!(
            matches!(
                failed,
                Err(Failure::Crashed(_) | Failure::TooMuch | Failure::TimedOut)
            ),
            "{body}: {failed:?}"
        );
    }
    let long = run("export default () => 'x'.repeat(2e6)", &json!({}), AMPLE).await;
    assert!(matches!(long, Err(Failure::TooMuch)), "{long:?}");
}

#[tokio::test]
async fn lone_surrogates_come_out_as_text() {
    let answer = run("export default () => '\\ud800x'", &json!({}), AMPLE)
        .await
        .unwrap();
    assert!(
        serde_json::from_str::<Value>(&answer).is_ok() || answer.contains("\\ud800"),
        "{answer}"
    );
}

/// Loops of the engine's own, in which it does not ask whether to go on.
const DEAF: [&str; 3] = [
    "return Array.prototype.reverse.call({ length: 2 ** 40 })",
    "return Array.prototype.indexOf.call({ length: 2 ** 40 }, 1)",
    "return [].lastIndexOf.call({ length: 2 ** 40 }, 1)",
];

#[tokio::test]
async fn a_process_that_does_not_listen_is_killed_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(1);
    let script = |name: &str, body: &str| {
        let path = folder.path().join(name);
        fs::write(&path, format!("export default () => {{ {body} }}")).unwrap();
        Script::new(path, pool.clone())
    };
    let good = script("good.js", "return 1");
    for body in DEAF {
        let failed = call(&script("deaf.js", body), &json!({}), BRIEF).await;
        assert!(
            matches!(failed, Err(Failure::TimedOut)),
            "{body}: {failed:?}"
        );
        assert_eq!(call(&good, &json!({}), AMPLE).await.unwrap(), "1");
    }
}

#[tokio::test]
async fn a_process_that_is_killed_is_told_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hook.js");
    fs::write(&path, "export default () => 1").unwrap();
    let script = Script::new(path, pool(1));
    assert_eq!(call(&script, &json!({}), AMPLE).await.unwrap(), "1");
    script.pool_of_tests().kill();
    let failed = call(&script, &json!({}), AMPLE).await.unwrap_err();
    assert_eq!(
        failed.to_string(),
        "it failed: its process ended: signal: 9 (SIGKILL)"
    );
    assert_eq!(call(&script, &json!({}), AMPLE).await.unwrap(), "1");
}

#[tokio::test]
async fn a_program_that_cannot_be_started_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hook.js");
    fs::write(&path, "export default () => 1").unwrap();
    let nowhere = Player {
        program: "/nowhere/at/all".into(),
        arguments: Vec::new(),
    };
    let script = Script::new(&path, Pool::new(1, nowhere));
    let failed = call(&script, &json!({}), AMPLE).await;
    assert!(matches!(failed, Err(Failure::Start(_))), "{failed:?}");
    // It ends at once, and says nothing.
    let mute = Player {
        program: "/bin/true".into(),
        arguments: Vec::new(),
    };
    let script = Script::new(&path, Pool::new(1, mute));
    let failed = call(&script, &json!({}), AMPLE).await;
    assert!(matches!(failed, Err(Failure::Crashed(_))), "{failed:?}");
}

/// A few of each kind are run on every build, and as many as `DESKBRIDGE_TEST_HOSTILE` says when it is set.
async fn hostile(rounds: usize) {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(2);
    let bodies: Vec<&str> = ENDLESS.into_iter().chain(GREEDY).chain(DEAF).collect();
    let script = |name: &str, source: &str| {
        let path = folder.path().join(name);
        fs::write(&path, source).unwrap();
        Script::new(path, pool.clone())
    };
    let scripts = bodies.iter().enumerate().map(|(at, body)| {
        let source = format!("export default () => {{ {body} }}");
        script(&format!("{at}.js"), &source)
    });
    let scripts: Vec<Script> = scripts.collect();
    let good = script("good.js", "export default ({ n }) => n");
    for round in 0..rounds {
        let script = &scripts[round % scripts.len()];
        let failed = call(script, &json!({}), Duration::from_millis(20)).await;
        assert!(failed.is_err(), "{}", bodies[round % bodies.len()]);
        if round % 25 == 0 {
            let answered = call(&good, &json!({"n": round}), AMPLE).await.unwrap();
            assert_eq!(answered, round.to_string());
        }
    }
}

#[tokio::test]
async fn hostile_scripts_leave_the_pool_as_it_was() {
    let rounds = std::env::var("DESKBRIDGE_TEST_HOSTILE").ok();
    hostile(rounds.map_or(100, |rounds| rounds.parse().unwrap())).await;
}

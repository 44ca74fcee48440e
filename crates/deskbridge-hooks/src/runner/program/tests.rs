use std::fs;

use serde_json::json;

use super::*;

/// Long enough for any machine that is not to run into it.
const AMPLE: Duration = Duration::from_secs(20);
/// For those who are to run into it.
const BRIEF: Duration = Duration::from_millis(300);

fn turns() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(2))
}

async fn run(program: &Program, input: &str, within: Duration) -> Result<String, Failure> {
    let answer = program
        .run(input.as_bytes(), Instant::now() + within)
        .await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Runs a shell script.
async fn sh(script: &str, input: &str, within: Duration) -> Result<String, Failure> {
    let command = ["sh", "-c", script].map(str::to_owned);
    run(&Program::new(command.into(), "/", turns()), input, within).await
}

/// Whether anything runs whose command line has this mark.
fn runs(mark: &str) -> bool {
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let mut commands = processes.filter_map(|process| {
        let mut command = Vec::new();
        let file = fs::File::open(process.path().join("cmdline")).ok()?;
        std::io::Read::read_to_end(&mut std::io::Read::take(file, 10_000), &mut command).ok()?;
        Some(String::from_utf8_lossy(&command).into_owned())
    });
    commands.any(|command| command.contains(mark))
}

#[tokio::test]
async fn a_program_is_told_the_input_and_answers() {
    assert_eq!(sh("cat", "{\"a\":1}", AMPLE).await.unwrap(), "{\"a\":1}");
    assert_eq!(sh("echo 1", "not read", AMPLE).await.unwrap(), "1\n");
    let long = "x".repeat(900_000);
    assert_eq!(sh("cat", &long, AMPLE).await.unwrap(), long);
    assert_eq!(sh("true", &long, AMPLE).await.unwrap(), "");
}

#[tokio::test]
async fn a_program_has_an_environment_of_its_own() {
    let environment = sh("env | sort | grep -v ^_= | grep -v ^PWD=", "", AMPLE)
        .await
        .unwrap();
    let names: Vec<&str> = environment
        .lines()
        .filter_map(|line| line.split('=').next())
        .collect();
    let names: Vec<&str> = names
        .into_iter()
        .filter(|name| !["OLDPWD", "SHLVL"].contains(name))
        .collect();
    assert_eq!(names, ["LANG", "PATH"]);
}

#[tokio::test]
async fn how_a_program_failed_is_told() {
    let failed = sh("echo gone wrong >&2; exit 3", "", AMPLE)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        failed.contains("exit status: 3") && failed.contains("gone wrong"),
        "{failed}"
    );
    let killed = sh("kill -9 $$", "", AMPLE).await.unwrap_err().to_string();
    assert!(killed.contains("signal: 9"), "{killed}");
    let missing = Program::new(vec!["/nowhere/at/all".to_owned()], "/", turns());
    let missing = run(&missing, "", AMPLE).await.unwrap_err().to_string();
    assert!(missing.contains("/nowhere/at/all"), "{missing}");
    let folder = Program::new(vec!["true".to_owned()], "/nowhere", turns());
    assert!(matches!(
        run(&folder, "", AMPLE).await,
        Err(Failure::Start(_))
    ));
    let loud = sh("yes complaint | head -c 5000000 >&2; exit 1", "", AMPLE).await;
    assert!(loud.unwrap_err().to_string().len() < 1_500);
}

#[tokio::test]
async fn an_answer_has_a_limit() {
    for script in ["yes", "head -c 100000000 /dev/zero", "cat /dev/zero"] {
        let failed = sh(script, "", AMPLE).await;
        assert!(
            matches!(failed, Err(Failure::TooMuch)),
            "{script}: {failed:?}"
        );
    }
}

#[tokio::test]
async fn nothing_of_a_program_outlives_its_time() {
    for (number, script) in [
        "sleep 1000",
        "while :; do :; done",
        "trap '' TERM INT HUP; while :; do sleep 1; done",
        "sleep 1000 & sleep 1000 & wait",
        "exec >&- 2>&-; sleep 1000",
        "exec <&-; sleep 1000",
        // It breeds to 128: one without an end would take the machine from the other tests.
        "bomb() { [ $1 -gt 0 ] || exec sleep 1000; bomb $(($1 - 1)) & bomb $(($1 - 1)); }; bomb 7",
    ]
    .into_iter()
    .enumerate()
    {
        let mark = format!("deskbridge-mark-{}-{number}", std::process::id());
        let failed = sh(&format!(": {mark}; {script}"), "", BRIEF).await;
        assert!(failed.is_err(), "{script}: {failed:?}");
        testkit::wait_for(&format!("{script} is gone"), async || {
            (!runs(&mark)).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn what_a_program_leaves_running_ends_with_it() {
    let mark = format!("deskbridge-mark-{}-left", std::process::id());
    let answer = sh(&format!("sh -c ': {mark}; sleep 1000' & echo 1"), "", AMPLE).await;
    assert_eq!(answer.unwrap(), "1\n");
    testkit::wait_for("what was left running is gone", async || {
        (!runs(&mark)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_caller_who_leaves_takes_the_program_along() {
    let folder = tempfile::tempdir().unwrap();
    let begun = folder.path().join("begun");
    let mark = format!("deskbridge-mark-{}-caller", std::process::id());
    let script = format!(": {mark}; touch {}; sleep 1000", begun.display());
    {
        let mut running = Box::pin(sh(&script, "", AMPLE));
        let begins = testkit::wait_for("it has begun", async || begun.exists().then_some(()));
        tokio::select! {
            ended = &mut running => panic!("it ended: {ended:?}"),
            () = begins => {}
        }
    }
    testkit::wait_for("it is gone", async || (!runs(&mark)).then_some(())).await;
}

#[tokio::test]
async fn who_comes_to_no_turn_is_told_so() {
    let turns = Arc::new(Semaphore::new(0));
    let program = Program::new(vec!["true".to_owned()], "/", turns);
    assert!(matches!(run(&program, "", BRIEF).await, Err(Failure::Busy)));
}

async fn php_answers(source: &str) -> Result<String, Failure> {
    super::super::need_php();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hook.php");
    fs::write(&file, source).unwrap();
    let program = super::super::php::program(super::super::PHP, &file, turns());
    let input = json!({"params": {"phone": "8 (343) 1"}, "call_stage": "call_ended"});
    run(&program, &input.to_string(), AMPLE).await
}

#[tokio::test]
async fn a_php_file_returns_or_prints_its_answer() {
    for (source, wanted) in [
        (
            "<?php return ['data' => ['phone' => $params['phone']]];",
            r#"{"data":{"phone":"8 (343) 1"}}"#,
        ),
        (
            "<?php echo json_encode(['data' => $params]);",
            r#"{"data":{"phone":"8 (343) 1"}}"#,
        ),
        (
            "<?php echo json_encode(['s' => $call_stage]); exit;",
            r#"{"s":"call_ended"}"#,
        ),
        (
            "<?php echo 'debugging'; return ['data' => []];",
            r#"{"data":[]}"#,
        ),
        ("<?php return json_encode(['a' => 1]);", r#"{"a":1}"#),
        ("<?php $params['phone'] = 1;", ""),
        ("<?php return null;", ""),
        (
            "<?php echo $undefined; return ['a' => 'д/'];",
            r#"{"a":"д/"}"#,
        ),
    ] {
        let answer = php_answers(source).await;
        assert_eq!(answer.unwrap(), wanted, "{source}");
    }
    for source in [
        "<?php throw new Exception('gone wrong');",
        "<?php echo '{}'; syntax error",
        "<?php undefined_function();",
        "<?php return ['a' => \"\\xff\"];",
        "<?php $a = []; while (true) { $a[] = str_repeat('x', 1000000); }",
    ] {
        let answer = php_answers(source).await;
        assert!(
            matches!(answer, Err(Failure::Crashed(_))),
            "{source}: {answer:?}"
        );
    }
}

//! Hooks: a script in a process of ours, and what is added to the start of an interpreter.

pub(crate) mod hostile;

use std::{fmt::Write as _, path::Path, process::Stdio, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use deskbridge_hooks::{
    Decision, Hook, Hooks, Point, Runner,
    hooks::TIMEOUT,
    runner::{
        javascript::{Player, Pool, Script},
        php,
        program::Program,
    },
};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, process::Command, sync::Semaphore, time::Instant};

/// The argument by which this program starts itself to serve scripts.
pub(crate) const SERVE_SCRIPTS: &str = "serve-scripts";
/// The argument by which it starts itself on one core.
pub(crate) const RATE: &str = "hooks-rate";
const NAME: &str = "process_registration_params";
const CALLS: usize = 20_000;
const STARTS: usize = 200;
const INPUT_BYTES: usize = 2_000;

const SCRIPT: &str = "
const countries = { 7: 11, 84: 11 };
const digits = (text) => text.replace(/\\D/g, '');
export default function ({ params, call_full }) {
  const number = digits(params.PHONE_NUMBER);
  const known = Object.keys(countries).find((code) => number.startsWith(code));
  const rang = Object.values(call_full.conversations).length;
  return { data: { PHONE_NUMBER: known ? '+' + number : number.slice(-10), CRM_SOURCE: rang > 2 ? 'CALL' : 'OTHER' }, state: 'success' };
}";
const PYTHON: &str = "import json, sys
params = json.load(sys.stdin)['params']
json.dump({'data': {'PHONE_NUMBER': params['PHONE_NUMBER'][-10:]}, 'state': 'success'}, sys.stdout)
";

const PHP: &str = "<?php
return ['data' => ['PHONE_NUMBER' => substr($params['PHONE_NUMBER'], -10)], 'state' => 'success'];
";
/// The same without what makes a hook of it.
const BARE_PHP: &str = "<?php
$params = json_decode(stream_get_contents(STDIN), true)['params'];
echo json_encode(['data' => ['PHONE_NUMBER' => substr($params['PHONE_NUMBER'], -10)], 'state' => 'success']);
";

/// Measures, and gives a table.
pub(crate) async fn measure() -> anyhow::Result<String> {
    let folder = tempfile::tempdir()?;
    let known = input();
    let bytes = known.to_string().len();
    let mut table = String::from("| What | Target | Measured |\n|---|---|---|\n");
    let hooks = scripted(folder.path())?;
    let mut took = Vec::new();
    for _ in 0..CALLS {
        took.push(timed(&hooks, &known).await?);
    }
    writeln!(
        table,
        "| A hook in JavaScript, {bytes} bytes, one after another | p99 under 1 ms | {} |",
        quantiles(&mut took)
    )?;
    let on_one = on_one_core().await?;
    writeln!(
        table,
        "| … one process for the scripts, 8 callers, all on one core | 5,000 a second | {on_one:.0} a second |"
    )?;
    let on_all = rate(&hooks, &known).await?;
    writeln!(
        table,
        "| … the same on every core | | {on_all:.0} a second |"
    )?;
    writeln!(table, "{}", in_python(folder.path(), &known).await?)?;
    writeln!(table, "{}", in_php(folder.path(), &known).await?)?;
    Ok(table)
}

/// Calls a second of eight callers, for whoever started this on one core.
pub(crate) async fn measure_rate() -> anyhow::Result<Value> {
    let folder = tempfile::tempdir()?;
    let (hooks, known) = (scripted(folder.path())?, input());
    // The process is started and has the script.
    timed(&hooks, &known).await?;
    Ok(json!({"per_second": rate(&hooks, &known).await?}))
}

async fn rate(hooks: &Hooks, known: &Value) -> anyhow::Result<f64> {
    let started = Instant::now();
    let mut asked = stream::iter(0..CALLS)
        .map(|_| timed(hooks, known))
        .buffer_unordered(8);
    while let Some(took) = asked.next().await {
        took?;
    }
    Ok(CALLS as f64 / started.elapsed().as_secs_f64())
}

/// The same by this program, all of whose processes share one core.
async fn on_one_core() -> anyhow::Result<f64> {
    let asked = Command::new("taskset")
        .args(["--cpu-list", "0"])
        .arg(std::env::current_exe()?)
        .arg(RATE)
        .stderr(Stdio::inherit())
        .output()
        .await
        .context("taskset is missing: apt-get install util-linux")?;
    let answered: Value = serde_json::from_slice(&asked.stdout).context("no rate was measured")?;
    let rate = answered.get("per_second").and_then(Value::as_f64);
    rate.context("no rate was measured")
}

/// The script, run by one process.
fn scripted(folder: &Path) -> anyhow::Result<Hooks> {
    let path = folder.join("hook.js");
    std::fs::write(&path, SCRIPT)?;
    let script = Script::new(path, Pool::new(1, player()?));
    hooks(NAME, Runner::JavaScript(script), TIMEOUT)
}

/// This program, as it serves scripts.
fn player() -> anyhow::Result<Player> {
    Ok(Player {
        program: std::env::current_exe()?,
        arguments: vec![SERVE_SCRIPTS.to_owned()],
    })
}

async fn in_python(folder: &Path, known: &Value) -> anyhow::Result<String> {
    let path = folder.join("hook.py");
    std::fs::write(&path, PYTHON)?;
    let bare = vec![interpreter().await?, path.display().to_string()];
    let program = Program::new(bare.clone(), folder, Arc::new(Semaphore::new(1)));
    external("Python", program, &bare, known).await
}

async fn in_php(folder: &Path, known: &Value) -> anyhow::Result<String> {
    let (path, bare) = (folder.join("hook.php"), folder.join("bare.php"));
    std::fs::write(&path, PHP)?;
    std::fs::write(&bare, BARE_PHP)?;
    let program = php::program("php", &path, Arc::new(Semaphore::new(1)));
    let bare = ["php".to_owned(), bare.display().to_string()];
    external("PHP", program, &bare, known).await
}

async fn external(
    language: &str,
    program: Program,
    command: &[String],
    known: &Value,
) -> anyhow::Result<String> {
    let hooks = hooks(NAME, Runner::Program(program), Duration::from_secs(10))?;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    // In turn, so that what else the machine does falls on both.
    for _ in 0..STARTS {
        ours.push(timed(&hooks, known).await?);
        bare.push(started(command, known).await?);
    }
    let (mut ours_sorted, mut bare_sorted) = (ours.clone(), bare.clone());
    ours_sorted.sort();
    bare_sorted.sort();
    let median = |sorted: &[Duration]| sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    let added = median(&ours_sorted).as_secs_f64() - median(&bare_sorted).as_secs_f64();
    Ok(format!(
        "| A hook in {language} against the interpreter alone, {STARTS} times | under 2 ms more | {:.2} ms more at the median: {} against {} |",
        added * 1e3,
        quantiles(&mut ours),
        quantiles(&mut bare)
    ))
}

/// The interpreter itself: what is in the path may be a script that looks for it.
async fn interpreter() -> anyhow::Result<String> {
    let asked = Command::new("python3")
        .args(["-c", "import sys; print(sys.executable)"])
        .output()
        .await
        .context("python3 is missing: apt-get install python3")?;
    Ok(String::from_utf8(asked.stdout)?.trim().to_owned())
}

async fn started(command: &[String], known: &Value) -> anyhow::Result<Duration> {
    let (program, arguments) = command.split_first().context("no command")?;
    let started = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("{program} is missing"))?;
    let mut stdin = child.stdin.take().context("no pipe")?;
    stdin.write_all(known.to_string().as_bytes()).await?;
    drop(stdin);
    let ended = child.wait_with_output().await?;
    anyhow::ensure!(ended.status.success(), "the interpreter failed");
    Ok(started.elapsed())
}

fn hooks(name: &str, runner: Runner, timeout: Duration) -> anyhow::Result<Hooks> {
    let hook = Hook::new(name, runner, timeout)?;
    Ok(Hooks::new(
        vec![Arc::new(hook)],
        deskbridge_hooks::suspension::Rules::default(),
        deskbridge_core::Clock::default(),
    )?)
}

async fn timed(hooks: &Hooks, known: &Value) -> anyhow::Result<Duration> {
    let started = Instant::now();
    match hooks.decide(Point::RegistrationParams, known).await {
        Decision::Changed(_) => Ok(started.elapsed()),
        other => bail!("nothing was changed: {other:?}"),
    }
}

/// A call with as many conversations as make it so long.
fn input() -> Value {
    let mut conversations = serde_json::Map::new();
    loop {
        let known = json!({
            "params": {"PHONE_NUMBER": "+84 28 5550 0123", "USER_ID": 7, "TYPE": 2, "CRM_CREATE": true},
            "call_full": {"conversations": conversations, "is_ivr": false, "record": "", "result": 200},
        });
        if known.to_string().len() >= INPUT_BYTES {
            return known;
        }
        let id = format!("1700000000.{}", conversations.len());
        let conversation = json!({"channel": {
            "id": id, "name": "PJSIP/101-00000001", "state": "ended", "type": "incoming", "was_answered": true,
            "start_time": "2026-05-04 12:00:00", "answer_time": "2026-05-04 12:00:05",
        }, "is_parked": false});
        conversations.insert(id, conversation);
    }
}

fn quantiles(took: &mut [Duration]) -> String {
    let mut at = |part: f64| quantile(took, part).as_secs_f64() * 1e3;
    format!(
        "p50 {:.2} ms, p99 {:.2} ms, longest {:.2} ms",
        at(0.5),
        at(0.99),
        at(1.0)
    )
}

/// The span below which this part of them lies.
fn quantile(took: &mut [Duration], part: f64) -> Duration {
    took.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in the list"
    )]
    let index = (took.len() as f64 * part) as usize;
    let found = took.get(index.min(took.len().saturating_sub(1)));
    found.copied().unwrap_or_default()
}

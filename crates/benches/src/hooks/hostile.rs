//! Scripts that mean harm: whether every call goes on by its default, and whether the program that asks them is unharmed.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, bail, ensure};
use benches::memory::{peak_mib, resident_mib_of};
use deskbridge_hooks::{
    Decision, Point, Runner, Why,
    runner::{
        javascript::{Pool, Script},
        program::Program,
    },
};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::{
    sync::{Semaphore, watch},
    time::{Instant, sleep, sleep_until, timeout},
};

use super::quantile;

const NAME: &str = "process_client_phone";
/// How long each may take. Shorter than the usual, as most of them use it up.
const TIMEOUT: Duration = Duration::from_millis(100);
/// How long the good hook may take, which is the usual.
const TIMEOUT_OF_GOOD: Duration = deskbridge_hooks::TIMEOUT;
/// How many processes for scripts, and how many programs at once, as the program has them unless it is told otherwise.
const SCRIPTS_AT_ONCE: usize = 2;
const PROGRAMS_AT_ONCE: usize = 4;
/// Longer than all of them could ever take together.
const LASTS_MAX: Duration = Duration::from_secs(3_600);
/// How often it is looked whether the program still answers.
const BEAT: Duration = Duration::from_millis(20);

/// In JavaScript; `@N` is another number in each.
const SCRIPTS: [(&str, &str); 9] = [
    ("endless loop", "for (;;) {}"),
    (
        "endless loop that catches",
        "for (;;) { try { for (;;) {} } catch {} finally { continue; } }",
    ),
    (
        "endless loop of the engine",
        "return Array.prototype.reverse.call({ length: 2 ** 40 + @N })",
    ),
    (
        "endless recursion",
        "const again = () => again() + @N; return again()",
    ),
    (
        "endless recursion through calls back",
        "const again = (x) => [x].map(again); return again(@N)",
    ),
    ("1 GB string", "return 'x'.repeat(1e9 + @N)"),
    (
        "1 GB string that grows",
        "let x = 'x' + @N; for (;;) x += x;",
    ),
    (
        "100 MB output",
        "return { data: new Array(100 + @N % 7).fill('x'.repeat(1e6)) }",
    ),
    ("invalid UTF-8", "return { data: '\\ud800' + @N }"),
];

/// For the shell; `@N` is another number in each, and what sleeps `@M` seconds can be told from what others started.
const PROGRAMS: [(&str, &str); 10] = [
    ("endless loop", "while :; do :; done"),
    ("endless recursion", "again() { again $1; }; again @N"),
    (
        "1 GB string",
        "x=$(head -c 1000000000 /dev/zero | tr '\\0' x); echo $x",
    ),
    (
        "fork bomb",
        "bomb() { [ $1 -gt 0 ] || exec sleep @M; bomb $(($1 - 1)) & bomb $(($1 - 1)); }; bomb 7",
    ),
    (
        "ignoring SIGTERM",
        "trap '' TERM INT HUP QUIT; while :; do sleep @M; done",
    ),
    ("closing its pipes", "exec <&- >&- 2>&-; sleep @M"),
    ("100 MB output", "head -c 100000000 /dev/zero"),
    (
        "100 MB of complaints",
        "head -c 100000000 /dev/zero >&2; exit 1",
    ),
    (
        "invalid UTF-8",
        "printf '{\"data\": {\"phone\": \"\\377\\376@N\"}}'",
    ),
    ("killing itself", "kill -9 $$"),
];

/// How one call ended.
struct Ended {
    kind: &'static str,
    how: &'static str,
    took: Duration,
}

/// How the program did meanwhile.
#[derive(Default)]
struct Health {
    /// How late its own timers were.
    late: Vec<Duration>,
    /// How long a good hook took.
    good: Vec<Duration>,
    good_failed: u64,
}

/// Runs so many, each another one, and says what came of it.
pub(crate) async fn measure(count: usize) -> anyhow::Result<Value> {
    let measured = timeout(LASTS_MAX, all(count)).await;
    measured.context("the scripts are not at their end after an hour")?
}

async fn all(count: usize) -> anyhow::Result<Value> {
    let folder = tempfile::tempdir()?;
    let me = std::process::id();
    let resident = resident_mib_of(me)?;
    let began = Instant::now();
    let (is_over, over) = watch::channel(false);
    let attack = async {
        let half = count / 2;
        let (in_processes, programs) = tokio::join!(
            scripts(folder.path(), half + count % 2),
            programs(folder.path(), half)
        );
        is_over.send_replace(true);
        let mut ended = in_processes?;
        ended.extend(programs?);
        anyhow::Ok(ended)
    };
    let (ended, health) = tokio::join!(attack, watched(folder.path(), over));
    let (ended, mut health) = (ended?, health?);
    let lasted = began.elapsed();
    let left = left_running().await?;
    let mut by_kind: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
    for one in &ended {
        let of_kind = by_kind.entry(one.kind).or_default();
        *of_kind.entry(one.how).or_default() += 1;
    }
    let by_default = ended.iter().filter(|one| one.how != CHANGED).count();
    let mut took: Vec<Duration> = ended.iter().map(|one| one.took).collect();
    Ok(json!({
        "what": "hostile hooks",
        "scripts": ended.len(),
        "went_on_by_default": by_default,
        "timeout_ms": milliseconds(TIMEOUT),
        "longest_ms": milliseconds(quantile(&mut took, 1.0)),
        "p99_ms": milliseconds(quantile(&mut took, 0.99)),
        "seconds": lasted.as_secs_f64(),
        "ended": by_kind,
        "program": {
            "resident_mib_before": resident,
            "resident_mib_after": resident_mib_of(me)?,
            "resident_mib_peak": peak_mib()?,
            "beats": health.late.len(),
            "late_ms_p99": milliseconds(quantile(&mut health.late, 0.99)),
            "late_ms_longest": milliseconds(quantile(&mut health.late, 1.0)),
            "good_hook_asked": health.good.len() as u64 + health.good_failed,
            "good_hook_failed": health.good_failed,
            "good_hook_ms_p99": milliseconds(quantile(&mut health.good, 0.99)),
        },
        "processes_left": left,
    }))
}

/// What a hostile answer must never come to.
const CHANGED: &str = "changed";

async fn scripts(folder: &Path, count: usize) -> anyhow::Result<Vec<Ended>> {
    let pool = Pool::new(SCRIPTS_AT_ONCE, super::player()?);
    let asked = stream::iter(0..count).map(|number| {
        let pool = pool.clone();
        async move {
            let (kind, body) = of(&SCRIPTS, number)?;
            let path = folder.join(format!("{number}.js"));
            let source = format!("export default () => {{ {} }}", numbered(body, number));
            std::fs::write(&path, source)?;
            let ended = ask(kind, Runner::JavaScript(Script::new(&path, pool))).await;
            std::fs::remove_file(&path)?;
            ended
        }
    });
    together(asked.buffer_unordered(SCRIPTS_AT_ONCE)).await
}

async fn programs(folder: &Path, count: usize) -> anyhow::Result<Vec<Ended>> {
    let turns = Arc::new(Semaphore::new(PROGRAMS_AT_ONCE));
    let asked = stream::iter(0..count).map(|number| {
        let turns = Arc::clone(&turns);
        async move {
            let (kind, script) = of(&PROGRAMS, number)?;
            let command = ["/bin/sh", "-c", &numbered(script, number)].map(str::to_owned);
            let program = Program::new(command.into(), folder, turns);
            ask(kind, Runner::Program(program)).await
        }
    });
    together(asked.buffer_unordered(PROGRAMS_AT_ONCE)).await
}

async fn together(
    mut asked: impl stream::Stream<Item = anyhow::Result<Ended>> + Unpin,
) -> anyhow::Result<Vec<Ended>> {
    let mut all = Vec::new();
    while let Some(ended) = asked.next().await {
        all.push(ended?);
    }
    Ok(all)
}

fn of(
    kinds: &[(&'static str, &'static str)],
    number: usize,
) -> anyhow::Result<(&'static str, &'static str)> {
    let kind = number.checked_rem(kinds.len());
    let kind = kind.and_then(|at| kinds.get(at)).copied();
    kind.context("there are no kinds")
}

fn numbered(source: &str, number: usize) -> String {
    let sleeps = sleeps_for().to_string();
    source
        .replace("@N", &number.to_string())
        .replace("@M", &sleeps)
}

/// How long what sleeps sleeps, which nothing else does.
fn sleeps_for() -> u32 {
    77_000_000 + std::process::id()
}

/// Each has a hook of its own, so that none is left alone because of others.
async fn ask(kind: &'static str, runner: Runner) -> anyhow::Result<Ended> {
    let hooks = super::hooks(NAME, runner, TIMEOUT)?;
    let asked_at = Instant::now();
    let decision = hooks.decide(Point::ClientPhone, &known()).await;
    let took = asked_at.elapsed();
    let how = match decision {
        Decision::Unchanged {
            why: Why::Failed { how, .. },
        } => how.name(),
        Decision::Unchanged { why: Why::Wanted } => "wanted nothing",
        Decision::Changed(_) | Decision::Cancelled => CHANGED,
        Decision::Unchanged {
            why: Why::NoHook | Why::Suspended,
        } => bail!("{kind} was not asked"),
    };
    Ok(Ended { kind, how, took })
}

fn known() -> Value {
    json!({"params": {"phone": "+84 28 5550 0123"}})
}

/// Until all is over: whether timers come when they should, and whether a good hook, with a process of its own, still
/// answers.
async fn watched(folder: &Path, over: watch::Receiver<bool>) -> anyhow::Result<Health> {
    let path = folder.join("good.js");
    let source = "export default ({ params }) => ({ data: { phone: params.phone.slice(-4) } })";
    std::fs::write(&path, source)?;
    let pool = Pool::new(1, super::player()?);
    let good = Runner::JavaScript(Script::new(path, pool));
    let good = super::hooks(NAME, good, TIMEOUT_OF_GOOD)?;
    let mut health = Health::default();
    loop {
        let due = Instant::now() + BEAT;
        sleep_until(due).await;
        health.late.push(due.elapsed());
        let asked_at = Instant::now();
        match good.decide(Point::ClientPhone, &known()).await {
            Decision::Changed(_) => health.good.push(asked_at.elapsed()),
            Decision::Cancelled | Decision::Unchanged { .. } => health.good_failed += 1,
        }
        if *over.borrow() {
            return Ok(health);
        }
    }
}

/// How many processes of theirs are left once they had time to be gone.
async fn left_running() -> anyhow::Result<usize> {
    let mark = sleeps_for().to_string();
    for _ in 0..50 {
        let left = running(&mark)?;
        if left == 0 {
            return Ok(0);
        }
        sleep(Duration::from_millis(100)).await;
    }
    running(&mark)
}

/// How many processes have this in their command line.
fn running(mark: &str) -> anyhow::Result<usize> {
    ensure!(!mark.is_empty(), "every process has nothing");
    let processes = std::fs::read_dir("/proc")?.filter_map(Result::ok);
    let mut count = 0;
    for process in processes {
        let mut command = Vec::new();
        // A process may end while it is looked at.
        let Ok(file) = std::fs::File::open(process.path().join("cmdline")) else {
            continue;
        };
        drop(std::io::Read::read_to_end(
            &mut std::io::Read::take(file, 1 << 16),
            &mut command,
        ));
        count += usize::from(String::from_utf8_lossy(&command).contains(mark));
    }
    Ok(count)
}

fn milliseconds(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

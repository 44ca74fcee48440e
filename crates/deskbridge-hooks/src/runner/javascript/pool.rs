//! Processes in which scripts run, so that nothing else suffers from them.

use std::{
    collections::HashSet,
    io,
    os::{fd::OwnedFd, unix::net::UnixStream as Socket},
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::{
    io::AsyncWriteExt as _,
    net::UnixStream,
    process::{Child, Command},
    sync::Semaphore,
    time::{Instant, timeout, timeout_at},
};

use super::{
    super::Failure,
    frames::{Order, read_reply},
    script::Version,
};

/// Calls after which a process is replaced, so that what an engine forgets to free does not add up.
const CALLS_MAX: u32 = 100_000;
/// Scripts that a process keeps before it is replaced: a file that is written again and again is a new one each time.
const SCRIPTS_MAX: usize = 200;
/// How long a process that closed its socket may take to say how it ended.
const ENDED_AFTER: Duration = Duration::from_millis(200);

/// How a process is started that [serves scripts](super::child::serve).
#[derive(Clone, Debug)]
pub struct Player {
    /// The program, which is mostly the one that runs.
    pub program: PathBuf,
    /// The arguments by which it knows what it is there for.
    pub arguments: Vec<String>,
}

/// The processes.
#[derive(Clone, Debug)]
pub struct Pool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    player: Player,
    turns: Semaphore,
    idle: Mutex<Vec<Process>>,
}

/// A process. It is killed when this goes.
#[derive(Debug)]
struct Process {
    child: Child,
    socket: UnixStream,
    /// The scripts that it has.
    kept: HashSet<u64>,
    calls: u32,
    /// It ended, or said what no process says.
    is_out_of_order: bool,
}

impl Pool {
    /// A pool in which so many scripts run at once. Processes are started when they are needed.
    pub fn new(processes: usize, player: Player) -> Self {
        Self(Arc::new(Inner {
            player,
            turns: Semaphore::new(processes),
            idle: Mutex::new(Vec::new()),
        }))
    }

    /// Has a script compiled, and kept by the process that will be asked next.
    pub(super) async fn keep(&self, version: &Version, deadline: Instant) -> Result<(), Failure> {
        self.with(deadline, async |process| process.keep(version).await)
            .await
    }

    pub(super) async fn call(
        &self,
        version: &Version,
        input: &[u8],
        now: Timestamp,
        deadline: Instant,
    ) -> Result<Vec<u8>, Failure> {
        self.with(deadline, async |process| {
            process.keep(version).await?;
            process.calls += 1;
            let left = deadline.saturating_duration_since(Instant::now());
            // A script that can be stopped is stopped a little earlier, so that its process lives on.
            let within = left.saturating_sub(left / 20);
            let order = Order::Call {
                script: version.id,
                now_ms: now.as_millisecond(),
                within_ms: u32::try_from(within.as_millis()).unwrap_or(u32::MAX),
                input: input.to_vec(),
            };
            process.carry_out(&order).await
        })
        .await
    }

    #[cfg(test)]
    pub(super) fn kill(&self) {
        for process in self.0.idle().iter_mut() {
            process.child.start_kill().unwrap();
        }
    }

    /// Does something with a process that nobody else has meanwhile.
    async fn with<T>(
        &self,
        deadline: Instant,
        act: impl AsyncFnOnce(&mut Process) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let turn = timeout_at(deadline, self.0.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(Failure::Busy);
        };
        let mut process = self.0.process().map_err(Failure::Start)?;
        // When its time is over, or nobody waits any more, it goes, and is killed by that.
        let acted = timeout_at(deadline, act(&mut process)).await;
        let acted = acted.map_err(|_elapsed| Failure::TimedOut)?;
        if !process.is_used_up() {
            self.0.idle().push(process);
        }
        acted
    }
}

impl Inner {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Process>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn process(&self) -> io::Result<Process> {
        let idle = self.idle().pop();
        match idle {
            Some(process) => Ok(process),
            None => Process::start(&self.player),
        }
    }
}

impl Process {
    fn start(player: &Player) -> io::Result<Self> {
        let (ours, theirs) = Socket::pair()?;
        ours.set_nonblocking(true)?;
        let mut command = Command::new(&player.program);
        command
            .args(&player.arguments)
            .env_clear()
            .current_dir("/")
            // What interrupts the program in a terminal does not end its calls.
            .process_group(0)
            .kill_on_drop(true)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Ok(Self {
            child: command.spawn()?,
            socket: UnixStream::from_std(ours)?,
            kept: HashSet::new(),
            calls: 0,
            is_out_of_order: false,
        })
    }

    async fn keep(&mut self, version: &Version) -> Result<(), Failure> {
        if self.kept.contains(&version.id) {
            return Ok(());
        }
        let order = Order::Keep {
            script: version.id,
            source: version.source.clone(),
        };
        self.carry_out(&order).await?;
        self.kept.insert(version.id);
        Ok(())
    }

    async fn carry_out(&mut self, order: &Order) -> Result<Vec<u8>, Failure> {
        let asked = async {
            self.socket.write_all(&order.to_frame()).await?;
            read_reply(&mut self.socket).await
        };
        match asked.await {
            Ok(reply) => reply,
            Err(_closed) => {
                self.is_out_of_order = true;
                // A process that goes on, though its socket is unusable, is killed when this goes.
                let ended = timeout(ENDED_AFTER, self.child.wait()).await;
                Err(Failure::Crashed(match ended {
                    Ok(Ok(status)) => format!("its process ended: {status}"),
                    Ok(Err(_)) | Err(_) => "its process is out of order".to_owned(),
                }))
            }
        }
    }

    /// Whether it is not to be used again.
    fn is_used_up(&self) -> bool {
        self.is_out_of_order || self.calls >= CALLS_MAX || self.kept.len() >= SCRIPTS_MAX
    }
}

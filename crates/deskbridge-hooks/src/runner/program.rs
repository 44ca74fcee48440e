//! A program of its own: JSON in by standard input, JSON out by standard output.
//!
//! It runs in a process group of its own, with an empty environment and limits on its memory, time, files and
//! processes. When its time is over, and also when it has ended, the whole group is killed, so that nothing that it
//! started outlives the call.

use std::{
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, Command},
    sync::Semaphore,
    time::{Instant, timeout, timeout_at},
};

use super::{ANSWER_BYTES_MAX, Failure, said};

/// How long a killed program may take to be gone before it is left to the runtime to collect.
const GONE_AFTER: Duration = Duration::from_secs(1);
/// Bytes of what it says of errors that are kept.
const SAID_BYTES_MAX: usize = 8 << 10;
/// Limits before the program itself: processes of its user, processor time in seconds, memory in KiB, open files, bytes of a
/// file in half KiB, no core. Not every shell knows every one, and what it does not know is left out. Root has no limit of
/// processes. Memory is what is written to: interpreters reserve far more than they use.
const LIMITED: &str = "ulimit -u 512 2>/dev/null || ulimit -p 512 2>/dev/null
ulimit -t 30 2>/dev/null
ulimit -d 1048576 2>/dev/null
ulimit -n 64 2>/dev/null
ulimit -f 20480 2>/dev/null
ulimit -c 0 2>/dev/null
exec \"$@\"";

/// A hook that is a program.
#[derive(Clone, Debug)]
pub struct Program {
    command: Vec<String>,
    folder: PathBuf,
    turns: Arc<Semaphore>,
}

impl Program {
    /// A program with its arguments, run in a folder, of which as many run at once as `turns` has permits.
    pub fn new(command: Vec<String>, folder: impl Into<PathBuf>, turns: Arc<Semaphore>) -> Self {
        Self {
            command,
            folder: folder.into(),
            turns,
        }
    }

    pub(crate) async fn run(&self, input: &[u8], deadline: Instant) -> Result<Vec<u8>, Failure> {
        let turn = timeout_at(deadline, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(Failure::Busy);
        };
        let mut child = self.start().map_err(Failure::Start)?;
        let mut group = Group::of(&child);
        let talked = timeout_at(deadline, talk(&mut child, input, &mut group)).await;
        drop(group);
        if !matches!(talked, Ok(Ok(_))) {
            // Killed: it is gone in a moment, unless the kernel holds it; then it is collected when it is.
            drop(timeout(GONE_AFTER, child.wait()).await);
        }
        match talked {
            Err(_) => Err(Failure::TimedOut),
            Ok(talked) => answer(talked?),
        }
    }

    fn start(&self) -> std::io::Result<Child> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", LIMITED, "sh"]).args(&self.command);
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LANG", "C.UTF-8")
            .current_dir(&self.folder)
            .process_group(0)
            .kill_on_drop(true)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn()
    }
}

/// The processes that a program consists of; they are killed when this goes, and when the caller does.
///
/// A group is killed once: afterwards its number may be another's.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(Pid::from_raw))
    }

    fn kill(&mut self) {
        if let Some(group) = self.0.take() {
            // An error says that nothing is left.
            kill_process_group(group, Signal::KILL).ok();
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a program did.
struct Ended {
    status: ExitStatus,
    answered: Vec<u8>,
    complained: Vec<u8>,
}

async fn talk(child: &mut Child, input: &[u8], group: &mut Group) -> Result<Ended, Failure> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
        return Err(Failure::Crashed("it has no pipes".to_owned()));
    };
    let tell = async {
        // A program need not read what it is told.
        drop(stdin.write_all(input).await);
        drop(stdin);
        Ok(())
    };
    let listen = async {
        let answered = read(stdout, ANSWER_BYTES_MAX).await;
        match answered.len() > ANSWER_BYTES_MAX {
            true => Err(Failure::TooMuch),
            false => Ok(answered),
        }
    };
    let complaints = async { Ok(drained(stderr).await) };
    let end = async {
        let status = child.wait().await.map_err(Failure::Start)?;
        // What it left running would hold the pipes open.
        group.kill();
        Ok(status)
    };
    let ((), answered, complained, status) = tokio::try_join!(tell, listen, complaints, end)?;
    Ok(Ended {
        status,
        answered,
        complained,
    })
}

/// Reads to the end, or one byte more than the limit.
async fn read(pipe: impl AsyncRead + Unpin, bytes_max: usize) -> Vec<u8> {
    let mut read = Vec::new();
    // What came before an error is what there is.
    drop(pipe.take(bytes_max as u64 + 1).read_to_end(&mut read).await);
    read
}

/// Reads to the end and keeps the beginning, so that a program that complains a lot is not held up.
async fn drained(mut pipe: impl AsyncRead + Unpin) -> Vec<u8> {
    let kept = read(&mut pipe, SAID_BYTES_MAX).await;
    drop(tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await);
    kept
}

fn answer(ended: Ended) -> Result<Vec<u8>, Failure> {
    if ended.status.success() {
        return Ok(ended.answered);
    }
    let complained = String::from_utf8_lossy(&ended.complained);
    Err(Failure::Crashed(said(&format!(
        "{}\n{complained}",
        ended.status
    ))))
}

#[cfg(test)]
mod tests;

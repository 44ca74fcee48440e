//! The program as a process of its own.

use std::{
    io::{BufRead as _, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::Value;
use testkit::wait_for;

/// What a command that ended said.
pub(crate) struct Said {
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The command with nothing of this process's environment that could change it.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deskbridge"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub(crate) async fn run(arguments: &[&str]) -> Said {
    let mut command = command(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    Said {
        status: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A process that runs until it is told to stop, or until this is dropped.
pub(crate) struct Running {
    child: Child,
    out: Lines,
    err: Lines,
}

type Lines = Arc<Mutex<Vec<String>>>;

fn collect(stream: impl Read + Send + 'static) -> Lines {
    let lines = Lines::default();
    let filled = Arc::clone(&lines);
    thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            filled.lock().unwrap().push(line.unwrap());
        }
    });
    lines
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = collect(child.stdout.take().unwrap());
        let err = collect(child.stderr.take().unwrap());
        Self { child, out, err }
    }

    /// The process's number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The first line of standard output, which is JSON.
    pub(crate) async fn ready(&self) -> Value {
        self.line(0).await
    }

    /// A line of standard output, which is JSON, counted from nought.
    pub(crate) async fn line(&self, number: usize) -> Value {
        let line = wait_for("a line of JSON", async || {
            self.out.lock().unwrap().get(number).cloned()
        })
        .await;
        serde_json::from_str(&line).unwrap()
    }

    /// The first line of the log, in JSON, with this message.
    pub(crate) async fn logged(&self, message: &str) -> Value {
        wait_for("a line of the log", async || {
            let lines = self.err.lock().unwrap();
            let mut read = lines.iter().map(|line| {
                serde_json::from_str::<Value>(line)
                    .unwrap_or_else(|error| panic!("{error} in {line}"))
            });
            read.find(|line| line["message"] == message)
        })
        .await
    }

    /// Everything that it has said.
    pub(crate) fn said(&self) -> String {
        let (out, err) = (self.out.lock().unwrap(), self.err.lock().unwrap());
        format!("{}\n{}", out.join("\n"), err.join("\n"))
    }

    /// Asks it to stop, as a service manager does.
    pub(crate) fn terminate(&self) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(sent.success());
    }

    /// How it ended.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        wait_for("the process to end", async || {
            self.child.try_wait().unwrap()
        })
        .await
    }

    /// Ends it as a power cut does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

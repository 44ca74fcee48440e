//! The same over HTTP, as CareSoft would send it: one server at a time in a process of its own, under one load.

use std::{
    cell::{Cell, RefCell},
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, bail};
use futures_util::future::try_join_all;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::Instant,
};

use super::{RUN_FOR, RUNS, Run, compared, disk::Disk, requests::Requests};
use crate::memory::processor_seconds_of;

/// Requests that are made before a run; it ends early when they are used up.
const REQUESTS: u32 = 150_000;

/// Measures with so many clients at once.
pub(crate) async fn measure(clients: u64) -> anyhow::Result<Value> {
    let disk = Disk::here()?;
    let requests = Requests::new(0..REQUESTS)?;
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        bare.push(run(clients, "bare", &disk, &requests).await?);
        ours.push(run(clients, "ours", &disk, &requests).await?);
    }
    Ok(compared(clients, &disk, &bare, &ours))
}

async fn run(clients: u64, kind: &str, disk: &Disk, requests: &Requests) -> anyhow::Result<Run> {
    let server = Server::start(kind, disk)?;
    let before = processor_seconds_of(server.id())?;
    let (took_ms, during) = send(&server.address, clients, requests, RUN_FOR).await?;
    let spent = processor_seconds_of(server.id())? - before;
    Run::of(took_ms, during, Some(spent))
}

/// A server in a process of its own; it ends when this is dropped.
pub(super) struct Server {
    process: Child,
    pub(super) address: String,
}

impl Server {
    /// Starts one of a kind on a database that does not exist yet.
    pub(super) fn start(kind: &str, disk: &Disk) -> anyhow::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["intake-server", kind])
            .arg(disk.fresh()?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting a server")?;
        let mut address = String::new();
        let output = process.stdout.take().context("the server says nothing")?;
        BufReader::new(output.take(100)).read_line(&mut address)?;
        Ok(Self {
            process,
            address: address.trim().to_owned(),
        })
    }

    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its standard input ends with its handle, and then it stops by itself.
        drop(self.process.stdin.take());
        self.process.wait().ok();
    }
}

/// Sends requests over so many connections, each when the last one was acknowledged; how many milliseconds each took.
pub(super) async fn send(
    address: &str,
    clients: u64,
    requests: &Requests,
    during: Duration,
) -> anyhow::Result<(Vec<f64>, Duration)> {
    let opened = (0..clients).map(|_| TcpStream::connect(address));
    let opened = try_join_all(opened).await.context("connecting")?;
    let (next, took) = (Cell::new(0), RefCell::new(Vec::new()));
    let start = Instant::now();
    // One thread serves all of them: the generator shares the cores with the server.
    let busy = opened.into_iter().map(async |mut stream| {
        stream.set_nodelay(true)?;
        let mut answer = Vec::with_capacity(1_024);
        while start.elapsed() < during
            && let Some(request) = requests.get(next.replace(next.get() + 1))
        {
            let sent = Instant::now();
            stream.write_all(request).await.context("sending")?;
            acknowledged(&mut stream, &mut answer).await?;
            took.borrow_mut().push(sent.elapsed().as_secs_f64() * 1e3);
        }
        anyhow::Ok(())
    });
    try_join_all(busy).await?;
    Ok((took.into_inner(), start.elapsed()))
}

/// Reads one answer, which must be 200.
async fn acknowledged(stream: &mut TcpStream, answer: &mut Vec<u8>) -> anyhow::Result<()> {
    answer.clear();
    loop {
        if stream.read_buf(answer).await.context("reading an answer")? == 0 {
            bail!("the connection was closed");
        }
        if !answer.starts_with(b"HTTP/1.1 200 ") {
            bail!("not 200 but: {}", String::from_utf8_lossy(answer));
        }
        let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let text = std::str::from_utf8(answer)?;
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.context("the answer has no length")?.parse()?;
        if answer.len() == head + 4 + length {
            return Ok(());
        }
    }
}

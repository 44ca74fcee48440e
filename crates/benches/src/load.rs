//! A load generator that costs little: prepared bytes over connections that stay open.

use std::time::Duration;

use anyhow::{Context as _, bail};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, sleep_until},
};

/// The largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// One request, to be sent again and again.
pub(crate) struct Load {
    address: String,
    request: Vec<u8>,
}

impl Load {
    pub(crate) fn new(address: &str, target: &str, authorization: &str) -> Self {
        let request = format!(
            "GET {target} HTTP/1.1\r\nhost: {address}\r\nauthorization: {authorization}\r\n\r\n"
        );
        Self {
            address: address.to_owned(),
            request: request.into_bytes(),
        }
    }

    /// Every connection asks again as soon as it was answered.
    pub(crate) async fn throughput(
        &self,
        connections: u32,
        during: Duration,
    ) -> anyhow::Result<Value> {
        let start = Instant::now();
        let busy = (0..connections).map(|_| async {
            let mut connection = Connection::open(&self.address).await?;
            let mut answers = 0u32;
            while start.elapsed() < during {
                connection.ask(&self.request).await?;
                answers += 1;
            }
            anyhow::Ok(answers)
        });
        let answers: u32 = try_join_all(busy).await?.into_iter().sum();
        let per_second = f64::from(answers) / start.elapsed().as_secs_f64();
        Ok(json!({"answers": answers, "per_second": per_second}))
    }

    /// Requests go at fixed times whatever the answers do, and each is timed from when it was due, so that
    /// a pause of the hub counts for everybody who would have asked during it.
    pub(crate) async fn latency(
        &self,
        connections: u32,
        per_second: u32,
        requests: u32,
    ) -> anyhow::Result<Value> {
        let opened = (0..connections).map(|_| Connection::open(&self.address));
        let opened = try_join_all(opened).await?;
        let start = Instant::now() + Duration::from_millis(10);
        let interval = Duration::from_secs(1) / per_second;
        let busy = (0..connections)
            .zip(opened)
            .map(async |(first, mut connection)| {
                let mut took = Vec::new();
                let mut at = first;
                while at < requests {
                    let due = start + interval * at;
                    sleep_until(due).await;
                    connection.ask(&self.request).await?;
                    took.push(due.elapsed());
                    at += connections;
                }
                anyhow::Ok(took)
            });
        let mut took = try_join_all(busy).await?.concat();
        let per_second = f64::from(requests) / start.elapsed().as_secs_f64();
        took.sort_unstable();
        let at_ms = |per_mille: usize| {
            let place = (took.len() * per_mille / 1000).min(took.len().saturating_sub(1));
            took.get(place).map(|took| took.as_secs_f64() * 1e3)
        };
        Ok(json!({
            "answers": took.len(), "per_second": per_second,
            "p50_ms": at_ms(500), "p99_ms": at_ms(990), "p999_ms": at_ms(999), "max_ms": at_ms(1000),
        }))
    }
}

struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    async fn open(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("connecting")?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            answer: Vec::with_capacity(1 << 14),
        })
    }

    /// Sends the request and reads its answer to the end; anything but 200 is an error.
    async fn ask(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(request).await.context("asking")?;
        self.answer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.answer).await;
            if read.context("reading an answer")? == 0 {
                bail!("the connection was closed");
            }
            if let Some(bytes) = length(&self.answer)?
                && self.answer.len() >= bytes
            {
                return Ok(());
            }
            if self.answer.len() > ANSWER_BYTES_MAX {
                bail!("the answer is too long");
            }
        }
    }
}

/// How many bytes the answer has in all, once its head is there.
fn length(answer: &[u8]) -> anyhow::Result<Option<usize>> {
    let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(answer.get(..head).unwrap_or_default())?;
    if !text.starts_with("HTTP/1.1 200 ") {
        bail!("not answered with 200 but: {text}");
    }
    let body = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let right = name.eq_ignore_ascii_case("content-length");
        right.then(|| value.trim().parse::<usize>().ok())?
    });
    Ok(Some(head + 4 + body.context("the answer has no length")?))
}

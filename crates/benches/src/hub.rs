//! The program as a process of its own.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use anyhow::{Context as _, bail};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
};

/// A hub that serves until it is ended.
pub(crate) struct Hub {
    child: Child,
    address: String,
}

impl Drop for Hub {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Hub {
    /// Starts to serve.
    pub(crate) async fn start(program: &Path, config: &Path) -> anyhow::Result<Self> {
        let mut child = Command::new(program)
            .arg("serve")
            .arg("--config")
            .arg(config)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let stderr = child.stderr.take().context("the program has no log")?;
        let (tell, told) = oneshot::channel();
        thread::spawn(move || {
            let mut tell = Some(tell);
            // What nobody reads would hold the program up.
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if let Some(address) = serves(&line)
                    && let Some(tell) = tell.take()
                {
                    drop(tell.send(address));
                }
            }
        });
        let mut hub = Self {
            child,
            address: String::new(),
        };
        hub.address = told
            .await
            .context("the program ended before it served; `deskbridge serve` says why")?;
        Ok(hub)
    }

    /// The process's number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Ends it as a power cut does: it can do nothing about it.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().context("killing the program")?;
        self.child.wait().context("waiting for the program")?;
        Ok(())
    }

    /// Ends it as a service manager does.
    pub(crate) fn terminate(mut self) -> anyhow::Result<()> {
        let id = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status()?;
        let status = self.child.wait().context("waiting for the program")?;
        if !asked.success() || !status.success() {
            bail!("the program ended with {status}");
        }
        Ok(())
    }

    /// What the program measures of itself.
    pub(crate) async fn metrics(&self) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect(&self.address).await?;
        let request = format!(
            "GET /metrics HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
            self.address
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    /// Whether everything that was taken in is carried out.
    pub(crate) async fn is_idle(&self) -> anyhow::Result<bool> {
        let answer = self.metrics().await?;
        let mut open = ["events", "effects"].into_iter().flat_map(|noun| {
            ["pending", "running"]
                .map(|state| format!("\ndeskbridge_{noun}{{state=\"{state}\"}} 0\n"))
        });
        Ok(open.all(|line| answer.contains(&line)))
    }
}

/// The address in the line of the log that says that the program serves.
fn serves(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    let is_it = line.get("message")?.as_str()? == "Deskbridge serves";
    is_it.then(|| Some(line.get("address")?.as_str()?.to_owned()))?
}

//! The program that converts recordings.

use std::{path::Path, process::Stdio, time::Duration};

use tokio::{io::AsyncReadExt as _, process::Command, time::timeout};

use super::Stop;

/// How much of what it says is told.
const SAID_BYTES_MAX: u64 = 1_000;

/// Runs the command, in whose words `{in}` and `{out}` are the files, in a process group of its own, which ends with it.
pub(super) async fn run(
    words: &[String],
    from: &Path,
    into: &Path,
    within: Duration,
) -> Result<(), Stop> {
    let (Some(from), Some(into)) = (from.to_str(), into.to_str()) else {
        return Err(Stop::refused("the path of a recording is no text"));
    };
    let mut words = words
        .iter()
        .map(|word| word.replace("{in}", from).replace("{out}", into));
    let program = words.next().unwrap_or_default();
    let mut command = Command::new(&program);
    command
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| {
        Stop::not_sent(format!(
            "`{program}` of recordings.convert cannot be started: {error}"
        ))
    })?;
    let group = child.id();
    let mut said = child.stderr.take();
    let ended = timeout(within, async {
        let mut text = Vec::new();
        if let Some(said) = &mut said {
            let mut first = said.take(SAID_BYTES_MAX);
            first.read_to_end(&mut text).await?;
            // It must not wait for somebody to read the rest.
            tokio::io::copy(first.into_inner(), &mut tokio::io::sink()).await?;
        }
        let status = child.wait().await?;
        std::io::Result::Ok((status, text))
    });
    match ended.await {
        Ok(Ok((status, _))) if status.success() => Ok(()),
        Ok(Ok((status, text))) => {
            let text = String::from_utf8_lossy(&text);
            let last = text.lines().rfind(|line| !line.trim().is_empty());
            Err(Stop::refused(format!(
                "`{program}` of recordings.convert ended with {status}: {}",
                last.unwrap_or("it said nothing")
            )))
        }
        Ok(Err(error)) => Err(Stop::not_sent(format!("`{program}`: {error}"))),
        Err(_elapsed) => {
            if let Some(group) = group {
                end(group).await;
            }
            Err(Stop::refused(format!(
                "`{program}` of recordings.convert did not end within {} s",
                within.as_secs()
            )))
        }
    }
}

/// Ends everybody whom the command has started.
async fn end(group: u32) {
    let killed = Command::new("kill")
        .args(["-KILL", "--", &format!("-{group}")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await;
    if let Err(error) = killed {
        tracing::warn!(%error, group, "A program that converts a recording was not ended");
    }
}

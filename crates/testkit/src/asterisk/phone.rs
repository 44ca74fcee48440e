//! A phone: one sipp that plays one scenario.

use std::{
    ffi::OsStr,
    fs::{self, File},
    net::Ipv4Addr,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use super::{fail, text};

/// How long a scenario may take.
const SCENARIO_FOR: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What sipp is started with.
pub(super) struct Line<'a> {
    /// The program.
    pub(super) sipp: PathBuf,
    /// Asterisk.
    pub(super) pbx: String,
    /// Where its files go, and the tones are.
    pub(super) folder: PathBuf,
    /// What tells this phone from the others of the folder.
    pub(super) name: String,
    /// Its own address.
    pub(super) address: Ipv4Addr,
    /// Where it waits for calls; one that dials takes any.
    pub(super) port: Option<u16>,
    /// Its own number.
    pub(super) number: &'a str,
    /// What it dials.
    pub(super) dials: &'a str,
    /// What it does.
    pub(super) scenario: String,
}

/// A phone that does what it was told, once. It is gone when this is dropped; what it saw is then printed if the test
/// is failing.
#[derive(Debug)]
pub struct Phone {
    sipp: Child,
    /// Its files, without their extensions.
    files: PathBuf,
}

impl Phone {
    pub(super) fn start(line: &Line<'_>) -> Self {
        let files = line.folder.join(&line.name);
        let file = |extension: &str| files.with_extension(extension);
        let written = fs::write(file("xml"), &line.scenario);
        let output = File::create(file("output"));
        let (Ok(()), Ok(output)) = (written, output) else {
            fail(&format!("{} cannot be written", files.display()));
        };
        let mut command = Command::new(&line.sipp);
        let address = line.address.to_string();
        command
            .arg(&line.pbx)
            .args([OsStr::new("-sf"), file("xml").as_os_str()])
            .args(["-i", &address, "-mi", &address, "-m", "1", "-nostdin"])
            .args(["-s", line.dials])
            .args(["-key", "user", line.number])
            .args(["-key", "name", &format!("Khách {}", line.number)])
            // What comes in the same moment is read one by one: else what it has yet to answer is in the way.
            .args(["-max_recv_loops", "1"])
            // It ends even when nobody is there any more to end it.
            .args(["-timeout", "90s"])
            .args([
                OsStr::new("-trace_err"),
                OsStr::new("-error_file"),
                file("errors").as_os_str(),
            ])
            .args([
                OsStr::new("-trace_msg"),
                OsStr::new("-message_file"),
                file("messages").as_os_str(),
            ])
            .current_dir(&line.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output);
        if let Some(port) = line.port {
            command.args(["-p", &port.to_string()]);
        }
        match command.spawn() {
            Ok(sipp) => Self { sipp, files },
            Err(error) => fail(&format!("{} does not start: {error}", line.sipp.display())),
        }
    }

    /// Waits until it can be called.
    pub(super) async fn listens(mut self, address: Ipv4Addr, port: u16) -> Self {
        crate::wait_for("a phone to listen", async || {
            if let Some(status) = self.status() {
                fail(&format!(
                    "a phone ended before it was called, {status}\n{}",
                    self.log()
                ));
            }
            let here = format!(" {:08X}:{port:04X} ", u32::from_ne_bytes(address.octets()));
            text("/proc/net/udp").contains(&here).then_some(())
        })
        .await;
        self
    }

    /// Waits until it has done all that it was told.
    ///
    /// # Panics
    /// When something else happened to it, or nothing within a minute; what it sent and received is told.
    pub async fn finished(mut self) {
        let waited = tokio::time::timeout(SCENARIO_FOR, async {
            loop {
                if let Some(status) = self.status() {
                    return status;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        match waited.await {
            Ok(status) if status.success() => {}
            Ok(status) => fail(&format!(
                "{} did not go as planned, {status}",
                self.files.display()
            )),
            Err(_elapsed) => fail(&format!("{} did not end", self.files.display())),
        }
    }

    /// What it complained of, sent and received.
    pub fn log(&self) -> String {
        ["output", "errors", "messages"]
            .map(|extension| text(self.files.with_extension(extension)))
            .concat()
    }

    fn status(&mut self) -> Option<ExitStatus> {
        match self.sipp.try_wait() {
            Ok(status) => status,
            Err(error) => fail(&format!("a phone is lost: {error}")),
        }
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.sipp.kill().ok();
        self.sipp.wait().ok();
        if std::thread::panicking() {
            super::tell(&format!("-- {}\n{}", self.files.display(), self.log()));
        }
    }
}

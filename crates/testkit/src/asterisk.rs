//! A real Asterisk on loopback, and phones that call through it.
//!
//! Each [`Pbx`] is a process of its own, at a port that is free, in a folder of its own; `asterisk/README.md` tells
//! of its numbers. Phones are sipp: agents at 127.0.0.101 and so on, the provider's at 127.0.0.2. Nothing waits for a
//! time to pass but the phones themselves, as people do.

mod manager;
mod phone;
mod recording;
mod scenario;
#[cfg(test)]
mod tests;

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use tempfile::TempDir;

pub use self::{
    manager::{Manager, Message},
    phone::Phone,
    recording::Recording,
    scenario::{Called, Calling, Then},
};
use crate::wait_for;

/// Numbers that are called from outside, and what they come to.
pub mod number {
    /// Rings 101.
    pub const DIRECT: &str = "842800000001";
    /// Rings 101 and 102 at once.
    pub const RING_GROUP: &str = "842800000002";
    /// A queue that rings 101 for two seconds, then 102.
    pub const QUEUE: &str = "842800000003";
    /// A voice menu.
    pub const MENU: &str = "842800000004";
    /// A queue that rings 101 and 102 through Local channels, as `FreePBX` does.
    pub const QUEUE_LOCAL: &str = "842800000006";
    /// Rings 101 for two seconds, then 102.
    pub const CASCADE: &str = "842800000007";
    /// Rings 101 and 102 at once through Local channels, as `FreePBX` does.
    pub const RING_GROUP_LOCAL: &str = "842800000008";
    /// Goes out again, to a mobile phone.
    pub const FORWARDED: &str = "842800000009";
    /// A message, after which Asterisk hangs up.
    pub const AFTER_HOURS: &str = "842800000010";
    /// Rings 101 through a Local channel that Asterisk optimises away.
    pub const OPTIMISED: &str = "842800000011";
    /// Rings a phone that is not there.
    pub const UNREACHABLE: &str = "842800000012";
    /// Nobody's, unless the dialplan is [added](super::Custom::Dialplan) to.
    pub const OTHER: &str = "842800000099";
}

/// A part of the configuration that a test may add; the names of the files are those that `FreePBX` leaves to
/// administrators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Custom {
    /// Lines of `[globals]`.
    Globals,
    /// Contexts of the dialplan; they may add to those that there are.
    Dialplan,
    /// Users of the manager interface.
    Managers,
    /// Lines of `[general]` of the manager interface.
    ManagerGeneral,
}

impl Custom {
    fn file(self) -> &'static str {
        match self {
            Self::Globals => "globals_custom.conf",
            Self::Dialplan => "extensions_custom.conf",
            Self::Managers => "manager_custom.conf",
            Self::ManagerGeneral => "manager_general_custom.conf",
        }
    }

    fn reload(self) -> &'static str {
        match self {
            Self::Globals | Self::Dialplan => "dialplan reload",
            Self::Managers | Self::ManagerGeneral => "manager reload",
        }
    }
}

/// The most that is read of a file that Asterisk or sipp wrote.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// The provider, where calls come from and go to.
const PROVIDER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// A running Asterisk. It is gone when this is dropped; its log is then printed if the test is failing.
#[derive(Debug)]
pub struct Pbx {
    supervisor: Child,
    /// Its end ends the supervisor, and Asterisk with it.
    orders: Option<ChildStdin>,
    folder: TempDir,
    unpacked: PathBuf,
    is_restartable: bool,
    manager: SocketAddr,
    secret: String,
    phones: AtomicU32,
}

impl Pbx {
    /// The user of the manager interface who sees and may do everything.
    pub const USER: &str = "hub";

    /// Starts one, of version 22 unless `ASTERISK` says another one, and waits until it is up.
    ///
    /// # Panics
    /// When it does not start; where it was not built, this says how to build it.
    pub async fn start() -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let version = std::env::var("ASTERISK").unwrap_or_else(|_unset| "22".to_owned());
        let kept = std::env::var_os("DESKBRIDGE_TEST_ASTERISK");
        let kept = kept.unwrap_or_else(|| "target/asterisk".into());
        let unpacked = here.join("../..").join(kept).join(&version).canonicalize();
        let Ok(unpacked) = unpacked else {
            fail(
                "this test needs Asterisk: run `crates/testkit/asterisk.sh build` (./test.sh does so by itself), or name a folder where it was built in DESKBRIDGE_TEST_ASTERISK",
            );
        };
        let folder = tempfile::Builder::new().prefix("asterisk-").tempdir();
        let folder =
            folder.unwrap_or_else(|error| fail(&format!("no folder for Asterisk: {error}")));
        let phones = folder.path().join("phones");
        let prepared = fs::create_dir(&phones).is_ok()
            && scenario::TONES
                .iter()
                .all(|(name, samples)| fs::write(phones.join(name), samples.repeat(1000)).is_ok());
        let log = File::create(folder.path().join("supervisor.log"));
        let (true, Ok(log)) = (prepared, log) else {
            fail("the folder for Asterisk cannot be written to");
        };
        let supervisor = Command::new(here.join("asterisk/run.sh"))
            .args([&unpacked, folder.path()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        let mut supervisor =
            supervisor.unwrap_or_else(|error| fail(&format!("Asterisk does not start: {error}")));
        let address = wait_for("Asterisk to be up", async || {
            if let Ok(Some(status)) = supervisor.try_wait() {
                fail(&format!(
                    "Asterisk does not start, {status}\n{}",
                    text(folder.path().join("supervisor.log"))
                ));
            }
            let address = text(folder.path().join("address"));
            address.ends_with('\n').then_some(address)
        })
        .await;
        let parts = address
            .trim()
            .strip_prefix("ami://hub:")
            .and_then(|rest| rest.split_once('@'));
        let Some((secret, manager)) =
            parts.and_then(|(secret, place)| Some((secret, place.parse().ok()?)))
        else {
            fail(&format!("not an address: {address}"));
        };
        Self {
            orders: supervisor.stdin.take(),
            supervisor,
            unpacked,
            // The loader of 16 cannot tell it its own name.
            is_restartable: version != "16",
            manager,
            secret: secret.to_owned(),
            phones: AtomicU32::new(0),
            folder,
        }
    }

    /// Where its manager interface is.
    pub fn manager_address(&self) -> SocketAddr {
        self.manager
    }

    /// The secret of every user of the manager interface: `hub`, and `lean` and `lean-classic`, whose events are
    /// filtered inside Asterisk.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// The folder below which it records calls.
    pub fn spool(&self) -> PathBuf {
        self.folder.path().join("spool/monitor")
    }

    /// The folder of its configuration.
    pub fn etc(&self) -> PathBuf {
        self.folder.path().join("etc")
    }

    /// Puts a part of the configuration in place of what was there of it, and waits until it is in force.
    ///
    /// # Panics
    /// When it cannot be written, or Asterisk does not read it.
    pub async fn configure(&self, custom: Custom, text: &str) {
        if fs::write(self.etc().join(custom.file()), text).is_err() {
            fail("Asterisk's configuration cannot be written");
        }
        let command = [("Command", custom.reload())];
        let answer = self.manager().await.ask("Command", &command).await;
        if answer.is_none_or(|answer| answer.get("Response") != "Success") {
            fail("Asterisk does not read its configuration again");
        }
    }

    /// What it has recorded, by path.
    pub fn recordings(&self) -> Vec<Recording> {
        recording::below(&self.spool())
    }

    /// What it complained of.
    pub fn log(&self) -> String {
        text(self.folder.path().join("log/messages"))
    }

    /// A connection to its manager interface that is told everything.
    pub async fn manager(&self) -> Manager {
        wait_for("Asterisk's manager interface", async || {
            Manager::connect(self.manager, Self::USER, &self.secret).await
        })
        .await
    }

    /// Phones of agents, 101 and 102, that wait to be called.
    pub async fn agents<const N: usize>(&self, agents: [(u8, Called); N]) -> [Phone; N] {
        let phones = agents.map(|(agent, does)| {
            let number = agent.to_string();
            let address = Ipv4Addr::new(127, 0, 0, agent);
            (
                address,
                self.phone(
                    &number,
                    address,
                    Some(self.manager.port()),
                    "",
                    scenario::called(&does),
                ),
            )
        });
        let mut listening = Vec::with_capacity(N);
        for (address, phone) in phones {
            listening.push(phone.listens(address, self.manager.port()).await);
        }
        listening
            .try_into()
            .unwrap_or_else(|_: Vec<Phone>| fail("a phone is lost"))
    }

    /// A phone outside that waits to be called; the provider passes every call to it.
    pub async fn outside(&self, does: &Called) -> Phone {
        let port = self.manager.port();
        let phone = self.phone("provider", PROVIDER, Some(port), "", scenario::called(does));
        phone.listens(PROVIDER, port).await
    }

    /// A phone outside that calls `to`.
    pub fn call_in(&self, from: &str, to: &str, does: Calling) -> Phone {
        self.phone(from, PROVIDER, None, to, scenario::calling(does))
    }

    /// The phone of an agent, 101 or 102, that calls `to`, inside or out.
    pub fn call_out(&self, agent: u8, to: &str, does: Calling) -> Phone {
        let address = Ipv4Addr::new(127, 0, 0, agent);
        self.phone(
            &agent.to_string(),
            address,
            None,
            to,
            scenario::calling(does),
        )
    }

    /// Waits until a phone rings.
    pub async fn is_ringing(&self) {
        self.until("a phone to ring", |channels| {
            channels
                .iter()
                .any(|channel| channel.get("ChannelStateDesc") == "Ringing")
        })
        .await;
    }

    /// Waits until two parties talk to each other.
    pub async fn is_talking(&self) {
        self.until("two to talk", |channels| {
            channels
                .iter()
                .filter(|channel| !channel.get("BridgeId").is_empty())
                .count()
                >= 2
        })
        .await;
    }

    /// Waits until there is no call.
    pub async fn is_idle(&self) {
        self.until("all calls to end", <[Message]>::is_empty).await;
    }

    /// Hangs every call up, as an administrator does.
    pub async fn hang_up_all(&self) {
        let command = [("Command", "channel request hangup all")];
        self.manager().await.ask("Command", &command).await;
    }

    /// Restarts it as an administrator does, which hangs every call up, and waits until it is up again.
    pub async fn restart(&self) {
        let mut manager = self.manager().await;
        let command = if self.is_restartable {
            "core restart now"
        } else {
            "core stop now"
        };
        manager.send("Command", &[("Command", command)]).await;
        wait_for("Asterisk to end", async || {
            while manager.next().await.is_some() {}
            Some(())
        })
        .await;
        if !self.is_restartable {
            self.boot().await;
        }
        self.manager().await;
    }

    /// Kills it, and waits until it is gone.
    pub async fn kill(&self) {
        self.order("kill");
        wait_for("Asterisk to be gone", async || {
            (!self.has_address()).then_some(())
        })
        .await;
    }

    /// Starts it again at the same port after it was killed, and waits until it is up.
    pub async fn boot(&self) {
        self.order("boot");
        wait_for("Asterisk to be up", async || {
            self.has_address().then_some(())
        })
        .await;
    }

    fn has_address(&self) -> bool {
        self.folder.path().join("address").exists()
    }

    fn order(&self, order: &str) {
        let written = self
            .orders
            .as_ref()
            .map(|mut orders| writeln!(orders, "{order}"));
        if !matches!(written, Some(Ok(()))) {
            fail("Asterisk's supervisor is gone");
        }
    }

    async fn until(&self, what: &str, is_so: impl Fn(&[Message]) -> bool) {
        let mut manager = self.manager().await;
        wait_for(what, async || {
            is_so(&manager.channels().await?).then_some(())
        })
        .await;
    }

    fn phone(
        &self,
        number: &str,
        address: Ipv4Addr,
        port: Option<u16>,
        dials: &str,
        scenario: String,
    ) -> Phone {
        let place = self.phones.fetch_add(1, Ordering::Relaxed);
        Phone::start(&phone::Line {
            sipp: self.unpacked.join("sipp"),
            pbx: self.manager.to_string(),
            folder: self.folder.path().join("phones"),
            name: format!("{place}-{number}"),
            address,
            port,
            number,
            dials,
            scenario,
        })
    }
}

impl Drop for Pbx {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tell(&format!("-- Asterisk\n{}", self.log()));
        }
        drop(self.orders.take());
        self.supervisor.wait().ok();
    }
}

/// What is in a file, and nothing where there is none.
fn read(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Ok(file) = File::open(path) {
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).ok();
    }
    bytes
}

fn text(path: impl AsRef<Path>) -> String {
    String::from_utf8_lossy(&read(path.as_ref())).into_owned()
}

#[expect(clippy::panic, reason = "this fails the test that needs it")]
fn fail(why: &str) -> ! {
    panic!("{why}")
}

#[expect(clippy::print_stderr, reason = "what a failing test prints")]
fn tell(text: &str) {
    eprintln!("{text}");
}

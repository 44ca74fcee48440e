//! The systems around the program, and its configuration between them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use deskbridge_core::Clock;
use jiff::Timestamp;
use simulators::{
    ami,
    bitrix24::{self, Behaviour, Latency, Limits, RequestLimit, Webhook},
    frappe,
};
use tokio::time::{Instant, sleep};

use super::script::Script;
use crate::{hub::Hub, systems::between};

const SECRET: &str = "telephony7sample";
/// Whom the extension 101 of the recordings is.
const USER: u64 = 57;
/// Where the recordings lie on the PBX.
const ON_PBX: &str = "/var/spool/asterisk/node/spool/monitor";
/// How long the program may take to begin to follow.
const FOLLOWED_WITHIN: std::time::Duration = std::time::Duration::from_secs(30);

/// The plan of a portal.
#[derive(Clone, Copy, Debug)]
pub(super) enum Plan {
    /// 50 requests at once, 2 a second.
    Standard,
    /// 250 at once, 5 a second.
    Enterprise,
}

impl Plan {
    fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Enterprise => "enterprise",
        }
    }

    fn limits(self) -> Limits {
        let requests = match self {
            Self::Standard => RequestLimit::default(),
            Self::Enterprise => RequestLimit {
                burst: 250,
                per_second: 5.0,
                ..RequestLimit::default()
            },
        };
        Limits {
            requests: Some(requests),
            ..Limits::default()
        }
    }
}

/// A PBX and a portal, and what the program between them needs.
pub(super) struct Desk {
    pub(super) pbx: ami::Running,
    pub(super) portal: bitrix24::Running,
    site: frappe::Running,
    folder: tempfile::TempDir,
}

/// What the portal was asked to do for a call, and when it was asked first.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) register_at: Option<Timestamp>,
    pub(super) finish_at: Option<Timestamp>,
}

impl Desk {
    /// A portal of this plan, which takes so long for a request; recordings are attached, or not looked for.
    pub(super) async fn start(
        plan: Plan,
        request_ms: u64,
        are_recorded: bool,
    ) -> anyhow::Result<Self> {
        let now = Clock::system().now();
        let mut data = bitrix24::sample(now);
        let scopes = ["crm", "user", "telephony", "task"];
        data.webhooks.push(Webhook::new(1, SECRET, scopes));
        let portal = bitrix24::start(bitrix24::Options {
            data,
            limits: plan.limits(),
            latency: Latency {
                request_ms,
                command_ms: 0,
            },
            behaviour: Behaviour {
                webhooks_register_calls: true,
                ..Behaviour::default()
            },
            ..bitrix24::Options::default()
        });
        let site = frappe::start(frappe::Options {
            data: frappe::sample(now),
            ..frappe::Options::default()
        });
        let desk = Self {
            pbx: ami::start(ami::Options::default()).await?,
            portal: portal.await?,
            site: site.await?,
            folder: tempfile::tempdir()?,
        };
        desk.portal.portal.set_journal_entries_max(1_000_000);
        fs::create_dir(desk.monitor())?;
        fs::write(
            desk.config(),
            desk.configuration(plan.name(), are_recorded)?,
        )?;
        Ok(desk)
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("deskbridge.toml")
    }

    fn monitor(&self) -> PathBuf {
        self.folder.path().join("monitor")
    }

    fn configuration(&self, plan: &str, are_recorded: bool) -> anyhow::Result<String> {
        let portal = self.portal.http_url.as_deref();
        let portal = portal.context("the portal has no address")?;
        let (systems, pbx) = (
            between(&self.site.url, portal, SECRET, plan),
            self.pbx.address,
        );
        let here = self.monitor();
        let here = here.display();
        let recordings = match are_recorded {
            true => {
                format!("recordings.folders = [{{ on_pbx = \"{ON_PBX}\", here = \"{here}\" }}]")
            }
            false => String::new(),
        };
        Ok(format!(
            r#"{systems}
[[asterisk]]
name = "office"
address = "{pbx}"
user = "hub"
password = "hub"
zone = "Asia/Ho_Chi_Minh"
users = {{ "101" = {USER} }}
default_user = 1
endpoints = {{ trunks = ["trunk"] }}
numbers.country = "RU"
{recordings}
"#
        ))
    }

    /// Puts a file where the PBX says that it has recorded to.
    pub(super) fn record(&self, path: &str) -> anyhow::Result<()> {
        let inside = path.strip_prefix(ON_PBX).context("it lies elsewhere")?;
        let path = self.monitor().join(inside.trim_start_matches('/'));
        fs::create_dir_all(path.parent().context("it has no folder")?)?;
        let mut sound = b"RIFF\x48\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        sound.extend([0x40, 0x1f, 0, 0, 0x80, 0x3e, 0, 0, 2, 0, 16, 0]);
        sound.extend(b"data\x24\0\0\0");
        sound.resize(8_000, 7);
        Ok(fs::write(path, sound)?)
    }

    /// The program, once it follows the PBX.
    pub(super) async fn serve(&self, program: &Path) -> anyhow::Result<Hub> {
        let hub = Hub::start(program, &self.config()).await?;
        let start = Instant::now();
        let is_followed = "deskbridge_asterisk_connected{connection=\"office\"} 1";
        while !hub.metrics().await?.contains(is_followed) {
            anyhow::ensure!(start.elapsed() < FOLLOWED_WITHIN, "the PBX is not followed");
            sleep(std::time::Duration::from_millis(20)).await;
        }
        Ok(hub)
    }

    /// What the portal was asked, by the linkedids of calls.
    pub(super) fn asked(&self) -> BTreeMap<String, Asked> {
        let mut asked: BTreeMap<String, Asked> = BTreeMap::new();
        let calls = self.portal.portal.telephony().calls.into_iter();
        let linkedids: BTreeMap<String, String> = calls
            .filter_map(|call| {
                let id = call.identity.external_call_id?;
                let (_, linkedid) = id.split_once(':')?;
                Some((call.call_id, linkedid.to_owned()))
            })
            .collect();
        for entry in self.portal.portal.journal() {
            let commands = entry.commands.iter();
            let commands = commands.map(|command| (&command.method, &command.params));
            let alone = std::iter::once((&entry.method, &entry.params));
            for (method, params) in alone.chain(commands) {
                match method.as_str() {
                    "telephony.externalcall.register" => {
                        let key = params.text("EXTERNAL_CALL_ID");
                        let Some((_, linkedid)) = key.split_once(':') else {
                            continue;
                        };
                        let of = asked.entry(linkedid.to_owned()).or_default();
                        of.register_at.get_or_insert(entry.at);
                    }
                    "telephony.externalcall.finish" => {
                        if let Some(linkedid) = linkedids.get(&params.text("CALL_ID")) {
                            let of = asked.entry(linkedid.clone()).or_default();
                            of.finish_at.get_or_insert(entry.at);
                        }
                    }
                    _ => {}
                }
            }
        }
        asked
    }

    /// Whether the portal was told of the end of each of these calls.
    pub(super) fn are_finished<'a>(&self, mut scripts: impl Iterator<Item = &'a Script>) -> bool {
        let asked = self.asked();
        scripts.all(|script| {
            let asked = asked.get(&script.linkedid);
            asked.is_some_and(|asked| asked.finish_at.is_some())
        })
    }

    /// How many tasks the portal has.
    pub(super) fn tasks(&self) -> usize {
        self.portal.portal.data().tasks.len()
    }
}

//! Thousands of calls that are open at once: the program as a process between a PBX and a portal that are simulated.
//!
//! Every call is a copy of a recorded one, with ids of its own: a ring group through local channels, seven channels. The
//! PBX filters its events, as a real one does that is asked to.

use std::{fs::File, io::Write as _, path::Path, time::Duration};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use simulators::{
    ami::{self, Recording, Speed},
    bitrix24::{Behaviour, CUSTOMER_SECRET, Webhook},
};
use tokio::time::{Instant, sleep};

use crate::{hub::Hub, systems::Systems};

/// How many calls are open at once.
pub const OPEN: usize = 5_000;
/// The recording that they are copies of.
const RECORDING: &str = "ring_group_local_102_answers";
const LOOK_EVERY: Duration = Duration::from_millis(20);
const WITHIN: Duration = Duration::from_secs(300);

/// The recorded call until both talk, and from then on.
///
/// # Errors
/// When the recording is another one.
pub fn halves() -> anyhow::Result<(String, String)> {
    let capture = testkit::captures::named(RECORDING);
    let text = String::from_utf8_lossy(&capture.bytes);
    // Before it stands that Asterisk has booted, after which it would be asked what is left of all calls.
    let start = text.find("Event: Newchannel");
    let (_, text) = text.split_at(start.context("the recording has no beginning")?);
    let talk = text.find("Event: HangupRequest\r\nPrivilege: call,all\r\nChannel: PJSIP/trunk");
    let (before, after) = text.split_at(talk.context("the recording has no end")?);
    Ok((before.to_owned(), after.to_owned()))
}

/// A copy of a part of the recorded call, with uniqueids and bridges of its own.
pub fn copy(text: &str, number: usize) -> String {
    let text = text.replace("1795212302.", &format!("{}.", 1_800_000_000 + number));
    text.replace("Uniqueid: 9fabbf05", &format!("Uniqueid: {number:08x}"))
        .replace("Uniqueid: 8c3b6658", &format!("Uniqueid: {number:08x}-b"))
}

/// What the program took for so many calls.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// Its resident set while no call was open, in MiB.
    pub idle_mib: f64,
    /// The same with all of them open and stored.
    pub open_mib: f64,
    /// The largest that it ever was, in MiB.
    pub peak_mib: f64,
    /// Events that the PBX had of the calls.
    pub events: usize,
    /// How many of them it sent.
    pub sent: u64,
    /// From the first event until all were open and stored, in seconds.
    pub opened_s: f64,
    /// From the first hangup until all were over and stored, in seconds.
    pub ended_s: f64,
}

impl Taken {
    /// One line of JSON.
    pub fn json(&self) -> Value {
        json!({
            "open": OPEN, "idle_mib": self.idle_mib.round(), "open_mib": self.open_mib.round(),
            "peak_mib": self.peak_mib.round(), "events": self.events, "sent": self.sent,
            "opened_s": (self.opened_s * 10.0).round() / 10.0, "ended_s": (self.ended_s * 10.0).round() / 10.0,
        })
    }
}

/// Measures; `resident_mib` and `peak_mib` tell how much memory a process takes.
///
/// # Errors
/// When something cannot be started, or a call is lost.
pub async fn measure(
    program: &Path,
    resident_mib: impl Fn(u32) -> anyhow::Result<f64>,
    peak_mib: impl Fn(u32) -> anyhow::Result<f64>,
) -> anyhow::Result<Taken> {
    let systems = Systems::start(1_000).await?;
    let portal = &systems.portal.portal;
    let mut data = portal.data();
    let scopes = ["crm", "user", "telephony", "task"];
    data.webhooks
        .retain(|webhook| webhook.secret != CUSTOMER_SECRET);
    data.webhooks.push(Webhook::new(1, CUSTOMER_SECRET, scopes));
    portal.set_data(data)?;
    portal.set_behaviour(Behaviour {
        webhooks_register_calls: true,
        ..Behaviour::default()
    });
    let pbx = ami::start(ami::Options {
        // The hub shares the cores with whoever writes to it here.
        write_timeout: WITHIN,
        ..ami::Options::default()
    })
    .await?;
    let mut config = File::options().append(true).open(systems.config())?;
    write!(
        config,
        r#"
[[asterisk]]
name = "office"
address = "{}"
user = "hub"
password = "hub"
default_user = 1
endpoints = {{ trunks = ["trunk"] }}
recordings.attach = false
"#,
        pbx.address
    )?;
    let hub = Hub::start(program, &systems.config()).await?;
    until(&hub, &[("deskbridge_asterisk_connected", 1)]).await?;
    let idle_mib = resident_mib(hub.id())?;

    let (before, after) = halves()?;
    let mut events = 0;
    let from = Instant::now();
    for number in 0..OPEN {
        events += replay(&pbx.pbx, &copy(&before, number)).await;
    }
    let is_open = [
        ("deskbridge_calls_open", OPEN),
        ("deskbridge_calls_unsaved", 0),
    ];
    until(&hub, &is_open).await?;
    let opened_s = from.elapsed().as_secs_f64();
    let open_mib = resident_mib(hub.id())?;

    let from = Instant::now();
    for number in 0..OPEN {
        events += replay(&pbx.pbx, &copy(&after, number)).await;
    }
    let is_over = [
        ("deskbridge_calls_open", 0),
        ("deskbridge_calls_unsaved", 0),
    ];
    until(&hub, &is_over).await?;
    let ended_s = from.elapsed().as_secs_f64();
    let sent = gauge(&hub.metrics().await?, "deskbridge_asterisk_events_total");
    Ok(Taken {
        idle_mib,
        open_mib,
        peak_mib: peak_mib(hub.id())?,
        events,
        sent: sent.unwrap_or_default(),
        opened_s,
        ended_s,
    })
}

async fn replay(pbx: &ami::Pbx, text: &str) -> usize {
    let greeted = format!("Asterisk Call Manager/11.0.0\r\n{text}");
    let recording = Recording {
        bytes: greeted.as_bytes(),
        reads: &[],
    };
    pbx.replay(recording, Speed::Unpaced).await
}

/// Waits until metrics of the PBX have these values.
async fn until(hub: &Hub, wanted: &[(&str, usize)]) -> anyhow::Result<()> {
    let start = Instant::now();
    loop {
        let metrics = hub.metrics().await?;
        let mut wanted = wanted.iter();
        if wanted.all(|(name, value)| gauge(&metrics, name) == u64::try_from(*value).ok()) {
            return Ok(());
        }
        if start.elapsed() > WITHIN {
            bail!("not within {} s:\n{metrics}", WITHIN.as_secs());
        }
        sleep(LOOK_EVERY).await;
    }
}

/// The value of a metric of the PBX.
fn gauge(metrics: &str, name: &str) -> Option<u64> {
    let start = format!("{name}{{connection=\"office\"}} ");
    let mut values = metrics.lines().filter_map(|line| line.strip_prefix(&start));
    values.next()?.parse().ok()
}

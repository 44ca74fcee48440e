//! Calls made up from recorded ones: each with channels, bridge and client of its own.

use std::time::Duration;

use deskbridge_core::Clock;
use jiff::Timestamp;
use simulators::ami::Pbx;
use testkit::captures;
use tokio::time::{Instant, sleep_until};

/// How a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goes {
    Answered,
    Missed,
}

/// A recording, and the names in it of which every call has its own.
struct Recorded {
    name: &'static str,
    /// The second that the ids of its channels begin with, and the number of the first of them.
    second: &'static str,
    first: u8,
    trunk: &'static str,
    agent: &'static str,
}

const ANSWERED: Recorded = Recorded {
    name: "inbound_answered",
    second: "1795212233.",
    first: 0,
    trunk: "trunk-00000000",
    agent: "101-00000001",
};
const MISSED: Recorded = Recorded {
    name: "inbound_noanswer",
    second: "1795212246.",
    first: 6,
    trunk: "trunk-00000004",
    agent: "101-00000005",
};
/// The client and the bridge of the recordings.
const CLIENT: &str = "79161234567";
const BRIDGE: &str = "83517c97-";

/// What a PBX says of one call.
pub(super) struct Script {
    pub(super) goes: Goes,
    /// The linkedid.
    pub(super) linkedid: String,
    /// Events, each with its time after the first.
    events: Vec<(Duration, String)>,
    /// Which of them says that the agent's phone rings.
    rings: usize,
}

impl Script {
    /// The call of this number, so many times as quick as it was recorded.
    pub(super) fn new(goes: Goes, number: u32, quick: f64) -> Self {
        let recorded = match goes {
            Goes::Answered => &ANSWERED,
            Goes::Missed => &MISSED,
        };
        let capture = captures::named(recorded.name);
        let text = String::from_utf8_lossy(&capture.bytes);
        let second = 1_800_000_000 + u64::from(number);
        let (trunk, agent) = (u64::from(number) * 2, u64::from(number) * 2 + 1);
        let names = [
            (recorded.second, format!("{second}.")),
            (recorded.trunk, format!("trunk-{trunk:08x}")),
            (recorded.agent, format!("101-{agent:08x}")),
            (BRIDGE, format!("{number:08x}-")),
            (CLIENT, format!("7916{number:07}")),
        ];
        let own = |block: &str| {
            let names = names.iter();
            names.fold(block.to_owned(), |block, (name, own)| {
                block.replace(name, own)
            })
        };
        let mut reads = capture.reads.iter();
        let (mut arrived, mut after, mut place) = (0, Duration::ZERO, 0);
        let mut events: Vec<(Duration, String)> = Vec::new();
        let mut began_at = None;
        for block in text.split_inclusive("\r\n\r\n") {
            place += block.len();
            while arrived < place
                && let Some(read) = reads.next()
            {
                (arrived, after) = (arrived + read.bytes, read.after);
            }
            let block = block.trim_start_matches("\r\n");
            let is_first = block.starts_with("Event: Newchannel\r\n");
            if !block.starts_with("Event: ") || began_at.is_none() && !is_first {
                continue;
            }
            let since = after.saturating_sub(*began_at.get_or_insert(after));
            let block = block.strip_suffix("\r\n").unwrap_or(block);
            events.push((since.div_f64(quick), own(block)));
        }
        let rings = |(_, event): &(Duration, String)| event.starts_with("Event: DialBegin\r\n");
        let rings = events.iter().position(rings).unwrap_or_default();
        Self {
            goes,
            linkedid: format!("{second}.{}", recorded.first),
            events,
            rings,
        }
    }

    /// Where the PBX says that it records to.
    pub(super) fn records_to(&self) -> Option<String> {
        let mut events = self.events.iter();
        events.find_map(|(_, event)| {
            let (_, path) = event.split_once("Variable: MIXMONITOR_FILENAME\r\nValue: ")?;
            Some(path.lines().next()?.to_owned())
        })
    }

    /// Lets it happen from `at` on; when the agent's phone rang, and when the call had ended.
    pub(super) async fn play(&self, pbx: &Pbx, at: Instant) -> (Timestamp, Timestamp) {
        let clock = Clock::system();
        let mut rang_at = clock.now();
        for (place, (after, event)) in self.events.iter().enumerate() {
            sleep_until(at + *after).await;
            if place == self.rings {
                rang_at = clock.now();
            }
            pbx.emit(event.as_bytes());
        }
        (rang_at, clock.now())
    }
}

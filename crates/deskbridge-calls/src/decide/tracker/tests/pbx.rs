//! What a PBX would list at any point of a recording: written from its documentation, and sharing no code with the
//! tracker.

use std::{collections::BTreeMap, fmt::Write as _};

use ami::Message;
use bytes::Bytes;
use jiff::Timestamp;

use crate::decide::tracker::Listing;

/// Headers of a channel in every event that has them.
const FIELDS: [&str; 9] = [
    "Channel",
    "ChannelState",
    "CallerIDNum",
    "ConnectedLineNum",
    "Context",
    "Exten",
    "Priority",
    "Uniqueid",
    "Linkedid",
];
const PREFIXES: [&str; 13] = [
    "",
    "Dest",
    "Transferer",
    "Transferee",
    "OrigTransferer",
    "SecondTransferer",
    "TransferTarget",
    "Target",
    "Parkee",
    "Retriever",
    "LocalOne",
    "LocalTwo",
    "Parker",
];

#[derive(Debug, Default)]
pub(super) struct Pbx {
    channels: BTreeMap<String, Listed>,
}

#[derive(Debug)]
struct Listed {
    fields: BTreeMap<&'static str, String>,
    began_at: Timestamp,
    called: String,
    bridge: String,
    application: String,
    recording: String,
}

impl Pbx {
    pub(super) fn hear(&mut self, message: &Message, at: Timestamp) {
        let Some(event) = message.event() else {
            return;
        };
        let text = |name: &str| message.text(name).unwrap_or_default().into_owned();
        // These name a channel in passing, and not as it is.
        if ["Cdr", "CEL", "OriginateResponse"].contains(&event) {
            return;
        }
        let uniqueid = text("Uniqueid");
        if event == "Newchannel" {
            let listed = Listed {
                fields: BTreeMap::new(),
                began_at: at,
                called: text("Exten"),
                bridge: String::new(),
                application: String::new(),
                recording: String::new(),
            };
            self.channels.entry(uniqueid.clone()).or_insert(listed);
        }
        for prefix in PREFIXES {
            let key = text(&format!("{prefix}Uniqueid"));
            if let Some(listed) = self.channels.get_mut(&key) {
                for field in FIELDS {
                    let header = format!("{prefix}{field}");
                    if message.get(&header).is_some() {
                        listed.fields.insert(field, text(&header));
                    }
                }
            }
        }
        if event == "Hangup" {
            self.channels.remove(&uniqueid);
        }
        let Some(listed) = self.channels.get_mut(&uniqueid) else {
            return;
        };
        match event {
            "BridgeEnter" => listed.bridge = text("BridgeUniqueid"),
            "BridgeLeave" if listed.bridge == text("BridgeUniqueid") => listed.bridge.clear(),
            "Newexten" => listed.application = text("Application"),
            "VarSet" if text("Variable") == "MIXMONITOR_FILENAME" => {
                listed.recording = text("Value");
            }
            _ => {}
        }
    }

    /// The uniqueids of the channels that there are.
    pub(super) fn channels(&self) -> impl Iterator<Item = &str> {
        self.channels.keys().map(String::as_str)
    }

    pub(super) fn listing(&self, now: Timestamp) -> Listing {
        let mut listing = Listing::default();
        for listed in self.channels.values() {
            listing.add(&listed.channel(now));
        }
        for listed in self.channels.values() {
            listing.add(&listed.status(now));
        }
        listing
    }
}

impl Listed {
    fn fields(&self, event: &str) -> String {
        let mut block = format!("Event: {event}\r\nActionID: r1\r\n");
        for (name, value) in &self.fields {
            write!(block, "{name}: {value}\r\n").unwrap();
        }
        block
    }

    fn seconds(&self, now: Timestamp) -> i64 {
        now.duration_since(self.began_at).as_secs()
    }

    fn channel(&self, now: Timestamp) -> Message {
        let mut block = self.fields("CoreShowChannel");
        let seconds = self.seconds(now);
        write!(
            block,
            "Application: {}\r\nDuration: {:02}:{:02}:{:02}\r\nBridgeId: {}\r\n",
            self.application,
            seconds / 3_600,
            seconds / 60 % 60,
            seconds % 60,
            self.bridge
        )
        .unwrap();
        Message::parse(Bytes::from(block))
    }

    fn status(&self, now: Timestamp) -> Message {
        let mut block = self.fields("Status");
        let recording = match self.recording.as_str() {
            "" => "(null)",
            recording => recording,
        };
        write!(
            block,
            "DNID: {}\r\nBridgeID: {}\r\nSeconds: {}\r\nVariable: MIXMONITOR_FILENAME={recording}\r\nVariable: FROM_DID=(null)\r\n",
            self.called,
            self.bridge,
            self.seconds(now)
        )
        .unwrap();
        Message::parse(Bytes::from(block))
    }
}

//! What a manager knows.

use std::{collections::BTreeMap, sync::Arc};

use bytes::{Bytes, BytesMut};
use tokio::sync::Notify;

use super::{Ended, Fault, User, actions::Received, filters::Filters};

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) users: Vec<User>,
    pub(super) contexts: Vec<String>,
    pub(super) unreachable: Vec<String>,
    pub(super) is_booted: bool,
    pub(super) is_down: bool,
    pub(super) faults: Vec<Fault>,
    pub(super) channels: Vec<Channel>,
    pub(super) variables: BTreeMap<String, String>,
    pub(super) database: BTreeMap<(String, String), String>,
    pub(super) received: Vec<Received>,
    pub(super) sessions: BTreeMap<u64, SessionState>,
    pub(super) ended: BTreeMap<u64, Ended>,
    pub(super) sessions_begun: u64,
    pub(super) channels_made: u64,
}

/// A channel as `CoreShowChannels` and `Status` show it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "Asterisk's own names")]
pub struct Channel {
    pub channel: String,
    pub channel_state: u8,
    pub caller_id_num: String,
    pub caller_id_name: String,
    pub connected_line_num: String,
    pub context: String,
    pub exten: String,
    pub uniqueid: String,
    pub linkedid: String,
    pub bridge_id: String,
    /// The application that it runs.
    pub application: String,
    /// The number that was dialled from outside.
    pub dnid: String,
    /// What its variables and functions say, by their names.
    pub variables: BTreeMap<String, String>,
}

impl Channel {
    /// The headers of a snapshot.
    pub(super) fn snapshot(&self) -> String {
        let Self {
            channel,
            channel_state,
            caller_id_num,
            caller_id_name,
            connected_line_num,
            context,
            exten,
            uniqueid,
            linkedid,
            bridge_id: _,
            application: _,
            dnid: _,
            variables: _,
        } = self;
        let state = match channel_state {
            0 => "Down",
            4 => "Ring",
            5 => "Ringing",
            6 => "Up",
            _ => "Unknown",
        };
        format!(
            "Channel: {channel}\r\nChannelState: {channel_state}\r\nChannelStateDesc: {state}\r\n\
             CallerIDNum: {caller_id_num}\r\nCallerIDName: {caller_id_name}\r\n\
             ConnectedLineNum: {connected_line_num}\r\nConnectedLineName: <unknown>\r\nLanguage: en\r\n\
             AccountCode: \r\nContext: {context}\r\nExten: {exten}\r\nPriority: 1\r\n\
             Uniqueid: {uniqueid}\r\nLinkedid: {linkedid}\r\n"
        )
    }
}

/// One connection, as the others see it.
#[derive(Debug, Default)]
pub(super) struct SessionState {
    /// Who is logged in.
    pub(super) user: Option<User>,
    /// The classes of events that were asked for.
    pub(super) mask: Mask,
    pub(super) filters: Filters,
    pub(super) outbox: BytesMut,
    pub(super) is_silent: bool,
    pub(super) is_killed: bool,
    /// Ends once everything was sent.
    pub(super) is_closing: bool,
    pub(super) cut_after: Option<usize>,
    pub(super) changed: Arc<Notify>,
}

/// Which classes of events were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Mask {
    All,
    #[default]
    Off,
    Only(Vec<String>),
}

impl Mask {
    /// Words that are not known make it `Off`, as in Asterisk. `None` for the empty mask.
    pub(super) fn parse(text: &str) -> Option<Self> {
        const CLASSES: [&str; 19] = [
            "system",
            "call",
            "log",
            "verbose",
            "command",
            "agent",
            "user",
            "config",
            "dtmf",
            "reporting",
            "cdr",
            "dialplan",
            "originate",
            "agi",
            "cc",
            "aoc",
            "test",
            "message",
            "security",
        ];
        let words: Vec<String> = text
            .split(',')
            .map(|word| word.trim().to_lowercase())
            .collect();
        Some(match words.as_slice() {
            [empty] if empty.is_empty() => return None,
            [on] if ["on", "all", "true"].contains(&on.as_str()) => Self::All,
            words if words.iter().all(|word| CLASSES.contains(&word.as_str())) => {
                Self::Only(words.to_vec())
            }
            _ => Self::Off,
        })
    }

    fn lets_through(&self, class: &str) -> bool {
        match self {
            Self::All => true,
            Self::Off => false,
            Self::Only(classes) => classes.iter().any(|known| known == class),
        }
    }
}

impl SessionState {
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.outbox.extend_from_slice(bytes);
        self.changed.notify_one();
    }

    fn sees(&self, event: &[u8]) -> bool {
        let Some(user) = &self.user else {
            return false;
        };
        let class = class(event);
        let may = |class: &str| {
            user.read
                .iter()
                .any(|known| known == "all" || known == class)
        };
        let is_asked_for = class.is_empty() || (may(&class) && self.mask.lets_through(&class));
        is_asked_for && self.mask != Mask::Off && self.filters.let_through(event)
    }
}

impl State {
    /// Sends an event to everybody who is to see it.
    pub(super) fn emit(&mut self, event: &[u8]) {
        for session in self.sessions.values_mut() {
            if session.sees(event) {
                session.put(event);
                session.put(b"\r\n");
            }
        }
    }

    /// Lets a channel begin, change or end as an event says.
    pub(super) fn change_channel(&mut self, event: &str) {
        let headers = || event.lines().filter_map(|line| line.split_once(": "));
        let text = |name: &str| {
            let value = headers().find_map(|(of, value)| (of == name).then_some(value));
            value.unwrap_or_default().to_owned()
        };
        let uniqueid = text("Uniqueid");
        let known = self
            .channels
            .iter()
            .position(|one| one.uniqueid == uniqueid);
        let known = known.and_then(|place| self.channels.get_mut(place));
        match (text("Event").as_str(), known) {
            ("Newchannel", None) => self.channels.push(Channel {
                channel: text("Channel"),
                channel_state: text("ChannelState").parse().unwrap_or_default(),
                caller_id_num: text("CallerIDNum"),
                caller_id_name: text("CallerIDName"),
                connected_line_num: text("ConnectedLineNum"),
                context: text("Context"),
                exten: text("Exten"),
                // A channel begins at the number that was dialled on it.
                dnid: text("Exten"),
                linkedid: text("Linkedid"),
                uniqueid,
                ..Channel::default()
            }),
            ("Newstate", Some(channel)) => {
                channel.channel_state = text("ChannelState").parse().unwrap_or_default();
                channel.connected_line_num = text("ConnectedLineNum");
                channel.linkedid = text("Linkedid");
            }
            ("BridgeEnter", Some(channel)) => {
                channel.bridge_id = text("BridgeUniqueid");
                channel.linkedid = text("Linkedid");
            }
            ("BridgeLeave", Some(channel)) => channel.bridge_id.clear(),
            ("Newexten", Some(channel)) => channel.application = text("Application"),
            ("VarSet", Some(channel)) => {
                let _before = channel.variables.insert(text("Variable"), text("Value"));
            }
            ("Hangup", Some(_)) => self.channels.retain(|one| one.uniqueid != uniqueid),
            _ => {}
        }
    }

    pub(super) fn emit_raw(&mut self, bytes: &[u8]) {
        for session in self
            .sessions
            .values_mut()
            .filter(|session| session.user.is_some())
        {
            session.put(bytes);
        }
    }

    pub(super) fn each_session(&mut self, change: impl Fn(&mut SessionState)) {
        for session in self.sessions.values_mut() {
            change(session);
            session.changed.notify_one();
        }
    }

    /// How much the fullest connection has to send.
    pub(super) fn longest_outbox(&self) -> usize {
        let sessions = self.sessions.values().filter(|session| !session.is_silent);
        sessions
            .map(|session| session.outbox.len())
            .max()
            .unwrap_or(0)
    }
}

/// The first class of an event's `Privilege`; the test suite's events have none and go to everybody.
fn class(event: &[u8]) -> String {
    let mut lines = event.split(|byte| *byte == b'\n');
    let privilege = lines.find_map(|line| line.strip_prefix(b"Privilege: "));
    let privilege = Bytes::copy_from_slice(privilege.unwrap_or_default());
    let text = String::from_utf8_lossy(&privilege).trim().to_owned();
    text.split(',').next().unwrap_or_default().to_owned()
}

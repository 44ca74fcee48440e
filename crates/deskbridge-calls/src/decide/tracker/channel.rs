//! One channel of a call, and what an event says of one.

use std::borrow::Cow;

use ami::Message;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::call::Uniqueid;

/// Whose a channel is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Party {
    /// An agent's phone.
    Agent {
        /// The internal number.
        extension: String,
    },
    /// Somebody outside.
    Trunk {
        /// The endpoint.
        endpoint: String,
        /// Nothing spoke for it but that nothing spoke for a phone.
        is_guess: bool,
    },
    /// One end of a pair that joins two parts of a call.
    Local {
        /// The name of the pair.
        pair: String,
        /// Which end.
        half: Half,
    },
    /// An announcement, a recorder.
    Nobody,
}

/// An end of a pair of local channels: what is dialled is one, what runs the dialplan is two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Half {
    One,
    Two,
}

/// A channel of a call, also when it is gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Channel {
    pub(super) uniqueid: Uniqueid,
    pub(super) party: Party,
    pub(super) role: Role,
    pub(super) began_at: Timestamp,
    /// It was answered, by a person or by the dialplan.
    pub(super) is_up: bool,
    /// The bridge that it is in, if one can be heard there.
    pub(super) bridge: Option<String>,
    /// That it was dialled.
    pub(super) dial: Option<Dial>,
    /// Whoever is at it hung up.
    pub(super) hung_up: bool,
    /// It gave the client away, and has no more to do with them.
    pub(super) handed_over: bool,
    /// It can be heard by the client since then.
    pub(super) talking_since: Option<Timestamp>,
    /// It could be heard last then.
    pub(super) heard_until: Option<Timestamp>,
    pub(super) gone: Option<Gone>,
}

/// What a channel is in its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Role {
    /// The client is at it.
    Client,
    /// It is the one that the call began with, and not the client's.
    First,
    /// Any other.
    Other,
}

/// How a channel was dialled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Dial {
    pub(super) began_at: Timestamp,
    /// The channel that dialled; `None` for an order from outside, and when the PBX does not say it.
    pub(super) by: Option<Uniqueid>,
    /// The number outside.
    pub(super) number: Option<String>,
    pub(super) ended: Option<DialEnded>,
}

/// How dialling ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DialEnded {
    pub(super) at: Timestamp,
    pub(super) status: DialStatus,
}

/// What became of dialling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DialStatus {
    Answer,
    NoAnswer,
    Busy,
    Congestion,
    Unavailable,
    Cancel,
    /// The phone named another number.
    Forwarded,
}

/// That a channel is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Gone {
    pub(super) at: Timestamp,
    pub(super) how: GoneHow,
}

/// How a channel went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum GoneHow {
    /// With this cause; a hint, since versions of Asterisk differ in it.
    HungUp(u16),
    /// It was missing when we looked.
    NotSeen,
}

impl Channel {
    pub(super) fn is_live(&self) -> bool {
        self.gone.is_none()
    }

    /// The internal number, if an agent is at it.
    pub(super) fn extension(&self) -> Option<&str> {
        match &self.party {
            Party::Agent { extension } => Some(extension),
            Party::Trunk { .. } | Party::Local { .. } | Party::Nobody => None,
        }
    }

    /// What a conversation on it is called: the internal number, or the number outside.
    pub(super) fn number(&self) -> Option<&str> {
        match &self.party {
            Party::Agent { extension } => Some(extension),
            Party::Trunk { endpoint, .. } => {
                let dialled = self.dial.as_ref().and_then(|dial| dial.number.as_deref());
                Some(dialled.unwrap_or(endpoint))
            }
            Party::Local { .. } | Party::Nobody => None,
        }
    }

    /// Whether it can have a conversation with the client.
    pub(super) fn is_person(&self) -> bool {
        self.role != Role::Client
            && match self.party {
                Party::Agent { .. } => true,
                Party::Trunk { .. } => self.dial.is_some(),
                Party::Local { .. } | Party::Nobody => false,
            }
    }

    pub(super) fn dial_status(&self) -> Option<DialStatus> {
        let ended = self.dial.as_ref()?.ended?;
        Some(ended.status)
    }

    /// Whether what is said at one can be heard at the other.
    pub(super) fn hears(&self, other: &Self) -> bool {
        if !self.is_live() || !other.is_live() {
            return false;
        }
        let is_same_bridge = self.bridge.is_some() && self.bridge == other.bridge;
        is_same_bridge || self.is_other_half(other)
    }

    pub(super) fn is_other_half(&self, other: &Self) -> bool {
        match (&self.party, &other.party) {
            (
                Party::Local { pair, half },
                Party::Local {
                    pair: its,
                    half: other,
                },
            ) => half != other && pair == its,
            _ => false,
        }
    }
}

impl DialStatus {
    /// `DialStatus` of `DialEnd`; what is neither is a failure.
    pub(super) fn read(status: &[u8]) -> Self {
        match status {
            b"ANSWER" => Self::Answer,
            b"NOANSWER" => Self::NoAnswer,
            b"BUSY" => Self::Busy,
            b"CHANUNAVAIL" => Self::Unavailable,
            b"CANCEL" => Self::Cancel,
            _ => Self::Congestion,
        }
    }
}

/// What an event says of a channel, under a prefix such as `Dest`. Nothing is copied.
#[derive(Clone, Copy)]
pub(super) struct Snapshot<'a> {
    message: &'a Message,
    keys: &'static Keys,
    pub(super) uniqueid: &'a str,
}

/// How the headers of a channel are called.
pub(super) struct Keys {
    channel: &'static str,
    state: &'static str,
    caller: &'static str,
    connected: &'static str,
    context: &'static str,
    exten: &'static str,
    uniqueid: &'static str,
    linkedid: &'static str,
}

macro_rules! keys {
    ($name:ident, $prefix:literal) => {
        pub(super) const $name: Keys = Keys {
            channel: concat!($prefix, "Channel"),
            state: concat!($prefix, "ChannelState"),
            caller: concat!($prefix, "CallerIDNum"),
            connected: concat!($prefix, "ConnectedLineNum"),
            context: concat!($prefix, "Context"),
            exten: concat!($prefix, "Exten"),
            uniqueid: concat!($prefix, "Uniqueid"),
            linkedid: concat!($prefix, "Linkedid"),
        };
    };
}

impl Keys {
    keys!(PLAIN, "");
    keys!(DEST, "Dest");
    keys!(TRANSFERER, "Transferer");
    keys!(TRANSFEREE, "Transferee");
    keys!(ORIG_TRANSFERER, "OrigTransferer");
    keys!(SECOND_TRANSFERER, "SecondTransferer");
    keys!(TRANSFER_TARGET, "TransferTarget");
    keys!(TARGET, "Target");
    keys!(PARKEE, "Parkee");
    keys!(RETRIEVER, "Retriever");
}

impl<'a> Snapshot<'a> {
    /// `None` when the event names no such channel.
    pub(super) fn read(message: &'a Message, keys: &'static Keys) -> Option<Self> {
        let uniqueid = id(message.get(keys.uniqueid)?)?;
        Some(Self {
            message,
            keys,
            uniqueid,
        })
    }

    pub(super) fn name(&self) -> Cow<'a, str> {
        self.message.text(self.keys.channel).unwrap_or_default()
    }

    pub(super) fn linkedid(&self) -> Option<&'a str> {
        id(self.message.get(self.keys.linkedid)?)
    }

    pub(super) fn state(&self) -> &'a [u8] {
        self.message.get(self.keys.state).unwrap_or_default()
    }

    pub(super) fn caller(&self) -> Option<Cow<'a, str>> {
        self.message
            .text(self.keys.caller)
            .filter(|text| is_number(text))
    }

    pub(super) fn connected(&self) -> Option<Cow<'a, str>> {
        self.message
            .text(self.keys.connected)
            .filter(|text| is_number(text))
    }

    pub(super) fn context(&self) -> Cow<'a, str> {
        self.message.text(self.keys.context).unwrap_or_default()
    }

    pub(super) fn exten(&self) -> Option<Cow<'a, str>> {
        self.message
            .text(self.keys.exten)
            .filter(|text| is_number(text))
    }
}

/// The longest id that is believed. Asterisk allows 149.
const ID_BYTES_MAX: usize = 256;

/// An id of a channel or a call. At boot the PBX names the channel `none` for variables of nobody.
pub(super) fn id(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let is_id = !matches!(text, "" | "none" | "<unknown>") && text.len() <= ID_BYTES_MAX;
    is_id.then_some(text)
}

/// Whether a text is somebody's number, as neither `<unknown>` nor `anonymous` nor `s` is.
pub(super) fn is_number(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let is_dialled = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+*#-().".contains(&byte));
    digits > 0 && is_dialled && text.len() <= 64
}

/// The number in a `DialString` such as `79035550001@trunk`, `trunk/79035550001`, `PJSIP/trunk/sip:79035550001@host`.
pub(super) fn dialled_number(dial_string: &str, endpoint: &str) -> Option<String> {
    let parts = dial_string.split(['/', '@', ';', ',']);
    let parts = parts.map(|part| part.strip_prefix("sip:").unwrap_or(part));
    let mut parts = parts.filter(|part| *part != endpoint && is_number(part));
    parts.next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_in_a_dial_string() {
        for (dial_string, expected) in [
            ("79035550001@trunk", Some("79035550001")),
            ("+79035550001@trunk", Some("+79035550001")),
            ("trunk/79035550001", Some("79035550001")),
            (
                "PJSIP/trunk/sip:79035550001@sip.example",
                Some("79035550001"),
            ),
            ("trunk", None),
            ("PJSIP/101", Some("101")),
            ("", None),
        ] {
            let number = dialled_number(dial_string, "trunk");
            assert_eq!(number.as_deref(), expected, "{dial_string}");
        }
    }

    #[test]
    fn what_is_no_number() {
        for text in [
            "",
            "<unknown>",
            "anonymous",
            "s",
            "unknown",
            "h",
            "+",
            "(null)",
        ] {
            assert!(!is_number(text), "{text}");
        }
        for text in [
            "101",
            "+79161234567",
            "*8101",
            "8 (495)".replace(' ', "").as_str(),
        ] {
            assert!(is_number(text), "{text}");
        }
    }
}

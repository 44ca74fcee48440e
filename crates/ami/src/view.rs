//! What a message says, in types. The message itself has everything.

use std::{borrow::Cow, time::Duration};

use crate::{Message, message};

/// The headers that describe a channel in an event: `Channel`, `Uniqueid`, `CallerIDNum` and so on, or the same with a
/// prefix, as `DestUniqueid`. A view into a message, which costs nothing to make.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    message: &'a Message,
    prefix: &'a str,
}

/// The state of a channel, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelState {
    /// 0: made, and not used yet. A call that we began starts so.
    Down,
    /// 1.
    Reserved,
    /// 2.
    OffHook,
    /// 3.
    Dialing,
    /// 4: it calls. A call that comes in starts so.
    Ring,
    /// 5: it is called.
    Ringing,
    /// 6: it was answered, be it by a person, a queue or a mailbox.
    Up,
    /// 7.
    Busy,
    /// Another number.
    Other(u8),
}

impl Message {
    /// The channel that the event is about.
    pub fn channel(&self) -> Option<Snapshot<'_>> {
        self.channel_of("")
    }

    /// The channel whose headers begin with a prefix: `Dest` in the events of a dial, `Transferer` and `Transferee` in
    /// those of a transfer. `None` if the event has none, as a dial that nobody's channel began.
    pub fn channel_of<'a>(&'a self, prefix: &'a str) -> Option<Snapshot<'a>> {
        let snapshot = Snapshot {
            message: self,
            prefix,
        };
        snapshot.get("Channel").is_some().then_some(snapshot)
    }

    /// When the event happened, after 1970, to the microsecond. Only with `timestampevents=yes` in `manager.conf`.
    pub fn timestamp(&self) -> Option<Duration> {
        let text = self.text("Timestamp")?;
        let (seconds, fraction) = text.split_once('.').unwrap_or((&text, "0"));
        let nanos = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
        Some(Duration::new(seconds.parse().ok()?, nanos))
    }
}

impl<'a> Snapshot<'a> {
    /// A header of the channel, by its name without the prefix.
    pub fn get(self, name: &str) -> Option<&'a [u8]> {
        self.message.prefixed(self.prefix, name).next()
    }

    /// `Channel`: technology, endpoint and number, as `PJSIP/101-00000001`.
    pub fn name(self) -> Cow<'a, str> {
        self.get("Channel")
            .map(String::from_utf8_lossy)
            .unwrap_or_default()
    }

    /// The endpoint, as `PJSIP/101`: the name without the number, and without the half of a `Local` channel. An
    /// endpoint's own name may have dashes.
    pub fn endpoint(self) -> Cow<'a, str> {
        let name = self.name();
        let end = name.split(';').next().and_then(|name| name.rfind('-'));
        match (name, end) {
            (Cow::Borrowed(name), Some(end)) => name.get(..end).unwrap_or(name).into(),
            (Cow::Owned(mut name), Some(end)) => {
                name.truncate(end);
                name.into()
            }
            (name, None) => name,
        }
    }

    /// The channel's id, which no other channel has, be it after a restart.
    pub fn uniqueid(self) -> Option<Cow<'a, str>> {
        self.get("Uniqueid").and_then(message::known)
    }

    /// The id of its call: the `Uniqueid` of the oldest channel that was joined with this one. It changes without an
    /// event of its own.
    pub fn linkedid(self) -> Option<Cow<'a, str>> {
        self.get("Linkedid").and_then(message::known)
    }

    /// The state.
    pub fn state(self) -> Option<ChannelState> {
        let number = std::str::from_utf8(self.get("ChannelState")?).ok()?;
        Some(match number.parse().ok()? {
            0 => ChannelState::Down,
            1 => ChannelState::Reserved,
            2 => ChannelState::OffHook,
            3 => ChannelState::Dialing,
            4 => ChannelState::Ring,
            5 => ChannelState::Ringing,
            6 => ChannelState::Up,
            7 => ChannelState::Busy,
            number => ChannelState::Other(number),
        })
    }

    /// Its own number; for one that was called, the number that was called.
    pub fn caller_id_num(self) -> Option<Cow<'a, str>> {
        self.get("CallerIDNum").and_then(message::known)
    }

    /// Its own name, as it was before Asterisk escaped it.
    pub fn caller_id_name(self) -> Option<Cow<'a, str>> {
        self.get("CallerIDName")
            .filter(|name| message::known(name).is_some())
            .map(message::unescaped)
    }

    /// The number of the one it is connected to.
    pub fn connected_line_num(self) -> Option<Cow<'a, str>> {
        self.get("ConnectedLineNum").and_then(message::known)
    }

    /// The dialplan's context that it is in.
    pub fn context(self) -> Option<Cow<'a, str>> {
        self.get("Context").and_then(message::known)
    }

    /// The extension that it is at; at its beginning, what was dialled.
    pub fn exten(self) -> Option<Cow<'a, str>> {
        self.get("Exten").and_then(message::known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dial_has_two_channels_or_one() {
        let dial = "Event: DialBegin\r\nDestChannel: PJSIP/a-b-00000002\r\nDestChannelState: 0\r\n\
            DestCallerIDNum: <unknown>\r\nDestCallerIDName: O\\'Neil\r\nDestUniqueid: 1.2\r\nDestLinkedid: 1.1\r\n";
        let message = Message::parse(dial.into());
        assert!(message.channel().is_none());
        let dest = message.channel_of("Dest").unwrap();
        assert_eq!(dest.name(), "PJSIP/a-b-00000002");
        assert_eq!(dest.endpoint(), "PJSIP/a-b");
        assert_eq!(dest.state(), Some(ChannelState::Down));
        assert_eq!(dest.caller_id_num(), None);
        assert_eq!(dest.caller_id_name().as_deref(), Some("O'Neil"));
        assert_eq!(
            (dest.uniqueid().as_deref(), dest.linkedid().as_deref()),
            (Some("1.2"), Some("1.1"))
        );
        assert_eq!(dest.exten(), None);
        let whole = format!("{dial}Channel: PJSIP/101-00000001\r\nChannelState: 9\r\n");
        let message = Message::parse(whole.into());
        assert_eq!(
            message.channel().unwrap().state(),
            Some(ChannelState::Other(9))
        );
    }

    #[test]
    fn endpoints_are_names_without_numbers() {
        let check = |name: &str| {
            let message = Message::parse(format!("Event: X\r\nChannel: {name}\r\n").into());
            message.channel().unwrap().endpoint().into_owned()
        };
        let rows = [
            ("PJSIP/101-00000001", "PJSIP/101"),
            ("Local/101@from-queue-00000003;1", "Local/101@from-queue"),
            ("PJSIP/101", "PJSIP/101"),
        ];
        for (name, expected) in rows {
            assert_eq!(check(name), expected);
        }
    }

    #[test]
    fn timestamps_are_read_to_the_microsecond() {
        let check = |text: &str| {
            let message = Message::parse(format!("Event: X\r\nTimestamp: {text}\r\n").into());
            message.timestamp()
        };
        assert_eq!(
            check("1795214471.020201"),
            Some(Duration::new(1_795_214_471, 20_201_000))
        );
        assert_eq!(
            check("1795214471"),
            Some(Duration::from_secs(1_795_214_471))
        );
        for text in ["", "x", "1.x", "-1.0"] {
            assert_eq!(check(text), None, "{text}");
        }
    }
}

//! What the PBX has to tell so that its calls can be followed; the rest, six blocks of seven, need not be sent.

use ami::{Value, Wanted, Word};

/// Events that a tracker takes, beside those of variables and applications.
const EVENTS: [&str; 17] = [
    "Newchannel",
    "Newstate",
    "DialBegin",
    "DialEnd",
    "BridgeEnter",
    "BridgeLeave",
    "HangupRequest",
    "Hangup",
    "BlindTransfer",
    "AttendedTransfer",
    "ParkedCall",
    "Pickup",
    "UnParkedCall",
    "QueueCallerJoin",
    "QueueCallerLeave",
    "QueueCallerAbandon",
    "OriginateResponse",
];
/// Variables whose values say something of a call, without the underscores that make channels inherit them.
pub(super) const VARIABLES: [&str; 5] = [
    "MIXMONITOR_FILENAME",
    "VM_MESSAGEFILE",
    "VMSTATUS",
    "DIALSTATUS",
    "FROM_DID",
];
/// Applications of the dialplan that say something of a call by being run.
pub(super) const APPLICATIONS: [&str; 1] = ["VoiceMail"];
/// What a [listing](super::Listing) asks of each channel: the file that it is recorded to, the number that was called, and
/// when it was answered, which the PBX says nowhere else.
const OF_CHANNELS: &str = "MIXMONITOR_FILENAME,FROM_DID,CDR(answer,u)";

/// The only events from which a [`Tracker`](super::Tracker) learns something.
pub fn wanted() -> Wanted {
    let words = |names: &[&str]| -> Vec<Word> {
        // None is lost: a test counts them.
        names
            .iter()
            .filter_map(|name| Word::new(*name).ok())
            .collect()
    };
    Wanted {
        events: words(&EVENTS),
        variables: words(&VARIABLES),
        applications: words(&APPLICATIONS),
    }
}

/// What is asked of each channel that is listed.
pub fn of_channels() -> Option<Value> {
    Value::new(OF_CHANNELS).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_can_be_sent() {
        let wanted = wanted();
        let named = [
            wanted.events.len(),
            wanted.variables.len(),
            wanted.applications.len(),
        ];
        assert_eq!(named, [EVENTS.len(), VARIABLES.len(), APPLICATIONS.len()]);
        assert!(of_channels().is_some());
    }
}

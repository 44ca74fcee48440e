//! What the CRM calls the end of a call.

use crate::call::{CallResult, MissedReason};

/// Which way a call went, as the CRM tells results apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The client called, or two employees talked.
    In,
    /// An agent called.
    Out,
    /// The client asked to be called.
    Back,
}

/// `STATUS_CODE` and `FAILED_REASON`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// A code of the CRM's.
    pub code: &'static str,
    /// Why nobody talked, for people.
    pub failed_reason: Option<&'static str>,
}

/// Every code that the CRM knows.
const CODES: [&str; 13] = [
    "200", "304", "402", "403", "404", "423", "480", "484", "486", "503", "603", "603-S", "OTHER",
];

/// Whether the CRM knows a code.
pub fn is_code(code: &str) -> bool {
    CODES.contains(&code)
}

/// The status of a call that ended so.
pub fn status(way: Way, result: CallResult) -> Status {
    let reason = match result {
        CallResult::Answered => {
            return Status {
                code: "200",
                failed_reason: None,
            };
        }
        CallResult::Missed(reason) => reason,
    };
    let code = match way {
        Way::In => missed_in(reason),
        Way::Out => missed_out(reason),
        Way::Back if is_ours(reason) => "304",
        Way::Back => missed_out(reason),
    };
    Status {
        code,
        failed_reason: Some(told(reason)),
    }
}

/// Nobody took a call that was meant for us: for the CRM that is missed, whatever the phones said.
fn missed_in(reason: MissedReason) -> &'static str {
    match reason {
        MissedReason::NobodyRung
        | MissedReason::GaveUpInMenu
        | MissedReason::GaveUpInQueue
        | MissedReason::GaveUpRinging
        | MissedReason::NoAnswer
        | MissedReason::Busy
        | MissedReason::Declined
        | MissedReason::Voicemail
        | MissedReason::Unreachable
        | MissedReason::WrongNumber
        | MissedReason::Failed
        | MissedReason::AgentDidNotAnswer => "304",
        MissedReason::NotSeen => "OTHER",
    }
}

fn missed_out(reason: MissedReason) -> &'static str {
    match reason {
        MissedReason::NoAnswer | MissedReason::Voicemail => "304",
        MissedReason::NobodyRung
        | MissedReason::GaveUpInMenu
        | MissedReason::GaveUpInQueue
        | MissedReason::GaveUpRinging
        | MissedReason::AgentDidNotAnswer => "603-S",
        MissedReason::Busy => "486",
        MissedReason::Declined => "603",
        MissedReason::WrongNumber => "404",
        MissedReason::Unreachable => "480",
        MissedReason::Failed => "503",
        MissedReason::NotSeen => "OTHER",
    }
}

/// Whether it was for want of an agent that a client who asked for it was not called.
pub fn is_ours(reason: MissedReason) -> bool {
    match reason {
        MissedReason::NobodyRung
        | MissedReason::GaveUpInMenu
        | MissedReason::GaveUpInQueue
        | MissedReason::AgentDidNotAnswer => true,
        MissedReason::GaveUpRinging
        | MissedReason::NoAnswer
        | MissedReason::Busy
        | MissedReason::Declined
        | MissedReason::Voicemail
        | MissedReason::Unreachable
        | MissedReason::WrongNumber
        | MissedReason::Failed
        | MissedReason::NotSeen => false,
    }
}

/// A reason in words.
pub fn told(reason: MissedReason) -> &'static str {
    match reason {
        MissedReason::NobodyRung => "no phone was called",
        MissedReason::GaveUpInMenu => "the caller gave up in a menu",
        MissedReason::GaveUpInQueue => "the caller gave up in a queue",
        MissedReason::GaveUpRinging => "the caller gave up while it rang",
        MissedReason::NoAnswer => "nobody answered",
        MissedReason::Busy => "busy",
        MissedReason::Declined => "declined",
        MissedReason::Voicemail => "the caller was sent to voicemail",
        MissedReason::Unreachable => "no phone could be reached",
        MissedReason::WrongNumber => "the number does not exist",
        MissedReason::Failed => "the call could not be put through",
        MissedReason::AgentDidNotAnswer => "the agent did not take the phone",
        MissedReason::NotSeen => "it was not seen how the call ended",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_has_the_code_that_the_crm_knows_it_by() {
        use MissedReason::*;
        // Reason, incoming, outgoing, callback.
        for (reason, incoming, outgoing, callback) in [
            (NobodyRung, "304", "603-S", "304"),
            (GaveUpInMenu, "304", "603-S", "304"),
            (GaveUpInQueue, "304", "603-S", "304"),
            (GaveUpRinging, "304", "603-S", "603-S"),
            (NoAnswer, "304", "304", "304"),
            (Busy, "304", "486", "486"),
            (Declined, "304", "603", "603"),
            (Voicemail, "304", "304", "304"),
            (Unreachable, "304", "480", "480"),
            (WrongNumber, "304", "404", "404"),
            (Failed, "304", "503", "503"),
            (AgentDidNotAnswer, "304", "603-S", "304"),
            (NotSeen, "OTHER", "OTHER", "OTHER"),
        ] {
            let code = |way| status(way, CallResult::Missed(reason)).code;
            assert_eq!(
                [code(Way::In), code(Way::Out), code(Way::Back)],
                [incoming, outgoing, callback],
                "{reason:?}"
            );
        }
        for way in [Way::In, Way::Out, Way::Back] {
            let answered = status(way, CallResult::Answered);
            assert_eq!((answered.code, answered.failed_reason), ("200", None));
        }
    }
}

//! What phones do, written as scenarios of sipp.

mod script;

use script::{Body, Dialog, Script, agreement, keep};

/// What a phone does that dials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calling {
    /// Is answered, talks, hangs up.
    Talks {
        /// From the answer to hanging up.
        talk_ms: u32,
    },
    /// Is answered and stays until the other side hangs up.
    Stays,
    /// Hears it ring and gives up.
    GivesUp {
        /// From the first ringing to giving up.
        ring_ms: u32,
    },
    /// Is refused: busy, not answered in time, no such number.
    IsRefused,
}

/// What a phone does that is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Called {
    /// Rings, and is picked up.
    Answers {
        /// From the first ringing to the answer.
        ring_ms: u32,
        /// What comes of the talk.
        then: Then,
    },
    /// Rings until the caller or Asterisk has enough.
    Rings,
    /// Rings, and is declined (603).
    Declines {
        /// From the first ringing to declining.
        ring_ms: u32,
    },
    /// Is busy (486).
    Busy,
    /// Has no such number (404), or is down (503), or the like.
    Refuses {
        /// The status of SIP.
        status: u16,
    },
}

/// What a phone does that was picked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// Talks until the other side hangs up.
    Stays,
    /// Talks and hangs up.
    HangsUp {
        /// From the answer to hanging up.
        talk_ms: u32,
    },
    /// Talks, then hands the call to another number and is out of it.
    TransfersBlind {
        /// From the answer to the transfer.
        talk_ms: u32,
        /// Where the call goes.
        to: String,
    },
    /// Talks, lets the caller wait, calls another number, then joins the two.
    TransfersAttended {
        /// From the answer to letting the caller wait, and as long with the other number.
        talk_ms: u32,
        /// Where the call goes; it must answer.
        to: String,
    },
}

impl Called {
    /// Is picked up soon, and talks until the other side hangs up.
    pub fn answers() -> Self {
        Self::answers_then(Then::Stays)
    }

    /// Is picked up soon.
    pub fn answers_then(then: Then) -> Self {
        Self::Answers { ring_ms: 200, then }
    }
}

/// What the one who dials is heard with, and the one who is called: a second of A-law. One tone is the digital
/// milliwatt, 1 kHz; the other is 2 kHz, so that a recording of both cannot cancel out.
pub(super) const TONES: [(&str, [u8; 8]); 2] = [
    (
        "calling.alaw",
        [0x34, 0x21, 0x21, 0x34, 0xb4, 0xa1, 0xa1, 0xb4],
    ),
    (
        "called.alaw",
        [0x21, 0x21, 0xa1, 0xa1, 0x21, 0x21, 0xa1, 0xa1],
    ),
];

/// Statuses with which Asterisk refuses a call.
const REFUSALS: [u16; 10] = [403, 404, 480, 484, 486, 487, 488, 500, 503, 603];

/// The scenario of one who dials.
pub(super) fn calling(does: Calling) -> String {
    let mut script = Script::default();
    let mut dialog = Dialog::calling();
    script.ask(&dialog, "INVITE", 1, &Body::Media("sendrecv"));
    match does {
        Calling::GivesUp { ring_ms } => {
            script.may_receive(&[100]);
            script.receive("response=\"180\"", "");
            script.pause(ring_ms);
            // Both belong to the invitation, which was the first message.
            dialog.branch = format!("[branch-{}]", script.messages);
            script.ask(&dialog, "CANCEL", 1, &Body::None);
            script.receive("response=\"200\"", "");
            script.receive("response=\"487\"", "");
            dialog.branch = format!("[branch-{}]", script.messages);
            dialog.to = "[last_To:]".to_owned();
            script.ask(&dialog, "ACK", 1, &Body::None);
            return script.finish();
        }
        Calling::IsRefused => {
            script.may_receive(&[100, 180, 181, 183]);
            for status in REFUSALS {
                script.receive(
                    &format!("response=\"{status}\" optional=\"true\" next=\"1\""),
                    "",
                );
            }
            script.receive("response=\"600\"", "");
            script.label(1);
            dialog.to = "[last_To:]".to_owned();
            script.ask(&dialog, "ACK", 1, &Body::None);
            return script.finish();
        }
        Calling::Talks { .. } | Calling::Stays => {}
    }
    script.may_receive(&[100, 180, 181, 183]);
    script.receive("response=\"200\"", "");
    dialog.to = "[last_To:]".to_owned();
    script.ask(&dialog, "ACK", 1, &Body::None);
    script.play("calling.alaw");
    if let Calling::Talks { talk_ms } = does {
        script.pause(talk_ms);
        script.ask(&dialog, "BYE", 2, &Body::None);
        script.receive("response=\"200\"", "");
    } else {
        script.receive("request=\"BYE\"", "");
        script.agree();
    }
    script.finish()
}

/// The scenario of one who is called.
pub(super) fn called(does: &Called) -> String {
    let mut script = Script::default();
    script.be_invited();
    match does {
        Called::Answers { ring_ms, then } => {
            script.answer("180 Ringing", &Body::None);
            script.pause(*ring_ms);
            script.answer("200 OK", &Body::Media("sendrecv"));
            script.receive("request=\"ACK\"", "");
            script.play("called.alaw");
            talk(&mut script, then);
        }
        Called::Rings => {
            script.answer("180 Ringing", &Body::None);
            script.receive("request=\"CANCEL\"", "");
            script.answer("200 OK", &Body::None);
            script.answer_invitation("487 Request Terminated");
            script.receive("request=\"ACK\"", "");
        }
        Called::Declines { ring_ms } => {
            script.answer("180 Ringing", &Body::None);
            script.pause(*ring_ms);
            script.refuse("603 Decline");
        }
        Called::Busy => script.refuse("486 Busy Here"),
        Called::Refuses { status } => script.refuse(&format!("{status} Refused")),
    }
    script.finish()
}

fn talk(script: &mut Script, then: &Then) {
    let dialog = Dialog::called();
    match then {
        Then::Stays => {
            script.receive("request=\"BYE\"", "");
            script.agree();
            return;
        }
        Then::HangsUp { talk_ms } => script.pause(*talk_ms),
        Then::TransfersBlind { talk_ms, to } => {
            script.pause(*talk_ms);
            script.refer(&format!("<sip:{to}@[remote_ip]:[remote_port]>"));
            script.receive("response=\"200\"", "");
        }
        Then::TransfersAttended { talk_ms, to } => {
            script.pause(*talk_ms);
            transfer_attended(script, &dialog, *talk_ms, to);
        }
    }
    script.ask(&dialog, "BYE", 110, &Body::None);
    script.receive("response=\"200\"", "");
}

fn transfer_attended(script: &mut Script, dialog: &Dialog, talk_ms: u32, to: &str) {
    script.ask(dialog, "INVITE", 100, &Body::Media("sendonly"));
    script.may_receive(&[100]);
    script.receive("response=\"200\"", "");
    script.ask(dialog, "ACK", 100, &Body::None);

    let mut consulting = Dialog::consulting(to);
    script.ask(&consulting, "INVITE", 200, &Body::Media("sendrecv"));
    script.may_receive(&[100, 180, 183]);
    script.receive(
        "response=\"200\"",
        &keep("tag=([^;]+)", "To:", "whole,other"),
    );
    script.refer_to("whole,other");
    consulting.to.push_str(";tag=[$other]");
    script.ask(&consulting, "ACK", 200, &Body::None);
    script.pause(talk_ms);

    script.refer(&format!(
        "<sip:{to}@[remote_ip]:[remote_port]?Replaces=cons%2F%2F%2F[call_id]%3Bto-tag%3D[$other]%3Bfrom-tag%3Dk[pid]x[call_number]>"
    ));
    // Asterisk agrees and hangs the consultation up, in either order.
    script.receive("request=\"BYE\" optional=\"true\" next=\"70\"", "");
    script.receive("response=\"200\"", "");
    script.receive("request=\"BYE\"", "");
    script.send(" next=\"80\"", &agreement());
    script.label(70);
    script.agree();
    script.receive("response=\"200\"", "");
    script.label(80);
}

//! The language of sipp: steps in XML, around messages of SIP.

use std::fmt::Write as _;

/// Who speaks to whom in which call, as the headers of a request say it.
pub(super) struct Dialog {
    uri: String,
    pub(super) branch: String,
    from: &'static str,
    pub(super) to: String,
    call_id: &'static str,
}

impl Dialog {
    pub(super) fn calling() -> Self {
        Self {
            uri: "sip:[service]@[remote_ip]:[remote_port]".to_owned(),
            branch: "[branch]".to_owned(),
            from: "From: \"[name]\" <sip:[user]@[local_ip]:[local_port]>;tag=c[pid]x[call_number]",
            to: "To: <sip:[service]@[remote_ip]:[remote_port]>".to_owned(),
            call_id: "[call_id]",
        }
    }

    pub(super) fn called() -> Self {
        Self {
            uri: "[next_url]".to_owned(),
            branch: "[branch]".to_owned(),
            from: "From:[$me];tag=u[pid]x[call_number]",
            to: "To:[$peer]".to_owned(),
            call_id: "[call_id]",
        }
    }

    /// A second call of the same phone; sipp takes what follows three slashes for the call of the scenario.
    pub(super) fn consulting(number: &str) -> Self {
        Self {
            uri: format!("sip:{number}@[remote_ip]:[remote_port]"),
            branch: "[branch]".to_owned(),
            from: "From: <sip:[user]@[local_ip]>;tag=k[pid]x[call_number]",
            to: format!("To: <sip:{number}@[remote_ip]:[remote_port]>"),
            call_id: "cons///[call_id]",
        }
    }
}

pub(super) enum Body {
    None,
    /// A description of the sound, with its direction.
    Media(&'static str),
}

impl Body {
    fn text(&self) -> String {
        match self {
            Self::None => "Content-Length: 0\n\n\n".to_owned(),
            Self::Media(direction) => {
                let version = if *direction == "sendrecv" { 1 } else { 2 };
                format!(
                    "Content-Type: application/sdp\nContent-Length: [len]\n\nv=0\no=phone 1 {version} IN IP[local_ip_type] [local_ip]\n\
                     s=-\nc=IN IP[media_ip_type] [media_ip]\nt=0 0\nm=audio [media_port] RTP/AVP 8 101\n\
                     a=rtpmap:8 PCMA/8000\na=rtpmap:101 telephone-event/8000\na={direction}\n"
                )
            }
        }
    }
}

/// Keeps what a header matches in variables.
pub(super) fn keep(pattern: &str, header: &str, variables: &str) -> String {
    format!(
        "<ereg regexp=\"{pattern}\" search_in=\"hdr\" header=\"{header}\" assign_to=\"{variables}\"/>"
    )
}

/// The answer to a request that came within the call.
pub(super) fn agreement() -> String {
    "SIP/2.0 200 OK\n[last_Via:]\n[last_Record-Route:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\nContent-Length: 0\n\n\n"
        .to_owned()
}

const CONTACT: &str = "Contact: <sip:[user]@[local_ip]:[local_port]>\n";

#[derive(Default)]
pub(super) struct Script {
    steps: String,
    /// How many steps there are, as sipp counts them.
    pub(super) messages: u32,
}

impl Script {
    fn step(&mut self, xml: &str) {
        self.steps.push_str(xml);
        self.steps.push('\n');
        self.messages += 1;
    }

    pub(super) fn send(&mut self, attributes: &str, message: &str) {
        self.step(&format!("<send{attributes}><![CDATA[\n{message}]]></send>"));
    }

    pub(super) fn receive(&mut self, what: &str, keeps: &str) {
        let actions = if keeps.is_empty() {
            String::new()
        } else {
            format!("<action>{keeps}</action>")
        };
        self.step(&format!("<recv {what}>{actions}</recv>"));
    }

    pub(super) fn may_receive(&mut self, statuses: &[u16]) {
        for status in statuses {
            self.receive(&format!("response=\"{status}\" optional=\"true\""), "");
        }
    }

    pub(super) fn pause(&mut self, milliseconds: u32) {
        self.step(&format!("<pause milliseconds=\"{milliseconds}\"/>"));
    }

    /// Plays a tone over and over, from now on.
    pub(super) fn play(&mut self, file: &str) {
        self.step(&format!(
            "<nop><action><exec rtp_stream=\"{file},-1,8\"/></action></nop>"
        ));
    }

    pub(super) fn label(&mut self, number: u32) {
        writeln!(self.steps, "<label id=\"{number}\"/>").ok();
    }

    /// Keeps sipp from complaining of a variable that is used once only.
    pub(super) fn refer_to(&mut self, variables: &str) {
        writeln!(self.steps, "<Reference variables=\"{variables}\"/>").ok();
    }

    pub(super) fn ask(&mut self, dialog: &Dialog, method: &str, sequence: u32, body: &Body) {
        self.ask_with(dialog, method, sequence, "", body);
    }

    fn ask_with(
        &mut self,
        dialog: &Dialog,
        method: &str,
        sequence: u32,
        headers: &str,
        body: &Body,
    ) {
        let Dialog {
            uri,
            branch,
            from,
            to,
            call_id,
        } = dialog;
        let body = body.text();
        let message = format!(
            "{method} {uri} SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch={branch}\n{from}\n{to}\n\
             Call-ID: {call_id}\nCSeq: {sequence} {method}\n{CONTACT}Max-Forwards: 70\n{headers}{body}"
        );
        // Neither of them is answered, so that nothing would end the repeating.
        let attributes = if ["ACK", "CANCEL"].contains(&method) {
            ""
        } else {
            " retrans=\"500\""
        };
        self.send(attributes, &message);
    }

    pub(super) fn be_invited(&mut self) {
        let keeps = [
            keep(".*", "From:", "peer"),
            keep(".*", "To:", "me"),
            keep("[0-9]+", "CSeq:", "sequence"),
        ];
        self.receive("request=\"INVITE\" rrs=\"true\"", &keeps.concat());
        self.refer_to("peer,me,sequence");
    }

    /// Answers the last request, as the one who is called.
    pub(super) fn answer(&mut self, status: &str, body: &Body) {
        let body = body.text();
        let attributes = if body.contains("a=") {
            " retrans=\"500\""
        } else {
            ""
        };
        self.send(
            attributes,
            &format!(
                "SIP/2.0 {status}\n[last_Via:]\n[last_Record-Route:]\n[last_From:]\n[last_To:];tag=u[pid]x[call_number]\n\
                 [last_Call-ID:]\n[last_CSeq:]\n{CONTACT}{body}"
            ),
        );
    }

    /// Answers the invitation, though other requests came since.
    pub(super) fn answer_invitation(&mut self, status: &str) {
        self.send(
            " retrans=\"500\"",
            &format!(
                "SIP/2.0 {status}\n[last_Via:]\n[last_From:]\n[last_To:];tag=u[pid]x[call_number]\n[last_Call-ID:]\n\
                 CSeq: [$sequence] INVITE\nContent-Length: 0\n\n\n"
            ),
        );
    }

    pub(super) fn refuse(&mut self, status: &str) {
        self.answer_invitation(status);
        self.receive("request=\"ACK\"", "");
    }

    pub(super) fn agree(&mut self) {
        self.send("", &agreement());
    }

    /// Asks for a transfer, and for no notices of how it gets on.
    pub(super) fn refer(&mut self, to: &str) {
        let headers = format!(
            "Refer-To: {to}\nReferred-By: <sip:[user]@[local_ip]>\nRefer-Sub: false\nSupported: norefersub\n"
        );
        self.ask_with(&Dialog::called(), "REFER", 101, &headers, &Body::None);
    }

    pub(super) fn finish(self) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE scenario SYSTEM \"sipp.dtd\">\n<scenario name=\"phone\">\n{}</scenario>\n",
            self.steps
        )
    }
}

//! What an administrator may say about endpoints, and how the rest is found out.

use serde::Deserialize;

use super::channel::{Half, Party};

/// What is known of the PBX beforehand. The default fits `FreePBX` and most hand-made dialplans.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Endpoints that are trunks, as in `PJSIP/NAME-0000002a`, whatever speaks against it.
    pub trunks: Vec<Pattern>,
    /// Endpoints that are phones of agents, whatever speaks against it but [`trunks`](Self::trunks).
    pub phones: Vec<Pattern>,
    /// The fewest digits of an internal number. An endpoint whose name is such a number is a phone.
    pub extension_digits_min: usize,
    /// The most digits of an internal number.
    pub extension_digits_max: usize,
    /// Contexts of endpoints that are trunks.
    pub trunk_contexts: Vec<Pattern>,
    /// Contexts of endpoints that are phones.
    pub phone_contexts: Vec<Pattern>,
    /// How the `ChannelId` of a call begins that is ordered by us.
    pub originate_prefix: Option<String>,
    /// How many calls may be open at once. The oldest is given up for a newer one.
    pub open_calls_max: usize,
    /// After how many hours an open call is given up.
    pub open_hours_max: u16,
}

impl Default for Settings {
    fn default() -> Self {
        let patterns = |texts: &[&str]| texts.iter().copied().map(Pattern::new).collect();
        Self {
            trunks: Vec::new(),
            phones: Vec::new(),
            extension_digits_min: 2,
            extension_digits_max: 6,
            trunk_contexts: patterns(&[
                "from-trunk*",
                "from-pstn*",
                "from-did*",
                "from-provider*",
                "from-external*",
                "ext-did*",
                "incoming*",
                "inbound*",
            ]),
            phone_contexts: patterns(&["from-internal*", "from-phones*", "internal*"]),
            originate_prefix: None,
            open_calls_max: 20_000,
            open_hours_max: 24,
        }
    }
}

/// A name in which `*` stands for any characters.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Pattern(String);

impl Pattern {
    /// The pattern of this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether a name is meant.
    pub fn matches(&self, name: &str) -> bool {
        let Some((first, rest)) = self.0.split_once('*') else {
            return self.0 == name;
        };
        let Some(name) = name.strip_prefix(first) else {
            return false;
        };
        let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
        let Some(mut name) = name.strip_suffix(last) else {
            return false;
        };
        for part in middle.split('*') {
            match name.split_once(part) {
                Some((_, after)) => name = after,
                None => return false,
            }
        }
        true
    }
}

/// How a channel came to our notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// It began: its context is that of its endpoint.
    Began,
    /// It was there: its context is wherever the dialplan stands.
    Listed,
}

/// What a channel says about whose it is.
pub(super) struct Signs<'a> {
    pub(super) name: &'a str,
    pub(super) context: &'a str,
    /// The number of whoever is at the channel, if it is known.
    pub(super) caller: Option<&'a str>,
    pub(super) notice: Notice,
    /// Whether the endpoint was seen to be a phone before.
    pub(super) learnt: Option<bool>,
}

/// Kinds of channels behind which there is nobody.
const NOBODY: [&str; 16] = [
    "Announcer",
    "AsyncGoto",
    "Bridge",
    "CBAnn",
    "CBRec",
    "ConfBridgeRecorder",
    "Feature",
    "Message",
    "MulticastRTP",
    "Parked",
    "Recorder",
    "Rtp",
    "Snoop",
    "Surrogate",
    "Test",
    "UnicastRTP",
];

impl Settings {
    /// Whether a number is internal.
    pub(super) fn is_extension(&self, number: &str) -> bool {
        let digits = self.extension_digits_min..=self.extension_digits_max;
        digits.contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
    }

    pub(super) fn is_ours(&self, id: &str) -> bool {
        let prefix = self.originate_prefix.as_deref();
        prefix.is_some_and(|prefix| !prefix.is_empty() && id.starts_with(prefix))
    }

    /// Whose a channel is.
    pub(super) fn party(&self, signs: &Signs<'_>) -> Party {
        let Some((technology, rest)) = signs.name.split_once('/') else {
            return Party::Nobody;
        };
        if technology == "Local" {
            return local(rest);
        }
        if NOBODY.contains(&technology) {
            return Party::Nobody;
        }
        let endpoint = endpoint(rest);
        match self.is_phone(endpoint, signs) {
            Some(true) => self.agent(endpoint, signs.caller),
            Some(false) => Party::Trunk {
                endpoint: endpoint.to_owned(),
                is_guess: false,
            },
            None if signs.caller.is_some_and(|caller| self.is_extension(caller)) => {
                self.agent(endpoint, signs.caller)
            }
            None => Party::Trunk {
                endpoint: endpoint.to_owned(),
                is_guess: true,
            },
        }
    }

    /// The agent at an endpoint.
    pub(super) fn agent(&self, endpoint: &str, caller: Option<&str>) -> Party {
        let extension = if self.is_extension(endpoint) {
            endpoint
        } else {
            self.digits_within(endpoint)
                .or(caller.filter(|caller| self.is_extension(caller)))
                .unwrap_or(endpoint)
        };
        Party::Agent {
            extension: extension.to_owned(),
        }
    }

    fn is_phone(&self, endpoint: &str, signs: &Signs<'_>) -> Option<bool> {
        let any = |patterns: &[Pattern], name| patterns.iter().any(|known| known.matches(name));
        if any(&self.trunks, endpoint) {
            return Some(false);
        }
        if any(&self.phones, endpoint) {
            return Some(true);
        }
        let context = if any(&self.trunk_contexts, signs.context) {
            Some(false)
        } else if any(&self.phone_contexts, signs.context) {
            Some(true)
        } else {
            None
        };
        let named = self.is_extension(endpoint).then_some(true);
        match signs.notice {
            Notice::Began => context.filter(|is_phone| !is_phone).or(named).or(context),
            Notice::Listed => signs.learnt.or(named).or(context),
        }
        .or(signs.learnt)
    }

    /// The only number of an internal number's length in a name such as `office-101`.
    fn digits_within<'a>(&self, endpoint: &'a str) -> Option<&'a str> {
        let mut runs = endpoint
            .split(|letter: char| !letter.is_ascii_digit())
            .filter(|run| self.is_extension(run));
        runs.next().filter(|_| runs.next().is_none())
    }
}

/// The endpoint in a channel's name without its technology. It may itself hold dashes.
pub(super) fn endpoint(rest: &str) -> &str {
    rest.rsplit_once('-').map_or(rest, |(endpoint, _)| endpoint)
}

fn local(rest: &str) -> Party {
    let (pair, half) = match rest.rsplit_once(';') {
        Some((pair, "2")) => (pair, Half::Two),
        Some((pair, _)) => (pair, Half::One),
        None => (rest, Half::One),
    };
    Party::Local {
        pair: pair.to_owned(),
        half,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, name, expected) in [
            ("trunk", "trunk", true),
            ("trunk", "trunk2", false),
            ("trunk*", "trunk-main", true),
            ("*-main", "trunk-main", true),
            ("*", "", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxcyyb", false),
            ("a*a", "a", false),
            ("a**c", "abc", true),
        ] {
            let matches = Pattern::new(pattern).matches(name);
            assert_eq!(matches, expected, "{pattern} {name}");
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table")]
    fn whose_a_channel_is() {
        let settings = Settings {
            trunks: vec![Pattern::new("555")],
            phones: vec![Pattern::new("desk-*")],
            ..Settings::default()
        };
        let check = |name, context, caller: Option<&str>, notice| {
            let signs = Signs {
                name,
                context,
                caller,
                notice,
                learnt: None,
            };
            match settings.party(&signs) {
                Party::Agent { extension } => format!("agent {extension}"),
                Party::Trunk { endpoint, is_guess } => format!("trunk {endpoint} {is_guess}"),
                Party::Local { pair, half } => format!("local {pair} {half:?}"),
                Party::Nobody => "nobody".to_owned(),
            }
        };
        use Notice::{Began, Listed};
        for (name, context, caller, notice, expected) in [
            (
                "PJSIP/101-0000002a",
                "from-internal",
                None,
                Began,
                "agent 101",
            ),
            (
                "PJSIP/trunk-0000002a",
                "from-trunk",
                None,
                Began,
                "trunk trunk false",
            ),
            // A provider's account may look like an internal number.
            (
                "PJSIP/4951-0000002a",
                "from-trunk-sip",
                None,
                Began,
                "trunk 4951 false",
            ),
            // The dialplan of a transfer may have led a phone's call into any context.
            (
                "PJSIP/101-0000002a",
                "from-trunk",
                None,
                Listed,
                "agent 101",
            ),
            (
                "PJSIP/555-00000001",
                "from-internal",
                None,
                Began,
                "trunk 555 false",
            ),
            ("SIP/desk-a-00000001", "x", None, Began, "agent desk-a"),
            (
                "PJSIP/my-provider-0000002a",
                "x",
                None,
                Began,
                "trunk my-provider true",
            ),
            (
                "PJSIP/office-101-0000002a",
                "from-internal",
                None,
                Began,
                "agent 101",
            ),
            (
                "PJSIP/anna-0000002a",
                "from-internal",
                Some("104"),
                Began,
                "agent 104",
            ),
            (
                "PJSIP/anna-0000002a",
                "office",
                Some("104"),
                Began,
                "agent 104",
            ),
            (
                "Local/101@from-queue-00000002;1",
                "x",
                None,
                Began,
                "local 101@from-queue-00000002 One",
            ),
            (
                "Local/101@from-queue-00000002;2",
                "x",
                None,
                Began,
                "local 101@from-queue-00000002 Two",
            ),
            ("Message/ast_msg_queue", "x", None, Began, "nobody"),
            ("none", "x", None, Began, "nobody"),
        ] {
            assert_eq!(check(name, context, caller, notice), expected, "{name}");
        }
    }
}

//! What texts for people are filled from.

use deskbridge_core::Language;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{ending::Talk, seen::Seen};
use crate::{
    call::CallResult,
    decide::{
        recording_path::link,
        status::{Way, told as reason_in_words},
    },
};

/// What is known of a call, for texts.
#[derive(Clone, Debug, Serialize)]
pub struct Told {
    /// The linkedid.
    pub linkedid: String,
    /// The name of the PBX.
    pub connection: String,
    /// The client's number, as the CRM sees it; empty when it is withheld.
    pub client: String,
    /// `LINE_NUMBER`.
    pub line: String,
    /// What the line is for people; empty where it has no name.
    pub line_name: String,
    /// The client called.
    pub is_incoming: bool,
    /// Somebody talked with the client.
    pub is_answered: bool,
    /// Why nobody did; empty where somebody did.
    pub missed_reason: String,
    /// When it began, in the desk's language.
    pub started: String,
    /// When it began, as ISO 8601.
    pub started_at: String,
    /// Seconds until somebody talked with the client, or until the end.
    pub waited_s: i64,
    /// The same as minutes and seconds.
    pub waited: String,
    /// Seconds of talk.
    pub talked_s: u64,
    /// The same as minutes and seconds.
    pub talked: String,
    /// The extension that talked, or rang last; empty where none did.
    pub agent: String,
    /// Who that is; empty where nobody knows.
    pub agent_name: String,
    /// The user of the CRM whose call it is; empty where there is none.
    pub user: String,
    /// All extensions that were called.
    pub extensions: Vec<String>,
    /// The address of the recording; empty where there is none.
    pub recording: String,
}

impl Told {
    pub(super) fn of(seen: &Seen<'_>, talk: Option<&Talk<'_, '_>>, talked_s: u64) -> Self {
        let call = seen.call;
        let ended = call.ended.as_ref();
        let first_answer = call.conversations.iter();
        let first_answer = first_answer.filter_map(|of| of.answered_at).min();
        let until = first_answer.or(ended.map(|ended| ended.at));
        let waited = until.map_or(SignedDuration::ZERO, |until| {
            until.duration_since(call.started_at)
        });
        let waited_s = waited.as_secs().max(0);
        let missed_reason = match ended.map(|ended| ended.result) {
            Some(CallResult::Missed(reason)) if !seen.is_answered => reason_in_words(reason),
            _ => "",
        };
        let agent = talk.map(|talk| talk.leg).or_else(|| seen.legs.last());
        let user = agent.and_then(|leg| leg.user);
        let name = user.and_then(|user| seen.people.name(user));
        let mut recordings = call.recordings.iter().rev();
        let recording = recordings.find_map(|recording| link(&recording.path));
        let recording = recording.filter(|_| seen.settings.recordings.links);
        Self {
            linkedid: call.linkedid.to_string(),
            connection: seen.settings.connection.clone(),
            client: seen.phone.clone().unwrap_or_default(),
            line: seen.line_number.clone(),
            line_name: seen.line.name.clone().unwrap_or_default(),
            is_incoming: seen.way() == Way::In,
            is_answered: seen.is_answered,
            missed_reason: missed_reason.to_owned(),
            started: started(seen, call.started_at),
            started_at: seen.told(call.started_at),
            waited_s,
            waited: clock(waited_s.unsigned_abs()),
            talked_s,
            talked: clock(talked_s),
            agent: agent.map_or_else(String::new, |leg| leg.conversation.extension.clone()),
            agent_name: name.unwrap_or_default().to_owned(),
            user: user.map_or_else(String::new, |user| user.to_string()),
            extensions: call
                .conversations
                .iter()
                .map(|of| of.extension.clone())
                .collect(),
            recording: recording.unwrap_or_default(),
        }
    }
}

fn started(seen: &Seen<'_>, at: Timestamp) -> String {
    let form = match seen.settings.language {
        Language::English => "%Y-%m-%d %H:%M:%S",
        Language::Vietnamese => "%d/%m/%Y %H:%M:%S",
        Language::Russian => "%d.%m.%Y %H:%M:%S",
    };
    let zoned = at.to_zoned(seen.settings.zone.clone());
    zoned.strftime(form).to_string()
}

fn clock(seconds: u64) -> String {
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

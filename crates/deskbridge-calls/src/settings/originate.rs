//! `originate`: how calls are begun for the CRM.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{filled, problem::Checks, templates::Template};

/// How calls are begun, as configured; what a line leaves out is as it is for all.
///
/// `{{ extension }}` is the agent's phone, `{{ number }}` what is dialled, `{{ line }}` the line's number and
/// `{{ order }}` our own id.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OriginateSource {
    /// The channel that is called first: the agent's phone.
    pub channel: Option<String>,
    /// The context in which the number is dialled then.
    pub context: Option<String>,
    /// What is dialled there.
    pub extension: Option<String>,
    /// What the agent's phone shows.
    pub caller_id: Option<String>,
    /// Variables of the channel.
    pub variables: BTreeMap<String, String>,
    /// How long the agent's phone rings.
    pub ring_s: Option<u32>,
    /// The phone or queue that rings for a client who asked to be called; without it that of who is responsible.
    pub callback_extension: Option<String>,
    /// The channel by which a client who asked to be called is called first, such as `PJSIP/{{ number }}@provider`: the
    /// agent's phone is dialled in `context` when the client answers. Without it the agent is called first.
    pub callback_channel: Option<String>,
    /// What the client's phone shows then.
    pub callback_caller_id: Option<String>,
}

/// How calls are begun.
#[derive(Clone, Debug)]
pub struct Originate {
    /// See [`OriginateSource::channel`].
    pub channel: Template,
    /// See [`OriginateSource::context`].
    pub context: Template,
    /// See [`OriginateSource::extension`].
    pub extension: Template,
    /// See [`OriginateSource::caller_id`].
    pub caller_id: Template,
    /// See [`OriginateSource::variables`].
    pub variables: BTreeMap<String, Template>,
    /// See [`OriginateSource::ring_s`].
    pub ring_s: u32,
    /// See [`OriginateSource::callback_extension`].
    pub callback_extension: Option<String>,
    /// See [`OriginateSource::callback_channel`].
    pub callback_channel: Option<Template>,
    /// See [`OriginateSource::callback_caller_id`].
    pub callback_caller_id: Template,
}

impl Originate {
    /// How calls are begun where nothing is configured.
    pub(super) fn standard() -> Self {
        let text = |text| Template::compile("originate", text, &mut Checks::default());
        Self {
            channel: text("PJSIP/{{ extension }}"),
            context: text("from-internal"),
            extension: text("{{ number }}"),
            caller_id: text("{{ number }}"),
            variables: BTreeMap::new(),
            ring_s: 30,
            callback_extension: None,
            callback_channel: None,
            callback_caller_id: text("{{ line or extension }}"),
        }
    }

    pub(super) fn compile(
        key: &str,
        source: OriginateSource,
        otherwise: &Self,
        checks: &mut Checks,
    ) -> Self {
        let mut text = |name: &str, text: Option<String>, otherwise: &Template| match text {
            Some(text) if text.trim().is_empty() => {
                let remedy = "write it, or leave the setting out";
                checks.add(format!("{key}.{name}"), "is empty", remedy);
                otherwise.clone()
            }
            Some(text) => Template::compile(&format!("{key}.{name}"), &text, checks),
            None => otherwise.clone(),
        };
        let mut compiled = Self {
            channel: text("channel", source.channel, &otherwise.channel),
            context: text("context", source.context, &otherwise.context),
            extension: text("extension", source.extension, &otherwise.extension),
            caller_id: text("caller_id", source.caller_id, &otherwise.caller_id),
            variables: otherwise.variables.clone(),
            ring_s: source.ring_s.unwrap_or(otherwise.ring_s),
            callback_extension: source
                .callback_extension
                .as_deref()
                .and_then(filled)
                .or_else(|| otherwise.callback_extension.clone()),
            callback_channel: match source.callback_channel {
                Some(channel) => Some(text("callback_channel", Some(channel), &otherwise.channel)),
                None => otherwise.callback_channel.clone(),
            },
            callback_caller_id: text(
                "callback_caller_id",
                source.callback_caller_id,
                &otherwise.callback_caller_id,
            ),
        };
        for (name, value) in source.variables {
            let key = format!("{key}.variables.{name}");
            let is_name =
                |character: char| character.is_ascii_alphanumeric() || "_()".contains(character);
            if name.is_empty() || !name.chars().all(is_name) {
                let remedy = "write letters, digits and _, as in the dialplan";
                checks.add(key.clone(), "is no name of a variable", remedy);
            }
            let value = Template::compile(&key, &value, checks);
            compiled.variables.insert(name, value);
        }
        if compiled.ring_s == 0 || compiled.ring_s > 600 {
            let wrong = format!("a phone does not ring for {} seconds", compiled.ring_s);
            checks.add(format!("{key}.ring_s"), wrong, "write 1 to 600");
        }
        compiled
    }
}

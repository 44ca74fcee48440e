//! What the administrator decides about the profile, from the configuration file or from the helpdesk.

use std::{collections::BTreeSet, time::Duration};

use bitrix24::{Webhook, WebhookError};
use deskbridge_core::Secret;
use url::Url;

use crate::decide::field_map::FieldMap;

/// How long Bitrix24 may take when nothing is configured.
const TIMEOUT_SECONDS_DEFAULT: u64 = 15;
/// Bitrix24 ends every request after a minute.
const TIMEOUT_SECONDS_MAX: u64 = 59;
/// How long an answer is fresh when nothing is configured.
const FRESH_MINUTES_DEFAULT: u64 = 60;

/// The eight settings as they are written down, wherever that is.
#[derive(Clone, Default)]
pub struct RawSettings {
    /// `bitrix_enabled`.
    pub enabled: bool,
    /// `bitrix_webhook_url`.
    pub webhook_url: Option<Secret>,
    /// `bitrix_responsible_webhook_url`.
    pub responsible_webhook_url: Option<Secret>,
    /// `bitrix_portal_url`.
    pub portal_url: Option<String>,
    /// `bitrix_timeout_seconds`.
    pub timeout_seconds: Option<u64>,
    /// `bitrix_refresh_ttl_minutes`.
    pub refresh_ttl_minutes: Option<u64>,
    /// `bitrix_company_field_map_json`.
    pub company_field_map_json: Option<String>,
    /// `bitrix_enum_fields_json`.
    pub enum_fields_json: Option<String>,
}

impl Flaw {
    /// Whether it keeps companies from being asked for.
    pub fn is_about_webhook(&self) -> bool {
        matches!(self, Self::Webhook(_))
    }
}

impl RawSettings {
    /// Whether the other says the same.
    pub fn is_same(&self, other: &Self) -> bool {
        let exposed =
            |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
        let rest = |raw: &Self| {
            let texts = [
                &raw.portal_url,
                &raw.company_field_map_json,
                &raw.enum_fields_json,
            ]
            .map(Clone::clone);
            (
                raw.enabled,
                raw.timeout_seconds,
                raw.refresh_ttl_minutes,
                texts,
            )
        };
        rest(self) == rest(other)
            && exposed(&self.webhook_url) == exposed(&other.webhook_url)
            && exposed(&self.responsible_webhook_url) == exposed(&other.responsible_webhook_url)
    }
}

/// The settings as they are used.
#[derive(Clone)]
pub struct Settings {
    /// Whether Bitrix24 is asked at all.
    pub enabled: bool,
    /// The webhook for companies and contacts, scope `crm`.
    pub webhook: Option<Webhook>,
    /// The webhook for users, scope `user_basic`.
    pub responsible_webhook: Option<Webhook>,
    /// Where links lead, without a slash at the end.
    pub portal: Option<String>,
    /// How long Bitrix24 may take to answer an agent.
    pub timeout: Duration,
    /// How long a match need not be asked for again.
    pub fresh_for: Duration,
    /// Which field becomes which key.
    pub field_map: FieldMap,
    /// Fields whose values are shown by their option's label.
    pub enum_fields: BTreeSet<String>,
    /// What could not be used, and what is used instead.
    pub flaws: Vec<Flaw>,
}

/// A setting that cannot be used as it is written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The webhook for companies cannot be read.
    #[error("bitrix_webhook_url is not usable: {0}")]
    Webhook(WebhookError),
    /// The webhook for users cannot be read.
    #[error("bitrix_responsible_webhook_url is not usable: {0}")]
    ResponsibleWebhook(WebhookError),
    /// The portal address is no address.
    #[error("bitrix_portal_url is no https address; links use the webhook's host instead")]
    PortalUrl,
    /// The field map is no field map.
    #[error("bitrix_company_field_map_json is not usable ({0}); the default map is used instead")]
    FieldMap(String),
    /// The list of enumerations is no list.
    #[error(
        "bitrix_enum_fields_json is no JSON list of field names ({0}); no labels are looked up"
    )]
    EnumFields(String),
    /// The timeout is longer than Bitrix24 works on anything.
    #[error(
        "bitrix_timeout_seconds is {0}; Bitrix24 ends every request after 60 s, so 59 s are used"
    )]
    Timeout(u64),
}

impl Settings {
    /// Reads the settings as written. What cannot be used is replaced and named in `flaws`.
    pub fn read(raw: &RawSettings) -> Self {
        let mut flaws = Vec::new();
        let webhook = webhook(raw.webhook_url.as_ref(), Flaw::Webhook, &mut flaws);
        let responsible_webhook = webhook_of_users(raw, &mut flaws);
        let portal = portal(raw.portal_url.as_deref(), webhook.as_ref(), &mut flaws);
        let timeout_seconds = raw
            .timeout_seconds
            .filter(|seconds| *seconds > 0)
            .unwrap_or(TIMEOUT_SECONDS_DEFAULT);
        if timeout_seconds > TIMEOUT_SECONDS_MAX {
            flaws.push(Flaw::Timeout(timeout_seconds));
        }
        let fresh_minutes = raw
            .refresh_ttl_minutes
            .filter(|minutes| *minutes > 0)
            .unwrap_or(FRESH_MINUTES_DEFAULT);
        Self {
            enabled: raw.enabled,
            webhook,
            responsible_webhook,
            portal,
            timeout: Duration::from_secs(timeout_seconds.min(TIMEOUT_SECONDS_MAX)),
            fresh_for: Duration::from_secs(fresh_minutes.saturating_mul(60)),
            field_map: field_map(raw.company_field_map_json.as_deref(), &mut flaws),
            enum_fields: enum_fields(raw.enum_fields_json.as_deref(), &mut flaws),
            flaws,
        }
    }
}

fn webhook(
    text: Option<&Secret>,
    flaw: fn(WebhookError) -> Flaw,
    flaws: &mut Vec<Flaw>,
) -> Option<Webhook> {
    let text = text.filter(|text| !text.is_blank())?;
    Webhook::parse(text.expose())
        .map_err(|error| flaws.push(flaw(error)))
        .ok()
}

fn webhook_of_users(raw: &RawSettings, flaws: &mut Vec<Flaw>) -> Option<Webhook> {
    webhook(
        raw.responsible_webhook_url.as_ref(),
        Flaw::ResponsibleWebhook,
        flaws,
    )
}

/// The configured address, else that of the webhook's portal.
fn portal(text: Option<&str>, webhook: Option<&Webhook>, flaws: &mut Vec<Flaw>) -> Option<String> {
    if let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) {
        match portal_address(text) {
            Some(address) => return Some(address),
            None => flaws.push(Flaw::PortalUrl),
        }
    }
    webhook.map(|webhook| webhook.portal_base().to_string())
}

/// Scheme, host and port of an address; whatever path was pasted behind them is dropped.
fn portal_address(text: &str) -> Option<String> {
    let with_scheme = if text.contains("://") {
        text.to_owned()
    } else {
        format!("https://{text}")
    };
    let url = Url::parse(&with_scheme).ok()?;
    let host = url.host()?;
    let is_local = match host {
        url::Host::Domain(name) => name == "localhost",
        url::Host::Ipv4(address) => address.is_loopback(),
        url::Host::Ipv6(address) => address.is_loopback(),
    };
    let is_usable = url.scheme() == "https" || (url.scheme() == "http" && is_local);
    is_usable.then(|| url.origin().ascii_serialization())
}

fn field_map(text: Option<&str>, flaws: &mut Vec<Flaw>) -> FieldMap {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return FieldMap::default();
    };
    FieldMap::parse(text).unwrap_or_else(|why| {
        flaws.push(Flaw::FieldMap(why.to_string()));
        FieldMap::default()
    })
}

/// A list of names, or an object whose keys are the names.
fn enum_fields(text: Option<&str>, flaws: &mut Vec<Flaw>) -> BTreeSet<String> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return BTreeSet::new();
    };
    let list = serde_json::from_str::<Vec<String>>(text).map(BTreeSet::from_iter);
    let names = list.or_else(|error| {
        let object = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text);
        object
            .map(|fields| fields.into_iter().map(|(name, _)| name).collect())
            .map_err(|_no_object| error)
    });
    names.unwrap_or_else(|error| {
        flaws.push(Flaw::EnumFields(error.to_string()));
        BTreeSet::new()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEBHOOK: &str = "https://portal.example/rest/1/planted-secret/";

    fn raw() -> RawSettings {
        RawSettings {
            enabled: true,
            webhook_url: Some(Secret::new(WEBHOOK)),
            ..RawSettings::default()
        }
    }

    #[test]
    fn nothing_written_gives_the_defaults() {
        let settings = Settings::read(&RawSettings::default());
        assert!(!settings.enabled && settings.webhook.is_none() && settings.portal.is_none());
        assert_eq!(settings.timeout, Duration::from_secs(15));
        assert_eq!(settings.fresh_for, Duration::from_secs(3_600));
        assert_eq!(settings.field_map, FieldMap::default());
        assert_eq!(settings.flaws, []);
        let zero = RawSettings {
            timeout_seconds: Some(0),
            refresh_ttl_minutes: Some(0),
            ..RawSettings::default()
        };
        assert_eq!(Settings::read(&zero).timeout, Duration::from_secs(15));
    }

    #[test]
    fn links_lead_to_the_configured_portal_or_to_the_webhooks() {
        for (portal_url, expected) in [
            (None, "https://portal.example"),
            (Some(" "), "https://portal.example"),
            (Some("https://crm.example/"), "https://crm.example"),
            (Some("crm.example"), "https://crm.example"),
            (
                Some("https://crm.example:8443/crm/company/"),
                "https://crm.example:8443",
            ),
            (Some("http://127.0.0.1:80/"), "http://127.0.0.1"),
            (Some("http://crm.example"), "https://portal.example"),
            (Some("javascript:alert(1)"), "https://portal.example"),
            (Some("https://"), "https://portal.example"),
        ] {
            let raw = RawSettings {
                portal_url: portal_url.map(str::to_owned),
                ..raw()
            };
            assert_eq!(
                Settings::read(&raw).portal.as_deref(),
                Some(expected),
                "{portal_url:?}"
            );
        }
    }

    #[test]
    fn what_cannot_be_used_is_named_and_replaced() {
        let raw = RawSettings {
            webhook_url: Some(Secret::new("http://portal.example/rest/1/planted-secret/")),
            responsible_webhook_url: Some(Secret::new("planted-secret")),
            portal_url: Some("ftp://x".to_owned()),
            timeout_seconds: Some(600),
            company_field_map_json: Some("{".to_owned()),
            enum_fields_json: Some("7".to_owned()),
            ..raw()
        };
        let settings = Settings::read(&raw);
        assert!(settings.webhook.is_none() && settings.responsible_webhook.is_none());
        assert_eq!(settings.timeout, Duration::from_secs(59));
        assert_eq!(settings.field_map, FieldMap::default());
        let told: Vec<String> = settings.flaws.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 6, "{told:#?}");
        assert!(!told.concat().contains("planted-secret"), "{told:#?}");
    }

    #[test]
    fn enumerations_are_a_list_or_the_keys_of_an_object() {
        for text in [
            r#"["UF_CRM_A", "UF_CRM_B"]"#,
            r#"{"UF_CRM_A": "a", "UF_CRM_B": {}}"#,
        ] {
            let raw = RawSettings {
                enum_fields_json: Some(text.to_owned()),
                ..raw()
            };
            let settings = Settings::read(&raw);
            assert_eq!(settings.flaws, []);
            assert_eq!(
                settings.enum_fields,
                ["UF_CRM_A", "UF_CRM_B"].map(str::to_owned).into()
            );
        }
    }
}

//! The settings in force, with the connections that follow from them.

use std::{sync::Arc, time::Duration};

use bitrix24::Webhook;
use deskbridge_core::{Chain, Secret};
use deskbridge_journal::Tasks;
use frappe::{Cause, Name};
use secrecy::ExposeSecret as _;
use tokio::sync::watch;

use crate::{
    crm::{Crm, Portals},
    decide::links::Links,
    settings::{RawSettings, Settings},
};

/// The Single DocType that holds the settings.
pub const SETTINGS_DOCTYPE: &str = "Helpdesk Integrations Settings";

/// How soon settings that have never been read are asked for again.
const UNREAD_PAUSE: Duration = Duration::from_secs(2);

/// Where the settings are written down.
#[derive(Clone)]
pub enum Source {
    /// In the configuration file.
    File(RawSettings),
    /// In the helpdesk, read again after so long.
    Helpdesk {
        /// Reads them; a System Manager, because of the passwords.
        hub: frappe::Client,
        /// How often.
        every: Duration,
    },
}

/// What is in force.
pub struct Live {
    /// Whether the settings have been read yet. Until then nothing is configured, and nobody knows whether it
    /// should be.
    pub is_read: bool,
    /// The settings.
    pub settings: Settings,
    /// The connection to Bitrix24, if one is configured and switched on.
    pub crm: Option<Crm>,
    /// Links into the portal.
    pub links: Links,
    /// The portal's host, which keeps remembered answers of two portals apart.
    pub host: String,
    /// Counts the changes.
    pub generation: u64,
}

/// Holds what is in force, for everybody to look at.
#[derive(Clone)]
pub struct Settled {
    live: watch::Receiver<Arc<Live>>,
}

/// Why the settings could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The DocType cannot be read.
    #[error("reading {SETTINGS_DOCTYPE}")]
    Document(#[source] frappe::Error),
    /// A password cannot be read.
    #[error("reading the password {field} of {SETTINGS_DOCTYPE}")]
    Password {
        /// The field.
        field: &'static str,
        /// Why.
        #[source]
        source: frappe::Error,
    },
}

impl Settled {
    /// Reads the settings once and keeps them up to date in the background.
    ///
    /// A helpdesk that cannot be asked now is asked again later; until then nothing is configured.
    pub async fn start(source: Source, portals: Arc<Portals>, tasks: &Tasks) -> Self {
        let first = match &source {
            Source::File(raw) => Some(raw.clone()),
            Source::Helpdesk { hub, .. } => match read(hub).await {
                Ok(raw) => Some(raw),
                Err(error) => {
                    tracing::error!(error = %Chain(&error), "The settings in the helpdesk cannot be read; it is tried again");
                    None
                }
            },
        };
        let live = first
            .as_ref()
            .map_or_else(Live::unread, |raw| Live::of(raw, &portals, 0));
        let (change, live) = watch::channel(Arc::new(live));
        if let Source::Helpdesk { hub, every } = source {
            let stopping = tasks.clone();
            tasks.spawn("settings", async move {
                let mut current = first;
                loop {
                    let pause = match &current {
                        Some(_) => every,
                        None => every.min(UNREAD_PAUSE),
                    };
                    tokio::select! {
                        () = stopping.stopping() => return,
                        () = tokio::time::sleep(pause) => {}
                    }
                    match read(&hub).await {
                        Ok(raw) if current.as_ref().is_some_and(|last| raw.is_same(last)) => {}
                        Ok(raw) => {
                            let generation = change.borrow().generation + 1;
                            change.send_replace(Arc::new(Live::of(&raw, &portals, generation)));
                            tracing::info!(generation, "The settings in the helpdesk have changed");
                            current = Some(raw);
                        }
                        Err(error) => {
                            tracing::warn!(error = %Chain(&error), "The settings in the helpdesk cannot be read; the last ones stay in force");
                        }
                    }
                }
            });
        }
        Self { live }
    }

    /// What is in force now.
    pub fn now(&self) -> Arc<Live> {
        Arc::clone(&self.live.borrow())
    }
}

impl Live {
    fn unread() -> Self {
        Self {
            is_read: false,
            settings: Settings::read(&RawSettings::default()),
            crm: None,
            links: Links::new(None),
            host: String::new(),
            generation: 0,
        }
    }

    fn of(raw: &RawSettings, portals: &Portals, generation: u64) -> Self {
        let settings = Settings::read(raw);
        for flaw in &settings.flaws {
            tracing::warn!(%flaw, "A setting cannot be used as it is");
        }
        let crm = if settings.enabled {
            Crm::connect(portals, &settings).unwrap_or_else(|error| {
                tracing::error!(error = %Chain(&error), "Bitrix24 cannot be connected");
                None
            })
        } else {
            None
        };
        let links = Links::new(settings.portal.clone());
        let host = settings.webhook.as_ref().map_or_else(String::new, host_of);
        Self {
            is_read: true,
            settings,
            crm,
            links,
            host,
            generation,
        }
    }
}

fn host_of(webhook: &Webhook) -> String {
    webhook.portal_base().to_string()
}

/// Reads the settings from the helpdesk.
///
/// # Errors
/// When the DocType or a password cannot be read.
pub async fn read(hub: &frappe::Client) -> Result<RawSettings, ReadError> {
    let name = Name::new(SETTINGS_DOCTYPE);
    let document = hub
        .get(SETTINGS_DOCTYPE, &name)
        .await
        .map_err(ReadError::Document)?;
    let password = async |field: &'static str| {
        // A field that shows nothing holds nothing; asking for it would be an error.
        if document.trimmed(field).is_none() {
            return Ok(None);
        }
        match hub.get_password(SETTINGS_DOCTYPE, &name, field).await {
            Ok(password) => Ok(Some(Secret::new(password.expose_secret()))),
            Err(frappe::Error {
                cause: Cause::Missing { .. },
                ..
            }) => Ok(None),
            Err(source) => Err(ReadError::Password { field, source }),
        }
    };
    let (webhook_url, responsible_webhook_url) = tokio::try_join!(
        password("bitrix_webhook_url"),
        password("bitrix_responsible_webhook_url")
    )?;
    let words = |field| document.trimmed(field).map(str::to_owned);
    let number = |field| {
        document
            .int(field)
            .and_then(|number| u64::try_from(number).ok())
    };
    Ok(RawSettings {
        enabled: document.check("bitrix_enabled"),
        webhook_url,
        responsible_webhook_url,
        portal_url: words("bitrix_portal_url"),
        timeout_seconds: number("bitrix_timeout_seconds"),
        refresh_ttl_minutes: number("bitrix_refresh_ttl_minutes"),
        company_field_map_json: words("bitrix_company_field_map_json"),
        enum_fields_json: words("bitrix_enum_fields_json"),
    })
}

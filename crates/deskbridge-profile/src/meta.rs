//! Which fields the helpdesk's DocTypes have, asked once in a while.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use deskbridge_core::{Chain, Clock};
use frappe::{Cause, Verdict};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use tokio::sync::Mutex;

use crate::decide::enrich::{FieldKind, FieldTypes};

/// How long the answer is good; fields are added rarely.
const GOOD_FOR: Duration = Duration::from_secs(600);

/// The zone that is assumed when the helpdesk does not tell its own.
const ZONE_DEFAULT: &str = "Asia/Ho_Chi_Minh";

/// What is written to, as far as it is there.
#[derive(Debug)]
pub(crate) struct SiteMeta {
    /// Fields of `HD Customer`.
    pub customer: FieldTypes,
    /// Fields of `Contact`.
    pub contact: FieldTypes,
    /// Fields of `HD Ticket`.
    pub ticket: FieldTypes,
    /// Whether there is an `HD Customer Data`.
    pub has_snapshots: bool,
    /// The zone of the site's clock.
    pub zone: TimeZone,
}

/// Asks for it.
#[derive(Debug)]
pub(crate) struct Metas {
    hub: frappe::Client,
    clock: Clock,
    zone: Option<TimeZone>,
    known: Mutex<Option<(Timestamp, Arc<SiteMeta>)>>,
    /// The zone that was told last, for those who cannot wait.
    last_zone: std::sync::Mutex<Option<TimeZone>>,
}

impl Metas {
    /// Asks with the hub's own user; a zone that is configured is not asked for.
    pub(crate) fn new(hub: frappe::Client, clock: Clock, zone: Option<TimeZone>) -> Self {
        Self {
            hub,
            clock,
            zone,
            known: Mutex::default(),
            last_zone: std::sync::Mutex::default(),
        }
    }

    /// What is there.
    ///
    /// # Errors
    /// When the helpdesk cannot be asked.
    pub(crate) async fn site(&self) -> Result<Arc<SiteMeta>, frappe::Error> {
        // Held while asking, so that many who want to know ask once.
        let mut known = self.known.lock().await;
        let now = self.clock.now();
        if let Some((until, meta)) = &*known
            && now < *until
        {
            return Ok(Arc::clone(meta));
        }
        let (customer, contact, ticket, snapshots, zone) = tokio::try_join!(
            self.fields("HD Customer"),
            self.fields("Contact"),
            self.fields("HD Ticket"),
            self.fields("HD Customer Data"),
            self.zone(),
        )?;
        let meta = Arc::new(SiteMeta {
            customer: customer.unwrap_or_default(),
            contact: contact.unwrap_or_default(),
            ticket: ticket.unwrap_or_default(),
            has_snapshots: snapshots.is_some(),
            zone,
        });
        let until = SignedDuration::try_from(GOOD_FOR)
            .ok()
            .and_then(|by| now.checked_add(by).ok());
        *known = Some((until.unwrap_or(now), Arc::clone(&meta)));
        Ok(meta)
    }

    /// The fields of a DocType; `None` when the site has no such DocType.
    async fn fields(&self, doctype: &str) -> Result<Option<FieldTypes>, frappe::Error> {
        match self.hub.meta(doctype).await {
            Ok(meta) => {
                let holding = meta.fields.iter().filter(|field| field.holds_a_value());
                let kinds =
                    holding.map(|field| (&*field.name, FieldKind::of_fieldtype(&field.fieldtype)));
                Ok(Some(kinds.collect()))
            }
            Err(error) => match error.cause {
                Cause::MissingDocType | Cause::Missing { .. } => Ok(None),
                _ => Err(error),
            },
        }
    }

    /// The zone of the site's clock as far as it is known by now.
    pub(crate) fn zone_hint(&self) -> TimeZone {
        let last = self
            .last_zone
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        self.zone.clone().or(last).unwrap_or_else(zone_default)
    }

    async fn zone(&self) -> Result<TimeZone, frappe::Error> {
        if let Some(zone) = &self.zone {
            return Ok(zone.clone());
        }
        let zone = match self.hub.time_zone().await {
            Ok(zone) => zone,
            Err(error) if error.verdict() == Verdict::Never => {
                tracing::warn!(error = %Chain(&error), zone = ZONE_DEFAULT, "The helpdesk does not tell its time zone; configure it");
                zone_default()
            }
            Err(error) => return Err(error),
        };
        *self
            .last_zone
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(zone.clone());
        Ok(zone)
    }
}

fn zone_default() -> TimeZone {
    // Zones are bundled with the program.
    TimeZone::get(ZONE_DEFAULT).unwrap_or(TimeZone::UTC)
}

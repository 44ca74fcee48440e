//! What the profile is built of.

use std::{sync::Arc, time::Duration};

use deskbridge_core::Clock;
use deskbridge_hooks::Hooks;
use deskbridge_identity::Country;
use deskbridge_journal::{Journal, Tasks};
use deskbridge_store::Store;
use jiff::tz::TimeZone;

use crate::{crm::Portals, gate::GateTimes};

/// What is decided on this machine rather than in the helpdesk.
#[derive(Clone, Debug)]
pub struct Local {
    /// Names the helpdesk in ordering keys: the connection's name.
    pub site: String,
    /// Where a phone number without a country code is dialled.
    pub country: Country,
    /// The zone in which dates of the CRM are told; `None` keeps the day that is written.
    pub dates_in: Option<TimeZone>,
    /// The helpdesk's zone; `None` asks the helpdesk.
    pub site_zone: Option<TimeZone>,
    /// How long *not found* need not be asked again.
    pub not_found_for: Duration,
    /// How long a stale answer is worth showing.
    pub stale_for: Duration,
    /// How long the helpdesk's word on callers and rights is good.
    pub gate_times: GateTimes,
    /// How long what the helpdesk says about a ticket is good.
    pub case_for: Duration,
    /// How long an enrichment waits for its writes.
    pub writes_for: Duration,
    /// Who may decide otherwise.
    pub hooks: Arc<Hooks>,
}

impl Default for Local {
    fn default() -> Self {
        Self {
            site: "helpdesk".to_owned(),
            country: Country::default(),
            dates_in: None,
            site_zone: None,
            not_found_for: Duration::from_secs(300),
            stale_for: Duration::from_secs(7 * 24 * 3_600),
            gate_times: GateTimes::default(),
            case_for: Duration::from_secs(5),
            writes_for: Duration::from_secs(10),
            hooks: Arc::default(),
        }
    }
}

/// What the profile needs of the rest of the program.
#[derive(Clone)]
pub struct Parts {
    /// The helpdesk.
    pub site: frappe::Site,
    /// The helpdesk as the hub's own user.
    pub hub: frappe::Client,
    /// The portals.
    pub portals: Arc<Portals>,
    /// The store.
    pub store: Store,
    /// The journal, with the handlers of [`crate::apply::handlers`].
    pub journal: Journal,
    /// The time of day.
    pub clock: Clock,
    /// Background work.
    pub tasks: Tasks,
}

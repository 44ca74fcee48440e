//! Looking at the helpdesk: the hub's key and rights, versions, clock, and the fields that are written.

use deskbridge_core::{Chain, Clock};
use deskbridge_profile::live::{SETTINGS_DOCTYPE, Source};
use frappe::{Cause, Client, Error, Filter, Right, User};

use super::{Findings, installed};
use crate::wire::Connections;

const PLACE: &str = "helpdesk";

/// Fields that the profile reads and writes, by DocType.
const FIELDS: [(&str, &[&str]); 3] = [
    (
        "HD Ticket",
        &[
            "custom_responsible",
            "custom_orgid",
            "custom_haravan_profile_orgid",
        ],
    ),
    (
        "HD Customer",
        &[
            "custom_haravan_orgid",
            "custom_haravan_company_id",
            "custom_myharavan",
            "custom_bitrix_company_id",
            "custom_bitrix_company_url",
            "custom_bitrix_match_confidence",
            "custom_bitrix_sync_status",
            "custom_bitrix_last_synced_at",
            "custom_bitrix_last_checked_at",
            "custom_bitrix_company_modified_at",
            "custom_bitrix_not_found_at",
            "custom_customer_segment",
            "custom_first_paid_date",
            "custom_shopplan_name",
            "custom_expired_date",
            "custom_hsi_segment",
        ],
    ),
    (
        "Contact",
        &[
            "custom_bitrix_contact_id",
            "custom_bitrix_contact_url",
            "custom_bitrix_last_synced_at",
        ],
    ),
];

/// The fields of the settings.
const SETTINGS_FIELDS: [&str; 8] = [
    "bitrix_enabled",
    "bitrix_webhook_url",
    "bitrix_responsible_webhook_url",
    "bitrix_portal_url",
    "bitrix_timeout_seconds",
    "bitrix_refresh_ttl_minutes",
    "bitrix_company_field_map_json",
    "bitrix_enum_fields_json",
];

pub(super) async fn look(connections: &Connections, findings: &mut Findings) {
    let hub = &connections.hub;
    let site = connections.site.base();
    let user = match hub.who_am_i().await {
        Ok(user) => user,
        Err(error) => return findings.fail(PLACE, cannot_log_in(site, &error), mend(&error)),
    };
    findings.ok(
        PLACE,
        format!("{site} accepts the hub's key as {}.", user.user_id),
    );
    look_at_clock(hub, findings).await;
    look_at_versions(hub, findings).await;
    look_at_rights(hub, &user, findings).await;
    for (doctype, fields) in FIELDS {
        look_at_fields(hub, doctype, fields, findings).await;
    }
    look_at_snapshots(hub, findings).await;
    if matches!(connections.source, Source::Helpdesk { .. }) {
        look_at_fields(hub, SETTINGS_DOCTYPE, &SETTINGS_FIELDS, findings).await;
    }
    installed::look(connections, findings).await;
}

fn cannot_log_in(site: &str, error: &Error) -> String {
    match error.cause {
        Cause::WrongKey => format!("{site} does not accept the hub's API key."),
        Cause::Validation { .. } => format!("{site} is a Frappe site without Helpdesk."),
        _ => format!("{site} cannot be asked: {}.", Chain(error)),
    }
}

fn mend(error: &Error) -> &'static str {
    match error.cause {
        Cause::WrongKey => {
            "Generate a key pair for the hub's user and put it into api_key and api_secret."
        }
        Cause::Validation { .. } => "Install the app Helpdesk on the site, or correct the url.",
        Cause::Connect(_) | Cause::Deadline(_) | Cause::Lost(_) => {
            "Check the url, the network and whether the site runs."
        }
        Cause::Redirected { .. } => {
            "Put the address to which the site redirects into url, with https."
        }
        Cause::NotFrappe { .. } => {
            "Check that url leads to the Frappe site and not to another page."
        }
        _ => "Check the url and the site's own log.",
    }
}

async fn look_at_clock(hub: &Client, findings: &mut Findings) {
    match hub.server_time().await {
        Ok(Some(there)) => {
            let ahead = there.duration_since(Clock::system().now());
            findings.clock(PLACE, ahead.as_secs());
        }
        Ok(None) => {}
        Err(error) => findings.warn(
            PLACE,
            format!("Its clock cannot be read: {}.", Chain(&error)),
            "Nothing needs to be done if the rest works.",
        ),
    }
}

async fn look_at_versions(hub: &Client, findings: &mut Findings) {
    match hub.versions().await {
        Ok(versions) => {
            let text = |app| versions.text(app).unwrap_or("unknown");
            let (frappe, helpdesk) = (text("frappe"), text("helpdesk"));
            findings.ok(
                PLACE,
                format!("It runs Frappe {frappe} and Helpdesk {helpdesk}."),
            );
        }
        Err(error) => findings.warn(
            PLACE,
            format!("Its versions cannot be read: {}.", Chain(&error)),
            "Nothing needs to be done if the rest works.",
        ),
    }
}

async fn look_at_rights(hub: &Client, user: &User, findings: &mut Findings) {
    if user.is_agent {
        findings.ok(PLACE, "The hub's user is an agent, so it can read tickets.");
    } else {
        findings.fail(
            PLACE,
            "The hub's user is no agent, so it cannot read tickets of others.",
            "Give it the roles Agent and Agent Manager, and make it an HD Agent.",
        );
    }
    let filters = [Filter::eq("name", user.user_id.as_str())];
    match hub.get_value("User", &filters, &["enabled"]).await {
        Ok(Some(_)) => findings.ok(PLACE, "The hub's user can see whether a caller is enabled."),
        Ok(None)
        | Err(Error {
            cause: Cause::NoRight { .. },
            ..
        }) => findings.fail(
            PLACE,
            "The hub's user cannot see whether a caller is enabled, so no caller is served.",
            "Give it the role System Manager, or read access to User.",
        ),
        Err(error) => findings.fail(PLACE, format!("{}.", Chain(&error)), mend(&error)),
    }
    for right in [Right::Write, Right::Create] {
        match hub.may_with_doctype("HD Customer", right).await {
            Ok(frappe::Permission::Allowed) => {}
            Ok(_) => findings.fail(
                PLACE,
                format!("The hub's user has no right to {right:?} HD Customers.").to_lowercase(),
                "From Helpdesk 1.28 on agents may only read them; give it the role Agent Manager.",
            ),
            Err(error) => findings.warn(PLACE, format!("{}.", Chain(&error)), mend(&error)),
        }
    }
}

async fn look_at_fields(
    hub: &Client,
    doctype: &'static str,
    fields: &[&str],
    findings: &mut Findings,
) {
    match hub.meta(doctype).await {
        Ok(meta) => {
            let missing: Vec<&str> = fields
                .iter()
                .copied()
                .filter(|field| !meta.has_field(field))
                .collect();
            if missing.is_empty() {
                findings.ok(PLACE, format!("{doctype} has all fields."));
            } else {
                findings.warn(
                    PLACE,
                    format!("{doctype} lacks {}; they are left out.", missing.join(", ")),
                    "`deskbridge frappe install` adds them.",
                );
            }
        }
        Err(error) => findings.fail(
            PLACE,
            format!("The fields of {doctype} cannot be read: {}.", Chain(&error)),
            mend(&error),
        ),
    }
}

async fn look_at_snapshots(hub: &Client, findings: &mut Findings) {
    match hub.meta("HD Customer Data").await {
        Ok(_) => findings.ok(PLACE, "HD Customer Data keeps copies of CRM records."),
        Err(_) => findings.warn(
            PLACE,
            "There is no DocType HD Customer Data, so no copies of CRM records are kept.",
            "`deskbridge frappe install` adds it.",
        ),
    }
}

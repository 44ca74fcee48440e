//! Whether the events of calls come here: posted by the portal, or asked for.

use deskbridge_calls::oauth::http::{Installed, Way};
use deskbridge_core::Chain;
use deskbridge_profile::crm::Portals;

use super::findings::Findings;
use crate::{cli::database::Database, config::Config, wire::oauth};

const PLACE: &str = "clicks";
/// A click.
const CLICK: &str = "ONEXTERNALCALLSTART";

pub(super) async fn look(
    config: &Config,
    environment: &[(String, String)],
    portals: &Portals,
    findings: &mut Findings,
) {
    let store = match Database::of(config) {
        Ok(database) => database.open().await,
        Err(error) => Err(error),
    };
    // That there is no database yet is told elsewhere.
    let Ok(store) = store else { return };
    let applications = match oauth::applications(config, environment, portals, &store) {
        Ok(applications) => applications,
        Err(error) => {
            return findings.fail(PLACE, format!("{error:#}."), "Correct the configuration.");
        }
    };
    for (name, installed) in &applications {
        look_at(name, installed, findings).await;
    }
}

async fn look_at(name: &str, installed: &Installed, findings: &mut Findings) {
    let bindings = match installed.client.event_bindings().await {
        Ok(bindings) => bindings,
        Err(error) => {
            let what = format!(
                "{name} does not say which events are bound: {}.",
                Chain(&error)
            );
            let mend = "Install the application in the portal again, and see docs/calls-crm.md.";
            return findings.fail(PLACE, what, mend);
        }
    };
    let is_bound = |binds: &bitrix24::Binds| {
        let mut clicks = bindings.iter().filter(|binding| binding.event == CLICK);
        clicks.any(|binding| binding.binds == *binds)
    };
    let posted = installed.posts_to.clone().map(bitrix24::Binds::Posted);
    let is_posted = posted.as_ref().is_some_and(is_bound);
    let is_waiting = is_bound(&bitrix24::Binds::Waits);
    let bind = "Run `deskbridge bitrix24 bind`, as an application that an administrator installed.";
    match (installed.way, is_posted, is_waiting) {
        (Way::Posted, true, false) => findings.ok(
            PLACE,
            format!(
                "{name} posts clicks to {}.",
                installed.posts_to.clone().unwrap_or_default()
            ),
        ),
        (Way::Offline, false, true) => look_at_queue(name, installed, findings).await,
        (_, true, true) => findings.warn(
            PLACE,
            format!("{name} posts clicks and keeps them as well: each comes twice."),
            bind,
        ),
        (Way::Posted, false, true) => findings.fail(
            PLACE,
            format!("{name} keeps clicks until it is asked, and nobody asks."),
            "Write events = \"offline\" into the [[bitrix24]], or run `deskbridge bitrix24 bind`.",
        ),
        (Way::Offline, true, false) => findings.fail(
            PLACE,
            format!("{name} posts clicks, and the configuration waits for those that are kept."),
            bind,
        ),
        (_, false, false) => {
            findings.fail(PLACE, format!("{name} tells nobody of clicks."), bind);
        }
    }
}

async fn look_at_queue(name: &str, installed: &Installed, findings: &mut Findings) {
    match installed.client.waiting_offline_events().await {
        Ok(waiting) => findings.ok(
            PLACE,
            format!("{name} keeps clicks until it is asked: {} wait now.", waiting.len()),
        ),
        Err(error) => findings.fail(
            PLACE,
            format!("{name} does not show the events that wait: {}.", Chain(&error)),
            "Offline events are for applications that an administrator installed, and not of every plan.",
        ),
    }
}

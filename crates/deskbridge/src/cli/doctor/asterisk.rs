//! Whether the calls of each PBX can be followed and carried on.

use std::{collections::BTreeSet, time::Duration};

use ami::{Action, Filtering, Message, Name, Resync, Signal, Signals};
use deskbridge_calls::apply::{CUSTOM_FIELDS, KEY_FIELD};
use deskbridge_core::Chain;
use deskbridge_journal::Tasks;
use deskbridge_profile::crm::Portals;
use tokio::time::timeout;

use super::{
    findings::{Findings, shown},
    telephony,
};
use crate::{
    config::Config,
    wire::calls::{self, Pbx},
};

const PLACE: &str = "asterisk";
/// How long a manager may take to let us in and to list its channels.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

pub(super) async fn look(
    config: &Config,
    environment: &[(String, String)],
    portals: &Portals,
    findings: &mut Findings,
) {
    let store = telephony::tokens(config).await;
    let pbxs = match calls::pbxs(config, environment, portals, store.as_ref()) {
        Ok(pbxs) => pbxs,
        Err(error) => {
            return findings.fail(PLACE, format!("{error:#}."), "Correct the configuration.");
        }
    };
    for pbx in &pbxs {
        look_at_manager(pbx, findings).await;
        look_at_recordings(pbx, findings).await;
        telephony::look(PLACE, &pbx.crm, &pbx.settings, findings).await;
        look_at_helpdesk(pbx, findings).await;
    }
}

async fn look_at_manager(pbx: &Pbx, findings: &mut Findings) {
    let (name, manager) = (&pbx.name, pbx.manager.clone());
    let connected = ami::connect(&manager.host, manager.port, manager.login, manager.options);
    let (connection, mut signals, driver) = match connected {
        Ok(connected) => connected,
        Err(error) => {
            let what = format!("{name} cannot be connected to: {}.", Chain(&error));
            return findings.fail(PLACE, what, "Check tls, tls_name and the certificates.");
        }
    };
    // It ends when the signals are dropped.
    Tasks::default().spawn("asterisk", driver.run());
    match timeout(ANSWERS_WITHIN, listed(&mut signals)).await {
        Ok(Ok((banner, filtering, resync))) => {
            findings.ok(PLACE, format!("{name} lets us in: {banner}."));
            if let Filtering::Refused(refusal) = filtering {
                findings.warn(
                    PLACE,
                    format!("{name} sends every event, because it takes no filters: {refusal}."),
                    "Give the manager's user the class system in `write`, or say `event_filters = false`; it works without, at more cost.",
                );
            }
            match resync {
                Resync::Channels(channels) => findings.ok(
                    PLACE,
                    format!("{name} lists its channels: {} live.", channels.len()),
                ),
                Resync::Refused(refusal) => findings.fail(
                    PLACE,
                    format!("{name} does not list its channels: {refusal}."),
                    "Give the manager's user one of the classes system, call and reporting in `write`.",
                ),
                Resync::TooLong { .. } => findings.fail(
                    PLACE,
                    format!("{name} has more channels than can be listed."),
                    "Report this.",
                ),
            }
            look_at_endpoints(pbx, &connection, findings).await;
        }
        Ok(Err(why)) => findings.fail(
            PLACE,
            format!("{name} cannot be followed: {why}."),
            "Check address, user and password, and manager.conf on the PBX: enabled, bindaddr, the user, permit.",
        ),
        Err(_elapsed) => findings.fail(
            PLACE,
            format!("{name} does not answer within {} s.", ANSWERS_WITHIN.as_secs()),
            "Check the address, and firewalls on the way.",
        ),
    }
}

/// What the manager says of itself and of its channels, or why there is no connection.
async fn listed(signals: &mut Signals) -> Result<(String, Filtering, Resync), String> {
    let mut greeted = None;
    while let Some(signal) = signals.next().await {
        match signal {
            Signal::Connected(greeting) => {
                greeted = Some((greeting.banner.text().to_owned(), greeting.filtering));
            }
            Signal::Resync(resync) => {
                if let Some((banner, filtering)) = greeted.take() {
                    return Ok((banner, filtering, resync));
                }
            }
            Signal::Disconnected { reason, .. } => return Err(reason.to_string()),
            Signal::Event(_) | Signal::Stray(_) | Signal::LeftOut(_) => {}
        }
    }
    Err("the connection was closed".to_owned())
}

/// Whether there are endpoints that are trunks: a trunk that is taken for a phone makes every call an internal one.
async fn look_at_endpoints(pbx: &Pbx, connection: &ami::Connection, findings: &mut Findings) {
    let (name, trunks) = (&pbx.name, &pbx.endpoints.trunks);
    let Ok(list) = Name::new("PJSIPShowEndpoints") else {
        return;
    };
    let answer = match connection.send(Action::new(list)).await.answer() {
        Ok(answer) => answer,
        Err(why) => {
            return findings.ok(
                PLACE,
                format!("{name} does not list its endpoints, so trunks were not looked at: {why}."),
            );
        }
    };
    let named = |item: &Message| item.text("ObjectName").map(String::from);
    let endpoints: BTreeSet<String> = answer.items.iter().filter_map(named).collect();
    let is_trunk = |endpoint: &&String| trunks.iter().any(|trunk| trunk.matches(endpoint));
    let seen: Vec<String> = endpoints.iter().filter(is_trunk).cloned().collect();
    match (trunks.is_empty(), seen.is_empty()) {
        (true, _) => findings.ok(
            PLACE,
            format!("{name} finds out by itself which endpoints are trunks."),
        ),
        (false, false) => findings.ok(PLACE, format!("{name} has the trunks {}.", shown(&seen))),
        (false, true) => findings.warn(
            PLACE,
            format!(
                "{name} has no endpoint that endpoints.trunks names; it has {}.",
                shown(&endpoints.into_iter().collect::<Vec<_>>())
            ),
            "Correct endpoints.trunks, or leave it out.",
        ),
    }
}

async fn look_at_recordings(pbx: &Pbx, findings: &mut Findings) {
    let recordings = &pbx.settings.recordings;
    if !recordings.attach {
        return;
    }
    if recordings.folders.is_empty() {
        findings.warn(
            PLACE,
            format!(
                "{} has no folder of recordings, so none is attached.",
                pbx.name
            ),
            "Name their folders in recordings.folders, or say `recordings.attach = false`.",
        );
    }
    for folder in &recordings.folders {
        let here = folder.here.clone();
        let read = tokio::task::spawn_blocking(move || std::fs::read_dir(here).map(drop)).await;
        match read {
            Ok(Ok(())) => findings.ok(
                PLACE,
                format!("Recordings of {} can be read in {}.", pbx.name, folder.here),
            ),
            Ok(Err(error)) => findings.fail(
                PLACE,
                format!(
                    "Recordings of {} cannot be read in {}: {error}.",
                    pbx.name, folder.here
                ),
                "Mount the folder, and let the program's user read it.",
            ),
            Err(_stopped) => {}
        }
    }
}

async fn look_at_helpdesk(pbx: &Pbx, findings: &mut Findings) {
    let Some(helpdesk) = &pbx.helpdesk else {
        return;
    };
    let mut missing = Vec::new();
    for field in CUSTOM_FIELDS {
        match helpdesk.meta(field.dt).await {
            Ok(meta) if meta.field(KEY_FIELD).is_some_and(|field| field.is_unique) => {}
            Ok(_) => missing.push(format!("{}.{KEY_FIELD}", field.dt)),
            Err(error) => {
                return findings.fail(
                    PLACE,
                    format!("Whether the helpdesk is ready for the calls of {} cannot be told: {error}.", pbx.name),
                    "See what is said of the helpdesk above.",
                );
            }
        }
    }
    match missing.is_empty() {
        true => findings.ok(
            PLACE,
            format!("The helpdesk is ready for the calls of {}.", pbx.name),
        ),
        false => findings.fail(
            PLACE,
            format!("The helpdesk lacks {}.", missing.join(", ")),
            "Run `deskbridge frappe install`; until then it is not told of calls.",
        ),
    }
}

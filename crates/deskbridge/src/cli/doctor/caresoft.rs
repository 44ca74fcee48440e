//! Whether what CareSoft sends can be received and carried on.

use deskbridge_core::{Chain, Clock};
use deskbridge_profile::crm::Portals;
use deskbridge_store::Store;
use deskbridge_sync::{
    apply::{CUSTOM_FIELDS, Target},
    reconcile::Status,
};
use frappe::{Cause, Client};

use super::findings::Findings;
use crate::{config::Config, wire};

const PLACE: &str = "caresoft";

/// Says how the polls of accounts with a token stand.
pub(super) async fn look_at_polls(config: &Config, store: &Store, findings: &mut Findings) {
    let now = Clock::system().now();
    let polled = config
        .caresoft
        .iter()
        .filter(|account| account.api_token.is_some());
    for account in polled {
        let name = &account.name;
        let status = match Status::read(store, name, now).await {
            Ok(Some(status)) => status,
            Ok(None) => {
                findings.ok(
                    PLACE,
                    format!("{name} was not asked yet what no webhook told."),
                );
                continue;
            }
            Err(error) => {
                let why = Chain(&error);
                findings.fail(
                    PLACE,
                    format!("How the poll of {name} stands cannot be read: {why}."),
                    "Check the database with `deskbridge db check`.",
                );
                continue;
            }
        };
        findings.ok(PLACE, format!("{name}: {}.", status.times));
        for object in &status.objects {
            let what = object.object.as_str();
            match &object.last_failure {
                Some(failed) if object.is_failing() => findings.warn(
                    PLACE,
                    format!("{name}: {what} cannot be asked for: {}.", failed.why),
                    "What changes meanwhile is asked for when it can be again.",
                ),
                _ => findings.ok(
                    PLACE,
                    format!(
                        "{name}: of {what} {} change(s) came by no webhook in the last day.",
                        object.missed_last_day
                    ),
                ),
            }
        }
    }
}

/// Looks at every account.
pub(super) async fn look(
    config: &Config,
    environment: &[(String, String)],
    portals: &Portals,
    findings: &mut Findings,
) {
    let fail = |findings: &mut Findings, error: &anyhow::Error| {
        findings.fail(PLACE, format!("{error:#}."), "Correct the configuration.");
    };
    for checked in [
        wire::caresoft::received(config, environment).map(drop),
        wire::caresoft::planned(config).map(drop),
        wire::caresoft::routes(config, environment).map(drop),
    ] {
        if let Err(error) = checked {
            fail(findings, &error);
        }
    }
    let targets = match wire::caresoft::targets(config, environment, portals) {
        Ok(targets) => targets,
        Err(error) => return fail(findings, &error),
    };
    for account in config.caresoft.iter().filter(|account| account.unsigned) {
        findings.warn(
            PLACE,
            format!(
                "Webhooks of {} are not signed: whoever knows the address can send some.",
                account.name
            ),
            "Ask CareSoft to set a secret, and put it under `secrets`.",
        );
    }
    for (name, target) in &targets {
        look_at_fields(name, target, findings).await;
    }
}

async fn look_at_fields(name: &str, target: &Target, findings: &mut Findings) {
    let mut missing = Vec::new();
    for field in CUSTOM_FIELDS {
        match is_there(&target.helpdesk.client, field.dt, field.fieldname).await {
            Ok(true) => {}
            Ok(false) => missing.push(format!("{}.{}", field.dt, field.fieldname)),
            Err(error) => {
                findings.fail(
                    PLACE,
                    format!(
                        "Whether {} is ready for {name} cannot be told: {error}.",
                        target.helpdesk.connection
                    ),
                    "See what is said of the helpdesk above.",
                );
                return;
            }
        }
    }
    if missing.is_empty() {
        findings.ok(
            PLACE,
            format!(
                "{} is ready for what {name} sends.",
                target.helpdesk.connection
            ),
        );
    } else {
        findings.fail(
            PLACE,
            format!(
                "{} lacks {}.",
                target.helpdesk.connection,
                missing.join(", ")
            ),
            "Run `deskbridge frappe install`; until then nothing of CareSoft is written.",
        );
    }
}

async fn is_there(client: &Client, doctype: &str, field: &str) -> Result<bool, frappe::Error> {
    match client.meta(doctype).await {
        Ok(meta) => Ok(meta.has_field(field)),
        Err(frappe::Error {
            cause: Cause::MissingDocType,
            ..
        }) => Ok(false),
        Err(error) => Err(error),
    }
}

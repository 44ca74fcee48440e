//! Looking at the portal: both webhooks, their scopes, the methods that are needed, the clock, the fields.

use bitrix24::{Call, Client, Error, Fault, Group, Webhook};
use deskbridge_core::{Chain, Clock};
use deskbridge_profile::settings::Settings;

use super::Findings;
use crate::wire::Connections;

const COMPANIES: &str = "bitrix24";
const USERS: &str = "responsible";

/// Methods of the webhook for companies.
const METHODS: [&str; 8] = [
    "crm.company.list",
    "crm.company.userfield.list",
    "crm.contact.list",
    "crm.duplicate.findbycomm",
    "crm.lead.list",
    "crm.deal.list",
    "crm.status.list",
    "crm.category.list",
];

pub(super) async fn look(
    connections: &Connections,
    settings: &Settings,
    clock: &Clock,
    findings: &mut Findings,
) {
    let Some(webhook) = &settings.webhook else {
        if !settings
            .flaws
            .iter()
            .any(deskbridge_profile::settings::Flaw::is_about_webhook)
        {
            findings.fail(
                COMPANIES,
                "No webhook for companies is configured.",
                "Make an inbound webhook with the scope crm and put it into bitrix_webhook_url.",
            );
        }
        return;
    };
    if let Some(client) = connect(connections, webhook, COMPANIES, findings)
        && look_at_webhook(&client, COMPANIES, &["crm"], &METHODS, findings).await
    {
        look_at_clock(&client, clock, findings).await;
        look_at_fields(&client, settings, findings).await;
    }
    match &settings.responsible_webhook {
        None => findings.warn(
            USERS,
            "No webhook for users is configured, so nobody is shown as responsible.",
            "Make an inbound webhook with the scope user_basic and put it into bitrix_responsible_webhook_url.",
        ),
        Some(users) => {
            if users.portal_base().to_string() != webhook.portal_base().to_string() {
                findings.warn(
                    USERS,
                    "The two webhooks belong to different portals.",
                    "Make both in the portal whose companies are shown.",
                );
            }
            if let Some(client) = connect(connections, users, USERS, findings) {
                look_at_webhook(&client, USERS, &["user_basic", "user"], &["user.get"], findings).await;
            }
        }
    }
}

fn connect(
    connections: &Connections,
    webhook: &Webhook,
    place: &'static str,
    findings: &mut Findings,
) -> Option<Client> {
    match connections.portals.client(webhook.clone()) {
        Ok(client) => Some(client),
        Err(error) => {
            findings.fail(
                place,
                format!("{}.", Chain(&error)),
                "Check the webhook and ca_file.",
            );
            None
        }
    }
}

/// Asks for scopes and methods; whether the portal answers at all. One of the scopes is enough.
async fn look_at_webhook(
    client: &Client,
    place: &'static str,
    scopes: &[&str],
    methods: &[&str],
    findings: &mut Findings,
) -> bool {
    let mut group = Group::new();
    let scope = group.add(Call::read("scope"));
    let asked: Vec<_> = methods
        .iter()
        .map(|method| {
            (
                *method,
                group.add(Call::read("method.get").param("name", *method)),
            )
        })
        .collect();
    let answer = match client.group(group).await {
        Ok(answer) => answer,
        Err(error) => {
            findings.fail(place, format!("{}.", Chain(&error)), mend(&error));
            return false;
        }
    };
    match answer.get(scope) {
        Some(Ok(granted)) => {
            let granted: Vec<String> =
                serde_json::from_str(granted.result().get()).unwrap_or_default();
            let has = scopes
                .iter()
                .any(|scope| granted.iter().any(|one| one == scope));
            if has {
                findings.ok(
                    place,
                    format!(
                        "{:?} is accepted and has the scope it needs.",
                        client.access()
                    ),
                );
            } else {
                findings.fail(
                    place,
                    format!(
                        "The webhook lacks the scope {}; it has {}.",
                        scopes.join(" or "),
                        granted.join(", ")
                    ),
                    "Tick the scope in the webhook's settings in Bitrix24.",
                );
            }
        }
        Some(Err(error)) => {
            findings.fail(place, format!("{}.", Chain(error)), mend(error));
            return false;
        }
        None => {}
    }
    let missing: Vec<&str> = asked
        .into_iter()
        .filter(|(_, command)| {
            let row = answer
                .get(*command)
                .and_then(|answer| answer.as_ref().ok()?.row().ok());
            row.is_some_and(|row| {
                row.flag("isExisting") == Some(false) || row.flag("isAvailable") == Some(false)
            })
        })
        .map(|(method, _)| method)
        .collect();
    if missing.is_empty() {
        findings.ok(place, "All methods that are needed are there.");
    } else {
        findings.fail(
            place,
            format!("The webhook may not call {}.", missing.join(", ")),
            "Check the scopes of the webhook and the rights of its user.",
        );
    }
    true
}

fn mend(error: &Error) -> &'static str {
    match error {
        Error::Configuration {
            fault: Fault::Credentials,
            ..
        } => {
            "The webhook was deleted, has expired or was rotated; make a new one and configure it."
        }
        Error::Configuration {
            fault: Fault::Scope { .. },
            ..
        } => "Tick the scope in the webhook's settings in Bitrix24.",
        Error::Configuration { .. } => "An administrator of the portal has to look at it.",
        Error::Overload { .. } => {
            "Wait a moment; if it lasts, find out what else calls this portal."
        }
        Error::NotSent { .. } | Error::NoAnswer { .. } => {
            "Check the portal's address, the network, and whether the portal answers in a browser."
        }
        _ => "Check the webhook, and the rights of the user who made it.",
    }
}

async fn look_at_clock(client: &Client, clock: &Clock, findings: &mut Findings) {
    // The portal's own `time` is in every answer; this method has nothing else to say.
    if let Ok(answer) = client.call(Call::read("server.time")).await
        && let Some(finish) = answer.time().finish_s
    {
        #[expect(clippy::cast_possible_truncation, reason = "whole seconds since 1970")]
        let there = finish as i64;
        findings.clock(COMPANIES, there - clock.now().as_second());
    }
}

async fn look_at_fields(client: &Client, settings: &Settings, findings: &mut Findings) {
    let fields = client
        .call(Call::read("crm.company.fields"))
        .await
        .and_then(|all| all.entries());
    let fields = match fields {
        Ok(fields) => fields,
        Err(error) => {
            return findings.warn(COMPANIES, format!("{}.", Chain(&error)), mend(&error));
        }
    };
    let lookup = ["UF_CRM_COMPANY_ID", "UF_CRM_HARAVAN_ORG_ID"];
    let without: Vec<&str> = lookup
        .into_iter()
        .filter(|field| !fields.contains_key(*field))
        .collect();
    match without.len() {
        0 => findings.ok(
            COMPANIES,
            "Companies have both fields by which they are found.",
        ),
        1 => findings.warn(
            COMPANIES,
            format!(
                "Companies have no field {}, by which they are found.",
                without.join("")
            ),
            "Nothing needs to be done if the other field holds the ids.",
        ),
        _ => findings.fail(
            COMPANIES,
            format!(
                "Companies have neither {}, by which they are found.",
                without.join(" nor ")
            ),
            "Check that the webhook belongs to the right portal.",
        ),
    }
    let unknown: Vec<&str> = settings
        .field_map
        .iter()
        .map(|(field, _)| field)
        .filter(|field| !fields.contains_key(*field))
        .collect();
    if unknown.is_empty() {
        findings.ok(COMPANIES, "The portal has every field of the field map.");
    } else {
        findings.warn(
            COMPANIES,
            format!("The portal has no {}; they stay empty.", unknown.join(", ")),
            "`deskbridge bitrix24 fields` shows the portal's fields and proposes a map.",
        );
    }
}

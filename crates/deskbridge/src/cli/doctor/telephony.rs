//! Whether calls can be carried into a portal, whoever tells of them, and whose they would be.

use std::collections::BTreeSet;

use bitrix24::Client;
use deskbridge_calls::{decide::users::People, people, settings::Settings};
use deskbridge_core::Chain;
use deskbridge_store::Store;

use super::findings::{Findings, shown};
use crate::{cli::database::Database, config::Config};

/// The store, where an application keeps its tokens in it.
pub(super) async fn tokens(config: &Config) -> Option<Store> {
    let has_application = config.bitrix24.iter().any(|crm| crm.client_id.is_some());
    match Database::of(config) {
        Ok(database) if has_application => database.open().await.ok(),
        _ => None,
    }
}

/// Looks at the portal's right to register calls and at its users, who are returned when they are known.
pub(super) async fn look(
    place: &'static str,
    crm: &Client,
    settings: &Settings,
    findings: &mut Findings,
) -> Option<People> {
    look_at_rights(place, crm, &settings.connection, findings).await;
    look_at_users(place, crm, settings, findings).await
}

async fn look_at_rights(place: &'static str, crm: &Client, name: &str, findings: &mut Findings) {
    let access = match crm.telephony_access().await {
        Ok(access) => access,
        Err(error) => {
            return findings.fail(
                place,
                format!(
                    "Whether the calls of {name} can be registered cannot be told: {}.",
                    Chain(&error)
                ),
                "See what is said of Bitrix24.",
            );
        }
    };
    match &access.registers_calls {
        Ok(()) => findings.ok(place, format!("Calls of {name} can be registered in the CRM.")),
        Err(fault) => findings.fail(
            place,
            format!(
                "Calls of {name} cannot be registered: {fault}. Until then each makes an activity of its client, \
                 unless `refused` is \"none\"."
            ),
            "Add a local application in Bitrix24 with the scopes telephony, crm, user and task.",
        ),
    }
    if !access.missing.is_empty() {
        findings.fail(
            place,
            format!(
                "For the calls of {name} scopes are missing: {}.",
                access.missing.join(", ")
            ),
            "Tick them in Bitrix24.",
        );
    }
}

async fn look_at_users(
    place: &'static str,
    crm: &Client,
    settings: &Settings,
    findings: &mut Findings,
) -> Option<People> {
    let name = &settings.connection;
    let users = match crm.active_users().await {
        Ok(users) => users,
        Err(error) => {
            let what = format!("The users of {name} cannot be read: {}.", Chain(&error));
            findings.fail(place, what, "Give the connection the scope user.");
            return None;
        }
    };
    let rows = people::rows(users);
    let people = People::of_rows(&rows, &settings.numbers);
    let with_phone = rows.iter().filter(|row| !row.extension.trim().is_empty());
    let with_phone = with_phone.count();
    let told = format!(
        "{} active user(s) of the CRM, of whom {with_phone} have an extension.",
        rows.len()
    );
    match with_phone + settings.users.len() {
        0 => findings.fail(
            place,
            format!("{name}: {told}"),
            "Give users their extension in the CRM, or name them in `users`: without, no call is anybody's.",
        ),
        _ => findings.ok(place, format!("{name}: {told}")),
    }
    for duplicate in people.duplicates() {
        findings.warn(
            place,
            format!("{name}: {duplicate}."),
            "Until then its calls are nobody's.",
        );
    }
    let named = settings.users.values().chain(&settings.default_user);
    let gone: BTreeSet<String> = named
        .filter(|user| !people.has(**user))
        .map(ToString::to_string)
        .collect();
    if !gone.is_empty() {
        findings.warn(
            place,
            format!(
                "{name}: the settings name who is no active user of the CRM: {}.",
                shown(&gone.into_iter().collect::<Vec<_>>())
            ),
            "Correct `users` and `default_user`.",
        );
    }
    if settings.default_user.is_none() {
        findings.warn(
            place,
            format!("{name} has no default_user: calls that nobody took and that are nobody's are not told."),
            "Name the user who gets them.",
        );
    }
    Some(people)
}

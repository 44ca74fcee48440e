//! Looking at what `deskbridge frappe install` puts into the helpdesk, and whether agents' calls reach a hub.

use deskbridge_core::Chain;
use deskbridge_profile::{live::SETTINGS_DOCTYPE, settings::Settings};
use frappe::{Cause, Client, Document, Error, Filter, List, Order};
use serde_json::Value;

use super::Findings;
use crate::{
    helpdesk::{
        same_fields, secrets,
        wanted::{BUTTON, HUB_URL, SERVER_SCRIPTS, Through, wanted},
    },
    wire::Connections,
};

const PLACE: &str = "button";
/// What the button calls when its dialog is opened.
const PROFILE: &str = "haravan_bitrix_customer_profile";

/// What the button's dialog shows of a company.
const SHOWN: [&str; 13] = [
    "company_name",
    "company_id",
    "bitrix_id",
    "current_hsi_segment",
    "current_hsi_detail",
    "last_hsi_segment",
    "last_hsi_detail",
    "current_shopplan",
    "shop_created_date",
    "first_shopplan_date",
    "current_shopplan_date",
    "shopplan_expiry",
    "assigned_by_id",
];

pub(super) async fn look(connections: &Connections, findings: &mut Findings) {
    let hub = &connections.hub;
    for (key, script) in wanted(Through::Proxy).scripts {
        let what = match key.doctype.as_str() {
            "HD Form Script" => "the ticket page of Helpdesk",
            _ => "the ticket page of the desk",
        };
        let by_name = Filter::eq("name", BUTTON);
        match scripts(hub, &key.doctype, by_name).await {
            Ok(found) => look_at_button(what, found.first(), &script, findings),
            // Only an administrator may look at it.
            Err(Error {
                cause: Cause::NoRight { .. },
                ..
            }) => {}
            Err(error) => findings.warn(
                PLACE,
                format!("{key} cannot be read: {}.", Chain(&error)),
                "Nothing needs to be done if the rest works.",
            ),
        }
    }
    look_for_secrets(hub, findings).await;
    look_at_the_way(hub, findings).await;
}

async fn scripts(hub: &Client, doctype: &str, filter: Filter) -> Result<Vec<Document>, Error> {
    let all = List::new().fields(["*"]).filter(filter).limit(0);
    hub.list(doctype, &all).await
}

fn look_at_button(
    what: &str,
    there: Option<&Document>,
    ours: &crate::helpdesk::Fields,
    findings: &mut Findings,
) {
    match there {
        None => findings.warn(
            PLACE,
            format!("There is no button on {what}."),
            "`deskbridge frappe install` puts it there.",
        ),
        Some(there) if !there.check("enabled") => findings.warn(
            PLACE,
            format!("The button on {what} is switched off."),
            "Switch its script on, or leave it if agents use the other page.",
        ),
        Some(there) if !same_fields(there.fields(), ours) => findings.warn(
            PLACE,
            format!("The button on {what} is not the one of this release."),
            "`deskbridge frappe diff` shows how it differs, `deskbridge frappe install` brings it up to date.",
        ),
        Some(_) => findings.ok(PLACE, format!("The button is on {what}.")),
    }
}

/// Looks at Server Scripts where calls go through them: the settings know the hub's address, or a script of ours is
/// there. A key of the administrator's own is looked at here alone.
pub(super) async fn look_at_server_scripts(
    administrator: &Client,
    has_own_key: bool,
    findings: &mut Findings,
) {
    let all = Filter::eq("script_type", "API");
    let there = match scripts(administrator, "Server Script", all).await {
        Ok(there) => there,
        Err(Error {
            cause: Cause::NoRight { .. },
            ..
        }) if has_hub_url(administrator).await => {
            return findings.warn(
                PLACE,
                "Calls go through Server Scripts, and whether they are those of this release cannot be seen.",
                "Give the API key's user the role Script Manager, or put an administrator's key into admin_api_key \
                 and admin_api_secret.",
            );
        }
        Err(Error {
            cause: Cause::WrongKey,
            ..
        }) if has_own_key => {
            return findings.warn(
                PLACE,
                "The administrator's key is refused: `deskbridge frappe` cannot work, and Server Scripts cannot be seen.",
                "Correct admin_api_key and admin_api_secret, or remove both where the hub's own key may do everything.",
            );
        }
        // What is wrong with the connection is told already.
        Err(_) => return,
    };
    let name_of = |script: &Document| {
        let name = script.name().map(frappe::Name::into_string);
        name.unwrap_or_default()
    };
    let has_ours = there
        .iter()
        .any(|script| name_of(script).starts_with(SERVER_SCRIPTS));
    if !has_ours && !has_hub_url(administrator).await {
        return;
    }
    let wanted = wanted(Through::ServerScripts);
    let mend = "`deskbridge frappe diff --through server-scripts` shows how it differs, `deskbridge frappe install \
                --through server-scripts` brings it up to date.";
    let ours = wanted.scripts.iter();
    let ours = ours.filter(|(key, _)| key.doctype == "Server Script");
    let mut is_whole = true;
    for (key, ours) in ours {
        let what = match there.iter().find(|script| name_of(script) == key.name) {
            None => format!("There is no {key}."),
            Some(script) if script.check("disabled") => format!("{key} is switched off."),
            Some(script) if !same_fields(script.fields(), ours) => {
                format!("{key} is not the one of this release.")
            }
            Some(_) => continue,
        };
        is_whole = false;
        findings.warn(PLACE, what, mend);
    }
    for rival in &there {
        let method = rival.text("api_method").unwrap_or_default();
        let name = name_of(rival);
        let is_ours = wanted.scripts.iter().any(|(key, _)| key.name == name);
        if is_ours || rival.check("disabled") || !wanted.methods.contains(&method) {
            continue;
        }
        is_whole = false;
        findings.warn(
            PLACE,
            format!("Server Script \"{name}\" answers to {method} too, so it is not certain who answers."),
            "Switch it off; `deskbridge frappe install --through server-scripts --force` does so.",
        );
    }
    if is_whole {
        findings.ok(
            PLACE,
            "The Server Scripts are those of this release, and nothing else answers in their place.",
        );
    }
}

/// Whether the settings say where Server Scripts reach the hub.
async fn has_hub_url(administrator: &Client) -> bool {
    let name = frappe::Name::new(SETTINGS_DOCTYPE);
    let settings = administrator.get(SETTINGS_DOCTYPE, &name).await;
    settings.is_ok_and(|settings| settings.trimmed(HUB_URL).is_some())
}

/// Scripts in the browser are read by every agent; a webhook in one is no secret any more.
async fn look_for_secrets(hub: &Client, findings: &mut Findings) {
    let mut is_clean = true;
    for (doctype, filter) in [
        ("HD Form Script", Filter::eq("dt", "HD Ticket")),
        ("Client Script", Filter::eq("dt", "HD Ticket")),
        ("Server Script", Filter::eq("script_type", "API")),
    ] {
        // What this user may not read is not this user's to judge.
        let found = scripts(hub, doctype, filter).await.unwrap_or_default();
        for script in found {
            let holds_secret = script.text("script").is_some_and(secrets::holds_secret);
            if !holds_secret {
                continue;
            }
            is_clean = false;
            let name = script
                .name()
                .map(frappe::Name::into_string)
                .unwrap_or_default();
            let what =
                format!("{doctype} \"{name}\" has what looks like a webhook or a key in it.");
            let mend = "Take it out of the script, and replace the webhook in Bitrix24: it must be known to nobody but \
                        the settings.";
            match doctype {
                "Server Script" => findings.warn(PLACE, what, mend),
                _ => findings.fail(PLACE, what, mend),
            }
        }
    }
    if is_clean {
        findings.ok(
            PLACE,
            "No script that the hub's user may read has a webhook or a key in it.",
        );
    }
}

/// Asks as an agent's browser does, at the helpdesk's own address.
async fn look_at_the_way(hub: &Client, findings: &mut Findings) {
    let newest = List::new().order_by("creation", Order::Descending).limit(1);
    let Ok(tickets) = hub.list("HD Ticket", &newest).await else {
        return;
    };
    let Some(ticket) = tickets.first().and_then(Document::name) else {
        return;
    };
    let asked = hub.method(PROFILE).with("ticket", &ticket);
    let told = match asked.with("refresh", 0).get::<Value>().await {
        Ok(answer) if is_a_hubs(&answer) => {
            return findings.ok(PLACE, "A call to the helpdesk's own address reaches a hub.");
        }
        Ok(_) => "the answer is not a hub's".to_owned(),
        Err(Error {
            cause: Cause::ScriptsDisabled,
            ..
        }) => {
            return findings.fail(
                PLACE,
                "The Server Scripts do not run, because the site has them switched off.",
                "Switch them on with `bench set-config -g server_script_enabled 1`, or on Frappe Cloud in the site's \
                 configuration; or use a reverse proxy.",
            );
        }
        Err(error) => {
            let said = error.message().map(|message| message.text().to_owned());
            said.unwrap_or_else(|| Chain(&error).to_string())
        }
    };
    findings.warn(
        PLACE,
        format!(
            "A call to the helpdesk's own address does not reach a hub: {}.",
            told.trim_end_matches('.')
        ),
        "Start the hub; let the reverse proxy send it its addresses, or install Server Scripts with `deskbridge frappe \
         install --through server-scripts`.",
    );
}

/// Older apps answer to the same method, and none says whether what it remembers is stale.
fn is_a_hubs(answer: &Value) -> bool {
    let stale = answer.pointer("/data/bitrix/stale");
    stale.is_some_and(Value::is_boolean)
}

/// Whether the dialog finds what it shows.
pub(super) fn look_at_field_map(settings: &Settings, findings: &mut Findings) {
    let keys: Vec<&str> = settings.field_map.iter().map(|(_, key)| key).collect();
    let missing: Vec<&str> = SHOWN
        .into_iter()
        .filter(|key| !keys.contains(key))
        .collect();
    if missing.is_empty() {
        findings.ok(
            PLACE,
            "The field map has everything that the button's dialog shows.",
        );
    } else {
        findings.warn(
            PLACE,
            format!(
                "The field map has no {}; the button's dialog leaves them out.",
                missing.join(", ")
            ),
            "Add the portal's fields for them to the map; `deskbridge bitrix24 fields` shows them.",
        );
    }
}

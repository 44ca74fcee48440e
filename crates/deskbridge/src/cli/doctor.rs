//! `deskbridge doctor`: asks every connection and says in sentences what is wrong and how to mend it.

mod asterisk;
mod caresoft;
mod clicks;
mod findings;
mod helpdesk;
mod hooks;
mod installed;
mod portal;
mod reported;
mod telephony;

use std::{io::IsTerminal as _, process::ExitCode};

use clap::Args;
use deskbridge_core::Clock;
use deskbridge_profile::{
    live::{self, Source},
    settings::Settings,
};
use serde_json::json;

use self::findings::{Finding, Findings, Level};
use super::{ConfigFile, database::Database, environment, say};
use crate::{
    config::Config,
    wire::{self, Connections},
};

#[derive(Args)]
pub(crate) struct DoctorArguments {
    #[command(flatten)]
    file: ConfigFile,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

/// Exit status: 0 when nothing is wrong, warnings included; 1 when something is.
pub(super) async fn run(arguments: DoctorArguments) -> anyhow::Result<ExitCode> {
    let config = arguments.file.load()?;
    let environment = environment();
    let connections = Connections::of(&config, &environment)?;
    let mut findings = Findings::default();
    look_at_store(&config, &mut findings).await;
    helpdesk::look(&connections, &mut findings).await;
    // Who only serves need not have the administrator's key at hand.
    let administrator = wire::administrator(&config, &connections, &environment);
    let has_own_key = administrator.is_ok()
        && config
            .profile_frappe()
            .is_ok_and(|frappe| frappe.admin_api_key.is_some());
    let administrator = administrator.unwrap_or_else(|_| connections.hub.clone());
    installed::look_at_server_scripts(&administrator, has_own_key, &mut findings).await;
    if !config.caresoft.is_empty() || !config.route.is_empty() {
        caresoft::look(&config, &environment, &connections.portals, &mut findings).await;
    }
    if config.caresoft.iter().any(|of| of.calls.is_some()) {
        reported::look(&config, &environment, &connections.portals, &mut findings).await;
    }
    if !config.asterisk.is_empty() {
        asterisk::look(&config, &environment, &connections.portals, &mut findings).await;
    }
    if config
        .bitrix24
        .iter()
        .any(|portal| portal.client_id.is_some())
    {
        clicks::look(&config, &environment, &connections.portals, &mut findings).await;
    }
    if !config.hook.is_empty() {
        hooks::look(&config, &environment, &mut findings).await;
    }
    if let Some(settings) = settings(&connections, &mut findings).await {
        installed::look_at_field_map(&settings, &mut findings);
        portal::look(&connections, &settings, &Clock::system(), &mut findings).await;
    }
    for finding in findings.iter() {
        say(if arguments.json {
            as_json(finding).to_string()
        } else {
            as_text(finding)
        })?;
    }
    let (failures, warnings) = (findings.count(Level::Fail), findings.count(Level::Warn));
    if !arguments.json {
        say("")?;
        say(match (failures, warnings) {
            (0, 0) => "Everything is in order.".to_owned(),
            (0, warnings) => format!("It works; {warnings} thing(s) could be better."),
            (failures, _) => format!("{failures} thing(s) must be mended."),
        })?;
    }
    Ok(if failures == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn look_at_store(config: &Config, findings: &mut Findings) {
    const PLACE: &str = "database";
    let database = match Database::of(config) {
        Ok(database) => database,
        Err(error) => return findings.fail(PLACE, format!("{error}."), "Correct the setting."),
    };
    if let Database::Sqlite(path) = &database
        && !path.exists()
    {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        return match folder {
            Some(folder) if !folder.exists() => findings.fail(
                PLACE,
                format!("The folder {} does not exist.", folder.display()),
                "Make it, or change server.database.",
            ),
            _ => findings.ok(
                PLACE,
                format!("{database} will be made at the first start."),
            ),
        };
    }
    let counted = async {
        let store = database.open().await?;
        let counts = store.count_effects().await?;
        anyhow::Ok((store, counts))
    };
    match counted.await {
        Ok((store, counts)) => {
            findings.ok(PLACE, format!("{database} can be used."));
            caresoft::look_at_polls(config, &store, findings).await;
            let dead = counts
                .by_state
                .get(&deskbridge_store::EffectState::Dead)
                .copied();
            if let Some(dead) = dead.filter(|dead| *dead > 0) {
                findings.warn(
                    PLACE,
                    format!("{dead} effect(s) were given up."),
                    "Look at them with `deskbridge effects list --state dead`, mend the cause, then \
                     `deskbridge effects revive --all-dead`.",
                );
            }
        }
        Err(error) => findings.fail(
            PLACE,
            format!("{database} cannot be used: {error:#}."),
            match database {
                Database::Sqlite(_) => "Check the file, its folder and the rights to them.",
                Database::Postgres { .. } => {
                    "Check server.database_url, that the server runs, and that its user may make the schema."
                }
            },
        ),
    }
}

/// The settings of the profile, wherever they are.
async fn settings(connections: &Connections, findings: &mut Findings) -> Option<Settings> {
    const PLACE: &str = "settings";
    let raw = match &connections.source {
        Source::File(raw) => raw.clone(),
        Source::Helpdesk { hub, .. } => match live::read(hub).await {
            Ok(raw) => {
                findings.ok(
                    PLACE,
                    format!("\"{}\" can be read.", live::SETTINGS_DOCTYPE),
                );
                raw
            }
            Err(error) => {
                findings.fail(
                    PLACE,
                    format!("{}.", deskbridge_core::Chain(&error)),
                    "The DocType must exist (`deskbridge frappe install` makes it), and the hub's user must be a System \
                     Manager to read its passwords.",
                );
                return None;
            }
        },
    };
    let settings = Settings::read(&raw);
    for flaw in &settings.flaws {
        let mend = "Correct the setting.";
        if flaw.is_about_webhook() {
            findings.fail(PLACE, format!("{flaw}."), mend);
        } else {
            findings.warn(PLACE, format!("{flaw}."), mend);
        }
    }
    if !settings.enabled {
        findings.warn(
            PLACE,
            "The Bitrix24 integration is switched off, so agents see only what the helpdesk knows.",
            "Switch bitrix_enabled on.",
        );
    }
    Some(settings)
}

fn as_text(finding: &Finding) -> String {
    let is_terminal = std::io::stdout().is_terminal();
    let sign = match (finding.level, is_terminal) {
        (Level::Ok, true) => "\u{1b}[32mok  \u{1b}[0m",
        (Level::Warn, true) => "\u{1b}[33mwarn\u{1b}[0m",
        (Level::Fail, true) => "\u{1b}[31mfail\u{1b}[0m",
        (level, false) => level.as_str(),
    };
    let mend = finding
        .mend
        .as_deref()
        .map(|mend| format!("\n      -> {mend}"))
        .unwrap_or_default();
    format!("{sign:4}  {}: {}{mend}", finding.place, finding.what)
}

fn as_json(finding: &Finding) -> serde_json::Value {
    json!({
        "level": finding.level.as_str(),
        "place": finding.place,
        "what": finding.what,
        "mend": finding.mend,
    })
}

//! `deskbridge config`.

use std::process::ExitCode;

use clap::Subcommand;
use deskbridge_profile::settings::Settings;

use super::{ConfigFile, database::Database, environment, say};
use crate::{
    config::{self, SettingsIn},
    wire::{self, Connections, raw_settings},
};

#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check the configuration without asking anybody; `deskbridge doctor` asks.
    Check(ConfigFile),
    /// Print a configuration to start from, with every setting explained.
    Example,
}

pub(super) fn run(command: ConfigCommand) -> anyhow::Result<ExitCode> {
    match command {
        ConfigCommand::Example => {
            say(config::EXAMPLE.trim_end())?;
            Ok(ExitCode::SUCCESS)
        }
        ConfigCommand::Check(file) => check(&file),
    }
}

fn check(file: &ConfigFile) -> anyhow::Result<ExitCode> {
    let config = file.load()?;
    let environment = environment();
    let connections = Connections::of(&config, &environment)?;
    wire::caresoft::received(&config, &environment)?;
    wire::caresoft::planned(&config)?;
    wire::caresoft::targets(&config, &environment, &connections.portals)?;
    let pbxs = wire::calls::pbxs(&config, &environment, &connections.portals, None)?;
    let routes = wire::caresoft::routes(&config, &environment)?;
    say(format!("{} can be used.", file.config.display()))?;
    say(format!("  serves on        {}", config.server.listen))?;
    say(format!("  database         {}", Database::of(&config)?))?;
    say(format!("  helpdesk         {}", connections.site.base()))?;
    let flaws = match config.profile.settings {
        SettingsIn::Helpdesk => {
            say(
                "  Bitrix24         as the helpdesk's DocType \"Helpdesk Integrations Settings\" says",
            )?;
            Vec::new()
        }
        SettingsIn::File => {
            let settings = Settings::read(&raw_settings(&config, &environment)?);
            let portal = match (&settings.webhook, settings.enabled) {
                (_, false) => "switched off".to_owned(),
                (None, true) => "no webhook".to_owned(),
                (Some(webhook), true) => format!("{webhook:?}"),
            };
            say(format!("  Bitrix24         {portal}"))?;
            let responsible = settings.responsible_webhook.as_ref();
            let responsible =
                responsible.map_or_else(|| "no webhook".to_owned(), |one| format!("{one:?}"));
            say(format!("  responsible      {responsible}"))?;
            say(format!(
                "  links lead to    {}",
                settings.portal.as_deref().unwrap_or("nowhere")
            ))?;
            settings.flaws
        }
    };
    for account in &config.caresoft {
        let to = &config.caresoft_frappe(account)?.name;
        let crm = account.crm.as_ref();
        let crm = crm.map_or_else(|| "no CRM".to_owned(), |crm| format!("CRM {crm}"));
        say(format!(
            "  CareSoft         {}: POST /hooks/caresoft/{} to helpdesk {to} and {crm}",
            account.name, account.name
        ))?;
    }
    for pbx in &pbxs {
        say(format!(
            "  Asterisk         {} at {}:{} to CRM {} and {}",
            pbx.name,
            pbx.manager.host,
            pbx.manager.port,
            pbx.crm.portal().base(),
            match &pbx.helpdesk {
                Some(helpdesk) => format!("helpdesk {}", helpdesk.site().base()),
                None => "no helpdesk".to_owned(),
            }
        ))?;
    }
    for route in &*routes {
        say(format!(
            "  route            {} to {}",
            route.name(),
            route.host()
        ))?;
    }
    for flaw in &flaws {
        say(format!("! {flaw}"))?;
    }
    Ok(if flaws.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

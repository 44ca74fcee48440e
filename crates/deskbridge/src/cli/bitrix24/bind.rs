//! `deskbridge bitrix24 bind`.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use deskbridge_calls::oauth::http::{Way, bind};
use deskbridge_profile::crm::Portals;

use crate::{
    cli::{ConfigFile, database, environment, say},
    wire::oauth,
};

#[derive(Args)]
pub(crate) struct BindArguments {
    #[command(flatten)]
    file: ConfigFile,
    /// The `[[bitrix24]]`, where several are applications.
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Let events wait in the portal until the hub asks for them, whatever the configuration says; no public address is
    /// needed.
    #[arg(long, conflicts_with = "posted")]
    offline: bool,
    /// Have events posted to `public_url`, whatever the configuration says.
    #[arg(long)]
    posted: bool,
}

pub(super) async fn run(arguments: &BindArguments) -> anyhow::Result<ExitCode> {
    let config = arguments.file.load()?;
    let store = database::open(&arguments.file).await?;
    let portals = Portals::new(bitrix24::Options::default());
    let mut applications = oauth::applications(&config, &environment(), &portals, &store)?;
    if let Some(name) = &arguments.connection {
        applications.retain(|known, _| known == name);
    }
    let mut applications = applications.into_iter();
    let (name, installed) = match (applications.next(), applications.next()) {
        (Some(one), None) => one,
        (None, _) => bail!("no [[bitrix24]] with client_id is named so"),
        (Some(_), Some(_)) => bail!("there are several applications: name one with --connection"),
    };
    let way = match (arguments.offline, arguments.posted) {
        (true, _) => Way::Offline,
        (_, true) => Way::Posted,
        (false, false) => installed.way,
    };
    let bound = bind(&installed, way).await.map_err(anyhow::Error::msg);
    bound.with_context(|| format!("the events of {name} are not bound"))?;
    say(match way {
        Way::Posted => {
            let address = installed.posts_to.unwrap_or_default();
            format!("{name} tells of calls at {address}")
        }
        Way::Offline => format!("{name} keeps what it has to tell of calls until it is asked"),
    })?;
    if way != installed.way {
        let events = match way {
            Way::Posted => "posted",
            Way::Offline => "offline",
        };
        say(format!(
            "Write events = \"{events}\" into bitrix24[{name}] of the configuration and start the hub again."
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

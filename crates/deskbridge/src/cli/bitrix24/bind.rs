//! `deskbridge bitrix24 bind`.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use deskbridge_calls::oauth::http::bind;
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
    let bound = bind(&installed).await.map_err(anyhow::Error::msg);
    bound.with_context(|| format!("the events of {name} are not bound"))?;
    say(format!(
        "{name} tells of calls at {}",
        installed.posts_to.unwrap_or_default()
    ))?;
    Ok(ExitCode::SUCCESS)
}

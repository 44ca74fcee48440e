//! `deskbridge frappe install` and `diff`.

use std::process::ExitCode;

use anyhow::bail;
use deskbridge_profile::live::SETTINGS_DOCTYPE;
use frappe::{Cause, Error};
use url::{Host, Url};

use super::{Helpdesk, InstallArguments, backup::entry};
use crate::{
    cli::{fail, say},
    helpdesk::{
        Key,
        plan::{Change, Consent, Current, HubAddress, Plan, plan},
        shown,
        undo::gather,
        wanted::{HUB_URL, Through, Wanted, wanted},
    },
};

/// Looks, and decides what is to be done.
async fn prepare(
    helpdesk: &Helpdesk,
    arguments: &InstallArguments,
) -> anyhow::Result<(Wanted, Plan)> {
    let mut wanted = wanted(arguments.through);
    if helpdesk.receives_caresoft {
        wanted = wanted.and_caresoft();
    }
    if helpdesk.receives_calls {
        wanted = wanted.and_calls();
    }
    if helpdesk.receives_import {
        wanted = wanted.and_import();
    }
    let given = arguments.hub_url.as_deref().map(hub_url).transpose()?;
    let earlier = helpdesk.backups.open()?;
    let entries = earlier.iter().flat_map(|(_, backup)| &backup.entries);
    let installed = gather(entries)
        .into_iter()
        .map(|(key, done)| (key, done.installed));
    let consent = Consent {
        installed: installed.collect(),
        force: arguments.force,
    };
    let current = helpdesk.look(&wanted).await?;
    let hub = match arguments.through {
        Through::Proxy => None,
        Through::ServerScripts => Some(hub_address(helpdesk, given, &current)?),
    };
    let plan = plan(&wanted, hub.as_ref(), &current, &consent);
    Ok((wanted, plan))
}

/// Where Server Scripts are to reach the hub: as given, or as it is.
fn hub_address(
    helpdesk: &Helpdesk,
    given: Option<String>,
    current: &Current,
) -> anyhow::Result<HubAddress> {
    if helpdesk.shared_secret.is_none() {
        bail!(
            "Server Scripts prove themselves with a secret, and shared_secrets of the configuration has none; write \
             one into a file (`(umask 077; openssl rand -hex 32 > shared.secret)`), set \
             shared_secrets = [{{ file = \"shared.secret\" }}], and restart the hub"
        );
    }
    let settings = Key::new(SETTINGS_DOCTYPE, SETTINGS_DOCTYPE);
    let there = current.documents.get(&settings);
    let there = there.and_then(|fields| fields.get(HUB_URL)?.as_str());
    let there = there.map(str::to_owned).filter(|url| !url.is_empty());
    let Some(url) = given.or(there) else {
        bail!(
            "it is not known where the helpdesk reaches the hub; give it with --hub-url https://hub.example"
        );
    };
    Ok(HubAddress { settings, url })
}

/// The address as the scripts want it. It carries the secret, so it must be https or never leave the machine.
fn hub_url(text: &str) -> anyhow::Result<String> {
    let Ok(url) = Url::parse(text.trim()) else {
        bail!("--hub-url is no address; it looks like https://hub.example");
    };
    let is_local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let is_plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    match url.scheme() {
        _ if !is_plain => bail!("--hub-url has more than a host and a path in it"),
        "https" => {}
        "http" if is_local => {}
        _ => bail!("--hub-url is not https, which only this machine itself may do without"),
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// `deskbridge frappe diff`. As `diff` itself does, it tells a difference from a failure by its exit status.
pub(super) async fn diff(arguments: &InstallArguments) -> ExitCode {
    match show_difference(arguments).await {
        Ok(exit) => exit,
        Err(error) => {
            fail(&error);
            ExitCode::from(2)
        }
    }
}

async fn show_difference(arguments: &InstallArguments) -> anyhow::Result<ExitCode> {
    let helpdesk = Helpdesk::of(&arguments.place)?;
    let (_, plan) = prepare(&helpdesk, arguments).await?;
    for change in &plan.changes {
        say(shown::change(change).join("\n"))?;
    }
    for kept in &plan.kept {
        say(shown::kept(kept).join("\n"))?;
    }
    say(summary(&plan, "to be made", "to be changed"))?;
    say_what_is_not_looked_at(&helpdesk, arguments.through).await?;
    Ok(if plan.differs() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// `deskbridge frappe install`.
pub(super) async fn install(arguments: &InstallArguments) -> anyhow::Result<ExitCode> {
    let helpdesk = Helpdesk::of(&arguments.place)?;
    let (wanted, plan) = prepare(&helpdesk, arguments).await?;
    if !plan.changes.is_empty() {
        helpdesk.require_rights(&plan.changes).await?;
        let entries = plan.changes.iter().map(entry).collect();
        let folder = helpdesk.backups.write(entries)?;
        say(format!("What there was is kept in {}.", folder.display()))?;
        carry_out(&helpdesk, &plan.changes).await?;
    }
    for kept in &plan.kept {
        say(shown::kept_headline(kept))?;
    }
    say(summary(&plan, "made", "changed"))?;
    say_what_is_not_looked_at(&helpdesk, arguments.through).await?;
    if arguments.through == Through::ServerScripts
        && let Some(method) = wanted.methods.first()
        && scripts_are_off(&helpdesk, method).await
    {
        bail!(
            "the Server Scripts are installed and do not run, because the site has them switched off; switch them on \
             with `bench set-config -g server_script_enabled 1`, or on Frappe Cloud in the site's configuration"
        );
    }
    if arguments.through == Through::Proxy && !plan.changes.is_empty() {
        say("Now let the reverse proxy before the helpdesk send the hub's addresses to the hub.")?;
    }
    Ok(if plan.kept.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn carry_out(helpdesk: &Helpdesk, changes: &[Change]) -> anyhow::Result<()> {
    for (number, change) in (1..).zip(changes) {
        let made = helpdesk.make(change).await;
        made.map_err(|error| {
            let done = number - 1;
            let of = changes.len();
            error.context(format!(
                "stopped after {done} of {of} changes, which stay; when the cause is mended, run the command again and \
                 it goes on"
            ))
        })?;
        say(shown::headline(change))?;
    }
    Ok(())
}

fn summary(plan: &Plan, made: &str, changed: &str) -> String {
    let new = plan.changes.iter().filter(|change| change.from.is_none());
    let new = new.count();
    let old = plan.changes.len() - new;
    let kept = match plan.kept.len() {
        0 => String::new(),
        kept => format!(", {kept} kept as they are"),
    };
    format!(
        "{new} {made}, {old} {changed}{kept}, {} as they should be.",
        plan.settled
    )
}

/// Scripts of an earlier installation are not part of one without them.
async fn say_what_is_not_looked_at(helpdesk: &Helpdesk, through: Through) -> anyhow::Result<()> {
    if through == Through::Proxy && helpdesk.has_server_scripts().await {
        say(
            "! Deskbridge's Server Scripts are there and were not looked at; --through server-scripts does.",
        )?;
    }
    Ok(())
}

/// Whether the site refuses to run scripts: asked by running one.
async fn scripts_are_off(helpdesk: &Helpdesk, method: &str) -> bool {
    let asked = helpdesk.client.method(method).get::<serde_json::Value>();
    matches!(
        asked.await,
        Err(Error {
            cause: Cause::ScriptsDisabled,
            ..
        })
    )
}

#[cfg(test)]
mod tests {
    use super::hub_url;

    #[test]
    fn the_hub_is_reached_by_https_or_on_the_machine_itself() {
        for (text, expected) in [
            ("https://hub.example/", Some("https://hub.example")),
            (
                " https://hub.example:8443/desk ",
                Some("https://hub.example:8443/desk"),
            ),
            ("http://127.0.0.1:8700", Some("http://127.0.0.1:8700")),
            ("http://localhost:8700/", Some("http://localhost:8700")),
            ("http://hub.example", None),
            ("https://user:secret@hub.example", None),
            ("https://hub.example/?a=b", None),
            ("hub.example", None),
            ("", None),
        ] {
            assert_eq!(hub_url(text).ok().as_deref(), expected, "{text}");
        }
    }
}

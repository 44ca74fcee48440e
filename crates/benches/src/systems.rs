//! Helpdesk and CRM in this process, and the configuration of a hub between them.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, bail};
use deskbridge_core::Clock;
use serde_json::{Value, json};
use simulators::{bitrix24, caresoft::Sender, faults::Rule, frappe};

use crate::hub::Hub;

/// What the invented account signs with.
const SECRET: &str = "planted-caresoft-secret";
/// The name of the CareSoft connection.
pub(crate) const CONNECTION: &str = "center";
/// What the hub makes in the helpdesk.
pub(crate) const DOCTYPES: [&str; 5] = [
    "HD Ticket",
    "Communication",
    "HD Ticket Comment",
    "Contact",
    "HD Customer",
];

/// Both of them, and a folder.
pub(crate) struct Systems {
    pub(crate) site: frappe::Running,
    pub(crate) portal: bitrix24::Running,
    folder: tempfile::TempDir,
}

impl Systems {
    /// Starts both; the helpdesk keeps so many of the requests that it has seen.
    pub(crate) async fn start(journal_entries_max: usize) -> anyhow::Result<Self> {
        let now = Clock::system().now();
        let portal = bitrix24::start(bitrix24::Options {
            data: bitrix24::sample(now),
            limits: bitrix24::Limits::off(),
            ..bitrix24::Options::default()
        });
        let site = frappe::start(frappe::Options {
            data: frappe::sample(now),
            journal_entries_max,
            ..frappe::Options::default()
        });
        let systems = Self {
            site: site.await?,
            portal: portal.await?,
            folder: tempfile::tempdir()?,
        };
        fs::write(systems.config(), systems.configuration()?)?;
        Ok(systems)
    }

    /// Where the configuration is.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("deskbridge.toml")
    }

    /// Where the database is.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("deskbridge.db")
    }

    fn configuration(&self) -> anyhow::Result<String> {
        let portal = self.portal.http_url.as_deref();
        let portal = portal.context("the portal has no address")?;
        let mut text = between(
            &self.site.url,
            portal,
            bitrix24::CUSTOMER_SECRET,
            "enterprise",
        );
        write!(
            text,
            r#"
[[caresoft]]
name = "{CONNECTION}"
secrets = ["{SECRET}"]
crm = "crm"

[caresoft.mapping.ticket]
status_otherwise = "Open"
"#
        )?;
        for id in 1..9 {
            let email = agent(id);
            writeln!(
                text,
                "[[caresoft.mapping.agents]]\nid = {id}\nemail = \"{email}\""
            )?;
        }
        Ok(text)
    }

    /// What sends webhooks to a hub.
    pub(crate) fn sender(&self, hub: &Hub) -> anyhow::Result<Sender> {
        let target = format!("http://{}/hooks/caresoft/{CONNECTION}", hub.address());
        Ok(Sender::new(target.parse()?, Some(SECRET.to_owned())))
    }

    /// Brings the helpdesk to what the hub needs.
    pub(crate) async fn install(&self, program: &Path) -> anyhow::Result<()> {
        let mut command = Command::new(program);
        command
            .args(["frappe", "install", "--config"])
            .arg(self.config())
            .env_clear()
            .stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output()).await?;
        let output = output.context("running `deskbridge frappe install`")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("`deskbridge frappe install` failed: {said}");
        }
        Ok(())
    }

    pub(crate) fn helpdesk_asked(&self) -> u64 {
        let stats = self.site.site.stats();
        stats
            .get("requests")
            .and_then(Value::as_u64)
            .unwrap_or_default()
    }

    pub(crate) fn helpdesk_documents(&self) -> u64 {
        let counts = DOCTYPES.map(|doctype| self.site.site.count(doctype));
        u64::try_from(counts.into_iter().sum::<usize>()).unwrap_or(u64::MAX)
    }

    pub(crate) fn crm_asked(&self) -> u64 {
        self.portal.portal.counts().requests
    }

    /// Lets some of the next requests fail, before they run or after.
    pub(crate) fn misbehave(&self, rng: &mut fastrand::Rng) -> anyhow::Result<()> {
        let site = (0..rng.u8(0..5)).map(|_| failing(&["GET *", "POST *", "PUT *"], 80, rng));
        self.site
            .site
            .set_faults(site.collect::<anyhow::Result<_>>()?);
        let crm = ["crm.lead.add", "crm.deal.add", "crm.lead.list", "crm.*"];
        let portal = (0..rng.u8(0..3)).map(|_| failing(&crm, 4, rng));
        let portal = portal.collect::<anyhow::Result<_>>()?;
        self.portal.portal.set_faults(portal)?;
        Ok(())
    }

    /// Ends all faults.
    pub(crate) fn behave(&self) -> anyhow::Result<()> {
        self.site.site.set_faults(Vec::new());
        self.portal.portal.set_faults(Vec::new())?;
        Ok(())
    }
}

/// The configuration of a hub between a helpdesk and a portal of this plan, by their addresses.
pub(crate) fn between(site: &str, portal: &str, secret: &str, plan: &str) -> String {
    format!(
        r#"
[server]
listen = "127.0.0.1:0"
log_format = "json"
database = "deskbridge.db"

[events]
ballast_megabytes = 0

[[frappe]]
name = "helpdesk"
url = "{site}"
api_key = "hub-key"
api_secret = "hub-secret"

[[bitrix24]]
name = "crm"
webhook_url = "{portal}/rest/1/{secret}/"
plan = "{plan}"
"#
    )
}

/// The agent of the helpdesk who is CareSoft's agent with this number.
pub(crate) fn agent(id: u64) -> &'static str {
    match id % 3 {
        0 => "an.tran@helpdesk.example",
        1 => "binh.le@helpdesk.example",
        _ => "chi.vo@helpdesk.example",
    }
}

/// A rule for a request to come that fails. One whose answer never comes is still waited for when the hub is killed.
fn failing(when: &[&str], skip: u64, rng: &mut fastrand::Rng) -> anyhow::Result<Rule> {
    let answer = match rng.u8(0..4) {
        0 => json!({"status": 503}),
        1 => json!("silence"),
        _ => json!("hang_up"),
    };
    let when = rng.choice(when).context("nothing can fail")?;
    let rule = json!({"when": when, "skip": rng.u64(0..skip), "times": 1, "execute": rng.bool(), "answer": answer});
    Ok(serde_json::from_value(rule)?)
}

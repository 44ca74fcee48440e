//! `[[hook]]`: a decision of the user's own, and `[hooks]`: how many run at once.

use std::{path::PathBuf, time::Duration};

use deskbridge_hooks::{Contract, Flow, hooks::TIMEOUT, point::contract};
use serde::Deserialize;

use super::{Config, ConfigError, SecretSource};

/// How long a hook may take, in milliseconds: longer, and a caller would notice.
const TIMEOUT_MS: std::ops::RangeInclusive<u64> = 10..=10_000;

/// One hook.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hook {
    pub(crate) name: String,
    #[serde(default = "yes")]
    pub(crate) enabled: bool,
    pub(crate) file: Option<PathBuf>,
    #[serde(default)]
    pub(crate) command: Vec<String>,
    pub(crate) url: Option<SecretSource>,
    pub(crate) signing_secret: Option<SecretSource>,
    pub(crate) interpreter: Option<String>,
    pub(crate) timeout_ms: Option<u64>,
    #[serde(default)]
    pub(crate) connections: Vec<String>,
}

/// How hooks are run.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Hooks {
    pub(crate) scripts_at_once: usize,
    pub(crate) programs_at_once: usize,
}

impl Default for Hooks {
    fn default() -> Self {
        Self {
            scripts_at_once: 2,
            programs_at_once: 4,
        }
    }
}

/// What runs a hook.
pub(crate) enum Runs<'a> {
    JavaScript(PathBuf),
    Php {
        interpreter: &'a str,
        file: PathBuf,
    },
    Command(&'a [String]),
    Endpoint {
        url: &'a SecretSource,
        secret: &'a SecretSource,
    },
}

fn yes() -> bool {
    true
}

impl Hook {
    /// Where it stands.
    pub(crate) fn place(&self) -> String {
        format!("hook[{}]", self.name)
    }

    /// How long it may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout_ms.map_or(TIMEOUT, Duration::from_millis)
    }

    /// Its form.
    ///
    /// # Errors
    /// When its name is none.
    pub(crate) fn contract(&self) -> Result<&'static Contract, ConfigError> {
        let wrong = || {
            let name = &self.name;
            let why =
                format!("no hook is named {name}; `deskbridge hook list --all` shows the names");
            ConfigError::value(self.place(), why)
        };
        contract(&self.name).ok_or_else(wrong)
    }

    /// What runs it; paths are relative to `folder`.
    ///
    /// # Errors
    /// When it is not told, or told twice.
    pub(crate) fn runs(&self, folder: &std::path::Path) -> Result<Runs<'_>, ConfigError> {
        let wrong = |why: &str| Err(ConfigError::value(self.place(), why));
        let runs = match (&self.file, self.command.as_slice(), &self.url) {
            (Some(file), [], None) => {
                let path = folder.join(file);
                let ending = file.extension().and_then(|ending| ending.to_str());
                match ending {
                    Some("js" | "mjs") => Runs::JavaScript(path),
                    Some("php") => Runs::Php {
                        interpreter: self.interpreter.as_deref().unwrap_or("php"),
                        file: path,
                    },
                    Some(_) | None => {
                        return wrong(
                            "file ends in neither .js nor .php; give any other program as command = [\"program\", \"argument\"]",
                        );
                    }
                }
            }
            (None, command @ [_, ..], None) => Runs::Command(command),
            (None, [], Some(url)) => match &self.signing_secret {
                Some(secret) => Runs::Endpoint { url, secret },
                None => {
                    return wrong(
                        "signing_secret is missing, by which the address knows who asks: whsec_ and what `openssl rand -base64 32` prints",
                    );
                }
            },
            _ => return wrong("give one of file, command and url"),
        };
        let is_endpoint = matches!(runs, Runs::Endpoint { .. });
        if self.signing_secret.is_some() && !is_endpoint {
            return wrong("signing_secret is for a hook with url");
        }
        if self.interpreter.is_some() && !matches!(runs, Runs::Php { .. }) {
            return wrong("interpreter is for a hook with a .php file");
        }
        Ok(runs)
    }

    /// Whether it is asked on a connection.
    pub(crate) fn is_on(&self, connection: &str) -> bool {
        self.enabled
            && (self.connections.is_empty() || self.connections.iter().any(|on| on == connection))
    }
}

impl Config {
    /// The connections at which something comes by.
    pub(crate) fn connections_of(&self, flow: Flow) -> Vec<&str> {
        match flow {
            Flow::Call => {
                let pbxs = self.asterisk.iter();
                let pbxs = pbxs.map(|pbx| pbx.connection.name.as_str());
                let centers = self
                    .caresoft
                    .iter()
                    .filter(|account| account.calls.is_some());
                pbxs.chain(centers.map(|account| account.name.as_str()))
                    .collect()
            }
            Flow::Event => {
                let accounts = self.caresoft.iter();
                accounts.map(|account| account.name.as_str()).collect()
            }
            Flow::Profile | Flow::Import => {
                let helpdesks = self.frappe.iter();
                helpdesks.map(|helpdesk| helpdesk.name.as_str()).collect()
            }
        }
    }

    /// Checks what can be checked of hooks without looking at their files.
    pub(super) fn check_hooks(&self) -> Result<(), ConfigError> {
        for hook in &self.hook {
            let contract = hook.contract()?;
            hook.runs(&self.folder)?;
            if hook.timeout_ms.is_some_and(|ms| !TIMEOUT_MS.contains(&ms)) {
                let (least, most) = (TIMEOUT_MS.start(), TIMEOUT_MS.end());
                let why = format!("timeout_ms is from {least} to {most}");
                return Err(ConfigError::value(hook.place(), why));
            }
            let flow = contract.points.first().map(|point| point.flow());
            let there = flow
                .map(|flow| self.connections_of(flow))
                .unwrap_or_default();
            let named = hook.connections.iter();
            if let Some(missing) = named.into_iter().find(|on| !there.contains(&on.as_str())) {
                let tables = match flow {
                    Some(Flow::Call) | None => "[[asterisk]], and no [[caresoft]] with calls,",
                    Some(Flow::Event) => "[[caresoft]]",
                    Some(Flow::Profile | Flow::Import) => "[[frappe]]",
                };
                let why = format!("connections: there is no {tables} named {missing}");
                return Err(ConfigError::value(hook.place(), why));
            }
        }
        for hooks in [&self.hooks.scripts_at_once, &self.hooks.programs_at_once] {
            if !(1..=64).contains(hooks) {
                let why = "scripts_at_once and programs_at_once are from 1 to 64";
                return Err(ConfigError::value("hooks", why));
            }
        }
        Ok(())
    }
}

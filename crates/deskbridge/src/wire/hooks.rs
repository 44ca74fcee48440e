//! The hooks, from the configuration.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use deskbridge_calls::settings::{Hooked, Settings};
use deskbridge_core::{Chain, Clock};
use deskbridge_hooks::{
    Flow, Hook, Hooks, Runner,
    runner::{
        endpoint::Endpoint,
        javascript::{Player, Pool, Script},
        php,
        program::Program,
    },
    suspension::Rules,
};
use deskbridge_journal::Tasks;
use deskbridge_store::{Answer, Store};
use jiff::Timestamp;
use tokio::{sync::Semaphore, time::sleep};

use crate::{
    cli::SERVE_SCRIPTS,
    config::{
        Config, ConfigError,
        hook::{self, Runs},
    },
};

/// How soon it is kept that a hook is suspended.
const KEEP_EVERY: Duration = Duration::from_secs(1);

/// All configured hooks; nothing is started yet.
pub(crate) struct Configured {
    hooks: Vec<(hook::Hook, Arc<Hook>)>,
    clock: Clock,
}

impl Configured {
    /// Prepares them, and checks what can be checked without asking one.
    pub(crate) fn of(
        config: &Config,
        environment: &[(String, String)],
        clock: &Clock,
    ) -> anyhow::Result<Self> {
        Self::among(config, environment, clock, |_| true)
    }

    fn among(
        config: &Config,
        environment: &[(String, String)],
        clock: &Clock,
        is_wanted: impl Fn(&hook::Hook) -> bool,
    ) -> anyhow::Result<Self> {
        let scripts = Pool::new(config.hooks.scripts_at_once, player());
        let programs = Arc::new(Semaphore::new(config.hooks.programs_at_once));
        let folder = config.folder.canonicalize();
        let folder = folder.unwrap_or_else(|_| config.folder.clone());
        let wanted = config.hook.iter().filter(|of| is_wanted(of));
        let prepared = wanted.map(|of| {
            let runner = match of.runs(&folder)? {
                Runs::JavaScript(file) => Runner::JavaScript(Script::new(file, scripts.clone())),
                Runs::Php { interpreter, file } => {
                    Runner::Program(php::program(interpreter, &file, Arc::clone(&programs)))
                }
                Runs::Command(command) => {
                    let turns = Arc::clone(&programs);
                    Runner::Program(Program::new(command.to_vec(), folder.clone(), turns))
                }
                Runs::Endpoint { url, secret } => {
                    let place = |field: &str| format!("{}.{field}", of.place());
                    let url = config.secret(&place("url"), url, environment)?;
                    let secret = config.secret(&place("signing_secret"), secret, environment)?;
                    let endpoint = Endpoint::new(&url, &secret, &super::user_agent());
                    Runner::Endpoint(Box::new(endpoint.with_context(|| of.place())?))
                }
            };
            let hook = Hook::new(&of.name, runner, of.timeout()).with_context(|| of.place())?;
            anyhow::Ok((of.clone(), Arc::new(hook)))
        });
        let configured = Self {
            hooks: prepared.collect::<anyhow::Result<_>>()?,
            clock: clock.clone(),
        };
        for flow in [Flow::Call, Flow::Event, Flow::Profile, Flow::Import] {
            for connection in config.connections_of(flow) {
                configured.on(flow, connection)?;
            }
        }
        Ok(configured)
    }

    /// The hooks that are asked on a connection.
    ///
    /// # Errors
    /// When two are asked at the same point.
    pub(crate) fn on(&self, flow: Flow, connection: &str) -> anyhow::Result<Arc<Hooks>> {
        let of_flow = |hook: &Hook| {
            let mut points = hook.contract().points.iter();
            points.any(|point| point.flow() == flow)
        };
        let on = self.hooks.iter();
        let on = on.filter(|(of, hook)| of.is_on(connection) && of_flow(hook));
        let on = on.map(|(_, hook)| Arc::clone(hook)).collect();
        let hooks = Hooks::new(on, Rules::default(), self.clock.clone());
        Ok(Arc::new(
            hooks.with_context(|| format!("the hooks on {connection}"))?,
        ))
    }

    /// The hooks that are asked about the calls of a connection; its settings learn what they are to write.
    ///
    /// # Errors
    /// When two are asked at the same point.
    pub(super) fn on_calls(&self, settings: &mut Arc<Settings>) -> anyhow::Result<Arc<Hooks>> {
        let hooks = self.on(Flow::Call, &settings.connection)?;
        Arc::make_mut(settings).hooked = Hooked::of(&hooks);
        Ok(hooks)
    }

    /// Every hook with how it is configured.
    pub(crate) fn all(&self) -> impl Iterator<Item = &(hook::Hook, Arc<Hook>)> {
        self.hooks.iter()
    }
}

/// Who is asked about the records that are moved into a helpdesk, and about how many at once: no more than run at once, so that
/// none waits for its turn. `None` where nobody is. Other hooks are not even prepared.
pub(crate) fn of_import(
    config: &Config,
    helpdesk: &str,
    environment: &[(String, String)],
) -> anyhow::Result<Option<(Arc<Hooks>, usize)>> {
    let is_wanted = |of: &hook::Hook| {
        let contract = of.contract().ok();
        let mut points = contract.iter().flat_map(|contract| contract.points);
        of.is_on(helpdesk) && points.any(|point| point.flow() == Flow::Import)
    };
    let configured = Configured::among(config, environment, &Clock::system(), is_wanted)?;
    if configured.hooks.is_empty() {
        return Ok(None);
    }
    let hooks = configured.on(Flow::Import, helpdesk)?;
    let at_once = config.hooks.scripts_at_once;
    Ok(Some((hooks, at_once.min(config.hooks.programs_at_once))))
}

/// Keeps in the store which hooks are suspended, so that others than this process can say so.
pub(super) fn keep_suspensions(hooks: &Configured, store: &Store, tasks: &Tasks) {
    if hooks.hooks.is_empty() {
        return;
    }
    let all: Vec<Arc<Hook>> = hooks.all().map(|(_, hook)| Arc::clone(hook)).collect();
    let (store, clock, stopping) = (store.clone(), hooks.clock.clone(), tasks.clone());
    tasks.spawn("hooks", async move {
        let mut kept: Vec<Option<Timestamp>> = vec![None; all.len()];
        loop {
            let now = clock.now();
            for (hook, kept) in all.iter().zip(&mut kept) {
                let until = hook.suspended_until(now);
                let Some(until) = until.filter(|until| *kept != Some(*until)) else {
                    continue;
                };
                let answer = Answer {
                    body: hook.last_failure().unwrap_or_default().into_bytes(),
                    fetched_at: now,
                    fresh_until: until,
                    keep_until: until,
                };
                let key = suspension_key(hook.contract().name);
                match store.remember_answer(key, answer).await {
                    Ok(()) => *kept = Some(until),
                    Err(error) => {
                        tracing::warn!(error = %Chain(&error), "It was not kept that a hook is suspended");
                    }
                }
            }
            tokio::select! {
                () = stopping.stopping() => return,
                () = sleep(KEEP_EVERY) => {}
            }
        }
    });
}

/// Until when a hook is suspended, and how it failed, as the store knows it from whoever serves.
pub(crate) async fn suspension(
    store: &Store,
    name: &str,
    now: Timestamp,
) -> anyhow::Result<Option<(Timestamp, String)>> {
    let kept = store.remembered_answer(suspension_key(name), now).await?;
    let kept = kept.filter(|kept| now < kept.fresh_until);
    Ok(kept.map(|kept| {
        let why = String::from_utf8_lossy(&kept.body).into_owned();
        (kept.fresh_until, why)
    }))
}

fn suspension_key(name: &str) -> String {
    format!("hooks/suspended/{name}")
}

/// This very program, which serves scripts when it is started so. By this name it is the one that runs, also when another
/// was put in its place since.
fn player() -> Player {
    Player {
        program: "/proc/self/exe".into(),
        arguments: vec![SERVE_SCRIPTS.to_owned()],
    }
}

/// Whether a hook can be run at all: its file can be read and compiled, its program is there. An address is not asked.
pub(crate) async fn check(of: &hook::Hook, hook: &Hook, folder: &Path) -> Result<(), String> {
    let readable = |file: &Path| {
        let opened = std::fs::File::open(file);
        opened
            .map(drop)
            .map_err(|error| format!("{} cannot be read: {error}", file.display()))
    };
    match of
        .runs(folder)
        .map_err(|error: ConfigError| error.to_string())?
    {
        Runs::JavaScript(_) => match hook.runner() {
            Runner::JavaScript(script) => {
                let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
                let loaded = script.load(deadline).await;
                loaded.map_err(|failure| Chain(&failure).to_string())
            }
            Runner::Program(_) | Runner::Endpoint(_) => Ok(()),
        },
        Runs::Php { interpreter, file } => {
            readable(&file)?;
            is_there(interpreter, folder).then_some(()).ok_or_else(|| {
                format!("there is no program {interpreter}: apt-get install php-cli")
            })
        }
        Runs::Command(command) => {
            let program = command.first().map_or("", String::as_str);
            is_there(program, folder)
                .then_some(())
                .ok_or_else(|| format!("there is no program {program} in /usr/local/bin, /usr/bin and /bin; name it with its whole path"))
        }
        Runs::Endpoint { .. } => Ok(()),
    }
}

/// Whether a program can be found as hooks look for it.
fn is_there(program: &str, folder: &Path) -> bool {
    match program.contains('/') {
        true => folder.join(program).is_file(),
        false => {
            let mut folders = ["/usr/local/bin", "/usr/bin", "/bin"].into_iter();
            folders.any(|folder| Path::new(folder).join(program).is_file())
        }
    }
}

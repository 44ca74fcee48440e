//! `deskbridge effects`.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand, ValueEnum};
use deskbridge_console::view;
use deskbridge_core::{Clock, EffectId};
use deskbridge_store::{EffectFilter, EffectRecord, EffectState};

use super::{ConfigFile, database, say};

#[derive(Subcommand)]
pub(crate) enum EffectsCommand {
    /// List effects, newest first.
    List(ListArguments),
    /// Show one with everything that is known of it.
    Show(OneArguments),
    /// Let effects that were given up run again; they look at the remote system before they write.
    Revive(SomeArguments),
    /// Throw effects away that are given up or still wait.
    Discard(SomeArguments),
}

#[derive(Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    file: ConfigFile,
    /// Only those in this state.
    #[arg(long)]
    state: Option<StateArgument>,
    /// The newest so many.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct OneArguments {
    #[command(flatten)]
    file: ConfigFile,
    /// The effect, such as `eff_0198…`.
    id: EffectId,
}

#[derive(Args)]
pub(crate) struct SomeArguments {
    #[command(flatten)]
    file: ConfigFile,
    /// The effects, such as `eff_0198…`.
    #[arg(required_unless_present = "all_dead")]
    ids: Vec<EffectId>,
    /// All that are given up.
    #[arg(long, conflicts_with = "ids")]
    all_dead: bool,
    /// Say which they are and change nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum StateArgument {
    Pending,
    Running,
    Done,
    Dead,
    Discarded,
}

impl StateArgument {
    fn state(self) -> EffectState {
        match self {
            Self::Pending => EffectState::Pending,
            Self::Running => EffectState::Running,
            Self::Done => EffectState::Done,
            Self::Dead => EffectState::Dead,
            Self::Discarded => EffectState::Discarded,
        }
    }
}

pub(super) async fn run(command: EffectsCommand) -> anyhow::Result<ExitCode> {
    match command {
        EffectsCommand::List(arguments) => list(arguments).await,
        EffectsCommand::Show(arguments) => show(arguments).await,
        EffectsCommand::Revive(arguments) => change(arguments, Change::Revive).await,
        EffectsCommand::Discard(arguments) => change(arguments, Change::Discard).await,
    }
}

async fn list(arguments: ListArguments) -> anyhow::Result<ExitCode> {
    let filter = EffectFilter {
        state: arguments.state.map(StateArgument::state),
        limit: arguments.limit,
        ..EffectFilter::default()
    };
    let found = database::open(&arguments.file)
        .await?
        .list_effects(filter)
        .await?;
    for record in &found {
        say(if arguments.json {
            view::effect(record).to_string()
        } else {
            as_line(record)
        })?;
    }
    if found.is_empty() && !arguments.json {
        say("There are none.")?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(arguments: OneArguments) -> anyhow::Result<ExitCode> {
    let Some(record) = database::open(&arguments.file)
        .await?
        .effect(arguments.id)
        .await?
    else {
        bail!("there is no effect {}", arguments.id);
    };
    say(serde_json::to_string_pretty(&view::effect(&record))?)?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Clone, Copy)]
enum Change {
    Revive,
    Discard,
}

async fn change(arguments: SomeArguments, change: Change) -> anyhow::Result<ExitCode> {
    let store = database::open(&arguments.file).await?;
    let ids = if arguments.all_dead {
        let dead = EffectFilter {
            state: Some(EffectState::Dead),
            limit: usize::MAX,
            ..EffectFilter::default()
        };
        let found = store.list_effects(dead).await?;
        // Oldest first, so that effects of one key are put back in their order.
        found.iter().rev().map(|record| record.effect.id).collect()
    } else {
        arguments.ids
    };
    if ids.is_empty() {
        say("No effect is given up.")?;
    }
    let mut unchanged = 0;
    for id in ids {
        if arguments.dry_run {
            let state = store.effect(id).await?.map(|record| record.state.as_str());
            say(format!("{id} {}", state.unwrap_or("does not exist")))?;
            continue;
        }
        let now = Clock::system().now();
        let (changed, done, not_done) = match change {
            Change::Revive => (
                store.revive_effect(id, now).await?,
                "will run again",
                "is not given up",
            ),
            Change::Discard => (
                store.discard_effect(id, now).await?,
                "is thrown away",
                "is neither waiting nor given up",
            ),
        };
        say(format!("{id} {}", if changed { done } else { not_done }))?;
        unchanged += usize::from(!changed);
    }
    Ok(if unchanged == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn as_line(record: &EffectRecord) -> String {
    let effect = &record.effect;
    let failure = record.failure.as_deref().unwrap_or_default();
    let recorded_at = effect.recorded_at.strftime("%Y-%m-%d %H:%M:%SZ");
    let (id, intent) = (effect.id, &effect.intent);
    let (state, kind, key) = (record.state.as_str(), &intent.kind, &intent.ordering_key);
    format!("{id}  {recorded_at}  {state:<9}  {kind}  {key}  {failure}")
        .trim_end()
        .to_owned()
}

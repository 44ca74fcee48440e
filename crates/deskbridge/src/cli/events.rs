//! `deskbridge events`.

mod body;
mod discard;
mod list;
mod replay;
mod reverify;
mod show;
mod stats;
mod table;

use std::{
    collections::{BTreeMap, BTreeSet},
    process::ExitCode,
};

use anyhow::bail;
use clap::{Args, Subcommand, builder::PossibleValuesParser, builder::TypedValueParser as _};
use deskbridge_core::{Clock, EventId};
use deskbridge_journal::{Events, Intake, Journal};
use deskbridge_store::{EventFilter, EventState, Store};
use jiff::tz::TimeZone;

use super::{ConfigFile, database::Database, moment::Moment, say, terminal::number};
use crate::wire;

/// Events that are named before something is done to them.
const NAMED_MAX: usize = 20;

const LIST_HELP: &str = "\
Each event takes two lines: its id, age, state, what it is about and how often it came; then its connection, its \
ordering key and why it failed.
Times are 2h or 3 days, which is so long ago; 2026-01-31T08:00, which is here; or 2026-01-31T08:00:00Z.";

const REPLAY_HELP: &str = "\
What is done, dead, unrouted or discarded can run again; what is pending or running is left as it is. An effect that is \
remembered, which it is for 30 days after its end, is not caused twice. A running `deskbridge serve` notices within a second.
Exit status: 0 when all that was asked for runs again, 1 when something does not or --yes is missing.";

const DISCARD_HELP: &str = "\
What is pending, dead or unrouted can be thrown away. It stays in the database for a while and can be let run again.
Exit status: 0 when all that was asked for is thrown away, 1 when something is not or --yes is missing.";

#[derive(Subcommand)]
pub(crate) enum EventsCommand {
    /// List events, newest first.
    #[command(after_help = LIST_HELP)]
    List(list::ListArguments),
    /// Show one with everything that is known of it.
    Show(show::ShowArguments),
    /// Let events run again.
    #[command(after_help = REPLAY_HELP)]
    Replay(replay::ReplayArguments),
    /// Throw events away.
    #[command(after_help = DISCARD_HELP)]
    Discard(discard::DiscardArguments),
    /// Count them.
    Stats(stats::StatsArguments),
    /// Verify what is in quarantine again, after a secret was corrected.
    Reverify(reverify::ReverifyArguments),
}

/// Which events.
#[derive(Args)]
pub(crate) struct Choice {
    /// Only of this connection.
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Only those in this state.
    #[arg(long, value_parser = state())]
    state: Option<EventState>,
    /// Only about this, in the sender's words.
    #[arg(long)]
    object: Option<String>,
    /// Only when this happened, in the sender's words.
    #[arg(long)]
    action: Option<String>,
    /// Not those that arrived before.
    #[arg(long, value_name = "TIME")]
    from: Option<Moment>,
    /// Not those that arrived then or later.
    #[arg(long, value_name = "TIME")]
    to: Option<Moment>,
}

/// Events to be changed: some by name, or all of a choice.
#[derive(Args)]
pub(crate) struct Which {
    #[command(flatten)]
    file: ConfigFile,
    /// The events, such as `evt_0198…`.
    #[arg(conflicts_with = "Choice")]
    ids: Vec<EventId>,
    #[command(flatten)]
    choice: Choice,
    /// At most so many of those.
    #[arg(long, conflicts_with = "ids")]
    limit: Option<usize>,
    /// Say which they are and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do it to more than one.
    #[arg(long)]
    yes: bool,
}

fn state() -> impl clap::builder::TypedValueParser<Value = EventState> {
    let names = EventState::ALL.map(EventState::as_str);
    PossibleValuesParser::new(names)
        .try_map(|name| EventState::from_name(&name).ok_or("there is no such state"))
}

pub(super) async fn run(command: EventsCommand) -> anyhow::Result<ExitCode> {
    match command {
        EventsCommand::List(arguments) => list::run(arguments).await,
        EventsCommand::Show(arguments) => show::run(arguments).await,
        EventsCommand::Replay(arguments) => replay::run(arguments).await,
        EventsCommand::Discard(arguments) => discard::run(arguments).await,
        EventsCommand::Stats(arguments) => stats::run(arguments).await,
        EventsCommand::Reverify(arguments) => reverify::run(arguments).await,
    }
}

impl Choice {
    fn is_empty(&self) -> bool {
        let texts = [&self.connection, &self.object, &self.action];
        texts.into_iter().all(Option::is_none)
            && self.state.is_none()
            && self.from.is_none()
            && self.to.is_none()
    }

    fn filter(self, limit: usize) -> anyhow::Result<EventFilter> {
        let now = Clock::system().now().to_zoned(TimeZone::system());
        let resolve = |moment: Option<Moment>| moment.map(|at| at.resolve(&now)).transpose();
        Ok(EventFilter {
            connection: self.connection,
            state: self.state,
            object: self.object,
            action: self.action,
            received_from: resolve(self.from)?,
            received_to: resolve(self.to)?,
            limit,
        })
    }
}

/// What was asked to be changed.
enum Asked {
    These(Vec<EventId>),
    Chosen(EventFilter),
}

impl Which {
    /// All events are never meant by accident, nor those that cannot be changed so.
    fn asked(self, verb: &str, states: &[EventState]) -> anyhow::Result<Asked> {
        if !self.ids.is_empty() {
            return Ok(Asked::These(self.ids));
        }
        if self.choice.is_empty() {
            bail!(
                "say which events to {verb}: name them, or choose some with --state, --from and the like"
            );
        }
        let names: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
        if let Some(state) = self.choice.state
            && !states.contains(&state)
        {
            bail!(
                "events that are {} cannot be asked to {verb}; those that are {} can",
                state.as_str(),
                names.join(", ")
            );
        }
        let limit = self.limit.unwrap_or(usize::MAX);
        Ok(Asked::Chosen(self.choice.filter(limit)?))
    }
}

/// Whether a change may be made, or was only to be shown, or lacks the word for it.
enum Go {
    Ahead,
    No(ExitCode),
}

/// Says which events a change is about, unless it may be made without further words. `would` is what they would do.
async fn announce(
    store: &Store,
    ids: &[EventId],
    dry_run: bool,
    yes: bool,
    would: &str,
) -> anyhow::Result<Go> {
    if ids.is_empty() {
        say("There are none.")?;
        return Ok(Go::No(ExitCode::SUCCESS));
    }
    if !dry_run && (yes || ids.len() == 1) {
        return Ok(Go::Ahead);
    }
    say(format!("{} {would}:", number(ids.len(), "event", "events")))?;
    let now = Clock::system().now();
    for id in ids.iter().take(NAMED_MAX) {
        match store.event(*id).await? {
            Some(record) => say(table::lines(&record, now))?,
            None => say(format!("{id}  does not exist"))?,
        }
    }
    if ids.len() > NAMED_MAX {
        say(format!("and {} more", ids.len() - NAMED_MAX))?;
    }
    if dry_run {
        return Ok(Go::No(ExitCode::SUCCESS));
    }
    say("Nothing was changed. Add --yes if all of them are meant.")?;
    Ok(Go::No(ExitCode::FAILURE))
}

/// Says what became of events: of those that were changed as `done`, of the others as `not_done`.
fn report(
    asked: &[EventId],
    changed: &[EventId],
    done: &str,
    not_done: &str,
) -> anyhow::Result<ExitCode> {
    let known: BTreeSet<&EventId> = changed.iter().collect();
    let left: Vec<&EventId> = asked.iter().filter(|id| !known.contains(id)).collect();
    match changed {
        [] => {}
        [id] => say(format!("{id} {done}"))?,
        many => say(format!("{} events {done}", many.len()))?,
    }
    for id in left.iter().take(NAMED_MAX) {
        say(format!("{id} {not_done}"))?;
    }
    if left.len() > NAMED_MAX {
        say(format!("and so {} more", left.len() - NAMED_MAX))?;
    }
    Ok(match left.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// The events of a database, without anything that plans them: that is for whoever serves.
fn events_of(store: &Store) -> anyhow::Result<Events> {
    let (clock, settings) = (Clock::system(), wire::journal_settings()?);
    let rng = fastrand::Rng::new;
    let journal = Journal::new(
        store.clone(),
        clock.clone(),
        rng(),
        settings,
        BTreeMap::new(),
    );
    let intake = Intake::new(store.clone(), clock, rng());
    Ok(Events::new(
        &intake,
        rng(),
        settings,
        BTreeMap::new(),
        journal,
    ))
}

/// Says that nothing will come of a change for now, where nobody serves.
fn say_if_nobody_serves(database: &Database) -> anyhow::Result<()> {
    if !database.is_served() {
        say("Nobody serves with this database: they run when `deskbridge serve` starts.")?;
    }
    Ok(())
}

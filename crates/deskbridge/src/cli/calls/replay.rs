//! `deskbridge calls replay`.

use std::{
    io::{self, BufWriter, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Args;
use deskbridge_calls::{
    decide::tracker,
    replay::{self, Replay, Replayed},
    settings::Settings,
    view,
};
use deskbridge_core::Clock;

use crate::{
    cli::{
        ConfigFile,
        capture::Capture,
        terminal::{local, plain},
    },
    wire::{self, calls::ORIGINATE_PREFIX},
};

pub(super) const HELP: &str = "\
Nothing is connected to, asked or written. Users of the CRM are invented: every extension is that of the user with the \
same number, and the user 1 gets what is nobody else's. Trunks are learnt from contexts, names and numbers; name them \
with --trunk where that is not enough.
Times are those of the events (timestampevents = yes in manager.conf), else those of an index NAME.idx beside the \
recording (a line `offset bytes seconds` for each read), else now.
With --json there is one object a line for each call, in the order in which they end: linkedid, direction, client, line, \
started_at, result (answered or missed; null for a call that goes on), missed_reason, conversations, transfers, recordings, \
effects (what would be written, in order) and notes (why something would not be).";

#[derive(Args)]
pub(crate) struct ReplayArguments {
    /// The recording: the bytes that a manager sent, packed by gzip or not; `-` is standard input.
    #[arg(value_name = "CAPTURE")]
    capture: PathBuf,
    /// An endpoint that is a trunk, as in PJSIP/NAME-0000002a; `*` stands for any characters. May be given several
    /// times.
    #[arg(long = "trunk", value_name = "NAME")]
    trunks: Vec<String>,
    /// How the ids of channels begin that were ordered for the CRM.
    #[arg(
        long,
        value_name = "PREFIX",
        default_value = "crm-",
        conflicts_with = "connection"
    )]
    originate_prefix: String,
    /// The PBX of the configuration whose settings count, in place of the usual ones.
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    #[command(flatten)]
    file: ConfigFile,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &ReplayArguments) -> anyhow::Result<ExitCode> {
    let mut capture = Capture::open(&arguments.capture, Clock::system().now())?;
    let (mut tracker, settings) = settings(arguments)?;
    let trunks = arguments.trunks.iter().map(tracker::Pattern::new);
    tracker.trunks.extend(trunks);
    let mut replay = Replay::new(tracker, settings);
    let mut out = BufWriter::new(io::stdout().lock());
    let written = follow(&mut capture, &mut replay, arguments.json, &mut out)
        .and_then(|()| tell(replay.end(), arguments.json, &mut out))
        .and_then(|()| Ok(out.flush()?));
    let is_broken = |error: &anyhow::Error| {
        let error = error.downcast_ref::<io::Error>();
        error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    };
    match written {
        Err(error) if !is_broken(&error) => return Err(error),
        _ => {}
    }
    if capture.left_out > 0 {
        let blocks = capture.left_out;
        drop(writeln!(
            io::stderr(),
            "deskbridge: {blocks} block(s) were longer than any event and were left out"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// The settings of the PBX that is named, or the usual ones.
fn settings(arguments: &ReplayArguments) -> anyhow::Result<(tracker::Settings, Settings)> {
    let Some(name) = &arguments.connection else {
        let tracker = tracker::Settings {
            originate_prefix: Some(arguments.originate_prefix.clone()),
            ..tracker::Settings::default()
        };
        return Ok((tracker, replay::settings()?));
    };
    let config = arguments.file.load()?;
    let mut pbxs = config.asterisk.iter();
    let pbx = pbxs.find(|pbx| pbx.connection.name == *name);
    let pbx = pbx.with_context(|| format!("there is no [[asterisk]] named {name}"))?;
    let mut tracker = pbx.connection.endpoints.clone();
    let prefix = || ORIGINATE_PREFIX.to_owned();
    tracker.originate_prefix.get_or_insert_with(prefix);
    Ok((tracker, wire::calls::settings(pbx)?))
}

fn follow(
    capture: &mut Capture,
    replay: &mut Replay,
    json: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    while let Some((message, at)) = capture.next()? {
        tell(replay.step(&message, at), json, out)?;
    }
    Ok(())
}

fn tell(calls: Vec<Replayed>, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    for call in calls {
        match json {
            true => writeln!(out, "{}", call.view())?,
            false => writeln!(out, "{}", story(&call))?,
        }
    }
    Ok(())
}

/// What happened, what would be written, and what would not be and why.
fn story(replayed: &Replayed) -> String {
    let call = &replayed.call;
    let mut lines = vec![format!("call {}", plain(call.linkedid.as_str()))];
    for fact in &replayed.story {
        lines.push(format!(
            "  {}  {}",
            local(fact.at),
            plain(&fact.to_string())
        ));
    }
    if call.ended.is_none() {
        lines.push("  it goes on at the end of the recording".to_owned());
    }
    for effect in &replayed.effects {
        lines.push(format!(
            "  -> {}",
            plain(&effect_in_words(&view::effect(effect)))
        ));
    }
    for note in &replayed.notes {
        lines.push(format!("  -- {}", plain(&note.to_string())));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// The kind of an effect and its parameters, as words.
fn effect_in_words(effect: &serde_json::Value) -> String {
    let fields = effect.as_object().into_iter().flatten();
    let told = fields.filter_map(|(name, value)| match value {
        serde_json::Value::Null => None,
        _ if name == "kind" => None,
        serde_json::Value::String(text) => Some(format!("{name}={text}")),
        value => Some(format!("{name}={value}")),
    });
    let kind = effect.get("kind").and_then(serde_json::Value::as_str);
    let words = std::iter::once(kind.unwrap_or_default().to_owned()).chain(told);
    words.collect::<Vec<_>>().join(" ")
}

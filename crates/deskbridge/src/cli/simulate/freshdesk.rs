//! `deskbridge simulate freshdesk`.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use deskbridge_core::Clock;
use jiff::Timestamp;
use serde_json::json;
use simulators::freshdesk::{
    self, Limits, Options, Records, Sample,
    export::{Export, Form},
};

use super::{faults, say, stopped};

pub(super) const HELP: &str = "\
Prints its addresses and keys as one line of JSON. While it runs:
  GET         /_simulator/counts    how much it holds
  GET, PUT    /_simulator/faults    what it does wrong
  PUT         /_simulator/latency   {\"ms\": 20}
  GET, DELETE /_simulator/journal   what it was asked

The same seed, number and time give the same account. With --export it writes the account export and ends.";

/// People of an export are invented whole before its tickets are, one by one; more tickets share those of so many.
const TICKETS_WITH_PEOPLE_MAX: u64 = 3_000;

#[derive(Args)]
pub(crate) struct FreshdeskArguments {
    /// Where it listens for plain HTTP; port 0 picks a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// How many tickets it has.
    #[arg(long, value_name = "NUMBER", default_value_t = 60)]
    tickets: u64,
    /// Decides who writes what.
    #[arg(long, value_name = "NUMBER", default_value_t = 7)]
    seed: u64,
    /// When the account is, which is later than anything in it; without, now.
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// How often it may be asked.
    #[arg(long, value_name = "PLAN", value_enum, default_value = "none")]
    limits: Plan,
    /// What it does wrong, as a JSON list of rules.
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Writes the account export into this file in place of serving: a zip.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["listen", "limits", "faults"])]
    export: Option<PathBuf>,
    /// The export is of XML in place of JSON.
    #[arg(long, requires = "export")]
    xml: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Plan {
    /// Without limits.
    None,
    /// 50 requests a minute.
    Trial,
    /// 200 a minute, of which 20 are lists of tickets and 20 lists of contacts.
    Growth,
    /// 400 a minute, of which 100 and 100 are lists.
    Pro,
    /// 700 a minute, of which 200 and 200 are lists.
    Enterprise,
}

impl Plan {
    fn limits(self) -> Limits {
        match self {
            Self::None => Limits::NONE,
            Self::Trial => Limits::TRIAL,
            Self::Growth => Limits::GROWTH,
            Self::Pro => Limits::PRO,
            Self::Enterprise => Limits::ENTERPRISE,
        }
    }
}

pub(super) async fn run(arguments: FreshdeskArguments) -> anyhow::Result<()> {
    let sample = Sample {
        seed: arguments.seed,
        tickets: arguments.tickets,
        now: arguments.at.unwrap_or_else(|| Clock::system().now()),
        ..Sample::default()
    };
    if let Some(path) = &arguments.export {
        let form = match arguments.xml {
            true => Form::Xml,
            false => Form::Json,
        };
        return export(&sample, form, path).with_context(|| format!("writing {}", path.display()));
    }
    let options = Options {
        address: arguments.listen,
        records: sample.records(),
        limits: arguments.limits.limits(),
        faults: faults(arguments.faults.as_deref())?,
        ..Options::default()
    };
    let keys: Vec<_> = options.keys.iter().map(|(key, _)| key.clone()).collect();
    let running = freshdesk::start(options).await?;
    let ready = json!({"url": running.url, "files_url": running.files_url, "keys": keys});
    say(ready.to_string())?;
    stopped()?.await;
    Ok(())
}

fn export(sample: &Sample, form: Form, path: &Path) -> std::io::Result<()> {
    let people = Sample {
        tickets: sample.tickets.min(TICKETS_WITH_PEOPLE_MAX),
        ..sample.clone()
    };
    let people = Records {
        tickets: Default::default(),
        ..people.records()
    };
    let written = Export {
        form,
        ..Export::default()
    };
    let tickets = (1..=sample.tickets).map(|number| sample.ticket(number));
    written.to_zip(path, &people, tickets)
}

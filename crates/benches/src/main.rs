//! What `benches/run.sh` runs: each command measures one thing and prints one line of JSON.

mod ami;
mod calls;
mod export;
mod hooks;
mod intake;
mod load;
mod lookups;
mod writes;

use std::{path::Path, time::Duration};

use anyhow::{Context as _, bail};
use benches::{imports, isolation, kill, memory, open_calls, telephony};
use tokio::runtime;

const USAGE: &str = "\
Usage: benches COMMAND

  lookups WEBHOOK VALUE...                     one company for each value, all at once
  export WEBHOOK                               every company, in the order of ids
  writes COUNT                                 writes whose answers are all lost
  intake CLIENTS [POSTGRES]                    events that are acknowledged once they are on disk
  intake-http CLIENTS                          the same as signed webhooks over HTTP
  intake-memory                                the memory that a million events take
  kill-rounds COUNT [SEED]                     the hub under load, killed so often: what is lost or twice
  isolation NUMBER refused|hanging             1,000 tickets, so many of which fail: how long the others wait
  import TICKETS                               a history moved in, beside the same requests bare and a script
  import-dry-run TICKETS                       a history of JSON Lines checked
  import-kills COUNT TICKETS [SEED]            one import, killed so often: what is missing or twice
  import-faults TICKETS [SEED]                 one import with lost answers, 429, deadlocks and an outage
  calls                                        calls followed through a recording of 2,002, and 5,000 open ones
  open-calls                                   5,000 calls open at once: the memory of the program that follows them
  calls-live PER_SECOND [ROUNDS]               from a phone that rings to its registration in the portal
  calls-burst [recorded]                       1,000 calls in a minute against a portal of 2 requests a second
  hooks                                        hooks in JavaScript, and programs in Python and PHP
  hooks-hostile COUNT                          hooks that mean harm: whether all calls go on, and the program too
  ami                                          a recording of 2,002 calls read into messages
  throughput ADDRESS TARGET AUTHORIZATION      as many requests as 16 connections get through in 5 s
  latency ADDRESS TARGET AUTHORIZATION         1,000 requests a second for 10 s";

/// The same as the program has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[expect(clippy::print_stdout, reason = "a measurement is for reading")]
fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let many = || runtime::Builder::new_multi_thread().enable_all().build();
    // The generator shares the cores with the hub, so it keeps to one of them.
    let one = || runtime::Builder::new_current_thread().enable_all().build();
    let measured = match words.as_slice() {
        ["lookups", webhook, values @ ..] => many()?.block_on(lookups::measure(webhook, values))?,
        ["export", webhook] => many()?.block_on(export::measure(webhook))?,
        ["writes", count] => {
            let count = count.parse().context("the count is no whole number")?;
            many()?.block_on(writes::measure(count))?
        }
        ["intake", clients] => {
            let clients = clients
                .parse()
                .context("the number of clients is no whole number")?;
            many()?.block_on(intake::measure(clients))?
        }
        ["intake", clients, address] => {
            let clients = clients
                .parse()
                .context("the number of clients is no whole number")?;
            many()?.block_on(intake::measure_postgres(clients, address))?
        }
        ["intake-http", clients] => {
            let clients = clients
                .parse()
                .context("the number of clients is no whole number")?;
            one()?.block_on(intake::measure_http(clients))?
        }
        ["intake-memory"] => one()?.block_on(intake::measure_memory())?,
        ["kill-rounds", count] => many()?.block_on(killed(count, "1"))?,
        ["kill-rounds", count, seed] => many()?.block_on(killed(count, seed))?,
        ["isolation", number, how] => many()?.block_on(isolated(number, how))?,
        ["import", tickets] => many()?.block_on(imports::speed(&program()?, number(tickets)?))?,
        ["import-dry-run", tickets] => {
            many()?.block_on(imports::dry_run(&program()?, number(tickets)?))?
        }
        ["import-kills", count, tickets] => many()?.block_on(import_killed(count, tickets, "1"))?,
        ["import-kills", count, tickets, seed] => {
            many()?.block_on(import_killed(count, tickets, seed))?
        }
        ["import-faults", tickets] => many()?.block_on(import_disturbed(tickets, "1"))?,
        ["import-faults", tickets, seed] => many()?.block_on(import_disturbed(tickets, seed))?,
        ["calls"] => {
            print!("{}", calls::measure()?);
            return Ok(());
        }
        ["open-calls"] => {
            let program = program()?;
            let measured =
                open_calls::measure(&program, memory::resident_mib_of, memory::peak_mib_of);
            many()?.block_on(measured)?.json()
        }
        ["calls-live", per_second] => {
            print!("{}", many()?.block_on(live(per_second, "5"))?);
            return Ok(());
        }
        ["calls-live", per_second, rounds] => {
            print!("{}", many()?.block_on(live(per_second, rounds))?);
            return Ok(());
        }
        ["calls-burst", recorded @ ..] if matches!(recorded, [] | ["recorded"]) => {
            let are_recorded = !recorded.is_empty();
            print!(
                "{}",
                many()?.block_on(telephony::burst(&program()?, are_recorded))?
            );
            return Ok(());
        }
        ["hooks"] => {
            print!("{}", many()?.block_on(hooks::measure())?);
            return Ok(());
        }
        ["ami"] => ami::measure()?,
        ["hooks-hostile", count] => {
            let count = count.parse().context("the count is no whole number")?;
            many()?.block_on(hooks::hostile::measure(count))?
        }
        // Started by the hooks above.
        [hooks::RATE] => one()?.block_on(hooks::measure_rate())?,
        [hooks::SERVE_SCRIPTS] => {
            deskbridge_hooks::runner::javascript::child::serve()?;
            return Ok(());
        }
        // Started by the intakes above.
        ["intake-server", kind, path] => {
            return many()?.block_on(intake::serve(kind, Path::new(path)));
        }
        ["throughput", address, target, authorization] => {
            let load = load::Load::new(address, target, authorization);
            one()?.block_on(load.throughput(16, Duration::from_secs(5)))?
        }
        ["latency", address, target, authorization] => {
            let load = load::Load::new(address, target, authorization);
            one()?.block_on(load.latency(32, 1_000, 10_000))?
        }
        _ => bail!("{USAGE}"),
    };
    println!("{measured}");
    Ok(())
}

/// The `deskbridge` that was built beside this program.
fn program() -> anyhow::Result<std::path::PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("deskbridge"))
}

fn number(text: &str) -> anyhow::Result<u32> {
    text.parse().context("the number is no whole number")
}

async fn import_killed(
    count: &str,
    tickets: &str,
    seed: &str,
) -> anyhow::Result<serde_json::Value> {
    let options = imports::Options {
        program: program()?,
        tickets: number(tickets)?,
        seed: number(seed)?.into(),
    };
    Ok(imports::killed(&options, number(count)?).await?.json())
}

async fn import_disturbed(tickets: &str, seed: &str) -> anyhow::Result<serde_json::Value> {
    let options = imports::Options {
        program: program()?,
        tickets: number(tickets)?,
        seed: number(seed)?.into(),
    };
    Ok(imports::disturbed(&options).await?.json())
}

async fn isolated(number: &str, how: &str) -> anyhow::Result<serde_json::Value> {
    let how = match how {
        "refused" => isolation::Failing::Refused,
        "hanging" => isolation::Failing::Hanging,
        _ => bail!("{USAGE}"),
    };
    let number = number.parse().context("the number is no whole number")?;
    let waited = isolation::measure(&program()?, number, how).await?;
    Ok(waited.json())
}

async fn killed(rounds: &str, seed: &str) -> anyhow::Result<serde_json::Value> {
    let options = kill::Options {
        program: program()?,
        rounds: rounds.parse().context("the count is no whole number")?,
        seed: seed.parse().context("the seed is no whole number")?,
    };
    Ok(kill::rounds(&options).await?.json())
}

async fn live(per_second: &str, rounds: &str) -> anyhow::Result<String> {
    let per_second = per_second.parse().context("the rate is no whole number")?;
    let rounds = rounds
        .parse()
        .context("the number of rounds is no whole number")?;
    telephony::live(&program()?, per_second, rounds).await
}

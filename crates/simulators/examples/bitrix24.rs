//! Runs a simulated Bitrix24 portal until it is interrupted.
//!
//! Prints one line of JSON with its addresses, its webhooks and (with TLS) its certificate, then serves.

use std::{io::Read as _, net::SocketAddr, path::Path, process::ExitCode};

use serde_json::json;
use simulators::{
    bitrix24::{self, Data, Ids, Limits, Options},
    clock::Clock,
};

const USAGE: &str = "\
Usage: bitrix24 [options]

  --http ADDRESS        plain HTTP here (default 127.0.0.1:0)
  --https ADDRESS       HTTPS here as well (default 127.0.0.1:0)
  --data FILE           serve this JSON data instead of the sample
  --companies COUNT     serve so many generated companies instead of the sample
  --sparse              give generated companies ids with gaps
  --seed NUMBER         seed of generated companies (default 1)
  --no-limits           neither request bucket nor operating limit
  --request-ms NUMBER   artificial milliseconds for each request
  --command-ms NUMBER   artificial milliseconds for each command
  --manual-clock        a clock that only POST /_simulator/advance moves";

/// The largest data file that is read.
const DATA_BYTES_MAX: u64 = 1 << 30;

#[tokio::main]
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that talks to whoever started it"
)]
async fn main() -> ExitCode {
    if std::env::args().any(|word| word == "--help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let running = match arguments(std::env::args().skip(1)) {
        Ok(options) => bitrix24::start(options)
            .await
            .map_err(|error| error.to_string()),
        Err(why) => Err(format!("{why}\n\n{USAGE}")),
    };
    let running = match running {
        Ok(running) => running,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    let webhooks = running.portal.webhooks();
    let webhooks = webhooks.iter().map(|webhook| {
        json!({"user_id": webhook.user_id, "path": webhook.path(), "scopes": webhook.scopes})
    });
    let line = json!({
        "http_url": running.http_url,
        "https_url": running.https_url,
        "certificate_pem": running.certificate_pem,
        "webhooks": webhooks.collect::<Vec<_>>(),
    });
    println!("{line}");
    if let Err(error) = tokio::signal::ctrl_c().await {
        eprintln!("interrupts cannot be received: {error}");
    }
    ExitCode::SUCCESS
}

fn arguments(mut words: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        https: Some(bitrix24::loopback()),
        ..Options::default()
    };
    let (mut data, mut companies, mut ids, mut seed) = (None, None, Ids::Dense, 1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--http" => options.http = Some(address(&value()?)?),
            "--https" => options.https = Some(address(&value()?)?),
            "--data" => data = Some(read(Path::new(&value()?))?),
            "--companies" => companies = Some(number(&value()?)?),
            "--sparse" => ids = Ids::Sparse,
            "--seed" => seed = number(&value()?)?,
            "--no-limits" => options.limits = Limits::off(),
            "--request-ms" => options.latency.request_ms = number(&value()?)?,
            "--command-ms" => options.latency.command_ms = number(&value()?)?,
            "--manual-clock" => options.clock = Clock::manual(options.clock.now()),
            _ => return Err(format!("{word} is no option")),
        }
    }
    let now = options.clock.now();
    let sample = bitrix24::sample(now);
    options.data = match (data, companies) {
        (Some(data), _) => data,
        (None, Some(companies)) => Data {
            webhooks: sample.webhooks,
            users: sample.users,
            ..bitrix24::generated(companies, ids, seed, now)
        },
        (None, None) => sample,
    };
    Ok(options)
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|error| format!("{text} is no address with a port: {error}"))
}

fn number(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|error| format!("{text} is no whole number: {error}"))
}

fn read(path: &Path) -> Result<Data, String> {
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(DATA_BYTES_MAX).read_to_string(&mut text))
        .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    Data::parse(&text).map_err(|error| format!("{} is no data: {error}", path.display()))
}

//! A Frappe site with Helpdesk as a process; prints one line of JSON with its address.
//!
//! ```text
//! cargo run -p simulators --example frappe -- [--listen 127.0.0.1:8001] [--data FILE | --empty]
//!     [--frappe 15.50.0] [--helpdesk 1.25.1] [--keep-alive] [--latency-ms 20]
//!     [--without "HD Customer.custom_haravan_orgid"]
//! ```

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    process::ExitCode,
};

use simulators::{
    clock::Clock,
    frappe::{self, Data, Options, Version},
    server::Listen,
};

/// The largest data file that is read.
const DATA_BYTES_MAX: u64 = 1 << 30;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let mut cause = failure.source();
            let mut message = failure.to_string();
            while let Some(error) = cause {
                message = format!("{message}: {error}");
                cause = error.source();
            }
            // There is nobody left to tell when standard error is closed.
            drop(writeln!(io::stderr(), "frappe: {message}"));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    let running = frappe::start(options(std::env::args().skip(1))?).await?;
    let line = serde_json::json!({"frappe": {"url": running.url}});
    writeln!(io::stdout(), "{line}")?;
    tokio::signal::ctrl_c().await?;
    Ok(())
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, Failure> {
    let mut options = Options {
        data: frappe::sample(Clock::system().now()),
        ..Options::default()
    };
    while let Some(argument) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .ok_or_else(|| format!("{argument} needs a value"))
        };
        match argument.as_str() {
            "--listen" => {
                options.listen = Listen {
                    address: value()?.parse()?,
                    ..Listen::loopback()
                };
            }
            "--data" => options.data = read(&value()?)?,
            "--empty" => options.data = Data::default(),
            "--frappe" => options.versions.frappe = Version::try_from(value()?)?,
            "--helpdesk" => options.versions.helpdesk = Version::try_from(value()?)?,
            "--keep-alive" => options.keep_alive = true,
            "--latency-ms" => options.config.latency_ms = value()?.parse()?,
            "--without" => {
                let field = value()?;
                let (doctype, field) = field.rsplit_once('.').ok_or(
                    "--without wants a DocType and a field, such as Contact.custom_external_id",
                )?;
                options.data = options.data.without_field(doctype, field);
            }
            unknown => return Err(format!("there is no option {unknown}").into()),
        }
    }
    Ok(options)
}

fn read(path: &str) -> Result<Data, Failure> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| format!("{path}: {error}"))?;
    file.take(DATA_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(Data::parse(&bytes)?)
}

//! A Freshdesk account on loopback, or its export as a file.
//!
//!     cargo run -p simulators --example freshdesk -- --tickets 500
//!     cargo run -p simulators --example freshdesk -- --tickets 100000 --export account.zip --xml

#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::{path::PathBuf, str::FromStr};

use simulators::{
    clock::Clock,
    freshdesk::{
        self, Limits, Options, Records, Sample,
        export::{Export, Form},
    },
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut sample = Sample {
        now: Clock::system().now(),
        ..Sample::default()
    };
    let (mut export, mut form, mut limits) = (None, Form::Json, Limits::NONE);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--tickets" => sample.tickets = value(&mut arguments)?,
            "--seed" => sample.seed = value(&mut arguments)?,
            "--export" => export = Some(value::<PathBuf>(&mut arguments)?),
            "--xml" => form = Form::Xml,
            "--growth" => limits = Limits::GROWTH,
            other => {
                return Err(format!(
                    "{other}? There are --tickets N, --seed N, --growth, --export FILE, --xml"
                )
                .into());
            }
        }
    }
    if let Some(path) = export {
        // Tickets are made one by one; the others are few.
        let people = Sample {
            tickets: sample.tickets.min(3_000),
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
        written.to_zip(&path, &people, tickets)?;
        return Ok(());
    }
    let options = Options {
        records: sample.records(),
        limits,
        ..Options::default()
    };
    let running = freshdesk::start(options).await?;
    println!(
        r#"{{"freshdesk":{{"url":"{}","files_url":"{}","key":"key-of-admin"}}}}"#,
        running.url, running.files_url
    );
    tokio::signal::ctrl_c().await?;
    Ok(())
}

fn value<T: FromStr>(arguments: &mut impl Iterator<Item = String>) -> Result<T, String> {
    let value = arguments.next().and_then(|value| value.parse().ok());
    value.ok_or_else(|| "an option lacks its value".to_owned())
}

//! `deskbridge simulate caresoft`.

use std::{net::IpAddr, process::ExitCode, time::Duration};

use clap::Args;
use deskbridge_core::Clock;
use http::Uri;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use simulators::caresoft::{self, Disturbance, Life, Report, Sender, disturb, live, samples};
use tokio::time::Instant;

use super::{SimulateArguments, faults, read, say, stopped};

pub(super) const HELP: &str = "\
Prints its address, domain and token as one line of JSON. While it runs:
  GET, PUT /_simulator/data       everything it holds; a file to start from
  GET, PUT /_simulator/faults     what it does wrong
  GET      /_simulator/journal    what it was asked

With --target it sends webhooks to a hub on this machine, says what became of them, and ends:
  deskbridge simulate caresoft --target http://127.0.0.1:8080/hooks/caresoft/main --secret SECRET \\
    --lives 200 --duplicates 0.1 --late-by 12 --clients 8 --expect
It ends with status 1 when one of them was not accepted. The same seed and start send the same webhooks.";

#[derive(Args)]
pub(crate) struct CaresoftArguments {
    #[command(flatten)]
    common: SimulateArguments,
    /// The account's domain, which its addresses begin with.
    #[arg(long, default_value = "acme")]
    domain: String,
    /// The account's token.
    #[arg(long, default_value = "token-of-acme")]
    token: String,
    /// So many customers come by, with their tickets, calls, leads and deals.
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    lives: u32,
    /// Decides what customers do, and what goes wrong on the way.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// When the first customer comes by; without, so long ago that the last one came lately.
    #[arg(long, value_name = "TIME")]
    start: Option<Timestamp>,
    #[command(flatten)]
    sending: Sending,
    /// Serves on after the webhooks were sent, so that what they did not tell can be asked for.
    #[arg(long, requires = "target")]
    stay: bool,
}

#[derive(Args)]
struct Sending {
    /// Sends webhooks to this address of loopback.
    #[arg(long, value_name = "URL", value_parser = on_loopback)]
    target: Option<Uri>,
    /// What webhooks are signed with; without, they are not.
    #[arg(long, requires = "target")]
    secret: Option<String>,
    /// Sends every documented webhook once, in place of what customers do.
    #[arg(long, requires = "target")]
    samples: bool,
    /// Sends so many webhooks a second, rather than as fast as answers come.
    #[arg(long, value_name = "NUMBER", requires = "target")]
    per_second: Option<u32>,
    /// Sends over so many connections at once.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, requires = "target")]
    clients: usize,
    /// How likely a webhook comes once more, from 0 to 1.
    #[arg(long, value_name = "CHANCE", default_value_t = 0.0, value_parser = chance, requires = "target")]
    duplicates: f64,
    /// How many places a webhook may be late.
    #[arg(long, value_name = "PLACES", default_value_t = 0, requires = "target")]
    late_by: usize,
    /// How likely a webhook never comes, from 0 to 1.
    #[arg(long, value_name = "CHANCE", default_value_t = 0.0, value_parser = chance, requires = "target")]
    losses: f64,
    /// Prints at last, as one line of JSON, what the account came to: what the receiver should hold.
    #[arg(long, requires = "target")]
    expect: bool,
    /// Prints what became of the webhooks as one line of JSON.
    #[arg(long, requires = "target")]
    json: bool,
}

/// A chance from 0 to 1.
fn chance(text: &str) -> Result<f64, String> {
    let chance = text.parse().ok();
    chance
        .filter(|chance| (0.0..=1.0).contains(chance))
        .ok_or_else(|| "a chance is a number from 0 to 1, such as 0.1".to_owned())
}

/// An address of this machine that nobody else can reach: invented webhooks are for nobody else.
fn on_loopback(text: &str) -> Result<Uri, String> {
    let target: Uri = text
        .parse()
        .map_err(|error: http::uri::InvalidUri| error.to_string())?;
    let host = target.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_loopback = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    if target.scheme_str() != Some("http") || !is_loopback {
        return Err(
            "webhooks are sent to this machine only, over plain HTTP: give an address such as \
             http://127.0.0.1:8080/hooks/caresoft/main"
                .to_owned(),
        );
    }
    Ok(target)
}

/// Serves, and sends what it is asked to send.
pub(super) async fn run(arguments: CaresoftArguments) -> anyhow::Result<ExitCode> {
    let life = lived(&arguments);
    let records = match &arguments.common.data {
        Some(file) => read(file)?,
        None => life.outcome.clone(),
    };
    let running = caresoft::start(caresoft::Options {
        address: arguments.common.listen,
        domain: arguments.domain.clone(),
        token: arguments.token.clone(),
        records,
        faults: faults(arguments.common.faults.as_deref())?,
        ..caresoft::Options::default()
    })
    .await?;
    let ready = json!({"url": running.url, "domain": arguments.domain, "token": arguments.token});
    say(ready.to_string())?;
    let mut status = ExitCode::SUCCESS;
    let sending = &arguments.sending;
    if let Some(target) = &sending.target {
        let bodies = sending.bodies(arguments.seed, &life);
        let start = Instant::now();
        let report = sending.sender(target).send(&bodies).await;
        let sent = Sent {
            report,
            number: bodies.len(),
            took: start.elapsed(),
        };
        say(match sending.json {
            true => sent.json().to_string(),
            false => sent.text(),
        })?;
        if sending.expect {
            say(json!(life.outcome).to_string())?;
        }
        if !sent.report.not_accepted.is_empty() {
            status = ExitCode::FAILURE;
        }
        if !arguments.stay {
            return Ok(status);
        }
    }
    stopped()?.await;
    Ok(status)
}

/// What customers did. Where samples are sent, nobody came by.
fn lived(arguments: &CaresoftArguments) -> Life {
    let lives = match arguments.sending.samples {
        true => 0,
        false => arguments.lives,
    };
    // A customer takes some minutes.
    let ago =
        SignedDuration::from_mins(10).saturating_mul(i32::try_from(lives).unwrap_or(i32::MAX));
    let lately = || {
        Clock::system()
            .now()
            .saturating_sub(ago)
            .unwrap_or_default()
    };
    live(
        arguments.seed,
        lives,
        arguments.start.unwrap_or_else(lately),
    )
}

impl Sending {
    fn sender(&self, target: &Uri) -> Sender {
        let sender = Sender::new(target.clone(), self.secret.clone()).clients(self.clients);
        match self.per_second {
            Some(per_second) => sender.per_second(per_second),
            None => sender,
        }
    }

    /// The webhooks as they arrive.
    fn bodies(&self, seed: u64, life: &Life) -> Vec<Vec<u8>> {
        let disturbance = Disturbance {
            duplicates: self.duplicates,
            late_by_max: self.late_by,
            losses: self.losses,
        };
        if !self.samples {
            return disturb(seed, &life.webhooks, disturbance);
        }
        let samples: Vec<Vec<u8>> = samples()
            .into_iter()
            .map(|(_, body)| body.as_bytes().to_vec())
            .collect();
        disturb(seed, &samples, disturbance)
    }
}

/// What was sent, and what became of it.
struct Sent {
    report: Report,
    number: usize,
    took: Duration,
}

/// The share of answers, in thousandths, that a time is told of, and what it is called.
const PERCENTILES: [(usize, &str); 4] = [
    (500, "p50"),
    (990, "p99"),
    (999, "p99.9"),
    (1000, "longest"),
];

impl Sent {
    fn milliseconds(&self, per_mille: usize) -> Option<f64> {
        let took = self.report.took_at_most(per_mille)?;
        // Three digits are enough to read.
        Some((took.as_secs_f64() * 1e6).round() / 1e3)
    }

    fn json(&self) -> Value {
        let mut json = json!({
            "sent": self.number, "seconds": self.took.as_secs_f64(), "statuses": self.report.statuses,
            "not_accepted": self.report.not_accepted,
        });
        for (per_mille, name) in PERCENTILES {
            let name = format!("{}_ms", name.replace("p99.9", "p999"));
            if let Value::Object(members) = &mut json {
                members.insert(name, json!(self.milliseconds(per_mille)));
            }
        }
        json
    }

    fn text(&self) -> String {
        let statuses = &self.report.statuses;
        let answered: u64 = statuses.values().sum();
        let unanswered = u64::try_from(self.number)
            .unwrap_or(u64::MAX)
            .saturating_sub(answered);
        let told = |(status, number): (&u16, &u64)| {
            (format!("answered with {status}"), number.to_string())
        };
        let mut lines: Vec<(String, String)> = statuses.iter().map(told).collect();
        let not_accepted = self.report.not_accepted.len();
        lines.push(("not answered".to_owned(), unanswered.to_string()));
        lines.push(("not accepted".to_owned(), not_accepted.to_string()));
        for (per_mille, name) in PERCENTILES {
            if let Some(ms) = self.milliseconds(per_mille) {
                lines.push((name.to_owned(), format!("{ms} ms")));
            }
        }
        let lines = lines
            .into_iter()
            .map(|(what, value)| format!("\n  {what:<18} {value}"));
        let seconds = self.took.as_secs_f64();
        let first = format!("{} webhooks sent in {seconds:.2} s", self.number);
        std::iter::once(first).chain(lines).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhooks_are_for_this_machine_only() {
        for (target, is_taken) in [
            ("http://127.0.0.1:8080/hooks/caresoft/main", true),
            ("http://localhost:8080/hooks/caresoft/main", true),
            ("http://[::1]:8080/hooks/caresoft/main", true),
            ("https://127.0.0.1/hooks/caresoft/main", false),
            ("http://hub.example/hooks/caresoft/main", false),
            ("http://127.0.0.1.hub.example/hooks/caresoft/main", false),
            ("http://192.0.2.1/hooks/caresoft/main", false),
            ("/hooks/caresoft/main", false),
        ] {
            assert_eq!(on_loopback(target).is_ok(), is_taken, "{target}");
        }
    }

    #[test]
    fn a_chance_is_from_nought_to_one() {
        for (text, is_one) in [
            ("0", true),
            ("0.25", true),
            ("1", true),
            ("-0.1", false),
            ("1.5", false),
            ("NaN", false),
            ("often", false),
        ] {
            assert_eq!(chance(text).is_ok(), is_one, "{text}");
        }
    }

    #[test]
    fn what_became_of_webhooks_is_told_in_words_and_in_json() {
        let report = Report {
            statuses: [(200, 2), (503, 1)].into(),
            not_accepted: vec![1, 3],
            took: [1, 2, 9].map(Duration::from_millis).to_vec(),
        };
        let sent = Sent {
            report,
            number: 4,
            took: Duration::from_millis(1_500),
        };
        let expected = "\
4 webhooks sent in 1.50 s
  answered with 200  2
  answered with 503  1
  not answered       1
  not accepted       2
  p50                2 ms
  p99                9 ms
  p99.9              9 ms
  longest            9 ms";
        assert_eq!(sent.text(), expected);
        assert_eq!(
            sent.json(),
            json!({
                "sent": 4, "seconds": 1.5, "statuses": {"200": 2, "503": 1}, "not_accepted": [1, 3],
                "p50_ms": 2.0, "p99_ms": 9.0, "p999_ms": 9.0, "longest_ms": 9.0,
            })
        );
    }
}

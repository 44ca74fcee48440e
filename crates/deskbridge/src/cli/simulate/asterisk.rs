//! `deskbridge simulate asterisk`.

use std::{net::SocketAddr, path::PathBuf};

use ami::Message;
use anyhow::bail;
use clap::{Args, ValueEnum};
use deskbridge_core::Clock;
use jiff::Timestamp;
use serde_json::json;
use simulators::ami::{self as manager, Pbx, User, happened};
use tokio::time::{Duration, Instant, sleep_until};

use super::{say, stopped};
use crate::cli::capture::Capture;

pub(super) const HELP: &str = "\
Prints its address, user and secret as one line of JSON. The events of a recording happen once somebody is logged in; \
how many there were is then printed as another line, and it serves on.";

#[derive(Args)]
pub(crate) struct AsteriskArguments {
    /// Where the manager interface listens; port 0 picks a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Who may log in.
    #[arg(long, value_name = "NAME", default_value = "hub")]
    user: String,
    /// The secret of that user.
    #[arg(long, value_name = "SECRET", default_value = "hub")]
    secret: String,
    /// Which Asterisk it is like.
    #[arg(long, value_name = "RELEASE", value_enum, default_value = "22")]
    release: Release,
    /// A recording: the bytes that a manager sent, packed by gzip or not; an index NAME.idx beside it says when.
    #[arg(long, value_name = "CAPTURE")]
    capture: Option<PathBuf>,
    /// So many times as quick as it was recorded; 0 is as quick as it is read, as is a recording without an index.
    #[arg(
        long,
        value_name = "TIMES",
        default_value_t = 1.0,
        requires = "capture"
    )]
    speed: f64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Release {
    /// 16.28.
    #[value(name = "16")]
    Asterisk16,
    /// 22.10.
    #[value(name = "22")]
    Asterisk22,
}

pub(super) async fn run(arguments: AsteriskArguments) -> anyhow::Result<()> {
    if !arguments.speed.is_finite() || arguments.speed < 0.0 {
        bail!("the speed is a number from 0 on, such as 10");
    }
    let now = Clock::system().now();
    let capture = arguments.capture.as_deref();
    let mut capture = capture.map(|path| Capture::open(path, now)).transpose()?;
    // What is no recording is told before anybody listens.
    let first = capture.as_mut().map(Capture::next).transpose()?.flatten();
    let running = manager::start(manager::Options {
        address: arguments.listen,
        release: match arguments.release {
            Release::Asterisk16 => manager::Release::Asterisk16,
            Release::Asterisk22 => manager::Release::Asterisk22,
        },
        users: vec![User::new(&arguments.user, &arguments.secret)],
        ..manager::Options::default()
    })
    .await?;
    let ready = json!({
        "address": running.address.to_string(), "user": arguments.user, "secret": arguments.secret,
    });
    say(ready.to_string())?;
    let stopped = stopped()?;
    let playing = async {
        if let Some(capture) = capture {
            running.pbx.is_listened_to().await;
            let events = play(&running.pbx, first, capture, arguments.speed).await?;
            say(json!({"events": events}).to_string())?;
        }
        std::future::pending::<anyhow::Result<()>>().await
    };
    tokio::select! {
        () = stopped => Ok(()),
        failed = playing => failed,
    }
}

/// Lets the events of a recording happen; how many there were.
async fn play(
    pbx: &Pbx,
    mut next: Option<(Message, Timestamp)>,
    mut capture: Capture,
    speed: f64,
) -> anyhow::Result<u64> {
    let start = Instant::now();
    let (mut first, mut events) = (None, 0);
    while let Some((message, at)) = next {
        if happened(message.as_bytes()) {
            let after = at.duration_since(*first.get_or_insert(at));
            let after = Duration::try_from(after).unwrap_or_default();
            match speed > 0.0 {
                true => sleep_until(start + after.div_f64(speed)).await,
                false => pbx.has_room().await,
            }
            pbx.happen(message.as_bytes());
            events += 1;
        }
        next = capture.next()?;
    }
    Ok(events)
}

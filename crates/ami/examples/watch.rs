//! Prints what a manager tells, in order.
//!
//!     AMI_SECRET=... cargo run -p ami --example watch -- 127.0.0.1 5038 hub

use std::{env, error::Error, fs::File, io::Read as _};

use ami::{Login, Options, Resync, Signal, Tls, Wanted, Word};
use tokio::task::JoinSet;

#[expect(clippy::print_stdout, reason = "a program for reading")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [host, port, user, rest @ ..] = &words[..] else {
        return Err("watch HOST PORT USER [lean] [tls FILE]".into());
    };
    let login = Login::new(user, &env::var("AMI_SECRET")?)?;
    let mut options = Options::default();
    if rest.iter().any(|word| word == "lean") {
        let events = [
            "Newchannel",
            "Newstate",
            "DialBegin",
            "DialEnd",
            "BridgeEnter",
            "Hangup",
        ];
        options.wanted = Some(Wanted {
            events: events
                .into_iter()
                .map(Word::new)
                .collect::<Result<_, _>>()?,
            variables: vec![Word::new("MIXMONITOR_FILENAME")?],
            ..Wanted::default()
        });
    }
    if let [.., tls, file] = rest
        && tls == "tls"
    {
        let mut pem = String::new();
        File::open(file)?.take(1 << 20).read_to_string(&mut pem)?;
        options.tls = Some(Tls {
            pinned_pem: vec![pem],
            ..Tls::default()
        });
    }
    let (_connection, mut signals, driver) = ami::connect(host, port.parse()?, login, options)?;
    let mut tasks = JoinSet::new();
    tasks.spawn(driver.run());
    while let Some(signal) = signals.next().await {
        match signal {
            Signal::Event(event) => println!("{}", event.event().unwrap_or_default()),
            Signal::Resync(Resync::Channels(channels)) => {
                println!("-- {} channels live", channels.len());
            }
            other => println!("-- {other:?}"),
        }
    }
    Ok(())
}
